/* Small graphs under test: random tensors in the order of the file, and a graph compared with what
 * it must compute, as imported and folded. A test seeds t_rng from t_seed first. */
#ifndef QUERN_TESTS_T_ONNX_RUN_H
#define QUERN_TESTS_T_ONNX_RUN_H

#include <math.h>

#include "quant/model/graph.h"
#include "tests/t_onnx.h"

static uint64_t t_rng;

static inline float t_random_float(void)
{
    return (float)((int64_t)(t_random(&t_rng) >> 40) - (1 << 23)) / (float)(1 << 23); /* [-1, 1) */
}

static inline void t_fill(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = t_random_float();
}

enum { T_CELLS = 16384 };

/* One image in the order of the file; the graph has [h][w][c]. */
struct t_tensor_chw {
    int64_t c, h, w;
    float x[T_CELLS];
};

static inline float t_at(const struct t_tensor_chw *t, int64_t c, int64_t y, int64_t x)
{
    return t->x[(c * t->h + y) * t->w + x];
}

static inline void t_random_tensor(struct t_tensor_chw *t, int64_t c, int64_t h, int64_t w)
{
    t->c = c;
    t->h = h;
    t->w = w;
    assert(c * h * w <= T_CELLS);
    t_fill(t->x, (size_t)(c * h * w));
}

static inline void t_to_nhwc(const struct t_tensor_chw *t, float *out)
{
    for (int64_t y = 0; y < t->h; y++)
        for (int64_t x = 0; x < t->w; x++)
            for (int64_t c = 0; c < t->c; c++)
                *out++ = t_at(t, c, y, x);
}

static inline int t_load_model(struct t_model *m, struct qnt_graph *graph)
{
    struct qnt_error error = { "" };

    t_model_end(m);
    int rc = qnt_onnx_read(m->file.data, m->file.size, "test.onnx", NULL, graph, &error);
    t_model_clear(m);
    if (!T_CHECK(rc == 0))
        printf("  %s\n", error.text);
    return rc;
}

/* Runs the graph and compares what it gives with `want`; returns whether all went well. */
static inline int t_check_run(const struct qnt_graph *graph, const struct t_tensor_chw *in,
                              const struct t_tensor_chw *want)
{
    static float image[T_CELLS], expected[T_CELLS];
    const struct qnt_node *out = &graph->nodes[graph->output];
    const size_t count = (size_t)(want->c * want->h * want->w);
    struct qnt_float *exec;
    struct qnt_error error;
    float worst = 0, range = 1e-3f;

    if (!T_CHECK(out->c == want->c && out->h == want->h && out->w == want->w)) {
        printf("  shape %d %d %d, want %d %d %d\n", out->c, out->h, out->w, (int)want->c,
               (int)want->h, (int)want->w);
        return 0;
    }
    if (!T_CHECK(qnt_float_open(graph, &exec, &error) == 0))
        return 0;
    t_to_nhwc(in, image);
    t_to_nhwc(want, expected);
    qnt_float_run(exec, image);
    const float *got = qnt_float_tensor(exec, graph->output);
    for (size_t i = 0; i < count; i++) {
        float d = fabsf(got[i] - expected[i]);
        worst = d <= worst ? worst : d; /* keeps a NaN */
        range = fmaxf(range, fabsf(expected[i]));
    }
    qnt_float_close(exec);
    int ok = T_CHECK(worst <= 1e-4f * range);
    if (!ok)
        printf("  worst %g of %g\n", (double)worst, (double)range);
    return ok;
}

/* As imported and folded. */
static inline int t_check_model(struct t_model *m, const struct t_tensor_chw *in,
                                const struct t_tensor_chw *want)
{
    struct qnt_graph graph;
    struct qnt_error error;

    if (t_load_model(m, &graph))
        return 0;
    int ok = t_check_run(&graph, in, want);
    T_CHECK(qnt_fold(&graph, &error) == 0);
    for (int32_t i = 0; i < graph.count; i++)
        T_CHECK(graph.nodes[i].op != QNT_OP_BATCHNORM && graph.nodes[i].name);
    ok &= t_check_run(&graph, in, want);
    qnt_graph_free(&graph);
    return ok;
}

static inline void t_begin_model(struct t_model *m, const struct t_tensor_chw *in)
{
    t_model_begin(m, 13);
    t_model_io(m, T_INPUT, "x", (int64_t[]) { 0, in->c, in->h, in->w }, 4);
    t_model_io(m, T_OUTPUT, "y", NULL, 0);
}

#endif
