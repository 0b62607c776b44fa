/* Verb `count`: a child per variant executes one convolution between the marks of the TCG plugin
 * (count/count.h), on the same data as `time`: a kernel may take a quicker way from sums to bytes
 * where packing found that the sums are small enough. */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Empty, and no more than that: the plugin acts where they return. */
void hrn_count_begin(void);
void hrn_count_end(void);
__attribute__((noinline, aligned(64))) void hrn_count_begin(void)
{
    __asm__ volatile("" ::: "memory");
}
__attribute__((noinline, aligned(64))) void hrn_count_end(void)
{
    __asm__ volatile("" ::: "memory");
}

struct subject {
    const struct hrn_job *job;
    const struct hrn_job_variant *variant;
    struct hrn_case data;
    struct krn_conv conv;
    int8_t *in, *out;
    void *packed, *workspace, *scratch;
    int socket;
};

/* Zeros on a page of their own: what depends on alignment is the same every time. */
static void *take(size_t bytes)
{
    void *at = NULL;
    if (bytes > SIZE_MAX / 2 || posix_memalign(&at, 4096, bytes + 1))
        return NULL;
    return memset(at, 0, bytes + 1);
}

/* What `calls` convolutions execute, with the loop around them. 0; -ENOTSUP without the plugin. */
static int bracket(const struct subject *s, volatile int calls, struct hrn_count_reply *reply)
{
    const char *name = s->variant->kernel->name;
    if (send(s->socket, name, strlen(name), 0) < 0)
        return -errno;
    hrn_count_begin();
    for (int i = 0; i < calls; i++)
        krn_conv_run(&s->conv, s->packed, s->in, s->out, s->workspace, s->scratch, 0,
                     s->conv.tiles);
    hrn_count_end();
    ssize_t got = recv(s->socket, reply, sizeof *reply, MSG_DONTWAIT);
    return got == (ssize_t)sizeof *reply ? 0 : -ENOTSUP;
}

static int set_up(struct subject *s)
{
    const struct krn_problem *p = &s->job->problem;
    int ends[2];
    s->in = take(krn_problem_input_count(p));
    s->out = take(krn_problem_output_count(p) * (size_t)krn_output_bytes(s->variant->kernel));
    s->conv.add = (struct krn_add) { take(krn_problem_output_count(p)), 0, 0.5f };
    s->packed = take(s->conv.packed_bytes);
    s->workspace = take(s->conv.workspace_bytes);
    s->scratch = take(s->conv.scratch_bytes);
    if (!s->in || !s->out || !s->conv.add.tensor || !s->packed || !s->workspace || !s->scratch)
        return -ENOMEM;
    memcpy(s->in, s->data.in, krn_problem_input_count(p));
    krn_conv_pack(&s->conv, s->data.weights, s->data.bias, s->data.scale, s->packed);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0 || dup2(ends[1], HRN_COUNT_FD) < 0)
        return -errno;
    s->socket = ends[0];
    krn_conv_setup(&s->conv, s->in, s->workspace);
    return 0;
}

/* One call less none: the marks and the loop drop out. */
static int count(struct subject *s, struct hrn_count_reply *out)
{
    struct hrn_count_reply none, one;
    int error = set_up(s);
    if (error == 0)
        error = bracket(s, 0, &none);
    if (error == 0)
        error = bracket(s, 1, &one);
    for (int i = 0; i < HRN_COUNT_COUNT && error == 0; i++) {
        out->whole[i] = one.whole[i] - none.whole[i];
        out->kernel[i] = one.kernel[i] - none.kernel[i];
    }
    return error;
}

