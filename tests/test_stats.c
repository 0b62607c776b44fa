/* hrn_summarise(), hrn_compare(), hrn_rank(): known answers, an independent computation, and
 * properties on synthetic samples whose truth is known. */
#include "harness/sweep/verdict.h"

#include <math.h>

#include "tests/t.h"

#define MAX_ROUNDS 64
#define BAND 0.01

static double scratch[HRN_RESAMPLES + 2 * MAX_ROUNDS];

static int near(double got, double want)
{
    return fabs(got - want) <= 1e-12 * fmax(1, fabs(want));
}

static double uniform(uint64_t *state) /* (0, 1) */
{
    return ((double)(hrn_random(state) >> 12) + 0.5) / 4503599627370496.0;
}

static double gaussian(uint64_t *state)
{
    double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(6.283185307179586 * uniform(state));
}

/* Times of one variant as a laptop gives them: MAD `mad` (0.003 = 0.3 %) about `centre`, and with
 * probability `outlier_rate` an interruption that costs another 6 % or more. */
static void make_times(double *out, size_t count, double centre, double mad, double outlier_rate,
                       uint64_t *state)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = centre * exp(gaussian(state) * mad / 0.6745);
        if (uniform(state) < outlier_rate)
            out[i] *= 1.06 - 0.04 * log(uniform(state));
    }
}

static void shuffle_pairs(double *a, double *b, size_t count, uint64_t *state)
{
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = hrn_random(state) % (i + 1);
        double ta = a[i], tb = b[i];
        a[i] = a[j], b[i] = b[j];
        a[j] = ta, b[j] = tb;
    }
}

static void test_random(void)
{
    /* the published test vector of splitmix64 for seed 1234567 */
    uint64_t state = 1234567;
    T_CHECK(hrn_random(&state) == 6457827717110365317u);
    T_CHECK(hrn_random(&state) == 3203168211198807973u);
    T_CHECK(hrn_random(&state) == 9817491932198370423u);
}

static void test_summary(void)
{
    const double odd[] = { 5, 1, 4, 2, 100 }, even[] = { 4, 1, 3, 2 }, same[] = { 7, 7, 7, 8 };
    struct hrn_summary s;
    hrn_summarise(odd, 5, scratch, &s);
    T_CHECK(s.count == 5 && s.median == 4 && s.mad == 2 && s.min == 1 && s.max == 100);
    T_CHECK(s.outliers == 1); /* 0.6745 * 96 / 2 = 32 */
    hrn_summarise(even, 4, scratch, &s);
    T_CHECK(s.median == 2.5 && s.mad == 1 && s.outliers == 0);
    hrn_summarise(same, 4, scratch, &s);
    T_CHECK(s.median == 7 && s.mad == 0 && s.outliers == 1);
    hrn_summarise(odd, 1, scratch, &s);
    T_CHECK(s.count == 1 && s.median == 5 && s.mad == 0 && s.min == 5 && s.max == 5 &&
            s.outliers == 0);
    hrn_summarise(NULL, 0, scratch, &s);
    T_CHECK(s.count == 0 && s.median == 0 && s.mad == 0 && s.min == 0 && s.max == 0);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Medians by quickselect against medians by sorting, for every count. */
static void test_summary_sorted(void)
{
    uint64_t state = t_seed;
    double v[MAX_ROUNDS], sorted[MAX_ROUNDS];
    struct hrn_summary s;
    for (size_t repeat = 0; repeat < 20; repeat++)
        for (size_t n = 1; n <= MAX_ROUNDS; n++) {
            for (size_t i = 0; i < n; i++)
                v[i] = sorted[i] = (double)(hrn_random(&state) % (repeat + 2)); /* many equal */
            qsort(sorted, n, sizeof *sorted, compare_doubles);
            hrn_summarise(v, n, scratch, &s);
            T_CHECK(s.median == (sorted[(n - 1) / 2] + sorted[n / 2]) / 2);
            T_CHECK(s.min == sorted[0] && s.max == sorted[n - 1]);
        }
}

/* Computed by scripts/check_stats.py, which shares no code with stats.c and draws nothing: it
 * has the exact distribution of the median of a resample, of which 10,000 draws are a sample.
 * Run it again to print these rows. */
struct reference {
    size_t count;
    double a[12], b[12];
    double median_a, mad_a, ratio, low, high, wilcoxon, spearman;
};
static const struct reference references[] = {
#include "tests/golden/stats_reference.inc"
};

static const struct {
    double p[6], adjusted[6];
} holm_references[] = {
#define STATS_REFERENCE_HOLM
#include "tests/golden/stats_reference.inc"
};

static void test_holm(void)
{
    for (size_t i = 0; i < sizeof holm_references / sizeof *holm_references; i++) {
        double p[6];
        memcpy(p, holm_references[i].p, sizeof p);
        hrn_holm(p, 6);
        for (size_t k = 0; k < 6; k++)
            T_CHECK(near(p[k], holm_references[i].adjusted[k]));
    }
    double one = 0.03;
    hrn_holm(&one, 1);
    T_CHECK(one == 0.03);
    hrn_holm(&one, 0);
}

static void test_reference(void)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        const struct reference *r = &references[i];
        struct hrn_summary s;
        struct hrn_comparison c;
        hrn_summarise(r->a, r->count, scratch, &s);
        T_CHECK(near(s.median, r->median_a) && near(s.mad, r->mad_a));
        T_CHECK(near(hrn_wilcoxon(r->a, r->b, r->count, scratch), r->wilcoxon));
        T_CHECK(near(hrn_spearman(r->a, r->b, r->count, scratch), r->spearman));
        for (uint64_t seed = 0; seed < 10; seed++) {
            hrn_compare(r->a, r->b, r->count, BAND, t_seed + seed, scratch, &c);
            T_CHECK(c.pairs == r->count && near(c.ratio, r->ratio));
            T_CHECK(near(c.low, r->low) && near(c.high, r->high));
        }
    }
}

