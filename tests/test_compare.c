/* `quern compare` and `quern replay`, as programs, on databases whose truth is known. */
#include <json-c/json.h>
#include <math.h>

#include "perfdb/perfdb.h"
#include "tests/t_noise.h"
#include "tests/t_run.h"
#include "variants/variant.h"

enum { ROUNDS = 15, LAYERS = 3 };

static const char *const problems[LAYERS] = { "ic64ih14oc64oh14kh3ph1", "ic32ih28oc64oh28kh1",
                                              "ic16ih28oc32oh28kh3ph1" };
static char folder[256], db[300], other[300], output[60000];
static const char *quern;

/* Times of a variant on a layer of a run are its place in the space, times what the run does. */
struct run {
    const char *db, *device;
    double factor[LAYERS]; /* of all but the baseline */
    double machine;        /* of everything */
    enum hrn_evidence evidence;
};

static void add_samples(struct pdb *to, int64_t id, const double *times, enum hrn_role role)
{
    const struct hrn_proof proof = { .outcome = HRN_OK, .stage = HRN_STAGE_PROVE, .checks = 9 };
    if (role == HRN_CANDIDATE)
        T_CHECK(pdb_proof(to, id, &proof) == 0);
    for (int r = 0; r < ROUNDS; r++) {
        const struct hrn_sample sample = { .round = r,
                                           .calls = 10,
                                           .time_ns = (int64_t)(10 * times[r]),
                                           .temp_mc = INT32_MIN,
                                           .role = role };
        T_CHECK(pdb_sample(to, id, &sample, NULL, 0) == 0);
    }
}

static void add_variant(struct pdb *to, int64_t run, int layer, const struct var_variant *v,
                        double centre, int is_baseline, const double *drift, uint64_t *state)
{
    char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX];
    double times[ROUNDS];
    int64_t id;
    var_name_format(v, name);
    var_kernel_name_format(v, kernel);
    const struct pdb_variant row = { .name = name,
                                     .kernel_name = kernel,
                                     .isa = krn_isas[v->isa].name,
                                     .family = krn_family_names[v->family],
                                     .algorithm = "indirect",
                                     .source_hash = 7,
                                     .code_bytes = 1000,
                                     .workspace_bytes = 64,
                                     .callee_saved = 2 };
    T_CHECK(pdb_measurement(to, run, problems[layer], &row, &id) == 0);
    t_times(times, ROUNDS, centre, 0.001, drift, state);
    add_samples(to, id, times, HRN_CANDIDATE);
    t_times(times, ROUNDS, centre, 0.001, drift, state);
    if (is_baseline)
        add_samples(to, id, times, HRN_TWIN);
}

/* The default at 1.0, the others from 0.9 up. */
static void add_layer(struct pdb *to, int64_t run, int layer, const struct run *r, uint64_t *state)
{
    struct krn_problem problem;
    struct var_variant plain, v;
    struct var_space space;
    double drift[ROUNDS] = { 0 }, factor = 0.9; /* a steady machine: the truth must show */
    char err[200];
    T_CHECK(krn_problem_parse(problems[layer], &problem, err, sizeof err) == 0);
    T_CHECK(var_default(KRN_ISA_AVX2, &problem, &plain) == 0);
    T_CHECK(pdb_run_problem(to, run, problems[layer], "", "", layer, 1,
                            krn_problem_macs(&problem)) == 0);
    add_variant(to, run, layer, &plain, 1e5 * r->machine, 1, drift, state);
    var_space_init(&space, 1u << KRN_ISA_AVX2, &problem);
    for (int i = 0; i < 40 && var_space_next(&space, &v); i++) {
        if (!memcmp(&v, &plain, sizeof v))
            continue;
        add_variant(to, run, layer, &v, 1e5 * factor * r->factor[layer] * r->machine, 0, drift,
                    state);
        factor += 0.03;
    }
}

static void add_run(const struct run *r, uint64_t seed)
{
    const struct pdb_run row = { .device_key = r->device,
                                 .arch = "x86_64",
                                 .cpu = "synthetic",
                                 .command = "quern sweep",
                                 .evidence = r->evidence,
                                 .seed = seed,
                                 .rounds = ROUNDS };
    struct pdb *to;
    int64_t run;
    uint64_t state = seed;
    T_CHECK(pdb_open(r->db, PDB_WRITE, &to) == 0);
    T_CHECK(pdb_run_begin(to, &row, &run) == 0);
    for (int l = 0; l < LAYERS; l++)
        add_layer(to, run, l, r, &state);
    T_CHECK(pdb_peak(to, run, "avx2", "avx2_peak_u12l256", 1e11 / r->machine) == 0);
    T_CHECK(pdb_run_end(to, run, "complete") == 0 && pdb_commit(to) == 0);
    pdb_close(to);
}

