/* The PMU of a virtual machine, of which everything is known: what counts, what opens and reads 0,
 * what is never scheduled, how many counters there are, and who may count at which level. */
#ifndef QUERN_TESTS_T_VM_PMU_H
#define QUERN_TESTS_T_VM_PMU_H

#include "harness/runner/line_int.h"
#include "harness/sweep/counters.h"
#include "tests/t_remote.h"

static inline struct hrn_session *t_vm_session(struct hrn_device *d)
{
    struct hrn_session *session;
    char err[600] = "";
    if (T_CHECK(hrn_session_open(d, t_remote.runner, -1, &session, err, sizeof err) == 0))
        return session;
    printf("  %s\n", err);
    return NULL;
}

/* Three answers that must not be taken for each other, and a lie. */
static inline void t_vm_verdicts(struct hrn_session *session)
{
    static const struct {
        struct hrn_event event;
        const char *work;
        double low, high;
        enum hrn_event_verdict verdict;
    } rows[] = {
        { { "INST_RETIRED", HRN_EVENT_PMU, 0x08 }, "alu", 4, 4, HRN_EVENT_OK },
        { { "INST_RETIRED", HRN_EVENT_PMU, 0x08 }, "load", 3, 3, HRN_EVENT_OK },
        { { "INST_RETIRED", HRN_EVENT_PMU, 0x08 }, "vector", 10, 10, HRN_EVENT_OK },
        { { "INST_RETIRED", HRN_EVENT_PMU, 0x08 }, "load", 4, 4, HRN_EVENT_LIES },
        { { "L1D_CACHE", HRN_EVENT_PMU, 0x04 }, "load", 0.9, 1.5, HRN_EVENT_NOT_IMPLEMENTED },
        { { "STALL_BACKEND", HRN_EVENT_PMU, 0x24 }, "alu", 0, 0, HRN_EVENT_ZERO },
        { { "STALL_BACKEND", HRN_EVENT_PMU, 0x24 }, "line", 1, 99, HRN_EVENT_LIES },
        { { "CHAIN", HRN_EVENT_PMU, 0x1e }, "alu", 0, 0, HRN_EVENT_NEVER_SCHEDULED },
        { { "hw:5", HRN_EVENT_HARDWARE, 5 }, "alu", 0, 0, HRN_EVENT_NOT_IMPLEMENTED },
        { { "page-faults", HRN_EVENT_SOFTWARE, 2 }, "fault", 1, 1, HRN_EVENT_OK },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hrn_trial trial;
        char evidence[300] = "";
        if (!T_CHECK(hrn_session_try(session, &rows[i].event, 1, rows[i].work, 1000, &trial) == 0))
            printf("  %s\n", hrn_session_error(session));
        else if (!T_CHECK(hrn_trial_verdict(&trial, rows[i].low, rows[i].high, evidence,
                                            sizeof evidence) == rows[i].verdict))
            printf("  %s over %s: %s\n", rows[i].event.name, rows[i].work, evidence);
    }
}

/* ---- Samples of real kernels */

static int64_t t_vm_instructions[T_REMOTE_VARIANTS];
static int t_vm_counted, t_vm_refused;

static inline void t_vm_sample(size_t index, const struct hrn_sample *s,
                               const struct hrn_counter *counters, size_t count, void *user)
{
    (void)user;
    T_CHECK(s->time_ns == 0 && s->calls == 1); /* emulation: a count, never a time */
    t_vm_refused += count == 0 && strstr(s->detail, "the group is full") != NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(counters[i].event, "INST_RETIRED") == 0) {
            T_CHECK(counters[i].enabled_ns == counters[i].running_ns);
            if (!T_CHECK(t_vm_instructions[index] == 0 ||
                         t_vm_instructions[index] == counters[i].value))
                printf("  %s: %lld instructions, then %lld\n", t_remote.pointers[index],
                       (long long)t_vm_instructions[index], (long long)counters[i].value);
            t_vm_instructions[index] = counters[i].value;
            t_vm_counted++;
        }
}

static inline void t_vm_time(struct hrn_session *session, int rounds)
{
    const struct hrn_time_options options = { .seed = t_seed,
                                              .rounds = rounds,
                                              .timeout_ms = 60000 };
    if (!T_CHECK(hrn_session_time(session, &t_remote.problem, t_remote.pointers, t_remote.count,
                                  &options, t_vm_sample, t_remote_failed, NULL) == 0))
        printf("  %s\n", hrn_session_error(session));
}

/* The same count in every round and every process; a group that is too large is refused as a whole,
 * never shared out over time. */
