/* A convolution of another library, for bench_peers.c: one-threaded, on the same shape. */
#ifndef QUERN_TESTS_PEERS_PEER_H
#define QUERN_TESTS_PEERS_PEER_H

#include "kernels/problem.h"

/* What goes in and out: s8 to s8, or u8 to u8 with ReLU, as networks have them. */
enum peer_type { PEER_S8, PEER_U8, PEER_TYPE_COUNT };
extern const char *const peer_type_names[PEER_TYPE_COUNT];

/* Tensors in Quern's layouts; `in` holds bytes of the type. All are borrowed until peer_close(). */
struct peer_data {
    const void *in;
    const int8_t *weights;
    const int32_t *bias;
    const float *scale;
    void *out;
};

struct peer;

/* Keeps the library below AVX-512; before the first peer_open(). 0, or -EINVAL if it is too late.
 */
int peer_limit_to_avx2(void);
const char *peer_library(void); /* its name and version */

/* 0, or -ENOTSUP and the library's word for it in err. */
int peer_open(const struct krn_problem *problem, enum peer_type type, const struct peer_data *data,
              struct peer **out, char *err, size_t err_bytes);
void peer_run(struct peer *peer);
const char *peer_implementation(const struct peer *peer);
void peer_close(struct peer *peer);

#endif
