#pragma once

#include "steer-chat-template.h"

G_BEGIN_DECLS

/* When the opening of an assistant's turn is written at the end. */
typedef enum
{
  STEER_GENERATION_NEVER,
  STEER_GENERATION_ASKED, /* with add_generation_prompt */
  STEER_GENERATION_ALWAYS,
} SteerGeneration;

/* Where a leading system message goes. */
typedef enum
{
  STEER_SYSTEM_OWN_TURN,
  STEER_SYSTEM_REFUSED,
  STEER_SYSTEM_IN_FIRST_USER,
  STEER_SYSTEM_IN_LAST_USER, /* in the last user turn of all */
  STEER_SYSTEM_IN_LAST_TURN, /* in the last turn, when that is the user's; otherwise nowhere */
} SteerSystemPlace;

/* What is known of a template: its family, and the points on which members of a family differ. */
typedef struct
{
  SteerTemplateFamily family;
  char *bos; /* never NULL */
  char *eos; /* never NULL */
  SteerGeneration generation;
  SteerSystemPlace system;
  gboolean trims;      /* contents lose white space at their ends */
  gboolean alternates; /* user and assistant must take turns */

  /* Llama 3 */
  gboolean opens_system; /* a system turn is there even without a system message */
  char *cutoff;          /* "December 2023": with it, the system turn begins with the date lines */
  char *date;            /* "26 Jul 2024"; NULL with @cutoff: today */

  /* ChatML */
  char *default_system; /* the system message of a conversation without one, or NULL */

  /* ChatML, DeepSeek */
  gboolean drops_thought; /* an earlier reply is told without what was thought before it, in <think> and </think> */
  gboolean opens_thought; /* the opening of an assistant's turn is that of a thought, too */
  gboolean skips_thought; /* an empty thought is written where none is wanted */

  /* Mistral: what stands around the turns */
  char *user_open;
  char *user_close;
  char *reply_open;
  char *reply_close; /* after eos */

  gboolean line_ends; /* Zephyr: a line break after each turn */
} SteerTemplate;

/* What ends a reply; the template says so itself. */
#define STEER_DEEPSEEK_END "<｜end▁of▁sentence｜>"

/* A reply as Qwen3's template takes it apart; all of it points into @reply. */
typedef struct
{
  const char *thought;
  gsize thought_length; /* 0: nothing was thought */
  const char *answer;   /* up to the end of the reply */
} SteerThought;

SteerThought steer_thought_split (const char *reply);

/* Behind the last end of a thought; @reply where none ends. */
const char *steer_thought_find_answer (const char *reply);

/* The first turn of those that answer the last question: what was thought before them is told. */
guint steer_thought_find_last_question (const SteerTurn *turns, guint n_turns);

void steer_template_init (SteerTemplate *template, SteerTemplateFamily family, const char *bos, const char *eos);
void steer_template_clear (SteerTemplate *template);

/* The form a family has when the user names it: that of its newest published template. @bos and @eos: nullable. */
void steer_template_init_usual (SteerTemplate *template, SteerTemplateFamily family, const char *bos, const char *eos);

/* Recognises a Jinja source. FALSE with STEER_TEXT_ERROR_UNSUPPORTED, in which case @template needs no clearing. */
gboolean steer_template_init_from_source (SteerTemplate *template,
                                          const char *source,
                                          const char *bos,
                                          const char *eos,
                                          GError **error);

/* Errors: STEER_TEXT_ERROR_UNSUPPORTED. */
SteerRendering *steer_template_render (const SteerTemplate *template,
                                       const SteerTurn *turns,
                                       guint n_turns,
                                       SteerOpening opening,
                                       const char *date_string,
                                       GError **error);

G_END_DECLS
