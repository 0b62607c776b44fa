/* The operators of ONNX that stand for those of a graph: a row each. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "quant/model/sampling.h"
#include "quant/pipeline/qdq_int.h"

static const struct qnt_node *node_of(const struct qdq *q)
{
    return &q->graph->nodes[q->at];
}

static const struct qnt_node *input_of(const struct qdq *q)
{
    return &q->graph->nodes[node_of(q)->inputs[0]];
}

static void constant_ints(struct qdq *q, const char *what, const int64_t *values, int64_t count,
                          char name[QDQ_NAME])
{
    qdq_constant(q, what, QDQ_INT64, 1, &count, values, (size_t)count * sizeof(*values), name);
}

/* One operator of one input. */
static void put_single(struct qdq *q, const char *type, const char *x)
{
    struct qdq_op op;

    qdq_begin(&op, type);
    qdq_input(&op, x);
    qdq_end(q, &op);
}

static void put_pair(struct qdq *q, const char *type, const char *x, const char *y)
{
    struct qdq_op op;

    qdq_begin(&op, type);
    qdq_input(&op, x);
    qdq_input(&op, y);
    qdq_end(q, &op);
}

static int64_t end_padding(int32_t out, int32_t stride, int32_t extent, int32_t begin, int32_t in)
{
    const int64_t end = (int64_t)(out - 1) * stride + extent - begin - in;
    return end > 0 ? end : 0;
}

/* ---- Layers with weights or windows */

static int put_conv(struct qdq *q)
{
    const struct krn_problem *p = &node_of(q)->problem;
    char x[QDQ_NAME], weight[QDQ_NAME], bias[QDQ_NAME];
    const int64_t pads[4] = {
        p->ph,
        p->pw,
        end_padding(p->oh, p->sh, (p->kh - 1) * p->dh + 1, p->ph, p->ih),
        end_padding(p->ow, p->sw, (p->kw - 1) * p->dw + 1, p->pw, p->iw),
    };
    struct qdq_op op;

    qdq_operand(q, 0, 4, x);
    int rc = qdq_weights(q, weight, bias);
    qdq_begin(&op, "Conv");
    qdq_input(&op, x);
    qdq_input(&op, weight);
    qdq_input(&op, bias);
    qdq_attr_ints(&op, "kernel_shape", (const int64_t[]) { p->kh, p->kw }, 2);
    qdq_attr_ints(&op, "strides", (const int64_t[]) { p->sh, p->sw }, 2);
    qdq_attr_ints(&op, "dilations", (const int64_t[]) { p->dh, p->dw }, 2);
    qdq_attr_ints(&op, "pads", pads, 4);
    qdq_attr_int(&op, "group", p->groups);
    qdq_end(q, &op);
    return rc;
}

static int put_linear(struct qdq *q)
{
    char x[QDQ_NAME], weight[QDQ_NAME], bias[QDQ_NAME];
    struct qdq_op op;

    qdq_operand(q, 0, 2, x);
    int rc = qdq_weights(q, weight, bias);
    qdq_begin(&op, "Gemm");
    qdq_input(&op, x);
    qdq_input(&op, weight);
    qdq_input(&op, bias);
    qdq_attr_int(&op, "transB", 1);
    qdq_end(q, &op);
    return rc;
}

static int put_pool(struct qdq *q)
{
    const struct qnt_node *n = node_of(q), *in = input_of(q);
    const struct qnt_window *w = &n->window;
    const int64_t pads[4] = { w->ph, w->pw, end_padding(n->h, w->sh, w->kh, w->ph, in->h),
                              end_padding(n->w, w->sw, w->kw, w->pw, in->w) };
    struct qdq_op op;
    char x[QDQ_NAME];

    qdq_operand(q, 0, 4, x);
    qdq_begin(&op, n->op == QNT_OP_MAXPOOL ? "MaxPool" : "AveragePool");
    qdq_input(&op, x);
    qdq_attr_ints(&op, "kernel_shape", (const int64_t[]) { w->kh, w->kw }, 2);
    qdq_attr_ints(&op, "strides", (const int64_t[]) { w->sh, w->sw }, 2);
    qdq_attr_ints(&op, "pads", pads, 4);
    if (w->whole)
        qdq_attr_int(&op, "count_include_pad", 1);
    qdq_end(q, &op);
    return 0;
}

