#include "harness/runner/session_int.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/runner/journal.h"
#include "variants/variant.h"

#define FAREWELL_MS 2000
#define BREAKS_MAX 10 /* of a connection, before a result comes through */
#define SLICE_MS 100  /* how soon a stop flag is seen */

int hrn_session_fail(struct hrn_session *s, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->error, sizeof s->error, format, arguments);
    va_end(arguments);
    return code;
}

/* ---- The process */

/* Waits for its end and says what it was: of the program (-EPIPE), or of the way to the device
 * (-ECONNRESET), which is no fault of what was in hand. */
static int lost_after(struct hrn_session *s, const char *what, int farewell_ms)
{
    const char *key = hrn_device_info(s->device)->key;
    int status = 0;
    int error = hrn_device_finish(s->device, &s->process, farewell_ms, &status);
    s->running = 0;
    s->was_cut_off = error < 0;
    if (error < 0 && ++s->breaks > BREAKS_MAX)
        return hrn_session_fail(s, -ENOTCONN, "the connection to %s breaks again and again: %s",
                                key, hrn_device_error(s->device));
    if (error < 0)
        return hrn_session_fail(s, -ECONNRESET, "the runner on %s %s: %s", key, what,
                                hrn_device_error(s->device));
    if (WIFSIGNALED(status))
        return hrn_session_fail(s, -EPIPE, "the runner on %s %s: it was ended by signal %d (%s)",
                                key, what, WTERMSIG(status), strsignal(WTERMSIG(status)));
    return hrn_session_fail(s, -EPIPE, "the runner on %s %s: it ended with exit code %d", key, what,
                            WEXITSTATUS(status));
}

static int lost(struct hrn_session *s, const char *what)
{
    return lost_after(s, what, FAREWELL_MS);
}

/* The next line that checks, taken apart: 1; 0 = none within timeout_ms, or it was nobody's; -EPIPE
 * at the end of the output. */
static int next_line(struct hrn_session *s, int timeout_ms, struct hrn_fields *fields)
{
    char *line;
    int got = hrn_reader_next(&s->reader, timeout_ms, &line);
    if (got <= 0)
        return got;
    if (hrn_process_mark(&s->process, line))
        return -EPIPE;
    if (strncmp(line, "quern-begin ", 12) == 0)
        return 0;
    line[strcspn(line, "\r")] = '\0'; /* of a terminal in between */
    if (hrn_line_parse(line, fields) == 0)
        return 1;
    s->damaged += line[0] != '\0';
    return 0;
}

static int await_hello(struct hrn_session *s)
{
    int64_t until = hrn_now_ms() + hrn_device_patience(s->device)->call_ms;
    struct hrn_fields fields;
    for (;;) {
        int64_t left = until - hrn_now_ms();
        int got = next_line(s, left > 0 ? (int)left : 0, &fields);
        if (got < 0 || (got == 0 && left <= 0))
            return lost(s, "did not start");
        if (got == 0 || strcmp(fields.word, "hello") != 0)
            continue; /* a shell's greeting */
        int64_t protocol = hrn_field_int(&fields, "protocol", 0);
        if (protocol == HRN_PROTOCOL)
            return 0;
        lost(s, "was sent away");
        return hrn_session_fail(s, -EPROTO,
                                "the runner speaks protocol %lld, this program %d: build it again",
                                (long long)protocol, HRN_PROTOCOL);
    }
}

/* Onto the device, unless it is there already. */
static int push(struct hrn_session *s)
{
    int error = hrn_device_push(s->device, s->runner_path, s->device_path, sizeof s->device_path);
    return error < 0 ? hrn_session_fail(s, error, "%s", hrn_device_error(s->device)) : 0;
}

/* Only what is far away needs a journal; a device with a shell of its own is. */
static void choose_journal(struct hrn_session *s)
{
    char output[64];
    int exit_code;
    if (hrn_device_shell(s->device, "true", output, sizeof output, &exit_code) == 0)
        snprintf(s->journal, sizeof s->journal, "%s.%ld-%llx.journal", s->device_path,
                 (long)getpid(), (unsigned long long)hrn_now_ms());
}

/* After a broken connection: waits for the device, and sees to it that the runner is still there.
 */
