/* Probes of what times and counts can be taken: the PMU, its permissions, the clock, the frequency.
 */
#include "harness/cli/doctor.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/capture.h"

#define PARANOID "/proc/sys/kernel/perf_event_paranoid"

/* Why CPU_CYCLES does not open: one row per errno. */
static const struct refusal {
    int error;
    const char *fact, *remedy;
} refusals[] = {
    { ENOENT, "the kernel has no CPU PMU, as in a virtual machine without one",
      "measure on a machine of its own, or let the hypervisor pass the PMU through" },
    { EOPNOTSUPP, "the PMU does not offer CPU_CYCLES",
      "measure on a machine of its own, or let the hypervisor pass the PMU through" },
    { ENODEV, "the PMU is not there on this CPU", "" },
    { EACCES, "the kernel forbids counters to this user",
      "sudo sysctl kernel.perf_event_paranoid=1" },
    { EPERM, "the kernel or a container forbids counters",
      "sudo sysctl kernel.perf_event_paranoid=1; in a container also allow perf_event_open" },
    { ENOSYS, "no perf_event_open here, as in an emulator", "" },
};

static void explain_refusal(int error, struct doctor_finding *out)
{
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "perf_event_open(CPU_CYCLES): %s", strerror(error));
    DOCTOR_SAY(out->consequence,
               "timing only: no cycles, instructions or cache misses, and none are made up");
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (refusals[i].error != error)
            continue;
        DOCTOR_SAY(out->fact, "%s; perf_event_open says: %s", refusals[i].fact, strerror(error));
        DOCTOR_SAY(out->remedy, "%s", refusals[i].remedy);
    }
}

static int open_event(uint64_t config)
{
    struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
                                    .size = sizeof(attr),
                                    .config = config,
                                    .exclude_kernel = 1,
                                    .exclude_hv = 1 };
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0UL);
}

/* What the event counts over some work of this process; -1 if it cannot be read. */
static long long count_work(int fd)
{
    uint64_t value = 0;
    for (volatile unsigned i = 0; i < 100000;)
        i = i + 1;
    return read(fd, &value, sizeof(value)) == (ssize_t)sizeof(value) ? (long long)value : -1;
}

void doctor_pmu(struct doctor *doctor, struct doctor_finding *out)
{
    int fd = open_event(PERF_COUNT_HW_CPU_CYCLES);
    if (fd < 0) {
        explain_refusal(errno, out);
        return;
    }
    long long cycles = count_work(fd);
    close(fd);
    if (cycles < 10000) { /* 100,000 iterations take more than this on anything */
        out->status = DOCTOR_WARN;
        DOCTOR_SAY(out->fact, "CPU_CYCLES opens, but counts %lld over 100,000 iterations", cycles);
        DOCTOR_SAY(out->consequence, "timing only: a counter that does not count is not used");
        return;
    }
    doctor->has_counters = 1;
    DOCTOR_SAY(out->fact, "CPU_CYCLES opens and counts");
}

void doctor_judge_user_read(const struct doctor *doctor, int is_arm, long access,
                            struct doctor_finding *out)
{
    const char *what = is_arm ? "kernel.perf_user_access" : "rdpmc of the PMU";
    const char *serial =
        strncmp(doctor->device_key, "adb:", 4) == 0 ? doctor->device_key + 4 : NULL;
    if (!doctor->has_counters) {
        DOCTOR_SAY(out->fact, "there are no counters to read");
        return;
    }
    if (access > 0) {
        DOCTOR_SAY(out->fact, "without a system call (%s is %ld)", what, access);
        return;
    }
    if (access < 0)
        DOCTOR_SAY(out->fact, "by system calls: the kernel has no %s%s", what,
                   is_arm ? ", which is of 5.17" : "");
    else
        DOCTOR_SAY(out->fact, "by system calls: %s is 0", what);
    DOCTOR_SAY(out->consequence, "as exact; what the calls themselves count is subtracted");
    if (access == 0 && is_arm && serial)
        DOCTOR_SAY(out->remedy,
                   "adb -s %.*s root, then: adb shell 'echo 1 > /proc/sys/kernel/perf_user_access'",
                   (int)strcspn(serial, "/"), serial);
    else if (access == 0)
        DOCTOR_SAY(out->remedy, "%s%s", strcmp(doctor->device_key, "local") ? "there: " : "",
                   is_arm ? "sudo sysctl kernel.perf_user_access=1"
                          : "echo 1 | sudo tee /sys/bus/event_source/devices/cpu/rdpmc");
}

