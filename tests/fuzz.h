/* What the targets share: an imported graph is run if it is small, folded, and run again. */
#ifndef QUERN_TESTS_FUZZ_H
#define QUERN_TESTS_FUZZ_H

#include <stdlib.h>

#include "quant/model/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_WORK_MAX = 1 << 22 }; /* multiply-accumulates and elements: more is only slow */

static inline int fuzz_is_small(const struct qnt_graph *graph)
{
    int64_t work = 0;
    for (int32_t i = 0; i < graph->count; i++) {
        const struct qnt_node *n = &graph->nodes[i];
        int layer = n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR;
        work += (int64_t)n->h * n->w * n->c + (layer ? krn_problem_macs(&n->problem) : 0);
        work += (int64_t)n->h * n->w * n->c * n->window.kh * n->window.kw;
        if (work > FUZZ_WORK_MAX)
            return 0;
    }
    return 1;
}

static inline void fuzz_run(const struct qnt_graph *graph)
{
    const struct qnt_node *in = &graph->nodes[0];
    struct qnt_float *exec;
    float *image = calloc((size_t)in->h * (size_t)in->w * (size_t)in->c, sizeof(*image));

    if (image && qnt_float_open(graph, &exec, NULL) == 0) {
        qnt_float_run(exec, image);
        qnt_float_close(exec);
    }
    free(image);
}

/* Takes the graph. */
static inline void fuzz_graph(struct qnt_graph *graph)
{
    if (fuzz_is_small(graph))
        fuzz_run(graph);
    if (qnt_fold(graph, NULL) == 0 && fuzz_is_small(graph))
        fuzz_run(graph);
    qnt_graph_free(graph);
}

#endif
