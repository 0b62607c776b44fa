#include "harness/sweep/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHER_WORK "line" /* for what has no known answer: it loads, misses, branches and waits */
#define BATCH 32          /* events of one job */
#define MEMORY_BYTES ((int64_t)128 << 20)

struct probing {
    struct hrn_session *session;
    const struct hrn_device_info *info;
    const struct hrn_event_table *table;
    struct hrn_probe *out;
    void (*step)(const char *what);
    char *err;
    size_t err_bytes;
};

void hrn_probe_clear(struct hrn_probe *probe)
{
    free(probe->event);
    memset(probe, 0, sizeof *probe);
}

static int session_failed(struct probing *p, int rc)
{
    if (rc)
        snprintf(p->err, p->err_bytes, "%s", hrn_session_error(p->session));
    return rc;
}

/* ---- Events */

static int add_event(const struct hrn_event *event, void *user)
{
    struct probing *p = user;
    if (p->out->event_count == HRN_PROBE_EVENTS_MAX)
        return 0;
    struct hrn_probed_event *e = &p->out->event[p->out->event_count++];
    *e = (struct hrn_probed_event) { .event = *event,
                                     .known = hrn_event_known(p->table, event->name) };
    return 0;
}

static int gather(struct probing *p, const char *const *events, size_t count)
{
    int core = hrn_event_core(p->table, p->info->arch, p->info->midr), rc = 0;
    p->out->event = calloc(HRN_PROBE_EVENTS_MAX, sizeof *p->out->event);
    if (!p->out->event) {
        snprintf(p->err, p->err_bytes, "out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < count && !rc; i++) {
        struct hrn_event event;
        rc = hrn_event_resolve(p->table, core, events[i], &event, p->err, p->err_bytes);
        if (!rc)
            add_event(&event, p);
    }
    return rc || count ? rc : hrn_event_each(p->table, core, add_event, p);
}

static const char *work_of(const struct hrn_probed_event *e)
{
    return e->known ? e->known->work : OTHER_WORK;
}

static void judge(struct hrn_probed_event *e)
{
    double low = e->known ? e->known->low : 0, high = e->known ? e->known->high : 0;
    e->verdict = hrn_trial_verdict(&e->trial, low, high, e->evidence, sizeof e->evidence);
}

/* Tries at most BATCH events of one work, which are at `index`. */
static int try_batch(struct probing *p, const char *work, const size_t *index, size_t count)
{
    struct hrn_event events[BATCH] = { { .config = 0 } };
    struct hrn_trial trials[BATCH];
    for (size_t i = 0; i < count; i++)
        events[i] = p->out->event[index[i]].event;
    int rc = hrn_session_try(p->session, events, count, work, 0, trials);
    if (rc == -EINVAL) { /* this architecture has no such work */
        for (size_t i = 0; i < count; i++)
            p->out->event[index[i]].known = NULL;
        rc = hrn_session_try(p->session, events, count, OTHER_WORK, 0, trials);
    }
    for (size_t i = 0; i < count && !rc; i++) {
        p->out->event[index[i]].trial = trials[i];
        judge(&p->out->event[index[i]]);
    }
    return session_failed(p, rc);
}

/* Once per work: all the events that it has an answer for. */
static int try_events(struct probing *p)
{
    unsigned char done[HRN_PROBE_EVENTS_MAX] = { 0 };
    for (size_t first = 0; first < p->out->event_count; first++) {
        size_t index[BATCH], count = 0;
        if (done[first])
            continue;
        const char *work = work_of(&p->out->event[first]);
        for (size_t i = first; i < p->out->event_count && count < BATCH; i++)
            if (!done[i] && strcmp(work_of(&p->out->event[i]), work) == 0) {
                index[count++] = i;
                done[i] = 1;
            }
        if (p->step)
            p->step(work);
        int rc = try_batch(p, work, index, count);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- Peaks and bandwidths */

static int measure_peaks(struct probing *p, uint32_t isas)
{
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        struct hrn_probe_peak *peak = &p->out->peak[p->out->peak_count];
        struct var_variant v;
        if (!(isas >> isa & 1) || var_peak((enum krn_isa)isa, &v))
            continue;
        *peak = (struct hrn_probe_peak) { .isa = (enum krn_isa)isa };
        var_kernel_name_format(&v, peak->kernel);
        if (p->step)
            p->step(peak->kernel);
        int rc =
            hrn_session_peaks(p->session, peak->kernel, &peak->macs_per_s, &peak->macs_per_cycle);
        if (rc == -EPIPE)
            return session_failed(p, rc);
        p->out->peak_count += rc == 0;
    }
    return 0;
}

/* Half of each level, and more than the last one holds. */
static int measure_bandwidths(struct probing *p)
{
    static const char *const names[] = { "L1d", "L2", "L3" };
    const int64_t *bytes = p->out->pmu.cache_bytes;
    int64_t largest = 0;
    for (int level = 0; level <= 3; level++) {
        struct hrn_probe_bandwidth *b = &p->out->bandwidth[p->out->bandwidth_count];
        if (level < 3 && bytes[level] <= 0)
            continue;
        largest = level < 3 && bytes[level] > largest ? bytes[level] : largest;
        *b = (struct hrn_probe_bandwidth) { .bytes = level < 3 ? bytes[level] / 2 : MEMORY_BYTES };
        if (level == 3 && 4 * largest > b->bytes)
            b->bytes = 4 * largest < (int64_t)1 << 30 ? 4 * largest : (int64_t)1 << 30;
        snprintf(b->level, sizeof b->level, "%s", level < 3 ? names[level] : "memory");
        if (p->step)
            p->step(b->level);
        int rc = hrn_session_stream(p->session, b->bytes, &b->bytes_per_s);
        if (rc == -EPIPE)
            return session_failed(p, rc);
        p->out->bandwidth_count += rc == 0;
    }
    return 0;
}

int hrn_probe_run(struct hrn_session *session, const struct hrn_device_info *info, uint32_t isas,
                  const struct hrn_event_table *table, const char *const *events, size_t count,
                  void (*step)(const char *what), struct hrn_probe *out, char *err,
                  size_t err_bytes)
{
    struct probing p = { session, info, table, out, step, err, err_bytes };
    memset(out, 0, sizeof *out);
    int rc = session_failed(&p, hrn_session_pmu(session, &out->pmu));
    if (!rc)
        rc = gather(&p, events, count);
    if (!rc)
        rc = try_events(&p);
    if (!rc && info->evidence == HRN_MEASURED)
        rc = measure_peaks(&p, isas);
    if (!rc && info->evidence == HRN_MEASURED)
        rc = measure_bandwidths(&p);
    if (rc)
        hrn_probe_clear(out);
    return rc;
}
