#include "steer-model.h"

#include <string.h>

struct _SteerModel
{
  GObject parent_instance;

  char *path;
  char *name;
  char *files;                 /* the path, or where its files' heads are */
  const SteerBackend *backend; /* nullable, as the link */
  GObject *link;
  SteerModelConfig config;
  SteerArchive *archive;
  SteerWeights weights; /* layers: [n_layers], owned */
};

G_DEFINE_FINAL_TYPE (SteerModel, steer_model, G_TYPE_OBJECT)

typedef struct
{
  const char *scheme;
  SteerModelOpener open;
} Opener;

#define MAX_OPENERS 4

static Opener openers[MAX_OPENERS]; /* [n_openers] */
static guint n_openers;

static const Opener *
find_opener (const char *path)
{
  for (guint i = 0; i < n_openers; i++)
    if (g_str_has_prefix (path, openers[i].scheme))
      return &openers[i];
  return NULL;
}

void
steer_model_register_opener (const char *scheme, SteerModelOpener opener)
{
  g_return_if_fail (scheme != NULL && opener != NULL);
  g_return_if_fail (n_openers < MAX_OPENERS);

  if (find_opener (scheme) == NULL)
    openers[n_openers++] = (Opener){ scheme, opener };
}

gboolean
steer_model_is_address (const char *path)
{
  return path != NULL && find_opener (path) != NULL;
}

static void
steer_model_finalize (GObject *object)
{
  SteerModel *self = STEER_MODEL (object);

  g_free (self->path);
  g_free (self->name);
  g_free (self->files);
  g_free (self->weights.layers);
  g_clear_object (&self->archive);
  g_clear_object (&self->link);

  G_OBJECT_CLASS (steer_model_parent_class)->finalize (object);
}

static void
steer_model_class_init (SteerModelClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_model_finalize;
}

static void
steer_model_init (SteerModel *self)
{
}

/* What a weight must look like. */
typedef struct
{
  gint64 n_rows; /* n_out of a linear layer; the length of a vector */
  gint64 n_cols; /* n_in; 0 for a vector */
} Shape;

static Shape
matrix (guint64 n_rows, guint64 n_cols)
{
  return (Shape){ (gint64) n_rows, (gint64) n_cols };
}

static Shape
vector (guint64 length)
{
  return (Shape){ (gint64) length, 0 };
}

/* Vectors are always plain floats; matrices may be quantised. */
static gboolean
is_weight_dtype (const SteerTensor *tensor)
{
  switch (tensor->dtype)
    {
    case STEER_DTYPE_F32:
    case STEER_DTYPE_F16:
    case STEER_DTYPE_BF16:
      return TRUE;
    default:
      return steer_dtype_is_quantized (tensor->dtype) && tensor->n_dims == 2;
    }
}

static gboolean
check_tensor (SteerModel *self, const SteerTensor *tensor, Shape shape, GError **error)
{
  const char *file = steer_archive_get_tensor_file (self->archive, tensor);
  gboolean is_matrix = shape.n_cols > 0;

  if (tensor->n_dims != (is_matrix ? 2 : 1) || tensor->shape[0] != shape.n_rows
      || (is_matrix && tensor->shape[1] != shape.n_cols))
    {
      g_autofree char *found = steer_tensor_dup_shape_string (tensor);
      g_autofree char *wanted
        = is_matrix ? g_strdup_printf ("[%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]", shape.n_rows, shape.n_cols)
                    : g_strdup_printf ("[%" G_GINT64_FORMAT "]", shape.n_rows);

      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%s: tensor \"%s\" has the shape %s, but the configuration asks for %s", file, tensor->name, found,
                   wanted);
      return FALSE;
    }
  if (!is_weight_dtype (tensor))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: tensor \"%s\" is stored as %s, but weights must be F32, F16 or BF16", file, tensor->name,
                   steer_dtype_get_name (tensor->dtype));
      return FALSE;
    }
  return TRUE;
}

static gboolean
fail_missing (SteerModel *self, const char *name, GError **error)
{
  const SteerOpaqueTensor *opaque = steer_archive_find_opaque (self->archive, name);
  g_autofree char *display = g_filename_display_name (self->path);

  if (opaque != NULL)
    g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED, "%s: the tensor \"%s\" cannot be read: %s",
                 display, name, opaque->why);
  else
    g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING,
                 "%s: the tensor \"%s\", which the configuration asks for, is missing", display, name);
  return FALSE;
}

static gboolean
take_tensor (SteerModel *self, const char *name, Shape shape, const SteerTensor **tensor, GError **error)
{
  *tensor = steer_archive_find (self->archive, name);
  if (*tensor == NULL)
    return fail_missing (self, name, error);
  return check_tensor (self, *tensor, shape, error);
}

