/* The table of kinds, and the way from a key to a device. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/device/device_int.h"

const struct hrn_device_kind hrn_device_kinds[] = {
    { "local", "", "this machine", hrn_local_list, hrn_local_open },
    { "adb", "SERIAL",
      "an Android phone, as 'adb devices' names it; SERIAL/cpuN: a kind of its cores", hrn_adb_list,
      hrn_adb_open },
    { "ssh", "HOST", "a machine with an SSH server: user@host, host:port, or a name of ssh_config",
      hrn_ssh_list, hrn_ssh_open },
    { "qemu", "CPU", "an AArch64 CPU in QEMU's user-mode emulation: correctness, never a time",
      hrn_qemu_list, hrn_qemu_open },
    { "vm", "NAME", "a virtual ARM machine that 'quern vm' started: correctness and exact counts",
      hrn_vm_list, hrn_vm_open },
    { "trap", "LEVEL", "this machine, an x86 ISA level that it lacks in software: never a time",
      hrn_trap_list, hrn_trap_open },
    { "model", "CORE", "a static model of an ARM core: predicted cycles, nothing is run",
      hrn_model_list, hrn_model_open },
};
const size_t hrn_device_kind_count = sizeof hrn_device_kinds / sizeof *hrn_device_kinds;

const struct hrn_patience hrn_patience_default = { .call_ms = 20000,
                                                   .silence_ms = 10000,
                                                   .await_ms = 300000 };

static void list_kinds(char *err, size_t err_bytes)
{
    for (size_t i = 0; i < hrn_device_kind_count; i++) {
        size_t used = strlen(err);
        snprintf(err + used, err_bytes - used, "%s%s%s%s", i ? ", " : " ", hrn_device_kinds[i].name,
                 *hrn_device_kinds[i].argument ? ":" : "", hrn_device_kinds[i].argument);
    }
}

static int open_kind(const char *key, struct hrn_device **out, char *err, size_t err_bytes)
{
    size_t length = strcspn(key, ":");
    const char *argument = key[length] ? key + length + 1 : "";
    for (size_t i = 0; i < hrn_device_kind_count; i++) {
        const struct hrn_device_kind *kind = &hrn_device_kinds[i];
        if (strlen(kind->name) != length || strncmp(kind->name, key, length))
            continue;
        if (!*kind->argument != !*argument) {
            snprintf(err, err_bytes, "device '%s': the form is %s%s%s", key, kind->name,
                     *kind->argument ? ":" : "", kind->argument);
            return -EINVAL;
        }
        return kind->open(argument, out, err, err_bytes);
    }
    snprintf(err, err_bytes, "no device kind is called '%.*s'; there are:", (int)length, key);
    list_kinds(err, err_bytes);
    return -ENODEV;
}

/* ---- "/cpuN" */

/* N of a key that ends in "/cpuN", and the length of what stands before it; -1 = there is none. */
static int key_cpu(const char *key, size_t *length)
{
    const char *slash = strrchr(key, '/');
    char *end;
    *length = strlen(key);
    if (!slash || strncmp(slash, "/cpu", 4) || slash[4] < '0' || slash[4] > '9')
        return -1;
    long cpu = strtol(slash + 4, &end, 10);
    if (*end || cpu > 4095)
        return -1;
    *length = (size_t)(slash - key);
    return (int)cpu;
}

static int choose_cpu(struct hrn_device *d, int cpu, char *err, size_t err_bytes)
{
    struct hrn_device_info *info = &d->info;
    int kind = hrn_core_of_cpu(info, cpu);
    if (kind < 0) {
        snprintf(err, err_bytes, "%s: %s", info->key,
                 info->core_count
                     ? "it has no such CPU; 'quern devices' lists its cores"
                     : "its cores are not told apart; leave '/cpuN' out, and see --cpu");
        return -EINVAL;
    }
    size_t used = strlen(info->key);
    snprintf(info->key + used, sizeof info->key - used, "/cpu%d", cpu);
    info->cpu_index = cpu;
    const struct hrn_core_kind *core = &info->cores[kind];
    if (core->midr) {
        snprintf(info->cpu, sizeof info->cpu, "%s", core->name);
        snprintf(info->midr, sizeof info->midr, "0x%08x", core->midr);
    }
    return 0;
}

