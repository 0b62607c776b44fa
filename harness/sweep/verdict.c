#include "harness/sweep/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const struct hrn_candidate *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int order_of(int64_t x, int64_t y)
{
    uint64_t a = (uint64_t)x, b = (uint64_t)y; /* unknown: the largest */
    return (a > b) - (a < b);
}

int hrn_cost_order(const struct hrn_cost *x, const struct hrn_cost *y)
{
    int order = order_of(x->code_bytes, y->code_bytes);
    if (!order)
        order = order_of(x->callee_saved, y->callee_saved);
    return order ? order : order_of(x->workspace_bytes, y->workspace_bytes);
}

static int by_cost(const void *a, const void *b)
{
    const struct hrn_candidate *x = a, *y = b;
    int order = hrn_cost_order(&x->cost, &y->cost);
    return order ? order : by_name(a, b);
}

/* Lowest median first; without a sample: last. */
static int by_median(const void *a, const void *b)
{
    const struct hrn_candidate *x = a, *y = b;
    if ((x->summary.count == 0) != (y->summary.count == 0))
        return x->summary.count == 0 ? 1 : -1;
    if (x->summary.median != y->summary.median)
        return x->summary.median < y->summary.median ? -1 : 1;
    return by_name(a, b);
}

/* As long as the longest of them, plus what hrn_compare() needs. */
static double *scratch_new(const struct hrn_candidate *candidates, size_t count)
{
    size_t rounds = 0;
    for (size_t i = 0; i < count; i++)
        rounds = candidates[i].rounds > rounds ? candidates[i].rounds : rounds;
    if (rounds > (SIZE_MAX / sizeof(double) - HRN_RESAMPLES) / 2)
        return NULL;
    return malloc((HRN_RESAMPLES + 2 * rounds) * sizeof(double));
}

/* Of the rounds that have a sample. */
static void summarise(struct hrn_candidate *c, double *scratch)
{
    double *values = scratch + HRN_RESAMPLES;
    size_t count = 0;
    for (size_t i = 0; i < c->rounds; i++)
        if (c->time_ns[i] > 0 && isfinite(c->time_ns[i]))
            values[count++] = c->time_ns[i];
    hrn_summarise(values, count, values + count, &c->summary);
}

/* Puts the finalists in front, both parts in order of their medians. Returns their number. */
static size_t pick_finalists(struct hrn_candidate *candidates, size_t count)
{
    size_t most = 0, finalists = 0;
    for (size_t i = 0; i < count; i++)
        most = candidates[i].summary.count > most ? candidates[i].summary.count : most;
    most = most < 2 * HRN_ROUNDS_ENOUGH ? most : 2 * HRN_ROUNDS_ENOUGH;
    qsort(candidates, count, sizeof *candidates, by_median);
    for (size_t i = 0; i < count && finalists < HRN_FINALISTS && most > 0; i++) {
        struct hrn_candidate moved = candidates[i];
        if (2 * moved.summary.count < most)
            continue;
        memmove(&candidates[finalists + 1], &candidates[finalists],
                (i - finalists) * sizeof *candidates);
        candidates[finalists++] = moved;
    }
    return finalists;
}

static void compare(struct hrn_candidate *c, const struct hrn_candidate *best, double band,
                    uint64_t seed, double *scratch)
{
    size_t rounds = c->rounds < best->rounds ? c->rounds : best->rounds;
    hrn_compare(c->time_ns, best->time_ns, rounds, band, seed, scratch, &c->against_best);
    if (c == best) /* it ties with itself, however few its rounds */
        c->against_best.verdict = HRN_TIE;
}

/* "Slower than the best" of each finalist, asked of all of them at once. */
static void adjust(struct hrn_candidate *candidates, size_t finalists, size_t best)
{
    double p[HRN_FINALISTS];
    for (size_t i = 0; i < finalists; i++)
        p[i] = candidates[i].against_best.p_slower;
    if (finalists > 1) { /* the best is no question */
        p[best] = p[finalists - 1];
        hrn_holm(p, finalists - 1);
        p[finalists - 1] = p[best];
    }
    for (size_t i = 0; i < finalists; i++)
        if (i != best && candidates[i].against_best.verdict == HRN_SLOWER && p[i] > HRN_LEVEL)
            candidates[i].against_best.verdict = HRN_UNDECIDED;
}

