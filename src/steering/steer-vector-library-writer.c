#include "steer-vector-library-writer.h"

#include "steer-vector-library.h"
#include "tensor/steer-safetensors-writer.h"

/* Both are taken. */
static void
put (GHashTable *metadata, char *key, char *value)
{
  g_hash_table_insert (metadata, key, value);
}

static void
put_number (GHashTable *metadata, char *key, double number)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (number != 0.0)
    put (metadata, key, g_strdup (g_ascii_dtostr (buffer, sizeof buffer, number)));
  else
    g_free (key);
}

static void
put_encoder (GHashTable *metadata, const char *name, const SteerEncoder *encoder)
{
  put_number (metadata, g_strconcat ("bias.", name, NULL), (double) encoder->bias);
  put_number (metadata, g_strconcat ("threshold.", name, NULL), (double) encoder->threshold);
  put_number (metadata, g_strconcat ("gain.", name, NULL), (double) encoder->gain);
  put (metadata, g_strconcat ("input.", name, NULL), g_strdup (steer_encoder_input_get_name (encoder->input)));
}

static char *
dup_name (const SteerLibraryVector *vector)
{
  return g_strdup_printf ("%u.%" G_GUINT64_FORMAT, vector->layer, vector->index);
}

static GHashTable *
make_metadata (const SteerLibraryVector *vectors, guint n_vectors, guint d_model, GHashTable *more)
{
  GHashTable *metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer key, value;

  if (more != NULL)
    {
      g_hash_table_iter_init (&iter, more);
      while (g_hash_table_iter_next (&iter, &key, &value))
        put (metadata, g_strdup (key), g_strdup (value));
    }
  put (metadata, g_strdup ("format"), g_strdup ("steer-vectors"));
  put (metadata, g_strdup ("version"), g_strdup ("1"));
  put (metadata, g_strdup ("d_model"), g_strdup_printf ("%u", d_model));
  for (guint i = 0; i < n_vectors; i++)
    {
      const SteerLibraryVector *vector = &vectors[i];
      g_autofree char *name = dup_name (vector);

      if (vector->label != NULL)
        put (metadata, g_strconcat ("label.", name, NULL), g_strdup (vector->label));
      put_number (metadata, g_strconcat ("strength.", name, NULL), vector->strength);
      put_number (metadata, g_strconcat ("min.", name, NULL), vector->minimum);
      put_number (metadata, g_strconcat ("max.", name, NULL), vector->maximum);
      put_number (metadata, g_strdup_printf ("layer_norm.%u", vector->layer), vector->layer_norm);
      if (vector->encoder != NULL)
        put_encoder (metadata, name, vector->encoder);
    }
  return metadata;
}

/* @name: taken by @names. */
static void
add_tensor (GArray *tensors, GPtrArray *names, char *name, const float *values, guint d_model)
{
  SteerTensor tensor = { .name = name,
                         .dtype = STEER_DTYPE_F32,
                         .n_dims = 1,
                         .shape = { d_model },
                         .stride = { 1 },
                         .data = (const guint8 *) values,
                         .n_bytes = d_model * sizeof (float) };

  g_ptr_array_add (names, name);
  g_array_append_val (tensors, tensor);
}

gboolean
steer_vector_library_write (const char *path,
                            const SteerLibraryVector *vectors,
                            guint n_vectors,
                            guint d_model,
                            GHashTable *more,
                            GCancellable *cancellable,
                            GError **error)
{
  g_autoptr (GHashTable) metadata = NULL;
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (SteerTensor));
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  g_return_val_if_fail (path != NULL, FALSE);
  g_return_val_if_fail (n_vectors > 0 && d_model > 0, FALSE);

  metadata = make_metadata (vectors, n_vectors, d_model, more);
  for (guint i = 0; i < n_vectors; i++)
    {
      char *name = dup_name (&vectors[i]);

      add_tensor (tensors, names, name, vectors[i].vector, d_model);
      if (vectors[i].encoder != NULL)
        add_tensor (tensors, names, g_strconcat (name, STEER_VECTOR_LIBRARY_ENCODER, NULL), vectors[i].encoder->weights,
                    d_model);
    }
  return steer_safetensors_write (path, (const SteerTensor *) (gpointer) tensors->data, tensors->len, metadata,
                                  cancellable, error);
}
