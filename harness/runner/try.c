/* Verbs `pmu`, `try` and `stream`: what the PMU of the CPU is, what one event after the other
 * counts over work whose counts are known, and how fast a buffer is read. Each in a child. */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/runner/works.h"

#define TRIES 3 /* of one event: the least is taken, an interrupt only ever adds */

struct trying {
    struct hrn_runner *runner;
    struct hrn_job *job;
    const struct hrn_work *work;
    int64_t units;
    struct hrn_pmu pmu;
};

/* ---- verb pmu */

/* Whether counters are read without a system call: 1, or 0 and the reason in `why`. */
static int try_user_read(const struct trying *t, char *why)
{
    const struct hrn_pass pass = { .event = { hrn_cycles_event, hrn_instructions_event },
                                   .count = 2 };
    struct hrn_group group;
    int can = 0;
    if (hrn_group_open(&hrn_perf_kernel, &pass, t->pmu.type, t->runner->cpu, &group, why,
                       HRN_DETAIL_MAX) == 0) {
        can = group.is_user_read;
        hrn_user_why_not("", t->pmu.name, why, HRN_DETAIL_MAX);
        if (can || !why[0])
            snprintf(why, HRN_DETAIL_MAX, "%s", group.why_not);
    }
    hrn_group_close(&group);
    return can;
}

/* value[0]: free counters; error: none counts, and the detail says why; listed: as above. */
static void tell_pmu(void *context, int message_fd)
{
    struct trying *t = context;
    struct hrn_message m = { .kind = HRN_MESSAGE_TRIAL };
    char *why = m.of.trial.detail;
    hrn_env_pin(t->runner->cpu);
    m.of.trial.value[0] =
        hrn_group_probe_free(&hrn_perf_kernel, &hrn_cycles_event, &hrn_instructions_event,
                             t->pmu.type, t->runner->cpu, why, HRN_DETAIL_MAX);
    m.of.trial.error = why[0] != '\0';
    if (!why[0])
        m.of.trial.listed = try_user_read(t, why);
    hrn_message_send(message_fd, &m);
}

static int64_t cache_bytes(int cpu, int level)
{
    for (int i = 0; i < 8; i++) {
        char path[128], text[32], *end;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/level",
                 cpu < 0 ? 0 : cpu, i);
        if (hrn_sysfs_number("", path, 0) != level)
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/type",
                 cpu < 0 ? 0 : cpu, i);
        hrn_sysfs_line("", path, text, sizeof text);
        if (strcmp(text, "Instruction") == 0)
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/size",
                 cpu < 0 ? 0 : cpu, i);
        hrn_sysfs_line("", path, text, sizeof text);
        long long value = strtoll(text, &end, 10);
        return *end == 'K' ? value << 10 : *end == 'M' ? value << 20 : value;
    }
    return 0;
}

static int64_t last_level_bytes(int cpu)
{
    for (int level = 4; level > 1; level--)
        if (cache_bytes(cpu, level) > 0)
            return cache_bytes(cpu, level);
    return 0;
}

/* One message of a child, or why there is none. 1 = *m is filled. */
static int await(struct hrn_child *child, int timeout_ms, struct hrn_message *m, char *why)
{
    struct pollfd wait = { .fd = child->fd, .events = POLLIN };
    int ready = poll(&wait, 1, timeout_ms) > 0;
    if (ready && hrn_child_receive(child, m))
        return 1;
    int status = hrn_child_end(child, !ready);
    if (!ready)
        snprintf(why, HRN_DETAIL_MAX, "no answer within %d ms", timeout_ms);
    else if (WIFSIGNALED(status))
        snprintf(why, HRN_DETAIL_MAX, "%s", strsignal(WTERMSIG(status)));
    else
        snprintf(why, HRN_DETAIL_MAX, "its process ended with exit code %d", WEXITSTATUS(status));
    return 0;
}

int hrn_job_pmu(struct hrn_runner *runner, struct hrn_job *job)
{
    struct trying t = { .runner = runner, .job = job };
    struct hrn_message m = { .kind = HRN_MESSAGE_TRIAL };
    struct hrn_child child = { 0 };
    struct hrn_line line;
    static const char *const keys[] = { "l1_bytes", "l2_bytes", "l3_bytes" };
    hrn_pmu_find("", runner->cpu, &t.pmu);
    int error = hrn_child_start(&child, tell_pmu, &t);
    if (error < 0)
        return error;
    if (await(&child, job->timeout_ms, &m, m.of.trial.detail))
        hrn_child_end(&child, 1);
    else
        m.of.trial.error = 1;
    int counts = m.of.trial.error == 0;
    hrn_record_begin(&line, "pmu", job);
    hrn_line_add(&line, "name", t.pmu.name);
    hrn_line_add_int(&line, "type", t.pmu.type);
    hrn_line_add_int(&line, "slots", t.pmu.slots);
    hrn_line_add_int(&line, "free", m.of.trial.value[0]);
    hrn_line_add_int(&line, "counts", counts);
    hrn_line_add_int(&line, "user_read", counts && m.of.trial.listed);
    if (hrn_pmu_paranoid("") != INT_MIN)
        hrn_line_add_int(&line, "paranoid", hrn_pmu_paranoid(""));
    hrn_line_add_int(&line, "uid", (int64_t)getuid());
    for (int level = 1; level <= 3; level++)
        hrn_line_add_int(&line, keys[level - 1], cache_bytes(runner->cpu, level));
    hrn_line_add(&line, counts ? "user_read_why" : "detail", m.of.trial.detail);
    return hrn_record_send(runner, &line);
}

