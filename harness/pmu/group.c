#include "harness/pmu/group.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- The kernel */

static int kernel_open(const struct hrn_perf *perf, struct perf_event_attr *attr, int cpu,
                       int leader)
{
    (void)perf;
    long fd = syscall(SYS_perf_event_open, attr, 0, cpu, leader, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

static int kernel_control(const struct hrn_perf *perf, int fd, unsigned long request)
{
    (void)perf;
    return ioctl(fd, request, PERF_IOC_FLAG_GROUP) < 0 ? -errno : 0;
}

static ssize_t kernel_read(const struct hrn_perf *perf, int fd, void *to, size_t bytes)
{
    (void)perf;
    ssize_t got = read(fd, to, bytes);
    return got < 0 ? -errno : got;
}

static void kernel_close(const struct hrn_perf *perf, int fd)
{
    (void)perf;
    close(fd);
}

static const struct perf_event_mmap_page *kernel_map(const struct hrn_perf *perf, int fd)
{
    (void)perf;
    void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

static void kernel_unmap(const struct hrn_perf *perf, const struct perf_event_mmap_page *page)
{
    (void)perf;
    munmap((void *)(uintptr_t)page, (size_t)sysconf(_SC_PAGESIZE));
}

const struct hrn_perf hrn_perf_kernel = { .open = kernel_open,
                                          .control = kernel_control,
                                          .read = kernel_read,
                                          .close = kernel_close,
                                          .map = kernel_map,
                                          .unmap = kernel_unmap,
                                          .read_register = hrn_user_register_here };

/* ---- Counting */

/* All counters where they stand. In `order`: the last to be read at the start is the first at the
 * stop, so it has the least of the reading itself in it. How often one was looked at, at most: 1,
 * or more, and the others have counted that; 0 if one does not count. */
static int look(const struct hrn_group *group, int is_start, int64_t *value)
{
    int most = 1, counts = 1;
    hrn_user_fence();
    for (size_t i = 0; i < group->count; i++) {
        size_t at = is_start ? i : group->count - 1 - i;
        int looks = hrn_user_read(group->page[at], group->perf->read_register, group->perf->user,
                                  &value[at]);
        most = looks > most ? looks : most;
        counts &= looks > 0;
    }
    return counts ? most : 0;
}

/* At the start nothing is lost by looking again until nothing changes meanwhile. */
static int look_at_start(struct hrn_group *group)
{
    enum { LOOKS = 100 };
    int looks = 2;
    for (int i = 0; i < LOOKS && looks > 1; i++)
        looks = look(group, 1, group->begin);
    return looks == 1;
}

void hrn_group_start(struct hrn_group *group)
{
    group->perf->control(group->perf, group->fd[0], PERF_EVENT_IOC_RESET);
    group->perf->control(group->perf, group->fd[0], PERF_EVENT_IOC_ENABLE);
    group->has_begun = group->is_user_read && look_at_start(group);
}

/* Halts them and reads. */
static void stop_and_read(struct hrn_group *group, struct hrn_reading *out)
{
    struct {
        uint64_t count, enabled, running, value[HRN_PASS_EVENTS];
    } data = { 0 };
    group->perf->control(group->perf, group->fd[0], PERF_EVENT_IOC_DISABLE);
    ssize_t got = group->perf->read(group->perf, group->fd[0], &data, sizeof data);
    *out = (struct hrn_reading) { .state = HRN_LOST };
    if (got < (ssize_t)(3 * sizeof(uint64_t)) || data.count != group->count)
        return; /* the end of file is how the kernel says that a pinned group failed */
    out->enabled_ns = (int64_t)(data.enabled - group->enabled_ns);
    out->running_ns = (int64_t)(data.running - group->running_ns);
    group->enabled_ns = data.enabled;
    group->running_ns = data.running;
    out->state = out->running_ns == out->enabled_ns ? HRN_COUNTED
                 : out->running_ns == 0             ? HRN_NEVER_SCHEDULED
                                                    : HRN_MULTIPLEXED;
    for (size_t i = 0; i < group->count; i++)
        out->value[i] = (int64_t)data.value[i];
}

/* *out as the caller gets it, *by_read as read() has it. */
static void stop(struct hrn_group *group, struct hrn_reading *out, struct hrn_reading *by_read)
{
    int64_t end[HRN_PASS_EVENTS];
    int looks = group->has_begun ? look(group, 0, end) : 0;
    stop_and_read(group, by_read);
    *out = *by_read;
    if (group->is_user_read && looks != 1 && out->state == HRN_COUNTED)
        out->state = looks ? HRN_TORN : HRN_LOST; /* at an end: read() alone does not see that */
    for (size_t i = 0; i < group->count && looks; i++)
        out->value[i] = end[i] - group->begin[i];
}

void hrn_group_stop(struct hrn_group *group, struct hrn_reading *out)
{
    struct hrn_reading by_read;
    stop(group, out, &by_read);
}

/* ---- Opening */

/* Why an event does not open: one row per errno of perf_event_open(2). */
static const struct {
    int error, as;
    const char *why;
} refusals[] = {
    { ENOENT, -ENOENT, "not implemented: the PMU of this core does not have it" },
    { EOPNOTSUPP, -ENOENT, "not implemented: the kernel does not offer it here" },
    { ENODEV, -ENODEV, "the PMU does not serve this CPU" },
    { EINVAL, -EINVAL, "the group is full: the PMU has no counter left for it" },
    { ENOSPC, -EINVAL, "the group is full: the PMU has no counter left for it" },
    { EACCES, -EACCES, "forbidden: see kernel.perf_event_paranoid" },
    { EPERM, -EACCES, "forbidden: see kernel.perf_event_paranoid, or the container's rules" },
    { ENOSYS, -ENOSYS, "there is no perf_event_open here" },
};

static int explain(int error, const struct hrn_event *event, char *err, size_t err_bytes)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].error == -error) {
            snprintf(err, err_bytes, "%s: %s (%s)", event->name, refusals[i].why, strerror(-error));
            return refusals[i].as;
        }
    snprintf(err, err_bytes, "%s: perf_event_open: %s", event->name, strerror(-error));
    return error;
}

