/* `quern export` on a real database: what it chooses, that --check finds every change, and what bad
 * input gets. The times in the database are made up; nothing here is a measurement.
 *
 *     test_cmd_export QUERN */
#include <math.h>
#include <sys/stat.h>

#include "perfdb/perfdb.h"
#include "tests/t_quern.h"
#include "variants/variant.h"

enum { ROUNDS = 12 };

static const char *folder(const char *name)
{
    static char paths[4][400];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

/* One variant with a time, proved; `hash_change` pretends that the generator was another one. */
static void add_variant(struct pdb *db, int64_t run, const char *problem,
                        const struct var_variant *v, double time_ns, uint64_t hash_change)
{
    char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX];
    struct pdb_variant row = { .name = name, .kernel_name = kernel };
    struct hrn_proof proof = { .outcome = HRN_OK, .stage = HRN_STAGE_PROVE, .checks = 9 };
    int64_t id;
    uint64_t rng = t_seed;
    var_name_format(v, name);
    var_kernel_name_format(v, kernel);
    row.isa = krn_isas[v->isa].name;
    row.family = krn_family_names[v->family];
    row.algorithm = "indirect";
    T_CHECK(var_source_hash(v, &row.source_hash) == 0);
    row.source_hash += hash_change;
    T_CHECK(pdb_measurement(db, run, problem, &row, &id) == 0);
    T_CHECK(pdb_proof(db, id, &proof) == 0);
    for (int r = 0; r < ROUNDS && time_ns > 0; r++) {
        struct hrn_sample s = { .round = r, .calls = 1000, .outcome = HRN_OK };
        s.time_ns = (int64_t)(1000 * time_ns * (1 + 0.001 * t_between(&rng, 0, 9)));
        T_CHECK(pdb_sample(db, id, &s, NULL, 0) == 0);
    }
}

static int64_t begin_run(struct pdb *db, enum hrn_evidence evidence)
{
    const struct pdb_run row = { .device_key = "local",
                                 .arch = "x86_64",
                                 .cpu = "A CPU",
                                 .evidence = evidence,
                                 .compiler = "cc 1",
                                 .command = "quern sweep",
                                 .seed = 7,
                                 .rounds = ROUNDS };
    int64_t id = 0;
    T_CHECK(pdb_run_begin(db, &row, &id) == 0);
    return id;
}

/* Up to `count` variants of portable C for the problem; the i-th of them takes (i + 1) us, and the
 * plain choice, what a user without a sweep gets, is the slowest. */
static void add_layer(struct pdb *db, int64_t run, const char *text, const char *title, int place,
                      int count, double scale, uint64_t hash_change)
{
    struct krn_problem p;
    struct var_space space;
    struct var_variant v, plain;
    char err[300];
    T_CHECK(krn_problem_parse(text, &p, err, sizeof err) == 0);
    T_CHECK(var_default(KRN_ISA_C, &p, &plain) == 0);
    T_CHECK(pdb_run_problem(db, run, text, title, "net", place, 1, krn_problem_macs(&p)) == 0);
    var_space_init(&space, 1u << KRN_ISA_C, &p);
    for (int i = 0; i < count && var_space_next(&space, &v); i++)
        if (memcmp(&v, &plain, sizeof v) != 0)
            add_variant(db, run, text, &v, scale * 1000 * (i + 1), hash_change);
    add_variant(db, run, text, &plain, scale * 1000 * (count + 1), hash_change);
}

/* 1: two layers; 2: emulated; 3: stale; 4: nothing timed. Newest last. */
static void make_database(const char *path)
{
    struct pdb *db = NULL;
    T_CHECK(pdb_open(path, PDB_WRITE, &db) == 0);
    int64_t run = begin_run(db, HRN_MEASURED);
    T_CHECK(run == 1);
    add_layer(db, run, "ic16ih14oc24oh14kh3ph1", "conv \"one\"", 0, 4, 1, 0);
    add_layer(db, run, "g32ic32ih14oc32oh7kh3sh2ph1", "dw", 1, 3, 1, 0);
    T_CHECK(pdb_run_end(db, run, "complete") == 0);
    run = begin_run(db, HRN_EMULATED);
    add_layer(db, run, "ic16ih14oc24oh14kh3ph1", "conv", 0, 2, 0, 0);
    T_CHECK(pdb_run_end(db, run, "complete") == 0);
    run = begin_run(db, HRN_MEASURED);
    add_layer(db, run, "ic16ih14oc24oh14kh3ph1", "conv", 0, 2, 1, 1);
    T_CHECK(pdb_run_end(db, run, "complete") == 0);
    run = begin_run(db, HRN_MEASURED);
    add_layer(db, run, "ic16ih14oc24oh14kh3ph1", "conv", 0, 2, 0, 0);
    T_CHECK(pdb_run_end(db, run, "complete") == 0);
    T_CHECK(pdb_commit(db) == 0);
    pdb_close(db);
}

