/* The worker of the book of labels: one thread that opens, reads and writes the database, so that the main loop waits
 * for none of it and everything happens in the order it was asked for. */
#include "steer-label-book-private.h"

#include <glib/gi18n.h>

#define PROGRESS_MS 200

typedef struct _Job Job;

/* What the thread alone uses. */
typedef struct
{
  char *path;
  SteerLabelStore *store; /* nullable */
  GError *closed;         /* nullable: why there is none */
} Desk;

struct _Job
{
  void (*run) (Job *job, Desk *desk);
  void (*done) (SteerLabelBook *book, Job *job); /* main thread; not called once the book is gone */
  GWeakRef book;

  SteerLabelStore *store; /* nullable: it was opened */
  GPtrArray *labels;      /* nullable: what it holds */
  GError *error;

  SteerUserLabel *own;       /* what the thread writes */
  SteerUserLabel *unwritten; /* of the book's, which waits for that; main thread */
  gint64 removed;

  SteerLabelEntry *entry; /* of an import; main thread */
  char *path;
  char *name; /* nullable */
  GCancellable *cancellable;
  int permille; /* atomic */
  guint timer;
  SteerLabelImport counts;
};

void
steer_user_label_free (SteerUserLabel *self)
{
  g_free (self->model);
  g_free (self->label);
  g_free (self);
}

static void
job_free (gpointer data)
{
  Job *job = data;

  if (job->timer != 0)
    g_source_remove (job->timer);
  g_weak_ref_clear (&job->book);
  g_clear_object (&job->store);
  g_clear_pointer (&job->labels, g_ptr_array_unref);
  g_clear_error (&job->error);
  g_clear_pointer (&job->own, steer_user_label_free);
  g_clear_object (&job->entry);
  g_free (job->path);
  g_free (job->name);
  g_clear_object (&job->cancellable);
  g_free (job);
}

static gboolean
finish (gpointer data)
{
  Job *job = data;
  g_autoptr (SteerLabelBook) book = g_weak_ref_get (&job->book);

  if (book != NULL && book->worker != NULL)
    job->done (book, job);
  return G_SOURCE_REMOVE;
}

static void
work (gpointer data, gpointer user_data)
{
  Job *job = data;

  job->run (job, user_data);
  g_idle_add_full (G_PRIORITY_DEFAULT, finish, job, job_free);
}

static Job *
job_new (SteerLabelBook *book, void (*run) (Job *, Desk *), void (*done) (SteerLabelBook *, Job *))
{
  Job *job = g_new0 (Job, 1);

  job->run = run;
  job->done = done;
  g_weak_ref_init (&job->book, book);
  return job;
}

static void
push (SteerLabelBook *self, Job *job)
{
  if (self->worker != NULL)
    g_thread_pool_push (self->worker, job, NULL);
  else
    job_free (job);
}

static void
list_labels (Job *job, Desk *desk)
{
  if (job->error == NULL && desk->store != NULL)
    job->labels = steer_label_store_list_sources (desk->store, &job->error);
}

static void
on_listed (SteerLabelBook *book, Job *job)
{
  if (job->error != NULL)
    g_message ("labels: %s", job->error->message);
  if (job->labels != NULL)
    steer_label_book_take_labels (book, g_steal_pointer (&job->labels));
}

static void
open_store (Job *job, Desk *desk)
{
  g_autofree char *folder = g_path_get_dirname (desk->path);

  g_mkdir_with_parents (folder, 0700); /* what fails here fails at the file, with its name */
  desk->store = steer_label_store_open (desk->path, &job->error);
  if (job->error != NULL)
    desk->closed = g_error_copy (job->error);
  g_set_object (&job->store, desk->store);
  list_labels (job, desk);
}

static void
on_opened (SteerLabelBook *book, Job *job)
{
  g_set_object (&book->store, job->store);
  if (job->error != NULL)
    {
      g_autoptr (SteerLabelEntry) entry = steer_label_entry_new_for_file (_ ("Labels"));

      steer_label_entry_set_error (entry, job->error->message);
      g_list_store_append (book->entries, entry);
    }
  on_listed (book, job);
}

static void
end_desk (gpointer data)
{
  Desk *desk = data;

  g_clear_object (&desk->store);
  g_clear_error (&desk->closed);
  g_free (desk->path);
  g_free (desk);
}

void
steer_label_book_start (SteerLabelBook *self, const char *path)
{
  Desk *desk = g_new0 (Desk, 1);

  desk->path = g_strdup (path);
  self->worker = g_thread_pool_new_full (work, desk, NULL, 1, FALSE, NULL);
  g_object_set_data_full (G_OBJECT (self), "steer-desk", desk, end_desk);
  push (self, job_new (self, open_store, on_opened));
}

static void
on_progress (double fraction, gpointer data)
{
  g_atomic_int_set (&((Job *) data)->permille, (int) (fraction * 1000.0));
}

static void
import (Job *job, Desk *desk)
{
  if (desk->store == NULL)
    {
      g_set_error_literal (&job->error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_STORE,
                           _ ("the database of labels is not open"));
      return;
    }
  if (steer_label_store_import (desk->store, job->path, NULL, job->name, &job->counts, on_progress, job,
                                job->cancellable, &job->error))
    list_labels (job, desk);
}

