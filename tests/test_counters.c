/* Counters from end to end on this machine: the kernel's own events, which need no PMU, and the
 * answers to what cannot be counted.
 *
 *     test_counters SOURCE_ROOT CACHE */
#include <errno.h>

#include "harness/build/build.h"
#include "harness/sweep/counters.h"
#include "harness/sweep/probe.h"
#include "tests/t.h"

static struct hrn_device *device;
static struct hrn_session *session;
static struct hrn_event_table *table;
static struct hrn_pmu_info pmu;
static char names[2][VAR_NAME_MAX];
static struct krn_problem problem;

static void open_session(const char *source_root, const char *cache)
{
    const struct hrn_build_paths paths = { .source_root = source_root, .cache_dir = cache };
    struct hrn_toolchain toolchain;
    struct var_variant variants[3];
    char path[512], err[600] = "";
    size_t count = 0;
    T_CHECK(krn_problem_parse("ic8ih9oc8kh3ph1", &problem, err, sizeof err) == 0);
    if (!T_CHECK(hrn_device_open("local", &device, err, sizeof err) == 0) ||
        !T_CHECK(hrn_toolchain_find(hrn_device_info(device)->arch, NULL, &toolchain, err,
                                    sizeof err) == 0)) {
        printf("  %s\n", err);
        exit(1);
    }
    T_CHECK(var_default(KRN_ISA_C, &problem, &variants[count]) == 0);
    var_name_format(&variants[count++], names[0]);
    if (hrn_build(&toolchain, &paths, HRN_BUILD_RUNNER, variants, count, NULL, NULL, path,
                  sizeof path, err, sizeof err) ||
        hrn_session_open(device, path, -1, &session, err, sizeof err)) {
        printf("  %s\n", err);
        exit(1);
    }
    T_CHECK(hrn_session_pmu(session, &pmu) == 0);
    printf("PMU '%s', %s, %d counters free; %s\n", pmu.name,
           pmu.counts ? "counts" : "does not count", pmu.free_counters, pmu.why_not);
}

/* Pages touched for the first time fault once each, whoever looks. */
static void known_answer(void)
{
    const struct hrn_event events[] = {
        { "page-faults", HRN_EVENT_SOFTWARE, 2 },
        { "alignment-faults", HRN_EVENT_SOFTWARE, 7 },
        { "nonsense", HRN_EVENT_SOFTWARE, 9999 },
    };
    static const enum hrn_event_verdict verdicts[] = { HRN_EVENT_OK, HRN_EVENT_ZERO,
                                                       HRN_EVENT_NOT_IMPLEMENTED };
    static const double bounds[] = { 1, 0, 0 };
    struct hrn_trial trials[3];
    char evidence[300];
    if (!T_CHECK(hrn_session_try(session, events, 3, "fault", 100, trials) == 0)) {
        printf("  %s\n", hrn_session_error(session));
        return;
    }
    T_CHECK(trials[0].value[1] - trials[0].value[0] == 100 && trials[0].units == 100);
    for (int i = 0; i < 3; i++)
        if (!T_CHECK(hrn_trial_verdict(&trials[i], bounds[i], bounds[i], evidence,
                                       sizeof evidence) == verdicts[i]))
            printf("  %s: %s\n", events[i].name, evidence);
    /* the same count, held against a wrong answer, is a lie with its evidence */
    T_CHECK(hrn_trial_verdict(&trials[0], 2, 3, evidence, sizeof evidence) == HRN_EVENT_LIES);
    T_CHECK(strstr(evidence, "counted 1") && strstr(evidence, "2 to 3"));
    T_CHECK(hrn_session_try(session, events, 1, "no such work", 0, trials) == -EINVAL);
}

static int is_quarantined(const char *event, char *why, size_t why_bytes, void *user)
{
    (void)user;
    snprintf(why, why_bytes, "quern probe: counted 7 for 3");
    return strcmp(event, "page-faults") == 0;
}

