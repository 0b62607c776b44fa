#include "harness/cli/sweep_store.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/cli/cli.h"
#include "harness/cli/filtered.h"
#include "harness/cli/patience.h"
#include "variants/cores.h"

struct known {
    char *problem, *variant;
    struct hrn_known state;
};

static int db_failed(struct sweep_store *s)
{
    return cli_fail(CLI_FAILED, "%s", pdb_errmsg(s->db));
}

static int out_of_memory(void)
{
    return cli_fail(CLI_FAILED, "out of memory");
}

int sweep_store_open(struct sweep_store *s, const char *path, const struct hrn_plan *plan)
{
    char *copy = strdup(path), *folder = copy ? dirname(copy) : NULL;
    if (folder && strcmp(folder, "."))
        (void)mkdir(folder, 0777); /* if it cannot be made, pdb_open() explains why */
    free(copy);
    s->path = path;
    s->plan = plan;
    s->ids = calloc(plan->count + 1, sizeof *s->ids);
    for (size_t i = 0; s->ids && i < plan->count; i++)
        if (!(s->ids[i] = calloc(plan->layers[i].count + 1, sizeof **s->ids)))
            return out_of_memory();
    if (!s->ids)
        return out_of_memory();
    return pdb_open(path, PDB_WRITE, &s->db) ? db_failed(s) : CLI_OK;
}

/* A copy of the good samples of a row, or of its twin. */
static int copy_samples(const int32_t *round, const double *ns, size_t count,
                        struct hrn_known_samples *out)
{
    int32_t *rounds = malloc((count + 1) * sizeof *rounds);
    double *times = malloc((count + 1) * sizeof *times);
    *out = (struct hrn_known_samples) { rounds, times, count };
    if (!rounds || !times)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) { /* of none there are no arrays */
        rounds[i] = round[i];
        times[i] = ns[i];
    }
    return 0;
}

static void clear_samples(const struct hrn_known_samples *samples)
{
    free((void *)(uintptr_t)samples->round);
    free((void *)(uintptr_t)samples->ns);
}

void sweep_store_close(struct sweep_store *s)
{
    for (size_t i = 0; i < s->known_count; i++) {
        free(s->known[i].problem);
        free(s->known[i].variant);
        clear_samples(&s->known[i].state.samples);
        clear_samples(&s->known[i].state.twin);
    }
    for (size_t i = 0; s->ids && i < s->plan->count; i++)
        free(s->ids[i]);
    free(s->known);
    hrn_symbols_clear(&s->symbols);
    free(s->ids);
    pdb_close(s->db);
}

/* ---- a new run */

int sweep_store_begin(struct sweep_store *s, const struct pdb_run *run)
{
    if (pdb_run_begin(s->db, run, &s->run_id))
        return db_failed(s);
    for (size_t i = 0; i < s->plan->count; i++) {
        const struct hrn_layer *layer = s->plan->layers[i].layer;
        if (pdb_run_problem(s->db, s->run_id, layer->key, layer->problem.name, layer->network,
                            layer->place, layer->times, krn_problem_macs(&layer->problem)))
            return db_failed(s);
    }
    char filtered[CLI_FILTERED_MAX];
    cli_filtered_format(s->plan->removed, filtered);
    if (filtered[0] && pdb_run_fact(s->db, s->run_id, "filtered", filtered))
        return db_failed(s);
    if (s->plan->core && pdb_run_fact(s->db, s->run_id, "core", s->plan->core->name))
        return db_failed(s);
    return pdb_commit(s->db) ? db_failed(s) : CLI_OK;
}

/* ---- an old run */

static int gather_measurement(const struct pdb_measurement_row *row, void *user)
{
    struct sweep_store *s = user;
    struct known *list = realloc(s->known, (s->known_count + 1) * sizeof *list);
    if (!list)
        return -ENOMEM;
    s->known = list;
    struct known *k = &list[s->known_count++];
    *k = (struct known) {
        .problem = strdup(s->gathering),
        .variant = strdup(row->variant),
        .state = { .proved = 1, .outcome = row->outcome },
    };
    if (!k->problem || !k->variant)
        return -ENOMEM;
    if (row->outcome == HRN_VOID) { /* all samples void: again; never proved: from the start */
        k->state.proved = row->stage == HRN_STAGE_TIME;
        k->state.outcome = HRN_OK;
    }
    int rc = copy_samples(row->sample_round, row->sample_ns, row->sample_count, &k->state.samples);
    return rc ? rc : copy_samples(row->twin.round, row->twin.ns, row->twin.count, &k->state.twin);
}

static int by_problem_and_variant(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    int order = strcmp(x->problem, y->problem);
    return order ? order : strcmp(x->variant, y->variant);
}

