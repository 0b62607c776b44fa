/* Every operator of the ncnn importer, from a small model, against plain loops over CHW; and every
 * kind of storage. */
#include "tests/t_ncnn_check.h"

static struct t_tensor_chw in, want;

static void check(const char *const *lines, size_t count, void (*weights)(struct t_ncnn *m))
{
    t_ncnn_check(lines, count, weights, &in, &want);
}

static void set_want(int64_t c, int64_t h, int64_t w)
{
    want.c = c;
    want.h = h;
    want.w = w;
}

static float *at(int64_t c, int64_t h, int64_t w)
{
    return &want.x[(c * want.h + h) * want.w + w];
}

/* Element i of the output, in the order c, h, w, from element from(i) of the input. */
static void move(int64_t c, int64_t h, int64_t w, int64_t (*from)(int64_t c, int64_t h, int64_t w))
{
    set_want(c, h, w);
    for (int64_t i = 0; i < c; i++)
        for (int64_t j = 0; j < h; j++)
            for (int64_t k = 0; k < w; k++) {
                int64_t at_in = from(i, j, k);
                *at(i, j, k) = at_in < 0 ? 0.5f : in.x[at_in];
            }
}

/* ---- Element by element */

static double leaky(double x)
{
    return x < 0 ? 0.25 * x : x;
}
static double clip(double x)
{
    return fmin(0.5, fmax(-0.25, x));
}
static double relu(double x)
{
    return fmax(0, x);
}
static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double hard(double x)
{
    return fmin(1, fmax(0, x * 0.75 + 0.5));
}
static double hardswish(double x)
{
    return x * hard(x);
}
static double swish(double x)
{
    return x / (1 + exp(-x));
}
static double elu(double x)
{
    return x < 0 ? 0.25 * (exp(x) - 1) : x;
}
static double softplus(double x)
{
    return log(1 + exp(x));
}
static double mish(double x)
{
    return x * tanh(log(1 + exp(x)));
}
static double add(double x)
{
    return x + 0.75;
}
static double multiply(double x)
{
    return x * 0.75;
}
static double twice(double x)
{
    return x + x;
}
static double square(double x)
{
    return x * x;
}
static double half(double x)
{
    return x / 2;
}
static double same(double x)
{
    return x;
}

static const struct {
    const char *lines[3];
    double (*function)(double x);
} elements[] = {
    { { "ReLU r 1 1 x y" }, relu },
    { { "ReLU r 1 1 x y 0=0.25" }, leaky },
    { { "Clip r 1 1 x y 0=-0.25 1=0.5" }, clip },
    { { "Sigmoid r 1 1 x y" }, sigmoid },
    { { "HardSigmoid r 1 1 x y 0=0.75 1=0.5" }, hard },
    { { "HardSwish r 1 1 x y 0=0.75" }, hardswish },
    { { "Swish r 1 1 x y" }, swish },
    { { "TanH r 1 1 x y" }, tanh },
    { { "ELU r 1 1 x y 0=0.25" }, elu },
    { { "Softplus r 1 1 x y" }, softplus },
    { { "Mish r 1 1 x y" }, mish },
    { { "BinaryOp r 1 1 x y 0=0 1=1 2=0.75" }, add },
    { { "BinaryOp r 1 1 x y 0=1 1=1 2=-0.75" }, add },
    { { "BinaryOp r 1 1 x y 0=2 1=1 2=0.75" }, multiply },
    { { "BinaryOp r 1 1 x y 0=3 1=1 2=2.0e0" }, half },
    { { "Split s 1 2 x a b", "BinaryOp r 2 1 a b y 0=0" }, twice },
    { { "Split s 1 2 x a b", "BinaryOp r 2 1 a b y 0=2" }, square },
    { { "Split s 1 2 x a b", "Eltwise r 2 1 a b y 0=1 -23301=2,1,1.0" }, twice },
    { { "Split s 1 2 x a b", "Eltwise r 2 1 a b y 0=0" }, square },
    { { "Dropout r 1 1 x y 0=0.5" }, half },
    { { "Dropout r 1 1 x a", "Noop n 1 1 a y" }, same },
    { { "Padding r 1 1 x y" }, same },
    { { "Permute r 1 1 x y 0=0" }, same },
    { { "Interp r 1 1 x y 0=1 31=1" }, same },
};

