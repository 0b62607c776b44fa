/* quern report: what a run found, as a table, a page or a file for another program. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/pairing.h"
#include "quant/pipeline/save.h"
#include "reports/report.h"

struct report_options {
    const char *db, *format, *output;
    long long run_id;
    int list, json;
};

/* ---- formats */

static int write_text(const struct rpt_run *run, FILE *out)
{
    return rpt_text(run, cli_colour(out), out);
}

/* A page is not written to a stream: its plots lie beside it. */
static const struct format {
    const char *name, *suffix;
    int (*write)(const struct rpt_run *, FILE *);
} formats[] = {
    { "text", ".txt", write_text },      { "json", ".json", rpt_json }, { "csv", ".csv", rpt_csv },
    { "markdown", ".md", rpt_markdown }, { "html", ".html", NULL },
};
#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

static const struct format *format_named(const char *name)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

/* By the name of the file to write; text if that says nothing. */
static const struct format *format_of_file(const char *path)
{
    const char *suffix = path ? strrchr(path, '.') : NULL;
    for (size_t i = 0; suffix && i < FORMAT_COUNT; i++)
        if (strcmp(formats[i].suffix, suffix) == 0)
            return &formats[i];
    return &formats[0];
}

static int unknown_format(const char *name)
{
    const char *names[FORMAT_COUNT];
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        names[i] = formats[i].name;
    const char *near = cli_nearest(name, names, FORMAT_COUNT);
    return cli_fail(
        CLI_USAGE,
        "--format: unknown format '%s'%s%s%s; there are text, json, csv, markdown and html", name,
        near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/* ---- --list */

static int list_row(const struct pdb_run_row *row, void *user)
{
    struct cli_table *table = user;
    char date[32] = "unknown";
    time_t begin = (time_t)row->begin_unix_s;
    struct tm utc;
    if (gmtime_r(&begin, &utc))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M", &utc);
    cli_table_cell(table, "%lld", (long long)row->id);
    cli_table_cell(table, "%s", date);
    cli_table_cell(table, "%s", row->device_key);
    cli_table_cell(table, "%s", row->cpu);
    cli_table_cell(table, "%s", hrn_evidence_names[row->evidence]);
    cli_table_cell(table, "%lld", (long long)row->problems);
    cli_table_cell(table, "%lld", (long long)row->measurements);
    cli_table_cell(table, "%lld", (long long)row->proofs_ok);
    cli_table_cell(table, "%lld", (long long)row->samples);
    cli_table_cell(table, "%s", row->outcome[0] ? row->outcome : "not ended");
    return 0;
}

static int list_row_json(const struct pdb_run_row *row, void *user)
{
    int *first = user;
    printf("%s\n  {\"run\": %lld, \"begin_unix_s\": %lld, \"device\": ", *first ? "" : ",",
           (long long)row->id, (long long)row->begin_unix_s);
    cli_json_string(stdout, row->device_key);
    fputs(", \"cpu\": ", stdout);
    cli_json_string(stdout, row->cpu);
    printf(", \"evidence\": \"%s\", \"layers\": %lld, \"measurements\": %lld, \"proved\": %lld, "
           "\"samples\": %lld, "
           "\"outcome\": ",
           hrn_evidence_names[row->evidence], (long long)row->problems,
           (long long)row->measurements, (long long)row->proofs_ok, (long long)row->samples);
    cli_json_string(stdout, row->outcome);
    fputs(", \"command\": ", stdout);
    cli_json_string(stdout, row->command);
    putchar('}');
    *first = 0;
    return 0;
}

static int list_runs(struct pdb *db, int json)
{
    static const char *const headings[] = {
        "run",    "begin (UTC)",        "device", "cpu",     "evidence",
        "layers", "variants on layers", "proved", "samples", "outcome"
    };
    int first = 1, result;
    if (json) {
        putchar('[');
        result = pdb_runs(db, list_row_json, &first);
        puts("\n]");
    } else {
        struct cli_table *table = cli_table_new(headings, sizeof headings / sizeof *headings);
        result = pdb_runs(db, list_row, table);
        cli_table_print(table, stdout);
    }
    return result ? cli_fail(CLI_FAILED, "%s", pdb_errmsg(db)) : CLI_OK;
}

/* ---- one run */

static int write_failed(const char *path, int code)
{
    return cli_fail(CLI_FAILED, "%s cannot be written: %s", path, strerror(-code));
}

static int write_file(const struct rpt_run *run, const struct format *format, const char *path)
{
    struct qnt_save save;
    int result = qnt_save_open(&save, path);
    if (result == 0)
        result = format->write(run, save.file);
    result = qnt_save_close(&save, result);
    if (result != 0)
        return write_failed(path, result);
    puts(path);
    return CLI_OK;
}

/* PATH/report-3.html beside the database, where nothing else is asked for. */
static char *default_page(const char *db_path, long long run_id)
{
    const char *slash = strrchr(db_path, '/');
    char *path = NULL;
    int length = slash ? (int)(slash - db_path) + 1 : 0;
    return asprintf(&path, "%.*sreport-%lld.html", length, db_path, run_id) < 0 ? NULL : path;
}

/* "report-3.html" has its plots in "report-3-plots". */
static char *plots_folder(const char *page)
{
    size_t length = strlen(page);
    char *path = NULL;
    if (length > 5 && strcmp(page + length - 5, ".html") == 0)
        length -= 5;
    return asprintf(&path, "%.*s-plots", (int)length, page) < 0 ? NULL : path;
}

static int write_page(const struct rpt_run *run, const char *db_path, const char *output)
{
    struct rpt_error error;
    char *page = output ? strdup(output) : default_page(db_path, run->id);
    char *plots = page ? plots_folder(page) : NULL;
    int code = CLI_OK;
    if (!page || !plots)
        code = cli_fail(CLI_FAILED, "out of memory");
    else if (rpt_html(run, page, plots, &error) != 0)
        code = cli_fail(CLI_FAILED, "%s", error.text);
    else
        puts(page);
    free(plots);
    free(page);
    return code;
}

static int write_report(const struct rpt_run *run, const struct format *format,
                        const struct report_options *o)
{
    if (!format->write)
        return write_page(run, o->db, o->output);
    if (o->output && strcmp(o->output, "-") != 0)
        return write_file(run, format, o->output);
    int result = format->write(run, stdout);
    return result ? write_failed("the standard output", result) : CLI_OK;
}

static int report(struct pdb *db, const struct format *format, const struct report_options *o)
{
    struct cli_pairing pairing = { .count = 0 };
    struct rpt_run run;
    struct rpt_error error;
    int result = rpt_run_load(db, o->run_id, &run, &error);
    if (result == -ENOENT)
        return cli_fail(CLI_USAGE, "%s: %s", o->db, error.text);
    if (result != 0)
        return cli_fail(CLI_FAILED, "%s: %s", o->db, error.text);
    if (cli_pairing_try(&pairing, db, run.id))
        run.pair = &pairing.pair;
    int code = write_report(&run, format, o);
    cli_pairing_close(&pairing);
    rpt_run_clear(&run);
    return code;
}

static int run_verb(const struct report_options *o)
{
    const struct format *format = o->json     ? format_named("json")
                                  : o->format ? format_named(o->format)
                                              : format_of_file(o->output);
    struct pdb *db = NULL;
    if (!format)
        return unknown_format(o->format);
    if (o->run_id < 0)
        return cli_fail(CLI_USAGE, "--run: %lld is no run; 'quern report --list' has them",
                        o->run_id);
    if (!format->write && o->output && strcmp(o->output, "-") == 0)
        return cli_fail(CLI_USAGE,
                        "a page has its plots beside it and cannot go to the standard output; "
                        "name a file with -o");
    if (access(o->db, F_OK) != 0)
        return cli_fail(CLI_USAGE,
                        "there is no database %s (%s); 'quern sweep' makes one, --db names another",
                        o->db, strerror(errno));
    int code = pdb_open(o->db, PDB_READ, &db) != 0
                   ? cli_fail(CLI_FAILED, "%s", db ? pdb_errmsg(db) : "out of memory")
               : o->list ? list_runs(db, o->json)
                         : report(db, format, o);
    pdb_close(db);
    return code;
}

int cmd_report(int argc, char **argv)
{
    struct report_options o = { .db = NULL };
    const struct cli_option options[] = {
        { 0, "db", CLI_STRING, "FILE", "The database; $QUERN_DB or quern-out/quern.db by default.",
          &o.db },
        { 'r', "run", CLI_INT, "ID",
          "The run to report, as --list numbers them; the newest by default.", &o.run_id },
        { 'f', "format", CLI_STRING, "FORMAT",
          "text (the default: winners, failures, means), html (one page with everything, its plots "
          "inside), json "
          "(in the shape of Google Benchmark), csv (one line per variant and layer) or markdown. "
          "With -o, the "
          "ending of the file's name chooses.",
          &o.format },
        { 'o', "output", CLI_STRING, "FILE",
          "Where to write; its path is printed. By default text, json, csv and markdown go to the "
          "standard output, "
          "a page to report-ID.html beside the database.",
          &o.output },
        { 'l', "list", CLI_FLAG, NULL, "Lists the runs of the database instead.", &o.list },
        { 0, "json", CLI_FLAG, NULL, "The same as --format=json; with --list, the list as JSON.",
          &o.json },
    };
    const struct cli_command command = {
        .name = "report",
        .synopsis = "quern report [--db=FILE] [--run=ID] [--format=FORMAT] [-o FILE]\n"
                    "quern report --list [--db=FILE] [--json]",
        .description =
            "Says who won: for each layer of a run the winner, its median time, GMAC/s, "
            "share of the measured "
            "peak and speed-up against what one gets without a sweep, with its 95 % "
            "interval; then what failed "
            "and how.\n\n"
            "Everything is computed from the samples in the database, nothing is "
            "measured, and the same database "
            "always gives the same report. An emulated run has proofs and no times. Where the "
            "sweep has runs of several cores, "
            "the one packing of the weights that serves them all is shown, as 'quern "
            "pair' has it.\n\n"
            "The page is one file that needs no network and runs no script. Its plots "
            "are made by gnuplot; the "
            ".gp and .dat files that draw them again stay in a folder beside the page. "
            "Without gnuplot the page "
            "is complete but for them.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern report\n"
                    "quern report --format=html\n"
                    "quern report --run=3 -o winners.csv\n"
                    "quern report --list",
    };
    int code = cli_parse(&command, argc, argv, NULL);
    if (code)
        return code - 1;
    if (!o.db)
        o.db = cli_default_db();
    return run_verb(&o);
}
