/* Events, metric groups, passes and groups of counters, without a PMU: the tables as
 * they are built in, and a PMU of the test's own (t_perf.h).
 *
 *     test_pmu PHONE    a phone's sysfs, as text */
#include <math.h>

#include "harness/pmu/env.h"
#include "harness/pmu/plan.h"
#include "harness/pmu/pmu.h"
#include "tests/t_perf.h"
#include "tests/t_tree.h"

#define A55 "0x412fd050"
#define A76 "0x414fd0b1"
#define A53 "0x410fd034"
#define X4 "0x410fd820"
#define NOBODY "0x61aa0010"

static struct hrn_event_table *table;

static int core_of(const char *midr)
{
    return hrn_event_core(table, "aarch64", midr);
}

/* ---- the table of events */

static void events(void)
{
    static const struct {
        const char *midr, *text;
        int error;
        enum hrn_event_source source;
        uint64_t config;
        const char *name;
    } rows[] = {
        { A55, "CPU_CYCLES", 0, HRN_EVENT_PMU, 0x11, "CPU_CYCLES" },
        { A55, "cpu_cycles", 0, HRN_EVENT_PMU, 0x11, "CPU_CYCLES" },
        { A55, "cycles", 0, HRN_EVENT_PMU, 0x11, "CPU_CYCLES" },
        { A55, "r1b", 0, HRN_EVENT_PMU, 0x1b, "INST_SPEC" },
        { A55, "0x1b", 0, HRN_EVENT_PMU, 0x1b, "INST_SPEC" },
        { A55, "0x3fff", 0, HRN_EVENT_PMU, 0x3fff, "0x3fff" },
        { A55, "STALL_BACKEND_ILOCK_FPU", 0, HRN_EVENT_PMU, 0xe6, "STALL_BACKEND_ILOCK_FPU" },
        { A53, "STALL_BACKEND_ILOCK_FPU", 0, HRN_EVENT_PMU, 0xe6, "SIMD_DEP_STALL" },
        { A53, "STALL_BACKEND", -ENOENT, 0, 0, "" },
        { A53, "L1D_CACHE_ACCESS", 0, HRN_EVENT_PMU, 0x04, "L1D_CACHE" },
        { A76, "branch-misses", 0, HRN_EVENT_PMU, 0x22, "BR_MIS_PRED_RETIRED" },
        { A53, "branch-misses", 0, HRN_EVENT_PMU, 0x10, "BR_MIS_PRED" },
        { X4, "STALL_BACKEND_MEMBOUND", 0, HRN_EVENT_PMU, 0x8164, "STALL_BACKEND_MEMBOUND" },
        { A76, "page-faults", 0, HRN_EVENT_SOFTWARE, 2, "page-faults" },
        { NOBODY, "page-faults", 0, HRN_EVENT_SOFTWARE, 2, "page-faults" },
        { NOBODY, "L1D_CACHE_REFILL", 0, HRN_EVENT_PMU, 3, "L1D_CACHE_REFILL" },
        { NOBODY, "DE_IQ_FULL", -ENOENT, 0, 0, "" },
        { A76, "sw:2", 0, HRN_EVENT_SOFTWARE, 2, "page-faults" },
        { A76, "hw:0", 0, HRN_EVENT_HARDWARE, 0, "hw:0" },
        { A76, "hw:", -ENOENT, 0, 0, "" },
        { A76, "rzz", -ENOENT, 0, 0, "" },
        { A76, "0x", -ENOENT, 0, 0, "" },
        { A76, "0x1b ", -ENOENT, 0, 0, "" },
        { A76, "", -ENOENT, 0, 0, "" },
    };
    struct hrn_event e;
    char err[300];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int error =
            hrn_event_resolve(table, core_of(rows[i].midr), rows[i].text, &e, err, sizeof err);
        if (!T_CHECK(error == rows[i].error))
            printf("  '%s' on %s: %d\n", rows[i].text, rows[i].midr, error);
        if (error == 0) {
            T_CHECK_STR(e.name, rows[i].name);
            T_CHECK(e.config == rows[i].config && e.source == rows[i].source);
        }
    }
    /* a name that only libpfm4 knows, where the build has it */
    int found = hrn_event_resolve(table, hrn_event_core(table, "x86_64", "25-1-1"),
                                  "PERF_COUNT_HW_INSTRUCTIONS", &e, err, sizeof err);
    T_CHECK(found == -ENOENT || (found == 0 && e.source == HRN_EVENT_HARDWARE && e.config == 1));
    hrn_event_resolve(table, core_of(A53), "STALL_BACKEND", &e, err, sizeof err);
    T_CHECK(strstr(err, "a53 has no STALL_BACKEND") && strstr(err, " a55") && strstr(err, " a76"));
    T_CHECK(core_of(NOBODY) == HRN_CORE_UNKNOWN);
    T_CHECK_STR(hrn_event_core_name(table, core_of("0x51df805e")), "a55"); /* Kryo 4xx Silver */
    T_CHECK_STR(hrn_event_core_name(table, hrn_event_core(table, "x86_64", "25-1-1")), "x86");
}

