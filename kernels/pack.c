/* Weights from [oc][kh][kw][ic / groups] to what micro-kernels read: panels of nr columns, or
 * depthwise records of nr channels. Both begin with bias'[nr] and scale[nr]; a panel of DIRECT ends
 * with what each tap adds where it lies in the padding.
 *
 * A kernel computes sum((a + a_bias) * w), where the definition wants sum((a - zp_in) * w): the
 * difference, (zp_in + a_bias) * sum(w), is known here and goes into the bias. */
#include "kernels/conv_int.h"
#include "kernels/reference.h"

#include <string.h>

/* What a quick way does to the head of a panel. */
struct way {
    uint32_t bias;                    /* is added to bias' */
    float offset_factor, offset_term; /* offset = scale * factor + term */
};

static const struct way ways[] = {
    [KRN_QUICK_NONE] = { 0 },
    [KRN_QUICK_RECTIFIED] = { .bias = KRN_QUICK_BIAS, .offset_factor = -0x1p23f },
    [KRN_QUICK_SIGNED] = { .bias = KRN_QUICK_SIGNED_BIAS, .offset_factor = 0x1p126f },
    [KRN_QUICK_BOUNDED] = { .offset_term = 1 },
};

struct source {
    const int8_t *weights;
    const int32_t *bias;
    const float *scale;
    enum krn_quick quick; /* the way that the layer takes */
};

/* What the sums of a channel can be. */
struct range {
    int64_t lo, hi;
};

static struct range range_of(const struct krn_conv *conv, const struct source *s, int64_t oc,
                             int64_t count)
{
    const int64_t least = -128 - conv->quant.zp_in, most = 127 - conv->quant.zp_in;
    const int8_t *w = s->weights + oc * count;
    struct range r = { .lo = s->bias ? s->bias[oc] : 0 };
    r.hi = r.lo;
    for (int64_t i = 0; i < count; i++) {
        r.lo += w[i] * (w[i] > 0 ? least : most);
        r.hi += w[i] * (w[i] > 0 ? most : least);
    }
    return r;
}

static int is_within(struct range r, int64_t limit)
{
    return r.lo >= -limit && r.hi < limit;
}

static float magnitude(struct range r)
{
    return (float)(-r.lo > r.hi ? -r.lo : r.hi);
}

/* Whether a channel with these sums can take the way. */
static int is_quick_channel(enum krn_quick way, struct range r, float scale)
{
    const int64_t limit = 1 << 23;
    if (way == KRN_QUICK_BOUNDED)
        return is_within(r, INT32_MAX) && scale * magnitude(r) < 0x1p30f &&
               -scale * magnitude(r) < 0x1p30f;
    if (!is_within(r, limit) || !(scale >= 0x1p-60f))
        return 0;
    return way == KRN_QUICK_SIGNED ? scale < 1 && scale * magnitude(r) < 0x1p15f - 256
                                   : scale * (float)limit < 0x1p30f;
}

static int is_quick_layer(const struct krn_quant *q, enum krn_quick way)
{
    switch (way) {
    case KRN_QUICK_RECTIFIED:
        return q->lo == q->zp_out;
    case KRN_QUICK_SIGNED:
        return q->lo == -128 && q->hi == 127 && q->zp_out % 2 == 0;
    default:
        return 1;
    }
}

static int is_quick(const struct krn_conv *conv, const struct source *s, enum krn_quick way)
{
    const struct krn_problem *p = &conv->problem;
    int64_t oc = 0, count = (int64_t)p->kh * p->kw * (p->ic / p->groups / conv->merged);
    if (way == KRN_QUICK_NONE || !is_quick_layer(&conv->quant, way))
        return 0;
    while (oc < p->oc && is_quick_channel(way, range_of(conv, s, oc, count), s->scale[oc]))
        oc++;
    return oc == p->oc;
}

static enum krn_quick quick_of(const struct krn_conv *conv, const struct source *s)
{
    enum krn_quick way = conv->kernel->quick;
    if (way == KRN_QUICK_BOUNDED && is_quick(conv, s, KRN_QUICK_RECTIFIED))
        return KRN_QUICK_RECTIFIED;
    return is_quick(conv, s, way) ? way : KRN_QUICK_NONE;
}