/* How the tensors of a kind of file are called. */
typedef struct
{
  gboolean is_gguf;
  const char *prefix; /* of a Hugging Face model's layers, embedding and last norm */
  const char *embed;
  const char *final_norm;
  const char *output;
} Names;

static const Names gguf_names = { TRUE, "", "token_embd.weight", "output_norm.weight", "output.weight" };
/* Of a folder; the last is taken where none fits. */
static const Names folder_names[] = {
  /* a base model that was saved without its head has no prefix */
  { FALSE, "", "embed_tokens.weight", "norm.weight", "lm_head.weight" },
  /* the text of a model that also sees pictures, as older and as newer versions of transformers save it */
  { FALSE, "language_model.model.", "language_model.model.embed_tokens.weight", "language_model.model.norm.weight",
    "language_model.lm_head.weight" },
  { FALSE, "model.language_model.", "model.language_model.embed_tokens.weight", "model.language_model.norm.weight",
    "lm_head.weight" },
  { FALSE, "model.", "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight" },
};

static const Names *
find_names (SteerModel *self)
{
  guint i = 0;

  if (g_str_has_prefix (steer_archive_get_format (self->archive), "GGUF"))
    return &gguf_names;
  while (i + 1 < G_N_ELEMENTS (folder_names) && steer_archive_find (self->archive, folder_names[i].final_norm) == NULL)
    i++;
  return &folder_names[i];
}

static gboolean
take_layer (SteerModel *self, const Names *names, guint index, GError **error)
{
  const SteerModelConfig *config = &self->config;
  SteerLayerWeights *layer = &self->weights.layers[index];
  guint64 d = config->d_model;
  guint64 q_width = (guint64) config->n_heads * config->head_dim;
  guint64 kv_width = (guint64) config->n_kv_heads * config->head_dim;
  const struct
  {
    const char *name;
    const char *gguf_name;
    const SteerTensor **tensor;
    Shape shape;
    gboolean wanted;
  } roles[] = {
    { "input_layernorm.weight", "attn_norm.weight", &layer->attn_norm, vector (d), TRUE },
    { "self_attn.q_proj.weight", "attn_q.weight", &layer->q, matrix (q_width, d), TRUE },
    { "self_attn.k_proj.weight", "attn_k.weight", &layer->k, matrix (kv_width, d), TRUE },
    { "self_attn.v_proj.weight", "attn_v.weight", &layer->v, matrix (kv_width, d), TRUE },
    { "self_attn.o_proj.weight", "attn_output.weight", &layer->o, matrix (d, q_width), TRUE },
    { "self_attn.q_proj.bias", "attn_q.bias", &layer->q_bias, vector (q_width), config->qkv_bias },
    { "self_attn.k_proj.bias", "attn_k.bias", &layer->k_bias, vector (kv_width), config->qkv_bias },
    { "self_attn.v_proj.bias", "attn_v.bias", &layer->v_bias, vector (kv_width), config->qkv_bias },
    { "self_attn.o_proj.bias", "attn_output.bias", &layer->o_bias, vector (d), config->output_bias },
    { "self_attn.q_norm.weight", "attn_q_norm.weight", &layer->q_norm, vector (config->head_dim), config->qk_norm },
    { "self_attn.k_norm.weight", "attn_k_norm.weight", &layer->k_norm, vector (config->head_dim), config->qk_norm },
    { config->branch_norms ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight", "ffn_norm.weight",
      &layer->mlp_norm, vector (d), TRUE },
    { "post_attention_layernorm.weight", "post_attention_norm.weight", &layer->attn_branch_norm, vector (d),
      config->branch_norms },
    { "post_feedforward_layernorm.weight", "post_ffw_norm.weight", &layer->mlp_branch_norm, vector (d),
      config->branch_norms },
    { "mlp.gate_proj.weight", "ffn_gate.weight", &layer->gate, matrix (config->d_ff, d), TRUE },
    { "mlp.up_proj.weight", "ffn_up.weight", &layer->up, matrix (config->d_ff, d), TRUE },
    { "mlp.down_proj.weight", "ffn_down.weight", &layer->down, matrix (d, config->d_ff), TRUE },
    { "mlp.gate_proj.bias", "ffn_gate.bias", &layer->gate_bias, vector (config->d_ff), config->mlp_bias },
    { "mlp.up_proj.bias", "ffn_up.bias", &layer->up_bias, vector (config->d_ff), config->mlp_bias },
    { "mlp.down_proj.bias", "ffn_down.bias", &layer->down_bias, vector (d), config->mlp_bias },
  };

  for (guint i = 0; i < G_N_ELEMENTS (roles); i++)
    {
      g_autofree char *name = NULL;

      if (!roles[i].wanted)
        continue;
      name = names->is_gguf ? g_strdup_printf ("blk.%u.%s", index, roles[i].gguf_name)
                            : g_strdup_printf ("%slayers.%u.%s", names->prefix, index, roles[i].name);
      if (!take_tensor (self, name, roles[i].shape, roles[i].tensor, error))
        return FALSE;
    }
  return TRUE;
}

