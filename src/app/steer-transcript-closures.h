#pragma once

#include "chat/steer-message.h"

G_BEGIN_DECLS

/* What the transcript's templates show of values: pure functions, to be called by closures and by tests. Those that
 * return char * return a new string; @self, where there is one, is the template's widget and is not looked at. */

/* "86 tokens"; "" for none. */
char *steer_transcript_dup_tokens (gpointer self, guint n_tokens);
/* "267 tokens/s"; one decimal below 10; "" for 0. */
char *steer_transcript_dup_rate (gpointer self, double tokens_per_second);
/* "2/3" */
char *steer_transcript_dup_alternative (gpointer self, guint alternative, guint n_alternatives);
/* Why a reply ended, where a reader should know: "Stopped"; "" where it ended by itself. @reason: a SteerStopReason. */
char *steer_transcript_dup_stop_note (gpointer self, int reason, gboolean complete);
/* "1,024 of 8,192 tokens of context used" */
char *steer_transcript_dup_context (gpointer self, guint used, guint size);

/* What steered a reply, from its preset's name and its runs: "Eiffel Tower", "Eiffel Tower · changed in reply",
 * "Steered" without a name; NULL when nothing did. @runs: (element-type SteerTextRun) (nullable) */
char *steer_transcript_dup_steering (const char *preset_name, const GArray *runs);
gboolean steer_transcript_has_steering (const char *steering);

/* A run's strengths for people, a line a feature: "Eiffel Tower  +8.5, clamped". @steering: JSON as in SteerTextRun,
 * (nullable); anything else in it is passed over. "No steering" for none. */
char *steer_transcript_dup_strengths (const char *steering);

/* One feature of a run. */
typedef struct
{
  guint layer;
  guint64 index;
  double strength; /* finite */
  SteerMode mode;
  char *label; /* never NULL, possibly "" */
  char *when;  /* (nullable): its condition, as it was recorded */
} SteerStrength;

/* (element-type SteerStrength) (transfer full): empty for what is not such JSON. */
GArray *steer_transcript_parse_strengths (const char *steering);

/* How strong the marks of text are: none, and five degrees. */
#define STEER_N_LEVELS 6

/* The degree of a run. @shares: the sum over its features of |strength| / what is normal for that feature. */
guint steer_transcript_get_level (double shares);

/* Whether a link that a stranger wrote may be opened by a click: http, https, mailto, and nothing that hides. */
gboolean steer_transcript_is_safe_uri (const char *uri);

G_END_DECLS
