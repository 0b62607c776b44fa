#include "harness/cli/stored.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "variants/cores.h"

#define ROUNDS_MAX (1 << 16) /* a round number beyond this is no round */

/* Rows come one by one, and how many rounds there are shows at the end: first the lists. */
struct row {
    struct pdb_series samples, twin; /* owned copies */
};

struct load {
    const struct var_core *core; /* of the run; NULL = none in particular */
    struct cli_stored *out;
    struct row *rows; /* [of.count] */
    int rounds;
    size_t baseline; /* with a twin; SIZE_MAX = none yet */
};

static int copy(const int32_t *round, const double *ns, size_t count, struct pdb_series *out)
{
    int32_t *rounds = malloc((count + 1) * sizeof *rounds);
    double *times = malloc((count + 1) * sizeof *times);
    *out = (struct pdb_series) { rounds, times, count };
    if (!rounds || !times)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) { /* of none there are no arrays */
        rounds[i] = round[i];
        times[i] = ns[i];
    }
    return 0;
}

static int grow(struct load *load)
{
    struct cli_stored *out = load->out;
    size_t n = out->of.count;
    if (n < out->capacity)
        return 0;
    size_t wider = n ? 2 * n : 64;
    void *lists[] = { realloc(load->rows, wider * sizeof *load->rows),
                      realloc(out->names, wider * sizeof *out->names),
                      realloc(out->of.points, wider * sizeof *out->of.points),
                      realloc(out->of.cost, wider * sizeof *out->of.cost) };
    load->rows = lists[0] ? lists[0] : load->rows;
    out->names = lists[1] ? lists[1] : out->names;
    out->of.points = lists[2] ? lists[2] : out->of.points;
    out->of.cost = lists[3] ? lists[3] : out->of.cost;
    if (!lists[0] || !lists[1] || !lists[2] || !lists[3])
        return -ENOMEM;
    out->capacity = wider;
    return 0;
}

static int take(const struct pdb_measurement_row *row, void *user)
{
    struct load *load = user;
    struct hrn_stored *of = &load->out->of;
    struct var_variant variant;
    char why[200];
    int last = row->sample_count ? row->sample_round[row->sample_count - 1] : -1;
    if (row->outcome != HRN_OK || last < 0 || last >= ROUNDS_MAX || row->sample_round[0] < 0)
        return 0;
    if (var_name_parse(row->variant, &variant, why, sizeof why)) {
        load->out->unknown++;
        return 0;
    }
    if (grow(load))
        return -ENOMEM;
    size_t i = of->count++;
    load->rows[i] = (struct row) { { NULL, NULL, 0 }, { NULL, NULL, 0 } };
    load->out->names[i] = strdup(row->variant);
    of->points[i] = (struct hrn_point) { .variant = variant, .predicted = NAN };
    of->cost[i] = (struct hrn_cost) { HRN_COST_UNKNOWN, HRN_COST_UNKNOWN, HRN_COST_UNKNOWN };
    if (row->code_bytes > 0)
        of->cost[i] =
            (struct hrn_cost) { row->code_bytes, row->callee_saved, row->workspace_bytes };
    load->rounds = last + 1 > load->rounds ? last + 1 : load->rounds;
    if (row->twin.count && load->baseline == SIZE_MAX)
        load->baseline = i;
    int rc = copy(row->sample_round, row->sample_ns, row->sample_count, &load->rows[i].samples);
    if (!rc)
        rc = copy(row->twin.round, row->twin.ns, row->twin.count, &load->rows[i].twin);
    return rc ? rc : load->out->names[i] ? 0 : -ENOMEM;
}

/* ---- the lists become a table */

static void spread(const struct pdb_series *s, double *times, int rounds)
{
    for (int r = 0; r < rounds; r++)
        times[r] = NAN;
    for (size_t i = 0; i < s->count; i++)
        if (s->round[i] >= 0 && s->round[i] < rounds && s->ns[i] > 0)
            times[s->round[i]] = s->ns[i];
}

static int tabulate(struct load *load)
{
    struct hrn_stored *of = &load->out->of;
    size_t rounds = (size_t)load->rounds;
    of->rounds = load->rounds;
    of->ns = malloc(of->count * rounds * sizeof *of->ns);
    of->twin = malloc(rounds * sizeof *of->twin);
    if (!of->ns || !of->twin)
        return -ENOMEM;
    spread(&load->rows[0].twin, of->twin, load->rounds);
    for (size_t i = 0; i < of->count; i++) {
        int is_complete = 1;
        spread(&load->rows[i].samples, of->ns + i * rounds, load->rounds);
        for (size_t r = 0; r < rounds; r++)
            is_complete &= !isnan(of->ns[i * rounds + r]);
        load->out->complete += (size_t)is_complete;
    }
    return 0;
}

