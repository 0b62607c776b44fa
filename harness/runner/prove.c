/* Verb `prove`: children that prove some variants of one kind of tile each, several children at a
 * time; their verdicts as records. Only the first verdict of a child may be a bad one: what fails
 * behind others is proved again as the first of another child, and the rest after it. */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_MAX 8
#define BATCH_MAX 32 /* variants of a child */

struct worker {
    struct hrn_child child;
    size_t position[BATCH_MAX]; /* in job->variants, all with the same cases */
    size_t count, first, at;    /* of them: all, the child's first, the one in hand */
};

struct prover {
    struct hrn_runner *runner;
    struct hrn_job *job;
    struct worker worker[WORKERS_MAX];
    int workers;
    uint8_t *taken; /* [job->count] */
    size_t left;    /* not taken */
};

struct work {
    const struct prover *prover;
    const struct worker *worker;
    const struct hrn_case_list *tails;
};

static void child_body(void *context, int message_fd)
{
    static struct hrn_message message;
    const struct work *work = context;
    const struct prover *p = work->prover;
    const struct worker *w = work->worker;
    hrn_env_pin(-1);
    for (size_t i = w->first; i < w->count; i++) {
        message = (struct hrn_message) { .kind = HRN_MESSAGE_PROOF };
        message.of.proof.seed = p->job->seed;
        message.of.proof.stage = HRN_STAGE_PROVE;
        hrn_check(&p->job->variants[w->position[i]], &p->runner->kept->main_case, work->tails,
                  message_fd, &message.of.proof);
        hrn_message_send(message_fd, &message);
        if (message.of.proof.outcome != HRN_OK)
            return;
    }
}

static int report(struct prover *p, size_t position, struct hrn_proof *proof)
{
    proof->seed = p->job->seed;
    proof->stage = HRN_STAGE_PROVE;
    if (proof->outcome == HRN_OK && p->runner->kept->cropped) {
        char problem[KRN_PROBLEM_STR_MAX];
        krn_problem_format(&p->runner->kept->main_case.problem, 0, problem);
        snprintf(proof->detail, sizeof proof->detail, "cropped to %s", problem);
    }
    return hrn_record_proof(p->runner, p->job, p->job->variants[position].index, proof);
}

/* Reports what cannot run here. */
static int gate_all(struct prover *p)
{
    int error = 0;
    for (size_t i = 0; i < p->job->count && error == 0; i++) {
        struct hrn_proof proof = { .stage = HRN_STAGE_PROVE };
        p->taken[i] = hrn_proof_gate(&proof, p->job->variants[i].kernel) < 0;
        p->left -= p->taken[i];
        if (p->taken[i])
            error = report(p, i, &proof);
    }
    return error;
}

/* The next variant, and some with the same cases. Towards the end they are few, so that all workers
 * have some. Each is announced: should the machine go down with it, the journal names it. */
static int take(struct prover *p, struct worker *w)
{
    size_t most = p->left / (2 * (size_t)p->workers) + 1;
    const struct krn_kernel *tile = NULL;
    struct hrn_line line;
    int error = 0;
    w->count = w->first = w->at = 0;
    for (size_t i = 0; i < p->job->count && w->count < BATCH_MAX && w->count < most; i++) {
        const struct hrn_job_variant *variant = &p->job->variants[i];
        if (p->taken[i] || (tile && !hrn_kept_alike(tile, variant->kernel)))
            continue;
        tile = variant->kernel;
        w->position[w->count++] = i;
        p->taken[i] = 1;
        p->left--;
        hrn_record_begin(&line, "begin", p->job);
        hrn_line_add_int(&line, "index", (int64_t)variant->index);
        if (error == 0)
            error = hrn_record_send(p->runner, &line);
    }
    return error;
}