static int put_global(struct qdq *q)
{
    char x[QDQ_NAME];

    qdq_operand(q, 0, 4, x);
    put_single(q, "GlobalAveragePool", x);
    return 0;
}

/* ---- Element by element */

static int put_input(struct qdq *q)
{
    snprintf(q->last, sizeof(q->last), "%.300s", node_of(q)->name);
    return 0;
}

static int put_clip(struct qdq *q)
{
    qdq_operand(q, 0, 0, q->last); /* clamped by what follows */
    return 0;
}

static int put_binary(struct qdq *q)
{
    const struct qnt_node *n = node_of(q);
    const int rank = q->ranks[n->inputs[0]] == q->ranks[n->inputs[1]] ? 0 : 4;
    char x[QDQ_NAME], y[QDQ_NAME];

    qdq_operand(q, 0, rank, x);
    qdq_operand(q, 1, rank, y);
    put_pair(q, n->op == QNT_OP_ADD ? "Add" : "Mul", x, y);
    return 0;
}

static void put_with(struct qdq *q, const char *type, const char *x, int attributes)
{
    const struct qnt_node *n = node_of(q);
    struct qdq_op op;

    qdq_begin(&op, type);
    qdq_input(&op, x);
    if (attributes > 0)
        qdq_attr_float(&op, "alpha", n->alpha);
    if (attributes > 1)
        qdq_attr_float(&op, "beta", n->beta);
    qdq_end(q, &op);
}

/* What was folded into a function, behind it: its own operators; a line is nothing else. */
static void put_line(struct qdq *q)
{
    const struct qnt_node *n = node_of(q);
    char x[QDQ_NAME], number[QDQ_NAME];

    if (n->gain != 1 || n->function == QNT_FN_LINE) {
        memcpy(x, q->last, sizeof(x));
        qdq_constant(q, "gain", QDQ_FLOAT, 0, NULL, &n->gain, sizeof(n->gain), number);
        put_pair(q, "Mul", x, number);
    }
    if (n->shift != 0) {
        memcpy(x, q->last, sizeof(x));
        qdq_constant(q, "shift", QDQ_FLOAT, 0, NULL, &n->shift, sizeof(n->shift), number);
        put_pair(q, "Add", x, number);
    }
}

static int put_function(struct qdq *q)
{
    /* Up to two operators of one input, and then, perhaps, times the input. */
    static const struct {
        const char *first, *second;
        int attributes, times;
    } functions[QNT_FN_COUNT] = {
        [QNT_FN_LEAKY] = { "LeakyRelu", NULL, 1, 0 },
        [QNT_FN_SIGMOID] = { "Sigmoid", NULL, 0, 0 },
        [QNT_FN_HARDSIGMOID] = { "HardSigmoid", NULL, 2, 0 },
        [QNT_FN_HARDSWISH] = { "HardSigmoid", NULL, 2, 1 },
        [QNT_FN_SWISH] = { "Sigmoid", NULL, 0, 1 },
        [QNT_FN_TANH] = { "Tanh", NULL, 0, 0 },
        [QNT_FN_ELU] = { "Elu", NULL, 1, 0 },
        [QNT_FN_SOFTPLUS] = { "Softplus", NULL, 0, 0 },
        [QNT_FN_MISH] = { "Softplus", "Tanh", 0, 1 },
        [QNT_FN_LINE] = { NULL, NULL, 0, 0 },
    };
    const enum qnt_function f = node_of(q)->function;
    char x[QDQ_NAME], y[QDQ_NAME];

    qdq_operand(q, 0, 0, x);
    if (functions[f].times) /* the product has the node's name */
        q->named = q->at;
    if (functions[f].first)
        put_with(q, functions[f].first, x, functions[f].attributes);
    else
        memcpy(q->last, x, sizeof(x));
    if (functions[f].second) {
        memcpy(y, q->last, sizeof(y));
        put_single(q, functions[f].second, y);
    }
    if (functions[f].times) {
        memcpy(y, q->last, sizeof(y));
        q->named = -1;
        put_pair(q, "Mul", x, y);
    }
    put_line(q);
    return 0;
}

/* ---- Moves */

