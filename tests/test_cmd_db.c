/* `quern db` and sharded sweeps on the real program: parts that come together, sweeps that are
 * killed at random instants and go on, and what bad input gets.
 *
 *     test_cmd_db QUERN CACHE */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "perfdb/manage.h"
#include "tests/t_quern.h"

static const char *file(const char *option, const char *name)
{
    static char paths[8][400];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s%s/%s", option, base, name);
    return path;
}

#define QUICK                                                                                      \
    "--isa=c", "--rounds=2", "--screen-ms=0.05", "--sample-ms=0.05", "--warmup-ms=0", "--quiet"

/* The number that a query of one cell gives. */
static long ask(const char *db, const char *sql)
{
    QUERN("db", "query", db, "--json", sql);
    const char *colon = strrchr(output, ':');
    return colon ? strtol(colon + 1, NULL, 10) : -1;
}

/* Two parts of a sweep of one layer, merged, are all of it. */
static void test_shards(void)
{
    static const char problem[] = "--problem=ic4ih5oc8kh1";
    char all[400];
    snprintf(all, sizeof all, "%s", file("--db=", "all.db"));
    EXPECT(QUERN("sweep", problem, QUICK, "--max-variants=9", "--shard=1/2", file("--db=", "a.db")),
           0, "run 1");
    EXPECT(QUERN("sweep", problem, QUICK, "--max-variants=9", "--shard=2/2", file("--db=", "b.db")),
           0, "run 1");
    EXPECT(QUERN("db", "merge", all, file("", "b.db"), file("", "a.db")), 0, "1 runs");
    EXPECT(QUERN("db", "merge", all, file("", "a.db")), 0, "0 runs, 0 variants");
    EXPECT(QUERN("db", "check", all), 0, "sound");
    T_CHECK(ask(all, "SELECT count(*) FROM run") == 2);
    T_CHECK(ask(all, "SELECT count(DISTINCT name) FROM variant") == 9);
    EXPECT(QUERN("sweep", problem, QUICK, "--shard=3/2", all), 2, "--shard");
    EXPECT(QUERN("sweep", problem, QUICK, "--shard=0/2", all), 2, "--shard");
    EXPECT(QUERN("sweep", problem, QUICK, "--shard=1", all), 2, "--shard");
}

/* Starts a sweep, kills it without warning after a while, and returns whether it ended by itself.
 */
static int killed_sweep(const char *db, const char *resume, long pause_ns)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
        execl(quern, quern, "sweep", "--problem=ic4ih5oc8kh1", QUICK, "--max-variants=6", db,
              resume, (char *)NULL);
        _exit(127);
    }
    const struct timespec pause = { .tv_nsec = pause_ns };
    nanosleep(&pause, NULL);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return WIFEXITED(status);
}

/* However often it is killed, what is stored is sound, never less than before, and the run
 * completes. */
static void test_killed(void)
{
    char db[400];
    snprintf(db, sizeof db, "%s", file("--db=", "killed.db"));
    uint64_t state = t_seed;
    long samples = 0;
    for (int i = 0; i < 12; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int has_run = samples > 0 || ask(db, "SELECT count(*) FROM run") > 0;
        if (killed_sweep(db, has_run ? "--resume=last" : NULL, (long)(state >> 33) % 400000000))
            break;
        if (access(file("", "killed.db"), F_OK) != 0 || ask(db, "SELECT count(*) FROM run") < 1)
            continue;
        EXPECT(QUERN("db", "check", db), 0, "sound");
        long now = ask(db, "SELECT count(*) FROM sample");
        T_CHECK(now >= samples);
        samples = now;
    }
    if (ask(db, "SELECT count(*) FROM run") < 1)
        EXPECT(QUERN("sweep", "--problem=ic4ih5oc8kh1", QUICK, "--max-variants=6", db), 0, "run 1");
    else
        EXPECT(QUERN("sweep", "--problem=ic4ih5oc8kh1", QUICK, "--max-variants=6", db,
                     "--resume=last"),
               0, "6 of 6 variants");
    T_CHECK(ask(db, "SELECT count(*) FROM measurement") == 6);
    EXPECT(QUERN("db", "check", db), 0, "sound");
}

