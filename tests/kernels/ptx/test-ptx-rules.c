#include "faulty.h"

#include <cuda_runtime_api.h>
#include <glib.h>
#include <string.h>

#include "steer-shim.h"

/* What translated kernels are watched for is seen: each kernel here breaks one rule. */

typedef struct
{
  const char *name;
  Faulty fault;
  const char *message;
} Rule;

static const Rule rules[] = {
  { "alignment", FAULTY_ALIGNMENT, "*faulty.cu:*reads 16 bytes at an address that is no multiple of it*" },
  { "end-of-memory", FAULTY_END, "*thread 63, faulty.cu:*reads 4 bytes where nothing is allocated*" },
  { "across-end-of-memory", FAULTY_ACROSS_END, "*faulty.cu:*reads 16 bytes at byte 256 of an allocation of 260*" },
  { "alignment-of-write", FAULTY_WRITE_ALIGNMENT, "*faulty.cu:*writes 8 bytes at an address that is no multiple*" },
  { "write-beyond-memory", FAULTY_WRITE_END, "*faulty.cu:*writes 4 bytes where nothing is allocated*" },
  { "alignment-of-shared", FAULTY_SHARED_ALIGNMENT, "*faulty.cu:*writes 8 bytes of shared memory at an address*" },
  { "end-of-shared", FAULTY_SHARED_END, "*faulty.cu:*writes 4 bytes at byte 256 of 256 of shared memory*" },
  { "read-beside-write", FAULTY_SHARED_READ, "*faulty.cu:*shared memory that another thread * without a barrier*" },
  { "write-beside-read", FAULTY_SHARED_WRITE, "*faulty.cu:*writes shared memory that another thread reads*" },
  { "write-beside-write", FAULTY_SHARED_OVERWRITE, "*faulty.cu:*writes shared memory that another thread writes*" },
  { "atomic-beside-write", FAULTY_SHARED_ATOMIC, "*faulty.cu:*writes shared memory that another thread writes*" },
  { "matrices-beside-write", FAULTY_MATRICES, "*reads shared memory that another thread writes*2 bytes*" },
  { "read-before-wait", FAULTY_EARLY_READ, "*faulty.cu:*reads before griddepcontrol.wait what the launch 1 before*" },
  { "write-before-wait", FAULTY_EARLY_WRITE, "*faulty.cu:*writes before griddepcontrol.wait*" },
  { "no-wait", FAULTY_NO_WAIT, "*faulty_pass*a block ended without griddepcontrol.wait*" },
  { "constant-after-write", FAULTY_CONSTANT, "*faulty.cu:*reads with ld.global.nc what the same launch writes*" },
  { "constant-before-write", FAULTY_CONSTANT_BEFORE,
    "*faulty.cu:*writes what the same launch reads with ld.global.nc*" },
  { "other-block-wrote", FAULTY_OTHER_BLOCK_WROTE, "*faulty.cu:*reads what block 0 of the same launch wrote*" },
  { "other-block-reads", FAULTY_OTHER_BLOCK_READS, "*faulty.cu:*writes what another block of the same launch reads*" },
  { "other-block-overwrites", FAULTY_OTHER_BLOCK_OVERWRITES,
    "*faulty.cu:*writes what block 0 of the same launch wrote*" },
  { "other-block-unfenced", FAULTY_OTHER_BLOCK_UNFENCED, "*faulty.cu:*of block 0*which had no fence behind it*" },
  { "other-block-fenced-by-one", FAULTY_OTHER_BLOCK_FENCED_BY_ONE,
    "*faulty.cu:*of block 0*which had no fence behind it*" },
  { "other-block-unacquired", FAULTY_OTHER_BLOCK_UNACQUIRED,
    "*faulty.cu:*reads what block 0 of the same launch wrote, without an atomic operation and a fence*" },
  { "launch-bounds", FAULTY_BOUNDS, "*faulty_turn*more threads than its launch bounds say*" },
  { "lanes-missing", FAULTY_MEMBERS, "*shim:*wait for each other for ever*" },
};

static void
run (Faulty fault, float *result)
{
  float *in, *out;
  unsigned *n_ended;

  /* The threads in their order, so that the first to break the rule is known. */
  steer_shim_set_seed (0);
  g_assert_cmpint (cudaMalloc ((void **) &in, (FAULTY_N + 1) * sizeof *in), ==, cudaSuccess);
  g_assert_cmpint (cudaMalloc ((void **) &out, FAULTY_N * sizeof *out), ==, cudaSuccess);
  g_assert_cmpint (cudaMalloc ((void **) &n_ended, sizeof *n_ended), ==, cudaSuccess);
  g_assert_cmpint (cudaMemset (n_ended, 0, sizeof *n_ended), ==, cudaSuccess);
  g_assert_cmpint (faulty_launch (fault, in, out, n_ended), ==, cudaSuccess);
  g_assert_cmpint (cudaMemcpy (result, out, FAULTY_N * sizeof *out, cudaMemcpyDeviceToHost), ==, cudaSuccess);
  cudaFree (in);
  cudaFree (out);
  cudaFree (n_ended);
}

static void
test_rule (gconstpointer data)
{
  const Rule *rule = data;
  float result[FAULTY_N];

  if (g_test_subprocess ())
    {
      run (rule->fault, result);
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr (rule->message);
}

static void
test_no_fault (void)
{
  static const Faulty kept[] = { FAULTY_NOTHING, FAULTY_OTHER_BLOCK_FENCED };
  float result[FAULTY_N];

  for (guint k = 0; k < G_N_ELEMENTS (kept); k++)
    {
      run (kept[k], result);
      for (int i = 0; i < FAULTY_N; i++)
        g_assert_cmpfloat (result[i], ==, (float) (FAULTY_N - 1 - i));
    }
}

/* What is on its way is not there: other bytes are, and whoever takes them computes with these. */
static void
test_copy_not_waited_for (void)
{
  float result[FAULTY_N];
  guint8 bytes[sizeof (float)];

  run (FAULTY_COPY, result);
  memset (bytes, 0xa5, sizeof bytes);
  for (int i = 0; i < FAULTY_N; i++)
    g_assert_cmpmem (&result[i], sizeof result[i], bytes, sizeof bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ptx/rules/all-kept", test_no_fault);
  g_test_add_func ("/ptx/rules/copy-not-waited-for", test_copy_not_waited_for);
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      g_autofree char *path = g_strconcat ("/ptx/rules/", rules[i].name, NULL);

      g_test_add_data_func (path, &rules[i], test_rule);
    }
  return g_test_run ();
}
