/* Where connections come in. libsoup could listen by itself; where files are used up it would stop for good, it lets
 * any number in, and it waits for what is not sent as long as a client likes. */
#include "steer-server-private.h"

#include <errno.h>
#include <sys/socket.h>

#define MAX_CONNECTIONS 256

/* Seconds that a client may take for the next byte, to send it or to take it. */
#define PATIENCE 60

struct _SteerServerDoor
{
  gatomicrefcount ref_count; /* its maker's, and that of each connection */
  SoupServer *soup;          /* nullable: closed */
  GSocketService *service;
  GHashTable *sockets; /* char * (the client's address) -> GSocket */
};

/* What is remembered of a connection until it is gone. */
typedef struct
{
  SteerServerDoor *door;
  char *client;
} Guest;

static void
door_unref (SteerServerDoor *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_object_unref (self->service);
  g_hash_table_unref (self->sockets);
  g_free (self);
}

static char *
dup_client (GSocketAddress *address)
{
  return address != NULL ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address)) : NULL;
}

static void
on_gone (gpointer data, GObject *connection)
{
  Guest *guest = data;

  g_hash_table_remove (guest->door->sockets, guest->client);
  if (guest->door->soup != NULL)
    g_socket_service_start (guest->door->service);
  door_unref (guest->door);
  g_free (guest->client);
  g_free (guest);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source, SteerServerDoor *self)
{
  GSocket *socket = g_socket_connection_get_socket (connection);
  g_autoptr (GSocketAddress) local = g_socket_connection_get_local_address (connection, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (connection, NULL);
  g_autoptr (GError) error = NULL;
  Guest *guest;

  if (self->soup == NULL || local == NULL || remote == NULL)
    return TRUE;
  g_socket_set_timeout (socket, PATIENCE);
  guest = g_new0 (Guest, 1);
  guest->client = dup_client (remote);
  guest->door = self;
  g_atomic_ref_count_inc (&self->ref_count);
  g_hash_table_insert (self->sockets, g_strdup (guest->client), g_object_ref (socket));
  g_object_weak_ref (G_OBJECT (connection), on_gone, guest);
  if (g_hash_table_size (self->sockets) >= MAX_CONNECTIONS)
    g_socket_service_stop (service);
  if (!soup_server_accept_iostream (self->soup, G_IO_STREAM (connection), local, remote, &error))
    g_debug ("a connection was not taken: %s", error->message);
  return TRUE;
}

SteerServerDoor *
steer_server_door_open (SoupServer *soup, GInetAddress *address, guint16 *port, GError **error)
{
  g_autoptr (GSocketService) service = g_socket_service_new ();
  g_autoptr (GSocketAddress) wanted = g_inet_socket_address_new (address, *port);
  g_autoptr (GSocketAddress) got = NULL;
  SteerServerDoor *self;

  /* Who finds ten before the door, as GIO has it, is asked again after a second. */
  g_socket_listener_set_backlog (G_SOCKET_LISTENER (service), MAX_CONNECTIONS);
  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (service), wanted, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
                                      NULL, &got, error))
    return NULL;
  *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (got));
  self = g_new0 (SteerServerDoor, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->soup = soup;
  self->service = g_steal_pointer (&service);
  self->sockets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  g_signal_connect (self->service, "incoming", G_CALLBACK (on_incoming), self);
  g_socket_service_start (self->service);
  return self;
}

void
steer_server_door_close (SteerServerDoor *self)
{
  g_signal_handlers_disconnect_by_data (self->service, self);
  self->soup = NULL;
  g_socket_service_stop (self->service);
  g_socket_listener_close (G_SOCKET_LISTENER (self->service));
  door_unref (self);
}

struct _SteerServerWatch
{
  GSocket *socket;
  GSource *source; /* nullable: it has told */
  SteerServerGoneFunc func;
  gpointer data;
};

static void wait_for (SteerServerWatch *self, GIOCondition condition);

/* What can be read is the client's end, or more than it has asked by now: then only its end is waited for. */
static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  SteerServerWatch *self = data;
  char byte;
  gssize n = recv (g_socket_get_fd (socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&self->source, g_source_unref);
  if (n <= 0 || (condition & (G_IO_HUP | G_IO_ERR)) != 0)
    self->func (self->data);
  else
    wait_for (self, G_IO_HUP | G_IO_ERR);
  return G_SOURCE_REMOVE;
}

static void
wait_for (SteerServerWatch *self, GIOCondition condition)
{
  self->source = g_socket_create_source (self->socket, condition, NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
}

SteerServerWatch *
steer_server_door_watch (SteerServerDoor *self, SoupServerMessage *message, SteerServerGoneFunc func, gpointer data)
{
  g_autofree char *client = dup_client (soup_server_message_get_remote_address (message));
  GSocket *socket = client != NULL ? g_hash_table_lookup (self->sockets, client) : NULL;
  SteerServerWatch *watch;

  if (socket == NULL)
    return NULL;
  watch = g_new0 (SteerServerWatch, 1);
  watch->socket = g_object_ref (socket);
  watch->func = func;
  watch->data = data;
  wait_for (watch, G_IO_IN);
  return watch;
}

void
steer_server_watch_free (SteerServerWatch *self)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  g_object_unref (self->socket);
  g_free (self);
}
