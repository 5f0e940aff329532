/* Compiled once for all files of a room; each of them includes what it needs all the same. */
#include <gio/gio.h>