static int gather_known(struct sweep_store *s)
{
    for (size_t i = 0; i < s->plan->count; i++) {
        s->gathering = s->plan->layers[i].layer->key;
        if (pdb_measurements(s->db, s->run_id, s->gathering, gather_measurement, s))
            return db_failed(s);
    }
    if (s->known_count)
        qsort(s->known, s->known_count, sizeof *s->known, by_problem_and_variant);
    return CLI_OK;
}

struct run_search {
    int64_t id, last_here; /* last_here: the newest run of this device, 0 = none */
    const char *device_key;
    int found, same_device;
};

static int find_run(const struct pdb_run_row *row, void *user)
{
    struct run_search *search = user;
    int same_device = !strcmp(row->device_key, search->device_key);
    if (same_device)
        search->last_here = row->id;
    if (row->id == search->id) {
        search->found = 1;
        search->same_device = same_device;
    }
    return 0;
}

int sweep_store_resume(struct sweep_store *s, const char *which, const char *device_key)
{
    char *end = NULL;
    int last = !strcmp(which, "last");
    struct run_search search = { .id = last ? 0 : strtoll(which, &end, 10),
                                 .device_key = device_key };
    if (pdb_runs(s->db, find_run, &search))
        return db_failed(s);
    if (last && !search.last_here)
        return cli_fail(CLI_USAGE, "%s holds no run of %s to resume; leave --resume out", s->path,
                        device_key);
    if (!last && (!search.found || *end))
        return cli_fail(CLI_USAGE, "%s holds no run '%s'; 'quern report --list' lists them",
                        s->path, which);
    if (!last && !search.same_device)
        return cli_fail(CLI_USAGE, "run %s was made on another device; resume it there", which);
    s->run_id = last ? search.last_here : search.id;
    return gather_known(s);
}

int sweep_store_has_layer(const struct sweep_store *s, size_t layer)
{
    const char *key = s->plan->layers[layer].layer->key;
    for (size_t i = 0; i < s->known_count; i++)
        if (!strcmp(s->known[i].problem, key))
            return 1;
    return 0;
}

/* ---- the end of a run */

static void say_stopped(const char *command, int resumes)
{
    if (!resumes)
        fprintf(stderr, "quern sweep: stopped; predictions are made again with:\n  %s\n", command);
    else
        fprintf(stderr, "quern sweep: stopped; what was measured is kept. Go on with:\n  %s%s\n",
                command, strstr(command, " --resume") ? "" : " --resume last");
}

int sweep_store_end(struct sweep_store *s, int rc, const char *why, const char *command,
                    int resumes)
{
    /* A failure of the sink is the database's to explain, and must be read before the next call. */
    char db_error[400];
    snprintf(db_error, sizeof db_error, "%s", pdb_errmsg(s->db));
    int stored = pdb_run_end(s->db, s->run_id,
                             rc == -EINTR ? "interrupted"
                             : rc         ? "failed"
                                          : "complete");
    if (!stored)
        stored = pdb_commit(s->db);
    int is_device = cli_is_device_error(rc);
    if (rc && rc != -EINTR)
        cli_fail(CLI_FAILED, "%s", *db_error ? db_error : why);
    if (rc == -EINTR || is_device)
        say_stopped(command, resumes);
    if (rc)
        return rc == -EINTR                  ? CLI_INTERRUPTED
               : is_device || rc == -ENOTSUP ? CLI_DEVICE
                                             : CLI_FAILED;
    return stored ? db_failed(s) : CLI_OK;
}

/* ---- the sink */

static int new_measurement(struct sweep_store *s, size_t layer, const struct var_variant *v,
                           int64_t *id)
{
    char name[VAR_NAME_MAX], kernel_name[VAR_NAME_MAX], why[200];
    const char *knob_names[VAR_KNOB_COUNT];
    struct krn_kernel kernel;
    struct krn_conv conv;
    const struct krn_quant quant = { .lo = -128, .hi = 127 };
    const struct hrn_layer *l = s->plan->layers[layer].layer;
    var_name_format(v, name);
    var_kernel_describe(v, &kernel, kernel_name);
    struct pdb_variant row = { .name = name,
                               .kernel_name = kernel_name,
                               .isa = krn_isas[v->isa].name,
                               .family = krn_family_names[v->family],
                               .algorithm = "",
                               .knob_names = knob_names,
                               .knob_values = v->knob,
                               .knob_count = VAR_KNOB_COUNT };
    row.code_bytes = hrn_symbols_size(&s->symbols, kernel_name);
    if (!krn_conv_plan(&conv, &l->problem, &quant, &kernel, var_driver(v), why, sizeof why)) {
        row.algorithm = krn_algorithm_names[conv.algorithm];
        row.workspace_bytes = (int64_t)(conv.workspace_bytes + conv.scratch_bytes);
    }
    for (int i = 0; i < VAR_KNOB_COUNT; i++)
        knob_names[i] = var_knobs[i].name;
    int rc = var_source_facts(v, &row.source_hash, &row.callee_saved);
    return rc ? rc : pdb_measurement(s->db, s->run_id, l->key, &row, id);
}