static gboolean
show_progress (gpointer data)
{
  Job *job = data;
  g_autofree char *text = g_strdup_printf (_ ("Importing… %d %%"), g_atomic_int_get (&job->permille) / 10);

  steer_label_entry_set_detail (job->entry, text);
  return G_SOURCE_CONTINUE;
}

static void
on_imported (SteerLabelBook *book, Job *job)
{
  g_clear_handle_id (&job->timer, g_source_remove);
  steer_label_entry_set_cancellable (job->entry, NULL);
  if (g_error_matches (job->error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_clear_error (&job->error);
  if (job->error == NULL && job->labels != NULL && job->counts.n_labels + job->counts.n_features == 0)
    {
      gboolean nameless = job->name == NULL && job->counts.n_passed_over > 0;

      steer_label_entry_set_nameless (job->entry, nameless);
      g_set_error_literal (&job->error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_INVALID,
                           nameless ? _ ("these labels do not say which autoencoder they are of")
                                    : _ ("there are no labels in it"));
    }
  steer_label_entry_set_detail (job->entry, "");
  if (job->error != NULL)
    steer_label_entry_set_error (job->entry, job->error->message);
  else
    steer_label_book_drop_entry (book, job->entry);
  if (job->labels != NULL)
    steer_label_book_take_labels (book, g_steal_pointer (&job->labels));
}

void
steer_label_book_do_import (SteerLabelBook *self, SteerLabelEntry *entry, const char *path, const char *name)
{
  Job *job = job_new (self, import, on_imported);

  job->entry = g_object_ref (entry);
  job->path = g_strdup (path);
  job->name = g_strdup (name);
  job->cancellable = g_cancellable_new ();
  steer_label_entry_set_cancellable (entry, job->cancellable);
  job->timer = g_timeout_add (PROGRESS_MS, show_progress, job);
  show_progress (job);
  push (self, job);
}

static void
remove_labels (Job *job, Desk *desk)
{
  if (desk->store != NULL && steer_label_store_remove_source (desk->store, job->removed, &job->error))
    list_labels (job, desk);
}

void
steer_label_book_do_remove (SteerLabelBook *self, gint64 labels)
{
  Job *job = job_new (self, remove_labels, on_listed);

  job->removed = labels;
  push (self, job);
}

static void
write_name (Job *job, Desk *desk)
{
  const SteerUserLabel *own = job->own;

  if (desk->store != NULL)
    steer_label_store_set_user_label (desk->store, own->model, (int) own->layer, own->index, own->label, &job->error);
  else
    job->error = g_error_copy (desk->closed);
  if (job->error != NULL)
    g_message ("a label could not be kept: %s", job->error->message);
}

static gboolean
is_of_same_feature (const SteerUserLabel *a, const SteerUserLabel *b)
{
  return a->layer == b->layer && a->index == b->index && g_str_equal (a->model, b->model);
}

/* What could not be written is not tried again once the feature is called otherwise. */
static void
drop_outdated (SteerLabelBook *self)
{
  for (guint i = self->unwritten->len; i-- > 0;)
    {
      const SteerUserLabel *own = g_ptr_array_index (self->unwritten, i);
      gboolean outdated = FALSE;

      for (guint j = i + 1; !own->writing && !outdated && j < self->unwritten->len; j++)
        outdated = is_of_same_feature (own, g_ptr_array_index (self->unwritten, j));
      if (outdated)
        g_ptr_array_remove_index (self->unwritten, i);
    }
}

static void
on_written (SteerLabelBook *book, Job *job)
{
  if (job->error == NULL)
    {
      g_ptr_array_remove (book->unwritten, job->unwritten);
      book->told = book->told && book->unwritten->len > 0;
      return;
    }
  job->unwritten->writing = FALSE;
  drop_outdated (book);
  if (book->told)
    return;
  book->told = TRUE;
  g_signal_emit_by_name (book, "failed", job->error);
}

static void
write_unwritten (SteerLabelBook *self)
{
  for (guint i = 0; i < self->unwritten->len; i++)
    {
      SteerUserLabel *own = g_ptr_array_index (self->unwritten, i);
      Job *job;

      if (own->writing)
        continue;
      job = job_new (self, write_name, on_written);
      job->own = g_memdup2 (own, sizeof *own);
      job->own->model = g_strdup (own->model);
      job->own->label = g_strdup (own->label);
      job->unwritten = own;
      own->writing = TRUE;
      push (self, job);
    }
}

void
steer_label_book_do_name (SteerLabelBook *self, SteerUserLabel *own)
{
  g_ptr_array_add (self->unwritten, own);
  drop_outdated (self);
  write_unwritten (self);
}

void
steer_label_book_close (SteerLabelBook *self)
{
  GListModel *entries;

  g_return_if_fail (STEER_IS_LABEL_BOOK (self));

  entries = G_LIST_MODEL (self->entries);
  for (guint i = 0; i < g_list_model_get_n_items (entries); i++)
    {
      g_autoptr (SteerLabelEntry) entry = g_list_model_get_item (entries, i);

      steer_label_entry_cancel (entry);
    }
  if (self->worker == NULL)
    return;
  write_unwritten (self);
  g_thread_pool_free (g_steal_pointer (&self->worker), FALSE, TRUE);
}