/* Compares the finalists with the best; one that turns out faster becomes the best. Each can do so
 * once: paired medians need not be transitive. Returns the median of the best. */
static double compare_finalists(struct hrn_candidate *candidates, size_t finalists, double band,
                                uint64_t seed, double *scratch)
{
    size_t best = 0, next = 0;
    int was_best[HRN_FINALISTS] = { 0 };
    do {
        best = next;
        was_best[best] = 1;
        for (size_t i = 0; i < finalists; i++) {
            const struct hrn_comparison *cmp = &candidates[i].against_best;
            compare(&candidates[i], &candidates[best], band, seed, scratch);
            if (cmp->verdict == HRN_FASTER && !was_best[i] &&
                (next == best || cmp->ratio < candidates[next].against_best.ratio))
                next = i;
        }
    } while (next != best);
    adjust(candidates, finalists, best);
    return candidates[best].summary.median;
}

static void compare_by_median(struct hrn_candidate *c, double best_median, double band)
{
    double ratio = c->summary.count > 0 ? c->summary.median / best_median : NAN;
    c->against_best = (struct hrn_comparison) {
        .verdict = ratio > 1 + band ? HRN_SLOWER : HRN_UNDECIDED,
        .ratio = ratio,
        .low = NAN,
        .high = NAN,
    };
}

/* Moves those of candidates[begin..count) that are not slower than the best, and whose median
 * ratio is at most max_ratio (NAN: no limit), to its front, in the fixed order. Returns the end of
 * them. */
static size_t move_ties(struct hrn_candidate *candidates, size_t begin, size_t count,
                        double max_ratio)
{
    size_t end = begin;
    for (size_t i = begin; i < count; i++) {
        struct hrn_candidate moved = candidates[i];
        int is_near = isnan(max_ratio) || moved.against_best.ratio <= max_ratio;
        if (moved.against_best.verdict == HRN_SLOWER || !is_near)
            continue;
        memmove(&candidates[end + 1], &candidates[end], (i - end) * sizeof *candidates);
        candidates[end++] = moved;
    }
    qsort(candidates + begin, end - begin, sizeof *candidates, by_cost);
    return end;
}

static int is_beaten(const struct hrn_candidate *candidates, size_t index, size_t ties, double band,
                     uint64_t seed, double *scratch)
{
    const struct hrn_candidate *c = &candidates[index];
    for (size_t i = 0; i < ties; i++) {
        size_t rounds = c->rounds < candidates[i].rounds ? c->rounds : candidates[i].rounds;
        struct hrn_comparison cmp;
        hrn_compare(c->time_ns, candidates[i].time_ns, rounds, band, seed, scratch, &cmp);
        if (i != index && cmp.verdict == HRN_SLOWER)
            return 1;
    }
    return 0;
}

/* Not to be told from the best does not mean not to be told from each other: the first of the tie
 * set that none of it beats goes to the front. If all are beaten, in a circle, the order stays. */
static void put_unbeaten_first(struct hrn_candidate *candidates, size_t ties, double band,
                               uint64_t seed, double *scratch)
{
    for (size_t i = 0; i < ties; i++) {
        struct hrn_candidate moved = candidates[i];
        if (is_beaten(candidates, i, ties, band, seed, scratch))
            continue;
        memmove(&candidates[1], &candidates[0], i * sizeof *candidates);
        candidates[0] = moved;
        return;
    }
}

long hrn_rank(struct hrn_candidate *candidates, size_t count, double band, uint64_t seed)
{
    double best_median = NAN;
    if (count == 0)
        return 0;
    double *scratch = scratch_new(candidates, count);
    if (!scratch)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        summarise(&candidates[i], scratch);
    size_t finalists = pick_finalists(candidates, count);
    if (finalists > 0)
        best_median = compare_finalists(candidates, finalists, band, seed, scratch);
    for (size_t i = finalists; i < count; i++)
        compare_by_median(&candidates[i], best_median, band);
    size_t near = move_ties(candidates, 0, finalists, 1 + band);
    size_t ties = move_ties(candidates, near, finalists, NAN);
    put_unbeaten_first(candidates, ties, band, seed, scratch);
    free(scratch);
    qsort(candidates + ties, count - ties, sizeof *candidates, by_median);
    return (long)ties;
}
