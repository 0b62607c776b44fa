/* One packing for a little and a big core: `quern pair` on a database whose truth is known. The
 * times in it are made up; nothing here is a measurement.
 *
 *     test_pair QUERN */
#include <json-c/json.h>
#include <math.h>

#include "perfdb/perfdb.h"
#include "tests/t_noise.h"
#include "tests/t_quern.h"
#include "variants/packing.h"

enum { ROUNDS = 15, CORES = 2 };

static const struct core {
    const char *key, *cpu, *midr;
    double scale; /* of the times below */
} cores[CORES] = { { "adb:PHONE/cpu0", "Cortex-A55", "0x412fd050", 40e3 },
                   { "adb:PHONE/cpu4", "Cortex-A76", "0x414fd0b1", 8e3 } };

/* What a kernel with panels of nr columns takes on each core: 0 = it was not swept there. rounds:
 * how many the search gave it, 0 = all. */
struct truth {
    int nr;
    double time[CORES];
    int rounds[CORES];
};
static const struct layer {
    const char *problem, *title;
    int times;
    struct truth of[4];
} layers[] = {
    /* each core's own winner is bad for the other; the third is nearly as good on both */
    { "ic64ih14oc64oh14kh1",
      "trade",
      3,
      { { 16, { 1, 1.25 }, { 0 } }, { 12, { 1.3, 1 }, { 0 } }, { 8, { 1.05, 1.04 }, { 0 } } } },
    /* equals, of which one needs less memory: 40 columns are whole panels of it */
    { "ic64ih14oc40oh14kh1",
      "equals",
      1,
      { { 16, { 1, 1 }, { 0 } }, { 8, { 1, 1 }, { 0 } }, { 12, { 1.2, 1.2 }, { 0 } } } },
    /* no packing is of both */
    { "ic32ih14oc48oh14kh1", "apart", 1, { { 16, { 1, 0 }, { 0 } }, { 12, { 0, 1 }, { 0 } } } },
    /* one lucky round is no reason: 12 has but two on the big core */
    { "ic48ih14oc48oh14kh1",
      "lucky",
      1,
      { { 16, { 1, 1.02 }, { 0 } }, { 12, { 1.01, 0.5 }, { 0, 2 } }, { 8, { 1.5, 1 }, { 0 } } } },
};
enum { LAYERS = sizeof layers / sizeof *layers };

/* The first of the space with so many columns; on the second core the first with other rows, too:
 * other code, packed the same. */
static struct var_variant variant_of(const char *text, int nr, int core)
{
    int rows = 0;
    struct var_variant v = { .isa = KRN_ISA_C };
    struct krn_problem p;
    struct var_space space;
    char err[200];
    T_CHECK(krn_problem_parse(text, &p, err, sizeof err) == 0);
    var_space_init(&space, 1u << KRN_ISA_DOTPROD, &p);
    while (var_space_next(&space, &v))
        if (v.family == KRN_FAMILY_GEMM && v.knob[VAR_KNOB_NR] == nr && v.knob[VAR_KNOB_KR] == 4 &&
            v.knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_FLOAT && v.knob[VAR_KNOB_MR] != rows) {
            if (core == 0 || rows)
                return v;
            rows = v.knob[VAR_KNOB_MR];
        }
    T_CHECK(!"a gemm of so many columns");
    return v;
}

static void add_samples(struct pdb *db, int64_t id, double time, int rounds, enum hrn_role role,
                        uint64_t *rng)
{
    static const double still[ROUNDS];
    double times[ROUNDS];
    t_times(times, ROUNDS, time, 0.001, still, rng);
    for (int r = 0; r < rounds; r++) {
        const struct hrn_sample sample = { .round = r,
                                           .calls = 10,
                                           .time_ns = (int64_t)(10 * times[r]),
                                           .temp_mc = INT32_MIN,
                                           .role = role };
        T_CHECK(pdb_sample(db, id, &sample, NULL, 0) == 0);
    }
}