/* Each row is a command line behind `quern compare`, its exit code, and what it must say. */
static const struct {
    const char *a, *b, *option;
    int code;
    const char *says[3];
} rows[] = {
    { "run:1", "run:1", NULL, 0, { "equal on 3", "the same", "paired by round" } },
    { "run:1", "run:2", NULL, 1, { "faster on 1, slower on 1, equal on 1", "mean", "worst 1.0" } },
    { "run:2", "run:1", NULL, 1, { "faster on 1, slower on 1, equal on 1", "0.95", "share no" } },
    /* the machine was 10 % slower; the kernels were not */
    { "run:1", "run:3", NULL, 1, { "slower on 3", "The machine itself", "--relative takes" } },
    { "run:1", "run:3", "--relative", 0, { "equal on 3", "relative to the default", "" } },
    { "device:other", "last", NULL, 0, { "run 3", "run 4", "faster on 3" } },
    { "date:2999-01-01", "last", NULL, 0, { "equal on 3", "run 4", "run 4" } },
    { "run:1", "run:1@OTHER", NULL, 0, { "faster on 3", "other.db", "geometric mean 0." } },
    { "OTHER", "run:1", NULL, 1, { "slower on 3", "other.db", "geometric mean 1.2" } },
    { "VARIANT0", "VARIANT5", "--run=1", 1, { "slower on 2", "paired by round", "VARIANT5" } },
    { "run:1", "run:2", "--variant=VARIANT5", 1, { "the same", "slower on 1", "" } },
    { "run:1", "run:2", "--problem=ic32ih28oc64kh1", 0, { "equal on 1", "of 1 layer;", "" } },
    { "run:1", "run:2", "--problem=ic8ih9oc8kh1", 2, { "nothing to compare", "", "" } },
    { "run:1", "run:9", NULL, 2, { "no run fits", "report --list", "" } },
    { "run:x", "run:1", NULL, 2, { "is no run", "", "" } },
    { "date:31.1.2026", "run:1", NULL, 2, { "is no date", "2026-01-31", "" } },
    { "run:1", "avx3_gemm", NULL, 2, { "is none of", "", "" } },
    { "run:1", "VARIANT0", NULL, 2, { "a variant and a run", "", "" } },
    { "run:1@/no/such.db", "run:1", NULL, 2, { "no database /no/such.db", "", "" } },
    { "run:1@EMULATED", "run:1", NULL, 2, { "emulated", "no times", "" } },
};

static char variants[6][VAR_NAME_MAX]; /* VARIANT0 ... of the rows: fastest first */
static char emulated[300];

/* A word of a row with its placeholders filled in. */
static const char *fill(const char *word, char *out, size_t bytes)
{
    const char *const from[] = { "OTHER", "VARIANT0", "VARIANT5", "EMULATED" };
    const char *const to[] = { other, variants[0], variants[5], emulated };
    snprintf(out, bytes, "%s", word);
    for (size_t i = 0; i < 4; i++) {
        const char *at = strstr(word, from[i]);
        if (at)
            snprintf(out, bytes, "%.*s%s", (int)(at - word), word, to[i]);
    }
    return out;
}

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char a[500], b[500], option[500], want[500];
        fill(rows[i].a, a, sizeof a);
        fill(rows[i].b, b, sizeof b);
        int code = rows[i].option ? T_RUN(NULL, output, quern, "compare", "--db", db, a, b,
                                          fill(rows[i].option, option, sizeof option))
                                  : T_RUN(NULL, output, quern, "compare", "--db", db, a, b);
        int ok = T_CHECK(code == rows[i].code);
        for (int k = 0; k < 3; k++)
            ok &= T_CHECK(strstr(output, fill(rows[i].says[k], want, sizeof want)) != NULL);
        if (!ok)
            printf("  %s %s %s: %d\n%s\n", rows[i].a, rows[i].b, rows[i].option, code, output);
    }
}

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *found = NULL;
    T_CHECK(json_object_object_get_ex(o, key, &found));
    return found;
}

