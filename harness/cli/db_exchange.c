/* quern db export, import, query. */
#include <errno.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/cli/cli_int.h"
#include "harness/cli/db.h"
#include "kernels/layer.h"
#include "perfdb/exchange.h"
#include "quant/pipeline/save.h"

/* ---- formats */

static int unknown_format(const char *name)
{
    const char *names[16];
    size_t count = 0;
    char all[128] = "";
    for (; count < pdb_format_count && count < 16; count++) {
        names[count] = pdb_formats[count].name;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", count ? ", " : "", names[count]);
    }
    const char *near = cli_nearest(name, names, count);
    return cli_fail(CLI_USAGE, "--format: unknown format '%s'%s%s%s; there are: %s", name,
                    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", all);
}

/* The format by its name; without one, by the end of the file's name (the longest that fits). */
static const struct pdb_format *choose_format(const char *name, const char *path)
{
    const struct pdb_format *found = name ? pdb_format_find(name) : NULL;
    size_t longest = 0, length = path ? strlen(path) : 0;
    for (size_t i = 0; !name && i < pdb_format_count; i++) {
        size_t suffix = strlen(pdb_formats[i].suffix);
        if (suffix > longest && suffix < length &&
            strcmp(path + length - suffix, pdb_formats[i].suffix) == 0) {
            longest = suffix;
            found = &pdb_formats[i];
        }
    }
    return found;
}

static char *format_help(void)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    fputs("Formats, by --format or by the end of the file's name:", out);
    for (size_t i = 0; i < pdb_format_count; i++)
        fprintf(out, "\n\n%s (%s): %s.", pdb_formats[i].name, pdb_formats[i].suffix,
                pdb_formats[i].meaning);
    fclose(out);
    return text;
}

/* ---- export */

/* To a file, or to standard output where `path` is NULL. */
static int write_to(struct pdb *db, const struct pdb_format *format, int64_t run_id,
                    const char *path)
{
    struct qnt_save save = { .file = stdout };
    int opened = path ? qnt_save_open(&save, path) : 0;
    int result = opened ? opened : format->write(db, run_id, save.file);
    int written = path ? qnt_save_close(&save, result) : fflush(stdout) ? -errno : 0;
    if (result && result != -EIO && !opened)
        return db_failed(db);
    if (written || result)
        return cli_fail(CLI_FAILED, "%s cannot be written: %s", path ? path : "the output",
                        strerror(written ? -written : -result));
    return CLI_OK;
}

struct export_options {
    const char *db, *format, *output;
    long long run;
};

/* One run where the format holds no more: the newest, if none was named. */
static int choose_run(struct pdb *db, const struct pdb_format *format, long long *run)
{
    int64_t newest;
    struct pdb_info info;
    if (*run)
        return CLI_OK;
    if (!format->one_run)
        return pdb_info(db, &info) ? db_failed(db) : CLI_OK;
    if (pdb_latest_run(db, &newest))
        return db_failed(db);
    *run = newest;
    return CLI_OK;
}

static int has_run(const struct pdb_run_row *row, void *user)
{
    long long *wanted = user;
    if (row->id == *wanted)
        *wanted = 0;
    return 0;
}

static int export_with(struct export_options *o)
{
    const struct pdb_format *format = choose_format(o->format   ? o->format
                                                    : o->output ? NULL
                                                                : "jsonl",
                                                    o->output);
    struct pdb *db = NULL;
    long long wanted = o->run;
    if (!format && o->format)
        return unknown_format(o->format);
    if (!format)
        return cli_fail(CLI_USAGE, "%s: its name does not say in which format; add --format",
                        o->output);
    int code = db_open(o->db, PDB_READ, &db);
    if (code)
        return code;
    if (pdb_runs(db, has_run, &wanted))
        code = db_failed(db);
    else if (wanted)
        code =
            cli_fail(CLI_USAGE, "there is no run %lld; 'quern report --list' lists them", wanted);
    if (!code)
        code = choose_run(db, format, &o->run);
    if (!code)
        code = write_to(db, format, o->run, o->output);
    pdb_close(db);
    return code;
}