static int count_event(const struct hrn_event *event, void *user)
{
    T_CHECK(event->name[0] != '\0');
    ++*(int *)user;
    return 0;
}

/* How many events Arm's lists have: the table must hold them all. */
static void event_counts(void)
{
    static const struct {
        const char *midr;
        int count;
    } rows[] = { { A53, 59 }, { A55, 111 }, { A76, 107 }, { X4, 244 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int count = 0, software = 9;
        hrn_event_each(table, core_of(rows[i].midr), count_event, &count);
        if (!T_CHECK(count == rows[i].count + software))
            printf("  %s: %d\n", rows[i].midr, count);
    }
}

static void broken_tables(void)
{
    static const char *const texts[] = {
        "event\n",
        "event 0x11\n",
        "event 0x11 A\n",
        "event 0x11 A nobody\n",
        "event zz A any\n",
        "core\n",
        "core a\n",
        "like 0x41d03 a\n",
        "alias a\n",
        "nonsense\n",
        "core a23456789012345678901234567890 0x1\n",
        "event 0x11 A234567890123456789012345678901234567890123456789 any\n",
    };
    struct hrn_event_table *t;
    char err[200];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        T_CHECK(hrn_event_table_parse(texts[i], &t, err, sizeof err) == -EINVAL);
        T_CHECK(t == NULL && strstr(err, "line 1"));
    }
    T_CHECK(hrn_event_table_parse("# nothing\n\n", &t, err, sizeof err) == 0);
    hrn_event_table_close(t);
}

/* ---- metric groups */

static void builtin_groups(void)
{
    struct hrn_metric_group g;
    char err[300];
    size_t count = 0;
    for (const char *name; (name = hrn_metric_group_name(count)); count++) {
        if (!T_CHECK(hrn_metric_group_find(name, &g, err, sizeof err) == 0)) {
            printf("  %s\n", err);
            continue;
        }
        T_CHECK(g.summary[0] && g.text[0] && g.event_count && g.metric_count);
        /* every event is one of some core's */
        for (size_t i = 0; i < g.event_count; i++) {
            struct hrn_event e;
            int error = hrn_event_resolve(table, core_of(A55), g.event[i], &e, err, sizeof err);
            T_CHECK(error == 0 || strstr(err, "those have it") != NULL);
        }
        hrn_metric_group_clear(&g);
    }
    T_CHECK(count >= 10);
    T_CHECK(hrn_metric_group_find("nonsense", &g, err, sizeof err) == -ENOENT);
    T_CHECK(strstr(err, "work") && strstr(err, "stall"));
}

static void broken_groups(void)
{
    static const char *const texts[] = {
        "",
        "SHORT x\n",
        "x\n",
        "EVENTSET\na b\n",
        "EVENTSET\nA\nMETRICS\nx\n",
        "EVENTSET\nA\nMETRICS\nx = \n",
        "EVENTSET\nA\nMETRICS\n= 1\n",
        "EVENTSET\nA\nMETRICS\nx = A +\n",
        "METRICS\nx = 1\n",
    };
    struct hrn_metric_group g;
    char err[300];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        T_CHECK(hrn_metric_group_parse("x", texts[i], &g, err, sizeof err) == -EINVAL);
}

/* A file from anybody: lines of tokens and of noise. It is a group, or it says in which line it is
 * none. */
