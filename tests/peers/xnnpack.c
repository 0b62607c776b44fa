/* XNNPACK's quantised convolution, signed, weights per channel, NHWC: operators that are set up at
 * once (2022, Debian 12), or reshaped first, with a workspace (since 2024). The library has no
 * version to ask for, and no threads without a pool. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xnnpack.h>

#include "tests/peers/peer.h"

struct peer {
    xnn_operator_t convolution;
    void *workspace;
};

struct shape {
    uint32_t below, right; /* padding */
    size_t ic, oc;         /* of a group */
    int8_t zero;
};

static struct shape shape_of(const struct krn_problem *p, enum peer_type type)
{
    const int32_t below = peer_pad_after(p->ih, p->oh, p->kh, p->sh, p->ph, p->dh);
    const int32_t right = peer_pad_after(p->iw, p->ow, p->kw, p->sw, p->pw, p->dw);
    return (struct shape) { .below = below > 0 ? (uint32_t)below : 0,
                            .right = right > 0 ? (uint32_t)right : 0,
                            .ic = (size_t)(p->ic / p->groups),
                            .oc = (size_t)(p->oc / p->groups),
                            .zero = type == PEER_U8 ? -128 : 0 };
}

#ifdef PEERS_XNNPACK_RESHAPES
#define CREATE xnn_create_convolution2d_nhwc_qs8_qc8w
#define NO_CACHE NULL,
static enum xnn_status set_up(struct peer *peer, const struct krn_problem *p,
                              const struct peer_data *data)
{
    size_t bytes = 0, oh, ow;
    enum xnn_status rc = xnn_reshape_convolution2d_nhwc_qs8_qc8w(
        peer->convolution, (size_t)p->n, (size_t)p->ih, (size_t)p->iw, &bytes, &oh, &ow, NULL);
    if (!rc && bytes && !(peer->workspace = aligned_alloc(64, (bytes + 63) / 64 * 64)))
        rc = xnn_status_out_of_memory;
    return rc ? rc
              : xnn_setup_convolution2d_nhwc_qs8_qc8w(peer->convolution, peer->workspace, data->in,
                                                      data->out);
}
#else
#define CREATE xnn_create_convolution2d_nhwc_qc8
#define NO_CACHE
static enum xnn_status set_up(struct peer *peer, const struct krn_problem *p,
                              const struct peer_data *data)
{
    return xnn_setup_convolution2d_nhwc_qc8(peer->convolution, (size_t)p->n, (size_t)p->ih,
                                            (size_t)p->iw, data->in, data->out, NULL);
}
#endif

static int make(void *at, const struct krn_problem *p, enum peer_type type,
                const struct peer_data *data)
{
    struct peer *peer = at;
    const struct shape s = shape_of(p, type);
    enum xnn_status rc = xnn_initialize(NULL);
    if (!rc)
        rc = CREATE((uint32_t)p->ph, s.right, s.below, (uint32_t)p->pw, (uint32_t)p->kh,
                    (uint32_t)p->kw, (uint32_t)p->sh, (uint32_t)p->sw, (uint32_t)p->dh,
                    (uint32_t)p->dw, (uint32_t)p->groups, s.ic, s.oc, (size_t)p->ic, (size_t)p->oc,
                    s.zero, 1.0f, data->scale, data->weights, data->bias, s.zero, 1.0f, -128, 127,
                    0, NO_CACHE & peer->convolution);
    return (int)(rc ? rc : set_up(peer, p, data));
}

static void clear(void *at)
{
    struct peer *peer = at;
    if (peer->convolution)
        xnn_delete_operator(peer->convolution);
    free(peer->workspace);
}

static const char *version(void)
{
    return "XNNPACK";
}

static void run(void *at)
{
    const struct peer *peer = at;
    xnn_run_operator(peer->convolution, NULL);
}

static const char *implementation(const void *at)
{
    (void)at;
    return "";
}

static int limit_to_avx2(void)
{
    return -ENOTSUP;
}

extern const struct peer_library peer_xnnpack;
const struct peer_library peer_xnnpack = {
    .name = "XNNPACK",
    .version = version,
    .limit_to_avx2 = limit_to_avx2,
    .bytes = sizeof(struct peer),
    .make = make,
    .clear = clear,
    .run = run,
    .implementation = implementation,
};
