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

static int is_default(const struct hrn_plan_layer *layer, const struct var_variant *v)
{
    for (size_t i = 0; i < layer->defaults; i++)
        if (same(&layer->variants[i], v))
            return 1;
    return 0;
}

/* The plain choices, strongest level first: without them nothing could be compared. */
static int add_defaults(struct hrn_plan_layer *layer, const struct hrn_layers *layers,
                        size_t *capacity, uint32_t isas)
{
    int rc = 0;
    for (int isa = KRN_ISA_COUNT - 1; !rc && isa >= 0; isa--) {
        struct var_variant v;
        if (!(isas >> isa & 1) ||
            var_default_on(layers->core, (enum krn_isa)isa, &layer->layer->problem,
                           layer->layer->epilogue, &v) ||
            is_default(layer, &v))
            continue;
        rc = append(layer, capacity, &v);
        layer->defaults = layer->count;
    }
    return rc ? rc : layer->count ? 0 : -ENOENT;
}

static int fill(struct hrn_plan_layer *layer, const struct hrn_layers *layers, uint32_t isas,
                hrn_wanted *wanted, void *user, uint64_t *removed)
{
    size_t capacity = 0;
    struct var_variant v;
    int rc = add_defaults(layer, layers, &capacity, isas);
    struct var_space space;
    var_space_init(&space, isas, &layer->layer->problem);
    space.epilogue = layer->layer->epilogue;
    space.core = layers->core;
    space.unfiltered = layers->unfiltered;
    while (!rc && var_space_next(&space, &v))
        if (!is_default(layer, &v) && (!wanted || wanted(&v, user)))
            rc = append(layer, &capacity, &v);
    for (int i = 0; i < VAR_FILTER_COUNT; i++)
        removed[i] += space.removed[i];
    return rc;
}

/* Keeps the defaults and a seeded choice of the others, in the order of the space. */
static void thin(struct hrn_plan_layer *layer, size_t keep, uint64_t seed)
{
    size_t kept = layer->defaults, wanted = keep > kept ? keep - kept : 0;
    size_t left = layer->count - kept;
    for (size_t i = kept; i < layer->count && wanted; i++, left--)
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
    *out = (struct hrn_plan) {
        .layers = calloc(layers->count ? layers->count : 1, sizeof *out->layers),
        .core = layers->core,
    };
    int rc = out->layers ? 0 : -ENOMEM;
    for (size_t i = 0; !rc && i < layers->count; i++) {
        struct hrn_plan_layer *layer = &out->layers[out->count++];
        layer->layer = &layers->items[i];
        rc = fill(layer, layers, isas, wanted, user, out->removed);
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

static void clear_layer(struct hrn_plan_layer *layer)
{
    free(layer->variants);
    free(layer->prior);
    free(layer->predicted);
}

static void deal_layers(struct hrn_plan *plan, size_t index, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (i % count == index)
            plan->layers[kept++] = plan->layers[i];
        else
            clear_layer(&plan->layers[i]);
    }
    plan->count = kept;
}

static void deal_variants(struct hrn_plan_layer *layer, size_t index, size_t count)
{
    size_t kept = layer->defaults;
    for (size_t i = layer->defaults; i < layer->count; i++)
        if ((i - layer->defaults) % count == index) {
            layer->variants[kept] = layer->variants[i];
            if (layer->predicted)
                layer->predicted[kept] = layer->predicted[i];
            kept++;
        }
    layer->count = kept;
}

void hrn_plan_shard(struct hrn_plan *plan, size_t index, size_t count)
{
    if (plan->count >= count)
        deal_layers(plan, index, count);
    else
        for (size_t i = 0; i < plan->count; i++)
            deal_variants(&plan->layers[i], index, count);
    plan->variants = 0;
    for (size_t i = 0; i < plan->count; i++)
        plan->variants += plan->layers[i].count;
}

void hrn_plan_clear(struct hrn_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        clear_layer(&plan->layers[i]);
    free(plan->layers);
    *plan = (struct hrn_plan) { 0 };
}
