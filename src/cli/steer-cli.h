#pragma once

#include "steer/steer.h"

G_BEGIN_DECLS

/* The contract with scripts: what the process ends with. */
typedef enum
{
  STEER_CLI_OK = 0,
  STEER_CLI_FAILED = 1, /* something did not work; the reason is on standard error */
  STEER_CLI_USAGE = 2,  /* the command line itself is wrong or lacks something */
} SteerCliStatus;

#define STEER_CLI_ERROR (steer_cli_error_quark ())

/* Errors of these codes end the process with STEER_CLI_USAGE; every other error with STEER_CLI_FAILED. */
typedef enum
{
  STEER_CLI_ERROR_USAGE,
} SteerCliError;

GQuark steer_cli_error_quark (void);

/**
 * SteerCliCommand:
 *
 * One word after `steer`. @run gets the arguments without the program's name, argv[0] being the command's own.
 */
typedef struct
{
  const char *name;
  const char *summary; /* one line for `steer --help` */
  SteerCliStatus (*run) (int argc, char **argv);
} SteerCliCommand;

SteerCliStatus steer_cli_chat (int argc, char **argv);
SteerCliStatus steer_cli_generate (int argc, char **argv);
SteerCliStatus steer_cli_tokenize (int argc, char **argv);
SteerCliStatus steer_cli_template (int argc, char **argv);
SteerCliStatus steer_cli_trace (int argc, char **argv);
SteerCliStatus steer_cli_bench (int argc, char **argv);
SteerCliStatus steer_cli_info (int argc, char **argv);
SteerCliStatus steer_cli_extract (int argc, char **argv);
SteerCliStatus steer_cli_inspect (int argc, char **argv);
SteerCliStatus steer_cli_contrast (int argc, char **argv);
SteerCliStatus steer_cli_sweep (int argc, char **argv);
SteerCliStatus steer_cli_hub (int argc, char **argv);
SteerCliStatus steer_cli_serve (int argc, char **argv);
SteerCliStatus steer_cli_lend (int argc, char **argv);
SteerCliStatus steer_cli_features (int argc, char **argv);
SteerCliStatus steer_cli_quantize (int argc, char **argv);
SteerCliStatus steer_cli_devices (int argc, char **argv);

G_END_DECLS