static void fill(struct perf_event_attr *attr, const struct hrn_event *event, uint32_t pmu_type,
                 int is_leader)
{
    const uint32_t types[HRN_EVENT_SOURCE_COUNT] = {
        [HRN_EVENT_PMU] = pmu_type,
        [HRN_EVENT_HARDWARE] = PERF_TYPE_HARDWARE,
        [HRN_EVENT_CACHE] = PERF_TYPE_HW_CACHE,
        [HRN_EVENT_SOFTWARE] = PERF_TYPE_SOFTWARE,
    };
    memset(attr, 0, sizeof *attr);
    attr->size = sizeof *attr;
    attr->type = types[event->source];
    attr->config = event->config;
    attr->disabled = attr->pinned = (unsigned)is_leader;
    /* A software event happens in the kernel: without it a context switch would count as none. */
    attr->exclude_kernel = attr->exclude_hv = event->source != HRN_EVENT_SOFTWARE;
    attr->config1 = event->source == HRN_EVENT_PMU ? hrn_user_request : 0;
    attr->read_format =
        PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
}

static void unmap_all(struct hrn_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->page[i])
            group->perf->unmap(group->perf, group->page[i]);
    memset(group->page, 0, sizeof group->page);
    group->is_user_read = 0;
}

/* Maps every event; 1 if all of them may be read. */
static int map_all(struct hrn_group *group)
{
    int readable = group->perf->map != NULL && group->count > 0;
    for (size_t i = 0; i < group->count && readable; i++) {
        group->page[i] = group->perf->map(group->perf, group->fd[i]);
        readable = group->page[i] && group->page[i]->cap_user_rdpmc;
    }
    return readable;
}

/* Reads in user space if that works here and agrees with read(): what it counts is a part of what
 * read() does, all but the system calls at both ends. */