static int regain(struct hrn_session *s)
{
    int error = hrn_device_await(s->device);
    if (error < 0)
        return hrn_session_fail(s, error == -EINTR ? -EINTR : -ENOTCONN, "%s",
                                hrn_device_error(s->device));
    error = push(s);
    if (error == 0)
        s->was_cut_off = 0;
    return error;
}

static int start(struct hrn_session *s)
{
    char cpu[16];
    const char *const argv[] = { s->device_path, "--cpu", cpu, s->journal[0] ? "--journal" : NULL,
                                 s->journal,     NULL };
    snprintf(cpu, sizeof cpu, "%d", s->cpu);
    int error = s->was_cut_off ? regain(s) : 0;
    if (error < 0)
        return error;
    error = hrn_device_start(s->device, argv, &s->process);
    if (error < 0)
        return hrn_session_fail(s, error, "the runner did not start: %s",
                                hrn_device_error(s->device));
    s->running = 1;
    memset(&s->reader, 0, sizeof s->reader);
    s->reader.fd = s->process.stdout_fd;
    return await_hello(s);
}

/* A connection that breaks at the start, too, is waited for; lost() counts how often. */
static int start_for_sure(struct hrn_session *s)
{
    int error;
    do
        error = start(s);
    while (error == -ECONNRESET);
    return error;
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
    s->device = device;
    s->cpu = cpu >= 0 ? cpu : hrn_device_info(device)->cpu_index;
    snprintf(s->runner_path, sizeof s->runner_path, "%s", runner_path);
    int error = push(s);
    s->was_cut_off = error == -ENOTCONN || error == -ETIMEDOUT;
    if (error == 0 || s->was_cut_off) {
        choose_journal(s);
        error = start_for_sure(s);
    }
    if (error < 0) {
        snprintf(err, err_bytes, "%s", s->error);
        free(s);
        return error;
    }
    *out = s;
    return 0;
}

const char *hrn_session_error(const struct hrn_session *s)
{
    return s->error;
}

const char *hrn_session_device(const struct hrn_session *s)
{
    return hrn_device_info(s->device)->key;
}

/* ---- Requests */

void hrn_request_add(struct hrn_request *r, struct hrn_line *line)
{
    hrn_line_end(line);
    if (r->length + line->length > r->capacity) {
        size_t capacity = 2 * r->capacity + sizeof line->text;
        char *grown = realloc(r->text, capacity);
        if (!grown) {
            r->failed = -ENOMEM;
            return;
        }
        r->text = grown;
        r->capacity = capacity;
    }
    memcpy(r->text + r->length, line->text, line->length);
    r->length += line->length;
}

int hrn_request_variant(struct hrn_session *s, struct hrn_request *r, const char *name,
                        size_t index, int from_round)
{
    char kernel[VAR_NAME_MAX], reason[HRN_DETAIL_MAX];
    const char *knobs = strstr(name, "__"); /* of the driver; what is before is the kernel */
    struct krn_driver driver = { 0 };
    struct var_variant variant;
    struct hrn_line line;
    size_t length = knobs ? (size_t)(knobs - name) : strlen(name);
    if (var_name_read(name, &variant, reason, sizeof reason) == 0)
        driver = var_driver(&variant);
    else if (knobs) /* a kernel written by hand has none */
        return hrn_session_fail(s, -EINVAL, "%s", reason);
    if (length >= sizeof kernel)
        return hrn_session_fail(s, -EINVAL, "the name \"%s\" is too long", name);
    snprintf(kernel, sizeof kernel, "%.*s", (int)length, name);
    hrn_line_begin(&line, "variant");
    hrn_line_add_int(&line, "index", (int64_t)index);
    hrn_line_add(&line, "kernel", kernel);
    hrn_line_add_int(&line, "order", driver.loop_order);
    hrn_line_add_int(&line, "mc_tiles", driver.mc_tiles);
    hrn_line_add_int(&line, "from_round", from_round);
    hrn_request_add(r, &line);
    return 0;
}

void hrn_request_pass(struct hrn_request *r, const struct hrn_pass *pass, size_t index)
{
    struct hrn_line line;
    for (size_t i = 0; i < pass->count; i++) {
        hrn_line_begin(&line, "event");
        hrn_line_add_int(&line, "pass", (int64_t)index);
        hrn_line_add(&line, "name", pass->event[i].name);
        hrn_line_add(&line, "source", hrn_event_source_names[pass->event[i].source]);
        hrn_line_add_hex(&line, "config", pass->event[i].config);
        hrn_request_add(r, &line);
    }
}