static void test_elements(void)
{
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        t_random_tensor(&in, 3, 4, 5);
        set_want(3, 4, 5);
        for (int k = 0; k < 60; k++)
            want.x[k] = (float)elements[i].function((double)in.x[k]);
        check(elements[i].lines, 3, NULL);
    }
}

/* ---- Moves of a tensor [4][6][5] (c, h, w) */

static int64_t index_of(int64_t c, int64_t h, int64_t w)
{
    return (c * 6 + h) * 5 + w;
}
static int64_t hwc(int64_t c, int64_t h, int64_t w)
{
    return index_of(c, w, h);
}
static int64_t wch(int64_t c, int64_t h, int64_t w)
{
    return index_of(h, c, w);
}
static int64_t cwh(int64_t c, int64_t h, int64_t w)
{
    return index_of(w, c, h);
}
static int64_t hcw(int64_t c, int64_t h, int64_t w)
{
    return index_of(h, w, c);
}
static int64_t chw(int64_t c, int64_t h, int64_t w)
{
    return index_of(w, h, c);
}
static int64_t flat(int64_t c, int64_t h, int64_t w)
{
    return c + h + w;
}
static int64_t rows(int64_t c, int64_t h, int64_t w)
{
    return c * 10 + h + w;
}
static int64_t columns(int64_t c, int64_t h, int64_t w)
{
    return w * 10 + h + c;
}
static int64_t block(int64_t c, int64_t h, int64_t w)
{
    return (c * 2 + h) * 10 + w;
}
static int64_t doubled(int64_t c, int64_t h, int64_t w)
{
    return index_of(c, h / 2, w / 3);
}
static int64_t reversed(int64_t c, int64_t h, int64_t w)
{
    return index_of((c + 1) % 4, h, w);
}
static int64_t cropped(int64_t c, int64_t h, int64_t w)
{
    return index_of(c + 1, h + 2, w + 1);
}
static int64_t shuffled(int64_t c, int64_t h, int64_t w)
{
    return index_of(c % 2 * 2 + c / 2, h, w);
}
static int64_t rolled_h(int64_t c, int64_t h, int64_t w)
{
    return index_of(c, (h + 2) % 6, w);
}
static int64_t rolled_w(int64_t c, int64_t h, int64_t w)
{
    return index_of(c, h, (w + 2) % 5);
}
static int64_t padded(int64_t c, int64_t h, int64_t w)
{
    int inside = c >= 2 && c < 6 && h >= 1 && h < 7 && w >= 3 && w < 8;
    return inside ? index_of(c - 2, h - 1, w - 3) : -1;
}

