/* What GLib orders, for ThreadSanitizer. The system's GLib is not instrumented, and its locks are futexes and atomics
 * of its own, so that each of them looks like no order at all. Linked into a test, these functions come before GLib's
 * and tell the order that GLib promises: what one thread does before it unlocks, pushes, posts or returns, another
 * sees after it locks, pops, is called or takes the result. Nothing else is assumed of them. */
#include <dlfcn.h>
#include <gio/gio.h>

/* The macros of these names would hide the functions. */
#undef g_once_init_enter
#undef g_once_init_leave
#undef g_object_unref

#pragma GCC diagnostic ignored "-Wredundant-decls"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-declarations"

void __tsan_acquire (void *address);
void __tsan_release (void *address);

/* GLib's function of the same name. Any thread may look it up first. */
#define REAL(name)                                                                                                     \
  static gpointer found;                                                                                               \
  __typeof__ (name) *real = (__typeof__ (name) *) g_atomic_pointer_get (&found);                                       \
  if (real == NULL)                                                                                                    \
    {                                                                                                                  \
      real = (__typeof__ (name) *) dlsym (RTLD_NEXT, #name);                                                           \
      g_atomic_pointer_set (&found, (gpointer) real);                                                                  \
    }

/* --- Locks --- */

void
g_mutex_lock (GMutex *mutex)
{
  REAL (g_mutex_lock)

  real (mutex);
  __tsan_acquire (mutex);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  REAL (g_mutex_trylock)
  gboolean locked = real (mutex);

  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  REAL (g_mutex_unlock)

  __tsan_release (mutex);
  real (mutex);
}

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  REAL (g_cond_wait)

  __tsan_release (mutex);
  real (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  REAL (g_cond_wait_until)
  gboolean signalled;

  __tsan_release (mutex);
  signalled = real (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

gboolean
g_once_init_enter (volatile void *location)
{
  REAL (g_once_init_enter)
  gboolean first = real (location);

  __tsan_acquire ((void *) location);
  return first;
}

void
g_once_init_leave (volatile void *location, gsize result)
{
  REAL (g_once_init_leave)

  __tsan_release ((void *) location);
  real (location, result);
}

/* --- Threads and queues --- */

typedef struct
{
  GThreadFunc func;
  gpointer data;
} Thread;

static gpointer
run_thread (gpointer data)
{
  Thread thread = *(Thread *) data;
  gpointer result;

  __tsan_acquire (data);
  result = thread.func (thread.data);
  __tsan_release (g_thread_self ());
  return result;
}

/* Never freed: what a thread began with is what orders it. */
static Thread *
thread_new (GThreadFunc func, gpointer data)
{
  Thread *thread = g_new (Thread, 1);

  *thread = (Thread){ func, data };
  __tsan_release (thread);
  return thread;
}

GThread *
g_thread_new (const char *name, GThreadFunc func, gpointer data)
{
  REAL (g_thread_new)
  return real (name, run_thread, thread_new (func, data));
}

GThread *
g_thread_try_new (const char *name, GThreadFunc func, gpointer data, GError **error)
{
  REAL (g_thread_try_new)
  return real (name, run_thread, thread_new (func, data), error);
}

gpointer
g_thread_join (GThread *thread)
{
  REAL (g_thread_join)
  gpointer result = real (thread);

  __tsan_acquire (thread);
  return result;
}

void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
  REAL (g_async_queue_push)

  __tsan_release (queue);
  real (queue, data);
}

gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
  REAL (g_async_queue_pop)
  gpointer data = real (queue);

  __tsan_acquire (queue);
  return data;
}

typedef struct
{
  GFunc func;
  gpointer user_data;
} Pool;

static void
run_pool (gpointer data, gpointer user_data)
{
  Pool *pool = user_data;

  __tsan_acquire (pool);
  pool->func (data, pool->user_data);
  __tsan_release (pool);
}

/* What stands for the user's data is never freed: the last thread of a pool may still end with it. */
GThreadPool *
g_thread_pool_new (GFunc func, gpointer user_data, int max_threads, gboolean exclusive, GError **error)
{
  REAL (g_thread_pool_new)
  Pool *pool = g_new (Pool, 1);

  *pool = (Pool){ func, user_data };
  __tsan_release (pool);
  return real (run_pool, pool, max_threads, exclusive, error);
}

gboolean
g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error)
{
  REAL (g_thread_pool_push)

  __tsan_release (pool->user_data);
  return real (pool, data, error);
}

