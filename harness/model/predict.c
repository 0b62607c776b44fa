/* Kernel by kernel, however many layers have it: its code, then for each layer the kinds of calls
 * that are made of it, the trace of each, and the cycles of what the traces consist of. */
#include "harness/model/predict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/calls.h"
#include "harness/model/code.h"
#include "harness/model/stretches.h"

#define RARE 50    /* kinds of calls with less than 1/50 of the work cost what the others do */
#define RUN_KEPT 2 /* iterations of a loop that are simulated; the others are alike */
#define BATCH 2000 /* stretches between two runs of llvm-mca */

/* What one kind of call executes: numbers of a shortened trace and of what was cut out of it. */
struct path {
    size_t tile, loop, cut[HRN_CUTS_MAX], cuts;
    int64_t gone[HRN_CUTS_MAX];
    int has_loop;
    double loop_macs;
};

/* Of the kernel at hand. */
struct known_path {
    struct hrn_call call;
    struct path path;
    int rc;
    char why[HRN_DETAIL_MAX];
};

/* The calls of one kind that one variant makes on one layer. */
struct part {
    struct hrn_prediction *to;
    struct path path;
    int is_main;
    double times; /* calls */
    double whole; /* see struct hrn_call */
};

/* Calls depend on the tile, not on the code: variants share them. */
struct known_calls {
    struct krn_kernel kernel; /* without name and function */
    struct krn_driver driver;
    int rc;
    char why[HRN_DETAIL_MAX];
    struct hrn_calls calls;
};
struct known_layer {
    struct known_calls *known;
    size_t count;
};

/* One variant on one layer of the plan. */
struct item {
    const struct var_variant *v;
    size_t layer;
    struct hrn_prediction *to;
};

struct predictor {
    const struct hrn_plan *plan;
    const struct hrn_predict_options *options;
    struct hrn_prediction **out;
    struct known_layer *layers;
    struct item *items; /* variants of one kernel one behind the other */
    /* the kernel at hand */
    struct hrn_code code;
    int code_rc;
    char why[HRN_DETAIL_MAX];
    struct known_path *paths;
    size_t path_count;
    /* what waits for cycles */
    struct hrn_stretches *stretches;
    struct part *parts;
    size_t part_count, part_capacity;
    char *err;
    size_t err_bytes;
};

void hrn_predictions_free(struct hrn_prediction **predictions, size_t layers)
{
    for (size_t i = 0; predictions && i < layers; i++)
        free(predictions[i]);
    free(predictions);
}

/* ---- calls */

/* Whole structs: padding that differs costs a call list, a field that is forgotten would cost the
 * truth. */
static int is_same_tile(const struct known_calls *k, const struct krn_kernel *kernel,
                        const struct krn_driver *driver)
{
    return !memcmp(&k->kernel, kernel, sizeof *kernel) &&
           !memcmp(&k->driver, driver, sizeof *driver);
}

