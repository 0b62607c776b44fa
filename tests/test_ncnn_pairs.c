/* Layers of ncnn that join blobs, each with a factor or without, and lines of factor and shift that
 * folding puts into what stands before them: as imported and as folded, against plain loops. */
#include "tests/t_ncnn_check.h"

enum { C = 3, H = 4, W = 5 };

static struct t_tensor_chw in, want;

static double three_quarters(double x)
{
    return x * 0.75;
}
static double positive_cube(double x)
{
    return x > 0 ? x * x * x : 0;
}
static double gated(double x)
{
    return 0.25 - 2 * x * fmin(1, fmax(0, x * 0.75 + 0.5));
}
static double clipped(double x)
{
    return fmin(0.5, fmax(-0.25, x));
}
static double turned(double x)
{
    return 1 - 2 * fmax(0, x);
}

static const struct {
    const char *lines[4];
    double (*function)(double x);
    int nodes; /* folded, with the input; 0: does not matter */
} rows[] = {
    { { "Split s 1 2 x a b", "Eltwise r 2 1 a b y 0=1 -23301=2,0.25,0.5" }, three_quarters, 4 },
    { { "Split s 1 3 x a b c", "Eltwise r 3 1 a b c y 0=1 -23301=3,1.0,-0.5,0.25" },
      three_quarters,
      5 },
    { { "ReLU p 1 1 x q", "Split s 1 3 q a b c", "Eltwise r 3 1 a b c y 0=0" }, positive_cube, 4 },
    { { "Split s 1 2 x a b", "BinaryOp t 1 1 a c 0=2 1=1 2=1.75", "BinaryOp r 2 1 c b y 0=1" },
      three_quarters,
      4 },
    { { "HardSwish h 1 1 x a 0=0.75", "BinaryOp t 1 1 a b 0=2 1=1 2=-2.0",
        "BinaryOp r 1 1 b y 0=0 1=1 2=0.25" },
      gated,
      2 },
    { { "BinaryOp t 1 1 x a 0=2 1=1 2=0.5", "Clip c 1 1 a b 0=-0.125 1=0.25",
        "BinaryOp u 1 1 b y 0=2 1=1 2=2.0" },
      clipped,
      2 },
    { { "BinaryOp t 1 1 x a 0=2 1=1 2=0.5", "BinaryOp u 1 1 a y 0=2 1=1 2=1.5" },
      three_quarters,
      2 },
    { { "ReLU r 1 1 x a", "BinaryOp t 1 1 a b 0=2 1=1 2=-2.0", "BinaryOp u 1 1 b y 0=0 1=1 2=1.0" },
      turned,
      3 },
};

static void check_nodes(const char *const *lines, int nodes)
{
    struct t_ncnn m = { 0 };
    struct qnt_graph graph;
    struct qnt_error error = { "" };

    t_ncnn_line(&m, "Input data 0 1 x 0=5 1=4 2=3");
    for (size_t i = 0; i < 4 && lines[i]; i++)
        t_ncnn_line(&m, lines[i]);
    if (T_CHECK(t_ncnn_read(&m, &graph, &error) == 0)) {
        T_CHECK(qnt_fold(&graph, &error) == 0);
        if (!T_CHECK(graph.count == nodes))
            printf("  %s: %d nodes, expected %d\n", lines[0], graph.count, nodes);
        qnt_graph_free(&graph);
    }
    t_ncnn_clear(&m);
}

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        t_random_tensor(&in, C, H, W);
        want = in;
        for (int k = 0; k < C * H * W; k++)
            want.x[k] = (float)rows[i].function((double)in.x[k]);
        t_ncnn_check(rows[i].lines, 4, NULL, &in, &want);
        check_nodes(rows[i].lines, rows[i].nodes);
    }
}

/* Channels times their means. */
static void test_scale_by_blob(void)
{
    static const char *const lines[] = { "Split s 1 2 x a b", "Pooling p 1 1 b m 0=1 4=1",
                                         "Scale r 2 1 a m y 0=-233" };

    t_random_tensor(&in, C, H, W);
    want = in;
    for (int c = 0; c < C; c++) {
        double sum = 0;
        for (int k = 0; k < H * W; k++)
            sum += (double)in.x[c * H * W + k];
        for (int k = 0; k < H * W; k++)
            want.x[c * H * W + k] *= (float)(sum / (H * W));
    }
    t_ncnn_check(lines, 3, NULL, &in, &want);
}

/* A clamped layer takes one factor and shift for all channels, its clamp with it. */
static void put_weights(struct t_ncnn *m)
{
    t_ncnn_tagged(m, 0, (float[]) { 1, 0, 0, 0, 1, 0, 0, 0, 1 }, 9);
}

static void test_clamped_layer(void)
{
    static const char *const lines[] = { "Convolution c 1 1 x a 0=3 1=1 6=9 9=1",
                                         "BinaryOp t 1 1 a b 0=2 1=1 2=-2.0",
                                         "BinaryOp u 1 1 b y 0=0 1=1 2=1.0" };

    t_random_tensor(&in, C, H, W);
    want = in;
    for (int k = 0; k < C * H * W; k++)
        want.x[k] = (float)turned((double)in.x[k]);
    t_ncnn_check(lines, 3, put_weights, &in, &want);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    t_rng = t_seed;
    for (int i = 0; i < 4; i++) {
        test_rows();
        test_scale_by_blob();
        test_clamped_layer();
    }
    return t_end();
}
