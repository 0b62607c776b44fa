/* Verb `time`, the host's half. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/runner/session_int.h"

#define GRACE_MS 30000 /* to start, fill the input and pack */

struct timing {
    struct hrn_session *session;
    const struct krn_problem *problem;
    const char *const *names;
    size_t count;
    const struct hrn_time_options *options;
    hrn_time_sample *sample;
    hrn_time_failed *failed;
    void *user;
    struct {
        int next_round; /* the first without a sample */
        int strikes;
    } * state;      /* [count] */
    size_t in_hand; /* >= count: none */
    long events;    /* samples and failures: whether an exchange bore fruit */
};

static int first_round_of(const struct hrn_time_options *o, size_t index)
{
    int from = o->from_round ? o->from_round[index] : 0;
    return from > o->first_round ? from : o->first_round;
}

static int end_round(const struct timing *t)
{
    return t->options->first_round + t->options->rounds;
}

static void fail(struct timing *t, size_t index, const struct hrn_proof *proof)
{
    t->state[index].next_round = end_round(t); /* left out from now on */
    t->events++;
    t->failed(index, proof, t->user);
}

static void read_sample(const struct hrn_fields *record, struct hrn_sample *s)
{
    memset(s, 0, sizeof *s);
    s->round = (int32_t)hrn_field_int(record, "round", 0);
    s->position = (int32_t)hrn_field_int(record, "position", 0);
    s->calls = hrn_field_int(record, "calls", 0);
    s->time_ns = hrn_field_int(record, "time_ns", 0);
    s->overhead_ns = hrn_field_int(record, "overhead_ns", 0);
    s->warmup_ns = hrn_field_int(record, "warmup_ns", 0);
    s->freq_khz = (int32_t)hrn_field_int(record, "freq_khz", 0);
    s->temp_mc = (int32_t)hrn_field_int(record, "temp_mc", INT32_MIN);
    s->current_ua = (int32_t)hrn_field_int(record, "current_ua", 0);
    s->voltage_uv = (int32_t)hrn_field_int(record, "voltage_uv", 0);
    s->migrations = (int32_t)hrn_field_int(record, "migrations", -1);
    s->context_switches = (int32_t)hrn_field_int(record, "switches", -1);
    s->pass = (int32_t)hrn_field_int(record, "pass", 0);
    s->outcome = (enum hrn_outcome)hrn_name_find(hrn_outcome_names, HRN_OUTCOME_COUNT,
                                                 hrn_field(record, "outcome"), HRN_VOID);
    snprintf(s->detail, sizeof s->detail, "%s", hrn_field(record, "detail"));
}

/* The machine's drift, which belongs to no variant: under the first name. */
static void on_canary(const struct timing *t, const struct hrn_fields *record)
{
    struct hrn_sample sample;
    read_sample(record, &sample);
    sample.role = HRN_CANARY;
    t->sample(0, &sample, NULL, 0, t->user);
}

/* The counters that came with a sample, under the names of their pass. How many. */
static size_t read_counters(const struct timing *t, const struct hrn_fields *record,
                            struct hrn_counter *out)
{
    uint64_t at = (uint64_t)hrn_field_int(record, "pass", -1);
    if (at >= t->session->pass_count)
        return 0;
    const struct hrn_pass *pass = &t->session->passes[at];
    for (size_t i = 0; i < pass->count; i++) {
        const char key[] = { 'c', (char)('0' + i), '\0' };
        memcpy(out[i].event, pass->event[i].name, sizeof out[i].event);
        out[i].value = hrn_field_int(record, key, 0);
        out[i].enabled_ns = hrn_field_int(record, "enabled", 0);
        out[i].running_ns = hrn_field_int(record, "running", 0);
    }
    return pass->count;
}

/* A round that was passed over lost its record on the way: a void, with the reason. */
static void on_sample(struct timing *t, size_t index, const struct hrn_fields *record)
{
    struct hrn_counter counters[HRN_PASS_EVENTS];
    struct hrn_sample sample;
    read_sample(record, &sample);
    if (sample.round < t->state[index].next_round || sample.round >= end_round(t))
        return;
    for (; t->state[index].next_round < sample.round; t->state[index].next_round++) {
        struct hrn_sample missing = { .round = t->state[index].next_round,
                                      .temp_mc = INT32_MIN,
                                      .migrations = -1,
                                      .context_switches = -1,
                                      .outcome = HRN_VOID };
        snprintf(missing.detail, sizeof missing.detail, "the record was damaged on its way");
        t->sample(index, &missing, NULL, 0, t->user);
    }
    t->events++;
    t->sample(index, &sample, counters, read_counters(t, record, counters), t->user);
    if (hrn_field_int(record, "last", 1)) {
        t->state[index].next_round++;
        t->in_hand = t->count;
    }
}

