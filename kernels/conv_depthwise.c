/* Depthwise: one call per output row, or per few of them. Pointers of a call run column by column,
 * so that neighbouring pixels, whose windows overlap, share them. */
#include "kernels/conv_int.h"

#include <string.h>

/* Channels that the kernel computes: at least a block of them. */
static int64_t channels_of(const struct krn_conv *conv)
{
    int64_t oc = conv->problem.oc, nr = conv->kernel->nr;
    return oc < nr ? nr : oc;
}

static int is_narrow(const struct krn_conv *conv)
{
    return conv->problem.oc < conv->kernel->nr;
}

int krn_depthwise_in_place(const struct krn_conv *conv)
{
    return krn_problem_is_depthwise(&conv->problem) && !is_narrow(conv);
}

static int64_t rows_of(const struct krn_conv *conv)
{
    return conv->kernel->family == KRN_FAMILY_DWC ? conv->kernel->rows : 1;
}

/* Pointers of one column: the filter's taps, and those of the rows below. */
static int64_t column_of(const struct krn_conv *conv)
{
    return conv->problem.kh + (rows_of(conv) - 1) * conv->problem.sh;
}

/* Pointers from one output pixel to the next. */
static int64_t step_of(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    /* with gaps between the taps, or a stride beyond the filter, nothing is shared */
    int shares = p->dw == 1 && p->sw < p->kw;
    return (shares ? p->sw : p->kw) * column_of(conv);
}

int64_t krn_depthwise_pointers(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    return (p->ow - 1) * step_of(conv) + p->kw * column_of(conv);
}

/* Calls, and tables, for one image. */
static int64_t image_calls(const struct krn_conv *conv)
{
    return (conv->problem.oh + rows_of(conv) - 1) / rows_of(conv);
}

/* Whether rows that are left over at the bottom are computed with rows above them that are done,
 * in the unit of the call before; else with rows that are none. */
static int goes_back(const struct krn_conv *conv)
{
    return conv->kernel->places && conv->problem.oh % rows_of(conv);
}

static int64_t image_units(const struct krn_conv *conv)
{
    return image_calls(conv) - goes_back(conv);
}

int64_t krn_depthwise_calls(const struct krn_conv *conv)
{
    return conv->problem.n * image_units(conv);
}

int64_t krn_depthwise_tables(const struct krn_conv *conv)
{
    return conv->problem.n * image_calls(conv);
}

/* The output row that the call begins with. */
static int64_t first_row(const struct krn_conv *conv, int64_t call)
{
    int64_t y = call * rows_of(conv), last = conv->problem.oh - rows_of(conv);
    return goes_back(conv) && y > last ? last : y;
}

int64_t krn_depthwise_weights(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    int64_t kr = conv->kernel->kr;
    if (conv->kernel->places)
        return (int64_t)p->kw * krn_quads_groups(conv->kernel) * krn_quads_shifts(conv->kernel) * 4;
    if (conv->kernel->family == KRN_FAMILY_DWC && kr == 4)
        return p->kw * krn_round_up(column_of(conv), kr) * rows_of(conv);
    return krn_round_up((int64_t)p->kh * p->kw, kr);
}

/* Rows of input that may be needed at once. */
static int64_t ring_rows(const struct krn_conv *conv)
{
    int64_t extent = (column_of(conv) - 1) * conv->problem.dh + 1;
    return extent < conv->problem.ih ? extent : conv->problem.ih;
}

/* ---- Where the input is: the image itself or, with a multiplier or fewer channels than a block,
 * rows of it in which every channel is there as often as it is used, and a pixel a block wide. */
struct image {
    const int8_t *rows;
    int64_t ring; /* row y is at y % ring */
    int64_t row_bytes, pixel_bytes;
    const int8_t *padding;
};

static void set_column(const struct krn_conv *conv, const struct image *image, int64_t y, int64_t x,
                       const int8_t **table)
{
    const struct krn_problem *p = &conv->problem;
    for (int64_t i = 0; i < column_of(conv); i++, y += p->dh) {
        int outside = y < 0 || y >= p->ih || x < 0 || x >= p->iw;
        table[i] = outside
                       ? image->padding
                       : image->rows + y % image->ring * image->row_bytes + x * image->pixel_bytes;
    }
}

