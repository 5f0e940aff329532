/* The chat over pipes: what scripts, and the program's own start without a terminal, make of it. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli-test-util.h"
#include "test-util.h"

#define COMMON "chat", "--model", cli_model (), "--vectors", cli_vectors ()
#define GREEDY "--temperature", "0", "-n", "12"

/* The answers of a chat that must go well: one a line. Control characters are shown, so none spans two. */
static char **
chat (const char *input, const char *a, const char *b)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, input, COMMON, GREEDY, a, b);
  if (result.status != 0)
    g_error ("%s", result.err);
  g_assert_true (g_str_has_suffix (result.out, "\n"));
  result.out[result.out_length - 1] = '\0';
  return g_strsplit (result.out, "\n", -1);
}

/* What `steer generate` says to a conversation, as the chat shows it. */
static char *
generate (const char *messages, const char *a, const char *b)
{
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  const char *text;
  GString *shown = g_string_new (NULL);

  CLI_RUN (&result, messages, "generate", "--model", cli_model (), "--vectors", cli_vectors (), GREEDY, "--messages",
           "-", "--json", a, b);
  object = cli_parse (&result);
  text = json_object_get_string_member (object, "text");
  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      if ((c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0))
        g_string_append_printf (shown, "\\x%02x", c);
      else
        g_string_append_unichar (shown, c);
    }
  return g_string_free (shown, FALSE);
}

#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"

static void
test_answers (void)
{
  g_auto (GStrv) answers = chat ("Hello\n\n  \nAnd now?\n", "--steer", "2:10=-20");
  g_autofree char *first = generate ("[" USER ("Hello") "]", "--steer", "2:10=-20");
  g_autofree char *escaped = NULL;
  g_autofree char *both = NULL;
  g_autofree char *messages = NULL;
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_VALUE);
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;

  g_assert_cmpuint (g_strv_length (answers), ==, 2);
  g_assert_cmpstr (answers[0], ==, first);

  /* The second answer knows the first question and its answer. */
  CLI_RUN (&result, "[" USER ("Hello") "]", "generate", "--model", cli_model (), "--vectors", cli_vectors (), GREEDY,
           "--messages", "-", "--json", "--steer", "2:10=-20");
  object = cli_parse (&result);
  json_node_set_string (node, json_object_get_string_member (object, "text"));
  escaped = json_to_string (node, FALSE);
  messages
    = g_strdup_printf ("[" USER ("Hello") ",{\"role\":\"assistant\",\"content\":%s}," USER ("And now?") "]", escaped);
  both = generate (messages, "--steer", "2:10=-20");
  g_assert_cmpstr (answers[1], ==, both);
}

static void
test_last_line (void)
{
  g_auto (GStrv) answers = chat ("Hello", "--preset", cli_calm ());
  g_auto (GStrv) nothing = chat ("Hello\n\377\001x\r\n", "--preset", cli_calm ());

  g_assert_cmpstr (answers[0], ==, "aaaaaaaaaaaa");
  g_assert_cmpuint (g_strv_length (nothing), ==, 2);
}

static void
test_nothing (void)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, "", COMMON);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpstr (result.out, ==, "");
  g_assert_cmpstr (result.err, ==, "");
}

static void
test_in_turn (void)
{
  g_auto (GStrv) answers
    = chat ("Hello\n/set 1 0\n/add 2:98 80\nHello\n/disable 2:98\n/strength 2:97 80\nHello\n/off\n/on\nHello\n"
            "/multiplier 0\n/enable 2\n/multiplier 1\n/remove 1\nHello\n/clamp 1\n/set 1 90\nHello",
            "--preset", cli_calm ());

  g_assert_cmpuint (g_strv_length (answers), ==, 6);
  g_assert_cmpstr (answers[0], ==, "aaaaaaaaaaaa");
  g_assert_cmpstr (answers[1], ==, "bbbbbbbbbbbb");
  g_assert_cmpstr (answers[2], ==, "aaaaaaaaaaaa");
  g_assert_cmpstr (answers[3], ==, "aaaaaaaaaaaa");
  g_assert_cmpstr (answers[4], ==, "bbbbbbbbbbbb");
  g_assert_cmpstr (answers[5], ==, "bbbbbbbbbbbb");
}

