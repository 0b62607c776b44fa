#include "harness/sweep/sweep.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/runner/session.h"
#include "harness/sweep/stats.h"

#define KILL_RATIO                                                                                 \
    2.0                /* after the first round, a variant this much slower than the best leaves   \
                        */
#define PROVE_BATCH 32 /* variants of one prove job: Ctrl-C is looked at between jobs */

/* One variant of the layer at hand. */
struct entry {
    const struct var_variant *variant;
    char name[VAR_NAME_MAX];
    int is_default; /* stays for all screening rounds: the others are compared with it */
    int alive;      /* proved and not failed since */
    int next_round; /* first round that it has no sample of */
    double *times;  /* per call, ns: the screening samples */
    size_t time_count, time_capacity;
    double median;
};

struct sweep {
    const struct hrn_plan *plan;
    const struct hrn_sweep_options *options;
    const struct hrn_sweep_sink *sink;
    struct hrn_session *session;
    struct var_variant *refused; /* micro-kernels that did not build, with the reason */
    char (*refused_why)[HRN_DETAIL_MAX];
    size_t refused_count;
    size_t layer, done;
    struct entry *entries;
    size_t count;
    size_t *map; /* index in the list that a session call got -> entry */
    int rc;      /* first failure of the sink */
    char *err;
    size_t err_bytes;
};

static int stopped(const struct sweep *s)
{
    return s->options->stop && *s->options->stop;
}

static void report(struct sweep *s, const char *note)
{
    s->sink->progress(s->done, s->plan->variants, note, s->sink->user);
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
    report(s, "building");
    int rc = hrn_build(s->options->toolchain, s->options->paths, HRN_BUILD_RUNNER, all, count,
                       on_refused, s, path, sizeof path, s->err, s->err_bytes);
    free(all);
    if (!rc)
        rc = hrn_session_open(s->options->device, path, s->options->cpu, &s->session, s->err,
                              s->err_bytes);
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
    if (!o->counters || info->evidence != HRN_MEASURED)
        return 0;
    int rc = hrn_counters_choose(s->session, info->arch, info->midr, o->counters, &choice, s->err,
                                 s->err_bytes);
    const int rounds = o->screen_rounds + o->final_rounds;
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
        int rc = hrn_session_peak(s->session, name, &macs_per_s);
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

static int add_time(struct entry *e, double ns)
{
    if (e->time_count == e->time_capacity) {
        size_t capacity = e->time_capacity ? 2 * e->time_capacity : 8;
        double *times = realloc(e->times, capacity * sizeof *times);
        if (!times)
            return -ENOMEM;
        e->times = times;
        e->time_capacity = capacity;
    }
    e->times[e->time_count++] = ns;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void update_median(struct entry *e)
{
    if (!e->time_count)
        return;
    qsort(e->times, e->time_count, sizeof *e->times, by_value);
    e->median = e->times[e->time_count / 2];
}

static void on_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    struct sweep *s = user;
    struct entry *e = &s->entries[s->map[index]];
    e->alive = proof->outcome == HRN_OK;
    keep_first(s, s->sink->proof(s->layer, e->variant, proof, s->sink->user));
    s->done++;
    report(s, e->name);
}

static void on_sample(size_t index, const struct hrn_sample *sample,
                      const struct hrn_counter *counters, size_t counter_count, void *user)
{
    struct sweep *s = user;
    struct entry *e = &s->entries[sample->role == HRN_CANARY ? 0 : s->map[index]];
    if (sample->role == HRN_CANARY) { /* of the machine: kept with the baseline */
        keep_first(s, s->sink->sample(s->layer, e->variant, sample, NULL, 0, s->sink->user));
        return;
    }
    if (sample->outcome == HRN_OK && sample->calls > 0 && sample->time_ns > 0)
        keep_first(s, add_time(e, (double)sample->time_ns / (double)sample->calls));
    if (sample->round >= e->next_round)
        e->next_round = sample->round + 1;
    keep_first(
        s, s->sink->sample(s->layer, e->variant, sample, counters, counter_count, s->sink->user));
    report(s, e->name);
}

static void on_failed(size_t index, const struct hrn_proof *proof, void *user)
{
    struct sweep *s = user;
    struct entry *e = &s->entries[s->map[index]];
    e->alive = 0;
    keep_first(s, s->sink->proof(s->layer, e->variant, proof, s->sink->user));
}

static int session_failed(struct sweep *s, int rc)
{
    if (rc && rc != -EINTR && !s->rc)
        snprintf(s->err, s->err_bytes, "%s", hrn_session_error(s->session));
    return rc ? rc : s->rc;
}

/* What an earlier run knows, what the build refused: the rest is for the device to say. */
static int begin_entries(struct sweep *s)
{
    const struct hrn_plan_layer *layer = &s->plan->layers[s->layer];
    for (size_t i = 0; i < layer->count && !s->rc; i++) {
        struct entry *e = &s->entries[i];
        *e = (struct entry) { .variant = &layer->variants[i],
                              .is_default = i < layer->defaults,
                              .alive = -1 };
        var_name_format(e->variant, e->name);
        struct hrn_known known = { 0 };
        if (s->sink->known)
            keep_first(s, s->sink->known(s->layer, e->variant, &known, s->sink->user));
        if (known.proved) {
            e->alive = known.outcome == HRN_OK;
            e->next_round = known.rounds;
            e->median = known.median_ns;
            s->done++;
            continue;
        }
        const char *why = refusal(s, e->variant);
        if (!why)
            continue;
        struct hrn_proof proof = { .outcome = HRN_NO_BUILD, .stage = HRN_STAGE_BUILD };
        snprintf(proof.detail, sizeof proof.detail, "%s", why);
        e->alive = 0;
        keep_first(s, s->sink->proof(s->layer, e->variant, &proof, s->sink->user));
        s->done++;
    }
    return s->rc;
}

/* Names of the entries that `chosen` picks; s->map leads back. */
static size_t choose(struct sweep *s, int (*chosen)(const struct entry *, double), double bound,
                     const char **names)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        if (chosen(&s->entries[i], bound)) {
            s->map[n] = i;
            names[n++] = s->entries[i].name;
        }
    return n;
}

