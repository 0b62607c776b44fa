/* Images that become larger or smaller, normalisation across channels, channels that become pixels
 * and means of pixels: what both importers make of them, in float, against the definitions. */
#include "tests/t_ncnn.h"
#include "tests/t_onnx_lines.h"
#include "tests/t_onnx_run.h"

enum { C = 12, H = 4, W = 5 };

static struct t_tensor_chw in, want;

/* ---- Between pixels: each counts by how near it is. What lies outside is at the edge. */

static double between(int64_t c, double y, double x)
{
    double sum = 0;

    y = fmin(H - 1, fmax(0, y));
    x = fmin(W - 1, fmax(0, x));
    for (int iy = 0; iy < H; iy++)
        for (int ix = 0; ix < W; ix++)
            sum += fmax(0, 1 - fabs(y - iy)) * fmax(0, 1 - fabs(x - ix)) *
                   (double)t_at(&in, c, iy, ix);
    return sum;
}

static double centres(int64_t i, double times)
{
    return ((double)i + 0.5) / times - 0.5;
}

static double twice(int64_t c, int64_t y, int64_t x)
{
    return between(c, centres(y, 2), centres(x, 2));
}

static double half_sizes(int64_t c, int64_t y, int64_t x) /* to 2x2 */
{
    return between(c, centres(y, 0.5), centres(x, 2.0 / W));
}

static double half_scales(int64_t c, int64_t y, int64_t x)
{
    return between(c, centres(y, 0.5), centres(x, 0.5));
}

static double corners(int64_t c, int64_t y, int64_t x) /* to 7x3 */
{
    return between(c, (double)y * (H - 1) / 6, (double)x * (W - 1) / 2);
}

static double corner(int64_t c, int64_t y, int64_t x) /* to 1x1 */
{
    return between(c, (double)y, (double)x);
}

static double begins(int64_t c, int64_t y, int64_t x) /* by 1.7 and 0.7 */
{
    return between(c, (double)y / (double)1.7f, (double)x / (double)0.7f);
}

static double one_row(int64_t c, int64_t y, int64_t x) /* to 1x10, of torch's */
{
    return between(c, (double)y, centres(x, 2));
}

/* ---- The nearest pixel */

static double floor_sizes(int64_t c, int64_t y, int64_t x) /* to 7x8 */
{
    return (double)t_at(&in, c, y * H / 7, x * W / 8);
}

static double floor_scales(int64_t c, int64_t y, int64_t x) /* by 1.7, to 6x8 */
{
    return (double)t_at(&in, c, (int64_t)((double)y / (double)1.7f),
                        (int64_t)((double)x / (double)1.7f));
}

static double round_down(int64_t c, int64_t y, int64_t x) /* of half pixels, to 2x10 */
{
    return (double)t_at(&in, c, 2 * y, x / 2); /* 0.5 and 2.5 */
}

static double round_up(int64_t c, int64_t y, int64_t x)
{
    return (double)t_at(&in, c, 2 * y + 1, x / 2);
}

static double ceiling(int64_t c, int64_t y, int64_t x) /* to 7x5 */
{
    return (double)t_at(&in, c, y < 6 ? (y * H + 6) / 7 : H - 1, x);
}

static double repeated(int64_t c, int64_t y, int64_t x)
{
    return (double)t_at(&in, c, y / 2, x / 3);
}

/* ---- Across channels */

static double normalised(int64_t c, int64_t y, int64_t x, int size, double alpha, double beta,
                         double bias)
{
    double sum = 0;

    for (int64_t k = 0; k < C; k++)
        if (llabs(k - c) <= size / 2)
            sum += pow((double)t_at(&in, k, y, x), 2);
    return (double)t_at(&in, c, y, x) / pow(bias + alpha / size * sum, beta);
}

static double lrn_usual(int64_t c, int64_t y, int64_t x)
{
    return normalised(c, y, x, 5, 2, 0.75, 1);
}

static double lrn_root(int64_t c, int64_t y, int64_t x)
{
    return normalised(c, y, x, 3, 0.5, 0.5, 2);
}

static double lrn_whole(int64_t c, int64_t y, int64_t x)
{
    return normalised(c, y, x, 27, 0.25, 1, 0.5);
}

