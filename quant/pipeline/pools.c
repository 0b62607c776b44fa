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

/* Fewer channels than a vector has: pixel by pixel. */
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
#define MAX_OF_VECTORS(name, vector)                                                               \
    QNT_WIDE static void name(const struct pixels *p, int8_t *out)                                 \
    {                                                                                              \
        const size_t size = sizeof(vector);                                                        \
        for (size_t c = 0; c < p->pixel; c += 2 * size) {                                          \
            size_t left = p->pixel - c, a = left < size ? p->pixel - size : c;                     \
            size_t b = left < 2 * size ? p->pixel - size : c + size;                               \
            const int8_t *line = p->first;                                                         \
            vector most_a = *(const vector *)(line + a), most_b = *(const vector *)(line + b);     \
            for (int32_t y = 0; y < p->rows; y++, line += p->line)                                 \
                for (int32_t x = 0; x < p->columns; x++) {                                         \
                    const int8_t *at = line + (size_t)x * p->pixel;                                \
                    vector in_a = *(const vector *)(at + a), in_b = *(const vector *)(at + b);     \
                    vector more_a = in_a > most_a, more_b = in_b > most_b;                         \
                    most_a = (in_a & more_a) | (most_a & ~more_a);                                 \
                    most_b = (in_b & more_b) | (most_b & ~more_b);                                 \
                }                                                                                  \
            *(vector *)(out + a) = most_a;                                                         \
            *(vector *)(out + b) = most_b;                                                         \
        }                                                                                          \
    }
MAX_OF_VECTORS(max_many, bytes)
MAX_OF_VECTORS(max_some, half_bytes)

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
            else if (l->c < WORDS)
                max_few(&p, out);
            else if (l->c < BYTES)
                max_some(&p, out);
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

/* `vectors` times WORDS channels, of as many lines at a time as a word can sum. Inlined with a
 * number that is known, so that the sums stay in registers. */
__attribute__((always_inline)) static inline void sum_vectors(const struct pixels *p, size_t first,
                                                              size_t vectors, int32_t *sums)
{
    const int8_t *line = p->first + first;
    const int32_t some = WORD_SUMS / p->columns;

    for (size_t c = 0; c < vectors * WORDS; c++)
        sums[c] = 0;
    for (int32_t begin = 0; begin < p->rows; begin += some) {
        const int32_t end = begin + some < p->rows ? begin + some : p->rows;
        words s[CHUNK / WORDS];
        for (size_t v = 0; v < vectors; v++)
            s[v] = (words) { 0 };
        for (int32_t y = begin; y < end; y++, line += p->line)
            for (int32_t x = 0; x < p->columns; x++)
                for (size_t v = 0; v < vectors; v++)
                    s[v] += __builtin_convertvector(
                        *(const half_bytes *)(line + (size_t)x * p->pixel + v * WORDS), words);
        for (size_t v = 0; v < vectors; v++)
            for (size_t c = 0; c < WORDS; c++)
                sums[v * WORDS + c] += s[v][c];
    }
}

QNT_WIDE static void sum_chunk(const struct pixels *p, size_t first, int32_t *sums)
{
    sum_vectors(p, first, CHUNK / WORDS, sums);
}

QNT_WIDE static void sum_words(const struct pixels *p, size_t first, int32_t *sums)
{
    sum_vectors(p, first, 1, sums);
}

/* Sums of some channels from *first on, which goes back where a whole vector needs it; how many. */
static size_t sum_some(const struct pixels *p, size_t *first, int32_t *sums)
{
    const size_t left = p->pixel - *first;

    if (p->columns > WORD_SUMS || p->columns <= 0 || p->pixel < WORDS) {
        const size_t count = left < CHUNK ? left : CHUNK;
        sum_few(p, *first, count, sums);
        return count;
    }
    if (left >= CHUNK) {
        sum_chunk(p, *first, sums);
        return CHUNK;
    }
    *first = left < WORDS ? p->pixel - WORDS : *first;
    sum_words(p, *first, sums);
    return WORDS;
}

static int64_t floor_divide(int64_t a, int64_t b) /* b > 0 */
{
    return a / b - (a % b < 0);
}

/* What is the same for all channels of a window: y = floor((sum * factor + d / 2) / d) + zero. */
struct mean {
    const struct qnt_layer *layer;
    int64_t d;
    int32_t zeros; /* of the input, in a sum */
};

static int8_t average(const struct mean *m, int64_t sum)
{
    const struct qnt_layer *l = m->layer;
    int64_t y = floor_divide(sum * l->factor[0] + m->d / 2, m->d) + l->zero;
    return (int8_t)clamp((int32_t)(y < -128 ? -128 : y > 127 ? 127 : y), l->lo, l->hi);
}

/* floor((x + d / 2) / d) is (x + c) / d rounded, c = 0.5 for an even d, else 0: as far from any
 * half as 0.5 / d. Up to here doubles tell them apart: x has at most 52 bits, and the quotient,
 * where it matters, 10 before the point. */
#define EXACT_DIVISOR ((int64_t)1 << 40)

QNT_WIDE static void average_exactly(const struct mean *m, const int32_t *sums, size_t count,
                                     int8_t *out)
{
    const struct qnt_layer *l = m->layer;
    const double factor = l->factor[0], d = (double)m->d, c = m->d % 2 ? 0 : 0.5;
    const double lo = l->lo - l->zero, hi = l->hi - l->zero;
    const int32_t zeros = m->zeros, zero = l->zero;

    for (size_t i = 0; i < count; i++) {
        out[i] = qnt_byte_of(((sums[i] - zeros) * factor + c) / d, lo, hi, zero);
    }
}

/* All channels of one window: to bytes, or to scores if this is the last layer. */
static void average_window(const struct qnt_op_args *args, const struct qnt_window *k,
                           struct range y, struct range x, size_t at)
{
    const struct qnt_layer *l = args->layer, *in = input_of(args);
    const struct pixels p = pixels_of(in, args->in[0], y, x);
    const int32_t inside = p.rows * p.columns;
    const int32_t elements = k->whole ? k->kh * k->kw : inside;
    const struct mean m = { l, (int64_t)elements << l->shift, inside * in->zero };
    const float scale = in->scale / (float)elements;
    int32_t sums[CHUNK];

    for (size_t first = 0, count; first < p.pixel; first += count) {
        count = sum_some(&p, &first, sums);
        if (!args->scores && m.d <= EXACT_DIVISOR) {
            average_exactly(&m, sums, count, args->out + at + first);
            continue;
        }
        for (size_t c = 0; c < count; c++)
            if (args->scores)
                args->scores[at + first + c] =
                    qnt_clamp_score(l, (float)(sums[c] - m.zeros) * scale);
            else
                args->out[at + first + c] = average(&m, sums[c] - m.zeros);
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
