/* What the drivers share: one operations table per algorithm, and the walk over GEMM tiles. */
#ifndef QUERN_KERNELS_CONV_INT_H
#define QUERN_KERNELS_CONV_INT_H

#include "kernels/conv.h"

#define KRN_ALIGN 64 /* bytes; of every buffer, panel and part of a buffer */

static inline int64_t krn_round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

/* Everything that a driver touches in one krn_conv_run(). */
struct krn_job {
    const struct krn_conv *conv;
    const char *packed;
    const int8_t *in;
    int8_t *out;
    const char *workspace;
    char *scratch;
    int64_t begin, end;
};

void krn_pointwise_run(const struct krn_job *job);
void krn_im2col_run(const struct krn_job *job);
void krn_packed_setup(const struct krn_conv *conv, const int8_t *in, void *workspace);
void krn_indirect_setup(const struct krn_conv *conv, const int8_t *in, void *workspace);
void krn_indirect_run(const struct krn_job *job);
void krn_depthwise_setup(const struct krn_conv *conv, const int8_t *in, void *workspace);
void krn_depthwise_run(const struct krn_job *job);

/* Bytes of what the caller provides. */
struct krn_sizes {
    int64_t packed, workspace, scratch;
};

/* Winograd: sets the derived fields of the plan; packs the weights of column j, [3][3][depth]. */
void krn_winograd_size(struct krn_conv *conv, struct krn_sizes *sizes);
void krn_winograd_pack_column(const struct krn_conv *conv, const int8_t *weights, void *body,
                              int64_t j);
void krn_winograd_setup(const struct krn_conv *conv, const int8_t *in, void *workspace);
void krn_winograd_run(const struct krn_job *job);

/* Depthwise: units that compute the whole output; tables that they use; pointers of one table;
 * packed weights of one channel. */
int krn_depthwise_in_place(const struct krn_conv *conv); /* whether kernels read the input itself */
int64_t krn_depthwise_calls(const struct krn_conv *conv);
int64_t krn_depthwise_tables(const struct krn_conv *conv);
int64_t krn_depthwise_pointers(const struct krn_conv *conv);
int64_t krn_depthwise_weights(const struct krn_conv *conv);
int64_t krn_depthwise_scratch_bytes(const struct krn_conv *conv);
void krn_direct_run(const struct krn_job *job);
void krn_dwrows_run(const struct krn_job *job);

/* Scratch that the two need, and for DIRECT the shape of a run: fills conv->run, row_tiles,
 * block_tiles. */
void krn_direct_shape(struct krn_conv *conv);
int64_t krn_direct_scratch_bytes(const struct krn_conv *conv);
int64_t krn_dwrows_scratch_bytes(const struct krn_conv *conv);
/* Whether a tap of DIRECT is a whole line of the filter: its pixels lie side by side. */
int krn_direct_by_line(const struct krn_problem *p, const struct krn_kernel *kernel);
/* 1x1 at stride 1 without padding: all output pixels are one row. */
int krn_is_pixelwise(const struct krn_problem *p);

/* ---- Rows of the input as DIRECT and DWROWS want them: padded, in unsigned bytes or in words. A
 * ring of slots keeps the rows that were asked for last, so that neighbours are copied once. */
struct krn_ring {
    const struct krn_conv *conv;
    char *slots; /* `count` rows, then one that is all padding */
    int64_t count, row_bytes, pixel_bytes;
    int64_t lead, pixels;  /* bytes before a row in its slot; pixels of it, with the padding */
    int64_t rows;          /* that there are */
    int is_flat;           /* a row is a run of a 1x1 layer */
    int64_t image, lo, hi; /* rows [lo, hi) of the image are in their slots: row y in y % count */
    int64_t channel;       /* the first one that is copied */
};
int64_t krn_ring_row_bytes(const struct krn_conv *conv);
/* Elements from a pixel of a row to the next one. DIRECT copies the channels of one group at a
 * time; on a diagonal all of them, and whole panels, so that no vector lies in two lines of a
 * cache. */
int64_t krn_ring_pixel(const struct krn_conv *conv);
void krn_ring_begin(struct krn_ring *ring, const struct krn_conv *conv, char *slots, int64_t count);
/* The group that begins at `channel`, from now on: rows of another one are forgotten. */
void krn_ring_group(struct krn_ring *ring, int64_t channel);
/* Copies what is missing of rows [lo, hi); at most `count` rows, those outside the image are none.
 */
void krn_ring_want(struct krn_ring *ring, const int8_t *in, int64_t image, int64_t lo, int64_t hi);
/* Row y, or the row of padding where it is outside the image. */
const char *krn_ring_row(const struct krn_ring *ring, int64_t y);
/* So many rows below one that is in its slot; that one is in its slot, too. */
const char *krn_ring_below(const struct krn_ring *ring, const char *row, int64_t rows);

