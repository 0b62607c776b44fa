/* Tests on ranks, and what many questions at once cost: the parts of stats.h that draw nothing. */
#include "harness/sweep/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 50 /* pairs up to which the distribution of signed ranks is summed exactly */

/* ---- many questions */

void hrn_holm(double *p, size_t count)
{
    size_t order[HRN_HOLM_MAX];
    double floor = 0;
    count = count < HRN_HOLM_MAX ? count : HRN_HOLM_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t j = i;
        for (; j > 0 && p[order[j - 1]] > p[i]; j--)
            order[j] = order[j - 1];
        order[j] = i;
    }
    for (size_t k = 0; k < count; k++) {
        floor = fmax(floor, fmin(1, p[order[k]] * (double)(count - k)));
        p[order[k]] = floor;
    }
}

/* ---- ranks */

struct ranked {
    double value, other; /* `other` travels along */
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Ranks from 1 of sorted v[n], equal values sharing their mean, doubled so as to be whole. Calls
 * back per value; returns the sum of t^3 - t over the groups of t equal ones. */
static double each_rank(const struct ranked *v, size_t n,
                        void (*give)(const struct ranked *, long doubled_rank, void *), void *user)
{
    double ties = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && v[end].value == v[i].value; end++)
            ;
        double t = (double)(end - i);
        ties += t * t * t - t;
        for (size_t j = i; j < end; j++)
            give(&v[j], (long)(i + 1 + end), user);
    }
    return ties;
}

static double normal_two_sided(double z)
{
    return fmin(1, erfc(fabs(z) / sqrt(2)));
}

/* ---- Wilcoxon */

struct signed_ranks {
    long rank[EXACT_MAX]; /* doubled */
    size_t count;
    double positive, all, squares; /* sums of doubled ranks; of their squares */
};

static void take_signed(const struct ranked *v, long doubled_rank, void *user)
{
    struct signed_ranks *s = user;
    double r = (double)doubled_rank;
    if (s->count < EXACT_MAX)
        s->rank[s->count] = doubled_rank;
    s->count++;
    s->all += r;
    s->squares += r * r;
    s->positive += v->other > 0 ? r : 0;
}

/* Two-sided p of the sum of positive ranks, each sign being as likely as the other. */
static double exact(const struct signed_ranks *s)
{
    static const size_t sums_max = (size_t)EXACT_MAX * (EXACT_MAX + 1);
    double share[(size_t)EXACT_MAX * (EXACT_MAX + 1) + 1] = { 1 };
    size_t top = 0;
    for (size_t i = 0; i < s->count; i++) {
        size_t r = (size_t)s->rank[i];
        top = top + r < sums_max ? top + r : sums_max;
        for (size_t sum = top + 1; sum-- > 0;)
            share[sum] = share[sum] / 2 + (sum >= r ? share[sum - r] / 2 : 0);
    }
    double lower = 0, upper = 0;
    for (size_t sum = 0; sum <= top; sum++) {
        lower += (double)sum <= s->positive ? share[sum] : 0;
        upper += (double)sum >= s->positive ? share[sum] : 0;
    }
    return fmin(1, 2 * fmin(lower, upper));
}

double hrn_wilcoxon(const double *a, const double *b, size_t count, double *scratch)
{
    struct ranked *v = (struct ranked *)(void *)scratch;
    struct signed_ranks s = { .count = 0 };
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(a[i] > 0 && b[i] > 0 && isfinite(a[i]) && isfinite(b[i])) || a[i] == b[i])
            continue; /* equal ones say nothing */
        double ratio = log(a[i]) - log(b[i]);
        v[n++] = (struct ranked) { fabs(ratio), ratio };
    }
    if (n == 0)
        return 1;
    qsort(v, n, sizeof *v, by_value);
    each_rank(v, n, take_signed, &s);
    if (n <= EXACT_MAX)
        return exact(&s);
    return normal_two_sided((s.positive - s.all / 2) / sqrt(s.squares / 4));
}

/* ---- Mann and Whitney */

static void take_first(const struct ranked *v, long doubled_rank, void *user)
{
    double *sum = user;
    *sum += v->other == 0 ? (double)doubled_rank / 2 : 0;
}

static size_t put(struct ranked *v, const double *times, size_t count, double mark)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (times[i] > 0 && isfinite(times[i]))
            v[n++] = (struct ranked) { times[i], mark };
    return n;
}

double hrn_mann_whitney(const double *a, size_t a_count, const double *b, size_t b_count,
                        double *scratch)
{
    struct ranked *v = (struct ranked *)(void *)scratch;
    size_t na = put(v, a, a_count, 0), nb = put(v + na, b, b_count, 1);
    double x = (double)na, y = (double)nb, n = x + y, sum = 0;
    if (na == 0 || nb == 0)
        return 1;
    qsort(v, na + nb, sizeof *v, by_value);
    double ties = each_rank(v, na + nb, take_first, &sum);
    double off = fabs(sum - x * (x + 1) / 2 - x * y / 2) - 0.5;
    double variance = x * y / 12 * (n + 1 - ties / (n * (n - 1)));
    return variance > 0 && off > 0 ? normal_two_sided(off / sqrt(variance)) : 1;
}

/* ---- Spearman */

/* `other` holds the row. */
static void take_row(const struct ranked *v, long doubled_rank, void *user)
{
    double *rank = user;
    rank[(size_t)v->other] = (double)doubled_rank;
}

static void rank_rows(const double *column, const double *other, size_t count, struct ranked *v,
                      double *rank)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(column[i]) && isfinite(other[i])) {
            v[n] = (struct ranked) { column[i], (double)n };
            n++;
        }
    qsort(v, n, sizeof *v, by_value);
    each_rank(v, n, take_row, rank);
}

double hrn_spearman(const double *a, const double *b, size_t count, double *scratch)
{
    struct ranked *v = (struct ranked *)(void *)scratch;
    double *x = scratch + 2 * count, *y = x + count;
    double xx = 0, yy = 0, xy = 0;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += isfinite(a[i]) && isfinite(b[i]);
    rank_rows(a, b, count, v, x);
    rank_rows(b, a, count, v, y);
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] - (double)(n + 1), dy = y[i] - (double)(n + 1);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}