static enum hrn_verdict verdict_of(const double *a, const double *b, size_t count, uint64_t seed)
{
    struct hrn_comparison c;
    hrn_compare(a, b, count, BAND, seed, scratch, &c);
    return c.verdict;
}

static void test_verdicts(void)
{
    double a[12], b[12];
    for (size_t i = 0; i < 12; i++)
        a[i] = 100 + (double)(i % 3) * 0.1, b[i] = a[i] * 1.5;
    T_CHECK(verdict_of(a, b, 12, t_seed) == HRN_FASTER);
    T_CHECK(verdict_of(b, a, 12, t_seed) == HRN_SLOWER);
    T_CHECK(verdict_of(a, a, 12, t_seed) == HRN_TIE);
    for (size_t i = 0; i < 12; i++)
        b[i] = a[i] * (i % 2 ? 1.05 : 0.95);
    T_CHECK(verdict_of(a, b, 12, t_seed) == HRN_UNDECIDED);
}

static void test_few_samples(void)
{
    const double a[] = { 1, 1, 1, 1 }, b[] = { 2, 2, 2, 2 }, holes[] = { NAN, 0, -1, INFINITY };
    struct hrn_comparison c;
    for (size_t n = 0; n <= 4; n++) {
        hrn_compare(a, b, n, BAND, t_seed, scratch, &c);
        T_CHECK(c.pairs == n);
        T_CHECK(c.verdict == (n < HRN_PAIRS_MIN ? HRN_UNDECIDED : HRN_FASTER));
        T_CHECK(n == 0 ? isnan(c.ratio) : near(c.ratio, 0.5));
        T_CHECK(n < HRN_PAIRS_MIN ? isnan(c.low) && isnan(c.high) : near(c.low, 0.5));
    }
    hrn_compare(a, holes, 4, BAND, t_seed, scratch, &c);
    T_CHECK(c.pairs == 0 && c.verdict == HRN_UNDECIDED);
}

static int is_same(const struct hrn_comparison *x, const struct hrn_comparison *y)
{
    return x->verdict == y->verdict && x->ratio == y->ratio && x->low == y->low &&
           x->high == y->high && x->p_faster == y->p_faster && x->p_slower == y->p_slower &&
           x->pairs == y->pairs;
}

