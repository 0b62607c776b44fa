/* The reference, which defines everything else, against a formulation that shares nothing with it:
 * exact integer sums in 64 bits reduced modulo 2^32, rounding by nearbyint() in double. */
#include "kernels/reference.h"

#include <math.h>

#include "tests/t.h"

/* (float)acc * scale has at most 48 significant bits, so double holds the exact product; one
 * conversion to float then rounds it as the definition does. */
static int8_t naive_requantise(int32_t acc, float scale, const struct krn_quant *q)
{
    float product = (float)((double)(float)acc * (double)scale);
    double y = nearbyint((double)product) + q->zp_out;
    return (int8_t)(y < q->lo ? q->lo : y > q->hi ? q->hi : (int)y);
}

static void check_requantise(int32_t acc, float scale, const struct krn_quant *q)
{
    int8_t got = krn_requantise(acc, scale, q), want = naive_requantise(acc, scale, q);
    if (!T_CHECK(got == want))
        printf("  acc %d scale %a zp %d [%d, %d]: %d, not %d\n", acc, (double)scale, q->zp_out,
               q->lo, q->hi, got, want);
}

static const struct krn_quant quants[] = {
    { 0, 0, -128, 127 },   { 0, -128, -128, 127 }, { 0, 127, -128, 127 }, { 0, 0, 0, 127 },
    { 0, -128, -128, -1 }, { 0, 127, 127, 127 },   { 0, -7, -7, 100 },    { 0, 5, -128, -128 },
};
enum { QUANT_COUNT = sizeof quants / sizeof quants[0] };

static void test_requantise_edges(void)
{
    static const int32_t accs[] = { 0,
                                    1,
                                    -1,
                                    2,
                                    -2,
                                    3,
                                    -3,
                                    5,
                                    -5,
                                    127,
                                    -128,
                                    255,
                                    -255,
                                    1 << 24,
                                    (1 << 24) + 1,
                                    (1 << 24) + 3,
                                    -(1 << 24) - 1,
                                    INT32_MAX,
                                    INT32_MAX - 64,
                                    INT32_MIN,
                                    INT32_MIN + 1 };
    static const float scales[] = { 0.5f,
                                    0.25f,
                                    1.0f,
                                    1.5f,
                                    2.5f,
                                    0x1p-31f,
                                    0x1p-24f,
                                    0x1.fffffep-25f,
                                    0x1p-126f,
                                    0x1p-149f,
                                    0x1.fffffep127f,
                                    0.0f,
                                    0.1f,
                                    0x1.000002p-1f };
    for (int q = 0; q < QUANT_COUNT; q++)
        for (size_t a = 0; a < sizeof accs / sizeof accs[0]; a++)
            for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
                check_requantise(accs[a], scales[s], &quants[q]);
                check_requantise(accs[a], -scales[s], &quants[q]);
            }
}

/* Every tie between two bytes, and its neighbours one float away on both sides. */
static void test_requantise_ties(void)
{
    for (int q = 0; q < QUANT_COUNT; q++)
        for (int twice = -600; twice <= 600; twice++) {
            check_requantise(twice, 0.5f, &quants[q]);
            check_requantise(twice, 0x1.fffffep-2f, &quants[q]);
            check_requantise(twice, 0x1.000002p-1f, &quants[q]);
        }
    const struct krn_quant plain = { 0, 0, -128, 127 };
    T_CHECK(krn_requantise(1, 0.5f, &plain) == 0 && krn_requantise(3, 0.5f, &plain) == 2);
    T_CHECK(krn_requantise(-1, 0.5f, &plain) == 0 && krn_requantise(-3, 0.5f, &plain) == -2);
    T_CHECK(krn_requantise(253, 0.5f, &plain) == 126 && krn_requantise(-255, 0.5f, &plain) == -128);
}

static void test_requantise_random(uint64_t *rng)
{
    for (int i = 0; i < 300000; i++) {
        int32_t acc = (int32_t)t_random(rng) >> t_between(rng, 0, 30);
        float scale = ldexpf(1.0f + (float)t_between(rng, 0, (1 << 23) - 1) * 0x1p-23f,
                             t_between(rng, -34, 2));
        check_requantise(acc, scale, &quants[t_random(rng) % QUANT_COUNT]);
    }
}

