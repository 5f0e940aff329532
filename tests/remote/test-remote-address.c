#include "remote/steer-remote-address.h"
#include "remote/steer-remote-hosts.h"

#include "model/steer-model-config.h"

#include <string.h>

typedef struct
{
  const char *text;
  const char *host;
  guint port;
  const char *path;
  const char *program;
} Case;

static const Case cases[] = {
  { "ssh://box/models/llama", "box", 0, "/models/llama", "steer" },
  { "ssh://anna@box.example.org:2222/models/llama", "anna@box.example.org", 2222, "/models/llama", "steer" },
  { "ssh://box/~/models/llama.gguf", "box", 0, "~/models/llama.gguf", "steer" },
  { "ssh://box/with%20a%20blank/ü%23?program=/opt/steer%20chat/bin/steer", "box", 0, "/with a blank/ü#",
    "/opt/steer chat/bin/steer" },
  { "ssh://[fe80::1]:22/m", "fe80::1", 22, "/m", "steer" },
  { "ssh://box", "box", 0, NULL, "steer" },
};

static void
test_parts (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse (cases[i].text, &error);
      g_autofree char *again = NULL;

      g_assert_no_error (error);
      g_assert_cmpstr (address->host, ==, cases[i].host);
      g_assert_cmpuint (address->port, ==, cases[i].port);
      g_assert_cmpstr (address->path, ==, cases[i].path);
      g_assert_cmpstr (address->program, ==, cases[i].program);
      again = steer_remote_address_to_string (address);
      g_assert_cmpstr (again, ==, cases[i].text);
    }
}

static void
test_slash_is_no_path (void)
{
  g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse ("ssh://box/", NULL);
  g_autofree char *text = steer_remote_address_to_string (address);

  g_assert_null (address->path);
  g_assert_cmpstr (text, ==, "ssh://box");
}

/* What ssh would take for an option, a shell for a command, or a person for another place. */
static void
test_refused (void)
{
  static const char *const texts[] = {
    "box:/models/llama",
    "ssh://",
    "ssh:///models",
    "ssh://-oProxyCommand=x/m",
    "ssh://-l@box/m",
    "ssh://a%20b/m",
    "ssh://box;reboot/m",
    "ssh://anna:secret@box/m",
    "ssh://%24%28reboot%29@box/m",
    "ssh://box/m#1",
    "ssh://box/m?other=1",
    "ssh://box/m?program=",
    "ssh://box/m?program=steer&program2=x",
    "ssh://box:99999/m",
    "ssh://box/%FF",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse (texts[i], &error);

      g_assert_null (address);
      g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, texts[i]));
    }
}

static void
test_computers (void)
{
  static const char *const texts[][2] = {
    { "box", "ssh://box" },
    { " anna@box:2222 \n", "ssh://anna@box:2222" },
    { "ssh://box", "ssh://box" },
    { "box?program=/opt/steer", "ssh://box?program=/opt/steer" },
  };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse_computer (texts[i][0], NULL);
      g_autofree char *text = steer_remote_address_to_string (address);

      g_assert_cmpstr (text, ==, texts[i][1]);
    }
  g_assert_null (steer_remote_address_parse_computer ("box/models/llama", &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
  g_assert_null (steer_remote_address_parse_computer ("", NULL));
}

static void
test_other_path (void)
{
  g_autoptr (SteerRemoteAddress) computer = steer_remote_address_parse ("ssh://anna@box?program=/opt/steer", NULL);
  g_autoptr (SteerRemoteAddress) model = steer_remote_address_copy (computer);
  g_autofree char *text = NULL;

  steer_remote_address_set_path (model, "/a b");
  text = steer_remote_address_to_string (model);
  g_assert_cmpstr (text, ==, "ssh://anna@box/a%20b?program=/opt/steer");
  g_assert_null (computer->path);
}

/* As ssh_config(5) has it. */
static void
test_hosts (void)
{
  static const char text[] = "# Host commented\n"
                             "Host big small *.example.org !other\n"
                             "  HostName big.example.org\n"
                             "\tuser anna\n"
                             "Hostile x\n"
                             "hOsT=equal\n"
                             "Host\t\"quoted\" -oX big # and words\n"
                             "Host b\xff\x00\x01 a;b\n"
                             "Match host matched\n"
                             "Host last";
  static const char *const expected[] = { "big", "small", "equal", "quoted", "last", NULL };
  g_auto (GStrv) hosts = steer_remote_parse_hosts (text, sizeof text - 1), none = steer_remote_parse_hosts ("", 0);

  g_assert_cmpstrv (hosts, expected);
  g_assert_cmpuint (g_strv_length (none), ==, 0);
}

/* A file with more than anybody has is cut. */
static void
test_many_hosts (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (GStrv) hosts = NULL;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (text, "Host h%u\n", i);
  hosts = steer_remote_parse_hosts (text->str, text->len);
  g_assert_cmpuint (g_strv_length (hosts), ==, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/remote-address/its parts come back as they were typed", test_parts);
  g_test_add_func ("/remote-address/a slash alone names no model", test_slash_is_no_path);
  g_test_add_func ("/remote-address/what is no name of a computer is refused", test_refused);
  g_test_add_func ("/remote-address/a computer as people type it", test_computers);
  g_test_add_func ("/remote-address/another model of the same computer", test_other_path);

  g_test_add_func ("/remote-address/names of ssh's configuration are found", test_hosts);
  g_test_add_func ("/remote-address/no more of them than one would choose from", test_many_hosts);

  return g_test_run ();
}
