#include "harness/sweep/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/stats.h"

static int append(struct hrn_plan_layer *layer, size_t *capacity, const struct var_variant *v)
{
    if (layer->count == *capacity) {
        size_t wider = *capacity ? 2 * *capacity : 64;
        struct var_variant *variants = realloc(layer->variants, wider * sizeof *variants);
        if (!variants)
            return -ENOMEM;
        layer->variants = variants;
        *capacity = wider;
    }
    layer->variants[layer->count++] = *v;
    return 0;
}

static int same(const struct var_variant *a, const struct var_variant *b)
{
    return a->isa == b->isa && a->family == b->family && !memcmp(a->knob, b->knob, sizeof a->knob);
}

/* The default of the strongest wanted ISA that has one for the problem. */
static int baseline(uint32_t isas, const struct krn_problem *problem, struct var_variant *out)
{
    for (int isa = KRN_ISA_COUNT - 1; isa >= 0; isa--)
        if (isas >> isa & 1 && !var_default((enum krn_isa)isa, problem, out))
            return 0;
    return -ENOENT;
}

static int fill(struct hrn_plan_layer *layer, uint32_t isas, hrn_wanted *wanted, void *user)
{
    size_t capacity = 0;
    struct var_variant first, v;
    int rc = baseline(isas, &layer->layer->problem, &first);
    if (rc)
        return rc;
    rc = append(layer, &capacity, &first);
    struct var_space space;
    var_space_init(&space, isas, &layer->layer->problem);
    while (!rc && var_space_next(&space, &v)) {
        if (!same(&v, &first) && (!wanted || wanted(&v, user)))
            rc = append(layer, &capacity, &v);
    }
    return rc;
}

/* Keeps [0] and a seeded choice of the others, in the order of the space. */
static void thin(struct hrn_plan_layer *layer, size_t keep, uint64_t seed)
{
    size_t left = layer->count - 1, wanted = keep - 1, kept = 1;
    for (size_t i = 1; i < layer->count && wanted; i++, left--)
        if (hrn_random(&seed) % left < wanted) {
            layer->variants[kept++] = layer->variants[i];
            wanted--;
        }
    layer->count = kept;
}

int hrn_plan_make(const struct hrn_layers *layers, uint32_t isas, hrn_wanted *wanted, void *user,
                  size_t max_variants, uint64_t seed, struct hrn_plan *out, char *err,
                  size_t err_bytes)
{
    *out = (struct hrn_plan) { .layers =
                                   calloc(layers->count ? layers->count : 1, sizeof *out->layers) };
    int rc = out->layers ? 0 : -ENOMEM;
    for (size_t i = 0; !rc && i < layers->count; i++) {
        struct hrn_plan_layer *layer = &out->layers[out->count++];
        layer->layer = &layers->items[i];
        rc = fill(layer, isas, wanted, user);
        if (!rc && max_variants && layer->count > max_variants)
            thin(layer, max_variants, seed + i);
        out->variants += layer->count;
        if (rc == -ENOENT)
            snprintf(err, err_bytes,
                     "no variant of the chosen ISA levels can compute %s; add "
                     "--isa c",
                     layers->items[i].key);
    }
    if (rc == -ENOMEM)
        snprintf(err, err_bytes, "out of memory while listing variants");
    if (rc)
        hrn_plan_clear(out);
    return rc;
}

void hrn_plan_clear(struct hrn_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        free(plan->layers[i].variants);
    free(plan->layers);
    *plan = (struct hrn_plan) { 0 };
}
