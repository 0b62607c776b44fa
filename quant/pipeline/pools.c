/* Maxima and averages of windows, in integers. Channels are the inner loop: some of them at a time,
 * so many that their maxima or sums stay in registers while the window passes. */
#include "quant/pipeline/pipeline_int.h"

#include <string.h>

/* Vectors of the compiler's own, at any address; wider than the machine's, they are several. */
#define BYTES 32
typedef int8_t bytes __attribute__((vector_size(BYTES), aligned(1), may_alias));
#define WORDS 16
typedef int8_t half_bytes __attribute__((vector_size(WORDS), aligned(1), may_alias));
typedef int16_t words __attribute__((vector_size(2 * WORDS)));
/* Bytes that a word can sum: 256 * -128 = -32768. */
#define WORD_SUMS 256

static int32_t clamp(int32_t x, int32_t lo, int32_t hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

static const struct qnt_layer *input_of(const struct qnt_op_args *args)
{
    return &args->network->layers[args->layer->inputs[0]];
}

/* The part of a window that lies inside the input. */
struct range {
    int32_t begin, end;
};

static struct range window_range(int32_t at, int32_t stride, int32_t pad, int32_t size,
                                 int32_t limit)
{
    int32_t begin = at * stride - pad, end = begin + size;
    return (struct range) { begin > 0 ? begin : 0, end < limit ? end : limit };
}

/* The pixels of a window: `rows` lines of `columns` pixels. */
struct pixels {
    const int8_t *first;
    size_t line, pixel; /* bytes from one to the next */
    int32_t rows, columns;
};

static struct pixels pixels_of(const struct qnt_layer *in, const int8_t *data, struct range y,
                               struct range x)
{
    const size_t channels = (size_t)in->c, line = channels * (size_t)in->w;
    return (struct pixels) {
        .first = data + (size_t)y.begin * line + (size_t)x.begin * channels,
        .line = line,
        .pixel = channels,
        .rows = y.end - y.begin,
        .columns = x.end - x.begin,
    };
}

/* ---- Maximum */

/* Few channels: pixel by pixel. */
QNT_WIDE static void max_few(const struct pixels *p, int8_t *out)
{
    const size_t count = p->pixel;

    memcpy(out, p->first, count);
    for (int32_t y = 0; y < p->rows; y++)
        for (int32_t x = y == 0; x < p->columns; x++) {
            const int8_t *a = p->first + (size_t)y * p->line + (size_t)x * p->pixel;
            for (size_t c = 0; c < count; c++)
                out[c] = a[c] > out[c] ? a[c] : out[c];
        }
}

/* Whole vectors of channels, two at a time; the last ones go back so that they are whole. */
QNT_WIDE static void max_many(const struct pixels *p, int8_t *out)
{
    for (size_t c = 0; c < p->pixel;) {
        size_t left = p->pixel - c, a = left < BYTES ? p->pixel - BYTES : c;
        size_t b = left < 2 * BYTES ? p->pixel - BYTES : c + BYTES;
        const int8_t *line = p->first;
        bytes most_a = *(const bytes *)(line + a), most_b = *(const bytes *)(line + b);
        for (int32_t y = 0; y < p->rows; y++, line += p->line)
            for (int32_t x = 0; x < p->columns; x++) {
                const int8_t *at = line + (size_t)x * p->pixel;
                bytes in_a = *(const bytes *)(at + a), in_b = *(const bytes *)(at + b);
                bytes more_a = in_a > most_a, more_b = in_b > most_b;
                most_a = (in_a & more_a) | (most_a & ~more_a);
                most_b = (in_b & more_b) | (most_b & ~more_b);
            }
        *(bytes *)(out + a) = most_a;
        *(bytes *)(out + b) = most_b;
        c += 2 * BYTES;
    }
}

void qnt_run_maxpool(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer, *in = input_of(args);
    const struct qnt_window *k = &l->window;
    int8_t *out = args->out + args->begin * (size_t)l->w * (size_t)l->c;

    for (int32_t oy = (int32_t)args->begin; oy < (int32_t)args->end; oy++) {
        struct range y = window_range(oy, k->sh, k->ph, k->kh, in->h);
        for (int32_t ox = 0; ox < l->w; ox++, out += l->c) {
            struct range x = window_range(ox, k->sw, k->pw, k->kw, in->w);
            struct pixels p = pixels_of(in, args->in[0], y, x);
            if (p.rows <= 0 || p.columns <= 0)
                memset(out, -128, (size_t)l->c);
            else if (l->c < BYTES)
                max_few(&p, out);
            else
                max_many(&p, out);
        }
    }
}

/* ---- Average */

/* Channels that are summed at a time. */
#define CHUNK 64

/* `count` channels from `first` on. QNT_WINDOW_MAX keeps 32 bits from overflowing. */
QNT_WIDE static void sum_few(const struct pixels *p, size_t first, size_t count, int32_t *sums)
{
    memset(sums, 0, count * sizeof(*sums));
    for (int32_t y = 0; y < p->rows; y++)
        for (int32_t x = 0; x < p->columns; x++) {
            const int8_t *a = p->first + (size_t)y * p->line + (size_t)x * p->pixel + first;
            for (size_t c = 0; c < count; c++)
                sums[c] += a[c];
        }
}

/* CHUNK channels of a window of at most WORD_SUMS pixels. */
QNT_WIDE static void sum_chunk(const struct pixels *p, size_t first, int32_t *sums)
{
    const int8_t *line = p->first + first;
    words s0 = { 0 }, s1 = { 0 }, s2 = { 0 }, s3 = { 0 };

    for (int32_t y = 0; y < p->rows; y++, line += p->line)
        for (int32_t x = 0; x < p->columns; x++) {
            const int8_t *a = line + (size_t)x * p->pixel;
            s0 += __builtin_convertvector(*(const half_bytes *)a, words);
            s1 += __builtin_convertvector(*(const half_bytes *)(a + WORDS), words);
            s2 += __builtin_convertvector(*(const half_bytes *)(a + 2 * WORDS), words);
            s3 += __builtin_convertvector(*(const half_bytes *)(a + 3 * WORDS), words);
        }
    for (size_t c = 0; c < WORDS; c++) {
        sums[c] = s0[c];
        sums[c + WORDS] = s1[c];
        sums[c + 2 * WORDS] = s2[c];
        sums[c + 3 * WORDS] = s3[c];
    }
}

static int64_t floor_divide(int64_t a, int64_t b) /* b > 0 */
{
    return a / b - (a % b < 0);
}

static int8_t average(const struct qnt_layer *l, int64_t sum, int64_t elements)
{
    int64_t d = elements << l->shift, y = floor_divide(sum * l->factor[0] + d / 2, d) + l->zero;
    return (int8_t)clamp((int32_t)(y < -128 ? -128 : y > 127 ? 127 : y), l->lo, l->hi);
}

/* All channels of one window: to bytes, or to scores if this is the last layer. */
static void average_window(const struct qnt_op_args *args, const struct qnt_window *k,
                           struct range y, struct range x, size_t at)
{
    const struct qnt_layer *l = args->layer, *in = input_of(args);
    const struct pixels p = pixels_of(in, args->in[0], y, x);
    const int32_t inside = p.rows * p.columns;
    const int32_t elements = k->whole ? k->kh * k->kw : inside;
    const float scale = in->scale / (float)elements;
    int32_t sums[CHUNK];

    for (int32_t first = 0; first < l->c; first += CHUNK) {
        int32_t count = l->c - first < CHUNK ? l->c - first : CHUNK;
        if (count == CHUNK && inside <= WORD_SUMS)
            sum_chunk(&p, (size_t)first, sums);
        else
            sum_few(&p, (size_t)first, (size_t)count, sums);
        for (int32_t c = 0; c < count; c++, at++) {
            int32_t sum = sums[c] - inside * in->zero;
            if (args->scores)
                args->scores[at] = qnt_clamp_score(l, (float)sum * scale);
            else
                args->out[at] = average(l, sum, elements);
        }
    }
}

static void run_average(const struct qnt_op_args *args, const struct qnt_window *k)
{
    const struct qnt_layer *l = args->layer, *in = input_of(args);
    size_t at = args->begin * (size_t)l->w * (size_t)l->c;

    for (int32_t oy = (int32_t)args->begin; oy < (int32_t)args->end; oy++) {
        struct range y = window_range(oy, k->sh, k->ph, k->kh, in->h);
        for (int32_t ox = 0; ox < l->w; ox++, at += (size_t)l->c)
            average_window(args, k, y, window_range(ox, k->sw, k->pw, k->kw, in->w), at);
    }
}

void qnt_run_avgpool(const struct qnt_op_args *args)
{
    run_average(args, &args->layer->window);
}

void qnt_run_global_avgpool(const struct qnt_op_args *args)
{
    const struct qnt_layer *in = input_of(args);
    const struct qnt_window all = { .kh = in->h, .kw = in->w, .sh = 1, .sw = 1 };

    run_average(args, &all);
}
