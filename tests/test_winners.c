/* From a database to kernels in this process: what is taken, what is not and why; and the network's
 * scores do not change by it.
 *     test_winners CACHE */
#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/cli/winners.h"
#include "perfdb/perfdb.h"
#include "tests/t_graph.h"

#define TASKS_MAX 16

static char folder[] = "/tmp/quern-test-winners-XXXXXX";
static char path[sizeof(folder) + 40];
static struct utsname machine;

/* What becomes of the layer of one problem in the run. */
enum role {
    PLAIN,     /* the strongest level of this CPU wins before portable C */
    FOREIGN,   /* the winner is of a level that this CPU lacks */
    STALE,     /* its code is another by now */
    FAILED,    /* everything crashed */
    NOT_SWEPT, /* not in the run */
    ROLES
};
static const char *const says[ROLES] = {
    "winner of run 1",     "best here of run 1", "has changed since run 1",
    "run 1 timed nothing", "not in run 1",
};

static void remove_database(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char file[sizeof(path) + 8];
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
}

static void require(int result, struct pdb *db)
{
    if (result == 0)
        return;
    printf("%s\n", pdb_errmsg(db));
    exit(1);
}

static void store(struct pdb *db, int64_t run, const char *problem, const struct var_variant *v,
                  enum hrn_outcome outcome, int stale, int64_t time_ns)
{
    char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX];
    uint64_t hash = 0;
    int64_t id;

    var_name_format(v, name);
    var_kernel_name_format(v, kernel);
    T_CHECK(var_source_hash(v, &hash) == 0);
    const struct pdb_variant variant = { .name = name,
                                         .kernel_name = kernel,
                                         .isa = krn_isas[v->isa].name,
                                         .family = krn_family_names[v->family],
                                         .algorithm = "",
                                         .source_hash = hash + (uint64_t)stale };
    const struct hrn_proof proof = { .outcome = outcome, .stage = HRN_STAGE_PROVE, .checks = 3 };
    require(pdb_measurement(db, run, problem, &variant, &id), db);
    require(pdb_proof(db, id, &proof), db);
    for (int round = 0; outcome == HRN_OK && round < 9; round++) {
        const struct hrn_sample sample = { .round = round,
                                           .calls = 1,
                                           .time_ns = time_ns + round,
                                           .temp_mc = INT32_MIN,
                                           .migrations = -1,
                                           .context_switches = -1 };
        require(pdb_sample(db, id, &sample, NULL, 0), db);
    }
}

/* A level of any other architecture: the default variant of the first that can do the problem. */
static int foreign_variant(const struct qnt_task *task, struct var_variant *out)
{
    for (int isa = KRN_ISA_COUNT - 1; isa > 0; isa--)
        if (!(krn_cpu_isas() & 1u << isa) &&
            var_default_of((enum krn_isa)isa, &task->problem, task->epilogue, out) == 0)
            return 1;
    return 0;
}

static int strongest_variant(const struct qnt_task *task, struct var_variant *out)
{
    for (int isa = KRN_ISA_COUNT - 1; isa > 0; isa--)
        if (krn_cpu_isas() & 1u << isa &&
            var_default_of((enum krn_isa)isa, &task->problem, task->epilogue, out) == 0)
            return 1;
    return 0;
}

static int unnamed_epilogues; /* as in databases from before layers had any */

static void store_layer(struct pdb *db, int64_t run, const struct qnt_task *task, int place,
                        enum role role)
{
    char text[KRN_PROBLEM_STR_MAX];
    struct var_variant plain, v;

    if (role == NOT_SWEPT)
        return;
    krn_layer_format(&task->problem, unnamed_epilogues ? KRN_EPILOGUE_FLOAT : task->epilogue, 0,
                     text);
    require(pdb_run_problem(db, run, text, "", "test", place, 1, krn_problem_macs(&task->problem)),
            db);
    T_CHECK(var_default_of(KRN_ISA_C, &task->problem, task->epilogue, &plain) == 0);
    enum hrn_outcome outcome = role == FAILED ? HRN_CRASHED : HRN_OK;
    store(db, run, text, &plain, outcome, role == STALE, 5000);
    if (role != STALE && strongest_variant(task, &v))
        store(db, run, text, &v, outcome, 0, 2000);
    if (role == FOREIGN && foreign_variant(task, &v))
        store(db, run, text, &v, HRN_OK, 0, 1000);
}

