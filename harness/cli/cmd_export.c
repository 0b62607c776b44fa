/* quern export: winners of a sweep as a folder that another project drops in. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/asked.h"
#include "harness/cli/choices.h"
#include "harness/cli/cli_int.h"
#include "harness/cli/pairing.h"
#include "harness/cli/select.h"

struct export_options {
    struct cli_list runs, isas, problems;
    const char *db, *folder, *packing;
    struct cli_pairing_words words;
    int force, check, stale, json;
};

/* What the lists of words stand for. */
struct request {
    struct cli_choice_filter filter;
    struct rpt_pair_options pair;
    int is_pair;
    long long *runs;
    struct cli_asked asked;
};

static void request_clear(struct request *r)
{
    free(r->runs);
    cli_asked_clear(&r->asked);
}

/* 0 or CLI_USAGE, explained. */
static int request_open(const struct export_options *o, struct request *r)
{
    size_t runs = o->runs.count ? o->runs.count : 1;
    if (o->packing && strcmp(o->packing, "pair") != 0 && strcmp(o->packing, "own") != 0)
        return cli_fail(CLI_USAGE, "--packing is own or pair, not '%s'", o->packing);
    r->is_pair = o->packing && strcmp(o->packing, "pair") == 0;
    if (!r->is_pair && (o->words.criterion || o->words.weights))
        return cli_fail(CLI_USAGE, "--criterion and --weights are of --packing=pair");
    r->runs = calloc(runs + RPT_PAIR_MAX, sizeof *r->runs); /* 0: the newest */
    if (!r->runs)
        return cli_fail(CLI_FAILED, "out of memory");
    for (size_t i = 0; i < o->runs.count; i++)
        if (cli_integer(o->runs.items[i], &r->runs[i]) != 0 || r->runs[i] < 1)
            return cli_fail(CLI_USAGE, "--run: '%s' is no run; 'quern report --list' shows them",
                            o->runs.items[i]);
    int failed = cli_asked_read(&o->problems, &r->asked);
    if (failed)
        return failed;
    r->filter = (struct cli_choice_filter) {
        .runs = r->runs,
        .run_count = runs,
        .layers = (const char(*)[KRN_PROBLEM_STR_MAX])r->asked.layers,
        .layer_count = r->asked.count,
        .stale = o->stale,
    };
    return cli_isas_parse(&o->isas, (1u << KRN_ISA_COUNT) - 1, &r->filter.isas);
}

/* The other cores' runs, where they are not named; what decides. 0 or an exit code, explained. */
static int pair_open(const struct export_options *o, struct pdb *db, struct request *r)
{
    long long ids[RPT_PAIR_MAX];
    int64_t run = r->runs[0];
    if (r->filter.run_count == 1) {
        int rc = run ? 0 : pdb_latest_run(db, &run);
        int count = rc ? rc : rpt_pair_partners(db, run, ids);
        if (count < 0 && count != -ENOENT)
            return cli_fail(CLI_FAILED, "%s", pdb_errmsg(db));
        if (count == 1)
            return cli_fail(CLI_USAGE,
                            "run %lld is of one core, and no other run of its sweep is in the "
                            "database: name a --run of each core",
                            (long long)run);
        for (int i = 0; i < count; i++)
            r->runs[i] = ids[i];
        r->filter.run_count = count > 1 ? (size_t)count : 1;
    }
    r->filter.pair = &r->pair;
    return cli_pairing_options(&o->words, r->filter.run_count, &r->pair);
}

