/* The walk over tiles that the GEMM drivers share. A tile of a 1x1 layer may last twenty cycles, so
 * between two whole tiles of a line there are three additions and nothing else. */
#include "kernels/conv_int.h"

#include <string.h>

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void set_count(const struct krn_conv *conv, struct krn_walk *walk)
{
    int64_t rest = conv->driver.loop_order == 0 ? walk->block + walk->block_rows - walk->row
                                                : conv->panels - walk->panel;
    walk->count = smaller(rest, walk->left);
}

void krn_walk_begin(const struct krn_job *job, struct krn_walk *walk)
{
    const struct krn_conv *conv = job->conv;
    int64_t per_group = conv->row_tiles * conv->panels, unit = job->begin % per_group;
    walk->group = job->begin / per_group;
    walk->block = unit / (conv->block_tiles * conv->panels) * conv->block_tiles;
    walk->block_rows = smaller(conv->block_tiles, conv->row_tiles - walk->block);
    walk->left = job->end - job->begin;
    unit -= walk->block * conv->panels;
    if (conv->driver.loop_order == 0) {
        walk->panel = unit / walk->block_rows;
        walk->row = walk->block + unit % walk->block_rows;
    } else {
        walk->row = walk->block + unit / conv->panels;
        walk->panel = unit % conv->panels;
    }
    set_count(conv, walk);
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
    int block_done;
    if (conv->driver.loop_order == 0) {
        walk->row = walk->block;
        block_done = ++walk->panel == conv->panels;
    } else {
        walk->panel = 0;
        block_done = ++walk->row == walk->block + walk->block_rows;
    }
    walk->left -= walk->count;
    if (block_done)
        next_block(conv, walk);
    set_count(conv, walk);
}

/* With rows inside, the walk visits the rows of the block in a cycle, wherever it began: the first
 * block_rows units are those that are new. */
int64_t krn_fresh_tiles(const struct krn_conv *conv, const struct krn_walk *walk, int64_t seen)
{
    if (conv->driver.loop_order == 1)
        return 1; /* a line is a row tile */
    int64_t fresh = walk->block_rows - seen;
    return fresh < 0 ? 0 : fresh < walk->count ? fresh : walk->count;
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
    return columns % conv->kernel->nr == 0 ? 0 : krn_copy_bytes(conv->kernel, conv->kernel->mr);
}

/* `size` <= columns <= 2 * size: two copies of a size that the compiler knows, which may overlap.
 */
static inline void copy_ends(int8_t *to, const int8_t *from, int64_t columns, size_t size)
{
    memcpy(to, from, size);
    memcpy(to + columns - size, from + columns - size, size);
}

void krn_copy_columns(int8_t *to, int64_t to_step, const int8_t *from, int64_t from_step,
                      int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++, to += to_step, from += from_step) {
        if (columns > 64)
            memcpy(to, from, (size_t)columns);
        else if (columns >= 32)
            copy_ends(to, from, columns, 32);
        else if (columns >= 16)
            copy_ends(to, from, columns, 16);
        else if (columns >= 8)
            copy_ends(to, from, columns, 8);
        else if (columns >= 4)
            copy_ends(to, from, columns, 4);
        else
            for (int64_t j = 0; j < columns; j++)
                to[j] = from[j];
    }
}

/* A tile of fewer columns than the kernel writes: by way of scratch. */
static void run_narrow(const struct krn_job *job, struct krn_gemm_args *args, int8_t *c,
                       int64_t columns)
{
    int64_t nr = job->conv->kernel->nr, pixel = job->conv->out_pixel;
    args->c = (int8_t *)job->scratch;
    args->c_stride = nr;
    job->conv->kernel->fn(args);
    args->c_stride = pixel;
    krn_copy_columns(c, pixel, (const int8_t *)job->scratch, nr, args->m, columns);
}

/* Where a line goes: addresses of its first unit, and the way to the next. */
struct course {
    const char *a, *w;
    int8_t *c;
    int64_t a_step, w_step, c_step; /* bytes */
};

static void run_whole(krn_fn *fn, struct krn_gemm_args *args, struct course *at, int64_t count)
{
    for (; count > 0; count--) {
        args->a = at->a;
        args->w = at->w;
        args->c = at->c;
        fn(args);
        at->a += at->a_step;
        at->w += at->w_step;
        at->c += at->c_step;
    }
}

static void run_tail(const struct krn_job *job, struct krn_gemm_args *args, struct course *at,
                     int64_t columns)
{
    if (columns == job->conv->kernel->nr) {
        run_whole(job->conv->kernel->fn, args, at, 1);
        return;
    }
    args->a = at->a;
    args->w = at->w;
    run_narrow(job, args, at->c, columns);
    at->a += at->a_step;
    at->c += at->c_step;
}

