/* How long a verb waits for its device, and what the user hears meanwhile. */
#ifndef QUERN_HARNESS_CLI_PATIENCE_H
#define QUERN_HARNESS_CLI_PATIENCE_H

#include "harness/device/device.h"

#define CLI_WAIT_S 300 /* unless told otherwise */

/* A device that is gone is waited for `wait_s` seconds, or until Ctrl-C; each change is said on
 * standard error. */
void cli_device_patience(struct hrn_device *device, long long wait_s);

/* 1 if the error code of a session or a sweep means the device, not the work. */
int cli_is_device_error(int rc);

#endif
