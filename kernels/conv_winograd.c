/* Winograd: the driver. A row tile is mr tiles of the output, side by side; its transformed input
 * lies in a slot of scratch, as the micro-kernel reads it, until all panels of its block have
 * passed. See winograd_int.h for the arithmetic. */
#include "kernels/winograd_int.h"

#include <string.h>

/* Transformed input that stays in the second-level cache while the panels pass, unless told. */
#define BLOCK_BYTES ((int64_t)256 << 10)

struct shape {
    const struct krn_wino_form *form;
    int64_t elements;          /* in * in */
    int64_t across, down, all; /* tiles of an image, and of all images */
    int64_t chunks, chunk;     /* of input channels: how many, and channels of each but the last */
    int64_t depth;             /* channels, to whole groups of eight */
    int64_t slot_bytes, product_bytes, sums_bytes; /* parts of scratch: a slot; M; sums of chunks */
};

static struct shape shape_of(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    const struct krn_kernel *kernel = conv->kernel;
    struct shape s = { .form = krn_wino_form(kernel->filter) };
    int64_t outputs = s.form->out * s.form->out;
    s.elements = s.form->in * s.form->in;
    s.across = (p->ow + s.form->out - 1) / s.form->out;
    s.down = (p->oh + s.form->out - 1) / s.form->out;
    s.all = p->n * s.across * s.down;
    s.depth = krn_round_up(p->ic / p->groups, KRN_WINO_LANES);
    s.chunks = (s.depth + s.form->depth_max - 1) / s.form->depth_max;
    s.chunk = krn_round_up((s.depth + s.chunks - 1) / s.chunks, KRN_WINO_LANES);
    s.slot_bytes = s.elements * s.depth * kernel->mr * (int64_t)sizeof(int16_t);
    s.product_bytes = s.elements * kernel->mr * kernel->nr * (int64_t)sizeof(int32_t);
    if (s.chunks > 1)
        s.sums_bytes = outputs * kernel->mr * kernel->nr * (int64_t)sizeof(int32_t);
    return s;
}

static int64_t chunk_depth(const struct shape *s, int64_t chunk)
{
    int64_t rest = s->depth - chunk * s->chunk;
    return rest < s->chunk ? rest : s->chunk;
}

void krn_winograd_size(struct krn_conv *conv, struct krn_sizes *sizes)
{
    const struct krn_problem *p = &conv->problem;
    const struct krn_kernel *kernel = conv->kernel;
    struct shape s = shape_of(conv);
    int64_t block = conv->driver.mc_tiles;
    conv->taps = s.elements;
    conv->depth = p->ic / p->groups;
    conv->panels = (p->oc / p->groups + kernel->nr - 1) / kernel->nr;
    conv->panel_bytes = krn_round_up(
        krn_head_bytes(kernel) + kernel->nr * s.elements * s.depth * kernel->w_bytes, KRN_ALIGN);
    conv->row_tiles = (s.all + kernel->mr - 1) / kernel->mr;
    conv->tiles = p->groups * conv->row_tiles * conv->panels;
    if (block == 0)
        block = BLOCK_BYTES / s.slot_bytes > 0 ? BLOCK_BYTES / s.slot_bytes : 1;
    conv->block_tiles = block < conv->row_tiles ? block : conv->row_tiles;
    sizes->packed = p->groups * conv->panels * conv->panel_bytes;
    sizes->workspace = krn_padding_bytes(p);
    sizes->scratch = conv->block_tiles * s.slot_bytes + s.product_bytes + s.sums_bytes;
}

/* ---- Weights */

/* out = a * x + b * y + c * z, channel by channel. */
static void add_three(int16_t *out, const int16_t *x, int a, const int16_t *y, int b,
                      const int16_t *z, int c)
{
    for (int i = 0; i < KRN_WINO_LANES; i++)
        out[i] = (int16_t)(a * x[i] + b * y[i] + c * z[i]);
}

/* U = g W g' of `count` neighbouring input channels, element by element: first the columns of the
 * filters, then the rows. w has `step` bytes between taps. */
static void transform_weights(const struct krn_wino_form *form, const int8_t *w, int64_t step,
                              int64_t count, int16_t (*u)[KRN_WINO_LANES])
{
    int16_t tap[9][KRN_WINO_LANES] = { { 0 } }, column[3][KRN_WINO_LANES];
    for (int t = 0; t < 9; t++)
        for (int64_t i = 0; i < count; i++)
            tap[t][i] = w[t * step + i];
    for (int y = 0; y < form->in; y++) {
        for (int x = 0; x < 3; x++)
            add_three(column[x], tap[x], form->g[y][0], tap[3 + x], form->g[y][1], tap[6 + x],
                      form->g[y][2]);
        for (int x = 0; x < form->in; x++)
            add_three(*u++, column[0], form->g[x][0], column[1], form->g[x][1], column[2],
                      form->g[x][2]);
    }
}