void hrn_request_clear(struct hrn_request *r)
{
    free(r->text);
    memset(r, 0, sizeof *r);
}

void hrn_verb_begin(struct hrn_session *s, struct hrn_line *line, const char *verb,
                    const struct krn_problem *problem)
{
    char text[KRN_PROBLEM_STR_MAX];
    hrn_line_begin(line, verb);
    hrn_line_add_int(line, "job", ++s->job);
    if (problem) {
        krn_problem_format(problem, 0, text);
        hrn_line_add(line, "problem", text);
    }
}

/* ---- The exchange */

/* Writes to a pipe that may have lost its reader, without the SIGPIPE: a library has no say over
 * the process's signals. */
static int send_quietly(int fd, const char *data, size_t bytes)
{
    const struct timespec at_once = { 0, 0 };
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    int error = hrn_write_all(fd, data, bytes);
    if (error == -EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe_signal, NULL, &at_once) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static int send_word(struct hrn_session *s, const char *word)
{
    struct hrn_line line;
    hrn_line_begin(&line, word);
    hrn_line_end(&line);
    return send_quietly(s->process.stdin_fd, line.text, line.length);
}

static void end(struct hrn_session *s)
{
    int status;
    if (!s->running)
        return;
    send_word(s, "quit"); /* the end of the input does not get through every terminal */
    hrn_device_finish(s->device, &s->process, FAREWELL_MS, &status);
    s->running = 0;
}

void hrn_session_close(struct hrn_session *s)
{
    if (s)
        end(s);
    free(s);
}

int hrn_session_restart(struct hrn_session *s)
{
    end(s);
    return start_for_sure(s);
}

/* The next record of this job into *fields: 1; 0 = none yet, or it belongs to no one. */
static int next_record(struct hrn_session *s, struct hrn_fields *fields)
{
    int got = next_line(s, SLICE_MS, fields);
    return got > 0 ? hrn_field_int(fields, "job", -1) == s->job : got;
}

static int end_of_job(struct hrn_session *s, const struct hrn_fields *fields)
{
    const char *status = hrn_field(fields, "status");
    if (strcmp(status, "error") == 0)
        return hrn_session_fail(s, -EINVAL, "the runner could not do the job: %s",
                                hrn_field(fields, "detail"));
    return strcmp(status, "stopped") == 0 ? -EINTR : 0;
}

/* After each silence of some length the device is asked whether it is still there: one that hangs
 * would otherwise look like a long job. */
static int is_there(struct hrn_session *s, int64_t heard_ms, int64_t *asked_ms)
{
    int64_t now = hrn_now_ms(), since = heard_ms > *asked_ms ? heard_ms : *asked_ms;
    if (now - since < hrn_device_patience(s->device)->silence_ms)
        return 1;
    int error = hrn_device_check(s->device);
    *asked_ms = hrn_now_ms();
    return error == 0;
}

static int receive(struct hrn_session *s, const struct hrn_request *request, hrn_on_record *record,
                   void *user)
{
    int64_t heard_ms = hrn_now_ms(), asked_ms = heard_ms;
    struct hrn_fields fields;
    int stop_sent = 0;
    for (;;) {
        if (request->stop && *request->stop && !stop_sent) {
            stop_sent = 1;
            if (send_word(s, "stop") < 0)
                return lost(s, "is gone");
        }
        int got = next_record(s, &fields);
        if (got < 0)
            return lost(s, "is gone");
        if (got > 0)
            heard_ms = hrn_now_ms();
        if (got > 0 && strcmp(fields.word, "end") == 0)
            return end_of_job(s, &fields);
        if (got > 0 && strcmp(fields.word, "begin") != 0)
            s->breaks = 0;
        s->received += got > 0;
        if (got > 0) {
            record(&fields, user);
        } else if (!is_there(s, heard_ms, &asked_ms)) {
            return lost_after(s, "hangs", 0);
        } else if (hrn_now_ms() - heard_ms > request->silence_ms) {
            /* The device answers, so it is the runner. */
            int error = lost_after(s, "hangs", 0);
            return error == -ECONNRESET ? -EPIPE : error;
        }
    }
}

/* ---- The journal */

struct replay {
    struct hrn_session *s;
    size_t seen;
    hrn_on_record *record;
    void *user;
    int ended, result; /* the end of the job is there, and what it says */
};

/* Records come in the order in which they were sent; the first s->received of them arrived. One
 * that comes twice does no harm: whoever takes records knows what it has. */
static int replay_record(const struct hrn_fields *fields, void *user)
{
    struct replay *r = user;
    if (hrn_field_int(fields, "job", -1) != r->s->job)
        return 0;
    if (strcmp(fields->word, "end") == 0) {
        r->ended = 1;
        r->result = end_of_job(r->s, fields);
    } else if (++r->seen > r->s->received) {
        r->s->breaks = 0;
        r->record(fields, r->user);
    }
    return 0;
}

/* After a broken connection: waits for the device, and takes from the journal what did not arrive.
 * 1 = all of the job is here, *result is its end; or the device is gone for good, and that is the
 * result. */
static int salvage(struct hrn_session *s, hrn_on_record *record, void *user, int *result)
{
    struct replay r = { .s = s, .record = record, .user = user };
    struct hrn_journal_state state;
    char copy[] = P_tmpdir "/quern-journal-XXXXXX", before[sizeof s->error];
    memcpy(before, s->error, sizeof before);
    int rc = s->journal[0] ? regain(s) : -ENOENT;
    if (rc == -ENOTCONN || rc == -EINTR) { /* it was waited for: once is enough */
        *result = rc;
        return 1;
    }
    int fd = rc == 0 ? mkstemp(copy) : -1;
    memcpy(s->error, before, sizeof before);
    if (fd < 0)
        return 0;
    close(fd);
    if (hrn_device_pull(s->device, s->journal, copy) == 0)
        hrn_journal_read(copy, replay_record, &r, &state);
    unlink(copy);
    *result = r.result;
    return r.ended;
}

int hrn_exchange(struct hrn_session *s, const struct hrn_request *request, hrn_on_record *record,
                 void *user)
{
    int error = s->running ? 0 : start(s);
    if (request->failed)
        return hrn_session_fail(s, request->failed, "out of memory");
    if (error < 0)
        return error == -EINTR || error == -ENOTCONN || error == -ECONNRESET ? error : -EPIPE;
    if (send_quietly(s->process.stdin_fd, request->text, request->length) < 0)
        return lost(s, "is gone");
    s->received = 0;
    error = receive(s, request, record, user);
    if (error == -ECONNRESET && salvage(s, record, user, &error))
        return error;
    return error;
}

int hrn_exchange_again(struct hrn_session *s, const struct hrn_request *request,
                       hrn_on_record *record, void *user)
{
    int error;
    do
        error = hrn_exchange(s, request, record, user);
    while (error == -ECONNRESET);
    return error;
}

/* ---- Records */

int hrn_name_find(const char *const *names, int count, const char *name, int missing)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return missing;
}

void hrn_proof_read(const struct hrn_fields *record, struct hrn_proof *proof)
{
    memset(proof, 0, sizeof *proof);
    proof->outcome = (enum hrn_outcome)hrn_name_find(hrn_outcome_names, HRN_OUTCOME_COUNT,
                                                     hrn_field(record, "outcome"), HRN_CRASHED);
    proof->stage = (enum hrn_stage)hrn_name_find(hrn_stage_names, HRN_STAGE_COUNT,
                                                 hrn_field(record, "stage"), HRN_STAGE_PROVE);
    proof->signal = (int32_t)hrn_field_int(record, "signal", 0);
    proof->seed = hrn_field_hex(record, "seed");
    proof->checks = (int32_t)hrn_field_int(record, "checks", 0);
    snprintf(proof->detail, sizeof proof->detail, "%s", hrn_field(record, "detail"));
}

void hrn_proof_blame(struct hrn_proof *proof, enum hrn_stage stage, uint64_t seed)
{
    *proof = (struct hrn_proof) { .outcome = HRN_CRASHED, .stage = stage, .seed = seed };
    snprintf(proof->detail, sizeof proof->detail,
             "the runner itself went down %d times with this variant in hand", HRN_STRIKES);
}
