/* For each variant: its code, the kinds of calls that the layer makes of it, the trace of each. An
 * in-order core is simulated at once; for an out-of-order one the stretches of many variants go to
 * llvm-mca together, and their cycles come back by number. */
#include "harness/model/predict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/build/spawn.h"
#include "harness/model/calls.h"
#include "harness/model/code.h"
#include "harness/model/inorder.h"
#include "harness/model/mca.h"

#define LOOP_REPEATS 96
#define CUT_REPEATS 16
#define RARE 50    /* kinds of calls with less than 1/50 of the work cost what the others do */
#define RUN_KEPT 2 /* iterations of a loop that are simulated; the others are alike */
#define BATCH 256  /* variants between two runs of llvm-mca */

/* Stretches by length: a long one settles within fewer repeats. (Reading text is what llvm-mca
 * takes its time for; repeats cost little.) */
enum { LIST_LOOP, LIST_SHORT, LIST_LONG, LIST_COUNT };
static const int repeats_of[LIST_COUNT] = { LOOP_REPEATS, 12, 4 };
#define SHORT_STEPS 600

/* Where the cycles of one stretch will be. */
struct place {
    int list, lane;
    size_t index;
};

/* One kind of call of one variant: a shortened trace, and what was cut out of it. */
struct part {
    struct hrn_prediction *to;
    struct place tile, loop, cut[HRN_CUTS_MAX];
    int64_t gone[HRN_CUTS_MAX];
    size_t cuts;
    int has_loop, is_main;
    double times; /* calls */
    double whole; /* see struct hrn_call */
};

struct twin {
    struct hrn_prediction *to;
    const struct hrn_prediction *from;
};

/* Calls depend on the tile, not on the code: variants share them. */
struct known_calls {
    struct krn_kernel kernel; /* without name and function */
    struct krn_driver driver;
    int rc;
    char why[HRN_DETAIL_MAX];
    struct hrn_calls calls;
};

