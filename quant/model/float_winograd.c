/* Winograd's minimal filtering in float: V = B d B' of input tiles, U = G w G' of weights, once;
 * M = sum of V * U over the channels, a matrix product for each element of a tile; A M A' gives the
 * outputs. Tiles are taken a block at a time, so that V and M stay in the cache.
 * F(2,3) multiplies 2.25 times less than the layer as it is written, F(4,3) 4 times; points of the
 * interpolation are 0, 1, -1, infinity and, for F(4,3), 2 and -2.
 * Source: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, arXiv 1509.09308.
 */
#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/float_int.h"
#include "quant/wide.h"

enum { IN_MAX = 6, OUT_MAX = 4, TAPS = 3, LANES = 32 };
/* Floats of V and M of a block; the fewest tiles of one, and channels of a layer that are worth
 * it. */
enum { BLOCK_FLOATS = 272 << 10, BLOCK_LEAST = 16, CHANNELS_LEAST = 8 };

/* Tiles [in][in] or [out][out] of vectors of `lanes` channels: so many floats apart. */
struct view {
    size_t row, column;
};

typedef void transform_input(const float *d, struct view from, size_t lanes, float *v, size_t step);
typedef void transform_output(const float *m, size_t step, size_t lanes, float *y);

struct qnt_winograd {
    int out, in; /* pixels of a tile, each way */
    double g[IN_MAX][TAPS];
    transform_input *input;
    transform_output *output; /* y [out][out][LANES] */
};

/* ---- One line of a tile, all its channels: elements `from` and `to` floats apart. */

typedef void transform_line(const float *restrict d, size_t from, size_t lanes, float *restrict o,
                            size_t to);
#define LINE static inline __attribute__((always_inline)) void

LINE input_line_2(const float *restrict d, size_t from, size_t lanes, float *restrict o, size_t to)
{
    for (size_t k = 0; k < lanes; k++) {
        const float d0 = d[k], d1 = d[from + k], d2 = d[2 * from + k], d3 = d[3 * from + k];
        o[k] = d0 - d2;
        o[to + k] = d1 + d2;
        o[2 * to + k] = d2 - d1;
        o[3 * to + k] = d3 - d1;
    }
}

LINE output_line_2(const float *restrict m, size_t from, size_t lanes, float *restrict y, size_t to)
{
    for (size_t k = 0; k < lanes; k++) {
        const float even = m[from + k] + m[2 * from + k], odd = m[from + k] - m[2 * from + k];
        y[k] = m[k] + even;
        y[to + k] = odd + m[3 * from + k];
    }
}

LINE input_line_4(const float *restrict d, size_t from, size_t lanes, float *restrict o, size_t to)
{
    for (size_t k = 0; k < lanes; k++) {
        const float d0 = d[k], d1 = d[from + k], d2 = d[2 * from + k], d3 = d[3 * from + k];
        const float d4 = d[4 * from + k], d5 = d[5 * from + k];
        const float a = d4 - 4 * d2, b = d3 - 4 * d1, e = d4 - d2, f = 2 * (d3 - d1);
        o[k] = 4 * (d0 - d2) + e;
        o[to + k] = a + b;
        o[2 * to + k] = a - b;
        o[3 * to + k] = e + f;
        o[4 * to + k] = e - f;
        o[5 * to + k] = 4 * (d1 - d3) + (d5 - d3);
    }
}

LINE output_line_4(const float *restrict m, size_t from, size_t lanes, float *restrict y, size_t to)
{
    for (size_t k = 0; k < lanes; k++) {
        const float m1 = m[from + k], m2 = m[2 * from + k], m3 = m[3 * from + k];
        const float m4 = m[4 * from + k];
        const float a = m1 + m2, b = m1 - m2, e = m3 + m4, f = m3 - m4;
        y[k] = m[k] + a + e;
        y[to + k] = b + 2 * f;
        y[2 * to + k] = a + 4 * e;
        y[3 * to + k] = b + 8 * f + m[5 * from + k];
    }
}

/* ---- Tiles: every line, then every column. */

LINE tile_input(transform_line *line, size_t in, const float *d, struct view from, size_t lanes,
                float *v, size_t step)
{
    float half[IN_MAX * IN_MAX * LANES];

    for (size_t i = 0; i < in; i++)
        line(d + i * from.row, from.column, lanes, half + i * in * LANES, LANES);
    for (size_t j = 0; j < in; j++)
        line(half + j * LANES, in * LANES, lanes, v + j * step, in * step);
}

LINE tile_output(transform_line *line, size_t in, size_t out, const float *m, size_t step,
                 size_t lanes, float *y)
{
    float half[OUT_MAX * IN_MAX * LANES];

    for (size_t j = 0; j < in; j++)
        line(m + j * step, in * step, lanes, half + j * LANES, in * LANES);
    for (size_t i = 0; i < out; i++)
        line(half + i * in * LANES, LANES, lanes, y + i * out * LANES, LANES);
}

