/* quern pair: one packing of the weights for several cores. */
#include "harness/cli/cli.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/asked.h"
#include "harness/cli/cli_int.h"
#include "harness/cli/pairing.h"
#include "harness/cli/sides.h"

struct arguments {
    const char *db;
    struct cli_pairing_words words;
    struct cli_list problems;
    long long top;
    int json;
};

struct work {
    struct arguments a;
    struct cli_side sides[RPT_PAIR_MAX];
    size_t side_count;
    struct cli_asked asked;
    struct cli_pairing pairing;
};

static struct arguments typed = { .top = -1 };

static const char description[] =
    "A phone has big and little cores, and a network's packed weights can be there once for all of "
    "them if the kernels of each layer agree in the packing: the columns of a panel, the depth "
    "group, bytes of a weight. Each core's own winner seldom does. This scores packings for the "
    "cores together: for each layer, of the packings that all cores have figures of, the one that "
    "costs them least against their own winners; over the network, each core's time with one "
    "packing per layer, and the memory of second copies that it saves.\n\n"
    "RUN is a run of one core: run:3 or 3, last, device:adb:SERIAL/cpu0 (its newest run), a "
    "database (its newest run); each may end in @FILE. Without any, or with one, the other cores' "
    "runs of the same sweep are found: of the same command, or of the same device's other cores. "
    "Two kinds of core of one phone disturb each other: sweep them one after the other.\n\n"
    "Within the run of each core samples pair by round; a loss has its 95 % bootstrap interval, "
    "and packings that cannot be told from the best are tied. Runs of models are predicted, exact, "
    "and marked so; measured and predicted runs do not mix.";

static const char examples[] =
    "  quern sweep -d adb:SERIAL/cpu0 --network mobilenet_v1\n"
    "  quern sweep -d adb:SERIAL/cpu4 --network mobilenet_v1\n"
    "  quern pair\n"
    "  quern pair --weights 1,3 --criterion worst\n"
    "  quern sweep -d model:cortex-a55 -d model:neoverse-n1 -p ic64ih56oc64kh3ph1\n"
    "  quern pair --top 5\n"
    "  quern pair device:adb:SERIAL/cpu0 device:adb:SERIAL/cpu4 --json\n";

static const struct cli_option option_table[] = {
    { 0, "db", CLI_STRING, "FILE",
      "The database of a run that names none; $QUERN_DB or quern-out/quern.db by default.",
      &typed.db },
    { 'p', "problem", CLI_LIST, "PROBLEM", "Only this layer. May be repeated.", &typed.problems },
    CLI_PAIRING_OPTIONS(typed.words),
    { 't', "top", CLI_INT, "N",
      "Shows the N best packings of each layer besides, 0 = all. Of a single layer five are shown "
      "anyway.",
      &typed.top },
    { 0, "json", CLI_FLAG, NULL, "Print the result as JSON, with all packings.", &typed.json },
};

/* ---- what is asked for */

/* A bare number is a run. */
static int open_side(struct work *w, const char *text)
{
    char run[4200];
    struct cli_side *side = &w->sides[w->side_count++];
    size_t digits = strspn(text, "0123456789");
    if (digits && (!text[digits] || text[digits] == '@')) {
        snprintf(run, sizeof run, "run:%s", text);
        text = run;
    }
    int rc = cli_side_open(text, w->a.db, 0, side);
    if (!rc && side->is_variant)
        rc = cli_fail(CLI_USAGE, "'%s' is a variant: what is paired are runs of several cores",
                      text);
    return rc;
}

static int open_runs(struct work *w, const struct cli_list *operands)
{
    if (operands->count > RPT_PAIR_MAX)
        return cli_fail(CLI_USAGE, "%zu runs: a packing is for 2 to %d cores", operands->count,
                        RPT_PAIR_MAX);
    int rc = operands->count ? CLI_OK : open_side(w, "last");
    for (size_t i = 0; !rc && i < operands->count; i++)
        rc = open_side(w, operands->items[i]);
    const struct cli_side *first = &w->sides[0];
    if (!rc && w->side_count == 1)
        return cli_pairing_partners(&w->pairing, first->db, first->path,
                                    operands->count ? first->run_id : 0);
    for (size_t i = 0; !rc && i < w->side_count; i++)
        rc = cli_pairing_add(&w->pairing, w->sides[i].db, w->sides[i].path, w->sides[i].run_id);
    return rc;
}

