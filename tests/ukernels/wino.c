/* Winograd's products against plain loops: depths around the step, one element and many, values as
 * large as the transforms make them, guard pages around A, B and C. */
#include "tests/ukernels/check.h"

#include <stdio.h>
#include <string.h>

enum { CANARY = 0x5a };

struct product {
    const struct krn_kernel *kernel;
    int k, elements, extreme;
    int16_t *a, *w;
    int32_t *c;
    int64_t a_count, w_count, c_count;
};

static struct arena arenas[3];

static void fill(int16_t *to, int64_t count, int limit, int extreme)
{
    for (int64_t i = 0; i < count; i++) {
        int any = random_below(2 * limit + 1) - limit;
        to[i] = (int16_t)(extreme ? (random_below(2) ? limit : -limit) : any);
    }
}

static int32_t expected(const struct product *p, int e, int i, int j)
{
    int mr = p->kernel->mr, nr = p->kernel->nr, kr = p->kernel->kr;
    const int16_t *a = p->a + (int64_t)e * p->k * mr, *w = p->w + (int64_t)e * p->k * nr;
    uint32_t sum = 0;
    for (int k = 0; k < p->k; k++)
        sum += (uint32_t)(a[(k / 8 * mr + i) * 8 + k % 8] * w[(k / kr * nr + j) * kr + k % kr]);
    return (int32_t)sum;
}

static void compare(const struct product *p)
{
    const int32_t *c = p->c;
    for (int e = 0; e < p->elements; e++)
        for (int i = 0; i < p->kernel->mr; i++)
            for (int j = 0; j < p->kernel->nr; j++, c++)
                if (*c != expected(p, e, i, j)) {
                    failed(p->kernel, "element %d row %d column %d: %d instead of %d", e, i, j, *c,
                           expected(p, e, i, j));
                    return;
                }
}

/* Memory flush with the upper, or the lower, guard page. */
static void *place(struct arena *arena, int64_t bytes, int at_end)
{
    return arena_row(arena, 0, bytes, at_end);
}

static void run(struct product *p, int at_end)
{
    struct krn_wino_args args = { .k = p->k, .elements = p->elements };
    int mr = p->kernel->mr, nr = p->kernel->nr;
    snprintf(current_case, sizeof(current_case), "depth %d elements %d %s%s", p->k, p->elements,
             at_end ? "at end" : "at start", p->extreme ? " extreme" : "");
    p->a_count = (int64_t)p->elements * p->k * mr;
    p->w_count = (int64_t)p->elements * p->k * nr;
    p->c_count = (int64_t)p->elements * mr * nr;
    args.a = p->a = place(&arenas[0], 2 * p->a_count, at_end);
    args.w = p->w = place(&arenas[1], 2 * p->w_count, at_end);
    args.c = p->c = place(&arenas[2], 4 * p->c_count, at_end);
    fill(p->a, p->a_count, 12800, p->extreme);
    fill(p->w, p->w_count, 6223, p->extreme);
    memset(p->c, CANARY, 4 * (size_t)p->c_count);
    const char *changed = abi_call(p->kernel->fn, &args);
    if (changed)
        failed(p->kernel, "%s not preserved", changed);
    compare(p);
    cases_run++;
}

void check_wino(const struct krn_kernel *kernel)
{
    static const struct {
        int k, elements;
    } rows[] = { { 8, 1 }, { 8, 2 }, { 16, 3 }, { 24, 16 }, { 32, 36 }, { 40, 5 }, { 224, 2 } };
    struct product p = { .kernel = kernel };
    for (int i = 0; i < 3 && !arenas[i].map; i++)
        arenas[i] = arena_open(1, CANARY);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int at_end = 0; at_end < 2; at_end++) {
            p.k = rows[i].k;
            p.elements = rows[i].elements;
            p.extreme = random_below(2);
            run(&p, at_end);
        }
}
