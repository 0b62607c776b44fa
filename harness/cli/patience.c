#include "harness/cli/patience.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/cli/cli_int.h"

static void say(const char *text, void *user)
{
    (void)user;
    fprintf(stderr, "%squern %s: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", cli_verb_name,
            text);
}

void cli_device_patience(struct hrn_device *device, long long wait_s)
{
    struct hrn_patience patience = *hrn_device_patience(device);
    patience.await_ms = (int)(wait_s < 86400 ? wait_s * 1000 : 86400000);
    patience.stop = &cli_stop;
    patience.note = say;
    hrn_device_set_patience(device, &patience);
}

int cli_is_device_error(int rc)
{
    return rc == -EPIPE || rc == -ENOTCONN || rc == -ECONNRESET || rc == -ETIMEDOUT;
}
