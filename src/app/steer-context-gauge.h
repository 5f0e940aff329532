#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_CONTEXT_GAUGE (steer_context_gauge_get_type ())

/* SteerContextGauge: a small ring that fills with the context. Properties: used, size (uint, tokens). A meter to
 * assistive technology; its tooltip tells the numbers. Hidden while size is 0. */
G_DECLARE_FINAL_TYPE (SteerContextGauge, steer_context_gauge, STEER, CONTEXT_GAUGE, GtkWidget)

GtkWidget *steer_context_gauge_new (void);

G_END_DECLS