static void make_database(const struct qnt_task *tasks, size_t count, const char *arch,
                          enum hrn_evidence evidence)
{
    const struct pdb_run run = { .device_key = "local",
                                 .arch = arch,
                                 .evidence = evidence,
                                 .seed = 1,
                                 .min_sample_ns = 1000,
                                 .rounds = 9 };
    struct pdb *db;
    int64_t id;

    remove_database();
    require(pdb_open(path, PDB_WRITE, &db), db);
    require(pdb_run_begin(db, &run, &id), db);
    for (size_t i = 0; i < count; i++)
        store_layer(db, id, &tasks[i], (int)i, (enum role)(i % ROLES));
    require(pdb_run_end(db, id, "complete"), db);
    require(pdb_commit(db), db);
    pdb_close(db);
}

static void scores_of(const struct t_graph *g, const struct qnt_network *network,
                      qnt_choose *choose, void *user, float *scores)
{
    struct qnt_error error;
    struct qnt_exec *exec;
    float *image = t_alloc(t_elements(&g->graph.nodes[0]), sizeof(float));

    t_image(g, 5, image);
    if (T_CHECK(qnt_exec_open(network, choose, user, &exec, &error) == 0))
        qnt_exec_run(exec, image, scores);
    qnt_exec_close(exec);
    free(image);
}

static void check_roles(const struct t_graph *g, const struct qnt_network *network,
                        const struct qnt_task *tasks, size_t count)
{
    struct cli_winners winners;
    char err[600] = "";
    float plain[16], won[16];

    make_database(tasks, count, machine.machine, HRN_MEASURED);
    if (!T_CHECK(cli_winners_open(path, 0, &winners, err, sizeof(err)) == 0))
        printf("  %s\n", err);
    T_CHECK(winners.run == 1);
    for (size_t i = 0; i < count; i++) {
        enum role role = (enum role)(i % ROLES);
        const char *reason = cli_winners_reason(&winners, &tasks[i].problem, tasks[i].epilogue);
        struct qnt_choice choice =
            cli_winners_choose(&tasks[i].problem, tasks[i].epilogue, &winners);
        if (!T_CHECK(strstr(reason, says[role]) != NULL))
            printf("  layer %zu: \"%s\"\n", i, reason);
        if (!T_CHECK((choice.kernel != NULL) == (role == PLAIN || role == FOREIGN)))
            printf("  layer %zu: %s\n", i, choice.kernel ? choice.kernel->name : "no kernel");
        struct var_variant v;
        char name[VAR_NAME_MAX];
        if (choice.kernel && strongest_variant(&tasks[i], &v)) {
            var_kernel_name_format(&v, name);
            T_CHECK_STR(choice.kernel->name, name);
        }
    }
    scores_of(g, network, NULL, NULL, plain);
    scores_of(g, network, cli_winners_choose, &winners, won);
    T_CHECK(memcmp(plain, won, qnt_network_classes(network) * sizeof(float)) == 0);
    cli_winners_close(&winners);
    T_CHECK(cli_winners_open(path, 99, &winners, err, sizeof(err)) < 0 && strstr(err, "99"));
    cli_winners_close(&winners);
}

/* Where a layer with an add was timed without it, the same loop runs it. */
static void check_derived(const struct t_graph *g, const struct qnt_network *network,
                          const struct qnt_task *tasks, size_t count)
{
    struct cli_winners winners;
    char err[600] = "", name[VAR_NAME_MAX];
    float plain[16], won[16];
    size_t at = 0;

    while (at < count && tasks[at].epilogue != KRN_EPILOGUE_ADD)
        at++;
    if (!T_CHECK(at < count))
        return;
    struct qnt_task timed = tasks[at];
    struct var_variant v;
    timed.epilogue = KRN_EPILOGUE_FLOAT;
    make_database(&timed, 1, machine.machine, HRN_MEASURED);
    T_CHECK(cli_winners_open(path, 0, &winners, err, sizeof(err)) == 0);
    const struct qnt_choice choice = cli_winners_choose(&timed.problem, KRN_EPILOGUE_ADD, &winners);
    if (strongest_variant(&timed, &v) || var_default(KRN_ISA_C, &timed.problem, &v) == 0) {
        v.knob[VAR_KNOB_EPILOGUE] = KRN_EPILOGUE_ADD;
        var_kernel_name_format(&v, name);
        if (var_feasible(&v, NULL, 0) == 0 && T_CHECK(choice.kernel != NULL)) {
            T_CHECK_STR(choice.kernel->name, name);
            T_CHECK(choice.kernel->epilogue == KRN_EPILOGUE_ADD);
            T_CHECK(strstr(cli_winners_reason(&winners, &timed.problem, KRN_EPILOGUE_ADD),
                           "winner of run 1, with the add"));
        }
    }
    scores_of(g, network, NULL, NULL, plain);
    scores_of(g, network, cli_winners_choose, &winners, won);
    T_CHECK(memcmp(plain, won, qnt_network_classes(network) * sizeof(float)) == 0);
    cli_winners_close(&winners);
}