static int is_unproved(const struct entry *e, double bound)
{
    (void)bound;
    return e->alive < 0;
}

static int prove(struct sweep *s, const char **names)
{
    struct hrn_prove_options options = { .seed = s->options->seed,
                                         .timeout_ms = s->options->timeout_ms,
                                         .tails = s->options->tails };
    size_t n;
    while ((n = choose(s, is_unproved, 0, names))) {
        int rc = stopped(s) ? -EINTR : 0;
        if (!rc)
            rc = hrn_session_prove(s->session, problem(s), names, n < PROVE_BATCH ? n : PROVE_BATCH,
                                   &options, on_proof, s);
        if (rc || s->rc)
            return session_failed(s, rc);
    }
    return 0;
}

static int time_rounds(struct sweep *s, const char **names, size_t n, int first, int rounds,
                       int64_t sample_ns)
{
    if (!n || rounds <= 0)
        return 0;
    struct hrn_time_options options = {
        .seed = s->options->seed + (uint64_t)first,
        .first_round = first,
        .rounds = rounds,
        .min_sample_ns = sample_ns,
        .warmup_ns = s->options->warmup_ns,
        .timeout_ms = s->options->timeout_ms,
        .stop = s->options->stop,
    };
    int rc = hrn_session_time(s->session, problem(s), names, n, &options, on_sample, on_failed, s);
    for (size_t i = 0; i < s->count; i++)
        update_median(&s->entries[i]);
    return session_failed(s, rc);
}

static int lacks_first_round(const struct entry *e, double bound)
{
    (void)bound;
    return e->alive > 0 && e->next_round == 0;
}

/* What an emulator that counts can say of those that are right; progress was made by the proof. */
static int count(struct sweep *s, const char **names)
{
    size_t n;
    while ((n = choose(s, lacks_first_round, 0, names))) {
        int rc = stopped(s) ? -EINTR : 0;
        if (!rc)
            rc = hrn_session_count(s->session, problem(s), names, n < PROVE_BATCH ? n : PROVE_BATCH,
                                   s->options->timeout_ms, on_sample, on_failed, s);
        if (rc || s->rc)
            return session_failed(s, rc);
    }
    return 0;
}

