/* Every operator: imported from a small ONNX file and run in float, against plain loops over NCHW
 * that share nothing with it; and folding, which must not change what a graph computes. */
#include "tests/t_onnx_run.h"

/* ---- Convolution and pooling */

struct window {
    int64_t k[2], s[2], d[2], pads[4]; /* pads: top, left, bottom, right */
};

static void attr_window(struct t_bytes *node, const struct window *w, int dilated)
{
    t_attr_ints(node, "kernel_shape", w->k, 2);
    t_attr_ints(node, "strides", w->s, 2);
    t_attr_ints(node, "pads", w->pads, 4);
    if (dilated)
        t_attr_ints(node, "dilations", w->d, 2);
}

static int64_t out_size(const struct window *w, int axis, int64_t in)
{
    return (in + w->pads[axis] + w->pads[axis + 2] - ((w->k[axis] - 1) * w->d[axis] + 1)) /
               w->s[axis] +
           1;
}

static float value_or(const struct t_tensor_chw *in, int64_t c, int64_t y, int64_t x, float outside)
{
    return y < 0 || y >= in->h || x < 0 || x >= in->w ? outside : t_at(in, c, y, x);
}

static void ref_conv(const struct t_tensor_chw *in, const struct window *w, int64_t groups,
                     int64_t oc, const float *weight, const float *bias, struct t_tensor_chw *out)
{
    const int64_t icg = in->c / groups;
    float *o = out->x;

    out->c = oc;
    out->h = out_size(w, 0, in->h);
    out->w = out_size(w, 1, in->w);
    for (int64_t k = 0; k < oc; k++)
        for (int64_t y = 0; y < out->h; y++)
            for (int64_t x = 0; x < out->w; x++) {
                double sum = bias ? (double)bias[k] : 0;
                for (int64_t i = 0; i < icg; i++)
                    for (int64_t a = 0; a < w->k[0]; a++)
                        for (int64_t b = 0; b < w->k[1]; b++)
                            sum += (double)weight[((k * icg + i) * w->k[0] + a) * w->k[1] + b] *
                                   (double)value_or(in, k / (oc / groups) * icg + i,
                                                    y * w->s[0] - w->pads[0] + a * w->d[0],
                                                    x * w->s[1] - w->pads[1] + b * w->d[1], 0);
                *o++ = (float)sum;
            }
}

/* Padding smaller than the filter's extent, and windows that fit. */
static struct window random_window(int64_t in, int max_dilation)
{
    struct window w;
    for (int axis = 0; axis < 2; axis++) {
        w.k[axis] = t_between(&t_rng, 1, 4);
        w.s[axis] = t_between(&t_rng, 1, 3);
        w.d[axis] = t_between(&t_rng, 1, max_dilation);
        int64_t extent = (w.k[axis] - 1) * w.d[axis] + 1;
        int most = (int)(extent - 1 < 3 ? extent - 1 : 3);
        w.pads[axis] = t_between(&t_rng, 0, most);
        w.pads[axis + 2] = t_between(&t_rng, 0, most);
        assert(extent <= in);
    }
    return w;
}

static void test_conv(int kind)
{
    static struct t_tensor_chw in, want;
    static float weight[T_CELLS];
    float bias[16];
    struct t_model m;
    const int64_t groups = kind == 0 ? 1 : kind == 1 ? 2 : 6;
    const int64_t oc = kind == 2 ? 6 : kind == 3 ? 12 : 8; /* 2: depthwise, 3: with a multiplier */
    const int with_bias = t_between(&t_rng, 0, 1);

    t_random_tensor(&in, 6, t_between(&t_rng, 7, 12), t_between(&t_rng, 7, 12));
    struct window w = random_window(7, 2);
    const int64_t dims[] = { oc, 6 / groups, w.k[0], w.k[1] };
    t_fill(weight, t_count(dims, 4));
    t_fill(bias, (size_t)oc);
    t_begin_model(&m, &in);
    t_model_floats(&m, "w", dims, 4, weight);
    t_model_floats(&m, "bb", &oc, 1, bias);
    struct t_bytes node = t_node("Conv", with_bias ? "x w bb" : "x w", "y");
    attr_window(&node, &w, 1);
    t_attr_int(&node, "group", groups);
    t_model_node(&m, &node);
    ref_conv(&in, &w, groups, oc, weight, with_bias ? bias : NULL, &want);
    t_check_model(&m, &in, &want);
}

