/* What fires on a text: the codes of each SAE, token by token, and the lists made of them. */
#include "steer-inspection-private.h"

#include <math.h>
#include <string.h>

#include "steering/steer-directions.h"
#include "text/steer-detokenizer.h"

/* What one SAE says. Tokens are appended in order: those of token t are active[begin[t]] to active[begin[t + 1] - 1].
 */
typedef struct
{
  GArray *begin;   /* (element-type gsize), n_tokens + 1 */
  GArray *active;  /* (element-type SteerSaeActive), in order of features within a token */
  double norm_sum; /* over all tokens but the first */
  double norm_first;
} Codes;

struct _SteerInspection
{
  gatomicrefcount ref_count;
  guint n_tokens;
  gint32 *tokens; /* [n_tokens] */
  GString *text;
  gsize *places;   /* [n_tokens + 1]: token t brought bytes places[t] up to places[t + 1] of the text */
  GPtrArray *saes; /* (element-type SteerSae) */
  Codes *codes;    /* [saes->len] */
};

G_DEFINE_BOXED_TYPE (SteerInspection, steer_inspection, steer_inspection_ref, steer_inspection_unref)

SteerInspection *
steer_inspection_ref (SteerInspection *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
steer_inspection_unref (SteerInspection *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  for (guint i = 0; i < self->saes->len; i++)
    {
      g_array_unref (self->codes[i].begin);
      g_array_unref (self->codes[i].active);
    }
  g_free (self->codes);
  g_ptr_array_unref (self->saes);
  g_string_free (self->text, TRUE);
  g_free (self->places);
  g_free (self->tokens);
  g_free (self);
}

/* What is held back for want of the rest of a character belongs to the token that completes it. */
static void
write_text (SteerInspection *self, SteerTokenizer *tokenizer)
{
  g_autoptr (SteerDetokenizer) detokenizer = tokenizer != NULL ? steer_detokenizer_new (tokenizer, FALSE) : NULL;

  for (guint i = 0; i < self->n_tokens; i++)
    {
      if (detokenizer != NULL)
        steer_detokenizer_push (detokenizer, self->tokens[i], self->text, NULL);
      if (detokenizer != NULL && i + 1 == self->n_tokens)
        steer_detokenizer_finish (detokenizer, self->text);
      self->places[i + 1] = self->text->len;
    }
}

SteerInspection *
steer_inspection_new (const gint32 *tokens, guint n_tokens, GPtrArray *saes, SteerTokenizer *tokenizer)
{
  SteerInspection *self = g_new0 (SteerInspection, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->n_tokens = n_tokens;
  self->tokens = g_memdup2 (tokens, n_tokens * sizeof (gint32));
  self->text = g_string_new (NULL);
  self->places = g_new0 (gsize, (gsize) n_tokens + 1);
  self->saes = g_ptr_array_new_with_free_func (g_object_unref);
  self->codes = g_new0 (Codes, MAX (saes->len, 1));
  for (guint i = 0; i < saes->len; i++)
    {
      gsize nothing = 0;

      g_ptr_array_add (self->saes, g_object_ref (g_ptr_array_index (saes, i)));
      self->codes[i].begin = g_array_new (FALSE, FALSE, sizeof (gsize));
      self->codes[i].active = g_array_new (FALSE, FALSE, sizeof (SteerSaeActive));
      g_array_append_val (self->codes[i].begin, nothing);
    }
  write_text (self, tokenizer);
  return self;
}

void
steer_inspection_append (SteerInspection *self, guint place, const SteerSaeCodes *codes, const float *residual)
{
  Codes *own = &self->codes[place];
  guint d_model = steer_sae_get_d_model (g_ptr_array_index (self->saes, place));
  gsize before = own->active->len;

  g_array_append_vals (own->active, codes->active, (guint) codes->begin[codes->n_tokens]);
  for (guint t = 0; t < codes->n_tokens; t++)
    {
      const float *h = residual + (gsize) t * d_model;
      gsize begin = before + codes->begin[t + 1];
      double squares = 0.0;

      for (guint i = 0; i < d_model; i++)
        squares += (double) h[i] * (double) h[i];
      if (own->begin->len == 1)
        own->norm_first = sqrt (squares);
      else
        own->norm_sum += sqrt (squares);
      g_array_append_val (own->begin, begin);
    }
}

guint
steer_inspection_get_n_tokens (SteerInspection *self)
{
  return self->n_tokens;
}

const gint32 *
steer_inspection_get_tokens (SteerInspection *self)
{
  return self->tokens;
}

GPtrArray *
steer_inspection_get_saes (SteerInspection *self)
{
  return self->saes;
}

const char *
steer_inspection_get_text (SteerInspection *self)
{
  return self->text->str;
}

void
steer_inspection_get_place (SteerInspection *self, guint token, gsize *begin, gsize *end)
{
  g_return_if_fail (token < self->n_tokens);
  *begin = self->places[token];
  *end = self->places[token + 1];
}

gboolean
steer_inspection_find_tokens (SteerInspection *self, gsize begin, gsize end, guint *first, guint *n_tokens)
{
  *first = *n_tokens = 0;
  for (guint t = 0; t < self->n_tokens; t++)
    if (self->places[t + 1] > begin && self->places[t] < end && self->places[t + 1] > self->places[t])
      {
        if (*n_tokens == 0)
          *first = t;
        *n_tokens = t + 1 - *first;
      }
  return *n_tokens > 0;
}

gboolean
steer_inspection_find_text (SteerInspection *self, const char *needle, guint *first, guint *n_tokens, gsize *begin)
{
  const char *found = g_strrstr_len (self->text->str, (gssize) self->text->len, needle);
  gsize at = found != NULL ? (gsize) (found - self->text->str) : 0;

  if (begin != NULL)
    *begin = at;
  return found != NULL && steer_inspection_find_tokens (self, at, at + strlen (needle), first, n_tokens);
}

static double
get_norm (SteerInspection *self, guint place)
{
  const Codes *codes = &self->codes[place];

  return self->n_tokens > 1 ? codes->norm_sum / (self->n_tokens - 1.0) : codes->norm_first;
}

double
steer_inspection_get_norm (SteerInspection *self, SteerSae *sae)
{
  guint place;

  return g_ptr_array_find (self->saes, sae, &place) ? get_norm (self, place) : 0.0;
}

/* Later layers have a longer stream, and larger activations with it; what is listed together is compared as a share. */
static double
get_share (SteerInspection *self, SteerSae *sae, double value)
{
  double norm = self->saes->len > 1 ? steer_inspection_get_norm (self, sae) : 1.0;

  return norm > 0.0 ? value / norm : value;
}

static int
compare (SteerInspection *self,
         SteerSae *sae_a,
         double a,
         guint32 feature_a,
         SteerSae *sae_b,
         double b,
         guint32 feature_b)
{
  double x = get_share (self, sae_a, a);
  double y = get_share (self, sae_b, b);

  if (x != y)
    return x > y ? -1 : 1;
  return feature_a < feature_b ? -1 : feature_a > feature_b;
}

static int
compare_activations (gconstpointer a, gconstpointer b, gpointer self)
{
  const SteerActivation *x = a;
  const SteerActivation *y = b;

  return compare (self, x->sae, (double) x->value, x->feature, y->sae, (double) y->value, y->feature);
}

static int
compare_sums (gconstpointer a, gconstpointer b, gpointer self)
{
  const SteerFiring *x = a;
  const SteerFiring *y = b;

  return compare (self, x->sae, x->sum, x->feature, y->sae, y->sum, y->feature);
}

static int
compare_specificities (gconstpointer a, gconstpointer b, gpointer self)
{
  const SteerFiring *x = a;
  const SteerFiring *y = b;

  return compare (self, x->sae, x->specificity, x->feature, y->sae, y->specificity, y->feature);
}

GArray *
steer_inspection_list_token (SteerInspection *self, guint token, SteerSae *sae, guint n_top)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (SteerActivation));

  g_return_val_if_fail (token < self->n_tokens, list);
  for (guint i = 0; i < self->saes->len; i++)
    {
      const Codes *codes = &self->codes[i];

      if (sae != NULL && sae != g_ptr_array_index (self->saes, i))
        continue;
      for (gsize j = g_array_index (codes->begin, gsize, token); j < g_array_index (codes->begin, gsize, token + 1);
           j++)
        {
          const SteerSaeActive *active = &g_array_index (codes->active, SteerSaeActive, j);
          SteerActivation activation = { g_ptr_array_index (self->saes, i), active->feature, active->value };

          g_array_append_val (list, activation);
        }
    }
  g_array_sort_with_data (list, compare_activations, self);
  if (n_top > 0)
    g_array_set_size (list, MIN (list->len, n_top));
  return list;
}