/* One panel, row tiles downwards. The last one may have fewer rows. */
static void run_rows(const struct krn_job *job, const struct krn_walk *walk,
                     struct krn_gemm_args *args, struct course *at, int64_t columns)
{
    int64_t mr = job->conv->kernel->mr, whole = columns == job->conv->kernel->nr ? walk->count : 0;
    int64_t last = walk->row + walk->count - 1;
    if (whole > 0 && job->conv->kernel->many) {
        args->m = (whole - 1) * mr + krn_tile_rows(job->conv, last);
        run_whole(job->conv->kernel->fn, args, at, 1);
        return;
    }
    if (whole > 0 && krn_tile_rows(job->conv, last) < mr)
        whole--;
    args->m = mr;
    run_whole(job->conv->kernel->fn, args, at, whole);
    for (int64_t row = walk->row + whole; row <= last; row++) {
        args->m = krn_tile_rows(job->conv, row);
        run_tail(job, args, at, columns);
    }
}

/* One tile of an epilogue with more operands, or larger outputs, from column `first` of output
 * pixel `pixel` on. A narrow one goes by way of scratch: the output, then the second tensor. */
static void run_epilogue(const struct krn_job *job, struct krn_gemm_args *args, int64_t pixel,
                         int64_t first, int64_t columns)
{
    const struct krn_conv *conv = job->conv;
    int64_t nr = conv->kernel->nr, oc = conv->problem.oc, size = krn_output_bytes(conv->kernel);
    int64_t step = conv->out_pixel * size;
    const int8_t *add = krn_add_at(conv, pixel, first);
    int is_narrow = columns < nr;
    char *out = (char *)job->out + pixel * step + first * size;
    char *scratch_add = job->scratch + conv->kernel->mr * nr * size;
    args->c = (int8_t *)(is_narrow ? job->scratch : out);
    args->c_stride = is_narrow ? nr * size : step;
    if (add) {
        if (is_narrow)
            krn_copy_columns((int8_t *)scratch_add, nr, add, oc, args->m, columns);
        args->add = is_narrow ? (const int8_t *)scratch_add : add;
        args->add_stride = is_narrow ? nr : oc;
        args->add_factor = conv->add.factor;
        args->add_zp = conv->add.zp;
    }
    conv->kernel->fn(args);
    if (is_narrow)
        krn_copy_columns((int8_t *)out, step, args->c, args->c_stride, args->m, columns * size);
}

/* Row tiles that one call takes, of `left`: all where the kernel walks over them itself. */
static int64_t tiles_of_call(const struct krn_conv *conv, int64_t columns, int64_t left)
{
    int walks = conv->kernel->many && conv->driver.loop_order == 0;
    return walks && columns == conv->kernel->nr ? left : 1;
}

/* A line of such tiles. */
static void run_epilogues(const struct krn_job *job, const struct krn_walk *walk,
                          struct krn_gemm_args *args, int64_t row_bytes)
{
    const struct krn_conv *conv = job->conv;
    int64_t nr = conv->kernel->nr, mr = conv->kernel->mr;
    int64_t group_oc = conv->problem.oc / conv->problem.groups;
    const char *a = args->a;
    args->k = conv->depth;
    args->taps = conv->taps;
    for (int64_t i = 0, tiles; i < walk->count; i += tiles) {
        int64_t rows = conv->driver.loop_order == 0 ? i : 0, panel = walk->panel + i - rows;
        int64_t row = walk->row + rows, first = panel * nr;
        int64_t columns = smaller(nr, group_oc - first);
        tiles = tiles_of_call(conv, columns, walk->count - i);
        args->a = a + rows * row_bytes;
        args->w = job->packed + (walk->group * conv->panels + panel) * conv->panel_bytes;
        args->m = (tiles - 1) * mr + krn_tile_rows(conv, row + tiles - 1);
        run_epilogue(job, args, row * mr, walk->group * group_oc + first, columns);
    }
}

void krn_line_run(const struct krn_job *job, const struct krn_walk *walk,
                  struct krn_gemm_args *args, int64_t row_bytes)
{
    const struct krn_conv *conv = job->conv;
    if (conv->kernel->epilogue != KRN_EPILOGUE_FLOAT) {
        run_epilogues(job, walk, args, row_bytes);
        return;
    }
    int64_t nr = conv->kernel->nr, mr = conv->kernel->mr;
    int64_t pixel = conv->out_pixel, group_oc = conv->problem.oc / conv->problem.groups;
    int64_t panel = walk->group * conv->panels + walk->panel;
    struct course at = {
        .a = args->a,
        .w = job->packed + panel * conv->panel_bytes,
        .c = job->out + walk->row * mr * pixel + walk->group * group_oc + walk->panel * nr,
    };
    args->k = conv->depth;
    args->taps = conv->taps;
    args->c_stride = pixel;
    if (conv->driver.loop_order == 0) {
        at.a_step = row_bytes;
        at.c_step = mr * pixel;
        run_rows(job, walk, args, &at, smaller(nr, group_oc - walk->panel * nr));
        return;
    }
    int64_t rest = group_oc - (walk->panel + walk->count - 1) * nr; /* columns of the last panel */
    args->m = krn_tile_rows(conv, walk->row);
    at.w_step = conv->panel_bytes;
    at.c_step = nr;
    run_whole(conv->kernel->fn, args, &at, walk->count - 1);
    run_tail(job, args, &at, smaller(nr, rest));
}
