/* Which algorithm, which sizes; and the table that leads from an algorithm to its driver. */
#include "kernels/conv_int.h"

#include <errno.h>
#include <string.h>

#include "kernels/text_int.h"

const char *const krn_family_names[KRN_FAMILY_COUNT] = {
    [KRN_FAMILY_GEMM] = "gemm",     [KRN_FAMILY_IGEMM] = "igemm", [KRN_FAMILY_DW] = "dw",
    [KRN_FAMILY_DWC] = "dwc",       [KRN_FAMILY_WINO] = "wino",   [KRN_FAMILY_DIRECT] = "direct",
    [KRN_FAMILY_DWROWS] = "dwrows", [KRN_FAMILY_PEAK] = "peak",
};

const char *const krn_epilogue_names[KRN_EPILOGUE_COUNT] = {
    [KRN_EPILOGUE_FLOAT] = "float",
    [KRN_EPILOGUE_FIXED] = "fixed",
    [KRN_EPILOGUE_SUMS] = "sums",
    [KRN_EPILOGUE_ADD] = "add",
};
const uint8_t krn_epilogue_words[KRN_EPILOGUE_COUNT] = {
    [KRN_EPILOGUE_FLOAT] = 2,
    [KRN_EPILOGUE_FIXED] = 3,
    [KRN_EPILOGUE_SUMS] = 1,
    [KRN_EPILOGUE_ADD] = 2,
};

const char *const krn_algorithm_names[KRN_ALG_COUNT] = {
    [KRN_ALG_POINTWISE] = "pointwise",      [KRN_ALG_IM2COL] = "im2col",
    [KRN_ALG_INDIRECT] = "indirect",        [KRN_ALG_DEPTHWISE] = "depthwise",
    [KRN_ALG_WINOGRAD] = "winograd",        [KRN_ALG_DIRECT] = "direct",
    [KRN_ALG_DWROWS] = "depthwise by rows", [KRN_ALG_PACKED] = "packed",
};

static const struct {
    void (*setup)(const struct krn_conv *conv, const int8_t *in, void *workspace); /* may be NULL */
    void (*run)(const struct krn_job *job);
} drivers[KRN_ALG_COUNT] = {
    [KRN_ALG_POINTWISE] = { NULL, krn_pointwise_run },
    [KRN_ALG_IM2COL] = { NULL, krn_im2col_run },
    [KRN_ALG_PACKED] = { krn_packed_setup, krn_im2col_run },
    [KRN_ALG_INDIRECT] = { krn_indirect_setup, krn_indirect_run },
    [KRN_ALG_DEPTHWISE] = { krn_depthwise_setup, krn_depthwise_run },
    [KRN_ALG_WINOGRAD] = { krn_winograd_setup, krn_winograd_run },
    [KRN_ALG_DIRECT] = { NULL, krn_direct_run },
    [KRN_ALG_DWROWS] = { NULL, krn_dwrows_run },
};

/* Row tiles that lie in scratch at a time unless told: gathered ones in the L1 data cache of the
 * smallest cores; packed ones, which cost more to make, in their L2 cache. */
#define GATHER_BYTES (32 << 10)
#define PACKED_BYTES (128 << 10)

/* No buffer may need more; products saturate here, so that none of them overflows. */
#define BYTES_MAX ((int64_t)1 << 46)
#define ROW_BYTES_MAX ((int64_t)1 << 30)

static int64_t times(int64_t a, int64_t b)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product) || product > BYTES_MAX)
        return BYTES_MAX;
    return product;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int check_quant(const struct krn_quant *q, char *err, size_t err_bytes)
{
    if (q->zp_in < -128 || q->zp_in > 127 || q->zp_out < -128 || q->zp_out > 127) {
        krn_text_print(err, err_bytes, "zero points %d and %d: both must be in -128..127", q->zp_in,
                       q->zp_out);
        return -EINVAL;
    }
    if (q->lo < -128 || q->lo > q->hi || q->hi > 127) {
        krn_text_print(err, err_bytes, "output bounds %d..%d: must be in order within -128..127",
                       q->lo, q->hi);
        return -EINVAL;
    }
    return 0;
}

static int check_driver(struct krn_driver d, char *err, size_t err_bytes)
{
    if ((d.loop_order == 0 || d.loop_order == 1) && d.mc_tiles >= 0)
        return 0;
    krn_text_print(err, err_bytes, "driver: loop_order %d must be 0 or 1, mc_tiles %d not negative",
                   d.loop_order, d.mc_tiles);
    return -EINVAL;
}