static inline void t_vm_samples(struct hrn_device *d)
{
    const struct hrn_device_info *info = hrn_device_info(d);
    static const char *const events[] = { "CPU_CYCLES", "INST_RETIRED" };
    const struct hrn_counter_request request = { .events = events, .event_count = 2 };
    struct hrn_pass full = { .count = HRN_PASS_EVENTS };
    struct hrn_counter_choice choice;
    char err[700] = "";
    t_vm_counted = t_vm_refused = 0;
    memset(t_vm_instructions, 0, sizeof t_vm_instructions);
    for (int process = 0; process < 2; process++) {
        struct hrn_session *session = t_vm_session(d);
        if (!session)
            return;
        if (T_CHECK(hrn_counters_choose(session, info->arch, info->midr, &request, &choice, err,
                                        sizeof err) == 0))
            t_vm_time(session, 2);
        else
            printf("  %s\n", err);
        T_CHECK(choice.passes == 1 && choice.pmu.free_counters == 6);
        for (size_t i = 0; i < full.count; i++)
            full.event[i] = (struct hrn_event) { "INST_RETIRED", HRN_EVENT_PMU, i ? 0x08 : 0x11 };
        hrn_session_count_passes(session, &full, 1);
        t_vm_time(session, 1);
        hrn_session_close(session);
    }
    T_CHECK(t_vm_counted == 4 * (int)t_remote.count && t_vm_refused == 2 * (int)t_remote.count);
}

/* ---- Beside the emulator's own count. Of assembly: what portable C executes hangs on the data. */

static inline void t_vm_one_count(size_t index, const struct hrn_sample *s,
                                  const struct hrn_counter *counters, size_t count, void *user)
{
    int64_t *instructions = user;
    (void)s;
    for (size_t i = 0; i < count; i++)
        if (strcmp(counters[i].event, "INST_RETIRED") == 0 ||
            strcmp(counters[i].event, "insn") == 0)
            instructions[index] = counters[i].value;
}

static inline int t_vm_build_assembly(const char *source_root, const char *cache,
                                      char names[2][VAR_NAME_MAX])
{
    const struct hrn_build_paths paths = { .source_root = source_root, .cache_dir = cache };
    struct hrn_toolchain toolchain;
    struct var_variant v[2];
    char err[600] = "";
    T_CHECK(var_default(KRN_ISA_NEON, &t_remote.problem, &v[0]) == 0);
    T_CHECK(var_default(KRN_ISA_DOTPROD, &t_remote.problem, &v[1]) == 0);
    for (int i = 0; i < 2; i++)
        var_name_format(&v[i], names[i]);
    int rc = hrn_toolchain_find("aarch64", NULL, &toolchain, err, sizeof err);
    if (!rc)
        rc = hrn_build(&toolchain, &paths, HRN_BUILD_RUNNER, v, 2, NULL, NULL, t_remote.runner,
                       sizeof t_remote.runner, err, sizeof err);
    if (!T_CHECK(rc == 0))
        printf("  %s\n", err);
    return rc;
}

static inline void t_vm_beside_plugin(struct hrn_device *d, const char *source_root,
                                      const char *cache)
{
    enum { CALL_SITE = 40 }; /* what the two loops around the call may differ by */
    static const struct hrn_pass pass = { .event = { { "CPU_CYCLES", HRN_EVENT_PMU, 0x11 },
                                                     { "INST_RETIRED", HRN_EVENT_PMU, 0x08 } },
                                          .count = 2 };
    const struct hrn_time_options options = { .seed = 1, .rounds = 1, .timeout_ms = 60000 };
    int64_t pmu[2] = { 0 }, plugin[2] = { 0 };
    char names[2][VAR_NAME_MAX], err[600] = "";
    const char *pointers[] = { names[0], names[1] };
    struct hrn_session *session;
    struct hrn_device *emulator;
    if (hrn_device_open("qemu:cortex-a76", &emulator, err, sizeof err) < 0 ||
        !hrn_device_info(emulator)->counts) {
        printf("not held against the plugin: %s\n", err);
        return;
    }
    if (t_vm_build_assembly(source_root, cache, names) || !(session = t_vm_session(d)))
        return;
    hrn_session_count_passes(session, &pass, 1);
    T_CHECK(hrn_session_time(session, &t_remote.problem, pointers, 2, &options, t_vm_one_count,
                             t_remote_failed, pmu) == 0);
    hrn_session_close(session);
    if ((session = t_vm_session(emulator)))
        T_CHECK(hrn_session_count(session, &t_remote.problem, pointers, 2, 60000, t_vm_one_count,
                                  t_remote_failed, plugin) == 0);
    hrn_session_close(session);
    hrn_device_close(emulator);
    for (int i = 0; i < 2; i++) {
        printf("%s: PMU %lld instructions, plugin %lld\n", names[i], (long long)pmu[i],
               (long long)plugin[i]);
        T_CHECK(pmu[i] > 0 && llabs(pmu[i] - plugin[i]) <= CALL_SITE);
    }
}