static void add_variant(struct pdb *db, int64_t run, const struct layer *layer,
                        const struct truth *truth, int core, int is_first, uint64_t *rng)
{
    const struct var_variant v = variant_of(layer->problem, truth->nr, core);
    const struct hrn_proof proof = { .outcome = HRN_OK, .stage = HRN_STAGE_PROVE, .checks = 9 };
    char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX];
    struct pdb_variant row = { .name = name,
                               .kernel_name = kernel,
                               .isa = krn_isas[v.isa].name,
                               .family = krn_family_names[v.family],
                               .algorithm = "pointwise",
                               .code_bytes = 1000,
                               .callee_saved = 2 };
    int64_t id;
    int rounds = truth->rounds[core] ? truth->rounds[core] : ROUNDS;
    double time = truth->time[core] * cores[core].scale;
    var_name_format(&v, name);
    var_kernel_name_format(&v, kernel);
    T_CHECK(var_source_hash(&v, &row.source_hash) == 0);
    T_CHECK(pdb_measurement(db, run, layer->problem, &row, &id) == 0);
    T_CHECK(pdb_proof(db, id, &proof) == 0);
    add_samples(db, id, time, rounds, HRN_CANDIDATE, rng);
    if (is_first)
        add_samples(db, id, time, ROUNDS, HRN_TWIN, rng);
}

static int64_t begin_run(struct pdb *db, int core, const char *key, const char *command,
                         enum hrn_evidence evidence)
{
    const struct pdb_run row = { .device_key = key ? key : cores[core].key,
                                 .arch = "aarch64",
                                 .cpu = cores[core].cpu,
                                 .midr = cores[core].midr,
                                 .evidence = evidence,
                                 .compiler = "cc 1",
                                 .command = command,
                                 .seed = t_seed,
                                 .rounds = ROUNDS };
    int64_t id = 0;
    T_CHECK(pdb_run_begin(db, &row, &id) == 0);
    return id;
}

static void end_run(struct pdb *db, int64_t run)
{
    T_CHECK(pdb_run_end(db, run, "complete") == 0 && pdb_commit(db) == 0);
}

static void add_core(struct pdb *db, int core, uint64_t *rng)
{
    int64_t run = begin_run(db, core, NULL, "quern sweep", HRN_MEASURED);
    for (int l = 0; l < LAYERS; l++) {
        T_CHECK(pdb_run_problem(db, run, layers[l].problem, layers[l].title, "net", l,
                                layers[l].times, 1000000) == 0);
        for (int i = 0; i < 4; i++)
            if (layers[l].of[i].time[core] > 0)
                add_variant(db, run, &layers[l], &layers[l].of[i], core, i == 0, rng);
    }
    if (core == 0)
        T_CHECK(pdb_run_problem(db, run, "ic8ih4oc8oh4kh1", "only here", "net", LAYERS, 1, 1000) ==
                0);
    end_run(db, run);
}

/* Cycles of a model are a counter of one sample without a time. */
static void add_model(struct pdb *db, const char *key, const double cycles[2])
{
    int64_t run = begin_run(db, 0, key, "quern sweep both", HRN_PREDICTED), id;
    const int nr[2] = { 16, 12 };
    T_CHECK(pdb_run_problem(db, run, layers[0].problem, "", "", 0, 1, 1000000) == 0);
    for (int i = 0; i < 2; i++) {
        const struct var_variant v = variant_of(layers[0].problem, nr[i], 0);
        const struct hrn_sample sample = { .calls = 1000, .temp_mc = INT32_MIN };
        const struct hrn_counter counter = { .event = "cycles",
                                             .value = (int64_t)(1000 * cycles[i]),
                                             .enabled_ns = 1,
                                             .running_ns = 1 };
        char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX];
        var_name_format(&v, name);
        var_kernel_name_format(&v, kernel);
        const struct pdb_variant row = { .name = name,
                                         .kernel_name = kernel,
                                         .isa = "dotprod",
                                         .family = "gemm",
                                         .algorithm = "pointwise",
                                         .callee_saved = -1 };
        T_CHECK(pdb_measurement(db, run, layers[0].problem, &row, &id) == 0);
        T_CHECK(pdb_sample(db, id, &sample, &counter, 1) == 0);
    }
    end_run(db, run);
}