/* The options that lead to these choices again, runs by their numbers. */
static void selection_of(const struct request *r, const struct cli_choices *choices,
                         struct var_text *t)
{
    for (size_t i = 0; i < choices->run_count; i++)
        var_text_printf(t, "%s--run=%lld", i ? " " : "", choices->runs[i].id);
    const char *join = " --isa=";
    for (int isa = 0; isa < KRN_ISA_COUNT && r->filter.isas != (1u << KRN_ISA_COUNT) - 1; isa++)
        if (r->filter.isas & 1u << isa) {
            var_text_printf(t, "%s%s", join, krn_isas[isa].name);
            join = ",";
        }
    for (size_t i = 0; i < r->filter.layer_count; i++)
        var_text_printf(t, " --problem=%s", r->asked.layers[i]);
    if (r->filter.stale)
        var_text_printf(t, " --stale");
    if (!r->is_pair)
        return;
    var_text_printf(
        t, " --packing=pair --criterion=%s --weights=", rpt_criterion_names[r->pair.criterion]);
    for (size_t i = 0; i < choices->run_count; i++)
        var_text_printf(t, "%s%.9g", i ? "," : "", r->pair.weights[i]);
}

/* Options from the selection of an earlier export. `text` is cut into words and must live on. */
static int adopt_selection(struct export_options *o, char *text)
{
    const struct {
        const char *option;
        struct cli_list *list;
    } rows[] = { { "--run=", &o->runs }, { "--isa=", &o->isas }, { "--problem=", &o->problems } };
    const struct {
        const char *option;
        const char **value;
    } words[] = { { "--packing=", &o->packing },
                  { "--criterion=", &o->words.criterion },
                  { "--weights=", &o->words.weights } };
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        o->stale |= strcmp(word, "--stale") == 0;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (strncmp(word, words[i].option, strlen(words[i].option)) == 0)
                *words[i].value = word + strlen(words[i].option);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            size_t length = strlen(rows[i].option);
            if (strncmp(word, rows[i].option, length) == 0 &&
                cli_list_add(rows[i].list, word + length) != 0)
                return cli_fail(CLI_FAILED, "out of memory");
        }
    }
    return CLI_OK;
}

static void print_json(const struct export_options *o, const struct cli_choices *choices,
                       const struct var_export *e)
{
    char text[VAR_NAME_MAX > KRN_PROBLEM_STR_MAX ? VAR_NAME_MAX : KRN_PROBLEM_STR_MAX];
    printf("{\n  \"folder\": ");
    cli_json_string(stdout, o->folder);
    printf(",\n  \"files\": %zu,\n  \"choices\": [", e->count);
    for (size_t i = 0; i < choices->count; i++) {
        const struct var_export_choice *c = &choices->choices[i];
        var_export_layer(c, text);
        printf("%s\n    {\"problem\": \"%s\", \"title\": ", i ? "," : "", text);
        cli_json_string(stdout, c->problem.name);
        var_name_format(&c->variant, text);
        printf(", \"variant\": \"%s\", \"isa\": \"%s\", \"run\": %lld, \"median_ns\": %.9g", text,
               krn_isas[c->variant.isa].name, (long long)c->evidence.run_id, c->evidence.median_ns);
        if (c->core.name) {
            fputs(", \"core\": ", stdout);
            cli_json_string(stdout, c->core.name);
        }
        putchar('}');
    }
    printf("\n  ]\n}\n");
}

static void print_table(const struct export_options *o, const struct cli_choices *choices,
                        const struct var_export *e)
{
    static const char *const headings[] = { "problem", "variant", "time us", "GMAC/s", "core" };
    const int has_cores = choices->count && choices->choices[0].core.name;
    struct cli_table *table = cli_table_new(headings, has_cores ? 5 : 4);
    char text[KRN_PROBLEM_STR_MAX], name[VAR_NAME_MAX];
    int has_asm = 0;
    for (size_t i = 0; i < choices->count; i++) {
        const struct var_export_choice *c = &choices->choices[i];
        var_export_layer(c, text);
        var_name_format(&c->variant, name);
        has_asm |= var_language(c->variant.isa) == VAR_LANGUAGE_ASM;
        cli_table_cell(table, "%s", c->problem.name[0] ? c->problem.name : text);
        cli_table_cell(table, "%s", name);
        cli_table_cell(table, "%.4g", c->evidence.median_ns / 1e3);
        cli_table_cell(table, "%.1f",
                       (double)krn_problem_macs(&c->problem) / c->evidence.median_ns);
        if (has_cores)
            cli_table_cell(table, "%s", c->core.name ? c->core.name : "any");
    }
    cli_table_print(table, stdout);
    printf("\n%s: %zu %s, %zu files\nProve it: cd %s && cc -std=c11 -O2 -I. -Iinclude selftest.c "
           "src/*.c %skernels/*.c -o selftest && ./selftest\n",
           o->folder, choices->count, choices->count == 1 ? "choice" : "choices", e->count,
           o->folder, has_asm ? "src/*.S " : "");
}

