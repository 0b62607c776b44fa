#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/code.h"

#define PASSES 4 /* depth of loops */

/* Iterations of equal steps that begin at `at`, which a jump back leads to: their length, 0 if that
 * jump does not come again; *iterations of them in a row. */
static size_t run_at(const struct hrn_trace *t, size_t at, size_t *iterations)
{
    const uint32_t jump = t->step[at - 1];
    size_t end = at;
    while (end < t->count && t->step[end] != jump)
        end++;
    if (end == t->count)
        return 0;
    const size_t length = end + 1 - at, bytes = length * sizeof *t->step;
    *iterations = 1;
    for (size_t next = at + length; next + length <= t->count; next += length, ++*iterations)
        if (memcmp(t->step + next, t->step + at, bytes) != 0)
            break;
    return length;
}

/* The cut with these steps, made at need; NULL without memory or room. */
static struct hrn_cut *cut_of(struct hrn_cuts *cuts, const uint32_t *step, size_t length)
{
    const size_t bytes = length * sizeof *step;
    for (size_t i = 0; i < cuts->count; i++)
        if (cuts->cut[i].length == length && !memcmp(cuts->cut[i].step, step, bytes))
            return &cuts->cut[i];
    if (cuts->count == HRN_CUTS_MAX)
        return NULL;
    struct hrn_cut *cut = &cuts->cut[cuts->count];
    cut->step = malloc(bytes);
    if (!cut->step)
        return NULL;
    memcpy(cut->step, step, bytes);
    cut->length = length;
    cuts->count++;
    return cut;
}

/* One pass from the left, in place. 1 if anything went. */
static int pass(struct hrn_trace *t, size_t keep, struct hrn_cuts *cuts)
{
    size_t to = t->count ? 1 : 0;
    int changed = 0;
    for (size_t from = 1; from < t->count;) {
        size_t iterations, length = 0;
        if (t->step[from] <= t->step[from - 1])
            length = run_at(t, from, &iterations);
        struct hrn_cut *cut =
            length && iterations > 2 * keep ? cut_of(cuts, t->step + from, length) : NULL;
        if (!cut) {
            t->step[to++] = t->step[from++];
            continue;
        }
        cut->gone += (int64_t)(iterations - keep);
        memmove(t->step + to, t->step + from, keep * length * sizeof *t->step);
        to += keep * length;
        from += iterations * length;
        changed = 1;
    }
    t->count = to;
    return changed;
}

int hrn_trace_cut(struct hrn_trace *trace, size_t keep, struct hrn_cuts *out)
{
    *out = (struct hrn_cuts) { .count = 0 };
    for (int i = 0; i < PASSES && pass(trace, keep, out); i++)
        ;
    return 0;
}

void hrn_cuts_clear(struct hrn_cuts *cuts)
{
    for (size_t i = 0; i < cuts->count; i++)
        free(cuts->cut[i].step);
    cuts->count = 0;
}
