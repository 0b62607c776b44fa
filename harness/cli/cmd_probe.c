/* quern probe: what the counters of a core are worth, its peaks and its bandwidths. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/build/build.h"
#include "harness/cli/cli_int.h"
#include "harness/cli/counters.h"
#include "harness/cli/probe.h"

struct work {
    const char *device_key, *cc, *db;
    struct cli_counters counters;
    long long cpu;
    int list, json, quiet;
    struct hrn_device *device;
    struct hrn_toolchain toolchain;
    struct hrn_event_table *table;
    struct hrn_session *session;
    struct hrn_probe probe;
    char err[600];
};

static struct cli_progress progress;
static size_t steps;

static void show_step(const char *what)
{
    cli_progress_step(&progress, steps, steps + 1, what);
    steps++;
}

/* ---- --list */

static int list_event(const struct hrn_event *event, void *user)
{
    char code[32];
    snprintf(code, sizeof code, event->source == HRN_EVENT_PMU ? "0x%04" PRIx64 : "%" PRIu64,
             event->config);
    cli_table_cell(user, "%s", event->name);
    cli_table_cell(user, "%s%s%s",
                   event->source == HRN_EVENT_PMU ? "" : hrn_event_source_names[event->source],
                   event->source == HRN_EVENT_PMU ? "" : ":", code);
    return 0;
}

static int print_list(const struct work *w)
{
    static const char *const event_headings[] = { "event", "number" };
    static const char *const group_headings[] = { "group", "what it says" };
    const struct hrn_device_info *info = hrn_device_info(w->device);
    int core = hrn_event_core(w->table, info->arch, info->midr);
    struct cli_table *events = cli_table_new(event_headings, 2);
    struct cli_table *groups = cli_table_new(group_headings, 2);
    const char *name;
    printf("Events of %s (%s)\n", info->cpu[0] ? info->cpu : info->key,
           hrn_event_core_name(w->table, core));
    hrn_event_each(w->table, core, list_event, events);
    cli_table_print(events, stdout);
    printf("\nMetric groups\n");
    for (size_t i = 0; (name = hrn_metric_group_name(i)); i++) {
        struct hrn_metric_group group;
        char err[200];
        if (hrn_metric_group_find(name, &group, err, sizeof err))
            continue;
        cli_table_cell(groups, "%s", name);
        cli_table_cell(groups, "%s", group.summary);
        hrn_metric_group_clear(&group);
    }
    cli_table_print(groups, stdout);
    return CLI_OK;
}

/* ---- running */

static int open_device(struct work *w)
{
    if (hrn_device_open_cpu(w->device_key, (int)w->cpu, &w->device, w->err, sizeof w->err))
        return cli_fail(CLI_DEVICE, "%s", w->err);
    const struct hrn_device_info *info = hrn_device_info(w->device);
    if (hrn_event_table_open(&w->table, w->err, sizeof w->err))
        return cli_fail(CLI_FAILED, "%s", w->err);
    return cli_counters_check(&w->counters, info->arch, info->midr);
}

/* A runner that holds the peak kernel of each level, and nothing else. */
static int open_session(struct work *w)
{
    const struct hrn_build_paths paths = { .source_root = cli_source_root(),
                                           .cache_dir = cli_cache_dir() };
    const struct hrn_device_info *info = hrn_device_info(w->device);
    struct var_variant peaks[KRN_ISA_COUNT];
    char path[512];
    size_t count = 0;
    int failed = cli_compiler(w->cc, info->os, info->arch, &w->cc);
    if (failed)
        return failed;
    if (hrn_toolchain_find(info->arch, w->cc, &w->toolchain, w->err, sizeof w->err))
        return cli_fail(CLI_DEVICE, "%s", w->err);
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        if (info->isas >> isa & 1 && !var_peak((enum krn_isa)isa, &peaks[count]))
            count++;
    int rc = hrn_build(&w->toolchain, &paths, HRN_BUILD_RUNNER, peaks, count, NULL, NULL, path,
                       sizeof path, w->err, sizeof w->err);
    if (!rc)
        rc = hrn_session_open(w->device, path, (int)w->cpu, &w->session, w->err, sizeof w->err);
    return rc ? cli_fail(CLI_DEVICE, "%s", w->err) : CLI_OK;
}

