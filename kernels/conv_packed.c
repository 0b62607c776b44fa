/* Row tiles of A, packed into scratch as [depth group][mr][kr], or [depth group][mr][8] of words,
 * in one pass over the input: what a kernel with packs_a reads. Each tap is a run of channels that
 * mr pixels have at mr addresses; the runs are interleaved. Where a run is not of whole groups,
 * rows are gathered first, and each is one run. */
#include "kernels/conv_int.h"
#include "kernels/words_int.h"

#include <string.h>

enum { MR_MAX = 32 };

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLES 1
#endif
#endif

/* The next groups of all rows, kr bytes of each. What is left of a group behind `bytes` keeps its
 * value. */
static void interleave_any(const int8_t *const *rows, int64_t mr, int64_t bytes, int64_t kr,
                           int8_t *to)
{
    for (int64_t k = 0; k < bytes; k += kr)
        for (int64_t i = 0; i < mr; i++, to += kr)
            memcpy(to, rows[i] + k, (size_t)(bytes - k < kr ? bytes - k : kr));
}

#ifdef SHUFFLES
typedef int64_t pair __attribute__((vector_size(16)));
typedef int32_t quad __attribute__((vector_size(16)));

/* Two rows from k on: groups of 8 bytes, side by side. Returns where it stopped. */
static int64_t interleave_two(const int8_t *a, const int8_t *b, int64_t bytes, int64_t step,
                              int8_t *to)
{
    int64_t k = 0;
    for (; k + 16 <= bytes; k += 16, to += 2 * step) {
        pair x, y, low, high;
        memcpy(&x, a + k, 16);
        memcpy(&y, b + k, 16);
        low = __builtin_shufflevector(x, y, 0, 2);
        high = __builtin_shufflevector(x, y, 1, 3);
        memcpy(to, &low, 16);
        memcpy(to + step, &high, 16);
    }
    return k;
}

/* Four rows: groups of 4 bytes. */
static int64_t interleave_four(const int8_t *const *rows, int64_t bytes, int64_t step, int8_t *to)
{
    int64_t k = 0;
    for (; k + 16 <= bytes; k += 16, to += 4 * step) {
        quad x[4], half[4];
        pair out;
        for (int i = 0; i < 4; i++)
            memcpy(&x[i], rows[i] + k, 16);
        for (int i = 0; i < 2; i++) {
            half[2 * i] = __builtin_shufflevector(x[2 * i], x[2 * i + 1], 0, 4, 1, 5);
            half[2 * i + 1] = __builtin_shufflevector(x[2 * i], x[2 * i + 1], 2, 6, 3, 7);
        }
        for (int i = 0; i < 2; i++) {
            out = __builtin_shufflevector((pair)half[i], (pair)half[i + 2], 0, 2);
            memcpy(to + 2 * i * step, &out, 16);
            out = __builtin_shufflevector((pair)half[i], (pair)half[i + 2], 1, 3);
            memcpy(to + (2 * i + 1) * step, &out, 16);
        }
    }
    return k;
}

/* As far as whole vectors reach. */
static int64_t interleave_vectors(const int8_t *const *rows, int64_t mr, int64_t bytes, int64_t kr,
                                  int8_t *to)
{
    int64_t done = 0;
    if (kr == 8 && mr % 2 == 0)
        for (int64_t i = 0; i < mr; i += 2)
            done = interleave_two(rows[i], rows[i + 1], bytes, mr * kr, to + i * kr);
    else if (kr == 4 && mr % 4 == 0)
        for (int64_t i = 0; i < mr; i += 4)
            done = interleave_four(rows + i, bytes, mr * kr, to + i * kr);
    return done;
}
#else
static int64_t interleave_vectors(const int8_t *const *rows, int64_t mr, int64_t bytes, int64_t kr,
                                  int8_t *to)
{
    (void)rows, (void)mr, (void)bytes, (void)kr, (void)to;
    return 0;
}
#endif

static inline void widen_group(int16_t *to, const int8_t *from)
{
    const krn_words8 words = krn_load_words(from);
    memcpy(to, &words, sizeof words);
}

/* Rows as words, eight of each side by side. What is left of a group behind `bytes` keeps its
 * value. */
static void widen(const int8_t *const *rows, int64_t mr, int64_t bytes, int16_t *to)
{
    enum { GROUP = KRN_FEED_WORDS_GROUP };
    const int64_t step = GROUP * mr;
    for (int64_t i = 0; i < mr; i++, to += GROUP) {
        const int8_t *from = rows[i];
        int16_t *at = to;
        int64_t left = bytes;
        for (; left >= 2 * GROUP; left -= 2 * GROUP, from += 2 * GROUP, at += 2 * step) {
            widen_group(at, from);
            widen_group(at + step, from + GROUP);
        }
        for (; left >= GROUP; left -= GROUP, from += GROUP, at += step)
            widen_group(at, from);
        for (int64_t j = 0; j < left; j++)
            at[j] = from[j];
    }
}

