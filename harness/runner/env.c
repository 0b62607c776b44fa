#include "harness/runner/runner_int.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/runner/trap_x86.h"

void hrn_env_pin(int cpu)
{
    static cpu_set_t all; /* what the process was given; the children inherit the copy */
    static int known;
    if (!known)
        known = sched_getaffinity(0, sizeof all, &all) == 0;
    if (cpu < 0 && known)
        sched_setaffinity(0, sizeof all, &all);
    if (cpu >= 0 && cpu < CPU_SETSIZE) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one); /* measure.c looks whether it held */
    }
}

uint32_t hrn_env_isas(void)
{
    return krn_cpu_isas() | hrn_trap_isas();
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t hrn_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC_RAW);
}

int64_t hrn_cpu_time_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* A number from an open sysfs file, read from its start. */
static int read_number(int fd, long *value)
{
    char text[32], *end;
    ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    if (got <= 0)
        return -1;
    text[got] = '\0';
    *value = strtol(text, &end, 10);
    return end == text ? -1 : 0;
}

/* The thermal zone of a CPU, by its type; else none: a battery's temperature says nothing. */
static int open_temperature(void)
{
    static const char *const types[] = { "cpu", "CPU", "x86_pkg_temp", "soc", "k10temp" };
    char path[64], type[64];
    for (int zone = 0; zone < 64; zone++) {
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/type", zone);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? -1 : read(fd, type, sizeof type - 1);
        if (fd < 0)
            return -1;
        close(fd);
        type[got < 0 ? 0 : got] = '\0';
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strstr(type, types[i])) {
                snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", zone);
                return open(path, O_RDONLY | O_CLOEXEC);
            }
    }
    return -1;
}

void hrn_env_open(struct hrn_env *env, int cpu)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu);
    env->freq_fd = cpu < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    env->temp_fd = open_temperature();
}

int32_t hrn_env_freq_khz(const struct hrn_env *env)
{
    long value;
    return read_number(env->freq_fd, &value) == 0 ? (int32_t)value : 0;
}

int32_t hrn_env_temp_mc(const struct hrn_env *env)
{
    long value;
    return read_number(env->temp_fd, &value) == 0 ? (int32_t)value : INT32_MIN;
}