int krn_is_pixelwise(const struct krn_problem *p)
{
    return p->kh == 1 && p->kw == 1 && p->sh == 1 && p->sw == 1 && p->ph == 0 && p->pw == 0 &&
           p->oh == p->ih && p->ow == p->iw;
}

static int check_depthwise(const struct krn_problem *p, const struct krn_kernel *kernel, char *err,
                           size_t err_bytes)
{
    int columns = kernel->filter != 0;
    int multiplier = krn_problem_multiplier(p);
    if (multiplier == 0 || (multiplier > 1 && kernel->family == KRN_FAMILY_DWROWS))
        krn_text_print(err, err_bytes,
                       multiplier == 0
                           ? "%s is a depthwise kernel: it needs g == ic, not g%d ic%d oc%d"
                           : "%s takes a depthwise multiplier of 1 only, not g%d ic%d oc%d",
                       kernel->name, p->groups, p->ic, p->oc);
    else if (p->oc < kernel->nr && kernel->family != KRN_FAMILY_DW)
        krn_text_print(err, err_bytes, "%s takes blocks of %d channels, the problem has %d",
                       kernel->name, kernel->nr, p->oc);
    else if (kernel->taps != 0 && (int64_t)p->kh * p->kw != kernel->taps)
        krn_text_print(err, err_bytes, "%s takes %d taps, the problem has %d x %d", kernel->name,
                       kernel->taps, p->kh, p->kw);
    else if (columns && (p->kh != kernel->filter || p->kw != kernel->filter || p->dh > 1 ||
                         p->dw > 1 || p->sh != kernel->stride || p->sw != kernel->stride))
        krn_text_print(err, err_bytes, "%s takes %d x %d filters without gaps at stride %d only",
                       kernel->name, kernel->filter, kernel->filter, kernel->stride);
    else
        return 0;
    return -ENOTSUP;
}

static int check_winograd(const struct krn_problem *p, const struct krn_kernel *kernel, char *err,
                          size_t err_bytes)
{
    if (p->kh == 3 && p->kw == 3 && p->sh == 1 && p->sw == 1 && p->dh == 1 && p->dw == 1)
        return 0;
    krn_text_print(err, err_bytes,
                   "%s is a Winograd kernel: it takes 3 x 3 filters without gaps at stride 1 only",
                   kernel->name);
    return -ENOTSUP;
}

/* Interleaved rows: steps of pixels and calls of rows go back where they do not fit. */
static int check_quads(const struct krn_problem *p, const struct krn_kernel *kernel, char *err,
                       size_t err_bytes)
{
    int step = krn_quads_step(kernel);
    if (kernel->places == 0 || (p->oh >= kernel->rows && p->ow >= step))
        return 0;
    krn_text_print(err, err_bytes, "%s takes outputs of at least %d x %d, the problem has %d x %d",
                   kernel->name, kernel->rows, step, p->oh, p->ow);
    return -ENOTSUP;
}

/* Copied rows have a limit, so that no sum of them overflows. */
static int check_row(const struct krn_problem *p, const struct krn_kernel *kernel, char *err,
                     size_t err_bytes)
{
    int64_t pixels = (int64_t)(p->ow - 1) * p->sw + (int64_t)(p->kw - 1) * p->dw + 16;
    if (times(pixels, krn_round_up(p->ic, KRN_ALIGN) * kernel->w_bytes) < ROW_BYTES_MAX)
        return 0;
    krn_text_print(err, err_bytes, "%s would need a row of more than %lld bytes in a buffer",
                   kernel->name, (long long)ROW_BYTES_MAX);
    return -ENOTSUP;
}

static int check_dwrows(const struct krn_problem *p, const struct krn_kernel *kernel, char *err,
                        size_t err_bytes)
{
    int step = krn_dwrows_step(kernel);
    if (check_depthwise(p, kernel, err, err_bytes) || check_row(p, kernel, err, err_bytes))
        return -ENOTSUP;
    if (p->oh >= kernel->mr && p->ow >= step)
        return 0;
    krn_text_print(err, err_bytes, "%s takes outputs of at least %d x %d, the problem has %d x %d",
                   kernel->name, kernel->mr, step, p->oh, p->ow);
    return -ENOTSUP;
}

