/* Transposed convolutions of both importers: each input pixel scattered by the definition, against
 * the convolution, shuffle and slice that they become, as imported and folded. */
#include "quant/model/graph.h"
#include "tests/t_ncnn.h"
#include "tests/t_onnx_run.h"

struct shape {
    int ic, oc, groups, h, w;
    int k[2], s[2], d[2], begin[2], end[2], more[2]; /* by axis: h, w */
};

enum { WEIGHTS_MAX = 4096 };
static struct t_tensor_chw in, want;
static float weight[WEIGHTS_MAX], bias[64]; /* weight [oc][ic / groups][kh][kw] */

static int size_of(const struct shape *s, int a)
{
    const int size = a ? s->w : s->h;
    return (size - 1) * s->s[a] + (s->k[a] - 1) * s->d[a] + 1 + s->more[a] - s->begin[a] -
           s->end[a];
}

static size_t weight_index(const struct shape *s, int oc, int ic, int y, int x)
{
    return (((size_t)oc * (size_t)(s->ic / s->groups) + (size_t)ic) * (size_t)s->k[0] + (size_t)y) *
               (size_t)s->k[1] +
           (size_t)x;
}

static struct shape random_shape(void)
{
    struct shape s = { 0 };

    do {
        s.groups = t_between(&t_rng, 1, 3);
        s.ic = s.groups * t_between(&t_rng, 1, 4);
        s.oc = s.groups * t_between(&t_rng, 1, 4);
        s.h = t_between(&t_rng, 1, 5);
        s.w = t_between(&t_rng, 1, 5);
        for (int a = 0; a < 2; a++) {
            s.k[a] = t_between(&t_rng, 1, 5);
            s.s[a] = t_between(&t_rng, 1, 4);
            s.d[a] = t_between(&t_rng, 1, 2);
            s.begin[a] = t_between(&t_rng, 0, 3);
            s.end[a] = t_between(&t_rng, 0, 3);
            s.more[a] = t_between(&t_rng, 0, 3);
        }
    } while (size_of(&s, 0) < 1 || size_of(&s, 1) < 1);
    return s;
}

static void scatter(const struct shape *s)
{
    const int per = s->ic / s->groups, out_per = s->oc / s->groups;

    want.c = s->oc;
    want.h = size_of(s, 0);
    want.w = size_of(s, 1);
    for (int64_t i = 0; i < want.c * want.h * want.w; i++)
        want.x[i] = bias[i / (want.h * want.w)];
    for (int o = 0; o < s->oc; o++)
        for (int i = 0; i < per; i++)
            for (int at = 0; at < s->h * s->w * s->k[0] * s->k[1]; at++) {
                const int kx = at % s->k[1], ky = at / s->k[1] % s->k[0];
                const int pixel = at / s->k[1] / s->k[0], x = pixel % s->w, y = pixel / s->w;
                const int oy = y * s->s[0] + ky * s->d[0] - s->begin[0];
                const int ox = x * s->s[1] + kx * s->d[1] - s->begin[1];
                if (oy >= 0 && oy < want.h && ox >= 0 && ox < want.w)
                    want.x[(o * want.h + oy) * want.w + ox] +=
                        t_at(&in, o / out_per * per + i, y, x) *
                        weight[weight_index(s, o, i, ky, kx)];
            }
}

static void check_graph(struct qnt_graph *graph, const struct shape *s, int nodes)
{
    const long before = t_failures;
    struct qnt_error error;

    t_check_run(graph, &in, &want);
    T_CHECK(qnt_fold(graph, &error) == 0);
    t_check_run(graph, &in, &want);
    if (nodes)
        T_CHECK(graph->count == nodes);
    if (t_failures != before)
        printf("  ic %d oc %d g %d, %dx%d, k %d %d s %d %d d %d %d p %d %d %d %d + %d %d\n", s->ic,
               s->oc, s->groups, s->h, s->w, s->k[0], s->k[1], s->s[0], s->s[1], s->d[0], s->d[1],
               s->begin[0], s->begin[1], s->end[0], s->end[1], s->more[0], s->more[1]);
    qnt_graph_free(graph);
}

static void make_tensors(const struct shape *s)
{
    t_random_tensor(&in, s->ic, s->h, s->w);
    t_fill(weight, WEIGHTS_MAX);
    t_fill(bias, 64);
    scatter(s);
}

