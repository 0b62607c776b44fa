/* What bench_peers.c knows of a layer, and its options: plain data. */
#ifndef QUERN_TESTS_PEERS_LAYER_H
#define QUERN_TESTS_PEERS_LAYER_H

#include "tests/peers/peer.h"
#include "variants/variant.h"

struct peers_options {
    const char *source_root, *file, *winners, *save, *only, *as_built;
    int isa, rounds, plain, json;
};

/* One library on one layer. */
struct peers_rival {
    const struct peer_library *library;
    void *peer[PEER_TYPE_COUNT]; /* NULL: refused, or not the same work */
    char refusal[200];           /* why there is none of the two */
    int is_timed;
    enum peer_type type; /* the faster one */
    char implementation[100];
    double us, ratio; /* its time, median; of its time / Quern's, round by round */
};

struct peers_layer {
    const struct krn_problem *problem;
    struct peer_data data;
    struct peers_rival rivals[PEER_LIBRARIES_MAX];
    size_t rival_count;
    const struct peers_rival *best; /* the fastest */
    struct var_variant winner;
    char winner_name[VAR_NAME_MAX];
    double mmac, us, percent; /* Quern's time, and its percent of the peak */
};

#endif
