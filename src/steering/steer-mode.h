#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * SteerMode:
 * @STEER_MODE_ADD: h' = h + a*v
 * @STEER_MODE_CLAMP: h' = h + (a - p)*v: the projection becomes a
 * @STEER_MODE_MINIMUM: h' = h + max (a - p, 0)*v: a projection below a is raised to it
 * @STEER_MODE_MAXIMUM: h' = h + min (a - p, 0)*v: a projection above a is lowered to it
 * @STEER_MODE_ORTHOGONAL: the projection becomes a, and the rest is rescaled so that |h| stays:
 *   h' = s*(h - p*v) + a*v, s = sqrt (max (|h|^2 - a^2, 0) / r), r = |h|^2 - p^2
 * @STEER_MODE_CAP: h' = h + (q - p)*v, q = min (max (p, -|a|), |a|): the size of the projection is limited to |a|
 * @STEER_MODE_SAE_CLAMP: h' = h + (a - f(h))*gain/scale (h)*v: the feature's activation, as its SAE measures it,
 *   becomes a, as far as the SAE reconstructs the stream; f, gain and scale are those of the operation's #SteerEncoder
 *
 * What an operation does to the residual stream h behind its layer at one position; v is its unit vector, a its
 * strength, p = h.v. h is what the earlier operations of the layer have made of it. This is the definition for every
 * backend:
 *
 * - Sums over d_model are accurate to at least 1e-6 of the product of the norms (float64, or float32 in a tree).
 * - Where h' = h by the formula every bit of h stays: MINIMUM with p >= a, MAXIMUM with p <= a, CAP with |p| <= |a|,
 *   SAE_CLAMP with f(h) = a.
 * - ORTHOGONAL with r <= 1e-4*|h|^2: h has no rest to rescale, and s = 0. With |a| >= |h| it is 0 as well: then h' is
 *   a*v, longer than h was. Little above the edge, where r is a difference of near equals, backends may differ by a
 *   percent of the rest.
 * - Two backends may differ near a threshold of f by the whole activation, as two roundings of h do.
 */
typedef enum
{
  STEER_MODE_ADD,
  STEER_MODE_CLAMP,
  STEER_MODE_MINIMUM,
  STEER_MODE_MAXIMUM,
  STEER_MODE_ORTHOGONAL,
  STEER_MODE_CAP,
  STEER_MODE_SAE_CLAMP,
} SteerMode;

#define STEER_N_MODES (STEER_MODE_SAE_CLAMP + 1)

/* An enumeration type whose nicks are the names below. */
#define STEER_TYPE_MODE (steer_mode_get_type ())
GType steer_mode_get_type (void);

/* "add", "clamp", "minimum", "maximum", "orthogonal", "cap", "sae-clamp": as presets and the command line name them. */
const char *steer_mode_get_name (SteerMode mode);
gboolean steer_mode_from_name (const char *name, SteerMode *mode);
/* All names for a message: "add, clamp, ... or sae-clamp". (transfer none) */
const char *steer_mode_list_names (void);

G_END_DECLS