QNT_WIDE static void input_2(const float *d, struct view from, size_t lanes, float *v, size_t step)
{
    tile_input(input_line_2, 4, d, from, lanes, v, step);
}

QNT_WIDE static void output_2(const float *m, size_t step, size_t lanes, float *y)
{
    tile_output(output_line_2, 4, 2, m, step, lanes, y);
}

QNT_WIDE static void input_4(const float *d, struct view from, size_t lanes, float *v, size_t step)
{
    tile_input(input_line_4, 6, d, from, lanes, v, step);
}

QNT_WIDE static void output_4(const float *m, size_t step, size_t lanes, float *y)
{
    tile_output(output_line_4, 6, 4, m, step, lanes, y);
}

static const struct qnt_winograd forms[] = {
    { .out = 2,
      .in = 4,
      .g = { { 1, 0, 0 }, { 0.5, 0.5, 0.5 }, { 0.5, -0.5, 0.5 }, { 0, 0, 1 } },
      .input = input_2,
      .output = output_2 },
    { .out = 4,
      .in = 6,
      .g = { { 1.0 / 4, 0, 0 },
             { -1.0 / 6, -1.0 / 6, -1.0 / 6 },
             { -1.0 / 6, 1.0 / 6, -1.0 / 6 },
             { 1.0 / 24, 1.0 / 12, 1.0 / 6 },
             { 1.0 / 24, -1.0 / 12, 1.0 / 6 },
             { 0, 0, 1 } },
      .input = input_4,
      .output = output_4 },
};

/* ---- Choosing */

static size_t tiles_along(int32_t out, int tile)
{
    return ((size_t)out + (size_t)tile - 1) / (size_t)tile;
}

static size_t tile_count(const struct qnt_winograd *form, const struct krn_problem *p)
{
    return tiles_along(p->oh, form->out) * tiles_along(p->ow, form->out);
}

/* Time of `products` matrix products of so many rows, in rows: OpenBLAS packs the weights of each,
 * which takes as long as some rows of it. */
static double product_rows(size_t products, size_t rows)
{
    return (double)products * ((double)rows + 16);
}

const struct qnt_winograd *qnt_winograd_choose(const struct krn_problem *p)
{
    const struct qnt_winograd *best = NULL;
    double least = product_rows(TAPS * TAPS, (size_t)p->oh * (size_t)p->ow);

    if (p->kh != TAPS || p->kw != TAPS || p->sh != 1 || p->sw != 1 || p->dh != 1 || p->dw != 1 ||
        p->groups != 1 || p->ic < CHANNELS_LEAST || p->oc < CHANNELS_LEAST)
        return NULL;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const size_t in = (size_t)forms[i].in;
        const double rows = product_rows(in * in, tile_count(&forms[i], p));
        if (rows < least) {
            best = &forms[i];
            least = rows;
        }
    }
    return best;
}

/* ---- Weights */

float *qnt_winograd_weights(const struct qnt_winograd *form, const struct qnt_node *node)
{
    const size_t ic = (size_t)node->problem.ic, oc = (size_t)node->problem.oc;
    const size_t in = (size_t)form->in;
    float *u = malloc(in * in * ic * oc * sizeof(*u));

    for (size_t o = 0; u && o < oc; o++)
        for (size_t i = 0; i < ic; i++) {
            const float *w = node->weight + o * TAPS * TAPS * ic + i; /* [3][3][ic] */
            for (size_t e = 0; e < in * in; e++) {
                double sum = 0;
                for (size_t t = 0; t < TAPS * TAPS; t++)
                    sum +=
                        form->g[e / in][t / TAPS] * form->g[e % in][t % TAPS] * (double)w[t * ic];
                u[(e * ic + i) * oc + o] = (float)sum;
            }
        }
    return u;
}

/* ---- Running */

static size_t block_tiles(const struct qnt_winograd *form, const struct krn_problem *p)
{
    const size_t all = tile_count(form, p), in = (size_t)form->in;
    size_t tiles = BLOCK_FLOATS / (in * in * ((size_t)p->ic + (size_t)p->oc));

    tiles = tiles < BLOCK_LEAST ? BLOCK_LEAST : tiles;
    const size_t blocks = (all + tiles - 1) / tiles;
    return (all + blocks - 1) / blocks; /* all of a size: each packs the weights anew */
}

size_t qnt_winograd_scratch(const struct qnt_winograd *form, const struct krn_problem *p)
{
    const size_t in = (size_t)form->in, ic = (size_t)p->ic;

    return in * in * (block_tiles(form, p) * (ic + (size_t)p->oc) + ic); /* V, M, one tile */
}