/* A child for what the worker still has. */
static int start(struct prover *p, struct worker *w)
{
    const struct krn_kernel *tile = p->job->variants[w->position[w->at]].kernel;
    w->first = w->at;
    const struct hrn_case_list *tails =
        p->job->tails ? hrn_kept_tails(p->runner->kept, tile) : NULL;
    struct work work = { p, w, tails };
    int error = hrn_child_start(&w->child, child_body, &work);
    w->child.deadline_ms = hrn_now_ms() + p->job->timeout_ms;
    return error;
}

/* What the child said of the variant in hand, or its end says; of a child that goes on, too. */
static void hear(struct prover *p, struct worker *w, int readable, struct hrn_proof *proof)
{
    struct hrn_message message;
    if (readable && hrn_child_receive(&w->child, &message)) {
        *proof = message.of.proof;
        if (proof->outcome != HRN_OK || w->at + 1 == w->count || p->runner->stopping)
            hrn_child_end(&w->child, 1);
        return;
    }
    int status = hrn_child_end(&w->child, !readable);
    if (!readable)
        hrn_proof_timeout(proof, p->job->timeout_ms);
    else
        hrn_proof_of_status(proof, status, p->job->variants[w->position[w->at]].kernel);
}

/* A child has spoken, died, or run out of time. */
static int finish(struct prover *p, struct worker *w, int readable)
{
    struct hrn_proof proof = { .stage = HRN_STAGE_PROVE };
    int error = 0;
    hear(p, w, readable, &proof);
    w->child.deadline_ms = hrn_now_ms() + p->job->timeout_ms;
    if (proof.outcome == HRN_OK || w->at == w->first)
        error = report(p, w->position[w->at++], &proof);
    if (error == 0 && !w->child.pid && w->at < w->count && !p->runner->stopping)
        error = start(p, w);
    return error;
}

/* Waits for any child, and for the host. */
static int wait_any(struct prover *p)
{
    struct pollfd wait[WORKERS_MAX + 1];
    int64_t now = hrn_now_ms(), soonest = INT64_MAX;
    int error = hrn_job_poll_stop(p->runner);
    for (int i = 0; i < p->workers; i++) {
        const struct hrn_child *c = &p->worker[i].child;
        wait[i] = (struct pollfd) { .fd = c->pid ? c->fd : -1, .events = POLLIN };
        if (c->pid && c->deadline_ms < soonest)
            soonest = c->deadline_ms;
    }
    wait[p->workers] = (struct pollfd) { .fd = p->runner->input.fd, .events = POLLIN };
    int left = soonest > now ? (int)(soonest - now) : 0;
    if (error == 0 && poll(wait, (nfds_t)p->workers + 1, left) < 0 && errno != EINTR)
        error = -errno;
    now = hrn_now_ms();
    for (int i = 0; i < p->workers && error == 0; i++) {
        const struct hrn_child *c = &p->worker[i].child;
        if (c->pid && (wait[i].revents || c->deadline_ms <= now))
            error = finish(p, &p->worker[i], wait[i].revents != 0);
    }
    return error;
}

static int prove_all(struct prover *p)
{
    int error = gate_all(p);
    for (int busy = 1; busy && error == 0;) {
        busy = 0;
        for (int i = 0; i < p->workers && error == 0; i++) {
            struct worker *w = &p->worker[i];
            if (!w->child.pid && p->left > 0 && !p->runner->stopping) {
                error = take(p, w);
                if (error == 0)
                    error = start(p, w);
            }
            busy += w->child.pid != 0;
        }
        if (error == 0 && busy)
            error = wait_any(p);
    }
    return error;
}

int hrn_job_prove(struct hrn_runner *runner, struct hrn_job *job)
{
    struct prover p = { .runner = runner, .job = job, .left = job->count };
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    p.workers = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (int)cpus;
    p.taken = calloc(job->count + 1, 1);
    int error = p.taken ? hrn_kept_open(runner->kept, job) : -ENOMEM;
    if (error == 0)
        error = prove_all(&p);
    for (int i = 0; i < p.workers; i++)
        if (p.worker[i].child.pid)
            hrn_child_end(&p.worker[i].child, 1);
    free(p.taken);
    return error;
}