/* Tied models store the matrix once, under either name; some exporters store it twice, and then the embedding is the
 * one that transformers ties the other to. */
static gboolean
take_embeddings (SteerModel *self, const Names *names, GError **error)
{
  Shape shape = matrix (self->config.n_vocab, self->config.d_model);
  SteerWeights *weights = &self->weights;

  weights->embed = steer_archive_find (self->archive, names->embed);
  weights->output = steer_archive_find (self->archive, names->output);
  if (self->config.tie_embeddings)
    {
      if (weights->embed == NULL)
        weights->embed = weights->output;
      weights->output = weights->embed;
    }
  if (weights->embed == NULL)
    return fail_missing (self, names->embed, error);
  if (weights->output == NULL)
    return fail_missing (self, names->output, error);
  return check_tensor (self, weights->embed, shape, error)
         && (weights->output == weights->embed || check_tensor (self, weights->output, shape, error));
}

static gboolean
take_weights (SteerModel *self, GCancellable *cancellable, GError **error)
{
  const Names *names = find_names (self);

  self->weights.layers = g_try_new0 (SteerLayerWeights, self->config.n_layers);
  if (self->weights.layers == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, "no memory for the table of %u layers",
                   self->config.n_layers);
      return FALSE;
    }
  if (!take_embeddings (self, names, error)
      || !take_tensor (self, names->final_norm, vector (self->config.d_model), &self->weights.final_norm, error))
    return FALSE;
  for (guint i = 0; i < self->config.n_layers; i++)
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !take_layer (self, names, i, error))
      return FALSE;
  return TRUE;
}

/* The last part of the path; in the Hub's cache, models--ORG--NAME/snapshots/REVISION, the part that means something.
 */
static char *
make_name (const char *path)
{
  g_autofree char *canonical = g_canonicalize_filename (path, NULL);
  g_autofree char *last = g_path_get_basename (canonical);
  g_autofree char *parent = g_path_get_dirname (canonical);
  g_autofree char *grandparent = g_path_get_dirname (parent);
  g_autofree char *parent_name = g_path_get_basename (parent);
  g_autofree char *repository = g_path_get_basename (grandparent);
  const char *separator;

  if (strcmp (parent_name, "snapshots") == 0 && g_str_has_prefix (repository, "models--")
      && (separator = g_strrstr (repository, "--")) != NULL && separator[2] != '\0')
    return g_filename_display_name (separator + 2);
  return g_filename_display_name (last);
}

/* "model.gguf" and "model-00001-of-00003.gguf" are "model". */
static char *
make_file_name (const char *path)
{
  static GRegex *ending;
  static gsize once;
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *display = g_filename_display_name (base);
  g_autofree char *name = NULL;

  if (g_once_init_enter (&once))
    {
      ending = g_regex_new ("(-[0-9]{5}-of-[0-9]{5})?\\.gguf$", G_REGEX_CASELESS, 0, NULL);
      g_once_init_leave (&once, 1);
    }
  name = g_regex_replace_literal (ending, display, -1, 0, "", 0, NULL);
  return name != NULL && *name != '\0' ? g_steal_pointer (&name) : g_steal_pointer (&display);
}

/* Turns "no safetensors here" into advice where another kind of weights is. */
static void
explain_missing_weights (const char *path, GError **error)
{
  static const char *const others[] = { "pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth" };
  g_autofree char *display = g_filename_display_name (path);

  if (!g_error_matches (*error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NOT_FOUND))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *other = g_build_filename (path, others[i], NULL);

      if (!g_file_test (other, G_FILE_TEST_EXISTS))
        continue;
      g_clear_error (error);
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: the weights are in %s, which is not read: save the model as safetensors "
                   "(save_pretrained of transformers does it)",
                   display, others[i]);
      return;
    }
}

