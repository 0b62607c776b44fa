#include "harness/sweep/counters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct choosing {
    struct hrn_session *session;
    const struct hrn_counter_request *request;
    struct hrn_counter_choice *out;
    struct hrn_event_table *table;
    int core;
    struct hrn_wanted wanted;
    char *err;
    size_t err_bytes;
};

const char *hrn_counters_remedy(const char *device_key, const struct hrn_pmu_info *pmu)
{
    if (strncmp(device_key, "adb:", 4) == 0)
        return "adb shell setprop security.perf_harden 0; as root also: "
               "echo -1 > /proc/sys/kernel/perf_event_paranoid";
    if (strncmp(device_key, "vm:", 3) == 0)
        return "the machine's kernel has no PMU: choose another CPU model";
    if (pmu->paranoid > 2 && pmu->uid != 0)
        return "sudo sysctl kernel.perf_event_paranoid=1";
    if (pmu->name[0] == '\0')
        return "measure on a machine of its own, or let the hypervisor pass the PMU through";
    return "sudo sysctl kernel.perf_event_paranoid=1; in a container also allow perf_event_open";
}

/* The kernel's word for a missing PMU is the same as for a missing event. */
static void explain_pmu(struct hrn_pmu_info *pmu)
{
    if (!pmu->counts && pmu->name[0] == '\0' && strstr(pmu->why_not, "not implemented"))
        snprintf(pmu->why_not, sizeof pmu->why_not,
                 "the kernel has no PMU for this CPU, as in a virtual machine without one");
}

/* ---- What is wanted */

static int is_default(const struct hrn_counter_request *r)
{
    return r->event_count == 0 && r->group_count == 0;
}

static int add_group(struct choosing *c, const char *name)
{
    struct hrn_metric_group group;
    int rc = hrn_metric_group_find(name, &group, c->err, c->err_bytes);
    if (rc)
        return rc;
    rc = hrn_wanted_add_group(&c->wanted, c->table, c->core, &group, c->err, c->err_bytes);
    hrn_metric_group_clear(&group);
    return rc;
}

static int gather(struct choosing *c)
{
    const struct hrn_counter_request *r = c->request;
    int rc = 0;
    for (size_t i = 0; !rc && i < r->event_count; i++)
        rc =
            hrn_wanted_add_event(&c->wanted, c->table, c->core, r->events[i], c->err, c->err_bytes);
    for (size_t i = 0; !rc && i < r->group_count; i++)
        rc = add_group(c, r->groups[i]);
    return rc || !is_default(r) ? rc : add_group(c, "work");
}

static int needs_pmu(const struct choosing *c)
{
    for (size_t i = 0; i < c->wanted.count; i++)
        if (c->wanted.item[i].event.source != HRN_EVENT_SOFTWARE)
            return 1;
    return 0;
}

/* ---- What can be counted */

static void leave_out(struct choosing *c, const struct hrn_wanted_event *w, const char *why)
{
    size_t used = strlen(c->out->left_out);
    const char *begins =
        strncmp(why, w->event.name, strlen(w->event.name)) == 0 ? "" : w->event.name;
    snprintf(c->out->left_out + used, sizeof c->out->left_out - used, "%s%s%s%s", used ? "; " : "",
             begins, *begins ? ": " : "", why);
}

static int judge(struct choosing *c, struct hrn_wanted_event *w, const struct hrn_trial *trial)
{
    const struct hrn_counter_request *r = c->request;
    char why[HRN_DETAIL_MAX + 64];
    w->verdict = hrn_trial_verdict(trial, 0, 0, why, sizeof why);
    if (r->is_quarantined && r->is_quarantined(w->event.name, why, sizeof why, r->user))
        w->verdict = HRN_EVENT_LIES;
    if (w->verdict == HRN_EVENT_OK || w->verdict == HRN_EVENT_ZERO)
        return 0;
    if (!w->is_explicit) {
        leave_out(c, w, why);
        return 0;
    }
    snprintf(c->err, c->err_bytes, "%s cannot be counted here (%s): %s", w->event.name,
             hrn_event_verdict_names[w->verdict], why);
    return -ENOTSUP;
}

/* Over work that every core can do; what it does not exercise counts 0, and that is no fault. */
static int try_all(struct choosing *c)
{
    struct hrn_trial *trials = calloc(c->wanted.count + 1, sizeof *trials);
    struct hrn_event *events = calloc(c->wanted.count + 1, sizeof *events);
    int rc = trials && events ? 0 : -ENOMEM;
    for (size_t i = 0; !rc && i < c->wanted.count; i++)
        events[i] = c->wanted.item[i].event;
    if (!rc)
        rc = hrn_session_try(c->session, events, c->wanted.count, "fault", 100, trials);
    if (rc)
        snprintf(c->err, c->err_bytes, "%s", hrn_session_error(c->session));
    for (size_t i = 0; !rc && i < c->wanted.count; i++)
        rc = judge(c, &c->wanted.item[i], &trials[i]);
    free(trials);
    free(events);
    return rc;
}

static void set_passes(struct choosing *c)
{
    struct hrn_pass passes[HRN_PASSES_MAX];
    int free_counters = c->out->pmu.counts ? c->out->pmu.free_counters : 0;
    c->out->passes =
        hrn_wanted_pack(&c->wanted, c->table, c->core, free_counters, passes, HRN_PASSES_MAX);
    c->out->events = c->wanted.count;
    hrn_session_count_passes(c->session, passes, c->out->passes);
}

static int choose(struct choosing *c)
{
    const struct hrn_pmu_info *pmu = &c->out->pmu;
    int rc = gather(c);
    if (rc)
        return rc;
    if (!pmu->counts && needs_pmu(c) && is_default(c->request))
        return 0;
    if (!pmu->counts && needs_pmu(c)) {
        snprintf(c->err, c->err_bytes, "no counters: %s; what may help: %s", pmu->why_not,
                 hrn_counters_remedy(hrn_session_device(c->session), pmu));
        return -ENOTSUP;
    }
    rc = try_all(c);
    if (!rc)
        set_passes(c);
    return rc;
}

int hrn_counters_choose(struct hrn_session *session, const char *arch, const char *midr,
                        const struct hrn_counter_request *request, struct hrn_counter_choice *out,
                        char *err, size_t err_bytes)
{
    struct choosing *c = calloc(1, sizeof *c);
    *out = (struct hrn_counter_choice) { .passes = 0 };
    hrn_session_count_passes(session, NULL, 0);
    if (!c) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    *c = (struct choosing) {
        .session = session, .request = request, .out = out, .err = err, .err_bytes = err_bytes
    };
    int rc = request->none ? 0 : hrn_session_pmu(session, &out->pmu);
    if (rc)
        snprintf(err, err_bytes, "%s", hrn_session_error(session));
    explain_pmu(&out->pmu);
    if (!rc && !request->none)
        rc = hrn_event_table_open(&c->table, err, err_bytes);
    if (!rc && !request->none) {
        c->core = hrn_event_core(c->table, arch, midr);
        rc = choose(c);
    }
    hrn_event_table_close(c->table);
    free(c);
    return rc;
}
