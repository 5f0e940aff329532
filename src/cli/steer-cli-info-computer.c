/* `steer info ssh://HOST`: what another computer has to lend. */
#include "steer-cli-info.h"

#include "remote/steer-remote-listing.h"
#include "steer-cli-devices.h"
#include "steer-cli-output.h"

/* What --model takes for it. */
static char *
dup_model_address (const SteerRemoteAddress *computer, const char *path)
{
  g_autoptr (SteerRemoteAddress) address = steer_remote_address_copy (computer);

  steer_remote_address_set_path (address, path);
  return steer_remote_address_to_string (address);
}

static void
print_text (const SteerRemoteAddress *computer, const SteerRemoteListing *listing)
{
  g_autoptr (GString) out = g_string_new (NULL);

  for (guint i = 0; i < listing->devices->len; i++)
    steer_cli_append_device (out, g_ptr_array_index (listing->devices, i));
  if (listing->models->len == 0)
    g_string_append (out, "no models are found there; one that lies elsewhere is named by its path\n");
  for (guint i = 0; i < listing->models->len; i++)
    {
      const SteerRemoteModel *model = g_ptr_array_index (listing->models, i);
      g_autofree char *address = dup_model_address (computer, model->path), *size = g_format_size (model->bytes);
      g_autofree char *name = steer_cli_dup_safe (model->name);

      g_string_append_printf (out, "%s, %s\n  %s\n", name, size, address);
    }
  steer_cli_write (out->str, out->len);
}

static void
print_json (const SteerRemoteAddress *computer, const SteerRemoteListing *listing)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (json);
  json_builder_set_member_name (json, "devices");
  json_builder_begin_array (json);
  for (guint i = 0; i < listing->devices->len; i++)
    steer_cli_add_device (json, g_ptr_array_index (listing->devices, i));
  json_builder_end_array (json);
  json_builder_set_member_name (json, "models");
  json_builder_begin_array (json);
  for (guint i = 0; i < listing->models->len; i++)
    {
      const SteerRemoteModel *model = g_ptr_array_index (listing->models, i);
      g_autofree char *address = dup_model_address (computer, model->path);

      json_builder_begin_object (json);
      json_builder_set_member_name (json, "address");
      json_builder_add_string_value (json, address);
      json_builder_set_member_name (json, "name");
      json_builder_add_string_value (json, model->name);
      json_builder_set_member_name (json, "bytes");
      json_builder_add_int_value (json, (gint64) model->bytes);
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
  json_builder_end_object (json);
  root = json_builder_get_root (json);
  steer_cli_print_json (root, TRUE);
}

gboolean
steer_cli_info_print_computer (const char *address, gboolean as_json, GError **error)
{
  g_autoptr (SteerRemoteAddress) computer = steer_remote_address_parse (address, error);
  g_autoptr (SteerRemoteListing) listing = computer != NULL ? steer_remote_list (computer, NULL, error) : NULL;

  if (listing == NULL)
    return FALSE;
  if (as_json)
    print_json (computer, listing);
  else
    print_text (computer, listing);
  return TRUE;
}
