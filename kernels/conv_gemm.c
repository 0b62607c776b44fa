/* GEMM: straight on the input of a 1x1 layer, or on rows gathered into scratch (im2col). */
#include "kernels/conv_int.h"

#include <string.h>

void krn_pointwise_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    int64_t ic = conv->problem.ic, rows_per_tile = conv->kernel->mr;
    struct krn_gemm_args args = { .a_stride = ic, .out = krn_out_of(&conv->quant) };
    struct krn_walk walk;
    krn_walk_seek(conv, job->begin, &walk);
    for (int64_t unit = job->begin; unit < job->end; unit++) {
        args.a = job->in + walk.row * rows_per_tile * ic + walk.group * conv->depth;
        krn_tile_call(job, &walk, &args);
        krn_walk_next(conv, &walk);
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

/* All that output pixel `pixel` (over all images) reads of one group: depth bytes at `to`. */
static void gather_pixel(const struct krn_conv *conv, const int8_t *in, int64_t group,
                         int64_t pixel, int8_t *to)
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

static void gather_tile(const struct krn_job *job, const struct krn_walk *walk, int8_t *to)
{
    const struct krn_conv *conv = job->conv;
    int64_t first = walk->row * conv->kernel->mr, rows = krn_tile_rows(conv, walk->row);
    for (int64_t i = 0; i < rows; i++)
        gather_pixel(conv, job->in, walk->group, first + i, to + i * conv->depth);
}

/* Each row tile of a block has a slot in scratch, filled when the block first comes to it. A walk
 * that begins in the middle of a block still visits its rows in a cycle, so with panels outside the
 * first block_rows units of a block are those that gather; with rows outside, those of the first
 * panel. */
void krn_im2col_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    int8_t *slots = (int8_t *)job->scratch + krn_tile_scratch_bytes(conv);
    int64_t slot_bytes = conv->kernel->mr * conv->depth;
    struct krn_gemm_args args = { .a_stride = conv->depth, .out = krn_out_of(&conv->quant) };
    struct krn_walk walk;
    int64_t steps = 0; /* since this run came to the block */
    krn_walk_seek(conv, job->begin, &walk);
    for (int64_t unit = job->begin; unit < job->end; unit++) {
        int8_t *slot = slots + (walk.row - walk.block) * slot_bytes;
        int fresh =
            conv->driver.loop_order == 0 ? steps < walk.block_rows : steps == 0 || walk.panel == 0;
        if (fresh)
            gather_tile(job, &walk, slot);
        args.a = slot;
        krn_tile_call(job, &walk, &args);
        int64_t block = walk.block, group = walk.group;
        krn_walk_next(conv, &walk);
        steps = walk.block == block && walk.group == group ? steps + 1 : 0;
    }
}