/* ---- Channels that become pixels */

static double columns_first(int64_t c, int64_t y, int64_t x) /* [c][2][2] */
{
    return (double)t_at(&in, (c * 2 + y % 2) * 2 + x % 2, y / 2, x / 2);
}

static double depth_first(int64_t c, int64_t y, int64_t x) /* [2][2][c] */
{
    return (double)t_at(&in, (y % 2 * 2 + x % 2) * 3 + c, y / 2, x / 2);
}

/* ---- Means and maxima */

static double mean(int64_t c, int64_t y, int64_t x)
{
    double sum = 0 * (double)(y + x);
    for (int i = 0; i < H * W; i++)
        sum += (double)t_at(&in, c, i / W, i % W);
    return sum / (H * W);
}

static double mean_of_rows(int64_t c, int64_t y, int64_t x)
{
    double sum = 0 * (double)x;
    for (int i = 0; i < W; i++)
        sum += (double)t_at(&in, c, y, i);
    return sum / W;
}

static double maximum_of_columns(int64_t c, int64_t y, int64_t x)
{
    double most = -INFINITY + 0 * (double)y;
    for (int i = 0; i < H; i++)
        most = fmax(most, (double)t_at(&in, c, i, x));
    return most;
}

#define RESIZE "; Resize x - s > y mode='linear' coordinate_transformation_mode="
#define RESIZE_TO "; Resize x - - z > y mode='linear' coordinate_transformation_mode="
#define NEAREST_TO "; Resize x - - z > y coordinate_transformation_mode="

