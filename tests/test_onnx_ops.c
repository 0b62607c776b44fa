/* The ONNX importer on the operators that exporters write, in float, as imported and folded,
 * against what each must give, element by element. */
#include "tests/t_onnx_lines.h"
#include "tests/t_onnx_run.h"

enum { C = 6, H = 4, W = 5 };

static struct t_tensor_chw in, want;
static float slope[C], weight[C];

static void begin(struct t_model *m)
{
    t_random_tensor(&in, C, H, W);
    for (size_t i = 0; i < C * H * W; i++)
        in.x[i] *= 5;
    t_begin_model(m, &in);
}

static void fill_want(int64_t c, int64_t h, int64_t w, double (*at)(int64_t, int64_t, int64_t))
{
    want.c = c;
    want.h = h;
    want.w = w;
    for (int64_t k = 0; k < c; k++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++)
                want.x[(k * h + y) * w + x] = (float)at(k, y, x);
}

static double x_at(int64_t c, int64_t h, int64_t w)
{
    return (double)t_at(&in, c, h, w);
}

/* ---- What must come out */

static double leaky(int64_t c, int64_t h, int64_t w)
{
    const double x = x_at(c, h, w);
    return x < 0 ? 0.25 * x : x;
}

static double prelu(int64_t c, int64_t h, int64_t w)
{
    const double x = x_at(c, h, w);
    return x < 0 ? (double)slope[c] * x : x;
}

static double sigmoid(int64_t c, int64_t h, int64_t w)
{
    return 1 / (1 + exp(-x_at(c, h, w)));
}

static double swish(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w) * sigmoid(c, h, w);
}

static double hard_sigmoid(int64_t c, int64_t h, int64_t w)
{
    return fmin(1, fmax(0, 0.2 * x_at(c, h, w) + 0.5));
}

static double hard_swish(int64_t c, int64_t h, int64_t w)
{
    const double x = x_at(c, h, w);
    return x * fmin(1, fmax(0, x / 6 + 0.5));
}

static double hard_swish_5(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w) * hard_sigmoid(c, h, w);
}

static double relu6_6(int64_t c, int64_t h, int64_t w)
{
    return fmin(6, fmax(0, x_at(c, h, w) + 3)) / 6;
}

static double hyperbolic(int64_t c, int64_t h, int64_t w)
{
    return tanh(x_at(c, h, w));
}

static double elu(int64_t c, int64_t h, int64_t w)
{
    const double x = x_at(c, h, w);
    return x < 0 ? exp(x) - 1 : x;
}

static double softplus(int64_t c, int64_t h, int64_t w)
{
    return log(1 + exp(x_at(c, h, w)));
}

static double mish(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w) * tanh(softplus(c, h, w));
}

static double minus(int64_t c, int64_t h, int64_t w)
{
    return -x_at(c, h, w);
}

static double line_of(int64_t c, int64_t h, int64_t w) /* 1.5 - x / 4 */
{
    return 1.5 - x_at(c, h, w) / 4;
}

static double by_channel(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w) * (double)weight[c];
}

static double by_column(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w) - (double)w;
}

static double limited(int64_t c, int64_t h, int64_t w)
{
    return fmax(-1, fmin(2.5, x_at(c, h, w)));
}

static double mean_of(int64_t c)
{
    double sum = 0;
    for (int i = 0; i < H * W; i++)
        sum += x_at(c, i / W, i % W);
    return sum / (H * W);
}

static double less_mean(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w) - mean_of(c);
}

static double excited(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w) / (1 + exp(-mean_of(c)));
}

static double channel_mean(int64_t h, int64_t w)
{
    double sum = 0;
    for (int c = 0; c < C; c++)
        sum += x_at(c, h, w);
    return sum / C;
}

static double plus_channel_mean(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w) + channel_mean(h, w);
}

static double only_channel_mean(int64_t c, int64_t h, int64_t w)
{
    return c == 0 ? channel_mean(h, w) : 0;
}

