/* Verb `peak`: the MAC instruction alone, the best of many batches: until no more of them is
 * better, so that a governor has the time to notice. */
#include "harness/runner/runner_int.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define BATCH_NS 1000000 /* within one slice of a busy machine */
#define BATCHES_MAX 500
#define SETTLED 60       /* batches in a row without a better one */
#define BETTER_SHARE 200 /* by one part of so many */
#define TIMEOUT_MS 20000

struct peak {
    const struct krn_kernel *kernel;
    int cpu;
};

/* Time, and cycles where they count (else INT64_MAX). */
static int64_t batch(const struct krn_kernel *kernel, int64_t iterations, struct hrn_group *group,
                     int64_t *cycles)
{
    struct krn_peak_args args = { .iterations = iterations };
    struct hrn_reading reading;
    *cycles = INT64_MAX;
    if (group->count)
        hrn_group_start(group);
    int64_t begin = hrn_now_ns();
    kernel->fn(&args);
    int64_t time = hrn_now_ns() - begin;
    if (group->count)
        hrn_group_stop(group, &reading);
    if (group->count && reading.state == HRN_COUNTED && reading.value[0] > 0)
        *cycles = reading.value[0];
    return time;
}

static void open_cycles(struct hrn_group *group, int cpu)
{
    const struct hrn_pass pass = { .event = { hrn_cycles_event }, .count = 1 };
    struct hrn_pmu pmu;
    char why[HRN_DETAIL_MAX];
    hrn_pmu_find("", cpu, &pmu);
    hrn_group_open(&hrn_perf_kernel, &pass, pmu.type, cpu, group, why, sizeof why);
}

static void child_body(void *context, int message_fd)
{
    const struct peak *peak = context;
    struct hrn_message message = { .kind = HRN_MESSAGE_PEAK };
    struct hrn_group group;
    int64_t iterations = 1000, time, cycles, best = INT64_MAX, fewest = INT64_MAX;
    hrn_env_pin(peak->cpu);
    open_cycles(&group, peak->cpu);
    while ((time = batch(peak->kernel, iterations, &group, &cycles)) < BATCH_NS &&
           iterations < INT64_MAX / 16)
        iterations *= time < BATCH_NS / 8 ? 8 : 2;
    for (int i = 0, since = 0; i < BATCHES_MAX && since < SETTLED; i++) {
        time = batch(peak->kernel, iterations, &group, &cycles);
        since = time < best - best / BETTER_SHARE ? 0 : since + 1;
        best = time < best ? time : best;
        fewest = cycles < fewest ? cycles : fewest;
    }
    const double macs = (double)iterations * peak->kernel->macs;
    message.of.peak.macs_per_s = (int64_t)(macs * 1e9 / (double)best);
    message.of.peak.macs_per_megacycle =
        fewest == INT64_MAX ? 0 : (int64_t)(macs * 1e6 / (double)fewest);
    hrn_message_send(message_fd, &message);
}

int64_t hrn_peak(const struct krn_kernel *kernel, int cpu, int64_t *macs_per_megacycle,
                 struct hrn_proof *failure)
{
    struct peak peak = { kernel, cpu };
    struct hrn_child child = { 0 };
    struct hrn_message message;
    *failure = (struct hrn_proof) { .stage = HRN_STAGE_TIME };
    if (hrn_proof_gate(failure, kernel) < 0)
        return 0;
    if (kernel->family != KRN_FAMILY_PEAK) {
        failure->outcome = HRN_REFUSED;
        snprintf(failure->detail, sizeof failure->detail, "%s is no peak kernel", kernel->name);
        return 0;
    }
    int error = hrn_child_start(&child, child_body, &peak);
    if (error < 0) {
        failure->outcome = HRN_REFUSED;
        snprintf(failure->detail, sizeof failure->detail, "no child process: %s", strerror(-error));
        return 0;
    }
    struct pollfd wait = { .fd = child.fd, .events = POLLIN };
    int ready = poll(&wait, 1, TIMEOUT_MS) > 0;
    int answered = ready && hrn_child_receive(&child, &message);
    int status = hrn_child_end(&child, !ready || answered);
    if (answered) {
        *macs_per_megacycle = message.of.peak.macs_per_megacycle;
        return message.of.peak.macs_per_s;
    }
    if (ready)
        hrn_proof_of_status(failure, status, kernel);
    else
        hrn_proof_timeout(failure, TIMEOUT_MS);
    return 0;
}
