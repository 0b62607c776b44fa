/* The walk over tiles that the GEMM drivers share. Steps, not divisions, lead from a unit to the
 * next: a tile of a 1x1 layer lasts a hundred cycles. */
#include "kernels/conv_int.h"

#include <string.h>

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void krn_walk_seek(const struct krn_conv *conv, int64_t unit, struct krn_walk *walk)
{
    int64_t per_group = conv->row_tiles * conv->panels;
    walk->group = unit / per_group;
    unit %= per_group;
    walk->block = unit / (conv->block_tiles * conv->panels) * conv->block_tiles;
    walk->block_rows = smaller(conv->block_tiles, conv->row_tiles - walk->block);
    unit -= walk->block * conv->panels;
    if (conv->driver.loop_order == 0) {
        walk->panel = unit / walk->block_rows;
        walk->row = walk->block + unit % walk->block_rows;
    } else {
        walk->row = walk->block + unit / conv->panels;
        walk->panel = unit % conv->panels;
    }
}

static void next_block(const struct krn_conv *conv, struct krn_walk *walk)
{
    walk->block += walk->block_rows;
    if (walk->block == conv->row_tiles) {
        walk->block = 0;
        walk->group++;
    }
    walk->block_rows = smaller(conv->block_tiles, conv->row_tiles - walk->block);
    walk->row = walk->block;
    walk->panel = 0;
}

void krn_walk_next(const struct krn_conv *conv, struct krn_walk *walk)
{
    int64_t row_end = walk->block + walk->block_rows;
    if (conv->driver.loop_order == 0) {
        if (++walk->row < row_end)
            return;
        walk->row = walk->block;
        if (++walk->panel < conv->panels)
            return;
    } else {
        if (++walk->panel < conv->panels)
            return;
        walk->panel = 0;
        if (++walk->row < row_end)
            return;
    }
    next_block(conv, walk);
}

int64_t krn_tile_rows(const struct krn_conv *conv, int64_t row)
{
    const struct krn_problem *p = &conv->problem;
    int64_t rows = (int64_t)p->n * p->oh * p->ow;
    return smaller(conv->kernel->mr, rows - row * conv->kernel->mr);
}

int64_t krn_tile_scratch_bytes(const struct krn_conv *conv)
{
    int64_t columns = conv->problem.oc / conv->problem.groups;
    int64_t tile = (int64_t)conv->kernel->mr * conv->kernel->nr;
    return columns % conv->kernel->nr == 0 ? 0 : krn_round_up(tile, KRN_ALIGN);
}

void krn_tile_call(const struct krn_job *job, const struct krn_walk *walk,
                   struct krn_gemm_args *args)
{
    const struct krn_conv *conv = job->conv;
    const struct krn_kernel *kernel = conv->kernel;
    int64_t oc = conv->problem.oc, group_oc = oc / conv->problem.groups;
    int64_t first = walk->panel * kernel->nr;
    int8_t *c = job->out + walk->row * kernel->mr * oc + walk->group * group_oc + first;
    int64_t columns = smaller(kernel->nr, group_oc - first);

    args->w = job->packed + (walk->group * conv->panels + walk->panel) * conv->panel_bytes;
    args->m = krn_tile_rows(conv, walk->row);
    args->k = conv->depth;
    args->taps = conv->taps;
    if (columns == kernel->nr) {
        args->c = c;
        args->c_stride = oc;
        kernel->fn(args);
        return;
    }
    args->c = (int8_t *)job->scratch;
    args->c_stride = kernel->nr;
    kernel->fn(args);
    for (int64_t i = 0; i < args->m; i++)
        memcpy(c + i * oc, job->scratch + i * kernel->nr, (size_t)columns);
}
