#include "harness/cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/replays.h"
#include "harness/cli/search.h"
#include "reports/curves.h"

/* What was typed, with the defaults. */
struct arguments {
    const char *db, *plot;
    struct cli_list strategies, problems, runs;
    struct cli_search search;
    long long repeats, seed;
    double screen_ms, sample_ms, warmup_ms;
    int json;
};

/* One layer of one run. */
struct layer {
    int64_t run_id;
    char *problem; /* owned */
    struct cli_replays replays;
};

/* What the verb works with. */
struct work {
    struct arguments a;
    struct hrn_replay_options options;
    const struct hrn_strategy *strategies[16];
    size_t strategy_count;
    struct pdb *db;
    int64_t run_id;       /* whose layers are being listed */
    struct layer *layers; /* owned */
    size_t layer_count;
    char err[600];
};

/* One command line is parsed per process: the option table points into this. */
static struct arguments typed = {
    .search = CLI_SEARCH_DEFAULTS,
    .repeats = 5,
    .seed = 1,
    .screen_ms = 1,
    .sample_ms = 2,
    .warmup_ms = 1,
};

static const char description[] =
    "Runs search strategies on a stored sweep instead of a device: each question is answered by "
    "the samples that the sweep stored, noise and all. So strategies can be compared, and their "
    "options chosen, without measuring again.\n\n"
    "The sweep should be exhaustive (quern sweep --strategy exhaustive): what it did not time, no "
    "replay can find. The truth is the median of all rounds of a variant, each against the "
    "baseline of its round. Device time is what the samples would have taken, with calibration, "
    "warm caches and processes, on a runner as it is; proofs are not in it.\n\n"
    "Printed are, for each layer and strategy, the median over --repeats seeds: variants timed, "
    "device time and its share of an exhaustive search, how much slower than the fastest the "
    "winner "
    "is in truth (and at worst), and after which share of the exhaustive device time the best so "
    "far was within 2 % for good.";

static const char examples[] =
    "  quern sweep --problem ic64ih14oc64kh3ph1 --strategy exhaustive\n"
    "  quern replay\n"
    "  quern replay --strategy racing --strategy surrogate --max-evals 60 --plot search.svg\n";

static const struct cli_option option_table[] = {
    { 0, "db", CLI_STRING, "FILE", "The database; $QUERN_DB or quern-out/quern.db by default.",
      &typed.db },
    { 0, "run", CLI_LIST, "ID",
      "The run to search, as 'quern report --list' numbers them; the "
      "newest by default. May be repeated.",
      &typed.runs },
    { 'p', "problem", CLI_LIST, "PROBLEM", "Only this layer of the run. May be repeated.",
      &typed.problems },
    { 0, "strategy", CLI_LIST, "NAME",
      "Only this strategy. May be repeated. Default: all but those that need a static model.",
      &typed.strategies },
    { 0, "repeats", CLI_INT, "N", "Seeds that each strategy is tried with. Default: 5.",
      &typed.repeats },
    { 0, "max-evals", CLI_INT, "N", "As of quern sweep.", &typed.search.max_evals },
    { 0, "device-minutes", CLI_DOUBLE, "M", "As of quern sweep.", &typed.search.device_minutes },
    { 0, "patience", CLI_INT, "N", "As of quern sweep.", &typed.search.patience },
    { 0, "screen-rounds", CLI_INT, "N", "As of quern sweep. Default: 3.",
      &typed.search.screen_rounds },
    { 'r', "rounds", CLI_INT, "N", "As of quern sweep. Default: 12.", &typed.search.rounds },
    { 0, "processes", CLI_INT, "N", "As of quern sweep. Default: 3.", &typed.search.processes },
    { 0, "finalists", CLI_INT, "N", "As of quern sweep. Default: 10.", &typed.search.finalists },
    { 0, "screen-ms", CLI_DOUBLE, "MS", "As of quern sweep. Default: 1.", &typed.screen_ms },
    { 0, "sample-ms", CLI_DOUBLE, "MS", "As of quern sweep. Default: 2.", &typed.sample_ms },
    { 0, "warmup-ms", CLI_DOUBLE, "MS", "As of quern sweep. Default: 1.", &typed.warmup_ms },
    { 's', "seed", CLI_INT, "N", "First seed of the strategies. Default: 1.", &typed.seed },
    { 0, "plot", CLI_STRING, "FILE",
      "Draws the best so far against device time, of the first seed, to FILE.svg or FILE.png, "
      "with the .gp and .dat files that redraw it beside it.",
      &typed.plot },
    { 0, "json", CLI_FLAG, NULL, "Everything, with every step of the first seed, as JSON.",
      &typed.json },
};

