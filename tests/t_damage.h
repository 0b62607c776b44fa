/* What any bytes must become: a sentence, or a graph that holds together. */
#ifndef QUERN_TESTS_T_DAMAGE_H
#define QUERN_TESTS_T_DAMAGE_H

#include <assert.h>

#include "quant/model/graph.h"
#include "tests/t.h"

/* Checks a graph that an importer has accepted, and folds it. */
static inline void t_check_valid(struct qnt_graph *graph)
{
    struct qnt_error error;
    int ok = graph->count > 0 && graph->output >= 0 && graph->output < graph->count;

    for (int32_t i = 0; ok && i < graph->count; i++) {
        const struct qnt_node *n = &graph->nodes[i];
        ok = n->name && n->h > 0 && n->w > 0 && n->c > 0 && n->lo <= n->hi;
        for (int32_t k = 0; k < n->input_count; k++)
            ok = ok && n->inputs[k] >= 0 && n->inputs[k] < i;
        if (n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR)
            ok = ok && n->weight_count == krn_problem_weight_count(&n->problem) &&
                 n->bias_count == (size_t)n->c && n->weight && n->bias;
    }
    T_CHECK(ok);
    T_CHECK(qnt_fold(graph, &error) == 0);
}

/* A copy of its own length, so that a read past the end is seen by the sanitizer. */
static inline uint8_t *t_copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert(copy);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

#endif
