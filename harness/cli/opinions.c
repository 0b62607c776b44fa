#include "harness/cli/opinions.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Which models */

static int is_none(const struct cli_list *named)
{
    return named->count == 1 && !strcmp(named->items[0], "none");
}

int cli_opinions_check(const struct cli_opinions *o)
{
    if (o->named.count > CLI_OPINIONS_MAX)
        return cli_fail(CLI_USAGE, "--model takes up to %d cores", CLI_OPINIONS_MAX);
    for (size_t i = 0; i < o->named.count && !is_none(&o->named); i++)
        if (!var_core_find(o->named.items[i], NULL))
            return cli_fail(CLI_USAGE,
                            "there is no model of '%s'; 'quern devices' lists those that there are",
                            o->named.items[i]);
    return CLI_OK;
}

static const struct var_core_pair *typical_of(const struct hrn_plan *plan)
{
    enum krn_isa best = KRN_ISA_C;
    for (size_t l = 0; l < plan->count; l++)
        for (size_t i = 0; i < plan->layers[l].count; i++) {
            enum krn_isa isa = plan->layers[l].variants[i].isa;
            best = var_typical_cores[isa].in_order && isa > best ? isa : best;
        }
    return &var_typical_cores[best];
}

static void add(struct cli_opinions *o, const char *name)
{
    if (name)
        o->of[o->count++].name = name;
}

static void choose(struct cli_opinions *o)
{
    const struct var_core_pair *typical = typical_of(o->plan);
    if (is_none(&o->named))
        return;
    for (size_t i = 0; i < o->named.count; i++)
        add(o, o->named.items[i]);
    if (!o->named.count) {
        add(o, typical->in_order);
        add(o, typical->out_of_order);
    }
}

int cli_opinions_gather(struct cli_opinions *o, const struct hrn_plan *plan,
                        struct hrn_counted *const *counted,
                        void (*progress)(size_t done, size_t total, const char *note))
{
    size_t kept = 0;
    int rc = 0;
    o->plan = plan;
    o->counted = counted;
    choose(o);
    for (size_t i = 0; !rc && i < o->count; i++) {
        struct hrn_predict_options options = { .stop = &cli_stop, .progress = progress };
        char err[600];
        options.core = var_core_find(o->of[i].name, NULL);
        rc = hrn_opinion_make(plan, counted, &options, &o->of[kept].opinion, err, sizeof err);
        o->of[kept].name = o->of[i].name;
        if (!rc)
            kept++;
        else
            hrn_opinion_clear(&o->of[kept].opinion);
        if (rc == -ENOENT) {
            fprintf(stderr, "quern count: no word of the model of %s: %s\n", o->of[i].name, err);
            rc = 0;
        } else if (rc && rc != -EINTR) {
            rc = cli_fail(CLI_FAILED, "%s", err);
        }
    }
    o->count = kept;
    return rc == -EINTR ? CLI_INTERRUPTED : rc;
}

void cli_opinions_clear(struct cli_opinions *o)
{
    for (size_t i = 0; i < o->count; i++)
        hrn_opinion_clear(&o->of[i].opinion);
    cli_list_clear(&o->named);
}

/* ---- One core on one layer */

static size_t variants_of(const struct cli_opinions *o, size_t layer)
{
    return o->plan->layers[layer].count;
}

static long winner_of(const struct cli_opinions *o, size_t i, size_t layer)
{
    return hrn_opinion_winner(&o->of[i].opinion, o->counted[layer], layer, variants_of(o, layer));
}

static double loss_of(const struct cli_opinions *o, size_t i, size_t layer, size_t variant)
{
    return hrn_opinion_loss(&o->of[i].opinion, layer, variant, variants_of(o, layer));
}

static void name_of(const struct cli_opinions *o, size_t layer, long variant,
                    char name[VAR_NAME_MAX])
{
    var_name_format(&o->plan->layers[layer].variants[variant], name);
}

int cli_opinions_has_winner(const struct cli_opinions *o, size_t layer, size_t variant)
{
    for (size_t i = 0; i < o->count; i++)
        if (winner_of(o, i, layer) == (long)variant)
            return 1;
    return 0;
}

/* The least executed, where the core's model says that it is slower than another; else -1. */
static long warned_of(const struct cli_opinions *o, size_t i, size_t layer)
{
    long least = hrn_count_least(o->counted[layer], variants_of(o, layer));
    return least >= 0 && loss_of(o, i, layer, (size_t)least) > HRN_OPINION_MARGIN ? least : -1;
}

/* Geometric mean of the winners on one core. */
static double mean_of(const struct cli_opinions *o, size_t i, int depthwise, size_t *layers)
{
    long *winners = calloc(o->plan->count + 1, sizeof *winners);
    *layers = 0;
    for (size_t l = 0; winners && l < o->plan->count; l++)
        winners[l] = winner_of(o, i, l);
    double mean =
        winners ? hrn_count_geomean(o->plan, o->counted, winners, depthwise, layers) : 0;
    free(winners);
    return mean;
}

