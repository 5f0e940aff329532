#pragma once

#include "steering/steer-plan.h"

G_BEGIN_DECLS

/**
 * SECTION: plans on the wire
 *
 * A slider that moves makes a new plan, of which all but a number was there before: vectors and encoders ("blocks")
 * cross the wire once, and are named by a number as long as a plan that is kept has them. Both sides keep the plans
 * that were named last; since the sender holds a reference to each, an address in one of them stays that of the same
 * vector. What people read, the labels, stays behind.
 */

/* Plans that are kept. Above STEER_MAX_SLOTS, so that those of one pass are among them. */
#define STEER_REMOTE_N_PLANS 8

typedef struct _SteerPlanSender SteerPlanSender;

SteerPlanSender *steer_plan_sender_new (void);
void steer_plan_sender_free (SteerPlanSender *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerPlanSender, steer_plan_sender_free)

/* What the other side calls @plan once it has the news; 0 for one that does nothing, or NULL. At most
 * STEER_REMOTE_N_PLANS between two news. */
guint32 steer_plan_sender_name (SteerPlanSender *self, SteerPlan *plan);

/* What the other side lacks since the last news: STEER_WIRE_NEWS_TYPE, (transfer floating). */
GVariant *steer_plan_sender_take_news (SteerPlanSender *self);

typedef struct _SteerPlanReceiver SteerPlanReceiver;

SteerPlanReceiver *steer_plan_receiver_new (void);
void steer_plan_receiver_free (SteerPlanReceiver *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerPlanReceiver, steer_plan_receiver_free)

/* Errors: STEER_MODEL_ERROR_INVALID, after which the two sides no longer know the same. */
gboolean steer_plan_receiver_take_news (SteerPlanReceiver *self, GVariant *news, GError **error);

/* *@plan: (transfer none), NULL for 0. FALSE with an error where there is none of that number. */
gboolean steer_plan_receiver_find (SteerPlanReceiver *self, guint32 number, SteerPlan **plan, GError **error);

G_END_DECLS