/* Runs 1 and 2: the phone; 3: emulated; 4: of another phone, without layers in common; 5, 6:
 * predicted, of one command. */
static void make_database(const char *path)
{
    struct pdb *db = NULL;
    uint64_t rng = t_seed;
    char full[300];
    snprintf(full, sizeof full, "%s/%s", base, path);
    T_CHECK(pdb_open(full, PDB_WRITE, &db) == 0);
    for (int core = 0; core < CORES; core++)
        add_core(db, core, &rng);
    int64_t run = begin_run(db, 0, "qemu:cortex-a55", "quern sweep", HRN_EMULATED);
    end_run(db, run);
    run = begin_run(db, 1, "adb:OTHER", "quern sweep other", HRN_MEASURED);
    T_CHECK(pdb_run_problem(db, run, "ic8ih5oc8oh5kh1", "x", "", 0, 1, 1000) == 0);
    add_variant(db, run, &(struct layer) { .problem = "ic8ih5oc8oh5kh1" },
                &(struct truth) { 8, { 1, 1 }, { 0 } }, 1, 1, &rng);
    end_run(db, run);
    add_model(db, "model:cortex-a55", (const double[]) { 1000, 1250 });
    add_model(db, "model:cortex-a76", (const double[]) { 600, 500 });
    pdb_close(db);
}

/* ---- what the JSON says */

static struct json_object *get(struct json_object *of, const char *key)
{
    struct json_object *found = NULL;
    if (!T_CHECK(json_object_object_get_ex(of, key, &found)))
        printf("  no member %s\n", key);
    return found;
}

static struct json_object *at(struct json_object *list, size_t i)
{
    return list && json_object_is_type(list, json_type_array) ? json_object_array_get_idx(list, i)
                                                              : NULL;
}

static const char *text(struct json_object *of, const char *key)
{
    const char *s = json_object_get_string(get(of, key));
    return s ? s : "";
}

static double number(struct json_object *of, const char *key)
{
    return json_object_get_double(get(of, key));
}

static size_t bytes_of(int layer, int nr)
{
    const struct var_variant v = variant_of(layers[layer].problem, nr, 0);
    struct krn_problem p;
    char err[200], name[VAR_PACKING_MAX];
    size_t bytes = 0;
    T_CHECK(krn_problem_parse(layers[layer].problem, &p, err, sizeof err) == 0);
    T_CHECK(var_packing_name(&v, &p, name, &bytes) == 0);
    return bytes;
}

/* A row of each choice that must come out, whatever the noise. */
static const struct {
    const char *options[2];
    const char *packing[LAYERS];
} choices[] = {
    { { NULL, NULL }, { "n8k4q2", "n8k4q2", "", "n16k4q2" } },
    { { "--criterion=worst", NULL }, { "n8k4q2", "n8k4q2", "", "n16k4q2" } },
    { { "--criterion=total", NULL }, { "n8k4q2", "n8k4q2", "", "n16k4q2" } },
    { { "--weights=1,0", NULL }, { "n16k4q2", "n8k4q2", "", "n16k4q2" } },
    { { "--weights=0,1", NULL }, { "n12k4q2", "n8k4q2", "", "n8k4q2" } },
    { { "--weights=0,1", "--criterion=worst" }, { "n12k4q2", "n8k4q2", "", "n8k4q2" } },
};

static struct json_object *pair_json(const char *a, const char *b)
{
    const char *argv[] = { quern, "pair", "1", "run:2", "--db=q.db", "--json", a, b, NULL };
    if (!a)
        argv[6] = NULL;
    T_CHECK(t_run(base, output, sizeof output, argv) == 0);
    struct json_object *root = json_tokener_parse(output);
    if (!T_CHECK(root != NULL))
        printf("%s\n", output);
    return root;
}

static void check_choices(void)
{
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        struct json_object *root = pair_json(choices[i].options[0], choices[i].options[1]);
        struct json_object *of = get(root, "layers");
        T_CHECK(json_object_array_length(of) == LAYERS);
        for (int l = 0; l < LAYERS; l++) {
            const char *got = json_object_get_string(get(at(of, (size_t)l), "packing"));
            if (!T_CHECK(strcmp(got ? got : "", choices[i].packing[l]) == 0))
                printf("  %s, %s: %s\n", choices[i].options[0] ? choices[i].options[0] : "",
                       layers[l].title, got);
        }
        json_object_put(root);
    }
}