static double maximum(int64_t c, int64_t h, int64_t w)
{
    double most = -INFINITY;
    for (int i = 0; i < H * W; i++)
        most = fmax(most, x_at(c, i / W, i % W));
    return most + 0 * (double)(h + w);
}

static double row_maximum(int64_t c, int64_t h, int64_t w) /* [c][h] on c, w */
{
    double most = -INFINITY;
    for (int i = 0; i < W; i++)
        most = fmax(most, x_at(c, w, i));
    return most + 0 * (double)h;
}

static double padded_mean(int64_t c, int64_t h, int64_t w) /* 3 x 3, counts its padding */
{
    double sum = 0;
    for (int64_t y = h - 1; y <= h + 1; y++)
        for (int64_t x = w - 1; x <= w + 1; x++)
            sum += y >= 0 && x >= 0 && y < H && x < W ? x_at(c, y, x) : 0;
    return sum / 9;
}

static double turned(int64_t c, int64_t h, int64_t w) /* [w][c][h] */
{
    return x_at(h, w, c);
}

static double shuffled(int64_t c, int64_t h, int64_t w) /* [3][2] -> [2][3] */
{
    return x_at(c % 3 * 2 + c / 3, h, w);
}

static double flattened(int64_t c, int64_t h, int64_t w)
{
    return (double)in.x[c] + 0 * (double)(h + w);
}

static double last_flattened(int64_t c, int64_t h, int64_t w) /* of [h][w][c] */
{
    return x_at(c % C, c / C / W, c / C % W) + 0 * (double)(h + w);
}

static double reshaped(int64_t c, int64_t h, int64_t w) /* [2][12][5] */
{
    return (double)in.x[(c * 12 + h) * 5 + w];
}

static double part(int64_t c, int64_t h, int64_t w)
{
    return x_at(c * 2 + 1, h + 1, w * 2);
}

static double second(int64_t c, int64_t h, int64_t w)
{
    return x_at(c + 2, h, w);
}

static double row(int64_t c, int64_t h, int64_t w) /* x[:, :, 2] on c, w */
{
    return x_at(c, 2 + h, w);
}

static double framed(int64_t c, int64_t h, int64_t w)
{
    const int64_t y = h - 1, x = w - 2;
    return y >= 0 && y < H && x >= 0 && x < W ? x_at(c, y, x) : 1.5;
}

static double cropped(int64_t c, int64_t h, int64_t w)
{
    return w < W ? x_at(c, h + 1, w) : 0;
}

static double twice(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h / 2, w / 2);
}

static double thrice(int64_t c, int64_t h, int64_t w)
{
    return x_at(c, h, w / 3);
}

static double stacked_h(int64_t c, int64_t h, int64_t w)
{
    return h < H ? x_at(c, h, w) : fmax(0, x_at(c, h - H, w));
}

static double stacked_w(int64_t c, int64_t h, int64_t w)
{
    return w < W ? x_at(c, h, w) : fmax(0, x_at(c, h, w - W));
}

static double many(int64_t c, int64_t h, int64_t w)
{
    return x_at(c % C, h, w);
}

static double softmax_w(int64_t c, int64_t h, int64_t w)
{
    double sum = 0;
    for (int i = 0; i < W; i++)
        sum += exp(x_at(c, h, i));
    return exp(x_at(c, h, w)) / sum;
}

static double softmax_first_row(int64_t c, int64_t h, int64_t w)
{
    return softmax_w(c, h, w);
}

static double twice_x(int64_t c, int64_t h, int64_t w)
{
    return 2 * x_at(c, h, w);
}

#define SAME C, H, W
#define NCHW_SHAPE                                                                                 \
    "Shape x > s; CONST i=1; Gather s i > n axis=0; CONST j=[0]; Unsqueeze n j > ns; "

