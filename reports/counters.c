/* From counters to metrics: per call, medians over the samples of a pass, formulas of the metric
 * groups. What the passes do not agree on is not shown. */
#include "reports/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/pmu/metrics.h"
#include "reports/report_int.h"

#define EVENTS_MAX 128
/* Between the least and the most of the passes' medians. Instructions of one code over one problem
 * are the same ones; cycles are not, quite. */
#define INSTRUCTIONS_AGREE 0.001
#define CYCLES_AGREE 0.03

struct series { /* one event under one pass */
    char event[48];
    int pass;
    double *per_call;
    size_t count, capacity;
};

struct table {
    struct series series[EVENTS_MAX];
    size_t count;
};

static struct series *series_of(struct table *t, const char *event, int pass)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->series[i].pass == pass && strcmp(t->series[i].event, event) == 0)
            return &t->series[i];
    if (t->count == EVENTS_MAX)
        return NULL;
    struct series *s = &t->series[t->count++];
    *s = (struct series) { .pass = pass };
    snprintf(s->event, sizeof s->event, "%.47s", event);
    return s;
}

static int take_counter(const struct pdb_counter_row *row, void *user)
{
    struct series *s = series_of(user, row->event, row->pass);
    if (!s || row->calls <= 0 || row->enabled_ns != row->running_ns)
        return 0;
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 8;
        double *grown = reallocarray(s->per_call, capacity, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        s->per_call = grown;
        s->capacity = capacity;
    }
    s->per_call[s->count++] = (double)row->value / (double)row->calls;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct series *s)
{
    qsort(s->per_call, s->count, sizeof *s->per_call, by_value);
    return s->count ? 0.5 * (s->per_call[(s->count - 1) / 2] + s->per_call[s->count / 2]) : 0;
}

/* Whether the passes that have the event agree on it. */
static int agree(struct table *t, const char *event, double share)
{
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->series[i].event, event) == 0 && t->series[i].count) {
            double value = median(&t->series[i]);
            least = fmin(least, value);
            most = fmax(most, value);
        }
    return most <= least * (1 + share) || most == 0;
}

/* One value per event: the mean of its passes' medians. */
struct values {
    const char *names[EVENTS_MAX];
    double value[EVENTS_MAX];
    size_t count;
};

static void fold(struct table *t, struct values *v)
{
    size_t passes[EVENTS_MAX] = { 0 };
    for (size_t i = 0; i < t->count; i++) {
        size_t at = 0;
        while (at < v->count && strcmp(v->names[at], t->series[i].event) != 0)
            at++;
        if (at == v->count) {
            v->names[v->count] = t->series[i].event;
            v->value[v->count++] = 0;
        }
        v->value[at] += median(&t->series[i]);
        passes[at]++;
    }
    for (size_t i = 0; i < v->count; i++)
        v->value[i] /= (double)passes[i];
}

/* ---- metrics */

static int has_metric(const struct rpt_candidate *c, const char *name)
{
    for (size_t i = 0; i < c->metric_count; i++)
        if (strcmp(c->metrics[i].name, name) == 0)
            return 1;
    return 0;
}

static int add_metric(struct rpt_candidate *c, const char *name, double value)
{
    struct rpt_metric *grown = reallocarray(c->metrics, c->metric_count + 1, sizeof *c->metrics);
    if (!grown)
        return -ENOMEM;
    c->metrics = grown;
    struct rpt_metric *m = &grown[c->metric_count++];
    snprintf(m->name, sizeof m->name, "%s", name);
    m->value = value;
    return 0;
}

static int add_group(struct rpt_candidate *c, const struct hrn_metric_group *group,
                     const struct hrn_metric_values *with)
{
    int result = 0;
    for (size_t i = 0; i < group->metric_count && result == 0; i++) {
        double value;
        if (!has_metric(c, group->metric[i].name) &&
            hrn_metric_evaluate(&group->metric[i], with, &value) == 0)
            result = add_metric(c, group->metric[i].name, value);
    }
    return result;
}

/* The built-in groups, parsed once for all candidates. */
#define GROUPS_MAX 32
struct groups {
    struct hrn_metric_group group[GROUPS_MAX];
    size_t count;
};

static struct groups *groups_new(void)
{
    struct groups *g = calloc(1, sizeof *g);
    const char *name;
    char err[200];
    for (size_t i = 0; g && (name = hrn_metric_group_name(i)) && g->count < GROUPS_MAX; i++)
        g->count += hrn_metric_group_find(name, &g->group[g->count], err, sizeof err) == 0;
    return g;
}

static void groups_free(struct groups *g)
{
    for (size_t i = 0; g && i < g->count; i++)
        hrn_metric_group_clear(&g->group[i]);
    free(g);
}

/* Whether some metric is the event itself, under a name for people. */
static int is_shown(const struct groups *g, const char *event)
{
    for (size_t i = 0; i < g->count; i++)
        for (size_t m = 0; m < g->group[i].metric_count; m++)
            if (strcmp(g->group[i].metric[m].formula, event) == 0)
                return 1;
    return 0;
}

