/* Whatever runs variants. One interface, one file per kind; devices.c has the table of kinds.
 *
 * A device is named KIND[:ARGUMENT]: "local", "qemu:cortex-a76". Usual order:
 *     hrn_device_open() -> hrn_device_info() -> hrn_device_push() -> hrn_device_start() -> close
 * "/cpuN" behind a key chooses the core: the target is then that kind of core.
 * Calls return 0 or a negative errno; hrn_device_error() has the sentence. */
#ifndef QUERN_HARNESS_DEVICE_H
#define QUERN_HARNESS_DEVICE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/record.h"

struct hrn_device;

/* One kind of core of a device: a target of its own. */
#define HRN_CORE_KINDS_MAX 8
#define HRN_CPUS_MAX 512
struct hrn_core_kind {
    char name[48]; /* "Cortex-A55"; "" unknown */
    uint32_t midr; /* 0 unknown */
    int32_t count;
    uint64_t cpus[HRN_CPUS_MAX / 64]; /* bit set */
    int32_t capacity; /* the kernel's, relative to 1024 for the strongest; 0 unknown */
    int32_t max_khz;  /* 0 unknown */
};

/* What is known of the device and of the core that is measured. Strings may be empty, never NULL.
 */
struct hrn_device_info {
    char key[64];    /* as opened: "local", "qemu:cortex-a76", "adb:SERIAL/cpu4" */
    char arch[16];   /* uname -m: "x86_64", "aarch64" */
    char cpu[96];    /* name of the core: "AMD EPYC", "Cortex-A76" */
    char midr[24];   /* AArch64 MIDR "0x414fd0b1", x86 "family-model-stepping" */
    char kernel[96]; /* uname -r */
    char os[64];
    uint32_t isas;     /* 1u << enum krn_isa, what code may use there */
    int32_t cpu_index; /* the CPU that the runner pins itself to */
    enum hrn_evidence
        evidence;            /* of what it times: HRN_MEASURED, or HRN_EMULATED = no times at all */
    int counts;              /* counts executed instructions (hrn_session_count()) */
    char model[64], soc[64]; /* of a phone */
    /* Kinds of core, the strongest last; empty where the device was not asked. */
    struct hrn_core_kind cores[HRN_CORE_KINDS_MAX];
    size_t core_count;
};
/* The core that kernels are chosen for (variants/cores.h), or NULL where there is no table of it.
 */
struct var_core;
const struct var_core *hrn_device_core(const struct hrn_device_info *info);
/* Index in info->cores of the kind that the CPU is of, or -1. */
int hrn_core_of_cpu(const struct hrn_device_info *info, int cpu);
/* The CPUs of a kind as the kernel writes lists: "0-3,6". */
void hrn_core_cpus(const struct hrn_core_kind *core, char *out, size_t out_bytes);

/* What a time that this process takes is: emulated where it is an AArch64 program on an x86 host,
 * in a container of a foreign architecture, say. */
enum hrn_evidence hrn_local_evidence(void);

/* Opens by key. On failure *out is NULL and err has what happened and the remedy. */
int hrn_device_open(const char *key, struct hrn_device **out, char *err, size_t err_bytes);
/* The same, of the kind of core that has this CPU, where the device has several: what is pinned to
 * CPU 0 of a phone is not its big core's. -1 = as the key says. -EINVAL: the key names another. */
int hrn_device_open_cpu(const char *key, int cpu, struct hrn_device **out, char *err,
                        size_t err_bytes);
void hrn_device_close(struct hrn_device *device); /* accepts NULL */
const struct hrn_device_info *hrn_device_info(const struct hrn_device *device);
const char *hrn_device_error(const struct hrn_device *device); /* borrowed until the next call */

/* How long a device may take, and who is told when it is gone. */
struct hrn_patience {
    int call_ms;    /* of each question asked of the device, and of starting and ending programs */
    int silence_ms; /* of a running program, before the device is asked whether it is still there */
    int await_ms;   /* that a device which is gone is waited for */
    const volatile sig_atomic_t *stop;          /* NULL, or: non-zero ends the waiting */
    void (*note)(const char *text, void *user); /* NULL, or: a sentence for people */
    void *user;
};
extern const struct hrn_patience hrn_patience_default;
void hrn_device_set_patience(struct hrn_device *device, const struct hrn_patience *patience);
const struct hrn_patience *hrn_device_patience(const struct hrn_device *device);

/* Copies a host file onto the device, executable; writes the name that it has there. Named by its
 * content and checked by a checksum: what is there already is not sent again. -ENOTCONN (the device
 * is gone), -EIO (it arrived damaged, or the disk is full). */
int hrn_device_push(struct hrn_device *device, const char *host_path, char *device_path,
                    size_t device_path_bytes);
/* Copies a file of the device to the host, whole or not at all. */
int hrn_device_pull(struct hrn_device *device, const char *device_path, const char *host_path);
/* What pushes have cost so far. */
struct hrn_traffic {
    long pushes, known; /* files sent; files that were there already */
    int64_t bytes;
};
struct hrn_traffic hrn_device_traffic(const struct hrn_device *device);

/* Starts a pushed program: pipes to its standard input, from its standard output. Standard error
 * goes to the caller's. `argv` ends with NULL and starts with the device path. What arrives before
 * the program's own output (a greeting, the mark of the beginning) is the caller's to pass over. */
struct hrn_process {
    pid_t pid; /* of the host's end; 0 = there is none */
    int stdin_fd, stdout_fd;
    char nonce[20]; /* of its end mark; "" = the end of its output is its end */
    int ended;      /* the end mark was seen; `exit_code` is valid */
    int exit_code;  /* of the program, as a shell tells it */
};
int hrn_device_start(struct hrn_device *device, const char *const argv[], struct hrn_process *out);
/* To be asked of each line of output that makes no sense otherwise: 1 = it was the end mark. An
 * output that ends without it was cut off: the device is gone, not the program. */
int hrn_process_mark(struct hrn_process *process, const char *line);
/* Closes the pipes, waits at most timeout_ms, then kills. *status is as waitpid() gives it.
 * -ENOTCONN: the device was gone before the program ended. */
int hrn_device_finish(struct hrn_device *device, struct hrn_process *process, int timeout_ms,
                      int *status);

/* 0 if the device answers within its patience; -ENOTCONN or -ETIMEDOUT and the reason. */
int hrn_device_check(struct hrn_device *device);
/* Waits until it answers again, reconnecting, as long as its patience has it. 0; -EINTR after
 * `stop`; -ENOTCONN. */
int hrn_device_await(struct hrn_device *device);
/* Runs a shell command on a device that has a shell: its standard output, at most out_bytes, and
 * its exit code. For questions; text from outside must not be part of `command`. -ENOTSUP on a
 * device that is this machine. */
int hrn_device_shell(struct hrn_device *device, const char *command, char *out, size_t out_bytes,
                     int *exit_code);

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
