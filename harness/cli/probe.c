#include "harness/cli/probe.h"

#include <inttypes.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/cli/cli.h"
#include "harness/cli/cli_int.h"
#include "harness/sweep/counters.h"
#include "perfdb/perfdb.h"

/* ---- the database */

static int store_event(struct pdb *db, int64_t run_id, const struct hrn_probed_event *e)
{
    const struct hrn_trial *t = &e->trial;
    const double units = (double)t->units;
    const struct pdb_event_probe row = {
        .event = e->event.name,
        .verdict = hrn_event_verdict_names[e->verdict],
        .detail = e->evidence,
        .expected = e->known ? llround(0.5 * (e->known->low + e->known->high) * units) : -1,
        .seen = t->error == 0 && t->state == HRN_COUNTED ? t->value[1] - t->value[0] : -1,
    };
    return pdb_event_probe(db, run_id, &row);
}

static int store_rows(struct pdb *db, int64_t run_id, const struct hrn_probe *p)
{
    int rc = 0;
    for (size_t i = 0; i < p->event_count && !rc; i++)
        rc = store_event(db, run_id, &p->event[i]);
    for (size_t i = 0; i < p->peak_count && !rc; i++)
        rc = pdb_peak(db, run_id, krn_isas[p->peak[i].isa].name, p->peak[i].kernel,
                      p->peak[i].macs_per_s);
    for (size_t i = 0; i < p->bandwidth_count && !rc; i++) {
        const struct pdb_bandwidth row = { .level = p->bandwidth[i].level,
                                           .working_set_bytes = p->bandwidth[i].bytes,
                                           .bytes_per_s = p->bandwidth[i].bytes_per_s };
        rc = pdb_bandwidth(db, run_id, &row);
    }
    if (!rc && p->pmu.counts)
        rc = pdb_run_fact(db, run_id, "pmu", p->pmu.name[0] ? p->pmu.name : "raw");
    else if (!rc)
        rc = pdb_run_fact(db, run_id, "no-counters", p->pmu.why_not);
    return rc;
}

int probe_store(const struct hrn_probe *probe, const struct hrn_device_info *d, int cpu,
                const struct hrn_toolchain *toolchain, const char *db_path, const char *command,
                int64_t *run_id)
{
    const struct pdb_run run = {
        .device_key = d->key,
        .arch = d->arch,
        .cpu = d->cpu,
        .midr = d->midr,
        .kernel = d->kernel,
        .os = d->os,
        .cpu_index = cpu >= 0 ? cpu : d->cpu_index,
        .evidence = d->evidence,
        .compiler = toolchain->version,
        .compiler_flags = toolchain->flags,
        .tool_version = QUERN_VERSION,
        .command = command,
    };
    char *copy = strdup(db_path), *folder = copy ? dirname(copy) : NULL;
    struct pdb *db = NULL;
    if (folder && strcmp(folder, "."))
        (void)mkdir(folder, 0777); /* if it cannot be made, pdb_open() explains why */
    free(copy);
    int rc = pdb_open(db_path, PDB_WRITE, &db);
    if (!rc)
        rc = pdb_run_begin(db, &run, run_id);
    if (!rc)
        rc = store_rows(db, *run_id, probe);
    if (!rc)
        rc = pdb_run_end(db, *run_id, "complete");
    if (!rc)
        rc = pdb_commit(db);
    if (rc)
        cli_fail(CLI_FAILED, "%s", db ? pdb_errmsg(db) : "out of memory");
    pdb_close(db);
    return rc ? CLI_FAILED : CLI_OK;
}

/* ---- the terminal */

static void print_pmu(const struct hrn_probe *p, const struct hrn_device_info *device)
{
    printf("%s, %s%s\n", device->key, device->cpu[0] ? device->cpu : device->arch,
           device->evidence == HRN_MEASURED ? "" : ": EMULATED, so no peak and no bandwidth");
    if (!p->pmu.counts) {
        printf("No counters: %s\n  remedy: %s\n", p->pmu.why_not,
               hrn_counters_remedy(device->key, &p->pmu));
        return;
    }
    printf("PMU %s, %d counters free beside CPU_CYCLES",
           p->pmu.name[0] ? p->pmu.name : "without a name", p->pmu.free_counters);
    if (p->pmu.slots)
        printf(", %d slots per cycle", p->pmu.slots);
    if (p->pmu.user_read)
        printf("; read without a system call\n");
    else
        printf("; read by system calls: %s\n", p->pmu.user_read_why);
}

