/* Devices of one kind that share the layers of a plan: a process per device, and in memory that
 * they share, who has which layer. A layer is measured on one device as a whole, since only samples
 * of one device are compared.
 *
 *     hrn_share_new() -> fork -> join, claim ..., ready -> next ... -> leave
 * An owner that fails leaves; what it had begun is free again. The parent leaves for those that
 * died. */
#ifndef QUERN_HARNESS_SHARE_H
#define QUERN_HARNESS_SHARE_H

#include <signal.h>
#include <stddef.h>

#define HRN_SHARE_LAYERS 4096
#define HRN_SHARE_OWNERS 32

struct hrn_share;

struct hrn_share *hrn_share_new(size_t owners); /* NULL without memory, or too many */
void hrn_share_free(struct hrn_share *share);   /* of this process; accepts NULL */

/* The owner's device is of the kind `identity`. -EXDEV: an earlier one is another kind. */
int hrn_share_join(struct hrn_share *share, size_t owner, const char *identity);
/* The owner has begun this layer in an earlier run, and will go on with it. */
void hrn_share_claim(struct hrn_share *share, size_t owner, size_t layer);
/* Nothing more to claim. Waits until all are so far, or have left. 0; -EINTR. */
int hrn_share_ready(struct hrn_share *share, size_t owner, const volatile sig_atomic_t *stop);
/* The layer in hand is done; which of `layers` is next? While others have the last in hand it
 * waits, because they may fail. 0; -ENOENT (all are done); -EINTR. */
int hrn_share_next(struct hrn_share *share, size_t owner, size_t layers, size_t *layer,
                   const volatile sig_atomic_t *stop);
void hrn_share_leave(struct hrn_share *share, size_t owner);

#endif
