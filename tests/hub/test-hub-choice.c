/* What of a repository can be used, told from the names of its files. */
#include "hub/steer-hub-choice.h"

#include <string.h>

#include "hub/steer-hub-name.h"

/* @text: "PATH SIZE", a line a file. One line a choice: "model NAME -> TARGET [FILES] BYTES (PROBLEM)". */
static char *
list (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GArray) files = g_array_new (FALSE, TRUE, sizeof (SteerHubFile));
  g_autoptr (GString) result = g_string_new (NULL);
  g_autoptr (GPtrArray) choices = NULL;

  g_array_set_clear_func (files, (GDestroyNotify) steer_hub_file_clear);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      char *space = strrchr (lines[i], ' ');
      SteerHubFile file = { 0 };

      if (space == NULL)
        continue;
      file.path = g_strndup (lines[i], (gsize) (space - lines[i]));
      file.size = g_ascii_strtoull (space + 1, NULL, 10);
      g_array_append_val (files, file);
    }
  choices = steer_hub_list_choices ((const SteerHubFile *) (gpointer) files->data, files->len);
  for (guint i = 0; i < choices->len; i++)
    {
      const SteerHubChoice *choice = g_ptr_array_index (choices, i);

      g_string_append_printf (result, "%s %s -> %s [", choice->kind == STEER_HUB_MODEL ? "model" : "features",
                              choice->name, choice->target);
      for (guint j = 0; j < choice->n_files; j++)
        g_string_append_printf (result, "%s%s", j > 0 ? " " : "",
                                g_array_index (files, SteerHubFile, choice->files[j]).path);
      g_string_append_printf (result, "] %" G_GUINT64_FORMAT, choice->bytes);
      if (choice->problem != NULL)
        g_string_append_printf (result, " (%s)", choice->problem);
      g_string_append_c (result, '\n');
    }
  return g_strdup (result->str);
}

static void
check (const char *files, const char *expected)
{
  g_autofree char *found = list (files);

  g_assert_cmpstr (found, ==, expected);
}

/* bartowski's and others' repositories: one file a quantisation. */
static void
test_gguf (void)
{
  check (".gitattributes 10\nREADME.md 100\nM-Q8_0.gguf 80\nM-Q4_K_M.gguf 40\nM.imatrix 5\nmmproj-M-f16.gguf 3\n"
         "M-imatrix.gguf 2\n",
         "model M-Q4_K_M -> M-Q4_K_M.gguf [M-Q4_K_M.gguf] 40\n"
         "model M-Q8_0 -> M-Q8_0.gguf [M-Q8_0.gguf] 80\n");
}

static void
test_split_gguf (void)
{
  check ("q8/M-00002-of-00003.gguf 20\nq8/M-00001-of-00003.gguf 30\nq8/M-00003-of-00003.gguf 10\n",
         "model q8/M -> q8/M-00001-of-00003.gguf "
         "[q8/M-00003-of-00003.gguf q8/M-00002-of-00003.gguf q8/M-00001-of-00003.gguf] 60\n");
  check ("M-00001-of-00002.gguf 20\n",
         "model M -> M-00001-of-00002.gguf [M-00001-of-00002.gguf] 20 (parts of it are missing)\n");
  check ("M-00002-of-00002.gguf 20\n", "");
}

/* As save_pretrained writes it, with what else lies in such repositories. */
static void
test_safetensors (void)
{
  check ("config.json 1\ntokenizer.json 9\ntokenizer_config.json 2\ngeneration_config.json 3\nmodel.safetensors 100\n"
         "original/consolidated.00.pth 100\noriginal/tokenizer.model 3\npytorch_model.bin 100\ntraining_args.bin 4\n"
         "README.md 5\nonnx/model.onnx 100\n",
         "model safetensors ->  [config.json tokenizer_config.json generation_config.json tokenizer.json "
         "model.safetensors] 115\n");
}

