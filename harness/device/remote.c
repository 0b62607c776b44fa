#include "harness/device/remote_int.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/device/process_int.h"

#define BEGIN_MARK "quern-begin "
#define END_MARK "quern-end "
#define COMMAND_MAX 4096
#define ANSWER_MAX (64 << 20)
#define ATTEMPT_MS_MIN 3000
#define RETRY_MS 500

/* ---- Marks */

/* Not to be guessed by what a device prints by itself; nothing else depends on it. */
static void make_nonce(char *out, size_t out_bytes)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        number = (uint64_t)hrn_clock_ms() << 20 ^ (uint64_t)getpid();
    snprintf(out, out_bytes, "%016" PRIx64, number);
}

static int wrap(const char *command, const char *nonce, char *out, size_t out_bytes)
{
    int length =
        snprintf(out, out_bytes, "echo " BEGIN_MARK "%s; (%s); s=$?; echo; echo " END_MARK "%s $s",
                 nonce, command, nonce);
    return (size_t)length < out_bytes ? 0 : -E2BIG;
}

int hrn_process_mark(struct hrn_process *p, const char *line)
{
    size_t mark = strlen(END_MARK), nonce = strlen(p->nonce);
    if (!nonce || strncmp(line, END_MARK, mark) || strncmp(line + mark, p->nonce, nonce))
        return 0;
    p->ended = 1;
    p->exit_code = (int)strtol(line + mark + nonce, NULL, 10);
    return 1;
}

int hrn_shell_quote(const char *text, char *out, size_t out_bytes)
{
    size_t n = 0;
    for (const char *c = text; n + 8 < out_bytes; c++) {
        if (c == text)
            out[n++] = '\'';
        if (*c == '\0') {
            out[n++] = '\'';
            out[n] = '\0';
            return 0;
        }
        n += (size_t)snprintf(out + n, out_bytes - n, *c == '\'' ? "'\\''" : "%c", *c);
    }
    return -ENAMETOOLONG;
}

/* ---- One command and its answer */

void hrn_answer_clear(struct hrn_answer *answer)
{
    free(answer->text);
    answer->text = NULL;
    answer->length = 0;
}

/* The answer as it arrives. */
struct incoming {
    struct hrn_process process;
    char *text;
    size_t length, capacity, searched;
};

static int grow(struct incoming *in)
{
    size_t capacity = in->capacity ? 2 * in->capacity : 4096;
    if (in->length + 1 < in->capacity)
        return 0;
    char *text = capacity <= ANSWER_MAX ? realloc(in->text, capacity) : NULL;
    if (!text)
        return -ENOMEM;
    in->text = text;
    in->capacity = capacity;
    return 0;
}

/* Looks at the lines that have become whole; the mark is the last of them. Bytes may be any. */
static void look_for_mark(struct incoming *in)
{
    char *newline;
    in->text[in->length] = '\0';
    while (!in->process.ended &&
           (newline = memchr(in->text + in->searched, '\n', in->length - in->searched))) {
        if (hrn_process_mark(&in->process, in->text + in->searched))
            in->length = in->searched;
        else
            in->searched = (size_t)(newline + 1 - in->text);
    }
}

