/* quern db info, check, merge, prune, upgrade. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "harness/cli/cli.h"
#include "harness/cli/cli_int.h"
#include "harness/cli/db.h"

int db_failed(const struct pdb *db)
{
    return cli_fail(CLI_FAILED, "%s", pdb_errmsg(db));
}

int db_open(const char *path, enum pdb_mode mode, struct pdb **db)
{
    if (pdb_open(path ? path : cli_default_db(), mode, db) == 0)
        return CLI_OK;
    int code = db_failed(*db);
    pdb_close(*db);
    *db = NULL;
    return code;
}

long long db_date(const char *text)
{
    struct tm tm = { 0 };
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    return rest && !*rest ? (long long)timegm(&tm) : -1;
}

void db_print_merged(const char *what, const struct pdb_merged *merged)
{
    printf("%s: %lld runs, %lld variants on layers, %lld samples, %lld counters\n", what,
           (long long)merged->runs, (long long)merged->measurements, (long long)merged->samples,
           (long long)merged->counters);
}

/* ---- info */

static void date_text(int64_t unix_s, char out[32])
{
    time_t seconds = (time_t)unix_s;
    struct tm utc;
    snprintf(out, 32, "none");
    if (unix_s && gmtime_r(&seconds, &utc))
        strftime(out, 32, "%Y-%m-%d %H:%M UTC", &utc);
}

static void print_info(const char *path, const struct pdb_info *i, int json)
{
    char first[32], last[32];
    const struct {
        const char *key, *label;
        int64_t value;
    } counts[] = {
        { "schema", "schema version", i->version },
        { "bytes", "bytes on disk", i->bytes },
        { "runs", "runs", i->runs },
        { "devices", "devices", i->devices },
        { "cores", "cores", i->cores },
        { "problems", "problems", i->problems },
        { "variants", "variants", i->variants },
        { "measurements", "variants on layers", i->measurements },
        { "proofs", "proofs", i->proofs },
        { "samples", "samples", i->samples },
        { "voids", "of them void", i->voids },
        { "counters", "counters", i->counters },
    };
    date_text(i->first_unix_s, first);
    date_text(i->last_unix_s, last);
    if (json) {
        fputs("{\"file\": ", stdout);
        cli_json_string(stdout, path);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            printf(", \"%s\": %lld", counts[c].key, (long long)counts[c].value);
        printf(", \"first_unix_s\": %lld, \"last_unix_s\": %lld}\n", (long long)i->first_unix_s,
               (long long)i->last_unix_s);
        return;
    }
    printf("%-20s %s\n", "file", path);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        printf("%-20s %lld\n", counts[c].label, (long long)counts[c].value);
    printf("%-20s %s\n%-20s %s\n", "first run", first, "last run", last);
}

int db_info(int argc, char **argv)
{
    const char *path = NULL;
    int json = 0;
    const struct cli_option options[] = {
        DB_OPTION(&path),
        { 0, "json", CLI_FLAG, NULL, "Writes JSON.", &json },
    };
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db info [--db=FILE] [--json]",
        .description = "Says how much of what a database holds.",
        .options = options,
        .option_count = 2,
    };
    struct pdb *db = NULL;
    struct pdb_info info;
    int code = cli_parse(&command, argc, argv, NULL);
    if (code)
        return code - 1;
    if ((code = db_open(path, PDB_READ, &db)))
        return code;
    code = pdb_info(db, &info) ? db_failed(db) : CLI_OK;
    if (!code)
        print_info(path ? path : cli_default_db(), &info, json);
    pdb_close(db);
    return code;
}

/* ---- check */

static void print_finding(const char *sentence, void *user)
{
    (void)user;
    printf("%s\n", sentence);
}

int db_check(int argc, char **argv)
{
    const char *path = NULL;
    const struct cli_option options[] = { DB_OPTION(&path) };
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db check [--db=FILE]",
        .description = "Looks for damage: of the file, of references between its rows, gaps in "
                       "what is numbered, and times of what must not have any. Prints a line for "
                       "each finding, and fails if there is one.",
        .options = options,
        .option_count = 1,
    };
    struct pdb *db = NULL;
    int code = cli_parse(&command, argc, argv, NULL);
    if (code)
        return code - 1;
    if ((code = db_open(path, PDB_READ, &db)))
        return code;
    int findings = pdb_check(db, print_finding, NULL);
    if (findings < 0)
        code = db_failed(db);
    else if (findings > 0)
        code = cli_fail(CLI_FAILED, "%s: %d finding%s", path ? path : cli_default_db(), findings,
                        findings == 1 ? "" : "s");
    else
        printf("%s: sound\n", path ? path : cli_default_db());
    pdb_close(db);
    return code;
}

/* ---- merge */

static int merge_all(struct pdb *db, const struct cli_list *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        struct pdb_merged merged;
        if (pdb_merge(db, sources->items[i], &merged))
            return db_failed(db);
        db_print_merged(sources->items[i], &merged);
    }
    return CLI_OK;
}

