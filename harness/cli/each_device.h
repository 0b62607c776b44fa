/* One verb on several devices at once: a process for each. */
#ifndef QUERN_HARNESS_CLI_EACH_DEVICE_H
#define QUERN_HARNESS_CLI_EACH_DEVICE_H

#include "harness/cli/cli.h"
#include "harness/sweep/share.h"

/* Calls `run` in a process per key, all at the same time; what they print comes when all have
 * ended, in the order of the keys (`json`: as one array). A Ctrl-C reaches all of them once.
 * `share` may be NULL; those that fail leave it. The gravest of the exit codes. */
int cli_each_device(const struct cli_list *keys, struct hrn_share *share, int json,
                    int (*run)(const char *key, size_t owner, void *user), void *user);

#endif
