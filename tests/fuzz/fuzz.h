#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* A target reads any bytes at all as one kind of file. It must come back without a crash, a leak or a long wait, and
 * whatever it accepts must hold what the reader promises: views lie in the file, what is written is read again. Each
 * target's source defines this one function. Returns 0. */
int fuzz_one_input (const uint8_t *data, size_t size);

/* Runs the target on @data ([size]), and ends the program with a message where that takes a second of processor time
 * (more than 0.8: it is looked at ten times a second). Time that the machine spends on other programs does not count.
 *
 * Linked with fuzz-main.c a target is an ordinary test over a corpus and damaged copies of it; linked with clang's
 * -fsanitize=fuzzer it is a target for libFuzzer (build-aux/fuzz), whose name this is. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Whether the last input was accepted. The tests want every seed of a corpus accepted: a seed that is turned away at
 * the door tests the door only. */
extern gboolean fuzz_accepted;

/* A path under which @data ([size]) opens as a regular file; good until the next call. */
const char *fuzz_file (const uint8_t *data, size_t size);

/* A folder of this process in which a target keeps files, removed at its end; and one file in it. The path of a file
 * is the same string in every call with the same @name. @data NULL: there is no such file. */
const char *fuzz_folder (void);
const char *fuzz_folder_write (const char *name, const uint8_t *data, size_t size);

G_END_DECLS