/* A layer that was timed with its add has the winner of that, whatever won without. */
static void check_own_form(const struct qnt_task *tasks, size_t count)
{
    struct qnt_task both[ROLES + 1];
    struct cli_winners winners;
    char err[600] = "";
    size_t at = 0;

    while (at < count && tasks[at].epilogue != KRN_EPILOGUE_ADD)
        at++;
    if (!T_CHECK(at < count))
        return;
    for (size_t i = 0; i <= ROLES; i++) /* the first and the last are PLAIN */
        both[i] = tasks[at];
    both[0].epilogue = KRN_EPILOGUE_FLOAT;
    for (size_t i = 1; i < ROLES; i++)
        both[i].problem.oc++; /* others */
    make_database(both, ROLES + 1, machine.machine, HRN_MEASURED);
    T_CHECK(cli_winners_open(path, 0, &winners, err, sizeof(err)) == 0);
    const struct qnt_choice choice =
        cli_winners_choose(&tasks[at].problem, KRN_EPILOGUE_ADD, &winners);
    T_CHECK(choice.kernel && choice.kernel->epilogue == KRN_EPILOGUE_ADD);
    T_CHECK_STR(cli_winners_reason(&winners, &tasks[at].problem, KRN_EPILOGUE_ADD),
                "winner of run 1");
    cli_winners_close(&winners);
}

static void check_no_winners(const struct qnt_task *task, const char *word)
{
    const struct krn_problem *problem = &task->problem;
    struct cli_winners winners;
    char err[600] = "";

    if (!T_CHECK(cli_winners_open(path, 0, &winners, err, sizeof(err)) == 0))
        printf("  %s\n", err);
    T_CHECK(cli_winners_choose(problem, task->epilogue, &winners).kernel == NULL);
    if (!T_CHECK(strstr(cli_winners_reason(&winners, problem, task->epilogue), word) != NULL))
        printf("  \"%s\"\n", cli_winners_reason(&winners, problem, task->epilogue));
    cli_winners_close(&winners);
}

static void check_foreign_runs(const struct qnt_task *tasks, size_t count)
{
    struct cli_winners winners;
    char err[600] = "";

    make_database(tasks, count, "pdp11", HRN_MEASURED);
    check_no_winners(&tasks[0], "run 1 is of pdp11");
    make_database(tasks, count, machine.machine, HRN_EMULATED);
    check_no_winners(&tasks[0], "emulated");
    remove_database();
    check_no_winners(&tasks[0], "there is no database");
    FILE *f = fopen(path, "w");
    T_CHECK(f && fputs("this is no database, but a text that is long enough", f) >= 0);
    if (f)
        fclose(f);
    T_CHECK(cli_winners_open(path, 0, &winners, err, sizeof(err)) < 0 && err[0]);
    cli_winners_close(&winners);
}

int main(int argc, char **argv)
{
    struct qnt_task tasks[TASKS_MAX];
    struct hrn_toolchain toolchain;
    struct t_graph g;
    char err[600];

    t_begin(argc, argv);
    if (argc < 2 || uname(&machine) != 0)
        t_skip("no folder for the cache was named");
    if (hrn_toolchain_find(machine.machine, NULL, &toolchain, err, sizeof(err)) != 0)
        t_skip(err);
    setenv("QUERN_CACHE", argv[1], 1);
    if (!mkdtemp(folder))
        t_skip("no temporary folder");
    snprintf(path, sizeof(path), "%s/quern.db", folder);
    t_make_everything(&g);
    struct qnt_network *network = t_network(&g);
    size_t count = qnt_network_tasks(network, tasks, TASKS_MAX);
    T_CHECK(count > ROLES && count <= TASKS_MAX);
    for (unnamed_epilogues = 0; unnamed_epilogues < 2; unnamed_epilogues++)
        check_roles(&g, network, tasks, count);
    unnamed_epilogues = 0;
    check_own_form(tasks, count);
    check_derived(&g, network, tasks, count);
    check_foreign_runs(tasks, count);
    qnt_network_free(network);
    qnt_graph_free(&g.graph);
    remove_database();
    T_CHECK(rmdir(folder) == 0);
    return t_end();
}