float
steer_inspection_get_value (SteerInspection *self, guint token, SteerSae *sae, guint32 feature)
{
  const Codes *codes;
  gsize low, high;
  guint place;

  g_return_val_if_fail (token < self->n_tokens, 0.0f);
  g_return_val_if_fail (g_ptr_array_find (self->saes, sae, &place), 0.0f);

  codes = &self->codes[place];
  low = g_array_index (codes->begin, gsize, token);
  high = g_array_index (codes->begin, gsize, token + 1);
  while (low < high)
    {
      gsize middle = low + (high - low) / 2;
      const SteerSaeActive *active = &g_array_index (codes->active, SteerSaeActive, middle);

      if (active->feature == feature)
        return active->value;
      if (active->feature < feature)
        low = middle + 1;
      else
        high = middle;
    }
  return 0.0f;
}

/* Appends one SAE's firings in tokens @first up to @end. */
static void
sum_firings (SteerInspection *self, guint place, guint first, guint end, GArray *list)
{
  const Codes *codes = &self->codes[place];
  g_autoptr (GHashTable) places = g_hash_table_new (NULL, NULL); /* feature -> position in the list + 1 */
  g_autofree double *totals = NULL;                              /* [list->len - start] */
  guint start = list->len;
  guint whole = first > 0 ? 1 : 0;

  for (guint t = first; t < end; t++)
    for (gsize j = g_array_index (codes->begin, gsize, t); j < g_array_index (codes->begin, gsize, t + 1); j++)
      {
        const SteerSaeActive *active = &g_array_index (codes->active, SteerSaeActive, j);
        gpointer key = GUINT_TO_POINTER (active->feature);
        guint at = GPOINTER_TO_UINT (g_hash_table_lookup (places, key));
        SteerFiring *firing;

        if (at == 0)
          {
            SteerFiring new = { .sae = g_ptr_array_index (self->saes, place), .feature = active->feature };

            g_array_append_val (list, new);
            at = list->len;
            g_hash_table_insert (places, key, GUINT_TO_POINTER (at));
          }
        firing = &g_array_index (list, SteerFiring, at - 1);
        firing->n_tokens++;
        firing->sum += (double) active->value;
        if (active->value > firing->largest)
          {
            firing->largest = active->value;
            firing->peak = t;
          }
      }

  totals = g_new0 (double, MAX (list->len - start, 1));
  for (gsize j = g_array_index (codes->begin, gsize, whole); j < codes->active->len; j++)
    {
      const SteerSaeActive *active = &g_array_index (codes->active, SteerSaeActive, j);
      guint at = GPOINTER_TO_UINT (g_hash_table_lookup (places, GUINT_TO_POINTER (active->feature)));

      if (at > 0)
        totals[at - 1 - start] += (double) active->value;
    }
  for (guint i = start; i < list->len; i++)
    {
      SteerFiring *firing = &g_array_index (list, SteerFiring, i);

      firing->specificity = (double) firing->largest * (double) firing->largest / totals[i - start];
    }
}

