/* Inside the host's end: one exchange of a job and its records, on which prove, time and peak
 * stand. */
#ifndef QUERN_HARNESS_SESSION_INT_H
#define QUERN_HARNESS_SESSION_INT_H

#include "harness/runner/line_int.h"
#include "harness/runner/session.h"

#define HRN_STRIKES 2   /* a variant that was in hand at so many deaths of the runner is to blame */
#define HRN_FRUITLESS 3 /* exchanges in a row that bring nothing, before the device is given up */

struct hrn_session {
    struct hrn_device *device; /* borrowed */
    char runner_path[512], device_path[512];
    int cpu, was_cut_off; /* the connection broke, and the device was not seen since */
    int breaks;           /* of the connection, since the last result */
    char journal[600];    /* on the device; "" = none: what runs here loses nothing on its way */
    size_t received;      /* records of the job in hand */
    struct hrn_process process;
    int running;
    struct hrn_reader reader;
    int64_t job;  /* the last one sent */
    long damaged; /* lines that did not check, of all jobs */
    struct hrn_pass passes[HRN_PASSES_MAX]; /* what samples are counted under */
    size_t pass_count;
    char error[512];
};

/* A job under construction: lines, then the verb. Zero-initialise; hrn_request_clear() frees. */
struct hrn_request {
    char *text;
    size_t length, capacity;
    int failed;                        /* -ENOMEM */
    int silence_ms;                    /* the longest that the runner may say nothing */
    const volatile sig_atomic_t *stop; /* may be NULL */
};
void hrn_request_add(struct hrn_request *request, struct hrn_line *line);
/* The line of one variant, with what the driver needs; the host parses names so that the runner
 * need not. -EINVAL with the session's error for a name that is none. */
int hrn_request_variant(struct hrn_session *s, struct hrn_request *request, const char *name,
                        size_t index, int from_round);
/* The lines of one pass of events. */
void hrn_request_pass(struct hrn_request *request, const struct hrn_pass *pass, size_t index);
void hrn_request_clear(struct hrn_request *request);

/* Begins the line of a verb with a new job number. */
void hrn_verb_begin(struct hrn_session *s, struct hrn_line *line, const char *verb,
                    const struct krn_problem *problem);

/* Starts the runner if it is not running, sends the request and calls `record` for each record of
 * this job up to its end. 0; -EPIPE (the runner is gone; it is no longer running); -ECONNRESET (the
 * way to the device broke: the next exchange waits for it first); -ENOTCONN (the device did not
 * come back); -EINTR (stopped by *stop); -EINVAL (the runner refused the job: reason in the
 * session's error). */
typedef void hrn_on_record(const struct hrn_fields *record, void *user);
int hrn_exchange(struct hrn_session *s, const struct hrn_request *request, hrn_on_record *record,
                 void *user);

/* The same for a job that may be asked again as it is after a broken connection. */
int hrn_exchange_again(struct hrn_session *s, const struct hrn_request *request,
                       hrn_on_record *record, void *user);

/* Reads a `proof` record. */
void hrn_proof_read(const struct hrn_fields *record, struct hrn_proof *proof);
/* The verdict on a variant that took the runner down with it. */
void hrn_proof_blame(struct hrn_proof *proof, enum hrn_stage stage, uint64_t seed);
/* The value whose name is `name`, or `missing`. */
int hrn_name_find(const char *const *names, int count, const char *name, int missing);

__attribute__((format(printf, 3, 4))) int hrn_session_fail(struct hrn_session *s, int code,
                                                           const char *format, ...);

#endif