static const struct row {
    const char *lines;
    int64_t c, h, w;
    double (*at)(int64_t c, int64_t h, int64_t w);
    int nodes; /* after folding, with the input; 0: any */
} rows[] = {
    { "LeakyRelu x > y alpha=0.25", SAME, leaky, 2 },
    { "Sigmoid x > y", SAME, sigmoid, 2 },
    { "HardSigmoid x > y", SAME, hard_sigmoid, 2 },
    { "HardSwish x > y", SAME, hard_swish, 2 },
    { "Tanh x > y", SAME, hyperbolic, 2 },
    { "Elu x > y", SAME, elu, 2 },
    { "Softplus x > y", SAME, softplus, 2 },
    { "Mish x > y", SAME, mish, 2 },
    { "Softplus x > a; Tanh a > b; Mul b x > y", SAME, mish, 2 },
    { "Sigmoid x > a; Mul x a > y", SAME, swish, 2 },
    { "HardSigmoid x > a; Mul a x > y", SAME, hard_swish_5, 2 },
    { "CONST t=3.; CONST z=0.; CONST s=6.; Add x t > a; Clip a z s > b; Div b s > c; Mul x c > y",
      SAME, hard_swish, 2 },
    { "CONST t=3.; CONST z=0.; CONST s=6.; Add x t > a; Relu a > r; Clip r z s > b; Mul x b > c; "
      "Div c s > y",
      SAME, hard_swish, 2 },
    { "CONST t=3.; CONST z=0.; CONST s=6.; Add t x > a; Clip a z s > b; Div b s > y", SAME, relu6_6,
      2 },
    { "CONST q=.25; PRelu x q > y", SAME, leaky, 2 },
    { "PRelu x slope > y", SAME, prelu, 0 },
    { "Neg x > y", SAME, minus, 0 },
    { "CONST q=4.; CONST o=1.5; Div x q > a; Sub o a > y", SAME, line_of, 0 },
    { "Mul x weight > y", SAME, by_channel, 0 },
    { "Mul weight x > y", SAME, by_channel, 0 },
    { "CONST r=[0.,1.,2.,3.,4.]; Sub x r > y", SAME, by_column, 0 },
    { "CONST a=-1.; CONST b=2.5; Max x a > t; Min b t > y", SAME, limited, 0 },
    { "GlobalAveragePool x > g; Sub x g > y", SAME, less_mean, 0 },
    { "GlobalAveragePool x > g; Sigmoid g > f; Mul f x > y", SAME, excited, 4 },
    { "ReduceMean x > g axes=[1]; Add x g > y", SAME, plus_channel_mean, 0 },
    { "ReduceMean x > y axes=[1]", 1, H, W, only_channel_mean, 0 },
    { "GlobalMaxPool x > y", C, 1, 1, maximum, 2 },
    { "ReduceMax x > y axes=[2,3] keepdims=0", C, 1, 1, maximum, 2 },
    { "ReduceMax x > y axes=[-1] keepdims=0", C, 1, H, row_maximum, 0 },
    { "AveragePool x > y kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1", SAME, padded_mean,
      2 },
    { "Transpose x > y perm=[0,3,1,2]", W, C, H, turned, 2 },
    { "Transpose x > a perm=[0,2,3,1]; Relu a > r; Sub a r > d; Add d r > s; "
      "Transpose s > y perm=[0,3,1,2]",
      SAME, x_at, 0 },
    { "Transpose x > a perm=[0,2,3,1]; Transpose a > b perm=[0,3,1,2]; Relu b > c; Add c b > d; "
      "Sub d c > y",
      SAME, x_at, 0 },
    { "CONST a=[1,3,2,4,5]; CONST b=[0,-1,4,5]; Reshape x a > p; Transpose p > q perm=[0,2,1,3,4]; "
      "Reshape q b > y",
      SAME, shuffled, 2 },
    { "CONST a=[6,4,5]; CONST b=[3,2,20]; Reshape x a > p; Reshape p b > q; "
      "Transpose q > r perm=[1,0,2]; CONST d=[1,6,4,5]; Reshape r d > y",
      SAME, shuffled, 2 },
    { "Flatten x > y", C *H *W, 1, 1, flattened, 2 },
    { "Transpose x > a perm=[0,2,3,1]; Flatten a > y", C *H *W, 1, 1, last_flattened, 0 },
    { "CONST s=[1,2,12,-1]; Reshape x s > y", 2, 12, 5, reshaped, 2 },
    { "CONST k=[1]; Unsqueeze x k > a; Squeeze a k > b; CONST z=[0]; Squeeze b z > c; "
      "Unsqueeze c z > y",
      SAME, x_at, 1 },
    { NCHW_SHAPE "CONST m=[-1]; CONST o=[1]; Concat o ns m > t axis=0; Reshape x t > r; "
                 "CONST f=[1,6,4,5]; Reshape r f > y",
      SAME, x_at, 1 },
    { NCHW_SHAPE "CONST k=2; Mul n k > m; Div m k > d; Cast d > e to=1; Floor e > g; "
                 "Cast g > h to=7; Unsqueeze h j > u; CONST o=[1]; CONST q=[4,5]; "
                 "Concat o u q > t axis=0; Reshape x t > y",
      SAME, x_at, 1 },
    { "CONST s=[1,1,0]; CONST e=[9999,-1,9999]; CONST a=[1,2,3]; CONST p=[2,1,2]; "
      "Slice x s e a p > y",
      3, 2, 3, part, 2 },
    { "CONST n=[2,4]; Split x n > a b axis=1; Relu b > r; Sub b r > d; Add d r > y", 4, H, W,
      second, 0 },
    { "CONST s=[2]; CONST e=[9223372036854775807]; CONST a=[-3]; Slice x s e a > y", 4, H, W,
      second, 2 },
    { "CONST i=2; Gather x i > y axis=2", C, 1, W, row, 0 },
    { "CONST p=[0,0,1,2,0,0,0,1]; CONST v=1.5; Pad x p v > y", C, H + 1, W + 3, framed, 2 },
    { "CONST p=[0,0,-1,0,0,0,0,1]; Pad x p > y", C, H - 1, W + 1, cropped, 0 },
    { "CONST s=[1.,1.,2.,2.]; Resize x - s > y mode='nearest'", C, 2 * H, 2 * W, twice, 2 },
    { "CONST s=[1.,1.,2.,2.]; Resize x - s > y coordinate_transformation_mode='asymmetric' "
      "nearest_mode='floor'",
      C, 2 * H, 2 * W, twice, 2 },
    { "CONST z=[1,6,4,15]; Resize x - - z > y coordinate_transformation_mode='half_pixel'", C, H,
      3 * W, thrice, 2 },
    { "CONST s=[1.,1.,2.,2.]; Upsample x s > y", C, 2 * H, 2 * W, twice, 2 },
    { "Relu x > r; Concat x r > y axis=2", C, 2 * H, W, stacked_h, 0 },
    { "Relu x > r; Concat x r > y axis=-1", C, H, 2 * W, stacked_w, 0 },
    { "Concat x x x x x x x x x x x x x x x x x x x x > y axis=1", 20 * C, H, W, many, 3 },
    { "CONST k=0; Softmax x > a axis=3; Relu a > y", SAME, softmax_w, 0 },
    { "CONST q=[6,4,5]; Reshape x q > a; Softmax a > b; Relu b > y", SAME, softmax_first_row, 0 },
    { "Sum x x > y", SAME, twice_x, 2 },
    { "Identity x > a; Dropout a > b; Cast b > c to=10; Cast c > y to=1", SAME, x_at, 1 },
    { "Relu x > unused; GridSample x x > dead; Identity x > y", SAME, x_at, 1 },
    { "CONST s=.5; CONST z=0; QuantizeLinear x s z > q; DequantizeLinear q s z > y", SAME, x_at,
      1 },
};

