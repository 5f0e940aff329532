#include "steer/steer.h"

/* Every type of libsteer, by the name that its file gives it. */
static const char *const names[] = {
  "SteerArchive",   "SteerChatEntry",  "SteerChatTemplate",  "SteerConversation", "SteerEncoder",
  "SteerEngine",    "SteerFeature",    "SteerGunzip",        "SteerInspection",   "SteerLabelStore",
  "SteerLibrary",   "SteerMessage",    "SteerMode",          "SteerModel",        "SteerPlan",
  "SteerPreset",    "SteerReply",      "SteerSae",           "SteerSaeFolder",    "SteerStore",
  "SteerTokenizer", "SteerVectorDict", "SteerVectorLibrary", "SteerVectorSource",
};

/* A type that a thread registers while the main one makes a class that names it stops both for good. */
static void
test_types (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpuint (g_type_from_name (names[i]), ==, 0);
  steer_init ();
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpuint (g_type_from_name (names[i]), !=, 0);
}

/* No type is made in between that the list above does not know. */
static void
test_all_files (void)
{
  const char *src = g_test_get_dir (G_TEST_DIST);
  g_autofree char *root = g_build_filename (src, "..", "src", NULL);
  const char *const rooms[] = { "tensor", "text", "steering", "model", "cpu", "chat", "steer" };
  g_autoptr (GRegex) regex = g_regex_new ("G_DEFINE_\\w*(?:TYPE|INTERFACE)\\w*\\s*\\(\\s*(Steer\\w+)", 0, 0, NULL);
  guint n = 0;

  for (guint r = 0; r < G_N_ELEMENTS (rooms); r++)
    {
      g_autofree char *folder = g_build_filename (root, rooms[r], NULL);
      g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
      const char *name;

      g_assert_nonnull (dir);
      while ((name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *path = g_build_filename (folder, name, NULL);
          g_autofree char *text = NULL;
          g_autoptr (GMatchInfo) match = NULL;

          if (!g_str_has_suffix (name, ".c") || !g_file_get_contents (path, &text, NULL, NULL))
            continue;
          for (g_regex_match (regex, text, 0, &match); g_match_info_matches (match); g_match_info_next (match, NULL))
            {
              g_autofree char *type = g_match_info_fetch (match, 1);

              g_test_message ("%s", type);
              g_assert_cmpuint (g_type_from_name (type), !=, 0);
              n++;
            }
        }
    }
  g_assert_cmpuint (n, >=, 20);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/init/registers-every-type", test_types);
  g_test_add_func ("/init/no-file-defines-another", test_all_files);
  return g_test_run ();
}
