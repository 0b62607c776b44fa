/* Runs without times: what an emulator counted and what a model predicted, from the sweep to the
 * report; and the choice of variants by prediction. */
#include <errno.h>
#include <math.h>

#include "harness/sweep/predict.h"
#include "perfdb/perfdb.h"
#include "reports/report.h"
#include "tests/t.h"
#include "tests/t_run.h"

static char folder[200];

static const char *in_folder(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- what is in the database by hand: 1000 MACs, three variants */

static const struct {
    const char *variant;
    struct {
        const char *event;
        int64_t value;
    } counters[HRN_PREDICTED_COUNT];
} counted[] = {
    { "dotprod_gemm_m4n16k4u1a0b0l128s0", { { "insn", 250 }, { "kernel.insn", 240 } } },
    { "dotprod_gemm_m8n8k4u1a0b0l128s0", { { "insn", 125 }, { "kernel.insn", 100 } } },
    { "dotprod_gemm_m1n16k4u1a0b0l128s0", { { NULL, 0 } } },
}, predicted[] = {
    { "dotprod_gemm_m4n16k4u1a0b0l128s0",
      { { "cycles", 100000 },
        { "peak.cycles", 62500 },
        { "tile.cycles", 10000 },
        { "tile.mac", 100000 },
        { "loop.cycles", 4000 },
        { "loop.mac", 64000 } } },
    { "dotprod_gemm_m8n8k4u1a0b0l128s0",
      { { "cycles", 80000 },
        { "peak.cycles", 62500 },
        { "tile.cycles", 10000 },
        { "tile.mac", 112000 } } },
    { "dotprod_gemm_m1n16k4u1a0b0l128s0", { { NULL, 0 } } },
};

static void store(struct pdb *db, int64_t run, const char *variant, int64_t calls,
                  const struct hrn_counter *counters, size_t count)
{
    const struct pdb_variant row = { .name = variant,
                                     .kernel_name = variant,
                                     .isa = "dotprod",
                                     .family = "gemm",
                                     .algorithm = "pointwise" };
    struct hrn_proof proof = { .outcome = count ? HRN_OK : HRN_REFUSED };
    struct hrn_sample sample = { .calls = calls, .temp_mc = INT32_MIN, .outcome = HRN_OK };
    int64_t id;
    T_CHECK(pdb_measurement(db, run, "ic10ih10oc1oh10kh1", &row, &id) == 0);
    snprintf(proof.detail, sizeof proof.detail, "by hand");
    if (calls == 1 || !count)
        T_CHECK(pdb_proof(db, id, &proof) == 0);
    if (count)
        T_CHECK(pdb_sample(db, id, &sample, counters, count) == 0);
}

static void write_run(const char *path, enum hrn_evidence evidence)
{
    const struct pdb_run run = { .device_key = "x",
                                 .evidence = evidence,
                                 .command = "quern sweep" };
    struct pdb *db;
    int64_t id = 0;
    T_CHECK(pdb_open(path, PDB_WRITE, &db) == 0 && pdb_run_begin(db, &run, &id) == 0);
    T_CHECK(pdb_run_problem(db, id, "ic10ih10oc1oh10kh1", "t", "", 0, 1, 1000) == 0);
    for (size_t i = 0; i < 3; i++) {
        struct hrn_counter counters[HRN_PREDICTED_COUNT];
        size_t n = 0;
        memset(counters, 0, sizeof counters);
        for (; n < HRN_PREDICTED_COUNT; n++) {
            const char *event = evidence == HRN_EMULATED ? counted[i].counters[n].event
                                                         : predicted[i].counters[n].event;
            if (!event)
                break;
            snprintf(counters[n].event, sizeof counters[n].event, "%s", event);
            counters[n].value = evidence == HRN_EMULATED ? counted[i].counters[n].value
                                                         : predicted[i].counters[n].value;
        }
        store(db, id, counted[i].variant, evidence == HRN_EMULATED ? 1 : HRN_PREDICTED_CALLS,
              counters, n);
    }
    T_CHECK(pdb_run_end(db, id, "complete") == 0 && pdb_commit(db) == 0);
    pdb_close(db);
}

static char *render(const struct rpt_run *run, int (*write)(const struct rpt_run *, FILE *))
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    T_CHECK(out && write(run, out) == 0);
    fclose(out);
    return text;
}

