/* perfdb where things go wrong: read-only places, full disks, several processes, sudden death.
 * Nothing that was committed may be lost. */
#include "perfdb/perfdb.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/perfdb_fixture.h"

/* ---- places where nothing can be written */

/* Runs `body` in a child, so that what it does to the process ends with it. Its failures count
 * here. */
static pid_t begin_child(void (*body)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        t_failures = 0;
        body();
        fflush(stdout);
        _exit(t_failures != 0);
    }
    return pid;
}

static void end_child(pid_t pid)
{
    int status = 0;
    T_CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void in_child(void (*body)(void))
{
    end_child(begin_child(body));
}

static void without_rights(void)
{
    if (geteuid() == 0) /* for root everything is writable */
        T_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    check_refused(in_folder("locked/a.db"), PDB_WRITE, -EROFS, "read-only");
    check_refused(in_folder("locked/new.db"), PDB_WRITE, -EROFS, "read-only");
    int64_t run_id;
    struct pdb *db = open_ok(in_folder("locked/a.db"), PDB_READ);
    T_CHECK(pdb_latest_run(db, &run_id) == 0 && run_id > 0);
    pdb_close(db);
}

static void writable_file_in_locked_folder(void)
{
    if (geteuid() == 0)
        T_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    check_refused(in_folder("locked/a.db"), PDB_WRITE, -EROFS, "read-only");
}

static void test_read_only(void)
{
    T_CHECK(mkdir(in_folder("locked"), 0755) == 0);
    const char *path = in_folder("locked/a.db");
    int64_t run_id;
    struct pdb *db = open_ok(path, PDB_WRITE);
    begin_all(db, &run_id);
    pdb_close(db);
    T_CHECK(chmod(path, 0444) == 0 && chmod(in_folder("locked"), 0555) == 0);
    in_child(without_rights);
    T_CHECK(chmod(path, 0666) == 0);
    in_child(writable_file_in_locked_folder);
    T_CHECK(chmod(in_folder("locked"), 0755) == 0);
    remove_file("locked/a.db");
    rmdir(in_folder("locked"));
}

/* Writes until it fails, as a full disk makes it; everything committed before must still be
 * there. */
static void fill_up(const char *path, void (*make_room)(void))
{
    int64_t run_id, committed = 0;
    struct pdb *db = open_ok(path, PDB_WRITE);
    int64_t id = begin_all(db, &run_id);
    int result = pdb_commit(db);
    while (result == 0 && committed < 1000000) {
        for (int i = 0; i < 100 && result == 0; i++)
            result = pdb_sample(db, id, &plain_sample, NULL, 0);
        if (result == 0)
            result = pdb_commit(db);
        committed += result == 0 ? 100 : 0;
    }
    if (!T_CHECK(result == -ENOSPC) || !T_CHECK(strstr(pdb_errmsg(db), "disk is full")))
        printf("  %d after %lld: %s\n", result, (long long)committed, pdb_errmsg(db));
    T_CHECK(committed > 0);
    make_room();
    T_CHECK(pdb_commit(db) == 0); /* the batch that failed goes in, or is known to be undone */
    T_CHECK(pdb_sample(db, id, &plain_sample, NULL, 0) == 0 && pdb_commit(db) == 0);
    pdb_close(db);
    int64_t stored = raw_sql(path, "SELECT count(*) FROM sample");
    printf("full disk: %lld committed before, %lld stored after\n", (long long)committed,
           (long long)stored);
    T_CHECK(stored > committed && stored <= committed + 101);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM pragma_integrity_check"
                          " WHERE integrity_check <> 'ok'") == 0);
}

static struct rlimit old_limit;

static void lift_limit(void)
{
    T_CHECK(setrlimit(RLIMIT_FSIZE, &old_limit) == 0);
}

static void limited_file_size(void)
{
    signal(SIGXFSZ, SIG_IGN);
    T_CHECK(getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
    const struct rlimit limit = { 600 * 1024, old_limit.rlim_max };
    T_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    fill_up(in_folder("limited.db"), lift_limit);
}

static void remove_ballast(void)
{
    unlink(in_folder("small/ballast"));
}

/* A real full disk: a tmpfs of 1.5 MiB in a mount namespace of our own. */
static void full_tmpfs(void)
{
    char ballast[256 * 1024] = { 0 };
    if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", in_folder("small"), "tmpfs", 0, "size=1536k") != 0) {
        printf("full disk on a tmpfs: left out, this process may not mount (%s)\n",
               strerror(errno));
        return;
    }
    write_file(in_folder("small/ballast"), ballast, sizeof ballast);
    fill_up(in_folder("small/a.db"), remove_ballast);
}

static void test_full_disk(void)
{
    in_child(limited_file_size);
    T_CHECK(mkdir(in_folder("small"), 0755) == 0);
    in_child(full_tmpfs);
    rmdir(in_folder("small"));
}

/* ---- several processes, and their sudden end */

enum { WRITERS = 3, WRITER_SAMPLES = 2000, KILLS = 200 };