/* ---- text */

static void print_runs(const struct work *w)
{
    for (size_t t = 0; t < w->pairing.count; t++) {
        const struct rpt_run *run = &w->pairing.runs[t];
        printf("core %zu  run %lld: %s, %s, %s\n", t + 1, run->id, run->device_key, run->cpu,
               hrn_evidence_names[run->evidence]);
    }
    putchar('\n');
}

/* 0 or CLI_FAILED; clears. */
static int print_sheet(struct rpt_sheet *sheet, int made)
{
    if (made == 1) {
        struct cli_table *table = cli_table_new(sheet->headings, sheet->columns);
        printf("%s\n", sheet->title);
        for (size_t i = 0; i < sheet->rows * sheet->columns; i++)
            cli_table_cell(table, "%s", sheet->cells[i]);
        cli_table_print(table, stdout);
        putchar('\n');
        for (size_t i = 0; i < sheet->note_count; i++)
            printf("%s\n", sheet->notes[i]);
    }
    rpt_sheet_clear(sheet);
    return made < 0 ? cli_fail(CLI_FAILED, "out of memory") : CLI_OK;
}

static int print_text(const struct work *w)
{
    const struct rpt_pair *pair = &w->pairing.pair;
    struct rpt_sheet sheet;
    long long top = w->a.top < 0 && pair->count == 1 ? 5 : w->a.top;
    print_runs(w);
    int made = rpt_pair_sheet(pair, &sheet), rc = print_sheet(&sheet, made);
    if (rc || top < 0)
        return rc;
    putchar('\n');
    made = rpt_pair_ranking(pair, (size_t)top, &sheet);
    return print_sheet(&sheet, made);
}

/* ---- JSON */

static void put_string(const char *name, const char *value)
{
    printf(", \"%s\": ", name);
    cli_json_string(stdout, value);
}

static void put_cell(const struct rpt_pair *pair, const struct rpt_pair_cell *cell, int is_first)
{
    printf("%s{\"variant\": \"%s\"", is_first ? "" : ", ", cell->candidate->variant);
    cli_json_member(pair->runs[0]->evidence == HRN_MEASURED ? "median_ns" : "cycles", cell->cost);
    cli_json_member("ratio", cell->of.ratio);
    cli_json_member("low", cell->of.low);
    cli_json_member("high", cell->of.high);
    printf(", \"verdict\": \"%s\"", hrn_verdict_names[cell->of.verdict]);
    if (pair->runs[0]->evidence == HRN_MEASURED)
        printf(", \"pairs\": %zu", cell->of.pairs);
    fputs("}", stdout);
}

static void put_packing(const struct rpt_pair *pair, const struct rpt_pair_packing *p, int is_first)
{
    printf("%s\n      {\"packing\": \"%s\", \"bytes\": %zu, \"tied\": %s, \"enough_rounds\": %s",
           is_first ? "" : ",", p->name, p->bytes, p->is_tied ? "true" : "false",
           p->is_known ? "true" : "false");
    cli_json_member("score", p->score);
    cli_json_member("worse_low", p->low);
    cli_json_member("worse_high", p->high);
    fputs(", \"cores\": [", stdout);
    for (size_t t = 0; t < pair->cores; t++)
        put_cell(pair, &p->cells[t], t == 0);
    fputs("]}", stdout);
}

