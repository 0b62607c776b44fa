/* qemu:CPU: user-mode emulation of an AArch64 CPU. Proves; has no times. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/device/device_int.h"
#include "kernels/cpu.h"

#define V8 (1u << KRN_ISA_C | 1u << KRN_ISA_NEON)

/* CPU models of QEMU's aarch64 user mode, what they can, and their MIDR. A model that is not here
 * is taken with every level: the emulated CPU itself says then which it has. */
static const struct {
    const char *model;
    uint32_t isas;
    uint32_t midr;
} models[] = {
    { "cortex-a35", V8, 0x410fd042 },
    { "cortex-a53", V8, 0x410fd034 },
    { "cortex-a57", V8, 0x411fd070 },
    { "cortex-a72", V8, 0x410fd083 },
    { "a64fx", V8, 0x461f0010 },
    { "cortex-a76", V8 | 1u << KRN_ISA_DOTPROD, 0x414fd0b1 },
    { "neoverse-n1", V8 | 1u << KRN_ISA_DOTPROD, 0x414fd0c1 },
    { "max", V8 | 1u << KRN_ISA_DOTPROD | 1u << KRN_ISA_I8MM, 0 },
};

static const char *const programs[] = { "qemu-aarch64", "qemu-aarch64-static" };

static int in_path(const char *program, char *found, size_t found_bytes)
{
    const char *path = getenv("PATH"); /* as posix_spawnp() would */
    while (path && *path) {
        size_t length = strcspn(path, ":");
        snprintf(found, found_bytes, "%.*s/%s", (int)length, path, program);
        if (!access(found, X_OK))
            return 1;
        path += length + (path[length] == ':');
    }
    return 0;
}

static int find_program(char *found, size_t found_bytes)
{
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (in_path(programs[i], found, found_bytes))
            return 0;
    return -ENOENT;
}

int hrn_qemu_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes)
{
    struct hrn_device *device = hrn_device_new("qemu", argument);
    if (!device || find_program(device->prefix[0], sizeof device->prefix[0])) {
        snprintf(err, err_bytes,
                 device ? "qemu:%s: qemu-aarch64 is not installed; apt-get install "
                          "qemu-user"
                        : "out of memory%s",
                 device ? argument : "");
        free(device);
        return -ENOENT;
    }
    struct hrn_device_info *info = &device->info;
    snprintf(device->prefix[1], sizeof device->prefix[1], "-cpu");
    snprintf(device->prefix[2], sizeof device->prefix[2], "%s", argument);
    device->prefix_count = 3;
    snprintf(info->arch, sizeof info->arch, "aarch64");
    snprintf(info->cpu, sizeof info->cpu, "%s (emulated)", argument);
    hrn_device_host_info(info);
    info->cpu_index = -1;
    info->evidence = HRN_EMULATED;
    info->isas = models[sizeof models / sizeof *models - 1].isas;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (strncmp(argument, models[i].model, strcspn(argument, ",")) ||
            strlen(models[i].model) != strcspn(argument, ","))
            continue;
        info->isas = models[i].isas;
        if (models[i].midr) {
            snprintf(info->midr, sizeof info->midr, "0x%08x", models[i].midr);
            snprintf(info->cpu, sizeof info->cpu, "%s (emulated)", hrn_core_name(models[i].midr));
        }
    }
    *out = device;
    return 0;
}

void hrn_qemu_list(void (*found)(const char *key, const char *note, void *user), void *user)
{
    char program[160], key[64], note[96];
    if (find_program(program, sizeof program))
        return;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        snprintf(key, sizeof key, "qemu:%s", models[i].model);
        snprintf(note, sizeof note, "%s, emulated", hrn_core_name(models[i].midr));
        found(key, models[i].midr ? note : "every level, emulated", user);
    }
}