static void check_figures(void)
{
    struct json_object *root = pair_json(NULL, NULL), *of = get(root, "layers");
    struct json_object *chosen = at(get(at(of, 0), "packings"), 0), *total;
    T_CHECK_STR(text(root, "evidence"), "measured");
    for (size_t t = 0; t < CORES; t++) { /* the loss, and an interval that has the truth in it */
        struct json_object *cell = at(get(chosen, "cores"), t);
        double truth = layers[0].of[2].time[t];
        T_CHECK(fabs(number(cell, "ratio") - truth) < 0.01);
        T_CHECK(number(cell, "low") <= truth + 0.002 && number(cell, "high") >= truth - 0.002);
        T_CHECK(number(cell, "high") - number(cell, "low") < 0.02);
        T_CHECK_STR(text(cell, "verdict"), "slower");
        T_CHECK(number(cell, "pairs") == ROUNDS);
    }
    T_CHECK(fabs(number(chosen, "score") - (sqrt(1.05 * 1.04) - 1)) < 0.005);
    T_CHECK(number(at(of, 0), "tied") == 1 && number(at(of, 1), "tied") == 2);
    total = at(get(root, "totals"), 0);
    T_CHECK(number(total, "layers") == LAYERS && number(total, "shared") == LAYERS - 1);
    /* 3 x trade: second copies of 12; equals: 8 instead of what each core's own needs; apart: two
     */
    size_t apart = bytes_of(2, 16) + bytes_of(2, 12);
    T_CHECK(number(total, "bytes") ==
            (double)(3 * bytes_of(0, 8) + bytes_of(1, 8) + apart + bytes_of(3, 16)));
    for (size_t t = 0; t < CORES; t++) {
        struct json_object *core = at(get(total, "cores"), t);
        double own = 3 + 1 + 1 + 1, with = 3 * layers[0].of[2].time[t] + 1 + 1 + (t ? 1.02 : 1);
        T_CHECK(fabs(number(core, "its_own") / cores[t].scale - own) < 0.05);
        T_CHECK(fabs(number(core, "loss") - (with / own - 1)) < 0.006);
        T_CHECK(number(core, "low") <= number(core, "loss") &&
                number(core, "loss") <= number(core, "high"));
    }
    json_object_put(root);
}

static void check_text(void)
{
    EXPECT(QUERN("pair", "2", "--db=q.db"), 0, "One packing of the weights for all cores");
    T_CHECK(strstr(output, "run 1: adb:PHONE/cpu0") && strstr(output, "run 2: adb:PHONE/cpu4"));
    T_CHECK(strstr(output, "(none of all)") && strstr(output, "KiB saved"));
    T_CHECK(strstr(output, "On 1 layer no packing") && strstr(output, "Left out: 1 layer"));
    T_CHECK(strstr(output, "too few rounds there"));
    EXPECT(QUERN("pair", "2", "--db=q.db", "--top=2", "--problem=ic64ih14oc64kh1"), 0, "worse by");
    EXPECT(QUERN("pair", "device:adb:PHONE/cpu4", "device:adb:PHONE/cpu0", "--db=q.db",
                 "--weights=3,1"),
           0, "cores weighted 3:1");
    T_CHECK(strstr(output, "core 1  run 2"));
    EXPECT(QUERN("pair", "2@q.db", "1@q.db"), 0, "core 1  run 2");
    /* the newest run is of a sweep of two models; exact, and no time */
    EXPECT(QUERN("pair", "--db=q.db"), 0, "PREDICTED by static models");
    T_CHECK(strstr(output, "+25.0 %") && strstr(output, "+20.0 %"));
    T_CHECK(strstr(output, "model:cortex-a76") && !strstr(output, "rounds") &&
            !strstr(output, " us"));
}

