/* adb:SERIAL: an Android device behind the real `adb` client. Its exit codes are not believed: 0 is
 * what it says when a device dies in the middle, and all that old devices can say. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/device/process_int.h"
#include "harness/device/remote_int.h"

/* Android's shell sets TMPDIR, on newer systems to the same. */
#define FOLDER "${TMPDIR:-/data/local/tmp}/quern"
#define QUICK_MS 5000
#define CONNECT_MS 10000

/* What `adb` says of a device that it cannot use, and what to do. */
static const struct trouble {
    const char *says, *fact, *remedy;
} troubles[] = {
    { "unauthorized", "the phone has not accepted this computer",
      "unlock it, accept its question, then run: adb devices" },
    { "offline", "the phone does not answer", "run: adb reconnect; or plug it in again" },
    { "no permissions", "this user may not open the USB device",
      "apt-get install android-sdk-platform-tools-common, then plug it in again" },
    { "not found", "adb knows no such phone", "'adb devices' lists what is attached" },
    { "authorizing", "the phone is just deciding", "try again" },
    { "recovery", "the phone is in recovery", "start Android" },
    { "sideload", "the phone is in recovery", "start Android" },
    { "bootloader", "the phone is in its boot loader", "start Android" },
    { "cannot connect to daemon", "the adb server does not start",
      "run: adb kill-server; adb start-server" },
};

static const struct trouble *trouble_of(const char *said)
{
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++)
        if (strstr(said, troubles[i].says))
            return &troubles[i];
    return NULL;
}

/* `adb -s SERIAL a b`; both outputs into `said`. */
static int adb(const struct hrn_device *d, int timeout_ms, char *said, size_t said_bytes,
               const char *a, const char *b, const char *c)
{
    const char *const argv[] = { "adb", "-s", d->remote->address, a, b, c, NULL };
    return hrn_collect(argv, timeout_ms, said, said_bytes);
}

static int adb_shell(struct hrn_device *d, const char *command, int in, int errors,
                     struct hrn_process *out)
{
    /* -T: no terminal, so that bytes arrive as they are sent. */
    const char *const now[] = { "adb", "-s", d->remote->address, "shell", "-T", command, NULL };
    const char *const old[] = { "adb", "-s", d->remote->address, "shell", command, NULL };
    int rc = hrn_spawn_piped(d->remote->is_old ? old : now, in, errors, out);
    return rc == 0 ? 0
                   : hrn_device_fail(d, rc, "%s: cannot start adb: %s", d->info.key, strerror(-rc));
}

/* A dead device makes `adb push` say "0 files pushed" and worse, so the caller compares checksums;
 * here only what it complains of is kept. */
static int adb_copy(struct hrn_device *d, int to_device, const char *from, const char *to,
                    int timeout_ms)
{
    char said[1000];
    int rc = adb(d, timeout_ms, said, sizeof said, to_device ? "push" : "pull", from, to);
    if (rc == 0)
        return 0;
    said[strcspn(said, "\n")] = '\0';
    if (rc == -ETIMEDOUT)
        return hrn_device_fail(d, rc, "%s: 'adb %s' did not end within %d s", d->info.key,
                               to_device ? "push" : "pull", timeout_ms / 1000);
    int is_gone = trouble_of(said) || strstr(said, "closed") || strstr(said, "no devices");
    return hrn_device_fail(d, is_gone ? -ENOTCONN : -EIO, "%s: %.300s", d->info.key, said);
}

/* A cable reconnects by itself. A phone on the network comes back only when it is asked to, and not
 * while the server still holds on to the connection that broke. */
static void adb_reconnect(struct hrn_device *d)
{
    char said[300];
    const char *const forget[] = { "adb", "disconnect", d->remote->address, NULL };
    const char *const connect[] = { "adb", "connect", d->remote->address, NULL };
    const char *const cable[] = { "adb", "reconnect", "offline", NULL };
    int is_network = strchr(d->remote->address, ':') != NULL;
    if (is_network)
        hrn_collect(forget, QUICK_MS, said, sizeof said);
    hrn_collect(is_network ? connect : cable, CONNECT_MS, said, sizeof said);
}

static const struct hrn_remote_kind kind = {
    .remedy = "check its cable and 'adb devices'",
    .shell = adb_shell,
    .copy = adb_copy,
    .reconnect = adb_reconnect,
};

