#include "harness/pmu/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const hrn_event_verdict_names[HRN_EVENT_VERDICT_COUNT] = {
    [HRN_EVENT_OK] = "ok",
    [HRN_EVENT_ZERO] = "zero",
    [HRN_EVENT_NOT_IMPLEMENTED] = "not-implemented",
    [HRN_EVENT_NEVER_SCHEDULED] = "never-scheduled",
    [HRN_EVENT_LIES] = "lies",
    [HRN_EVENT_FORBIDDEN] = "forbidden",
};

/* ---- Verdicts */

static enum hrn_event_verdict of_refusal(const struct hrn_trial *t, char *evidence, size_t bytes)
{
    const char *colon = strstr(t->detail, ": "); /* behind the event's name, which the caller has */
    snprintf(evidence, bytes, "%s", colon ? colon + 2 : t->detail);
    return t->error == -EACCES   ? HRN_EVENT_FORBIDDEN
           : t->error == -EINVAL ? HRN_EVENT_NEVER_SCHEDULED
                                 : HRN_EVENT_NOT_IMPLEMENTED;
}

/* 0 where the PMU lists the event is a count; where it does not, nobody counted. */
static enum hrn_event_verdict of_zero(const struct hrn_trial *t, double low, char *evidence,
                                      size_t bytes)
{
    if (t->listed == 0) {
        snprintf(evidence, bytes, "opens and reads 0, and is not among the events of the PMU");
        return HRN_EVENT_NOT_IMPLEMENTED;
    }
    if (low > 0) {
        snprintf(evidence, bytes, "counted 0 over %lld units of work that should count %.4g each",
                 (long long)t->units, low);
        return t->listed == 1 ? HRN_EVENT_LIES : HRN_EVENT_NOT_IMPLEMENTED;
    }
    snprintf(evidence, bytes, "counted 0%s", t->listed == 1 ? ", and the PMU lists it" : "");
    return HRN_EVENT_ZERO;
}

enum hrn_event_verdict hrn_trial_verdict(const struct hrn_trial *t, double low, double high,
                                         char *evidence, size_t bytes)
{
    double each = t->units > 0 ? (double)(t->value[1] - t->value[0]) / (double)t->units : 0;
    if (t->error < 0)
        return of_refusal(t, evidence, bytes);
    if (t->state != HRN_COUNTED) {
        snprintf(evidence, bytes,
                 t->state == HRN_NEVER_SCHEDULED ? "opens, and is never scheduled"
                 : t->state == HRN_MULTIPLEXED   ? "was counted for a part of the time only"
                 : t->state == HRN_TORN          ? "could not be read in peace"
                                                 : "lost its counter");
        return HRN_EVENT_NEVER_SCHEDULED;
    }
    if (t->value[1] == 0)
        return of_zero(t, low, evidence, bytes);
    if (high <= 0) {
        snprintf(evidence, bytes, "counted %.6g for each unit of work", each);
        return HRN_EVENT_OK;
    }
    snprintf(evidence, bytes, "counted %.6g for each unit of work, %s %.4g to %.4g", each,
             each < low || each > high ? "which should be" : "within", low, high);
    return each < low || each > high ? HRN_EVENT_LIES : HRN_EVENT_OK;
}

/* ---- What is wanted */

static struct hrn_wanted_event *find(struct hrn_wanted *wanted, const char *name)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (strcmp(wanted->item[i].event.name, name) == 0)
            return &wanted->item[i];
    return NULL;
}

static int add(struct hrn_wanted *wanted, const struct hrn_event *event, int is_explicit, char *err,
               size_t err_bytes)
{
    struct hrn_wanted_event *item = find(wanted, event->name);
    if (item) {
        item->is_explicit |= is_explicit;
        return 0;
    }
    if (wanted->count == HRN_WANTED_MAX) {
        snprintf(err, err_bytes, "more than %d events; ask for fewer groups", HRN_WANTED_MAX);
        return -E2BIG;
    }
    wanted->item[wanted->count++] =
        (struct hrn_wanted_event) { .event = *event, .is_explicit = is_explicit };
    return 0;
}

int hrn_wanted_add_event(struct hrn_wanted *wanted, const struct hrn_event_table *table, int core,
                         const char *text, char *err, size_t err_bytes)
{
    struct hrn_event event;
    int error = hrn_event_resolve(table, core, text, &event, err, err_bytes);
    return error ? error : add(wanted, &event, 1, err, err_bytes);
}

/* ---- Groups */

struct group_question {
    const struct hrn_event_table *table;
    int core;
    const struct hrn_metric_group *group;
    int used[HRN_GROUP_EVENTS_MAX]; /* by a formula that is taken */
    int marking;
};

static int is_implied(const char *event)
{
    return strcmp(event, "CPU_CYCLES") == 0 || strcmp(event, "INST_RETIRED") == 0;
}

