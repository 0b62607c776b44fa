#include "harness/runner/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/runner/line_int.h"
#include "variants/variant.h"

#define RESTARTS_MAX 3    /* of a runner that died, per call */
#define SILENCE_MS 120000 /* at least this long may pass without a line: a reference is slow */
#define MACS_MEASURED (150 << 20) /* larger problems are proved on a crop */
#define MACS_EMULATED (8 << 20)

struct hrn_session {
    struct hrn_device *device;
    char path[512], cpu[16];
    struct hrn_process process;
    int running;
    int64_t job; /* number of the job in hand: a late record of an older one is nobody's */
    struct hrn_reader in;
    char error[400];
};

const char *hrn_session_error(const struct hrn_session *session)
{
    return session->error;
}

static int failed(struct hrn_session *s, int rc, const char *what)
{
    snprintf(s->error, sizeof s->error, "%s: %s", hrn_device_info(s->device)->key, what);
    return rc;
}

/* ---- the process */

static void stop_process(struct hrn_session *s, int timeout_ms)
{
    int status;
    if (s->running)
        hrn_device_finish(s->device, &s->process, timeout_ms, &status);
    s->running = 0;
}

/* The next good line. 0; -EPIPE when the runner is gone; -ETIMEDOUT; -EIO (the runner says what).
 */
static int next_line(struct hrn_session *s, int timeout_ms, struct hrn_fields *fields)
{
    char *line;
    for (;;) {
        int got = hrn_reader_next(&s->in, timeout_ms, &line);
        if (got == 0)
            return failed(s, -ETIMEDOUT, "the runner has been silent for too long");
        if (got < 0)
            return failed(s, -EPIPE, "the runner ended unexpectedly");
        if (hrn_line_parse(line, fields)) {
            failed(s, 0, "a damaged line came from the runner");
            continue; /* whatever it said comes up missing, and is asked for again */
        }
        if (!strcmp(fields->word, "error"))
            return failed(s, -EIO, hrn_field(fields, "detail"));
        return 0;
    }
}

static int start_process(struct hrn_session *s)
{
    const char *const with_cpu[] = { s->path, "--cpu", s->cpu, NULL };
    const char *const plain[] = { s->path, NULL };
    struct hrn_fields fields;
    int rc = hrn_device_start(s->device, s->cpu[0] ? with_cpu : plain, &s->process);
    if (rc) {
        snprintf(s->error, sizeof s->error, "%s", hrn_device_error(s->device));
        return rc;
    }
    s->running = 1;
    s->in = (struct hrn_reader) { .fd = s->process.stdout_fd };
    rc = next_line(s, 30000, &fields);
    if (!rc &&
        (strcmp(fields.word, "hello") || hrn_field_int(&fields, "protocol", 0) != HRN_PROTOCOL))
        rc = failed(s, -EPROTO, "the runner speaks another protocol; clear the build cache");
    if (rc)
        stop_process(s, 1000);
    return rc;
}