GArray *
steer_inspection_list_firings (SteerInspection *self,
                               guint first,
                               guint n_tokens,
                               SteerSae *sae,
                               SteerFiringOrder order,
                               guint n_top)
{
  GArray *list = g_array_new (FALSE, TRUE, sizeof (SteerFiring));

  g_return_val_if_fail (first <= self->n_tokens && n_tokens <= self->n_tokens - first, list);
  if (first == 0 && n_tokens > 1)
    {
      first++;
      n_tokens--;
    }
  for (guint i = 0; i < self->saes->len; i++)
    if (sae == NULL || sae == g_ptr_array_index (self->saes, i))
      sum_firings (self, i, first, first + n_tokens, list);
  g_array_sort_with_data (list, order == STEER_FIRING_BY_SUM ? compare_sums : compare_specificities, self);
  if (n_top > 0)
    g_array_set_size (list, MIN (list->len, n_top));
  return list;
}

double
steer_inspection_suggest_strength (SteerInspection *self, const SteerFiring *firing, double layer_norm)
{
  if (layer_norm <= 0.0)
    layer_norm = steer_inspection_get_norm (self, firing->sae);
  return steer_suggest_strength ((double) firing->largest,
                                 steer_sae_get_unit (firing->sae, firing->feature, layer_norm, NULL), layer_norm);
}