/* What its daemon can do. Asking is also the quickest way to learn that it is not there. */
static int ask_features(struct hrn_device *d)
{
    char said[2000];
    int rc = adb(d, d->patience.call_ms, said, sizeof said, "features", NULL, NULL);
    if (rc > 0 && strchr(d->remote->address, ':')) {
        adb_reconnect(d);
        rc = adb(d, d->patience.call_ms, said, sizeof said, "features", NULL, NULL);
    }
    if (rc == -ENOENT)
        return hrn_device_fail(d, rc, "%s: there is no adb; apt-get install adb", d->info.key);
    if (rc == -ETIMEDOUT)
        return hrn_device_fail(d, rc, "%s: adb did not answer within %d s; run: adb kill-server",
                               d->info.key, d->patience.call_ms / 1000);
    if (rc != 0) {
        const struct trouble *t = trouble_of(said);
        said[strcspn(said, "\n")] = '\0';
        return hrn_device_fail(d, -ENODEV, "%s: %.200s%s%s", d->info.key, t ? t->fact : said,
                               t ? "; " : "", t ? t->remedy : "");
    }
    d->remote->is_old = !strstr(said, "shell_v2");
    return 0;
}

static int open_within(const char *serial, int call_ms, struct hrn_device **out, char *err,
                       size_t err_bytes)
{
    struct hrn_device *d = hrn_remote_new("adb", serial, &kind);
    *out = NULL;
    if (!d) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    d->patience.call_ms = call_ms;
    int rc = serial[0] == '-' ? hrn_device_fail(d, -EINVAL, "adb:%s: that is no serial", serial)
                              : ask_features(d);
    if (rc == 0)
        rc = hrn_remote_probe(d, FOLDER);
    if (rc < 0) {
        snprintf(err, err_bytes, "%s", d->error);
        hrn_device_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

int hrn_adb_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes)
{
    return open_within(argument, hrn_patience_default.call_ms, out, err, err_bytes);
}

/* ---- the list */

static void describe(const struct hrn_device_info *info, char *out, size_t out_bytes)
{
    size_t n = (size_t)snprintf(out, out_bytes, "%s%s%s%s%s", *info->model ? info->model : "phone",
                                *info->soc ? ", " : "", info->soc, *info->os ? ", " : "", info->os);
    if (info->evidence != HRN_MEASURED && n < out_bytes)
        snprintf(out + n, out_bytes - n, " (emulated)");
}

static void describe_core(const struct hrn_core_kind *core, char *out, size_t out_bytes)
{
    char cpus[64];
    hrn_core_cpus(core, cpus, sizeof cpus);
    size_t n = (size_t)snprintf(out, out_bytes, "%d x %s, CPU %s", core->count,
                                *core->name ? core->name : "unknown core", cpus);
    if (core->max_khz > 0 && n < out_bytes)
        snprintf(out + n, out_bytes - n, ", up to %.2f GHz", core->max_khz / 1e6);
}

/* The last CPU of a kind: interrupts and daemons prefer the first. */
static int last_cpu(const struct hrn_core_kind *core)
{
    int last = 0;
    for (int cpu = 0; cpu < HRN_CPUS_MAX; cpu++)
        if (core->cpus[cpu / 64] >> cpu % 64 & 1)
            last = cpu;
    return last;
}

/* The phone, and each kind of core as a target of its own. */
static void list_phone(const char *serial,
                       void (*found)(const char *key, const char *note, void *user), void *user)
{
    struct hrn_device *d;
    char err[500], note[300], key[80];
    if (open_within(serial, QUICK_MS, &d, err, sizeof err) < 0) {
        snprintf(key, sizeof key, "adb:%.60s", serial);
        found(key, err, user);
        return;
    }
    const struct hrn_device_info *info = hrn_device_info(d);
    describe(info, note, sizeof note);
    found(info->key, note, user);
    for (size_t i = 0; info->core_count > 1 && i < info->core_count; i++) {
        snprintf(key, sizeof key, "%s/cpu%d", info->key, last_cpu(&info->cores[i]));
        describe_core(&info->cores[i], note, sizeof note);
        found(key, note, user);
    }
    hrn_device_close(d);
}

/* Lines "SERIAL<tab>STATE" behind a heading, and what the server says of itself. */
void hrn_adb_list(void (*found)(const char *key, const char *note, void *user), void *user)
{
    const char *const argv[] = { "adb", "devices", NULL };
    char said[8192], key[80], *rest = NULL;
    if (hrn_collect(argv, QUICK_MS, said, sizeof said) != 0)
        return;
    for (char *line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *state = strchr(line, '\t');
        if (line[0] == '*' || !state)
            continue;
        *state++ = '\0';
        const struct trouble *t = trouble_of(state);
        snprintf(key, sizeof key, "adb:%.60s", line);
        if (strcmp(state, "device") == 0) {
            list_phone(line, found, user);
        } else {
            char note[300];
            snprintf(note, sizeof note, "%s%s%s", t ? t->fact : state, t ? "; " : "",
                     t ? t->remedy : "");
            found(key, note, user);
        }
    }
}