static const struct {
    const char *lines[4];
    int64_t c, h, w, (*from)(int64_t c, int64_t h, int64_t w);
} moves[] = {
    { { "Permute r 1 1 x y 0=1" }, 4, 5, 6, hwc },
    { { "Permute r 1 1 x y 0=2" }, 6, 4, 5, wch },
    { { "Permute r 1 1 x y 0=3" }, 6, 5, 4, cwh },
    { { "Permute r 1 1 x y 0=4" }, 5, 4, 6, hcw },
    { { "Permute r 1 1 x y 0=5" }, 5, 6, 4, chw },
    { { "Flatten r 1 1 x y" }, 120, 1, 1, flat },
    { { "Reshape r 1 1 x y 0=-1" }, 120, 1, 1, flat },
    { { "Reshape r 1 1 x y 0=10 1=-1" }, 12, 1, 10, rows },
    { { "Reshape r 1 1 x a 0=10 1=12", "Permute p 1 1 a y 0=1" }, 10, 1, 12, columns },
    { { "Reshape r 1 1 x y 0=10 1=2 2=-1" }, 6, 2, 10, block },
    { { "Reshape r 1 1 x a 0=1 1=120 2=1", "Squeeze s 1 1 a y 0=1 2=1" }, 120, 1, 1, flat },
    { { "Reshape r 1 1 x a 0=1 1=120 2=1", "Squeeze s 1 1 a y -23303=2,0,-1" }, 120, 1, 1, flat },
    { { "Interp r 1 1 x y 0=1 1=2 2=3" }, 4, 12, 15, doubled },
    { { "Interp r 1 1 x y 0=1 3=12 4=15" }, 4, 12, 15, doubled },
    { { "Padding r 1 1 x y 0=1 1=2 2=3 3=1 4=0 5=0.5 7=2 8=1" }, 7, 9, 9, padded },
    { { "Crop r 1 1 x y 0=1 1=2 2=1 3=3 4=3 5=2" }, 2, 3, 3, cropped },
    { { "Crop r 1 1 x y 0=1 1=2 2=1 3=-233 4=-233 5=-233 6=1 7=1 8=1" }, 2, 3, 3, cropped },
    { { "Crop r 1 1 x y -23309=3,1,2,1 -23310=3,3,-1,4 -23311=3,0,1,-1" }, 2, 3, 3, cropped },
    { { "Split s 1 2 x a b", "Crop c 1 1 b d 3=3 4=3 5=2", "Crop r 2 1 a d y 0=1 1=2 2=1" },
      2,
      3,
      3,
      cropped },
    { { "ShuffleChannel r 1 1 x y 0=2" }, 4, 6, 5, shuffled },
    { { "ShuffleChannel r 1 1 x y 0=2 1=1" }, 4, 6, 5, shuffled },
    { { "Slice s 1 2 x a b -23300=2,2,-233 1=1", "Concat d 2 1 b a y 0=1" }, 4, 6, 5, rolled_h },
    { { "Slice s 1 2 x a b -23300=2,2,3 1=-1", "Concat d 2 1 b a y 0=-1" }, 4, 6, 5, rolled_w },
    { { "Slice s 1 2 x a b -23300=2,1,-233 1=0", "Concat d 2 1 b a y 0=0" }, 4, 6, 5, reversed },
};

static void test_moves(void)
{
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        t_random_tensor(&in, 4, 6, 5);
        move(moves[i].c, moves[i].h, moves[i].w, moves[i].from);
        check(moves[i].lines, 4, NULL);
    }
}

/* ---- Pools */

static const struct {
    const char *line;
    int average, k, stride, begin, whole;
    int64_t h, w; /* of the output for 7 x 8 */
} pools[] = {
    { "Pooling p 1 1 x y 0=0 1=3 2=2", 0, 3, 2, 0, 0, 3, 4 }, /* full: the last one sticks out */
    { "Pooling p 1 1 x y 0=0 1=3 2=2 5=1", 0, 3, 2, 0, 0, 3, 3 },
    { "Pooling p 1 1 x y 0=0 1=3 2=2 3=1 5=1", 0, 3, 2, 1, 0, 4, 4 },
    { "Pooling p 1 1 x y 0=0 1=3 2=2 5=3", 0, 3, 2, 1, 0, 4, 4 },
    { "Pooling p 1 1 x y 0=1 1=3 2=2 3=1 5=1", 1, 3, 2, 1, 0, 4, 4 },
    { "Pooling p 1 1 x y 0=1 1=3 2=2 3=1 5=1 6=1", 1, 3, 2, 1, 1, 4, 4 },
    { "Pooling p 1 1 x y 0=1 1=2 2=2", 1, 2, 2, 0, 0, 4, 4 },
    { "Pooling p 1 1 x y 0=1 1=3 2=1 5=2", 1, 3, 1, 1, 1, 7, 8 }, /* same: padding counts */
};

static void test_pools(void)
{
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        t_random_tensor(&in, 3, 7, 8);
        set_want(3, pools[i].h, pools[i].w);
        for (int64_t c = 0; c < 3; c++)
            for (int64_t y = 0; y < want.h; y++)
                for (int64_t x = 0; x < want.w; x++) {
                    double sum = 0, most = -INFINITY, count = 0;
                    for (int a = 0; a < pools[i].k; a++)
                        for (int b = 0; b < pools[i].k; b++) {
                            int64_t iy = y * pools[i].stride - pools[i].begin + a;
                            int64_t ix = x * pools[i].stride - pools[i].begin + b;
                            if (iy < 0 || iy >= 7 || ix < 0 || ix >= 8)
                                continue;
                            sum += (double)t_at(&in, c, iy, ix);
                            most = fmax(most, (double)t_at(&in, c, iy, ix));
                            count++;
                        }
                    if (pools[i].whole)
                        count = pools[i].k * pools[i].k;
                    *at(c, y, x) = (float)(pools[i].average ? sum / count : most);
                }
        check(&pools[i].line, 1, NULL);
    }
}

