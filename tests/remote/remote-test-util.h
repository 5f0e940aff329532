#pragma once

#include "model/steer-backend.h"

G_BEGIN_DECLS

/* Devices that a lender of these tests has beside the CPU; each is the CPU and something more. */
#define TEST_DEVICE_SLOW "slow:0"   /* a pass takes seconds, unless it is cancelled */
#define TEST_DEVICE_LOST "lost:0"   /* its third pass says that it is lost */
#define TEST_DEVICE_GONE "gone:0"   /* in its third pass the lender ends */
#define TEST_DEVICE_CHOOSER "gpu:0" /* it chooses tokens itself: the last one of the vocabulary */

/* To be called first in main(). The test's own program is the lender: started as one it lends, and does not return. */
void remote_test_init (int *argc, char ***argv);

/* g_test_run(), with a cache of its own. */
int remote_test_run (void);

/* ssh://box/FOLDER; free with g_free(). @folder: (nullable): the computer alone. */
char *remote_test_dup_address (const char *folder);

/* Ends the lender that began last, and waits until that is known here. */
void remote_test_kill_lender (void);

/* How the next logins go: a word of tests/remote/ssh; NULL: well. */
void remote_test_set_login (const char *how);

G_END_DECLS