/* The winner of add_layer(): the first of the space that is not the plain choice. */
static void first_variant(const char *text, char *name)
{
    struct krn_problem p;
    struct var_space space;
    struct var_variant v, plain;
    char err[300];
    krn_problem_parse(text, &p, err, sizeof err);
    var_space_init(&space, 1u << KRN_ISA_C, &p);
    T_CHECK(var_default(KRN_ISA_C, &p, &plain) == 0);
    do
        T_CHECK(var_space_next(&space, &v));
    while (memcmp(&v, &plain, sizeof v) == 0);
    var_name_format(&v, name);
}

static void append_to(const char *path)
{
    FILE *f = fopen(path, "a");
    if (T_CHECK(f != NULL)) {
        fputs("x\n", f);
        fclose(f);
    }
}

static void test_export_and_check(void)
{
    char winner[VAR_NAME_MAX];
    first_variant("ic16ih14oc24oh14kh3ph1", winner);
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "x"), 0, winner);
    T_CHECK(strstr(output, "conv ") && strstr(output, "Prove it: cd x"));
    EXPECT(QUERN("export", "--db=q.db", "--check", "x"), 0, "are what the database gives");
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "--json", "y"), 0, "\"median_ns\"");
    EXPECT(T_RUN(base, output, "diff", "-r", "x", "y"), 0, "");
    append_to(folder("x/kernels/pack.c"));
    append_to(folder("x/notes.txt"));
    EXPECT(QUERN("export", "--db=q.db", "--check", "x"), 1, "kernels/pack.c has changed");
    T_CHECK(strstr(output, "notes.txt is not part") && strstr(output, "2 of"));
    EXPECT(QUERN("export", "--db=q.db", "--check", "--json", "x"), 1, "\"same\": false");
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "x"), 0, "Prove it");
    EXPECT(QUERN("export", "--db=q.db", "--check", "x"), 0, "are what the database gives");
}

static void test_filters(void)
{
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "--problem=g32ic32ih14oc32kh3sh2ph1", "--isa=c",
                 "z"),
           0, "z: 1 choice, ");
    T_CHECK(!strstr(output, "conv"));
    EXPECT(QUERN("export", "--db=q.db", "--check", "z"), 0, "are what the database gives");
    EXPECT(QUERN("export", "--db=q.db", "--check", "--run=1", "z"), 1, "differ");
    EXPECT(T_RUN(base, output, "cat", "z/passport.json"), 0,
           "--run=1 --isa=c --problem=g32ic32ih14oc32oh7kh3sh2ph1");
    T_CHECK(strstr(output, "\"run\": 1") && strstr(output, "\"verdict\": \"faster\""));
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "--isa=i8mm", "w"), 1, "no timed variant");
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "--problem=8:8:8:8", "w"), 1, "sweep it first");
}

static void test_refusals(void)
{
    EXPECT(QUERN("export", "--db=q.db", "w"), 1, "no timed variant"); /* the newest run: 4 */
    EXPECT(QUERN("export", "--db=q.db", "--run=2", "w"), 1, "emulated");
    EXPECT(QUERN("export", "--db=q.db", "--run=3", "w"), 1, "sweep again");
    EXPECT(QUERN("export", "--db=q.db", "--run=3", "--stale", "w"), 0, "Prove it");
    EXPECT(QUERN("export", "--db=q.db", "--check", "w"), 0, "are what the database gives");
    EXPECT(QUERN("export", "--db=q.db", "--run=99", "w"), 1, "99");
    EXPECT(QUERN("export", "--db=q.db", "--run=one", "w"), 2, "'one'");
    EXPECT(QUERN("export", "--db=q.db", "--isa=mmx", "w"), 2, "mmx");
    EXPECT(QUERN("export", "--db=q.db", "--problem=ic3", "w"), 2, "oc is missing");
    EXPECT(QUERN("export", "--db=q.db"), 2, "FOLDER");
    EXPECT(QUERN("export", "--db=none.db", "w"), 1, "none.db");
    EXPECT(QUERN("export", "--db=q.db", "--check", "."), 1, "is not an export");
    EXPECT(QUERN("export", "--db=q.db", "--check", "missing"), 1, "is not an export");
    mkdir(folder("mine"), 0777);
    append_to(folder("mine/precious.txt"));
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "mine"), 1, "--force");
    EXPECT(QUERN("export", "--db=q.db", "--run=1", "--force", "mine"), 0, "Prove it");
    EXPECT(T_RUN(base, output, "cat", "mine.before-export/precious.txt"), 0, "x");
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
    make_database(folder("q.db"));
    test_export_and_check();
    test_filters();
    test_refusals();
    t_remove(base);
    free(quern);
    return t_end();
}