static void test_auto_pad(const char *mode)
{
    static struct t_tensor_chw in, want;
    float weight[200];
    struct t_model m;
    struct window w = { { 3, 2 }, { 2, 2 }, { 1, 1 }, { 0, 0, 0, 0 } };

    t_random_tensor(&in, 2, 8, 7);
    const int64_t dims[] = { 3, 2, 3, 2 };
    t_fill(weight, t_count(dims, 4));
    if (strncmp(mode, "SAME", 4) ==
        0) { /* h: 4 outputs need 9 rows, one more; w: 4 need 8, one more */
        int upper = strcmp(mode, "SAME_UPPER") == 0;
        memcpy(w.pads, upper ? (int64_t[]) { 0, 0, 1, 1 } : (int64_t[]) { 1, 1, 0, 0 },
               sizeof(w.pads));
    }
    t_begin_model(&m, &in);
    t_model_floats(&m, "w", dims, 4, weight);
    struct t_bytes node = t_node("Conv", "x w", "y");
    t_attr_text(&node, "auto_pad", mode);
    t_attr_ints(&node, "strides", w.s, 2);
    t_model_node(&m, &node);
    ref_conv(&in, &w, 1, 3, weight, NULL, &want);
    t_check_model(&m, &in, &want);
}

static void ref_pool(const struct t_tensor_chw *in, const struct window *w, int max,
                     struct t_tensor_chw *out)
{
    float *o = out->x;
    for (int64_t c = 0; c < in->c; c++)
        for (int64_t y = 0; y < out->h; y++)
            for (int64_t x = 0; x < out->w; x++) {
                float best = -INFINITY, sum = 0, inside = 0;
                for (int64_t a = 0; a < w->k[0]; a++)
                    for (int64_t b = 0; b < w->k[1]; b++) {
                        float v = value_or(in, c, y * w->s[0] - w->pads[0] + a,
                                           x * w->s[1] - w->pads[1] + b, NAN);
                        if (isnan(v))
                            continue;
                        best = v > best ? v : best;
                        sum += v;
                        inside++;
                    }
                *o++ = max ? best : sum / inside;
            }
}

static void test_pool(int max)
{
    static struct t_tensor_chw in, want;
    struct t_model m;

    t_random_tensor(&in, 5, t_between(&t_rng, 6, 11), t_between(&t_rng, 6, 11));
    struct window w = random_window(6, 1);
    t_begin_model(&m, &in);
    struct t_bytes node = t_node(max ? "MaxPool" : "AveragePool", "x", "y");
    attr_window(&node, &w, 0);
    t_model_node(&m, &node);
    want.c = in.c;
    want.h = out_size(&w, 0, in.h);
    want.w = out_size(&w, 1, in.w);
    ref_pool(&in, &w, max, &want);
    t_check_model(&m, &in, &want);
}

/* 7 -> 4 with a window of 2 at stride 2: the last one is cut off by the border. With a padding of
 * one, a window that would begin behind the image is left out. */
static void test_ceil_mode(int max)
{
    static struct t_tensor_chw in, want;
    for (int pad = 0; pad < 2; pad++) {
        struct t_model m;
        struct window w = { { 2, 2 }, { 2, 2 }, { 1, 1 }, { pad, pad, pad, pad } };
        t_random_tensor(&in, 3, 7, 7);
        t_begin_model(&m, &in);
        struct t_bytes node = t_node(max ? "MaxPool" : "AveragePool", "x", "y");
        attr_window(&node, &w, 0);
        t_attr_int(&node, "ceil_mode", 1);
        t_model_node(&m, &node);
        want.c = 3;
        want.h = want.w = 4;
        ref_pool(&in, &w, max, &want);
        t_check_model(&m, &in, &want);
    }
}

/* Before operator set 10 exporters write a ceil_mode of 1 as a larger padding at the end; and a
 * padding by nothing. */
static void test_end_padding(void)
{
    static struct t_tensor_chw in, want;
    struct t_model m;
    struct window w = { { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1, 3, 3 } };

    t_random_tensor(&in, 2, 12, 12);
    t_begin_model(&m, &in);
    t_model_ints(&m, "none", (int64_t[]) { 0, 0, 0, 0, 0, 0, 0, 0 }, 8);
    t_model_op(&m, "Pad", "x none", "p");
    struct t_bytes node = t_node("MaxPool", "p", "y");
    attr_window(&node, &w, 0);
    t_model_node(&m, &node);
    want.c = 2;
    want.h = want.w = 7;
    ref_pool(&in, &w, 1, &want);
    t_check_model(&m, &in, &want);
}

/* ---- Linear layers and shapes */

