/* trap:LEVEL: this x86-64 machine, with an ISA level that it lacks executed in software by the
 * runner (runner/trap_x86.h). Proves; has no times. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/device/device_int.h"
#include "kernels/cpu.h"

/* The levels that the emulator knows; it works on top of AVX2. */
static const enum krn_isa levels[] = { KRN_ISA_AVXVNNI, KRN_ISA_AVX512VNNI };

/* The level named `name` if it can be emulated here, or -errno and why not. */
static int find_level(const char *name, uint32_t host_isas, char *err, size_t err_bytes)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(krn_isas[levels[i]].name, name) != 0)
            continue;
        if (host_isas & 1u << levels[i]) {
            snprintf(err, err_bytes, "trap:%s: this CPU has %s itself: use the device local", name,
                     name);
            return -EINVAL;
        }
        if (!(host_isas & 1u << KRN_ISA_AVX2)) {
            snprintf(err, err_bytes, "trap:%s: needs an x86-64 CPU with AVX2 below it", name);
            return -ENOTSUP;
        }
        return (int)levels[i];
    }
    snprintf(err, err_bytes, "trap:%s: no such level; there are: %s, %s", name,
             krn_isas[levels[0]].name, krn_isas[levels[1]].name);
    return -EINVAL;
}

int hrn_trap_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes)
{
    struct hrn_device *device;
    int rc = hrn_local_open("", &device, err, err_bytes);
    if (rc < 0)
        return rc;
    struct hrn_device_info *info = &device->info;
    int level = find_level(argument, info->isas, err, err_bytes);
    if (level < 0) {
        hrn_device_close(device);
        return level;
    }
    snprintf(info->key, sizeof info->key, "trap:%s", argument);
    snprintf(info->cpu, sizeof info->cpu, "%.60s + %s (emulated)", krn_isas[KRN_ISA_AVX2].name,
             argument);
    info->midr[0] = '\0'; /* it is no such CPU */
    info->cpu_index = -1;
    info->isas |= 1u << level;
    info->evidence = HRN_EMULATED;
    snprintf(device->option[0], sizeof device->option[0], "--trap");
    snprintf(device->option[1], sizeof device->option[1], "%s", argument);
    device->option_count = 2;
    *out = device;
    return 0;
}

void hrn_trap_list(void (*found)(const char *key, const char *note, void *user), void *user)
{
    char err[200], key[64], note[96];
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        const char *name = krn_isas[levels[i]].name;
        if (find_level(name, krn_cpu_isas(), err, sizeof err) < 0)
            continue;
        snprintf(key, sizeof key, "trap:%s", name);
        snprintf(note, sizeof note, "%s on this CPU, emulated", name);
        found(key, note, user);
    }
}