/* Whether some tap of the filter lies beside the image. */
static int is_padded(const struct krn_problem *p)
{
    return p->ph > 0 || p->pw > 0 ||
           (int64_t)(p->oh - 1) * p->sh + (int64_t)(p->kh - 1) * p->dh >= p->ih ||
           (int64_t)(p->ow - 1) * p->sw + (int64_t)(p->kw - 1) * p->dw >= p->iw;
}

static int check_direct(const struct krn_problem *p, const struct krn_kernel *kernel, char *err,
                        size_t err_bytes)
{
    int64_t run = krn_is_pixelwise(p) ? (int64_t)p->n * p->oh * p->ow : p->ow;
    int by = kernel->diagonal ? kernel->nr : kernel->kr;
    if (kernel->copies && check_row(p, kernel, err, err_bytes))
        return -ENOTSUP;
    if (run < kernel->mr)
        krn_text_print(err, err_bytes, "%s takes runs of at least %d pixels, the problem has %lld",
                       kernel->name, kernel->mr, (long long)run);
    else if (!kernel->copies && (is_padded(p) || p->ic / p->groups % by))
        krn_text_print(err, err_bytes,
                       "%s reads the input in place: it takes no padding, and channels by %d",
                       kernel->name, by);
    else
        return 0;
    return -ENOTSUP;
}

/* How many groups are computed as one: on a diagonal all, else as many as the columns hold, which
 * then cost no more than one of them. */
static int32_t merged_groups(const struct krn_problem *p, const struct krn_kernel *kernel)
{
    int32_t merged = p->groups, columns = p->oc / p->groups;
    if (krn_family_is_depthwise(kernel->family) || kernel->family == KRN_FAMILY_WINO)
        return 1;
    if (kernel->diagonal)
        return p->groups;
    while (merged > 1 && (p->groups % merged || (int64_t)merged * columns > kernel->nr))
        merged--;
    return merged;
}

static int check_diagonal(const struct krn_problem *p, const struct krn_kernel *kernel, char *err,
                          size_t err_bytes)
{
    int32_t width = p->ic / p->groups;
    if (!kernel->diagonal || (p->groups > 1 && p->ic == p->oc && kernel->diagonal % width == 0))
        return 0;
    krn_text_print(err, err_bytes,
                   "%s takes groups that have as many output as input channels, %d or a divisor "
                   "of it, not g%d ic%d oc%d",
                   kernel->name, kernel->diagonal, p->groups, p->ic, p->oc);
    return -ENOTSUP;
}

static int choose(struct krn_conv *conv, char *err, size_t err_bytes)
{
    const struct krn_problem *p = &conv->problem;
    const struct krn_kernel *kernel = conv->kernel;
    switch (kernel->family) {
    case KRN_FAMILY_GEMM:
        conv->algorithm = kernel->packs_a       ? KRN_ALG_PACKED
                          : krn_is_pixelwise(p) ? KRN_ALG_POINTWISE
                                                : KRN_ALG_IM2COL;
        return 0;
    case KRN_FAMILY_IGEMM:
        conv->algorithm = KRN_ALG_INDIRECT;
        return 0;
    case KRN_FAMILY_DW:
    case KRN_FAMILY_DWC:
        conv->algorithm = KRN_ALG_DEPTHWISE;
        if (check_depthwise(p, kernel, err, err_bytes))
            return -ENOTSUP;
        return check_quads(p, kernel, err, err_bytes);
    case KRN_FAMILY_WINO:
        conv->algorithm = KRN_ALG_WINOGRAD;
        return check_winograd(p, kernel, err, err_bytes);
    case KRN_FAMILY_DIRECT:
        conv->algorithm = KRN_ALG_DIRECT;
        return check_direct(p, kernel, err, err_bytes);
    case KRN_FAMILY_DWROWS:
        conv->algorithm = KRN_ALG_DWROWS;
        return check_dwrows(p, kernel, err, err_bytes);
    default:
        krn_text_print(err, err_bytes, "%s measures a peak: it is not a convolution", kernel->name);
        return -ENOTSUP;
    }
}

static int is_depthwise(const struct krn_conv *conv)
{
    return conv->algorithm == KRN_ALG_DEPTHWISE || conv->algorithm == KRN_ALG_DWROWS;
}