/* How a tensor becomes a vector, and which operator multiplies it. */
static void test_linear(const char *flatten, const char *multiply, int transposed)
{
    static struct t_tensor_chw in, want;
    static float weight[T_CELLS];
    float bias[7];
    struct t_model m;
    const int gemm = strcmp(multiply, "Gemm") == 0;

    t_random_tensor(&in, 3, 4, 5);
    t_fill(weight, 7 * 60);
    t_fill(bias, 7);
    t_begin_model(&m, &in);
    t_model_floats(&m, "w", transposed ? (int64_t[]) { 7, 60 } : (int64_t[]) { 60, 7 }, 2, weight);
    t_model_floats(&m, "bb", (int64_t[]) { 7 }, 1, bias);
    t_model_ints(&m, "shape", (int64_t[]) { 1, -1 }, 2);
    t_model_op(&m, flatten, strcmp(flatten, "Reshape") == 0 ? "x shape" : "x", "flat");
    struct t_bytes node = t_node(multiply, gemm ? "flat w bb" : "flat w", gemm ? "y" : "product");
    if (transposed)
        t_attr_int(&node, "transB", 1);
    t_model_node(&m, &node);
    if (!gemm)
        t_model_op(&m, "Add", "bb product", "y");
    want.c = 7;
    want.h = want.w = 1;
    for (int k = 0; k < 7; k++) {
        double sum = (double)bias[k];
        for (int i = 0; i < 60; i++)
            sum += (double)in.x[i] * (double)weight[transposed ? k * 60 + i : i * 7 + k];
        want.x[k] = (float)sum;
    }
    t_check_model(&m, &in, &want);
}

static void test_means(void)
{
    static struct t_tensor_chw in, want;
    static const int64_t axes[][2] = { { 2, 3 }, { -1, -2 } };

    for (int kind = 0; kind < 4; kind++) {
        struct t_model m;
        t_random_tensor(&in, 5, 6, 3);
        t_begin_model(&m, &in);
        struct t_bytes node =
            t_node(kind ? "ReduceMean" : "GlobalAveragePool", kind == 3 ? "x axes" : "x", "y");
        if (kind == 3)
            t_model_ints(&m, "axes", axes[0], 2);
        else if (kind)
            t_attr_ints(&node, "axes", axes[kind - 1], 2);
        if (kind == 2)
            t_attr_int(&node, "keepdims", 0);
        t_model_node(&m, &node);
        want.c = 5;
        want.h = want.w = 1;
        for (int c = 0; c < 5; c++) {
            double sum = 0;
            for (int i = 0; i < 18; i++)
                sum += (double)in.x[c * 18 + i];
            want.x[c] = (float)(sum / 18);
        }
        t_check_model(&m, &in, &want);
    }
}

/* ---- Channel-wise */

/* ReLU, ReLU6 by inputs, by Constant nodes and by attributes (before operator set 11). */
static void test_clips(void)
{
    static struct t_tensor_chw in, want;

    for (int kind = 0; kind < 4; kind++) {
        struct t_model m;
        t_random_tensor(&in, 3, 4, 4);
        t_begin_model(&m, &in);
        const float lo = kind ? -0.25f : 0, hi = kind == 0 ? INFINITY : 0.5f;
        struct t_bytes node = t_node(kind ? "Clip" : "Relu",
                                     kind == 1   ? "x lo hi"
                                     : kind == 2 ? "x lo"
                                                 : "x",
                                     "y");
        if (kind == 1) {
            t_model_floats(&m, "lo", NULL, 0, &lo);
            struct t_bytes constant = t_node("Constant", "", "hi"), a = t_attr("value", 4);
            struct t_bytes t = t_tensor(NULL, T_FLOAT, NULL, 0);
            t_put_bytes(&t, 9, &hi, sizeof(hi));
            t_put_part(&a, 5, &t);
            t_put_part(&constant, 5, &a);
            t_model_node(&m, &constant);
        } else if (kind == 2) {
            struct t_bytes constant = t_node("Constant", "", "lo");
            t_attr_float(&constant, "value_float", lo);
            t_model_node(&m, &constant);
        } else if (kind == 3) {
            t_attr_float(&node, "min", lo);
            t_attr_float(&node, "max", hi);
        }
        t_model_node(&m, &node);
        want = in;
        for (int i = 0; i < 48; i++)
            want.x[i] = fminf(fmaxf(in.x[i], lo), kind == 2 ? INFINITY : hi);
        t_check_model(&m, &in, &want);
    }
}

