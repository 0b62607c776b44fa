/* Activations that exporters write out as several operators become one function of their input:
 *
 *     clip(x * a + b, 0, h) / h          hard-sigmoid
 *     x * hard-sigmoid(x)                hard-swish, also where the division by h comes last
 *     x * sigmoid(x)                     swish
 *     x * tanh(softplus(x))              mish
 *
 * The result depends on x alone, so what computed it before may stay for other readers; what has
 * none is removed by the fold that follows. */
#include "quant/model/fuse.h"

#include <math.h>

static int is_line(const struct qnt_node *n, float *factor, float *shift)
{
    return isinf(n->lo) && isinf(n->hi) && qnt_is_uniform(n, factor, shift);
}

int qnt_is_uniform(const struct qnt_node *n, float *factor, float *shift)
{
    if (n->op != QNT_OP_BATCHNORM || n->weight_count == 0)
        return 0;
    for (size_t i = 1; i < n->weight_count; i++)
        if (n->weight[i] != n->weight[0] || n->bias[i] != n->bias[0])
            return 0;
    *factor = n->weight[0];
    *shift = n->bias[0];
    return 1;
}

static int is_function(const struct qnt_node *n, enum qnt_function function)
{
    return n->op == QNT_OP_FUNCTION && n->function == function && isinf(n->lo) && isinf(n->hi) &&
           n->gain == 1 && n->shift == 0;
}

/* clip(x * factor + shift, 0, top): *x is the node of x. */
static int is_clipped_line(const struct qnt_graph *g, int32_t at, float *factor, float *shift,
                           float *top, int32_t *x)
{
    const struct qnt_node *n = &g->nodes[at];
    float lo = -INFINITY, hi = INFINITY;

    for (; n->op == QNT_OP_CLIP; n = &g->nodes[n->inputs[0]]) { /* one or several */
        lo = fminf(fmaxf(n->lo, lo), hi);
        hi = fmaxf(fminf(n->hi, hi), lo);
    }
    if (lo != 0 || !(hi > 0) || isinf(hi) || !is_line(n, factor, shift))
        return 0;
    *top = hi;
    *x = n->inputs[0];
    return 1;
}

static void become(struct qnt_node *n, enum qnt_function function, int32_t x, float alpha,
                   float beta)
{
    n->op = QNT_OP_FUNCTION;
    n->function = function;
    n->inputs[0] = x;
    n->input_count = 1;
    n->alpha = alpha;
    n->beta = beta;
}

/* The other input of a product that reads `x`; -1 if it does not. */
static int32_t other_factor(const struct qnt_node *n, int32_t x)
{
    return n->inputs[0] == x ? n->inputs[1] : n->inputs[1] == x ? n->inputs[0] : -1;
}

/* A division by h: of a clip, or of x times one. */
static void fuse_division(struct qnt_graph *g, struct qnt_node *n)
{
    const struct qnt_node *in = &g->nodes[n->inputs[0]];
    float factor, shift, a, b, top;
    int32_t x;

    if (!is_line(n, &factor, &shift) || shift != 0)
        return;
    if (is_clipped_line(g, n->inputs[0], &a, &b, &top, &x) && fabsf(factor * top - 1) < 1e-5f) {
        become(n, QNT_FN_HARDSIGMOID, x, a * factor, b * factor);
        return;
    }
    for (int i = 0; in->op == QNT_OP_MUL && isinf(in->lo) && isinf(in->hi) && i < 2; i++)
        if (is_clipped_line(g, in->inputs[i], &a, &b, &top, &x) && in->inputs[1 - i] == x &&
            fabsf(factor * top - 1) < 1e-5f) {
            become(n, QNT_FN_HARDSWISH, x, a * factor, b * factor);
            return;
        }
}

static void fuse_product(struct qnt_graph *g, struct qnt_node *n)
{
    static const struct {
        enum qnt_function factor, product;
    } rows[] = { { QNT_FN_SIGMOID, QNT_FN_SWISH }, { QNT_FN_HARDSIGMOID, QNT_FN_HARDSWISH } };

    for (int i = 0; i < 2; i++) {
        const struct qnt_node *f = &g->nodes[n->inputs[i]];
        if (f->input_count != 1 || f->op != QNT_OP_FUNCTION)
            continue;
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
            if (is_function(f, rows[k].factor) && other_factor(n, f->inputs[0]) == n->inputs[i]) {
                become(n, rows[k].product, f->inputs[0], f->alpha, f->beta);
                return;
            }
        const struct qnt_node *plus = &g->nodes[f->inputs[0]];
        if (is_function(f, QNT_FN_TANH) && is_function(plus, QNT_FN_SOFTPLUS) &&
            n->inputs[1 - i] == plus->inputs[0]) {
            become(n, QNT_FN_MISH, plus->inputs[0], 0, 0);
            return;
        }
    }
}

void qnt_fuse_functions(struct qnt_graph *graph)
{
    for (int32_t i = 0; i < graph->count; i++) {
        struct qnt_node *n = &graph->nodes[i];
        if (n->op == QNT_OP_BATCHNORM)
            fuse_division(graph, n);
        else if (n->op == QNT_OP_MUL)
            fuse_product(graph, n);
    }
}
