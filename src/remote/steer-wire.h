#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * SECTION: what crosses the wire
 *
 * The side that has the model ("the lender") greets with one line, the other ("the borrower") asks, and the lender
 * answers in the order it was asked. Each message is a header of 16 bytes, little-endian - kind u32, serial u32, length
 * u64 - and as many bytes of a GVariant of the kind's type, little-endian, too. An answer has the serial of what it
 * answers. Numbers of arrays ("ay") are as they are in memory: f32, i32 or u32.
 *
 * Whatever arrives is untrusted on both sides. Lengths are checked before anything is allocated, and what a message
 * says is checked by whoever reads it. What of a variant is damaged reads as 0, "" or an empty array, as GVariant has
 * it for data that is not trusted; asking it whether it is in normal form would look at every byte of the arrays, which
 * takes longer than a small model's step.
 */

/* Raised when the meaning of a message changes. Only sides of one version talk to each other. */
#define STEER_WIRE_VERSION 1

typedef enum
{
  /* Asked. */
  STEER_WIRE_LIST = 1, /* (): what is there? -> LISTING */
  STEER_WIRE_MODEL,    /* s path: opens a model's files -> FILES */
  STEER_WIRE_HEAD,     /* u file: all of a file but weights' values -> PIECES */
  STEER_WIRE_OPEN,     /* (msuuuuu) device, SteerContextOptions in their order -> PROGRESS..., OPENED */
  STEER_WIRE_FORWARD,  /* STEER_WIRE_FORWARD_TYPE -> RESULTS */
  STEER_WIRE_CLOSE,    /* (): closes the context -> CLOSED */
  STEER_WIRE_CANCEL,   /* u serial: what has it, if it is not done, FAILED; no answer of its own */
  STEER_WIRE_HERE,     /* (): the borrower is there, and has nothing to ask; no answer */

  /* Answered. */
  STEER_WIRE_LISTING = 32, /* (a(sst) models: path, name, bytes; a(ssmsttbmsb) devices: SteerDevice in its order) */
  STEER_WIRE_FILES,    /* (ssa(sttt)) model's name, its GGUF file or "", files: name, size, time in us, head's size */
  STEER_WIRE_PIECES,   /* a(tay) offset, bytes */
  STEER_WIRE_PROGRESS, /* d 0 .. 1 */
  STEER_WIRE_OPENED,   /* (ssms(uuuuu)u) device's id, name, what was passed over, options, chunk */
  STEER_WIRE_RESULTS,  /* a(ayayi) of each run: logits, taps, token */
  STEER_WIRE_CLOSED,   /* () */
  STEER_WIRE_FAILED,   /* (uus) domain as STEER_WIRE_DOMAIN_*, code, message */
} SteerWireKind;

/* Block of weights or 0 for no encoder, SteerEncoderInput, bias, threshold, gain. */
#define STEER_WIRE_ENCODER_TYPE "(uuddd)"
/* Number, d_model, steer_prompt, skip_special, operations: layer, index, mode, strength, block, encoder, and of the
 * gate when, bound, block or 0, encoder. */
#define STEER_WIRE_PLAN_TYPE "(uubba(utudu" STEER_WIRE_ENCODER_TYPE "udu" STEER_WIRE_ENCODER_TYPE "))"
/* What the other side lacks of the plans: numbers of plans and of blocks that are forgotten, blocks (number, f32),
 * plans. */
#define STEER_WIRE_NEWS_TYPE "(auaua(uay)a" STEER_WIRE_PLAN_TYPE ")"
/* Slot, position, tokens, plan or 0, mask, want, tapped layers, SteerSampling in its order, seen tokens, uniform. */
#define STEER_WIRE_RUN_TYPE "(uuayuayuau(dudddtu)ayd)"
#define STEER_WIRE_FORWARD_TYPE "(" STEER_WIRE_NEWS_TYPE "a" STEER_WIRE_RUN_TYPE ")"

/* A borrower says something at least so often, and a lender that has heard nothing for so long ends. */
#define STEER_WIRE_HERE_US (30 * G_USEC_PER_SEC)
#define STEER_WIRE_SILENCE_US (600 * G_USEC_PER_SEC)

/* Errors keep their codes where the other side may act on them. */
typedef enum
{
  STEER_WIRE_DOMAIN_OTHER,     /* becomes STEER_MODEL_ERROR_INVALID */
  STEER_WIRE_DOMAIN_MODEL,     /* STEER_MODEL_ERROR, its code */
  STEER_WIRE_DOMAIN_CANCELLED, /* G_IO_ERROR_CANCELLED */
} SteerWireDomain;

/* One message as it arrived. */
typedef struct
{
  SteerWireKind kind;
  guint32 serial;
  GVariant *body; /* of the kind's type; owned */
} SteerWireMessage;

void steer_wire_message_clear (SteerWireMessage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerWireMessage, steer_wire_message_clear)

/**
 * SteerWire:
 *
 * Both directions of a connection. One thread may send while another receives; several that send wait for each other.
 */
typedef struct _SteerWire SteerWire;

/* The wire keeps both streams, and closes them when it is freed. */
SteerWire *steer_wire_new (GInputStream *input, GOutputStream *output);
void steer_wire_free (SteerWire *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerWire, steer_wire_free)

/* The lender's first word, and the borrower's waiting for it: a login may write lines of its own before it. Errors of
 * waiting: STEER_MODEL_ERROR_UNSUPPORTED for another version, STEER_MODEL_ERROR_DEVICE for what is no greeting,
 * G_IO_ERROR_CLOSED when the other side ended without it. */
gboolean steer_wire_greet (SteerWire *self, const char *program_version, GError **error);
gboolean steer_wire_await_greeting (SteerWire *self, GCancellable *cancellable, GError **error);

/* @body: of the kind's type; floating is taken. A send that is cancelled leaves the wire of no more use, as an error
 * does. */
gboolean steer_wire_send (SteerWire *self,
                          SteerWireKind kind,
                          guint32 serial,
                          GVariant *body,
                          GCancellable *cancellable,
                          GError **error);

/* @max_length: of the body in bytes; more is an error. After G_IO_ERROR_CANCELLED the next call goes on where this one
 * stopped; after any other error the wire is of no more use. The other side's end is G_IO_ERROR_CLOSED. */
gboolean steer_wire_receive (SteerWire *self,
                             SteerWireMessage *message,
                             gsize max_length,
                             GCancellable *cancellable,
                             GError **error);

/* Longest bodies: of an answer that tells a little, and of anything that a borrower asks. */
#define STEER_WIRE_SMALL ((gsize) 1 << 20)
#define STEER_WIRE_LARGE ((gsize) 4 << 30)

/* A text of the other side, cut where it is longer than anybody would read; NULL for NULL. Free with g_free(). */
char *steer_wire_dup_text (const char *text);

/* FAILED, and what it is here. (transfer floating), (transfer full) */
GVariant *steer_wire_error_to_variant (const GError *error);
GError *steer_wire_error_from_variant (GVariant *variant);

/* An array of numbers of @width bytes each out of an "ay"; NULL with STEER_MODEL_ERROR_INVALID when it has not got
 * @n of them. (transfer none), aligned to 8 bytes only where the message was built so: copy it. */
const void *steer_wire_get_numbers (GVariant *bytes, gsize n, gsize width, GError **error);

/* "ay" of @n numbers; (transfer floating). @numbers may be NULL where @n is 0. */
GVariant *steer_wire_new_numbers (const void *numbers, gsize n, gsize width);

G_END_DECLS
