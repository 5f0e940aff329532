#include "steer-bpe.h"

#include "steer-tokenizer.h"
#include "steer-unicode.h"

#include <string.h>

#define FREE_SLOT G_MAXUINT32
#define NEVER G_MAXUINT32

/* Up to this many symbols, looking through all pairs is faster than a heap. */
#define SHORT_WORD 32

void
steer_bpe_init (SteerBpe *self)
{
  *self = (SteerBpe){ .unknown = -1 };
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

static inline gsize
merge_slot (guint32 left, guint32 right, gsize n_slots)
{
  guint64 key = ((guint64) left << 32 | right) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return (gsize) (key ^ key >> 32) & (n_slots - 1);
}

static inline SteerMerge *
find_slot (SteerMerge *merges, gsize n_slots, guint32 left, guint32 right)
{
  gsize slot = merge_slot (left, right, n_slots);

  while (merges[slot].merged != FREE_SLOT && (merges[slot].left != left || merges[slot].right != right))
    slot = (slot + 1) & (n_slots - 1);
  return &merges[slot];
}

static gboolean
resize_merges (SteerBpe *self, gsize n_slots)
{
  SteerMerge *merges = g_try_new (SteerMerge, n_slots);

  if (merges == NULL)
    return FALSE;
  for (gsize i = 0; i < n_slots; i++)
    merges[i].merged = FREE_SLOT;
  for (gsize i = 0; i < self->n_merge_slots; i++)
    if (self->merges[i].merged != FREE_SLOT)
      *find_slot (merges, n_slots, self->merges[i].left, self->merges[i].right) = self->merges[i];
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
  slot = find_slot (self->merges, self->n_merge_slots, left, right);
  self->n_merges += slot->merged == FREE_SLOT;
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

      if (merge->merged == FREE_SLOT || merge->rank == NEVER)
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

      if (content == NULL || self->score_ranks[id] == NEVER)
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
          self->score_ranks[i] = NEVER;
      }
  if (any_special)
    for (gsize i = 0; i < self->n_merge_slots; i++)
      if (self->merges[i].merged != FREE_SLOT && self->whole[self->merges[i].merged] >= STEER_WHOLE_SPECIAL)
        self->merges[i].rank = NEVER;
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

/* --- a word's first symbols --- */

typedef struct
{
  gint32 id; /* -1: text that is no token yet (score merging only) */
  guint32 start;
  guint32 length; /* 0 once merged into the symbol before it */
  gint32 previous;
  gint32 next; /* -1: none */
} Symbol;

void
steer_bpe_scratch_clear (SteerBpeScratch *scratch)
{
  g_free (scratch->symbols);
  g_free (scratch->heap);
  *scratch = (SteerBpeScratch){ 0 };
}

static gboolean
reserve_symbols (SteerBpeScratch *scratch, gsize n, GError **error)
{
  gpointer symbols;

  if (n <= scratch->symbols_size)
    return TRUE;
  n = MAX (n, 256);
  symbols = g_try_malloc_n (n, sizeof (Symbol));
  if (symbols == NULL)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
                   "not enough memory to tokenize a word of %" G_GSIZE_FORMAT " bytes", n);
      return FALSE;
    }
  g_free (scratch->symbols);
  scratch->symbols = symbols;
  scratch->symbols_size = n;
  return TRUE;
}

static gboolean
fail_unknown (const char *character, gsize length, gboolean is_byte, GError **error)
{
  if (is_byte)
    g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNKNOWN_TOKEN,
                 "the vocabulary has no token for byte 0x%02x and no unknown token", (guint8) character[0]);
  else
    g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNKNOWN_TOKEN,
                 "the vocabulary has no token for the character '%.*s' (U+%04X) and no unknown token", (int) length,
                 character, g_utf8_get_char (character));
  return FALSE;
}

typedef struct
{
  Symbol *symbols;
  gsize n;
  gint32 pending_start; /* unknown text that waits to be fused; -1: none */
  guint32 pending_length;
} Start;

static inline void
push_symbol (Start *out, gint32 id, gsize start, gsize length)
{
  out->symbols[out->n++] = (Symbol){ .id = id, .start = (guint32) start, .length = (guint32) length };
}