static void check_refusals(void)
{
    EXPECT(QUERN("pair", "1", "5", "--db=q.db"), 2, "never mix");
    EXPECT(QUERN("pair", "1", "3", "--db=q.db"), 2, "is emulated");
    EXPECT(QUERN("pair", "1", "1", "--db=q.db"), 2, "named twice");
    EXPECT(QUERN("pair", "4", "--db=q.db"), 2, "is of one core");
    EXPECT(QUERN("pair", "1", "4", "--db=q.db"), 2, "no layer in common");
    EXPECT(QUERN("pair", "1", "2", "1", "2", "1", "--db=q.db"), 2, "2 to 4 cores");
    EXPECT(QUERN("pair", "99", "--db=q.db"), 2, "no run fits");
    EXPECT(QUERN("pair", "c_gemm_m4n4k1u1l8s0", "--db=q.db"), 2, "c_gemm");
    EXPECT(QUERN("pair", "1", "2", "--db=q.db", "--criterion=wurst"), 2, "did you mean 'worst'");
    EXPECT(QUERN("pair", "1", "2", "--db=q.db", "--weights=1"), 2, "as many weights");
    EXPECT(QUERN("pair", "1", "2", "--db=q.db", "--weights=0,0"), 2, "not all of them 0");
    EXPECT(QUERN("pair", "1", "2", "--db=q.db", "--weights=1,x"), 2, "'x'");
    EXPECT(QUERN("pair", "1", "2", "--db=q.db", "--problem=ic"), 2, "--problem");
    EXPECT(QUERN("pair", "1", "2", "--db=none.db"), 2, "no database");
}

/* ---- the package */

/* Which core it is on, copies of the weights, and what each core runs. */
static const char user[] =
    "#include <stdio.h>\n#include <stdlib.h>\n#include \"quern_kernels.h\"\n"
    "int main(void)\n{\n"
    "    static const char *const texts[] = { \"ic64ih14oc64kh1\", \"ic32ih14oc48kh1\" };\n"
    "    struct krn_quant quant = { 0, 0, -128, 127 };\n"
    "    static int8_t weights[64 * 64];\n    static float scale[64];\n"
    "    printf(\"on %s of %d\\n\", quern_core_name(quern_core_here()), (int)quern_core_kinds());\n"
    "    for (int i = 0; i < 2; i++) {\n"
    "        struct krn_problem p;\n        struct quern_conv *conv;\n        char err[200];\n"
    "        if (krn_problem_parse(texts[i], &p, err, sizeof err) != 0 ||\n"
    "            quern_conv_create(&p, &quant, weights, NULL, scale, &conv, err, sizeof err) != "
    "0)\n"
    "            return 1;\n"
    "        printf(\"%d bytes %s %s\\n\", (int)quern_conv_packed_bytes(conv),\n"
    "               quern_conv_choice_core(conv, 0).variant,\n"
    "               quern_conv_choice_core(conv, 1).variant);\n"
    "        quern_conv_destroy(conv);\n    }\n    return 0;\n}\n";

static void write_user(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/both/user.c", base);
    FILE *f = fopen(path, "w");
    if (T_CHECK(f != NULL)) {
        fputs(user, f);
        fclose(f);
    }
}

static void run_package(void)
{
    char folder[300], want[400], little[VAR_NAME_MAX], big[VAR_NAME_MAX];
    struct var_variant v = variant_of(layers[0].problem, 8, 0);
    if (!t_has_program("aarch64-linux-gnu-gcc") || !t_has_program("qemu-aarch64") ||
        !t_has_program("make")) {
        printf("package: no cross compiler, no qemu-aarch64 or no make: not run\n");
        return;
    }
    write_user();
    snprintf(folder, sizeof folder, "%s/both", base);
    int rc = T_RUN(folder, output, "make", "-s", "-j2", "CC=aarch64-linux-gnu-gcc",
                   "AR=aarch64-linux-gnu-ar", "CFLAGS=-O1 -static", "selftest");
    if (rc == 0)
        rc = T_RUN(folder, output, "aarch64-linux-gnu-gcc", "-static", "-I.", "-Iinclude", "user.c",
                   "libquern_kernels.a", "-o", "user");
    if (!T_CHECK(rc == 0))
        printf("%s\n", output);
    EXPECT(T_RUN(folder, output, "qemu-aarch64", "-cpu", "cortex-a76", "./selftest"), 0,
           "selftest: passed");
    EXPECT(T_RUN(folder, output, "qemu-aarch64", "-cpu", "cortex-a76", "./user"), 0,
           "on Cortex-A76 of 2");
    var_name_format(&v, little);
    v = variant_of(layers[0].problem, 8, 1);
    var_name_format(&v, big);
    snprintf(want, sizeof want, "\n%zu bytes %s %s\n", bytes_of(0, 8), little, big); /* once */
    T_CHECK(strcmp(little, big) != 0 && strstr(output, want));
    snprintf(want, sizeof want, "\n%zu bytes ", bytes_of(2, 16) + bytes_of(2, 12)); /* twice */
    T_CHECK(strstr(output, want));
    EXPECT(T_RUN(folder, output, "qemu-aarch64", "-cpu", "cortex-a53", "./user"), 0,
           "on Cortex-A55 of 2"); /* none of them: the first */
}

