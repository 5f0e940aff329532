#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* File choosers and questions, each as an asynchronous call. A dialog that is dismissed finishes with NULL (FALSE) and
 * G_IO_ERROR_CANCELLED, which nobody needs to be told. */

/* What a file chooser offers. */
typedef enum
{
  STEER_FILES_PRESET,   /* *.yaml, *.yml */
  STEER_FILES_CHAT,     /* *.json */
  STEER_FILES_MARKDOWN, /* *.md */
  STEER_FILES_MODEL,    /* *.gguf */
  STEER_FILES_VECTORS,  /* *.safetensors, *.pt, *.npz, *.npy, *.gguf */
  STEER_FILES_LABELS,   /* *.jsonl, *.jsonl.gz */
} SteerFileKind;

void steer_dialog_open_file_async (GtkWindow *parent,
                                   const char *title,
                                   SteerFileKind kind,
                                   GAsyncReadyCallback callback,
                                   gpointer data);

void steer_dialog_open_folder_async (GtkWindow *parent, const char *title, GAsyncReadyCallback callback, gpointer data);

/* @name: proposed, with its suffix; characters that no file name should have are replaced. */
void steer_dialog_save_file_async (GtkWindow *parent,
                                   const char *title,
                                   const char *name,
                                   SteerFileKind kind,
                                   GAsyncReadyCallback callback,
                                   gpointer data);

/* For the three above. */
GFile *steer_dialog_file_finish (GAsyncResult *result, GError **error);

/* Asks for a line of text that is not empty. @text: (nullable): what stands there first, selected. */
void steer_dialog_ask_text_async (GtkWindow *parent,
                                  const char *heading,
                                  const char *label,
                                  const char *text,
                                  const char *accept,
                                  GAsyncReadyCallback callback,
                                  gpointer data);
char *steer_dialog_ask_text_finish (GAsyncResult *result, GError **error);

/* @destructive: the answer @accept destroys something. */
void steer_dialog_confirm_async (GtkWindow *parent,
                                 const char *heading,
                                 const char *body,
                                 const char *accept,
                                 gboolean destructive,
                                 GAsyncReadyCallback callback,
                                 gpointer data);
gboolean steer_dialog_confirm_finish (GAsyncResult *result, GError **error);

/* Tells @text, which may be long. */
void steer_dialog_tell (GtkWindow *parent, const char *text);

/* @title as a file name: without separators, control characters and what other systems refuse; never empty, at most 80
 * characters. Free with g_free(). */
char *steer_dialog_make_file_name (const char *title, const char *suffix);

/* For a window that is destroyed with its parent while somebody may still hold it, such as an operation that comes back
 * to it: GTK 4.8 leaves it with a pointer to a parent that is gone. */
void steer_dialog_forget_parent (GtkWindow *dialog);

G_END_DECLS
