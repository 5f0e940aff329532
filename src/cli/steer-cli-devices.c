/* `steer devices`: what models can run on. */
#include "steer-cli-devices.h"
#include "steer-cli-options.h"
#include "steer-cli-output.h"

static gboolean as_json;

static const GOptionEntry entries[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "An array of objects instead of text", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "devices",
  .arguments = "[--json]",
  .description = "Lists what models can run on, with memory and driver, and why a device cannot be used.",
  .examples = "  steer devices\n  steer devices --json",
};

void
steer_cli_append_device (GString *text, const SteerDevice *device)
{
  g_autofree char *id = steer_cli_dup_safe (device->id), *name = steer_cli_dup_safe (device->name);

  g_string_append_printf (text, "%-8s %s\n", id, name);
  if (device->memory_total > 0)
    {
      g_autofree char *total = g_format_size (device->memory_total);
      g_autofree char *available = g_format_size (device->memory_free);

      g_string_append_printf (text, "         memory %s, %s free\n", total, available);
    }
  if (device->driver != NULL)
    {
      g_autofree char *driver = steer_cli_dup_safe (device->driver);

      g_string_append_printf (text, "         driver %s\n", driver);
    }
  if (!device->usable)
    {
      g_autofree char *why = steer_cli_dup_safe (device->why_not != NULL ? device->why_not : "for an unknown reason");

      g_string_append_printf (text, "         cannot be used: %s\n", why);
    }
}

static void
add_string (JsonBuilder *json, const char *name, const char *value)
{
  json_builder_set_member_name (json, name);
  if (value != NULL)
    json_builder_add_string_value (json, value);
  else
    json_builder_add_null_value (json);
}

void
steer_cli_add_device (JsonBuilder *json, const SteerDevice *device)
{
  json_builder_begin_object (json);
  add_string (json, "id", device->id);
  add_string (json, "name", device->name);
  add_string (json, "driver", device->driver);
  json_builder_set_member_name (json, "memory_total");
  json_builder_add_int_value (json, (gint64) device->memory_total);
  json_builder_set_member_name (json, "memory_free");
  json_builder_add_int_value (json, (gint64) device->memory_free);
  json_builder_set_member_name (json, "usable");
  json_builder_add_boolean_value (json, device->usable);
  add_string (json, "why_not", device->why_not);
  json_builder_end_object (json);
}

SteerCliStatus
steer_cli_devices (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GPtrArray) devices = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (JsonBuilder) json = json_builder_new ();
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;

  devices = steer_backend_list_devices ();
  json_builder_begin_array (json);
  for (guint i = 0; i < devices->len; i++)
    {
      steer_cli_append_device (text, g_ptr_array_index (devices, i));
      steer_cli_add_device (json, g_ptr_array_index (devices, i));
    }
  json_builder_end_array (json);
  if (as_json)
    {
      g_autoptr (JsonNode) root = json_builder_get_root (json);

      steer_cli_print_json (root, TRUE);
    }
  else
    steer_cli_write (text->str, text->len);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
