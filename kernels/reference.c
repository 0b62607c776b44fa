#include "kernels/reference.h"

#include <string.h>

/* Half to even, from arithmetic that is exact: |x| <= 255 here, so truncation and its remainder
 * lose nothing, and neither the rounding mode nor -ffast-math has a say. */
static int32_t round_half_even(float x)
{
    int32_t whole = (int32_t)x;
    float rest = x - (float)whole;
    int odd = whole & 1;
    if (rest > 0.5f || (rest == 0.5f && odd))
        return whole + 1;
    if (rest < -0.5f || (rest == -0.5f && odd))
        return whole - 1;
    return whole;
}

static int8_t finish(float x, const struct krn_quant *quant)
{
    float lo = (float)(quant->lo - quant->zp_out), hi = (float)(quant->hi - quant->zp_out);
    x = x < lo ? lo : x;
    x = x > hi ? hi : x;
    return (int8_t)(round_half_even(x) + quant->zp_out);
}

/* volatile, here and below: a product is rounded to a float. A copy of this file compiled without
 * -ffp-contract=off may otherwise fuse it with the sum or the subtraction that follows. */
int8_t krn_requantise(int32_t acc, float scale, const struct krn_quant *quant)
{
    volatile float product = (float)acc * scale;
    return finish(product, quant);
}

int8_t krn_requantise_add(int32_t acc, float scale, const struct krn_add *add, size_t at,
                          const struct krn_quant *quant)
{
    volatile float product = (float)acc * scale;
    volatile float other = (float)(add->tensor[at] - add->zp) * add->factor;
    volatile float sum = product + other;
    return finish(sum, quant);
}

void krn_fixed_of(float scale, int32_t *multiplier, int32_t *shift)
{
    uint32_t bits;
    memcpy(&bits, &scale, sizeof bits);
    int32_t exponent = (int32_t)(bits >> 23), down = 126 - exponent;
    assert(exponent <= 126); /* also that it is not negative */
    *multiplier = down > 31 ? 0 : (int32_t)((bits & 0x7fffff) | 0x800000) << 7;
    *shift = down > 31 ? 0 : down;
}

int8_t krn_requantise_fixed(int32_t acc, int32_t multiplier, int32_t shift,
                            const struct krn_quant *quant)
{
    int64_t y = ((int64_t)acc * multiplier + (1 << 30)) >> 31;
    if (shift > 0)
        y = (y + ((int64_t)1 << (shift - 1))) >> shift;
    y += quant->zp_out;
    y = y < quant->lo ? quant->lo : y;
    return (int8_t)(y > quant->hi ? quant->hi : y);
}

/* What one output element reads: the filter of channel `oc`, the image `n`, at (y, x). */
struct spot {
    int32_t n, y, x, oc;
};

/* sum((a - zp_in) * w) of `count` neighbours, modulo 2^32: sixteen by sixteen, for which a compiler
 * has instructions, and the rest. */
static uint32_t dot(const int8_t *a, int32_t zp_in, const int8_t *w, int32_t count)
{
    enum { STEP = 16 };
    uint32_t sum = 0;
    int32_t c = 0;
    for (; c + STEP <= count; c += STEP) {
        int32_t part = 0; /* far from its limits: |a - zp_in| <= 255 */
        for (int i = 0; i < STEP; i++)
            part += (int16_t)(a[c + i] - zp_in) * w[c + i];
        sum += (uint32_t)part;
    }
    for (; c < count; c++)
        sum += (uint32_t)((a[c] - zp_in) * w[c]);
    return sum;
}

static uint32_t accumulate(const struct krn_problem *p, const struct krn_quant *quant,
                           const int8_t *in, const int8_t *weights, struct spot o)
{
    int32_t depth = p->ic / p->groups;
    int32_t first = o.oc / (p->oc / p->groups) * depth; /* input channel of the group */
    const int8_t *w = weights + (size_t)o.oc * (size_t)p->kh * (size_t)p->kw * (size_t)depth;
    uint32_t sum = 0; /* unsigned: wraps modulo 2^32 */
    for (int32_t ky = 0; ky < p->kh; ky++)
        for (int32_t kx = 0; kx < p->kw; kx++, w += depth) {
            int64_t y = (int64_t)o.y * p->sh - p->ph + (int64_t)ky * p->dh;
            int64_t x = (int64_t)o.x * p->sw - p->pw + (int64_t)kx * p->dw;
            if (y < 0 || y >= p->ih || x < 0 || x >= p->iw)
                continue; /* padding reads zp_in, which is zero */
            const int8_t *a = in + (((int64_t)o.n * p->ih + y) * p->iw + x) * p->ic + first;
            sum += dot(a, quant->zp_in, w, depth);
        }
    return sum;
}

/* What a channel and a place bring along. */
struct channel {
    float scale;
    int32_t multiplier, shift;
    const struct krn_add *add;
};

static void store(enum krn_epilogue epilogue, int32_t acc, const struct channel *c,
                  const struct krn_quant *quant, void *out, size_t at)
{
    int8_t *byte = (int8_t *)out + at;
    switch (epilogue) {
    case KRN_EPILOGUE_FIXED:
        *byte = krn_requantise_fixed(acc, c->multiplier, c->shift, quant);
        break;
    case KRN_EPILOGUE_SUMS:
        ((int32_t *)out)[at] = acc;
        break;
    case KRN_EPILOGUE_ADD:
        *byte = krn_requantise_add(acc, c->scale, c->add, at, quant);
        break;
    default:
        *byte = krn_requantise(acc, c->scale, quant);
        break;
    }
}

void krn_reference_epilogue(const struct krn_problem *problem, const struct krn_quant *quant,
                            enum krn_epilogue epilogue, const int8_t *in, const int8_t *weights,
                            const int32_t *bias, const float *scale, const struct krn_add *add,
                            void *out)
{
    const struct krn_problem *p = problem;
    struct spot o;
    size_t at = 0;
    for (o.n = 0; o.n < p->n; o.n++)
        for (o.y = 0; o.y < p->oh; o.y++)
            for (o.x = 0; o.x < p->ow; o.x++)
                for (o.oc = 0; o.oc < p->oc; o.oc++) {
                    struct channel c = { .scale = scale[o.oc], .add = add };
                    uint32_t acc = accumulate(p, quant, in, weights, o);
                    acc += bias ? (uint32_t)bias[o.oc] : 0;
                    if (epilogue == KRN_EPILOGUE_FIXED)
                        krn_fixed_of(scale[o.oc], &c.multiplier, &c.shift);
                    store(epilogue, (int32_t)acc, &c, quant, out, at++);
                }
}

void krn_reference(const struct krn_problem *problem, const struct krn_quant *quant,
                   const int8_t *in, const int8_t *weights, const int32_t *bias, const float *scale,
                   int8_t *out)
{
    krn_reference_epilogue(problem, quant, KRN_EPILOGUE_FLOAT, in, weights, bias, scale, NULL, out);
}