static void test_globals(void)
{
    static const char *const lines[] = { "Pooling p 1 1 x y 0=0 4=1", "Pooling p 1 1 x y 0=1 4=1",
                                         "Pooling p 1 1 x y 0=1 7=1 8=1" };

    for (int i = 0; i < 3; i++) {
        t_random_tensor(&in, 3, 4, 5);
        set_want(3, 1, 1);
        for (int64_t c = 0; c < 3; c++) {
            double sum = 0, most = -INFINITY;
            for (int k = 0; k < 20; k++) {
                sum += (double)in.x[c * 20 + k];
                most = fmax(most, (double)in.x[c * 20 + k]);
            }
            *at(c, 0, 0) = (float)(i ? sum / 20 : most);
        }
        check(&lines[i], 1, NULL);
    }
}

/* ---- Weights: of multiples of 1/64, which every kind of storage holds exactly */

static float weight[64], bias[8];

static void random_weights(int count)
{
    for (int i = 0; i < count; i++)
        weight[i] = (float)t_between(&t_rng, -127, 127) / 64;
    t_fill(bias, 8);
}

static uint16_t half_of(float x) /* a normal one */
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    int exponent = (int)(bits >> 23 & 255) - 112;
    uint32_t fields = (bits >> 16 & 0x8000) | (uint32_t)exponent << 10 | (bits >> 13 & 1023);
    return (uint16_t)(x == 0 ? 0 : fields);
}

static int weight_count;

static void put_floats(struct t_ncnn *m)
{
    t_ncnn_tagged(m, 0, weight, (size_t)weight_count);
    t_ncnn_floats(m, bias, (size_t)want.c);
}

static void put_raw(struct t_ncnn *m)
{
    t_ncnn_tagged(m, 0x0002C056, weight, (size_t)weight_count);
    t_ncnn_floats(m, bias, (size_t)want.c);
}

static void put_halves(struct t_ncnn *m)
{
    uint16_t halves[64] = { 0 };

    for (int i = 0; i < weight_count; i++)
        halves[i] = half_of(weight[i]);
    t_ncnn_tagged(m, 0x01306B47, NULL, 0);
    t_put(&m->bin, halves, (size_t)(weight_count + 1) / 2 * 4);
    t_ncnn_floats(m, bias, (size_t)want.c);
}

static void put_bytes(struct t_ncnn *m)
{
    static const float scales[] = { 64, 64, 64, 64, 64, 64, 64, 64 }, input_scale = 30;
    int8_t bytes[64] = { 0 };

    for (int i = 0; i < weight_count; i++)
        bytes[i] = (int8_t)lrintf(weight[i] * 64);
    t_ncnn_tagged(m, 0x000D4B38, NULL, 0);
    t_put(&m->bin, bytes, (size_t)(weight_count + 3) / 4 * 4);
    t_ncnn_floats(m, bias, (size_t)want.c);
    t_ncnn_floats(m, scales, (size_t)want.c);
    t_ncnn_floats(m, &input_scale, 1);
}

static void put_indices(struct t_ncnn *m)
{
    float table[256];
    uint8_t index[64] = { 0 };

    for (int i = 0; i < 256; i++)
        table[i] = (float)(i - 128) / 64;
    for (int i = 0; i < weight_count; i++)
        index[i] = (uint8_t)(lrintf(weight[i] * 64) + 128);
    t_ncnn_tagged(m, 1, table, 256);
    t_put(&m->bin, index, (size_t)(weight_count + 3) / 4 * 4);
    t_ncnn_floats(m, bias, (size_t)want.c);
}