static int choose(const char *const *events, size_t count, hrn_is_quarantined *quarantine,
                  struct hrn_counter_choice *choice, char *err, size_t err_bytes)
{
    const struct hrn_device_info *info = hrn_device_info(device);
    const struct hrn_counter_request request = { .events = events,
                                                 .event_count = count,
                                                 .is_quarantined = quarantine };
    return hrn_counters_choose(session, info->arch, info->midr, &request, choice, err, err_bytes);
}

static void choosing(void)
{
    static const char *const kernel[] = { "page-faults", "task-clock", "context-switches" };
    static const char *const cycles[] = { "CPU_CYCLES" };
    static const char *const nobody[] = { "NO_SUCH_EVENT" };
    struct hrn_counter_choice choice;
    char err[700] = "";
    T_CHECK(choose(nobody, 1, NULL, &choice, err, sizeof err) == -ENOENT);
    T_CHECK(choose(kernel, 1, is_quarantined, &choice, err, sizeof err) == -ENOTSUP);
    T_CHECK(strstr(err, "page-faults") && strstr(err, "counted 7 for 3"));
    int rc = choose(cycles, 1, NULL, &choice, err, sizeof err);
    T_CHECK(rc == (pmu.counts ? 0 : -ENOTSUP));
    T_CHECK(pmu.counts || strstr(err, "no counters") != NULL);
    T_CHECK(choose(NULL, 0, NULL, &choice, err, sizeof err) == 0); /* the default: where it can */
    T_CHECK((choice.passes > 0) == (pmu.counts != 0));
    T_CHECK(choose(kernel, 3, NULL, &choice, err, sizeof err) == 0 && choice.passes == 1);
}

/* ---- Samples with counters */

static int samples;

static void on_sample(size_t index, const struct hrn_sample *sample,
                      const struct hrn_counter *counters, size_t count, void *user)
{
    int has[3] = { 0 };
    static const char *const kernel[] = { "page-faults", "task-clock", "context-switches" };
    (void)index, (void)user;
    if (sample->role == HRN_CANARY || sample->outcome != HRN_OK)
        return;
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < 3; k++)
            if (strcmp(counters[i].event, kernel[k]) == 0) {
                has[k]++;
                T_CHECK(counters[i].enabled_ns == counters[i].running_ns);
                T_CHECK(counters[i].enabled_ns > 0 && counters[i].value >= 0);
                T_CHECK(k != 1 || counters[i].value > 0);
            }
    T_CHECK(has[0] == 1 && has[1] == 1 && has[2] == 1);
    samples++;
}

static void on_failed(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)index, (void)user;
    T_CHECK(proof->outcome == HRN_OK);
}

static void timing(void)
{
    const char *pointers[] = { names[0] };
    const struct hrn_time_options options = {
        .seed = t_seed, .rounds = 4, .min_sample_ns = 300000, .timeout_ms = 20000
    };
    T_CHECK(hrn_session_time(session, &problem, pointers, 1, &options, on_sample, on_failed,
                             NULL) == 0);
    if (samples == 0)
        printf("every sample was void: another load on the machine\n");
}

static void whole_probe(void)
{
    static const char *const events[] = { "page-faults", "minor-faults" };
    struct hrn_probe probe;
    char err[600] = "";
    if (!T_CHECK(hrn_probe_run(session, hrn_device_info(device), 0, table, events, 2, NULL, &probe,
                               err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    T_CHECK(probe.event_count == 2 && probe.event[0].verdict == HRN_EVENT_OK);
    T_CHECK(probe.bandwidth_count >= 1 && probe.peak_count == 0);
    for (size_t i = 0; i < probe.bandwidth_count; i++)
        T_CHECK(probe.bandwidth[i].bytes_per_s > 0);
    hrn_probe_clear(&probe);
}

int main(int argc, char **argv)
{
    char err[300];
    t_begin(argc, argv);
    open_session(argv[1], argv[2]);
    T_CHECK(hrn_event_table_open(&table, err, sizeof err) == 0);
    known_answer();
    choosing();
    timing();
    whole_probe();
    hrn_event_table_close(table);
    hrn_session_close(session);
    hrn_device_close(device);
    return t_end();
}
