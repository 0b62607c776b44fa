/* What sysfs says of the PMU that serves a CPU. On the device's side; `root` stands before every
 * path ("" on a device, a folder with a recorded tree in a test). */
#ifndef QUERN_HARNESS_PMU_PMU_H
#define QUERN_HARNESS_PMU_PMU_H

#include <stddef.h>
#include <stdint.h>

#define HRN_PMU_CODES_MAX 256

struct hrn_pmu {
    char name[64]; /* of its folder: "armv8_cortex_a55"; "" = the kernel shows none for this CPU */
    uint32_t type; /* for perf_event_open; PERF_TYPE_RAW where there is no folder */
    int slots;     /* operations per cycle that it can count, 0 = unknown */
    /* Event numbers of its events/ folder, ascending: those that the kernel knows by name and the
     * core implements (PMCEID). Of numbers that the kernel has no name for they say nothing. */
    size_t code_count;
    uint16_t code[HRN_PMU_CODES_MAX];
};

/* Fills *out for the PMU whose `cpus` has the CPU. 0, or -ENOENT when there is none: then *out is
 * what to try anyway. */
int hrn_pmu_find(const char *root, int cpu, struct hrn_pmu *out);

/* Whether the PMU implements an event number: 1 yes, 0 no, -1 it does not say. */
int hrn_pmu_implements(const struct hrn_pmu *pmu, uint64_t code);

/* kernel.perf_event_paranoid; INT_MIN where there is none. */
int hrn_pmu_paranoid(const char *root);

/* Whether a list as the kernel writes them ("0-3,6") has the CPU. */
int hrn_cpu_list_has(const char *list, int cpu);

/* The first line of a file below root, without its end; "" when it cannot be read. */
void hrn_sysfs_line(const char *root, const char *path, char *out, size_t out_bytes);
/* The number that it begins with, in any base that strtoll() knows, or `missing`. */
int64_t hrn_sysfs_number(const char *root, const char *path, int64_t missing);

#endif