static void put_layer(const struct rpt_pair *pair, const struct rpt_pair_layer *l, int is_first)
{
    printf("%s\n    {\"problem\": \"%s\"", is_first ? "" : ",", l->layer->problem);
    put_string("layer", l->layer->title);
    put_string("network", l->layer->network);
    printf(", \"times\": %d, \"packing\": ", l->layer->times);
    if (l->count)
        printf("\"%s\"", l->packings[0].name);
    else
        fputs("null", stdout);
    printf(", \"tied\": %zu, \"bytes_each_its_own\": %zu,\n     \"own\": [", l->tied,
           l->free_bytes);
    for (size_t t = 0; t < pair->cores; t++) {
        printf("%s{\"packing\": \"%s\", \"variant\": \"%s\"", t ? ", " : "", l->own_packing[t],
               l->own[t].candidate->variant);
        cli_json_member(pair->runs[0]->evidence == HRN_MEASURED ? "median_ns" : "cycles",
                        l->own[t].cost);
        fputs("}", stdout);
    }
    fputs("],\n     \"packings\": [", stdout);
    for (size_t i = 0; i < l->count; i++)
        put_packing(pair, &l->packings[i], i == 0);
    fputs("]}", stdout);
}

static void put_total(const struct rpt_pair *pair, const struct rpt_pair_total *of, int is_first)
{
    printf("%s\n    {\"layers\": %zu, \"shared\": %zu, \"bytes\": %zu, \"bytes_each_its_own\": %zu",
           is_first ? "" : ",", of->layers, of->shared, of->one_bytes, of->free_bytes);
    put_string("network", of->network);
    fputs(", \"cores\": [", stdout);
    for (size_t t = 0; t < pair->cores; t++) {
        printf("%s{\"run\": %lld", t ? ", " : "", pair->runs[t]->id);
        cli_json_member("one_packing", of->one_cost[t]);
        cli_json_member("its_own", of->free_cost[t]);
        cli_json_member("loss", of->loss[t]);
        cli_json_member("low", of->low[t]);
        cli_json_member("high", of->high[t]);
        fputs("}", stdout);
    }
    fputs("]}", stdout);
}

static int print_json(const struct work *w)
{
    const struct rpt_pair *pair = &w->pairing.pair;
    printf("{\n  \"evidence\": \"%s\",\n  \"criterion\": \"%s\",\n  \"cores\": [",
           hrn_evidence_names[pair->runs[0]->evidence],
           rpt_criterion_names[pair->options.criterion]);
    for (size_t t = 0; t < pair->cores; t++) {
        printf("%s\n    {\"run\": %lld, \"weight\": %.9g", t ? "," : "", pair->runs[t]->id,
               pair->options.weights[t]);
        put_string("device", pair->runs[t]->device_key);
        put_string("cpu", pair->runs[t]->cpu);
        fputs("}", stdout);
    }
    fputs("\n  ],\n  \"layers\": [", stdout);
    for (size_t i = 0; i < pair->count; i++)
        put_layer(pair, &pair->layers[i], i == 0);
    fputs("\n  ],\n  \"totals\": [", stdout);
    for (size_t i = 0; i < pair->total_count; i++)
        put_total(pair, &pair->totals[i], i == 0);
    puts("\n  ]\n}");
    return CLI_OK;
}

static int work(struct work *w, const struct cli_list *operands)
{
    int rc = cli_asked_read(&w->a.problems, &w->asked);
    if (!rc)
        rc = open_runs(w, operands);
    if (!rc)
        rc = cli_pairing_make(&w->pairing, &w->a.words, w->asked.list, w->asked.count);
    if (!rc)
        rc = (w->a.json ? print_json : print_text)(w);
    return rc;
}

int cmd_pair(int argc, char **argv)
{
    const struct cli_command command = {
        .name = "pair",
        .synopsis = "quern pair [RUN...] [--db=FILE] [--problem=P]... [--top=N] [--json]\n"
                    "           [--criterion=mean|worst|total] [--weights=W,W]",
        .description = description,
        .options = option_table,
        .option_count = sizeof option_table / sizeof *option_table,
        .examples = examples,
    };
    struct cli_list operands = { 0 };
    struct work w = { .side_count = 0 };
    int rc = cli_parse(&command, argc, argv, &operands);
    if (rc)
        return rc - 1;
    w.a = typed;
    if (!w.a.db)
        w.a.db = cli_default_db();
    rc = work(&w, &operands);
    cli_pairing_close(&w.pairing);
    for (size_t i = 0; i < w.side_count; i++)
        cli_side_close(&w.sides[i]);
    cli_asked_clear(&w.asked);
    cli_list_clear(&w.a.problems);
    cli_list_clear(&operands);
    return rc;
}