/* Another order of loops than the reference: scatter of every input element to the outputs that see
 * it, with the padding as elements of its own. */
static void naive(const struct krn_problem *p, const struct krn_quant *q, const int8_t *in,
                  const int8_t *w, const int32_t *bias, const float *scale, int8_t *out)
{
    int icg = p->ic / p->groups, ocg = p->oc / p->groups;
    for (size_t o = 0; o < krn_problem_output_count(p); o++) {
        int oc = (int)(o % (size_t)p->oc), x = (int)(o / (size_t)p->oc) % p->ow;
        int y = (int)(o / (size_t)p->oc) / p->ow % p->oh;
        int n = (int)(o / (size_t)p->oc) / p->ow / p->oh;
        int64_t sum = bias ? bias[oc] : 0;
        for (int c = icg - 1; c >= 0; c--)
            for (int kx = 0; kx < p->kw; kx++)
                for (int ky = 0; ky < p->kh; ky++) {
                    int iy = y * p->sh + ky * p->dh - p->ph, ix = x * p->sw + kx * p->dw - p->pw;
                    int inside = iy >= 0 && iy < p->ih && ix >= 0 && ix < p->iw;
                    int at = ((n * p->ih + iy) * p->iw + ix) * p->ic + oc / ocg * icg + c;
                    int a = inside ? in[at] : q->zp_in;
                    sum += (int64_t)a * w[((oc * p->kh + ky) * p->kw + kx) * icg + c];
                    sum -= (int64_t)q->zp_in * w[((oc * p->kh + ky) * p->kw + kx) * icg + c];
                }
        out[o] = naive_requantise((int32_t)(uint32_t)sum, scale[oc], q);
    }
}

static void test_convolution(uint64_t *rng, const char *text)
{
    struct krn_problem p;
    char err[200] = "";
    if (!T_CHECK(krn_problem_parse(text, &p, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    size_t ins = krn_problem_input_count(&p), ws = krn_problem_weight_count(&p);
    size_t outs = krn_problem_output_count(&p), ocs = (size_t)p.oc;
    int8_t *in = malloc(ins), *w = malloc(ws), *got = malloc(outs), *want = malloc(outs);
    int32_t *bias = malloc(ocs * sizeof *bias);
    float *scale = malloc(ocs * sizeof *scale);
    for (int round = 0; round < 8; round++) {
        struct krn_quant q = quants[round];
        q.zp_in = (int[]) { 0, -128, 127, 1, -1, 50, 0, -128 }[round];
        for (size_t i = 0; i < ins; i++)
            in[i] = (int8_t)(round == 1 ? 127 : t_between(rng, -128, 127));
        for (size_t i = 0; i < ws; i++)
            w[i] = (int8_t)(round == 1 ? 127 : t_between(rng, -127, 127));
        for (size_t i = 0; i < ocs; i++) {
            bias[i] = (int32_t)t_random(rng); /* the sum often wraps */
            scale[i] = 0x1p-25f * (float)t_between(rng, 1, 99);
        }
        krn_reference(&p, &q, in, w, round % 2 ? bias : NULL, scale, got);
        naive(&p, &q, in, w, round % 2 ? bias : NULL, scale, want);
        T_CHECK(memcmp(got, want, outs) == 0);
    }
    free(in), free(w), free(got), free(want), free(bias), free(scale);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    uint64_t rng = t_seed;
    test_requantise_edges();
    test_requantise_ties();
    test_requantise_random(&rng);
    test_convolution(&rng, "ic3ih9oc5kh3ph1");
    test_convolution(&rng, "mb2g2ic6ih7iw8oc4kh3kw2sh2sw1ph1pw0dh1dw2");
    test_convolution(&rng, "g7ic7ih8oc7kh5ph2sh2");
    test_convolution(&rng, "g3ic3ih6oc9kh3ph1");
    test_convolution(&rng, "ic200ih1oc3kh1");
    test_convolution(&rng, "ic2ih10oc2oh5kh3sh2"); /* padding at the end only */
    return t_end();
}