static gboolean
open_folder (SteerModel *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (!steer_model_config_read (&self->config, self->files, error))
    return FALSE;
  self->archive = steer_archive_open (self->files, cancellable, &local_error);
  if (self->archive != NULL)
    return TRUE;
  explain_missing_weights (self->files, &local_error);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gboolean
open_file (SteerModel *self, GCancellable *cancellable, GError **error)
{
  g_autofree char *display = g_filename_display_name (self->files);
  g_autoptr (GError) local_error = NULL;

  if (!g_file_test (self->files, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, "%s: there is no such folder or file", display);
      return FALSE;
    }
  self->archive = steer_archive_open (self->files, cancellable, &local_error);
  if (self->archive != NULL && g_str_has_prefix (steer_archive_get_format (self->archive), "GGUF"))
    return steer_model_config_read_gguf (&self->config, self->archive, error);
  /* A broken GGUF file is told as such; what is of another kind is no model at all. */
  if (self->archive == NULL && !g_error_matches (local_error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_UNSUPPORTED))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
               "%s: not a model; a model is a folder with config.json and safetensors files, or a GGUF file", display);
  return FALSE;
}

/* @name: (nullable): NULL for what the files are called. */
static gboolean
open_files (SteerModel *self, const char *name, GCancellable *cancellable, GError **error)
{
  gboolean is_folder = g_file_test (self->files, G_FILE_TEST_IS_DIR);

  if (name != NULL)
    self->name = g_strdup (name);
  else
    self->name = is_folder ? make_name (self->files) : make_file_name (self->files);
  return (is_folder ? open_folder (self, cancellable, error) : open_file (self, cancellable, error))
         && take_weights (self, cancellable, error);
}

SteerModel *
steer_model_new_elsewhere (const SteerModelElsewhere *elsewhere, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerModel) self = g_object_new (STEER_TYPE_MODEL, NULL);

  self->path = g_strdup (elsewhere->address);
  self->files = g_strdup (elsewhere->files);
  self->backend = elsewhere->backend;
  self->link = g_object_ref (elsewhere->link);
  return open_files (self, elsewhere->name, cancellable, error) ? g_steal_pointer (&self) : NULL;
}

SteerModel *
steer_model_open (const char *path, GCancellable *cancellable, GError **error)
{
  const Opener *opener;
  g_autoptr (SteerModel) self = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  opener = find_opener (path);
  if (opener != NULL)
    return opener->open (path, cancellable, error);
  self = g_object_new (STEER_TYPE_MODEL, NULL);
  self->path = g_strdup (path);
  self->files = g_strdup (path);
  return open_files (self, NULL, cancellable, error) ? g_steal_pointer (&self) : NULL;
}

const char *
steer_model_get_name (SteerModel *self)
{
  g_return_val_if_fail (STEER_IS_MODEL (self), NULL);

  return self->name;
}

const char *
steer_model_get_path (SteerModel *self)
{
  g_return_val_if_fail (STEER_IS_MODEL (self), NULL);

  return self->path;
}

const char *
steer_model_get_files (SteerModel *self)
{
  g_return_val_if_fail (STEER_IS_MODEL (self), NULL);

  return self->files;
}

const SteerBackend *
steer_model_get_backend (SteerModel *self)
{
  g_return_val_if_fail (STEER_IS_MODEL (self), NULL);

  return self->backend;
}

GObject *
steer_model_get_link (SteerModel *self)
{
  g_return_val_if_fail (STEER_IS_MODEL (self), NULL);

  return self->link;
}

const SteerModelConfig *
steer_model_get_config (SteerModel *self)
{
  g_return_val_if_fail (STEER_IS_MODEL (self), NULL);

  return &self->config;
}

const SteerWeights *
steer_model_get_weights (SteerModel *self)
{
  g_return_val_if_fail (STEER_IS_MODEL (self), NULL);

  return &self->weights;
}

SteerArchive *
steer_model_get_archive (SteerModel *self)
{
  g_return_val_if_fail (STEER_IS_MODEL (self), NULL);

  return self->archive;
}

static guint64
get_layer_bytes (const SteerLayerWeights *layer)
{
  const SteerTensor *all[] = { layer->attn_norm,
                               layer->q,
                               layer->k,
                               layer->v,
                               layer->o,
                               layer->q_bias,
                               layer->k_bias,
                               layer->v_bias,
                               layer->o_bias,
                               layer->q_norm,
                               layer->attn_branch_norm,
                               layer->mlp_branch_norm,
                               layer->k_norm,
                               layer->mlp_norm,
                               layer->gate,
                               layer->up,
                               layer->down,
                               layer->gate_bias,
                               layer->up_bias,
                               layer->down_bias };
  guint64 n_bytes = 0;

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    n_bytes += all[i] != NULL ? all[i]->n_bytes : 0;
  return n_bytes;
}

guint64
steer_model_get_decode_bytes (SteerModel *self)
{
  guint64 n_bytes;

  g_return_val_if_fail (STEER_IS_MODEL (self), 0);

  n_bytes = self->weights.final_norm->n_bytes + self->weights.output->n_bytes;
  for (guint i = 0; i < self->config.n_layers; i++)
    n_bytes += get_layer_bytes (&self->weights.layers[i]);
  return n_bytes;
}
