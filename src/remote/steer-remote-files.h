#pragma once

#include "model/steer-model.h"

G_BEGIN_DECLS

/**
 * SECTION: a model's files on the wire
 *
 * What a model's files tell but for the weights' values: configuration, tokenizer, template, and of each file of
 * weights the head with names, types and shapes. The borrower writes them as files of the same names and lengths, with
 * holes for what was not sent, which take no room on the disk, and opens them as it would the whole ones.
 */

/* --- the lender --- */

/* STEER_WIRE_FILES of @model, whose files are on this computer; (transfer floating). Errors: STEER_MODEL_ERROR,
 * G_IO_ERROR. */
GVariant *steer_remote_files_describe (SteerModel *model, GError **error);

/* STEER_WIRE_PIECES of the file @index of @files, which describe() told of @model; (transfer floating). */
GVariant *steer_remote_files_read_head (SteerModel *model, GVariant *files, guint index, GError **error);

/* --- the borrower --- */

/* STEER_WIRE_PIECES of a file, by its index in @files; NULL with an error. */
typedef GVariant *(*SteerRemoteFetchFunc) (guint index, gsize max_length, gpointer data, GError **error);

/* Writes into @folder, which it makes, what @files tells and is not there yet, and removes what else is there, but for
 * what another program may be writing. Of each
 * file the time is the lender's, so that what goes by it knows whether a model has changed. Errors: STEER_MODEL_ERROR,
 * G_FILE_ERROR, what @fetch has. (transfer full): the path to open */
char *steer_remote_files_store (GVariant *files,
                                const char *folder,
                                SteerRemoteFetchFunc fetch,
                                gpointer data,
                                GError **error);

/* The model's name, as it is called there. Free with g_free(). */
char *steer_remote_files_dup_name (GVariant *files);

G_END_DECLS