static int is_survivor(const struct entry *e, double bound)
{
    return e->alive > 0 && e->next_round == 1 && e->median > 0 &&
           (e->median <= bound || e->is_default);
}

static int is_finalist(const struct entry *e, double bound)
{
    return e->alive > 0 && e->median > 0 && e->median <= bound;
}

static double best_median(const struct sweep *s)
{
    double best = INFINITY;
    for (size_t i = 0; i < s->count; i++)
        if (s->entries[i].alive > 0 && s->entries[i].median > 0)
            best = fmin(best, s->entries[i].median);
    return best;
}

static int screen(struct sweep *s, const char **names)
{
    const struct hrn_sweep_options *o = s->options;
    size_t n = choose(s, lacks_first_round, 0, names);
    int rc = time_rounds(s, names, n, 0, 1, o->screen_sample_ns);
    if (rc)
        return rc;
    n = choose(s, is_survivor, KILL_RATIO * best_median(s), names);
    return time_rounds(s, names, n, 1, o->screen_rounds - 1, o->screen_sample_ns);
}

/* The median that the last finalist has: the bound for is_finalist(). */
static double finalist_bound(const struct sweep *s, double *scratch)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        if (is_finalist(&s->entries[i], INFINITY))
            scratch[n++] = s->entries[i].median;
    if (!n)
        return 0;
    qsort(scratch, n, sizeof *scratch, by_value);
    size_t last = n < s->options->finalists ? n : s->options->finalists;
    return last ? scratch[last - 1] : 0;
}

static int finals(struct sweep *s, const char **names, double *scratch)
{
    size_t n = choose(s, is_finalist, finalist_bound(s, scratch), names);
    int has_baseline = 0, first = s->options->screen_rounds;
    for (size_t i = 0; i < n; i++) {
        has_baseline |= s->map[i] == 0;
        if (s->entries[s->map[i]].next_round > first)
            first = s->entries[s->map[i]].next_round;
    }
    if (n && !has_baseline && is_finalist(&s->entries[0], INFINITY)) {
        s->map[n] = 0;
        names[n++] = s->entries[0].name;
    }
    int rounds = s->options->screen_rounds + s->options->final_rounds - first;
    return time_rounds(s, names, n, first, rounds, s->options->final_sample_ns);
}

static int time_layer(struct sweep *s, const char **names, double *scratch)
{
    int rc = measure_peaks(s);
    if (!rc)
        rc = screen(s, names);
    return rc ? rc : finals(s, names, scratch);
}

static int sweep_layer(struct sweep *s)
{
    s->count = s->plan->layers[s->layer].count;
    s->entries = calloc(s->count, sizeof *s->entries);
    s->map = malloc((s->count + 1) * sizeof *s->map);
    const char **names = malloc((s->count + 1) * sizeof *names);
    double *scratch = malloc(s->count * sizeof *scratch);
    int rc = s->entries && s->map && names && scratch ? 0 : -ENOMEM;
    if (!rc)
        rc = s->sink->layer(s->layer, s->sink->user);
    if (!rc)
        rc = begin_entries(s);
    if (!rc)
        rc = prove(s, names);
    if (!rc && hrn_device_info(s->options->device)->evidence == HRN_MEASURED)
        rc = time_layer(s, names, scratch);
    if (!rc && hrn_device_info(s->options->device)->counts)
        rc = count(s, names);
    for (size_t i = 0; s->entries && i < s->count; i++)
        free(s->entries[i].times);
    free(s->entries);
    free(s->map);
    free(names);
    free(scratch);
    return rc;
}

int hrn_sweep_run(const struct hrn_plan *plan, const struct hrn_sweep_options *options,
                  const struct hrn_sweep_sink *sink, char *err, size_t err_bytes)
{
    struct sweep s = {
        .plan = plan, .options = options, .sink = sink, .err = err, .err_bytes = err_bytes
    };
    snprintf(err, err_bytes, "out of memory");
    int rc = build_and_open(&s);
    if (!rc)
        rc = choose_counters(&s);
    for (s.layer = 0; !rc && s.layer < plan->count; s.layer++)
        rc = stopped(&s) ? -EINTR : sweep_layer(&s);
    hrn_session_close(s.session);
    free(s.refused);
    free(s.refused_why);
    return rc;
}