/* ---- who is the baseline */

static int take_core(const char *name, const char *value, void *user)
{
    struct load *load = user;
    if (!strcmp(name, "core"))
        load->core = var_core_find(value, NULL);
    return 0;
}

static int is_default_of(const struct hrn_point *p, const struct krn_problem *problem,
                         enum krn_epilogue epilogue, const struct var_core *core)
{
    struct var_variant plain;
    return !var_default_on(core, p->variant.isa, problem, epilogue, &plain) &&
           plain.family == p->variant.family &&
           !memcmp(plain.knob, p->variant.knob, sizeof plain.knob);
}

static void swap(struct load *load, size_t a, size_t b)
{
    struct cli_stored *out = load->out;
    struct row row = load->rows[a];
    char *name = out->names[a];
    struct hrn_point point = out->of.points[a];
    struct hrn_cost cost = out->of.cost[a];
    load->rows[a] = load->rows[b], load->rows[b] = row;
    out->names[a] = out->names[b], out->names[b] = name;
    out->of.points[a] = out->of.points[b], out->of.points[b] = point;
    out->of.cost[a] = out->of.cost[b], out->of.cost[b] = cost;
}

/* To the front. 0, or -ENODATA where there is none. */
static int choose_baseline(struct load *load, const char *text)
{
    struct hrn_stored *of = &load->out->of;
    struct krn_problem problem;
    enum krn_epilogue epilogue;
    char why[200];
    int strongest = -1;
    if (krn_layer_parse(text, &problem, &epilogue, why, sizeof why))
        return -ENODATA;
    for (size_t i = 0; i < of->count; i++) {
        of->points[i].is_default = is_default_of(&of->points[i], &problem, epilogue, load->core);
        if (of->points[i].is_default && load->baseline == SIZE_MAX &&
            (int)of->points[i].variant.isa > strongest)
            strongest = (int)of->points[i].variant.isa;
    }
    for (size_t i = 0; i < of->count && load->baseline == SIZE_MAX; i++)
        if (of->points[i].is_default && (int)of->points[i].variant.isa == strongest)
            load->baseline = i;
    if (load->baseline == SIZE_MAX)
        return -ENODATA;
    swap(load, 0, load->baseline);
    return 0;
}

static void clear_series(struct pdb_series *s)
{
    free((void *)(uintptr_t)s->round);
    free((void *)(uintptr_t)s->ns);
}

int cli_stored_load(struct pdb *db, int64_t run_id, const char *problem, struct cli_stored *out,
                    char *err, size_t err_bytes)
{
    struct load load = { .out = out, .baseline = SIZE_MAX };
    int rc = pdb_run_facts(db, run_id, take_core, &load);
    if (!rc)
        rc = pdb_measurements(db, run_id, problem, take, &load);
    snprintf(err, err_bytes, "%s", rc == -ENOMEM ? "out of memory" : rc ? pdb_errmsg(db) : "");
    if (!rc && !out->of.count) {
        snprintf(err, err_bytes, "run %lld has no timed variant of %s", (long long)run_id, problem);
        rc = -ENODATA;
    } else if (!rc && (rc = choose_baseline(&load, problem))) {
        snprintf(err, err_bytes, "run %lld has not timed a default of %s to compare with",
                 (long long)run_id, problem);
    }
    if (!rc && (rc = tabulate(&load)))
        snprintf(err, err_bytes, "out of memory");
    for (size_t i = 0; load.rows && i < out->of.count; i++) {
        clear_series(&load.rows[i].samples);
        clear_series(&load.rows[i].twin);
    }
    free(load.rows);
    out->of.names = (const char *const *)out->names;
    return rc;
}

void cli_stored_clear(struct cli_stored *stored)
{
    for (size_t i = 0; i < stored->of.count; i++)
        free(stored->names[i]);
    free(stored->names);
    free(stored->of.points);
    free(stored->of.cost);
    free(stored->of.ns);
    free(stored->of.twin);
    *stored = (struct cli_stored) { .names = NULL };
}

/* ---- code */

struct hash_search {
    const char *variant;
    uint64_t hash;
    int found;
};

static int find_hash(const struct pdb_measurement_row *row, void *user)
{
    struct hash_search *search = user;
    if (strcmp(row->variant, search->variant) == 0) {
        search->hash = row->source_hash;
        search->found = 1;
    }
    return 0;
}

int cli_stored_is_same(struct pdb *db, int64_t run_id, const char *problem,
                       const struct var_variant *v, const char *name)
{
    struct hash_search search = { .variant = name };
    uint64_t now;
    int rc = pdb_measurements(db, run_id, problem, find_hash, &search);
    return rc ? rc : search.found && var_source_hash(v, &now) == 0 && now == search.hash;
}
