/* Direct convolution: runs of output pixels, tap by tap, without a table of pointers. A run is a
 * row of the output, or a piece of the pixels of a 1x1 layer. Its taps are addressed on the input
 * itself, or on rows that are copied to scratch: padded, so that nothing is read beside them, and
 * in the form that the MAC wants. Where a line of the filter is contiguous and short it is one tap.
 *
 * A tap in the padding adds the same to every pixel, (zp_in + a_bias) * sum(w), which packing
 * leaves behind the weights: lines of the filter above or below the image are left out, and so is
 * a column beside it where a single pixel meets it.
 *
 * Scratch: taps, bias, tile for a column tail, ring of rows. */
#include "kernels/conv_int.h"

#include <string.h>

enum {
    RUN_BYTES = 16 << 10,   /* of A for a run of a 1x1 layer at least: half a small L1 */
    LONG_BYTES = 64 << 10,  /* at most, where nothing is copied and there are UNITS all the same */
    UNITS = 16,             /* of work, for threads to share */
    RING_BYTES = 192 << 10, /* of copied rows that all panels pass over */
    LINE_CHANNELS = 32      /* fewer than these: a tap is a line of the filter */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int krn_direct_by_line(const struct krn_problem *p, const struct krn_kernel *kernel)
{
    return kernel->copies && !kernel->diagonal && p->groups == 1 && p->dw == 1 &&
           p->ic < LINE_CHANNELS;
}

/* Input rows that one output row spans. */
static int64_t extent(const struct krn_problem *p)
{
    return (int64_t)(p->kh - 1) * p->dh + 1;
}

static int64_t ring_count(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    if (!conv->kernel->copies)
        return 0;
    int again = conv->driver.loop_order == 0 && conv->panels > 1; /* rows, for another panel */
    int64_t rows = again ? conv->block_tiles : 1;
    if (krn_is_pixelwise(p))
        return rows;
    return smaller((rows - 1) * p->sh + extent(p), larger(p->ih, 1));
}

/* Pixels of a run of a 1x1 layer: a call costs as much as a hundred MACs or so. */
static int64_t run_of(const struct krn_conv *conv, int64_t pixels)
{
    const struct krn_problem *p = &conv->problem;
    int64_t bytes = (int64_t)p->ic * conv->kernel->w_bytes;
    int64_t shared = pixels * conv->panels * p->groups / UNITS, run = RUN_BYTES / bytes;
    if (!conv->kernel->copies)
        run = larger(run, smaller(LONG_BYTES / bytes, shared));
    return smaller(pixels, krn_round_up(larger(run, 1), conv->kernel->mr));
}

/* As many runs, of nearly the same length, so that threads share them evenly: else the last one has
 * what is left, and may be twice as long. */
static int64_t balanced_run(const struct krn_conv *conv, int64_t pixels)
{
    int64_t mr = conv->kernel->mr, runs = conv->row_tiles;
    int64_t run = krn_round_up((pixels + runs - 1) / runs, mr);
    return pixels - (runs - 1) * run >= mr ? run : conv->run;
}

void krn_direct_shape(struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    int64_t pixels = (int64_t)p->n * p->oh * p->ow;
    if (krn_is_pixelwise(p)) {
        conv->run = run_of(conv, pixels);
        conv->row_tiles = pixels / conv->run;
        conv->run = balanced_run(conv, pixels);
    } else {
        conv->run = p->ow;
        conv->row_tiles = (int64_t)p->n * p->oh;
    }
    int64_t block = conv->driver.mc_tiles;
    if (block == 0 && conv->kernel->copies)
        block = larger(RING_BYTES / krn_ring_row_bytes(conv) / p->sh, 1);
    conv->block_tiles = block == 0 ? conv->row_tiles : smaller(block, conv->row_tiles);
}

struct scratch {
    int64_t taps, bias, tile, ring, end; /* offsets in bytes */
};

static struct scratch scratch_of(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    struct scratch s = { 0 };
    int64_t nr = conv->kernel->nr, longest = krn_is_pixelwise(p) ? 2 * conv->run : conv->run;
    s.bias = s.taps + krn_round_up(conv->taps * (int64_t)sizeof(struct krn_tap), KRN_ALIGN);
    s.tile = s.bias + krn_round_up(nr * (int64_t)sizeof(int32_t), KRN_ALIGN);
    s.ring = s.tile;
    if (p->oc / p->groups % nr)
        s.ring += krn_copy_bytes(conv->kernel, longest);
    s.end = s.ring;
    if (conv->kernel->copies)
        s.end += (ring_count(conv) + 1) * krn_ring_row_bytes(conv);
    return s;
}

int64_t krn_direct_scratch_bytes(const struct krn_conv *conv)
{
    return scratch_of(conv).end;
}

/* What a run needs again for the next panel. A layer's taps differ from run to run in their
 * addresses only: all of them lie in scratch, and a run has those of some lines. */
struct run {
    const struct krn_job *job;
    struct krn_ring ring;
    struct scratch at;
    struct krn_tap *taps;
    int64_t row, group, channel; /* channel: the first one that a pixel reads */
    int64_t group_channels, group_columns;
    int64_t tap_bytes, line_taps, first_line, end_line; /* lines of the filter inside the image */
    int is_flat;                                        /* 1x1: a run of pixels, not of a row */
    int is_followed; /* the next group's same run and panel are of this job, too */
    struct krn_direct_args args;
};

/* Elements from a pixel that is read to the next one. */
static int64_t pixel_of(const struct krn_conv *conv)
{
    return conv->kernel->copies ? krn_ring_pixel(conv) : conv->problem.ic;
}

/* Whether rows of one group are in the ring, so that a pixel's first channel is that of the group.
 */
static int is_apart(const struct krn_conv *conv)
{
    return conv->kernel->copies && !conv->kernel->diagonal;
}

/* From the first channel of a pixel, as it lies or is copied, to the one that is read. */
static int64_t lead_of(const struct run *r)
{
    const struct krn_conv *conv = r->job->conv;
    return is_apart(conv) ? 0 : r->channel * conv->kernel->w_bytes;
}

/* The row of the input, or of its copy, that is row y of the image. */
static const char *line_of(struct run *r, int64_t image, int64_t y)
{
    const struct krn_conv *conv = r->job->conv;
    const struct krn_problem *p = &conv->problem;
    if (conv->kernel->copies)
        return krn_ring_row(&r->ring, y);
    return (const char *)r->job->in + (image * p->ih + y) * p->iw * p->ic;
}

static const char *below(struct run *r, const char *line, int64_t rows)
{
    const struct krn_problem *p = &r->job->conv->problem;
    if (r->job->conv->kernel->copies)
        return krn_ring_below(&r->ring, line, rows);
    return line + rows * p->iw * p->ic;
}

/* The one pixel of the run that finds filter column kx beside the image, if it may be left out. */
static int64_t skip_of(const struct krn_conv *conv, int64_t kx)
{
    const struct krn_problem *p = &conv->problem;
    int64_t first = kx * p->dw - p->pw, last = first + (int64_t)(p->ow - 1) * p->sw;
    if (!conv->kernel->copies || krn_direct_by_line(p, conv->kernel))
        return 0;
    return first < 0 ? KRN_SKIP_FIRST : last >= p->iw ? KRN_SKIP_LAST : 0;
}

/* All but the addresses. */
static void set_taps(struct run *r)
{
    const struct krn_conv *conv = r->job->conv;
    int64_t sums = krn_head_bytes(conv->kernel) + conv->taps * r->tap_bytes;
    for (int64_t tap = 0; tap < conv->taps; tap++)
        r->taps[tap] = (struct krn_tap) {
            .w = tap * r->tap_bytes,
            .skipped = sums + tap * conv->kernel->nr * (int64_t)sizeof(int32_t),
            .skip = r->is_flat ? 0 : skip_of(conv, tap % r->line_taps),
        };
}

/* Which lines of the filter find rows of the image, from row y on. */
static void set_lines(struct run *r, int64_t y)
{
    const struct krn_problem *p = &r->job->conv->problem;
    r->first_line = 0;
    while (r->first_line < p->kh && y + r->first_line * p->dh < 0)
        r->first_line++;
    r->end_line = p->kh;
    while (r->end_line > r->first_line && y + (r->end_line - 1) * p->dh >= p->ih)
        r->end_line--;
}

/* Everything but the panel: taps and where the pixels are. */
static void begin_row(struct run *r, int64_t row)
{
    const struct krn_conv *conv = r->job->conv;
    const struct krn_problem *p = &conv->problem;
    int64_t bytes = conv->kernel->w_bytes, next = p->dw * pixel_of(conv) * bytes;
    int64_t image = row / p->oh, y = row % p->oh * p->sh - p->ph;
    set_lines(r, y);
    if (conv->kernel->copies)
        krn_ring_want(&r->ring, r->job->in, image, y, y + extent(p));
    struct krn_tap *tap = r->taps + r->first_line * r->line_taps;
    const char *a = line_of(r, image, y + r->first_line * p->dh) + lead_of(r);
    r->args.taps = tap;
    for (int64_t ky = r->first_line; ky < r->end_line; ky++) {
        for (int64_t kx = 0; kx < r->line_taps; kx++, tap++)
            tap->a = a + kx * next;
        a = below(r, a, p->dh);
    }
    r->args.tap_count = (r->end_line - r->first_line) * r->line_taps;
    r->args.width = p->ow;
}

/* The same for a run of a 1x1 layer. */
static void begin_pixels(struct run *r, int64_t run)
{
    const struct krn_conv *conv = r->job->conv;
    const struct krn_problem *p = &conv->problem;
    const char *a = (const char *)r->job->in + run * conv->run * p->ic;
    r->args.tap_count = 1;
    r->args.width = conv->run;
    if (run == conv->row_tiles - 1)
        r->args.width = (int64_t)p->n * p->oh * p->ow - run * conv->run;
    if (conv->kernel->copies) {
        krn_ring_want(&r->ring, r->job->in, 0, run, run + 1);
        a = krn_ring_row(&r->ring, run);
    }
    r->taps[0].a = a + lead_of(r);
}

static void move_taps(struct run *r, int64_t bytes)
{
    struct krn_tap *tap = r->taps + (r->is_flat ? 0 : r->first_line * r->line_taps);
    for (int64_t i = 0; i < r->args.tap_count; i++)
        tap[i].a = (const char *)tap[i].a + bytes;
}

/* The same row, other channels: from one panel of a diagonal to the next, say. */
static void move_channel(struct run *r, int64_t channel)
{
    if (channel == r->channel)
        return;
    move_taps(r, (channel - r->channel) * r->job->conv->kernel->w_bytes);
    r->channel = channel;
}

/* Where the sums begin: the panel's bias, and what the lines outside the image add. */
static const int32_t *bias_of(const struct run *r, const char *panel)
{
    const struct krn_conv *conv = r->job->conv;
    int64_t nr = conv->kernel->nr, lines = conv->problem.kh, per_line = conv->taps / lines;
    if (r->first_line == 0 && r->end_line == lines)
        return (const int32_t *)(const void *)panel;
    uint32_t *bias = (uint32_t *)(void *)(r->job->scratch + r->at.bias);
    const uint32_t *sums = (const uint32_t *)(const void *)(panel + krn_head_bytes(conv->kernel) +
                                                            conv->taps * r->tap_bytes);
    memcpy(bias, panel, (size_t)nr * sizeof *bias);
    for (int64_t tap = 0; tap < conv->taps; tap++, sums += nr) {
        int64_t line = tap / per_line;
        for (int64_t j = 0; j < nr && (line < r->first_line || line >= r->end_line); j++)
            bias[j] += sums[j];
    }
    return (const int32_t *)bias;
}

/* Kernels that write pixel by pixel, upwards. Others may write a vector of each of their rows. */
static int writes_upwards(const struct krn_kernel *kernel)
{
    return kernel->isa == KRN_ISA_AVX2 || kernel->isa == KRN_ISA_AVXVNNI ||
           kernel->isa == KRN_ISA_AVX512VNNI;
}

/* Whether what a pixel writes beside its `columns` may fall on the pixels behind it, which are
 * written later: there is nothing else between them, no other panel has written there, and the last
 * mr pixels, which are copied, reach as far. No tap may look for the ends of the run. */
static int spills(const struct run *r, int64_t columns)
{
    const struct krn_conv *conv = r->job->conv;
    const struct krn_kernel *kernel = conv->kernel;
    return writes_upwards(kernel) && columns == conv->out_pixel &&
           r->args.width >= 2 * (int64_t)kernel->mr &&
           kernel->nr - columns <= kernel->mr * columns && !r->args.add &&
           krn_output_bytes(kernel) == 1 &&
           (!kernel->copies || krn_direct_by_line(&conv->problem, kernel));
}

/* Whether what pixels write beside their columns may fall on the next group, which comes later. */
static int spills_over(const struct run *r, int64_t columns)
{
    return r->is_followed && !r->args.add && r->job->conv->kernel->nr - columns <= r->group_columns;
}

/* Fewer columns than the kernel writes, at least the last pixels by way of scratch: the output,
 * then the second tensor. */
static void run_narrow(struct run *r, int64_t columns)
{
    const struct krn_kernel *kernel = r->job->conv->kernel;
    struct krn_direct_args args = r->args;
    int64_t nr = kernel->nr, size = krn_output_bytes(kernel), done = 0;
    if (spills(r, columns)) {
        done = args.width - kernel->mr;
        args.width = done;
        kernel->fn(&args);
        args.width = kernel->mr;
        move_taps(r, done * args.a_step);
    }
    int8_t *tile = (int8_t *)r->job->scratch + r->at.tile, *add = tile + args.width * nr * size;
    args.c = tile;
    args.c_stride = nr * size;
    if (args.add) {
        krn_copy_columns(add, nr, args.add, args.add_stride, args.width, columns);
        args.add = add;
        args.add_stride = nr;
    }
    kernel->fn(&args);
    krn_copy_columns(r->args.c + done * r->args.c_stride, r->args.c_stride, tile, nr * size,
                     args.width, columns * size);
    move_taps(r, -done * args.a_step);
}

static void run_panel(struct run *r, int64_t panel)
{
    const struct krn_conv *conv = r->job->conv;
    int64_t nr = conv->kernel->nr, pixel = r->row * conv->run;
    int64_t first = r->group * r->group_columns + panel * nr;
    int64_t columns = smaller(nr, r->group_columns - panel * nr);
    const char *w = r->job->packed + (r->group * conv->panels + panel) * conv->panel_bytes;
    r->args.w = w;
    r->args.bias = bias_of(r, w);
    r->args.c = r->job->out + (pixel * conv->out_pixel + first) * krn_output_bytes(conv->kernel);
    r->args.add = krn_add_at(conv, pixel, first);
    if (columns == nr || spills_over(r, columns))
        conv->kernel->fn(&r->args);
    else
        run_narrow(r, columns);
}

static void begin(struct run *r, const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    const struct krn_problem *p = &conv->problem;
    const struct krn_kernel *kernel = conv->kernel;
    int64_t depth = krn_round_up(conv->depth, kernel->kr);
    *r = (struct run) { .job = job, .at = scratch_of(conv), .row = -1 };
    r->is_flat = krn_is_pixelwise(p);
    r->line_taps = conv->taps / p->kh;
    r->group_channels = p->ic / p->groups;
    r->group_columns = p->oc / p->groups;
    r->tap_bytes = depth * kernel->nr * kernel->w_bytes;
    r->taps = (struct krn_tap *)(void *)(job->scratch + r->at.taps);
    r->end_line = p->kh;
    r->args.taps = r->taps;
    r->args.a_step = p->sw * pixel_of(conv) * kernel->w_bytes;
    r->args.groups = depth / kernel->kr;
    r->args.out = krn_out_of(&conv->quant);
    r->args.c_stride = conv->out_pixel * krn_output_bytes(kernel);
    r->args.add_stride = p->oc;
    r->args.add_factor = conv->add.factor;
    r->args.add_zp = conv->add.zp;
    set_taps(r);
    if (kernel->copies)
        krn_ring_begin(&r->ring, conv, job->scratch + r->at.ring, ring_count(conv));
}

/* A unit: a run of pixels and a panel. */
static void begin_run(struct run *r, int64_t row, int64_t group, int64_t panel)
{
    const struct krn_conv *conv = r->job->conv;
    int64_t channel = conv->kernel->diagonal ? panel * conv->kernel->nr : r->group_channels * group;
    r->group = group;
    if (row == r->row && (channel == r->channel || !is_apart(conv))) {
        move_channel(r, channel);
        return;
    }
    r->row = row;
    r->channel = channel;
    if (conv->kernel->copies)
        krn_ring_group(&r->ring, channel);
    (r->is_flat ? begin_pixels : begin_row)(r, row);
}

void krn_direct_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    int order = conv->driver.loop_order;
    int64_t group_units = conv->row_tiles * conv->panels;
    struct krn_walk walk;
    struct run r;
    begin(&r, job);
    for (krn_walk_begin(job, &walk); walk.left > 0; krn_walk_next(conv, &walk))
        for (int64_t i = 0; i < walk.count; i++) {
            int64_t row = walk.row + (order == 0 ? i : 0);
            int64_t panel = walk.panel + (order == 0 ? 0 : i);
            r.is_followed = walk.left - i > group_units;
            begin_run(&r, row, walk.group, panel);
            run_panel(&r, panel);
        }
}
