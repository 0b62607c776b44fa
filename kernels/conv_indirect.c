/* Indirect convolution: rows of A are found through a table of pointers, made once per input
 * address. The table is [row tile][tap][mr], in the order in which the micro-kernel reads it; what
 * lies outside the input points to the padding row. Groups share the table: their offset is
 * a_stride. */
#include "kernels/conv_int.h"

static const int8_t *pixel_at(const struct krn_conv *conv, const int8_t *in, const int8_t *padding,
                              int64_t pixel, int64_t tap)
{
    const struct krn_problem *p = &conv->problem;
    int64_t ox = pixel % p->ow, oy = pixel / p->ow % p->oh, image = pixel / p->ow / p->oh;
    int64_t y = oy * p->sh - p->ph + tap / p->kw * p->dh;
    int64_t x = ox * p->sw - p->pw + tap % p->kw * p->dw;
    if (y < 0 || y >= p->ih || x < 0 || x >= p->iw)
        return padding;
    return in + ((image * p->ih + y) * p->iw + x) * p->ic;
}

void krn_indirect_setup(const struct krn_conv *conv, const int8_t *in, void *workspace)
{
    const int8_t *padding = workspace;
    const int8_t **table = (const int8_t **)((char *)workspace + krn_padding_bytes(&conv->problem));
    int64_t mr = conv->kernel->mr;
    krn_padding_fill(conv, workspace);
    for (int64_t tile = 0; tile < conv->row_tiles; tile++) {
        int64_t rows = krn_tile_rows(conv, tile);
        for (int64_t tap = 0; tap < conv->taps; tap++)
            for (int64_t i = 0; i < mr; i++) {
                int64_t row = i < rows ? i : rows - 1;
                *table++ = pixel_at(conv, in, padding, tile * mr + row, tap);
            }
    }
}

void krn_indirect_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    const int8_t *const *table =
        (const int8_t *const *)(job->workspace + krn_padding_bytes(&conv->problem));
    int64_t tile_pointers = conv->taps * conv->kernel->mr;
    struct krn_gemm_args args = { .out = krn_out_of(&conv->quant) };
    struct krn_walk walk;
    for (krn_walk_begin(job, &walk); walk.left > 0; krn_walk_next(conv, &walk)) {
        args.a = table + walk.row * tile_pointers;
        args.a_stride = walk.group * conv->depth;
        krn_line_run(job, &walk, &args, tile_pointers * (int64_t)sizeof *table);
    }
}