static int core_has(const char *name, void *user)
{
    struct group_question *q = user;
    struct hrn_event event;
    char err[200];
    for (size_t i = 0; i < q->group->event_count; i++)
        if (strcmp(q->group->event[i], name) == 0) {
            if (hrn_event_resolve(q->table, q->core, name, &event, err, sizeof err) < 0)
                return 0;
            q->used[i] |= q->marking;
            return 1;
        }
    return is_implied(name) &&
           hrn_event_resolve(q->table, q->core, name, &event, err, sizeof err) == 0;
}

/* Whether an earlier line of the same name can be computed, so that this one is not needed. */
static int is_covered(struct group_question *q, size_t metric)
{
    for (size_t i = 0; i < metric; i++)
        if (strcmp(q->group->metric[i].name, q->group->metric[metric].name) == 0 &&
            hrn_metric_is_computable(&q->group->metric[i], core_has, q))
            return 1;
    return 0;
}

int hrn_wanted_add_group(struct hrn_wanted *wanted, const struct hrn_event_table *table, int core,
                         const struct hrn_metric_group *group, char *err, size_t err_bytes)
{
    struct group_question q = { .table = table, .core = core, .group = group };
    int metrics = 0;
    for (size_t i = 0; i < group->metric_count; i++) {
        q.marking = 0;
        if (is_covered(&q, i) || !hrn_metric_is_computable(&group->metric[i], core_has, &q))
            continue;
        q.marking = 1;
        metrics += hrn_metric_is_computable(&group->metric[i], core_has, &q);
    }
    if (!metrics) {
        snprintf(err, err_bytes, "%s has the events of none of the metrics of group %s",
                 hrn_event_core_name(table, core), group->name);
        return -ENOENT;
    }
    for (size_t i = 0; i < group->event_count; i++) {
        struct hrn_event event;
        if (!q.used[i] ||
            hrn_event_resolve(table, core, group->event[i], &event, err, err_bytes) < 0)
            continue;
        /* under the name that the formulas use, whatever this core's manual calls it */
        snprintf(event.name, sizeof event.name, "%s", group->event[i]);
        int error = add(wanted, &event, 0, err, err_bytes);
        if (error < 0)
            return error;
    }
    return 0;
}

/* ---- Passes */

static int is_countable(const struct hrn_wanted_event *w)
{
    return w->verdict == HRN_EVENT_OK || w->verdict == HRN_EVENT_ZERO;
}

/* A pass with what every pass has; counters left of it for others. */
static int begin_pass(const struct hrn_wanted *wanted, const struct hrn_event_table *table,
                      int core, int free_counters, struct hrn_pass *pass)
{
    struct hrn_event event;
    char err[200];
    *pass = (struct hrn_pass) { .count = 0 };
    if (free_counters == 0)
        return 0;
    if (hrn_event_resolve(table, core, "CPU_CYCLES", &event, err, sizeof err) == 0)
        pass->event[pass->count++] = event;
    const struct hrn_wanted_event *given = NULL;
    for (size_t i = 0; i < wanted->count; i++)
        if (strcmp(wanted->item[i].event.name, "INST_RETIRED") == 0)
            given = &wanted->item[i];
    if (free_counters < 2 || (given && !is_countable(given)) ||
        hrn_event_resolve(table, core, "INST_RETIRED", &event, err, sizeof err) < 0)
        return free_counters;
    pass->event[pass->count++] = event;
    return free_counters - 1;
}

static int takes(const struct hrn_pass *pass, const struct hrn_event *event)
{
    for (size_t i = 0; i < pass->count; i++)
        if (strcmp(pass->event[i].name, event->name) == 0)
            return 1;
    return 0;
}

struct packer {
    const struct hrn_wanted *wanted;
    const struct hrn_event_table *table;
    int core, free_counters;
    struct hrn_pass *passes;
    int left[HRN_PASSES_MAX]; /* counters */
    size_t count, max;
};

/* The first pass with room, or a new one; software events need room, but no counter. */
static void place(struct packer *p, const struct hrn_event *event)
{
    int cost = event->source != HRN_EVENT_SOFTWARE;
    for (size_t i = 0; i < p->count; i++)
        if (takes(&p->passes[i], event))
            return;
    for (size_t i = 0; i < p->count; i++)
        if (p->left[i] >= cost && p->passes[i].count < HRN_PASS_EVENTS) {
            p->passes[i].event[p->passes[i].count++] = *event;
            p->left[i] -= cost;
            return;
        }
    if (p->count == p->max || (cost && p->free_counters == 0))
        return;
    p->left[p->count] =
        begin_pass(p->wanted, p->table, p->core, p->free_counters, &p->passes[p->count]);
    p->count++;
    place(p, event);
}

size_t hrn_wanted_pack(const struct hrn_wanted *wanted, const struct hrn_event_table *table,
                       int core, int free_counters, struct hrn_pass *passes, size_t max)
{
    struct packer p = { .wanted = wanted,
                        .table = table,
                        .core = core,
                        .free_counters = free_counters,
                        .passes = passes,
                        .max = max < HRN_PASSES_MAX ? max : HRN_PASSES_MAX };
    for (size_t i = 0; i < wanted->count; i++)
        if (is_countable(&wanted->item[i]))
            place(&p, &wanted->item[i].event);
    return p.count;
}
