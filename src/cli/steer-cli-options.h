#pragma once

#include "steer-cli.h"
#include "text/steer-chat-template.h"

G_BEGIN_DECLS

/* Groups of options that commands share. */
typedef enum
{
  STEER_CLI_GROUP_MODEL = 1 << 0,    /* --model, --template */
  STEER_CLI_GROUP_DEVICE = 1 << 1,   /* --device, --threads, --context, --kv, --quantize */
  STEER_CLI_GROUP_PROMPT = 1 << 2,   /* --prompt, --messages, --ids, --raw, --date */
  STEER_CLI_GROUP_SYSTEM = 1 << 3,   /* --system */
  STEER_CLI_GROUP_STEERING = 1 << 4, /* --preset, --vectors, --steer, --steer-prompt, --skip-special */
  STEER_CLI_GROUP_SAMPLING = 1 << 5, /* --temperature ... --stop */
  STEER_CLI_GROUP_THINKING = 1 << 6, /* --thinking */
} SteerCliGroups;

/* What `--help` says of a command beside its options. */
typedef struct
{
  const char *name;
  const char *arguments;   /* "[OPTION…] PATH" */
  const char *description; /* paragraphs */
  const char *examples;    /* lines, each a whole command */
  SteerCliGroups groups;
  guint max_arguments; /* that are not options */
  char **other_prompt; /* (nullable): the value of an own option that takes the place of a prompt */
} SteerCliUsage;

/* LAYER:INDEX=STRENGTH[,MODE][,CONDITION] */
typedef struct
{
  guint layer;
  guint64 index;
  double strength; /* finite */
  SteerMode mode;
  gboolean has_condition;
  SteerCondition condition;
} SteerCliFeature;

/* A yes or no that may be left open. */
typedef enum
{
  STEER_CLI_UNSET,
  STEER_CLI_NO,
  STEER_CLI_YES,
} SteerCliSwitch;

/**
 * SteerCliOptions:
 *
 * The shared options of one command line, checked. Strings are bytes as they were typed: the locale does not touch
 * them.
 */
typedef struct
{
  char *model;           /* nullable */
  SteerModel *elsewhere; /* nullable: the model of another computer, once steer_cli_options_dup_model() has opened it */
  char *template;        /* nullable; a known family */

  char *device; /* nullable */
  SteerContextOptions context;

  char *prompt;   /* nullable */
  char *messages; /* nullable; "-": standard input */
  GArray *ids;    /* gint32; nullable */
  gboolean raw;
  char *date;   /* nullable */
  char *system; /* nullable */

  char *preset;     /* nullable: a file, or the name of a bundled preset */
  char **vectors;   /* NULL-terminated; nullable */
  GArray *features; /* SteerCliFeature */
  SteerCliSwitch steer_prompt;
  SteerCliSwitch skip_special;
  SteerCliSwitch thinking;

  SteerSampling sampling;
  SteerSamplingFields sampling_fields; /* of @sampling, that were given */
  char **stop;                         /* NULL-terminated; nullable */

  /* Arguments that are not options: [n_arguments], borrowed from argv. */
  char **arguments;
  guint n_arguments;
} SteerCliOptions;

/**
 * steer_cli_options_parse:
 * @own: (nullable): the command's own options, ended by an empty entry
 *
 * Returns FALSE when the command is to end with *@status at once: after `--help`, or a mistake that has been told.
 */
gboolean steer_cli_options_parse (SteerCliOptions *self,
                                  const SteerCliUsage *usage,
                                  const GOptionEntry *own,
                                  int argc,
                                  char **argv,
                                  SteerCliStatus *status);
void steer_cli_options_clear (SteerCliOptions *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerCliOptions, steer_cli_options_clear)

/* The path or address of the model that is meant: --model, or else the bundled one. One of another computer is opened,
 * so that a login that fails is told at once. Errors: STEER_CLI_ERROR_USAGE, naming the remedy, when there is neither.
 * Free with g_free(). */
char *steer_cli_options_dup_model (SteerCliOptions *self, GError **error);

/* Where the files of @model, which the last call gave, are on this computer. (transfer none) */
const char *steer_cli_options_get_files (const SteerCliOptions *self, const char *model);

/* Parsers of single values, with STEER_CLI_ERROR_USAGE naming @what. */
/* A condition, or "always" for none. */
gboolean
steer_cli_parse_condition (const char *text, gboolean *has_condition, SteerCondition *condition, GError **error);
gboolean steer_cli_parse_feature (const char *text, SteerCliFeature *feature, GError **error);
gboolean steer_cli_parse_double (const char *text,
                                 const char *what,
                                 double minimum,
                                 double maximum,
                                 double *value,
                                 GError **error);
gboolean steer_cli_parse_uint (const char *text,
                               const char *what,
                               guint64 minimum,
                               guint64 maximum,
                               guint64 *value,
                               GError **error);
/* What the options say of @template's model thinking before it answers. Errors: STEER_CLI_ERROR_USAGE. */
gboolean steer_cli_options_check_thinking (const SteerCliOptions *self, SteerChatTemplate *template, GError **error);

/* What a prompt for a reply ends with. */
SteerOpening steer_cli_options_get_opening (const SteerCliOptions *self);

gboolean steer_cli_parse_switch (const char *text, const char *what, SteerCliSwitch *value, GError **error);
/* "LAYER:INDEX" at the beginning of @text; *end is set behind it. FALSE where it is none. */
gboolean steer_cli_parse_address (const char *text, guint *layer, guint64 *index, const char **end);
/* Opens what --vectors or --sae was given: PATH, or PATH,layer=15,k=50,rows=features|width|layers,d-model=4096,id=NAME
 * for what a file leaves open. @model: what is known of the model. */
SteerVectorSource *steer_cli_open_source (const char *typed, const SteerSourceHints *model, GError **error);
/* A number, or "random". */
gboolean steer_cli_parse_seed (const char *text, guint64 *seed, GError **error);

G_END_DECLS
