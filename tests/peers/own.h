/* Quern's side of bench_peers.c: kernels built, a layer's variant chosen, called and timed. What
 * fails ends the program with a sentence. */
#ifndef QUERN_TESTS_PEERS_OWN_H
#define QUERN_TESTS_PEERS_OWN_H

#include "kernels/conv.h"
#include "tests/peers/layer.h"

/* Zeros, 64-byte aligned, with at least 64 more behind them. */
void *peers_bytes(size_t size);

/* Seconds of one call, of so many. */
typedef void peers_call_fn(void *subject);
double peers_time(peers_call_fn *call, void *subject, int calls);
/* Calls that last about `wanted` seconds, after one that warms up. */
int peers_calls_for(peers_call_fn *call, void *subject, double wanted);

struct peers_own {
    struct krn_conv conv;
    void *packed, *work, *scratch;
    const struct peers_layer *layer;
};

extern const struct krn_quant peers_quants[PEER_TYPE_COUNT]; /* as the peers have it */

/* 0 if the kernel does not take the layer. */
int peers_own_open(struct peers_own *own, const struct peers_layer *layer,
                   const struct var_variant *v, const struct krn_kernel *kernel,
                   enum peer_type type);
void peers_own_run(void *own); /* a peers_call_fn */
void peers_own_close(struct peers_own *own);

const struct krn_kernel *peers_build(const struct peers_options *o, const struct var_variant *v);

/* Sets the layer's winner: the plain choice, the one of --winners, or the best of a search. */
void peers_choose(const struct peers_options *o, struct peers_layer *layer);

#endif
