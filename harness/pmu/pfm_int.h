/* libpfm4, where the build has it: names of events of this x86 machine that no table of ours has.
 */
#ifndef QUERN_HARNESS_PMU_PFM_INT_H
#define QUERN_HARNESS_PMU_PFM_INT_H

#include "harness/pmu/event.h"

/* 0, or -ENOENT: it does not know the name, or is not there. */
int hrn_pfm_resolve(const char *name, struct hrn_event *out);

#endif
