/* Depthwise: one call per output row. Pointers of a row run column by column, so that neighbouring
 * pixels, whose windows overlap, share them: pixel x begins krn_depthwise_step() after pixel x - 1.
 */
#include "kernels/conv_int.h"

int64_t krn_depthwise_step(const struct krn_problem *p)
{
    /* with gaps between the taps, or a stride beyond the filter, nothing is shared */
    int shares = p->dw == 1 && p->sw < p->kw;
    return (int64_t)(shares ? p->sw : p->kw) * p->kh;
}

int64_t krn_depthwise_row_count(const struct krn_problem *p)
{
    return (p->ow - 1) * krn_depthwise_step(p) + (int64_t)p->kw * p->kh;
}

static void setup_column(const struct krn_conv *conv, const int8_t *image, const int8_t *padding,
                         int64_t y, int64_t x, const int8_t **table)
{
    const struct krn_problem *p = &conv->problem;
    for (int64_t ky = 0; ky < p->kh; ky++, y += p->dh) {
        int outside = y < 0 || y >= p->ih || x < 0 || x >= p->iw;
        table[ky] = outside ? padding : image + (y * p->iw + x) * p->ic;
    }
}

void krn_depthwise_setup(const struct krn_conv *conv, const int8_t *in, void *workspace)
{
    const struct krn_problem *p = &conv->problem;
    const int8_t **table = (const int8_t **)((char *)workspace + krn_padding_bytes(p));
    int64_t step = krn_depthwise_step(p), row_count = krn_depthwise_row_count(p);
    krn_padding_fill(conv, workspace);
    for (int64_t row = 0; row < conv->row_tiles; row++, table += row_count) {
        const int8_t *image = in + row / p->oh * p->ih * p->iw * p->ic;
        int64_t y = row % p->oh * p->sh - p->ph;
        for (int64_t ox = 0; ox < p->ow; ox++)
            for (int64_t kx = 0; kx < p->kw; kx++)
                setup_column(conv, image, workspace, y, ox * p->sw - p->pw + kx * p->dw,
                             table + ox * step + kx * p->kh);
    }
}

void krn_depthwise_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    const struct krn_problem *p = &conv->problem;
    const int8_t *const *table = (const int8_t *const *)(job->workspace + krn_padding_bytes(p));
    int64_t row_count = krn_depthwise_row_count(p), out_row = (int64_t)p->ow * p->oc;
    struct krn_dw_args args = {
        .a_step = krn_depthwise_step(p),
        .w = job->packed,
        .c_stride = p->oc,
        .channels = p->oc,
        .width = p->ow,
        .taps = conv->taps,
        .out = krn_out_of(&conv->quant),
    };
    for (int64_t row = job->begin; row < job->end; row++) {
        args.a = table + row * row_count;
        args.c = job->out + row * out_row;
        conv->kernel->fn(&args);
    }
}
