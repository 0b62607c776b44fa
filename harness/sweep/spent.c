#include "harness/sweep/spent.h"

#include <stdio.h>

void hrn_spent_sample(struct hrn_spent *spent, const struct hrn_sample *s)
{
    double *kind = s->outcome == HRN_OK ? &spent->sample_s : &spent->void_s;
    spent->warmup_s += 1e-9 * (double)s->warmup_ns;
    if (s->role != HRN_CANARY)
        *kind += 1e-9 * (double)(s->time_ns + s->overhead_ns);
}

void hrn_spent_format(const struct hrn_spent *c, char *out, size_t bytes)
{
    const struct {
        const char *name;
        double s;
    } rows[] = {
        { "samples", c->sample_s }, { "warm-up", c->warmup_s }, { "void samples", c->void_s },
        { "peaks", c->peak_s },     { "proofs", c->prove_s },   { "build", c->build_s },
    };
    double rest_s = c->all_s;
    int length = snprintf(out, bytes, "%.1f s:", c->all_s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rest_s -= rows[i].s;
        if (length > 0 && (size_t)length < bytes)
            length += snprintf(out + length, bytes - (size_t)length, " %s %.1f %%,", rows[i].name,
                               100 * rows[i].s / c->all_s);
    }
    if (length > 0 && (size_t)length < bytes)
        snprintf(out + length, bytes - (size_t)length, " the rest %.1f %%",
                 100 * rest_s / c->all_s);
}
