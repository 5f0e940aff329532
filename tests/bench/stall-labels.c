#include "stall-labels.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "steering/steer-vector-source-open.h"

#define LAYER 15
#define HEADER "{\"W_dec\":{\"dtype\":\"F32\",\"shape\":[131072,4],\"data_offsets\":[0,2097152]}}"

void
stall_labels_take (const char *folder, const char *dir)
{
  g_autofree char *theirs = g_build_filename (folder, "labels.sqlite", NULL);
  g_autofree char *absolute = g_canonicalize_filename (theirs, NULL);
  g_autofree char *path = g_build_filename (dir, "labels.sqlite", NULL);

  if (!g_file_test (absolute, G_FILE_TEST_EXISTS) || symlink (absolute, path) != 0)
    g_error ("%s cannot be used", absolute);
}

/* Nothing but a decoder, and that of nothing but zeros. */
static void
write_sae (const char *path)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const guint64 length = GUINT64_TO_LE (strlen (HEADER));
  g_autoptr (GError) error = NULL;

  g_byte_array_append (bytes, (const guint8 *) &length, sizeof length);
  g_byte_array_append (bytes, (const guint8 *) HEADER, strlen (HEADER));
  g_byte_array_set_size (bytes, bytes->len + 2097152);
  memset (bytes->data + sizeof length + strlen (HEADER), 0, 2097152);
  if (!g_file_set_contents (path, (const char *) bytes->data, bytes->len, &error))
    g_error ("%s", error->message);
}

static SteerLabelEntry *
find_entry (SteerLabelBook *book, const char *source_id, int *place)
{
  GListModel *entries = steer_label_book_get_entries (book);

  for (guint i = 0; i < g_list_model_get_n_items (entries); i++)
    {
      g_autoptr (SteerLabelEntry) entry = g_list_model_get_item (entries, i);

      for (guint j = 0; j < steer_label_entry_get_n_places (entry); j++)
        {
          guint layer;

          *place = (int) j;
          if (g_str_equal (steer_label_entry_get_place (entry, j, &layer, NULL), source_id) && layer == LAYER)
            return entry;
        }
    }
  g_error ("no labels are of layer %d", LAYER);
}

void
stall_labels_add_sae (SteerWorkspace *workspace, const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "sae.safetensors", NULL);
  SteerLabelBook *book = steer_workspace_get_labels (workspace);
  g_autoptr (SteerVectorSource) source = NULL;
  g_autoptr (GError) error = NULL;
  SteerSourceHints hints;
  SteerLabelEntry *entry;
  int place;

  write_sae (path);
  steer_source_hints_init (&hints);
  hints.layer = LAYER;
  hints.rows = STEER_ROWS_ARE_FEATURES;
  source = steer_vector_source_open (path, &hints, NULL, &error);
  if (source == NULL)
    g_error ("%s", error->message);
  steer_library_add (steer_workspace_get_library (workspace), source);
  steer_label_book_refresh (book, NULL);
  entry = find_entry (book, steer_vector_source_get_id (source), &place);
  steer_label_book_choose (book, entry, place);
}
