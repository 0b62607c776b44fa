/* Convolutions of other libraries, for bench_peers.c: one-threaded, on the same shape, from the
 * same tensors. A library is one row of peer_libraries[], where the build has found it. */
#ifndef QUERN_TESTS_PEERS_PEER_H
#define QUERN_TESTS_PEERS_PEER_H

#include "kernels/problem.h"

/* What goes in and out, as networks have it: bytes with a sign, zero points 0; or what ReLU leaves,
 * 0 to 255: as bytes without a sign, or as such with a sign and zero points -128. */
enum peer_type { PEER_S8, PEER_U8, PEER_TYPE_COUNT };
extern const char *const peer_type_names[PEER_TYPE_COUNT];

/* Tensors in Quern's layouts, followed by 64 bytes that may be read. Borrowed until close(). */
struct peer_data {
    const int8_t *in;    /* PEER_S8, and PEER_U8 with zero points -128 */
    const uint8_t *in_u; /* the same values + 128 */
    const int8_t *weights;
    const int32_t *bias;
    const float *scale;
    void *out; /* one for all */
};

struct peer_library {
    const char *name;             /* one word */
    const char *(*version)(void); /* name and version, as the library says it */
    int out_is_unsigned;          /* bytes of PEER_U8 */
    /* Keeps the library below AVX-512; before the first open(). 0, -EINVAL if it is too late,
     * -ENOTSUP if it has no way to. */
    int (*limit_to_avx2)(void);
    size_t bytes; /* of a peer */
    /* Creates a convolution in a peer that is all zeros, and sets it up. 0, or the library's
     * status: clear() what there is by then. */
    int (*make)(void *peer, const struct krn_problem *problem, enum peer_type type,
                const struct peer_data *data);
    void (*clear)(void *peer);
    void (*run)(void *peer);
    const char *(*implementation)(const void *peer); /* the library's name for it, "" if none */
};
extern const struct peer_library *const peer_libraries[];
extern const size_t peer_library_count;

enum { PEER_LIBRARIES_MAX = 4 };

/* 0, or -ENOTSUP or -ENOMEM and the words in err. */
int peer_open(const struct peer_library *library, const struct krn_problem *problem,
              enum peer_type type, const struct peer_data *data, void **peer, char *err,
              size_t err_bytes);
void peer_close(const struct peer_library *library, void *peer); /* accepts NULL */

/* Padding behind the image, so that exactly the output is computed; may be negative where the last
 * stride leaves pixels over. */
int32_t peer_pad_after(int32_t in, int32_t out, int32_t taps, int32_t stride, int32_t pad,
                       int32_t distance);

#endif
