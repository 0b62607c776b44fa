/* GEMM: straight on the input of a 1x1 layer, or on row tiles that lie in scratch: gathered
 * (im2col), or packed besides (conv_packed.c). */
#include "kernels/conv_int.h"

#include <string.h>

void krn_pointwise_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    int64_t ic = conv->problem.ic, row_bytes = conv->kernel->mr * ic;
    struct krn_gemm_args args = { .a_stride = ic, .out = krn_out_of(&conv->quant) };
    struct krn_walk walk;
    for (krn_walk_begin(job, &walk); walk.left > 0; krn_walk_next(conv, &walk)) {
        args.a = job->in + walk.row * row_bytes + walk.group * conv->depth;
        krn_line_run(job, &walk, &args, row_bytes);
    }
}

/* One line of the filter for the output pixel whose window begins at column x of input row `line`.
 */
static int8_t *gather_line(const struct krn_conv *conv, const int8_t *line, int64_t x, int8_t *to)
{
    const struct krn_problem *p = &conv->problem;
    size_t depth = (size_t)(p->ic / p->groups);
    if (p->groups == 1 && p->dw == 1 && x >= 0 && x + p->kw <= p->iw) {
        memcpy(to, line + x * p->ic, (size_t)p->kw * depth);
        return to + (size_t)p->kw * depth;
    }
    for (int64_t kx = 0; kx < p->kw; kx++, x += p->dw, to += depth) {
        if (x >= 0 && x < p->iw)
            memcpy(to, line + x * p->ic, depth);
        else
            memset(to, conv->quant.zp_in, depth);
    }
    return to;
}

void krn_gather_pixel(const struct krn_conv *conv, const int8_t *in, int64_t group, int64_t pixel,
                      int8_t *to)
{
    const struct krn_problem *p = &conv->problem;
    int64_t ox = pixel % p->ow, oy = pixel / p->ow % p->oh, image = pixel / p->ow / p->oh;
    int64_t y = oy * p->sh - p->ph, x = ox * p->sw - p->pw;
    size_t depth = (size_t)(p->ic / p->groups), line_bytes = (size_t)p->kw * depth;
    in += image * p->ih * p->iw * p->ic + group * (int64_t)depth;
    for (int64_t ky = 0; ky < p->kh; ky++, y += p->dh) {
        if (y >= 0 && y < p->ih) {
            to = gather_line(conv, in + y * p->iw * p->ic, x, to);
        } else {
            memset(to, conv->quant.zp_in, line_bytes);
            to += line_bytes;
        }
    }
}

static void gather_tile(const struct krn_job *job, int64_t tile, int64_t group, int8_t *to)
{
    const struct krn_conv *conv = job->conv;
    int64_t mr = conv->kernel->mr, rows = krn_tile_rows(conv, tile);
    for (int64_t i = 0; i < rows; i++)
        krn_gather_pixel(conv, job->in, group, tile * mr + i, to + i * conv->depth);
}

int64_t krn_slot_bytes(const struct krn_conv *conv)
{
    const struct krn_kernel *kernel = conv->kernel;
    int64_t group = kernel->packs_a ? krn_depth_group(kernel) : 1;
    int64_t bytes = kernel->packs_a == KRN_FEED_WORDS ? (int64_t)sizeof(int16_t) : 1;
    return kernel->mr * krn_round_up(conv->depth, group) * bytes;
}

/* Fills the slots of row tiles [row, row + count) of a block. */
static void fill_slots(const struct krn_job *job, const struct krn_walk *walk, int64_t count,
                       int8_t *slots)
{
    int64_t bytes = krn_slot_bytes(job->conv);
    int8_t *slot = slots + (walk->row - walk->block) * bytes;
    for (int64_t tile = walk->row; tile < walk->row + count; tile++, slot += bytes)
        (job->conv->kernel->packs_a ? krn_pack_tile : gather_tile)(job, tile, walk->group, slot);
}

void krn_im2col_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    int64_t slot_bytes = krn_slot_bytes(conv);
    int8_t *slots =
        (int8_t *)job->scratch + krn_tile_scratch_bytes(conv) + krn_packed_rows_bytes(conv);
    struct krn_gemm_args args = { .a_stride = conv->depth, .out = krn_out_of(&conv->quant) };
    struct krn_walk walk;
    int64_t seen = 0;
    krn_walk_begin(job, &walk);
    while (walk.left > 0) {
        fill_slots(job, &walk, krn_fresh_tiles(conv, &walk, seen), slots);
        args.a = slots + (walk.row - walk.block) * slot_bytes;
        krn_line_run(job, &walk, &args, slot_bytes);
        int64_t block = walk.block, group = walk.group;
        seen += walk.count;
        krn_walk_next(conv, &walk);
        if (walk.block != block || walk.group != group)
            seen = 0;
    }
}