static void check_row(const struct row *r)
{
    struct t_model m;
    struct qnt_graph graph;
    struct qnt_error error;
    const long before = t_failures;

    begin(&m);
    t_fill(slope, C);
    t_fill(weight, C);
    t_model_floats(&m, "slope", (int64_t[]) { C, 1, 1 }, 3, slope);
    t_model_floats(&m, "weight", (int64_t[]) { 1, C, 1, 1 }, 4, weight);
    t_lines(&m, r->lines);
    fill_want(r->c, r->h, r->w, r->at);
    if (t_load_model(&m, &graph) == 0) {
        t_check_run(&graph, &in, &want);
        T_CHECK(qnt_fold(&graph, &error) == 0);
        t_check_run(&graph, &in, &want);
        T_CHECK(!r->nodes || graph.count == r->nodes);
        if (r->nodes && graph.count != r->nodes)
            printf("  %d nodes\n", graph.count);
        qnt_graph_free(&graph);
    }
    if (t_failures != before)
        printf("  of \"%s\"\n", r->lines);
}

/* ---- Weights in other types */

static void put_half(struct t_bytes *b, float x, int wide)
{
    int exponent = 0;
    const double f = frexp(fabs((double)x), &exponent); /* 0.5 <= f < 1, so 2 f has the bit */
    const int e = exponent - 1 + 15;
    const uint32_t bits =
        (x < 0 ? 0x8000u : 0) | (uint32_t)e << 10 | (uint32_t)((2 * f - 1) * 1024);

    if (wide)
        t_put_varint(b, bits);
    else
        t_put(b, &bits, 2);
}