/* All pointers of a call whose windows begin at row y. */
static void set_table(const struct krn_conv *conv, const struct image *image, int64_t y,
                      const int8_t **table)
{
    const struct krn_problem *p = &conv->problem;
    int64_t step = step_of(conv), column = column_of(conv);
    for (int64_t ox = 0; ox < p->ow; ox++)
        for (int64_t kx = 0; kx < p->kw; kx++)
            set_column(conv, image, y, ox * p->sw - p->pw + kx * p->dw,
                       table + ox * step + kx * column);
}

void krn_depthwise_setup(const struct krn_conv *conv, const int8_t *in, void *workspace)
{
    const struct krn_problem *p = &conv->problem;
    const int8_t **table = (const int8_t **)((char *)workspace + krn_padding_bytes(p));
    int64_t calls = image_calls(conv), image_bytes = (int64_t)p->ih * p->iw * p->ic;
    struct image image = { in, p->ih, (int64_t)p->iw * p->ic, p->ic, workspace };
    krn_padding_fill(conv, workspace);
    if (!krn_depthwise_in_place(conv))
        return;
    for (int64_t i = 0; i < p->n * calls; i++, table += krn_depthwise_pointers(conv)) {
        image.rows = in + i / calls * image_bytes;
        set_table(conv, &image, first_row(conv, i % calls) * p->sh - p->ph, table);
    }
}

/* ---- Scratch: a row of output that is none, or the rows of a call where pixels are wider than
 * those of the output; where the input is not used in place, a table and the ring of rows */

static int64_t forgotten_bytes(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    if (is_narrow(conv)) /* and a row of a second tensor */
        return krn_round_up(p->ow * channels_of(conv) * (krn_output_bytes(conv->kernel) + 1),
                            KRN_ALIGN);
    return p->oh % rows_of(conv) && !goes_back(conv)
               ? krn_round_up((int64_t)p->ow * p->oc * krn_output_bytes(conv->kernel), KRN_ALIGN)
               : 0;
}

static int64_t table_bytes(const struct krn_conv *conv)
{
    return krn_round_up(krn_depthwise_pointers(conv) * (int64_t)sizeof(void *), KRN_ALIGN);
}

int64_t krn_depthwise_scratch_bytes(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    int64_t bytes = forgotten_bytes(conv);
    if (!krn_depthwise_in_place(conv))
        bytes += table_bytes(conv) +
                 krn_round_up(ring_rows(conv) * p->iw * channels_of(conv), KRN_ALIGN);
    return bytes;
}

/* The same, pixels as wide as a block: what is behind their channels is not looked at. */
static void spread_pixels(const struct krn_conv *conv, const int8_t *from, int8_t *to)
{
    const struct krn_problem *p = &conv->problem;
    int64_t ic = p->ic, times = p->oc / p->ic, nr = conv->kernel->nr;
    for (int64_t x = 0; x < p->iw; x++, from += ic, to += nr)
        for (int64_t c = 0; c < nr; c++)
            to[c] = from[c / times < ic ? c / times : ic - 1];
}

/* A row of input, each channel `times` times. */
static void repeat_channels(const int8_t *from, int64_t count, int times, int8_t *to)
{
    if (times == 2) {
        for (int64_t i = 0; i < count; i++, to += 2)
            to[0] = to[1] = from[i];
        return;
    }
    for (int64_t i = 0; i < count; i++, to += times)
        memset(to, from[i], (size_t)times);
}

/* The table of a call, and what it points to. *ready: rows of this image that were made so far. */
static void make_row(const struct krn_conv *conv, const int8_t *from, int8_t *to)
{
    const struct krn_problem *p = &conv->problem;
    if (is_narrow(conv))
        spread_pixels(conv, from, to);
    else
        repeat_channels(from, (int64_t)p->iw * p->ic, p->oc / p->ic, to);
}