/* Opens (perhaps creates) the file at the same moment as the others and writes into it. */
static void write_beside_others(void)
{
    int64_t run_id;
    struct pdb_run run = a_run;
    run.cpu_index = (int32_t)getpid();
    struct pdb_variant variant = a_variant("shared");
    int64_t id = 0;
    struct pdb *db = open_ok(in_folder("shared.db"), PDB_WRITE);
    T_CHECK(pdb_run_begin(db, &run, &run_id) == 0);
    T_CHECK(pdb_measurement(db, run_id, "ic8ih8oc8kh1", &variant, &id) == 0);
    for (int i = 0; i < WRITER_SAMPLES; i++) {
        struct hrn_sample sample = plain_sample;
        sample.round = i;
        if (!T_CHECK(pdb_sample(db, id, &sample, NULL, 0) == 0))
            printf("  %s\n", pdb_errmsg(db));
        if (i % 20 == 19)
            T_CHECK(pdb_commit(db) == 0);
    }
    T_CHECK(pdb_run_end(db, run_id, "complete") == 0 && pdb_commit(db) == 0);
    pdb_close(db);
}

static void test_many_writers(void)
{
    pid_t pids[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        pids[i] = begin_child(write_beside_others);
    for (int i = 0; i < WRITERS; i++)
        end_child(pids[i]);
    const char *path = in_folder("shared.db");
    T_CHECK(raw_sql(path, "SELECT count(*) FROM sample") == WRITERS * WRITER_SAMPLES);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM measurement") == WRITERS);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM core") == WRITERS);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM variant") == 1);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM run WHERE outcome = 'complete'") == WRITERS);
}

/* A writer that does not commit makes others wait, then fail with the reason; readers are not
 * affected. */
static void test_locked(void)
{
    const char *path = in_folder("held.db");
    int64_t run_id;
    struct timespec begin, end;
    struct pdb *holder = open_ok(path, PDB_WRITE), *other = open_ok(path, PDB_WRITE);
    begin_all(holder, &run_id);
    struct pdb *reader = open_ok(path, PDB_READ);
    T_CHECK(pdb_latest_run(reader, &run_id) == -ENOENT);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    T_CHECK(pdb_run_begin(other, &a_run, &run_id) == -EBUSY);
    clock_gettime(CLOCK_MONOTONIC, &end);
    T_CHECK(strstr(pdb_errmsg(other), "another process") != NULL);
    T_CHECK(end.tv_sec - begin.tv_sec >=
            8); /* it waited; no upper bound: the machine may be busy */
    T_CHECK(pdb_commit(holder) == 0);
    T_CHECK(pdb_run_begin(other, &a_run, &run_id) == 0);
    T_CHECK(pdb_latest_run(reader, &run_id) == 0);
    pdb_close(reader);
    pdb_close(holder);
    pdb_close(other);
}

/* Commits samples one by one for ever and says after each commit how many there are. */
static void write_until_killed(int report_fd)
{
    int64_t run_id, committed = 0;
    struct pdb *db = open_ok(in_folder("killed.db"), PDB_WRITE);
    int64_t id = begin_all(db, &run_id);
    for (;;) {
        const struct hrn_counter counter = { "CPU_CYCLES", committed, 1, 1 };
        if (pdb_sample(db, id, &plain_sample, &counter, 1) != 0 || pdb_commit(db) != 0)
            _exit(1);
        committed++;
        if (write(report_fd, &committed, sizeof committed) != (ssize_t)sizeof committed)
            _exit(1);
    }
}

/* Kills the writer at random instants; the file must be whole and hold all that it reported. */
static void test_killed(void)
{
    uint64_t state = t_seed;
    const char *path = in_folder("killed.db");
    for (int i = 0; i < KILLS; i++) {
        int fd[2], status = 0;
        int64_t reported = 0, seen;
        T_CHECK(pipe(fd) == 0);
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            write_until_killed(fd[1]);
        close(fd[1]);
        T_CHECK(read(fd[0], &reported, sizeof reported) == (ssize_t)sizeof reported);
        state = state * 6364136223846793005u + 1442695040888963407u;
        const struct timespec pause = { .tv_nsec = (long)(state >> 33) % 8000000 };
        nanosleep(&pause, NULL);
        kill(pid, SIGKILL);
        T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        while (read(fd[0], &seen, sizeof seen) == (ssize_t)sizeof seen)
            reported = seen;
        close(fd[0]);
        int64_t stored = raw_sql(path, "SELECT count(*) FROM sample WHERE measurement_id ="
                                       " (SELECT max(id) FROM measurement)");
        T_CHECK(stored == reported || stored == reported + 1);
        T_CHECK(raw_sql(path, "SELECT (SELECT count(*) FROM sample)"
                              " - (SELECT count(*) FROM counter)") == 0);
    }
    T_CHECK(raw_sql(path, "SELECT count(*) FROM pragma_integrity_check"
                          " WHERE integrity_check <> 'ok'") == 0);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM run WHERE outcome IS NULL") == KILLS);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    make_folder();
    pid_t waiting = begin_child(test_locked); /* takes 10 s */
    test_read_only();
    test_full_disk();
    test_many_writers();
    test_killed();
    end_child(waiting);
    remove_folder();
    return t_end();
}
