/* Rows of the input, padded and in the form that the MAC wants, in a ring of slots. */
#include "kernels/conv_int.h"

#include <string.h>

enum { PREFETCH_BYTES = 1024 }; /* ahead of what is being copied */

/* Vectors of the compiler's. AVX2 comes with every x86 level that has kernels of these families. */
#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE __attribute__((target("avx2")))
#else
#define WIDE
#endif
typedef uint8_t bytes32 __attribute__((vector_size(32), aligned(1), may_alias));
typedef int8_t bytes16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef int16_t words16 __attribute__((vector_size(32), aligned(1), may_alias));

/* Pixels of a copied row: what a run reads, and the groups beyond it that only zero weights meet.
 */
static int64_t row_pixels(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    if (conv->algorithm == KRN_ALG_DWROWS)
        return krn_dwrows_reach(conv->kernel, p->ow);
    if (krn_is_pixelwise(p))
        return 2 * conv->run; /* the last run is less than two */
    return (int64_t)(p->ow - 1) * p->sw + (int64_t)(p->kw - 1) * p->dw + 1;
}

/* Channels of a pixel that are copied: all, or those of one group. */
static int64_t copied_channels(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    return conv->algorithm == KRN_ALG_DIRECT && !conv->kernel->diagonal ? p->ic / p->groups : p->ic;
}

int64_t krn_ring_pixel(const struct krn_conv *conv)
{
    const struct krn_kernel *kernel = conv->kernel;
    return kernel->diagonal ? krn_round_up(conv->problem.ic, kernel->nr) : copied_channels(conv);
}

/* Bytes of a slot before its row, so that what is copied to lies as the input does: aligned. */
static int64_t lead_bytes(const struct krn_conv *conv)
{
    int64_t before = conv->problem.pw * krn_ring_pixel(conv) * conv->kernel->w_bytes;
    return krn_round_up(before, KRN_ALIGN) - before;
}

/* Never a multiple of 4096: rows at the same place of a page would share few lines of a cache. */
int64_t krn_ring_row_bytes(const struct krn_conv *conv)
{
    int64_t pixel = krn_ring_pixel(conv) * conv->kernel->w_bytes;
    int64_t bytes = lead_bytes(conv) + row_pixels(conv) * pixel + KRN_ALIGN;
    bytes = krn_round_up(bytes, KRN_ALIGN);
    return bytes % 4096 == 0 ? bytes + KRN_ALIGN : bytes;
}

static void fill(const struct krn_conv *conv, char *to, int64_t elements)
{
    if (conv->kernel->w_bytes == 1) {
        memset(to, conv->quant.zp_in + conv->kernel->a_bias, (size_t)elements);
        return;
    }
    int16_t word = (int16_t)conv->quant.zp_in;
    for (int64_t i = 0; i < elements; i++)
        memcpy(to + i * (int64_t)sizeof word, &word, sizeof word);
}

/* Adding 128 modulo 256 is flipping the top bit. */
WIDE static void copy_flipped(char *to, const int8_t *from, int64_t count, uint8_t flip)
{
    const bytes32 mask = (bytes32) { 0 } + flip;
    int64_t i = 0;
    for (; i + 128 <= count; i += 128) {
        const bytes32 *in = (const bytes32 *)(from + i);
        bytes32 *out = (bytes32 *)(to + i);
        __builtin_prefetch(from + i + PREFETCH_BYTES);
        __builtin_prefetch(from + i + PREFETCH_BYTES + 64);
        out[0] = in[0] ^ mask;
        out[1] = in[1] ^ mask;
        out[2] = in[2] ^ mask;
        out[3] = in[3] ^ mask;
    }
    for (; i + 32 <= count; i += 32)
        *(bytes32 *)(to + i) = *(const bytes32 *)(from + i) ^ mask;
    for (; i < count; i++)
        to[i] = (char)(from[i] ^ flip);
}

/* So many bytes, a multiple of 32, of each pixel. */
WIDE static void copy_vectors(char *to, int64_t to_step, const int8_t *from, int64_t from_step,
                              int64_t pixels, int64_t bytes, uint8_t flip)
{
    const bytes32 mask = (bytes32) { 0 } + flip;
    for (; pixels > 0; pixels--, to += to_step, from += from_step)
        for (int64_t i = 0; i < bytes; i += 32)
            *(bytes32 *)(to + i) = *(const bytes32 *)(from + i) ^ mask;
}

WIDE static void copy_widened(char *to, const int8_t *from, int64_t count)
{
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        *(words16 *)(to + 2 * i) = __builtin_convertvector(*(const bytes16 *)(from + i), words16);
    for (; i < count; i++)
        *(int16_t *)(void *)(to + 2 * i) = from[i];
}

static void copy(const struct krn_conv *conv, char *to, const int8_t *from, int64_t count)
{
    if (conv->kernel->w_bytes == 2)
        copy_widened(to, from, count);
    else
        copy_flipped(to, from, count, conv->kernel->a_bias);
}

/* Vectors of `bytes`, `step` bytes apart, that lie within `all`, of at most `count`. */
static int64_t vectors_within(int64_t all, int64_t bytes, int64_t step, int64_t count)
{
    int64_t fit = all < bytes ? 0 : (all - bytes) / step + 1;
    return fit < count ? fit : count;
}