/* ---- verb try */

/* N units and 2 N: the difference is N units without what a measurement itself costs. */
static void count(const struct trying *t, struct hrn_group *group, struct hrn_trial *out)
{
    struct hrn_reading r;
    t->work->run(t->units);
    for (int i = 0, torn = 0; i < 2 * TRIES; i++) {
        hrn_group_start(group);
        t->work->run(t->units << (i & 1));
        hrn_group_stop(group, &r);
        if (r.state == HRN_TORN && ++torn < HRN_TORN_TRIES) {
            i--; /* this one again */
            continue;
        }
        if (r.state != HRN_COUNTED) {
            out->state = r.state;
            return;
        }
        if (i < 2 || r.value[0] < out->value[i & 1])
            out->value[i & 1] = r.value[0];
    }
}

static void try_all(void *context, int message_fd)
{
    struct trying *t = context;
    size_t index = 0;
    hrn_env_pin(t->runner->cpu);
    if (t->work->prepare && t->work->prepare((size_t)cache_bytes(t->runner->cpu, 1),
                                             (size_t)last_level_bytes(t->runner->cpu)) < 0)
        _exit(ENOMEM);
    for (size_t p = 0; p < t->job->pass_count; p++)
        for (size_t i = 0; i < t->job->passes[p].count; i++) {
            const struct hrn_event *event = &t->job->passes[p].event[i];
            const struct hrn_pass one = { .event = { *event }, .count = 1 };
            struct hrn_message m = { .kind = HRN_MESSAGE_TRIAL, .variant = index++ };
            struct hrn_group group;
            m.of.trial.listed = -1;
            if (event->source == HRN_EVENT_PMU)
                m.of.trial.listed = hrn_pmu_implements(&t->pmu, event->config);
            m.of.trial.error = hrn_group_open(&hrn_perf_kernel, &one, t->pmu.type, t->runner->cpu,
                                              &group, m.of.trial.detail, HRN_DETAIL_MAX);
            if (m.of.trial.error == 0)
                count(t, &group, &m.of.trial);
            hrn_group_close(&group);
            hrn_message_send(message_fd, &m);
        }
}

static int send_trial(struct trying *t, const struct hrn_message *m)
{
    struct hrn_line line;
    hrn_record_begin(&line, "trial", t->job);
    hrn_line_add_int(&line, "index", (int64_t)m->variant);
    hrn_line_add_int(&line, "error", m->of.trial.error);
    hrn_line_add_int(&line, "state", (int64_t)m->of.trial.state);
    hrn_line_add_int(&line, "listed", m->of.trial.listed);
    hrn_line_add_int(&line, "once", m->of.trial.value[0]);
    hrn_line_add_int(&line, "twice", m->of.trial.value[1]);
    hrn_line_add_int(&line, "units", t->units);
    hrn_line_add(&line, "detail", m->of.trial.detail);
    return hrn_record_send(t->runner, &line);
}

/* `units` 0: as many as the work asks for. -EINVAL: no such work here. */
int hrn_job_try(struct hrn_runner *runner, struct hrn_job *job, const char *work, int64_t units)
{
    struct trying t = { .runner = runner, .job = job, .work = hrn_work_find(work) };
    struct hrn_child child = { 0 };
    struct hrn_message m;
    char why[HRN_DETAIL_MAX];
    size_t events = 0;
    if (!t.work || units < 0 || units > INT64_MAX / 4)
        return -EINVAL;
    t.units = units ? units : t.work->units;
    for (size_t p = 0; p < job->pass_count; p++)
        events += job->passes[p].count;
    hrn_pmu_find("", runner->cpu, &t.pmu);
    int error = hrn_child_start(&child, try_all, &t);
    for (size_t i = 0; error == 0 && i < events; i++) {
        if (!await(&child, job->timeout_ms, &m, why))
            return -ECHILD;
        error = send_trial(&t, &m);
    }
    if (child.pid)
        hrn_child_end(&child, 1);
    return error;
}

/* ---- verb stream */

struct stream {
    size_t bytes;
    int cpu;
};

static void read_stream(void *context, int message_fd)
{
    const struct stream *s = context;
    struct hrn_message m = { .kind = HRN_MESSAGE_TRIAL };
    hrn_env_pin(s->cpu);
    m.of.trial.value[0] = hrn_work_bandwidth(s->bytes, 5000000);
    hrn_message_send(message_fd, &m);
}

int hrn_job_stream(struct hrn_runner *runner, struct hrn_job *job, int64_t bytes)
{
    struct stream s = { (size_t)bytes, runner->cpu };
    struct hrn_child child = { 0 };
    struct hrn_message m;
    struct hrn_line line;
    char why[HRN_DETAIL_MAX];
    if (bytes < 1024 || bytes > (int64_t)1 << 32)
        return -EINVAL;
    int error = hrn_child_start(&child, read_stream, &s);
    if (error < 0)
        return error;
    if (!await(&child, job->timeout_ms, &m, why))
        return -ECHILD;
    hrn_child_end(&child, 1);
    hrn_record_begin(&line, "stream", job);
    hrn_line_add_int(&line, "bytes_per_s", m.of.trial.value[0]);
    return hrn_record_send(runner, &line);
}
