/* What each format's encoder is, from the sources of its library:
 *
 *   dictionary_learning  saprmarks/dictionary_learning, dictionary.py and trainers/{batch_top_k,top_k,gdm}.py
 *   SAELens              jbloomAus/SAELens, sae_lens/saes/
 *   Gemma Scope          google/gemma-scope's tutorial; the same as a JumpReLU SAE of SAELens
 *   Llama Scope          OpenMOSS/Language-Model-SAEs, lm_saes/sae.py
 *   sparsify             EleutherAI/sparsify, sparsify/sparse_coder.py
 *   Goodfire             the card of Llama-3.1-8B-Instruct-SAE-l19
 *   Qwen-Scope           the card of its SAEs */

#include "steer-sae-private.h"

#include <math.h>
#include <string.h>

static void G_GNUC_PRINTF (2, 3) set_problem (SteerSaeWeights *self, const char *format, ...)
{
  va_list args;

  if (self->encoder_problem != NULL)
    return;
  va_start (args, format);
  self->encoder_problem = g_strdup_vprintf (format, args);
  va_end (args);
}

static void
need (SteerSaeWeights *self, const SteerTensor *tensor, const char *what)
{
  if (tensor->data == NULL)
    set_problem (self, "%s is missing", what);
}

static gboolean
contains (const char *text, const char *word)
{
  return text != NULL && strstr (text, word) != NULL;
}

/* TRUE, FALSE as a number-like text: some configs write 1 and 0. */
static void
set_subtraction (SteerSaeWeights *self, gboolean subtract)
{
  self->subtract_b_dec = subtract && self->b_dec.data != NULL;
}

/* b_dec is subtracted from the input in all of them but JumpReLU. */
static void
set_dictionary_learning (SteerSaeWeights *self, const SteerSaeConfig *config)
{
  const char *class = steer_sae_config_get (config, "dict_class");

  set_subtraction (self, TRUE);
  if (self->r_mag.data != NULL || self->b_gate.data != NULL)
    {
      self->activation = STEER_SAE_GATED;
      class = class != NULL ? class : "GatedAutoEncoder";
    }
  else if (self->threshold.data != NULL)
    {
      self->activation = STEER_SAE_JUMPRELU;
      set_subtraction (self, steer_sae_config_get_bool (config, "apply_b_dec_to_input", FALSE));
      class = class != NULL ? class : "JumpReluAutoEncoder";
    }
  else if (contains (class, "AutoEncoderTopK"))
    {
      self->activation = STEER_SAE_TOPK;
    }
  else if (self->scalar_threshold >= 0.0)
    {
      self->activation = STEER_SAE_THRESHOLD;
      class = class != NULL ? class : "BatchTopKSAE";
    }
  else if (self->k > 0)
    {
      /* BatchTopKSAE starts with a threshold of -1 and AutoEncoderTopK has none in older versions. */
      self->activation = STEER_SAE_TOPK;
      class = class != NULL ? class : "AutoEncoderTopK";
    }
  else
    {
      self->activation = STEER_SAE_RELU;
      class = class != NULL ? class : "AutoEncoder";
    }
  self->format = g_strdup_printf ("dictionary_learning %s", class);
}

static void
set_saelens_input (SteerSaeWeights *self, const SteerSaeConfig *config)
{
  const char *normalise = steer_sae_config_get (config, "normalize_activations");

  if (g_strcmp0 (normalise, "constant_norm_rescale") == 0)
    self->input = STEER_SAE_INPUT_CONSTANT_NORM;
  else if (g_strcmp0 (normalise, "layer_norm") == 0)
    self->input = STEER_SAE_INPUT_LAYER_NORM;
  else if (g_strcmp0 (normalise, "expected_average_only_in") == 0)
    set_problem (self, "its config asks for inputs that are scaled by a number that is not in it "
                       "(normalize_activations is expected_average_only_in): fold it into the weights with SAELens");
  else if (normalise != NULL && strcmp (normalise, "none") != 0)
    set_problem (self, "normalize_activations \"%s\" is not known", normalise);
}

static void
set_saelens (SteerSaeWeights *self, const SteerSaeConfig *config)
{
  const char *architecture = steer_sae_config_get (config, "architecture");
  const char *function = steer_sae_config_get (config, "activation_fn");

  if (function == NULL)
    function = steer_sae_config_get (config, "activation_fn_str");
  if (self->b_gate.data != NULL || g_strcmp0 (architecture, "gated") == 0)
    self->activation = STEER_SAE_GATED;
  else if (self->threshold.data != NULL)
    self->activation = STEER_SAE_JUMPRELU;
  else if (g_strcmp0 (architecture, "topk") == 0 || g_strcmp0 (function, "topk") == 0)
    self->activation = STEER_SAE_TOPK;
  else if (contains (architecture, "batchtopk"))
    set_problem (self, "its threshold is missing: save it with SAELens as a JumpReLU SAE");
  else
    self->activation = STEER_SAE_RELU;
  if (function != NULL && strcmp (function, "relu") != 0 && strcmp (function, "topk") != 0)
    set_problem (self, "the activation function \"%s\" is not known", function);
  set_saelens_input (self, config);
  if (steer_sae_config_get_bool (config, "rescale_acts_by_decoder_norm", FALSE))
    self->norms = STEER_SAE_NORMS_SCALE;
  if (architecture == NULL)
    architecture = self->activation == STEER_SAE_JUMPRELU ? "jumprelu"
                   : self->activation == STEER_SAE_GATED  ? "gated"
                                                          : "standard";
  self->format = g_strdup_printf ("SAELens %s", architecture);
  if (steer_sae_config_get (config, "apply_b_dec_to_input") == NULL && self->b_dec.data != NULL)
    set_problem (self, "no cfg.json beside it says whether b_dec is subtracted from the input");
  set_subtraction (self, steer_sae_config_get_bool (config, "apply_b_dec_to_input", FALSE));
}