static void print_events(const struct hrn_probe *p)
{
    static const char *const headings[] = { "event", "verdict", "evidence" };
    size_t verdicts[HRN_EVENT_VERDICT_COUNT] = { 0 };
    struct cli_table *table = cli_table_new(headings, 3);
    for (size_t i = 0; i < p->event_count; i++) {
        const struct hrn_probed_event *e = &p->event[i];
        verdicts[e->verdict]++;
        if (!p->pmu.counts && e->verdict == HRN_EVENT_NOT_IMPLEMENTED)
            continue; /* without a PMU that is no news */
        cli_table_cell(table, "%s", e->event.name);
        cli_table_cell(table, "%s", hrn_event_verdict_names[e->verdict]);
        cli_table_cell(table, "%s%s%s", e->evidence, e->known ? "; work: " : "",
                       e->known ? e->known->work : "");
    }
    cli_table_print(table, stdout);
    const char *comma = "";
    for (int v = 0; v < HRN_EVENT_VERDICT_COUNT; v++)
        if (verdicts[v]) {
            printf("%s%zu %s", comma, verdicts[v], hrn_event_verdict_names[v]);
            comma = ", ";
        }
    printf("\n");
}

static void print_peaks(const struct hrn_probe *p)
{
    static const char *const headings[] = { "ISA", "peak GMAC/s", "MAC/cycle" };
    struct cli_table *table = cli_table_new(headings, 3);
    for (size_t i = 0; i < p->peak_count; i++) {
        cli_table_cell(table, "%s", krn_isas[p->peak[i].isa].name);
        cli_table_cell(table, "%.4g", p->peak[i].macs_per_s / 1e9);
        if (p->peak[i].macs_per_cycle > 0)
            cli_table_cell(table, "%.4g", p->peak[i].macs_per_cycle);
        else
            cli_table_cell(table, "-");
    }
    cli_table_print(table, stdout);
}

static void print_bandwidths(const struct hrn_probe *p)
{
    static const char *const headings[] = { "level", "KiB read", "GB/s" };
    struct cli_table *table = cli_table_new(headings, 3);
    for (size_t i = 0; i < p->bandwidth_count; i++) {
        cli_table_cell(table, "%s", p->bandwidth[i].level);
        cli_table_cell(table, "%" PRId64, p->bandwidth[i].bytes >> 10);
        cli_table_cell(table, "%.4g", p->bandwidth[i].bytes_per_s / 1e9);
    }
    cli_table_print(table, stdout);
}

void probe_print(const struct hrn_probe *p, const struct hrn_device_info *device)
{
    print_pmu(p, device);
    putchar('\n');
    print_events(p);
    if (p->peak_count) {
        putchar('\n');
        print_peaks(p);
    }
    if (p->bandwidth_count) {
        putchar('\n');
        print_bandwidths(p);
    }
}

void probe_print_json(const struct hrn_probe *p, const struct hrn_device_info *device)
{
    fputs("{\n  \"device\": ", stdout);
    cli_json_string(stdout, device->key);
    printf(",\n  \"evidence\": \"%s\",\n  \"counters\": %s,\n  \"pmu\": ",
           hrn_evidence_names[device->evidence], p->pmu.counts ? "true" : "false");
    cli_json_string(stdout, p->pmu.name);
    fputs(",\n  \"why_not\": ", stdout);
    cli_json_string(stdout, p->pmu.why_not);
    printf(",\n  \"user_read\": %s", p->pmu.user_read ? "true" : "false");
    printf(",\n  \"free_counters\": %d,\n  \"slots\": %d,\n  \"events\": [", p->pmu.free_counters,
           p->pmu.slots);
    for (size_t i = 0; i < p->event_count; i++) {
        const struct hrn_probed_event *e = &p->event[i];
        printf("%s\n    {\"event\": ", i ? "," : "");
        cli_json_string(stdout, e->event.name);
        printf(", \"verdict\": \"%s\", \"once\": %" PRId64 ", \"twice\": %" PRId64
               ", \"units\": %" PRId64 ", \"evidence\": ",
               hrn_event_verdict_names[e->verdict], e->trial.value[0], e->trial.value[1],
               e->trial.units);
        cli_json_string(stdout, e->evidence);
        fputc('}', stdout);
    }
    fputs("\n  ],\n  \"peaks\": [", stdout);
    for (size_t i = 0; i < p->peak_count; i++)
        printf("%s\n    {\"isa\": \"%s\", \"mac_per_s\": %.6g, \"mac_per_cycle\": %.6g}",
               i ? "," : "", krn_isas[p->peak[i].isa].name, p->peak[i].macs_per_s,
               p->peak[i].macs_per_cycle);
    fputs("\n  ],\n  \"bandwidths\": [", stdout);
    for (size_t i = 0; i < p->bandwidth_count; i++)
        printf("%s\n    {\"level\": \"%s\", \"bytes\": %" PRId64 ", \"bytes_per_s\": %.6g}",
               i ? "," : "", p->bandwidth[i].level, p->bandwidth[i].bytes,
               p->bandwidth[i].bytes_per_s);
    fputs("\n  ]\n}\n", stdout);
}
