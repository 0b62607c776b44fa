/* qemu:CPU: user-mode emulation of an AArch64 CPU. Proves and counts; has no times. */
#include "harness/device/device_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/cpu.h"

/* Worth showing in a list; any CPU that the emulator takes can be opened, properties and all
 * ("max,sve=off"). */
static const struct {
    const char *cpu, *note;
} shown[] = {
    { "cortex-a53", "emulated; Armv8.0, in order" },
    { "cortex-a72", "emulated; Armv8.0" },
    { "cortex-a76", "emulated; dot product" },
    { "neoverse-n1", "emulated; dot product" },
    { "max,sve=off", "emulated; dot product and i8mm, without SVE" },
    { "max", "emulated; all that QEMU has" },
};

static const char *const emulators[] = { "qemu-aarch64", "qemu-aarch64-static" };

/* Bits of the Linux ABI (arch/arm64 hwcap.h). */
static const struct {
    enum krn_isa isa;
    int word, bit; /* word 0: AT_HWCAP, 1: AT_HWCAP2 */
} levels[] = {
    { KRN_ISA_NEON, 0, 1 },     /* ASIMD */
    { KRN_ISA_DOTPROD, 0, 20 }, /* ASIMDDP */
    { KRN_ISA_I8MM, 1, 13 },    /* I8MM */
};

/* The plugin that counts instructions: of this build, or installed. */
static const char *const plugins[] = { QUERN_PLUGIN_BUILT, QUERN_PLUGIN_INSTALLED };

/* The first emulator that is installed, and what it makes of the CPU. */
static int probe(const char *cpu, const char **emulator, struct hrn_qemu_cpu *out, char *complaint,
                 size_t complaint_bytes)
{
    int error = -ENOENT;
    for (size_t i = 0; i < sizeof emulators / sizeof *emulators && error == -ENOENT; i++) {
        *emulator = emulators[i];
        error = hrn_qemu_probe(emulators[i], cpu, out, complaint, complaint_bytes);
    }
    return error;
}

static void explain(int error, const char *cpu, const char *emulator, const char *complaint,
                    char *err, size_t err_bytes)
{
    if (error == -ENOENT)
        snprintf(err, err_bytes,
                 "qemu:%s: qemu-aarch64 is not installed; apt-get install qemu-user", cpu);
    else
        snprintf(err, err_bytes, "qemu:%s: %s; `%s -cpu help` lists the CPUs that it can emulate",
                 cpu, *complaint ? complaint : "the emulator gave no answer", emulator);
}

static uint32_t isas_of(const struct hrn_qemu_cpu *cpu)
{
    const uint64_t words[] = { cpu->hwcap, cpu->hwcap2 };
    uint32_t isas = 1u << KRN_ISA_C;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        isas |= (uint32_t)(words[levels[i].word] >> levels[i].bit & 1) << levels[i].isa;
    return isas;
}

static void add_prefix(struct hrn_device *device, const char *word)
{
    snprintf(device->prefix[device->prefix_count++], sizeof device->prefix[0], "%s", word);
}

/* The static emulator takes no plugins. */
static void add_plugin(struct hrn_device *device, const char *emulator)
{
    const size_t room = sizeof device->prefix[0];
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins && emulator == emulators[0]; i++)
        if (strlen(plugins[i]) < room && access(plugins[i], R_OK) == 0) {
            add_prefix(device, "-plugin");
            add_prefix(device, plugins[i]);
            device->info.counts = 1;
            return;
        }
}

int hrn_qemu_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes)
{
    struct hrn_device *device = NULL;
    struct hrn_qemu_cpu cpu;
    const char *emulator;
    char complaint[200];
    int error = probe(argument, &emulator, &cpu, complaint, sizeof complaint);
    *out = NULL;
    if (error < 0) {
        explain(error, argument, emulator, complaint, err, err_bytes);
        return error;
    }
    device = hrn_device_new("qemu", argument);
    if (!device) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    struct hrn_device_info *info = &device->info;
    add_prefix(device, emulator);
    add_prefix(device, "-cpu");
    add_prefix(device, argument);
    add_plugin(device, emulator);
    hrn_device_host_info(info);
    snprintf(info->arch, sizeof info->arch, "aarch64");
    snprintf(info->midr, sizeof info->midr, "0x%08x", cpu.midr);
    const char *name = hrn_core_name(cpu.midr);
    snprintf(info->cpu, sizeof info->cpu, "%.80s (emulated)", *name ? name : argument);
    info->isas = isas_of(&cpu);
    info->cpu_index = -1;
    info->evidence = HRN_EMULATED;
    *out = device;
    return 0;
}

void hrn_qemu_list(void (*found)(const char *key, const char *note, void *user), void *user)
{
    struct hrn_qemu_cpu cpu;
    const char *emulator;
    char complaint[200], key[64];
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        if (probe(shown[i].cpu, &emulator, &cpu, complaint, sizeof complaint) < 0)
            continue;
        snprintf(key, sizeof key, "qemu:%s", shown[i].cpu);
        found(key, shown[i].note, user);
    }
}
