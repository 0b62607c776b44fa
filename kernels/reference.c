#include "kernels/reference.h"

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

int8_t krn_requantise(int32_t acc, float scale, const struct krn_quant *quant)
{
    float lo = (float)(quant->lo - quant->zp_out), hi = (float)(quant->hi - quant->zp_out);
    /* volatile: the product is rounded to a float here. A copy of this file compiled without
     * -ffp-contract=off may otherwise fuse it with the subtraction above. */
    volatile float product = (float)acc * scale;
    float x = product;
    x = x < lo ? lo : x;
    x = x > hi ? hi : x;
    return (int8_t)(round_half_even(x) + quant->zp_out);
}

/* What one output element reads: the filter of channel `oc`, the image `n`, at (y, x). */
struct spot {
    int32_t n, y, x, oc;
};

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
            for (int32_t c = 0; c < depth; c++)
                sum += (uint32_t)((a[c] - quant->zp_in) * w[c]);
        }
    return sum;
}

void krn_reference(const struct krn_problem *problem, const struct krn_quant *quant,
                   const int8_t *in, const int8_t *weights, const int32_t *bias, const float *scale,
                   int8_t *out)
{
    const struct krn_problem *p = problem;
    struct spot o;
    for (o.n = 0; o.n < p->n; o.n++)
        for (o.y = 0; o.y < p->oh; o.y++)
            for (o.x = 0; o.x < p->ow; o.x++)
                for (o.oc = 0; o.oc < p->oc; o.oc++) {
                    uint32_t acc = accumulate(p, quant, in, weights, o);
                    acc += bias ? (uint32_t)bias[o.oc] : 0;
                    *out++ = krn_requantise((int32_t)acc, scale[o.oc], quant);
                }
}