/* ---- Readings without a system call, which the kernel must be asked to allow: the same counts. */

static inline int64_t t_vm_empty_reading(struct hrn_device *d, int is_user_read)
{
    enum { UNITS = 1000 };
    static const struct hrn_event event = { "INST_RETIRED", HRN_EVENT_PMU, 0x08 };
    struct hrn_session *session = t_vm_session(d);
    struct hrn_pmu_info pmu;
    struct hrn_trial trial = { 0 };
    if (!session)
        return -1;
    T_CHECK(hrn_session_pmu(session, &pmu) == 0 && pmu.counts);
    if (!T_CHECK(pmu.user_read == is_user_read) ||
        !T_CHECK(is_user_read || strstr(pmu.user_read_why, "perf_user_access is 0")))
        printf("  %s\n", pmu.user_read_why);
    T_CHECK(hrn_session_try(session, &event, 1, "alu", UNITS, &trial) == 0 && trial.error == 0);
    T_CHECK(trial.state == HRN_COUNTED && trial.value[1] - trial.value[0] == 4 * UNITS);
    hrn_session_close(session);
    return trial.value[0] - 4 * UNITS;
}

static inline void t_vm_user_access(struct hrn_device *d)
{
    static const char *const commands[] = { "echo 1 > /proc/sys/kernel/perf_user_access",
                                            "echo 0 > /proc/sys/kernel/perf_user_access" };
    char said[400];
    int exit_code;
    int64_t by_read = t_vm_empty_reading(d, 0);
    T_CHECK(hrn_device_shell(d, commands[0], said, sizeof said, &exit_code) == 0);
    if (exit_code != 0)
        printf("this kernel has no perf_user_access: %s\n", said);
    int64_t by_user = exit_code == 0 ? t_vm_empty_reading(d, 1) : by_read;
    printf("instructions around the work: %lld by read(), %lld without a system call\n",
           (long long)by_read, (long long)by_user);
    T_CHECK(by_user <= by_read + 100); /* of the reading, in user space */
    t_vm_samples(d);
    hrn_device_shell(d, commands[1], said, sizeof said, &exit_code);
}

/* ---- Levels of kernel.perf_event_paranoid, for root and for a user like Android's shell */

static inline void t_vm_paranoid(struct hrn_device *d)
{
    static const struct {
        const char *level;
        int is_root, counts;
    } rows[] = {
        { "3", 1, 1 }, { "3", 0, 0 }, { "2", 0, 1 }, { "1", 0, 1 }, { "0", 0, 1 }, { "-1", 0, 1 },
    };
    char path[512], command[1400], said[4000], words[200];
    struct hrn_line line;
    int exit_code;
    T_CHECK(hrn_device_push(d, t_remote.runner, path, sizeof path) == 0);
    hrn_line_begin(&line, "pmu");
    hrn_line_add_int(&line, "job", 1);
    hrn_line_end(&line);
    snprintf(words, sizeof words, "%.*s", (int)line.length - 1, line.text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(command, sizeof command,
                 "echo %s > /proc/sys/kernel/perf_event_paranoid; cp %s /tmp/quern-anyone; "
                 "chmod 755 /tmp/quern-anyone; echo '%s' | %s/tmp/quern-anyone%s",
                 rows[i].level, path, words, rows[i].is_root ? "" : "su shell -c ",
                 rows[i].is_root ? " --cpu 0" : "");
        T_CHECK(hrn_device_shell(d, command, said, sizeof said, &exit_code) == 0);
        if (!T_CHECK(strstr(said, rows[i].counts ? " counts=1 " : " counts=0 ") != NULL))
            printf("  level %s: %s\n", rows[i].level, said);
        T_CHECK(rows[i].counts || strstr(said, "perf_event_paranoid") != NULL);
    }
    hrn_device_shell(d, "echo 3 > /proc/sys/kernel/perf_event_paranoid; rm /tmp/quern-anyone", said,
                     sizeof said, &exit_code);
}

/* All of it; the runner of t_remote_build() must be there. */
static inline void t_vm_pmu(struct hrn_device *d, const char *source_root, const char *cache)
{
    struct hrn_session *session = t_vm_session(d);
    if (!session)
        return;
    t_vm_verdicts(session);
    hrn_session_close(session);
    t_vm_samples(d);
    t_vm_user_access(d);
    t_vm_paranoid(d);
    t_vm_beside_plugin(d, source_root, cache);
}

#endif