/* Feature 97 of layer 2 writes "a". A condition that the vectors cannot measure is not kept. */
static void
test_when (void)
{
  g_auto (GStrv) answers = chat ("/when 1 projection > 1e6\nHello\n/when 1 projection <= 1e6\nHello\n"
                                 "/when 1 projection > 1e6\n/when 1 always\nHello\n",
                                 "--preset", cli_calm ());
  g_auto (GStrv) plain = chat ("Hello\n", NULL, NULL);
  g_auto (CliResult) result = { 0 };

  g_assert_cmpuint (g_strv_length (answers), ==, 3);
  g_assert_cmpstr (answers[0], ==, plain[0]);
  g_assert_cmpstr (answers[1], ==, "aaaaaaaaaaaa");
  g_assert_cmpstr (answers[2], ==, "aaaaaaaaaaaa");
  CLI_RUN (&result, "/when 1 activation > 1\n/when 1 often\n/when 1 projection <= 7\n/features\n", COMMON, "--steer",
           "2:97=80,clamp,projection(98)>3");
  g_assert_nonnull (strstr (result.err, "neither sae-clamp nor a condition"));
  g_assert_nonnull (strstr (result.err, "expected a condition such as"));
  g_assert_nonnull (strstr (result.err, "80 clamp where projection <= 7.0"));
  g_assert_null (strstr (result.err, "where activation"));
}

static void
test_off (void)
{
  g_auto (GStrv) off = chat ("/off\nHello\n", "--preset", cli_calm ());
  g_auto (GStrv) nothing = chat ("/multiplier 0\nHello\n", "--preset", cli_calm ());
  g_auto (GStrv) plain = chat ("Hello\n", NULL, NULL);

  g_assert_cmpstr (off[0], ==, plain[0]);
  g_assert_cmpstr (nothing[0], ==, plain[0]);
}

static void
test_undo (void)
{
  g_auto (GStrv) answers = chat ("One\nTwo\n/undo\nTwo\n/clear\nOne\n//help\n/undo\nTwo\n", "--steer", "2:10=-20");

  g_assert_cmpuint (g_strv_length (answers), ==, 6);
  g_assert_cmpstr (answers[1], ==, answers[2]);
  g_assert_cmpstr (answers[0], ==, answers[3]);
  g_assert_cmpstr (answers[4], !=, answers[1]);
  g_assert_cmpstr (answers[5], ==, answers[1]);
}

static void
test_regenerate (void)
{
  g_auto (GStrv) answers
    = chat ("/temperature 1\n/seed 7\nHello\n/regenerate\n/undo\n/seed 8\nHello\n", "--steer", "2:10=-20");

  g_assert_cmpuint (g_strv_length (answers), ==, 3);
  g_assert_cmpstr (answers[0], !=, answers[1]);
  /* The seed counts up, so that an answer can be had again. */
  g_assert_cmpstr (answers[1], ==, answers[2]);
}

/* An answer is there until a better one is. */
static void
test_regenerate_fails (void)
{
  g_autofree char *system = g_strnfill (700, 'x');
  g_autofree char *input = g_strdup_printf ("Hello\n/system %s\n/regenerate\n/system\n/undo\n/undo\n", system);
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, input, "chat", "--model", cli_model (), "--vectors", cli_vectors (), GREEDY, "--context", "600");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "the context holds"));
  g_assert_nonnull (strstr (result.err, "the last question and its answer are gone"));
  g_assert_nonnull (strstr (result.err, "there is nothing to undo"));
}

static void
test_system (void)
{
  g_auto (GStrv) answers = chat ("/system Be brief\nHi\n/clear\n/system\nHi\n", "--steer", "2:10=-20");
  g_autofree char *with
    = generate ("[{\"role\":\"system\",\"content\":\"Be brief\"}," USER ("Hi") "]", "--steer", "2:10=-20");
  g_autofree char *without = generate ("[" USER ("Hi") "]", "--steer", "2:10=-20");
  g_auto (GStrv) option = chat ("Hi\n", "--system", "Be brief");

  g_assert_cmpstr (answers[0], ==, with);
  g_assert_cmpstr (answers[1], ==, without);
  g_assert_cmpuint (g_strv_length (option), >=, 1);
}