static void
test_sharded_safetensors (void)
{
  check ("config.json 1\ntokenizer.json 9\nmodel.safetensors.index.json 4\nmodel-00001-of-00002.safetensors 100\n"
         "model-00002-of-00002.safetensors 60\nconsolidated.safetensors 160\nchat_template.jinja 2\n",
         "model safetensors ->  [config.json chat_template.jinja model.safetensors.index.json tokenizer.json "
         "model-00002-of-00002.safetensors model-00001-of-00002.safetensors] 176\n");
  check ("config.json 1\ntokenizer.json 9\nmodel-00001-of-00003.safetensors 100\nmodel-00003-of-00003.safetensors 60\n",
         "model safetensors ->  [config.json tokenizer.json model-00001-of-00003.safetensors] 110 (parts of it are "
         "missing)\n");
}

static void
test_no_tokenizer (void)
{
  check ("config.json 1\nmodel.safetensors 100\n",
         "model safetensors ->  [config.json model.safetensors] 101 (it has no tokenizer.json)\n");
  check ("config.json 1\ntokenizer.json 2\npytorch_model.bin 100\n", "");
}

static void
test_model_in_folder (void)
{
  check ("small/config.json 1\nsmall/tokenizer.json 2\nsmall/model.safetensors 3\nREADME.md 1\n",
         "model small -> small [small/config.json small/tokenizer.json small/model.safetensors] 6\n");
}

/* andyrdt/saes-llama-3.1-8b-instruct */
static void
test_dictionary_learning (void)
{
  check ("resid_post_layer_15/trainer_1/ae.pt 50\nresid_post_layer_15/trainer_1/config.json 1\n"
         "resid_post_layer_7/trainer_1/ae.pt 50\nresid_post_layer_7/trainer_1/config.json 1\n"
         "resid_post_layer_7/trainer_1/eval_results.json 1\n",
         "features resid_post_layer_7/trainer_1 -> resid_post_layer_7/trainer_1/ae.pt "
         "[resid_post_layer_7/trainer_1/config.json resid_post_layer_7/trainer_1/ae.pt] 51\n"
         "features resid_post_layer_15/trainer_1 -> resid_post_layer_15/trainer_1/ae.pt "
         "[resid_post_layer_15/trainer_1/config.json resid_post_layer_15/trainer_1/ae.pt] 51\n");
}

/* SAELens, Gemma Scope 1 and 2, Llama Scope, sparsify, Goodfire, Qwen-Scope: FORMATS of steer-sae-formats.c. */
static void
test_other_saes (void)
{
  check ("blocks.8.hook_resid_pre/cfg.json 1\nblocks.8.hook_resid_pre/sae_weights.safetensors 9\n"
         "blocks.8.hook_resid_pre/sparsity.safetensors 2\n",
         "features blocks.8.hook_resid_pre -> blocks.8.hook_resid_pre/sae_weights.safetensors "
         "[blocks.8.hook_resid_pre/cfg.json blocks.8.hook_resid_pre/sae_weights.safetensors] 10\n");
  check ("layer_12/width_16k/average_l0_82/params.npz 9\n",
         "features layer_12/width_16k/average_l0_82 -> layer_12/width_16k/average_l0_82/params.npz "
         "[layer_12/width_16k/average_l0_82/params.npz] 9\n");
  check ("resid_post/layer_9_width_16k_l0_small/params.safetensors 9\n"
         "resid_post/layer_9_width_16k_l0_small/config.json 1\n",
         "features resid_post/layer_9_width_16k_l0_small -> resid_post/layer_9_width_16k_l0_small/params.safetensors "
         "[resid_post/layer_9_width_16k_l0_small/config.json resid_post/layer_9_width_16k_l0_small/params.safetensors] "
         "10\n");
  check ("L15R-8x/checkpoints/final.safetensors 9\nL15R-8x/hyperparams.json 1\nL15R-8x/lm_config.json 1\n",
         "features L15R-8x -> L15R-8x/checkpoints/final.safetensors "
         "[L15R-8x/hyperparams.json L15R-8x/checkpoints/final.safetensors] 10\n");
  check ("layers.5/cfg.json 1\nlayers.5/sae.safetensors 9\nconfig.json 1\n",
         "features layers.5 -> layers.5/sae.safetensors [layers.5/cfg.json layers.5/sae.safetensors] 10\n");
  check ("Llama-3.1-8B-Instruct-SAE-l19.pth 9\nREADME.md 1\n",
         "features Llama-3.1-8B-Instruct-SAE-l19.pth -> Llama-3.1-8B-Instruct-SAE-l19.pth "
         "[Llama-3.1-8B-Instruct-SAE-l19.pth] 9\n");
  check ("layer10.sae.pt 9\nlayer9.sae.pt 9\n", "features layer9.sae.pt -> layer9.sae.pt [layer9.sae.pt] 9\n"
                                                "features layer10.sae.pt -> layer10.sae.pt [layer10.sae.pt] 9\n");
}

