/* Float graphs made by hand, for tests of what becomes of them in int8. */
#ifndef QUERN_TESTS_T_GRAPH_H
#define QUERN_TESTS_T_GRAPH_H

#include <math.h>

#include "quant/pipeline/pipeline.h"
#include "tests/t.h"

struct t_graph {
    struct qnt_graph graph;
    uint64_t state; /* of the random weights */
};

static inline double t_real(uint64_t *state) /* uniform in [-1, 1) */
{
    return (double)(int64_t)t_random(state) / 9223372036854775808.0;
}

static inline double t_normal(uint64_t *state) /* near enough: variance 1, within +-3.5 */
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += t_real(state);
    return sum / 2;
}

static inline void *t_alloc(size_t count, size_t bytes)
{
    void *p = calloc(count ? count : 1, bytes);
    if (!p)
        abort();
    return p;
}

#define T_NODES_MAX 64

static inline void t_graph_open(struct t_graph *g, uint64_t seed, int h, int w, int c)
{
    memset(g, 0, sizeof(*g));
    g->state = seed;
    g->graph.name = strdup("hand-made");
    g->graph.pixels = qnt_pixels_plain();
    for (int k = 0; k < QNT_CHANNELS_MAX; k++)
        g->graph.pixels.mean[k] = 1; /* images may be negative */
    g->graph.capacity = T_NODES_MAX;
    g->graph.nodes = t_alloc(T_NODES_MAX, sizeof(*g->graph.nodes));
    g->graph.count = 1;
    g->graph.nodes[0] = (struct qnt_node) { .name = strdup("input"),
                                            .op = QNT_OP_INPUT,
                                            .h = h,
                                            .w = w,
                                            .c = c,
                                            .lo = -INFINITY,
                                            .hi = INFINITY };
}

/* A node of one input, of the same shape; returns its index, which is the output from now on. */
static inline int t_node(struct t_graph *g, enum qnt_op op, int input)
{
    char name[40];
    int index = g->graph.count++;
    struct qnt_node *n = &g->graph.nodes[index], *in = &g->graph.nodes[input];

    if (index >= T_NODES_MAX)
        abort();
    snprintf(name, sizeof(name), "%s.%d", qnt_op_names[op], index);
    *n = (struct qnt_node) { .name = strdup(name),
                             .op = op,
                             .input_count = 1,
                             .h = in->h,
                             .w = in->w,
                             .c = in->c,
                             .gain = 1,
                             .lo = -INFINITY,
                             .hi = INFINITY };
    n->inputs[0] = input;
    g->graph.output = index;
    return index;
}

static inline int t_clamp(struct t_graph *g, int node, double lo, double hi)
{
    g->graph.nodes[node].lo = (float)lo;
    g->graph.nodes[node].hi = (float)hi;
    return node;
}

/* Weights that keep the variance of what goes through. */
static inline void t_weights(struct t_graph *g, struct qnt_node *n)
{
    const struct krn_problem *p = &n->problem;
    double depth = (double)p->kh * p->kw * (p->ic / p->groups);

    n->weight_count = krn_problem_weight_count(p);
    n->bias_count = (size_t)p->oc;
    n->weight = t_alloc(n->weight_count, sizeof(float));
    n->bias = t_alloc(n->bias_count, sizeof(float));
    for (size_t i = 0; i < n->weight_count; i++)
        n->weight[i] = (float)(t_normal(&g->state) * sqrt(1.5 / depth));
    for (size_t i = 0; i < n->bias_count; i++)
        n->bias[i] = (float)(0.2 * t_normal(&g->state));
}

/* Equal padding on both sides. */
static inline int t_conv(struct t_graph *g, int input, int oc, int k, int stride, int pad,
                         int groups)
{
    int index = t_node(g, QNT_OP_CONV, input);
    struct qnt_node *n = &g->graph.nodes[index];

    n->problem = (struct krn_problem) { .n = 1,
                                        .groups = groups,
                                        .ic = n->c,
                                        .ih = n->h,
                                        .iw = n->w,
                                        .oc = oc,
                                        .kh = k,
                                        .kw = k,
                                        .sh = stride,
                                        .sw = stride,
                                        .ph = pad,
                                        .pw = pad,
                                        .dh = 1,
                                        .dw = 1 };
    n->problem.oh = n->h = (n->h + 2 * pad - k) / stride + 1;
    n->problem.ow = n->w = (n->w + 2 * pad - k) / stride + 1;
    n->c = oc;
    t_weights(g, n);
    return index;
}

static inline int t_flatten(struct t_graph *g, int input)
{
    int index = t_node(g, QNT_OP_RESHAPE, input);
    struct qnt_node *n = &g->graph.nodes[index];

    n->c *= n->h * n->w;
    n->h = n->w = 1;
    return index;
}

static inline int t_linear(struct t_graph *g, int input, int oc) /* input: a vector */
{
    int index = t_conv(g, input, oc, 1, 1, 0, 1);

    g->graph.nodes[index].op = QNT_OP_LINEAR;
    return index;
}