static void
test_presets (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "my preset.yaml", NULL);
  g_autofree char *save = g_strdup_printf ("/add 2:98 80\n/clamp 2:98 on\n/add 2:97 1\n/disable 2\n/temperature 0.5\n"
                                           "/system Say b\n/save %s\n",
                                           path);
  g_autofree char *load = g_strdup_printf ("/load %s\nHello\n/load %s\nHello\n", cli_calm (), path);
  g_auto (CliResult) saved = { 0 };
  g_auto (GStrv) answers = NULL;
  g_autoptr (JsonNode) node = NULL;
  JsonObject *object;
  JsonArray *features;

  CLI_RUN (&saved, save, COMMON);
  g_assert_cmpint (saved.status, ==, 0);
  answers = chat (load, NULL, NULL);
  g_assert_cmpstr (answers[0], ==, "aaaaaaaaaaaa");
  g_assert_cmpstr (answers[1], ==, "bbbbbbbbbbbb");

  CLI_RUN (&saved, NULL, "info", "--json", path);
  node = json_from_string (saved.out, NULL);
  object = json_node_get_object (node);
  features = json_object_get_array_member (object, "features");
  g_assert_cmpuint (json_array_get_length (features), ==, 2);
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (features, 0), "mode"), ==, "clamp");
  g_assert_false (json_object_get_boolean_member (json_array_get_object_element (features, 1), "enabled"));
  g_assert_cmpstr (json_object_get_string_member (object, "system_prompt"), ==, "Say b");
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_bad_commands (void)
{
  static const char *const lines[] = { "/nonsense",
                                       "/set",
                                       "/set 9 1",
                                       "/set 1 x",
                                       "/set 1 1 1",
                                       "/set 1 inf",
                                       "/set 5:5 1",
                                       "/add 1:5 3",
                                       "/add 9 3",
                                       "/multiplier 3",
                                       "/load /nowhere.yaml",
                                       "/save /nowhere/x.yaml",
                                       "/seed hello",
                                       "/temperature -1",
                                       "/undo",
                                       "/regenerate",
                                       "/features 1",
                                       "/clamp 1 maybe" };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *input = g_strdup_printf ("%s\nHello\n", lines[i]);
      gboolean is_wish = g_str_equal (lines[i], "/undo") || g_str_equal (lines[i], "/regenerate");
      g_auto (CliResult) result = { 0 };

      CLI_RUN (&result, input, COMMON, "--preset", cli_calm (), "-n", "12");
      /* It is told, the chat goes on, and the exit status remembers. */
      g_assert_cmpstr (result.out, ==, "aaaaaaaaaaaa\n");
      g_assert_cmpstr (result.err, !=, "");
      g_assert_cmpint (result.status, ==, is_wish ? 0 : 1);
    }
}

/* The bundled model's features have labels, and so do those of sources of one's own. */
static void
test_adds_by_label (void)
{
  g_autofree char *demo = g_build_filename (g_getenv ("STEER_TEST_DEMO"), "model", NULL);
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result,
           "/add cats 9\n/add the eiffel tower 12.5,clamp\n"
           "/add the eiffel tower 3,cap, activation(41) > 1\n/features\n",
           "chat", "--model", demo);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_nonnull (strstr (result.err, " 1  2:9  cats  9"));
  g_assert_nonnull (strstr (result.err, " 2  2:21  the Eiffel Tower  12.5 clamp"));
  g_assert_nonnull (strstr (result.err, " 3  2:21  the Eiffel Tower  3 cap where activation(41) > 1.0"));
  cli_result_clear (&result);
  CLI_RUN (&result, "/add cat 9\n/add xylophones 9\n", "chat", "--model", demo);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "no feature is called just \"cat\": 2:9 cats\n"));
  g_assert_nonnull (strstr (result.err, "steer features search"));
}

static void
test_tells_how_a_command_is_written (void)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, "/help x\n/set 1\n", COMMON);
  g_assert_nonnull (strstr (result.err, "/help is written /help\n"));
  g_assert_nonnull (strstr (result.err, "/set is written /set N VALUE\n"));
}

static void
test_information (void)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, "/help\nHello\n/features\n/stats\n/presets\n", COMMON, "--preset", cli_calm ());
  g_assert_cmpint (result.status, ==, 0);
  /* Answers go to standard output, and nothing else does. */
  g_assert_cmpstr (result.out, ==, "aaaaaaaaaaaaaaaa\n");
  g_assert_nonnull (strstr (result.err, "/regenerate"));
  g_assert_nonnull (strstr (result.err, " 1  2:97  the letter a  80"));
  g_assert_nonnull (strstr (result.err, "last reply: 16 tokens"));
  g_assert_null (strstr (result.err, "\033"));
}

static void
test_escapes (void)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, "Hello\n", COMMON, "--temperature", "0", "-n", "3", "--steer", "2:27=80");
  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpstr (result.out, ==, "\\x1b\\x1b\\x1b\n");
}