/* The next groups of all rows, as the kernel wants them. Returns where they end. */
static int8_t *interleave(const struct krn_kernel *kernel, const int8_t *const *rows, int64_t bytes,
                          int8_t *to)
{
    const int8_t *rest[MR_MAX];
    int64_t mr = kernel->mr, kr = kernel->kr, padded = krn_round_up(bytes, krn_depth_group(kernel));
    if (kernel->packs_a == KRN_FEED_WORDS) {
        widen(rows, mr, bytes, (int16_t *)(void *)to);
        return to + padded * mr * (int64_t)sizeof(int16_t);
    }
    int64_t done = interleave_vectors(rows, mr, bytes, kr, to);
    if (done < bytes) {
        for (int64_t i = 0; i < mr; i++)
            rest[i] = rows[i] + done;
        interleave_any(rest, mr, bytes - done, kr, to + done * mr);
    }
    return to + padded * mr;
}

/* Where the mr pixels of a tile are: the input position of their first tap. */
struct pixels {
    int64_t y[MR_MAX], x[MR_MAX];
    const int8_t *image[MR_MAX];
};

static void find_pixels(const struct krn_job *job, int64_t tile, int64_t group, struct pixels *at)
{
    const struct krn_problem *p = &job->conv->problem;
    int64_t mr = job->conv->kernel->mr, rows = krn_tile_rows(job->conv, tile);
    int64_t pixel = tile * mr, ox = pixel % p->ow, line = pixel / p->ow;
    for (int64_t i = 0; i < mr; i++) {
        at->y[i] = line % p->oh * p->sh - p->ph;
        at->x[i] = ox * p->sw - p->pw;
        at->image[i] = job->in + line / p->oh * p->ih * p->iw * p->ic + group * (p->ic / p->groups);
        if (i + 1 < rows && ++ox == p->ow) {
            ox = 0;
            line++;
        }
    }
}

static void pack_taps(const struct krn_job *job, const struct pixels *at, int8_t *to)
{
    const struct krn_problem *p = &job->conv->problem;
    const int8_t *rows[MR_MAX], *padding = (const int8_t *)job->workspace;
    int64_t mr = job->conv->kernel->mr, depth = p->ic / p->groups;
    for (int64_t ky = 0; ky < p->kh; ky++)
        for (int64_t kx = 0; kx < p->kw; kx++) {
            for (int64_t i = 0; i < mr; i++) {
                int64_t y = at->y[i] + ky * p->dh, x = at->x[i] + kx * p->dw;
                int inside = y >= 0 && y < p->ih && x >= 0 && x < p->iw;
                rows[i] = inside ? at->image[i] + (y * p->iw + x) * p->ic : padding;
            }
            to = interleave(job->conv->kernel, rows, depth, to);
        }
}

/* A 1x1 layer without stride: the pixels lie one behind the other. */
static void pack_pixels(const struct krn_job *job, int64_t tile, int64_t group, int8_t *to)
{
    const struct krn_problem *p = &job->conv->problem;
    const int8_t *rows[MR_MAX];
    int64_t mr = job->conv->kernel->mr, count = krn_tile_rows(job->conv, tile);
    const int8_t *row = job->in + tile * mr * p->ic + group * (p->ic / p->groups);
    for (int64_t i = 0; i < mr; i++, row += i < count ? p->ic : 0)
        rows[i] = row;
    interleave(job->conv->kernel, rows, job->conv->depth, to);
}

static void pack_gathered(const struct krn_job *job, int64_t tile, int64_t group, int8_t *to)
{
    const struct krn_conv *conv = job->conv;
    const int8_t *rows[MR_MAX];
    int64_t mr = conv->kernel->mr, count = krn_tile_rows(conv, tile);
    int8_t *linear = (int8_t *)job->scratch + krn_tile_scratch_bytes(conv);
    for (int64_t i = 0; i < mr; i++) {
        rows[i] = linear + (i < count ? i : count - 1) * conv->depth;
        if (i < count)
            krn_gather_pixel(conv, job->in, group, tile * mr + i, linear + i * conv->depth);
    }
    interleave(conv->kernel, rows, conv->depth, to);
}

static int is_gathered(const struct krn_conv *conv)
{
    int64_t depth = conv->problem.ic / conv->problem.groups;
    return depth != conv->depth && depth % krn_depth_group(conv->kernel) != 0;
}

int64_t krn_packed_rows_bytes(const struct krn_conv *conv)
{
    return is_gathered(conv) ? krn_round_up(conv->kernel->mr * conv->depth, KRN_ALIGN) : 0;
}

void krn_pack_tile(const struct krn_job *job, int64_t tile, int64_t group, int8_t *to)
{
    struct pixels at;
    assert(job->conv->kernel->mr <= MR_MAX);
    if (is_gathered(job->conv)) {
        pack_gathered(job, tile, group, to);
    } else if (krn_is_pixelwise(&job->conv->problem)) {
        pack_pixels(job, tile, group, to);
    } else {
        find_pixels(job, tile, group, &at);
        pack_taps(job, &at, to);
    }
}

void krn_packed_setup(const struct krn_conv *conv, const int8_t *in, void *workspace)
{
    (void)in;
    krn_padding_fill(conv, workspace);
}