static int text_of(const struct rpt_run *run, FILE *out)
{
    return rpt_text(run, 0, out);
}

/* The page is a file; its text goes on to `out`. */
static int html_of(const struct rpt_run *run, FILE *out)
{
    struct rpt_error error;
    int result = rpt_html(run, in_folder("page.html"), folder, &error);
    FILE *page = result == 0 ? fopen(in_folder("page.html"), "r") : NULL;
    for (int c; page && (c = fgetc(page)) != EOF;)
        fputc(c, out);
    if (page)
        fclose(page);
    return page ? 0 : -1;
}

static void check_words(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (!T_CHECK(strstr(text, *words) != NULL))
            printf("  no '%s' in:\n%s\n", *words, text);
}

static void shows(enum hrn_evidence evidence, const char *const *words, const char *const *json)
{
    static int (*const formats[])(const struct rpt_run *, FILE *) = { text_of, rpt_markdown };
    struct rpt_error error;
    struct rpt_run run;
    struct pdb *db;
    const char *path = in_folder(evidence == HRN_EMULATED ? "counted.db" : "predicted.db");
    write_run(path, evidence);
    T_CHECK(pdb_open(path, PDB_READ, &db) == 0 && rpt_run_load(db, 0, &run, &error) == 0);
    /* The least first, what has no figure last. */
    T_CHECK(run.layer_count == 1 && run.layers[0].count == 3);
    T_CHECK(strcmp(run.layers[0].candidates[0].variant, counted[1].variant) == 0);
    T_CHECK(strcmp(run.layers[0].candidates[2].variant, counted[2].variant) == 0);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char *text = render(&run, formats[i]);
        check_words(text, words);
        T_CHECK(strstr(text, "GMAC") == NULL && strstr(text, " us") == NULL);
        free(text);
    }
    char *text = render(&run, rpt_json);
    check_words(text, json);
    T_CHECK(strstr(text, "real_time") == NULL);
    free(text);
    T_CHECK(rpt_html(&run, in_folder("page.html"), folder, &error) == 0);
    rpt_run_clear(&run);
    pdb_close(db);
    unlink(path);
}

static void shows_both(void)
{
    static const char *const counts[] = { "EMULATED COUNTS", "0.1250",         "0.1000",
                                          "2 of 3",          "Geometric mean", NULL };
    static const char *const counts_json[] = { "\"insn\"", "\"kernel.insn\"", "emulated", NULL };
    /* Peak: 1000 MACs in 62.5 cycles, 16 a cycle. Best layer 12.5, tile 11.2 (of both), loop 16. */
    static const char *const cycles[] = { "PREDICTED", "12.50",  "78.1", "70.0",
                                          "100.0",     "2 of 3", NULL };
    static const char *const cycles_json[] = { "\"peak.cycles\"", "predicted", NULL };
    shows(HRN_EMULATED, counts, counts_json);
    shows(HRN_PREDICTED, cycles, cycles_json);
}

/* ---- a model in a sweep */

struct seen {
    size_t samples, proofs, layers;
    double cycles, least;
};

static int on_layer(size_t layer, void *user)
{
    ((struct seen *)user)->layers++;
    return layer < 2 ? 0 : -EINVAL;
}

static int on_proof(size_t layer, const struct var_variant *v, const struct hrn_proof *proof,
                    void *user)
{
    (void)layer;
    /* A level that the core lacks, or a family whose calls the model does not know. */
    T_CHECK(proof->outcome == HRN_NO_ISA ||
            (proof->outcome == HRN_REFUSED && v->family == KRN_FAMILY_DIRECT));
    T_CHECK(proof->detail[0]);
    ((struct seen *)user)->proofs++;
    return 0;
}

static int on_sample(size_t layer, const struct var_variant *v, const struct hrn_sample *sample,
                     const struct hrn_counter *counters, size_t count, void *user)
{
    struct seen *seen = user;
    (void)layer;
    T_CHECK(sample->time_ns == 0 && sample->calls == HRN_PREDICTED_CALLS && count >= 4);
    T_CHECK(strcmp(counters[0].event, "cycles") == 0 && v->isa != KRN_ISA_I8MM);
    /* Nothing is faster than the peak, but Winograd's, which makes fewer products. */
    T_CHECK(counters[1].value > 0 &&
            (counters[0].value >= counters[1].value || v->family == KRN_FAMILY_WINO));
    seen->samples++;
    return 0;
}