static void
set_gemma_scope (SteerSaeWeights *self, const char *version)
{
  self->activation = STEER_SAE_JUMPRELU;
  self->format = g_strdup_printf ("Gemma Scope%s", version);
}

static void
set_llama_scope (SteerSaeWeights *self, const SteerSaeConfig *config)
{
  const char *function = steer_sae_config_get (config, "act_fn");
  const char *normalise = steer_sae_config_get (config, "norm_activation");
  double norm = 0.0;

  self->format = g_strdup ("Llama Scope");
  set_subtraction (self, steer_sae_config_get_bool (config, "apply_decoder_bias_to_pre_encoder", FALSE));
  if (g_strcmp0 (normalise, "token-wise") == 0)
    {
      self->input = STEER_SAE_INPUT_CONSTANT_NORM;
    }
  else if (normalise == NULL || strcmp (normalise, "dataset-wise") == 0)
    {
      if (!steer_sae_config_get_double (config, "dataset_average_activation_norm.in", &norm) || !(norm > 0.0))
        set_problem (self, "hyperparams.json does not give dataset_average_activation_norm.in");
      self->input = STEER_SAE_INPUT_SCALED;
      self->input_scale = norm > 0.0 ? sqrt ((double) self->d_model) / norm : 1.0;
    }
  if (steer_sae_config_get_bool (config, "sparsity_include_decoder_norm", TRUE))
    self->norms = STEER_SAE_NORMS_GATE;
  if (g_strcmp0 (function, "topk") == 0)
    self->activation = STEER_SAE_TOPK;
  else if (steer_sae_config_get_double (config, "jump_relu_threshold", &self->scalar_threshold))
    self->activation = STEER_SAE_THRESHOLD;
  else
    self->activation = STEER_SAE_RELU;
}

void
steer_sae_weights_set_encoder (SteerSaeWeights *self,
                               const SteerSaeConfig *config,
                               const SteerSourceHints *hints,
                               SteerArchive *archive,
                               const char *decoder_name,
                               const char *encoder_name,
                               gboolean encoder_is_transposed)
{
  gboolean bare = strcmp (decoder_name, "W_dec") == 0 || strcmp (decoder_name, "w_dec") == 0;
  gboolean has_config = config->path != NULL;

  self->input_scale = 1.0;
  if (encoder_name == NULL)
    {
      self->format = g_strdup ("decoder of an SAE");
      set_problem (self, "its encoder is missing");
      return;
    }
  if (strcmp (encoder_name, "encoder_linear.weight") == 0)
    {
      self->format = g_strdup ("Goodfire");
      self->activation = STEER_SAE_RELU;
    }
  else if (!bare
           && (steer_sae_config_get (config, "jump_relu_threshold") != NULL
               || steer_sae_config_get (config, "norm_activation") != NULL))
    {
      set_llama_scope (self, config);
    }
  else if (!bare)
    {
      set_dictionary_learning (self, config);
    }
  else if (strcmp (encoder_name, "encoder.weight") == 0)
    {
      self->format = g_strdup ("sparsify");
      self->activation = STEER_SAE_TOPK;
      set_subtraction (self, !steer_sae_config_get_bool (config, "transcode", FALSE));
    }
  else if (steer_sae_config_get (config, "dict_class") != NULL)
    {
      set_dictionary_learning (self, config);
    }
  else if (!encoder_is_transposed && self->n_features != self->d_model)
    {
      self->format = g_strdup ("Qwen-Scope");
      self->activation = STEER_SAE_TOPK;
    }
  else if (strcmp (encoder_name, "w_enc") == 0)
    {
      set_gemma_scope (self, " 2");
    }
  else if (!has_config && self->threshold.data != NULL)
    {
      set_gemma_scope (self, "");
    }
  else
    {
      set_saelens (self, config);
    }

  if (self->activation == STEER_SAE_TOPK && self->k == 0)
    set_problem (self, "it keeps the k largest activations, but k is not told: give it (k=50)");
  if (self->activation == STEER_SAE_GATED)
    {
      need (self, &self->b_gate, "the bias of its gate");
      need (self, &self->b_mag, "the bias of its magnitudes");
      need (self, &self->r_mag, "r_mag");
    }
  if (self->activation == STEER_SAE_JUMPRELU)
    need (self, &self->threshold, "its threshold");
}