/* [oc][ic][1][1], then a function. */
static void pointwise(int64_t oc, double (*function)(double x))
{
    set_want(oc, in.h, in.w);
    weight_count = (int)(oc * in.c);
    for (int64_t k = 0; k < oc; k++)
        for (int64_t p = 0; p < in.h * in.w; p++) {
            double sum = (double)bias[k];
            for (int64_t i = 0; i < in.c; i++)
                sum += (double)weight[k * in.c + i] * (double)in.x[i * in.h * in.w + p];
            want.x[k * in.h * in.w + p] = (float)function(sum);
        }
}

static void test_storage(void)
{
    static const struct {
        const char *line;
        double (*function)(double x);
        void (*put)(struct t_ncnn *m);
    } rows_[] = {
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15", same, put_floats },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15", same, put_raw },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15", same, put_halves },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15", same, put_indices },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15 8=2", same, put_bytes },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15 9=1", relu, put_floats },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15 9=2 -23310=1,0.25", leaky, put_floats },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15 9=3 -23310=2,-0.25,0.5", clip, put_floats },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15 9=4", sigmoid, put_floats },
        { "Convolution c 1 1 x y 0=5 1=1 5=1 6=15 9=6 -23310=2,0.75,0.5", hardswish, put_floats },
    };

    for (size_t i = 0; i < sizeof(rows_) / sizeof(rows_[0]); i++) {
        t_random_tensor(&in, 3, 4, 5);
        random_weights(15);
        pointwise(5, rows_[i].function);
        check(&rows_[i].line, 1, rows_[i].put);
    }
    const char *const linear = "InnerProduct c 1 1 x y 0=4 1=1 2=60 8=2";
    t_random_tensor(&in, 3, 5, 1); /* flattened on the way: 15 inputs */
    random_weights(60);
    struct t_tensor_chw whole = in;
    in.c = 15;
    in.h = in.w = 1;
    pointwise(4, same);
    in = whole;
    check(&linear, 1, put_bytes);
}

/* 3x3, stride 2, padding 1, depthwise; then SAME_LOWER in two groups of a 3x3. */
static void test_windows(void)
{
    const char *line = "ConvolutionDepthWise c 1 1 x y 0=4 1=3 3=2 4=1 5=1 6=36 7=4 8=1";
    t_random_tensor(&in, 4, 6, 5);
    random_weights(36);
    weight_count = 36;
    set_want(4, 3, 3);
    for (int64_t k = 0; k < 4; k++)
        for (int64_t y = 0; y < 3; y++)
            for (int64_t x = 0; x < 3; x++) {
                double sum = (double)bias[k];
                for (int64_t t = 0; t < 9; t++) {
                    int64_t iy = 2 * y - 1 + t / 3, ix = 2 * x - 1 + t % 3;
                    if (iy >= 0 && iy < 6 && ix >= 0 && ix < 5)
                        sum += (double)weight[k * 9 + t] * (double)t_at(&in, k, iy, ix);
                }
                *at(k, y, x) = (float)sum;
            }
    check(&line, 1, put_bytes);
    line = "ConvolutionDepthWise c 1 1 x y 0=2 1=2 11=1 3=2 13=1 4=-234 5=1 6=8 7=2";
    random_weights(8);
    weight_count = 8;
    set_want(2, 6, 3);
    for (int64_t k = 0; k < 2; k++)
        for (int64_t y = 0; y < 6; y++)
            for (int64_t x = 0; x < 3; x++) {
                double sum = (double)bias[k];
                for (int64_t i = 0; i < 2; i++)
                    for (int64_t t = 0; t < 2; t++)
                        if (2 * x - 1 + t >= 0) /* 5 wide: one column before */
                            sum += (double)weight[(k * 2 + i) * 2 + t] *
                                   (double)t_at(&in, 2 * k + i, y, 2 * x - 1 + t);
                *at(k, y, x) = (float)sum;
            }
    check(&line, 1, put_floats);
}