/* `v` is an element of the plan, so its place there is its key. */
static int measurement(struct sweep_store *s, size_t layer, const struct var_variant *v,
                       int64_t *id)
{
    int64_t *slot = &s->ids[layer][v - s->plan->layers[layer].variants];
    int rc = *slot ? 0 : new_measurement(s, layer, v, slot);
    *id = *slot;
    return rc;
}

/* Without symbols the sizes are unknown, and that is all. */
static int store_built(const char *path, void *user)
{
    struct sweep_store *s = user;
    hrn_symbols_clear(&s->symbols);
    (void)hrn_symbols_read(path, &s->symbols);
    return 0;
}

/* The first layer that has it speaks for the run. */
static int store_layer(size_t layer, void *user)
{
    struct sweep_store *s = user;
    char value[32];
    int rc = 0;
    (void)layer;
    if (s->voltage_count) {
        snprintf(value, sizeof value, "%.0f", s->voltages_uv / (double)s->voltage_count);
        rc = pdb_run_fact(s->db, s->run_id, "battery-uv", value);
    }
    return rc ? rc : pdb_commit(s->db);
}

static int store_known(size_t layer, const struct var_variant *v, struct hrn_known *out, void *user)
{
    struct sweep_store *s = user;
    char name[VAR_NAME_MAX], problem[KRN_PROBLEM_STR_MAX];
    var_name_format(v, name);
    snprintf(problem, sizeof problem, "%s", s->plan->layers[layer].layer->key);
    const struct known key = { .problem = problem, .variant = name };
    const struct known *k =
        s->known_count ? bsearch(&key, s->known, s->known_count, sizeof key, by_problem_and_variant)
                       : NULL;
    *out = k ? k->state : (struct hrn_known) { 0 };
    return 0;
}

static int store_proof(size_t layer, const struct var_variant *v, const struct hrn_proof *proof,
                       void *user)
{
    struct sweep_store *s = user;
    int64_t id;
    int rc = measurement(s, layer, v, &id);
    if (!rc)
        rc = pdb_proof(s->db, id, proof);
    return rc ? rc : pdb_commit(s->db);
}

static int store_sample(size_t layer, const struct var_variant *v, const struct hrn_sample *sample,
                        const struct hrn_counter *counters, size_t counter_count, void *user)
{
    struct sweep_store *s = user;
    int64_t id;
    int rc = measurement(s, layer, v, &id);
    if (!rc)
        rc = pdb_sample(s->db, id, sample, counters, counter_count);
    if (sample->current_ua > 0 && sample->voltage_uv > 0) {
        s->voltages_uv += sample->voltage_uv;
        s->voltage_count++;
    }
    return rc ? rc : pdb_commit(s->db);
}

static int store_peak(enum krn_isa isa, const char *kernel_name, double macs_per_s, void *user)
{
    struct sweep_store *s = user;
    int rc = pdb_peak(s->db, s->run_id, krn_isas[isa].name, kernel_name, macs_per_s);
    return rc ? rc : pdb_commit(s->db);
}

static int store_fact(const char *name, const char *value, void *user)
{
    struct sweep_store *s = user;
    int rc = pdb_run_fact(s->db, s->run_id, name, value);
    return rc ? rc : pdb_commit(s->db);
}

/* ---- what `quern probe` found on this core, whichever run it was */

struct quarantine_search {
    const char *event;
    char *why;
    size_t why_bytes;
    int found;
};

static int look_for(const struct pdb_event_probe *row, void *user)
{
    struct quarantine_search *search = user;
    if (strcmp(row->event, search->event) == 0 && strcmp(row->verdict, "lies") == 0) {
        search->found = 1;
        snprintf(search->why, search->why_bytes, "quern probe: %s", row->detail);
    }
    return 0;
}

int sweep_store_quarantined(const char *event, char *why, size_t why_bytes, void *user)
{
    struct sweep_store *s = user;
    struct quarantine_search search = { event, why, why_bytes, 0 };
    return pdb_event_probes(s->db, s->run_id, look_for, &search) == 0 && search.found;
}

static void show_progress(size_t done, size_t total, const char *note, void *user)
{
    struct sweep_store *s = user;
    if (s->progress)
        s->progress(done, total, note);
}

struct hrn_sweep_sink sweep_store_sink(struct sweep_store *s)
{
    return (struct hrn_sweep_sink) {
        .user = s,
        .built = store_built,
        .layer = store_layer,
        .known = s->known_count ? store_known : NULL,
        .proof = store_proof,
        .sample = store_sample,
        .fact = store_fact,
        .peak = store_peak,
        .progress = show_progress,
    };
}