static void on_progress(size_t done, size_t total, const char *note, void *user)
{
    (void)note, (void)user;
    T_CHECK(done <= total);
}

static int takes_some(const struct var_variant *v, void *user)
{
    (void)user;
    return (v->knob[VAR_KNOB_MR] * 7 + v->knob[VAR_KNOB_NR]) % 4 == 0;
}

static int make_plan(struct hrn_layers *layers, struct hrn_plan *plan)
{
    const uint32_t isas = 1u << KRN_ISA_NEON | 1u << KRN_ISA_DOTPROD | 1u << KRN_ISA_I8MM;
    char err[600];
    T_CHECK(!hrn_layers_add_text(layers, "ic64ih12oc48kh1", "", err, sizeof err));
    T_CHECK(!hrn_layers_add_text(layers, "ic32ih8oc32kh3ph1", "", err, sizeof err));
    return T_CHECK(!hrn_plan_make(layers, isas, takes_some, NULL, 60, 1, plan, err, sizeof err));
}

static void predicts_a_sweep(void)
{
    const struct var_core *core = var_core_find("cortex-a55", NULL);
    struct seen seen = { 0 };
    const struct hrn_sweep_sink sink = { .user = &seen,
                                         .layer = on_layer,
                                         .proof = on_proof,
                                         .sample = on_sample,
                                         .progress = on_progress };
    struct hrn_layers layers = { 0 };
    struct hrn_plan plan = { 0 };
    char err[600];
    if (!make_plan(&layers, &plan))
        return;
    T_CHECK(hrn_sweep_predict(&plan, core, NULL, &sink, err, sizeof err) == 0);
    T_CHECK(seen.layers == 2 && seen.samples > 0 && seen.proofs > 0);
    T_CHECK(seen.samples + seen.proofs == plan.variants);
    hrn_plan_clear(&plan);
    hrn_layers_clear(&layers);
}

/* The defaults stay, then the best; what is dropped is not better than what is kept. */
static void keeps_the_best(void)
{
    const struct hrn_predict_options options = { .core = var_core_find("cortex-a510", NULL) };
    struct hrn_layers layers = { 0 };
    struct hrn_plan plan = { 0 };
    char err[600];
    enum { KEEP = 12 };
    if (!make_plan(&layers, &plan))
        return;
    T_CHECK(hrn_plan_predict(&plan, &options, err, sizeof err) == 0);
    for (size_t l = 0; l < plan.count; l++)
        T_CHECK(plan.layers[l].count > KEEP && plan.layers[l].predicted[0] > 0);
    double best = INFINITY;
    for (size_t i = 0; i < plan.layers[0].count; i++)
        best = fmin(best, plan.layers[0].predicted[i]);
    size_t defaults = plan.layers[0].defaults;
    struct var_variant first = plan.layers[0].variants[0];
    hrn_plan_keep(&plan, KEEP);
    T_CHECK(plan.layers[0].count == KEEP && plan.layers[0].defaults == defaults);
    T_CHECK(plan.variants == plan.layers[0].count + plan.layers[1].count);
    T_CHECK(memcmp(&plan.layers[0].variants[0], &first, sizeof first) == 0);
    double kept = INFINITY;
    for (size_t i = 0; i < KEEP; i++)
        kept = fmin(kept, plan.layers[0].predicted[i]);
    T_CHECK(kept <= best);
    hrn_plan_clear(&plan);
    hrn_layers_clear(&layers);
}

/* A model runs nothing, and says so. */
static void runs_nothing(void)
{
    struct hrn_device *device;
    char err[300], path[64];
    T_CHECK(hrn_device_open("model:cortex-x1", &device, err, sizeof err) == 0);
    const struct hrn_device_info *info = hrn_device_info(device);
    T_CHECK(info->evidence == HRN_PREDICTED && !(info->isas >> KRN_ISA_I8MM & 1));
    T_CHECK(hrn_device_push(device, "/bin/true", path, sizeof path) == -ENOTSUP);
    T_CHECK(strstr(hrn_device_error(device), "runs no programs") != NULL);
    hrn_device_close(device);
    T_CHECK(hrn_device_open("model:cortex-a999", &device, err, sizeof err) == -EINVAL);
    T_CHECK(device == NULL && strstr(err, "quern devices"));
}

