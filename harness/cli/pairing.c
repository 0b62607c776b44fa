#include "harness/cli/pairing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"

int cli_pairing_add(struct cli_pairing *p, struct pdb *db, const char *path, long long run)
{
    struct rpt_error error = { "" };
    if (p->count == RPT_PAIR_MAX)
        return cli_fail(CLI_USAGE, "at most %d runs share a packing, a run of each core",
                        RPT_PAIR_MAX);
    int rc = rpt_run_load(db, run, &p->runs[p->count], &error);
    if (rc == 0) {
        p->count++;
        return CLI_OK;
    }
    return cli_fail(rc == -ENOENT ? CLI_USAGE : CLI_FAILED, "%s: %s", path, error.text);
}

int cli_pairing_partners(struct cli_pairing *p, struct pdb *db, const char *path, long long run)
{
    long long ids[RPT_PAIR_MAX];
    int64_t newest = 0;
    if (run == 0 && pdb_latest_run(db, &newest) == 0)
        run = newest;
    int count = rpt_pair_partners(db, run, ids), code = CLI_OK;
    if (count < 0)
        return cli_fail(CLI_FAILED, "%s", pdb_errmsg(db));
    if (count == 0) /* says that there is no such run */
        return cli_pairing_add(p, db, path, run);
    for (int i = 0; i < count && code == CLI_OK; i++)
        code = cli_pairing_add(p, db, path, ids[i]);
    return code;
}

int cli_pairing_try(struct cli_pairing *p, struct pdb *db, long long run)
{
    struct rpt_pair_options options = { .criterion = RPT_CRITERION_MEAN };
    const struct rpt_run *runs[RPT_PAIR_MAX];
    long long ids[RPT_PAIR_MAX];
    struct rpt_error error;
    int count = rpt_pair_partners(db, run, ids);
    for (int i = 0; i < count && count > 1; i++) {
        if (rpt_run_load(db, ids[i], &p->runs[i], &error) != 0)
            return 0;
        runs[i] = &p->runs[p->count++];
        options.weights[i] = 1;
    }
    return count > 1 && rpt_pair_make(runs, p->count, &options, &p->pair, &error) == 0;
}

static int read_criterion(const char *typed, enum rpt_criterion *out)
{
    for (int c = 0; c < RPT_CRITERION_COUNT; c++)
        if (!typed || !strcmp(rpt_criterion_names[c], typed)) {
            *out = (enum rpt_criterion)c;
            return CLI_OK;
        }
    const char *near = cli_nearest(typed, rpt_criterion_names, RPT_CRITERION_COUNT);
    return cli_fail(CLI_USAGE, "--criterion is mean, worst or total, not '%s'%s%s%s", typed,
                    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static int read_weights(const char *typed, size_t cores, double *out)
{
    char copy[200], *rest = NULL;
    double sum = 0;
    size_t n = 0;
    for (size_t t = 0; t < RPT_PAIR_MAX; t++)
        out[t] = 1;
    if (!typed)
        return CLI_OK;
    snprintf(copy, sizeof copy, "%s", typed);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest), n++) {
        double weight;
        if (cli_real(word, &weight) != 0 || !(weight >= 0 && weight <= 1e6))
            return cli_fail(CLI_USAGE, "--weights: '%s' is no weight from 0 to 1000000", word);
        if (n < RPT_PAIR_MAX)
            out[n] = weight;
        sum += weight;
    }
    if (n != cores || !(sum > 0))
        return cli_fail(CLI_USAGE,
                        "--weights=%s: %zu cores want as many weights, not all of them 0", typed,
                        cores);
    return CLI_OK;
}

int cli_pairing_options(const struct cli_pairing_words *words, size_t cores,
                        struct rpt_pair_options *out)
{
    *out = (struct rpt_pair_options) { .problems = NULL };
    int code = read_criterion(words->criterion, &out->criterion);
    return code ? code : read_weights(words->weights, cores, out->weights);
}

int cli_pairing_make(struct cli_pairing *p, const struct cli_pairing_words *words,
                     const char *const *problems, size_t problem_count)
{
    struct rpt_pair_options options;
    const struct rpt_run *runs[RPT_PAIR_MAX];
    struct rpt_error error;
    for (size_t i = 0; i < p->count; i++)
        runs[i] = &p->runs[i];
    if (p->count == 1)
        return cli_fail(CLI_USAGE,
                        "run %lld on %s is of one core, and no other run of its sweep is in the "
                        "database: name a run of each core, or sweep both (-d adb:SERIAL/cpu0, "
                        "then -d adb:SERIAL/cpu4)",
                        p->runs[0].id, p->runs[0].device_key);
    int code = cli_pairing_options(words, p->count, &options);
    if (code != CLI_OK)
        return code;
    options.problems = problems;
    options.problem_count = problem_count;
    int rc = rpt_pair_make(runs, p->count, &options, &p->pair, &error);
    if (rc == 0)
        return CLI_OK;
    return cli_fail(rc == -ENOMEM ? CLI_FAILED : CLI_USAGE, "%s", error.text);
}

void cli_pairing_close(struct cli_pairing *p)
{
    rpt_pair_clear(&p->pair);
    for (size_t i = 0; i < p->count; i++)
        rpt_run_clear(&p->runs[i]);
    p->count = 0;
}