/* A 1x1 convolution whose weights are powers of two, exact in every type. */
static void check_types(void)
{
    static const struct {
        int type, field; /* 9: raw */
    } types[] = { { 1, 4 }, { 1, 9 }, { 10, 9 }, { 10, 5 }, { 11, 9 }, { 16, 9 } };

    for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
        struct t_model m;
        begin(&m);
        struct t_bytes data = { NULL, 0, 0 };
        struct t_bytes t = t_tensor("w", types[k].type, (int64_t[]) { 2, C, 1, 1 }, 4);
        for (int i = 0; i < 2 * C; i++) {
            const float v = (i % 2 ? -1.0f : 1.0f) * ldexpf(1.25f, i % 5 - 2);
            const double d = (double)v;
            uint32_t word;
            memcpy(&word, &v, 4);
            word >>= 16;
            if (types[k].type == 1)
                t_put(&data, &v, 4);
            else if (types[k].type == 10)
                put_half(&data, v, types[k].field == 5);
            else if (types[k].type == 11)
                t_put(&data, &d, 8);
            else
                t_put(&data, &word, 2);
        }
        t_put_part(&t, types[k].field, &data);
        t_put_part(&m.graph, 5, &t);
        t_lines(&m, "Conv x w > y");
        want.c = 2;
        want.h = H;
        want.w = W;
        for (int o = 0; o < 2; o++)
            for (int p = 0; p < H * W; p++) {
                double sum = 0;
                for (int c = 0; c < C; c++)
                    sum += (double)in.x[c * H * W + p] * ((o * C + c) % 2 ? -1 : 1) *
                           ldexp(1.25, (o * C + c) % 5 - 2);
                want.x[o * H * W + p] = (float)sum;
            }
        t_check_model(&m, &in, &want);
    }
}

/* ---- Inputs and outputs */

/* The image as TensorFlow has it: [n][h][w][c]. */
static void check_channels_last(void)
{
    struct t_model m;

    t_random_tensor(&in, 3, 16, 17);
    t_model_begin(&m, 13);
    t_model_io(&m, T_INPUT, "x", (int64_t[]) { 0, 16, 17, 3 }, 4);
    t_model_io(&m, T_OUTPUT, "y", NULL, 0);
    t_lines(&m, "Transpose x > y perm=[0,3,1,2]");
    want = in;
    t_check_model(&m, &in, &want);
}