void krn_winograd_pack_column(const struct krn_conv *conv, const int8_t *weights, void *body,
                              int64_t j)
{
    struct shape s = shape_of(conv);
    int64_t nr = conv->kernel->nr, kr = conv->kernel->kr;
    int16_t u[KRN_WINO_IN_MAX * KRN_WINO_IN_MAX][KRN_WINO_LANES], *to = body;
    for (int64_t c = 0; c < conv->depth; c += KRN_WINO_LANES) {
        int64_t chunk = c / s.chunk, depth = chunk_depth(&s, chunk), rest = conv->depth - c;
        int64_t count = rest < KRN_WINO_LANES ? rest : KRN_WINO_LANES;
        int16_t *first = to + (chunk * s.chunk * s.elements + c % s.chunk) * nr + j * kr;
        transform_weights(s.form, weights + c, conv->depth, count, u);
        for (int64_t e = 0; e < s.elements; e++, first += depth * nr)
            for (int64_t i = 0; i < count; i++)
                first[i / kr * kr * nr + i % kr] = u[e][i];
    }
}

/* ---- Input */

void krn_winograd_setup(const struct krn_conv *conv, const int8_t *in, void *workspace)
{
    (void)in;
    krn_padding_fill(conv, workspace);
}

/* The input pixels of output tile `tile`, those outside being padding. */
static void find_pixels(const struct krn_job *job, const struct shape *s, int64_t tile,
                        const int8_t **pixel)
{
    const struct krn_problem *p = &job->conv->problem;
    int64_t image = tile / (s->across * s->down), row = tile / s->across % s->down;
    int64_t top = row * s->form->out - p->ph, left = tile % s->across * s->form->out - p->pw;
    for (int64_t y = top; y < top + s->form->in; y++)
        for (int64_t x = left; x < left + s->form->in; x++) {
            int outside = y < 0 || y >= p->ih || x < 0 || x >= p->iw;
            *pixel++ = outside ? (const int8_t *)job->workspace
                               : job->in + ((image * p->ih + y) * p->iw + x) * p->ic;
        }
}

/* All channels of a group, of the tile with these pixels, as tile `i` of the slot:
 * [chunk][element][channels / 8][mr][8]. */
static void transform_tile(const struct krn_conv *conv, const struct shape *s,
                           const int8_t *const *pixel, int64_t i, int16_t *slot)
{
    int64_t mr = conv->kernel->mr;
    for (int64_t c = 0; c < conv->depth; c += KRN_WINO_LANES) {
        int64_t chunk = c / s->chunk, depth = chunk_depth(s, chunk), rest = conv->depth - c;
        int16_t *to = slot + (chunk * s->chunk * s->elements + c % s->chunk) * mr;
        krn_wino_input(s->form, pixel, c, rest < KRN_WINO_LANES ? (int)rest : KRN_WINO_LANES,
                       to + i * KRN_WINO_LANES, depth * mr);
    }
}

/* Tiles beyond the last one are computed and forgotten: any input will do. */
static void transform_row(const struct krn_job *job, const struct shape *s, int64_t group,
                          int64_t row, int16_t *slot)
{
    const struct krn_conv *conv = job->conv;
    const int8_t *pixel[KRN_WINO_IN_MAX * KRN_WINO_IN_MAX];
    for (int64_t i = 0; i < conv->kernel->mr; i++) {
        int64_t tile = row * conv->kernel->mr + i;
        find_pixels(job, s, tile < s->all ? tile : s->all - 1, pixel);
        for (int64_t e = 0; e < s->elements; e++)
            pixel[e] += group * conv->depth;
        transform_tile(conv, s, pixel, i, slot);
    }
}

/* ---- Output */

/* Where the tiles of a job go. */
struct target {
    const struct krn_job *job;
    const struct shape *shape;
    struct krn_out out;
    int32_t *product; /* M: [element][mr][nr] */
    uint32_t *sums;   /* [mr][nr * out * out] */
};

