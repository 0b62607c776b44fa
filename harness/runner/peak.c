/* Verb `peak`: the MAC instruction alone, the best of several batches. */
#include "harness/runner/runner_int.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define BATCH_NS 20000000
#define BATCHES 7
#define TIMEOUT_MS 20000

struct peak {
    const struct krn_kernel *kernel;
    int cpu;
};

static int64_t batch(const struct krn_kernel *kernel, int64_t iterations)
{
    struct krn_peak_args args = { .iterations = iterations };
    int64_t begin = hrn_now_ns();
    kernel->fn(&args);
    return hrn_now_ns() - begin;
}

static void child_body(void *context, int message_fd)
{
    const struct peak *peak = context;
    struct hrn_message message = { .kind = HRN_MESSAGE_PEAK };
    int64_t iterations = 1000, time, best = INT64_MAX;
    hrn_env_pin(peak->cpu);
    while ((time = batch(peak->kernel, iterations)) < BATCH_NS && iterations < INT64_MAX / 16)
        iterations *= time < BATCH_NS / 8 ? 8 : 2;
    for (int i = 0; i < BATCHES; i++) {
        time = batch(peak->kernel, iterations);
        best = time < best ? time : best;
    }
    message.of.macs_per_s = (int64_t)((double)iterations * peak->kernel->macs * 1e9 / (double)best);
    hrn_message_send(message_fd, &message);
}

int64_t hrn_peak(const struct krn_kernel *kernel, int cpu, struct hrn_proof *failure)
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
    if (answered)
        return message.of.macs_per_s;
    if (ready)
        hrn_proof_of_status(failure, status, kernel);
    else
        hrn_proof_timeout(failure, TIMEOUT_MS);
    return 0;
}
