/* From what was asked for to passes: which events are counted together in which rounds.
 *
 *     hrn_wanted_add_event() / _add_group() -> a trial of each on the device -> hrn_wanted_pack()
 * Pure: knows no device. */
#ifndef QUERN_HARNESS_PMU_PLAN_H
#define QUERN_HARNESS_PMU_PLAN_H

#include "harness/pmu/metrics.h"
#include "harness/pmu/table.h"

#define HRN_WANTED_MAX 128

/* What a trial, or `quern probe`, has to say of an event. */
enum hrn_event_verdict {
    HRN_EVENT_OK,              /* counts */
    HRN_EVENT_ZERO,            /* implemented, counts, and truly was 0 */
    HRN_EVENT_NOT_IMPLEMENTED, /* does not open; or opens, reads 0 and is not in the core's list */
    HRN_EVENT_NEVER_SCHEDULED, /* opens, and the PMU never takes it in */
    HRN_EVENT_LIES, /* a known answer came out otherwise: `quern probe` has the evidence */
    HRN_EVENT_FORBIDDEN,
    HRN_EVENT_VERDICT_COUNT
};
extern const char *const hrn_event_verdict_names[HRN_EVENT_VERDICT_COUNT];

/* The verdict of a trial. `low` and `high` are what one unit must count, 0 and 0 = not known;
 * `evidence` gets the sentence that says why, whatever the verdict. */
enum hrn_event_verdict hrn_trial_verdict(const struct hrn_trial *trial, double low, double high,
                                         char *evidence, size_t evidence_bytes);

struct hrn_wanted_event {
    struct hrn_event event;
    int is_explicit; /* named by the user: what cannot be counted is an error, not a gap */
    enum hrn_event_verdict verdict; /* HRN_EVENT_OK until a trial says otherwise */
};

struct hrn_wanted { /* zero-initialise */
    struct hrn_wanted_event item[HRN_WANTED_MAX];
    size_t count;
};

/* 0, or -errno with the sentence in err. What is there already is not added again. */
int hrn_wanted_add_event(struct hrn_wanted *wanted, const struct hrn_event_table *table, int core,
                         const char *text, char *err, size_t err_bytes);
/* The events of the group that the core has. -ENOENT if none of its metrics can be computed. */
int hrn_wanted_add_group(struct hrn_wanted *wanted, const struct hrn_event_table *table, int core,
                         const struct hrn_metric_group *group, char *err, size_t err_bytes);

/* The passes: CPU_CYCLES leads each, INST_RETIRED is in each that has two counters free, and then
 * `free_counters` minus that many others. free_counters = 0: no PMU, software events only.
 * Events whose verdict is neither OK nor ZERO are left out. Returns the number of passes, at most
 * `max`; 0 = nothing to count. */
size_t hrn_wanted_pack(const struct hrn_wanted *wanted, const struct hrn_event_table *table,
                       int core, int free_counters, struct hrn_pass *passes, size_t max);

#endif