static void garbage_groups(void)
{
    static const char *const tokens[] = { "SHORT ",      "EVENTSET\n", "METRICS\n", "LONG\n",
                                          "\n",          "A",          "=",         " ",
                                          "x = A / B\n", "A\n",        "#",         "\xff",
                                          "(",           "1e9",        "\t",        "x = \n" };
    uint64_t state = t_seed;
    for (int i = 0; i < 5000; i++) {
        struct hrn_metric_group g;
        struct hrn_event_table *t;
        char text[600] = "", err[300] = "";
        for (int n = t_between(&state, 0, 40); n > 0; n--) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%s",
                     tokens[t_between(&state, 0, (int)(sizeof tokens / sizeof *tokens) - 1)]);
        }
        int error = hrn_metric_group_parse("x", text, &g, err, sizeof err);
        T_CHECK(error == 0 || (error == -EINVAL && strstr(err, "line") != NULL));
        if (error == 0)
            hrn_metric_group_clear(&g);
        if (hrn_event_table_parse(text, &t, err, sizeof err) == 0)
            hrn_event_table_close(t);
    }
}

/* Which metrics of which groups a core gets: the tiers. */
static void tiers(void)
{
    static const struct {
        const char *midr, *group;
        int error;
        size_t events;
        const char *has, *has_not;
    } rows[] = {
        { A53, "stall", 0, 2, "STALL_BACKEND_ST", "STALL_BACKEND" },
        { A55, "stall", 0, 4, "STALL_BACKEND_LD", "STALL_BACKEND_MEM" },
        { A76, "stall", 0, 2, "STALL_BACKEND", "STALL_BACKEND_LD" },
        { X4, "stall", 0, 3, "STALL_BACKEND_MEM", "STALL_BACKEND_LD" },
        { A76, "topdown", -ENOENT, 0, NULL, NULL },
        { X4, "topdown", 0, 8, "STALL_SLOT", NULL },
        { A53, "inorder", 0, 4, "STALL_BACKEND_ILOCK_FPU", "STALL_BACKEND_VPU_HAZARD" },
        { A55, "inorder", 0, 4, "STALL_BACKEND_LD", NULL },
        { A76, "inorder", -ENOENT, 0, NULL, NULL },
        { A53, "branch", 0, 2, "BR_MIS_PRED", "BR_RETIRED" },
        { A76, "branch", 0, 2, "BR_MIS_PRED_RETIRED", "BR_MIS_PRED" },
        { A55, "l1", 0, 4, "L1D_CACHE_REFILL_PREFETCH", NULL },
        { A76, "l1", 0, 3, "L1D_CACHE_WB", NULL },
        { "0x410fd083", "stall", -ENOENT, 0, NULL, NULL }, /* A72 */
        { A53, "ll", -ENOENT, 0, NULL, NULL },
        { NOBODY, "work", 0, 2, "INST_RETIRED", NULL },
        { A53, "kernel", 0, 4, "page-faults", NULL },
    };
    char err[300];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hrn_wanted wanted = { 0 };
        struct hrn_metric_group g;
        int has = 0, has_not = 0;
        T_CHECK(hrn_metric_group_find(rows[i].group, &g, err, sizeof err) == 0);
        int error =
            hrn_wanted_add_group(&wanted, table, core_of(rows[i].midr), &g, err, sizeof err);
        for (size_t e = 0; e < wanted.count; e++) {
            has |= rows[i].has && strcmp(wanted.item[e].event.name, rows[i].has) == 0;
            has_not |= rows[i].has_not && strcmp(wanted.item[e].event.name, rows[i].has_not) == 0;
        }
        if (!T_CHECK(error == rows[i].error && wanted.count == rows[i].events &&
                     has == (rows[i].has != NULL) && !has_not))
            printf("  %s on %s: %d, %zu events\n", rows[i].group, rows[i].midr, error,
                   wanted.count);
        hrn_metric_group_clear(&g);
    }
}