static void test_actions(void)
{
    char all[400], back[400];
    snprintf(all, sizeof all, "%s", file("--db=", "all.db"));
    snprintf(back, sizeof back, "%s", file("--db=", "back.db"));
    EXPECT(QUERN("db", "info", all), 0, "schema version");
    EXPECT(QUERN("db", "info", all, "--json"), 0, "\"runs\": 2");
    EXPECT(QUERN("db", "upgrade", all), 0, "up to date");
    EXPECT(QUERN("db", "export", all, "-o", file("", "all.jsonl")), 0, "");
    EXPECT(QUERN("db", "import", back, file("", "all.jsonl")), 0, "2 runs");
    EXPECT(QUERN("db", "merge", back, file("", "all.db")), 0, "0 runs");
    EXPECT(QUERN("db", "export", all, "--format=gbench", "--run=1"), 0, "\"benchmarks\"");
    EXPECT(QUERN("db", "export", all, "--format=t4"), 0, "\"invalidity\":\"correct\"");
    EXPECT(QUERN("db", "query", all, "SELECT 6 * 7 AS answer"), 0, "42");
    EXPECT(QUERN("db", "prune", back, "--run=1", "--dry-run"), 0, "would delete: 1 runs");
    EXPECT(QUERN("db", "prune", back, "--run=1"), 0, "deleted: 1 runs");
    EXPECT(QUERN("db", "check", back), 0, "sound");
    EXPECT(QUERN("help", "db"), 0, "merge");
    EXPECT(QUERN("db", "merge", "--help"), 0, "SOURCE");
}

static void test_mistakes(void)
{
    char all[400], none[400];
    snprintf(all, sizeof all, "%s", file("--db=", "all.db"));
    snprintf(none, sizeof none, "%s", file("--db=", "none.db"));
    EXPECT(QUERN("db"), 2, "say what to do");
    EXPECT(QUERN("db", "mrege"), 2, "did you mean 'merge'");
    EXPECT(QUERN("db", "info", none), 1, "no such file");
    EXPECT(QUERN("db", "merge", all), 2, "which files");
    EXPECT(QUERN("db", "merge", all, file("", "none.db")), 1, "no such file");
    EXPECT(QUERN("db", "query", all, "DELETE FROM run"), 2, "only read");
    EXPECT(QUERN("db", "query", all), 2, "one SQL statement");
    EXPECT(QUERN("db", "export", all, "--format=xml"), 2, "jsonl, csv, gbench, t4");
    EXPECT(QUERN("db", "export", all, "--run=99"), 2, "no run 99");
    EXPECT(QUERN("db", "export", all, "-o", file("", "x.unknown")), 2, "--format");
    EXPECT(QUERN("db", "export", all, "-o", "/nowhere/x.csv"), 1, "/nowhere/x.csv");
    EXPECT(QUERN("db", "export", all, "--format=csv", "-o", "/dev/full"), 1, "cannot be written");
    EXPECT(QUERN("db", "import", all, file("", "missing.csv")), 1, "cannot be read");
    EXPECT(QUERN("db", "import", all, "--problem=nonsense", file("", "all.jsonl")), 2, "--problem");
    EXPECT(QUERN("db", "prune", all), 2, "which runs");
    EXPECT(QUERN("db", "prune", all, "--before=yesterday"), 2, "2026-11-27");
    EXPECT(QUERN("db", "prune", all, "--run=77"), 2, "no run 77");
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 3)
        t_skip("needs the program `quern` and a cache folder as arguments");
    quern = realpath(argv[1], NULL); /* it is run from another folder */
    if (!T_CHECK(quern != NULL))
        return t_end();
    setenv("QUERN_CACHE", argv[2], 1);
    t_folder(base, sizeof base);
    test_shards();
    test_killed();
    test_actions();
    test_mistakes();
    t_remove(base);
    free(quern);
    return t_end();
}
