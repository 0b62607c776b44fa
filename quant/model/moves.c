/* Every move is a walk over the elements (or runs of channels) that it copies, each with its place
 * on both sides. */
#include "quant/model/moves.h"

#include <string.h>

#include "quant/wide.h"

struct walk {
    const struct qnt_move *m;
    size_t bytes; /* of an element */
    const uint8_t *in;
    uint8_t *out;
};

static size_t offset_of(const struct qnt_shape *s, int32_t h, int32_t w, int32_t c)
{
    return ((size_t)h * (size_t)s->w + (size_t)w) * (size_t)s->c + (size_t)c;
}

static void copy(const struct walk *k, size_t out, size_t in, size_t count)
{
    if (k->bytes == 1 && count == 1)
        k->out[out] = k->in[in];
    else
        memcpy(k->out + out * k->bytes, k->in + in * k->bytes, count * k->bytes);
}

/* A matrix of elements, rows `in_stride` elements apart, and the same turned. */
static void transpose(const struct walk *k, size_t in, size_t in_stride, size_t rows,
                      size_t columns, size_t out, size_t out_stride)
{
    if (k->bytes == 1) {
        qnt_transpose_bytes(k->in + in, in_stride, rows, columns, k->out + out, out_stride);
        return;
    }
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            copy(k, out + c * out_stride + r, in + r * in_stride + c, 1);
}

/* The output in the order c, h, w, while the input is counted in the same order. */
static void reshape_slowly(const struct walk *k)
{
    const struct qnt_shape *in = &k->m->in, *out = &k->m->out;
    int32_t ih = 0, iw = 0, ic = 0;

    for (int32_t c = 0; c < out->c; c++)
        for (int32_t h = 0; h < out->h; h++)
            for (int32_t w = 0; w < out->w; w++) {
                copy(k, offset_of(out, h, w, c), offset_of(in, ih, iw, ic), 1);
                iw = iw + 1 < in->w ? iw + 1 : 0;
                ih = iw ? ih : ih + 1 < in->h ? ih + 1 : 0;
                ic = iw || ih ? ic : ic + 1;
            }
}

/* Where one side has its elements in the order c, h, w anyway, the other is turned. */
static void move_reshape(const struct walk *k)
{
    const struct qnt_shape *in = &k->m->in, *out = &k->m->out;
    const size_t in_c = (size_t)in->c, in_pixels = (size_t)in->h * (size_t)in->w;
    const size_t out_c = (size_t)out->c, out_pixels = (size_t)out->h * (size_t)out->w;

    if (in_c == out_c)
        copy(k, 0, 0, in_c * in_pixels);
    else if (out_pixels == 1 || out_c == 1)
        transpose(k, 0, in_c, in_pixels, in_c, 0, in_pixels);
    else if (in_pixels == 1 || in_c == 1)
        transpose(k, 0, out_pixels, out_c, out_pixels, 0, out_c);
    else
        reshape_slowly(k);
}

static void move_slice(const struct walk *k)
{
    const struct qnt_shape *in = &k->m->in, *out = &k->m->out;
    const int32_t *begin = k->m->place.begin, *step = k->m->place.step;

    for (int32_t h = 0; h < out->h; h++)
        for (int32_t w = 0; w < out->w; w++) {
            size_t from = offset_of(in, begin[0] + h * step[0], begin[1] + w * step[1], begin[2]);
            size_t to = offset_of(out, h, w, 0);
            if (step[2] == 1)
                copy(k, to, from, (size_t)out->c);
            else
                for (int32_t c = 0; c < out->c; c++)
                    copy(k, to + (size_t)c, from + (size_t)c * (size_t)step[2], 1);
        }
}

static void move_pad(const struct walk *k)
{
    const struct qnt_shape *in = &k->m->in;
    const int32_t *begin = k->m->place.begin;

    for (int32_t h = 0; h < in->h; h++)
        for (int32_t w = 0; w < in->w; w++)
            copy(k, offset_of(&k->m->out, h + begin[0], w + begin[1], begin[2]),
                 offset_of(in, h, w, 0), (size_t)in->c);
}

/* Channels stay together, or they become an outer axis (0 or 1) while another becomes the inner
 * one: matrices that are turned, one for each step along the third axis. */
static void move_permute(const struct walk *k)
{
    const struct qnt_shape *in = &k->m->in, *out = &k->m->out;
    const int32_t *axis = k->m->place.begin;
    const size_t c = (size_t)in->c, from[3] = { (size_t)in->w * c, c, 1 };
    const size_t to[2] = { (size_t)out->w * (size_t)out->c, (size_t)out->c };

    if (axis[2] == 2) {
        for (size_t h = 0; h < (size_t)out->h; h++)
            for (size_t w = 0; w < (size_t)out->w; w++)
                copy(k, h * to[0] + w * to[1], h * from[axis[0]] + w * from[axis[1]], c);
        return;
    }
    const int outer = axis[0] == 2 ? 0 : 1, third = 1 - outer;
    const size_t steps = (size_t)(third == 0 ? out->h : out->w);
    for (size_t i = 0; i < steps; i++)
        transpose(k, i * from[axis[third]], from[axis[2]], (size_t)out->c, c, i * to[third],
                  to[outer]);
}

static void move_upsample(const struct walk *k)
{
    const struct qnt_shape *in = &k->m->in, *out = &k->m->out;
    const int32_t fh = out->h / in->h, fw = out->w / in->w;

    for (int32_t h = 0; h < out->h; h++)
        for (int32_t w = 0; w < out->w; w++)
            copy(k, offset_of(out, h, w, 0), offset_of(in, h / fh, w / fw, 0), (size_t)in->c);
}

