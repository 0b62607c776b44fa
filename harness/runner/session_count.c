/* Verb `count`, the host's half. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/count/count.h"
#include "harness/runner/session_int.h"

#define GRACE_MS 30000 /* to start and to fill buffers */

struct counting {
    size_t count;
    uint8_t *settled; /* [count] */
    hrn_time_sample *sample;
    hrn_time_failed *failed;
    void *user;
};

static void give_counts(struct counting *c, size_t index, const struct hrn_fields *record)
{
    struct hrn_counter counters[2 * HRN_COUNT_COUNT];
    struct hrn_sample sample = { .calls = 1,
                                 .temp_mc = INT32_MIN,
                                 .migrations = -1,
                                 .context_switches = -1,
                                 .outcome = HRN_OK };
    memset(counters, 0, sizeof counters);
    for (int i = 0; i < 2 * HRN_COUNT_COUNT; i++) {
        const char *const *names = i < HRN_COUNT_COUNT ? hrn_count_names : hrn_count_kernel_names;
        const char *name = names[i % HRN_COUNT_COUNT];
        snprintf(counters[i].event, sizeof counters[i].event, "%s", name);
        counters[i].value = hrn_field_int(record, name, 0);
    }
    c->sample(index, &sample, counters, 2 * HRN_COUNT_COUNT, c->user);
}

static void on_record(const struct hrn_fields *record, void *user)
{
    struct counting *c = user;
    struct hrn_proof proof;
    uint64_t index = (uint64_t)hrn_field_int(record, "index", -1);
    int is_counts = strcmp(record->word, "counts") == 0;
    if (index >= c->count || c->settled[index] ||
        (!is_counts && strcmp(record->word, "proof") != 0))
        return;
    c->settled[index] = 1;
    if (is_counts) {
        give_counts(c, index, record);
        return;
    }
    hrn_proof_read(record, &proof);
    c->failed(index, &proof, c->user);
}

int hrn_session_count(struct hrn_session *session, const struct krn_problem *problem,
                      const char *const *names, size_t count, int timeout_ms,
                      hrn_time_sample *sample, hrn_time_failed *failed, void *user)
{
    const struct hrn_device_info *info = hrn_device_info(session->device);
    struct counting c = { .count = count, .sample = sample, .failed = failed, .user = user };
    struct hrn_request request = { .silence_ms = timeout_ms + GRACE_MS };
    struct hrn_line line;
    int error = 0;
    if (!info->counts)
        return hrn_session_fail(session, -ENOTSUP, "%s counts no instructions", info->key);
    c.settled = calloc(count + 1, 1);
    if (!c.settled)
        return hrn_session_fail(session, -ENOMEM, "out of memory");
    for (size_t i = 0; i < count && error == 0; i++)
        error = hrn_request_variant(session, &request, names[i], i, 0);
    hrn_verb_begin(session, &line, "count", problem);
    hrn_line_add_int(&line, "timeout_ms", timeout_ms);
    hrn_request_add(&request, &line);
    if (error == 0)
        error = hrn_exchange_again(session, &request, on_record, &c);
    hrn_request_clear(&request);
    free(c.settled);
    return error;
}
