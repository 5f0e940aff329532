#pragma once

#include <gtk/gtk.h>

#include "steer-chat.h"

G_BEGIN_DECLS

#define STEER_TYPE_COMPARE_VIEW (steer_compare_view_get_type ())

/**
 * SteerCompareView: two replies to one message, plain and steered, side by side where there is room and one below the
 * other where there is not, each with a button that keeps it as the conversation's reply.
 */
G_DECLARE_FINAL_TYPE (SteerCompareView, steer_compare_view, STEER, COMPARE_VIEW, GtkWidget)

GtkWidget *steer_compare_view_new (SteerChat *chat, SteerMessage *plain, SteerMessage *steered, gboolean show_steering);
SteerMessage *steer_compare_view_get_plain (SteerCompareView *self);
SteerMessage *steer_compare_view_get_steered (SteerCompareView *self);
void steer_compare_view_set_show_steering (SteerCompareView *self, gboolean show);

G_END_DECLS