/* Inlined with a number of groups that is known, it becomes shuffles of vectors. */
static inline void shuffle_bytes(const struct walk *k, size_t groups, size_t end)
{
    const size_t c = (size_t)k->m->in.c, part = c / groups;
    const uint8_t *restrict in = k->in;
    uint8_t *restrict out = k->out;

    for (size_t first = 0; first < end; first += c, in += c, out += c)
        for (size_t i = 0; i < part; i++)
            for (size_t g = 0; g < groups; g++)
                out[i * groups + g] = in[g * part + i];
}

QNT_WIDE static void shuffle_in_2(const struct walk *k, size_t end)
{
    shuffle_bytes(k, 2, end);
}

QNT_WIDE static void shuffle_in_3(const struct walk *k, size_t end)
{
    shuffle_bytes(k, 3, end);
}

QNT_WIDE static void shuffle_in_4(const struct walk *k, size_t end)
{
    shuffle_bytes(k, 4, end);
}

static void move_shuffle(const struct walk *k)
{
    const struct qnt_shape *in = &k->m->in;
    const size_t c = (size_t)in->c, groups = (size_t)k->m->place.begin[2], part = c / groups;
    const size_t end = (size_t)in->h * (size_t)in->w * c;

    static void (*const known[])(const struct walk *k, size_t end) = { NULL, NULL, shuffle_in_2,
                                                                       shuffle_in_3, shuffle_in_4 };
    if (k->bytes == 1 && groups < sizeof known / sizeof *known && known[groups])
        known[groups](k, end);
    else if (k->bytes == 1)
        shuffle_bytes(k, groups, end);
    else
        for (size_t first = 0; first < end; first += c)
            for (size_t g = 0; g < groups; g++)
                for (size_t i = 0; i < part; i++)
                    copy(k, first + i * groups + g, first + g * part + i, 1);
}

static void move_depth_to_space(const struct walk *k)
{
    const struct qnt_shape *in = &k->m->in, *out = &k->m->out;
    const int32_t sh = out->h / in->h, sw = out->w / in->w;

    for (int32_t h = 0; h < out->h; h++)
        for (int32_t w = 0; w < out->w; w++)
            copy(k, offset_of(out, h, w, 0),
                 offset_of(in, h / sh, w / sw, (h % sh * sw + w % sw) * out->c), (size_t)out->c);
}

/* ---- What must hold */

static int64_t elements(const struct qnt_shape *s)
{
    return (int64_t)s->h * s->w * s->c;
}

static int fits_reshape(const struct qnt_move *m)
{
    return elements(&m->in) == elements(&m->out);
}

static int fits_slice(const struct qnt_move *m)
{
    const int32_t in[3] = { m->in.h, m->in.w, m->in.c }, out[3] = { m->out.h, m->out.w, m->out.c };

    for (int k = 0; k < 3; k++)
        if (m->place.begin[k] < 0 || m->place.step[k] < 1 ||
            m->place.begin[k] + (int64_t)(out[k] - 1) * m->place.step[k] >= in[k])
            return 0;
    return 1;
}

static int fits_pad(const struct qnt_move *m)
{
    const int32_t in[3] = { m->in.h, m->in.w, m->in.c }, out[3] = { m->out.h, m->out.w, m->out.c };

    for (int k = 0; k < 3; k++)
        if (m->place.begin[k] < 0 || (int64_t)m->place.begin[k] + in[k] > out[k])
            return 0;
    return 1;
}

static int fits_permute(const struct qnt_move *m)
{
    const int32_t in[3] = { m->in.h, m->in.w, m->in.c }, out[3] = { m->out.h, m->out.w, m->out.c };
    int seen = 0;

    for (int k = 0; k < 3; k++) {
        int32_t axis = m->place.begin[k];
        if (axis < 0 || axis > 2 || in[axis] != out[k])
            return 0;
        seen |= 1 << axis;
    }
    return seen == 7;
}

static int fits_upsample(const struct qnt_move *m)
{
    return m->in.c == m->out.c && m->out.h % m->in.h == 0 && m->out.w % m->in.w == 0;
}

static int fits_shuffle(const struct qnt_move *m)
{
    const int32_t groups = m->place.begin[2];
    return m->in.h == m->out.h && m->in.w == m->out.w && m->in.c == m->out.c && groups >= 1 &&
           m->in.c % groups == 0;
}

static int fits_depth_to_space(const struct qnt_move *m)
{
    return m->out.h % m->in.h == 0 && m->out.w % m->in.w == 0 &&
           elements(&m->in) == elements(&m->out);
}

static const struct {
    void (*move)(const struct walk *k);
    int (*fits)(const struct qnt_move *m);
} moves[QNT_OP_COUNT] = {
    [QNT_OP_RESHAPE] = { move_reshape, fits_reshape },
    [QNT_OP_SLICE] = { move_slice, fits_slice },
    [QNT_OP_PAD] = { move_pad, fits_pad },
    [QNT_OP_PERMUTE] = { move_permute, fits_permute },
    [QNT_OP_UPSAMPLE] = { move_upsample, fits_upsample },
    [QNT_OP_SHUFFLE] = { move_shuffle, fits_shuffle },
    [QNT_OP_DEPTH_TO_SPACE] = { move_depth_to_space, fits_depth_to_space },
};

int qnt_move_fits(const struct qnt_move *m)
{
    return moves[m->op].fits && moves[m->op].fits(m);
}

void qnt_move(const struct qnt_move *m, size_t element_bytes, const void *in, void *out)
{
    const struct walk k = { m, element_bytes, in, out };
    moves[m->op].move(&k);
}
