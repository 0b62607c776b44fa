/* From lines to jobs. The words, in the order of a job (keys in hrn_job_*; an int unless told):
 *
 *     variant  index kernel=NAME order mc_tiles from_round   any number, for the verb that follows
 *     event    pass name=TEXT source=pmu|hw|cache|sw config=HEX     likewise
 *     prove    job problem=STRING seed=HEX timeout_ms tails max_macs
 *     time     job problem=STRING seed=HEX timeout_ms first_round rounds min_sample_ns warmup_ns
 *     peak     job kernel=NAME
 *     count    job problem=STRING timeout_ms
 *     pmu      job timeout_ms              the PMU of the CPU, its free counters
 *     try      job work=NAME units         the events given, one after the other, over known work
 *     stream   job bytes                   reads a buffer of that size
 *     info     job
 *     stop     ends the job in hand after its sample
 *     quit
 *
 * Answers: hello; then per job any of begin, proof, sample (with pass, enabled, running and c0,
 * c1... where it was counted), peak, counts, pmu, trial, stream, info; and last
 *
 *     end      job records status=ok|stopped|error detail=TEXT */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/runner/journal.h"

void hrn_record_begin(struct hrn_line *line, const char *word, const struct hrn_job *job)
{
    hrn_line_begin(line, word);
    hrn_line_add_int(line, "job", job->id);
}

int hrn_record_send(struct hrn_runner *runner, struct hrn_line *line)
{
    hrn_line_end(line);
    runner->records_sent++;
    if (runner->journal) {
        int error = hrn_journal_append(runner->journal_fd, line->text, line->length);
        if (error < 0)
            return error;
    }
    return hrn_write_all(STDOUT_FILENO, line->text, line->length);
}

int hrn_record_proof(struct hrn_runner *runner, const struct hrn_job *job, size_t index,
                     const struct hrn_proof *proof)
{
    struct hrn_line line;
    hrn_record_begin(&line, "proof", job);
    hrn_line_add_int(&line, "index", (int64_t)index);
    hrn_line_add(&line, "outcome", hrn_outcome_names[proof->outcome]);
    hrn_line_add(&line, "stage", hrn_stage_names[proof->stage]);
    hrn_line_add_int(&line, "signal", proof->signal);
    hrn_line_add_hex(&line, "seed", proof->seed);
    hrn_line_add_int(&line, "checks", proof->checks);
    hrn_line_add(&line, "detail", proof->detail);
    return hrn_record_send(runner, &line);
}

static const struct krn_kernel *find_kernel(const char *name)
{
    for (size_t i = 0; i < quern_kernels_count; i++)
        if (strcmp(quern_kernels[i].name, name) == 0)
            return &quern_kernels[i];
    return NULL;
}

static int add_variant(struct hrn_job *job, const struct hrn_fields *f)
{
    if ((job->count & (job->count - 1)) == 0) { /* full at each power of two */
        size_t capacity = job->count ? 2 * job->count : 1;
        void *grown = realloc(job->variants, capacity * sizeof *job->variants);
        if (!grown)
            return -ENOMEM;
        job->variants = grown;
    }
    job->variants[job->count++] = (struct hrn_job_variant) {
        .index = (size_t)hrn_field_int(f, "index", 0),
        .kernel = find_kernel(hrn_field(f, "kernel")),
        .driver = { .loop_order = (int32_t)hrn_field_int(f, "order", 0),
                    .mc_tiles = (int32_t)hrn_field_int(f, "mc_tiles", 0) },
        .from_round = (int)hrn_field_int(f, "from_round", 0),
    };
    return 0;
}

static int add_event(struct hrn_job *job, const struct hrn_fields *f)
{
    int64_t at = hrn_field_int(f, "pass", 0);
    if (!job->passes)
        job->passes = calloc(HRN_PASSES_MAX, sizeof *job->passes);
    if (!job->passes)
        return -ENOMEM;
    if (at < 0 || at >= HRN_PASSES_MAX || job->passes[at].count == HRN_PASS_EVENTS)
        return -EPROTO;
    struct hrn_event *event = &job->passes[at].event[job->passes[at].count++];
    const char *source = hrn_field(f, "source");
    for (int i = 0; i < HRN_EVENT_SOURCE_COUNT; i++)
        if (strcmp(source, hrn_event_source_names[i]) == 0)
            event->source = (enum hrn_event_source)i;
    event->config = hrn_field_hex(f, "config");
    snprintf(event->name, sizeof event->name, "%.47s", hrn_field(f, "name"));
    if ((size_t)at >= job->pass_count)
        job->pass_count = (size_t)at + 1;
    return 0;
}

static int read_job(struct hrn_job *job, const struct hrn_fields *f, char *err, size_t err_bytes)
{
    job->id = hrn_field_int(f, "job", 0);
    job->seed = hrn_field_hex(f, "seed");
    job->timeout_ms = (int)hrn_field_int(f, "timeout_ms", 10000);
    job->tails = (int)hrn_field_int(f, "tails", 0);
    job->max_macs = hrn_field_int(f, "max_macs", INT64_MAX);
    job->first_round = (int)hrn_field_int(f, "first_round", 0);
    job->rounds = (int)hrn_field_int(f, "rounds", 1);
    job->min_sample_ns = hrn_field_int(f, "min_sample_ns", 1000000);
    job->warmup_ns = hrn_field_int(f, "warmup_ns", 0);
    job->untimed = (int)hrn_field_int(f, "untimed", 0);
    job->process_warmup_ns = hrn_field_int(f, "process_warmup_ns", 0);
    if (*hrn_field(f, "problem") == '\0')
        return 0;
    return krn_problem_parse(hrn_field(f, "problem"), &job->problem, err, err_bytes);
}

