/* Networks for other engines: what is written is read back by the importers, which were checked
 * against the other engines' own files, and must be the same network; names that a format cannot
 * hold, and operators that it does not have, are refused. */
#include <errno.h>
#include <unistd.h>

#include "quant/model/sampling.h"
#include "quant/pipeline/output.h"
#include "tests/t_graph.h"

static char folder[] = "/tmp/quern-test-outputs-XXXXXX";
static char path[sizeof(folder) + 40];

static const char *file(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static struct qnt_node *last(struct t_graph *g)
{
    return &g->graph.nodes[g->graph.output];
}

static int function(struct t_graph *g, int input, enum qnt_function f, double alpha, double beta)
{
    const int at = t_node(g, QNT_OP_FUNCTION, input);

    last(g)->function = f;
    last(g)->alpha = (float)alpha;
    last(g)->beta = (float)beta;
    return at;
}

/* A move: h, w, c of the result, and where it begins. */
static int move(struct t_graph *g, enum qnt_op op, int input, const int size[3], const int begin[3])
{
    const int at = t_node(g, op, input);
    struct qnt_node *n = last(g);

    n->h = size[0];
    n->w = size[1];
    n->c = size[2];
    for (int k = 0; k < 3; k++) {
        n->place.begin[k] = begin[k];
        n->place.step[k] = 1;
    }
    return at;
}

static int resize(struct t_graph *g, int input, int h, int w, enum qnt_grid grid)
{
    const struct qnt_node *in = &g->graph.nodes[input];
    const int at = t_node(g, QNT_OP_RESIZE, input);

    qnt_sampling_set(&last(g)->sampling, 0, grid, in->h, h);
    qnt_sampling_set(&last(g)->sampling, 1, grid, in->w, w);
    last(g)->h = h;
    last(g)->w = w;
    return at;
}

static int lrn(struct t_graph *g, int input)
{
    const int at = t_node(g, QNT_OP_LRN, input);

    last(g)->lrn = (struct qnt_lrn) { .size = 3, .quarters = 3, .alpha = 0.5f, .bias = 1 };
    return at;
}

/* Every operator and function of an int8 network, each at least once. */
static void make_graph(struct t_graph *g)
{
    t_graph_open(g, t_seed, 20, 16, 3);
    int x = t_clamp(g, t_conv(g, 0, 16, 3, 2, 1, 1), 0, INFINITY); /* 10 x 8 */
    x = t_clamp(g, t_conv(g, x, 16, 3, 1, 1, 16), 0, 6);
    x = function(g, t_conv(g, x, 16, 3, 1, 1, 4), QNT_FN_HARDSWISH, 1.0 / 6, 0.5);
    int factor = function(g, t_conv(g, t_global(g, x), 16, 1, 1, 0, 1), QNT_FN_SIGMOID, 0, 0);
    last(g)->gain = 1.5f; /* folded into it */
    last(g)->shift = 0.25f;
    x = t_join(g, QNT_OP_MUL, x, factor);
    int y = function(g, t_conv(g, x, 16, 1, 1, 0, 1), QNT_FN_LEAKY, 0.1, 0);
    x = t_clamp(g, t_join(g, QNT_OP_ADD, x, y), 0, INFINITY);
    x = move(g, QNT_OP_SHUFFLE, x, (int[]) { 10, 8, 16 }, (int[]) { 0, 0, 4 });
    int a = move(g, QNT_OP_SLICE, x, (int[]) { 10, 8, 6 }, (int[]) { 0, 0, 0 });
    int b = move(g, QNT_OP_SLICE, x, (int[]) { 9, 7, 10 }, (int[]) { 1, 0, 6 });
    b = move(g, QNT_OP_PAD, b, (int[]) { 10, 8, 10 }, (int[]) { 1, 0, 0 });
    a = function(g, a, QNT_FN_SWISH, 0, 0);
    b = function(g, b, QNT_FN_TANH, 0, 0);
    x = t_join(g, QNT_OP_CONCAT, a, b);
    a = t_pool(g, QNT_OP_MAXPOOL, x, 2, 2, 0); /* 5 x 4 */
    b = t_pool(g, QNT_OP_AVGPOOL, x, 3, 2, 1);
    x = t_clamp(g, t_node(g, QNT_OP_CLIP, t_join(g, QNT_OP_CONCAT, a, b)), -1, 2);
    y = move(g, QNT_OP_UPSAMPLE, function(g, x, QNT_FN_ELU, 1, 0), (int[]) { 10, 8, 32 },
             (int[]) { 0, 0, 0 });
    y = t_conv(g, y, 8, 3, 2, 1, 1);
    x = t_join(g, QNT_OP_CONCAT, function(g, x, QNT_FN_MISH, 0, 0), y);
    x = move(g, QNT_OP_PERMUTE, x, (int[]) { 4, 40, 5 }, (int[]) { 1, 2, 0 });
    x = function(g, x, QNT_FN_HARDSIGMOID, 0.2, 0.5);
    x = function(g, t_conv(g, x, 6, 1, 1, 0, 1), QNT_FN_SOFTPLUS, 0, 0);
    x = function(g, resize(g, lrn(g, x), 7, 20, QNT_GRID_HALF), QNT_FN_LINE, 0, 0);
    last(g)->gain = -0.75f;
    last(g)->shift = 1;
    x = resize(g, x, 5, 11, QNT_GRID_CORNERS);
    x = move(g, QNT_OP_DEPTH_TO_SPACE, t_conv(g, x, 12, 1, 1, 0, 1), (int[]) { 10, 22, 3 },
             (int[]) { 0, 0, 0 });
    x = t_clamp(g, t_linear(g, t_flatten(g, x), 20), 0, INFINITY);
    t_linear(g, x, 10);
}

static const struct qnt_node *find(const struct qnt_graph *graph, const char *name)
{
    const int32_t at = qnt_graph_find(graph, name);
    return at < 0 ? NULL : &graph->nodes[at];
}

/* Weights within half a step of a scale of 127 levels; what stays float is the same. */
static void check_weights(const struct qnt_node *want, const struct qnt_node *got)
{
    const size_t depth = want->weight_count / (size_t)want->problem.oc;
    float worst = 0;

    T_CHECK(got->weight_count == want->weight_count && got->bias_count == want->bias_count);
    T_CHECK(got->lo == want->lo && got->hi == want->hi);
    if (got->weight_count != want->weight_count || got->bias_count != want->bias_count)
        return;
    for (int c = 0; c < want->problem.oc; c++) {
        float absmax = 0;
        for (size_t i = 0; i < depth; i++)
            absmax = fmaxf(absmax, fabsf(want->weight[(size_t)c * depth + i]));
        for (size_t i = 0; i < depth; i++)
            worst = fmaxf(worst, fabsf(got->weight[(size_t)c * depth + i] -
                                       want->weight[(size_t)c * depth + i]) /
                                     (absmax / 127));
        worst = fmaxf(worst, fabsf(got->bias[c] - want->bias[c]) / (fabsf(want->bias[c]) + 1));
    }
    if (!T_CHECK(worst <= 0.501f))
        printf("  %s: weights %g steps off\n", want->name, (double)worst);
}

static double sqnr(const struct qnt_graph *want, const struct qnt_graph *got)
{
    float *image = t_alloc(20 * 16 * 3, sizeof(float));
    struct qnt_float *a, *b;
    struct qnt_error error;
    double signal = 0, noise = 0;
    uint64_t state = t_seed;

    if (qnt_float_open(want, &a, &error) || qnt_float_open(got, &b, &error))
        exit(1);
    for (int i = 0; i < 20 * 16 * 3; i++)
        image[i] = (float)t_normal(&state);
    qnt_float_run(a, image);
    qnt_float_run(b, image);
    for (int i = 0; i < 10; i++) {
        const double x = (double)qnt_float_tensor(a, want->output)[i];
        const double y = (double)qnt_float_tensor(b, got->output)[i];
        signal += x * x;
        noise += (x - y) * (x - y);
    }
    qnt_float_close(a);
    qnt_float_close(b);
    free(image);
    return 10 * log10(signal / noise);
}

/* Writes it, reads it, compares. */
static void check_round_trip(const struct t_graph *g, const struct qnt_calibration *c,
                             const char *format, const char *name)
{
    struct qnt_graph got;
    struct qnt_error error = { "" };

    if (!T_CHECK(qnt_output_find(format)->save(&g->graph, c, NULL, file(name), &error) == 0) ||
        !T_CHECK(qnt_model_load(file(name), NULL, &got, &error) == 0)) {
        printf("  %s: %s\n", format, error.text);
        return;
    }
    T_CHECK(qnt_fold(&got, &error) == 0);
    T_CHECK(got.count == g->graph.count);
    for (int32_t i = 1; i < g->graph.count; i++) {
        const struct qnt_node *want = &g->graph.nodes[i], *n = find(&got, want->name);
        if (want->op != QNT_OP_CONV && want->op != QNT_OP_LINEAR)
            continue;
        if (!T_CHECK(n && n->op == want->op &&
                     memcmp(&n->problem, &want->problem, offsetof(struct krn_problem, name)) == 0))
            printf("  %s: %s is not there, or another\n", format, want->name);
        else
            check_weights(want, n);
    }
    const double db = sqnr(&g->graph, &got);
    printf("  %-5s %d nodes, SQNR of its weights alone %.1f dB\n", format, got.count, db);
    T_CHECK(db >= 28);
    qnt_graph_free(&got);
}

static void check_refused(const struct t_graph *g, const struct qnt_calibration *c,
                          const char *format, const char *name, const char *sentence)
{
    struct qnt_error error = { "" };

    T_CHECK(qnt_output_find(format)->save(&g->graph, c, NULL, file(name), &error) < 0);
    if (!T_CHECK(strstr(error.text, sentence)))
        printf("  got  \"%s\"\n  want \"%s\"\n", error.text, sentence);
    T_CHECK(access(file(name), F_OK) != 0);
}

static void check_refusals(struct t_graph *g, const struct qnt_calibration *c)
{
    struct qnt_node *slice = &g->graph.nodes[12];
    char *name = slice->name, blank[] = "two words";

    while (slice->op != QNT_OP_SLICE)
        slice++;
    name = slice->name;
    check_refused(g, c, "ncnn", "network.model", "name it NAME.param");
    check_refused(g, c, "ncnn", "nowhere/a.param", "cannot write it");
    check_refused(g, c, "onnx", "nowhere/a.onnx", "cannot write it");
    slice->name = blank;
    check_refused(g, c, "ncnn", "a.param", "no blanks; rename it in the model");
    slice->name = name;
    slice->place.step[2] = 2;
    slice->c /= 2;
    check_refused(g, c, "ncnn", "a.param", "slice has no layer in ncnn");
    slice->c *= 2;
    slice->place.step[2] = 1;
    T_CHECK(!qnt_output_find("caffe"));
}

/* A scale of 1 / 127 is 3c010204 as the bits of a float. */
static void check_tensorrt(void)
{
    char text[200] = "";
    struct qnt_calibration c;
    struct qnt_error error;
    struct t_graph g;

    t_graph_open(&g, t_seed, 2, 2, 1);
    t_conv(&g, 0, 1, 1, 1, 0, 1);
    t_calibrate(&g, 5, QNT_METHOD_MAX, &c);
    c.tensors[0].threshold = 1;
    c.tensors[1].threshold = 127;
    T_CHECK(qnt_output_find("tensorrt")->save(&g.graph, &c, NULL, file("a.cache"), &error) == 0);
    FILE *f = fopen(file("a.cache"), "r");
    T_CHECK(f && fread(text, 1, sizeof(text) - 1, f) > 0);
    if (f)
        fclose(f);
    T_CHECK_STR(text, "TRT-8205-EntropyCalibration2\ninput: 3c010204\nconv.1: 3f800000\n");
    unlink(path);
    qnt_calibration_clear(&c);
    qnt_graph_free(&g.graph);
}

int main(int argc, char **argv)
{
    struct qnt_calibration c;
    struct t_graph g;

    t_begin(argc, argv);
    if (!mkdtemp(folder))
        return 1;
    make_graph(&g);
    t_calibrate(&g, 20, QNT_METHOD_MAX, &c);
    check_round_trip(&g, &c, "onnx", "a.onnx");
    unlink(path);
    check_round_trip(&g, &c, "ncnn", "b.param");
    unlink(path);
    unlink(file("b.bin"));
    check_refusals(&g, &c);
    check_tensorrt();
    qnt_calibration_clear(&c);
    qnt_graph_free(&g.graph);
    if (rmdir(folder) != 0)
        perror(folder);
    return t_end();
}