int hrn_session_open(struct hrn_device *device, const char *runner_path, int cpu,
                     struct hrn_session **out, char *err, size_t err_bytes)
{
    struct hrn_session *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    signal(SIGPIPE, SIG_IGN); /* a runner that died is found by its missing answer */
    s->device = device;
    if (cpu < 0)
        cpu = hrn_device_info(device)->cpu_index;
    if (cpu >= 0)
        snprintf(s->cpu, sizeof s->cpu, "%d", cpu);
    int rc = hrn_device_push(device, runner_path, s->path, sizeof s->path);
    if (rc)
        snprintf(s->error, sizeof s->error, "%s", hrn_device_error(device));
    else
        rc = start_process(s);
    if (rc) {
        snprintf(err, err_bytes, "%s", s->error);
        hrn_session_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

static int send_line(struct hrn_session *s, struct hrn_line *line)
{
    hrn_line_end(line);
    return hrn_write_all(s->process.stdin_fd, line->text, line->length)
               ? failed(s, -EPIPE, "the runner ended unexpectedly")
               : 0;
}

static int send_word(struct hrn_session *s, const char *word)
{
    struct hrn_line line;
    hrn_line_begin(&line, word);
    return send_line(s, &line);
}

void hrn_session_close(struct hrn_session *s)
{
    if (s && s->running)
        send_word(s, "quit");
    if (s)
        stop_process(s, 2000);
    free(s);
}

/* ---- jobs: the words are in job.c */

/* Names, and what the job still needs of each. */
struct list {
    const char *const *names;
    size_t count;
    unsigned char *finished; /* [count] */
    int *from_round;         /* [count]: rounds before it are there */
};

static int list_open(struct list *l, const char *const *names, size_t count)
{
    *l = (struct list) { .names = names, .count = count };
    l->finished = calloc(count + 1, sizeof *l->finished);
    l->from_round = calloc(count + 1, sizeof *l->from_round);
    return l->finished && l->from_round ? 0 : -ENOMEM;
}

static void list_close(struct list *l)
{
    free(l->finished);
    free(l->from_round);
}

/* A name outside the grammar is a micro-kernel's, with the plain driver. */
static int send_variant(struct hrn_session *s, const struct list *l, size_t index)
{
    char kernel[VAR_NAME_MAX], why[200];
    struct var_variant v;
    struct krn_driver driver = { 0 };
    struct hrn_line line;
    if (var_name_parse(l->names[index], &v, why, sizeof why)) {
        snprintf(kernel, sizeof kernel, "%s", l->names[index]);
    } else {
        var_kernel_name_format(&v, kernel);
        driver = var_driver(&v);
    }
    hrn_line_begin(&line, "variant");
    hrn_line_add_int(&line, "index", (int64_t)index);
    hrn_line_add(&line, "kernel", kernel);
    hrn_line_add_int(&line, "order", driver.loop_order);
    hrn_line_add_int(&line, "mc_tiles", driver.mc_tiles);
    hrn_line_add_int(&line, "from_round", l->from_round[index]);
    return send_line(s, &line);
}

/* The variants that are still needed, then the verb, which begins the work. */
static int send_job(struct hrn_session *s, struct hrn_line *verb, const struct list *l)
{
    int rc = s->running ? 0 : start_process(s);
    for (size_t i = 0; !rc && i < l->count; i++)
        if (!l->finished[i])
            rc = send_variant(s, l, i);
    hrn_line_add_int(verb, "job", ++s->job);
    return rc ? rc : send_line(s, verb);
}

/* The index that a record is of, or -1 for a record of no variant or of another job. */
static long index_of(const struct hrn_session *s, const struct list *l, const struct hrn_fields *f)
{
    int64_t i = hrn_field_int(f, "index", -1);
    int ours = hrn_field_int(f, "job", -1) == s->job && i >= 0 && (size_t)i < l->count;
    return ours ? (long)i : -1;
}

/* 1 if the record ends the job in hand; then *rc tells how. */
static int is_end(struct hrn_session *s, const struct hrn_fields *f, int *rc)
{
    if (strcmp(f->word, "end") || hrn_field_int(f, "job", -1) != s->job)
        return 0;
    *rc = strcmp(hrn_field(f, "status"), "error") ? 0 : failed(s, -EIO, hrn_field(f, "detail"));
    return 1;
}

static void begin_head(struct hrn_line *head, const char *word, const struct krn_problem *problem,
                       uint64_t seed, int timeout_ms)
{
    char text[KRN_PROBLEM_STR_MAX];
    krn_problem_format(problem, 0, text);
    hrn_line_begin(head, word);
    hrn_line_add(head, "problem", text);
    hrn_line_add_hex(head, "seed", seed);
    hrn_line_add_int(head, "timeout_ms", timeout_ms);
}

/* The place of `word` in a table of names, or `other`. */
static int find_name(const char *const *names, int count, const char *word, int other)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], word))
            return i;
    return other;
}

static enum hrn_outcome read_outcome(const struct hrn_fields *f, enum hrn_outcome other)
{
    return (enum hrn_outcome)find_name(hrn_outcome_names, HRN_OUTCOME_COUNT,
                                       hrn_field(f, "outcome"), other);
}

static void read_proof(const struct hrn_fields *f, struct hrn_proof *proof)
{
    *proof = (struct hrn_proof) {
        .outcome = read_outcome(f, HRN_CRASHED),
        .stage = (enum hrn_stage)find_name(hrn_stage_names, HRN_STAGE_COUNT, hrn_field(f, "stage"),
                                           HRN_STAGE_PROVE),
        .signal = (int32_t)hrn_field_int(f, "signal", 0),
        .checks = (int32_t)hrn_field_int(f, "checks", 0),
        .seed = hrn_field_hex(f, "seed"),
    };
    snprintf(proof->detail, sizeof proof->detail, "%s", hrn_field(f, "detail"));
}

