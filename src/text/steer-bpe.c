#include "steer-bpe-private.h"

#include "steer-unicode.h"

void
steer_bpe_init (SteerBpe *self)
{
  *self = (SteerBpe){ .unknown = -1, .seed = (guint64) g_random_int () << 32 | g_random_int () };
  for (guint i = 0; i < 256; i++)
    self->byte_ids[i] = -1;
}

void
steer_bpe_clear (SteerBpe *self)
{
  g_free (self->merges);
  g_free (self->score_ranks);
  g_free (self->whole);
  steer_joints_free (self->joints);
  steer_bpe_init (self);
}

/* --- the table of merges --- */

static gboolean
resize_merges (SteerBpe *self, gsize n_slots)
{
  SteerMerge *merges = g_try_new (SteerMerge, n_slots);

  if (merges == NULL)
    return FALSE;
  for (gsize i = 0; i < n_slots; i++)
    merges[i].merged = STEER_BPE_FREE;
  for (gsize i = 0; i < self->n_merge_slots; i++)
    if (self->merges[i].merged != STEER_BPE_FREE)
      *steer_bpe_find_slot (merges, n_slots, self->seed, self->merges[i].left, self->merges[i].right) = self->merges[i];
  g_free (self->merges);
  self->merges = merges;
  self->n_merge_slots = n_slots;
  return TRUE;
}

gboolean
steer_bpe_reserve_merges (SteerBpe *self, gsize n_merges)
{
  gsize n_slots = MAX (self->n_merge_slots, 16);

  while (n_slots / 8 * 5 < n_merges)
    n_slots *= 2;
  return n_slots == self->n_merge_slots || resize_merges (self, n_slots);
}

gboolean
steer_bpe_add_merge (SteerBpe *self, guint32 left, guint32 right, guint32 rank, guint32 merged)
{
  SteerMerge *slot;

  /* at most 5/8 full */
  if ((self->n_merges + 1) * 8 > self->n_merge_slots * 5 && !resize_merges (self, MAX (self->n_merge_slots * 2, 256)))
    return FALSE;
  slot = steer_bpe_find_slot (self->merges, self->n_merge_slots, self->seed, left, right);
  self->n_merges += slot->merged == STEER_BPE_FREE;
  *slot = (SteerMerge){ left, right, rank, merged };
  return TRUE;
}

static gunichar
last_character (const char *text, gsize length)
{
  const char *last = text + length - 1;

  while (steer_utf8_is_continuation (*last))
    last--;
  return g_utf8_get_char (last);
}

/* Merges by rank: each joins the last character of one token to the first of another. */
static gboolean
add_merge_joints (SteerBpe *self, SteerJoints *joints)
{
  for (gsize i = 0; i < self->n_merge_slots; i++)
    {
      const SteerMerge *merge = &self->merges[i];
      gsize left_length, right_length;
      const char *left, *right;

      if (merge->merged == STEER_BPE_FREE || merge->rank == STEER_BPE_NEVER)
        continue;
      left = steer_string_table_get (self->pieces, merge->left, &left_length);
      right = steer_string_table_get (self->pieces, merge->right, &right_length);
      /* a merge of spelled bytes ("<0xE2>") says nothing of characters; nobody makes such, and nobody shall suffer */
      if (left_length == 0 || right_length == 0
          || (self->byte_fallback && (g_str_has_prefix (left, "<0x") || g_str_has_prefix (right, "<0x"))))
        return FALSE;
      if (!steer_joints_add (joints, last_character (left, left_length), g_utf8_get_char (right)))
        return FALSE;
    }
  return TRUE;
}

/* Merges by score: wherever a token that can come out of a merge has two characters side by side. */
static gboolean
add_score_joints (SteerBpe *self, SteerJoints *joints)
{
  for (guint id = 0; id < self->n_tokens; id++)
    {
      gsize length;
      const char *content = steer_string_table_get (self->pieces, id, &length);
      guint size, next_size;

      if (content == NULL || self->score_ranks[id] == STEER_BPE_NEVER)
        continue;
      for (gsize at = 0; at < length; at += size)
        {
          gunichar left = steer_utf8_get (content + at, &size);

          if (at + size < length && !steer_joints_add (joints, left, steer_utf8_get (content + at + size, &next_size)))
            return FALSE;
        }
    }
  return TRUE;
}

/* Without joints all is slower and the same, so that memory may be short here. */
static void
find_joints (SteerBpe *self)
{
  SteerJoints *joints = steer_joints_new ();

  if (self->score_ranks != NULL ? add_score_joints (self, joints) : add_merge_joints (self, joints))
    self->joints = joints;
  else
    steer_joints_free (joints);
}

gboolean
steer_bpe_finish (SteerBpe *self, const SteerStringTable *pieces, guint n_tokens)
{
  gboolean any_special = FALSE;

  self->pieces = pieces;
  self->n_tokens = n_tokens;
  if (self->whole == NULL)
    self->whole = g_try_new0 (guint8, MAX (n_tokens, 1));
  if (self->whole == NULL)
    return FALSE;

  for (guint i = 0; i < n_tokens; i++)
    if (self->whole[i] >= STEER_WHOLE_SPECIAL)
      {
        any_special = TRUE;
        if (self->score_ranks != NULL)
          self->score_ranks[i] = STEER_BPE_NEVER;
      }
  if (any_special)
    for (gsize i = 0; i < self->n_merge_slots; i++)
      if (self->merges[i].merged != STEER_BPE_FREE && self->whole[self->merges[i].merged] >= STEER_WHOLE_SPECIAL)
        self->merges[i].rank = STEER_BPE_NEVER;
  /* words of byte-level models are short; and a word that is a token as a whole must be seen as a whole */
  if (!self->byte_level && !self->ignore_merges)
    find_joints (self);
  return TRUE;
}

gsize
steer_bpe_get_size (const SteerBpe *self)
{
  return self->n_merge_slots * sizeof (SteerMerge) + self->n_tokens * (self->score_ranks != NULL ? 5 : 1);
}