/* Two files of a folder that are each called after it, and a model's states. */
static void
test_odd_repositories (void)
{
  check ("l1/ae.pt 1\nl1/params.npz 2\n", "features l1 -> l1/ae.pt [l1/ae.pt] 1\n"
                                          "features l1/params.npz -> l1/params.npz [l1/params.npz] 2\n");
  check ("ae.pt 1\n", "features ae.pt -> ae.pt [ae.pt] 1\n");
  check ("checkpoint-100/optimizer.pt 1\ncheckpoint-100/rng_state.pth 1\ncheckpoint-100/scheduler.pt 1\n", "");
  check ("", "");
}

/* Three that would all be called the same, and one whose other name is taken, too. */
static void
test_equal_names (void)
{
  check ("M-00001-of-00001.gguf 1\nM-000001-of-000001.gguf 2\nM.gguf 3\n",
         "model M -> M-00001-of-00001.gguf [M-00001-of-00001.gguf] 1\n"
         "model M.gguf -> M.gguf [M.gguf] 3\n"
         "model M-000001-of-000001.gguf -> M-000001-of-000001.gguf [M-000001-of-000001.gguf] 2\n");
  check ("safetensors.gguf 1\nconfig.json 1\ntokenizer.json 1\nmodel.safetensors 5\n",
         "model safetensors -> safetensors.gguf [safetensors.gguf] 1\n"
         "model safetensors (2) ->  [config.json tokenizer.json model.safetensors] 7\n");
  check ("l1/ae.pt 1\nl1/params.npz 2\nl1/sae.safetensors 3\n",
         "features l1 -> l1/ae.pt [l1/ae.pt] 1\n"
         "features l1/params.npz -> l1/params.npz [l1/params.npz] 2\n"
         "features l1/sae.safetensors -> l1/sae.safetensors [l1/sae.safetensors] 3\n");
}

/* Shards that an earlier upload has left beside a whole set, and counts of six digits. */
static void
test_odd_shards (void)
{
  check ("config.json 1\ntokenizer.json 1\nmodel-00001-of-00003.safetensors 9\nmodel-00001-of-00002.safetensors 8\n"
         "model-00002-of-00002.safetensors 7\n",
         "model safetensors ->  [config.json tokenizer.json model-00002-of-00002.safetensors "
         "model-00001-of-00002.safetensors] 17\n");
  check ("config.json 1\ntokenizer.json 1\nmodel-00001-of-000002.safetensors 8\nmodel-00002-of-000002.safetensors 7\n",
         "model safetensors ->  [config.json tokenizer.json model-00002-of-000002.safetensors "
         "model-00001-of-000002.safetensors] 17\n");
}

/* "this program cannot count them" is not an answer. */
static void
test_huge_sizes (void)
{
  check ("M-00001-of-00002.gguf 18446744073709551615\nM-00002-of-00002.gguf 5\n",
         "model M -> M-00001-of-00002.gguf [M-00002-of-00002.gguf M-00001-of-00002.gguf] 18446744073709551615\n");
}

