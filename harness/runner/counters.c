#include "harness/runner/runner_int.h"

#include <stdio.h>

#if defined __aarch64__
const struct hrn_event hrn_cycles_event = { "CPU_CYCLES", HRN_EVENT_PMU, 0x11 };
const struct hrn_event hrn_instructions_event = { "INST_RETIRED", HRN_EVENT_PMU, 0x08 };
#else
const struct hrn_event hrn_cycles_event = { "CPU_CYCLES", HRN_EVENT_HARDWARE, 0 };
const struct hrn_event hrn_instructions_event = { "INST_RETIRED", HRN_EVENT_HARDWARE, 1 };
#endif

void hrn_counts_open(struct hrn_counts *counts, const struct hrn_job *job, int cpu)
{
    struct hrn_pmu pmu;
    counts->count = job->pass_count;
    hrn_pmu_find("", cpu, &pmu);
    for (size_t i = 0; i < job->pass_count; i++) {
        counts->why_not[i][0] = '\0';
        hrn_group_open(&hrn_perf_kernel, &job->passes[i], pmu.type, cpu, &counts->group[i],
                       counts->why_not[i], sizeof counts->why_not[i]);
    }
}

struct hrn_group *hrn_counts_pass(struct hrn_counts *counts, int pass)
{
    if (pass < 0 || (size_t)pass >= counts->count || counts->group[pass].count == 0)
        return NULL;
    return &counts->group[pass];
}

const char *hrn_reading_fault(enum hrn_reading_state state)
{
    static const char *const faults[HRN_READING_STATE_COUNT] = {
        [HRN_MULTIPLEXED] = "the counters were shared out over time (multiplexed): another program "
                            "counts on this CPU",
        [HRN_NEVER_SCHEDULED] = "the counters were never scheduled: another program holds the PMU",
        [HRN_LOST] = "the group lost its counters to another program",
        [HRN_TORN] = "the kernel touched the counters while they were read",
    };
    return faults[state];
}
