#include "quant/model/graph_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const qnt_fusion_names[QNT_FUSION_COUNT] = {
    [QNT_FUSION_BATCHNORM] = "batchnorm",
    [QNT_FUSION_ACTIVATION] = "activation",
    [QNT_FUSION_PAD] = "pad",
    [QNT_FUSION_RESIDUAL] = "residual add",
};

const char *const qnt_order_names[QNT_ORDER_COUNT] = {
    [QNT_ORDER_RGB] = "RGB",
    [QNT_ORDER_BGR] = "BGR",
};

struct qnt_pixels qnt_pixels_plain(void)
{
    return (struct qnt_pixels) { .norm = { 1, 1, 1, 1 } };
}

struct qnt_node qnt_node_blank(enum qnt_op op)
{
    return (struct qnt_node) { .op = op, .lo = -INFINITY, .hi = INFINITY, .gain = 1 };
}

struct qnt_node qnt_node_after(const struct qnt_graph *graph, int32_t input, enum qnt_op op)
{
    const struct qnt_node *in = &graph->nodes[input];
    struct qnt_node node = qnt_node_blank(op);
    node.inputs[0] = input;
    node.input_count = 1;
    node.h = in->h;
    node.w = in->w;
    node.c = in->c;
    return node;
}

void qnt_node_clear(struct qnt_node *node)
{
    free(node->name);
    free(node->tensor);
    free(node->weight);
    free(node->bias);
    *node = qnt_node_blank(node->op);
}

/* The title of a problem stands between double quotes. */
static void set_title(struct krn_problem *problem, const char *name)
{
    size_t i = 0;
    for (; name[i] && i + 1 < sizeof(problem->name); i++)
        problem->name[i] = name[i] == '"' ? '\'' : name[i];
    problem->name[i] = 0;
}

int32_t qnt_graph_add(struct qnt_graph *graph, struct qnt_node *node, const char *name)
{
    if (graph->count == graph->capacity) {
        if (graph->capacity > INT32_MAX / 2)
            return -ENOMEM;
        int32_t capacity = graph->capacity ? graph->capacity * 2 : 32;
        struct qnt_node *grown = realloc(graph->nodes, (size_t)capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        graph->nodes = grown;
        graph->capacity = capacity;
    }
    char *copy = strdup(name), *tensor = node->tensor ? node->tensor : strdup(name);
    if (!copy || !tensor) {
        free(copy);
        if (tensor != node->tensor)
            free(tensor);
        return -ENOMEM;
    }
    node->name = copy;
    node->tensor = tensor;
    if (node->op == QNT_OP_CONV || node->op == QNT_OP_LINEAR)
        set_title(&node->problem, name);
    graph->nodes[graph->count] = *node;
    *node = qnt_node_blank(node->op);
    return graph->count++;
}

void qnt_graph_free(struct qnt_graph *graph)
{
    for (int32_t i = 0; i < graph->count; i++)
        qnt_node_clear(&graph->nodes[i]);
    free(graph->nodes);
    free(graph->name);
    free(graph->dataset);
    *graph = (struct qnt_graph) { .pixels = qnt_pixels_plain() };
}

static void *copy_of(const void *from, size_t bytes, int *missing)
{
    void *to = from ? malloc(bytes ? bytes : 1) : NULL;

    if (to)
        memcpy(to, from, bytes);
    *missing |= from && !to;
    return to;
}

static char *text_of(const char *from, int *missing)
{
    return copy_of(from, from ? strlen(from) + 1 : 0, missing);
}

int qnt_graph_copy(const struct qnt_graph *graph, struct qnt_graph *out)
{
    int missing = 0;

    *out = *graph;
    out->name = text_of(graph->name, &missing);
    out->dataset = text_of(graph->dataset, &missing);
    out->nodes = copy_of(graph->nodes, (size_t)graph->count * sizeof(*graph->nodes), &missing);
    out->capacity = out->count = out->nodes ? graph->count : 0;
    for (int32_t i = 0; i < out->count; i++) {
        struct qnt_node *n = &out->nodes[i];
        n->name = text_of(n->name, &missing);
        n->tensor = text_of(n->tensor, &missing);
        n->weight = copy_of(n->weight, n->weight_count * sizeof(float), &missing);
        n->bias = copy_of(n->bias, n->bias_count * sizeof(float), &missing);
    }
    if (missing)
        qnt_graph_free(out);
    return missing ? -ENOMEM : 0;
}

struct qnt_input qnt_graph_input(const struct qnt_graph *graph)
{
    const struct qnt_node *in = &graph->nodes[0];

    return (struct qnt_input) { in->h, in->w, in->c, graph->pixels };
}

int32_t qnt_graph_find(const struct qnt_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->count; i++)
        if (strcmp(graph->nodes[i].name, name) == 0)
            return i;
    return -1;
}

size_t qnt_node_elements(const struct qnt_node *node)
{
    return (size_t)node->h * (size_t)node->w * (size_t)node->c;
}

struct krn_problem qnt_problem_1x1(int32_t h, int32_t w, int32_t ic, int32_t oc, int32_t groups)
{
    struct krn_problem p = { .n = 1, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1 };

    p.groups = groups;
    p.ic = ic;
    p.oc = oc;
    p.ih = p.oh = h;
    p.iw = p.ow = w;
    return p;
}

/* How often a tensor is read; being the result counts as once. */
static int count_readers(const struct qnt_graph *graph, int32_t node)
{
    int readers = node == graph->output;

    for (int32_t i = node + 1; i < graph->count; i++)
        for (int32_t k = 0; k < graph->nodes[i].input_count; k++)
            readers += graph->nodes[i].inputs[k] == node;
    return readers;
}

static int computes_add(const struct qnt_graph *graph, int32_t node)
{
    const struct qnt_node *n = &graph->nodes[node];
    const int has_weights = n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR;

    return has_weights && isinf(n->lo) && isinf(n->hi) &&
           krn_problem_multiplier(&n->problem) == 0 && count_readers(graph, node) == 1;
}

int32_t qnt_add_conv(const struct qnt_graph *graph, int32_t add)
{
    const struct qnt_node *n = &graph->nodes[add];
    int32_t found = -1;

    if (n->op != QNT_OP_ADD || add == graph->output)
        return -1;
    for (int k = 0; k < 2; k++)
        if (n->inputs[k] > found && computes_add(graph, n->inputs[k]))
            found = n->inputs[k];
    return found;
}