void doctor_user_read(struct doctor *doctor, struct doctor_finding *out)
{
#if defined __aarch64__
    static const char path[] = "/proc/sys/kernel/perf_user_access";
    enum { IS_ARM = 1 };
#else
    static const char path[] = "/sys/bus/event_source/devices/cpu/rdpmc";
    enum { IS_ARM = 0 };
#endif
    long long access;
    if (cli_file_integer(path, &access))
        access = -1;
    doctor_judge_user_read(doctor, IS_ARM, (long)access, out);
}

void doctor_paranoid(struct doctor *doctor, struct doctor_finding *out)
{
    long long level;
    (void)doctor;
    if (cli_file_integer(PARANOID, &level)) {
        DOCTOR_SAY(out->fact, "the kernel has no " PARANOID);
        return;
    }
    DOCTOR_SAY(out->fact, "level %lld%s", level, geteuid() == 0 ? ", and this is root" : "");
    if (level <= 2 || geteuid() == 0)
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->consequence, "no counters for this user, not even of its own processes");
    DOCTOR_SAY(out->remedy, "sudo sysctl kernel.perf_event_paranoid=1");
}

void doctor_governor(struct doctor *doctor, struct doctor_finding *out)
{
    char governor[32], path[160];
    int cpu = doctor->device ? doctor->device->cpu_index : 0;
    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor",
             cpu > 0 ? cpu : 0);
    if (cli_file_line(path, governor, sizeof(governor))) {
        out->status = DOCTOR_WARN;
        DOCTOR_SAY(out->fact, "the kernel does not show the frequency (no cpufreq)");
        DOCTOR_SAY(out->consequence,
                   "a change of the clock shows as noise; compare only within a run");
        return;
    }
    DOCTOR_SAY(out->fact, "governor %s", governor);
    if (strcmp(governor, "performance") == 0)
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->consequence, "the clock follows the load, so the first samples are slower");
    DOCTOR_SAY(out->remedy, "echo performance | sudo tee "
                            "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor");
}

/* Switches of turbo: where each is, and the value that means "on". */
static const struct turbo {
    const char *path;
    long long on;
} turbos[] = {
    { "/sys/devices/system/cpu/intel_pstate/no_turbo", 0 },
    { "/sys/devices/system/cpu/cpufreq/boost", 1 },
};

void doctor_turbo(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    DOCTOR_SAY(out->fact, "the kernel shows no switch for it");
    for (size_t i = 0; i < sizeof(turbos) / sizeof(turbos[0]); i++) {
        long long value;
        if (cli_file_integer(turbos[i].path, &value))
            continue;
        DOCTOR_SAY(out->fact, "%s", value == turbos[i].on ? "on" : "off");
        if (value != turbos[i].on)
            return;
        out->status = DOCTOR_WARN;
        DOCTOR_SAY(out->consequence, "the clock depends on temperature and on the other cores");
        DOCTOR_SAY(out->remedy, "echo %d | sudo tee %s", !turbos[i].on, turbos[i].path);
        return;
    }
}

static double cost_of_clock_ns(void)
{
    enum { READS = 20000 };
    struct timespec first, last;
    clock_gettime(CLOCK_MONOTONIC, &first);
    for (int i = 0; i < READS; i++)
        clock_gettime(CLOCK_MONOTONIC, &last);
    return ((double)(last.tv_sec - first.tv_sec) * 1e9 + (double)(last.tv_nsec - first.tv_nsec)) /
           READS;
}

void doctor_clock(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    char source[64];
    double cost_ns = cost_of_clock_ns();
    if (cli_file_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                      sizeof(source)))
        snprintf(source, sizeof(source), "unknown source");
    DOCTOR_SAY(out->fact, "%s, %.0f ns a reading", source, cost_ns);
    if (cost_ns < 500)
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->consequence, "reading the clock enters the kernel; samples must be long");
}
