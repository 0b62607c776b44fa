#include "harness/sweep/sweep.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/runner/session.h"
#include "harness/sweep/stats.h"

#define PROVE_BATCH 32 /* variants of one prove job: Ctrl-C is looked at between jobs */
#define IDLE_S 0.5     /* a core that was idle for so long must be warmed up again */
#define PROCESS_WARMUP_NS 100000000

/* One variant of the layer at hand. */
struct entry {
    char name[VAR_NAME_MAX];
    int is_proved;
    struct hrn_known known;
};

struct sweep {
    const struct hrn_plan *plan;
    const struct hrn_sweep_options *options;
    const struct hrn_sweep_sink *sink;
    struct hrn_session *session;
    struct var_variant *refused; /* micro-kernels that did not build, with the reason */
    char (*refused_why)[HRN_DETAIL_MAX];
    size_t refused_count;
    size_t layer, done, left; /* units of progress: proofs and visits, done and to be expected */
    double last_timed_s;      /* on the clock of now_s() */
    struct entry *entries;
    struct hrn_point *points;
    struct hrn_search *search;
    const char **names; /* what a session call gets; */
    size_t *map;        /* index there -> entry; */
    int *from_round;    /* first round that it lacks; */
    int twin;           /* index there of the twin, -1 = none */
    size_t count;
    double begin_s, device_s;           /* of the layer */
    double sweep_begin_s, device_all_s; /* of the sweep */
    int rc;                             /* first failure of the sink */
    char *err;
    size_t err_bytes;
    size_t passes; /* of counters, 0 = none */
    struct hrn_spent spent;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int stopped(const struct sweep *s)
{
    return s->options->stop && *s->options->stop;
}

static void report(struct sweep *s, const char *note)
{
    s->sink->progress(s->done, s->done + s->left, note, s->sink->user);
}

static void keep_first(struct sweep *s, int rc)
{
    if (rc && !s->rc)
        s->rc = rc;
}

/* ---- building */

static void on_refused(const struct var_variant *v, const char *why, void *user)
{
    struct sweep *s = user;
    size_t n = s->refused_count;
    struct var_variant *list = realloc(s->refused, (n + 1) * sizeof *list);
    if (list)
        s->refused = list;
    char(*reasons)[HRN_DETAIL_MAX] = realloc(s->refused_why, (n + 1) * sizeof *reasons);
    if (reasons)
        s->refused_why = reasons;
    if (!list || !reasons) {
        keep_first(s, -ENOMEM);
        return;
    }
    list[n] = *v;
    snprintf(reasons[n], sizeof reasons[n], "%s", why);
    s->refused_count = n + 1;
}

/* Every variant of every layer, and the peak micro-kernels of their ISA levels. */
static struct var_variant *gather(const struct hrn_plan *plan, size_t *count)
{
    struct var_variant *all = malloc((plan->variants + KRN_ISA_COUNT) * sizeof *all);
    uint32_t isas = 0;
    *count = 0;
    for (size_t i = 0; all && i < plan->count; i++)
        for (size_t j = 0; j < plan->layers[i].count; j++) {
            all[(*count)++] = plan->layers[i].variants[j];
            isas |= 1u << plan->layers[i].variants[j].isa;
        }
    for (int isa = 0; all && isa < KRN_ISA_COUNT; isa++)
        if (isas >> isa & 1 && !var_peak((enum krn_isa)isa, &all[*count]))
            ++*count;
    return all;
}

static int build_and_open(struct sweep *s)
{
    size_t count;
    struct var_variant *all = gather(s->plan, &count);
    char path[512];
    if (!all)
        return -ENOMEM;
    double begin_s = now_s();
    report(s, "building");
    int rc = hrn_build(s->options->toolchain, s->options->paths, HRN_BUILD_RUNNER, all, count,
                       on_refused, s, path, sizeof path, s->err, s->err_bytes);
    free(all);
    if (rc && stopped(s))
        return -EINTR; /* Ctrl-C ends the compilers, too */
    if (!rc && s->sink->built)
        rc = s->sink->built(path, s->sink->user);
    if (!rc)
        rc = hrn_session_open(s->options->device, path, s->options->cpu, &s->session, s->err,
                              s->err_bytes);
    s->spent.build_s = now_s() - begin_s;
    return rc;
}

/* ---- counters */

static void tell(struct sweep *s, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct sweep *s, const char *name, const char *format, ...)
{
    char value[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (s->sink->fact)
        keep_first(s, s->sink->fact(name, value, s->sink->user));
}

static int choose_counters(struct sweep *s)
{
    const struct hrn_device_info *info = hrn_device_info(s->options->device);
    const struct hrn_sweep_options *o = s->options;
    struct hrn_counter_choice choice;
    const int is_asked = o->counters && (o->counters->event_count || o->counters->group_count);
    if (!o->counters || (info->evidence != HRN_MEASURED && !is_asked))
        return 0;
    int rc = hrn_counters_choose(s->session, info->arch, info->midr, o->counters, &choice, s->err,
                                 s->err_bytes);
    const int rounds = o->search.screen_rounds + o->search.final_rounds;
    s->passes = choice.passes;
    if (!rc && choice.passes > (size_t)rounds) {
        snprintf(s->err, s->err_bytes,
                 "%zu events in %zu passes need as many rounds, and there are %d; ask for fewer, "
                 "or for more --rounds",
                 choice.events, choice.passes, rounds);
        rc = -EINVAL;
    }
    if (rc || o->counters->none)
        return rc;
    if (choice.pmu.counts) {
        tell(s, "pmu", "%s", choice.pmu.name[0] ? choice.pmu.name : "raw");
        tell(s, "pmu-free-counters", "%d", choice.pmu.free_counters);
        tell(s, "pmu-slots", "%d", choice.pmu.slots);
    } else {
        tell(s, "no-counters", "%s", choice.pmu.why_not);
    }
    if (choice.left_out[0])
        tell(s, "events-left-out", "%s", choice.left_out);
    return s->rc;
}

static const char *refusal(const struct sweep *s, const struct var_variant *v)
{
    char name[VAR_NAME_MAX], other[VAR_NAME_MAX];
    var_kernel_name_format(v, name);
    for (size_t i = 0; i < s->refused_count; i++) {
        var_kernel_name_format(&s->refused[i], other);
        if (!strcmp(name, other))
            return s->refused_why[i];
    }
    return NULL;
}

/* ---- peaks: again at each layer, since a machine is not equally fast all day */

static uint32_t layer_isas(const struct sweep *s)
{
    const struct hrn_plan_layer *layer = &s->plan->layers[s->layer];
    uint32_t isas = 0;
    for (size_t i = 0; i < layer->count; i++)
        isas |= 1u << layer->variants[i].isa;
    return isas;
}

static int measure_peaks(struct sweep *s)
{
    uint32_t isas = layer_isas(s);
    for (int isa = 0; isa < KRN_ISA_COUNT && !s->rc; isa++) {
        struct var_variant v;
        char name[VAR_NAME_MAX];
        double macs_per_s;
        if (!(isas >> isa & 1) || var_peak((enum krn_isa)isa, &v))
            continue;
        var_kernel_name_format(&v, name);
        /* A level that this CPU lacks has no peak; that its variants say so too is enough. */
        double begin_s = now_s();
        int rc = hrn_session_peak(s->session, name, &macs_per_s);
        s->spent.peak_s += now_s() - begin_s;
        if (rc == -EPIPE || rc == -ENOTCONN || rc == -EINTR)
            return rc;
        if (!rc)
            keep_first(s, s->sink->peak((enum krn_isa)isa, name, macs_per_s, s->sink->user));
    }
    return s->rc;
}

/* ---- one layer */

static const struct krn_problem *problem(const struct sweep *s)
{
    return &s->plan->layers[s->layer].layer->problem;
}

static const struct var_variant *variant(const struct sweep *s, size_t i)
{
    return &s->plan->layers[s->layer].variants[i];
}

static void step(struct sweep *s, const char *note)
{
    s->done++;
    s->left -= s->left > 0;
    report(s, note);
}

static int session_failed(struct sweep *s, int rc)
{
    if (rc && rc != -EINTR && !s->rc)
        snprintf(s->err, s->err_bytes, "%s", hrn_session_error(s->session));
    return rc ? rc : s->rc;
}

static void on_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    struct sweep *s = user;
    size_t i = s->map[index];
    s->entries[i].is_proved = 1;
    s->points[i].is_dead = proof->outcome != HRN_OK;
    keep_first(s, s->sink->proof(s->layer, variant(s, i), proof, s->sink->user));
    step(s, s->entries[i].name);
}

static void on_failed(size_t index, const struct hrn_proof *proof, void *user)
{
    struct sweep *s = user;
    size_t i = s->map[index];
    s->points[i].is_dead = 1;
    keep_first(s, s->sink->proof(s->layer, variant(s, i), proof, s->sink->user));
}

static void on_sample(size_t index, const struct hrn_sample *sample,
                      const struct hrn_counter *counters, size_t counter_count, void *user)
{
    struct sweep *s = user;
    struct hrn_sample kept = *sample;
    int is_canary = sample->role == HRN_CANARY, is_twin = !is_canary && (int)index == s->twin;
    size_t i = is_canary ? 0 : s->map[index]; /* the canary is the machine's: with the baseline */
    if (is_twin)
        kept.role = HRN_TWIN;
    hrn_spent_sample(&s->spent, sample);
    if (s->search && !is_canary && sample->outcome == HRN_OK && sample->calls > 0)
        keep_first(s, hrn_search_tell(s->search, i, sample->round, is_twin,
                                      (double)sample->time_ns / (double)sample->calls));
    keep_first(
        s, s->sink->sample(s->layer, variant(s, i), &kept, counters, counter_count, s->sink->user));
    if (!is_canary)
        step(s, s->entries[i].name);
}

/* What an earlier run knows, what the build refused: the rest is for the device to say. */
static int begin_entry(struct sweep *s, size_t i)
{
    const struct hrn_plan_layer *layer = &s->plan->layers[s->layer];
    struct entry *e = &s->entries[i];
    var_name_format(&layer->variants[i], e->name);
    s->points[i] = (struct hrn_point) {
        .variant = layer->variants[i],
        .predicted = layer->predicted ? layer->predicted[i] : (double)NAN,
        .prior = layer->prior ? layer->prior[i] : 0,
        .is_default = i < layer->defaults,
    };
    if (s->sink->known)
        keep_first(s, s->sink->known(s->layer, &layer->variants[i], &e->known, s->sink->user));
    const char *why = e->known.proved ? NULL : refusal(s, &layer->variants[i]);
    e->is_proved = e->known.proved || why;
    s->points[i].is_dead = why || (e->known.proved && e->known.outcome != HRN_OK);
    if (!why)
        return s->rc;
    struct hrn_proof proof = { .outcome = HRN_NO_BUILD, .stage = HRN_STAGE_BUILD };
    snprintf(proof.detail, sizeof proof.detail, "%s", why);
    keep_first(s, s->sink->proof(s->layer, &layer->variants[i], &proof, s->sink->user));
    return s->rc;
}

/* ---- the bench: what the search asks for, answered by the device or by what is known */

static int prove(const size_t *index, size_t count, void *user)
{
    struct sweep *s = user;
    struct hrn_prove_options options = { .seed = s->options->seed,
                                         .timeout_ms = s->options->timeout_ms,
                                         .tails = s->options->tails,
                                         .stop = s->options->stop };
    size_t n = 0;
    for (size_t k = 0; k < count; k++)
        if (!s->entries[index[k]].is_proved) {
            s->map[n] = index[k];
            s->names[n++] = s->entries[index[k]].name;
        }
    if (!n)
        return 0;
    double begin_s = now_s();
    int rc = hrn_session_prove(s->session, problem(s), s->names, n, &options, on_proof, s);
    s->spent.prove_s += now_s() - begin_s;
    s->device_s += now_s() - begin_s;
    return session_failed(s, rc);
}

/* Tells what is known of the rounds of a visit. The first of them that is not known, or their end.
 */
static int tell_known(struct sweep *s, const struct hrn_visit *v, size_t i, int is_twin)
{
    const struct hrn_known *known = &s->entries[i].known;
    const struct hrn_known_samples *have = is_twin ? &known->twin : &known->samples;
    int next = v->first_round;
    for (size_t k = 0; k < have->count; k++) {
        if (have->round[k] < v->first_round || have->round[k] >= v->first_round + v->rounds)
            continue;
        keep_first(s, hrn_search_tell(s->search, i, have->round[k], is_twin, have->ns[k]));
        next = have->round[k] + 1;
    }
    return next;
}

/* Everybody of the visit who lacks a round. */
static size_t take_visit(struct sweep *s, const struct hrn_visit *v)
{
    size_t n = 0;
    s->twin = -1;
    for (size_t k = 0; k < v->count; k++) {
        int is_twin = k > 0 && v->index[k] == 0;
        int next = tell_known(s, v, v->index[k], is_twin);
        if (next >= v->first_round + v->rounds)
            continue;
        if (is_twin)
            s->twin = (int)n;
        s->map[n] = v->index[k];
        s->from_round[n] = next;
        s->names[n++] = s->entries[v->index[k]].name;
    }
    return n;
}

static int time_visit(const struct hrn_visit *v, void *user)
{
    struct sweep *s = user;
    const struct hrn_sweep_options *o = s->options;
    size_t n = take_visit(s, v);
    if (!n || s->rc)
        return s->rc;
    double begin_s = now_s();
    struct hrn_time_options options = {
        .seed = o->seed + (uint64_t)v->first_round,
        .first_round = v->first_round,
        .rounds = v->rounds,
        .from_round = s->from_round,
        .min_sample_ns = v->is_final ? o->final_sample_ns : o->screen_sample_ns,
        .warmup_ns = o->warmup_ns,
        .process_warmup_ns =
            o->warmup_ns > 0 && begin_s - s->last_timed_s > IDLE_S ? PROCESS_WARMUP_NS : 0,
        .timeout_ms = o->timeout_ms,
        .stop = o->stop,
    };
    int rc = v->is_fresh ? hrn_session_restart(s->session) : 0;
    if (!rc)
        rc = hrn_session_time(s->session, problem(s), s->names, n, &options, on_sample, on_failed,
                              s);
    s->last_timed_s = now_s();
    s->device_s += s->last_timed_s - begin_s;
    return session_failed(s, rc);
}

static void clocks(double *wall_s, double *device_s, void *user)
{
    const struct sweep *s = user;
    *wall_s = now_s() - s->begin_s;
    *device_s = s->device_s;
}

/* ---- what an emulator that counts can say of those that are right */

static int prove_all(struct sweep *s)
{
    size_t batch[PROVE_BATCH];
    int rc = 0;
    for (size_t i = 0; i < s->count && !rc;) {
        size_t n = 0;
        for (; n < PROVE_BATCH && i < s->count; i++)
            batch[n++] = i;
        rc = stopped(s) ? -EINTR : prove(batch, n, s);
    }
    return rc;
}

/* The counters of an emulated PMU: a round for each pass, no time. */
static int count_passes(struct sweep *s, size_t n)
{
    const struct hrn_time_options options = { .seed = s->options->seed,
                                              .rounds = (int)s->passes,
                                              .timeout_ms = s->options->timeout_ms,
                                              .stop = s->options->stop };
    return hrn_session_time(s->session, problem(s), s->names, n, &options, on_sample, on_failed, s);
}

static int count_all(struct sweep *s)
{
    int rc = 0;
    s->twin = -1;
    for (size_t i = 0; i < s->count && !rc;) {
        size_t n = 0;
        for (; n < PROVE_BATCH && i < s->count; i++)
            if (!s->points[i].is_dead && !s->entries[i].known.samples.count) {
                s->map[n] = i;
                s->names[n++] = s->entries[i].name;
            }
        rc = stopped(s) ? -EINTR : 0;
        if (!rc && n && s->passes)
            rc = count_passes(s, n);
        else if (!rc && n)
            rc = hrn_session_count(s->session, problem(s), s->names, n, s->options->timeout_ms,
                                   on_sample, on_failed, s);
        rc = session_failed(s, rc);
    }
    return rc;
}

/* ---- the layer as a whole */

static int is_timed(const struct sweep *s)
{
    return hrn_device_info(s->options->device)->evidence == HRN_MEASURED;
}

static struct hrn_search_options search_options(const struct sweep *s)
{
    struct hrn_search_options o = s->options->search;
    size_t layers = s->plan->count - s->layer;
    o.seed = s->options->seed;
    o.stop = s->options->stop;
    o.final_sample_s = (double)s->options->final_sample_ns * 1e-9;
    if (o.time_limit_s > 0) { /* what is left of it, in equal parts */
        double left_s = o.time_limit_s - (s->begin_s - s->sweep_begin_s);
        o.time_limit_s = fmax(left_s, 1e-3) / (double)layers;
    }
    if (o.device_limit_s > 0)
        o.device_limit_s = fmax(o.device_limit_s - s->device_all_s, 1e-3) / (double)layers;
    return o;
}

/* Units of progress that a layer is expected to take. */
static size_t expected(const struct sweep *s, size_t layer)
{
    size_t n = s->plan->layers[layer].count, proofs = n;
    if (!is_timed(s))
        return n;
    if (s->options->search.max_evals && s->options->search.max_evals < n)
        proofs = s->options->search.max_evals;
    return proofs + (size_t)hrn_search_visits(&s->options->search, n);
}

static int search_layer(struct sweep *s)
{
    const struct hrn_search_options options = search_options(s);
    const struct hrn_bench bench = {
        .user = s, .prove = prove, .time = time_visit, .clocks = clocks
    };
    int rc = measure_peaks(s);
    if (!rc)
        rc = hrn_search_open(s->points, s->count, &options, &s->search);
    if (!rc)
        rc = hrn_search_run(s->search, &bench);
    hrn_search_close(s->search);
    s->search = NULL;
    return rc;
}

static int allocate(struct sweep *s)
{
    size_t n = s->count + 2;
    s->entries = calloc(n, sizeof *s->entries);
    s->points = calloc(n, sizeof *s->points);
    s->map = calloc(n, sizeof *s->map);
    s->from_round = calloc(n, sizeof *s->from_round);
    s->names = calloc(n, sizeof *s->names);
    return s->entries && s->points && s->map && s->from_round && s->names ? 0 : -ENOMEM;
}

static void release(struct sweep *s)
{
    free(s->entries);
    free(s->points);
    free(s->map);
    free(s->from_round);
    free(s->names);
}

static int sweep_layer(struct sweep *s)
{
    s->count = s->plan->layers[s->layer].count;
    s->begin_s = now_s();
    s->device_s = 0;
    s->left = 0;
    for (size_t l = s->layer; l < s->plan->count; l++)
        s->left += expected(s, l);
    int rc = allocate(s);
    if (!rc)
        rc = s->sink->layer(s->layer, s->sink->user);
    for (size_t i = 0; i < s->count && !rc; i++)
        rc = begin_entry(s, i);
    if (!rc)
        rc = is_timed(s) ? search_layer(s) : prove_all(s);
    if (!rc && !is_timed(s) && (s->passes || hrn_device_info(s->options->device)->counts))
        rc = count_all(s);
    s->device_all_s += s->device_s;
    release(s);
    return rc;
}

static int next_layer(struct sweep *s, size_t place)
{
    if (s->options->next_layer)
        return s->options->next_layer(&s->layer, s->options->next_user);
    s->layer = place;
    return place < s->plan->count ? 0 : -ENOENT;
}

int hrn_sweep_run(const struct hrn_plan *plan, const struct hrn_sweep_options *options,
                  const struct hrn_sweep_sink *sink, char *err, size_t err_bytes)
{
    struct sweep s = { .plan = plan,
                       .options = options,
                       .sink = sink,
                       .sweep_begin_s = now_s(),
                       .err = err,
                       .err_bytes = err_bytes };
    snprintf(err, err_bytes, "out of memory");
    int rc = build_and_open(&s);
    if (!rc)
        rc = choose_counters(&s);
    for (size_t place = 0; !rc && !(rc = next_layer(&s, place)); place++)
        rc = stopped(&s) ? -EINTR : sweep_layer(&s);
    if (rc == -ENOENT)
        rc = 0;
    hrn_session_close(s.session);
    s.spent.all_s = now_s() - s.sweep_begin_s;
    if (options->spent)
        *options->spent = s.spent;
    free(s.refused);
    free(s.refused_why);
    return rc;
}