/* Pixels that lie side by side, `channel` and those behind it, as krn_ring_pixel() sets them apart.
 * As many as can take some of what lies behind, which makes whole vectors of them: the next ones
 * are copied over it. */
static void copy_pixels(const struct krn_conv *conv, char *to, const int8_t *from, int64_t channel,
                        int64_t pixels)
{
    int64_t ic = conv->problem.ic, step = krn_ring_pixel(conv), left = pixels * ic - channel;
    int64_t some = copied_channels(conv), more = krn_round_up(some, 32), vectors = 0;
    if (step == ic) {
        copy(conv, to, from, left);
        return;
    }
    from += channel;
    if (conv->kernel->w_bytes == 1) {
        vectors = vectors_within(left, more, ic, vectors_within(pixels * step, more, step, pixels));
        copy_vectors(to, step, from, ic, vectors, more, conv->kernel->a_bias);
    }
    for (int64_t i = vectors; i < pixels; i++)
        copy(conv, to + i * step * conv->kernel->w_bytes, from + i * ic, some);
}

/* Pixels of a copied row that lie before the image, and in it. */
struct share {
    int64_t before, inside;
};

static struct share share_of(const struct krn_ring *ring)
{
    const struct krn_problem *p = &ring->conv->problem;
    struct share s = { .before = p->pw < ring->pixels ? p->pw : ring->pixels };
    int64_t rest = ring->pixels - s.before;
    s.inside = rest < p->iw ? rest : p->iw;
    return s;
}

/* The padding of a row, which stays in its slot. */
static void fill_sides(const struct krn_ring *ring, char *to)
{
    struct share s = share_of(ring);
    int64_t pixel = krn_ring_pixel(ring->conv), after = s.before + s.inside;
    fill(ring->conv, to, s.before * pixel);
    fill(ring->conv, to + after * ring->pixel_bytes, (ring->pixels - after) * pixel);
}

/* A row of the image between its padding. */
static void copy_row(const struct krn_ring *ring, const int8_t *line, char *to)
{
    struct share s = share_of(ring);
    copy_pixels(ring->conv, to + s.before * ring->pixel_bytes, line, ring->channel, s.inside);
}

/* A run of the pixels of a 1x1 layer, all images taken as one row. */
static void copy_run(const struct krn_ring *ring, const int8_t *in, int64_t run, char *to)
{
    const struct krn_conv *conv = ring->conv;
    const struct krn_problem *p = &conv->problem;
    int64_t begin = run * conv->run, end = begin + conv->run;
    if (run == conv->row_tiles - 1)
        end = (int64_t)p->n * p->oh * p->ow;
    copy_pixels(conv, to, in + begin * p->ic, ring->channel, end - begin);
}

void krn_ring_begin(struct krn_ring *ring, const struct krn_conv *conv, char *slots, int64_t count)
{
    *ring = (struct krn_ring) { .conv = conv, .slots = slots, .count = count, .image = -1 };
    ring->row_bytes = krn_ring_row_bytes(conv);
    ring->pixel_bytes = krn_ring_pixel(conv) * conv->kernel->w_bytes;
    ring->pixels = row_pixels(conv);
    ring->lead = lead_bytes(conv);
    ring->is_flat = krn_is_pixelwise(&conv->problem) && conv->algorithm == KRN_ALG_DIRECT;
    ring->rows = ring->is_flat ? conv->row_tiles : conv->problem.ih;
    for (int64_t i = 0; i < count && !ring->is_flat; i++)
        fill_sides(ring, slots + i * ring->row_bytes + ring->lead);
    fill(conv, slots + count * ring->row_bytes + ring->lead, ring->pixels * krn_ring_pixel(conv));
}

static void fetch(struct krn_ring *ring, const int8_t *in, int64_t y)
{
    const struct krn_problem *p = &ring->conv->problem;
    char *slot = ring->slots + y % ring->count * ring->row_bytes + ring->lead;
    if (ring->is_flat)
        copy_run(ring, in, y, slot);
    else
        copy_row(ring, in + (ring->image * p->ih + y) * p->iw * p->ic, slot);
}

void krn_ring_group(struct krn_ring *ring, int64_t channel)
{
    if (ring->conv->kernel->diagonal || channel == ring->channel)
        return;
    ring->channel = channel;
    ring->image = -1;
}

void krn_ring_want(struct krn_ring *ring, const int8_t *in, int64_t image, int64_t lo, int64_t hi)
{
    lo = lo < 0 ? 0 : lo;
    hi = hi > ring->rows ? ring->rows : hi;
    if (lo >= hi)
        return;
    if (image != ring->image || lo < ring->lo || lo > ring->hi) {
        ring->image = image;
        ring->lo = ring->hi = lo;
    }
    for (; ring->hi < hi; ring->hi++)
        fetch(ring, in, ring->hi);
    if (ring->hi - ring->lo > ring->count)
        ring->lo = ring->hi - ring->count;
}

const char *krn_ring_row(const struct krn_ring *ring, int64_t y)
{
    int outside = y < 0 || y >= ring->rows;
    const char *slot = ring->slots + (outside ? ring->count : y % ring->count) * ring->row_bytes;
    return slot + ring->lead;
}

const char *krn_ring_below(const struct krn_ring *ring, const char *row, int64_t rows)
{
    int64_t bytes = ring->count * ring->row_bytes;
    row += rows * ring->row_bytes;
    return row - ring->slots < bytes ? row : row - bytes;
}
