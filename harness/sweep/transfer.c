#include "harness/sweep/transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OTHER_STRIDE 0.5

static double doublings(double a, double b)
{
    return fabs(log2(a / b));
}

double hrn_problem_distance(const struct krn_problem *a, const struct krn_problem *b)
{
    if (krn_problem_is_depthwise(a) != krn_problem_is_depthwise(b) ||
        krn_problem_is_pointwise(a) != krn_problem_is_pointwise(b))
        return INFINITY;
    double d = doublings((double)a->ic / a->groups, (double)b->ic / b->groups) +
               doublings((double)a->oc / a->groups, (double)b->oc / b->groups) +
               doublings((double)a->oh * a->ow, (double)b->oh * b->ow) +
               doublings((double)a->kh * a->kw, (double)b->kh * b->kw);
    return d + (a->sh != b->sh || a->sw != b->sw ? OTHER_STRIDE : 0);
}

static int by_distance(const void *a, const void *b)
{
    const struct hrn_elsewhere *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    if (x->place != y->place)
        return x->place - y->place;
    return memcmp(&x->variant, &y->variant, sizeof x->variant);
}

static int is_same(const struct var_variant *a, const struct var_variant *b)
{
    return a->isa == b->isa && a->family == b->family && !memcmp(a->knob, b->knob, sizeof a->knob);
}

size_t hrn_transfer_mark(struct hrn_elsewhere *list, size_t list_count,
                         const struct var_variant *variants, size_t count, int *prior)
{
    size_t marked = 0;
    memset(prior, 0, count * sizeof *prior);
    if (list_count)
        qsort(list, list_count, sizeof *list, by_distance);
    for (size_t k = 0; k < list_count && marked < HRN_PRIORS_MAX; k++)
        for (size_t i = 0; i < count; i++)
            if (!prior[i] && is_same(&variants[i], &list[k].variant)) {
                prior[i] = (int)++marked;
                break;
            }
    return marked;
}