static void
flush_unknown (const SteerBpe *self, Start *out)
{
  if (out->pending_start >= 0)
    push_symbol (out, self->unknown, (gsize) out->pending_start, out->pending_length);
  out->pending_start = -1;
}

static gboolean
start_bytes (const SteerBpe *self, const char *word, gsize length, Start *out, GError **error)
{
  for (gsize i = 0; i < length; i++)
    {
      gint32 id = self->byte_ids[(guint8) word[i]];

      if (id < 0)
        id = self->unknown;
      if (id < 0)
        return fail_unknown (word + i, 1, TRUE, error);
      if (id == self->unknown && self->fuse_unknown && out->n > 0 && out->symbols[out->n - 1].id == id)
        out->symbols[out->n - 1].length++;
      else
        push_symbol (out, id, i, 1);
    }
  return TRUE;
}

static gboolean
start_characters (const SteerBpe *self, const char *word, gsize length, Start *out, GError **error)
{
  for (gsize i = 0; i < length;)
    {
      gboolean have_bytes = self->byte_fallback;
      guint size;
      gint32 id;

      steer_utf8_get (word + i, &size);
      id = steer_string_table_find (self->pieces, word + i, size);
      if (id >= 0 && self->whole[id] == STEER_WHOLE_OUTSIDE)
        id = -1;
      if (id >= 0 || self->score_ranks != NULL)
        {
          flush_unknown (self, out);
          push_symbol (out, id, i, size);
          i += size;
          continue;
        }

      for (guint k = 0; have_bytes && k < size; k++)
        have_bytes = self->byte_ids[(guint8) word[i + k]] >= 0;
      if (have_bytes)
        {
          for (guint k = 0; k < size; k++)
            push_symbol (out, self->byte_ids[(guint8) word[i + k]], i + k, 1);
        }
      else if (self->unknown < 0)
        return fail_unknown (word + i, size, FALSE, error);
      else if (self->fuse_unknown && out->pending_start >= 0)
        out->pending_length += size;
      else
        {
          flush_unknown (self, out);
          out->pending_start = (gint32) i;
          out->pending_length = size;
        }
      i += size;
    }
  flush_unknown (self, out);
  return TRUE;
}

/* --- merging --- */

/* The token that @left and @right merge to, and its rank; NEVER when they do not. */
static inline guint32
find_pair (const SteerBpe *self, const char *word, const Symbol *left, const Symbol *right, guint32 *merged)
{
  if (self->score_ranks != NULL)
    {
      gint32 id = steer_string_table_find (self->pieces, word + left->start, (gsize) left->length + right->length);

      if (id < 0)
        return NEVER;
      *merged = (guint32) id;
      return self->score_ranks[id];
    }
  if (self->n_merge_slots == 0)
    return NEVER;
  else
    {
      const SteerMerge *slot = find_slot (self->merges, self->n_merge_slots, (guint32) left->id, (guint32) right->id);

      if (slot->merged == FREE_SLOT)
        return NEVER;
      *merged = slot->merged;
      return slot->rank;
    }
}

static gsize
merge_short (const SteerBpe *self, const char *word, Symbol *symbols, gsize n)
{
  guint32 ranks[SHORT_WORD];  /* [n - 1] of the pair that begins at each symbol */
  guint32 merged[SHORT_WORD]; /* [n - 1] */

  for (gsize i = 0; i + 1 < n; i++)
    ranks[i] = find_pair (self, word, &symbols[i], &symbols[i + 1], &merged[i]);

  while (n > 1)
    {
      gsize best = 0;

      for (gsize i = 1; i + 1 < n; i++)
        if (ranks[i] < ranks[best])
          best = i;
      if (ranks[best] == NEVER)
        break;

      symbols[best].id = (gint32) merged[best];
      symbols[best].length += symbols[best + 1].length;
      n--;
      memmove (&symbols[best + 1], &symbols[best + 2], (n - best - 1) * sizeof *symbols);
      memmove (&ranks[best], &ranks[best + 1], (n - best - 1) * sizeof *ranks);
      memmove (&merged[best], &merged[best + 1], (n - best - 1) * sizeof *merged);
      if (best + 1 < n)
        ranks[best] = find_pair (self, word, &symbols[best], &symbols[best + 1], &merged[best]);
      if (best > 0)
        ranks[best - 1] = find_pair (self, word, &symbols[best - 1], &symbols[best], &merged[best - 1]);
    }
  return n;
}

