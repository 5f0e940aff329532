#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* What a whole run of the program gave. */
typedef struct
{
  int status; /* exit status; -1: it ended by a signal */
  char *out;  /* NUL-terminated */
  gsize out_length;
  char *err;
} CliResult;

void cli_result_clear (CliResult *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliResult, cli_result_clear)

/* Runs `steer` with @args (NULL-terminated) and @input ((nullable): nothing) to its end. */
void cli_run (CliResult *self, const char *input, const char *const *args);
#define CLI_RUN(self, input, ...) cli_run (self, input, (const char *const[]){ __VA_ARGS__, NULL })

/* A launcher with the tests' environment: a state folder of its own. */
GSubprocessLauncher *cli_launcher_new (GSubprocessFlags flags);
GSubprocess *cli_spawn (GSubprocessLauncher *launcher, const char *const *args);

/* A copy of the program in @dir, which does not find the sources' data. NULL, after marking the test as skipped, where
 * it would find installed data. Free with g_free(). */
char *cli_copy_program (const char *dir);

/* Fixtures, each the same string for the whole process. */
const char *cli_model (void);
const char *cli_vectors (void);
const char *cli_calm (void);
const char *cli_loud (void);

/* Standard output as one JSON object, after checking that the run went well; (transfer full). */
JsonObject *cli_parse (const CliResult *self);

/* The member @name as an array of numbers: (element-type gint32). */
GArray *cli_get_ids (JsonObject *object, const char *name);
void cli_assert_ids_equal (const GArray *a, const GArray *b);

/* tests/fixtures/cli/expected.json; (transfer full). */
JsonObject *cli_load_expected (void);

/* A folder with the fixture's model but for the files in @without (NULL-terminated); for test_remove_dir(). */
char *cli_copy_model (const char *const *without);

/* TRUE when there is no control character in @text but newlines and tabs. */
gboolean cli_is_safe (const char *text);

G_END_DECLS