/* Rounds without a sample on one side change nothing. */
static void test_holes(void)
{
    uint64_t state = t_seed;
    double a[20], b[20], holed_a[20], holed_b[20];
    size_t kept = 0;
    struct hrn_comparison whole, holed;
    make_times(holed_a, 20, 100, 0.003, 0.1, &state);
    make_times(holed_b, 20, 101, 0.003, 0.1, &state);
    for (size_t i = 0; i < 20; i++) {
        if (i % 4 == 1)
            holed_a[i] = NAN;
        else if (i % 5 == 2)
            holed_b[i] = NAN;
        else
            a[kept] = holed_a[i], b[kept++] = holed_b[i];
    }
    hrn_compare(holed_a, holed_b, 20, BAND, 9, scratch, &holed);
    hrn_compare(a, b, kept, BAND, 9, scratch, &whole);
    T_CHECK(holed.pairs == kept && is_same(&whole, &holed));
}

static void test_symmetries(void)
{
    static const enum hrn_verdict opposite[HRN_VERDICT_COUNT] = { HRN_SLOWER, HRN_FASTER, HRN_TIE,
                                                                  HRN_UNDECIDED };
    uint64_t state = t_seed;
    double a[MAX_ROUNDS], b[MAX_ROUNDS];
    struct hrn_comparison ab, ba, again;
    for (size_t n = 3; n < 40; n++) {
        make_times(a, n, 100, 0.01, 0.1, &state);
        make_times(b, n, 99 + 3 * uniform(&state), 0.01, 0.1, &state);
        hrn_compare(a, b, n, BAND, n, scratch, &ab);
        hrn_compare(b, a, n, BAND, n, scratch, &ba);
        T_CHECK(ba.verdict == opposite[ab.verdict]);
        T_CHECK(near(ab.ratio * ba.ratio, 1) && near(ab.low * ba.high, 1) &&
                near(ab.high * ba.low, 1));
        T_CHECK(ab.low <= ab.ratio && ab.ratio <= ab.high);
        shuffle_pairs(a, b, n, &state);
        hrn_compare(a, b, n, BAND, n, scratch, &again);
        T_CHECK(is_same(&ab, &again));
    }
}

/* Shares of the verdicts in `trials` comparisons of an A that takes `factor` of B's time. */
static void tally(double factor, double band, size_t rounds, double mad, int trials,
                  double share[HRN_VERDICT_COUNT])
{
    const double outlier_rate = 0.015; /* in one of ten series of seven */
    uint64_t state = t_seed;
    double a[MAX_ROUNDS], b[MAX_ROUNDS];
    memset(share, 0, HRN_VERDICT_COUNT * sizeof *share);
    for (int i = 0; i < trials; i++) {
        struct hrn_comparison c;
        make_times(a, rounds, 1e6 * factor, mad, outlier_rate, &state);
        make_times(b, rounds, 1e6, mad, outlier_rate, &state);
        hrn_compare(a, b, rounds, band, hrn_random(&state), scratch, &c);
        share[c.verdict] += 1.0 / trials;
    }
}

