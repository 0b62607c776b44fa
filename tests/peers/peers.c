#include "tests/peers/peer.h"

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

int32_t peer_pad_after(int32_t in, int32_t out, int32_t taps, int32_t stride, int32_t pad,
                       int32_t distance)
{
    return (out - 1) * stride + (taps - 1) * distance + 1 - in - pad;
}
