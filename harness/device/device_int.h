/* What the kinds of devices share. A kind fills a struct hrn_device; devices.c calls through it. */
#ifndef QUERN_HARNESS_DEVICE_INT_H
#define QUERN_HARNESS_DEVICE_INT_H

#include "harness/device/device.h"

#define HRN_PREFIX_MAX 8

/* The calls of a family of kinds: host.c (programs of this machine), remote.c (a shell). */
struct hrn_device_calls {
    int (*push)(struct hrn_device *d, const char *host_path, char *device_path, size_t bytes);
    int (*pull)(struct hrn_device *d, const char *device_path, const char *host_path);
    int (*start)(struct hrn_device *d, const char *const argv[], struct hrn_process *out);
    int (*finish)(struct hrn_device *d, struct hrn_process *process, int timeout_ms, int *status);
    int (*check)(struct hrn_device *d);
    int (*await)(struct hrn_device *d);
    int (*shell)(struct hrn_device *d, const char *command, char *out, size_t out_bytes,
                 int *exit_code);
    void (*close)(struct hrn_device *d); /* frees what the kind added, not the device */
};
extern const struct hrn_device_calls hrn_host_calls, hrn_remote_calls;

struct hrn_remote; /* remote_int.h */

struct hrn_device {
    const struct hrn_device_calls *calls;
    struct hrn_device_info info;
    struct hrn_patience patience;
    struct hrn_traffic traffic;
    char error[400];
    /* Programs of the host that stand before the pushed one: an emulator and its options. */
    char prefix[HRN_PREFIX_MAX][256];
    size_t prefix_count;
    /* Options for the pushed program, after its own. */
    char option[HRN_PREFIX_MAX][32];
    size_t option_count;
    struct hrn_remote *remote; /* of hrn_remote_calls */
};

/* Zeroed, with its key, as a program of this machine; NULL without memory. */
struct hrn_device *hrn_device_new(const char *kind, const char *argument);
/* Sets the device's sentence. Returns `code`. */
__attribute__((format(printf, 3, 4))) int hrn_device_fail(struct hrn_device *d, int code,
                                                          const char *format, ...);
/* The caller's sentence about something that takes time. */
__attribute__((format(printf, 2, 3))) void hrn_device_note(struct hrn_device *d, const char *format,
                                                           ...);

/* Fills kernel and os of a device that is this very machine, or runs on its kernel. */
void hrn_device_host_info(struct hrn_device_info *info);

/* Marketing name of an AArch64 core by its MIDR; "" unknown. */
const char *hrn_core_name(uint32_t midr);

/* The family, model and stepping of an x86 CPU, as info.midr has them. */
void hrn_x86_identity(struct hrn_device_info *info, const char *family, const char *model,
                      const char *stepping);

void hrn_adb_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_adb_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
void hrn_model_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_model_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
void hrn_local_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_local_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
void hrn_qemu_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_qemu_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
void hrn_ssh_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_ssh_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
void hrn_trap_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_trap_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);

void hrn_vm_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_vm_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
struct hrn_device *
hrn_vm_device(const char *name); /* not yet asked anything; NULL without memory */

/* What an emulated CPU says of itself. */
struct hrn_qemu_cpu {
    uint64_t hwcap, hwcap2;
    uint32_t midr;
};
/* Runs a tiny program on it. 0; -ENOENT (no such emulator); -EINVAL with the emulator's complaint.
 */
int hrn_qemu_probe(const char *emulator, const char *cpu, struct hrn_qemu_cpu *out, char *complaint,
                   size_t complaint_bytes);

#endif