int db_export(int argc, char **argv)
{
    struct export_options o = { 0 };
    char *help = format_help();
    const struct cli_option options[] = {
        DB_OPTION(&o.db),
        { 'f', "format", CLI_STRING, "FORMAT", "See above. Default: jsonl.", &o.format },
        { 'r', "run", CLI_INT, "ID",
          "Only this run. Default: all, or the newest where the format "
          "holds one.",
          &o.run },
        { 'o', "output", CLI_STRING, "FILE", "Where to write. Default: standard output.",
          &o.output },
    };
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db export [--db=FILE] [--format=FORMAT] [--run=ID] [-o FILE]",
        .description = help,
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .examples = "quern db export -o samples.csv\nquern db export --format=gbench --run=3",
    };
    int code =
        help ? cli_parse(&command, argc, argv, NULL) : cli_fail(CLI_FAILED, "out of memory") + 1;
    if (code == 0)
        code = export_with(&o) + 1;
    free(help);
    return code - 1;
}

/* ---- import */

struct import_options {
    const char *db, *format, *problem, *device;
};

static int import_file(struct pdb *db, const char *path, const struct import_options *o,
                       const char *problem)
{
    const struct pdb_import_options options = { problem, o->device };
    const struct pdb_format *format = choose_format(o->format, path);
    struct pdb_merged merged;
    if (!format && o->format)
        return unknown_format(o->format);
    if (!format)
        return cli_fail(CLI_USAGE, "%s: its name does not say in which format it is; add --format",
                        path);
    FILE *in = fopen(path, "r");
    if (!in)
        return cli_fail(CLI_FAILED, "%s cannot be read: %s", path, strerror(errno));
    int result = pdb_import(db, format, in, &options, &merged);
    fclose(in);
    if (result)
        return cli_fail(CLI_FAILED, "%s: %s; nothing of it was imported", path, pdb_errmsg(db));
    db_print_merged(path, &merged);
    return CLI_OK;
}

static int import_files(const struct import_options *o, const struct cli_list *files)
{
    char canonical[KRN_PROBLEM_STR_MAX] = "", why[200];
    struct krn_problem problem;
    enum krn_epilogue epilogue;
    struct pdb *db = NULL;
    if (o->problem) {
        if (krn_layer_parse(o->problem, &problem, &epilogue, why, sizeof why))
            return cli_fail(CLI_USAGE, "--problem: %s", why);
        krn_layer_format(&problem, epilogue, 0, canonical);
    }
    int code = db_open(o->db, PDB_WRITE, &db);
    for (size_t i = 0; i < files->count && !code; i++)
        code = import_file(db, files->items[i], o, o->problem ? canonical : NULL);
    pdb_close(db);
    return code;
}

int db_import(int argc, char **argv)
{
    struct import_options o = { 0 };
    struct cli_list files = { 0 };
    char *help = format_help();
    const struct cli_option options[] = {
        DB_OPTION(&o.db),
        { 'f', "format", CLI_STRING, "FORMAT", "See above.", &o.format },
        { 'p', "problem", CLI_STRING, "PROBLEM",
          "What foreign benchmarks compute, where their names do not say so as PROBLEM/VARIANT.",
          &o.problem },
        { 'd', "device", CLI_STRING, "KEY", "The device of foreign results that name none.",
          &o.device },
    };
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db import [--db=FILE] [--format=FORMAT] [--problem=PROBLEM] FILE...",
        .description = help,
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .examples = "quern db import samples.csv\n"
                    "quern db import --problem=ic64ih56oc64kh3ph1 theirs.json",
    };
    int code =
        help ? cli_parse(&command, argc, argv, &files) : cli_fail(CLI_FAILED, "out of memory") + 1;
    if (code == 0) {
        code = 1 + (files.count ? import_files(&o, &files)
                                : cli_fail(CLI_USAGE, "say which files to import"));
        cli_list_clear(&files);
    }
    free(help);
    return code - 1;
}

