/* What `quern probe` does with what it found: a run in the database, a page on the terminal. */
#ifndef QUERN_HARNESS_CLI_PROBE_H
#define QUERN_HARNESS_CLI_PROBE_H

#include "harness/build/build.h"
#include "harness/sweep/probe.h"

/* Stores it as a run of its own. An exit code, the failure explained. */
int probe_store(const struct hrn_probe *probe, const struct hrn_device_info *device, int cpu,
                const struct hrn_toolchain *toolchain, const char *db_path, const char *command,
                int64_t *run_id);
void probe_print(const struct hrn_probe *probe, const struct hrn_device_info *device);
void probe_print_json(const struct hrn_probe *probe, const struct hrn_device_info *device);

#endif