static void put_weight(const struct krn_kernel *kernel, char *body, int64_t index, int8_t w)
{
    if (kernel->w_bytes == 2)
        ((int16_t *)(void *)body)[index] = w;
    else
        ((int8_t *)body)[index] = w;
}

static void put_weights(const struct krn_kernel *kernel, char *body, int64_t index, const int8_t *w,
                        int64_t count)
{
    int16_t *wide = (int16_t *)(void *)body + index;
    if (kernel->w_bytes == 2)
        for (int64_t i = 0; i < count; i++)
            wide[i] = w[i];
    else
        for (int64_t i = 0; i < count; i++)
            body[index + i] = (char)w[i];
}

/* Wraps as the accumulator does; sixteen at a time, for which a compiler has instructions. */
static uint32_t sum_of(const int8_t *w, int64_t count)
{
    enum { STEP = 16 };
    uint32_t sum = 0;
    int64_t c = 0;
    for (; c + STEP <= count; c += STEP) {
        int32_t part = 0;
        for (int i = 0; i < STEP; i++)
            part += w[c + i];
        sum += (uint32_t)part;
    }
    for (; c < count; c++)
        sum += (uint32_t)w[c];
    return sum;
}

/* Column j of the head: channel oc with its `count` weights. */
static void put_head(const struct krn_conv *conv, const struct source *s, int64_t oc, int64_t count,
                     char *panel, int64_t j)
{
    const struct way *way = &ways[s->quick];
    int32_t *bias = (int32_t *)(void *)panel;
    int64_t nr = krn_head_columns(conv->kernel);
    uint32_t sum = sum_of(s->weights + oc * count, count);
    uint32_t offset = (uint32_t)(conv->quant.zp_in + conv->kernel->a_bias);
    bias[j] = (int32_t)((s->bias ? (uint32_t)s->bias[oc] : 0) - offset * sum + way->bias);
    if (s->quick)
        ((float *)(void *)bias)[2 * nr + j] = way->offset_factor * s->scale[oc] + way->offset_term;
    if (conv->kernel->epilogue == KRN_EPILOGUE_FIXED)
        krn_fixed_of(s->scale[oc], &bias[nr + j], &bias[2 * nr + j]);
    else if (conv->kernel->epilogue != KRN_EPILOGUE_SUMS)
        ((float *)(void *)bias)[nr + j] = s->scale[oc];
}

static char *body_of(const struct krn_conv *conv, char *panel)
{
    return panel + krn_head_bytes(conv->kernel);
}

/* DIRECT: column j of s32 [taps][nr] behind the weights; w: `count` weights of each tap. */
static void put_sums(const struct krn_conv *conv, const int8_t *w, int64_t count, char *panel,
                     int64_t j)
{
    int64_t nr = conv->kernel->nr, k = conv->depth;
    int64_t weights = conv->taps * krn_round_up(k, conv->kernel->kr) * nr * conv->kernel->w_bytes;
    uint32_t offset = (uint32_t)(conv->quant.zp_in + conv->kernel->a_bias);
    uint32_t *sums = (uint32_t *)(void *)(body_of(conv, panel) + weights);
    for (int64_t tap = 0; tap < conv->taps; tap++)
        sums[tap * nr + j] = offset * sum_of(w + tap * count, count);
}

/* `count` elements of column j from element `at` of its depth on, of all taps. */
static void put_elements(const struct krn_conv *conv, char *body, int64_t j, int64_t at,
                         const int8_t *w, int64_t count)
{
    int64_t k = conv->depth, kr = conv->kernel->kr, nr = conv->kernel->nr;
    int64_t tap_size = krn_round_up(k, krn_depth_group(conv->kernel)) * nr, i = at % k;
    for (body += at / k * tap_size * conv->kernel->w_bytes; count > 0;
         body += tap_size * conv->kernel->w_bytes, i = 0)
        for (int64_t some; i < k && count > 0; i += some, w += some, count -= some) {
            some = kr == 1 ? 1 : kr - i % kr;
            some = some < k - i ? some : k - i;
            some = some < count ? some : count;
            put_weights(conv->kernel, body, (i / kr * nr + j) * kr + i % kr, w, some);
        }
}

