/* A virtual machine by adb. */
#include "harness/device/vm_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/device/process_int.h"
#include "harness/device/remote_int.h"

#define QUICK_MS 5000
#define CONNECT_MS 20000

/* It listens at its usual port, HRN_ADBD_PORT (15B3). Ends when it does, however long that takes:
 * the caller does not wait for ever. */
static const char start_adbd[] =
    "/sbin/adbd >/tmp/adbd.log 2>&1 </dev/null & "
    "until grep -q ':15B3 [0-9A-F]*:0000 0A' /proc/net/tcp*; do sleep 0.1; done";

static int tell_adb(const char *verb, int port, int timeout_ms, char *said, size_t said_bytes)
{
    char address[40];
    const char *const argv[] = { "adb", verb, address, NULL };
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    int rc = hrn_collect(argv, timeout_ms, said, said_bytes);
    said[strcspn(said, "\n")] = '\0';
    return rc;
}

static int run_adbd(const char *name, char *err, size_t err_bytes)
{
    struct hrn_device *d = hrn_vm_device(name);
    struct hrn_answer answer;
    if (!d)
        return -ENOMEM;
    int rc = hrn_remote_run(d, start_adbd, -1, CONNECT_MS, &answer);
    hrn_answer_clear(&answer);
    if (rc < 0)
        snprintf(err, err_bytes, "adbd does not start in vm:%s: %.300s", name, d->error);
    hrn_device_close(d);
    return rc;
}

int hrn_vm_start_adb(const char *name, int port, char *err, size_t err_bytes)
{
    char said[400];
    int rc = run_adbd(name, err, err_bytes);
    if (rc < 0)
        return -EIO;
    hrn_vm_stop_adb(port); /* what it remembers of one that was killed */
    rc = tell_adb("connect", port, CONNECT_MS, said, sizeof said);
    if (rc == 0 && strncmp(said, "connected", 9) == 0)
        return 0;
    if (rc == -ENOENT)
        snprintf(err, err_bytes, "vm:%s runs, but there is no adb; apt-get install adb", name);
    else
        snprintf(err, err_bytes, "vm:%s runs, but adb does not connect to 127.0.0.1:%d: %.200s",
                 name, port, rc < 0 ? strerror(-rc) : said);
    return -EIO;
}

void hrn_vm_stop_adb(int port)
{
    char said[400];
    tell_adb("disconnect", port, QUICK_MS, said, sizeof said);
}
