/* How an int8 network runs the adds of a graph: in the output of a convolution, in 16 bits on the
 * sums of one, or as an operator of its own. */
#include "quant/pipeline/pipeline_int.h"

#include <errno.h>
#include <stdlib.h>

static int is_add(const struct qnt_graph *graph, const uint8_t *live, int32_t node)
{
    return live[node] && graph->nodes[node].op == QNT_OP_ADD;
}

/* An add that another add reads. */
static void mark_wide(const struct qnt_graph *graph, const uint8_t *live, int32_t output,
                      uint8_t *wide)
{
    for (int32_t i = 0; i < graph->count; i++)
        for (int32_t k = 0; k < 2 && i != output && is_add(graph, live, i); k++) {
            const int32_t from = graph->nodes[i].inputs[k];
            wide[from] |= graph->nodes[from].op == QNT_OP_ADD;
        }
}

int qnt_add_is_wide(const struct qnt_graph *graph, const struct qnt_adds *adds, int32_t add)
{
    const struct qnt_node *n = &graph->nodes[add];

    return adds->wide[add] || adds->wide[n->inputs[0]] || adds->wide[n->inputs[1]];
}

void qnt_plan_adds(const struct qnt_graph *graph, const uint8_t *live, int32_t output,
                   const struct qnt_quantise_options *options, struct qnt_adds *adds)
{
    if (options->residual_16)
        mark_wide(graph, live, output, adds->wide);
    for (int32_t i = 0; i < graph->count; i++) {
        if (!is_add(graph, live, i) || i == output)
            continue;
        const int32_t conv = qnt_add_conv(graph, i);
        if (conv >= 0 && qnt_add_is_wide(graph, adds, i)) {
            adds->wide[conv] = 1;
        } else if (conv >= 0) {
            adds->partner[i] = conv;
            adds->partner[conv] = i;
        }
    }
}

static enum krn_epilogue epilogue_of(const struct qnt_adds *adds, int32_t output, int32_t conv)
{
    if (conv == output)
        return KRN_EPILOGUE_SUMS;
    return adds->partner[conv] ? KRN_EPILOGUE_ADD : KRN_EPILOGUE_FLOAT;
}

int qnt_graph_tasks(const struct qnt_graph *graph, struct qnt_task **out, size_t *count)
{
    const size_t nodes = (size_t)graph->count;
    uint8_t *live = calloc(nodes, 1), *wide = calloc(nodes, 1);
    int32_t *partner = calloc(nodes, sizeof(*partner));
    struct qnt_adds adds = { wide, partner };
    int result = -ENOMEM;

    *count = 0;
    *out = calloc(nodes, sizeof(**out));
    if (*out && live && wide && partner) {
        const struct qnt_quantise_options options = { 0 };
        const int32_t output = qnt_live_nodes(graph, live);
        qnt_plan_adds(graph, live, output, &options, &adds);
        for (int32_t i = 0; i < graph->count; i++)
            if (live[i] && qnt_is_convolution(&graph->nodes[i]))
                (*out)[(*count)++] =
                    (struct qnt_task) { graph->nodes[i].problem, epilogue_of(&adds, output, i) };
        result = 0;
    }
    free(live);
    free(wide);
    free(partner);
    return result;
}