static double peak_of(const struct rpt_run *run, const char *isa)
{
    for (size_t i = 0; i < run->peak_count; i++)
        if (strcmp(run->peaks[i].isa, isa) == 0)
            return 1e9 * run->peaks[i].gmacs;
    return 0;
}

/* What was counted, too, so that nobody must trust a formula. */
static int add_raw(struct rpt_candidate *c, const struct groups *groups, const struct values *v)
{
    char name[sizeof c->metrics->name];
    int result = 0;
    for (size_t i = 0; i < v->count && result == 0; i++) {
        if (is_shown(groups, v->names[i]))
            continue;
        snprintf(name, sizeof name, "%s per call", v->names[i]);
        result = add_metric(c, name, v->value[i]);
    }
    return result;
}

static int compute(const struct rpt_run *run, const struct groups *groups,
                   const struct rpt_layer *layer, struct rpt_candidate *c, struct table *t)
{
    struct values v = { .count = 0 };
    int result = 0;
    if (t->count == 0)
        return 0;
    c->counters_disagree =
        !agree(t, "INST_RETIRED", INSTRUCTIONS_AGREE) || !agree(t, "CPU_CYCLES", CYCLES_AGREE);
    if (c->counters_disagree)
        return 0;
    fold(t, &v);
    const struct hrn_metric_values with = {
        .macs = (double)layer->macs,
        .seconds = 1e-9 * c->rank.summary.median,
        .peak = peak_of(run, c->isa),
        .slots = run->slots,
        .names = v.names,
        .values = v.value,
        .count = v.count,
    };
    for (size_t i = 0; result == 0 && i < groups->count; i++)
        result = add_group(c, &groups->group[i], &with);
    return result ? result : add_raw(c, groups, &v);
}

static int load_candidate(struct rpt_run *run, const struct groups *groups,
                          const struct rpt_layer *layer, struct rpt_candidate *c)
{
    struct table *t = calloc(1, sizeof *t);
    int result = t ? pdb_counters(run->db, c->measurement_id, take_counter, t) : -ENOMEM;
    if (result == 0)
        result = compute(run, groups, layer, c, t);
    for (size_t i = 0; t && i < t->count; i++)
        free(t->series[i].per_call);
    free(t);
    run->counted |= c->metric_count > 0;
    return result;
}

/* Phones refresh the current up to every half minute: a mean over less than RPT_ENERGY_S, or one
 * that a cable interrupted, says nothing. */
static int load_energy(const struct rpt_run *run, struct rpt_candidate *c)
{
    struct pdb_draw draw;
    int result = pdb_draw(run->db, c->measurement_id, &draw);
    c->battery_s = 1e-9 * (double)draw.known_ns;
    if (result == 0 && run->battery_uv > 0 && c->battery_s >= RPT_ENERGY_S && draw.calls > 0 &&
        draw.known_ns == draw.time_ns)
        c->energy_j = 1e-12 * draw.mean_ua * run->battery_uv * c->battery_s / (double)draw.calls;
    return result;
}

static int take_fact(const char *name, const char *value, void *user)
{
    struct rpt_run *run = user;
    const struct {
        const char *name;
        char *to;
        size_t bytes;
    } texts[] = {
        { "no-counters", run->no_counters, sizeof run->no_counters },
        { "events-left-out", run->left_out, sizeof run->left_out },
        { "pmu", run->pmu, sizeof run->pmu },
        { "filtered", run->filtered, sizeof run->filtered },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0) {
            char *clean = rpt_clean(value);
            snprintf(texts[i].to, texts[i].bytes, "%s", clean ? clean : "");
            free(clean);
        }
    if (strcmp(name, "pmu-slots") == 0)
        run->slots = strtod(value, NULL);
    if (strcmp(name, "battery-uv") == 0)
        run->battery_uv = strtod(value, NULL);
    return 0;
}

int rpt_counters_load(struct rpt_run *run)
{
    struct groups *groups = groups_new();
    int result = groups ? pdb_run_facts(run->db, run->id, take_fact, run) : -ENOMEM;
    for (size_t l = 0; l < run->layer_count && result == 0; l++)
        for (size_t i = 0; i < run->layers[l].timed && result == 0; i++) {
            struct rpt_candidate *c = &run->layers[l].candidates[i];
            result = load_candidate(run, groups, &run->layers[l], c);
            if (result == 0)
                result = load_energy(run, c);
        }
    groups_free(groups);
    return result;
}

/* ---- the winner beside what it is compared with */

const struct rpt_candidate *rpt_rival(const struct rpt_layer *layer)
{
    const struct rpt_candidate *rival = NULL;
    for (int b = 0; b < RPT_BASELINE_COUNT && !rival; b++) {
        long index = layer->against[b].index;
        if (index > 0 && layer->candidates[index].metric_count > 0)
            rival = &layer->candidates[index];
    }
    return rival;
}

int rpt_metric_of(const struct rpt_candidate *c, const char *name, double *value)
{
    for (size_t i = 0; i < c->metric_count; i++)
        if (strcmp(c->metrics[i].name, name) == 0) {
            *value = c->metrics[i].value;
            return 0;
        }
    return -ENOENT;
}
