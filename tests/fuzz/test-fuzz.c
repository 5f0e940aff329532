/* The watch over the time of an input, without which no fuzzer would tell a slow one. */
#include "fuzz.h"

#include <time.h>

static double seconds_of_input;

static double
processor_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  double end = processor_seconds () + seconds_of_input;

  while (processor_seconds () < end)
    continue;
  return 0;
}

static void
a_second_ends_the_program (void)
{
  if (g_test_subprocess ())
    {
      seconds_of_input = 1.0;
      LLVMFuzzerTestOneInput (NULL, 0);
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*an input took a second of processor time*");
}

static void
shorter_inputs_may_take_longer_together (void)
{
  seconds_of_input = 0.4;
  for (int i = 0; i < 3; i++)
    LLVMFuzzerTestOneInput (NULL, 0);
}

static void
time_between_inputs_does_not_count (void)
{
  seconds_of_input = 0.0;
  LLVMFuzzerTestOneInput (NULL, 0);
  seconds_of_input = 1.2; /* between two inputs the program may compute as long as it likes */
  fuzz_one_input (NULL, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fuzz/a second ends the program", a_second_ends_the_program);
  g_test_add_func ("/fuzz/shorter inputs may take longer together", shorter_inputs_may_take_longer_together);
  g_test_add_func ("/fuzz/time between inputs does not count", time_between_inputs_does_not_count);
  return g_test_run ();
}
