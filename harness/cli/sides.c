#include "harness/cli/sides.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/cli_int.h"

/* ---- which run */

struct search {
    const char *device_key;  /* NULL = any */
    long long before_unix_s; /* 0 = any; else begun before it */
    long long wanted;        /* 0 = any */
    long long found;         /* the newest that fits */
};

static int look_at(const struct pdb_run_row *row, void *user)
{
    struct search *s = user;
    int fits = (!s->device_key || !strcmp(row->device_key, s->device_key)) &&
               (!s->before_unix_s || row->begin_unix_s < s->before_unix_s) &&
               (!s->wanted || row->id == s->wanted);
    if (fits)
        s->found = row->id;
    return 0;
}

static int find(struct cli_side *side, struct search *s)
{
    if (pdb_runs(side->db, look_at, s))
        return cli_fail(CLI_FAILED, "%s", pdb_errmsg(side->db));
    side->run_id = s->found;
    if (s->found)
        return CLI_OK;
    return cli_fail(CLI_USAGE, "%s: no run fits '%s'; 'quern report --list --db %s' has them",
                    side->path, side->text, side->path);
}

static int by_number(struct cli_side *side, const char *argument)
{
    struct search s = { .wanted = 0 };
    if (strcmp(argument, "last") && (cli_integer(argument, &s.wanted) || s.wanted < 1))
        return cli_fail(CLI_USAGE, "'%s' is no run; 'quern report --list' has them", argument);
    return find(side, &s);
}

static int by_device(struct cli_side *side, const char *argument)
{
    struct search s = { .device_key = argument };
    return find(side, &s);
}

/* The newest run of that day or before it. */
static int by_date(struct cli_side *side, const char *argument)
{
    struct tm day = { 0 };
    const char *end = strptime(argument, "%Y-%m-%d", &day);
    if (!end || *end)
        return cli_fail(CLI_USAGE, "'%s' is no date; write it as 2026-01-31 (UTC)", argument);
    struct search s = { .before_unix_s = (long long)timegm(&day) + 86400 };
    return find(side, &s);
}

static const struct {
    const char *prefix;
    int (*find)(struct cli_side *side, const char *argument);
} forms[] = {
    { "run:", by_number },
    { "device:", by_device },
    { "date:", by_date },
};

static int resolve(struct cli_side *side, long long run)
{
    struct var_variant variant;
    struct search s = { .wanted = run };
    char why[200];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t n = strlen(forms[i].prefix);
        if (!strncmp(side->text, forms[i].prefix, n))
            return forms[i].find(side, side->text + n);
    }
    if (!*side->text || !strcmp(side->text, "last"))
        return by_number(side, "last");
    if (var_name_parse(side->text, &variant, why, sizeof why))
        return cli_fail(CLI_USAGE,
                        "'%s' is none of run:N, last, device:KEY, date:YYYY-MM-DD, a variant or a "
                        "database (as a variant: %s)",
                        side->text, why);
    side->is_variant = 1;
    side->of.variant = side->text;
    return find(side, &s);
}

/* ---- which database */

/* TEXT[@FILE]; a file that exists stands for its newest run. */
static int split(struct cli_side *side, const char *text, const char *db)
{
    const char *at = strrchr(text, '@');
    int is_file = !at && access(text, F_OK) == 0 && !strchr(text, ':');
    side->text = is_file ? strdup("") : at ? strndup(text, (size_t)(at - text)) : strdup(text);
    side->path = strdup(is_file ? text : at ? at + 1 : db);
    return side->text && side->path ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

int cli_side_open(const char *text, const char *db, long long run, struct cli_side *out)
{
    int rc = split(out, text, db);
    if (rc)
        return rc;
    if (access(out->path, F_OK))
        return cli_fail(CLI_USAGE,
                        "there is no database %s (%s); 'quern sweep' makes one, --db or @FILE name "
                        "another",
                        out->path, strerror(errno));
    if (pdb_open(out->path, PDB_READ, &out->db))
        return cli_fail(CLI_FAILED, "%s", out->db ? pdb_errmsg(out->db) : "out of memory");
    return resolve(out, run);
}

static int load(struct cli_side *side)
{
    struct rpt_error error;
    int rc = rpt_run_load(side->db, side->run_id, &side->run, &error);
    if (rc)
        return cli_fail(CLI_FAILED, "%s: %s", side->path, error.text);
    side->loaded = 1;
    side->of.run = &side->run;
    if (side->run.evidence == HRN_MEASURED)
        return CLI_OK;
    return cli_fail(CLI_USAGE, "run %lld in %s is %s: it has no times to compare", side->run_id,
                    side->path, hrn_evidence_names[side->run.evidence]);
}

int cli_sides_load(struct cli_side *a, struct cli_side *b)
{
    int rc = load(a);
    if (!rc && a->run_id == b->run_id && !strcmp(a->path, b->path))
        b->of.run = &a->run;
    else if (!rc)
        rc = load(b);
    return rc;
}

void cli_side_close(struct cli_side *side)
{
    if (side->loaded)
        rpt_run_clear(&side->run);
    pdb_close(side->db);
    free(side->text);
    free(side->path);
    *side = (struct cli_side) { .text = NULL };
}