/* The noise of a laptop: MAD 0.1 to 0.3 %, outliers of 6 % and more. */
static void test_truth(void)
{
    static const struct {
        size_t rounds;
        double mad, least_ties; /* 9 rounds at the worst noise leave more undecided */
    } cases[] = { { 9, 0.001, 0.9 },
                  { 9, 0.003, 0.6 },
                  { 12, 0.003, 0.9 },
                  { 20, 0.001, 0.9 },
                  { 20, 0.003, 0.9 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t rounds = cases[i].rounds;
        const double mad = cases[i].mad;
        double fast[HRN_VERDICT_COUNT], same[HRN_VERDICT_COUNT], bare[HRN_VERDICT_COUNT];
        tally(0.97, BAND, rounds, mad, 300, fast);
        tally(1, BAND, rounds, mad, 300, same);
        tally(1, 0, rounds, mad, 600, bare); /* the interval alone, without the band's help */
        printf("rounds %2zu MAD %.1f %%: 3 %% found %.1f %%; A/A tie %.1f %%, 'faster' %.1f %% "
               "(band 0: %.1f %%)\n",
               rounds, 100 * mad, 100 * fast[HRN_FASTER], 100 * same[HRN_TIE],
               100 * same[HRN_FASTER], 100 * bare[HRN_FASTER]);
        T_CHECK(fast[HRN_FASTER] >= 0.90 && fast[HRN_SLOWER] == 0);
        T_CHECK(same[HRN_FASTER] <= 0.05 && bare[HRN_FASTER] <= 0.05);
        T_CHECK(same[HRN_TIE] >= cases[i].least_ties);
    }
}

/* Samples without common rounds: the ratio of the medians, mirrored when A and B change places. */
static void test_unpaired(void)
{
    static const enum hrn_verdict opposite[HRN_VERDICT_COUNT] = { HRN_SLOWER, HRN_FASTER, HRN_TIE,
                                                                  HRN_UNDECIDED };
    uint64_t state = t_seed;
    double a[MAX_ROUNDS], b[MAX_ROUNDS], room[HRN_RESAMPLES + 4 * MAX_ROUNDS];
    struct hrn_comparison ab, ba;
    for (size_t n = 1; n < 20; n++) {
        make_times(a, n, 96, 0.001, 0, &state);
        make_times(b, n + 3, 100, 0.001, 0, &state);
        hrn_compare_unpaired(a, n, b, n + 3, BAND, n, room, &ab);
        hrn_compare_unpaired(b, n + 3, a, n, BAND, n, room, &ba);
        T_CHECK(ab.pairs == n && fabs(ab.ratio - 0.96) < 0.01 && near(ab.ratio * ba.ratio, 1));
        T_CHECK(ab.verdict == (n < HRN_PAIRS_MIN ? HRN_UNDECIDED : HRN_FASTER));
        T_CHECK(n < HRN_PAIRS_MIN || ba.verdict == opposite[ab.verdict]);
        T_CHECK(n < 6 || hrn_mann_whitney(a, n, b, n + 3, room) < 0.01);
    }
    T_CHECK(hrn_mann_whitney(a, 0, b, 3, room) == 1 && hrn_wilcoxon(a, b, 0, room) == 1);
    /* U = 2 of 12 against the mean of 18; variance 39 */
    static const double few[] = { 1, 2, 3, 5, 6, 9 }, more[] = { 4, 7, 8, 10, 11, 12 };
    double z = (18 - 5 - 0.5) / sqrt(39);
    T_CHECK(near(hrn_mann_whitney(few, 6, more, 6, room), erfc(z / sqrt(2))));
    hrn_compare_unpaired(a, 0, b, 5, BAND, 1, room, &ab);
    T_CHECK(ab.pairs == 0 && isnan(ab.ratio) && ab.verdict == HRN_UNDECIDED);
}

/* The band of an A/A run: at least 1 %, and as wide as equal things are apart. */
static void test_band(void)
{
    double a[12], b[12];
    for (size_t i = 0; i < 12; i++)
        a[i] = 100, b[i] = 100.2;
    T_CHECK(hrn_band(a, b, 12, t_seed, scratch) == HRN_BAND_MIN);
    for (size_t i = 0; i < 12; i++)
        b[i] = 103;
    T_CHECK(near(hrn_band(a, b, 12, t_seed, scratch), 0.03));
    T_CHECK(near(hrn_band(b, a, 12, t_seed, scratch), 0.03));
    T_CHECK(hrn_band(a, b, 2, t_seed, scratch) == HRN_BAND_MIN);
}

/* The fixed order of a tie: code, saved registers, workspace, name; unknown comes last. */
static void test_rank_cost(void)
{
    static const double time[] = { 10, 10, 10, 10, 10 };
    struct hrn_candidate c[] = {
        { .name = "a", .time_ns = time, .rounds = 5, .cost = { -1, -1, -1 } },
        { .name = "b", .time_ns = time, .rounds = 5, .cost = { 400, 4, 64 } },
        { .name = "c", .time_ns = time, .rounds = 5, .cost = { 300, 4, 64 } },
        { .name = "e", .time_ns = time, .rounds = 5, .cost = { 300, 2, 64 } },
        { .name = "d", .time_ns = time, .rounds = 5, .cost = { 300, 2, 64 } },
        { .name = "f", .time_ns = time, .rounds = 5, .cost = { 300, 2, 32 } },
    };
    T_CHECK(hrn_rank(c, 6, BAND, t_seed) == 6);
    static const char *const order[] = { "f", "d", "e", "c", "b", "a" };
    for (size_t i = 0; i < 6; i++)
        T_CHECK_STR(c[i].name, order[i]);
}

static void test_rank_known(void)
{
    static const double fast[] = { 10, 10, 10, 10, 10 },
                        near_fast[] = { 10.02, 10.01, 10, 10.03, 10.02 },
                        slow[] = { 12, 12, 12.1, 12, 12 }, none[] = { NAN, NAN, NAN, NAN, NAN },
                        lucky[] = { 1, NAN, NAN, NAN, NAN };
    struct hrn_candidate c[] = {
        { .name = "none", .time_ns = none, .rounds = 5 },
        { .name = "slow", .time_ns = slow, .rounds = 5 },
        { .name = "lucky", .time_ns = lucky, .rounds = 5 },
        { .name = "b_fast", .time_ns = fast, .rounds = 5 },
        { .name = "a_near", .time_ns = near_fast, .rounds = 5 },
    };
    T_CHECK(hrn_rank(c, 5, BAND, t_seed) == 2);
    T_CHECK_STR(c[0].name, "a_near"); /* a tie: by name */
    T_CHECK_STR(c[1].name, "b_fast");
    T_CHECK_STR(c[2].name, "lucky"); /* too few rounds to win */
    T_CHECK_STR(c[3].name, "slow");
    T_CHECK_STR(c[4].name, "none");
    T_CHECK(c[0].against_best.verdict == HRN_TIE && c[1].against_best.verdict == HRN_TIE);
    T_CHECK(c[3].against_best.verdict == HRN_SLOWER && near(c[3].against_best.ratio, 1.2));
    T_CHECK(c[4].summary.count == 0 && isnan(c[4].against_best.ratio));
    T_CHECK(hrn_rank(c, 0, BAND, t_seed) == 0);
    T_CHECK(hrn_rank(&c[4], 1, BAND, t_seed) == 0);
    T_CHECK(hrn_rank(c, 1, BAND, t_seed) == 1);
}

/* Two rounds decide nothing, but the name must not carry one that looks slower past one that
 * does not. */
static void test_rank_few_rounds(void)
{
    static const double fast[] = { 10, 10 }, slow[] = { 15, 15 };
    struct hrn_candidate c[] = { { .name = "a", .time_ns = slow, .rounds = 2 },
                                 { .name = "b", .time_ns = fast, .rounds = 2 } };
    T_CHECK(hrn_rank(c, 2, BAND, t_seed) == 2);
    T_CHECK_STR(c[0].name, "b");
}

/* Somebody with very many rounds, as the baseline of a long search, does not keep those out that
 * have enough. */
static void test_rank_many_rounds(void)
{
    double base[60], fast[60], lucky[60];
    for (size_t i = 0; i < 60; i++) {
        base[i] = 20;
        fast[i] = i < 45 ? NAN : 10 + 0.01 * (double)(i % 3);
        lucky[i] = i == 3 ? 1 : NAN;
    }
    struct hrn_candidate c[] = { { .name = "base", .time_ns = base, .rounds = 60 },
                                 { .name = "lucky", .time_ns = lucky, .rounds = 60 },
                                 { .name = "fast", .time_ns = fast, .rounds = 60 } };
    T_CHECK(hrn_rank(c, 3, BAND, t_seed) == 1);
    T_CHECK_STR(c[0].name, "fast");
}

/* Drift: the lowest median of its own rounds is not always the fastest in the rounds that both
 * had. */
static void test_rank_paired(void)
{
    static const double a[] = { 100, 110, 120, 130, 140, NAN, NAN, NAN, NAN },
                        b[] = { 95, 104, 114, 123, 133, 142, 152, 161, 171 };
    struct hrn_candidate c[] = { { .name = "a", .time_ns = a, .rounds = 9 },
                                 { .name = "b", .time_ns = b, .rounds = 9 } };
    T_CHECK(hrn_rank(c, 2, BAND, t_seed) == 1);
    T_CHECK_STR(c[0].name, "b");
    T_CHECK(c[1].against_best.verdict == HRN_SLOWER);
}

/* The order in which candidates come must not matter; nor may a crowd of equals grow the tie
 * set. */
static void test_rank_many(void)
{
    enum { COUNT = 40, ROUNDS = 9 };
    static double times[COUNT][ROUNDS];
    static char names[COUNT][8];
    struct hrn_candidate first[COUNT], second[COUNT];
    uint64_t state = t_seed;
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "v%02zu", i);
        make_times(times[i], ROUNDS, i < 20 ? 1000 : 1000 + 20 * (double)i, 0.001, 0.01, &state);
        first[i] =
            (struct hrn_candidate) { .name = names[i], .time_ns = times[i], .rounds = ROUNDS };
        second[COUNT - 1 - i] = first[i];
    }
    long ties = hrn_rank(first, COUNT, BAND, t_seed);
    T_CHECK(ties >= 1 && ties <= HRN_FINALISTS);
    T_CHECK(hrn_rank(second, COUNT, BAND, t_seed) == ties);
    for (size_t i = 0; i < COUNT; i++) {
        T_CHECK_STR(first[i].name, second[i].name);
        T_CHECK(i < 20 || strcmp(first[i].name, "v20") >= 0);
        T_CHECK((first[i].against_best.pairs > 0) == (i < HRN_FINALISTS));
    }
}