static void
test_failed_reply (void)
{
  g_auto (CliResult) result = { 0 };
  g_autofree char *question = g_strnfill (200, 'x');
  g_autofree char *input = g_strdup_printf ("%s\nHi\n", question);

  /* A question that does not fit is told and forgotten, the next one is answered. */
  CLI_RUN (&result, input, COMMON, "--preset", cli_calm (), "--context", "64", "-n", "3");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_cmpstr (result.out, ==, "aaa\n");
  g_assert_nonnull (strstr (result.err, "the context holds 64"));
}

static void
test_quit (void)
{
  g_auto (GStrv) answers = chat ("Hello\n/quit\nHello\n", "--preset", cli_calm ());

  g_assert_cmpuint (g_strv_length (answers), ==, 1);
}

static void
test_no_text (void)
{
  static const char *const without[] = { "tokenizer.json", NULL };
  g_autofree char *model = cli_copy_model (without);
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, "Hello\n", "chat", "--model", model);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "tokenizer.json"));
  test_remove_dir (g_steal_pointer (&model));
}

/* A folder laid out as the installed data is. */
static char *
make_data_dir (void)
{
  char *dir = test_make_dir ();
  g_autofree char *sae = g_build_filename (dir, "demo", "sae", NULL);
  g_autofree char *presets = g_build_filename (dir, "presets", NULL);
  g_autofree char *model = g_build_filename (dir, "demo", "model", NULL);
  g_autofree char *vectors = g_build_filename (sae, "vectors.safetensors", NULL);
  g_autofree char *calm = g_build_filename (presets, "calm.yaml", NULL);
  g_autofree char *loud = g_build_filename (presets, "02-loud.yaml", NULL);

  g_assert_cmpint (g_mkdir_with_parents (sae, 0700), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (presets, 0700), ==, 0);
  g_assert_cmpint (symlink (cli_model (), model), ==, 0);
  g_assert_cmpint (symlink (cli_vectors (), vectors), ==, 0);
  g_assert_cmpint (symlink (cli_calm (), calm), ==, 0);
  g_assert_cmpint (symlink (cli_loud (), loud), ==, 0);
  return dir;
}

static void
test_bundled (void)
{
  g_autofree char *dir = make_data_dir ();
  g_autoptr (GSubprocessLauncher) launcher = cli_launcher_new (
    G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  const char *const args[] = { "chat", "--preset", "calm", "-n", "5", NULL };
  g_autofree char *own = g_build_filename (dir, "data", "steer-chat", "presets", NULL);
  g_autofree char *own_preset = g_build_filename (own, "mine.yaml", NULL);
  g_autofree char *data_home = g_build_filename (dir, "data", NULL);
  g_autoptr (GSubprocess) process = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;

  g_assert_cmpint (g_mkdir_with_parents (own, 0700), ==, 0);
  g_assert_cmpint (symlink (cli_loud (), own_preset), ==, 0);
  g_subprocess_launcher_setenv (launcher, "STEER_DATA_DIR", dir, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_DATA_HOME", data_home, TRUE);
  process = cli_spawn (launcher, args);
  g_assert_true (g_subprocess_communicate_utf8 (process, "Hi\n/presets\n/load loud\nHi\n/load calm\n/load mine\nHi\n",
                                                NULL, &out, &err, NULL));
  g_assert_cmpstr (out, ==, "aaaaa\nbbbbb\nbbbbb\n");
  g_assert_nonnull (strstr (
    err,
    "loud                         Says b\ncalm                         Says a\nmine                         Says b\n"));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 0);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_no_model (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *program = cli_copy_program (dir);
  g_autoptr (GSubprocess) process = NULL;
  g_autofree char *err = NULL;

  if (program != NULL)
    {
      process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDERR_PIPE, NULL, program, "chat", NULL);
      g_assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &err, NULL));
      g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 2);
      g_assert_nonnull (strstr (err, "--model PATH"));
    }
  test_remove_dir (g_steal_pointer (&dir));
}

/* A chat whose one reply goes on for minutes. */
static GSubprocess *
spawn_long (const char *more)
{
  g_autoptr (GSubprocessLauncher) launcher = cli_launcher_new (
    G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  const char *const args[]
    = { COMMON, "--steer", "2:97=80", "--temperature", "0", "-n", "0", "--context", "100000", more, NULL };

  return cli_spawn (launcher, args);
}

static void
say (GSubprocess *process, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all (g_subprocess_get_stdin_pipe (process), text, strlen (text), NULL, NULL, &error);
  g_assert_no_error (error);
}

/* Reads standard output until a byte of @wanted comes. */
static void
await_byte (GSubprocess *process, char wanted)
{
  char byte;

  do
    {
      gsize n;

      g_assert_true (g_input_stream_read_all (g_subprocess_get_stdout_pipe (process), &byte, 1, &n, NULL, NULL));
      g_assert_cmpuint (n, ==, 1);
    }
  while (byte != wanted);
}

static void
await_end (GSubprocess *process, int status)
{
  g_autoptr (GBytes) nothing = g_bytes_new (NULL, 0);

  g_assert_true (g_subprocess_communicate (process, nothing, NULL, NULL, NULL, NULL));
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, status);
}