static const int8_t *const *make_table(const struct krn_job *job, int64_t image_index, int64_t call,
                                       int64_t *ready)
{
    const struct krn_conv *conv = job->conv;
    const struct krn_problem *p = &conv->problem;
    int64_t row = (int64_t)p->iw * p->ic, top = first_row(conv, call) * p->sh - p->ph;
    int64_t end = top + (column_of(conv) - 1) * p->dh + 1;
    const int8_t *in = job->in + image_index * p->ih * row;
    const int8_t **table = (const int8_t **)(void *)(job->scratch + forgotten_bytes(conv));
    int8_t *rows = (int8_t *)table + table_bytes(conv);
    int64_t pixel = channels_of(conv);
    struct image image = { rows, ring_rows(conv), p->iw * pixel, pixel,
                           (const int8_t *)job->workspace };
    if (call == 0)
        *ready = 0;
    for (int64_t y = top > *ready ? top : *ready; y < end && y < p->ih; y++)
        make_row(conv, in + y * row, rows + y % image.ring * image.row_bytes);
    *ready = end > *ready ? end : *ready;
    set_table(conv, &image, top, table);
    return table;
}

/* What does not change from call to call. */
struct calls {
    const struct krn_job *job;
    const int8_t *const *tables;
    int64_t ready;
    struct krn_dw_args args;
};

/* A row of fewer channels than a block (a DW kernel's: one row a call), by way of scratch. */
static void run_narrow(const struct calls *c, int8_t *out)
{
    const struct krn_conv *conv = c->job->conv;
    int64_t size = krn_output_bytes(conv->kernel), oc = conv->problem.oc, nr = conv->kernel->nr;
    int64_t width = conv->problem.ow;
    struct krn_dw_args args = c->args;
    int8_t *row = (int8_t *)c->job->scratch, *add = row + width * nr * size;
    args.c = row;
    if (args.add) {
        krn_copy_columns(add, nr, args.add, oc, width, oc);
        args.add = add;
        args.add_stride = nr;
    }
    conv->kernel->fn(&args);
    krn_copy_columns(out, oc * size, row, nr * size, width, oc * size);
}

static void run_call(struct calls *c, int64_t image, int64_t call)
{
    const struct krn_conv *conv = c->job->conv;
    const struct krn_problem *p = &conv->problem;
    int64_t y = first_row(conv, call), row = image * p->oh + y, out_row = p->ow * c->args.c_stride;
    int is_whole = y + rows_of(conv) <= p->oh;
    int64_t table = (image * image_calls(conv) + call) * krn_depthwise_pointers(conv);
    int8_t *out = c->job->out + row * p->ow * p->oc * krn_output_bytes(conv->kernel);
    c->args.a = krn_depthwise_in_place(conv) ? c->tables + table
                                             : make_table(c->job, image, call, &c->ready);
    c->args.add = krn_add_at(conv, row * p->ow, 0);
    if (is_narrow(conv)) {
        run_narrow(c, out);
        return;
    }
    c->args.c = out;
    /* the row below the last one is computed too, and forgotten */
    c->args.c_row = is_whole ? out_row : (intptr_t)c->job->scratch - (intptr_t)c->args.c;
    c->args.add_row = is_whole ? (int64_t)p->ow * p->oc : 0;
    conv->kernel->fn(&c->args);
}

void krn_depthwise_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    const struct krn_problem *p = &conv->problem;
    int64_t units = image_units(conv);
    struct calls c = {
        .job = job,
        .tables = (const int8_t *const *)(job->workspace + krn_padding_bytes(p)),
        .args = { .a_step = step_of(conv),
                  .w = job->packed,
                  .c_stride = channels_of(conv) * krn_output_bytes(conv->kernel),
                  .channels = channels_of(conv),
                  .width = p->ow,
                  .taps = conv->taps,
                  .out = krn_out_of(&conv->quant),
                  .add_stride = p->oc,
                  .add_factor = conv->add.factor,
                  .add_zp = conv->add.zp },
    };
    for (int64_t unit = job->begin; unit < job->end; unit++) {
        run_call(&c, unit / units, unit % units);
        if (goes_back(conv) && unit % units == units - 1)
            run_call(&c, unit / units, units);
    }
}
