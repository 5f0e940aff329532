#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * SteerGunzip: a GConverter that unpacks gzip files. Unlike GZlibDecompressor it goes on behind the end of a member:
 * files that were joined with `cat`, or written piece by piece, unpack to all of their text. What follows the last
 * member and is none is an error, G_IO_ERROR_INVALID_DATA; zero bytes, with which tapes are filled up, are passed over.
 */
#define STEER_TYPE_GUNZIP (steer_gunzip_get_type ())
G_DECLARE_FINAL_TYPE (SteerGunzip, steer_gunzip, STEER, GUNZIP, GObject)

GConverter *steer_gunzip_new (void);

G_END_DECLS
