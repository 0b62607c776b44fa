/* What the kinds of devices share. A kind fills a struct hrn_device; devices.c calls through it. */
#ifndef QUERN_HARNESS_DEVICE_INT_H
#define QUERN_HARNESS_DEVICE_INT_H

#include "harness/device/device.h"

#define HRN_PREFIX_MAX 8

struct hrn_device {
    struct hrn_device_info info;
    char error[400];
    /* Programs of the host that stand before the pushed one: an emulator and its options. */
    char prefix[HRN_PREFIX_MAX][256];
    size_t prefix_count;
    /* Options for the pushed program, after its own. */
    char option[HRN_PREFIX_MAX][32];
    size_t option_count;
};

/* Zeroed, with its key; NULL without memory. */
struct hrn_device *hrn_device_new(const char *kind, const char *argument);

/* Fills kernel and os of a device that is this very machine, or runs on its kernel. */
void hrn_device_host_info(struct hrn_device_info *info);

/* Marketing name of an AArch64 core by its MIDR; "" unknown. */
const char *hrn_core_name(uint32_t midr);

void hrn_local_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_local_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
void hrn_qemu_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_qemu_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);
void hrn_trap_list(void (*found)(const char *key, const char *note, void *user), void *user);
int hrn_trap_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes);

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