static inline int t_pool(struct t_graph *g, enum qnt_op op, int input, int k, int stride, int pad)
{
    int index = t_node(g, op, input);
    struct qnt_node *n = &g->graph.nodes[index];

    n->window =
        (struct qnt_window) { .kh = k, .kw = k, .sh = stride, .sw = stride, .ph = pad, .pw = pad };
    n->h = (n->h + 2 * pad - k) / stride + 1;
    n->w = (n->w + 2 * pad - k) / stride + 1;
    return index;
}

static inline int t_global(struct t_graph *g, int input)
{
    int index = t_node(g, QNT_OP_GLOBAL_AVGPOOL, input);

    g->graph.nodes[index].h = g->graph.nodes[index].w = 1;
    return index;
}

static inline int t_join(struct t_graph *g, enum qnt_op op, int a, int b)
{
    int index = t_node(g, op, a);
    struct qnt_node *n = &g->graph.nodes[index];

    n->inputs[n->input_count++] = b;
    if (op == QNT_OP_CONCAT)
        n->c += g->graph.nodes[b].c;
    return index;
}

static inline size_t t_elements(const struct qnt_node *n)
{
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

/* A random image for the graph; the same for the same index. */
static inline void t_image(const struct t_graph *g, uint64_t index, float *out)
{
    uint64_t state = t_seed * 1000003 + index;

    for (size_t i = 0; i < t_elements(&g->graph.nodes[0]); i++)
        out[i] = (float)t_normal(&state);
}

/* Thresholds from `images` random images. */
static inline void t_calibrate(const struct t_graph *g, int images, enum qnt_method method,
                               struct qnt_calibration *out)
{
    struct qnt_error error;
    struct qnt_float *exec;
    const size_t nodes = (size_t)g->graph.count;
    float *image = t_alloc(t_elements(&g->graph.nodes[0]), sizeof(float));

    *out = (struct qnt_calibration) { .count = g->graph.count, .images = (size_t)images };
    out->tensors = t_alloc(nodes, sizeof(*out->tensors));
    out->histograms = t_alloc(nodes, sizeof(*out->histograms));
    if (qnt_float_open(&g->graph, &exec, &error) != 0)
        abort();
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < images; i++) {
            t_image(g, (uint64_t)i, image);
            qnt_float_run(exec, image);
            for (int n = 0; n < g->graph.count; n++)
                (pass ? qnt_histogram_count : qnt_histogram_range)(
                    &out->histograms[n], qnt_float_tensor(exec, n), t_elements(&g->graph.nodes[n]));
        }
    for (int n = 0; n < g->graph.count; n++)
        qnt_threshold(&out->histograms[n], NULL, method, &out->tensors[n]);
    qnt_float_close(exec);
    free(image);
}

/* The int8 network of a graph. */
static inline struct qnt_network *t_network(const struct t_graph *g)
{
    struct qnt_calibration calibration;
    struct qnt_error error = { "" };
    struct qnt_network *network = NULL;

    t_calibrate(g, 40, QNT_METHOD_MSE, &calibration);
    if (!T_CHECK(qnt_quantise(&g->graph, &calibration, NULL, &network, &error) == 0))
        printf("  %s\n", error.text);
    qnt_calibration_clear(&calibration);
    return network;
}

/* ---- The networks */

/* Stem, depthwise separable block, residual, concatenation, all pools, groups, a residual that the
 * convolution runs, classifier. */
static inline void t_make_everything(struct t_graph *g)
{
    t_graph_open(g, t_seed, 17, 17, 3);
    int x = t_clamp(g, t_conv(g, 0, 16, 3, 2, 1, 1), 0, INFINITY);
    x = t_clamp(g, t_conv(g, x, 16, 3, 1, 1, 16), 0, 6);
    int stem = t_conv(g, x, 24, 1, 1, 0, 1);
    x = t_clamp(g, t_conv(g, stem, 24, 3, 1, 1, 1), 0, INFINITY);
    x = t_clamp(g, t_join(g, QNT_OP_ADD, stem, x), 0, INFINITY);
    x = t_pool(g, QNT_OP_MAXPOOL, x, 3, 2, 1);
    int a = t_clamp(g, t_conv(g, x, 8, 1, 1, 0, 1), 0, INFINITY);
    int b = t_clamp(g, t_conv(g, x, 10, 3, 1, 1, 1), 0, INFINITY);
    x = t_join(g, QNT_OP_CONCAT, a, b);
    x = t_pool(g, QNT_OP_AVGPOOL, x, 3, 1, 1);
    x = t_conv(g, x, 20, 3, 1, 1, 2);
    x = t_clamp(g, t_join(g, QNT_OP_ADD, t_conv(g, x, 20, 3, 1, 1, 1), x), 0, INFINITY);
    t_linear(g, t_flatten(g, t_global(g, x)), 10);
}