static void test_json(void)
{
    T_CHECK(T_RUN(NULL, output, quern, "compare", "--db", db, "run:1", "run:2", "--json") == 1);
    struct json_object *all = json_tokener_parse(output);
    if (!T_CHECK(all != NULL))
        return;
    T_CHECK(json_object_get_boolean(member(all, "regressed")));
    T_CHECK(json_object_get_int(member(all, "slower")) == 1);
    struct json_object *layers = member(all, "layers");
    T_CHECK(json_object_array_length(layers) == LAYERS);
    struct json_object *row = json_object_array_get_idx(layers, 0);
    T_CHECK(fabs(json_object_get_double(member(row, "ratio")) - 1.05) < 0.01);
    T_CHECK(json_object_get_double(member(row, "p_ranks")) < 0.01);
    json_object_put(all);
}

static void test_replay(void)
{
    char plot[600], path[600];
    T_CHECK(T_RUN(NULL, output, quern, "replay", "--db", db, "--run", "1", "--strategy", "racing",
                  "--repeats", "2") == 0);
    T_CHECK(strstr(output, "racing: within 2 % of the fastest on 3 of 3 layers") != NULL);
    T_CHECK(T_RUN(NULL, output, quern, "replay", "--db", db, "--run", "1", "--json", "--repeats",
                  "1", "-p", problems[1]) == 0);
    struct json_object *all = json_tokener_parse(output);
    if (T_CHECK(all != NULL)) {
        struct json_object *layer = json_object_array_get_idx(member(all, "layers"), 0);
        T_CHECK(json_object_array_length(member(layer, "strategies")) == 6);
        T_CHECK_STR(json_object_get_string(member(layer, "problem")), problems[1]);
    }
    json_object_put(all);
    T_CHECK(T_RUN(NULL, output, quern, "replay", "--db", db, "--strategy", "racin") == 2);
    T_CHECK(strstr(output, "did you mean 'racing'") != NULL);
    T_CHECK(T_RUN(NULL, output, quern, "replay", "--db", db, "--strategy", "pruned") == 2);
    T_CHECK(T_RUN(NULL, output, quern, "replay", "--db", db, "--run", "77") == 2);
    T_CHECK(T_RUN(NULL, output, quern, "replay", "--db", "/no/such.db") == 2);
    T_CHECK(T_RUN(NULL, output, quern, "replay", "--db", db, "--plot", "plot.pdf") == 2);
    snprintf(plot, sizeof plot, "%s/search.svg", folder);
    if (!t_has_program("gnuplot")) {
        printf("no plot: gnuplot is not installed\n");
        return;
    }
    T_CHECK(T_RUN(NULL, output, quern, "replay", "--db", db, "--repeats", "1", "--plot", plot) ==
            0);
    T_CHECK(access(plot, R_OK) == 0);
    snprintf(path, sizeof path, "%s/search.gp", folder);
    T_CHECK(access(path, R_OK) == 0);
}

static void name_variants(void)
{
    struct krn_problem problem;
    struct var_variant plain, v;
    struct var_space space;
    char err[200];
    int n = 0;
    T_CHECK(krn_problem_parse(problems[0], &problem, err, sizeof err) == 0);
    T_CHECK(var_default(KRN_ISA_AVX2, &problem, &plain) == 0);
    var_space_init(&space, 1u << KRN_ISA_AVX2, &problem);
    while (n < 6 && var_space_next(&space, &v))
        if (memcmp(&v, &plain, sizeof v))
            var_name_format(&v, variants[n++]);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 2)
        t_skip("usage: test_compare QUERN");
    quern = argv[1];
    t_folder(folder, sizeof folder);
    snprintf(db, sizeof db, "%s/quern.db", folder);
    snprintf(other, sizeof other, "%s/other.db", folder);
    snprintf(emulated, sizeof emulated, "%s/emulated.db", folder);
    const struct run runs[] = {
        { db, "local", { 1, 1, 1 }, 1, HRN_MEASURED },
        { db, "local", { 1.05, 1, 0.95 }, 1, HRN_MEASURED },
        { db, "other", { 1, 1, 1 }, 1.1, HRN_MEASURED },
        { db, "local", { 1, 0.9, 1.05 }, 1, HRN_MEASURED },
        { other, "local", { 0.8, 0.8, 0.8 }, 1, HRN_MEASURED },
        { emulated, "qemu:max", { 1, 1, 1 }, 1, HRN_EMULATED },
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        add_run(&runs[i], t_seed + i);
    name_variants();
    test_rows();
    test_json();
    test_replay();
    t_remove(folder);
    return t_end();
}
