#pragma once

#include "hub/steer-download.h"

G_BEGIN_DECLS

/* How the Hub and its downloads are told to people: pure functions. Results are plain text; free with g_free(). */

/* What a choice is called where its repository is not told beside it. */
char *steer_hub_dup_title (const char *repo_id, const char *name);

/* "1.2 M downloads": digits enough to compare. */
char *steer_hub_dup_downloads (gint64 n);

/* What stands below a repository's name: "GGUF · 1.2 M downloads · asks to accept its terms". */
char *steer_hub_dup_found_detail (const SteerHubFound *found);

/* "2 min left", "" where it cannot be known. @rate: bytes a second. */
char *steer_hub_dup_time_left (guint64 done, guint64 total, double rate);

/* "312 MB of 1.2 GB · 24 MB/s · 2 min left", of which the end is left out until it is known. */
char *steer_hub_dup_progress (guint64 done, guint64 total, double rate);

/* Between 0 and 1. */
double steer_hub_get_fraction (guint64 done, guint64 total);

/* "Downloading NAME… 43 %" */
char *steer_hub_dup_downloading (const char *name, guint64 done, guint64 total);

/* "Downloading… 43 %" */
char *steer_hub_dup_percent (guint64 done, guint64 total);

/* NULL where the program can use the choice, else why not, as a sentence. */
char *steer_hub_dup_problem (const SteerHubRepo *repo, const SteerHubChoice *choice);

/* "4.9 GB", and that it is more than a machine with @memory bytes has. */
char *steer_hub_dup_choice_detail (const SteerHubChoice *choice, guint64 memory);

/* What stands above @error's message. (transfer none) */
const char *steer_hub_get_problem_title (const GError *error);

/* Whether all words of @filter are in @name, letters of either case. */
gboolean steer_hub_matches (const char *name, const char *filter);

/* @text, which begins with a small letter and has no full stop, as a sentence. */
char *steer_hub_dup_sentence (const char *text);

G_END_DECLS