/* taps and depth of the micro-kernel's arguments */
static void split_filter(struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    int64_t taps = (int64_t)p->kh * p->kw, depth = p->ic / p->groups;
    if (conv->kernel->family == KRN_FAMILY_GEMM) {
        conv->taps = 1;
        conv->depth = taps * depth;
    } else if (conv->algorithm == KRN_ALG_DIRECT && krn_direct_by_line(p, conv->kernel)) {
        conv->taps = p->kh;
        conv->depth = p->kw * depth;
    } else if (conv->kernel->diagonal) {
        conv->taps = taps;
        conv->depth = conv->kernel->diagonal;
    } else {
        conv->taps = taps;
        conv->depth = depth;
    }
}

/* Packed weights of one column (DW, DWROWS: of one channel), in elements. */
static int64_t column_elements(const struct krn_conv *conv)
{
    const struct krn_kernel *kernel = conv->kernel;
    if (conv->algorithm == KRN_ALG_DEPTHWISE)
        return krn_depthwise_weights(conv);
    if (conv->algorithm == KRN_ALG_DWROWS)
        return (int64_t)krn_dwrows_step(kernel) * krn_dwrows_side(kernel) *
               krn_dwrows_groups(kernel) * kernel->kr;
    return times(conv->taps, krn_round_up(conv->depth, krn_depth_group(kernel)));
}

/* Panels of all groups, in bytes. */
static int64_t size_weights(struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    const struct krn_kernel *kernel = conv->kernel;
    int64_t columns = krn_head_columns(kernel), head = krn_head_bytes(kernel), sums = 0;
    split_filter(conv);
    if (conv->algorithm == KRN_ALG_DIRECT)
        sums = times(conv->taps, (int64_t)kernel->nr * 4);
    int64_t body = times(times(column_elements(conv), columns), kernel->w_bytes);
    conv->panels = ceil_div(is_depthwise(conv) ? p->oc : p->oc / p->groups, kernel->nr);
    conv->panel_bytes = krn_round_up(head + body + sums, KRN_ALIGN);
    return times(times(is_depthwise(conv) ? 1 : p->groups, conv->panels), conv->panel_bytes);
}

static void size_tiles(struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    if (is_depthwise(conv)) {
        int by_rows = conv->algorithm == KRN_ALG_DWROWS;
        conv->row_tiles =
            by_rows ? (int64_t)p->n * (p->oh / conv->kernel->mr) : krn_depthwise_calls(conv);
        conv->tiles = conv->row_tiles;
        conv->block_tiles = 1;
        return;
    }
    if (conv->algorithm == KRN_ALG_DIRECT) {
        krn_direct_shape(conv);
        conv->tiles = p->groups * conv->row_tiles * conv->panels;
        return;
    }
    conv->row_tiles = ceil_div((int64_t)p->n * p->oh * p->ow, conv->kernel->mr);
    conv->tiles = p->groups * conv->row_tiles * conv->panels;
    int64_t block = conv->driver.mc_tiles;
    int packed = conv->algorithm == KRN_ALG_PACKED;
    if (block == 0 && (packed || conv->algorithm == KRN_ALG_IM2COL)) {
        int64_t fit = (packed ? PACKED_BYTES : GATHER_BYTES) / krn_slot_bytes(conv);
        block = fit > 0 ? fit : 1;
    }
    conv->block_tiles = block == 0 || block > conv->row_tiles ? conv->row_tiles : block;
}

static int64_t size_workspace(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    int64_t pointers;
    if (conv->algorithm == KRN_ALG_INDIRECT)
        pointers = times(conv->row_tiles, times(conv->taps, conv->kernel->mr));
    else if (conv->algorithm == KRN_ALG_DEPTHWISE && krn_depthwise_in_place(conv))
        pointers = times(krn_depthwise_tables(conv), krn_depthwise_pointers(conv));
    else if (conv->algorithm == KRN_ALG_DEPTHWISE)
        pointers = 0; /* what they point to is only known in a thread */
    else
        return conv->algorithm == KRN_ALG_PACKED ? krn_padding_bytes(p) : 0;
    return krn_padding_bytes(p) + krn_round_up(times(pointers, (int64_t)sizeof(void *)), KRN_ALIGN);
}

