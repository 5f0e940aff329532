#include "steer-tokenizer.h"

G_DEFINE_QUARK (steer_text_error_quark, steer_text_error)
