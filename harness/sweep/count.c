#include "harness/sweep/count.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/runner/session.h"

#define BATCH 64 /* variants of one job: Ctrl-C is looked at between jobs */

struct counting {
    const struct hrn_plan *plan;
    const struct hrn_count_options *options;
    struct hrn_session *session;
    struct hrn_counted **counted;
    size_t layer, first, done; /* first variant of the batch in hand; variants done in all */
    char *err;
    size_t err_bytes;
};

void hrn_counted_free(struct hrn_counted **counted, size_t layers)
{
    for (size_t i = 0; counted && i < layers; i++)
        free(counted[i]);
    free(counted);
}

/* Until something else is known: the build did not take it, or the runner did not speak of it. */
static int allocate(struct counting *c)
{
    c->counted = calloc(c->plan->count + 1, sizeof *c->counted);
    for (size_t i = 0; c->counted && i < c->plan->count; i++) {
        c->counted[i] = calloc(c->plan->layers[i].count + 1, sizeof **c->counted);
        for (size_t j = 0; c->counted[i] && j < c->plan->layers[i].count; j++)
            c->counted[i][j].outcome = HRN_VOID;
        if (!c->counted[i])
            return -ENOMEM;
    }
    return c->counted ? 0 : -ENOMEM;
}

static int open_session(struct counting *c)
{
    const struct hrn_plan *plan = c->plan;
    const struct hrn_count_options *o = c->options;
    struct var_variant *all = malloc((plan->variants + 1) * sizeof *all);
    char path[512];
    size_t n = 0;
    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = 0; j < plan->layers[i].count; j++)
            all[n++] = plan->layers[i].variants[j];
    if (o->progress)
        o->progress(0, plan->variants, "building");
    int rc = hrn_build(o->toolchain, o->paths, HRN_BUILD_RUNNER, all, n, NULL, NULL, path,
                       sizeof path, c->err, c->err_bytes);
    free(all);
    return rc ? rc : hrn_session_open(o->device, path, -1, &c->session, c->err, c->err_bytes);
}

static struct hrn_counted *result(struct counting *c, size_t index)
{
    c->done++;
    if (c->options->progress)
        c->options->progress(c->done, c->plan->variants, "");
    return &c->counted[c->layer][c->first + index];
}

/* Counters come as hrn_count_names[], then hrn_count_kernel_names[]. */
static void on_counts(size_t index, const struct hrn_sample *sample,
                      const struct hrn_counter *counters, size_t counter_count, void *user)
{
    struct hrn_counted *out = result(user, index);
    (void)sample;
    for (size_t i = 0; i < counter_count && i < HRN_COUNT_COUNT; i++) {
        out->whole[i] = counters[i].value;
        out->kernel[i] = counters[HRN_COUNT_COUNT + i].value;
    }
    out->outcome = HRN_OK;
}

static void on_failed(size_t index, const struct hrn_proof *proof, void *user)
{
    struct hrn_counted *out = result(user, index);
    out->outcome = proof->outcome;
    memcpy(out->detail, proof->detail, sizeof out->detail);
}

static int count_batch(struct counting *c, size_t count)
{
    const struct hrn_plan_layer *layer = &c->plan->layers[c->layer];
    char names[BATCH][VAR_NAME_MAX];
    const char *pointers[BATCH];
    for (size_t i = 0; i < count; i++) {
        var_name_format(&layer->variants[c->first + i], names[i]);
        pointers[i] = names[i];
    }
    int rc = hrn_session_count(c->session, &layer->layer->problem, pointers, count,
                               c->options->timeout_ms, on_counts, on_failed, c);
    if (rc)
        snprintf(c->err, c->err_bytes, "%s", hrn_session_error(c->session));
    return rc;
}

static int count_all(struct counting *c)
{
    int rc = 0;
    for (c->layer = 0; !rc && c->layer < c->plan->count; c->layer++) {
        size_t count = c->plan->layers[c->layer].count;
        for (c->first = 0; !rc && c->first < count; c->first += BATCH)
            rc = c->options->stop && *c->options->stop
                     ? -EINTR
                     : count_batch(c, count - c->first < BATCH ? count - c->first : BATCH);
    }
    return rc;
}

int hrn_count_plan(const struct hrn_plan *plan, const struct hrn_count_options *options,
                   struct hrn_counted ***out, char *err, size_t err_bytes)
{
    struct counting c = { .plan = plan, .options = options, .err = err, .err_bytes = err_bytes };
    const struct hrn_device_info *info = hrn_device_info(options->device);
    *out = NULL;
    snprintf(err, err_bytes, "out of memory");
    if (!info->counts) {
        snprintf(err, err_bytes,
                 "%s counts no instructions by kind; qemu:CPU does, where qemu-user (dynamic) and "
                 "Quern's plugin are installed; what a PMU counts, exactly on a vm:, "
                 "'quern sweep -d %s -e INST_RETIRED' measures and stores",
                 info->key, info->key);
        return -ENOTSUP;
    }
    int rc = allocate(&c);
    if (!rc)
        rc = open_session(&c);
    if (!rc)
        rc = count_all(&c);
    hrn_session_close(c.session);
    if (rc)
        hrn_counted_free(c.counted, plan->count);
    else
        *out = c.counted;
    return rc;
}

long hrn_count_least(const struct hrn_counted *counted, size_t variants)
{
    long best = -1;
    for (size_t i = 0; i < variants; i++)
        if (counted[i].outcome == HRN_OK &&
            (best < 0 || counted[i].whole[HRN_COUNT_INSN] < counted[best].whole[HRN_COUNT_INSN]))
            best = (long)i;
    return best;
}

double hrn_insn_per_mac(const struct hrn_counted *counted, const struct krn_problem *problem)
{
    return (double)counted->whole[HRN_COUNT_INSN] / (double)krn_problem_macs(problem);
}

double hrn_count_geomean(const struct hrn_plan *plan, struct hrn_counted *const *counted,
                         const long *which, int depthwise, size_t *layers)
{
    double sum = 0;
    *layers = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct krn_problem *p = &plan->layers[i].layer->problem;
        long best = which ? which[i] : hrn_count_least(counted[i], plan->layers[i].count);
        if (best < 0 || krn_problem_is_depthwise(p) != depthwise)
            continue;
        sum += log(hrn_insn_per_mac(&counted[i][best], p));
        ++*layers;
    }
    return *layers ? exp(sum / (double)*layers) : 0;
}
