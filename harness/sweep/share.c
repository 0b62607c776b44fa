#include "harness/sweep/share.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/hash.h"

#define WAIT_MS 100

enum { FREE = 0, DONE = -1 }; /* of a layer; else its owner + 1 */
enum { ABSENT, JOINED, READY, LEFT };

struct hrn_share {
    size_t owners;
    _Atomic uint64_t identity; /* of the first that joined, 0 = none yet */
    _Atomic int state[HRN_SHARE_OWNERS];
    _Atomic int layer[HRN_SHARE_LAYERS];
    size_t in_hand[HRN_SHARE_OWNERS]; /* layer + 1, of its owner alone */
};

struct hrn_share *hrn_share_new(size_t owners)
{
    if (owners == 0 || owners > HRN_SHARE_OWNERS)
        return NULL;
    struct hrn_share *share =
        mmap(NULL, sizeof *share, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (share == MAP_FAILED)
        return NULL;
    share->owners = owners;
    return share;
}

void hrn_share_free(struct hrn_share *share)
{
    if (share)
        munmap(share, sizeof *share);
}

/* Never 0. */
static uint64_t hash(const char *text)
{
    return krn_fnv1a(KRN_FNV1A_BEGIN, text, strlen(text)) | 1;
}

int hrn_share_join(struct hrn_share *share, size_t owner, const char *identity)
{
    uint64_t ours = hash(identity), first = 0;
    if (!atomic_compare_exchange_strong(&share->identity, &first, ours) && first != ours)
        return -EXDEV;
    share->state[owner] = JOINED;
    return 0;
}

void hrn_share_claim(struct hrn_share *share, size_t owner, size_t layer)
{
    int none = FREE;
    if (layer < HRN_SHARE_LAYERS)
        atomic_compare_exchange_strong(&share->layer[layer], &none, (int)owner + 1);
}

static int pause_or_stop(const volatile sig_atomic_t *stop)
{
    if (stop && *stop)
        return -EINTR;
    poll(NULL, 0, WAIT_MS);
    return 0;
}

int hrn_share_ready(struct hrn_share *share, size_t owner, const volatile sig_atomic_t *stop)
{
    share->state[owner] = READY;
    for (size_t i = 0; i < share->owners; i++)
        while (share->state[i] < READY)
            if (pause_or_stop(stop) < 0)
                return -EINTR;
    return 0;
}

/* Takes one that the owner has claimed, or else one that is free. 1; 0 = none now; -ENOENT = never
 * again. */
static int take(struct hrn_share *share, size_t owner, size_t layers, size_t *layer)
{
    int open = 0;
    for (*layer = 0; *layer < layers; ++*layer)
        if (share->layer[*layer] == (int)owner + 1)
            return 1;
    for (*layer = 0; *layer < layers; ++*layer) {
        int none = FREE;
        if (atomic_compare_exchange_strong(&share->layer[*layer], &none, (int)owner + 1))
            return 1;
        open |= none != DONE;
    }
    return open ? 0 : -ENOENT;
}

int hrn_share_next(struct hrn_share *share, size_t owner, size_t layers, size_t *layer,
                   const volatile sig_atomic_t *stop)
{
    int taken;
    if (layers > HRN_SHARE_LAYERS)
        return -E2BIG;
    if (share->in_hand[owner])
        share->layer[share->in_hand[owner] - 1] = DONE;
    share->in_hand[owner] = 0;
    while ((taken = take(share, owner, layers, layer)) == 0)
        if (pause_or_stop(stop) < 0)
            return -EINTR;
    if (taken < 0)
        return taken;
    share->in_hand[owner] = *layer + 1;
    return 0;
}

void hrn_share_leave(struct hrn_share *share, size_t owner)
{
    share->state[owner] = LEFT;
    for (size_t i = 0; i < HRN_SHARE_LAYERS; i++) {
        int ours = (int)owner + 1;
        atomic_compare_exchange_strong(&share->layer[i], &ours, FREE);
    }
}
