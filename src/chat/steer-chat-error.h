#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define STEER_CHAT_ERROR (steer_chat_error_quark ())

/**
 * SteerChatError:
 * @STEER_CHAT_ERROR_NO_MODEL: nothing is loaded
 * @STEER_CHAT_ERROR_CONTEXT_FULL: the prompt does not fit the context; the message gives both sizes
 * @STEER_CHAT_ERROR_NO_TEXT: the model has no tokenizer or template, and text was asked of it
 * @STEER_CHAT_ERROR_STORE: the conversation store could not be read or written
 * @STEER_CHAT_ERROR_INVALID: an imported conversation or a request is malformed
 */
typedef enum
{
  STEER_CHAT_ERROR_NO_MODEL,
  STEER_CHAT_ERROR_CONTEXT_FULL,
  STEER_CHAT_ERROR_NO_TEXT,
  STEER_CHAT_ERROR_STORE,
  STEER_CHAT_ERROR_INVALID,
} SteerChatError;

GQuark steer_chat_error_quark (void);

G_END_DECLS