static void norm_constants(struct t_model *m, const char *prefix, int64_t c, float p[4][16])
{
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%s%d", prefix, i);
        t_fill(p[i], (size_t)c);
        for (int64_t k = 0; k < c; k++)
            p[i][k] = i == 3 ? 0.5f + fabsf(p[i][k]) : p[i][k];
        t_model_floats(m, name, &c, 1, p[i]);
    }
}

static float norm_of(float x, float p[4][16], int64_t c)
{
    return (x - p[2][c]) / sqrtf(p[3][c] + 1e-5f) * p[0][c] + p[1][c];
}

/* x -> norm -> relu -> y, and y is also read by another: nothing may be folded that has two
 * readers. */
static void test_shared_tensors(void)
{
    static struct t_tensor_chw in, want;
    float p[4][16], weight[16];
    struct t_model m;

    t_random_tensor(&in, 4, 3, 3);
    t_fill(weight, 16);
    t_begin_model(&m, &in);
    norm_constants(&m, "n", 4, p);
    t_model_floats(&m, "w", (int64_t[]) { 4, 4, 1, 1 }, 4, weight);
    t_model_op(&m, "Conv", "x w", "c");
    t_model_op(&m, "BatchNormalization", "c n0 n1 n2 n3", "b");
    t_model_op(&m, "Relu", "c", "r"); /* c has two readers */
    t_model_op(&m, "Add", "b r", "s");
    t_model_op(&m, "BatchNormalization", "s n0 n1 n2 n3", "t"); /* no layer before it */
    t_model_op(&m, "Identity", "t", "i");
    t_model_op(&m, "Dropout", "i", "d");
    t_model_op(&m, "Relu", "d", "u");
    struct t_bytes node = t_node("Concat", "u c x u", "y");
    t_attr_int(&node, "axis", 1);
    t_model_node(&m, &node);

    want = in;
    want.c = 16;
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < 4; k++) {
            float c = 0;
            for (int j = 0; j < 4; j++)
                c += weight[k * 4 + j] * in.x[j * 9 + i];
            float u = fmaxf(norm_of(norm_of(c, p, k) + fmaxf(c, 0), p, k), 0);
            want.x[k * 9 + i] = want.x[(12 + k) * 9 + i] = u;
            want.x[(4 + k) * 9 + i] = c;
            want.x[(8 + k) * 9 + i] = in.x[k * 9 + i];
        }
    t_check_model(&m, &in, &want);
}

/* conv -> norm -> clip -> clip and a residual with its own clip end as three nodes: input, conv,
 * add. */
static void test_fold_counts(void)
{
    static struct t_tensor_chw in;
    float p[4][16], weight[16];
    struct t_model m;
    struct qnt_graph graph;
    struct qnt_error error;

    t_random_tensor(&in, 4, 3, 3);
    t_fill(weight, 16);
    t_begin_model(&m, &in);
    norm_constants(&m, "n", 4, p);
    t_model_floats(&m, "w", (int64_t[]) { 4, 4, 1, 1 }, 4, weight);
    t_model_floats(&m, "lo", NULL, 0, &(float) { -1 });
    t_model_floats(&m, "hi", NULL, 0, &(float) { 2 });
    t_model_op(&m, "Conv", "x w", "c");
    t_model_op(&m, "BatchNormalization", "c n0 n1 n2 n3", "b");
    t_model_op(&m, "Clip", "b lo hi", "d");
    t_model_op(&m, "Relu", "d", "r");
    t_model_op(&m, "Add", "r x", "s");
    t_model_op(&m, "Relu", "s", "y");
    t_model_op(&m, "Relu", "b", "dead"); /* leads nowhere: must not count as a second reader */
    if (t_load_model(&m, &graph))
        return;
    T_CHECK(qnt_fold(&graph, &error) == 0);
    T_CHECK(graph.count == 3);
    const int32_t conv = qnt_graph_find(&graph, "Conv_c"), add = qnt_graph_find(&graph, "Add_s");
    if (T_CHECK(conv >= 0 && add >= 0)) {
        T_CHECK(graph.nodes[add].lo == 0 && isinf(graph.nodes[add].hi) && graph.output == add);
        T_CHECK(graph.nodes[conv].lo == 0 && graph.nodes[conv].hi == 2);
        T_CHECK(graph.nodes[conv].problem.ic == 4 && graph.nodes[conv].problem.oc == 4);
        T_CHECK_STR(graph.nodes[conv].problem.name, "Conv_c");
    }
    T_CHECK(qnt_graph_find(&graph, "Relu_dead") < 0);
    qnt_graph_free(&graph);
}

