/* An execution: what exec.c plans and exec_run.c runs. */
#ifndef QUERN_QUANT_EXEC_INT_H
#define QUERN_QUANT_EXEC_INT_H

#include "quant/pipeline/pipeline_int.h"
#include "quant/pipeline/team.h"

struct qnt_step {
    int8_t *out;   /* in the arena */
    int32_t whole; /* the concatenation that this is written into, 0 = none */
    int32_t first; /* its channel there */
    struct krn_conv conv;
    int on_kernel;            /* conv is planned */
    size_t packed, workspace; /* offsets in the pool */
    char note[160];
    int64_t time_ns; /* of all runs since qnt_exec_profile() */
};

struct qnt_exec {
    const struct qnt_network *network; /* borrowed */
    struct qnt_step *steps;
    int8_t *arena;
    int sliced;       /* what is joined is written where it belongs; not while somebody watches */
    uint8_t *pool;    /* packed weights and pointer tables of all layers */
    uint8_t *scratch; /* of scratch_bytes for each worker */
    size_t arena_bytes, pool_bytes, scratch_bytes;
    struct qnt_team *team;
    int profiling;
    int64_t runs; /* since qnt_exec_profile() */
    qnt_watch *watch;
    void *watch_user;
    struct qnt_meter meter; /* begin NULL = none */
};

#endif