/* ---- what is asked for */

static int read_strategies(struct work *w)
{
    const size_t most = sizeof w->strategies / sizeof *w->strategies;
    struct hrn_search_options *search = &w->options.search;
    w->a.search.strategy = NULL;
    int rc = cli_search_read(&w->a.search, search);
    for (size_t i = 0; i < w->a.strategies.count && !rc; i++) {
        w->a.search.strategy = w->a.strategies.items[i];
        rc = cli_search_read(&w->a.search, search);
        if (!rc && search->strategy->needs_model)
            rc = cli_fail(CLI_USAGE, "%s needs a static model, and a stored sweep has none",
                          search->strategy->name);
        if (!rc && w->strategy_count < most)
            w->strategies[w->strategy_count++] = search->strategy;
    }
    for (size_t i = 0; !w->a.strategies.count && i < hrn_strategy_count && i < most; i++)
        if (!hrn_strategies[i]->needs_model)
            w->strategies[w->strategy_count++] = hrn_strategies[i];
    return rc;
}

static int read_numbers(struct work *w)
{
    const struct arguments *a = &w->a;
    if (a->repeats < 1 || a->repeats > 1000)
        return cli_fail(CLI_USAGE, "--repeats goes from 1 to 1000");
    if (!(a->screen_ms > 0) || !(a->sample_ms > 0) || !(a->warmup_ms >= 0))
        return cli_fail(CLI_USAGE, "durations are positive");
    w->options.screen_sample_s = a->screen_ms * 1e-3;
    w->options.final_sample_s = w->options.search.final_sample_s = a->sample_ms * 1e-3;
    w->options.warmup_s = a->warmup_ms * 1e-3;
    w->options.search.seed = (uint64_t)a->seed;
    return CLI_OK;
}

static int is_wanted(const struct work *w, const char *text)
{
    struct krn_problem asked;
    enum krn_epilogue epilogue;
    char canonical[KRN_PROBLEM_STR_MAX], why[200];
    for (size_t i = 0; i < w->a.problems.count; i++) {
        if (krn_layer_parse(w->a.problems.items[i], &asked, &epilogue, why, sizeof why))
            continue;
        krn_layer_format(&asked, epilogue, 0, canonical);
        if (!strcmp(canonical, text))
            return 1;
    }
    return !w->a.problems.count;
}