/* The same where A is rotated from step to step, see krn_diagonal_group(). */
static void put_diagonal(const struct krn_conv *conv, char *body, int64_t j, int64_t at,
                         const int8_t *w, int64_t count)
{
    const struct krn_kernel *kernel = conv->kernel;
    int64_t kr = kernel->kr, nr = kernel->nr, tap_size = conv->depth * nr;
    int groups = (int)(conv->depth / kr), place = (int)j;
    for (int64_t i = 0; i < count; i++, at++) {
        int64_t in_tap = at % conv->depth;
        int step = 0;
        while (step < groups - 1 && krn_diagonal_group(kernel, place, step) != in_tap / kr)
            step++;
        put_weight(kernel, body,
                   at / conv->depth * tap_size + (step * nr + place) * kr + in_tap % kr, w[i]);
    }
}

/* Column oc of the layer as column j of a panel. What is merged with its group comes before and
 * behind its own channels in each pixel, and stays zero. */
static void put_column(const struct krn_conv *conv, const struct source *s, int64_t oc, char *panel,
                       int64_t j)
{
    const struct krn_problem *p = &conv->problem;
    int64_t wide = p->ic / p->groups, count = wide / conv->merged; /* channels of a pixel; own */
    int64_t pixels = (int64_t)p->kh * p->kw;
    int64_t first = oc / (p->oc / p->groups / conv->merged) % conv->merged * count;
    const int8_t *w = s->weights + oc * pixels * count;
    char *body = body_of(conv, panel);
    if (conv->kernel->diagonal) {
        wide = conv->depth;
        first %= wide;
    }
    if (conv->algorithm == KRN_ALG_DIRECT)
        put_sums(conv, w, pixels / conv->taps * count, panel, j);
    if (wide == count && !conv->kernel->diagonal) {
        put_elements(conv, body, j, 0, w, pixels * count);
        return;
    }
    for (int64_t pixel = 0; pixel < pixels; pixel++)
        (conv->kernel->diagonal ? put_diagonal : put_elements)(conv, body, j, pixel * wide + first,
                                                               w + pixel * count, count);
}

/* Panel: weights [taps][ceil(k / kr)][nr][kr], to whole groups of depth. */
static void pack_column(const struct krn_conv *conv, const struct source *s, int64_t oc,
                        char *panel, int64_t j)
{
    const struct krn_problem *p = &conv->problem;
    int64_t count = (int64_t)p->kh * p->kw * (p->ic / p->groups / conv->merged);
    put_head(conv, s, oc, count, panel, j);
    if (conv->algorithm == KRN_ALG_WINOGRAD)
        krn_winograd_pack_column(conv, s->weights + oc * count, body_of(conv, panel), j);
    else
        put_column(conv, s, oc, panel, j);
}

static void pack_panels(const struct krn_conv *conv, const struct source *s, char *packed)
{
    int64_t group_oc = conv->problem.oc / conv->problem.groups, nr = conv->kernel->nr;
    for (int64_t group = 0; group < conv->problem.groups; group++)
        for (int64_t first = 0; first < group_oc; first += nr, packed += conv->panel_bytes)
            for (int64_t j = 0; j < nr; j++) {
                int64_t column =
                    first +
                    (conv->kernel->diagonal ? krn_diagonal_column(conv->kernel, (int)j) : j);
                if (column < group_oc)
                    pack_column(conv, s, group * group_oc + column, packed, j);
            }
}

/* Record of DWC in groups of four: [kw][groups][rows][nr][4], see kernel.h. */
static void pack_column_groups(const struct krn_conv *conv, const int8_t *w, char *body, int64_t j)
{
    const struct krn_kernel *kernel = conv->kernel;
    int64_t size = kernel->filter, rows = kernel->rows, step = (int64_t)kernel->nr * 4;
    int64_t groups = krn_depthwise_weights(conv) / (size * rows * 4);
    for (int64_t kx = 0; kx < size; kx++)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t ky = 0; ky < size; ky++) {
                int64_t at = ky + r * kernel->stride, group = kx * groups + at / 4;
                put_weight(kernel, body, (group * rows + r) * step + j * 4 + at % 4,
                           w[ky * size + kx]);
            }
}