/* A variant with which the runner itself went down. */
static void lost_proof(struct hrn_session *s, int rc, enum hrn_stage stage, uint64_t seed,
                       struct hrn_proof *proof)
{
    *proof = (struct hrn_proof) { .outcome = rc == -ETIMEDOUT ? HRN_TIMEOUT : HRN_CRASHED,
                                  .stage = stage,
                                  .seed = seed };
    snprintf(proof->detail, sizeof proof->detail, "%s", s->error);
}

/* ---- prove */

struct prove_job {
    struct hrn_session *session;
    struct list list;
    hrn_prove_done *done;
    void *user;
    int timeout_ms;
    long at; /* the variant in hand, -1 = none yet */
};

static int receive_proofs(struct prove_job *job)
{
    struct hrn_fields f;
    for (;;) {
        int rc = next_line(job->session, job->timeout_ms, &f);
        if (rc || is_end(job->session, &f, &rc))
            return rc;
        long i = index_of(job->session, &job->list, &f);
        if (i < 0)
            continue;
        if (!strcmp(f.word, "begin"))
            job->at = i;
        if (strcmp(f.word, "proof") || job->list.finished[i])
            continue;
        struct hrn_proof proof;
        read_proof(&f, &proof);
        job->list.finished[i] = 1;
        job->done((size_t)i, &proof, job->user);
    }
}

static size_t unfinished(const struct list *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++)
        n += !l->finished[i];
    return n;
}

/* What becomes of the job after the runner went down or kept silent. 0 = try again. */
static int after_loss(struct prove_job *job, int rc, uint64_t seed, int *restarts)
{
    struct hrn_proof proof;
    stop_process(job->session, 0);
    if ((rc != -EPIPE && rc != -ETIMEDOUT) || ++*restarts > RESTARTS_MAX)
        return rc;
    if (job->at >= 0 && !job->list.finished[job->at]) {
        lost_proof(job->session, rc, HRN_STAGE_PROVE, seed, &proof);
        job->list.finished[job->at] = 1;
        job->done((size_t)job->at, &proof, job->user);
        *restarts = 0; /* that was the variant's fault, not the device's */
    }
    job->at = -1;
    return 0;
}

int hrn_session_prove(struct hrn_session *s, const struct krn_problem *problem,
                      const char *const *names, size_t count,
                      const struct hrn_prove_options *options, hrn_prove_done *done, void *user)
{
    struct prove_job job = { .session = s, .done = done, .user = user, .at = -1 };
    int emulated = hrn_device_info(s->device)->evidence != HRN_MEASURED, restarts = 0;
    struct hrn_line head;
    job.timeout_ms = options->timeout_ms > SILENCE_MS / 2 ? 2 * options->timeout_ms : SILENCE_MS;
    int rc = list_open(&job.list, names, count);
    while (!rc && unfinished(&job.list)) {
        begin_head(&head, "prove", problem, options->seed, options->timeout_ms);
        hrn_line_add_int(&head, "tails", options->tails);
        hrn_line_add_int(&head, "max_macs", emulated ? MACS_EMULATED : MACS_MEASURED);
        rc = send_job(s, &head, &job.list);
        if (!rc)
            rc = receive_proofs(&job);
        /* A job that ends with variants unanswered lost their lines: ask again, but not for ever.
         */
        if (rc || (unfinished(&job.list) && ++restarts > RESTARTS_MAX))
            rc = after_loss(&job, rc ? rc : -EBADMSG, options->seed, &restarts);
    }
    list_close(&job.list);
    return rc;
}

/* ---- time */

struct time_job {
    struct hrn_session *session;
    struct list list;
    hrn_time_sample *sample;
    hrn_time_failed *failed;
    void *user;
    const struct hrn_time_options *options;
    int stopping;
};

static void read_sample(const struct hrn_fields *f, struct hrn_sample *s)
{
    *s = (struct hrn_sample) {
        .round = (int32_t)hrn_field_int(f, "round", 0),
        .position = (int32_t)hrn_field_int(f, "position", 0),
        .calls = hrn_field_int(f, "calls", 0),
        .time_ns = hrn_field_int(f, "time_ns", 0),
        .overhead_ns = hrn_field_int(f, "overhead_ns", 0),
        .freq_khz = (int32_t)hrn_field_int(f, "freq_khz", 0),
        .temp_mc = (int32_t)hrn_field_int(f, "temp_mc", INT32_MIN),
        .migrations = (int32_t)hrn_field_int(f, "migrations", -1),
        .context_switches = (int32_t)hrn_field_int(f, "switches", -1),
        .outcome = read_outcome(f, HRN_VOID),
    };
    snprintf(s->detail, sizeof s->detail, "%s", hrn_field(f, "detail"));
}