static int take_problem(const struct pdb_problem_row *row, void *user)
{
    struct work *w = user;
    for (size_t i = 0; i < w->layer_count; i++)
        if (w->layers[i].run_id == w->run_id && !strcmp(w->layers[i].problem, row->problem))
            return 0; /* in another network */
    if (!is_wanted(w, row->problem))
        return 0;
    struct layer *grown = realloc(w->layers, (w->layer_count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    w->layers = grown;
    char *copy = strdup(row->problem);
    if (copy)
        w->layers[w->layer_count++] = (struct layer) { .run_id = w->run_id, .problem = copy };
    return copy ? 0 : -ENOMEM;
}

static int list_layers(struct work *w)
{
    size_t before = w->layer_count;
    if (pdb_run_problems(w->db, w->run_id, take_problem, w))
        return cli_fail(CLI_FAILED, "%s", pdb_errmsg(w->db));
    if (w->layer_count == before)
        return cli_fail(CLI_USAGE,
                        "%s: run %lld has no such layer; 'quern report --list' has the runs",
                        w->a.db, (long long)w->run_id);
    return CLI_OK;
}

static int open_runs(struct work *w)
{
    if (access(w->a.db, F_OK))
        return cli_fail(CLI_USAGE,
                        "there is no database %s (%s); 'quern sweep --strategy exhaustive' makes "
                        "one, --db names another",
                        w->a.db, strerror(errno));
    if (pdb_open(w->a.db, PDB_READ, &w->db))
        return cli_fail(CLI_FAILED, "%s", w->db ? pdb_errmsg(w->db) : "out of memory");
    if (!w->a.runs.count && pdb_latest_run(w->db, &w->run_id))
        return cli_fail(CLI_USAGE, "%s", pdb_errmsg(w->db));
    if (!w->a.runs.count)
        return list_layers(w);
    for (size_t i = 0; i < w->a.runs.count; i++) {
        long long id;
        if (cli_integer(w->a.runs.items[i], &id))
            return cli_fail(CLI_USAGE, "--run: '%s' is no run; 'quern report --list' has them",
                            w->a.runs.items[i]);
        w->run_id = id;
        int rc = list_layers(w);
        if (rc)
            return rc;
    }
    return CLI_OK;
}

static int run_all(struct work *w)
{
    for (size_t i = 0; i < w->layer_count; i++) {
        struct layer *l = &w->layers[i];
        if (cli_stored_load(w->db, l->run_id, l->problem, &l->replays.stored, w->err,
                            sizeof w->err))
            return cli_fail(CLI_FAILED, "%s", w->err);
        int rc = cli_replays_run(&l->replays, w->strategies, w->strategy_count, &w->options,
                                 (int)w->a.repeats);
        if (rc)
            return cli_fail(CLI_FAILED, "%s cannot be replayed: %s", l->problem, strerror(-rc));
    }
    return CLI_OK;
}

/* ---- text */

static void print_layer(const struct layer *layer)
{
    static const char *const headings[] = { "strategy",  "timed",    "device s",      "% of all",
                                            "winner +%", "worst +%", "within 2 % at", "winner" };
    const struct cli_replays *r = &layer->replays;
    const struct hrn_stored *of = &r->stored.of;
    printf("%s, run %lld: %zu variants, %d rounds; all of them: %.2f s; fastest: %s, %.4g us\n",
           layer->problem, (long long)layer->run_id, of->count, of->rounds, r->exhaustive_s,
           of->names[r->fastest], r->truth[r->fastest] / 1e3);
    if (10 * r->stored.complete < 9 * of->count)
        printf("Only %zu of them were timed in every round: this was no exhaustive sweep, and the "
               "truth is less sure.\n",
               r->stored.complete);
    struct cli_table *table = cli_table_new(headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < r->count; i++) {
        const struct cli_replay_row *row = &r->rows[i];
        cli_table_cell(table, "%s", row->strategy->name);
        cli_table_cell(table, "%zu", row->evals);
        cli_table_cell(table, "%.2f", row->device_s);
        cli_table_cell(table, "%.1f", 100 * row->share);
        cli_table_cell(table, "%.2f", 100 * row->loss);
        cli_table_cell(table, "%.2f", 100 * row->worst);
        cli_table_cell(table, isfinite(row->when) ? "%.1f %%" : "-", 100 * row->when);
        cli_table_cell(table, "%s", of->names[row->first.winner]);
    }
    cli_table_print(table, stdout);
    putchar('\n');
}

static void print_sum(const struct work *w, size_t strategy)
{
    size_t within = 0, within_always = 0;
    double most = 0;
    for (size_t l = 0; l < w->layer_count; l++) {
        const struct cli_replay_row *row = &w->layers[l].replays.rows[strategy];
        within += row->loss <= CLI_CLOSE_ENOUGH - 1;
        within_always += row->worst <= CLI_CLOSE_ENOUGH - 1;
        most = fmax(most, row->share);
    }
    printf("%s: within 2 %% of the fastest on %zu of %zu layers (with every seed: %zu), in at most "
           "%.1f %% of the device time of all\n",
           w->strategies[strategy]->name, within, w->layer_count, within_always, 100 * most);
}

/* ---- JSON */

static void print_row_json(const struct cli_replays *r, const struct cli_replay_row *row)
{
    printf("\n      {\"strategy\": \"%s\", \"evals\": %zu, \"device_s\": %.6g, \"share\": %.6g, "
           "\"loss\": %.6g, \"worst_loss\": %.6g, ",
           row->strategy->name, row->evals, row->device_s, row->share, row->loss, row->worst);
    if (isfinite(row->when))
        printf("\"within_2_percent_at\": %.6g, ", row->when);
    fputs("\"winner\": ", stdout);
    cli_json_string(stdout, r->stored.of.names[row->first.winner]);
    fputs(",\n       \"steps\": [", stdout);
    for (size_t i = 0; i < row->first.step_count; i++)
        printf("%s[%.6g, %zu, %.6g]", i ? ", " : "", row->first.step[i].device_s,
               row->first.step[i].evals, row->first.step[i].true_ns);
    fputs("]}", stdout);
}

static void print_json(const struct work *w)
{
    printf("{\"repeats\": %lld, \"seed\": %lld, "
           "\"steps\": \"device_s, evals, true_ns of the best so far\", \"layers\": [",
           w->a.repeats, w->a.seed);
    for (size_t l = 0; l < w->layer_count; l++) {
        const struct cli_replays *r = &w->layers[l].replays;
        printf("%s\n    {\"run\": %lld, \"problem\": ", l ? "," : "",
               (long long)w->layers[l].run_id);
        cli_json_string(stdout, w->layers[l].problem);
        printf(", \"variants\": %zu, \"complete\": %zu, \"rounds\": %d, \"exhaustive_s\": %.6g, "
               "\"fastest_ns\": %.6g, \"fastest\": ",
               r->stored.of.count, r->stored.complete, r->stored.of.rounds, r->exhaustive_s,
               r->truth[r->fastest]);
        cli_json_string(stdout, r->stored.of.names[r->fastest]);
        fputs(", \"strategies\": [", stdout);
        for (size_t i = 0; i < r->count; i++) {
            fputs(i ? "," : "", stdout);
            print_row_json(r, &r->rows[i]);
        }
        fputs("]}", stdout);
    }
    puts("]}");
}

/* ---- the plot */

/* x and y of one curve, from the pool. */
static void fill_curve(const struct cli_replays *r, const struct cli_replay_row *row,
                       struct rpt_curve *curve, double *pool)
{
    double *x = pool, *y = pool + row->first.step_count;
    for (size_t i = 0; i < row->first.step_count; i++) {
        x[i] = row->first.step[i].device_s;
        y[i] = row->first.step[i].true_ns / r->truth[r->fastest];
    }
    *curve = (struct rpt_curve) { row->strategy->name, x, y, row->first.step_count };
}

static int draw(struct work *w)
{
    size_t steps = 0, used = 0, n = w->layer_count * w->strategy_count;
    for (size_t l = 0; l < w->layer_count; l++)
        for (size_t i = 0; i < w->layers[l].replays.count; i++)
            steps += w->layers[l].replays.rows[i].first.step_count;
    double *pool = malloc((2 * steps + 1) * sizeof *pool);
    struct rpt_curve *curves = calloc(n + 1, sizeof *curves);
    struct rpt_panel *panels = calloc(w->layer_count, sizeof *panels);
    int rc = pool && curves && panels ? 0 : -ENOMEM;
    snprintf(w->err, sizeof w->err, "out of memory");
    for (size_t l = 0; !rc && l < w->layer_count; l++) {
        const struct cli_replays *r = &w->layers[l].replays;
        panels[l] =
            (struct rpt_panel) { w->layers[l].problem, &curves[l * w->strategy_count], r->count };
        for (size_t i = 0; i < r->count; i++) {
            fill_curve(r, &r->rows[i], &curves[l * w->strategy_count + i], pool + used);
            used += 2 * r->rows[i].first.step_count;
        }
    }
    const struct rpt_curves all = { "device time, s", "best so far, times the fastest",
                                    panels,           w->layer_count,
                                    CLI_CLOSE_ENOUGH, 0 };
    if (!rc)
        rc = rpt_curves_draw(&all, w->a.plot, w->err, sizeof w->err);
    free(pool);
    free(curves);
    free(panels);
    if (rc)
        return cli_fail(rc == -EINVAL ? CLI_USAGE : CLI_FAILED, "%s", w->err);
    fprintf(w->a.json ? stderr : stdout, "\n%s\n", w->a.plot);
    return CLI_OK;
}

static int work(struct work *w)
{
    int rc = read_strategies(w);
    if (!rc)
        rc = read_numbers(w);
    if (!rc)
        rc = open_runs(w);
    if (!rc)
        rc = run_all(w);
    if (rc)
        return rc;
    for (size_t l = 0; l < w->layer_count && !w->a.json; l++)
        print_layer(&w->layers[l]);
    for (size_t i = 0; i < w->strategy_count && !w->a.json; i++)
        print_sum(w, i);
    if (w->a.json)
        print_json(w);
    return w->a.plot ? draw(w) : CLI_OK;
}

static void clear(struct work *w)
{
    for (size_t i = 0; i < w->layer_count; i++) {
        cli_replays_clear(&w->layers[i].replays);
        free(w->layers[i].problem);
    }
    free(w->layers);
    pdb_close(w->db);
    cli_list_clear(&w->a.strategies);
    cli_list_clear(&w->a.problems);
    cli_list_clear(&w->a.runs);
}

int cmd_replay(int argc, char **argv)
{
    const struct cli_command command = {
        .name = "replay",
        .synopsis = "quern replay [--db=FILE] [--run=ID]... [--strategy=NAME]... [OPTION]...",
        .description = description,
        .options = option_table,
        .option_count = sizeof option_table / sizeof *option_table,
        .examples = examples,
    };
    struct work w = { .db = NULL };
    int rc = cli_parse(&command, argc, argv, NULL);
    if (rc)
        return rc - 1;
    w.a = typed;
    if (!w.a.db)
        w.a.db = cli_default_db();
    rc = work(&w);
    clear(&w);
    return rc;
}