static void check_export(void)
{
    EXPECT(QUERN("export", "--db=q.db", "--run=2", "--packing=pair", "both"), 0, "both: 8 choices");
    T_CHECK(strstr(output, "Cortex-A55") && strstr(output, "Cortex-A76"));
    EXPECT(QUERN("export", "--db=q.db", "--check", "both"), 0, "are what the database gives");
    EXPECT(QUERN("export", "--db=q.db", "--check", "--run=1", "both"), 1, "differ");
    EXPECT(T_RUN(base, output, "cat", "both/passport.json"), 0,
           "--run=1 --run=2 --packing=pair --criterion=mean --weights=1,1");
    T_CHECK(strstr(output, "\"packing\": \"n8k4q2\"") &&
            strstr(output, "\"core\": \"Cortex-A76\""));
    T_CHECK(strstr(output, "\"core_midr\": \"0x414fd0b1\"") &&
            strstr(output, "the core's own winner"));
    EXPECT(T_RUN(base, output, "cat", "both/README.md"), 0, "2 kinds of core");
    run_package();
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "--run=2", "--packing=pair", "--weights=0,1",
                 "--json", "big"),
           0, "\"core\": \"Cortex-A55\"");
    EXPECT(QUERN("export", "--db=q.db", "--check", "big"), 0, "are what the database gives");
    EXPECT(QUERN("export", "--db=q.db", "--packing=pair", "x"), 1, "is predicted, not measured");
    EXPECT(QUERN("export", "--db=q.db", "--packing=pair", "--run=4", "x"), 2, "is of one core");
    EXPECT(QUERN("export", "--db=q.db", "--packing=pears", "x"), 2, "own or pair");
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "--weights=1,1", "x"), 2, "--packing=pair");
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "--run=4", "--packing=pair", "x"), 1,
           "no layer in common");
}

/* ---- the report of a run whose sweep has other cores */

static void check_report(void)
{
    const char title[] = "One packing of the weights for all cores";
    EXPECT(QUERN("report", "--db=q.db", "--run=1"), 0, title);
    T_CHECK(strstr(output, "KiB saved") && strstr(output, "median us"));
    EXPECT(QUERN("report", "--db=q.db", "--run=2", "--format=markdown"), 0, title);
    EXPECT(QUERN("report", "--db=q.db"), 0, "PREDICTED by static models");
    EXPECT(QUERN("report", "--db=q.db", "--run=4"), 0, "adb:OTHER");
    T_CHECK(!strstr(output, title));
    EXPECT(QUERN("report", "--db=q.db", "--run=1", "-o", "page.html"), 0, "page.html");
    EXPECT(T_RUN(base, output, "grep", "-c", "id=\"pair\"\\|#pair", "page.html"), 0, "2");
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 2)
        t_skip("needs the program `quern` as its argument");
    quern = realpath(argv[1], NULL); /* it is run from another folder */
    if (!T_CHECK(quern != NULL))
        return t_end();
    t_folder(base, sizeof base);
    make_database("q.db");
    check_choices();
    check_figures();
    check_text();
    check_refusals();
    check_export();
    check_report();
    t_remove(base);
    free(quern);
    return t_end();
}