static int put_concat(struct qdq *q)
{
    char x[QNT_INPUTS_MAX][QDQ_NAME];
    const int32_t count = node_of(q)->input_count;
    struct qdq_op op;

    for (int32_t k = 0; k < count; k++)
        qdq_operand(q, k, 4, x[k]);
    qdq_begin(&op, "Concat");
    for (int32_t k = 0; k < count; k++)
        qdq_input(&op, x[k]);
    qdq_attr_int(&op, "axis", 1);
    qdq_end(q, &op);
    return 0;
}

static int put_reshape(struct qdq *q)
{
    const struct qnt_node *n = node_of(q);
    const int64_t dims[4] = { 1, n->c, n->h, n->w };
    char x[QDQ_NAME], shape[QDQ_NAME];

    qdq_operand(q, 0, 0, x);
    constant_ints(q, "shape", dims, q->ranks[q->at], shape);
    put_pair(q, "Reshape", x, shape);
    return 0;
}

static int put_slice(struct qdq *q)
{
    const struct qnt_node *n = node_of(q);
    const int32_t *b = n->place.begin, *s = n->place.step;
    const int64_t begin[3] = { b[2], b[0], b[1] }, step[3] = { s[2], s[0], s[1] };
    const int64_t axes[3] = { 1, 2, 3 };
    const int64_t end[3] = { begin[0] + (n->c - 1) * step[0] + 1,
                             begin[1] + (n->h - 1) * step[1] + 1,
                             begin[2] + (n->w - 1) * step[2] + 1 };
    const struct {
        const char *what;
        const int64_t *values;
    } rows[4] = { { "starts", begin }, { "ends", end }, { "axes", axes }, { "steps", step } };
    char x[QDQ_NAME], list[QDQ_NAME];
    struct qdq_op op;

    qdq_operand(q, 0, 4, x);
    qdq_begin(&op, "Slice");
    qdq_input(&op, x);
    for (int i = 0; i < 4; i++) {
        constant_ints(q, rows[i].what, rows[i].values, 3, list);
        qdq_input(&op, list);
    }
    qdq_end(q, &op);
    return 0;
}

static int put_pad(struct qdq *q)
{
    const struct qnt_node *n = node_of(q), *in = input_of(q);
    const int32_t *b = n->place.begin;
    const int64_t pads[8] = {
        0, b[2], b[0], b[1], 0, n->c - in->c - b[2], n->h - in->h - b[0], n->w - in->w - b[1]
    };
    char x[QDQ_NAME], list[QDQ_NAME], fill[QDQ_NAME];
    struct qdq_op op;

    qdq_operand(q, 0, 4, x);
    constant_ints(q, "pads", pads, 8, list);
    qdq_constant(q, "fill", QDQ_FLOAT, 0, NULL, &n->fill, sizeof(n->fill), fill);
    qdq_begin(&op, "Pad");
    qdq_input(&op, x);
    qdq_input(&op, list);
    qdq_input(&op, fill);
    qdq_end(q, &op);
    return 0;
}

static void put_transpose(struct qdq *q, const char *x, const int64_t *perm, size_t count)
{
    struct qdq_op op;

    qdq_begin(&op, "Transpose");
    qdq_input(&op, x);
    qdq_attr_ints(&op, "perm", perm, count);
    qdq_end(q, &op);
}

static int put_permute(struct qdq *q)
{
    static const int64_t dims[3] = { 2, 3, 1 }; /* of h, w, c in [n][c][h][w] */
    const int32_t *from = node_of(q)->place.begin;
    const int64_t perm[4] = { 0, dims[from[2]], dims[from[0]], dims[from[1]] };
    char x[QDQ_NAME];

    qdq_operand(q, 0, 4, x);
    put_transpose(q, x, perm, 4);
    return 0;
}

static int put_upsample(struct qdq *q)
{
    const struct qnt_node *n = node_of(q), *in = input_of(q);
    const float scales[4] = { 1, 1, (float)(n->h / in->h), (float)(n->w / in->w) };
    char x[QDQ_NAME], list[QDQ_NAME];
    struct qdq_op op;

    qdq_operand(q, 0, 4, x);
    qdq_constant(q, "scales", QDQ_FLOAT, 1, (const int64_t[]) { 4 }, scales, sizeof(scales), list);
    qdq_begin(&op, "Resize");
    qdq_input(&op, x);
    qdq_input(&op, "");
    qdq_input(&op, list);
    qdq_attr_text(&op, "mode", "nearest");
    qdq_attr_text(&op, "coordinate_transformation_mode", "asymmetric");
    qdq_attr_text(&op, "nearest_mode", "floor");
    qdq_end(q, &op);
    return 0;
}

