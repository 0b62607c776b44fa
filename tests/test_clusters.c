/* Two kinds of core in one sweep, as two virtual machines of two CPUs: each its own target with its
 * own run, counts and outcomes; and one of them that hangs in the middle (stopped, not killed: it
 * keeps its connections) is noticed by its silence, costs the other nothing, and is gone on with.
 *
 *     test_clusters QUERN SOURCE_ROOT CACHE */
#include <errno.h>

#include "perfdb/perfdb.h"
#include "tests/t_remote.h"
#include "tests/t_vm.h"

enum { CLUSTERS = 2, VARIANTS = 4, WAIT_MS = 240000 };

/* Little and big: the second has the dot product. */
static struct cluster {
    const char *cpu, *core;
    char name[48], key[60];
} clusters[CLUSTERS] = { { .cpu = "cortex-a53", .core = "Cortex-A53" },
                         { .cpu = "cortex-a76", .core = "Cortex-A76" } };
static const char *const layers[] = { "ic16ih8oc16oh8kh3ph1", "ic16ih7oc32oh7kh1",
                                      "ic32ih5oc16oh5kh3ph1" };
enum { LAYERS = sizeof layers / sizeof *layers };
static char folder[200], db[300];

/* One kernel of each level for both, whatever each core's own plain choices are: as many
 * instructions on either. */
#define COUNTED "gemm_m4n8k2u1a0b0l64s0v2i2h1g4"
#define KERNELS "^(neon_i?" COUNTED "|dotprod_i?gemm_m2n16k4u1a0b0l128s0v1i1)$"

#define SWEEP(option)                                                                              \
    (const char *const[])                                                                          \
    {                                                                                              \
        quern, "sweep", "--db", db, "-d", clusters[0].key, "-d", clusters[1].key, option,          \
            "--wait=1", "--isa=neon,dotprod", "--no-filters", "--filter=" KERNELS, "-e",           \
            "INST_RETIRED", "--quiet", "--problem", layers[0], "--problem", layers[1],             \
            "--problem", layers[2], NULL                                                           \
    }

/* ---- what the database has of a cluster */

struct tally {
    struct pdb *pdb;
    const struct cluster *of;
    int runs, complete, proved, no_isa, counted;
    int64_t instructions[LAYERS]; /* of a call of all variants of neon */
    int layer;
};

static int add_counter(const struct pdb_counter_row *row, void *user)
{
    struct tally *t = user;
    if (strcmp(row->event, "INST_RETIRED") == 0 && row->calls > 0) {
        T_CHECK(row->enabled_ns == row->running_ns);
        t->instructions[t->layer] += row->value / row->calls;
        t->counted++;
    }
    return 0;
}

static int add_measurement(const struct pdb_measurement_row *row, void *user)
{
    struct tally *t = user;
    t->proved += row->checks > 0;
    t->no_isa += row->outcome == HRN_NO_ISA;
    if (!strstr(row->variant, COUNTED))
        return 0;
    return pdb_counters(t->pdb, row->id, add_counter, t);
}

static int add_run(const struct pdb_run_row *row, void *user)
{
    struct tally *t = user;
    if (strcmp(row->device_key, t->of->key) != 0)
        return 0;
    t->runs++;
    t->complete += strcmp(row->outcome, "complete") == 0;
    T_CHECK_STR(row->cpu, t->of->core);
    for (t->layer = 0; t->layer < LAYERS; t->layer++)
        if (pdb_measurements(t->pdb, row->id, layers[t->layer], add_measurement, t) < 0)
            return -EIO;
    return 0;
}

static struct tally tally(const struct cluster *c)
{
    struct tally t = { .of = c };
    if (access(db, R_OK) != 0 || pdb_open(db, PDB_READ, &t.pdb) != 0)
        return t;
    T_CHECK(pdb_runs(t.pdb, add_run, &t) == 0);
    pdb_close(t.pdb);
    return t;
}

/* ---- the sweep */

/* Stops one machine as soon as it has proved something; the exit code of the sweep. */
static int stopped_sweep(const struct cluster *c, const char *log)
{
    int status = 0;
    pid_t pid = t_start(log, SWEEP("--seed=1"));
    for (int waited = 0; waited < WAIT_MS && tally(c).proved == 0; waited += 100) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WEXITSTATUS(status);
        poll(NULL, 0, 100);
    }
    t_vm_signal(c->name, SIGSTOP);
    waitpid(pid, &status, 0);
    t_vm_signal(c->name, SIGCONT);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void check_sweep(void)
{
    const struct cluster *little = &clusters[0], *big = &clusters[1];
    char log[300], said[8000];
    snprintf(log, sizeof log, "%s/sweep.log", folder);
    int code = stopped_sweep(little, log);
    T_RUN(NULL, said, "cat", log);
    if (!T_CHECK(code == 3 && strstr(said, "did not come back") && strstr(said, "--resume last")))
        printf("  %d: %s\n", code, said);
    struct tally before = tally(little), other = tally(big);
    T_CHECK(before.runs == 1 && before.complete == 0 && before.proved > 0);
    T_CHECK(other.runs == 1 && other.complete == 1);
    if (!T_CHECK(t_run(NULL, said, sizeof said, SWEEP("--resume=last")) == 0))
        printf("  %s\n", said);
    struct tally a = tally(little), b = tally(big);
    T_CHECK(a.runs == 1 && a.complete == 1 && b.runs == 1 && b.complete == 1);
    T_CHECK(a.no_isa >= LAYERS && b.no_isa == 0); /* sdot is of the big core alone */
    T_CHECK(a.proved + a.no_isa == VARIANTS * LAYERS && b.proved == VARIANTS * LAYERS);
    T_CHECK(a.counted >= LAYERS && b.counted == a.counted);
    for (int l = 0; l < LAYERS; l++) /* the same code: as many instructions on either */
        T_CHECK(a.instructions[l] > 0 && a.instructions[l] == b.instructions[l]);
}

int main(int argc, char **argv)
{
    char said[4000];
    t_vm_begin(argc, argv);
    t_folder(folder, sizeof folder);
    snprintf(db, sizeof db, "%s/two.db", folder);
    for (int i = 0; i < CLUSTERS; i++) {
        struct cluster *c = &clusters[i];
        snprintf(c->name, sizeof c->name, "quern-test-%s-%d", c->cpu, (int)getpid());
        snprintf(c->key, sizeof c->key, "vm:%s", c->name);
        int code = t_vm_start(c->name, c->cpu, NULL, said, sizeof said);
        if (code == 3 && strstr(said, "image")) {
            t_remove(folder);
            t_skip(said);
        }
        if (!T_CHECK(code == 0))
            printf("  %s\n", said);
    }
    check_sweep();
    for (int i = 0; i < CLUSTERS; i++)
        T_CHECK(T_RUN(NULL, said, quern, "vm", "stop", clusters[i].name) == 0);
    t_remove(folder);
    return t_end();
}
