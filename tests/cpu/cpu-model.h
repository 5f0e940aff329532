#pragma once

#include "model/steer-backend.h"

#include "test-util.h"

G_BEGIN_DECLS

/* A model of tests/fixtures/cpu with what it must compute; see make-models.py there. */
typedef struct
{
  SteerModel *model;
  const SteerModelConfig *config;
  SteerArchive *expected;
  gint32 *tokens; /* [n_tokens] */
  guint n_tokens;
  guint n_rows;     /* the last positions, of which results are known */
  GBytes **vectors; /* [n_vectors]: unit vectors of d_model floats */
  guint n_vectors;
} CpuModel;

CpuModel *cpu_model_load (const char *name);
void cpu_model_free (CpuModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CpuModel, cpu_model_free)

/* "layer:vector:mode:strength" separated by spaces, as the fixtures write interventions. */
SteerPlan *cpu_model_make_plan (CpuModel *self, const char *text);

/* One slot and an F32 cache unless said otherwise. The context is opened on the CPU backend itself. */
SteerContext *cpu_context_open (SteerModel *model, guint n_slots, SteerDtype kv_dtype, guint n_threads);

/* Runs tokens first .. first + n - 1 of the model in @slot. Returns [n, n_vocab] logits. */
float *cpu_context_run (SteerContext *context, CpuModel *model, guint slot, guint first, guint n, SteerPlan *plan);

/* The same as the last of them: [n_vocab]. */
float *cpu_context_run_last (SteerContext *context, CpuModel *model, guint slot, guint first, guint n, SteerPlan *plan);

/* Fails the test when the largest difference exceeds @tolerance times the largest of @expected. */
#define assert_near(actual, expected, n, tolerance)                                                                    \
  g_assert_cmpfloat (test_max_relative_error (actual, expected, n), <=, tolerance)

G_END_DECLS
