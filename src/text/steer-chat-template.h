#pragma once

#include "steer-tokenizer.h"
#include "tensor/steer-archive.h"

G_BEGIN_DECLS

typedef enum
{
  STEER_ROLE_SYSTEM,
  STEER_ROLE_USER,
  STEER_ROLE_ASSISTANT,
} SteerRole;

/* "system", "user", "assistant" and back; FALSE when unknown. */
const char *steer_role_get_name (SteerRole role);
gboolean steer_role_from_name (const char *name, SteerRole *role);

/* One turn as a template sees it; the strings are borrowed. */
typedef struct
{
  SteerRole role;
  const char *content;
} SteerTurn;

typedef enum
{
  STEER_TEMPLATE_LLAMA3, /* Llama 3.x, with its date lines where the model's template has them */
  STEER_TEMPLATE_CHATML,
  STEER_TEMPLATE_LLAMA2,
  STEER_TEMPLATE_MISTRAL,
  STEER_TEMPLATE_GEMMA,
  STEER_TEMPLATE_ZEPHYR,
  STEER_TEMPLATE_DEEPSEEK, /* R1 and what was distilled from it */

  STEER_N_TEMPLATES
} SteerTemplateFamily;

const char *steer_template_family_get_name (SteerTemplateFamily family);
gboolean steer_template_family_from_name (const char *name, SteerTemplateFamily *family);

/**
 * SteerChatTemplate:
 *
 * Renders messages to a prompt as the model was trained to see it. Models carry a Jinja program for this; we do not
 * run programs from a stranger's file, but recognise which family it belongs to and render that family exactly.
 * Immutable; any thread.
 */
#define STEER_TYPE_CHAT_TEMPLATE (steer_chat_template_get_type ())
G_DECLARE_FINAL_TYPE (SteerChatTemplate, steer_chat_template, STEER, CHAT_TEMPLATE, GObject)

/* Looks in @directory for chat_template.jinja, then tokenizer_config.json (a string or a list of named ones).
 * Errors: G_FILE_ERROR, STEER_TEXT_ERROR_NOT_FOUND, _INVALID, _UNSUPPORTED (the message names `--template` and the
 * families). */
SteerChatTemplate *steer_chat_template_new_for_directory (const char *directory, GError **error);

/* A GGUF file's tokenizer.chat_template. Errors: STEER_TEXT_ERROR_NOT_FOUND, _UNSUPPORTED. */
SteerChatTemplate *steer_chat_template_new_from_archive (SteerArchive *archive, GError **error);

/* @path: a model's folder or a GGUF file. */
SteerChatTemplate *steer_chat_template_new_for_model (const char *path, GError **error);

/* The Jinja text of the folder's template, and the end of a turn as its tokenizer_config.json names it; each (nullable)
 * where there is none. */
typedef struct
{
  char *source;
  char *bos;
  char *eos;
} SteerTemplateFiles;

gboolean steer_template_files_read (SteerTemplateFiles *self, const char *directory, GError **error);
void steer_template_files_clear (SteerTemplateFiles *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerTemplateFiles, steer_template_files_clear)

/* @source: a template's Jinja text. @bos and @eos: (nullable): contents of those tokens where the template uses them.
 */
SteerChatTemplate *
steer_chat_template_new_from_source (const char *source, const char *bos, const char *eos, GError **error);

/* A family chosen by the user, in its usual form: Llama 3.1's with date lines, ChatML without a default system message,
 * Mistral's v3, Gemma 3's, which puts a system message into the first user turn, DeepSeek's with a thought. @bos and
 * @eos: (nullable): the family's usual ones when NULL. */
SteerChatTemplate *steer_chat_template_new_for_family (SteerTemplateFamily family, const char *bos, const char *eos);

SteerTemplateFamily steer_chat_template_get_family (SteerChatTemplate *self);

/* Whether the model thinks before it answers and can be told to leave that. */
gboolean steer_chat_template_may_skip_thought (SteerChatTemplate *self);

/* What the opening of a reply has already written of it: "<think>" and a line's end, where the model cannot but think;
 * else "". */
const char *steer_chat_template_get_written (SteerChatTemplate *self);

/**
 * SteerOpening: what a prompt ends with
 * @STEER_OPENING_NONE: the last message
 * @STEER_OPENING_REPLY: the opening of an assistant's turn
 * @STEER_OPENING_ANSWER: the same and, where a thought may be left out, an empty one, so that the answer comes next
 */
typedef enum
{
  STEER_OPENING_NONE,
  STEER_OPENING_REPLY,
  STEER_OPENING_ANSWER,
} SteerOpening;

/* "26 Jul 2024", as templates tell the date. */
char *steer_chat_template_dup_today (void);

/* A rendered prompt: text, and which bytes of it are the template's own. */
typedef struct
{
  char *text;
  GArray *spans; /* of SteerTextSpan, covering text */
} SteerRendering;

void steer_rendering_free (SteerRendering *rendering);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerRendering, steer_rendering_free)

/**
 * steer_chat_template_render:
 * @turns: [n_turns]
 * @date_string: (nullable): as steer_chat_template_dup_today(); NULL means the template's own default
 *
 * Errors: STEER_TEXT_ERROR_UNSUPPORTED where the family cannot express the conversation (a system message in the
 * wrong place, roles that do not alternate), as the reference template raises.
 */
SteerRendering *steer_chat_template_render (SteerChatTemplate *self,
                                            const SteerTurn *turns,
                                            guint n_turns,
                                            SteerOpening opening,
                                            const char *date_string,
                                            GError **error);

G_END_DECLS
