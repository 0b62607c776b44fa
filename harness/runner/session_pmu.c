/* Verbs `pmu`, `try` and `stream`, the host's half. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/runner/session_int.h"

#define TIMEOUT_MS 20000
#define SILENCE_MS (TIMEOUT_MS + 20000)
#define TRIALS_MAX (HRN_PASSES_MAX * HRN_PASS_EVENTS)

static void begin(struct hrn_session *s, struct hrn_line *line, const char *verb)
{
    hrn_verb_begin(s, line, verb, NULL);
    hrn_line_add_int(line, "timeout_ms", TIMEOUT_MS);
}

static int exchange(struct hrn_session *s, struct hrn_request *request, struct hrn_line *line,
                    hrn_on_record *record, void *user)
{
    hrn_request_add(request, line);
    int error = hrn_exchange_again(s, request, record, user);
    hrn_request_clear(request);
    return error;
}

void hrn_session_count_passes(struct hrn_session *s, const struct hrn_pass *passes, size_t count)
{
    s->pass_count = count < HRN_PASSES_MAX ? count : HRN_PASSES_MAX;
    if (s->pass_count)
        memcpy(s->passes, passes, s->pass_count * sizeof *passes);
}

/* ---- The PMU */

static void on_pmu(const struct hrn_fields *record, void *user)
{
    struct hrn_pmu_info *out = user;
    static const char *const keys[] = { "l1_bytes", "l2_bytes", "l3_bytes" };
    if (strcmp(record->word, "pmu") != 0)
        return;
    snprintf(out->name, sizeof out->name, "%.63s", hrn_field(record, "name"));
    out->type = (uint32_t)hrn_field_int(record, "type", 0);
    out->slots = (int)hrn_field_int(record, "slots", 0);
    out->free_counters = (int)hrn_field_int(record, "free", 0);
    out->counts = (int)hrn_field_int(record, "counts", 0);
    out->paranoid = (int)hrn_field_int(record, "paranoid", INT32_MIN);
    out->uid = (int)hrn_field_int(record, "uid", -1);
    for (int i = 0; i < 3; i++)
        out->cache_bytes[i] = hrn_field_int(record, keys[i], 0);
    out->user_read = (int)hrn_field_int(record, "user_read", 0);
    snprintf(out->user_read_why, sizeof out->user_read_why, "%s",
             hrn_field(record, "user_read_why"));
    snprintf(out->why_not, sizeof out->why_not, "%s", hrn_field(record, "detail"));
}

int hrn_session_pmu(struct hrn_session *s, struct hrn_pmu_info *out)
{
    struct hrn_request request = { .silence_ms = SILENCE_MS };
    struct hrn_line line;
    *out = (struct hrn_pmu_info) { .paranoid = INT32_MIN, .uid = -1 };
    begin(s, &line, "pmu");
    return exchange(s, &request, &line, on_pmu, out);
}

/* ---- Trials */

struct trying {
    struct hrn_trial *trials;
    size_t count, answers;
};

static void on_trial(const struct hrn_fields *record, void *user)
{
    struct trying *t = user;
    uint64_t index = (uint64_t)hrn_field_int(record, "index", -1);
    if (strcmp(record->word, "trial") != 0 || index >= t->count)
        return;
    struct hrn_trial *trial = &t->trials[index];
    trial->error = (int)hrn_field_int(record, "error", 0);
    int64_t state = hrn_field_int(record, "state", HRN_LOST);
    trial->state =
        state >= 0 && state < HRN_READING_STATE_COUNT ? (enum hrn_reading_state)state : HRN_LOST;
    trial->listed = (int)hrn_field_int(record, "listed", -1);
    trial->units = hrn_field_int(record, "units", 0);
    trial->value[0] = hrn_field_int(record, "once", 0);
    trial->value[1] = hrn_field_int(record, "twice", 0);
    snprintf(trial->detail, sizeof trial->detail, "%s", hrn_field(record, "detail"));
    t->answers++;
}

int hrn_session_try(struct hrn_session *s, const struct hrn_event *events, size_t count,
                    const char *work, int64_t units, struct hrn_trial *trials)
{
    struct hrn_request request = { .silence_ms = SILENCE_MS };
    struct trying t = { .trials = trials, .count = count };
    struct hrn_line line;
    memset(trials, 0, count * sizeof *trials);
    if (count > TRIALS_MAX)
        return hrn_session_fail(s, -E2BIG, "more than %d events to try", TRIALS_MAX);
    for (size_t i = 0; i < count; i += HRN_PASS_EVENTS) {
        struct hrn_pass pass = { .count =
                                     count - i < HRN_PASS_EVENTS ? count - i : HRN_PASS_EVENTS };
        memcpy(pass.event, events + i, pass.count * sizeof *events);
        hrn_request_pass(&request, &pass, i / HRN_PASS_EVENTS);
    }
    begin(s, &line, "try");
    hrn_line_add(&line, "work", work);
    hrn_line_add_int(&line, "units", units);
    int error = exchange(s, &request, &line, on_trial, &t);
    if (error == 0 && t.answers < count)
        return hrn_session_fail(s, -EIO, "the runner answered for %zu of %zu events", t.answers,
                                count);
    return error;
}

/* ---- Bandwidth */

static void on_stream(const struct hrn_fields *record, void *user)
{
    if (strcmp(record->word, "stream") == 0)
        *(double *)user = (double)hrn_field_int(record, "bytes_per_s", 0);
}

int hrn_session_stream(struct hrn_session *s, int64_t bytes, double *bytes_per_s)
{
    const struct hrn_device_info *info = hrn_device_info(s->device);
    struct hrn_request request = { .silence_ms = SILENCE_MS };
    struct hrn_line line;
    *bytes_per_s = 0;
    if (info->evidence != HRN_MEASURED)
        return hrn_session_fail(s, -ENOTSUP, "%s has no times: it is %s", info->key,
                                hrn_evidence_names[info->evidence]);
    begin(s, &line, "stream");
    hrn_line_add_int(&line, "bytes", bytes);
    int error = exchange(s, &request, &line, on_stream, bytes_per_s);
    if (error == 0 && *bytes_per_s <= 0)
        return hrn_session_fail(s, -EIO, "no bandwidth of %lld bytes: no memory", (long long)bytes);
    return error;
}