static void evaluation(void)
{
    static const char *const names[] = { "CPU_CYCLES", "INST_RETIRED" };
    static const double values[] = { 1000, 2500 };
    const struct hrn_metric_values with = {
        .macs = 32000, .seconds = 1e-6, .names = names, .values = values, .count = 2
    };
    static const struct {
        struct hrn_metric metric;
        int error;
        double value;
    } rows[] = {
        { { "IPC", "INST_RETIRED / CPU_CYCLES" }, 0, 2.5 },
        { { "MAC per cycle", "MACS / CPU_CYCLES" }, 0, 32 },
        { { "MHz", "CPU_CYCLES / TIME / 1e6" }, 0, 1000 },
        { { "% of peak", "100 * MACS / TIME / PEAK" }, -ENOENT, 0 }, /* no peak was measured */
        { { "stalls", "STALL_BACKEND / CPU_CYCLES" }, -ENOENT, 0 },
        { { "nothing", "1 / (CPU_CYCLES - 1000)" }, -ENOENT, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double got;
        T_CHECK(hrn_metric_evaluate(&rows[i].metric, &with, &got) == rows[i].error);
        if (rows[i].error == 0)
            T_CHECK(fabs(got - rows[i].value) < 1e-9);
    }
}

/* ---- passes */

static int in_pass(const struct hrn_pass *pass, const char *name)
{
    for (size_t i = 0; i < pass->count; i++)
        if (strcmp(pass->event[i].name, name) == 0)
            return 1;
    return 0;
}

static void passes(void)
{
    static const char *const asked[] = { "L1D_CACHE",        "L1D_CACHE_REFILL", "L2D_CACHE",
                                         "L2D_CACHE_REFILL", "STALL_BACKEND",    "page-faults",
                                         "CPU_CYCLES" };
    static const struct {
        int free_counters;
        size_t passes;
    } rows[] = { { 6, 1 }, { 5, 2 }, { 3, 3 }, { 2, 5 }, { 1, 5 }, { 0, 1 } };
    struct hrn_pass list[HRN_PASSES_MAX];
    struct hrn_wanted wanted = { 0 };
    char err[200];
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        T_CHECK(hrn_wanted_add_event(&wanted, table, core_of(A76), asked[i], err, sizeof err) == 0);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int free_counters = rows[r].free_counters;
        size_t count = hrn_wanted_pack(&wanted, table, core_of(A76), free_counters, list, 32);
        if (!T_CHECK(count == rows[r].passes))
            printf("  %d free: %zu passes\n", free_counters, count);
        size_t found = 0;
        for (size_t p = 0; p < count; p++) {
            int counters = 0;
            for (size_t i = 0; i < list[p].count; i++)
                counters +=
                    list[p].event[i].source == HRN_EVENT_PMU && list[p].event[i].config != 0x11;
            T_CHECK(counters <= free_counters && list[p].count <= HRN_PASS_EVENTS);
            T_CHECK(!free_counters || strcmp(list[p].event[0].name, "CPU_CYCLES") == 0);
            T_CHECK(in_pass(&list[p], "INST_RETIRED") == (free_counters >= 2));
            for (size_t i = 0; i + 1 < sizeof asked / sizeof *asked; i++)
                found += (size_t)in_pass(&list[p], asked[i]);
        }
        T_CHECK(found ==
                (free_counters ? 6u : 1u)); /* each once; without a PMU the kernel's only */
    }
    /* what cannot be counted is left out */
    wanted.item[0].verdict = HRN_EVENT_NEVER_SCHEDULED;
    wanted.item[1].verdict = HRN_EVENT_LIES;
    wanted.item[2].verdict = HRN_EVENT_ZERO;
    T_CHECK(hrn_wanted_pack(&wanted, table, core_of(A76), 6, list, 32) == 1);
    T_CHECK(!in_pass(&list[0], "L1D_CACHE") && !in_pass(&list[0], "L1D_CACHE_REFILL") &&
            in_pass(&list[0], "L2D_CACHE"));
}

/* ---- groups of counters */

static const struct hrn_event cycles = { "CPU_CYCLES", HRN_EVENT_PMU, 0x11 };
static const struct hrn_event instructions = { "INST_RETIRED", HRN_EVENT_PMU, 0x08 };

static struct hrn_pass pass_of(const uint64_t *configs, size_t count)
{
    struct hrn_pass pass = { .count = count };
    for (size_t i = 0; i < count; i++) {
        pass.event[i].config = configs[i];
        snprintf(pass.event[i].name, sizeof pass.event[i].name, "r%llx",
                 (unsigned long long)configs[i]);
    }
    return pass;
}

