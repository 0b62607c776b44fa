/* What the counters of a core are worth: every event over work whose count is known; the peaks of
 * its ISA levels; the bandwidth of its caches and of memory. Stores nothing itself. */
#ifndef QUERN_HARNESS_SWEEP_PROBE_H
#define QUERN_HARNESS_SWEEP_PROBE_H

#include "harness/pmu/plan.h"
#include "harness/runner/session.h"
#include "variants/variant.h"

struct hrn_probed_event {
    struct hrn_event event;
    const struct hrn_known_answer *known; /* NULL: tried over work that has no answer to it */
    struct hrn_trial trial;
    enum hrn_event_verdict verdict;
    char evidence[HRN_DETAIL_MAX + 64];
};

struct hrn_probe_peak {
    enum krn_isa isa;
    char kernel[VAR_NAME_MAX];
    double macs_per_s, macs_per_cycle; /* 0 unknown */
};

struct hrn_probe_bandwidth {
    char level[8]; /* "L1d", "L2", "L3", "memory" */
    int64_t bytes; /* read */
    double bytes_per_s;
};

#define HRN_PROBE_EVENTS_MAX 400
#define HRN_PROBE_LEVELS 4
struct hrn_probe {
    struct hrn_pmu_info pmu;
    struct hrn_probed_event *event; /* owned */
    size_t event_count;
    struct hrn_probe_peak peak[KRN_ISA_COUNT];
    size_t peak_count;
    struct hrn_probe_bandwidth bandwidth[HRN_PROBE_LEVELS];
    size_t bandwidth_count;
};

/* `events` names those to check, none = all of the core. The runner of `session` must hold the peak
 * kernels of `isas`. `step` is told what comes next. 0; -ENOENT (no such event); -EPIPE. */
int hrn_probe_run(struct hrn_session *session, const struct hrn_device_info *info, uint32_t isas,
                  const struct hrn_event_table *table, const char *const *events, size_t count,
                  void (*step)(const char *what), struct hrn_probe *out, char *err,
                  size_t err_bytes);
void hrn_probe_clear(struct hrn_probe *probe);

#endif
