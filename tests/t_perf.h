/* A PMU for tests: so many counters, and events that behave as told. Stands where the kernel's
 * calls stand (harness/pmu/group.h). */
#ifndef QUERN_TESTS_T_PERF_H
#define QUERN_TESTS_T_PERF_H

#include <errno.h>
#include <linux/perf_event.h>

#include "harness/pmu/group.h"
#include "tests/t.h"

enum { T_PERF_FDS = 256 };

struct t_perf {
    int counters;        /* programmable, beside the one of CPU_CYCLES (number 0x11) */
    int taken;           /* of them, by somebody else: groups that need them are not scheduled */
    uint32_t type;       /* of the PMU */
    int cpu;             /* that it serves; -1 = all */
    int lose_at, mux_at; /* readings, from 1: the group is lost, is scheduled half of the time */
    uint64_t work;       /* what one unit of an event counts between start and stop */
    /* state */
    int readings, opened, closed, last_cpu;
    struct {
        int used, leader;
        struct perf_event_attr attr;
        uint64_t enabled, running;
        int on;
    } fd[T_PERF_FDS];
};

/* Events by number: what they count per unit of work, or how they fail to open. */
static const struct {
    uint64_t config;
    int error, per_unit;
} t_perf_events[] = {
    { 0x00, 0, 100 },     { 0x01, 0, 250 },     { 0x11, 0, 100 }, { 0x08, 0, 250 }, { 0x04, 0, 60 },
    { 0x03, 0, 7 },       { 0x10, 0, 1 },       { 0x1e, 0, -1 }, /* never scheduled */
    { 0x06, 0, 0 },                                              /* opens, reads 0 */
    { 0x24, -ENOENT, 0 }, { 0x99, -EACCES, 0 },
};

static inline int t_perf_row(uint64_t config)
{
    for (size_t i = 0; i < sizeof t_perf_events / sizeof *t_perf_events; i++)
        if (t_perf_events[i].config == config)
            return (int)i;
    return -1;
}

static inline int t_perf_members(const struct t_perf *t, int leader, int *programmable)
{
    int members = 0;
    *programmable = 0;
    for (int i = 0; i < T_PERF_FDS; i++)
        if (t->fd[i].used && (i == leader || t->fd[i].leader == leader)) {
            members++;
            *programmable += t->fd[i].attr.type == t->type && t->fd[i].attr.config != 0x11;
        }
    return members;
}

static inline int t_perf_open(const struct hrn_perf *perf, struct perf_event_attr *attr, int cpu,
                              int leader)
{
    struct t_perf *t = perf->user;
    int at = 0, row = t_perf_row(attr->config), programmable;
    if (attr->type != t->type && attr->type != PERF_TYPE_SOFTWARE)
        return -ENOENT;
    if (t->cpu >= 0 && cpu != t->cpu)
        return -ENODEV;
    if (attr->type == t->type && row >= 0 && t_perf_events[row].error)
        return t_perf_events[row].error;
    t->last_cpu = cpu;
    while (at < T_PERF_FDS && t->fd[at].used)
        at++;
    T_CHECK(at < T_PERF_FDS);
    T_CHECK(attr->exclude_kernel == (attr->type != PERF_TYPE_SOFTWARE));
    T_CHECK((leader < 0) == (attr->pinned == 1) && (leader < 0) == (attr->disabled == 1));
    t->fd[at].used = 1;
    t->fd[at].attr = *attr;
    t->fd[at].leader = leader;
    t_perf_members(t, leader < 0 ? at : leader, &programmable);
    if (programmable > t->counters) {
        t->fd[at].used = 0;
        return -EINVAL;
    }
    t->opened++;
    return at;
}

static inline int t_perf_control(const struct hrn_perf *perf, int fd, unsigned long request)
{
    struct t_perf *t = perf->user;
    int programmable, scheduled = 1;
    if (request == PERF_EVENT_IOC_ENABLE)
        t->fd[fd].on = 1;
    if (request != PERF_EVENT_IOC_DISABLE || !t->fd[fd].on)
        return 0;
    t->fd[fd].on = 0;
    t->readings++;
    t_perf_members(t, fd, &programmable);
    for (int i = 0; i < T_PERF_FDS; i++)
        if (t->fd[i].used && (i == fd || t->fd[i].leader == fd) &&
            t_perf_row(t->fd[i].attr.config) >= 0 &&
            t_perf_events[t_perf_row(t->fd[i].attr.config)].per_unit < 0)
            scheduled = 0;
    if (programmable > t->counters - t->taken)
        scheduled = 0;
    t->fd[fd].enabled += 1000;
    t->fd[fd].running += scheduled ? (t->readings == t->mux_at ? 500 : 1000) : 0;
    return 0;
}

static inline ssize_t t_perf_read(const struct hrn_perf *perf, int fd, void *to, size_t bytes)
{
    struct t_perf *t = perf->user;
    uint64_t *out = to, n = 3;
    if (t->readings == t->lose_at)
        return 0;
    T_CHECK(bytes >= (3 + HRN_PASS_EVENTS) * sizeof *out);
    for (int i = 0; i < T_PERF_FDS; i++)
        if (t->fd[i].used && (i == fd || t->fd[i].leader == fd)) {
            int row = t_perf_row(t->fd[i].attr.config);
            int per_unit =
                row < 0 || t_perf_events[row].per_unit < 0 ? 0 : t_perf_events[row].per_unit;
            out[n++] = t->work * (uint64_t)per_unit;
        }
    out[0] = n - 3;
    out[1] = t->fd[fd].enabled;
    out[2] = t->fd[fd].running;
    return (ssize_t)(n * sizeof *out);
}

static inline void t_perf_close(const struct hrn_perf *perf, int fd)
{
    struct t_perf *t = perf->user;
    T_CHECK(t->fd[fd].used);
    memset(&t->fd[fd], 0, sizeof t->fd[fd]);
    t->closed++;
}

static inline struct hrn_perf t_perf_calls(struct t_perf *t)
{
    return (struct hrn_perf) { .open = t_perf_open,
                               .control = t_perf_control,
                               .read = t_perf_read,
                               .close = t_perf_close,
                               .user = t };
}

#endif