static void child_body(void *context, int message_fd)
{
    static struct hrn_message message;
    struct subject *s = context;
    struct hrn_proof *proof = &message.of.proof;
    message = (struct hrn_message) { .kind = HRN_MESSAGE_PROOF };
    proof->stage = HRN_STAGE_TIME;
    proof->outcome = HRN_REFUSED;
    if (hrn_case_make_inputs(&s->job->problem, s->job->seed, &s->data) < 0)
        snprintf(proof->detail, sizeof proof->detail, "nothing was counted: %s", strerror(ENOMEM));
    else if (krn_conv_plan(&s->conv, &s->job->problem, &s->data.quant, s->variant->kernel,
                           s->variant->driver, proof->detail, sizeof proof->detail) == 0) {
        struct hrn_count_reply reply;
        int error = count(s, &reply);
        if (error == 0)
            message = (struct hrn_message) { .kind = HRN_MESSAGE_COUNTS, .of.counts = reply };
        else
            snprintf(proof->detail, sizeof proof->detail, "nothing was counted: %s",
                     error == -ENOTSUP ? "no counting plugin answers" : strerror(-error));
    }
    hrn_message_send(message_fd, &message);
}

static int send_counts(struct hrn_runner *runner, const struct hrn_job *job, size_t index,
                       const struct hrn_count_reply *counts)
{
    struct hrn_line line;
    hrn_record_begin(&line, "counts", job);
    hrn_line_add_int(&line, "index", (int64_t)index);
    for (int i = 0; i < HRN_COUNT_COUNT; i++) {
        hrn_line_add_int(&line, hrn_count_names[i], (int64_t)counts->whole[i]);
        hrn_line_add_int(&line, hrn_count_kernel_names[i], (int64_t)counts->kernel[i]);
    }
    return hrn_record_send(runner, &line);
}

static int await(struct hrn_runner *runner, const struct hrn_job *job, struct hrn_child *child)
{
    const struct hrn_job_variant *variant = &job->variants[child->variant];
    struct hrn_proof failure = { .stage = HRN_STAGE_TIME };
    struct hrn_message message;
    struct pollfd wait = { .fd = child->fd, .events = POLLIN };
    int ready = poll(&wait, 1, job->timeout_ms) > 0;
    int answered = ready && hrn_child_receive(child, &message);
    int status = hrn_child_end(child, !ready || answered);
    if (answered && message.kind == HRN_MESSAGE_COUNTS)
        return send_counts(runner, job, variant->index, &message.of.counts);
    if (answered)
        failure = message.of.proof;
    else if (ready)
        hrn_proof_of_status(&failure, status, variant->kernel);
    else
        hrn_proof_timeout(&failure, job->timeout_ms);
    return hrn_record_proof(runner, job, variant->index, &failure);
}

static int start(struct hrn_runner *runner, struct hrn_job *job, size_t position,
                 struct hrn_child *child)
{
    const struct hrn_job_variant *variant = &job->variants[position];
    struct hrn_proof failure = { .stage = HRN_STAGE_TIME };
    struct subject subject = { .job = job, .variant = variant };
    *child = (struct hrn_child) { .pid = 0 };
    if (hrn_proof_gate(&failure, variant->kernel) < 0)
        return hrn_record_proof(runner, job, variant->index, &failure);
    int error = hrn_child_start(child, child_body, &subject);
    child->variant = position;
    return error;
}

/* As many children at a time as there are CPUs, awaited in order. */
int hrn_job_count(struct hrn_runner *runner, struct hrn_job *job)
{
    struct hrn_child children[8];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t window = cpus < 1 ? 1 : cpus > 8 ? 8 : (size_t)cpus, started = 0;
    int error = 0;
    for (size_t oldest = 0; oldest < job->count; oldest++) {
        if (error == 0)
            error = hrn_job_poll_stop(runner);
        while (error == 0 && !runner->stopping && started < job->count &&
               started < oldest + window) {
            error = start(runner, job, started, &children[started % window]);
            started++;
        }
        if (oldest >= started)
            break;
        struct hrn_child *child = &children[oldest % window];
        if (child->pid && error == 0)
            error = await(runner, job, child);
        else if (child->pid)
            hrn_child_end(child, 1);
    }
    return error;
}
