#include "harness/pmu/pmu.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES "/sys/bus/event_source/devices"
#define PATH_BYTES 512

void hrn_sysfs_line(const char *root, const char *path, char *out, size_t out_bytes)
{
    char full[PATH_BYTES];
    out[0] = '\0';
    if ((size_t)snprintf(full, sizeof full, "%s%s", root, path) >= sizeof full)
        return;
    FILE *file = fopen(full, "re");
    if (file && !fgets(out, (int)out_bytes, file))
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (file)
        fclose(file);
}

int64_t hrn_sysfs_number(const char *root, const char *path, int64_t missing)
{
    char line[64], *end;
    hrn_sysfs_line(root, path, line, sizeof line);
    long long value = strtoll(line, &end, 0);
    return end == line ? missing : value;
}

int hrn_cpu_list_has(const char *list, int cpu)
{
    while (*list) {
        char *end;
        long first = strtol(list, &end, 10), last = first;
        if (end == list)
            return 0;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        if (first <= cpu && cpu <= last)
            return 1;
        list = *end == ',' ? end + 1 : "";
    }
    return 0;
}

int hrn_pmu_paranoid(const char *root)
{
    return (int)hrn_sysfs_number(root, "/proc/sys/kernel/perf_event_paranoid", INT_MIN);
}

/* ---- The folder */

/* Cores' PMUs say in `cpus` whom they serve; x86 without hybrid cores has one folder for all. */
static int serves(const char *root, const char *name, int cpu)
{
    char path[PATH_BYTES], cpus[256];
    snprintf(path, sizeof path, DEVICES "/%.200s/cpus", name);
    hrn_sysfs_line(root, path, cpus, sizeof cpus);
    return cpus[0] ? hrn_cpu_list_has(cpus, cpu) : strcmp(name, "cpu") == 0;
}

static void add_code(struct hrn_pmu *pmu, const char *description)
{
    const char *event = strstr(description, "event=");
    char *end;
    unsigned long code = event ? strtoul(event + 6, &end, 0) : ULONG_MAX;
    if (code > UINT16_MAX || pmu->code_count == HRN_PMU_CODES_MAX)
        return;
    size_t at = pmu->code_count;
    while (at > 0 && pmu->code[at - 1] > code)
        at--;
    if (at > 0 && pmu->code[at - 1] == code)
        return;
    memmove(pmu->code + at + 1, pmu->code + at, (pmu->code_count - at) * sizeof *pmu->code);
    pmu->code[at] = (uint16_t)code;
    pmu->code_count++;
}

static void read_codes(const char *root, struct hrn_pmu *pmu)
{
    char path[PATH_BYTES], line[128];
    struct dirent *entry;
    snprintf(path, sizeof path, "%.200s" DEVICES "/%s/events", root, pmu->name);
    DIR *folder = opendir(path);
    while (folder && (entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, DEVICES "/%s/events/%.128s", pmu->name, entry->d_name);
        hrn_sysfs_line(root, path, line, sizeof line);
        add_code(pmu, line);
    }
    if (folder)
        closedir(folder);
}

static void read_folder(const char *root, struct hrn_pmu *pmu)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, DEVICES "/%s/type", pmu->name);
    pmu->type = (uint32_t)hrn_sysfs_number(root, path, PERF_TYPE_RAW);
    snprintf(path, sizeof path, DEVICES "/%s/caps/slots", pmu->name);
    pmu->slots = (int)hrn_sysfs_number(root, path, 0);
    if (pmu->slots < 0 || pmu->slots > 64)
        pmu->slots = 0;
    read_codes(root, pmu);
}

int hrn_pmu_find(const char *root, int cpu, struct hrn_pmu *out)
{
    char path[PATH_BYTES];
    struct dirent *entry;
    memset(out, 0, sizeof *out);
    out->type = PERF_TYPE_RAW;
    snprintf(path, sizeof path, "%.200s" DEVICES, root);
    DIR *folder = opendir(path);
    while (folder && !out->name[0] && (entry = readdir(folder)))
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < sizeof out->name &&
            serves(root, entry->d_name, cpu < 0 ? 0 : cpu))
            snprintf(out->name, sizeof out->name, "%.63s", entry->d_name);
    if (folder)
        closedir(folder);
    if (!out->name[0])
        return -ENOENT;
    read_folder(root, out);
    return 0;
}

/* PMCEID covers these; the kernel has names for those of them that it knew when it was made, so a
 * folder without any of the second range says nothing of it. */
int hrn_pmu_implements(const struct hrn_pmu *pmu, uint64_t code)
{
    const uint64_t base = code & ~(uint64_t)0x3f;
    int any = 0;
    if (base != 0 && base != 0x4000)
        return -1;
    for (size_t i = 0; i < pmu->code_count; i++) {
        if (pmu->code[i] == code)
            return 1;
        any |= (pmu->code[i] & ~0x3f) == (int)base && pmu->code[i] >= code;
    }
    return any ? 0 : -1;
}