/* The names that ONNX has for a grid: of what lies between pixels, and of the nearest, of which a
 * half is added to half pixels. */
static int put_resize(struct qdq *q)
{
    static const char *const names[QNT_GRID_COUNT] = { [QNT_GRID_HALF] = "half_pixel",
                                                       [QNT_GRID_CORNERS] = "align_corners",
                                                       [QNT_GRID_BEGINS] = "asymmetric" };
    const struct qnt_node *n = node_of(q), *in = input_of(q);
    const enum qnt_grid grid = qnt_sampling_grid(n, in);
    const int64_t sizes[4] = { 1, n->c, n->h, n->w };
    char x[QDQ_NAME], list[QDQ_NAME];
    struct qdq_op op;

    if (grid == QNT_GRID_COUNT || (n->sampling.nearest && grid != QNT_GRID_BEGINS))
        return -ENOTSUP;
    qdq_operand(q, 0, 4, x);
    constant_ints(q, "sizes", sizes, 4, list);
    qdq_begin(&op, "Resize");
    qdq_input(&op, x);
    qdq_input(&op, "");
    qdq_input(&op, "");
    qdq_input(&op, list);
    qdq_attr_text(&op, "mode", n->sampling.nearest ? "nearest" : "linear");
    qdq_attr_text(&op, "coordinate_transformation_mode", names[grid]);
    if (n->sampling.nearest)
        qdq_attr_text(&op, "nearest_mode", "floor");
    qdq_end(q, &op);
    return 0;
}

static int put_lrn(struct qdq *q)
{
    const struct qnt_node *n = node_of(q);
    char x[QDQ_NAME];
    struct qdq_op op;

    qdq_operand(q, 0, 4, x);
    qdq_begin(&op, "LRN");
    qdq_input(&op, x);
    qdq_attr_int(&op, "size", n->lrn.size);
    qdq_attr_float(&op, "alpha", n->lrn.alpha);
    qdq_attr_float(&op, "beta", (float)n->lrn.quarters / 4);
    qdq_attr_float(&op, "bias", n->lrn.bias);
    qdq_end(q, &op);
    return 0;
}

/* x seen as `parted`, of `rank` dimensions, permuted, and seen as the node's output; `what` names
 * the constant. */
static void put_parted(struct qdq *q, char x[QDQ_NAME], const char *what, const int64_t *parted,
                       const int64_t *perm, int rank)
{
    const struct qnt_node *n = node_of(q);
    const int64_t dims[4] = { 1, n->c, n->h, n->w };
    char shape[QDQ_NAME];

    constant_ints(q, what, parted, rank, shape);
    put_pair(q, "Reshape", x, shape);
    memcpy(x, q->last, QDQ_NAME);
    put_transpose(q, x, perm, (size_t)rank);
    memcpy(x, q->last, QDQ_NAME);
    constant_ints(q, "shape", dims, 4, shape);
    put_pair(q, "Reshape", x, shape);
}

/* Blocks of other shapes than a square: [s][t][c] to pixels, axis by axis. */
static int put_depth_to_space(struct qdq *q)
{
    static const int64_t perm[6] = { 0, 3, 4, 1, 5, 2 };
    const struct qnt_node *n = node_of(q), *in = input_of(q);
    const int64_t parted[6] = { 1, n->h / in->h, n->w / in->w, n->c, in->h, in->w };
    char x[QDQ_NAME];
    struct qdq_op op;

    qdq_operand(q, 0, 4, x);
    if (parted[1] == parted[2]) {
        qdq_begin(&op, "DepthToSpace");
        qdq_input(&op, x);
        qdq_attr_int(&op, "blocksize", parted[1]);
        qdq_end(q, &op);
        return 0;
    }
    put_parted(q, x, "blocks", parted, perm, 6);
    return 0;
}

static int put_shuffle(struct qdq *q)
{
    static const int64_t perm[5] = { 0, 2, 1, 3, 4 };
    const struct qnt_node *n = node_of(q);
    const int64_t groups = n->place.begin[2];
    const int64_t parted[5] = { 1, groups, n->c / groups, n->h, n->w };
    char x[QDQ_NAME];

    qdq_operand(q, 0, 4, x);
    put_parted(q, x, "groups", parted, perm, 5);
    return 0;
}