static void put_norm(struct t_ncnn *m)
{
    static const float p[4][2] = { { 2, -1 }, { 0.5f, 0.25f }, { 3, 0.96f }, { 1, -2 } };
    for (int i = 0; i < 4; i++) /* slope, mean, variance, bias */
        t_ncnn_floats(m, p[i], 2);
    t_ncnn_floats(m, p[0], 2); /* then a Scale */
    t_ncnn_floats(m, p[3], 2);
}

static void test_channels(void)
{
    static const char *const lines[] = { "BatchNorm b 1 1 x a 0=2 1=0.04",
                                         "Scale s 1 1 a y 0=2 1=1" };
    static const char *const factors[] = { "Split s 1 3 x a b z", "Pooling g 1 1 b c 0=0 4=1",
                                           "BinaryOp m 2 1 c a d 0=2", "BinaryOp n 2 1 d z y 0=0" };

    t_random_tensor(&in, 2, 3, 3);
    set_want(2, 3, 3);
    for (int i = 0; i < 18; i++) {
        double x = (double)in.x[i], y = i < 9 ? 2 * (x - 0.5) / sqrt(3.04) + 1 : 0.25 - x - 2;
        want.x[i] = (float)(i < 9 ? 2 * y + 1 : -y - 2);
    }
    check(lines, 2, put_norm);
    for (int c = 0; c < 2; c++) {
        float most = -INFINITY;
        for (int i = 0; i < 9; i++)
            most = fmaxf(most, in.x[9 * c + i]);
        for (int i = 0; i < 9; i++)
            want.x[9 * c + i] = in.x[9 * c + i] * most + in.x[9 * c + i];
    }
    check(factors, 4, NULL);
}

static void put_memory(struct t_ncnn *m)
{
    static const float c[2] = { 2, -3 }, slope[2] = { 0.25f, 0.5f };
    t_ncnn_floats(m, c, 2);
    t_ncnn_floats(m, slope, 2);
}

/* A constant less the tensor, then slopes by channel; a softmax along the width. */
static void test_constants(void)
{
    static const char *const lines[] = { "MemoryData m 0 1 k 0=1 1=1 2=2",
                                         "BinaryOp b 2 1 k x a 0=1", "PReLU p 1 1 a y 0=2" };
    static const char *const softmax[] = { "Softmax s 1 1 x a 0=2 1=1", "ReLU r 1 1 a y" };

    t_random_tensor(&in, 2, 3, 3);
    set_want(2, 3, 3);
    for (int i = 0; i < 18; i++) {
        const double v = (i < 9 ? 2 : -3) - (double)in.x[i];
        want.x[i] = (float)(v < 0 ? v * (i < 9 ? 0.25 : 0.5) : v);
    }
    check(lines, 3, put_memory);
    for (int i = 0; i < 18; i++) {
        double sum = 0;
        for (int k = i / 3 * 3; k < i / 3 * 3 + 3; k++)
            sum += exp((double)in.x[k]);
        want.x[i] = (float)(exp((double)in.x[i]) / sum);
    }
    check(softmax, 2, NULL);
}

static void put_pointwise(struct t_ncnn *m)
{
    t_ncnn_tagged(m, 0, (const float[]) { 1, 2, 3, -1 }, 4);
}

/* A vector is an image of one pixel to a convolution of one tap. */
static void test_vector(void)
{
    static const char *const lines[] = { "Split s 1 2 x a b", "Pooling g 1 1 b c 0=1 4=1",
                                         "Convolution d 1 1 c e 0=2 1=1 6=4",
                                         "BinaryOp m 2 1 a e y 0=2" };

    t_random_tensor(&in, 2, 3, 3);
    set_want(2, 3, 3);
    double mean[2] = { 0, 0 };
    for (int i = 0; i < 18; i++)
        mean[i / 9] += (double)in.x[i] / 9;
    for (int i = 0; i < 18; i++)
        want.x[i] =
            (float)((double)in.x[i] * (i < 9 ? mean[0] + 2 * mean[1] : 3 * mean[0] - mean[1]));
    check(lines, 4, put_pointwise);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    t_rng = t_seed;
    test_elements();
    test_moves();
    test_pools();
    test_globals();
    test_storage();
    test_windows();
    test_channels();
    test_constants();
    test_vector();
    return t_end();
}