/* ---- Text */

void cli_opinions_row(const struct cli_opinions *o, size_t layer, size_t variant,
                      struct cli_table *table)
{
    for (size_t i = 0; i < o->count; i++) {
        double loss = loss_of(o, i, layer, variant);
        const char *star = winner_of(o, i, layer) == (long)variant ? " *" : "";
        if (isnan(loss))
            cli_table_cell(table, "-");
        else
            cli_table_cell(table, "+%.1f %%%s", 100 * loss, star);
    }
}

static void print_warning(const struct cli_opinions *o, size_t i, size_t layer, long least)
{
    const struct krn_problem *problem = &o->plan->layers[layer].layer->problem;
    const struct hrn_counted *counted = o->counted[layer];
    long winner = winner_of(o, i, layer);
    char a[VAR_NAME_MAX], b[VAR_NAME_MAX];
    name_of(o, layer, least, a);
    name_of(o, layer, winner, b);
    printf("Warning: %s, %s: %s executes least (%.4f), but is predicted %.1f %% slower than the "
           "fastest that was counted; the winner there is %s (%.4f).\n",
           problem->name[0] ? problem->name : o->plan->layers[layer].layer->key, o->of[i].name, a,
           hrn_insn_per_mac(&counted[least], problem), 100 * loss_of(o, i, layer, (size_t)least), b,
           hrn_insn_per_mac(&counted[winner], problem));
}

static const char *const kinds[] = { "other than depthwise", "depthwise" };

void cli_opinions_print(const struct cli_opinions *o)
{
    if (o->count)
        printf("* the winner on the core: PREDICTED no more than %.0f %% slower than the fastest "
               "of these (calls of the micro-kernel by its model, what the driver executes at the "
               "core's rate of compiled code), and of those the one that executes least\n",
               100 * HRN_OPINION_MARGIN);
    for (size_t l = 0; l < o->plan->count; l++)
        for (size_t i = 0; i < o->count; i++) {
            long least = warned_of(o, i, l);
            if (least >= 0)
                print_warning(o, i, l, least);
        }
    for (size_t i = 0; i < o->count; i++)
        for (int depthwise = 0; depthwise < 2; depthwise++) {
            size_t layers;
            double mean = mean_of(o, i, depthwise, &layers);
            if (layers)
                printf("Geometric mean of the winners on %s (%s), %zu %s: %.4f instructions per "
                       "MAC\n",
                       o->of[i].name, o->of[i].opinion.core->llvm_cpu ? "out of order" : "in order",
                       layers, kinds[depthwise], mean);
        }
}

/* ---- JSON */

void cli_opinions_members(const struct cli_opinions *o, size_t layer, size_t variant)
{
    int first = 1;
    fputs(", \"predicted\": {", stdout);
    for (size_t i = 0; i < o->count; i++) {
        double cycles = o->of[i].opinion.cycles[layer][variant];
        if (cycles <= 0)
            continue;
        printf("%s\"%s\": {\"cycles\": %.0f, \"slower\": %.4f, \"wins\": %s}", first ? "" : ", ",
               o->of[i].name, cycles, loss_of(o, i, layer, variant),
               winner_of(o, i, layer) == (long)variant ? "true" : "false");
        first = 0;
    }
    putchar('}');
}

void cli_opinions_layer_members(const struct cli_opinions *o, size_t layer)
{
    int first = 1;
    char name[VAR_NAME_MAX];
    fputs(", \"winners\": {", stdout);
    for (size_t i = 0; i < o->count; i++) {
        long winner = winner_of(o, i, layer);
        if (winner < 0)
            continue;
        name_of(o, layer, winner, name);
        printf("%s\"%s\": \"%s\"", first ? "" : ", ", o->of[i].name, name);
        first = 0;
    }
    fputs("}, \"warnings\": [", stdout);
    first = 1;
    for (size_t i = 0; i < o->count; i++) {
        long least = warned_of(o, i, layer);
        if (least < 0)
            continue;
        name_of(o, layer, least, name);
        printf("%s{\"core\": \"%s\", \"least\": \"%s\", \"slower\": %.4f}", first ? "" : ", ",
               o->of[i].name, name, loss_of(o, i, layer, (size_t)least));
        first = 0;
    }
    putchar(']');
}

void cli_opinions_json_means(const struct cli_opinions *o)
{
    static const char *const keys[] = { "geomean_insn_per_mac", "geomean_insn_per_mac_depthwise" };
    fputs("  \"winners\": {", stdout);
    for (size_t i = 0; i < o->count; i++) {
        printf("%s\"%s\": {\"kind\": \"%s\"", i ? ", " : "", o->of[i].name,
               o->of[i].opinion.core->llvm_cpu ? "out of order" : "in order");
        for (int depthwise = 0; depthwise < 2; depthwise++) {
            size_t layers;
            double mean = mean_of(o, i, depthwise, &layers);
            if (layers)
                printf(", \"%s\": %.6f", keys[depthwise], mean);
        }
        putchar('}');
    }
    fputs("},\n", stdout);
}
