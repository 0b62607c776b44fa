/* A virtual ARM machine behind the real adb client and a real adbd: what a phone is, but for
 * silicon. A sweep as a user types it; the machine is killed in the middle, started again, and the
 * sweep goes on with nothing lost and nothing done twice.
 *
 *     test_vm_adb QUERN SOURCE_ROOT CACHE */
#include "perfdb/perfdb.h"
#include "tests/t_adb.h"
#include "tests/t_vm.h"

enum { VARIANTS = 4, LAYERS = 3, WAIT_MS = 120000 };

static char folder[200], db[300], name[40], key[60];

#define SWEEP(resume)                                                                              \
    (const char *const[])                                                                          \
    {                                                                                              \
        quern, "sweep", "--db", db, "-d", key, resume, "--wait=1", "--isa=neon,dotprod",           \
            "--max-variants=4", "--quiet", "--problem=ic16ih8oc16kh3ph1",                          \
            "--problem=ic16ih7oc32kh1", "--problem=ic32ih5oc16kh3ph1", NULL                        \
    }

/* ---- the machine */

static int start(char *said, size_t bytes)
{
    return t_vm_start(name, "cortex-a76", "--adb", said, bytes);
}

/* ---- what the database has */

struct tally {
    struct pdb *pdb;
    int runs, complete, measurements, proved;
};

static int add_measurement(const struct pdb_measurement_row *row, void *user)
{
    struct tally *t = user;
    t->measurements++;
    t->proved += row->checks > 0;
    return 0;
}

static int add_run(const struct pdb_run_row *row, void *user)
{
    static const char *const layers[LAYERS] = { "ic16ih8oc16oh8kh3ph1", "ic16ih7oc32oh7kh1",
                                                "ic32ih5oc16oh5kh3ph1" };
    struct tally *t = user;
    t->runs++;
    t->complete += strcmp(row->outcome, "complete") == 0;
    T_CHECK_STR(row->device_key, key);
    for (int i = 0; i < LAYERS; i++)
        if (pdb_measurements(t->pdb, row->id, layers[i], add_measurement, t) < 0)
            return -EIO;
    return 0;
}

static struct tally tally(void)
{
    struct tally t = { 0 };
    if (access(db, R_OK) != 0 || pdb_open(db, PDB_READ, &t.pdb) != 0)
        return t;
    T_CHECK(pdb_runs(t.pdb, add_run, &t) == 0);
    pdb_close(t.pdb);
    return t;
}

/* ---- the sweep */

/* Kills the machine as soon as the first variant is proved; the exit code of the sweep. */
static int killed_sweep(const char *log)
{
    int status = 0;
    pid_t pid = t_start(log, SWEEP("--seed=1"));
    for (int waited = 0; waited < WAIT_MS && tally().proved == 0; waited += 20) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WEXITSTATUS(status);
        poll(NULL, 0, 20);
    }
    t_vm_kill(name);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void check_sweep(void)
{
    char log[300], said[4000];
    snprintf(db, sizeof db, "%s/vm.db", folder);
    snprintf(log, sizeof log, "%s/sweep.log", folder);
    int code = killed_sweep(log);
    T_RUN(NULL, said, "cat", log);
    if (!T_CHECK(code == 3 && strstr(said, "did not come back") && strstr(said, "--resume last")))
        printf("  %d: %s\n", code, said);
    struct tally before = tally();
    printf("%d variants were proved before the machine was killed\n", before.proved);
    T_CHECK(before.proved > 0 && before.proved < VARIANTS * LAYERS && before.complete == 0);
    if (!T_CHECK(start(said, sizeof said) == 0) || !T_CHECK(strstr(said, key)))
        printf("  %s\n", said);
    if (!T_CHECK(t_run(NULL, said, sizeof said, SWEEP("--resume=last")) == 0))
        printf("  %s\n", said);
    struct tally after = tally();
    T_CHECK(after.runs == 1 && after.complete == 1);
    T_CHECK(after.measurements == VARIANTS * LAYERS && after.proved == VARIANTS * LAYERS);
}

static void check_device(void)
{
    struct hrn_device *d;
    char err[600], said[8000];
    if (!T_CHECK(hrn_device_open(key, &d, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    const struct hrn_device_info *info = hrn_device_info(d);
    T_CHECK_STR(info->cpu, "Cortex-A76");
    T_CHECK(info->evidence == HRN_EMULATED);
    t_remote_commands(d);
    t_remote_files(d, folder, 2000000);
    hrn_device_close(d);
    T_CHECK(T_RUN(NULL, said, quern, "devices") == 0 && strstr(said, key));
    T_RUN(NULL, said, quern, "doctor", "-d", key);
    T_CHECK(strstr(said, "Cortex-A76") && strstr(said, "never timed"));
}

int main(int argc, char **argv)
{
    char said[4000];
    struct hrn_vm vm;
    t_vm_begin(argc, argv);
    if (!t_has_program("adb"))
        t_skip("needs adb");
    snprintf(name, sizeof name, "quern-test-adb-%d", (int)getpid());
    t_folder(folder, sizeof folder);
    t_adb_begin(folder);
    int code = start(said, sizeof said);
    if (code == 3 && strstr(said, "image") && !strstr(said, "er failed")) {
        t_adb_end(); /* no package or no compiler; one that fails is a failure */
        t_remove(folder);
        t_skip(said);
    }
    if (T_CHECK(code == 0 && hrn_vm_find(name, &vm) == 0 && vm.adb_port > 0)) {
        snprintf(key, sizeof key, "adb:127.0.0.1:%d", vm.adb_port);
        check_device();
        check_sweep();
    } else {
        printf("  %s\n", said);
    }
    T_CHECK(T_RUN(NULL, said, quern, "vm", "stop", name) == 0);
    t_adb_end();
    t_remove(folder);
    return t_end();
}
