#include "harness/pmu/env.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/pmu/pmu.h"

#define SUPPLIES "/sys/class/power_supply"
#define ZONES_MAX 128

static int open_file(const char *root, const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%.200s%.300s", root, path);
    return open(full, O_RDONLY | O_CLOEXEC);
}

/* A sysfs file from its start, without its end. -1 if there is nothing. */
static int read_text(int fd, char *text, size_t bytes)
{
    ssize_t got = fd < 0 ? -1 : pread(fd, text, bytes - 1, 0);
    if (got <= 0)
        return -1;
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

static int read_number(int fd, long *value)
{
    char text[32], *end;
    if (read_text(fd, text, sizeof text) < 0)
        return -1;
    *value = strtol(text, &end, 10);
    return end == text ? -1 : 0;
}

/* The thermal zone of a CPU, by its type; else none: a battery's temperature says nothing. */
static int open_temperature(const char *root)
{
    static const char *const types[] = { "cpu", "CPU", "x86_pkg_temp", "soc", "k10temp" };
    char path[64], type[64];
    for (int zone = 0; zone < ZONES_MAX; zone++) {
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/type", zone);
        hrn_sysfs_line(root, path, type, sizeof type);
        if (!type[0])
            return -1;
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strstr(type, types[i])) {
                snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", zone);
                return open_file(root, path);
            }
    }
    return -1;
}

static void open_battery(struct hrn_env *env, const char *root)
{
    char path[400], type[32];
    struct dirent *entry;
    snprintf(path, sizeof path, "%.200s" SUPPLIES, root);
    DIR *folder = opendir(path);
    while (folder && env->current_fd < 0 && (entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, SUPPLIES "/%.100s/type", entry->d_name);
        hrn_sysfs_line(root, path, type, sizeof type);
        if (strcmp(type, "Battery") != 0)
            continue;
        snprintf(path, sizeof path, SUPPLIES "/%.100s/current_now", entry->d_name);
        env->current_fd = open_file(root, path);
        snprintf(path, sizeof path, SUPPLIES "/%.100s/voltage_now", entry->d_name);
        env->voltage_fd = env->current_fd < 0 ? -1 : open_file(root, path);
        snprintf(path, sizeof path, SUPPLIES "/%.100s/status", entry->d_name);
        env->status_fd = env->current_fd < 0 ? -1 : open_file(root, path);
    }
    if (folder)
        closedir(folder);
}

void hrn_env_open(struct hrn_env *env, const char *root, int cpu)
{
    char path[96];
    *env = (struct hrn_env) { -1, -1, -1, -1, -1 };
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu);
    env->freq_fd = cpu < 0 ? -1 : open_file(root, path);
    env->temp_fd = open_temperature(root);
    open_battery(env, root);
}

void hrn_env_close(struct hrn_env *env)
{
    int *const fds[] = { &env->freq_fd, &env->temp_fd, &env->current_fd, &env->voltage_fd,
                         &env->status_fd };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
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

/* While it is drawn from: what a cable feeds says nothing. Drivers do not agree on the sign. */
static int32_t read_battery(const struct hrn_env *env, int fd)
{
    char status[32];
    long value;
    if (read_text(env->status_fd, status, sizeof status) < 0 ||
        strcmp(status, "Discharging") != 0 || read_number(fd, &value) < 0 ||
        labs(value) > INT32_MAX)
        return 0;
    return (int32_t)labs(value);
}

int32_t hrn_env_current_ua(const struct hrn_env *env)
{
    return read_battery(env, env->current_fd);
}

int32_t hrn_env_voltage_uv(const struct hrn_env *env)
{
    return read_battery(env, env->voltage_fd);
}