static void
test_find (void)
{
  SteerHubFile files[] = { { (char *) "M-Q4_K_M.gguf", 4, NULL },
                           { (char *) "M-Q4_K_S.gguf", 3, NULL },
                           { (char *) "M-Q4_K_M-pure.gguf", 5, NULL } };
  g_autoptr (GPtrArray) three = steer_hub_list_choices (files, 3), one = steer_hub_list_choices (files, 1);
  SteerHubFile more[] = { { (char *) "M-Q6_K.gguf", 4, NULL },
                          { (char *) "M-Q6_K_L.gguf", 3, NULL },
                          { (char *) "M-bf16.gguf", 5, NULL },
                          { (char *) "M-f16.gguf", 5, NULL } };
  g_autoptr (GPtrArray) large = steer_hub_list_choices (more, 4);
  g_autoptr (GPtrArray) none = steer_hub_list_choices (files, 0);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (steer_hub_find_choice (three, "q4_k_s", NULL)->name, ==, "M-Q4_K_S");
  g_assert_cmpstr (steer_hub_find_choice (three, "M-Q4_K_M", NULL)->name, ==, "M-Q4_K_M"); /* whole before part */
  g_assert_cmpstr (steer_hub_find_choice (three, "M-Q4_K_M-pure.gguf", NULL)->name, ==, "M-Q4_K_M-pure");
  g_assert_cmpstr (steer_hub_find_choice (three, "m-q4_k_m", NULL)->name, ==, "M-Q4_K_M");
  g_assert_null (steer_hub_find_choice (three, "q4_k_m", NULL));                     /* words of two */
  g_assert_cmpstr (steer_hub_find_choice (large, "q6_k", NULL)->name, ==, "M-Q6_K"); /* words before parts */
  g_assert_cmpstr (steer_hub_find_choice (large, "f16", NULL)->name, ==, "M-f16");
  g_assert_cmpstr (steer_hub_find_choice (large, "k_l", NULL)->name, ==, "M-Q6_K_L");
  g_assert_cmpstr (steer_hub_find_choice (one, NULL, NULL)->name, ==, "M-Q4_K_M");
  g_assert_cmpstr (steer_hub_find_choice (one, "", NULL)->name, ==, "M-Q4_K_M");

  g_assert_null (steer_hub_find_choice (three, "q4_k", &error));
  g_assert_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "more than one"));
  g_clear_error (&error);
  g_assert_null (steer_hub_find_choice (three, NULL, &error));
  g_assert_nonnull (strstr (error->message, "M-Q4_K_S"));
  g_clear_error (&error);
  g_assert_null (steer_hub_find_choice (three, "q8", &error));
  g_assert_nonnull (strstr (error->message, "nothing is called"));
  g_clear_error (&error);
  g_assert_null (steer_hub_find_choice (none, NULL, &error));
  g_assert_nonnull (strstr (error->message, "can be used"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/choice/gguf", test_gguf);
  g_test_add_func ("/hub/choice/split-gguf", test_split_gguf);
  g_test_add_func ("/hub/choice/safetensors", test_safetensors);
  g_test_add_func ("/hub/choice/sharded-safetensors", test_sharded_safetensors);
  g_test_add_func ("/hub/choice/no-tokenizer", test_no_tokenizer);
  g_test_add_func ("/hub/choice/model-in-folder", test_model_in_folder);
  g_test_add_func ("/hub/choice/dictionary-learning", test_dictionary_learning);
  g_test_add_func ("/hub/choice/other-saes", test_other_saes);
  g_test_add_func ("/hub/choice/odd-repositories", test_odd_repositories);
  g_test_add_func ("/hub/choice/equal-names", test_equal_names);
  g_test_add_func ("/hub/choice/odd-shards", test_odd_shards);
  g_test_add_func ("/hub/choice/huge-sizes", test_huge_sizes);
  g_test_add_func ("/hub/choice/find", test_find);
  return g_test_run ();
}
