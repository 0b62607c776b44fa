/* Whatever runs variants. One interface, one file per kind; devices.c has the table of kinds.
 *
 * A device is named KIND[:ARGUMENT]: "local", "qemu:cortex-a76". Usual order:
 *     hrn_device_open() -> hrn_device_info() -> hrn_device_push() -> hrn_device_start() -> close
 * Calls return 0 or a negative errno; hrn_device_error() has the sentence. */
#ifndef QUERN_HARNESS_DEVICE_H
#define QUERN_HARNESS_DEVICE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/record.h"

struct hrn_device;

/* What is known of the device and of the core that is measured. Strings may be empty, never NULL.
 */
struct hrn_device_info {
    char key[64];    /* as opened: "local", "qemu:cortex-a76" */
    char arch[16];   /* uname -m: "x86_64", "aarch64" */
    char cpu[96];    /* name of the core: "AMD EPYC", "Cortex-A76" */
    char midr[24];   /* AArch64 MIDR "0x414fd0b1", x86 "family-model-stepping" */
    char kernel[96]; /* uname -r */
    char os[64];
    uint32_t isas;     /* 1u << enum krn_isa, what code may use there */
    int32_t cpu_index; /* the CPU that the runner pins itself to */
    enum hrn_evidence
        evidence; /* of what it times: HRN_MEASURED, or HRN_EMULATED = no times at all */
    int counts;   /* counts executed instructions (hrn_session_count()) */
};

/* Opens by key. On failure *out is NULL and err has what happened and the remedy. */
int hrn_device_open(const char *key, struct hrn_device **out, char *err, size_t err_bytes);
void hrn_device_close(struct hrn_device *device); /* accepts NULL */
const struct hrn_device_info *hrn_device_info(const struct hrn_device *device);
const char *hrn_device_error(const struct hrn_device *device); /* borrowed until the next call */

/* Copies a host file onto the device, executable; writes the name that it has there. */
int hrn_device_push(struct hrn_device *device, const char *host_path, char *device_path,
                    size_t device_path_bytes);

/* Starts a pushed program: pipes to its standard input, from its standard output. Standard error
 * goes to the caller's. `argv` ends with NULL and starts with the device path. */
struct hrn_process {
    pid_t pid;
    int stdin_fd, stdout_fd;
};
int hrn_device_start(struct hrn_device *device, const char *const argv[], struct hrn_process *out);
/* Closes the pipes, waits at most timeout_ms, then kills. *status is as waitpid() gives it. */
int hrn_device_finish(struct hrn_device *device, struct hrn_process *process, int timeout_ms,
                      int *status);

/* Kinds, for `quern devices` and the help. `list` calls back with each key that can be opened now.
 */
struct hrn_device_kind {
    const char *name;     /* "qemu" */
    const char *argument; /* "CPU", or "" */
    const char *meaning;
    void (*list)(void (*found)(const char *key, const char *note, void *user), void *user);
    int (*open)(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
};
extern const struct hrn_device_kind hrn_device_kinds[];
extern const size_t hrn_device_kind_count;

#endif