static const struct row {
    const char *ncnn, *onnx; /* one of them */
    int64_t c, h, w;
    double (*at)(int64_t c, int64_t y, int64_t x);
    enum qnt_op op; /* of the result */
} rows[] = {
    { "Interp r 1 1 x y 0=2 1=2.0 2=2.0", NULL, C, 8, 10, twice, QNT_OP_RESIZE },
    { "Interp r 1 1 x y 0=2 1=0.5 2=0.5", NULL, C, 2, 2, half_sizes, QNT_OP_RESIZE },
    { "Interp r 1 1 x y 0=2 3=7 4=3 6=1", NULL, C, 7, 3, corners, QNT_OP_RESIZE },
    { "Interp r 1 1 x y 0=2 3=1 4=1 6=1", NULL, C, 1, 1, corner, QNT_OP_RESIZE },
    { "Interp r 1 1 x y 0=1 3=7 4=8", NULL, C, 7, 8, floor_sizes, QNT_OP_RESIZE },
    { "Interp r 1 1 x y 0=1 1=1.7 2=1.7", NULL, C, 6, 8, floor_scales, QNT_OP_RESIZE },
    { "Interp r 1 1 x y 0=1 3=8 2=3.0", NULL, C, 8, 15, repeated, QNT_OP_UPSAMPLE },
    { NULL, "CONST s=[1.,1.,2.,2.]" RESIZE "'half_pixel'", C, 8, 10, twice, QNT_OP_RESIZE },
    { NULL, "CONST s=[1.,1.,0.5,0.5]" RESIZE "'half_pixel'", C, 2, 2, half_scales, QNT_OP_RESIZE },
    { NULL, "CONST z=[1,12,2,2]" RESIZE_TO "'half_pixel'", C, 2, 2, half_sizes, QNT_OP_RESIZE },
    { NULL, "CONST z=[1,12,7,3]" RESIZE_TO "'align_corners'", C, 7, 3, corners, QNT_OP_RESIZE },
    { NULL, "CONST s=[1.,1.,1.7,0.7]" RESIZE "'asymmetric'", C, 6, 3, begins, QNT_OP_RESIZE },
    { NULL, "CONST z=[1,12,1,10]" RESIZE_TO "'pytorch_half_pixel'", C, 1, 10, one_row,
      QNT_OP_RESIZE },
    { NULL, "CONST z=[1,12,7,8]" NEAREST_TO "'asymmetric' nearest_mode='floor'", C, 7, 8,
      floor_sizes, QNT_OP_RESIZE },
    { NULL, "CONST z=[1,12,2,10]" NEAREST_TO "'half_pixel'", C, 2, 10, round_down, QNT_OP_RESIZE },
    { NULL, "CONST z=[1,12,2,10]" NEAREST_TO "'half_pixel' nearest_mode='round_prefer_ceil'", C, 2,
      10, round_up, QNT_OP_RESIZE },
    { NULL, "CONST z=[1,12,7,5]" NEAREST_TO "'asymmetric' nearest_mode='ceil'", C, 7, 5, ceiling,
      QNT_OP_RESIZE },
    { "LRN r 1 1 x y 2=2", NULL, C, H, W, lrn_usual, QNT_OP_LRN },
    { "LRN r 1 1 x y 1=3 2=0.5 3=0.5 4=2", NULL, C, H, W, lrn_root, QNT_OP_LRN },
    { NULL, "LRN x > y size=5 alpha=2.0", C, H, W, lrn_usual, QNT_OP_LRN },
    { NULL, "LRN x > y size=27 alpha=0.25 beta=1.0 bias=0.5", C, H, W, lrn_whole, QNT_OP_LRN },
    { "PixelShuffle r 1 1 x y 0=2", NULL, 3, 8, 10, columns_first, QNT_OP_DEPTH_TO_SPACE },
    { "PixelShuffle r 1 1 x y 0=2 1=1", NULL, 3, 8, 10, depth_first, QNT_OP_DEPTH_TO_SPACE },
    { NULL, "DepthToSpace x > y blocksize=2 mode='CRD'", 3, 8, 10, columns_first,
      QNT_OP_DEPTH_TO_SPACE },
    { NULL, "DepthToSpace x > y blocksize=2", 3, 8, 10, depth_first, QNT_OP_DEPTH_TO_SPACE },
    { "Reduction r 1 1 x y 0=3 1=0 -23303=2,1,2 4=1 5=1", NULL, C, 1, 1, mean,
      QNT_OP_GLOBAL_AVGPOOL },
    { "Reduction r 1 1 x y 0=3 1=0 -23303=2,-1,-2 5=1", NULL, C, 1, 1, mean,
      QNT_OP_GLOBAL_AVGPOOL },
    { "Reduction r 1 1 x y 0=3 1=0 -23303=1,2 4=1 5=1", NULL, C, H, 1, mean_of_rows,
      QNT_OP_AVGPOOL },
    { "Reduction r 1 1 x y 0=4 1=0 -23303=1,1 4=1 5=1", NULL, C, 1, W, maximum_of_columns,
      QNT_OP_MAXPOOL },
    { NULL, "ReduceMean x > y axes=[2,3]", C, 1, 1, mean, QNT_OP_GLOBAL_AVGPOOL },
    { NULL, "ReduceMean x > y axes=[-1,-2] keepdims=0", C, 1, 1, mean, QNT_OP_GLOBAL_AVGPOOL },
};

static int load(const struct row *r, struct qnt_graph *graph)
{
    struct qnt_error error = { "" };
    int rc;

    if (r->ncnn) {
        struct t_ncnn m = { 0 };
        t_ncnn_line(&m, "Input data 0 1 x 0=5 1=4 2=12");
        t_ncnn_line(&m, r->ncnn);
        rc = t_ncnn_read(&m, graph, &error);
        t_ncnn_clear(&m);
        if (!T_CHECK(rc == 0))
            printf("  %s\n", error.text);
        return rc;
    }
    struct t_model m;
    t_begin_model(&m, &in);
    t_lines(&m, r->onnx);
    return t_load_model(&m, graph);
}

static void check_row(const struct row *r)
{
    const long before = t_failures;
    struct qnt_graph graph;

    t_random_tensor(&in, C, H, W);
    want.c = r->c;
    want.h = r->h;
    want.w = r->w;
    for (int64_t i = 0; i < r->c * r->h * r->w; i++)
        want.x[i] = (float)r->at(i / (r->h * r->w), i / r->w % r->h, i % r->w);
    if (load(r, &graph) == 0) {
        T_CHECK(graph.nodes[graph.output].op == r->op);
        t_check_run(&graph, &in, &want);
        qnt_graph_free(&graph);
    }
    if (t_failures != before)
        printf("  of \"%s\"\n", r->ncnn ? r->ncnn : r->onnx);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    t_rng = t_seed;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
    return t_end();
}
