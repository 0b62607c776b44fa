/* quern doctor: this machine, and what can be measured on it. */
#include "harness/cli/cli.h"

#include <stdarg.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/doctor.h"

/* Rows in the order of printing. Without an essential one nothing can be measured on `local`. */
static const struct probe {
    const char *group, *id, *title;
    doctor_probe *run;
    int essential;
    doctor_probe *remote; /* instead, of a device that is another machine; NULL: the same */
} probes[] = {
    { "The device", "device", "device", doctor_device, 1, NULL },
    { "The device", "isas", "ISA levels", doctor_isas, 0, NULL },
    { "This machine", "kernel", "kernel", doctor_kernel, 0, NULL },
    { "This machine", "caches", "caches", doctor_caches, 0, NULL },
    { "This machine", "virtual", "virtual", doctor_virtual, 0, NULL },
    { "This machine", "load", "load", doctor_load, 0, NULL },
    { "This machine", "smt", "SMT", doctor_smt, 0, NULL },
    { "Times and counters", "pmu", "PMU", doctor_pmu, 0, doctor_remote_pmu },
    { "Times and counters", "user_read", "reading them", doctor_user_read, 0,
      doctor_remote_user_read },
    { "Times and counters", "paranoid", "paranoid", doctor_paranoid, 0, doctor_remote_paranoid },
    { "Times and counters", "governor", "frequency", doctor_governor, 0, doctor_remote_governor },
    { "Times and counters", "turbo", "turbo", doctor_turbo, 0, doctor_remote_nothing },
    { "Times and counters", "clock", "clock", doctor_clock, 0, doctor_remote_nothing },
    { "Needed to build variants", "compiler", "compiler", doctor_compiler, 1, NULL },
    { "Needed to build variants", "sources", "sources", doctor_sources, 1, NULL },
    { "Needed to build variants", "cache", "cache", doctor_cache, 1, NULL },
    { "Needed to build variants", "cross", "AArch64 compiler", doctor_cross, 0, NULL },
    { "Other devices", "qemu", "emulator", doctor_qemu, 0, NULL },
    { "Other devices", "adb", "phones", doctor_adb, 0, NULL },
    { "Reports and networks", "gnuplot", "gnuplot", doctor_gnuplot, 0, NULL },
    { "Reports and networks", "mca", "llvm-mca", doctor_mca, 0, NULL },
    { "Reports and networks", "dataset", "images", doctor_dataset, 0, NULL },
};
enum { PROBES = sizeof(probes) / sizeof(probes[0]) };

static const struct status_style {
    const char *name, *colour;
} styles[] = {
    [DOCTOR_OK] = { "ok", "\033[32m" },
    [DOCTOR_WARN] = { "warn", "\033[33m" },
    [DOCTOR_MISSING] = { "missing", "\033[31m" },
};

/* The outcome of all probes. */
struct diagnosis {
    struct doctor_finding findings[PROBES];
    size_t counts[3];
    int can_measure;
};

void doctor_text(char *field, size_t bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(field, bytes, format, arguments);
    va_end(arguments);
}

static void diagnose(struct doctor *doctor, struct diagnosis *d)
{
    *d = (struct diagnosis) { .can_measure = 1 };
    for (size_t i = 0; i < PROBES; i++) {
        doctor_probe *probe =
            probes[i].remote && doctor_is_remote(doctor) ? probes[i].remote : probes[i].run;
        probe(doctor, &d->findings[i]);
        d->counts[d->findings[i].status]++;
        if (probes[i].essential && d->findings[i].status == DOCTOR_MISSING)
            d->can_measure = 0;
    }
}

static void print_finding(const struct probe *probe, const struct doctor_finding *f)
{
    enum { INDENT = 29 };
    const struct status_style *style = &styles[f->status];
    int colour = cli_colour(stdout);
    printf("  %s%-7s%s  %-16s  ", colour ? style->colour : "", style->name, colour ? "\033[0m" : "",
           probe->title);
    cli_wrap_from(stdout, INDENT, INDENT, f->fact);
    if (f->consequence[0])
        cli_wrap_from(stdout, INDENT, printf("%*s=>", INDENT - 3, ""), f->consequence);
    if (f->remedy[0]) /* one line, to be copied */
        printf("%*sremedy: %s\n", INDENT, "", f->remedy);
}

