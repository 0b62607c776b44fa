/* Metric groups: which events are counted together, and what is computed from them. Text files of
 * likwid's kind, so that anybody may add a formula:
 *
 *     SHORT    one line
 *     EVENTSET one event per line; those that a core does not have are left out
 *     METRICS  NAME = FORMULA per line. A name may stand more than once: the first formula whose
 *              events are all counted is taken, so that one file serves every tier of cores
 *     LONG     the rest of the file: what the figures mean
 *
 * Names in a formula are events, counted per call of a layer, or
 *     MACS   multiply-accumulates per call       TIME   seconds per call
 *     PEAK   measured peak, MAC per second       SLOTS  operations per cycle of the PMU
 * CPU_CYCLES and INST_RETIRED are always counted where there is a PMU. */
#ifndef QUERN_HARNESS_PMU_METRICS_H
#define QUERN_HARNESS_PMU_METRICS_H

#include <stddef.h>

#define HRN_GROUP_EVENTS_MAX 24
#define HRN_GROUP_METRICS_MAX 24

struct hrn_metric {
    char name[64];
    char formula[200];
};

struct hrn_metric_group {
    char name[32];
    char summary[128];
    char *text; /* LONG; owned */
    char event[HRN_GROUP_EVENTS_MAX][48];
    size_t event_count;
    struct hrn_metric metric[HRN_GROUP_METRICS_MAX];
    size_t metric_count;
};

/* Parses the text of a group. 0; -EINVAL with line and reason in err; -ENOMEM. */
int hrn_metric_group_parse(const char *name, const char *text, struct hrn_metric_group *out,
                           char *err, size_t err_bytes);
/* A built-in group by name, or a file where `name` has a '/' or ends in ".txt". -ENOENT with the
 * names that there are. */
int hrn_metric_group_find(const char *name, struct hrn_metric_group *out, char *err,
                          size_t err_bytes);
void hrn_metric_group_clear(struct hrn_metric_group *group);

/* Names of the built-in groups, in the order in which they are shown. NULL beyond the last. */
const char *hrn_metric_group_name(size_t i);

/* What a formula is evaluated with. */
struct hrn_metric_values {
    double macs, seconds, peak, slots; /* 0 = unknown */
    const char *const *names;          /* of counters */
    const double *values;              /* per call */
    size_t count;
};
/* 0 and a finite number; -ENOENT: something that it needs is unknown or the quotient is undefined;
 * -EINVAL: it is no formula. */
int hrn_metric_evaluate(const struct hrn_metric *metric, const struct hrn_metric_values *with,
                        double *out);

/* 1 if every event of the metric's formula is counted, by `is_counted`. Constants count as known.
 */
int hrn_metric_is_computable(const struct hrn_metric *metric,
                             int (*is_counted)(const char *event, void *user), void *user);

#endif
