#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

void steer_about_show (GtkWindow *parent);

G_END_DECLS
