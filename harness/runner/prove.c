/* Verb `prove`: a child per variant, several at a time; their verdicts as records. */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_MAX 8
#define TILES_MAX 32 /* of which the tail cases are kept */

/* The cases of one tile; the parent makes them once, the children inherit them. */
struct tile {
    const struct krn_kernel *kernel;
    struct hrn_case_list tails;
};

struct prover {
    struct hrn_runner *runner;
    struct hrn_job *job;
    struct hrn_case main_case;
    int cropped;
    struct tile tile[TILES_MAX];
    size_t tiles; /* made so far; the place of the next is tiles % TILES_MAX */
    struct hrn_child worker[WORKERS_MAX];
    int workers;
};

static int same_tile(const struct krn_kernel *a, const struct krn_kernel *b)
{
    return a->family == b->family && a->mr == b->mr && a->nr == b->nr && a->kr == b->kr &&
           a->taps == b->taps && a->filter == b->filter && a->stride == b->stride &&
           a->rows == b->rows;
}

/* The tail cases for a kernel, made at need. NULL without memory, or when the job wants none. */
static const struct hrn_case_list *tails_of(struct prover *p, const struct krn_kernel *kernel)
{
    size_t kept = p->tiles < TILES_MAX ? p->tiles : TILES_MAX;
    if (!p->job->tails)
        return NULL;
    for (size_t i = 0; i < kept; i++)
        if (same_tile(p->tile[i].kernel, kernel))
            return &p->tile[i].tails;
    struct tile *tile = &p->tile[p->tiles++ % TILES_MAX];
    hrn_cases_clear(&tile->tails);
    tile->kernel = kernel;
    hrn_cases_tails(&p->job->problem, kernel, p->job->seed, &tile->tails);
    return &tile->tails;
}

struct work {
    struct prover *prover;
    const struct hrn_case_list *tails;
    size_t position;
};

static void child_body(void *context, int message_fd)
{
    static struct hrn_message message;
    struct work *work = context;
    const struct prover *p = work->prover;
    hrn_env_pin(-1);
    message = (struct hrn_message) { .kind = HRN_MESSAGE_PROOF };
    message.of.proof.seed = p->job->seed;
    message.of.proof.stage = HRN_STAGE_PROVE;
    hrn_check(&p->job->variants[work->position], &p->main_case, work->tails, message_fd,
              &message.of.proof);
    hrn_message_send(message_fd, &message);
}

static int report(struct prover *p, size_t position, struct hrn_proof *proof)
{
    proof->seed = p->job->seed;
    proof->stage = HRN_STAGE_PROVE;
    if (proof->outcome == HRN_OK && p->cropped) {
        char problem[KRN_PROBLEM_STR_MAX];
        krn_problem_format(&p->main_case.problem, 0, problem);
        snprintf(proof->detail, sizeof proof->detail, "cropped to %s", problem);
    }
    return hrn_record_proof(p->runner, p->job, p->job->variants[position].index, proof);
}

/* Starts the variant at `position`, or reports why it cannot. */
static int start(struct prover *p, struct hrn_child *child, size_t position)
{
    const struct hrn_job_variant *variant = &p->job->variants[position];
    struct hrn_proof proof = { .stage = HRN_STAGE_PROVE };
    struct hrn_line line;
    if (hrn_proof_gate(&proof, variant->kernel) < 0)
        return report(p, position, &proof);
    struct work work = { p, tails_of(p, variant->kernel), position };
    hrn_record_begin(&line, "begin", p->job);
    hrn_line_add_int(&line, "index", (int64_t)variant->index);
    int error = hrn_record_send(p->runner, &line);
    if (error == 0)
        error = hrn_child_start(child, child_body, &work);
    child->variant = position;
    child->deadline_ms = hrn_now_ms() + p->job->timeout_ms;
    return error;
}

/* A child has spoken, died, or run out of time. */
static int finish(struct prover *p, struct hrn_child *child, int readable)
{
    struct hrn_message message = { .of.proof = { .stage = HRN_STAGE_PROVE } };
    struct hrn_proof *proof = &message.of.proof;
    int answered = readable && hrn_child_receive(child, &message);
    if (!answered)
        memset(proof, 0, sizeof *proof);
    int status = hrn_child_end(child, !readable || answered);
    if (!readable)
        hrn_proof_timeout(proof, p->job->timeout_ms);
    else if (!answered)
        hrn_proof_of_status(proof, status, p->job->variants[child->variant].kernel);
    return report(p, child->variant, proof);
}

/* Waits for any child, and for the host. */
static int wait_any(struct prover *p)
{
    struct pollfd wait[WORKERS_MAX + 1];
    int64_t now = hrn_now_ms(), soonest = INT64_MAX;
    int error = hrn_job_poll_stop(p->runner);
    for (int i = 0; i < p->workers; i++) {
        struct hrn_child *c = &p->worker[i];
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
        struct hrn_child *c = &p->worker[i];
        if (c->pid && (wait[i].revents || c->deadline_ms <= now))
            error = finish(p, c, wait[i].revents != 0);
    }
    return error;
}

static int prove_all(struct prover *p)
{
    size_t next = 0;
    for (;;) {
        int busy = 0, error = 0;
        for (int i = 0; i < p->workers; i++) {
            while (!p->worker[i].pid && next < p->job->count && !p->runner->stopping && error == 0)
                error = start(p, &p->worker[i], next++);
            busy += p->worker[i].pid != 0;
        }
        if (error == 0 && !busy)
            return 0;
        if (error == 0)
            error = wait_any(p);
        if (error < 0)
            return error;
    }
}

int hrn_job_prove(struct hrn_runner *runner, struct hrn_job *job)
{
    struct prover p = { .runner = runner, .job = job };
    struct krn_problem problem = job->problem;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    p.workers = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (int)cpus;
    p.cropped = hrn_problem_crop(&problem, job->max_macs);
    int error = hrn_case_make(&problem, job->seed, &p.main_case);
    if (error == 0)
        error = prove_all(&p);
    for (int i = 0; i < p.workers; i++)
        if (p.worker[i].pid)
            hrn_child_end(&p.worker[i], 1);
    for (size_t i = 0; i < TILES_MAX; i++)
        hrn_cases_clear(&p.tile[i].tails);
    hrn_case_clear(&p.main_case);
    return error;
}
