/* Sweeps over adb as a user runs them: a phone that dies in the middle, one that does not come
 * back, several at once, several that share the layers. Nothing is lost, nothing is done twice.
 *
 *     test_many QUERN SOURCE_ROOT CACHE ADBD */
#include "perfdb/perfdb.h"
#include "tests/t_adb.h"

#define LAYERS                                                                                     \
    "--problem=ic8ih6oc8kh3ph1", "--problem=ic8ih7oc8kh1", "--problem=ic16ih5oc8kh1",              \
        "--problem=ic8ih5oc16kh3ph1"
#define OPTIONS                                                                                    \
    "--isa=c", "--max-variants=4", "--screen-rounds=1", "--rounds=2", "--screen-ms=0.2",           \
        "--sample-ms=0.2", "--quiet"

static const char *quern;
static char folder[200], db[300];
static struct t_phone one, two;

/* ---- a sweep, watched */

struct watch {
    struct t_phone *phone; /* is started again when it is missed; NULL = never */
    int missed;
    char text[8192]; /* of standard error */
    size_t length;
};

static void take(struct watch *w, const char *bytes, size_t count)
{
    size_t room = sizeof w->text - 1 - w->length, n = count < room ? count : room;
    memcpy(w->text + w->length, bytes, n);
    w->length += n;
    w->text[w->length] = '\0';
    if (!w->missed && strstr(w->text, "waiting up to")) {
        w->missed = 1;
        if (w->phone) {
            memset(w->phone->option, 0, sizeof w->phone->option);
            t_phone_start(w->phone);
        }
    }
}