/* Record of DWC with places, see kernel.h: place j. */
static void pack_quads(const struct krn_conv *conv, const int8_t *w, char *body, int64_t j)
{
    const struct krn_kernel *kernel = conv->kernel;
    int64_t size = kernel->filter, shifts = krn_quads_shifts(kernel);
    for (int64_t kx = 0; kx < size; kx++)
        for (int64_t shift = 0; shift < shifts; shift++)
            for (int64_t ky = 0; ky < size; ky++) {
                int64_t row = ky + shift, group = kx * krn_quads_groups(kernel) + row / 4;
                put_weight(kernel, body,
                           ((group * shifts + shift) * kernel->places + j) * 4 + row % 4,
                           w[ky * size + kx]);
            }
}

/* Record: weights [ceil(taps / kr)][nr][kr], taps column by column of the filter. */
static void pack_channel(const struct krn_conv *conv, const struct source *s, int64_t c,
                         char *record, int64_t j)
{
    int64_t kh = conv->problem.kh, kw = conv->problem.kw;
    int64_t nr = conv->kernel->nr, kr = conv->kernel->kr;
    const int8_t *w = s->weights + c * kh * kw;
    char *body = body_of(conv, record);
    put_head(conv, s, c, kh * kw, record, j);
    if (conv->kernel->places) {
        pack_quads(conv, w, body, j);
        return;
    }
    if (conv->kernel->family == KRN_FAMILY_DWC && kr == 4) {
        pack_column_groups(conv, w, body, j);
        return;
    }
    for (int64_t ky = 0; ky < kh; ky++)
        for (int64_t kx = 0; kx < kw; kx++) {
            int64_t tap = kx * kh + ky;
            put_weight(conv->kernel, body, (tap / kr * nr + j) * kr + tap % kr, *w++);
        }
}

/* Record of DWROWS: weights [step][side][groups][places][kr], place j. */
static void pack_place(const struct krn_conv *conv, const struct source *s, int64_t c, char *record,
                       int64_t j)
{
    const struct krn_kernel *kernel = conv->kernel;
    int64_t side = krn_dwrows_side(kernel), groups = krn_dwrows_groups(kernel);
    int64_t places = krn_dwrows_places(kernel), kr = kernel->kr;
    char *body = body_of(conv, record);
    put_head(conv, s, c, side * side, record, j);
    for (int64_t x = 0; x < krn_dwrows_step(kernel); x++)
        for (int64_t ky = 0; ky < side; ky++)
            for (int64_t kx = 0; kx < side; kx++) {
                int64_t t = kx + x * kernel->stride;
                int64_t group = (x * side + ky) * groups + t / kr;
                put_weight(kernel, body, (group * places + j) * kr + t % kr,
                           s->weights[c * side * side + ky * side + kx]);
            }
}

static void pack_records(const struct krn_conv *conv, const struct source *s, char *packed)
{
    int64_t channels = conv->problem.oc, nr = conv->kernel->nr;
    int64_t count = channels < nr ? channels : krn_head_columns(conv->kernel);
    for (int64_t block = 0; block < conv->panels; block++, packed += conv->panel_bytes) {
        /* the last block overlaps the one before it, so that it is a whole one */
        int64_t last = channels < nr ? 0 : channels - nr;
        int64_t first = block * nr < last ? block * nr : last;
        for (int64_t j = 0; j < count; j++) {
            if (conv->algorithm == KRN_ALG_DWROWS)
                pack_place(conv, s, first + krn_dwrows_channel(conv->kernel, (int)j), packed, j);
            else if (conv->kernel->places)
                pack_channel(conv, s, first + krn_quads_channel(conv->kernel, (int)j), packed, j);
            else
                pack_channel(conv, s, first + j, packed, j);
        }
    }
}

void krn_conv_pack(const struct krn_conv *conv, const int8_t *weights, const int32_t *bias,
                   const float *scale, void *packed)
{
    struct source s = { .weights = weights, .bias = bias, .scale = scale };
    s.quick = quick_of(conv, &s);
    assert((uintptr_t)packed % KRN_ALIGN == 0);
    memset(packed, 0,
           conv->packed_bytes); /* columns beyond oc, depth beyond k, the ends of panels */
    if (conv->algorithm == KRN_ALG_DEPTHWISE || conv->algorithm == KRN_ALG_DWROWS)
        pack_records(conv, &s, packed);
    else
        pack_panels(conv, &s, packed);
}
