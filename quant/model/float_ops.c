#include "quant/model/float_int.h"

#include <math.h>
#include <string.h>

#include "quant/model/moves.h"
#include "quant/wide.h"

static const struct qnt_node *input_node(const struct qnt_float *exec, int32_t index, int32_t i)
{
    return &exec->graph->nodes[exec->graph->nodes[index].inputs[i]];
}

static const float *input_tensor(const struct qnt_float *exec, int32_t index, int32_t i)
{
    return exec->tensors[exec->graph->nodes[index].inputs[i]];
}

static void run_input(struct qnt_float *exec, int32_t index, float *out)
{
    (void)exec, (void)index, (void)out; /* qnt_float_run() has put it there */
}

static void run_batchnorm(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *node = &exec->graph->nodes[index];
    const float *x = input_tensor(exec, index, 0);
    const size_t c = (size_t)node->c, count = qnt_node_elements(node);

    for (size_t i = 0; i < count; i += c)
        for (size_t j = 0; j < c; j++)
            out[i + j] = x[i + j] * node->weight[j] + node->bias[j];
}

static void run_copy(struct qnt_float *exec, int32_t index, float *out)
{
    memcpy(out, input_tensor(exec, index, 0),
           qnt_node_elements(&exec->graph->nodes[index]) * sizeof(*out));
}

static void run_add(struct qnt_float *exec, int32_t index, float *out)
{
    const float *a = input_tensor(exec, index, 0), *b = input_tensor(exec, index, 1);
    const size_t count = qnt_node_elements(&exec->graph->nodes[index]);

    for (size_t i = 0; i < count; i++)
        out[i] = a[i] + b[i];
}

/* The part of a window that lies in the image: [*begin, *end). */
static void clip_window(int32_t out, int32_t stride, int32_t pad, int32_t taps, int32_t in,
                        int32_t *begin, int32_t *end)
{
    int64_t first = (int64_t)out * stride - pad, last = first + taps;
    *begin = (int32_t)(first < 0 ? 0 : first);
    *end = (int32_t)(last > in ? in : last);
}

/* Two at a time: half of the loads and stores of `out`. */
QNT_WIDE static void keep_larger(const float *a, const float *b, size_t c, float *restrict out)
{
    for (size_t i = 0; i < c; i++) {
        const float larger = a[i] > b[i] ? a[i] : b[i];
        out[i] = larger > out[i] ? larger : out[i];
    }
}

QNT_WIDE static void add_to(const float *x, size_t c, float *restrict out)
{
    for (size_t i = 0; i < c; i++)
        out[i] += x[i];
}

static void pool_pixel(const struct qnt_node *in, const struct qnt_node *node, const float *x,
                       int32_t y, int32_t z, float *out)
{
    const struct qnt_window *w = &node->window;
    const size_t c = (size_t)node->c;
    const int max = node->op == QNT_OP_MAXPOOL;
    int32_t top, bottom, left, right;

    clip_window(y, w->sh, w->ph, w->kh, in->h, &top, &bottom);
    clip_window(z, w->sw, w->pw, w->kw, in->w, &left, &right);
    for (size_t i = 0; i < c; i++)
        out[i] = max ? -INFINITY : 0;
    for (int32_t iy = top; iy < bottom; iy++) {
        const float *row = x + (size_t)iy * (size_t)in->w * c;
        for (int32_t ix = left; ix < right && max; ix += 2)
            keep_larger(row + (size_t)ix * c, row + (size_t)(ix + (ix + 1 < right)) * c, c, out);
        for (int32_t ix = left; ix < right && !max; ix++)
            add_to(row + (size_t)ix * c, c, out);
    }
    if (!max)
        for (size_t i = 0; i < c; i++)
            out[i] /= w->whole ? (float)w->kh * (float)w->kw
                               : (float)(bottom - top) * (float)(right - left);
}

static void run_pool(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *node = &exec->graph->nodes[index];

    for (int32_t y = 0; y < node->h; y++)
        for (int32_t z = 0; z < node->w; z++, out += node->c)
            pool_pixel(input_node(exec, index, 0), node, input_tensor(exec, index, 0), y, z, out);
}