/* 1 if some other of c[0..ties) is faster than c[index], paired by round. */
static int is_beaten(const struct hrn_candidate *c, long index, long ties)
{
    struct hrn_comparison cmp;
    for (long i = 0; i < ties; i++) {
        hrn_compare(c[index].time_ns, c[i].time_ns, 12, BAND, t_seed, scratch, &cmp);
        if (i != index && cmp.verdict == HRN_SLOWER)
            return 1;
    }
    return 0;
}

/* Two groups whose members share the noise of their rounds: against the other group nothing can be
 * told, within the group everything. The winner is beaten only where everybody is. */
static void test_rank_unbeaten(void)
{
    enum { VARIANTS = 8, ROUNDS = 12, TRIALS = 60 };
    static const char *const names[VARIANTS] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    uint64_t state = t_seed;
    for (int trial = 0; trial < TRIALS; trial++) {
        double noise[2][ROUNDS], times[VARIANTS][ROUNDS];
        struct hrn_candidate c[VARIANTS];
        make_times(noise[0], ROUNDS, 1000, 0.03, 0, &state);
        make_times(noise[1], ROUNDS, 1000, 0.03, 0, &state);
        for (int v = 0; v < VARIANTS; v++) {
            for (int i = 0; i < ROUNDS; i++)
                times[v][i] = noise[v % 2][i] * (1 + 0.007 * (VARIANTS - v));
            c[v] =
                (struct hrn_candidate) { .name = names[v], .time_ns = times[v], .rounds = ROUNDS };
        }
        long ties = hrn_rank(c, VARIANTS, BAND, t_seed);
        int beaten = 0;
        for (long i = 0; i < ties; i++)
            beaten += is_beaten(c, i, ties);
        T_CHECK(ties > 0 && (beaten == ties || !is_beaten(c, 0, ties)));
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    test_random();
    test_summary();
    test_summary_sorted();
    test_reference();
    test_holm();
    test_unpaired();
    test_band();
    test_rank_cost();
    test_verdicts();
    test_few_samples();
    test_holes();
    test_symmetries();
    test_truth();
    test_rank_known();
    test_rank_few_rounds();
    test_rank_many_rounds();
    test_rank_paired();
    test_rank_many();
    test_rank_unbeaten();
    return t_end();
}
