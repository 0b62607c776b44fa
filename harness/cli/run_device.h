/* An int8 network on a device: built for it, pushed, run, and its scores held against this
 * machine's. */
#ifndef QUERN_HARNESS_CLI_RUN_DEVICE_H
#define QUERN_HARNESS_CLI_RUN_DEVICE_H

#include <stdio.h>

#include "harness/cli/run.h"

struct run_device_options {
    const char *device, *db; /* db NULL = no winners: the default of each layer */
    const char *kernels;     /* NULL, or a folder of 'quern export' to take them from instead */
    long long run;           /* of the database, 0 = the newest */
    int threads, json;
};

/* Runs images [0, count) of the set through the network of `entry` on the device and prints what
 * came of it. Every score must have the bits that `entry` computes here. An exit code. */
int run_on_device(const struct run_device_options *o, const struct run_entry *entry,
                  const struct qnt_dataset *set, size_t count, FILE *out);

#endif