/* ---- The table */

enum rank { IMAGE, VECTOR, AS_INPUT, BY_SHAPE };

static const struct {
    int (*put)(struct qdq *q);
    enum rank rank; /* of what it gives */
} rows[QNT_OP_COUNT] = {
    [QNT_OP_INPUT] = { put_input, IMAGE },
    [QNT_OP_CONV] = { put_conv, IMAGE },
    [QNT_OP_LINEAR] = { put_linear, VECTOR },
    [QNT_OP_CLIP] = { put_clip, AS_INPUT },
    [QNT_OP_ADD] = { put_binary, AS_INPUT },
    [QNT_OP_MUL] = { put_binary, AS_INPUT },
    [QNT_OP_MAXPOOL] = { put_pool, IMAGE },
    [QNT_OP_AVGPOOL] = { put_pool, IMAGE },
    [QNT_OP_GLOBAL_AVGPOOL] = { put_global, IMAGE },
    [QNT_OP_CONCAT] = { put_concat, IMAGE },
    [QNT_OP_RESHAPE] = { put_reshape, BY_SHAPE },
    [QNT_OP_FUNCTION] = { put_function, AS_INPUT },
    [QNT_OP_SLICE] = { put_slice, IMAGE },
    [QNT_OP_PAD] = { put_pad, IMAGE },
    [QNT_OP_PERMUTE] = { put_permute, IMAGE },
    [QNT_OP_UPSAMPLE] = { put_upsample, IMAGE },
    [QNT_OP_SHUFFLE] = { put_shuffle, IMAGE },
    [QNT_OP_RESIZE] = { put_resize, IMAGE },
    [QNT_OP_LRN] = { put_lrn, IMAGE },
    [QNT_OP_DEPTH_TO_SPACE] = { put_depth_to_space, IMAGE },
};

static int rank_of(const struct qdq *q)
{
    const struct qnt_node *n = node_of(q);
    int both = 4;

    switch (rows[n->op].rank) {
    case VECTOR:
        return 2;
    case AS_INPUT:
        both = q->ranks[n->inputs[0]];
        return n->input_count > 1 && q->ranks[n->inputs[1]] != both ? 4 : both;
    case BY_SHAPE:
        return n->h == 1 && n->w == 1 ? 2 : 4;
    default:
        return 4;
    }
}

/* The clamp of a node: ReLU or Clip. */
static void put_clamp(struct qdq *q)
{
    const struct qnt_node *n = node_of(q);
    char x[QDQ_NAME], lo[QDQ_NAME] = "", hi[QDQ_NAME] = "";
    struct qdq_op op;

    if (isinf(n->lo) && isinf(n->hi))
        return;
    memcpy(x, q->last, sizeof(x));
    if (n->lo == 0 && isinf(n->hi)) {
        put_single(q, "Relu", x);
        return;
    }
    if (!isinf(n->lo))
        qdq_constant(q, "lo", QDQ_FLOAT, 0, NULL, &n->lo, sizeof(n->lo), lo);
    if (!isinf(n->hi))
        qdq_constant(q, "hi", QDQ_FLOAT, 0, NULL, &n->hi, sizeof(n->hi), hi);
    qdq_begin(&op, "Clip");
    qdq_input(&op, x);
    qdq_input(&op, lo);
    qdq_input(&op, hi);
    qdq_end(q, &op);
}

int qdq_write(struct qdq *q)
{
    const struct qnt_node *n = node_of(q);

    if (!rows[n->op].put)
        return qnt_error_set(q->error, -ENOTSUP,
                             "node %s: %s is not quantised where it stands, so it has no place in"
                             " an int8 model",
                             n->name, qnt_op_names[n->op]);
    q->ranks[q->at] = rank_of(q);
    int rc = rows[n->op].put(q);
    if (rc)
        return qnt_error_set(q->error, rc,
                             rc == -ENOTSUP
                                 ? "node %s: %s has no operator in ONNX that does the same"
                                 : "node %s: %s: out of memory",
                             n->name, qnt_op_names[n->op]);
    put_clamp(q);
    return 0;
}
