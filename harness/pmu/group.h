/* One group of counters of this thread on one CPU: opened together, scheduled together or not at
 * all, read together. User space only; pinned, so that the kernel never shares its counters out
 * over time. On the device's side.
 *
 *     hrn_group_open() -> { hrn_group_start() -> work -> hrn_group_stop() }... -> close */
#ifndef QUERN_HARNESS_PMU_GROUP_H
#define QUERN_HARNESS_PMU_GROUP_H

#include <sys/types.h>

#include "harness/pmu/event.h"
#include "harness/pmu/user.h"

struct perf_event_attr;

/* The calls on the kernel, so that a test can stand in for it. They return what the system call
 * returns, or -errno. */
struct hrn_perf {
    int (*open)(const struct hrn_perf *perf, struct perf_event_attr *attr, int cpu, int leader);
    int (*control)(const struct hrn_perf *perf, int fd, unsigned long request); /* of a group */
    ssize_t (*read)(const struct hrn_perf *perf, int fd, void *to, size_t bytes);
    void (*close)(const struct hrn_perf *perf, int fd);
    /* For readings without a system call (user.h); NULL = there are none. The page of an event, or
     * NULL; and what reads the registers. */
    const struct perf_event_mmap_page *(*map)(const struct hrn_perf *perf, int fd);
    void (*unmap)(const struct hrn_perf *perf, const struct perf_event_mmap_page *page);
    hrn_user_register *read_register;
    void *user;
};
extern const struct hrn_perf hrn_perf_kernel;

#define HRN_USER_WHY 100
#define HRN_TORN_TRIES 10 /* a measurement of a moment that is torn every time is none */
struct hrn_group {
    const struct hrn_perf *perf;
    size_t count;
    int fd[HRN_PASS_EVENTS];
    /* Where the kernel allows it, counts are read between the start's last and the stop's first
     * system call, so that nothing of those is in them; read() then says only for how long they
     * counted. */
    const struct perf_event_mmap_page *page[HRN_PASS_EVENTS];
    int64_t begin[HRN_PASS_EVENTS];
    int is_user_read, has_begun;     /* it is so here; `begin` is valid */
    char why_not[HRN_USER_WHY];      /* else: the reason */
    uint64_t enabled_ns, running_ns; /* at the last reading: a reset does not touch them */
    /* Cost of an empty measurement, to be subtracted: once, and per call. */
    int64_t fixed[HRN_PASS_EVENTS];
    double per_call[HRN_PASS_EVENTS];
};

/* `pmu_type` is the type of the cluster's PMU (hrn_pmu_find()), `cpu` one of its CPUs or -1 for
 * any. 0; or -errno with the sentence in err: -ENOENT the event is not implemented, -EINVAL more
 * events than counters, -EACCES forbidden, -ENODEV no such CPU. The events of `pass` are borrowed
 * during the call. */
int hrn_group_open(const struct hrn_perf *perf, const struct hrn_pass *pass, uint32_t pmu_type,
                   int cpu, struct hrn_group *out, char *err, size_t err_bytes);
void hrn_group_close(struct hrn_group *group); /* accepts a zeroed one */

/* Sets the counters to 0 and lets them run. */
void hrn_group_start(struct hrn_group *group);
/* Halts them and reads: raw counts, nothing subtracted. HRN_TORN: by some instructions too many,
 * because the kernel wrote beside the counters in that moment; measured again it will be right. */
void hrn_group_stop(struct hrn_group *group, struct hrn_reading *out);
/* Subtracts what an empty measurement of `calls` calls costs; never below 0. */
void hrn_group_net(const struct hrn_group *group, int64_t calls, struct hrn_reading *reading);

/* How many events the PMU takes beside CPU_CYCLES, here and now: groups of `other` grow until the
 * kernel refuses one or does not schedule it. 0 when not even CPU_CYCLES counts; then err says
 * why. `cycles` and `other` are the events to try with. */
int hrn_group_probe_free(const struct hrn_perf *perf, const struct hrn_event *cycles,
                         const struct hrn_event *other, uint32_t pmu_type, int cpu, char *err,
                         size_t err_bytes);

#endif