/* A flatten of pixels, an inner product in the middle, a pool that keeps its scale. */
static inline void t_make_flatten(struct t_graph *g)
{
    t_graph_open(g, t_seed + 1, 12, 10, 1);
    int x = t_clamp(g, t_conv(g, 0, 12, 5, 1, 2, 1), 0, INFINITY);
    x = t_pool(g, QNT_OP_MAXPOOL, x, 2, 2, 0);
    x = t_clamp(g, t_linear(g, t_flatten(g, x), 33), 0, INFINITY);
    t_node(g, QNT_OP_SOFTMAX, t_linear(g, x, 7));
}

/* Ends in an average; a tensor read by a pool, a clip and a concatenation at once. */
static inline void t_make_shared(struct t_graph *g)
{
    t_graph_open(g, t_seed + 2, 9, 9, 4);
    int x = t_conv(g, 0, 8, 3, 1, 1, 1);
    int pool = t_pool(g, QNT_OP_MAXPOOL, x, 3, 1, 1);
    int clip = t_clamp(g, t_node(g, QNT_OP_CLIP, x), 0, 0.7);
    int y = t_join(g, QNT_OP_CONCAT, pool, clip);
    y = t_join(g, QNT_OP_CONCAT, y, x);
    y = t_clamp(g, t_conv(g, y, 11, 1, 1, 0, 1), 0, INFINITY);
    t_flatten(g, t_global(g, y));
}

/* A block with a way around it, as it is or through a layer, which comes before or after; the add
 * reads them in either order. Some have tensors of nearly no or of large magnitude. */
static inline int t_residual(struct t_graph *g, int x, uint64_t *s)
{
    const int c = g->graph.nodes[x].c, k = 2 * t_between(s, 0, 2) + 1;
    const int wide = t_between(s, 1, 40), around = t_between(s, 0, 3);
    const float gain = (float)pow(10, t_between(s, -2, 2) / 2);
    int way = around == 0 ? t_conv(g, x, c, 1, 1, 0, 1) : x;
    int y = t_clamp(g, t_conv(g, x, wide, 1, 1, 0, 1), 0, INFINITY);

    y = t_conv(g, y, c, k, 1, k / 2, 1);
    for (size_t i = 0; i < g->graph.nodes[y].weight_count; i++)
        g->graph.nodes[y].weight[i] *= gain;
    if (around == 1)
        way = t_conv(g, x, c, 3, 1, 1, 1);
    else if (around == 2)
        way = t_pool(g, QNT_OP_MAXPOOL, x, 3, 1, 1); /* after the convolution that adds it */
    x = t_between(s, 0, 1) ? t_join(g, QNT_OP_ADD, way, y) : t_join(g, QNT_OP_ADD, y, way);
    return t_between(s, 0, 1) ? t_clamp(g, x, 0, INFINITY) : x;
}

/* Random operators on random earlier tensors. */
static inline void t_make_random(struct t_graph *g, uint64_t seed)
{
    uint64_t s = seed * 77 + 5;
    int x;

    t_graph_open(g, seed, t_between(&s, 6, 13), t_between(&s, 6, 13), t_between(&s, 1, 5));
    x = t_conv(g, 0, t_between(&s, 1, 20), 3, t_between(&s, 1, 2), 1, 1);
    for (int i = t_between(&s, 3, 12); i > 0 && g->graph.count < 40; i--) {
        if (g->graph.nodes[x].h < 5 || g->graph.nodes[x].w < 5)
            break;
        int earlier = t_between(&s, 1, g->graph.count - 1);
        const struct qnt_node *n = &g->graph.nodes[x], *e = &g->graph.nodes[earlier];
        int c = n->c, same = n->h == e->h && n->w == e->w;
        switch (t_between(&s, 0, 10)) {
        case 0:
        case 1:
            x = t_conv(g, x, t_between(&s, 1, 24), 2 * t_between(&s, 0, 2) + 1, 1, 0, 1);
            break;
        case 2:
            x = t_conv(g, x, c, 3, t_between(&s, 1, 2), 1, c);
            break;
        case 3:
            x = t_clamp(g, t_conv(g, x, 2 * c, 3, 1, 1, c), 0, 6);
            break;
        case 4:
            x = t_pool(g, QNT_OP_MAXPOOL, x, 3, 1, 1);
            break;
        case 5:
            x = t_pool(g, QNT_OP_AVGPOOL, x, 3, t_between(&s, 1, 2), 1);
            break;
        case 6:
            x = t_clamp(g, t_node(g, QNT_OP_CLIP, x), -0.5, 2);
            break;
        case 7:
        case 8:
            x = t_residual(g, x, &s);
            break;
        default:
            if (same && c == e->c)
                x = t_join(g, QNT_OP_ADD, x, earlier);
            else if (same && c + e->c <= 40)
                x = t_join(g, QNT_OP_CONCAT, x, earlier);
        }
    }
    t_linear(g, t_flatten(g, x), t_between(&s, 2, 12));
}

#endif