static void counting(void)
{
    const uint64_t configs[] = { 0x11, 0x08, 0x04 };
    const struct hrn_pass pass = pass_of(configs, 3);
    struct t_perf fake = {
        .counters = 6, .type = 9, .cpu = 5, .work = 3, .mux_at = 3, .lose_at = 4
    };
    struct hrn_perf perf = t_perf_calls(&fake);
    struct hrn_group group;
    struct hrn_reading r;
    char err[200];
    static const enum hrn_reading_state states[] = { HRN_COUNTED, HRN_COUNTED, HRN_MULTIPLEXED,
                                                     HRN_LOST, HRN_COUNTED };
    T_CHECK(hrn_group_open(&perf, &pass, 9, 5, &group, err, sizeof err) == 0);
    T_CHECK(fake.last_cpu == 5);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        hrn_group_start(&group);
        hrn_group_stop(&group, &r);
        T_CHECK(r.state == states[i]);
        if (r.state == HRN_COUNTED)
            T_CHECK(r.value[0] == 300 && r.value[1] == 750 && r.value[2] == 180);
    }
    group.fixed[1] = 12;
    group.per_call[1] = 7;
    group.fixed[2] = 1000;
    hrn_group_net(&group, 10, &r);
    T_CHECK(r.value[0] == 300 && r.value[1] == 750 - 82 && r.value[2] == 0);
    hrn_group_close(&group);
    T_CHECK(fake.opened == fake.closed);
}