static void on_record(const struct hrn_fields *record, void *user)
{
    struct timing *t = user;
    struct hrn_proof proof;
    uint64_t index = (uint64_t)hrn_field_int(record, "index", -1);
    if (index >= t->count)
        return;
    if (strcmp(record->word, "begin") == 0) {
        t->in_hand = index;
    } else if (strcmp(record->word, "canary") == 0) {
        on_canary(t, record);
    } else if (strcmp(record->word, "sample") == 0) {
        on_sample(t, index, record);
    } else if (strcmp(record->word, "proof") == 0) {
        t->in_hand = t->count;
        hrn_proof_read(record, &proof);
        fail(t, index, &proof);
    }
}

/* The first round that somebody still lacks; end_round() when all is done. */
static int first_open_round(const struct timing *t)
{
    int first = end_round(t);
    for (size_t i = 0; i < t->count; i++)
        if (t->state[i].next_round < first)
            first = t->state[i].next_round;
    return first;
}

static int ask(struct timing *t, int first_round)
{
    const struct hrn_time_options *o = t->options;
    struct hrn_request request = { .stop = o->stop };
    struct hrn_line line;
    int error = 0;
    request.silence_ms =
        o->timeout_ms + GRACE_MS + (int)((o->warmup_ns + o->process_warmup_ns) / 1000000);
    for (size_t i = 0; i < t->count && error == 0; i++)
        if (t->state[i].next_round < end_round(t))
            error =
                hrn_request_variant(t->session, &request, t->names[i], i, t->state[i].next_round);
    for (size_t i = 0; i < t->session->pass_count; i++)
        hrn_request_pass(&request, &t->session->passes[i], i);
    hrn_verb_begin(t->session, &line, "time", t->problem);
    hrn_line_add_hex(&line, "seed", o->seed);
    hrn_line_add_int(&line, "timeout_ms", o->timeout_ms);
    hrn_line_add_int(&line, "first_round", first_round);
    hrn_line_add_int(&line, "rounds", end_round(t) - first_round);
    hrn_line_add_int(&line, "min_sample_ns", o->min_sample_ns);
    hrn_line_add_int(&line, "warmup_ns", o->warmup_ns);
    hrn_line_add_int(&line, "untimed",
                     hrn_device_info(t->session->device)->evidence != HRN_MEASURED);
    hrn_line_add_int(&line, "process_warmup_ns", o->process_warmup_ns);
    hrn_request_add(&request, &line);
    if (error == 0)
        error = hrn_exchange(t->session, &request, on_record, t);
    hrn_request_clear(&request);
    return error;
}

static void strike(struct timing *t)
{
    struct hrn_proof proof;
    size_t index = t->in_hand;
    t->in_hand = t->count;
    if (index >= t->count || ++t->state[index].strikes < HRN_STRIKES)
        return;
    hrn_proof_blame(&proof, HRN_STAGE_TIME, t->options->seed);
    fail(t, index, &proof);
}

static int time_all(struct timing *t)
{
    int fruitless = 0;
    for (int round; (round = first_open_round(t)) < end_round(t);) {
        long before = t->events;
        if (t->options->stop && *t->options->stop)
            return -EINTR;
        int error = ask(t, round);
        if (error == -EPIPE)
            strike(t);
        else if (error == -ECONNRESET)
            t->in_hand = t->count; /* nobody is to blame */
        else if (error < 0)
            return error;
        if (error != -ECONNRESET)
            fruitless = t->events > before ? 0 : fruitless + 1;
        if (fruitless == HRN_FRUITLESS)
            return -EPIPE;
    }
    return 0;
}

int hrn_session_time(struct hrn_session *session, const struct krn_problem *problem,
                     const char *const *names, size_t count, const struct hrn_time_options *options,
                     hrn_time_sample *sample, hrn_time_failed *failed, void *user)
{
    const struct hrn_device_info *info = hrn_device_info(session->device);
    struct timing t = { .session = session,
                        .problem = problem,
                        .names = names,
                        .count = count,
                        .options = options,
                        .sample = sample,
                        .failed = failed,
                        .user = user,
                        .in_hand = count };
    if (info->evidence != HRN_MEASURED && session->pass_count == 0)
        return hrn_session_fail(session, -ENOTSUP, "%s has no times: it is %s", info->key,
                                hrn_evidence_names[info->evidence]);
    t.state = calloc(count + 1, sizeof *t.state);
    if (!t.state)
        return hrn_session_fail(session, -ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        t.state[i].next_round = first_round_of(options, i);
    int error = time_all(&t);
    free(t.state);
    return error;
}