/* Names of events: those typed, and those of the groups typed. */
static int probe_events(struct work *w)
{
    const struct hrn_device_info *info = hrn_device_info(w->device);
    struct hrn_wanted *wanted = calloc(1, sizeof *wanted);
    const char *names[HRN_WANTED_MAX];
    int core = hrn_event_core(w->table, info->arch, info->midr), rc = wanted ? 0 : -ENOMEM;
    for (size_t i = 0; i < w->counters.events.count && !rc; i++)
        rc = hrn_wanted_add_event(wanted, w->table, core, w->counters.events.items[i], w->err,
                                  sizeof w->err);
    for (size_t i = 0; i < w->counters.groups.count && !rc; i++) {
        struct hrn_metric_group group;
        rc = hrn_metric_group_find(w->counters.groups.items[i], &group, w->err, sizeof w->err);
        if (!rc)
            rc = hrn_wanted_add_group(wanted, w->table, core, &group, w->err, sizeof w->err);
        hrn_metric_group_clear(&group);
    }
    for (size_t i = 0; wanted && i < wanted->count; i++)
        names[i] = wanted->item[i].event.name;
    if (!rc)
        rc = hrn_probe_run(w->session, info, info->isas, w->table, names, wanted->count,
                           w->quiet ? NULL : show_step, &w->probe, w->err, sizeof w->err);
    free(wanted);
    return rc;
}

static int run_probe(struct work *w)
{
    if (!w->quiet)
        cli_progress_begin(&progress, "probe");
    int rc = probe_events(w);
    if (!w->quiet)
        cli_progress_end(&progress);
    return rc ? cli_fail(rc == -EPIPE ? CLI_DEVICE : CLI_FAILED, "%s", w->err) : CLI_OK;
}

static int work(struct work *w, const char *command)
{
    int64_t run_id = 0;
    int rc = open_device(w);
    if (rc || w->list)
        return rc ? rc : print_list(w);
    rc = open_session(w);
    if (!rc)
        rc = run_probe(w);
    if (!rc)
        rc = probe_store(&w->probe, hrn_device_info(w->device), (int)w->cpu, &w->toolchain, w->db,
                         command, &run_id);
    if (!rc)
        (w->json ? probe_print_json : probe_print)(&w->probe, hrn_device_info(w->device));
    if (!rc && !w->json)
        printf("\nKept as run %" PRId64
               " in %s; a sweep of this core refuses the events that lie.\n",
               run_id, w->db);
    return rc;
}

int cmd_probe(int argc, char **argv)
{
    static struct work w = { .device_key = "local", .cpu = -1 };
    const struct cli_option options[] = {
        { 'd', "device", CLI_STRING, "KEY", "Device to probe. Default: local.", &w.device_key },
        { 'C', "cpu", CLI_INT, "N", "CPU of the device to pin to. Default: the device's choice.",
          &w.cpu },
        CLI_COUNTER_OPTIONS(w.counters),
        { 0, "list", CLI_FLAG, NULL, "Print the events and metric groups of the core, and stop.",
          &w.list },
        { 0, "cc", CLI_STRING, "PROGRAM", "Compiler for the device.", &w.cc },
        { 0, "db", CLI_STRING, "FILE", "Database. Default: $QUERN_DB or quern-out/quern.db.",
          &w.db },
        { 0, "json", CLI_FLAG, NULL, "Write JSON.", &w.json },
        { 'q', "quiet", CLI_FLAG, NULL, "No progress.", &w.quiet },
    };
    const struct cli_command command = {
        .name = "probe",
        .synopsis = "quern probe [-d KEY] [-e EVENT]... [-g GROUP]... [OPTION]...",
        .description =
            "Checks counters on the core itself: each event counts over a micro-kernel that does a "
            "known number of instructions, loads, misses or mispredicted branches. The verdict is "
            "ok, zero (implemented, and truly 0), not-implemented, never-scheduled, forbidden or "
            "lies; it is stored with what was counted, and a later sweep of this core refuses an "
            "event that lies. Without -e and -g every event of the core is checked.\n\n"
            "Also measures the peak of each ISA level, in MAC per second and per cycle, and the "
            "read bandwidth of each level of the memory. Takes seconds.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .examples = "quern probe\n"
                    "quern probe --list -d adb:SERIAL/cpu4\n"
                    "quern probe -d adb:SERIAL -g work,stall,l1",
    };
    char *line = cli_command_line(argc, argv);
    int rc =
        line ? cli_parse(&command, argc, argv, NULL) - 1 : cli_fail(CLI_FAILED, "out of memory");
    if (!w.db)
        w.db = cli_default_db();
    if (rc < 0)
        rc = work(&w, line);
    hrn_session_close(w.session);
    hrn_probe_clear(&w.probe);
    hrn_event_table_close(w.table);
    hrn_device_close(w.device);
    cli_counters_clear(&w.counters);
    free(line);
    return rc;
}
