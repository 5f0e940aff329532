#include "steer-remote-listing.h"

#include "steer-remote.h"

/* More than a person would look at; a lender may tell of millions in few bytes. */
#define MAX_LISTED 1000

static void
remote_model_free (SteerRemoteModel *self)
{
  g_free (self->path);
  g_free (self->name);
  g_free (self);
}

void
steer_remote_listing_free (SteerRemoteListing *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->models);
  g_ptr_array_unref (self->devices);
  g_free (self);
}

static void
add_models (SteerRemoteListing *self, GVariant *list)
{
  gsize n = MIN (g_variant_n_children (list), MAX_LISTED);

  for (gsize i = 0; i < n; i++)
    {
      SteerRemoteModel *model = g_new0 (SteerRemoteModel, 1);
      const char *path, *name;

      g_variant_get_child (list, i, "(&s&st)", &path, &name, &model->bytes);
      model->path = g_strdup (path);
      model->name = steer_wire_dup_text (name);
      g_ptr_array_add (self->models, model);
    }
}

static void
add_devices (SteerRemoteListing *self, GVariant *list)
{
  gsize n = MIN (g_variant_n_children (list), MAX_LISTED);

  for (gsize i = 0; i < n; i++)
    {
      SteerDevice *device = g_new0 (SteerDevice, 1);
      const char *id, *name, *driver, *why_not;

      g_variant_get_child (list, i, "(&s&sm&sttbm&sb)", &id, &name, &driver, &device->memory_total,
                           &device->memory_free, &device->usable, &why_not, &device->absent);
      device->id = steer_wire_dup_text (id);
      device->name = steer_wire_dup_text (name);
      device->driver = steer_wire_dup_text (driver);
      device->why_not = steer_wire_dup_text (why_not);
      g_ptr_array_add (self->devices, device);
    }
}

SteerRemoteListing *
steer_remote_list (const SteerRemoteAddress *address, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerRemote) remote = steer_remote_connect (address, cancellable, error);
  g_autoptr (GVariant) answer = NULL, models = NULL, devices = NULL;
  SteerRemoteListing *self;

  if (remote == NULL)
    return NULL;
  answer = steer_remote_ask (remote, STEER_WIRE_LIST, g_variant_new ("()"), STEER_WIRE_LISTING, STEER_WIRE_SMALL, NULL,
                             NULL, cancellable, error);
  if (answer == NULL)
    return NULL;
  self = g_new0 (SteerRemoteListing, 1);
  self->models = g_ptr_array_new_with_free_func ((GDestroyNotify) remote_model_free);
  self->devices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_device_free);
  models = g_variant_get_child_value (answer, 0);
  devices = g_variant_get_child_value (answer, 1);
  add_models (self, models);
  add_devices (self, devices);
  return self;
}