static void check_open_sizes(void)
{
    const struct qnt_load how = { .h = 7, .w = 9, .c = 3 }, other = { .h = 7, .w = 9, .c = 4 };
    struct qnt_graph graph;
    struct qnt_error error;
    struct t_model m;

    t_model_begin(&m, 13);
    t_model_io(&m, T_INPUT, "x", (int64_t[]) { 0, 3, 0, 0 }, 4);
    t_model_io(&m, T_OUTPUT, "y", NULL, 0);
    t_lines(&m, "Relu x > y");
    t_model_end(&m);
    if (T_CHECK(qnt_onnx_read(m.file.data, m.file.size, "m", &how, &graph, &error) == 0)) {
        T_CHECK(graph.nodes[0].h == 7 && graph.nodes[0].w == 9 && graph.nodes[0].c == 3);
        qnt_graph_free(&graph);
    }
    T_CHECK(qnt_onnx_read(m.file.data, m.file.size, "m", &other, &graph, &error) < 0);
    T_CHECK(strstr(error.text, "dimension 1 of 3 in the file, where --shape says 4"));
    t_model_clear(&m);
}

/* Two outputs, one behind the other, in the file's order; or the one that is named. */
static void check_outputs(void)
{
    const char *const r = "r", *const nothing = "nothing";
    const struct qnt_load how = { .outputs = &r, .output_count = 1 },
                          wrong = { .outputs = &nothing, .output_count = 1 };
    struct qnt_graph graph;
    struct qnt_error error;
    struct t_model m;

    begin(&m);
    t_model_io(&m, T_OUTPUT, "z", NULL, 0);
    t_lines(&m, "Relu x > r; Transpose r > y perm=[0,2,3,1]; GlobalMaxPool x > g; "
                "Softmax g > z axis=1");
    t_model_end(&m);
    want.c = C * H * W + C;
    want.h = want.w = 1;
    for (int i = 0; i < C * H * W; i++)
        want.x[i] = fmaxf(0, t_at(&in, i % C, i / C / W, i / C % W));
    for (int c = 0; c < C; c++)
        want.x[C * H * W + c] = (float)maximum(c, 0, 0);
    if (T_CHECK(qnt_onnx_read(m.file.data, m.file.size, "m", NULL, &graph, &error) == 0)) {
        t_check_run(&graph, &in, &want);
        qnt_graph_free(&graph);
    }
    if (T_CHECK(qnt_onnx_read(m.file.data, m.file.size, "m", &how, &graph, &error) == 0)) {
        T_CHECK(graph.count == 2 && graph.output == 1);
        qnt_graph_free(&graph);
    }
    T_CHECK(qnt_onnx_read(m.file.data, m.file.size, "m", &wrong, &graph, &error) < 0);
    T_CHECK(strstr(error.text, "no node computes the output 'nothing'"));
    t_model_clear(&m);
}

/* A softmax along any axis, in one of two results, is no part of the network. */
static void check_final_softmax(void)
{
    struct qnt_graph graph;
    struct qnt_error error;
    struct t_model m;

    begin(&m);
    t_model_io(&m, T_OUTPUT, "z", NULL, 0);
    t_lines(&m, "Relu x > r; Softmax r > y axis=2; GlobalMaxPool x > z");
    fill_want(C * H * W + C, 1, 1, flattened);
    for (int i = 0; i < C * H * W; i++)
        want.x[i] = fmaxf(0, in.x[i]);
    for (int c = 0; c < C; c++)
        want.x[C * H * W + c] = (float)maximum(c, 0, 0);
    if (t_load_model(&m, &graph) == 0) {
        T_CHECK(qnt_fold(&graph, &error) == 0);
        for (int32_t i = 0; i < graph.count; i++)
            T_CHECK(graph.nodes[i].op != QNT_OP_SOFTMAX);
        t_check_run(&graph, &in, &want);
        qnt_graph_free(&graph);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    t_rng = t_seed;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
    check_types();
    check_channels_last();
    check_open_sizes();
    check_outputs();
    check_final_softmax();
    return t_end();
}
