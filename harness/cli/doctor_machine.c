/* Probes of the machine: which CPU, and what else disturbs a time that is taken on it. */
#include "harness/cli/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/cli/capture.h"
#include "kernels/cpu.h"

void doctor_device(struct doctor *doctor, struct doctor_finding *out)
{
    const struct hrn_device_info *info = doctor->device;
    if (!info) {
        out->status = DOCTOR_MISSING;
        DOCTOR_SAY(out->fact, "%s cannot be opened", doctor->device_key);
        DOCTOR_SAY(out->consequence, "%s", doctor->device_error);
        DOCTOR_SAY(out->remedy, "quern devices");
        return;
    }
    DOCTOR_SAY(out->fact, "%s: %s, %s, %s", info->key, info->cpu[0] ? info->cpu : "unknown core",
               info->arch, info->midr);
    if (info->evidence != HRN_MEASURED)
        DOCTOR_SAY(out->consequence, "variants are proved here, never timed");
}

void doctor_isas(struct doctor *doctor, struct doctor_finding *out)
{
    uint32_t isas = doctor->device ? doctor->device->isas : krn_cpu_isas();
    size_t at = 0;
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        if (isas & 1u << isa)
            at += (size_t)snprintf(out->fact + at, sizeof(out->fact) - at, "%s%s", at ? ", " : "",
                                   krn_isas[isa].name);
    if (isas != 1u << KRN_ISA_C)
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->consequence, "only portable C runs here; every vector level is refused");
}

void doctor_kernel(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    struct utsname name;
    if (uname(&name) == 0)
        DOCTOR_SAY(out->fact, "%s %s, %s, %ld CPUs online", name.sysname, name.release,
                   name.machine, sysconf(_SC_NPROCESSORS_ONLN));
}

/* "L1d 32K, L1i 32K, L2 512K" of CPU 0; the length, 0 where the kernel does not say. */
static size_t list_caches(char *out, size_t bytes)
{
    size_t length = 0;
    for (int i = 0; i < 8 && length < bytes; i++) {
        char path[128], level[8], type[16], size[16];
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
        if (cli_file_line(path, level, sizeof(level)))
            break;
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%d/type", i);
        cli_file_line(path, type, sizeof(type));
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        if (cli_file_line(path, size, sizeof(size)))
            continue;
        const char *letter = type[0] == 'D' ? "d" : type[0] == 'I' ? "i" : "";
        length += (size_t)snprintf(out + length, bytes - length, "%sL%s%s %s", length ? ", " : "",
                                   level, letter, size);
    }
    return length;
}

void doctor_caches(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    if (list_caches(out->fact, sizeof(out->fact)))
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "the kernel does not say");
    DOCTOR_SAY(out->consequence, "a report cannot relate a working set to the caches");
}

/* Whether a line of /proc/cpuinfo lists the flag `hypervisor` (x86), or another trace is there. */
static int is_virtual(char *trace, size_t bytes)
{
    static const char *const files[] = { "/sys/hypervisor/type",
                                         "/proc/device-tree/hypervisor/compatible" };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (cli_file_line(files[i], trace, bytes) == 0)
            return 1;
    FILE *in = fopen("/proc/cpuinfo", "r");
    char *line = NULL;
    size_t capacity = 0;
    int found = 0;
    while (in && !found && getline(&line, &capacity, in) > 0)
        found = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor") != NULL;
    if (in)
        fclose(in);
    free(line);
    snprintf(trace, bytes, "CPUID hypervisor bit");
    return found;
}

/* Share of all CPU time since boot that the host gave to others, or -1. */
static double stolen_share(void)
{
    char line[256];
    double total = 0, stolen = -1;
    if (cli_file_line("/proc/stat", line, sizeof(line)) || strncmp(line, "cpu ", 4) != 0)
        return -1;
    char *at = line + 4;
    for (int field = 0; field < 8; field++) { /* user nice system idle iowait irq softirq steal */
        char *end;
        double value = strtod(at, &end);
        if (end == at)
            return -1;
        total += value;
        stolen = field == 7 ? value : -1;
        at = end;
    }
    return total > 0 ? stolen / total : -1;
}

void doctor_virtual(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    char trace[128];
    if (!is_virtual(trace, sizeof(trace))) {
        DOCTOR_SAY(out->fact, "no trace of a virtual machine");
        return;
    }
    double stolen = stolen_share();
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "a virtual machine (%s)", trace);
    if (stolen >= 0)
        DOCTOR_SAY(out->fact,
                   "a virtual machine (%s); the host kept %.2f %% of its CPU time since "
                   "boot for others",
                   trace, 100 * stolen);
    DOCTOR_SAY(out->consequence, "neighbours disturb the times; intervals get wider, and small "
                                 "differences stay undecided");
}

void doctor_load(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    double load[1];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(load, 1) != 1) {
        DOCTOR_SAY(out->fact, "the kernel does not say");
        return;
    }
    DOCTOR_SAY(out->fact, "%.2f over the last minute, on %ld CPUs", load[0], cpus);
    if (load[0] < 0.3)
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->consequence, "other work shares caches, memory and perhaps the core");
    DOCTOR_SAY(out->remedy, "top -o %%CPU");
}

void doctor_smt(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    long long active = 0;
    if (cli_file_integer("/sys/devices/system/cpu/smt/active", &active) || !active) {
        DOCTOR_SAY(out->fact, "one thread per core");
        return;
    }
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "two threads share a core");
    DOCTOR_SAY(out->consequence, "work on the neighbour thread takes issue slots from a kernel");
    DOCTOR_SAY(out->remedy, "echo off | sudo tee /sys/devices/system/cpu/smt/control");
}
