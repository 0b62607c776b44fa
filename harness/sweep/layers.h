/* The list of layers that a sweep visits: distinct problems and epilogues, each with the network it
 * comes from, its place there and how often it occurs. A layer that is added again only counts up
 * `times`. */
#ifndef QUERN_HARNESS_LAYERS_H
#define QUERN_HARNESS_LAYERS_H

#include <stddef.h>

#include "kernels/layer.h"

struct hrn_layer {
    struct krn_problem problem;
    enum krn_epilogue epilogue;    /* that its variants have */
    char key[KRN_PROBLEM_STR_MAX]; /* canonical string without the title: the identity */
    char network[40];              /* "" for a problem that was typed */
    int place;                     /* of its first occurrence, from 0 */
    int times;
};

struct var_core;

struct hrn_layers {          /* zero-initialise */
    struct hrn_layer *items; /* owned */
    size_t count, capacity;
    enum krn_epilogue epilogue;  /* of layers that are added with none (FLOAT) of their own */
    const struct var_core *core; /* that a plan is for: its filters count (variants/filters.h); NULL
                                    = none in particular */
    int unfiltered;              /* a plan has what filters would remove, too */
};

void hrn_layers_clear(struct hrn_layers *layers);

/* 0 or -ENOMEM. */
int hrn_layers_add(struct hrn_layers *layers, const struct krn_problem *problem,
                   enum krn_epilogue epilogue, const char *network);

/* One layer's string (kernels/layer.h). 0, -EINVAL with the reason in err, -ENOMEM. */
int hrn_layers_add_text(struct hrn_layers *layers, const char *text, const char *network, char *err,
                        size_t err_bytes);

/* A file of one layer per line; '#' begins a comment. A bad line is named by its number. */
int hrn_layers_add_file(struct hrn_layers *layers, const char *path, const char *network, char *err,
                        size_t err_bytes);

/* A built-in network: a file of networks/ under the source root. Unknown: -ENOENT, err lists them.
 */
int hrn_layers_add_network(struct hrn_layers *layers, const char *source_root, const char *name,
                           char *err, size_t err_bytes);

#endif