static void choose_reading(struct hrn_group *group)
{
    struct hrn_reading by_read, by_user;
    group->is_user_read = map_all(group);
    if (!group->is_user_read) {
        snprintf(group->why_not, sizeof group->why_not, "the kernel does not allow it");
        unmap_all(group);
        return;
    }
    by_user.state = HRN_TORN;
    for (int tries = 0; tries < HRN_TORN_TRIES && by_user.state == HRN_TORN; tries++) {
        hrn_group_start(group);
        for (volatile int i = 0; i < 1000;)
            i = i + 1;
        stop(group, &by_user, &by_read);
    }
    int agrees = by_user.state == HRN_COUNTED;
    for (size_t i = 0; i < group->count; i++)
        agrees &= by_user.value[i] >= 0 && by_user.value[i] <= by_read.value[i];
    if (agrees)
        return;
    snprintf(group->why_not, sizeof group->why_not,
             by_read.state == HRN_COUNTED ? "it does not agree with read()"
                                          : "the counters were not scheduled when it was tried");
    unmap_all(group);
}

int hrn_group_open(const struct hrn_perf *perf, const struct hrn_pass *pass, uint32_t pmu_type,
                   int cpu, struct hrn_group *out, char *err, size_t err_bytes)
{
    struct perf_event_attr attr;
    *out = (struct hrn_group) { .perf = perf };
    for (size_t i = 0; i < pass->count; i++) {
        fill(&attr, &pass->event[i], pmu_type, i == 0);
        int fd = perf->open(perf, &attr, cpu, i == 0 ? -1 : out->fd[0]);
        if (fd < 0) {
            hrn_group_close(out);
            return explain(fd, &pass->event[i], err, err_bytes);
        }
        out->fd[out->count++] = fd;
    }
    choose_reading(out);
    return 0;
}

void hrn_group_close(struct hrn_group *group)
{
    unmap_all(group);
    while (group->count > 0)
        group->perf->close(group->perf, group->fd[--group->count]);
}

void hrn_group_net(const struct hrn_group *group, int64_t calls, struct hrn_reading *reading)
{
    for (size_t i = 0; i < group->count; i++) {
        int64_t empty = group->fixed[i] + (int64_t)(group->per_call[i] * (double)calls);
        reading->value[i] -= empty < reading->value[i] ? empty : reading->value[i];
    }
}

/* ---- Free counters */

/* 1 if a group of these opens and counts all the time. */
static int is_schedulable(const struct hrn_perf *perf, const struct hrn_pass *pass,
                          uint32_t pmu_type, int cpu, char *err, size_t err_bytes)
{
    struct hrn_group group;
    struct hrn_reading reading;
    if (hrn_group_open(perf, pass, pmu_type, cpu, &group, err, err_bytes) < 0)
        return 0;
    hrn_group_start(&group);
    for (volatile int i = 0; i < 10000;)
        i = i + 1;
    hrn_group_stop(&group, &reading);
    hrn_group_close(&group);
    int counts =
        (reading.state == HRN_COUNTED || reading.state == HRN_TORN) && reading.enabled_ns > 0;
    if (!counts)
        snprintf(err, err_bytes, "%s: opens, but is never scheduled: somebody else holds the PMU",
                 pass->event[0].name);
    return counts;
}

int hrn_group_probe_free(const struct hrn_perf *perf, const struct hrn_event *cycles,
                         const struct hrn_event *other, uint32_t pmu_type, int cpu, char *err,
                         size_t err_bytes)
{
    struct hrn_pass pass = { .event = { *cycles }, .count = 1 };
    char why[HRN_DETAIL_MAX];
    if (!is_schedulable(perf, &pass, pmu_type, cpu, err, err_bytes))
        return 0;
    while (pass.count < HRN_PASS_EVENTS) {
        pass.event[pass.count++] = *other;
        if (!is_schedulable(perf, &pass, pmu_type, cpu, why, sizeof why))
            return (int)pass.count - 2;
    }
    return (int)pass.count - 1;
}
