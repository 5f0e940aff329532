#include "steer-chat-error.h"

G_DEFINE_QUARK (steer - chat - error - quark, steer_chat_error)