/* A pair that could be merged when it was pushed. It still can exactly when the two symbols at its place have the
 * same length together: symbols only grow, and grow by whole symbols. */
typedef struct
{
  guint64 key; /* rank << 32 | index of the left symbol */
  guint32 length;
  guint32 merged;
} Candidate;

static void
sift_down (Candidate *heap, gsize n, gsize at)
{
  Candidate moving = heap[at];

  for (gsize child; (child = at * 2 + 1) < n; at = child)
    {
      child += child + 1 < n && heap[child + 1].key < heap[child].key;
      if (heap[child].key >= moving.key)
        break;
      heap[at] = heap[child];
    }
  heap[at] = moving;
}

static void
sift_up (Candidate *heap, gsize at)
{
  Candidate moving = heap[at];

  while (at > 0 && heap[(at - 1) / 2].key > moving.key)
    {
      heap[at] = heap[(at - 1) / 2];
      at = (at - 1) / 2;
    }
  heap[at] = moving;
}

static void
push_candidate (const SteerBpe *self, SteerBpeScratch *scratch, const char *word, const Symbol *symbols, gsize left)
{
  Candidate *heap = scratch->heap;
  const Symbol *a = &symbols[left];
  const Symbol *b = &symbols[a->next];
  guint32 merged;
  guint32 rank = find_pair (self, word, a, b, &merged);

  if (rank == NEVER)
    return;
  heap[scratch->heap_used] = (Candidate){ (guint64) rank << 32 | left, a->length + b->length, merged };
  sift_up (heap, scratch->heap_used++);
}

static gboolean
reserve_heap (SteerBpeScratch *scratch, gsize n, GError **error)
{
  gpointer heap;

  scratch->heap_used = 0;
  if (n <= scratch->heap_size)
    return TRUE;
  heap = g_try_malloc_n (n, sizeof (Candidate));
  if (heap == NULL)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
                   "not enough memory to tokenize a word of %" G_GSIZE_FORMAT " characters", n / 3);
      return FALSE;
    }
  g_free (scratch->heap);
  scratch->heap = heap;
  scratch->heap_size = n;
  return TRUE;
}

static gboolean
merge_long (const SteerBpe *self, SteerBpeScratch *scratch, const char *word, gsize *n, GError **error)
{
  Symbol *symbols = scratch->symbols;
  Candidate *heap;
  gsize kept = 0;

  /* n - 1 pairs to begin with, and two new ones for each of at most n - 1 merges */
  if (!reserve_heap (scratch, *n * 3, error))
    return FALSE;
  heap = scratch->heap;
  for (gsize i = 0; i < *n; i++)
    {
      symbols[i].previous = (gint32) i - 1;
      symbols[i].next = i + 1 < *n ? (gint32) i + 1 : -1;
    }
  for (gsize i = 0; i + 1 < *n; i++)
    push_candidate (self, scratch, word, symbols, i);

  while (scratch->heap_used > 0)
    {
      Candidate top = heap[0];
      gsize at = (guint32) top.key;
      Symbol *left = &symbols[at];
      Symbol *right;

      heap[0] = heap[--scratch->heap_used];
      if (scratch->heap_used > 0)
        sift_down (heap, scratch->heap_used, 0);
      if (left->length == 0 || left->next < 0)
        continue;
      right = &symbols[left->next];
      if (left->length + right->length != top.length)
        continue;

      left->id = (gint32) top.merged;
      left->length = top.length;
      left->next = right->next;
      right->length = 0;
      if (left->next >= 0)
        {
          symbols[left->next].previous = (gint32) at;
          push_candidate (self, scratch, word, symbols, at);
        }
      if (left->previous >= 0)
        push_candidate (self, scratch, word, symbols, (gsize) left->previous);
    }

  for (gsize i = 0; i < *n; i++)
    if (symbols[i].length > 0)
      symbols[kept++] = symbols[i];
  *n = kept;
  return TRUE;
}