/* Two samples at 1 ms a call, the second with or without a current: what is said of the energy. */
static const struct energy {
    int64_t each_ns;
    int32_t second_ua;
    const char *battery_uv; /* NULL: no such fact */
    double energy_j;
} energies[] = {
    { 31000000000, 500000, "4000000", 1.8e-3 }, /* 450 mA at 4 V for 1 ms */
    { 29000000000, 500000, "4000000", 0 },      /* too short */
    { 61000000000, 0, "4000000", 0 },           /* a cable came */
    { 31000000000, 500000, NULL, 0 },
};

static int64_t write_energy(struct pdb *db, const struct energy *row)
{
    static const char key[] = "ic10ih10oc1oh10kh1";
    const char *name = counted[0].variant;
    const struct pdb_run run = { .device_key = "x",
                                 .evidence = HRN_MEASURED,
                                 .command = "quern sweep" };
    const struct pdb_variant variant = { .name = name,
                                         .kernel_name = name,
                                         .isa = "dotprod",
                                         .family = "gemm",
                                         .algorithm = "pointwise" };
    const struct hrn_proof proof = { .outcome = HRN_OK };
    struct hrn_sample sample = { .calls = row->each_ns / 1000000,
                                 .time_ns = row->each_ns,
                                 .temp_mc = INT32_MIN };
    int64_t id = 0, measurement;
    T_CHECK(pdb_run_begin(db, &run, &id) == 0);
    T_CHECK(pdb_run_problem(db, id, key, "t", "", 0, 1, 1000) == 0);
    T_CHECK(pdb_measurement(db, id, key, &variant, &measurement) == 0);
    T_CHECK(pdb_proof(db, measurement, &proof) == 0);
    for (; sample.round < 2; sample.round++) {
        sample.current_ua = sample.round ? row->second_ua : 400000;
        T_CHECK(pdb_sample(db, measurement, &sample, NULL, 0) == 0);
    }
    if (row->battery_uv)
        T_CHECK(pdb_run_fact(db, id, "battery-uv", row->battery_uv) == 0);
    T_CHECK(pdb_run_end(db, id, "complete") == 0 && pdb_commit(db) == 0);
    return id;
}

static void tells_energy(void)
{
    static const struct {
        int (*write)(const struct rpt_run *run, FILE *out);
        const char *known, *unknown;
    } formats[] = {
        { text_of, "1.80 mJ", "Energy of a call: unknown" },
        { rpt_markdown, "1.80 mJ", "Energy of a call: unknown" },
        { html_of, "1.80 mJ", "Energy of a call: unknown" },
        { rpt_csv, ",0.0018,\r\n", ",,\r\n" }, /* empty is unknown there */
        { rpt_json, "\"energy_j_per_call\"", "\"name\"" },
    };
    for (size_t i = 0; i < sizeof energies / sizeof *energies; i++) {
        struct rpt_error error;
        struct rpt_run run;
        struct pdb *db;
        char path[64];
        snprintf(path, sizeof path, "%s/energy.db", folder);
        if (!T_CHECK(pdb_open(path, PDB_WRITE, &db) == 0))
            return;
        int64_t id = write_energy(db, &energies[i]);
        if (T_CHECK(rpt_run_load(db, id, &run, &error) == 0)) {
            T_CHECK(fabs(run.layers[0].candidates[0].energy_j - energies[i].energy_j) < 1e-9);
            const int known = energies[i].energy_j > 0;
            for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
                char *text = render(&run, formats[f].write);
                const char *what = known ? formats[f].known : formats[f].unknown;
                if (!T_CHECK(strstr(text, what) != NULL))
                    printf("  row %zu, format %zu: no \"%s\"\n", i, f, what);
                free(text);
            }
            rpt_run_clear(&run);
        }
        pdb_close(db);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    t_folder(folder, sizeof folder);
    shows_both();
    predicts_a_sweep();
    keeps_the_best();
    runs_nothing();
    tells_energy();
    t_remove(folder);
    return t_end();
}