/* With a clip to [-0.5, 1] inside. */
static void check_ncnn(const struct shape *s)
{
    const size_t count = weight_index(s, s->oc, 0, 0, 0);
    struct qnt_error error = { "" };
    struct qnt_graph graph;
    struct t_ncnn m = { 0 };
    char line[400];

    make_tensors(s);
    for (int64_t i = 0; i < want.c * want.h * want.w; i++)
        want.x[i] = fminf(1, fmaxf(-0.5f, want.x[i]));
    snprintf(line, sizeof(line), "Input data 0 1 x 0=%d 1=%d 2=%d", s->w, s->h, s->ic);
    t_ncnn_line(&m, line);
    snprintf(line, sizeof(line),
             "Deconvolution%s r 1 1 x y 0=%d 1=%d 11=%d 2=%d 12=%d 3=%d 13=%d 4=%d 14=%d 15=%d"
             " 16=%d 18=%d 19=%d 5=1 6=%zu 7=%d 9=3 -23310=2,-0.5,1.0",
             s->groups > 1 ? "DepthWise" : "", s->oc, s->k[1], s->k[0], s->d[1], s->d[0], s->s[1],
             s->s[0], s->begin[1], s->begin[0], s->end[1], s->end[0], s->more[1], s->more[0], count,
             s->groups);
    if (s->groups == 1) /* a row of the table of its own, without groups */
        memmove(strstr(line, " 7=1"), strstr(line, " 9=3"), strlen(strstr(line, " 9=3")) + 1);
    t_ncnn_line(&m, line);
    t_ncnn_tagged(&m, 0, weight, count);
    t_ncnn_floats(&m, bias, (size_t)s->oc);
    if (T_CHECK(t_ncnn_read(&m, &graph, &error) == 0))
        check_graph(&graph, s, 0);
    else
        printf("  %s\n", error.text);
    t_ncnn_clear(&m);
}

static void put_ints(struct t_bytes *node, const char *name, const int *a, const int *b)
{
    const int64_t ints[4] = { a[0], a[1], b ? b[0] : 0, b ? b[1] : 0 };
    t_attr_ints(node, name, ints, b ? 4 : 2);
}

/* Followed by a normalisation and a ReLU, which must become part of the convolution. */
static void check_onnx(const struct shape *s)
{
    const int per = s->ic / s->groups, out_per = s->oc / s->groups;
    static float turned[WEIGHTS_MAX];
    float norm[4][64];
    struct qnt_graph graph;
    struct t_model m;

    make_tensors(s);
    for (int k = 0; k < 4; k++)
        t_fill(norm[k], 64);
    for (int c = 0; c < 64; c++)
        norm[3][c] = fabsf(norm[3][c]) + 0.5f; /* variance */
    for (int64_t i = 0; i < want.c * want.h * want.w; i++) {
        const int c = (int)(i / (want.h * want.w));
        const double y = (double)(want.x[i] - norm[2][c]) / sqrt((double)norm[3][c] + 1e-5);
        want.x[i] = (float)fmax(0, y * (double)norm[0][c] + (double)norm[1][c]);
    }
    for (int o = 0; o < s->oc; o++) /* [ic][oc / groups] */
        for (int i = 0; i < per; i++)
            for (int t = 0; t < s->k[0] * s->k[1]; t++)
                turned[((o / out_per * per + i) * out_per + o % out_per) * s->k[0] * s->k[1] + t] =
                    weight[weight_index(s, o, i, 0, 0) + (size_t)t];
    t_begin_model(&m, &in);
    t_model_floats(&m, "w", (int64_t[]) { s->ic, out_per, s->k[0], s->k[1] }, 4, turned);
    t_model_floats(&m, "b", (int64_t[]) { s->oc }, 1, bias);
    static const char *const names[4] = { "gamma", "beta", "mean", "variance" };
    for (int k = 0; k < 4; k++)
        t_model_floats(&m, names[k], (int64_t[]) { s->oc }, 1, norm[k]);
    struct t_bytes node = t_node("ConvTranspose", "x w b", "a");
    put_ints(&node, "strides", s->s, NULL);
    put_ints(&node, "dilations", s->d, NULL);
    put_ints(&node, "output_padding", s->more, NULL);
    put_ints(&node, "pads", s->begin, s->end);
    t_attr_int(&node, "group", s->groups);
    t_model_node(&m, &node);
    node = t_node("BatchNormalization", "a gamma beta mean variance", "n");
    t_model_node(&m, &node);
    node = t_node("Relu", "n", "y");
    t_model_node(&m, &node);
    if (t_load_model(&m, &graph) != 0)
        return;
    const int blocks = s->s[0] > 1 || s->s[1] > 1, turns = blocks && s->groups > 1 && s->oc > 1;
    int slices = 0;
    for (int32_t i = 0; i < graph.count; i++)
        slices += graph.nodes[i].op == QNT_OP_SLICE;
    check_graph(&graph, s, 2 + blocks + turns + slices);
}

int main(int argc, char **argv)
{
    static const struct shape known[] = {
        { 4, 4, 4, 5, 5, { 4, 4 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0, 0 } },
        { 3, 3, 3, 5, 5, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 0, 0 }, { 0, 0 }, { 0, 0 } },
        { 4, 2, 1, 5, 5, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0, 0 }, { 0, 0 }, { 0, 0 } },
        { 4, 2, 1, 5, 5, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
    };

    t_begin(argc, argv);
    t_rng = t_seed;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        check_ncnn(&known[i]);
        check_onnx(&known[i]);
    }
    for (int i = 0; i < 300; i++) {
        const struct shape s = random_shape();
        check_ncnn(&s);
        check_onnx(&s);
    }
    return t_end();
}