static int calls_of(struct predictor *p, const struct item *item, const struct hrn_calls **out,
                    char *why, size_t why_bytes)
{
    struct known_layer *of = &p->layers[item->layer];
    struct krn_kernel kernel;
    struct krn_driver driver = var_driver(item->v);
    memset(&kernel, 0, sizeof kernel);
    var_kernel_describe(item->v, &kernel, NULL);
    kernel.name = NULL;
    size_t i = 0;
    while (i < of->count && !is_same_tile(&of->known[i], &kernel, &driver))
        i++;
    if (i == of->count) {
        struct known_calls *grown = realloc(of->known, (i + 1) * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        of->known = grown;
        of->count++;
        grown[i] = (struct known_calls) { .driver = driver };
        memcpy(&grown[i].kernel, &kernel, sizeof kernel);
        grown[i].rc = hrn_calls_of(&p->plan->layers[item->layer].layer->problem, &kernel, driver,
                                   &grown[i].calls, grown[i].why, sizeof grown[i].why);
    }
    *out = &of->known[i].calls;
    snprintf(why, why_bytes, "%s", of->known[i].why);
    return of->known[i].rc;
}

static size_t main_call(const struct hrn_calls *calls)
{
    size_t best = 0;
    for (size_t i = 1; i < calls->count; i++)
        if (hrn_call_work(calls, i) > hrn_call_work(calls, best))
            best = i;
    return best;
}

static double all_work(const struct hrn_calls *calls)
{
    double work = 0;
    for (size_t i = 0; i < calls->count; i++)
        work += hrn_call_work(calls, i);
    return work;
}

/* ---- one kind of call of one kernel */

static int add_stretches(struct predictor *p, struct hrn_trace *t, const struct hrn_loop *loop,
                         struct path *path)
{
    struct hrn_cuts cuts = { .count = 0 };
    int rc = 0;
    path->has_loop = loop->iterations > 0;
    if (path->has_loop) {
        path->loop_macs = (double)hrn_trace_macs(&p->code, t, loop->begin, loop->end);
        rc = hrn_stretches_add(p->stretches, t->step + loop->begin, loop->end - loop->begin, 1,
                               &path->loop);
    }
    if (!rc)
        rc = hrn_trace_cut(t, RUN_KEPT, &cuts);
    if (!rc)
        rc = hrn_stretches_add(p->stretches, t->step, t->count, 0, &path->tile);
    path->cuts = cuts.count;
    for (size_t i = 0; i < cuts.count && !rc; i++) {
        path->gone[i] = cuts.cut[i].gone;
        rc =
            hrn_stretches_add(p->stretches, cuts.cut[i].step, cuts.cut[i].length, 0, &path->cut[i]);
    }
    hrn_cuts_clear(&cuts);
    return rc;
}

/* What the model cannot take is an outcome, not the end. */
static int is_outcome(int rc)
{
    return rc == -ENOTSUP || rc == -ELOOP;
}

static int follow(struct predictor *p, struct known_path *known)
{
    struct hrn_trace trace;
    known->rc = hrn_code_trace(&p->code, &known->call.args, sizeof known->call.args, &trace,
                               known->why, sizeof known->why);
    if (known->rc)
        return is_outcome(known->rc) ? 0 : known->rc;
    const struct hrn_loop loop = hrn_trace_loop(&p->code, &trace);
    int rc = add_stretches(p, &trace, &loop, &known->path);
    hrn_trace_clear(&trace);
    return rc;
}

/* Of calls that are alike, of whatever layers, one is followed. */
static int path_of(struct predictor *p, enum krn_family family, const struct hrn_call *call,
                   const struct known_path **out)
{
    size_t i = 0;
    while (i < p->path_count && !hrn_call_is_alike(family, &p->paths[i].call, call))
        i++;
    if (i == p->path_count) {
        struct known_path *grown = realloc(p->paths, (i + 1) * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        p->paths = grown;
        grown[i] = (struct known_path) { .call = *call };
        int rc = follow(p, &grown[i]);
        if (rc)
            return rc;
        p->path_count++;
    }
    *out = &p->paths[i];
    return 0;
}

/* ---- one variant on one layer */

/* The MACs of the layer that one call of the kind stands for. */
static double share_of(const struct predictor *p, size_t layer, const struct hrn_calls *calls,
                       size_t kind)
{
    double macs = (double)krn_problem_macs(&p->plan->layers[layer].layer->problem);
    return macs * hrn_call_work(calls, kind) / all_work(calls) / (double)calls->call[kind].times;
}

static int add_part(struct predictor *p, const struct part *part)
{
    if (p->part_count == p->part_capacity) {
        size_t wider = p->part_capacity ? 2 * p->part_capacity : 256;
        struct part *grown = realloc(p->parts, wider * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        p->parts = grown;
        p->part_capacity = wider;
    }
    p->parts[p->part_count++] = *part;
    return 0;
}

static int predict_call(struct predictor *p, const struct hrn_calls *calls, size_t kind,
                        struct part part)
{
    const struct known_path *known;
    int rc = path_of(p, calls->family, &calls->call[kind], &known);
    if (rc)
        return rc;
    if (known->rc) {
        memcpy(part.to->detail, known->why, sizeof part.to->detail);
        return known->rc;
    }
    part.path = known->path;
    part.whole = calls->call[kind].whole;
    return add_part(p, &part);
}

static int predict_calls(struct predictor *p, const struct item *item,
                         const struct hrn_calls *calls)
{
    size_t most = main_call(calls);
    double all = all_work(calls), done = 0;
    int rc = 0;
    item->to->outcome = HRN_OK;
    item->to->tile_macs = share_of(p, item->layer, calls, most);
    for (size_t i = 0; i < calls->count; i++)
        if (i == most || hrn_call_work(calls, i) >= all / RARE)
            done += hrn_call_work(calls, i);
    for (size_t i = 0; !rc && i < calls->count; i++) {
        struct part part = { .to = item->to, .is_main = i == most };
        if (i != most && hrn_call_work(calls, i) < all / RARE)
            continue;
        part.times = (double)calls->call[i].times * all / done;
        rc = predict_call(p, calls, i, part);
    }
    return rc;
}

static int predict_item(struct predictor *p, const struct item *item)
{
    const struct hrn_calls *calls;
    struct hrn_prediction *to = item->to;
    const struct var_core *core = p->options->core;
    int rc = calls_of(p, item, &calls, to->detail, sizeof to->detail);
    if (!rc) {
        to->driver_cycles = calls->driver_insns / core->compiled;
        rc = p->code_rc;
        memcpy(to->detail, p->why, sizeof to->detail);
    }
    if (!rc)
        rc = predict_calls(p, item, calls);
    if (is_outcome(rc)) {
        to->outcome = HRN_REFUSED;
        return 0;
    }
    return rc;
}

/* ---- one kernel */

static int begin_kernel(struct predictor *p, const struct var_variant *v)
{
    struct var_text text = { 0 };
    p->path_count = 0;
    p->why[0] = '\0';
    hrn_code_clear(&p->code);
    p->code_rc = var_generate(v, &text, p->why, sizeof p->why);
    if (!p->code_rc)
        p->code_rc = hrn_code_parse(text.data, &p->code, p->why, sizeof p->why);
    if (!p->code_rc)
        p->why[0] = '\0';
    var_text_clear(&text);
    hrn_stretches_begin(p->stretches, &p->code);
    return p->code_rc == -ENOMEM ? -ENOMEM : 0;
}

/* Cycles of all calls of a kind, by the cycles of their stretches. */
static void take_cycles(const struct hrn_stretches *s, const struct part *part)
{
    const struct path *path = &part->path;
    double call = hrn_stretches_cycles(s, path->tile);
    for (size_t i = 0; i < path->cuts; i++)
        call += (double)path->gone[i] * hrn_stretches_cycles(s, path->cut[i]);
    call *= part->whole;
    part->to->cycles += call * part->times;
    if (!part->is_main)
        return;
    part->to->tile_cycles = call;
    if (path->has_loop) {
        part->to->loop_macs = path->loop_macs;
        part->to->loop_cycles = hrn_stretches_cycles(s, path->loop);
    }
}

static int collect(struct predictor *p)
{
    int rc = hrn_stretches_run(p->stretches, p->err, p->err_bytes);
    for (size_t i = 0; !rc && i < p->part_count; i++)
        take_cycles(p->stretches, &p->parts[i]);
    hrn_stretches_forget(p->stretches);
    p->part_count = p->path_count = 0;
    return rc;
}

/* ---- the plan */

/* By what the kernel's name says. */
static int compare_kernels(const struct var_variant *a, const struct var_variant *b)
{
    if (a->isa != b->isa)
        return a->isa < b->isa ? -1 : 1;
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    for (int i = 0; i < VAR_KNOB_COUNT; i++)
        if (!var_knobs[i].is_driver && a->knob[i] != b->knob[i])
            return a->knob[i] < b->knob[i] ? -1 : 1;
    return 0;
}

static int by_kernel(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = compare_kernels(x->v, y->v);
    return order ? order : x->layer < y->layer ? -1 : x->layer > y->layer;
}

static int allocate(struct predictor *p)
{
    const struct hrn_plan *plan = p->plan;
    p->layers = calloc(plan->count + 1, sizeof *p->layers);
    p->items = calloc(plan->variants + 1, sizeof *p->items);
    p->out = calloc(plan->count + 1, sizeof *p->out);
    if (!p->layers || !p->items || !p->out)
        return -ENOMEM;
    struct item *item = p->items;
    for (size_t l = 0; l < plan->count; l++) {
        p->out[l] = calloc(plan->layers[l].count + 1, sizeof **p->out);
        if (!p->out[l])
            return -ENOMEM;
        for (size_t i = 0; i < plan->layers[l].count; i++)
            *item++ = (struct item) { &plan->layers[l].variants[i], l, &p->out[l][i] };
    }
    qsort(p->items, plan->variants, sizeof *p->items, by_kernel);
    return 0;
}

/* Every kernel on all layers that have it. Who stops Quern at a terminal stops llvm-mca, too: what
 * that says then is no failure. */
static int predict_all(struct predictor *p)
{
    const struct hrn_predict_options *o = p->options;
    int rc = 0;
    for (size_t i = 0; !rc && i < p->plan->variants; i++) {
        struct item *item = &p->items[i];
        item->to->outcome = HRN_VOID;
        if (!(o->core->isas >> item->v->isa & 1)) {
            snprintf(item->to->detail, sizeof item->to->detail, "%s has no %s", o->core->name,
                     krn_isas[item->v->isa].name);
            item->to->outcome = HRN_NO_ISA;
            continue;
        }
        if (i == 0 || compare_kernels(item->v, p->items[i - 1].v)) {
            if (hrn_stretches_count(p->stretches) >= BATCH)
                rc = collect(p);
            if (!rc)
                rc = begin_kernel(p, item->v);
        }
        if (!rc)
            rc = predict_item(p, item);
        if (o->progress)
            o->progress(i + 1, p->plan->variants, "");
        if (!rc && o->stop && *o->stop)
            rc = -EINTR;
    }
    if (!rc)
        rc = collect(p);
    return rc && o->stop && *o->stop ? -EINTR : rc;
}

static void clear(struct predictor *p)
{
    for (size_t i = 0; p->layers && i < p->plan->count; i++)
        free(p->layers[i].known);
    hrn_stretches_close(p->stretches);
    hrn_code_clear(&p->code);
    free(p->layers);
    free(p->items);
    free(p->paths);
    free(p->parts);
}

int hrn_predict_plan(const struct hrn_plan *plan, const struct hrn_predict_options *options,
                     struct hrn_prediction ***out, char *err, size_t err_bytes)
{
    struct predictor p = { .plan = plan, .options = options, .err = err, .err_bytes = err_bytes };
    *out = NULL;
    int rc = hrn_stretches_open(options->core, &p.stretches, err, err_bytes);
    if (rc)
        return rc;
    snprintf(err, err_bytes, "out of memory");
    rc = allocate(&p);
    if (!rc)
        rc = predict_all(&p);
    for (size_t i = 0; !rc && i < plan->variants; i++)
        p.items[i].to->cycles += p.items[i].to->driver_cycles;
    clear(&p);
    if (rc)
        hrn_predictions_free(p.out, plan->count);
    else
        *out = p.out;
    return rc;
}
