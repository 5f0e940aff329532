#pragma once

#include "steering/steer-made-feature.h"

#include "steer-cli.h"

G_BEGIN_DECLS

typedef enum
{
  STEER_CLI_INFO_MODEL,
  STEER_CLI_INFO_ARCHIVE,
  STEER_CLI_INFO_VECTORS,
  STEER_CLI_INFO_PRESET,
  STEER_CLI_INFO_TOKENIZER,
} SteerCliInfoKind;

/* What was found out about a path. Members that do not belong to the kind are NULL. */
typedef struct
{
  SteerCliInfoKind kind;
  const char *path;        /* as it was typed */
  const char *files;       /* where it is on this computer: the path, or what steer_model_get_files() says */
  SteerModel *elsewhere;   /* nullable: the model of an address */
  SteerArchive *archive;   /* nullable: a model may lack its weights */
  SteerModelConfig config; /* MODEL */
  gboolean has_config;
  SteerTokenizer *tokenizer;   /* MODEL, TOKENIZER; nullable */
  SteerChatTemplate *template; /* MODEL; nullable */
  GPtrArray *lacks;            /* MODEL: char *, one a thing that is missing or wrong */
  SteerVectorSource *vectors;  /* VECTORS */
  SteerMadeFeature *made;      /* VECTORS; nullable: it was not made of examples */
  SteerPreset *preset;         /* PRESET */
} SteerCliInfo;

void steer_cli_info_clear (SteerCliInfo *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerCliInfo, steer_cli_info_clear)

/* What a computer, an address without a path, has to lend: its devices and models. */
gboolean steer_cli_info_print_computer (const char *address, gboolean as_json, GError **error);

/* "model", "archive", "vectors", "preset", "tokenizer" */
const char *steer_cli_info_get_kind_name (const SteerCliInfo *self);

/* On standard output. @all_tensors: one line a tensor; else tensors that differ in a number only share one. */
void steer_cli_info_print_text (const SteerCliInfo *self, gboolean all_tensors);
void steer_cli_info_print_json (const SteerCliInfo *self);

G_END_DECLS