static void run_global(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *in = input_node(exec, index, 0);
    const float *x = input_tensor(exec, index, 0);
    const size_t c = (size_t)in->c, pixels = qnt_node_elements(in) / c;

    memset(out, 0, c * sizeof(*out));
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < c; i++)
            out[i] += x[p * c + i];
    for (size_t i = 0; i < c; i++)
        out[i] /= (float)pixels;
}

static void run_concat(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *node = &exec->graph->nodes[index];
    const size_t c = (size_t)node->c, pixels = qnt_node_elements(node) / c;

    for (int32_t k = 0; k < node->input_count; k++) {
        const size_t part = (size_t)input_node(exec, index, k)->c;
        for (size_t p = 0; p < pixels; p++)
            memcpy(out + p * c, input_tensor(exec, index, k) + p * part, part * sizeof(*out));
        out += part;
    }
}

static void run_move(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *node = &exec->graph->nodes[index], *in = input_node(exec, index, 0);
    const size_t count = qnt_node_elements(node);
    const struct qnt_move move = {
        node->op, { in->h, in->w, in->c }, { node->h, node->w, node->c }, node->place
    };

    for (size_t i = 0; node->op == QNT_OP_PAD && i < count; i++)
        out[i] = node->fill;
    qnt_move(&move, sizeof(*out), input_tensor(exec, index, 0), out);
}

static void run_mul(struct qnt_float *exec, int32_t index, float *out)
{
    const float *a = input_tensor(exec, index, 0), *b = input_tensor(exec, index, 1);
    const size_t count = qnt_node_elements(&exec->graph->nodes[index]);
    const size_t factors = qnt_node_elements(input_node(exec, index, 1));

    for (size_t first = 0; first < count; first += factors)
        for (size_t i = 0; i < factors; i++)
            out[first + i] = a[first + i] * b[i];
}

static void run_function(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *node = &exec->graph->nodes[index];
    const float *x = input_tensor(exec, index, 0);
    const size_t count = qnt_node_elements(node);

    for (size_t i = 0; i < count; i++)
        out[i] = (float)qnt_function_at(node, (double)x[i]);
}

static void run_softmax(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *node = &exec->graph->nodes[index];
    const float *x = input_tensor(exec, index, 0);
    const size_t c = (size_t)node->c, count = qnt_node_elements(node);

    for (size_t first = 0; first < count; first += c) {
        float top = -INFINITY, sum = 0;
        for (size_t i = first; i < first + c; i++)
            top = fmaxf(top, x[i]);
        for (size_t i = first; i < first + c; i++)
            sum += out[i] = expf(x[i] - top);
        for (size_t i = first; i < first + c; i++)
            out[i] /= sum;
    }
}

qnt_run_op *const qnt_run_ops[QNT_OP_COUNT] = {
    [QNT_OP_INPUT] = run_input,
    [QNT_OP_CONV] = qnt_run_conv,
    [QNT_OP_LINEAR] = qnt_run_conv,
    [QNT_OP_BATCHNORM] = run_batchnorm,
    [QNT_OP_CLIP] = run_copy,
    [QNT_OP_ADD] = run_add,
    [QNT_OP_MAXPOOL] = run_pool,
    [QNT_OP_AVGPOOL] = run_pool,
    [QNT_OP_GLOBAL_AVGPOOL] = run_global,
    [QNT_OP_CONCAT] = run_concat,
    [QNT_OP_RESHAPE] = run_move,
    [QNT_OP_SOFTMAX] = run_softmax,
    [QNT_OP_MUL] = run_mul,
    [QNT_OP_FUNCTION] = run_function,
    [QNT_OP_SLICE] = run_move,
    [QNT_OP_PAD] = run_move,
    [QNT_OP_PERMUTE] = run_move,
    [QNT_OP_UPSAMPLE] = run_move,
    [QNT_OP_SHUFFLE] = run_move,
    [QNT_OP_RESIZE] = qnt_run_float_resize,
    [QNT_OP_LRN] = qnt_run_float_lrn,
    [QNT_OP_DEPTH_TO_SPACE] = run_move,
};