/* Until the mark, the end, or the moment `until`. */
static int receive(struct incoming *in, int64_t until)
{
    while (!in->process.ended) {
        struct pollfd wait = { .fd = in->process.stdout_fd, .events = POLLIN };
        int64_t left = until - hrn_clock_ms();
        int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
        if (ready == 0)
            return -ETIMEDOUT;
        if (grow(in) < 0)
            return -ENOMEM;
        ssize_t got = ready < 0 ? -1
                                : read(in->process.stdout_fd, in->text + in->length,
                                       in->capacity - 1 - in->length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -ENOTCONN;
        in->length += (size_t)got;
        look_for_mark(in);
    }
    return 0;
}

/* What stands between the marks, without the newline before the end mark; `is_old`: and without the
 * "\r" of a terminal. */
static int between_marks(struct incoming *in, int is_old, struct hrn_answer *out)
{
    char begin[64];
    size_t length = 0;
    snprintf(begin, sizeof begin, BEGIN_MARK "%s", in->process.nonce);
    in->text[in->length] = '\0';
    char *text = strstr(in->text, begin);
    text = text ? strchr(text, '\n') : NULL;
    if (!text)
        return -EPROTO;
    for (const char *c = text + 1, *end = in->text + in->length; c < end; c++)
        if (!is_old || *c != '\r' || c[1] != '\n')
            in->text[length++] = *c;
    length -= length > 0;
    in->text[length] = '\0';
    out->text = in->text;
    out->length = length;
    out->exit_code = in->process.exit_code;
    in->text = NULL;
    return 0;
}

static void close_process(struct hrn_process *p, int timeout_ms)
{
    int status;
    if (p->stdin_fd >= 0) {
        shutdown(p->stdin_fd, SHUT_WR); /* of a socket; a pipe's end is its closing */
        close(p->stdin_fd);
    }
    if (p->pid > 0)
        hrn_reap(p->pid, timeout_ms, &status);
    close(p->stdout_fd);
}

static int explain(struct hrn_device *d, int rc, int timeout_ms, const char *complaint)
{
    if (rc == -ETIMEDOUT)
        return hrn_device_fail(d, rc, "%s did not answer within %d s; %s", d->info.key,
                               (timeout_ms + 999) / 1000, d->remote->kind->remedy);
    if (rc == -ENOTCONN)
        return hrn_device_fail(d, rc, "%s is gone%s%s; %s", d->info.key, *complaint ? ": " : "",
                               complaint, d->remote->kind->remedy);
    return hrn_device_fail(d, rc, "%s: the answer cannot be used: %s", d->info.key, strerror(-rc));
}

int hrn_remote_run(struct hrn_device *d, const char *command, int in, int timeout_ms,
                   struct hrn_answer *out)
{
    struct incoming incoming = { .process = { .stdin_fd = -1 } };
    char wrapped[COMMAND_MAX];
    int errors = hrn_complaint_open();
    int64_t until = hrn_clock_ms() + timeout_ms;
    *out = (struct hrn_answer) { 0 };
    make_nonce(incoming.process.nonce, sizeof incoming.process.nonce);
    int rc = wrap(command, incoming.process.nonce, wrapped, sizeof wrapped);
    if (rc == 0)
        rc = d->remote->kind->shell(d, wrapped, in, errors, &incoming.process);
    if (rc < 0) {
        hrn_complaint_take(errors, out->complaint, sizeof out->complaint);
        return rc;
    }
    if (in < 0) { /* nothing to say */
        shutdown(incoming.process.stdin_fd, SHUT_WR);
        close(incoming.process.stdin_fd);
        incoming.process.stdin_fd = -1;
    }
    rc = receive(&incoming, until);
    close_process(&incoming.process, rc == 0 ? 1000 : 0);
    hrn_complaint_take(errors, out->complaint, sizeof out->complaint);
    if (rc == 0)
        rc = between_marks(&incoming, d->remote->is_old, out);
    free(incoming.text);
    return rc == 0 ? 0 : explain(d, rc, timeout_ms, out->complaint);
}

static int run_shell(struct hrn_device *d, const char *command, char *out, size_t out_bytes,
                     int *exit_code)
{
    struct hrn_answer answer;
    int rc = hrn_remote_run(d, command, -1, d->patience.call_ms, &answer);
    snprintf(out, out_bytes, "%s", answer.text ? answer.text : "");
    *exit_code = answer.exit_code;
    hrn_answer_clear(&answer);
    return rc;
}

/* ---- The device: there, gone, back */

static int check_within(struct hrn_device *d, int timeout_ms)
{
    struct hrn_answer answer;
    int rc = hrn_remote_run(d, ":", -1, timeout_ms, &answer);
    hrn_answer_clear(&answer);
    return rc;
}

static int check(struct hrn_device *d)
{
    return check_within(d, d->patience.call_ms);
}

/* A program that a broken connection left behind would share the core with the next one. */
static void end_left_behind(struct hrn_device *d)
{
    char command[300];
    struct hrn_answer answer;
    snprintf(command, sizeof command,
             "for f in $(grep -l quern_tag=%s /proc/[0-9]*/environ 2>/dev/null); do "
             "f=${f#/proc/}; kill -9 ${f%%/environ}; done",
             d->remote->tag);
    hrn_remote_run(d, command, -1, d->patience.call_ms, &answer);
    hrn_answer_clear(&answer);
}

/* For one question of many: no longer than what is left of the waiting, but a fair while. */
static int attempt_ms(const struct hrn_patience *p, int64_t left_ms)
{
    int64_t limit = left_ms > ATTEMPT_MS_MIN ? left_ms : ATTEMPT_MS_MIN;
    return limit < p->call_ms ? (int)limit : p->call_ms;
}

static int await(struct hrn_device *d)
{
    const struct hrn_patience *p = &d->patience;
    const int64_t begin = hrn_clock_ms(), end = begin + p->await_ms;
    int rc, waiting = 0;
    while ((rc = check_within(d, attempt_ms(p, end - hrn_clock_ms()))) < 0) {
        char why[sizeof d->error];
        snprintf(why, sizeof why, "%s", d->error);
        if (!waiting++)
            hrn_device_note(d, "%s (waiting up to %d s for it)", why, p->await_ms / 1000);
        if (hrn_clock_ms() >= end)
            return hrn_device_fail(d, -ENOTCONN, "%.300s; it did not come back within %d s", why,
                                   p->await_ms / 1000);
        if (d->remote->kind->reconnect)
            d->remote->kind->reconnect(d);
        for (int waited = 0; waited < RETRY_MS; waited += 100) {
            if (p->stop && *p->stop)
                return hrn_device_fail(d, -EINTR, "stopped while waiting for %s", d->info.key);
            poll(NULL, 0, 100);
        }
    }
    if (waiting)
        hrn_device_note(d, "%s is back after %d s", d->info.key,
                        (int)((hrn_clock_ms() - begin) / 1000));
    end_left_behind(d);
    return 0;
}

/* ---- Programs */

static int command_of(const struct hrn_device *d, const char *const argv[], char *out, size_t bytes)
{
    size_t n =
        (size_t)snprintf(out, bytes, "cd %s; quern_tag=%s exec", d->remote->folder, d->remote->tag);
    for (size_t i = 0; argv[i] && n + 2 < bytes; i++) {
        out[n++] = ' ';
        if (hrn_shell_quote(argv[i], out + n, bytes - n) < 0)
            return -ENAMETOOLONG;
        n += strlen(out + n);
    }
    return n + 2 < bytes ? 0 : -ENAMETOOLONG;
}

static int start(struct hrn_device *d, const char *const argv[], struct hrn_process *out)
{
    char command[COMMAND_MAX / 2], wrapped[COMMAND_MAX];
    make_nonce(out->nonce, sizeof out->nonce);
    if (command_of(d, argv, command, sizeof command) < 0 ||
        wrap(command, out->nonce, wrapped, sizeof wrapped) < 0)
        return hrn_device_fail(d, -E2BIG, "%s: the command line of %.100s is too long", d->info.key,
                               argv[0]);
    return d->remote->kind->shell(d, wrapped, -1, -1, out);
}

/* As waitpid() tells it, of what a shell told: 128 + n is signal n. */
static int wait_status(int exit_code)
{
    return exit_code > 128 && exit_code < 128 + 65 ? exit_code - 128 : (exit_code & 0xff) << 8;
}

static int finish(struct hrn_device *d, struct hrn_process *process, int timeout_ms, int *status)
{
    struct incoming in = { .process = *process };
    *status = 0;
    shutdown(process->stdin_fd, SHUT_WR);
    close(process->stdin_fd);
    in.process.stdin_fd = -1;
    int rc = receive(&in, hrn_clock_ms() + timeout_ms);
    free(in.text);
    close_process(&in.process, 0);
    process->ended = in.process.ended;
    if (rc == 0)
        *status = wait_status(in.process.exit_code);
    return rc == 0 ? 0 : explain(d, -ENOTCONN, 0, "");
}

static void close_remote(struct hrn_device *d)
{
    if (d->remote && d->remote->kind->close)
        d->remote->kind->close(d);
    free(d->remote);
}

struct hrn_device *hrn_remote_new(const char *kind_name, const char *argument,
                                  const struct hrn_remote_kind *kind)
{
    struct hrn_device *d = hrn_device_new(kind_name, argument);
    struct hrn_remote *remote = d ? calloc(1, sizeof *remote) : NULL;
    if (!remote) {
        free(d);
        return NULL;
    }
    remote->kind = kind;
    make_nonce(remote->tag, sizeof remote->tag);
    snprintf(remote->address, sizeof remote->address, "%s", argument);
    d->remote = remote;
    d->calls = &hrn_remote_calls;
    return d;
}

const struct hrn_device_calls hrn_remote_calls = {
    .push = hrn_remote_push,
    .pull = hrn_remote_pull,
    .start = start,
    .finish = finish,
    .check = check,
    .await = await,
    .shell = run_shell,
    .close = close_remote,
};
