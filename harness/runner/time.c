/* Verb `time`: a child per block; a variant that ends its block is left out of the next. */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct timer {
    struct hrn_runner *runner;
    struct hrn_job *job;
    struct hrn_child child;
    struct hrn_block block;
    volatile int *stop; /* shared with the child */
    int visiting;       /* child.variant is in hand */
};

static void child_body(void *context, int message_fd)
{
    struct timer *t = context;
    hrn_measure(&t->block, message_fd);
}

static int report(struct timer *t, size_t position, struct hrn_proof *proof)
{
    t->job->variants[position].dead = 1;
    proof->stage = HRN_STAGE_TIME;
    proof->seed = t->job->seed;
    return hrn_record_proof(t->runner, t->job, t->job->variants[position].index, proof);
}

static void add_counters(struct hrn_line *line, const struct hrn_message *m)
{
    if (m->pass < 0)
        return;
    hrn_line_add_int(line, "pass", m->pass);
    hrn_line_add_int(line, "enabled", m->reading.enabled_ns);
    hrn_line_add_int(line, "running", m->reading.running_ns);
    for (size_t i = 0; i < HRN_PASS_EVENTS; i++) {
        const char key[] = { 'c', (char)('0' + i), '\0' };
        hrn_line_add_int(line, key, m->reading.value[i]);
    }
}

static int send_sample(struct timer *t, const struct hrn_message *m)
{
    const struct hrn_sample *s = &m->of.sample;
    struct hrn_line line;
    hrn_record_begin(&line, m->kind == HRN_MESSAGE_CANARY ? "canary" : "sample", t->job);
    hrn_line_add_int(&line, "index", (int64_t)t->job->variants[m->variant].index);
    hrn_line_add_int(&line, "last", m->last);
    hrn_line_add_int(&line, "round", s->round);
    hrn_line_add_int(&line, "position", s->position);
    hrn_line_add_int(&line, "calls", s->calls);
    hrn_line_add_int(&line, "time_ns", s->time_ns);
    hrn_line_add_int(&line, "overhead_ns", s->overhead_ns);
    hrn_line_add_int(&line, "warmup_ns", s->warmup_ns);
    hrn_line_add_int(&line, "freq_khz", s->freq_khz);
    hrn_line_add_int(&line, "temp_mc", s->temp_mc);
    hrn_line_add_int(&line, "current_ua", s->current_ua);
    hrn_line_add_int(&line, "voltage_uv", s->voltage_uv);
    hrn_line_add_int(&line, "migrations", s->migrations);
    hrn_line_add_int(&line, "switches", s->context_switches);
    hrn_line_add(&line, "outcome", hrn_outcome_names[s->outcome]);
    hrn_line_add(&line, "detail", s->detail);
    add_counters(&line, m);
    return hrn_record_send(t->runner, &line);
}

/* The first visit of a variant in a process also packs and warms up. */
static void set_deadline(struct timer *t)
{
    t->child.deadline_ms = hrn_now_ms() + t->job->timeout_ms +
                           (t->job->warmup_ns + t->job->process_warmup_ns) / 1000000;
}

static int on_message(struct timer *t, const struct hrn_message *m)
{
    struct hrn_line line;
    set_deadline(t);
    if (m->kind == HRN_MESSAGE_CANARY)
        return send_sample(t, m);
    if (m->kind == HRN_MESSAGE_SAMPLE) {
        if (m->last) {
            t->visiting = 0;
            t->job->variants[m->variant].from_round = m->of.sample.round + 1;
        }
        return send_sample(t, m);
    }
    t->visiting = 1;
    t->child.variant = m->variant;
    hrn_record_begin(&line, "begin", t->job);
    hrn_line_add_int(&line, "index", (int64_t)t->job->variants[m->variant].index);
    return hrn_record_send(t->runner, &line);
}

/* The child has ended, or must. A culprit is reported and left out; 1 = all done. */
static int on_end(struct timer *t, int timed_out)
{
    struct hrn_proof proof = { .stage = HRN_STAGE_TIME };
    int status = hrn_child_end(&t->child, timed_out);
    if (!timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 1;
    if (!t->visiting)
        return !timed_out && WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
    if (timed_out)
        hrn_proof_timeout(&proof, t->job->timeout_ms);
    else
        hrn_proof_of_status(&proof, status, t->job->variants[t->child.variant].kernel);
    return report(t, t->child.variant, &proof);
}

/* One child from its first to its last message: 1 = all done, 0 = another block is needed, -errno.
 */
static int run_block(struct timer *t)
{
    struct hrn_message message;
    t->visiting = 0;
    int error = hrn_child_start(&t->child, child_body, t);
    if (error < 0)
        return error;
    set_deadline(t);
    for (;;) {
        struct pollfd wait[2] = { { .fd = t->child.fd, .events = POLLIN },
                                  { .fd = t->runner->input.fd, .events = POLLIN } };
        int64_t left = t->child.deadline_ms - hrn_now_ms();
        int ready = poll(wait, 2, left > 0 ? (int)left : 0);
        if (wait[1].revents && (error = hrn_job_poll_stop(t->runner)) < 0)
            return error;
        *t->stop = t->runner->stopping;
        if (wait[0].revents == 0 && t->child.deadline_ms <= hrn_now_ms())
            return on_end(t, 1);
        if (ready <= 0 || !wait[0].revents)
            continue;
        if (!hrn_child_receive(&t->child, &message))
            return on_end(t, 0);
        if ((error = on_message(t, &message)) < 0)
            return error;
    }
}

/* Leaves out what cannot run here, with the reason. */
static int gate_all(struct timer *t)
{
    int error = 0;
    for (size_t i = 0; i < t->job->count && error == 0; i++) {
        struct hrn_job_variant *v = &t->job->variants[i];
        struct hrn_proof proof = { .stage = HRN_STAGE_TIME };
        struct krn_quant quant = { .lo = -128, .hi = 127 };
        struct krn_conv conv;
        if (hrn_proof_gate(&proof, v->kernel) == 0) {
            if (krn_conv_plan(&conv, &t->job->problem, &quant, v->kernel, v->driver, proof.detail,
                              sizeof proof.detail) == 0)
                continue;
            proof.outcome = HRN_REFUSED;
        }
        error = report(t, i, &proof);
    }
    return error;
}

int hrn_job_time(struct hrn_runner *runner, struct hrn_job *job)
{
    struct timer t = { .runner = runner, .job = job };
    t.stop = mmap(NULL, sizeof *t.stop, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t.stop == MAP_FAILED)
        return -errno;
    t.block = (struct hrn_block) { .job = job, .cpu = runner->cpu, .stop = t.stop };
    int done = gate_all(&t);
    while (done == 0 && !runner->stopping)
        done = run_block(&t);
    if (t.child.pid)
        hrn_child_end(&t.child, 1);
    munmap((void *)t.stop, sizeof *t.stop);
    return done < 0 ? done : 0;
}
