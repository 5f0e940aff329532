#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A model's folder as people call it: the bundled model by its own name, a snapshot of the Hugging Face cache by
 * "owner/name", any other by the folder's name. "" for NULL. Free with g_free(). */
char *steer_model_dup_title (const char *path);

/* The same for programs: the bundled model has one name in all languages. Free with g_free(). */
char *steer_model_dup_name (const char *path);

/* Where it is, for people: the path; of a model of another computer that computer's name and the path there. Free with
 * g_free(). */
char *steer_model_dup_place (const char *path);

/* The line below it: "CPU · AVX-512 · 268 tokens/s", "GPU · NVIDIA H200". @device_id and @device_name as the engine
 * tells them, (nullable); a rate of 0 is left out. Free with g_free(). */
char *steer_model_dup_subtitle (const char *device_id, const char *device_name, double tokens_per_second);

G_END_DECLS
