#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "quant/model/picture.h"

enum { WEIGHT_BITS = 11 };

/* Of one output coordinate: the first of the two input coordinates that it lies between, and the
 * weights of both. */
struct tap {
    int32_t first;
    int16_t weight[2];
};

static struct tap find_tap(int32_t at, int32_t out, int32_t in)
{
    float place = (float)(((double)at + 0.5) * ((double)in / out) - 0.5);
    int32_t first = (int32_t)floorf(place);
    float share = place - (float)first;

    if (first < 0) {
        first = 0;
        share = 0;
    }
    if (first >= in - 1) {
        first = in > 1 ? in - 2 : 0;
        share = in > 1 ? 1 : 0;
    }
    return (struct tap) { first,
                          { (int16_t)((1 - share) * (1 << WEIGHT_BITS) + 0.5f),
                            (int16_t)(share * (1 << WEIGHT_BITS) + 0.5f) } };
}

static struct tap *find_taps(int32_t out, int32_t in)
{
    struct tap *taps = malloc((size_t)out * sizeof(*taps));

    for (int32_t i = 0; taps && i < out; i++)
        taps[i] = find_tap(i, out, in);
    return taps;
}

/* One input row at the output's width; 4 of the 11 bits of weight are dropped at once, so that a
 * value fits 16 bits. */
static void stretch_row(const struct qnt_picture *p, int32_t row, const struct tap *taps, int32_t w,
                        int16_t *out)
{
    const size_t c = (size_t)p->c, next = p->w > 1 ? c : 0;
    const uint8_t *in = p->data + (size_t)row * (size_t)p->w * c;

    for (int32_t x = 0; x < w; x++) {
        const uint8_t *a = in + (size_t)taps[x].first * c;
        for (size_t k = 0; k < c; k++)
            *out++ = (int16_t)((a[k] * taps[x].weight[0] + a[next + k] * taps[x].weight[1]) >> 4);
    }
}

int qnt_picture_stretch(const struct qnt_picture *p, int32_t w, int32_t h, uint8_t *out)
{
    const size_t row = (size_t)w * (size_t)p->c;
    struct tap *columns = find_taps(w, p->w), *lines = find_taps(h, p->h);
    int16_t *rows = malloc(2 * row * sizeof(*rows));
    int result = columns && lines && rows ? 0 : -ENOMEM;

    for (int32_t y = 0; result == 0 && y < h; y++) {
        const struct tap *t = &lines[y];
        const int32_t b0 = t->weight[0], b1 = t->weight[1];
        stretch_row(p, t->first, columns, w, rows);
        stretch_row(p, p->h > 1 ? t->first + 1 : 0, columns, w, rows + row);
        for (size_t i = 0; i < row; i++)
            *out++ = (uint8_t)((((b0 * rows[i]) >> 16) + ((b1 * rows[row + i]) >> 16) + 2) >> 2);
    }
    free(columns);
    free(lines);
    free(rows);
    return result;
}
