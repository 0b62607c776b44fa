#include "kernels/packing.h"

#include <string.h>

#include "kernels/conv_int.h"

/* A new field of a kernel: does krn_conv_pack() look at it? */
static_assert(offsetof(struct krn_kernel, diagonal) == 45, "the last field of a kernel");

static enum krn_packing_form form_of(const struct krn_kernel *kernel)
{
    switch (kernel->family) {
    case KRN_FAMILY_WINO:
        return KRN_PACKING_WINOGRAD;
    case KRN_FAMILY_DWROWS:
        return KRN_PACKING_LINES;
    case KRN_FAMILY_DW:
    case KRN_FAMILY_DWC:
        if (kernel->places)
            return KRN_PACKING_QUADS;
        return kernel->family == KRN_FAMILY_DWC && kernel->kr == 4 ? KRN_PACKING_COLUMNS
                                                                   : KRN_PACKING_TAPS;
    default:
        return KRN_PACKING_PANELS;
    }
}

/* Depth groups of neighbouring taps follow each other: only where a tap ends within one does it
 * matter where taps begin. */
static int32_t split_of(const struct krn_conv *conv)
{
    return conv->taps > 1 && conv->depth % conv->kernel->kr ? (int32_t)conv->taps : 0;
}

static int32_t depth_of(const struct krn_conv *conv)
{
    const int64_t group = krn_depth_group(conv->kernel);
    const int is_more =
        krn_round_up(conv->depth, group) > krn_round_up(conv->depth, conv->kernel->kr);
    return is_more ? (int32_t)group : 0;
}

/* A block as wide as the panel, which whole groups fill, is what merging them makes, too. */
static int is_merged_block(const struct krn_conv *conv)
{
    const struct krn_kernel *kernel = conv->kernel;
    int32_t width = conv->problem.ic / conv->merged; /* on a diagonal all groups are one */
    return kernel->diagonal == kernel->nr && !kernel->places && kernel->nr % width == 0 &&
           conv->merged % (kernel->nr / width) == 0;
}

struct krn_packing krn_packing_of(const struct krn_conv *conv)
{
    const struct krn_kernel *kernel = conv->kernel;
    const enum krn_packing_form form = form_of(kernel);
    const int panels = form == KRN_PACKING_PANELS;
    int32_t rows = form == KRN_PACKING_COLUMNS || form == KRN_PACKING_LINES ? kernel->rows : 0;
    return (struct krn_packing) {
        .of = {
            [KRN_PACKING_FORM] = (int32_t)form,
            [KRN_PACKING_NR] = kernel->nr,
            [KRN_PACKING_KR] = kernel->kr,
            [KRN_PACKING_BYTES] = kernel->w_bytes,
            [KRN_PACKING_A_BIAS] = kernel->a_bias,
            [KRN_PACKING_HEAD] =
                kernel->epilogue == KRN_EPILOGUE_ADD ? KRN_EPILOGUE_FLOAT : kernel->epilogue,
            [KRN_PACKING_QUICK] = kernel->quick,
            [KRN_PACKING_SPLIT] = panels ? split_of(conv) : 0,
            [KRN_PACKING_SUMS] =
                conv->algorithm == KRN_ALG_DIRECT ? (int32_t)conv->taps : 0,
            [KRN_PACKING_DIAGONAL] = is_merged_block(conv) ? 0 : kernel->diagonal,
            [KRN_PACKING_PLACES] = kernel->places,
            [KRN_PACKING_FILTER] = form == KRN_PACKING_WINOGRAD ? kernel->filter : 0,
            [KRN_PACKING_ROWS] = rows > 1 ? rows : 0,
            [KRN_PACKING_DEPTH] = panels ? depth_of(conv) : 0,
        },
    };
}

int krn_packing_is_same(const struct krn_packing *a, const struct krn_packing *b)
{
    return memcmp(a->of, b->of, sizeof a->of) == 0;
}