static int64_t size_scratch(const struct krn_conv *conv)
{
    if (conv->algorithm == KRN_ALG_DEPTHWISE)
        return krn_depthwise_scratch_bytes(conv);
    if (conv->algorithm == KRN_ALG_DIRECT)
        return krn_direct_scratch_bytes(conv);
    if (conv->algorithm == KRN_ALG_DWROWS)
        return krn_dwrows_scratch_bytes(conv);
    int64_t bytes = krn_tile_scratch_bytes(conv);
    if (conv->algorithm == KRN_ALG_IM2COL || conv->algorithm == KRN_ALG_PACKED)
        bytes += krn_packed_rows_bytes(conv) +
                 krn_round_up(times(conv->block_tiles, krn_slot_bytes(conv)), KRN_ALIGN);
    return bytes;
}

static int size_all(struct krn_conv *conv, char *err, size_t err_bytes)
{
    struct krn_sizes sizes;
    if (conv->algorithm == KRN_ALG_WINOGRAD) {
        krn_winograd_size(conv, &sizes);
    } else {
        sizes.packed = size_weights(conv);
        size_tiles(conv);
        sizes.workspace = size_workspace(conv);
        sizes.scratch = size_scratch(conv);
    }
    if (sizes.packed >= BYTES_MAX || sizes.workspace >= BYTES_MAX || sizes.scratch >= BYTES_MAX) {
        krn_text_print(err, err_bytes,
                       "%s would need a buffer of more than %lld bytes for this problem",
                       conv->kernel->name, (long long)BYTES_MAX);
        return -ENOTSUP;
    }
    conv->packed_bytes = (size_t)sizes.packed;
    conv->workspace_bytes = (size_t)sizes.workspace;
    conv->scratch_bytes = (size_t)sizes.scratch;
    return 0;
}

int krn_conv_plan(struct krn_conv *conv, const struct krn_problem *problem,
                  const struct krn_quant *quant, const struct krn_kernel *kernel,
                  struct krn_driver driver, char *err, size_t err_bytes)
{
    memset(conv, 0, sizeof *conv);
    conv->problem = *problem;
    conv->quant = *quant;
    conv->driver = driver;
    conv->kernel = kernel;
    conv->out_pixel = problem->oc;
    int rc = krn_problem_check(problem, err, err_bytes);
    if (rc == 0)
        rc = check_quant(quant, err, err_bytes);
    if (rc == 0)
        rc = check_driver(driver, err, err_bytes);
    if (rc == 0)
        rc = check_diagonal(problem, kernel, err, err_bytes);
    if (rc == 0) {
        conv->merged = merged_groups(problem, kernel);
        conv->problem.groups /= conv->merged;
        rc = choose(conv, err, err_bytes);
    }
    if (rc == 0)
        rc = size_all(conv, err, err_bytes);
    return rc;
}

struct krn_out krn_out_of(const struct krn_quant *quant)
{
    struct krn_out out = {
        .lo_f = (float)(quant->lo - quant->zp_out),
        .hi_f = (float)(quant->hi - quant->zp_out),
        .zp = quant->zp_out,
        .lo = quant->lo,
        .hi = quant->hi,
        .span = quant->hi - quant->zp_out,
    };
    return out;
}

int64_t krn_padding_bytes(const struct krn_problem *p)
{
    /* with a multiplier, channels are repeated before they are used */
    return krn_round_up(krn_problem_multiplier(p) ? p->oc : p->ic, KRN_ALIGN);
}

void krn_padding_fill(const struct krn_conv *conv, void *workspace)
{
    memset(workspace, conv->quant.zp_in, (size_t)krn_padding_bytes(&conv->problem));
}

void krn_conv_setup(const struct krn_conv *conv, const int8_t *in, void *workspace)
{
    assert((uintptr_t)workspace % KRN_ALIGN == 0);
    if (drivers[conv->algorithm].setup)
        drivers[conv->algorithm].setup(conv, in, workspace);
}

void krn_conv_run(const struct krn_conv *conv, const void *packed, const int8_t *in, int8_t *out,
                  const void *workspace, void *scratch, int64_t begin, int64_t end)
{
    assert((uintptr_t)packed % KRN_ALIGN == 0);
    assert(0 <= begin && begin <= end && end <= conv->tiles);
    assert(conv->out_pixel == conv->problem.oc || conv->algorithm != KRN_ALG_DEPTHWISE);
    if (begin == end)
        return;
    struct krn_job job = { conv, packed, in, out, workspace, scratch, begin, end };
    drivers[conv->algorithm].run(&job);
}