/* Runs `quern sweep`; its exit code. */
static int sweep(struct watch *w, const char *const *argv)
{
    posix_spawn_file_actions_t actions;
    char block[2048];
    int ends[2], status = 0;
    ssize_t got;
    pid_t pid;
    w->length = 0;
    w->missed = 0;
    w->text[0] = '\0';
    if (pipe(ends) != 0)
        abort();
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    if (posix_spawn(&pid, quern, &actions, NULL, (char *const *)(void *)argv, environ) != 0)
        abort();
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    while ((got = read(ends[0], block, sizeof block)) > 0)
        take(w, block, (size_t)got);
    close(ends[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define SWEEP(watch, ...)                                                                          \
    sweep(watch, (const char *const[]) { "quern", "sweep", "--db", db, OPTIONS, __VA_ARGS__, NULL })

/* ---- what the database has of it */

struct tally {
    struct pdb *pdb;
    const char *device; /* runs of this device only; NULL = of all */
    int runs, complete, proved, repeated, timed;
    int layers[4]; /* measurements of each */
    size_t layer;
};

static int add_measurement(const struct pdb_measurement_row *row, void *user)
{
    struct tally *t = user;
    t->layers[t->layer]++;
    t->proved += row->checks > 0;
    t->timed += row->sample_count + row->void_count > 0; /* a busy machine makes voids */
    for (size_t i = 1; i < row->sample_count; i++)
        t->repeated += row->sample_round[i] == row->sample_round[i - 1];
    return 0;
}

static const char *const layer_keys[] = { "ic8ih6oc8oh6kh3ph1", "ic8ih7oc8oh7kh1",
                                          "ic16ih5oc8oh5kh1", "ic8ih5oc16oh5kh3ph1" };

static int add_run(const struct pdb_run_row *row, void *user)
{
    struct tally *t = user;
    if (t->device && strcmp(t->device, row->device_key) != 0)
        return 0;
    t->runs++;
    t->complete += strcmp(row->outcome, "complete") == 0;
    for (t->layer = 0; t->layer < 4; t->layer++)
        if (pdb_measurements(t->pdb, row->id, layer_keys[t->layer], add_measurement, t) < 0)
            return -EIO;
    return 0;
}

static struct tally tally(const char *device)
{
    struct tally t = { .device = device };
    T_CHECK(pdb_open(db, PDB_READ, &t.pdb) == 0);
    T_CHECK(pdb_runs(t.pdb, add_run, &t) == 0);
    pdb_close(t.pdb);
    return t;
}

static void new_db(const char *name)
{
    snprintf(db, sizeof db, "%s/%s.db", folder, name);
}

/* ---- the sweeps */

/* Each run has the first layer whole, and every round of it once. */
static void check_whole(const char *device)
{
    struct tally t = tally(device);
    T_CHECK(t.runs == 1 && t.complete == 1 && t.repeated == 0);
    T_CHECK(t.layers[0] == 4 && t.proved == 4 && t.timed > 0);
}

/* Killed in the middle of its records, and plugged in again. */
static void dies(const char *after)
{
    struct watch w = { .phone = &one };
    int64_t bytes;
    new_db(after);
    t_phone_end(&one);
    one.option[0] = "--die-after";
    one.option[1] = after;
    t_phone_start(&one);
    int pushes = t_phone_log(&one, "push ", &bytes);
    if (!T_CHECK(SWEEP(&w, "-d", one.key, "--problem=ic8ih6oc8kh3ph1") == 0))
        printf("  %s\n", w.text);
    printf("killed after %s bytes: %s\n", after, w.missed ? "missed, and back" : "not missed");
    check_whole(one.key);
    T_CHECK(t_phone_log(&one, "push ", &bytes) <= pushes + 1); /* once, not per variant */
}

/* It does not come back in time; the sweep says how to go on, and goes on. */
static void stays_away(void)
{
    struct watch w = { .phone = NULL };
    new_db("away");
    t_phone_end(&one);
    one.option[0] = "--die-after";
    one.option[1] = "700";
    t_phone_start(&one);
    T_CHECK(SWEEP(&w, "-d", one.key, "--wait=1", "--problem=ic8ih6oc8kh3ph1") == 3);
    if (!T_CHECK(strstr(w.text, "did not come back") && strstr(w.text, "--resume last")))
        printf("  %s\n", w.text);
    struct tally before = tally(NULL);
    memset(one.option, 0, sizeof one.option);
    t_phone_end(&one);
    t_phone_start(&one);
    T_CHECK(SWEEP(&w, "-d", one.key, "--resume=last", "--problem=ic8ih6oc8kh3ph1") == 0);
    check_whole(one.key);
    printf("%d variants were proved before it went\n", before.proved);
}

/* A queue each. */
static void at_once(void)
{
    struct watch w = { 0 };
    new_db("once");
    if (!T_CHECK(SWEEP(&w, "-d", one.key, "-d", two.key, "--problem=ic8ih6oc8kh3ph1") == 0))
        printf("  %s\n", w.text);
    check_whole(one.key);
    check_whole(two.key);
}

/* Every layer on one of them, and whole; the second time it goes on with nothing left to do. */
static void shared(void)
{
    struct watch w = { 0 };
    new_db("share");
    for (int again = 0; again < 2; again++) {
        const char *resume = again ? "--resume=last" : "--share";
        if (!T_CHECK(SWEEP(&w, "-d", one.key, "-d", two.key, "--share", resume, LAYERS) == 0))
            printf("  %s\n", w.text);
        struct tally all = tally(NULL), first = tally(one.key), second = tally(two.key);
        T_CHECK(all.runs == 2 && all.complete == 2 && all.repeated == 0);
        for (int i = 0; i < 4; i++) {
            T_CHECK(all.layers[i] >= 3); /* of the 4 that were asked for, those that there are */
            T_CHECK((first.layers[i] == 0) != (second.layers[i] == 0));
        }
    }
}

/* One of them is gone for good: the other does its part, too. */
static void shared_with_a_dying_one(void)
{
    struct watch w = { 0 };
    new_db("left");
    t_phone_end(&one);
    one.option[0] = "--die-after";
    one.option[1] = "700";
    t_phone_start(&one);
    T_CHECK(SWEEP(&w, "-d", one.key, "-d", two.key, "--share", "--wait=1", LAYERS) == 3);
    struct tally second = tally(two.key);
    T_CHECK(second.complete == 1);
    for (int i = 0, whole = 0; i < 4; i++) {
        whole += second.layers[i] >= 3;
        T_CHECK(i < 3 || whole >= 3); /* all but what the first may have finished */
    }
    memset(one.option, 0, sizeof one.option);
    t_phone_end(&one);
    t_phone_start(&one);
}

static void refuses(void)
{
    struct watch w = { 0 };
    new_db("refused");
    T_CHECK(SWEEP(&w, "-d", one.key, "--share", LAYERS) == 2);
    T_CHECK(SWEEP(&w, "-d", one.key, "-d", two.key, "--resume=1", LAYERS) == 2);
    t_phone_program(&two, "getprop", "echo something else");
    T_CHECK(SWEEP(&w, "-d", one.key, "-d", two.key, "--share", LAYERS) == 2);
    T_CHECK(strstr(w.text, "not of the same kind") != NULL);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 5)
        t_skip("usage: test_many QUERN SOURCE_ROOT CACHE ADBD");
    if (!t_has_program("adb") || !t_has_program("python3"))
        t_skip("needs adb and python3");
    quern = argv[1];
    setenv("QUERN_SOURCE_ROOT", argv[2], 1);
    setenv("QUERN_CACHE", argv[3], 1);
    t_folder(folder, sizeof folder);
    t_adb_begin(folder);
    t_phone_new(&one, argv[4], folder, "one");
    t_phone_new(&two, argv[4], folder, "two");
    at_once();
    dies("500");
    dies("1500");
    dies("4000");
    stays_away();
    shared();
    shared_with_a_dying_one();
    refuses();
    t_phone_end(&one);
    t_phone_end(&two);
    t_adb_end();
    t_remove(folder);
    return t_end();
}