int db_merge(int argc, char **argv)
{
    const char *path = NULL;
    const struct cli_option options[] = { DB_OPTION(&path) };
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db merge [--db=FILE] SOURCE...",
        .description =
            "Adds to the database, which is created if need be, everything that the sources have "
            "and it has not: runs of other machines, other shards, or a copy that went on. "
            "Merging twice changes nothing, and any order gives the same content. The sources are "
            "only read. A run that went on differently in two files is refused, and then nothing "
            "of that source is merged.",
        .options = options,
        .option_count = 1,
        .examples = "quern db merge --db=all.db shard-1.db shard-2.db shard-3.db",
    };
    struct cli_list sources;
    struct pdb *db = NULL;
    int code = cli_parse(&command, argc, argv, &sources);
    if (code)
        return code - 1;
    if (sources.count == 0)
        code = cli_fail(CLI_USAGE, "say which files to merge; 'quern db merge --help' explains");
    else if ((code = db_open(path, PDB_WRITE, &db)) == CLI_OK)
        code = merge_all(db, &sources);
    pdb_close(db);
    cli_list_clear(&sources);
    return code;
}

/* ---- prune */

static int run_numbers(const struct cli_list *list, int64_t **out)
{
    *out = calloc(list->count + 1, sizeof **out);
    if (!*out)
        return cli_fail(CLI_FAILED, "out of memory");
    for (size_t i = 0; i < list->count; i++) {
        long long id;
        if (cli_integer(list->items[i], &id) || id < 1)
            return cli_fail(CLI_USAGE, "--run: '%s' is not the number of a run", list->items[i]);
        (*out)[i] = id;
    }
    return CLI_OK;
}

static int prune(const char *path, struct pdb_prune *what)
{
    struct pdb *db = NULL;
    struct pdb_merged gone;
    int code = db_open(path, PDB_WRITE, &db);
    if (code)
        return code;
    int result = pdb_prune(db, what, &gone);
    if (result)
        code = result == -ENOENT ? cli_fail(CLI_USAGE, "%s", pdb_errmsg(db)) : db_failed(db);
    else
        db_print_merged(what->dry ? "would delete" : "deleted", &gone);
    pdb_close(db);
    return code;
}

int db_prune(int argc, char **argv)
{
    const char *path = NULL, *before = NULL;
    struct cli_list runs = { 0 };
    long long keep = 0;
    struct pdb_prune what = { 0 };
    int64_t *ids = NULL;
    const struct cli_option options[] = {
        DB_OPTION(&path),
        { 'r', "run", CLI_LIST, "ID", "This run. May be repeated.", &runs },
        { 0, "before", CLI_STRING, "DATE", "Runs that began before DATE, as 2026-11-27, UTC.",
          &before },
        { 0, "keep", CLI_INT, "N", "All but the newest N runs of each core.", &keep },
        { 0, "unfinished", CLI_FLAG, NULL, "Runs that did not complete.", &what.unfinished },
        { 'n', "dry-run", CLI_FLAG, NULL, "Only says how much would go.", &what.dry },
    };
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db prune [--db=FILE] [--run=ID] [--before=DATE] [--keep=N] "
                    "[--unfinished] [--dry-run]",
        .description =
            "Deletes runs, and what only they refer to, and gives the room back. There is no way "
            "back: export or copy first. A run goes if any of the options says so.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .examples = "quern db prune --unfinished --dry-run\nquern db prune --keep=5",
    };
    int code = cli_parse(&command, argc, argv, NULL);
    if (code)
        return code - 1;
    what.keep_per_core = keep;
    what.run_count = runs.count;
    code = run_numbers(&runs, &ids);
    what.runs = ids;
    if (!code && before && (what.before_unix_s = db_date(before)) < 0)
        code = cli_fail(CLI_USAGE, "--before: '%s' is not a date like 2026-11-27", before);
    if (!code && keep < 0)
        code = cli_fail(CLI_USAGE, "--keep: %lld is less than 0", keep);
    if (!code && !runs.count && !before && !keep && !what.unfinished)
        code = cli_fail(CLI_USAGE, "say which runs; 'quern db prune --help' explains");
    if (!code)
        code = prune(path, &what);
    free(ids);
    cli_list_clear(&runs);
    return code;
}

/* ---- upgrade */

int db_upgrade(int argc, char **argv)
{
    const char *path = NULL;
    const struct cli_option options[] = { DB_OPTION(&path) };
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db upgrade [--db=FILE]",
        .description = "Brings a database of an older quern up to date, in one transaction. An "
                       "older quern cannot open it any more. Sweeps do the same by themselves.",
        .options = options,
        .option_count = 1,
    };
    struct pdb *db = NULL;
    struct pdb_info info;
    int code = cli_parse(&command, argc, argv, NULL);
    if (code)
        return code - 1;
    int state = pdb_open(path ? path : cli_default_db(), PDB_READ, &db);
    if (state == 0)
        printf("%s: up to date\n", path ? path : cli_default_db());
    else if (state != -EPROTO)
        code = db_failed(db);
    pdb_close(db);
    if (state != -EPROTO)
        return code;
    if ((code = db_open(path, PDB_WRITE, &db)))
        return code;
    code = pdb_info(db, &info) ? db_failed(db) : CLI_OK;
    if (!code)
        printf("%s: upgraded to schema version %d\n", path ? path : cli_default_db(), info.version);
    pdb_close(db);
    return code;
}
