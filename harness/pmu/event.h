/* An event and the set of events of one pass: plain data that both ends of a runner know. */
#ifndef QUERN_HARNESS_PMU_EVENT_H
#define QUERN_HARNESS_PMU_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "harness/record.h"

/* What an event's number is a number of. */
enum hrn_event_source {
    HRN_EVENT_PMU,      /* the PMU of the core's cluster, whose type the device knows */
    HRN_EVENT_HARDWARE, /* PERF_TYPE_HARDWARE: the kernel's own name for one of them */
    HRN_EVENT_CACHE,    /* PERF_TYPE_HW_CACHE */
    HRN_EVENT_SOFTWARE, /* PERF_TYPE_SOFTWARE: the kernel counts; needs no PMU */
    HRN_EVENT_SOURCE_COUNT
};
extern const char *const hrn_event_source_names[HRN_EVENT_SOURCE_COUNT]; /* "pmu", "hw", ... */

struct hrn_event {
    char name[sizeof((struct hrn_counter *)0)->event];
    enum hrn_event_source source;
    uint64_t config;
};

/* Events that are counted together: one group, the first of which leads. */
#define HRN_PASS_EVENTS 8
struct hrn_pass {
    struct hrn_event event[HRN_PASS_EVENTS];
    size_t count;
};
#define HRN_PASSES_MAX 32

/* What one reading of a group is worth. Only HRN_COUNTED is a count; nothing is ever scaled. */
enum hrn_reading_state {
    HRN_COUNTED,
    HRN_MULTIPLEXED,     /* counted for a part of the time only */
    HRN_NEVER_SCHEDULED, /* the PMU never took the group in */
    HRN_LOST,            /* the pinned group lost its counters to somebody else */
    HRN_TORN,            /* looked twice at a counter in the end: that is in the counts, too */
    HRN_READING_STATE_COUNT
};

struct hrn_reading {
    enum hrn_reading_state state;
    int64_t enabled_ns, running_ns;
    int64_t value[HRN_PASS_EVENTS]; /* in the order of the pass */
};

/* One event over work whose count is known. */
struct hrn_trial {
    int error;                    /* of the opening, or 0; `detail` has the sentence */
    enum hrn_reading_state state; /* of the readings */
    int listed;                   /* among the events that the PMU says it has: 1, 0; -1 unknown */
    int64_t units;                /* of work, N */
    int64_t value[2];             /* over N units and over 2 N */
    char detail[HRN_DETAIL_MAX];
};

#endif
