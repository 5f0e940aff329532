#include "steer-chat-error.h"

G_DEFINE_QUARK (steer_chat_error_quark, steer_chat_error)