/* ---- query */

struct result {
    struct cli_table *table; /* NULL: CSV or JSON */
    char **names;
    size_t count, rows;
    int json;
};

static int take_head(const char *const *names, size_t count, void *user)
{
    struct result *r = user;
    r->names = calloc(count + 1, sizeof *r->names);
    for (r->count = 0; r->names && r->count < count; r->count++)
        if (!(r->names[r->count] = strdup(names[r->count])))
            return -ENOMEM;
    if (r->json)
        putchar('[');
    else
        r->table = cli_table_new((const char *const *)r->names, count);
    return r->names ? 0 : -ENOMEM;
}

static void json_cell(const struct pdb_cell *cell)
{
    if (cell->kind == PDB_CELL_NULL)
        fputs("null", stdout);
    else if (cell->kind == PDB_CELL_TEXT)
        cli_json_string(stdout, cell->text);
    else if (cell->kind == PDB_CELL_INT)
        printf("%lld", (long long)cell->integer);
    else
        printf("%.17g", cell->real);
}

static int take_row(const struct pdb_cell *cells, size_t count, void *user)
{
    struct result *r = user;
    for (size_t i = 0; i < count; i++) {
        if (!r->json) {
            cli_table_cell(r->table, "%s", cells[i].text ? cells[i].text : "");
            continue;
        }
        fputs(i ? ", " : r->rows ? ",\n {" : "\n {", stdout);
        cli_json_string(stdout, r->names[i]);
        fputs(": ", stdout);
        json_cell(&cells[i]);
    }
    if (r->json)
        putchar('}');
    r->rows++;
    return 0;
}

static int was_stopped(void *user)
{
    (void)user;
    return cli_stop;
}

static int ask(const char *path, const char *sql, int json)
{
    struct result r = { .json = json };
    const struct pdb_select out = { take_head, take_row, was_stopped, &r };
    struct pdb *db = NULL;
    int code = db_open(path, PDB_READ, &db);
    if (code)
        return code;
    cli_catch_interrupt();
    int result = pdb_select(db, sql, &out);
    if (r.table)
        cli_table_print(r.table, stdout);
    if (r.json && r.names)
        puts("\n]");
    if (result == -EINTR)
        code = CLI_INTERRUPTED;
    else if (result)
        code = cli_fail(result == -EINVAL || result == -EPERM ? CLI_USAGE : CLI_FAILED, "%s",
                        pdb_errmsg(db));
    for (size_t i = 0; i < r.count; i++)
        free(r.names[i]);
    free(r.names);
    pdb_close(db);
    return code;
}

int db_query(int argc, char **argv)
{
    const char *path = NULL;
    int json = 0;
    struct cli_list words = { 0 };
    const struct cli_option options[] = {
        DB_OPTION(&path),
        { 0, "json", CLI_FLAG, NULL, "Writes JSON: a list of objects.", &json },
    };
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db query [--db=FILE] [--json] SQL",
        .description = "Runs one SQL statement that only reads, and prints what it gives. "
                       "Everything that would write is refused. The tables: 'SELECT name, sql FROM "
                       "sqlite_schema'; times are in ns, of all calls of a sample.",
        .options = options,
        .option_count = 2,
        .examples = "quern db query 'SELECT isa, count(*) AS variants FROM variant GROUP BY isa'",
    };
    int code = cli_parse(&command, argc, argv, &words);
    if (code)
        return code - 1;
    code = words.count == 1 ? ask(path, words.items[0], json)
                            : cli_fail(CLI_USAGE, "one SQL statement, in quotes");
    cli_list_clear(&words);
    return code;
}
