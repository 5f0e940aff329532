#pragma once

#include "steer-cli.h"

G_BEGIN_DECLS

/* A direction that is taken out, and what is known of it. */
typedef struct
{
  guint layer;
  guint64 index;
  double strength; /* of the preset, else recommended by the source; 0: not known */
  double minimum;  /* useful range; both 0: not known */
  double maximum;
  double norm;           /* of the direction in the source's file; 0: not known */
  double layer_norm;     /* typical norm of the layer's residual stream; 0: not known */
  char *label;           /* nullable */
  char *source;          /* its source's id */
  GBytes *vector;        /* [d_model] f32, of unit length */
  SteerEncoder *encoder; /* nullable: the source has none that can be used for one feature */
} SteerCliDirection;

/* On standard output. @directions: (element-type SteerCliDirection). */
void steer_cli_extract_print_text (GPtrArray *directions, const char *path);
void steer_cli_extract_print_json (GPtrArray *directions, const char *path);

G_END_DECLS