static void
test_during_reply (void)
{
  g_autoptr (GSubprocess) process = spawn_long ("--interactive");

  say (process, "Hello\n");
  await_byte (process, 'a');
  say (process, "/set 1 0\n/add 2:98 80\n");
  await_byte (process, 'b');
  say (process, "/set 2 0\n/set 1 80\n/set 2:98 0\n");
  await_byte (process, 'a');
  say (process, "/off\n/strength 2:97 0\n/strength 2:98 80\n/on\n");
  await_byte (process, 'b');
  say (process, "/undo\n/set 1 80\n/set 2 0\nAgain\n");
  await_byte (process, '\n');
  await_byte (process, 'a');
  say (process, "/quit\n");
  await_end (process, 0);
}

static void
test_interrupt (void)
{
  g_autoptr (GSubprocess) process = spawn_long (NULL);

  say (process, "Hello\n");
  await_byte (process, 'a');
  g_subprocess_send_signal (process, SIGINT);
  /* The reply ends, and the next question is answered. */
  await_byte (process, '\n');
  say (process, "/set 1 0\n/add 2:98 80\nHello\n");
  await_byte (process, 'b');
  g_usleep (1100 * 1000);
  g_subprocess_send_signal (process, SIGINT);
  await_byte (process, '\n');
  await_end (process, 0);
}

static void
test_closed_output (void)
{
  g_autoptr (GSubprocess) process = spawn_long (NULL);

  say (process, "Hello\n");
  await_byte (process, 'a');
  g_assert_true (g_input_stream_close (g_subprocess_get_stdout_pipe (process), NULL, NULL));
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 1);
}

static void
test_terminate (void)
{
  g_autoptr (GSubprocess) process = spawn_long (NULL);

  say (process, "Hello\n");
  await_byte (process, 'a');
  g_subprocess_send_signal (process, SIGTERM);
  await_end (process, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/chat/questions on standard input are answered in one conversation", test_answers);
  g_test_add_func ("/cli/chat/a last line without a newline counts", test_last_line);
  g_test_add_func ("/cli/chat/no question is no answer", test_nothing);
  g_test_add_func ("/cli/chat/commands take their turn", test_in_turn);
  g_test_add_func ("/cli/chat/off is as without steering", test_off);
  g_test_add_func ("/cli/chat/a feature acts only where its condition holds", test_when);
  g_test_add_func ("/cli/chat/undo forgets the last exchange", test_undo);
  g_test_add_func ("/cli/chat/regenerate answers with the next seed", test_regenerate);
  g_test_add_func ("/cli/chat/an answer stays where the next one fails", test_regenerate_fails);
  g_test_add_func ("/cli/chat/the system prompt comes first", test_system);
  g_test_add_func ("/cli/chat/a preset is saved and loaded", test_presets);
  g_test_add_func ("/cli/chat/a bad command is told and the chat goes on", test_bad_commands);
  g_test_add_func ("/cli/chat/a command that is written wrongly tells how", test_tells_how_a_command_is_written);
  g_test_add_func ("/cli/chat/features are added by their labels too", test_adds_by_label);
  g_test_add_func ("/cli/chat/only answers go to standard output", test_information);
  g_test_add_func ("/cli/chat/escape sequences are shown and not sent", test_escapes);
  g_test_add_func ("/cli/chat/a question that does not fit is forgotten", test_failed_reply);
  g_test_add_func ("/cli/chat/quit ends it", test_quit);
  g_test_add_func ("/cli/chat/a model without a tokenizer is refused", test_no_text);
  g_test_add_func ("/cli/chat/the bundled model brings vectors and presets", test_bundled);
  g_test_add_func ("/cli/chat/where no model is bundled it says how to name one", test_no_model);
  g_test_add_func ("/cli/chat/steering changes while a reply is written", test_during_reply);
  g_test_add_func ("/cli/chat/an interrupt stops the reply and not the chat", test_interrupt);
  g_test_add_func ("/cli/chat/a reader that goes away ends it", test_closed_output);
  g_test_add_func ("/cli/chat/a termination ends it in order", test_terminate);
  return g_test_run ();
}