int hrn_device_open(const char *key, struct hrn_device **out, char *err, size_t err_bytes)
{
    char plain[sizeof(*out)->info.key];
    size_t length;
    int cpu = key_cpu(key, &length);
    *out = NULL;
    if (strlen(key) >= sizeof plain) {
        snprintf(err, err_bytes, "the device key '%.60s...' is too long", key);
        return -ENAMETOOLONG;
    }
    snprintf(plain, sizeof plain, "%.*s", (int)length, key);
    int rc = open_kind(plain, out, err, err_bytes);
    if (rc == 0 && cpu >= 0)
        rc = choose_cpu(*out, cpu, err, err_bytes);
    if (rc < 0) {
        hrn_device_close(*out);
        *out = NULL;
    }
    return rc;
}

int hrn_device_open_cpu(const char *key, int cpu, struct hrn_device **out, char *err,
                        size_t err_bytes)
{
    size_t length;
    int named = key_cpu(key, &length), rc = hrn_device_open(key, out, err, err_bytes);
    if (rc == 0 && named < 0 && cpu >= 0 && (*out)->info.core_count > 1)
        rc = choose_cpu(*out, cpu, err, err_bytes);
    else if (rc == 0 && named >= 0 && cpu >= 0 && cpu != named) {
        snprintf(err, err_bytes, "%s is CPU %d, and --cpu says %d; leave one of them out", key,
                 named, cpu);
        rc = -EINVAL;
    }
    if (rc < 0) {
        hrn_device_close(*out);
        *out = NULL;
    }
    return rc;
}

/* ---- what every kind has */

struct hrn_device *hrn_device_new(const char *kind, const char *argument)
{
    struct hrn_device *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->calls = &hrn_host_calls;
    d->patience = hrn_patience_default;
    snprintf(d->info.key, sizeof d->info.key, "%s%s%s", kind, *argument ? ":" : "", argument);
    return d;
}

void hrn_device_close(struct hrn_device *d)
{
    if (d)
        d->calls->close(d);
    free(d);
}

int hrn_device_fail(struct hrn_device *d, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(d->error, sizeof d->error, format, arguments);
    va_end(arguments);
    return code;
}

void hrn_device_note(struct hrn_device *d, const char *format, ...)
{
    char text[sizeof d->error + 100];
    va_list arguments;
    if (!d->patience.note)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    d->patience.note(text, d->patience.user);
}

const struct hrn_device_info *hrn_device_info(const struct hrn_device *d)
{
    return &d->info;
}

const char *hrn_device_error(const struct hrn_device *d)
{
    return d->error;
}

void hrn_device_set_patience(struct hrn_device *d, const struct hrn_patience *patience)
{
    d->patience = *patience;
}

const struct hrn_patience *hrn_device_patience(const struct hrn_device *d)
{
    return &d->patience;
}

struct hrn_traffic hrn_device_traffic(const struct hrn_device *d)
{
    return d->traffic;
}

int hrn_device_push(struct hrn_device *d, const char *host_path, char *device_path, size_t bytes)
{
    return d->calls->push(d, host_path, device_path, bytes);
}

int hrn_device_pull(struct hrn_device *d, const char *device_path, const char *host_path)
{
    return d->calls->pull(d, device_path, host_path);
}

int hrn_device_start(struct hrn_device *d, const char *const argv[], struct hrn_process *out)
{
    *out = (struct hrn_process) { .stdin_fd = -1, .stdout_fd = -1 };
    return d->calls->start(d, argv, out);
}

int hrn_device_finish(struct hrn_device *d, struct hrn_process *process, int timeout_ms,
                      int *status)
{
    return d->calls->finish(d, process, timeout_ms, status);
}

int hrn_device_check(struct hrn_device *d)
{
    return d->calls->check(d);
}

int hrn_device_await(struct hrn_device *d)
{
    return d->calls->await(d);
}

int hrn_device_shell(struct hrn_device *d, const char *command, char *out, size_t out_bytes,
                     int *exit_code)
{
    return d->calls->shell(d, command, out, out_bytes, exit_code);
}
