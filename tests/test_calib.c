/* Thresholds on histograms whose right answer is known. */
#include <float.h>
#include <math.h>

#include "quant/calib/calib.h"
#include "tests/t.h"

static double uniform(uint64_t *state) /* (0, 1) */
{
    return ((double)(t_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

/* ---- distributions */
static double draw_uniform(uint64_t *s)
{
    return 2 * uniform(s) - 1;
}

static double draw_gaussian(uint64_t *s)
{
    return sqrt(-2 * log(uniform(s))) * cos(6.283185307179586 * uniform(s));
}

static double draw_laplace(uint64_t *s)
{
    double u = uniform(s) - 0.5;
    return (u < 0 ? 1 : -1) * log(1 - 2 * fabs(u));
}

static double draw_relu(uint64_t *s)
{
    return fmax(0, draw_gaussian(s));
}

static double draw_log_normal(uint64_t *s) /* a long tail, as an unbounded ReLU may have */
{
    return exp(1.5 * draw_gaussian(s));
}

/* Normalised pixels: half of them background at 0.4 absmax, the rest spread up to absmax. */
static double draw_spike(uint64_t *s)
{
    return uniform(s) < 0.5 ? -0.81 : -0.81 + 2.83 * uniform(s);
}

static double draw_relu6(uint64_t *s) /* a spike at the very end */
{
    return fmin(6, 4 * fabs(draw_gaussian(s)));
}

static double draw_equal(uint64_t *s)
{
    (void)s;
    return 3.5;
}

struct distribution {
    const char *name;
    double (*draw)(uint64_t *state);
    double least, most; /* of the share of absmax that auto may choose */
};
static const struct distribution distributions[] = {
    { "uniform", draw_uniform, 0.98, 1 },       { "gaussian", draw_gaussian, 0.6, 1 },
    { "laplace", draw_laplace, 0.5, 1 },        { "relu", draw_relu, 0.6, 1 },
    { "log-normal", draw_log_normal, 0.05, 1 }, { "spike", draw_spike, 0.98, 1 },
    { "relu6", draw_relu6, 0.99, 1 },           { "equal", draw_equal, 0.99, 1 },
};
#define DISTRIBUTIONS (sizeof(distributions) / sizeof(distributions[0]))
#define SAMPLES 200000

static float values[SAMPLES];

static void fill(const struct distribution *d, struct qnt_histogram *h)
{
    uint64_t state = t_seed;

    for (int i = 0; i < SAMPLES; i++)
        values[i] = (float)d->draw(&state);
    qnt_histogram_init(h);
    for (int i = 0; i < SAMPLES; i += 1000) /* streaming: in pieces, as images come */
        qnt_histogram_range(h, values + i, 1000);
    for (int i = 0; i < SAMPLES; i += 1000)
        qnt_histogram_count(h, values + i, 1000);
}

/* The error that 8 bits really make on the values. */
static double measured_mse(float threshold)
{
    double scale = threshold / 127.0, sum = 0;
    long count = 0;

    for (int i = 0; i < SAMPLES; i++) {
        double q = fmin(127, fmax(-127, nearbyint(values[i] / scale)));
        sum += (values[i] - q * scale) * (values[i] - q * scale);
        count += values[i] != 0;
    }
    return sum / (double)count;
}

static double measured_clipped(float threshold)
{
    long clipped = 0, count = 0;

    for (int i = 0; i < SAMPLES; i++) {
        clipped += fabsf(values[i]) > threshold * (1 + 0.5f / 127); /* nearer, it is rounded */
        count += values[i] != 0;
    }
    return (double)clipped / (double)count;
}

/* ---- ncnn's KL once more, as directly as its description can be written: bin by bin, with the
 * overlap of each bin with each level computed anew. */
static float overlap(int bin, float begin, float end)
{
    float low = fmaxf((float)bin, begin), high = fminf((float)bin + 1, end);
    return fmaxf(0, high - low);
}

static float plain_kl_ncnn(const struct qnt_histogram *h)
{
    static float p[QNT_BINS], q[QNT_BINS];
    double count = 0, least = DBL_MAX;
    int best = 0;

    for (int i = 0; i < QNT_BINS; i++)
        count += (double)h->bin[i];
    for (int t = 128; t <= 2047; t++) {
        for (int i = 0; i < t; i++) {
            p[i] = (float)((double)h->bin[i] / count);
            q[i] = 1e-4f;
        }
        for (int l = 0; l < 128; l++) {
            float width = (float)t / 128, begin = (float)l * width, end = begin + width, sum = 0;
            int from = (int)begin, to = (int)end < t - 1 ? (int)end : t - 1;
            for (int i = from; i <= to; i++)
                sum += overlap(i, begin, end) * p[i];
            for (int i = from; i <= to; i++)
                q[i] += overlap(i, begin, end) * (sum / width);
        }
        for (int i = t; i < QNT_BINS; i++)
            p[t - 1] += (float)((double)h->bin[i] / count);
        double kl = 0;
        for (int i = 0; i < t; i++)
            kl += (double)(p[i] + 1e-4f) * log((double)(p[i] + 1e-4f) / (double)q[i]);
        if (kl < least) {
            least = kl;
            best = t;
        }
    }
    return ((float)best + 0.5f) * h->absmax / QNT_BINS;
}

/* NVIDIA's KL without prefix sums and without the guard. */
static double plain_kl(const struct qnt_histogram *h, int t)
{
    double total = 0, kept = 0, kl = 0;

    for (int i = 0; i < QNT_BINS; i++) {
        total += (double)h->bin[i];
        kept += i < t ? (double)h->bin[i] : 0;
    }
    for (int l = 0; l < 128; l++) {
        double sum = 0;
        int filled = 0;
        for (int i = l * t / 128; i < (l + 1) * t / 128; i++) {
            sum += (double)h->bin[i];
            filled += h->bin[i] > 0;
        }
        for (int i = l * t / 128; i < (l + 1) * t / 128; i++) {
            double n = (double)h->bin[i] + (i == t - 1 ? total - kept : 0);
            double q = h->bin[i] > 0 ? sum / filled / kept : 0;
            kl += n > 0 ? n / total * log(n / total / q) : 0;
        }
    }
    return kl;
}

static void check_figures(const struct distribution *d, const struct qnt_histogram *h)
{
    struct qnt_threshold t[QNT_METHOD_COUNT];
    int ok = 1;

    for (int m = 0; m < QNT_METHOD_COUNT; m++) {
        qnt_threshold(h, NULL, (enum qnt_method)m, &t[m]);
        double mse = measured_mse(t[m].threshold), clipped = measured_clipped(t[m].threshold);
        printf("  %-11s %-17s -> %-17s %7.4f of absmax, clips %8.5f %%, mse %.3e (measured %.3e), "
               "kl %.5f%s\n",
               d->name, qnt_methods[m].name, qnt_methods[t[m].used].name,
               t[m].threshold / h->absmax, 100 * t[m].clipped, t[m].mse, mse, t[m].divergence,
               t[m].suspicious ? " !" : "");
        ok &= T_CHECK(t[m].threshold > 0 && t[m].threshold <= h->absmax * 1.0001f);
        ok &= T_CHECK(fabs(t[m].clipped - clipped) < 5e-3 || t[m].clipped > 0.3);
        ok &= T_CHECK(t[m].mse > 0 && t[m].best_mse > 0 && t[m].best_mse <= t[m].mse);
        /* Values that sit on one point are no even spread inside their bin. */
        if (d->draw != draw_equal && d->draw != draw_spike)
            ok &= T_CHECK(fabs(t[m].mse - mse) < 0.05 * mse);
        if (m != QNT_METHOD_AUTO && m != QNT_METHOD_KL_NCNN) /* which auto does not ask */
            ok &= T_CHECK(t[QNT_METHOD_AUTO].mse <= t[m].mse * (1 + 1e-9));
    }
    double share = t[QNT_METHOD_AUTO].threshold / h->absmax;
    ok &= T_CHECK(share >= d->least && share <= d->most);
    ok &= T_CHECK(t[QNT_METHOD_MAX].threshold == h->absmax && t[QNT_METHOD_MAX].clipped == 0);
    ok &= T_CHECK(t[QNT_METHOD_PERCENTILE].clipped <= 1.01e-4);
    ok &= T_CHECK(t[QNT_METHOD_PERCENTILE_99999].clipped <= 1.01e-5);
    ok &= T_CHECK(!t[QNT_METHOD_AUTO].suspicious && t[QNT_METHOD_AUTO].used != QNT_METHOD_AUTO);
    ok &= T_CHECK(t[QNT_METHOD_KL].clipped <= QNT_CLIPPED_MAX);
    ok &= T_CHECK(t[QNT_METHOD_KL].mse <= QNT_MSE_RATIO_MAX * t[QNT_METHOD_MSE].mse);
    float plain = plain_kl_ncnn(h);
    ok &= T_CHECK(fabsf(t[QNT_METHOD_KL_NCNN].threshold - plain) <= 1e-6f * plain);
    if (!ok)
        printf("  in distribution %s\n", d->name);
}

static void check_distributions(void)
{
    static struct qnt_histogram h;

    for (size_t i = 0; i < DISTRIBUTIONS; i++) {
        fill(&distributions[i], &h);
        check_figures(&distributions[i], &h);
    }
}

/* The closed form agrees with the sum written out, at the threshold that kl takes; and nothing
 * sound is better. */
static void check_kl(void)
{
    static struct qnt_histogram h;
    struct qnt_threshold t;

    fill(&distributions[2], &h);
    qnt_threshold(&h, NULL, QNT_METHOD_KL, &t);
    int bins = (int)lround((double)t.threshold / h.absmax * QNT_BINS);
    T_CHECK(fabs(plain_kl(&h, bins) - t.divergence) < 1e-9);
    for (int b = 128; b <= QNT_BINS; b += 13)
        if (b >= bins) /* wider than a sound one is sound in what it clips */
            T_CHECK(plain_kl(&h, b) >= t.divergence - 1e-9);
}

/* The background spike of normalised pixels: both KLs by themselves put the threshold on it. */
static void check_spike(void)
{
    static struct qnt_histogram h;
    struct qnt_threshold t;

    fill(&distributions[5], &h);
    qnt_threshold(&h, NULL, QNT_METHOD_KL_NCNN, &t);
    T_CHECK(t.threshold < 0.5f * h.absmax && t.clipped > 0.1 && t.suspicious);
    qnt_threshold(&h, NULL, QNT_METHOD_KL, &t);
    T_CHECK(t.threshold > 0.95f * h.absmax);
    T_CHECK(t.suspicious); /* it was overruled, and says so */
    qnt_threshold(&h, NULL, QNT_METHOD_AUTO, &t);
    T_CHECK(t.threshold > 0.98f * h.absmax && !t.suspicious);
}

static void check_zeros(void)
{
    static struct qnt_histogram with, without;
    struct qnt_threshold a, b;
    const float zeros[100] = { 0 };

    fill(&distributions[3], &with);
    T_CHECK(with.zeros > SAMPLES / 3 && with.total == SAMPLES);
    without = with;
    for (int i = 0; i < 1000; i++)
        qnt_histogram_count(&with, zeros, 100);
    T_CHECK(with.zeros == without.zeros + 100000);
    for (int m = 0; m < QNT_METHOD_COUNT; m++) {
        qnt_threshold(&with, NULL, (enum qnt_method)m, &a);
        qnt_threshold(&without, NULL, (enum qnt_method)m, &b);
        T_CHECK(memcmp(&a, &b, sizeof(a)) == 0);
    }
}

static void check_all_methods(const struct qnt_histogram *h, float least, float most)
{
    struct qnt_threshold t;

    for (int m = 0; m < QNT_METHOD_COUNT; m++) {
        qnt_threshold(h, NULL, (enum qnt_method)m, &t);
        int fits = t.threshold >= least && t.threshold <= most;
        if (m == QNT_METHOD_KL_NCNN) /* ncnn's arithmetic may fail here; then it is flagged */
            T_CHECK(fits || t.suspicious);
        else if (!T_CHECK(fits))
            printf("  %s: %g\n", qnt_methods[m].name, t.threshold);
        T_CHECK(isfinite(t.mse) && isfinite(t.divergence) && isfinite(127 / t.threshold));
        T_CHECK(t.clipped >= 0 && t.clipped <= 1);
    }
}

static void check_edges(void)
{
    static struct qnt_histogram h;
    const float one[] = { -2.5f }, zero[] = { 0, 0 }, tiny[] = { 1e-40f, -1e-38f };
    const float bad[] = { NAN, INFINITY, -INFINITY, 1, -3 };

    qnt_histogram_init(&h);
    check_all_methods(&h, 1, 1); /* nothing at all */
    qnt_histogram_range(&h, zero, 2);
    qnt_histogram_count(&h, zero, 2);
    T_CHECK(h.zeros == 2 && h.total == 2 && h.absmax == 0);
    check_all_methods(&h, 1, 1);

    qnt_histogram_init(&h);
    qnt_histogram_range(&h, tiny, 2);
    qnt_histogram_count(&h, tiny, 2);
    check_all_methods(&h, 1, 1);

    qnt_histogram_init(&h);
    qnt_histogram_range(&h, one, 1);
    qnt_histogram_count(&h, one, 1);
    T_CHECK(h.min == -2.5f && h.max == -2.5f && h.absmax == 2.5f && h.bin[QNT_BINS - 1] == 1);
    check_all_methods(&h, 2.45f, 2.5f);

    qnt_histogram_init(&h);
    qnt_histogram_range(&h, bad, 5);
    qnt_histogram_count(&h, bad, 5);
    T_CHECK(h.nonfinite == 3 && h.total == 2 && h.min == -3 && h.max == 1 && h.absmax == 3);
    T_CHECK(h.bin[QNT_BINS - 1] == 1 && h.bin[682] == 1); /* 1/3 * 2048 = 682.7 */
}

/* Counts near the top of their type, as a long calibration of a large tensor would make them. */
static void check_huge(void)
{
    static struct qnt_histogram h;
    struct qnt_threshold a, b;

    fill(&distributions[1], &h);
    for (int m = 0; m < QNT_METHOD_COUNT; m++) {
        qnt_threshold(&h, NULL, (enum qnt_method)m, &a);
        struct qnt_histogram huge = h;
        for (int i = 0; i < QNT_BINS; i++)
            huge.bin[i] <<= 44; /* 2e5 values become 3.5e18 */
        qnt_threshold(&huge, NULL, (enum qnt_method)m, &b);
        T_CHECK(a.threshold == b.threshold && a.used == b.used);
        T_CHECK(fabs(a.mse - b.mse) <= 1e-9 * a.mse);
    }
}

static void check_names(void)
{
    for (int m = 0; m < QNT_METHOD_COUNT; m++)
        T_CHECK(qnt_method_find(qnt_methods[m].name) == m);
    T_CHECK(qnt_method_find("") == -1 && qnt_method_find("KL") == -1);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    check_names();
    check_distributions();
    check_kl();
    check_spike();
    check_zeros();
    check_edges();
    check_huge();
    return t_end();
}