static void print_text(const struct doctor *doctor, const struct diagnosis *d)
{
    const char *group = "";
    for (size_t i = 0; i < PROBES; i++) {
        if (strcmp(group, probes[i].group) != 0) {
            printf("%s", *group ? "\n" : "");
            group = probes[i].group;
            cli_heading(stdout, group);
        }
        print_finding(&probes[i], &d->findings[i]);
    }
    printf("\n%zu ok, %zu to know about, %zu missing. ", d->counts[DOCTOR_OK],
           d->counts[DOCTOR_WARN], d->counts[DOCTOR_MISSING]);
    if (!d->can_measure)
        printf("Nothing can be measured on %s.\n", doctor->device_key);
    else if (!doctor->device || doctor->device->evidence != HRN_MEASURED)
        printf("On %s variants can be proved, not timed.\n", doctor->device_key);
    else
        printf("On %s variants can be proved and timed, %s counters.\n", doctor->device_key,
               doctor->has_counters ? "with" : "without");
}

static void print_json(const struct doctor *doctor, const struct diagnosis *d)
{
    fputs("{\n  \"device\": ", stdout);
    cli_json_string(stdout, doctor->device_key);
    printf(
        ",\n  \"can_prove\": %s,\n  \"can_time\": %s,\n  \"has_counters\": %s,\n  \"findings\": [",
        d->can_measure ? "true" : "false",
        d->can_measure && doctor->device->evidence == HRN_MEASURED ? "true" : "false",
        doctor->has_counters ? "true" : "false");
    for (size_t i = 0; i < PROBES; i++) {
        const struct doctor_finding *f = &d->findings[i];
        printf(
            "%s\n    {\"id\": \"%s\", \"group\": \"%s\", \"status\": \"%s\", \"essential\": %s,\n"
            "     \"fact\": ",
            i ? "," : "", probes[i].id, probes[i].group, styles[f->status].name,
            probes[i].essential ? "true" : "false");
        cli_json_string(stdout, f->fact);
        fputs(", \"consequence\": ", stdout);
        cli_json_string(stdout, f->consequence);
        fputs(", \"remedy\": ", stdout);
        cli_json_string(stdout, f->remedy);
        fputc('}', stdout);
    }
    fputs("\n  ]\n}\n", stdout);
}

static int run(const char *key, int use_adb, int json)
{
    char err[300] = "";
    struct hrn_device *device = NULL;
    struct doctor doctor = { .device_key = key, .device_error = err, .use_adb = use_adb };
    struct diagnosis diagnosis;
    if (hrn_device_open(key, &device, err, sizeof(err)) == 0)
        doctor.device = hrn_device_info(device);
    doctor.handle = device;
    diagnose(&doctor, &diagnosis);
    (json ? print_json : print_text)(&doctor, &diagnosis);
    hrn_device_close(device);
    return diagnosis.can_measure ? CLI_OK : CLI_DEVICE;
}

int cmd_doctor(int argc, char **argv)
{
    const char *key = "local";
    int no_adb = 0, json = 0;
    const struct cli_option options[] = {
        { 'd', "device", CLI_STRING, "KEY",
          "The device to look at; 'quern devices' lists them. The "
          "default is local.",
          &key },
        { 0, "no-adb", CLI_FLAG, NULL, "Does not ask adb, which would start its server.", &no_adb },
        { 0, "json", CLI_FLAG, NULL, "Writes JSON.", &json },
    };
    const struct cli_command command = {
        .name = "doctor",
        .synopsis = "quern doctor [-d KEY] [--no-adb] [--json]",
        .description =
            "Looks at this machine and at a device, and tells what can be measured: the CPU and "
            "its "
            "ISA levels, counters and why there are none, what disturbs a time, and the programs "
            "that a job needs.\n\n"
            "Each finding is ok, warn or missing; what is not ok comes with its consequence and, "
            "where there is one, with the command that changes it. Nothing is changed by looking.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern doctor\n"
                    "quern doctor -d qemu:cortex-a76\n"
                    "quern doctor --json | jq '.findings[] | select(.status != \"ok\")'",
    };
    int code = cli_parse(&command, argc, argv, NULL);
    return code ? code - 1 : run(key, !no_adb, json);
}