/* After score merging: text that became no token is spelled in bytes, or is unknown. */
static gboolean
append_spelled (const SteerBpe *self, const char *word, const Symbol *symbol, GArray *ids, GError **error)
{
  gboolean follows_unknown
    = symbol->start > 0 && ids->len > 0 && g_array_index (ids, gint32, ids->len - 1) == self->unknown;
  gboolean have_bytes = self->byte_fallback;

  for (guint k = 0; have_bytes && k < symbol->length; k++)
    have_bytes = self->byte_ids[(guint8) word[symbol->start + k]] >= 0;
  if (have_bytes)
    for (guint k = 0; k < symbol->length; k++)
      g_array_append_val (ids, self->byte_ids[(guint8) word[symbol->start + k]]);
  else if (self->unknown < 0)
    return fail_unknown (word + symbol->start, symbol->length, FALSE, error);
  else if (!follows_unknown || !self->fuse_unknown)
    g_array_append_val (ids, self->unknown);
  return TRUE;
}

static gboolean
encode_part (const SteerBpe *self,
             SteerBpeScratch *scratch,
             const char *word,
             gsize length,
             GArray *ids,
             GError **error)
{
  gint32 whole = steer_string_table_find (self->pieces, word, length);
  Start start = { .pending_start = -1 };
  gsize n;

  if (whole >= 0)
    {
      guint8 known = __atomic_load_n (&self->whole[whole], __ATOMIC_RELAXED);

      if (known == STEER_WHOLE_YES || (self->ignore_merges && known < STEER_WHOLE_SPECIAL))
        {
          g_array_append_val (ids, whole);
          return TRUE;
        }
      if (known != STEER_WHOLE_UNKNOWN)
        whole = -1;
    }
  if (length >= G_MAXINT32 / 4)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "a single word of %" G_GSIZE_FORMAT " bytes is too long to tokenize; split the text", length);
      return FALSE;
    }
  if (!reserve_symbols (scratch, length, error))
    return FALSE;

  start.symbols = scratch->symbols;
  if (!(self->byte_level ? start_bytes : start_characters) (self, word, length, &start, error))
    return FALSE;
  n = start.n;
  if (n <= SHORT_WORD)
    n = merge_short (self, word, start.symbols, n);
  else if (!merge_long (self, scratch, word, &n, error))
    return FALSE;

  for (gsize i = 0; i < n; i++)
    if (start.symbols[i].id >= 0)
      g_array_append_val (ids, start.symbols[i].id);
    else if (!append_spelled (self, word, &start.symbols[i], ids, error))
      return FALSE;
  if (whole >= 0)
    __atomic_store_n (&self->whole[whole], n == 1 && start.symbols[0].id == whole ? STEER_WHOLE_YES : STEER_WHOLE_NO,
                      __ATOMIC_RELAXED);
  return TRUE;
}

static gboolean
is_token (const SteerBpe *self, const char *character, guint size)
{
  gint32 id = steer_string_table_find (self->pieces, character, size);

  return id >= 0 && self->whole[id] != STEER_WHOLE_OUTSIDE;
}

gboolean
steer_bpe_encode (const SteerBpe *self,
                  SteerBpeScratch *scratch,
                  const char *word,
                  gsize length,
                  GArray *ids,
                  GError **error)
{
  gsize start = 0, previous_at = 0;
  gunichar previous = 0;
  guint size, previous_size = 0;

  if (self->joints == NULL)
    return encode_part (self, scratch, word, length, ids, error);
  for (gsize at = 0; at < length; at += size)
    {
      gunichar character = steer_utf8_get (word + at, &size);

      /* unknown characters stay together: they may become one token */
      if (at > 0 && !steer_joints_has (self->joints, previous, character)
          && (is_token (self, word + previous_at, previous_size) || is_token (self, word + at, size)))
        {
          if (!encode_part (self, scratch, word + start, at - start, ids, error))
            return FALSE;
          start = at;
        }
      previous = character;
      previous_at = at;
      previous_size = size;
    }
  return encode_part (self, scratch, word + start, length - start, ids, error);
}
