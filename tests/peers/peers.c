#include "tests/peers/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *const peer_type_names[PEER_TYPE_COUNT] = { [PEER_S8] = "s8", [PEER_U8] = "u8" };

extern const struct peer_library peer_onednn, peer_xnnpack;

const struct peer_library *const peer_libraries[] = {
#ifdef PEERS_ONEDNN
    &peer_onednn,
#endif
#ifdef PEERS_XNNPACK
    &peer_xnnpack,
#endif
};
const size_t peer_library_count = sizeof peer_libraries / sizeof *peer_libraries;

int peer_open(const struct peer_library *library, const struct krn_problem *problem,
              enum peer_type type, const struct peer_data *data, void **peer, char *err,
              size_t err_bytes)
{
    *peer = calloc(1, library->bytes);
    if (!*peer) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    int status = library->make(*peer, problem, type, data);
    if (status == 0)
        return 0;
    snprintf(err, err_bytes, "%s refuses the convolution (status %d)", library->version(), status);
    peer_close(library, *peer);
    *peer = NULL;
    return -ENOTSUP;
}

void peer_close(const struct peer_library *library, void *peer)
{
    if (peer)
        library->clear(peer);
    free(peer);
}

int32_t peer_pad_after(int32_t in, int32_t out, int32_t taps, int32_t stride, int32_t pad,
                       int32_t distance)
{
    return (out - 1) * stride + (taps - 1) * distance + 1 - in - pad;
}
