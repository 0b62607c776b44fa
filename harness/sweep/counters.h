/* Which counters a sweep reads: from events and groups as they are typed to passes that this very
 * device can count.
 *
 *     hrn_session_open() -> hrn_counters_choose() -> samples come with counters */
#ifndef QUERN_HARNESS_SWEEP_COUNTERS_H
#define QUERN_HARNESS_SWEEP_COUNTERS_H

#include "harness/pmu/plan.h"
#include "harness/runner/session.h"

/* What is known of an event on this core from `quern probe`: 1 and the reason if it lies. */
typedef int hrn_is_quarantined(const char *event, char *why, size_t why_bytes, void *user);

struct hrn_counter_request {
    const char *const *events; /* names or numbers; what cannot be counted is an error */
    size_t event_count;
    const char *const *groups; /* metric groups; what the core lacks is left out of them */
    size_t group_count;
    /* Neither: the group `work` where there is a PMU, nothing where there is none. */
    int none;                           /* no counters at all */
    hrn_is_quarantined *is_quarantined; /* may be NULL */
    void *user;
};

/* What came of it; for the record. */
struct hrn_counter_choice {
    struct hrn_pmu_info pmu;
    size_t passes, events;
    char left_out[600]; /* "L2D_CACHE_WB: not implemented ...; ..."; may be empty */
};

/* Tries every event on the device and sets the session's passes. 0; -ENOENT (no such event, group,
 * or not on this core), -ENOTSUP (it cannot be counted here), each with reason and remedy in err;
 * -EPIPE. */
int hrn_counters_choose(struct hrn_session *session, const char *arch, const char *midr,
                        const struct hrn_counter_request *request, struct hrn_counter_choice *out,
                        char *err, size_t err_bytes);

/* What to type where counters do not open: for this device kind, user and level. */
const char *hrn_counters_remedy(const char *device_key, const struct hrn_pmu_info *pmu);

#endif
