/* The output of bench_peers.c, as a table or as JSON: layer by layer, then means of classes. */
#ifndef QUERN_TESTS_PEERS_TABLE_H
#define QUERN_TESTS_PEERS_TABLE_H

#include "tests/peers/layer.h"

/* The libraries that take part are those of the first layer. */
void peers_print_head(const struct peers_options *o, const struct peers_layer *first);
void peers_print_layer(const struct peers_options *o, const struct peers_layer *layer,
                       int is_first);
void peers_print_means(const struct peers_options *o, const struct peers_layer *layers,
                       size_t count);

#endif