static int write_out(const struct export_options *o, const struct cli_choices *choices,
                     const struct var_export *e)
{
    char err[5000];
    int rc = var_export_write(e, o->folder, o->force, err, sizeof(err));
    if (rc != 0) {
        int forbidden = rc == -EACCES || rc == -EPERM || rc == -EROFS;
        return cli_fail(forbidden ? CLI_DEVICE : CLI_FAILED, "%s%s", err,
                        rc == -EEXIST && !o->force ? " (--force)" : "");
    }
    if (o->json)
        print_json(o, choices, e);
    else
        print_table(o, choices, e);
    return CLI_OK;
}

struct differences {
    int json, count;
};

static void print_difference(const char *path, const char *how, void *user)
{
    struct differences *d = user;
    if (d->json) {
        fputs(d->count ? ",\n    {\"path\": " : "\n    {\"path\": ", stdout);
        cli_json_string(stdout, path);
        printf(", \"difference\": \"%s\"}", how);
    } else {
        printf("%s %s\n", path, how);
    }
    d->count++;
}

static int check(const struct export_options *o, const struct var_export *e)
{
    struct differences seen = { o->json, 0 };
    char err[5000];
    if (o->json)
        fputs("{\n  \"differences\": [", stdout);
    int rc = var_export_compare(e, o->folder, print_difference, &seen, err, sizeof(err));
    if (o->json)
        printf("\n  ],\n  \"same\": %s\n}\n", rc == 0 ? "true" : "false");
    if (rc < 0)
        return cli_fail(CLI_FAILED, "%s", err);
    if (rc > 0)
        return cli_fail(CLI_FAILED, "%d of %zu files differ from what the database gives", rc,
                        e->count);
    if (!o->json)
        printf("%s: all %zu files are what the database gives\n", o->folder, e->count);
    return CLI_OK;
}

static int make_and_use(const struct export_options *o, const struct request *request,
                        struct pdb *db)
{
    struct cli_choices choices;
    struct var_text selection = { 0 };
    struct var_export e = { 0 };
    char err[5000] = "";
    int code = CLI_FAILED;
    int rc = cli_choices_open(db, &request->filter, &choices, err, sizeof(err));
    if (rc != 0) {
        cli_fail(CLI_FAILED, "%s", err);
        goto done;
    }
    selection_of(request, &choices, &selection);
    struct var_export_input input = {
        .source_root = cli_source_root(),
        .tool_version = QUERN_VERSION,
        .selection = selection.data,
        .choices = choices.choices,
        .count = choices.count,
    };
    if (var_export_make(&input, &e, err, sizeof(err)) != 0)
        cli_fail(CLI_FAILED, "%s", err);
    else
        code = o->check ? check(o, &e) : write_out(o, &choices, &e);
done:
    var_export_clear(&e);
    var_text_clear(&selection);
    cli_choices_clear(&choices);
    return code;
}

static int run(struct export_options *o)
{
    struct request request = { .runs = NULL };
    struct pdb *db = NULL;
    char err[5000], selection[4096] = "";
    int filtered = o->runs.count || o->isas.count || o->problems.count || o->stale || o->packing;
    int code = CLI_OK;
    if (o->check && !filtered) {
        if (var_export_selection(o->folder, selection, sizeof(selection), err, sizeof(err)) != 0)
            return cli_fail(CLI_FAILED, "%s", err);
        code = adopt_selection(o, selection);
    }
    if (code == CLI_OK)
        code = request_open(o, &request);
    if (code == CLI_OK && pdb_open(o->db, PDB_READ, &db) != 0)
        code = cli_fail(CLI_FAILED, "%s", db ? pdb_errmsg(db) : "out of memory");
    if (code == CLI_OK && request.is_pair)
        code = pair_open(o, db, &request);
    if (code == CLI_OK)
        code = make_and_use(o, &request, db);
    pdb_close(db);
    request_clear(&request);
    return code;
}