static int do_peak(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    struct hrn_proof failure;
    struct hrn_line line;
    int64_t per_megacycle = 0;
    int64_t macs_per_s =
        hrn_peak(find_kernel(hrn_field(f, "kernel")), runner->cpu, &per_megacycle, &failure);
    if (macs_per_s == 0)
        return hrn_record_proof(runner, job, 0, &failure);
    hrn_record_begin(&line, "peak", job);
    hrn_line_add_int(&line, "macs_per_s", macs_per_s);
    hrn_line_add_int(&line, "macs_per_megacycle", per_megacycle);
    return hrn_record_send(runner, &line);
}

static int do_info(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    (void)f;
    struct hrn_line line;
    struct utsname name;
    uname(&name);
    hrn_record_begin(&line, "info", job);
    hrn_line_add(&line, "arch", name.machine);
    hrn_line_add(&line, "kernel", name.release);
    hrn_line_add_hex(&line, "isas", hrn_env_isas());
    hrn_line_add_int(&line, "kernels", (int64_t)quern_kernels_count);
    return hrn_record_send(runner, &line);
}

static int send_end(struct hrn_runner *runner, const struct hrn_job *job, const char *status,
                    const char *detail)
{
    struct hrn_line line;
    hrn_record_begin(&line, "end", job);
    hrn_line_add_int(&line, "records", runner->records_sent);
    hrn_line_add(&line, "status", status);
    hrn_line_add(&line, "detail", detail);
    return hrn_record_send(runner, &line);
}

static int do_prove(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    (void)f;
    return hrn_job_prove(runner, job);
}

static int do_time(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    (void)f;
    return hrn_job_time(runner, job);
}

static int do_count(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    (void)f;
    return hrn_job_count(runner, job);
}

static int do_pmu(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    (void)f;
    return hrn_job_pmu(runner, job);
}

static int do_try(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    return hrn_job_try(runner, job, hrn_field(f, "work"), hrn_field_int(f, "units", 0));
}

static int do_stream(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    return hrn_job_stream(runner, job, hrn_field_int(f, "bytes", 0));
}

struct verb {
    const char *word;
    int (*run)(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f);
};

static const struct verb *find_verb(const char *word)
{
    static const struct verb verbs[] = {
        { "prove", do_prove }, { "time", do_time }, { "peak", do_peak },     { "count", do_count },
        { "pmu", do_pmu },     { "try", do_try },   { "stream", do_stream }, { "info", do_info },
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(word, verbs[i].word) == 0)
            return &verbs[i];
    return NULL;
}

static int do_job(struct hrn_runner *runner, struct hrn_job *job, const struct hrn_fields *f)
{
    char err[HRN_DETAIL_MAX] = "";
    runner->records_sent = 0;
    runner->stopping = 0;
    int error = read_job(job, f, err, sizeof err);
    if (error < 0)
        return send_end(runner, job, "error", err);
    error = find_verb(f->word)->run(runner, job, f);
    if (error == -EPIPE)
        return error;
    if (error < 0)
        return send_end(runner, job, "error", strerror(-error));
    return send_end(runner, job, runner->stopping ? "stopped" : "ok", "");
}

static void clear_job(struct hrn_job *job)
{
    free(job->variants);
    free(job->passes);
    memset(job, 0, sizeof *job);
}

/* A line that does not check, or is unknown, ends the runner: with half a job in hand there is
 * nothing right to do, and the host starts another. */
int hrn_jobs_run(struct hrn_runner *runner)
{
    struct hrn_job job = { 0 };
    struct hrn_fields fields;
    char *text;
    int error = 0;
    while (error == 0) {
        int got = hrn_reader_next(&runner->input, -1, &text);
        if (got <= 0) {
            error = got;
            continue;
        }
        error = hrn_line_parse(text, &fields);
        if (error == 0 && strcmp(fields.word, "quit") == 0 && runner->journal)
            unlink(runner->journal); /* the host has it all */
        if (error < 0 || strcmp(fields.word, "quit") == 0)
            break;
        if (strcmp(fields.word, "variant") == 0) {
            error = add_variant(&job, &fields);
        } else if (strcmp(fields.word, "event") == 0) {
            error = add_event(&job, &fields);
        } else if (find_verb(fields.word)) {
            error = do_job(runner, &job, &fields);
            clear_job(&job);
        } else if (strcmp(fields.word, "stop") !=
                   0) { /* a stop may come after the end of its job */
            error = -EPROTO;
        }
    }
    clear_job(&job);
    return error == -EPIPE ? 0 : error;
}

/* While a job is in hand the host sends nothing else, so every other line is a breach. */
int hrn_job_poll_stop(struct hrn_runner *runner)
{
    struct hrn_fields fields;
    char *text;
    int got = hrn_reader_next(&runner->input, 0, &text);
    if (got <= 0)
        return got;
    if (hrn_line_parse(text, &fields) < 0 || strcmp(fields.word, "stop") != 0)
        return -EPROTO;
    runner->stopping = 1;
    return 0;
}
