/* local: this machine. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "harness/device/device_int.h"
#include "kernels/cpu.h"

/* The value of the first "key : value" line of /proc/cpuinfo with this key; "" if there is none. */
static void cpuinfo(const char *key, char *out, size_t out_bytes)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    out[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) || !colon)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(out, out_bytes, "%s", colon);
        break;
    }
    if (file)
        fclose(file);
}

void hrn_x86_identity(struct hrn_device_info *info, const char *family, const char *model,
                      const char *stepping)
{
    snprintf(info->midr, sizeof info->midr, "%.6s-%.6s-%.6s", family, model, stepping);
}

static void x86_identity(struct hrn_device_info *info)
{
    char family[16], model[16], stepping[16];
    cpuinfo("model name", info->cpu, sizeof info->cpu);
    cpuinfo("cpu family", family, sizeof family);
    cpuinfo("model\t", model, sizeof model);
    cpuinfo("stepping", stepping, sizeof stepping);
    hrn_x86_identity(info, family, model, stepping);
}

static void arm_identity(struct hrn_device_info *info)
{
    char path[96], text[32] = "";
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/regs/identification/midr_el1",
             info->cpu_index);
    FILE *file = fopen(path, "re");
    uint32_t midr = file && fgets(text, sizeof text, file) ? (uint32_t)strtoul(text, NULL, 16) : 0;
    if (file)
        fclose(file);
    snprintf(info->midr, sizeof info->midr, "0x%08x", midr);
    snprintf(info->cpu, sizeof info->cpu, "%s", hrn_core_name(midr));
}

#if defined __aarch64__

/* Whether an AArch64 program runs on an x86 machine: QEMU's user mode, as containers of a foreign
 * architecture do. Newer ones invent a /proc/cpuinfo, but none a clock. */
static int is_foreign(void)
{
    static const char *const clocks[] = { "tsc", "kvm-clock", "hpet", "acpi_pm", "hyperv" };
    char text[64] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    const char *clock = file && fgets(text, sizeof text, file) ? text : "";
    int found = 0;
    if (file)
        fclose(file);
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
        found |= strncmp(clock, clocks[i], strlen(clocks[i])) == 0;
    cpuinfo("flags", text, sizeof text);
    return found || text[0];
}

#endif

enum hrn_evidence hrn_local_evidence(void)
{
#if defined __aarch64__
    return is_foreign() ? HRN_EMULATED : HRN_MEASURED;
#else
    return HRN_MEASURED;
#endif
}

/* The last CPU that we may use: interrupts and daemons prefer the first. */
static int usable_cpu(void)
{
    cpu_set_t set;
    int last = -1;
    if (!sched_getaffinity(0, sizeof set, &set))
        for (int i = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET((size_t)i, &set))
                last = i;
    return last;
}

int hrn_local_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes)
{
    struct hrn_device *device = hrn_device_new("local", argument);
    struct utsname name;
    if (!device || uname(&name)) {
        snprintf(err, err_bytes, "local: %s", strerror(errno));
        free(device);
        return -ENOMEM;
    }
    struct hrn_device_info *info = &device->info;
    snprintf(info->arch, sizeof info->arch, "%.15s", name.machine);
    info->cpu_index = usable_cpu();
    info->isas = krn_cpu_isas();
    info->evidence = hrn_local_evidence();
    hrn_device_host_info(info);
    if (!strcmp(info->arch, "aarch64"))
        arm_identity(info);
    else
        x86_identity(info);
    *out = device;
    return 0;
}

void hrn_local_list(void (*found)(const char *key, const char *note, void *user), void *user)
{
    struct hrn_device *device;
    char err[200];
    if (hrn_local_open("", &device, err, sizeof err))
        return;
    found("local", device->info.cpu, user);
    hrn_device_close(device);
}