int cmd_export(int argc, char **argv)
{
    struct export_options o = { .db = cli_default_db() };
    const struct cli_option options[] = {
        { 0, "db", CLI_STRING, "FILE", "The database; $QUERN_DB or quern-out/quern.db by default.",
          &o.db },
        { 'r', "run", CLI_LIST, "ID",
          "Choose from this run instead of the newest. May be repeated, to put the winners of "
          "several "
          "devices into one folder; where two runs have the same problem and ISA level, the first "
          "one "
          "named has the say.",
          &o.runs },
        { 'i', "isa", CLI_LIST, "A,B",
          "Only variants of these ISA levels; may be repeated. All by default.", &o.isas },
        { 'p', "problem", CLI_LIST, "P",
          "Only this layer, as the report names it, +add and the like included; may be repeated.",
          &o.problems },
        { 0, "packing", CLI_STRING, "HOW",
          "own: the winners of the runs. pair: of runs of several cores, for each core the best "
          "with the one packing per layer that costs the cores least, as 'quern pair' says; the "
          "package has the weights once and a kernel for each kind of core. Runs that are not "
          "named are found as there. Default: own.",
          &o.packing },
        CLI_PAIRING_OPTIONS(o.words),
        { 'c', "check", CLI_FLAG, NULL,
          "Writes nothing: derives the export again from the database and compares it with FOLDER "
          "byte "
          "for byte. Without --run, --isa and --problem, those that FOLDER was made with count.",
          &o.check },
        { 0, "stale", CLI_FLAG, NULL,
          "Export a variant although the generator makes other code for it now than what was "
          "measured.",
          &o.stale },
        { 'f', "force", CLI_FLAG, NULL,
          "Take FOLDER even if something stands there that is not an export; it is kept, as "
          "FOLDER.before-export.",
          &o.force },
        { 0, "json", CLI_FLAG, NULL, "Writes JSON.", &o.json },
    };
    const struct cli_command command = {
        .name = "export",
        .synopsis = "quern export [--run=ID] [--isa=A,B] [--problem=P] [--force] FOLDER\n"
                    "quern export --packing=pair [--run=ID --run=ID] [--criterion=WHAT] FOLDER\n"
                    "quern export --check [--db=FILE] FOLDER",
        .description =
            "Writes the winners of a sweep as a folder that another project drops in: generated "
            "micro-kernels, the drivers around them, a dispatch table by CPU and shape with a "
            "portable "
            "fallback, files for CMake, meson, ndk-build and make, a self-test with vectors, and "
            "passport.json with the evidence behind each choice.\n\n"
            "A layer that computes a residual add in the network (+add) gets a kernel of that "
            "form, "
            "one that gives sums (+sums) likewise: quern_conv_create_epilogue() has them.\n\n"
            "For each layer the fastest variant is taken and, for CPUs that lack its instructions, "
            "the "
            "fastest of weaker ISA levels. The same database gives the same bytes. An earlier "
            "export at "
            "FOLDER is replaced as a whole.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern export my-kernels\n"
                    "quern export --run=3 --isa=dotprod,i8mm my-kernels\n"
                    "quern export --packing=pair my-kernels\n"
                    "quern export --check my-kernels",
    };
    struct cli_list operands;
    int code = cli_parse(&command, argc, argv, &operands);
    if (code)
        return code - 1;
    if (operands.count == 1) {
        o.folder = operands.items[0];
        code = run(&o);
    } else {
        code = cli_fail(CLI_USAGE, "one FOLDER must be named; 'quern export --help' explains");
    }
    cli_list_clear(&operands);
    cli_list_clear(&o.runs);
    cli_list_clear(&o.isas);
    cli_list_clear(&o.problems);
    return code;
}