static void place_tile(const struct target *g, int64_t tile, int64_t first,
                       struct krn_wino_tile *to)
{
    const struct krn_conv *conv = g->job->conv;
    const struct krn_problem *p = &conv->problem;
    const struct shape *s = g->shape;
    int64_t size = s->form->out, image = tile / (s->across * s->down);
    int64_t y = tile / s->across % s->down * size, x = tile % s->across * size;
    int64_t pixel = (image * p->oh + y) * p->ow + x;
    to->to = g->job->out + pixel * to->pixel_bytes + first * krn_output_bytes(conv->kernel);
    to->add = krn_add_at(conv, pixel, first);
    to->height = (int)(p->oh - y < size ? p->oh - y : size);
    to->width = (int)(p->ow - x < size ? p->ow - x : size);
}

static void finish_row(const struct target *g, struct krn_wino_tile *tile, int64_t row,
                       int64_t first)
{
    int64_t mr = g->job->conv->kernel->mr, nr = g->job->conv->kernel->nr;
    int64_t outputs = g->shape->form->out * g->shape->form->out;
    for (int64_t i = 0; i < mr && row * mr + i < g->shape->all; i++) {
        tile->product = g->product + i * nr;
        tile->sums = g->sums + i * nr * outputs;
        place_tile(g, row * mr + i, first, tile);
        krn_wino_output(g->shape->form, tile);
    }
}

/* One row tile times one panel, whose output channels begin at `first`. */
static void run_unit(const struct target *g, const char *panel, const int16_t *slot, int64_t row,
                     int64_t first, int64_t columns)
{
    const struct krn_conv *conv = g->job->conv;
    const struct shape *s = g->shape;
    int64_t mr = conv->kernel->mr, nr = conv->kernel->nr;
    int64_t pixel_bytes = conv->out_pixel * krn_output_bytes(conv->kernel);
    const int32_t *bias = (const int32_t *)(const void *)panel;
    const int16_t *weights = (const int16_t *)(const void *)(panel + krn_head_bytes(conv->kernel));
    struct krn_wino_tile tile = {
        .step = mr * nr,
        .bias = bias,
        .scale = bias + nr,
        .out = &g->out,
        .row_bytes = conv->problem.ow * pixel_bytes,
        .pixel_bytes = pixel_bytes,
        .channels = (int)(columns < nr ? columns : nr),
        .epilogue = (enum krn_epilogue)conv->kernel->epilogue,
        .nr = nr,
        .add_row = (int64_t)conv->problem.ow * conv->problem.oc,
        .add_pixel = conv->problem.oc,
        .add_zp = conv->add.zp,
        .add_factor = conv->add.factor,
    };
    for (int64_t chunk = 0; chunk < s->chunks; chunk++) {
        int64_t before = chunk * s->chunk * s->elements;
        struct krn_wino_args args = {
            .a = slot + before * mr,
            .w = weights + before * nr,
            .c = g->product,
            .k = chunk_depth(s, chunk),
            .elements = s->elements,
        };
        conv->kernel->fn(&args);
        tile.is_first = chunk == 0;
        tile.is_last = chunk == s->chunks - 1;
        finish_row(g, &tile, row, first);
    }
}

static void run_line(const struct target *g, const struct krn_walk *walk)
{
    const struct krn_conv *conv = g->job->conv;
    int64_t group_oc = conv->problem.oc / conv->problem.groups, row = walk->row;
    int64_t index = walk->panel;
    for (int64_t i = 0; i < walk->count; i++) {
        const char *slot = g->job->scratch + (row - walk->block) * g->shape->slot_bytes;
        int64_t panel = walk->group * conv->panels + index, column = index * conv->kernel->nr;
        run_unit(g, g->job->packed + panel * conv->panel_bytes, (const int16_t *)(const void *)slot,
                 row, walk->group * group_oc + column, group_oc - column);
        if (conv->driver.loop_order == 0)
            row++;
        else
            index++;
    }
}

void krn_winograd_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    struct shape s = shape_of(conv);
    char *rest = job->scratch + conv->block_tiles * s.slot_bytes;
    struct target g = {
        .job = job,
        .shape = &s,
        .out = krn_out_of(&conv->quant),
        .product = (int32_t *)(void *)rest,
        .sums = (uint32_t *)(void *)(rest + s.product_bytes),
    };
    struct krn_walk walk;
    int64_t seen = 0;
    krn_walk_begin(job, &walk);
    while (walk.left > 0) {
        int64_t fresh = krn_fresh_tiles(conv, &walk, seen);
        for (int64_t i = 0; i < fresh; i++) {
            char *slot = job->scratch + (walk.row - walk.block + i) * s.slot_bytes;
            transform_row(job, &s, walk.group, walk.row + i, (int16_t *)(void *)slot);
        }
        run_line(&g, &walk);
        int64_t block = walk.block, group = walk.group;
        seen += walk.count;
        krn_walk_next(conv, &walk);
        if (walk.block != block || walk.group != group)
            seen = 0;
    }
}
