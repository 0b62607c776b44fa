/* Verbs `prove` and `peak`, the host's half. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/runner/session_int.h"

#define GRACE_MS 60000 /* for what the runner does between variants: the reference, mostly */
/* Above this the proof is on a crop: the reference takes half a second for so many on a slow core.
 */
#define PROVE_MACS 150000000
#define PROVE_MACS_EMULATED 8000000

enum fate { WAITING, IN_HAND, SETTLED };

struct proving {
    struct hrn_session *session;
    const struct krn_problem *problem;
    const char *const *names;
    size_t count, settled;
    const struct hrn_prove_options *options;
    hrn_prove_done *done;
    void *user;
    uint8_t *fate, *strikes; /* [count] */
};

static void settle(struct proving *p, size_t index, const struct hrn_proof *proof)
{
    p->fate[index] = SETTLED;
    p->settled++;
    p->done(index, proof, p->user);
}

static void on_record(const struct hrn_fields *record, void *user)
{
    struct proving *p = user;
    struct hrn_proof proof;
    uint64_t index = (uint64_t)hrn_field_int(record, "index", -1);
    if (index >= p->count || p->fate[index] == SETTLED)
        return;
    if (strcmp(record->word, "begin") == 0)
        p->fate[index] = IN_HAND;
    if (strcmp(record->word, "proof") == 0) {
        hrn_proof_read(record, &proof);
        settle(p, index, &proof);
    }
}

/* Suspects of an earlier death go one by one, so that the next death names the culprit; else all
 * that wait. */
static int add_variants(struct proving *p, struct hrn_request *request)
{
    int error = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->fate[i] != SETTLED && p->strikes[i])
            return hrn_request_variant(p->session, request, p->names[i], i, 0);
    for (size_t i = 0; i < p->count && error == 0; i++)
        if (p->fate[i] != SETTLED)
            error = hrn_request_variant(p->session, request, p->names[i], i, 0);
    return error;
}

static int ask(struct proving *p)
{
    int emulated = hrn_device_info(p->session->device)->evidence == HRN_EMULATED;
    struct hrn_request request = { .silence_ms = p->options->timeout_ms + GRACE_MS,
                                   .stop = p->options->stop };
    struct hrn_line line;
    int error = add_variants(p, &request);
    hrn_verb_begin(p->session, &line, "prove", p->problem);
    hrn_line_add_hex(&line, "seed", p->options->seed);
    hrn_line_add_int(&line, "timeout_ms", p->options->timeout_ms);
    hrn_line_add_int(&line, "tails", p->options->tails);
    hrn_line_add_int(&line, "max_macs", emulated ? PROVE_MACS_EMULATED : PROVE_MACS);
    hrn_request_add(&request, &line);
    if (error == 0)
        error = hrn_exchange(p->session, &request, on_record, p);
    hrn_request_clear(&request);
    return error;
}

/* After a death: those in hand get a strike, and at the last one the blame. */
static void strike(struct proving *p)
{
    struct hrn_proof proof;
    for (size_t i = 0; i < p->count; i++) {
        if (p->fate[i] != IN_HAND)
            continue;
        p->fate[i] = WAITING;
        if (++p->strikes[i] < HRN_STRIKES)
            continue;
        hrn_proof_blame(&proof, HRN_STAGE_PROVE, p->options->seed);
        settle(p, i, &proof);
    }
}

/* After a broken connection nobody is to blame. */
static void release(struct proving *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->fate[i] == IN_HAND)
            p->fate[i] = WAITING;
}

static int prove_all(struct proving *p)
{
    int fruitless = 0, error = 0;
    while (p->settled < p->count && fruitless < HRN_FRUITLESS) {
        size_t before = p->settled;
        if (p->options->stop && *p->options->stop)
            return -EINTR;
        error = ask(p);
        if (error == -EPIPE)
            strike(p);
        else if (error == -ECONNRESET)
            release(p);
        else if (error < 0)
            return error;
        if (error != -ECONNRESET)
            fruitless = p->settled > before ? 0 : fruitless + 1;
    }
    if (p->settled == p->count)
        return 0;
    if (error == 0)
        hrn_session_fail(p->session, 0,
                         "the runner leaves %zu variants without an answer: %ld lines "
                         "of it arrived damaged",
                         p->count - p->settled, p->session->damaged);
    return -EPIPE;
}

int hrn_session_prove(struct hrn_session *session, const struct krn_problem *problem,
                      const char *const *names, size_t count,
                      const struct hrn_prove_options *options, hrn_prove_done *done, void *user)
{
    struct proving p = { .session = session,
                         .problem = problem,
                         .names = names,
                         .count = count,
                         .options = options,
                         .done = done,
                         .user = user };
    p.fate = calloc(2 * count + 1, 1);
    if (!p.fate)
        return hrn_session_fail(session, -ENOMEM, "out of memory");
    p.strikes = p.fate + count;
    int error = prove_all(&p);
    free(p.fate);
    return error;
}

/* ---- Peak */

struct peak {
    int64_t macs_per_s;
    double macs_per_cycle;
    struct hrn_proof proof; /* why there is none */
};

static void on_peak(const struct hrn_fields *record, void *user)
{
    struct peak *peak = user;
    if (strcmp(record->word, "peak") == 0) {
        peak->macs_per_s = hrn_field_int(record, "macs_per_s", 0);
        peak->macs_per_cycle = 1e-6 * (double)hrn_field_int(record, "macs_per_megacycle", 0);
    } else if (strcmp(record->word, "proof") == 0)
        hrn_proof_read(record, &peak->proof);
}

int hrn_session_peak(struct hrn_session *session, const char *name, double *macs_per_s)
{
    double macs_per_cycle;
    return hrn_session_peaks(session, name, macs_per_s, &macs_per_cycle);
}

int hrn_session_peaks(struct hrn_session *session, const char *name, double *macs_per_s,
                      double *macs_per_cycle)
{
    const struct hrn_device_info *info = hrn_device_info(session->device);
    struct hrn_request request = { .silence_ms = GRACE_MS };
    struct peak peak = { 0 };
    struct hrn_line line;
    *macs_per_s = *macs_per_cycle = 0;
    if (info->evidence != HRN_MEASURED)
        return hrn_session_fail(session, -ENOTSUP, "%s has no times: it is %s", info->key,
                                hrn_evidence_names[info->evidence]);
    hrn_verb_begin(session, &line, "peak", NULL);
    hrn_line_add(&line, "kernel", name);
    hrn_request_add(&request, &line);
    int error = hrn_exchange_again(session, &request, on_peak, &peak);
    hrn_request_clear(&request);
    if (error < 0)
        return error;
    if (peak.macs_per_s <= 0)
        return hrn_session_fail(session, peak.proof.outcome == HRN_NO_ISA ? -ENOTSUP : -EIO,
                                "no peak of %s: %s: %s", name,
                                hrn_outcome_names[peak.proof.outcome], peak.proof.detail);
    *macs_per_s = (double)peak.macs_per_s;
    *macs_per_cycle = peak.macs_per_cycle;
    return 0;
}
