/* Compiled once for all files here; each of them includes what it needs all the same. */
#include <adwaita.h>
