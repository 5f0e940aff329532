#pragma once

#include <sqlite3.h>

#include "steer-conversation-private.h"
#include "steer-store.h"

G_BEGIN_DECLS

/* The kinds of change; the statement of each is in steer-store-writer.c, with the order of its values. */
typedef enum
{
  STEER_WRITE_ADD_CONVERSATION,
  STEER_WRITE_SET_TITLE,
  STEER_WRITE_SET_DRAFT,
  STEER_WRITE_SET_SYSTEM_PROMPT,
  STEER_WRITE_TOUCH,
  STEER_WRITE_SET_FIRST,
  STEER_WRITE_SET_DELETED,
  STEER_WRITE_PURGE,
  STEER_WRITE_ADD_MESSAGE,
  STEER_WRITE_SET_ACTIVE,
  STEER_WRITE_COMPLETE,
  STEER_WRITE_REMOVE_MESSAGE,
  STEER_WRITE_ADD_BATCH,
  STEER_WRITE_DROP_BATCHES,
  STEER_WRITE_DROP_RUNS,
  STEER_WRITE_ADD_RUN,

  STEER_N_WRITES
} SteerWriteKind;

typedef struct
{
  enum
  {
    STEER_VALUE_INT,
    STEER_VALUE_REAL,
    STEER_VALUE_TEXT,
  } type;
  union
  {
    gint64 integer;
    double real;
    const char *text; /* nullable */
  };
} SteerValue;

#define STEER_INT(value) ((SteerValue){ .type = STEER_VALUE_INT, .integer = (gint64) (value) })
#define STEER_REAL(value) ((SteerValue){ .type = STEER_VALUE_REAL, .real = (value) })
#define STEER_TEXT(value) ((SteerValue){ .type = STEER_VALUE_TEXT, .text = (value) })

/* Changes that become durable together or not at all: one transaction. */
typedef struct _SteerWriteGroup SteerWriteGroup;

/* @conversation: id of the one it belongs to, 0 for none. @synced: to survive a power cut too, not only the death of
 * the program; the batches of a reply do without, because 60 a second would wear a disk out. */
SteerWriteGroup *steer_write_group_new (gint64 conversation, gboolean synced);
void steer_write_group_free (SteerWriteGroup *self);
void
steer_write_group_add_values (SteerWriteGroup *self, SteerWriteKind kind, const SteerValue *values, guint n_values);
/* Texts are copied. */
#define steer_write_group_add(group, kind, ...)                                                                        \
  steer_write_group_add_values ((group), (kind), (const SteerValue[]){ __VA_ARGS__ },                                  \
                                G_N_ELEMENTS (((const SteerValue[]){ __VA_ARGS__ })))

/* The thread that writes. */
typedef struct _SteerWriter SteerWriter;

/* Called on the writer's thread, once for each time that writing begins to fail. */
typedef void (*SteerWriterFailed) (const GError *error, gpointer user_data);

/* @db: (transfer full), also when it fails. */
SteerWriter *steer_writer_new (sqlite3 *db, SteerWriterFailed failed, gpointer user_data, GError **error);
/* Writes what is left, if it can be written, and ends the thread. */
void steer_writer_free (SteerWriter *self);
/* @group: (transfer full) */
void steer_writer_push (SteerWriter *self, SteerWriteGroup *group);
/* Waits until what was pushed so far for @conversation (0: for any) is on disk. Any thread. FALSE when that fails. */
gboolean steer_writer_wait (SteerWriter *self, gint64 conversation, GError **error);

/* Opens a connection; a file that is not ours, damaged or of a newer version is refused. */
sqlite3 *steer_store_connect (const char *path, gboolean writable, GError **error);
/* Makes or migrates the tables. */
gboolean steer_store_prepare (sqlite3 *db, const char *path, GError **error);
/* Completes what a crash interrupted, and erases what was deleted or never begun: only if nobody else has the file
 * open, who may be in the middle of it. *@alone tells. @lock: the store's own. */
gboolean steer_store_recover (sqlite3 *db, int lock, gboolean *alone, GError **error);
gboolean steer_store_exec (sqlite3 *db, const char *sql, GError **error);
gboolean steer_store_prepare_statement (sqlite3 *db, const char *sql, sqlite3_stmt **statement, GError **error);
/* Sets an error from the connection's last one, with what to do about it. */
void steer_store_set_error (sqlite3 *db, const char *doing, GError **error);
/* (nullable) for NULL; what is not UTF-8 is made so. */
char *steer_store_dup_column (sqlite3_stmt *statement, int column);

/* In the place of a lock's descriptor. */
enum
{
  STEER_STORE_NOT_LOCKED = -1, /* this store could not take it; others may have it */
  STEER_STORE_NO_LOCKS = -2,   /* nobody can: files are not locked there */
};

/* Tells all other stores on the file, of this process and others, that it is open, until the descriptor is closed.
 * Where that fails the log tells why, once a store. Never waits. */
int steer_store_lock (const char *path);
/* FALSE, too, where that cannot be known. TRUE where nobody can lock: a program that is alone, as nearly all are, would
 * never mend what a crash left; others who have the file open are not seen, and their unfinished replies are ended. */
gboolean steer_store_is_alone (int lock);

/* The connection that reads, and its statements; used by one thread at a time. */
typedef struct
{
  sqlite3 *db;
  sqlite3_stmt *load_conversation;
  sqlite3_stmt *load_messages;
  sqlite3_stmt *load_runs;
  sqlite3_stmt *load_batches;
  sqlite3_stmt *search;
} SteerReader;

SteerReader *steer_reader_new (const char *path, GError **error);
void steer_reader_free (SteerReader *self);
/* Not yet of any store. */
SteerConversation *steer_reader_load (SteerReader *self, gint64 id, GError **error);
/* (element-type SteerChatEntry) */
GListStore *steer_reader_search (SteerReader *self, const char *query, GError **error);

struct _SteerStore
{
  GObject parent_instance;

  char *path;
  int lock;       /* see steer_store_lock() */
  gboolean alone; /* when it was opened */
  GMainContext *context;
  SteerWriter *writer;
  SteerReader *reader;
  GThreadPool *pool; /* one thread: what reads */

  GPtrArray *entries;        /* SteerChatEntry, newest first */
  GHashTable *deleted;       /* id -> SteerChatEntry: hidden until purged */
  gint64 last_deleted;       /* or brought back; 0: none. A search waits until the file says so too */
  GHashTable *living;        /* id -> SteerConversation, not owned */
  SteerConversation *unsent; /* nullable: empty but for its draft; the next new conversation */
  GWeakRef *weak_self;       /* for the writer's thread; freed with the writer */
};

void steer_store_list_model_init (GListModelInterface *iface);

/* Unique among all programs that may write to the file: made from the clock. Ascending. */
gint64 steer_store_make_id (void);
/* Ids made from now on are larger than @id. */
void steer_store_reserve_id (gint64 id);
/* @group: (transfer full) */
void steer_store_write (SteerStore *self, SteerWriteGroup *group);
/* Brings the list up to date with @conversation. */
void steer_store_refresh_entry (SteerStore *self, SteerConversation *conversation);
void steer_store_register (SteerStore *self, SteerConversation *conversation);

G_END_DECLS