static void refusals(void)
{
    static const struct {
        uint64_t configs[4];
        size_t count;
        int counters, cpu, error;
        const char *says;
    } rows[] = {
        { { 0x11, 0x24 }, 2, 6, 5, -ENOENT, "not implemented" },
        { { 0x11, 0x99 }, 2, 6, 5, -EACCES, "perf_event_paranoid" },
        { { 0x11, 0x08 }, 2, 6, 4, -ENODEV, "does not serve" },
        { { 0x11, 0x08, 0x04, 0x03 }, 4, 2, 5, -EINVAL, "r3: the group is full" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct t_perf fake = { .counters = rows[i].counters, .type = 9, .cpu = 5 };
        struct hrn_perf perf = t_perf_calls(&fake);
        const struct hrn_pass pass = pass_of(rows[i].configs, rows[i].count);
        struct hrn_group group;
        char err[200];
        T_CHECK(hrn_group_open(&perf, &pass, 9, rows[i].cpu, &group, err, sizeof err) ==
                rows[i].error);
        if (!T_CHECK(strstr(err, rows[i].says) != NULL))
            printf("  %s\n", err);
        T_CHECK(fake.opened == fake.closed);
    }
}

static void never_scheduled(void)
{
    const uint64_t configs[] = { 0x11, 0x1e };
    const struct hrn_pass pass = pass_of(configs, 2);
    struct t_perf fake = { .counters = 6, .type = 9, .cpu = -1 };
    struct hrn_perf perf = t_perf_calls(&fake);
    struct hrn_group group;
    struct hrn_reading r;
    char err[200];
    T_CHECK(hrn_group_open(&perf, &pass, 9, 0, &group, err, sizeof err) == 0);
    hrn_group_start(&group);
    hrn_group_stop(&group, &r);
    T_CHECK(r.state == HRN_NEVER_SCHEDULED);
    hrn_group_close(&group);
}

static void free_counters(void)
{
    for (int counters = 0; counters <= 7; counters++)
        for (int taken = 0; taken <= counters; taken++) {
            struct t_perf fake = { .counters = counters, .taken = taken, .type = 9, .cpu = -1 };
            struct hrn_perf perf = t_perf_calls(&fake);
            char err[200] = "";
            T_CHECK(hrn_group_probe_free(&perf, &cycles, &instructions, 9, 0, err, sizeof err) ==
                    counters - taken);
            T_CHECK(fake.opened == fake.closed);
        }
    struct t_perf fake = { .counters = 6, .type = 9, .cpu = 3 };
    struct hrn_perf perf = t_perf_calls(&fake);
    char err[200] = "";
    T_CHECK(hrn_group_probe_free(&perf, &cycles, &instructions, 9, 0, err, sizeof err) == 0);
    T_CHECK(err[0] != '\0');
}

/* ---- sysfs */

static void cpu_lists(void)
{
    static const struct {
        const char *list;
        int cpu, has;
    } rows[] = {
        { "0-3", 0, 1 },     { "0-3", 3, 1 }, { "0-3", 4, 0 },      { "0,2-3,7", 1, 0 },
        { "0,2-3,7", 7, 1 }, { "", 0, 0 },    { "nonsense", 0, 0 }, { "5", 5, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        T_CHECK(hrn_cpu_list_has(rows[i].list, rows[i].cpu) == rows[i].has);
}

static void environment(const char *root)
{
    static const struct {
        int cpu;
        int32_t khz;
    } rows[] = { { 0, 300000 }, { 5, 710400 }, { 7, 2131200 }, { 99, 0 }, { -1, 0 } };
    struct hrn_env env;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hrn_env_open(&env, root, rows[i].cpu);
        T_CHECK(hrn_env_freq_khz(&env) == rows[i].khz);
        T_CHECK(hrn_env_temp_mc(&env) == 43500); /* the first zone of a CPU, not the battery's */
        T_CHECK(hrn_env_current_ua(&env) == 412350 && hrn_env_voltage_uv(&env) == 4123000);
        hrn_env_close(&env);
    }
    t_tree_file(root, "/sys/class/power_supply/battery/status", "Charging");
    hrn_env_open(&env, root, 0);
    T_CHECK(hrn_env_voltage_uv(&env) == 0);
    T_CHECK(hrn_env_current_ua(&env) == 0); /* what a cable feeds says nothing of the kernel */
    hrn_env_close(&env);
    hrn_env_open(&env, "/nowhere/at/all", 0);
    T_CHECK(hrn_env_freq_khz(&env) == 0 && hrn_env_temp_mc(&env) == INT32_MIN &&
            hrn_env_current_ua(&env) == 0 && hrn_env_voltage_uv(&env) == 0);
    hrn_env_close(&env);
}

static void recorded_phone(const char *text)
{
    char root[300];
    t_tree(text, root, sizeof root);
    static const struct {
        int cpu;
        const char *name;
        uint32_t type;
        int slots, stall, refill, chain;
    } rows[] = {
        { 0, "armv8_cortex_a55", 8, 0, 1, 1, -1 },
        { 3, "armv8_cortex_a55", 8, 0, 1, 1, -1 },
        { 4, "armv8_cortex_a76", 9, 0, 1, 1, -1 },
        { 7, "armv8_cortex_a76", 9, 0, 1, 1, -1 },
    };
    struct hrn_pmu pmu;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        T_CHECK(hrn_pmu_find(root, rows[i].cpu, &pmu) == 0);
        T_CHECK_STR(pmu.name, rows[i].name);
        T_CHECK(pmu.type == rows[i].type && pmu.slots == rows[i].slots);
        T_CHECK(hrn_pmu_implements(&pmu, 0x24) == rows[i].stall);
        T_CHECK(hrn_pmu_implements(&pmu, 0x03) == rows[i].refill);
        T_CHECK(hrn_pmu_implements(&pmu, 0x1f) == 0);    /* others of its range are listed */
        T_CHECK(hrn_pmu_implements(&pmu, 0xe6) == -1);   /* the core's own: never listed */
        T_CHECK(hrn_pmu_implements(&pmu, 0x4005) == -1); /* newer than that kernel */
    }
    T_CHECK(hrn_pmu_find(root, 99, &pmu) == -ENOENT && pmu.type == PERF_TYPE_RAW);
    T_CHECK(hrn_pmu_paranoid(root) == 3);
    environment(root);
    t_remove(root);
}

int main(int argc, char **argv)
{
    char err[300] = "";
    t_begin(argc, argv);
    if (!T_CHECK(hrn_event_table_open(&table, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return t_end();
    }
    events();
    event_counts();
    broken_tables();
    builtin_groups();
    broken_groups();
    garbage_groups();
    tiers();
    evaluation();
    passes();
    counting();
    refusals();
    never_scheduled();
    free_counters();
    cpu_lists();
    recorded_phone(argv[1]);
    hrn_event_table_close(table);
    return t_end();
}