/* All that output pixel `pixel` (over all images) reads of one group: depth bytes at `to`. */
void krn_gather_pixel(const struct krn_conv *conv, const int8_t *in, int64_t group, int64_t pixel,
                      int8_t *to);

/* Elements of depth that a kernel takes at a time: A, where it is packed, and panels have whole
 * groups of them. */
static inline int64_t krn_depth_group(const struct krn_kernel *kernel)
{
    return kernel->packs_a == KRN_FEED_WORDS ? KRN_FEED_WORDS_GROUP : kernel->kr;
}

/* A row tile in scratch: its size, and filling it for a kernel with packs_a; what scratch that
 * needs between the column tail and the first tile, in bytes. */
int64_t krn_slot_bytes(const struct krn_conv *conv);
void krn_pack_tile(const struct krn_job *job, int64_t tile, int64_t group, int8_t *to);
int64_t krn_packed_rows_bytes(const struct krn_conv *conv);

/* Channels of the head of a panel or record: depthwise ones have them once for each band. */
static inline int64_t krn_head_columns(const struct krn_kernel *kernel)
{
    if (kernel->places)
        return kernel->places;
    return kernel->family == KRN_FAMILY_DWROWS ? krn_dwrows_places(kernel) : kernel->nr;
}

/* Bytes of bias', and of what the epilogue wants per channel, at the begin of a panel. */
static inline int64_t krn_head_bytes(const struct krn_kernel *kernel)
{
    int words = krn_epilogue_words[kernel->epilogue] + (kernel->quick != 0);
    return krn_head_columns(kernel) * 4 * words;
}

struct krn_out krn_out_of(const struct krn_quant *quant);

/* ADD: where the second tensor has channel `first` of output pixel `pixel`, over all images; else
 * NULL. */
static inline const int8_t *krn_add_at(const struct krn_conv *conv, int64_t pixel, int64_t first)
{
    if (conv->kernel->epilogue != KRN_EPILOGUE_ADD)
        return NULL;
    assert(conv->add.tensor);
    return conv->add.tensor + pixel * conv->problem.oc + first;
}

/* Bytes of a copy of `pixels` pixels of nr columns: the output, and behind it the second tensor. */
static inline int64_t krn_copy_bytes(const struct krn_kernel *kernel, int64_t pixels)
{
    int64_t adds = kernel->epilogue == KRN_EPILOGUE_ADD;
    return krn_round_up(pixels * kernel->nr * (krn_output_bytes(kernel) + adds), KRN_ALIGN);
}

/* The workspace of the algorithms with pointer tables: first one row of padding, ic bytes of zp_in,
 * then the table. Fills the row; returns where the table is, in bytes. */
int64_t krn_padding_bytes(const struct krn_problem *p);
void krn_padding_fill(const struct krn_conv *conv, void *workspace);

/* ---- GEMM and IGEMM: a unit is one row tile times one panel of one group. Units are numbered in
 * the order of execution: group, block of row tiles, then as loop_order says. What the inner loop
 * of that order passes over, within a block, is a line. */
struct krn_walk {
    int64_t group, panel, row; /* the unit; row counts row tiles of the whole output */
    int64_t block, block_rows; /* first row tile of the block, and how many it has */
    int64_t count;             /* units from here to the end of the line, or of the job */
    int64_t left;              /* units from here to the end of the job */
};

/* The first line of the job, which may begin in its middle. */
void krn_walk_begin(const struct krn_job *job, struct krn_walk *walk);
/* The line after it; left == 0 behind the last one. */
void krn_walk_next(const struct krn_conv *conv, struct krn_walk *walk);

/* How many row tiles at the beginning of the line are not in their slots yet, for a driver that
 * keeps something of each row tile of a block. `seen` counts the units of the block that this job
 * has done. */
int64_t krn_fresh_tiles(const struct krn_conv *conv, const struct krn_walk *walk, int64_t seen);

/* Rows of tile `row`: mr, or fewer in the last one. */
int64_t krn_tile_rows(const struct krn_conv *conv, int64_t row);

/* Bytes at the beginning of scratch that krn_line_run() needs for the column tail. */
int64_t krn_tile_scratch_bytes(const struct krn_conv *conv);

/* The first `columns` bytes of each of so many rows, which lie `step` bytes apart. */
void krn_copy_columns(int8_t *to, int64_t to_step, const int8_t *from, int64_t from_step,
                      int64_t rows, int64_t columns);

/* Calls the micro-kernel for the units of the line. args has a of the first unit, a_stride and out;
 * the rest is set here. row_bytes: from a of one row tile to a of the next. */
void krn_line_run(const struct krn_job *job, const struct krn_walk *walk,
                  struct krn_gemm_args *args, int64_t row_bytes);

#endif
