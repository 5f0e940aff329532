#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define STEER_TYPE_LATE_LIST (steer_late_list_get_type ())

/**
 * SteerLateList: a list whose changes are told a moment later, all that came meanwhile as one.
 *
 * What puts a row into a list often changes other parts of the window too, and a frame that draws all of it is twice as
 * long as one that draws either. The list follows a frame later, too soon for anyone to notice.
 */
G_DECLARE_FINAL_TYPE (SteerLateList, steer_late_list, STEER, LATE_LIST, GObject)

/* Begins with what is in @model. */
SteerLateList *steer_late_list_new (GListModel *model);

G_END_DECLS