struct predictor {
    const struct hrn_plan *plan;
    const struct hrn_predict_options *options;
    const char *mca_program;
    struct hrn_prediction **out;
    struct known_calls *known; /* of the layer at hand */
    size_t known_count, layer;
    /* out of order */
    struct hrn_mca *lists; /* [lanes][LIST_COUNT] */
    int lanes, lane;
    struct part *parts;
    size_t part_count, part_capacity;
    struct hrn_prediction *last; /* the variant before */
    char last_name[VAR_NAME_MAX];
    struct hrn_calls last_calls;
    struct twin *twins;
    size_t twin_count;
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

static int calls_of(struct predictor *p, const struct var_variant *v, const struct hrn_calls **out,
                    char *why, size_t why_bytes)
{
    char name[VAR_NAME_MAX];
    struct krn_kernel kernel;
    struct krn_driver driver = var_driver(v);
    memset(&kernel, 0, sizeof kernel);
    var_kernel_describe(v, &kernel, name);
    kernel.name = NULL;
    size_t i = 0;
    while (i < p->known_count && !is_same_tile(&p->known[i], &kernel, &driver))
        i++;
    if (i == p->known_count) {
        struct known_calls *grown = realloc(p->known, (i + 1) * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        p->known = grown;
        p->known_count++;
        grown[i] = (struct known_calls) { .driver = driver };
        memcpy(&grown[i].kernel, &kernel, sizeof kernel);
        grown[i].rc = hrn_calls_of(&p->plan->layers[p->layer].layer->problem, &kernel, driver,
                                   &grown[i].calls, grown[i].why, sizeof grown[i].why);
    }
    *out = &p->known[i].calls;
    snprintf(why, why_bytes, "%s", p->known[i].why);
    return p->known[i].rc;
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

/* ---- one call */

/* The MACs of the layer that one call of the kind stands for. */
static double share_of(const struct predictor *p, const struct hrn_calls *calls, size_t kind)
{
    double macs = (double)krn_problem_macs(&p->plan->layers[p->layer].layer->problem);
    return macs * hrn_call_work(calls, kind) / all_work(calls) / (double)calls->call[kind].times;
}

static int add_stretch(struct predictor *p, int list, const struct hrn_code *code,
                       const struct hrn_trace *t, size_t begin, size_t end, struct place *place)
{
    struct hrn_mca *mca = &p->lists[p->lane * LIST_COUNT + list];
    *place = (struct place) { list, p->lane, mca->count };
    mca->program = p->mca_program;
    mca->core = p->options->core;
    mca->repeats = repeats_of[list];
    return hrn_mca_add(mca, code, t, begin, end);
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

/* Cycles of a call, by the cycles of its stretches. */
static void take_cycles(const struct part *part, double tile, double loop, const double *cut)
{
    struct hrn_prediction *to = part->to;
    double call = tile;
    for (size_t i = 0; i < part->cuts; i++)
        call += (double)part->gone[i] * cut[i];
    call *= part->whole;
    to->cycles += call * part->times;
    if (part->is_main) {
        to->tile_cycles = call;
        to->loop_cycles = part->has_loop ? loop : 0;
    }
}

static void simulate(const struct predictor *p, const struct hrn_code *code,
                     const struct hrn_trace *body, const struct hrn_trace *t,
                     const struct hrn_cuts *cuts, const struct part *part)
{
    const struct var_core *core = p->options->core;
    double cycles[HRN_CUTS_MAX], inner = 0;
    for (size_t i = 0; i < cuts->count; i++) {
        const struct hrn_trace one = { cuts->cut[i].step, cuts->cut[i].length };
        cycles[i] = hrn_inorder_cycles(code, &one, 0, one.count, core, CUT_REPEATS);
    }
    if (part->has_loop)
        inner = hrn_inorder_cycles(code, body, 0, body->count, core, LOOP_REPEATS);
    take_cycles(part, hrn_inorder_cycles(code, t, 0, t->count, core, 4), inner, cycles);
}

static int list_of(size_t steps)
{
    return steps > SHORT_STEPS ? LIST_LONG : LIST_SHORT;
}

/* The inner loop is a cut of its own, most often: the same stretch twice would be a waste. */
static int is_same(const struct hrn_trace *a, const struct hrn_trace *b)
{
    return a->count == b->count && !memcmp(a->step, b->step, a->count * sizeof *a->step);
}

static int add_stretches(struct predictor *p, const struct hrn_code *code,
                         const struct hrn_trace *body, const struct hrn_trace *t,
                         const struct hrn_cuts *cuts, struct part *part)
{
    int rc = add_stretch(p, list_of(t->count), code, t, 0, t->count, &part->tile);
    if (!rc && part->has_loop)
        rc = add_stretch(p, LIST_LOOP, code, body, 0, body->count, &part->loop);
    for (size_t i = 0; i < cuts->count && !rc; i++) {
        const struct hrn_trace one = { cuts->cut[i].step, cuts->cut[i].length };
        if (part->has_loop && is_same(body, &one))
            part->cut[i] = part->loop;
        else
            rc = add_stretch(p, list_of(one.count), code, &one, 0, one.count, &part->cut[i]);
    }
    return rc ? rc : add_part(p, part);
}

static int predict_call(struct predictor *p, const struct hrn_code *code, struct hrn_trace *t,
                        struct part *part)
{
    struct hrn_loop loop = hrn_trace_loop(code, t);
    struct hrn_trace body = { .count = loop.end - loop.begin };
    struct hrn_cuts cuts = { .count = 0 };
    int rc = 0;
    body.step = malloc((body.count + 1) * sizeof *body.step);
    if (!body.step)
        return -ENOMEM;
    memcpy(body.step, t->step + loop.begin, body.count * sizeof *body.step);
    part->has_loop = loop.iterations > 0;
    if (part->is_main && part->has_loop)
        part->to->loop_macs = (double)hrn_trace_macs(code, &body, 0, body.count);
    rc = hrn_trace_cut(t, RUN_KEPT, &cuts);
    part->cuts = cuts.count;
    for (size_t i = 0; i < cuts.count; i++)
        part->gone[i] = cuts.cut[i].gone;
    if (!rc && p->options->core->llvm_cpu)
        rc = add_stretches(p, code, &body, t, &cuts, part);
    else if (!rc)
        simulate(p, code, &body, t, &cuts, part);
    hrn_trace_clear(&body);
    hrn_cuts_clear(&cuts);
    return rc;
}

/* ---- one variant */

static int predict_calls(struct predictor *p, const struct hrn_code *code,
                         const struct hrn_calls *calls, struct hrn_prediction *to)
{
    size_t most = main_call(calls);
    double all = all_work(calls), done = 0;
    int rc = 0;
    to->outcome = HRN_OK;
    to->tile_macs = share_of(p, calls, most);
    for (size_t i = 0; i < calls->count; i++)
        if (i == most || hrn_call_work(calls, i) >= all / RARE)
            done += hrn_call_work(calls, i);
    for (size_t i = 0; !rc && i < calls->count; i++) {
        const struct hrn_call *call = &calls->call[i];
        struct part part = { .to = to, .is_main = i == most, .whole = call->whole };
        struct hrn_trace trace;
        if (i != most && hrn_call_work(calls, i) < all / RARE)
            continue;
        part.times = (double)call->times * all / done;
        rc = hrn_code_trace(code, &call->args, sizeof call->args, &trace, to->detail,
                            sizeof to->detail);
        if (!rc)
            rc = predict_call(p, code, &trace, &part);
        hrn_trace_clear(&trace);
    }
    return rc;
}

/* What the model cannot take is an outcome, not the end. */
static int settle(struct hrn_prediction *to, int rc)
{
    if (rc != -ENOTSUP && rc != -ELOOP)
        return rc;
    to->outcome = HRN_REFUSED;
    return 0;
}

/* The driver's choices rarely change the calls of a micro-kernel: then the variant before is a
 * twin, whose prediction, which may still be on its way, serves both. 1, 0, or -ENOMEM. */
static int take_twin(struct predictor *p, const struct var_variant *v,
                     const struct hrn_calls *calls, struct hrn_prediction *to)
{
    char name[VAR_NAME_MAX];
    var_kernel_name_format(v, name);
    int is_twin = p->last && !strcmp(name, p->last_name) && hrn_calls_equal(calls, &p->last_calls);
    if (!is_twin) {
        memcpy(p->last_name, name, sizeof name);
        p->last_calls = *calls;
        p->last = to;
        return 0;
    }
    struct twin *grown = realloc(p->twins, (p->twin_count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    p->twins = grown;
    p->twins[p->twin_count++] = (struct twin) { to, p->last };
    return 1;
}

static int predict_variant(struct predictor *p, const struct var_variant *v,
                           struct hrn_prediction *to)
{
    const struct hrn_calls *calls;
    struct var_text text = { 0 };
    struct hrn_code code = { 0 };
    int rc = 0;
    if (!(p->options->core->isas >> v->isa & 1)) {
        snprintf(to->detail, sizeof to->detail, "%s has no %s", p->options->core->name,
                 krn_isas[v->isa].name);
        to->outcome = HRN_NO_ISA;
        return 0;
    }
    rc = calls_of(p, v, &calls, to->detail, sizeof to->detail);
    if (!rc) {
        to->driver_cycles = calls->driver_insns / p->options->core->compiled;
        rc = take_twin(p, v, calls, to);
    }
    if (rc == 1)
        return 0;
    if (!rc)
        rc = var_generate(v, &text, to->detail, sizeof to->detail);
    if (!rc)
        rc = hrn_code_parse(text.data, &code, to->detail, sizeof to->detail);
    if (!rc)
        rc = predict_calls(p, &code, calls, to);
    if (!rc)
        to->detail[0] = '\0';
    hrn_code_clear(&code);
    var_text_clear(&text);
    return settle(to, rc);
}

/* ---- llvm-mca's answers */

static double cycles_at(const struct predictor *p, const struct place *place)
{
    const struct hrn_mca *mca = &p->lists[place->lane * LIST_COUNT + place->list];
    return mca->cycles[place->index] / mca->repeats;
}

static int collect(struct predictor *p)
{
    size_t count = (size_t)p->lanes * LIST_COUNT;
    int rc = p->part_count ? hrn_mca_run(p->lists, count, p->err, p->err_bytes) : 0;
    for (size_t i = 0; !rc && i < p->part_count; i++) {
        const struct part *part = &p->parts[i];
        double cut[HRN_CUTS_MAX];
        for (size_t k = 0; k < part->cuts; k++)
            cut[k] = cycles_at(p, &part->cut[k]);
        take_cycles(part, cycles_at(p, &part->tile), part->has_loop ? cycles_at(p, &part->loop) : 0,
                    cut);
    }
    for (size_t i = 0; i < count; i++)
        hrn_mca_clear(&p->lists[i]);
    p->part_count = 0;
    return rc;
}

/* ---- the plan */

static int allocate(struct predictor *p)
{
    p->lanes = hrn_cpu_count();
    p->lists = calloc((size_t)p->lanes * LIST_COUNT, sizeof *p->lists);
    p->out = calloc(p->plan->count + 1, sizeof *p->out);
    for (size_t i = 0; p->out && i < p->plan->count; i++) {
        p->out[i] = calloc(p->plan->layers[i].count + 1, sizeof **p->out);
        for (size_t j = 0; p->out[i] && j < p->plan->layers[i].count; j++)
            p->out[i][j].outcome = HRN_VOID;
        if (!p->out[i])
            return -ENOMEM;
    }
    return p->lists && p->out ? 0 : -ENOMEM;
}

static int predict_all(struct predictor *p)
{
    const struct hrn_predict_options *o = p->options;
    size_t done = 0;
    int rc = 0;
    for (p->layer = 0; !rc && p->layer < p->plan->count; p->layer++) {
        const struct hrn_plan_layer *layer = &p->plan->layers[p->layer];
        p->known_count = 0;
        p->last = NULL;
        for (size_t i = 0; !rc && i < layer->count; i++) {
            p->lane = (int)(i % (size_t)p->lanes);
            rc = predict_variant(p, &layer->variants[i], &p->out[p->layer][i]);
            if (!rc && ++done % BATCH == 0)
                rc = collect(p);
            if (o->progress)
                o->progress(done, p->plan->variants, "");
            if (!rc && o->stop && *o->stop)
                rc = -EINTR;
        }
    }
    if (!rc)
        rc = collect(p);
    for (size_t i = 0; !rc && i < p->twin_count; i++) {
        const double driver_cycles = p->twins[i].to->driver_cycles;
        *p->twins[i].to = *p->twins[i].from;
        p->twins[i].to->driver_cycles = driver_cycles;
    }
    for (size_t l = 0; !rc && l < p->plan->count; l++)
        for (size_t i = 0; i < p->plan->layers[l].count; i++)
            p->out[l][i].cycles += p->out[l][i].driver_cycles;
    return rc;
}

int hrn_predict_plan(const struct hrn_plan *plan, const struct hrn_predict_options *options,
                     struct hrn_prediction ***out, char *err, size_t err_bytes)
{
    struct predictor p = { .plan = plan, .options = options, .err = err, .err_bytes = err_bytes };
    *out = NULL;
    int rc = options->core->llvm_cpu ? hrn_mca_find(&p.mca_program, err, err_bytes) : 0;
    if (rc)
        return rc;
    snprintf(err, err_bytes, "out of memory");
    rc = allocate(&p);
    if (!rc)
        rc = predict_all(&p);
    for (size_t i = 0; p.lists && i < (size_t)p.lanes * LIST_COUNT; i++)
        hrn_mca_clear(&p.lists[i]);
    free(p.lists);
    free(p.parts);
    free(p.twins);
    free(p.known);
    if (rc)
        hrn_predictions_free(p.out, plan->count);
    else
        *out = p.out;
    return rc;
}
