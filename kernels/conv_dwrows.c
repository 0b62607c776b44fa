/* Depthwise on copied rows: a unit is a band of mr output rows. The last band of an image takes
 * the rows that are left over, too, by going back over rows that it has done. */
#include "kernels/conv_int.h"

enum { ROWS_MAX = 32 }; /* input rows of a band: (8 - 1) * 2 + 5, rounded up */

/* Input rows of mr output rows, and of the longest band. */
static int64_t rows_of(const struct krn_conv *conv, int64_t output_rows)
{
    return (output_rows - 1) * conv->problem.sh + conv->problem.kh;
}

static int64_t ring_count(const struct krn_conv *conv)
{
    return rows_of(conv, 2 * conv->kernel->mr - 1);
}

int64_t krn_dwrows_scratch_bytes(const struct krn_conv *conv)
{
    return (ring_count(conv) + 1) * krn_ring_row_bytes(conv);
}

static void run_rows(const struct krn_job *job, struct krn_ring *ring, int64_t image, int64_t y,
                     struct krn_dwrows_args *args)
{
    const struct krn_conv *conv = job->conv;
    const struct krn_problem *p = &conv->problem;
    const void *rows[ROWS_MAX];
    int64_t count = rows_of(conv, conv->kernel->mr), top = y * p->sh - p->ph;
    krn_ring_want(ring, job->in, image, top, top + count);
    for (int64_t i = 0; i < count; i++)
        rows[i] = krn_ring_row(ring, top + i);
    args->rows = rows;
    args->c = job->out + (image * p->oh + y) * args->c_row;
    args->add = krn_add_at(conv, (image * p->oh + y) * p->ow, 0);
    conv->kernel->fn(args);
}

void krn_dwrows_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    const struct krn_problem *p = &conv->problem;
    int64_t mr = conv->kernel->mr, bands = p->oh / mr;
    int64_t pixel = conv->out_pixel * krn_output_bytes(conv->kernel);
    struct krn_ring ring;
    struct krn_dwrows_args args = {
        .a_step = (int64_t)p->ic * conv->kernel->w_bytes,
        .w = job->packed,
        .c_stride = pixel,
        .c_row = p->ow * pixel,
        .channels = p->oc,
        .width = p->ow,
        .out = krn_out_of(&conv->quant),
        .add_stride = p->oc,
        .add_factor = conv->add.factor,
        .add_zp = conv->add.zp,
        .add_row = (int64_t)p->ow * p->oc,
    };
    krn_ring_begin(&ring, conv, job->scratch, ring_count(conv));
    for (int64_t unit = job->begin; unit < job->end; unit++) {
        int64_t image = unit / bands, band = unit % bands;
        run_rows(job, &ring, image, band * mr, &args);
        if (band == bands - 1 && p->oh % mr)
            run_rows(job, &ring, image, p->oh - mr, &args);
    }
}
