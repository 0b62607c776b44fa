#include "harness/pmu/event.h"

const char *const hrn_event_source_names[HRN_EVENT_SOURCE_COUNT] = {
    [HRN_EVENT_PMU] = "pmu",
    [HRN_EVENT_HARDWARE] = "hw",
    [HRN_EVENT_CACHE] = "cache",
    [HRN_EVENT_SOFTWARE] = "sw",
};
