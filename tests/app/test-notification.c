/* Whoever looks elsewhere is told that a reply is there: the window against a service of notifications that writes down
 * what it is asked to show. */
#include "app-test-util.h"
#include "steer-composer.h"
#include "steer-window.h"
#include "test-util.h"

#define NAME "org.freedesktop.Notifications"

static GtkApplication *application;

/* The service, as far as the test looks at it. */
typedef struct
{
  GDBusConnection *bus;
  guint owner;
  guint registration;
  gboolean ready;
  guint n_shown;
  char *title; /* of the newest */
  char *body;
} Service;

static const char interface[] = "<node><interface name='" NAME "'>"
                                "<method name='Notify'><arg type='s' direction='in'/><arg type='u' direction='in'/>"
                                "<arg type='s' direction='in'/><arg type='s' direction='in'/>"
                                "<arg type='s' direction='in'/><arg type='as' direction='in'/>"
                                "<arg type='a{sv}' direction='in'/><arg type='i' direction='in'/>"
                                "<arg type='u' direction='out'/></method>"
                                "<method name='CloseNotification'><arg type='u' direction='in'/></method>"
                                "<signal name='ActionInvoked'><arg type='u'/><arg type='s'/></signal>"
                                "</interface></node>";

static void
on_call (GDBusConnection *bus,
         const char *sender,
         const char *path,
         const char *interface_name,
         const char *method,
         GVariant *parameters,
         GDBusMethodInvocation *invocation,
         gpointer data)
{
  Service *service = data;

  if (!g_str_equal (method, "Notify"))
    {
      g_dbus_method_invocation_return_value (invocation, NULL);
      return;
    }
  g_free (service->title);
  g_free (service->body);
  g_variant_get_child (parameters, 3, "s", &service->title);
  g_variant_get_child (parameters, 4, "s", &service->body);
  service->n_shown++;
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(u)", service->n_shown));
}

static void
on_name_acquired (GDBusConnection *bus, const char *name, gpointer data)
{
  ((Service *) data)->ready = TRUE;
}

static gboolean
is_served (gpointer data)
{
  return ((Service *) data)->ready;
}

static void
service_start (Service *service)
{
  static const GDBusInterfaceVTable table = { .method_call = on_call };
  g_autoptr (GDBusNodeInfo) info = g_dbus_node_info_new_for_xml (interface, NULL);
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SESSION, NULL, NULL);
  g_autoptr (GError) error = NULL;

  /* A connection of its own, as another program has. */
  service->bus = g_dbus_connection_new_for_address_sync (
    address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL,
    &error);
  g_assert_no_error (error);
  service->registration = g_dbus_connection_register_object (service->bus, "/org/freedesktop/Notifications",
                                                             info->interfaces[0], &table, service, NULL, &error);
  g_assert_no_error (error);
  service->owner = g_bus_own_name_on_connection (service->bus, NAME, G_BUS_NAME_OWNER_FLAGS_NONE, on_name_acquired,
                                                 NULL, service, NULL);
  test_wait_until (is_served, service, 10);
}

static void
service_stop (Service *service)
{
  g_bus_unown_name (service->owner);
  g_dbus_connection_unregister_object (service->bus, service->registration);
  g_dbus_connection_close_sync (service->bus, NULL, NULL);
  g_object_unref (service->bus);
  g_free (service->title);
  g_free (service->body);
}

static gboolean
has_shown (gpointer data)
{
  return ((Service *) data)->n_shown > 0;
}

static gboolean
is_mapped (gpointer window)
{
  return gtk_widget_get_mapped (window);
}

static gboolean
has_replied (gpointer chat)
{
  return !steer_chat_get_busy (chat)
         && g_list_model_get_n_items (G_LIST_MODEL (steer_chat_get_conversation (chat))) == 2;
}

static gboolean
has_replied_twice (gpointer chat)
{
  return !steer_chat_get_busy (chat)
         && g_list_model_get_n_items (G_LIST_MODEL (steer_chat_get_conversation (chat))) == 4;
}

static gboolean
is_active (gpointer window)
{
  return gtk_window_is_active (window);
}

static gboolean
is_inactive (gpointer window)
{
  return !gtk_window_is_active (window);
}

static void
test_reply_is_told (void)
{
  g_autoptr (GSettings) settings = app_test_settings ();
  char *dir = test_make_dir ();
  SteerWorkspace *workspace = app_test_workspace (settings, dir, 8);
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 80);
  GtkWindow *elsewhere = GTK_WINDOW (gtk_window_new ());
  Service service = { 0 };
  SteerWindow *window;
  SteerChat *chat;

  service_start (&service);
  steer_workspace_set_preset (workspace, preset);
  window = steer_window_new (application, workspace);
  gtk_window_present (GTK_WINDOW (window));
  test_wait_until (is_mapped, window, 10);
  app_test_settle ();
  g_object_get (window, "chat", &chat, NULL);

  gtk_window_present (elsewhere);
  test_wait_until (is_inactive, window, 10);
  steer_chat_send (chat, "Say something");
  test_wait_until (has_replied, chat, 20);
  test_wait_until (has_shown, &service, 20);
  app_test_settle ();
  g_assert_cmpuint (service.n_shown, ==, 1);
  g_assert_cmpstr (service.title, ==, steer_conversation_get_title (steer_chat_get_conversation (chat)));
  g_assert_true (g_str_has_prefix (service.body, "a"));

  /* Whoever looks at it sees it. */
  gtk_window_present (GTK_WINDOW (window));
  test_wait_until (is_active, window, 10);
  steer_chat_send (chat, "And again");
  test_wait_until (has_replied_twice, chat, 20);
  app_test_settle ();
  g_assert_cmpuint (service.n_shown, ==, 1);

  gtk_window_destroy (elsewhere);
  g_object_unref (chat);
  gtk_window_close (GTK_WINDOW (window));
  app_test_settle ();
  service_stop (&service);
  g_object_run_dispose (G_OBJECT (workspace));
  test_assert_finalizes (workspace);
  test_remove_dir (dir);
}

int
main (int argc, char **argv)
{
  int result;

  app_test_init (&argc, &argv);
  if (g_strcmp0 (g_getenv ("DBUS_SESSION_BUS_ADDRESS"), "disabled:") == 0)
    {
      g_print ("1..0 # SKIP there is no session bus\n");
      return 0;
    }
  application = GTK_APPLICATION (adw_application_new ("com.example.SteerChat.Test", G_APPLICATION_NON_UNIQUE));
  g_assert_true (g_application_register (G_APPLICATION (application), NULL, NULL));
  g_test_add_func ("/notification/a reply that ends while the person looks elsewhere is told", test_reply_is_told);
  result = g_test_run ();
  g_object_unref (application);
  return result;
}