void
g_thread_pool_free (GThreadPool *pool, gboolean immediate, gboolean wait)
{
  REAL (g_thread_pool_free)
  gpointer user_data = pool->user_data;

  real (pool, immediate, wait);
  __tsan_acquire (user_data);
}

/* --- Sources of a main context --- */

typedef struct
{
  GSourceFunc func;
  gpointer data;
  GDestroyNotify notify;
} Callback;

static gboolean
run_callback (gpointer data)
{
  Callback *callback = data;

  __tsan_acquire (callback);
  if (g_main_current_source () != NULL)
    __tsan_acquire (g_main_current_source ());
  return callback->func (callback->data);
}

static void
free_callback (gpointer data)
{
  Callback *callback = data;

  __tsan_acquire (callback);
  if (callback->notify != NULL)
    callback->notify (callback->data);
  g_free (callback);
}

static Callback *
callback_new (GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  Callback *callback = g_new (Callback, 1);

  *callback = (Callback){ func, data, notify };
  __tsan_release (callback);
  return callback;
}

void
g_source_set_callback (GSource *source, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  REAL (g_source_set_callback)

  /* The callbacks of other sources, a socket's for one, have other arguments. */
  if (source->source_funcs != &g_idle_funcs && source->source_funcs != &g_timeout_funcs)
    real (source, func, data, notify);
  else
    real (source, run_callback, callback_new (func, data, notify), free_callback);
}

guint
g_source_attach (GSource *source, GMainContext *context)
{
  REAL (g_source_attach)

  __tsan_release (source);
  return real (source, context);
}

guint
g_idle_add_full (int priority, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  REAL (g_idle_add_full)
  return real (priority, run_callback, callback_new (func, data, notify), free_callback);
}

guint
g_timeout_add_full (int priority, guint interval, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  REAL (g_timeout_add_full)
  return real (priority, interval, run_callback, callback_new (func, data, notify), free_callback);
}

void
g_main_context_invoke_full (GMainContext *context, int priority, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  REAL (g_main_context_invoke_full)
  real (context, priority, run_callback, callback_new (func, data, notify), free_callback);
}

void
g_main_context_invoke (GMainContext *context, GSourceFunc func, gpointer data)
{
  g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, func, data, NULL);
}

/* --- Tasks --- */

static GQuark
task_func_quark (void)
{
  return g_quark_from_static_string ("happens-before-task");
}

static void
run_task (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GTaskThreadFunc func;

  __tsan_acquire (task);
  func = (GTaskThreadFunc) g_object_get_qdata (G_OBJECT (task), task_func_quark ());
  func (task, source, data, cancellable);
}

void
g_task_run_in_thread (GTask *task, GTaskThreadFunc func)
{
  REAL (g_task_run_in_thread)

  g_object_set_qdata (G_OBJECT (task), task_func_quark (), (gpointer) func);
  __tsan_release (task);
  real (task, run_task);
}

#define RETURNS(name, type)                                                                                            \
  void name (GTask *task, type result)                                                                                 \
  {                                                                                                                    \
    REAL (name)                                                                                                        \
    __tsan_release (task);                                                                                             \
    real (task, result);                                                                                               \
  }
RETURNS (g_task_return_boolean, gboolean)
RETURNS (g_task_return_error, GError *)

void
g_task_return_pointer (GTask *task, gpointer result, GDestroyNotify free_result)
{
  REAL (g_task_return_pointer)

  __tsan_release (task);
  real (task, result, free_result);
}

gboolean
g_task_propagate_boolean (GTask *task, GError **error)
{
  REAL (g_task_propagate_boolean)

  __tsan_acquire (task);
  return real (task, error);
}

gpointer
g_task_propagate_pointer (GTask *task, GError **error)
{
  REAL (g_task_propagate_pointer)

  __tsan_acquire (task);
  return real (task, error);
}

/* --- The last reference --- */

/* Whoever drops the last one sees what others did before they dropped theirs. */
static void
order_references (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
}

#define UNREFS(name, type)                                                                                             \
  void name (type *object)                                                                                             \
  {                                                                                                                    \
    REAL (name)                                                                                                        \
    if (object != NULL)                                                                                                \
      order_references (object);                                                                                       \
    real (object);                                                                                                     \
  }
UNREFS (g_bytes_unref, GBytes)
UNREFS (g_array_unref, GArray)
UNREFS (g_ptr_array_unref, GPtrArray)
UNREFS (g_hash_table_unref, GHashTable)
UNREFS (g_async_queue_unref, GAsyncQueue)

void
g_object_unref (gpointer object)
{
  REAL (g_object_unref)

  order_references (object);
  real (object);
}
