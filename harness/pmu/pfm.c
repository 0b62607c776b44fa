#include "harness/pmu/pfm_int.h"

#include <errno.h>
#include <stdio.h>

#ifdef QUERN_HAVE_PFM
#include <linux/perf_event.h>
#include <perfmon/pfmlib_perf_event.h>

static const struct {
    uint32_t type;
    enum hrn_event_source source;
} types[] = {
    { PERF_TYPE_HARDWARE, HRN_EVENT_HARDWARE },
    { PERF_TYPE_SOFTWARE, HRN_EVENT_SOFTWARE },
    { PERF_TYPE_HW_CACHE, HRN_EVENT_CACHE },
    { PERF_TYPE_RAW, HRN_EVENT_PMU },
};

int hrn_pfm_resolve(const char *name, struct hrn_event *out)
{
    static int state; /* 1: initialised, -1: it does not work here */
    struct perf_event_attr attr = { .size = sizeof attr };
    pfm_perf_encode_arg_t arg = { .attr = &attr, .size = sizeof arg };
    if (state == 0)
        state = pfm_initialize() == PFM_SUCCESS ? 1 : -1;
    if (state < 0 ||
        pfm_get_os_event_encoding(name, PFM_PLM3, PFM_OS_PERF_EVENT, &arg) != PFM_SUCCESS)
        return -ENOENT;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == attr.type) {
            out->source = types[i].source;
            out->config = attr.config;
            snprintf(out->name, sizeof out->name, "%.47s", name);
            return 0;
        }
    return -ENOENT;
}

#else

int hrn_pfm_resolve(const char *name, struct hrn_event *out)
{
    (void)name, (void)out;
    return -ENOENT;
}

#endif
