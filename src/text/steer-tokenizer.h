#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define STEER_TEXT_ERROR (steer_text_error_quark ())

/**
 * SteerTextError:
 * @STEER_TEXT_ERROR_INVALID: a tokenizer or template file breaks its format; the message names file and place
 * @STEER_TEXT_ERROR_UNSUPPORTED: valid, but of a kind this program does not know; the message names it and the remedy
 * @STEER_TEXT_ERROR_NOT_FOUND: the model has no tokenizer or no chat template
 * @STEER_TEXT_ERROR_UNKNOWN_TOKEN: an id outside the vocabulary, or text that the vocabulary cannot express
 */
typedef enum
{
  STEER_TEXT_ERROR_INVALID,
  STEER_TEXT_ERROR_UNSUPPORTED,
  STEER_TEXT_ERROR_NOT_FOUND,
  STEER_TEXT_ERROR_UNKNOWN_TOKEN,
} SteerTextError;

GQuark steer_text_error_quark (void);

/**
 * SteerEncodeFlags:
 * @STEER_ENCODE_ADD_BOS: apply the tokenizer's own post-processing for a single sequence (usually: begin with BOS)
 * @STEER_ENCODE_PARSE_SPECIAL: text such as "<|eot_id|>" becomes its special token. Only for text that the program
 *   itself made; text typed by a person must never be encoded with it, or anybody could end a turn or forge a role.
 *   Without it, tokens that look like "<|name|>" are not recognised either, though the file does not call them special;
 *   other added tokens ("<tool_call>") are, as in the reference.
 */
typedef enum
{
  STEER_ENCODE_DEFAULT = 0,
  STEER_ENCODE_ADD_BOS = 1 << 0,
  STEER_ENCODE_PARSE_SPECIAL = 1 << 1,
} SteerEncodeFlags;

/**
 * SteerTextSpan:
 *
 * A piece of a prompt. Where @trusted is set (the template's own words) special tokens are parsed; elsewhere they
 * are plain text. Only special tokens cut the text: plain neighbours are tokenised as one string whatever their
 * trust, as the reference does.
 */
typedef struct
{
  gsize start;  /* byte offset */
  gsize length; /* bytes */
  gboolean trusted;
} SteerTextSpan;

#define STEER_TYPE_TOKENIZER (steer_tokenizer_get_type ())

/**
 * SteerTokenizer:
 *
 * Text to token ids and back, as Hugging Face's tokenizers library does for the same tokenizer.json: byte-level BPE
 * and SentencePiece-style BPE. Immutable after construction; any thread may use it, several at once.
 */
G_DECLARE_FINAL_TYPE (SteerTokenizer, steer_tokenizer, STEER, TOKENIZER, GObject)

/* @path: a tokenizer.json. Errors: STEER_TEXT_ERROR, G_FILE_ERROR. */
SteerTokenizer *steer_tokenizer_new_from_file (const char *path, GError **error);

/* @name stands for the file in messages; @json is not kept. */
SteerTokenizer *steer_tokenizer_new_from_json (const char *json, gsize length, const char *name, GError **error);

/* Number of ids, added tokens included: ids are 0 .. n-1, with possible holes. */
guint steer_tokenizer_get_n_tokens (SteerTokenizer *self);

/* The id of a token by its exact content, added tokens included; -1 when there is none. */
gint32 steer_tokenizer_find (SteerTokenizer *self, const char *content);

/* The token's content as the vocabulary spells it (byte-level alphabets and all); NULL for a hole. */
const char *steer_tokenizer_get_content (SteerTokenizer *self, gint32 id);

gboolean steer_tokenizer_is_special (SteerTokenizer *self, gint32 id);

/**
 * steer_tokenizer_encode:
 * @text: [length] bytes; invalid UTF-8 is replaced by U+FFFD first, as the reference does
 * @ids: (element-type gint32): the ids are appended
 *
 * Errors: STEER_TEXT_ERROR_UNKNOWN_TOKEN when the vocabulary has neither bytes nor an unknown token.
 */
gboolean steer_tokenizer_encode (SteerTokenizer *self,
                                 const char *text,
                                 gsize length,
                                 SteerEncodeFlags flags,
                                 GArray *ids,
                                 GError **error);

/* The same for a prompt of trusted and untrusted pieces; @spans cover @text in order without gaps. */
gboolean steer_tokenizer_encode_spans (SteerTokenizer *self,
                                       const char *text,
                                       const SteerTextSpan *spans,
                                       guint n_spans,
                                       SteerEncodeFlags flags,
                                       GArray *ids,
                                       GError **error);

/* Whole text of @ids ([n_ids]); invalid UTF-8 becomes U+FFFD. NULL with an error for an id outside the vocabulary. */
char *
steer_tokenizer_decode (SteerTokenizer *self, const gint32 *ids, gsize n_ids, gboolean skip_special, GError **error);

/* The same, appended to @text, which also keeps a NUL where the tokens spell one. */
gboolean steer_tokenizer_decode_append (SteerTokenizer *self,
                                        const gint32 *ids,
                                        gsize n_ids,
                                        gboolean skip_special,
                                        GString *text,
                                        GError **error);

/* Bytes of memory held by the vocabulary and the merges. */
gsize steer_tokenizer_get_memory_size (SteerTokenizer *self);

G_END_DECLS