static void take_time_record(struct time_job *job, const struct hrn_fields *f)
{
    long i = index_of(job->session, &job->list, f);
    if (i < 0)
        return;
    if (!strcmp(f->word, "sample")) {
        struct hrn_sample sample;
        read_sample(f, &sample);
        if (hrn_field_int(f, "last", 1))
            job->list.from_round[i] = sample.round + 1;
        if (sample.calls > 0 && sample.time_ns > 0)
            job->sample((size_t)i, &sample, NULL, 0, job->user);
    } else if (!strcmp(f->word, "proof")) {
        struct hrn_proof proof;
        read_proof(f, &proof);
        job->list.finished[i] = 1;
        job->failed((size_t)i, &proof, job->user);
    }
}

/* Waits in slices, so that `stop` is seen; the runner is told once. */
static int receive_samples(struct time_job *job)
{
    const struct hrn_time_options *o = job->options;
    int64_t heard = hrn_now_ms(), patience = SILENCE_MS + 2 * (int64_t)o->timeout_ms;
    struct hrn_fields f;
    for (;;) {
        if (o->stop && *o->stop && !job->stopping) {
            job->stopping = 1;
            send_word(job->session, "stop");
        }
        int rc = next_line(job->session, 200, &f);
        if (rc == -ETIMEDOUT && hrn_now_ms() - heard < patience)
            continue;
        if (rc)
            return rc;
        heard = hrn_now_ms();
        if (is_end(job->session, &f, &rc))
            return rc ? rc : job->stopping ? -EINTR : 0;
        take_time_record(job, &f);
    }
}

static void begin_time_head(struct hrn_line *head, const struct krn_problem *problem,
                            const struct time_job *job)
{
    const struct hrn_time_options *o = job->options;
    begin_head(head, "time", problem, o->seed, o->timeout_ms);
    hrn_line_add_int(head, "first_round", o->first_round);
    hrn_line_add_int(head, "rounds", o->rounds);
    hrn_line_add_int(head, "min_sample_ns", o->min_sample_ns);
    hrn_line_add_int(head, "warmup_ns", o->warmup_ns);
}

int hrn_session_time(struct hrn_session *s, const struct krn_problem *problem,
                     const char *const *names, size_t count, const struct hrn_time_options *options,
                     hrn_time_sample *sample, hrn_time_failed *on_failed, void *user)
{
    struct time_job job = {
        .session = s, .sample = sample, .failed = on_failed, .user = user, .options = options
    };
    struct hrn_line head;
    if (hrn_device_info(s->device)->evidence != HRN_MEASURED)
        return failed(s, -ENOTSUP, "an emulated device has no times");
    int rc = list_open(&job.list, names, count);
    for (int restarts = 0; !rc; restarts++) {
        begin_time_head(&head, problem, &job);
        rc = send_job(s, &head, &job.list);
        if (!rc)
            rc = receive_samples(&job);
        if (!rc || rc == -EINTR)
            break;
        stop_process(s, 0);
        if ((rc != -EPIPE && rc != -ETIMEDOUT) || restarts == RESTARTS_MAX)
            break;
        rc = 0; /* another runner goes on with the rounds that each variant still lacks */
    }
    list_close(&job.list);
    return rc;
}

int hrn_session_peak(struct hrn_session *s, const char *name, double *macs_per_s)
{
    const struct list nothing = { 0 };
    struct hrn_line line;
    struct hrn_fields f;
    *macs_per_s = 0;
    hrn_line_begin(&line, "peak");
    hrn_line_add(&line, "kernel", name);
    int rc = send_job(s, &line, &nothing);
    while (!rc && !(rc = next_line(s, SILENCE_MS, &f)) && !is_end(s, &f, &rc))
        if (!strcmp(f.word, "peak"))
            *macs_per_s = (double)hrn_field_int(&f, "macs_per_s", 0);
    if (!rc && *macs_per_s <= 0)
        rc = failed(s, -ENOTSUP, "has no such peak to measure");
    return rc;
}