/* A softmax runs as imported; folding drops it, and its logarithm is never there. */
static void test_softmax(void)
{
    static struct t_tensor_chw in, want;
    for (int log = 0; log < 2; log++) {
        struct t_model m;
        struct qnt_graph graph;
        struct qnt_error error;
        double sum = 0;

        t_random_tensor(&in, 6, 1, 1);
        t_begin_model(&m, &in);
        t_model_op(&m, "Flatten", "x", "flat");
        t_model_op(&m, log ? "LogSoftmax" : "Softmax", "flat", "y");
        want = in;
        for (int i = 0; i < 6; i++)
            sum += exp((double)in.x[i]);
        for (int i = 0; i < 6 && !log; i++)
            want.x[i] = (float)(exp((double)in.x[i]) / sum);
        if (t_load_model(&m, &graph))
            continue;
        t_check_run(&graph, &in, &want);
        T_CHECK(qnt_fold(&graph, &error) == 0);
        t_check_run(&graph, &in, &in);
        qnt_graph_free(&graph);
    }
}

/* A stack of random convolutions, norms, clips and residual adds: the same before and after
 * folding. */
static void test_fold_random(void)
{
    static struct t_tensor_chw in, out;
    static float image[T_CELLS], weight[T_CELLS];
    struct t_model m;
    struct qnt_graph graph;
    struct qnt_error error;
    struct qnt_float *exec;
    float p[4][16];
    char from[16] = "x", to[16], back[16] = "x", text[80], prefix[8];

    t_random_tensor(&in, 8, 6, 6);
    t_begin_model(&m, &in);
    for (int i = 0; i < 12; i++) {
        static const char *const ops[] = { "Conv", "BatchNormalization", "Relu", "Add", "Mul",
                                           "Add",  "LeakyRelu" };
        int op = t_between(&t_rng, 0, 6);
        snprintf(to, sizeof(to), i == 11 ? "y" : "t%d", i);
        snprintf(text, sizeof(text), "%s", from);
        snprintf(prefix, sizeof(prefix), "c%d_", i);
        if (op == 0) {
            t_fill(weight, 64);
            t_model_floats(&m, prefix, (int64_t[]) { 8, 8, 1, 1 }, 4, weight);
            snprintf(text, sizeof(text), "%s c%d_", from, i);
        } else if (op == 1) {
            norm_constants(&m, prefix, 8, p);
            snprintf(text, sizeof(text), "%s c%d_0 c%d_1 c%d_2 c%d_3", from, i, i, i, i);
        } else if (op == 3) {
            snprintf(text, sizeof(text), "%s %s", from, back);
            snprintf(back, sizeof(back), "%s", from);
        } else if (op == 4 || op == 5) { /* one number for all channels */
            t_model_floats(&m, prefix, NULL, 0, &(float) { (float)t_between(&t_rng, -6, 6) / 4 });
            snprintf(text, sizeof(text), "%s c%d_", from, i);
        }
        t_model_op(&m, ops[op], text, to);
        snprintf(from, sizeof(from), "%s", to);
    }
    if (t_load_model(&m, &graph))
        return;
    if (T_CHECK(qnt_float_open(&graph, &exec, &error) == 0)) {
        t_to_nhwc(&in, image);
        qnt_float_run(exec, image);
        out = in;
        for (int64_t c = 0; c < 8; c++)
            for (int i = 0; i < 36; i++)
                out.x[c * 36 + i] = qnt_float_tensor(exec, graph.output)[i * 8 + c];
        qnt_float_close(exec);
        T_CHECK(qnt_fold(&graph, &error) == 0);
        t_check_run(&graph, &in, &out);
    }
    qnt_graph_free(&graph);
}

int main(int argc, char **argv)
{
    static const char *const flattens[] = { "Flatten", "Reshape" };

    t_begin(argc, argv);
    t_rng = t_seed;
    for (int i = 0; i < 80; i++)
        test_conv(i % 4);
    test_auto_pad("VALID");
    test_auto_pad("SAME_UPPER");
    test_auto_pad("SAME_LOWER");
    for (int i = 0; i < 40; i++)
        test_pool(i % 2);
    test_ceil_mode(0);
    test_ceil_mode(1);
    test_end_padding();
    for (int i = 0; i < 2; i++) {
        test_linear(flattens[i], "Gemm", 0);
        test_linear(flattens[i], "Gemm", 1);
        test_linear(flattens[i], "MatMul", 0);
    }
    test_means();
    test_clips();
    test_shared_tensors();
    test_fold_counts();
    test_softmax();
    for (int i = 0; i < 60; i++)
        test_fold_random();
    return t_end();
}
