#include "harness/cli/ranking.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/cli/cli_int.h"

struct scope {
    const struct cli_ranking *ranking;
    size_t layer;
};

static int by_rank(const void *a, const void *b, void *user)
{
    const struct scope *s = user;
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = s->ranking->compare(s->ranking->user, s->layer, x, y);
    return order ? order : x > y ? 1 : -1;
}

/* The variants of a layer that are shown, in their order; freed by the caller. */
static size_t *shown_of(const struct cli_ranking *r, size_t layer, size_t *shown)
{
    const size_t count = r->plan->layers[layer].count;
    size_t *order = calloc(count + 1, sizeof *order);
    *shown = 0;
    if (!order)
        return NULL;
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, by_rank, &(struct scope) { r, layer });
    for (size_t i = 0; i < count; i++)
        if (!r->top || i < (size_t)r->top ||
            (r->is_wanted && r->is_wanted(r->user, layer, order[i])))
            order[(*shown)++] = order[i];
    return order;
}

void cli_ranking_rows(const struct cli_ranking *r, struct cli_table *table)
{
    for (size_t l = 0; l < r->plan->count; l++) {
        const struct hrn_plan_layer *layer = &r->plan->layers[l];
        const struct krn_problem *problem = &layer->layer->problem;
        size_t count, *shown = shown_of(r, l, &count);
        for (size_t i = 0; i < count; i++) {
            char name[VAR_NAME_MAX];
            var_name_format(&layer->variants[shown[i]], name);
            cli_table_cell(table, "%s", problem->name[0] ? problem->name : layer->layer->key);
            cli_table_cell(table, "%s", name);
            r->row(r->user, l, shown[i], table);
        }
        free(shown);
    }
}

static void print_layer(const struct cli_ranking *r, size_t l)
{
    const struct hrn_plan_layer *layer = &r->plan->layers[l];
    size_t count, *shown = shown_of(r, l, &count);
    printf("%s\n    {\"layer\": ", l ? "," : "");
    cli_json_string(stdout, layer->layer->problem.name);
    printf(", \"problem\": \"%s\", \"macs\": %" PRId64, layer->layer->key,
           krn_problem_macs(&layer->layer->problem));
    if (r->layer_members)
        r->layer_members(r->user, l);
    fputs(", \"variants\": [", stdout);
    for (size_t i = 0; i < count; i++) {
        char name[VAR_NAME_MAX];
        var_name_format(&layer->variants[shown[i]], name);
        printf("%s\n      {\"variant\": \"%s\"", i ? "," : "", name);
        r->members(r->user, l, shown[i]);
        putchar('}');
    }
    fputs("\n    ]}", stdout);
    free(shown);
}

void cli_ranking_json(const struct cli_ranking *r)
{
    fputs("  \"layers\": [", stdout);
    for (size_t l = 0; l < r->plan->count; l++)
        print_layer(r, l);
    fputs("\n  ]", stdout);
}
