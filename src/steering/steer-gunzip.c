#include "steer-gunzip.h"

struct _SteerGunzip
{
  GObject parent_instance;

  GConverter *member;
  gboolean between; /* a member has ended and no other begun */
};

static void
steer_gunzip_reset (GConverter *converter)
{
  SteerGunzip *self = STEER_GUNZIP (converter);

  g_converter_reset (self->member);
  self->between = FALSE;
}

static GConverterResult
steer_gunzip_convert (GConverter *converter,
                      const void *input,
                      gsize input_size,
                      void *output,
                      gsize output_size,
                      GConverterFlags flags,
                      gsize *n_read,
                      gsize *n_written,
                      GError **error)
{
  SteerGunzip *self = STEER_GUNZIP (converter);
  const guint8 *bytes = input;
  gsize n_zeros = 0;
  GConverterResult result;

  *n_written = 0;
  while (self->between && n_zeros < input_size && bytes[n_zeros] == 0)
    n_zeros++;
  *n_read = n_zeros;
  if (n_zeros == input_size && self->between)
    {
      if ((flags & G_CONVERTER_INPUT_AT_END) != 0)
        return G_CONVERTER_FINISHED;
      if (n_zeros > 0)
        return G_CONVERTER_CONVERTED;
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "more input is needed");
      return G_CONVERTER_ERROR;
    }

  self->between = FALSE;
  result = g_converter_convert (self->member, bytes + n_zeros, input_size - n_zeros, output, output_size, flags, n_read,
                                n_written, error);
  if (result == G_CONVERTER_ERROR)
    return result;
  *n_read += n_zeros;
  if (result != G_CONVERTER_FINISHED)
    return result;
  g_converter_reset (self->member);
  self->between = TRUE;
  return *n_read == input_size && (flags & G_CONVERTER_INPUT_AT_END) != 0 ? G_CONVERTER_FINISHED
                                                                          : G_CONVERTER_CONVERTED;
}

static void
converter_init (GConverterIface *iface)
{
  iface->convert = steer_gunzip_convert;
  iface->reset = steer_gunzip_reset;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerGunzip,
                               steer_gunzip,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_CONVERTER, converter_init))

static void
steer_gunzip_finalize (GObject *object)
{
  g_object_unref (STEER_GUNZIP (object)->member);
  G_OBJECT_CLASS (steer_gunzip_parent_class)->finalize (object);
}

static void
steer_gunzip_class_init (SteerGunzipClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_gunzip_finalize;
}

static void
steer_gunzip_init (SteerGunzip *self)
{
  self->member = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
}

GConverter *
steer_gunzip_new (void)
{
  return g_object_new (STEER_TYPE_GUNZIP, NULL);
}