/* The pixels of the tile at (y, x), some of them outside the image, to tile[in][in][ic]. */
static void gather(const struct krn_problem *p, const float *x, int64_t top, int64_t left, int in,
                   float *tile)
{
    const size_t ic = (size_t)p->ic;

    for (int i = 0; i < in; i++)
        for (int j = 0; j < in; j++, tile += ic) {
            const int64_t iy = top + i, ix = left + j;
            if (iy < 0 || iy >= p->ih || ix < 0 || ix >= p->iw)
                memset(tile, 0, ic * sizeof(*tile));
            else
                memcpy(tile, x + ((size_t)iy * (size_t)p->iw + (size_t)ix) * ic,
                       ic * sizeof(*tile));
        }
}

/* V of tile number `index`: element e of channel c to v[e * step + c]. */
static void put_input(const struct qnt_winograd *form, const struct krn_problem *p, const float *x,
                      size_t index, float *tile, float *v, size_t step)
{
    const size_t along = tiles_along(p->ow, form->out), ic = (size_t)p->ic;
    const int64_t top = (int64_t)(index / along) * form->out - p->ph;
    const int64_t left = (int64_t)(index % along) * form->out - p->pw;
    struct view from = { (size_t)p->iw * ic, ic };
    const float *d;

    if (top >= 0 && left >= 0 && top + form->in <= p->ih && left + form->in <= p->iw) {
        d = x + ((size_t)top * (size_t)p->iw + (size_t)left) * ic;
    } else {
        gather(p, x, top, left, form->in, tile);
        from.row = (size_t)form->in * ic;
        d = tile;
    }
    for (size_t c = 0; c < ic; c += LANES)
        form->input(d + c, from, ic - c < LANES ? ic - c : LANES, v + c, step);
}

/* Bias and clamp of what of a tile lies in the output. */
QNT_WIDE static void store(const struct qnt_node *node, const float *y, size_t height, size_t width,
                           size_t out, size_t first, size_t lanes, float *to)
{
    const size_t oc = (size_t)node->c;
    const float *restrict bias = node->bias + first;
    const float lo = node->lo, hi = node->hi;

    for (size_t i = 0; i < height; i++)
        for (size_t j = 0; j < width; j++) {
            const float *restrict sum = y + (i * out + j) * LANES;
            float *restrict pixel = to + (i * (size_t)node->w + j) * oc + first;
            for (size_t k = 0; k < lanes; k++) {
                float x = sum[k] + bias[k];
                x = lo > x ? lo : x;
                pixel[k] = hi < x ? hi : x;
            }
        }
}

/* The outputs of tile number `index`. */
static void take_output(const struct qnt_winograd *form, const struct qnt_node *node, size_t index,
                        const float *m, size_t step, float *out)
{
    const struct krn_problem *p = &node->problem;
    const size_t size = (size_t)form->out, along = tiles_along(p->ow, form->out);
    const size_t oc = (size_t)p->oc, top = index / along * size, left = index % along * size;
    const size_t below = (size_t)p->oh - top, right = (size_t)p->ow - left;
    float y[OUT_MAX * OUT_MAX * LANES];

    for (size_t c = 0; c < oc; c += LANES) {
        const size_t lanes = oc - c < LANES ? oc - c : LANES;
        form->output(m + c, step, lanes, y);
        store(node, y, below < size ? below : size, right < size ? right : size, size, c, lanes,
              out + (top * (size_t)p->ow + left) * oc);
    }
}

void qnt_winograd_run(const struct qnt_float_layer *layer, const struct qnt_node *node,
                      const float *x, float *scratch, float *out)
{
    const struct qnt_winograd *form = layer->form;
    const struct krn_problem *p = &node->problem;
    const size_t all = tile_count(form, p), block = block_tiles(form, p);
    const size_t ic = (size_t)p->ic, oc = (size_t)p->oc, elements = (size_t)(form->in * form->in);
    float *v = scratch, *m = v + elements * block * ic, *tile = m + elements * block * oc;

    for (size_t first = 0; first < all; first += block) {
        const size_t count = all - first < block ? all - first : block;
        for (size_t i = 0; i < count; i++)
            put_input(form, p, x, first + i, tile, v + i * ic, block * ic);
        for (size_t e = 0; e < elements; e++)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)count, (blasint)oc,
                        (blasint)ic, 1, v + e * block * ic, (blasint)ic,
                        layer->weight + e * ic * oc, (blasint)oc, 0, m + e * block * oc,
                        (blasint)oc);
        for (size_t i = 0; i < count; i++)
            take_output(form, node, first + i, m + i * oc, block * oc, out);
    }
}
