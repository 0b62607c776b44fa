/* The host's end of a runner, on this machine: proofs and samples of real kernels, and what becomes
 * of them when the runner is killed, stopped, damaged on its way or not a runner at all. Figures
 * are printed, never judged: timing is no test.
 *
 *     test_session SOURCE_ROOT CACHE BROKEN_RUNNER */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/runner/session.h"
#include "tests/t.h"

/* STOP_ROUNDS: records of so many do not fit into a pipe, so the runner cannot be done with them
 * before this process has read, and stopped, however busy the machine is. */
enum { VARIANTS_MAX = 40, ROUNDS = 3, STOP_ROUNDS = 100 };

static struct krn_problem problem;
static struct hrn_device *device;
static char names[VARIANTS_MAX][VAR_NAME_MAX];
static const char *pointers[VARIANTS_MAX];
static size_t count;
static char runner[512];
static volatile sig_atomic_t stop;

/* What came back, per variant. */
static struct {
    struct hrn_proof proof;
    int proofs, failures;
    int samples[STOP_ROUNDS]; /* good ones, per round */
    int voids[STOP_ROUNDS];
    int position[STOP_ROUNDS];
} got[VARIANTS_MAX];
static int canaries;
static int timeout_ms =
    60000; /* only what hangs by design may meet it, however busy the machine is */
static int events, kill_at, stop_at; /* act when so many events have come; 0 = never */

/* The runner is the one child that we have: kill it, as a lost cable or the OOM killer would. */
static int kill_runner(void)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int killed = 0;
    while (dir && (entry = readdir(dir))) {
        char path[300], state;
        int pid, parent;
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%d (%*[^)]) %c %d", &pid, &state, &parent) == 3 &&
            parent == getpid() && state != 'Z')
            killed += kill(pid, SIGKILL) == 0;
        if (file)
            fclose(file);
    }
    if (dir)
        closedir(dir);
    return killed;
}

static void on_event(void)
{
    events++;
    if (events == kill_at)
        T_CHECK(kill_runner() == 1);
    if (events == stop_at)
        stop = 1;
}

static void on_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)user;
    got[index].proof = *proof;
    got[index].proofs++;
    on_event();
}

static void on_sample(size_t index, const struct hrn_sample *s, const struct hrn_counter *counters,
                      size_t counter_count, void *user)
{
    (void)counters, (void)counter_count, (void)user;
    if (!T_CHECK(s->round >= 0 && s->round < STOP_ROUNDS))
        return;
    if (s->role == HRN_CANARY) { /* of the machine, not of a variant */
        T_CHECK(index == 0 && s->outcome == HRN_OK && s->time_ns > 0);
        canaries++;
        return;
    }
    if (s->outcome == HRN_OK) {
        T_CHECK(s->time_ns > 0 && s->calls > 0 && s->overhead_ns >= 0);
        got[index].samples[s->round]++;
    } else {
        T_CHECK(s->outcome == HRN_VOID && s->detail[0] != '\0');
        got[index].voids[s->round]++;
    }
    got[index].position[s->round] = s->position;
    on_event();
}

static void on_failed(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)user;
    got[index].proof = *proof;
    got[index].failures++;
    on_event();
}

static void reset(void)
{
    memset(got, 0, sizeof got);
    events = kill_at = stop_at = 0;
    stop = 0;
}

static int prove(struct hrn_session *session, size_t how_many)
{
    const struct hrn_prove_options options = {
        .seed = t_seed, .timeout_ms = timeout_ms, .tails = 1, .stop = &stop
    };
    return hrn_session_prove(session, &problem, pointers, how_many, &options, on_proof, NULL);
}

static int measure(struct hrn_session *session, int first_round, int rounds)
{
    const struct hrn_time_options options = { .seed = t_seed,
                                              .first_round = first_round,
                                              .rounds = rounds,
                                              .min_sample_ns = 500000,
                                              .warmup_ns = 200000,
                                              .timeout_ms = timeout_ms,
                                              .stop = &stop };
    return hrn_session_time(session, &problem, pointers, count, &options, on_sample, on_failed,
                            NULL);
}

static struct hrn_session *open_session(const char *path)
{
    struct hrn_session *session;
    char err[512];
    if (!T_CHECK(hrn_device_open("local", &device, err, sizeof err) == 0) ||
        !T_CHECK(hrn_session_open(device, path, -1, &session, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        exit(1);
    }
    return session;
}

static void close_session(struct hrn_session *session)
{
    hrn_session_close(session);
    hrn_device_close(device);
}

static void check_all_proved(void)
{
    for (size_t i = 0; i < count; i++)
        if (!T_CHECK(got[i].proofs == 1 && got[i].proof.outcome == HRN_OK))
            printf("  %s: %d proofs, %s: %s\n", names[i], got[i].proofs,
                   hrn_outcome_names[got[i].proof.outcome], got[i].proof.detail);
}

/* Every round visits every variant, each at a place of its own (but for a round in which the runner
 * was killed after some had done all of theirs: those left are numbered anew). */
static void check_all_timed(int first_round, int rounds)
{
    for (int r = first_round; r < first_round + rounds; r++) {
        unsigned char taken[VARIANTS_MAX] = { 0 };
        for (size_t i = 0; i < count; i++) {
            T_CHECK(got[i].failures == 0);
            T_CHECK(got[i].samples[r] == 1 || (got[i].samples[r] == 0 && got[i].voids[r] > 0));
            if (T_CHECK(got[i].position[r] >= 0 && got[i].position[r] < (int)count))
                taken[got[i].position[r]]++;
        }
        for (size_t i = 0; i < count; i++)
            T_CHECK(taken[i] == 1 || kill_at);
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void proves_and_times(void)
{
    struct hrn_session *session = open_session(runner);
    int order[ROUNDS][VARIANTS_MAX], moved = 0;
    double begin = seconds();
    reset();
    T_CHECK(prove(session, count) == 0);
    check_all_proved();
    reset();
    T_CHECK(measure(session, 0, ROUNDS) == 0);
    check_all_timed(0, ROUNDS);
    printf("%zu variants proved and timed in %.2f s: %.1f a second\n", count, seconds() - begin,
           (double)count / (seconds() - begin));
    for (int r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < count; i++)
            order[r][i] = got[i].position[r];
    T_CHECK(measure(session, ROUNDS, ROUNDS) == 0); /* goes on where it stood */
    check_all_timed(ROUNDS, ROUNDS);
    reset();
    T_CHECK(measure(session, 0, ROUNDS) == 0);
    for (int r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < count; i++) {
            T_CHECK(got[i].position[r] == order[r][i]); /* the seed is the order */
            moved += r > 0 && order[r][i] != order[0][i];
        }
    T_CHECK(moved > 0);
    close_session(session);
    T_CHECK(canaries > 0);
}

static void measures_peaks(const char *const *peaks, size_t peak_count)
{
    struct hrn_session *session = open_session(runner);
    double macs_per_s;
    for (size_t i = 0; i < peak_count; i++) {
        T_CHECK(hrn_session_peak(session, peaks[i], &macs_per_s) == 0);
        T_CHECK(macs_per_s > 1e8);
        printf("%s: %.1f GMAC/s\n", peaks[i], macs_per_s / 1e9);
    }
    T_CHECK(hrn_session_peak(session, pointers[0], &macs_per_s) < 0 && macs_per_s == 0);
    T_CHECK(strstr(hrn_session_error(session), "no peak") != NULL);
    close_session(session);
}

/* kill -9 costs nothing but the time of another start. */
static void survives_kill(void)
{
    struct hrn_session *session = open_session(runner);
    reset();
    kill_at = 3;
    T_CHECK(prove(session, count) == 0);
    T_CHECK(events == (int)count);
    check_all_proved();
    reset();
    kill_at = (int)count + 2;
    T_CHECK(measure(session, 0, ROUNDS) == 0);
    check_all_timed(0, ROUNDS);
    close_session(session);
}

/* A device that dies at every start is given up; what was received stays received. */
static void gives_up(void)
{
    struct hrn_session *session;
    char path[] = "/tmp/quern-test-session-XXXXXX", err[512];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "#!/bin/sh\nexit 3\n");
    fclose(file);
    chmod(path, 0755);
    hrn_device_open("local", &device, err, sizeof err);
    T_CHECK(hrn_session_open(device, path, -1, &session, err, sizeof err) == -EPIPE);
    T_CHECK(session == NULL && strstr(err, "exit code 3") != NULL);
    T_CHECK(hrn_session_open(device, "/no/such/runner", -1, &session, err, sizeof err) == -ENOENT);
    T_CHECK(strstr(err, "/no/such/runner") != NULL);
    hrn_device_close(device);
    unlink(path);
}

static void stops(void)
{
    struct hrn_session *session = open_session(runner);
    reset();
    stop_at = (int)count + 1;
    T_CHECK(measure(session, 0, STOP_ROUNDS) == -EINTR);
    int good = 0;
    for (size_t i = 0; i < count; i++)
        for (int r = 0; r < STOP_ROUNDS; r++)
            good += got[i].samples[r];
    T_CHECK(events >= stop_at && good < STOP_ROUNDS * (int)count);
    reset();
    stop = 1; /* proofs stop, too */
    T_CHECK(prove(session, count) == -EINTR && events == 0);
    reset();
    T_CHECK(prove(session, 2) == 0); /* the session goes on */
    T_CHECK(got[0].proofs == 1 && got[1].proofs == 1 && events == 2);
    close_session(session);
}

/* Records that are damaged on their way are noticed; a proof is asked for again, a sample becomes a
 * void. */
static void notices_damage(void)
{
    char path[] = "/tmp/quern-test-session-XXXXXX";
    int fd = mkstemp(path), lost = 0;
    FILE *file = fdopen(fd, "w");
    fprintf(
        file,
        "#!/bin/sh\n%s \"$@\" | sed -u -e '1i a greeting of the shell' -e '/proof .*index=1 /{x;"
        "s/^/x/;/^x$/{x;s/outcome/outcone/;b};x}' -e '/sample .*index=2 .*round=1 "
        "/s/calls/clls/'\n",
        runner);
    fclose(file);
    chmod(path, 0755);
    struct hrn_session *session = open_session(path);
    reset();
    T_CHECK(prove(session, count) == 0);
    check_all_proved();
    reset();
    T_CHECK(measure(session, 0, ROUNDS) == 0);
    T_CHECK(got[2].samples[1] == 0 && got[2].voids[1] == 1);
    for (size_t i = 0; i < count; i++)
        lost += got[i].voids[1] > 0 && got[i].samples[1] == 0;
    T_CHECK(lost >= 1);
    close_session(session);
    unlink(path);
}

/* Kernels that end their process while they are timed cost themselves alone. */
static void times_the_broken(const char *broken)
{
    static const struct {
        const char *name;
        enum hrn_outcome outcome;
        int signal;
    } rows[] = {
        { "correct", HRN_OK, 0 },
        { "crashes", HRN_CRASHED, SIGSEGV },
        { "is_illegal", HRN_CRASHED, SIGILL },
        { "hangs", HRN_TIMEOUT, SIGKILL },
        { "foreign", HRN_NO_ISA, 0 },
        { "not_there", HRN_NO_BUILD, 0 },
    };
    const size_t all = count;
    const char *kept[VARIANTS_MAX];
    struct hrn_session *session = open_session(broken);
    memcpy(kept, pointers, sizeof kept);
    count = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < count; i++)
        pointers[i] = rows[i].name;
    reset();
    timeout_ms = 2000;
    T_CHECK(measure(session, 0, ROUNDS) == 0);
    timeout_ms = 60000;
    for (size_t i = 0; i < count; i++) {
        T_CHECK(got[i].failures == (rows[i].outcome != HRN_OK));
        T_CHECK(got[i].proof.outcome == rows[i].outcome && got[i].proof.signal == rows[i].signal);
        T_CHECK(rows[i].outcome == HRN_OK || got[i].proof.stage == HRN_STAGE_TIME);
        for (int r = 0; r < ROUNDS; r++)
            T_CHECK(rows[i].outcome == HRN_OK ? got[i].samples[r] + got[i].voids[r] > 0
                                              : got[i].samples[r] == 0);
    }
    close_session(session);
    memcpy(pointers, kept, sizeof kept);
    count = all;
}

/* Portable C and the levels of this machine, spread over the space. */
static size_t gather(struct var_variant *v, uint32_t isas)
{
    struct var_space space;
    size_t n = 0;
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        struct var_variant one;
        size_t size = 0, taken = 0;
        for (var_space_init(&space, isas & 1u << isa, &problem); var_space_next(&space, &one);)
            size++;
        var_space_init(&space, isas & 1u << isa, &problem);
        for (size_t i = 0; var_space_next(&space, &one) && taken < 10; i++)
            if (i * 10 >= taken * size && n < VARIANTS_MAX - 4) {
                v[n++] = one;
                taken++;
            }
    }
    return n;
}

int main(int argc, char **argv)
{
    struct hrn_build_paths paths;
    struct hrn_toolchain toolchain;
    struct var_variant v[VARIANTS_MAX];
    char err[512], peak_names[KRN_ISA_COUNT][VAR_NAME_MAX];
    const char *peaks[KRN_ISA_COUNT];
    size_t peak_count = 0;
    t_begin(argc, argv);
    if (argc < 4)
        t_skip("usage: test_session SOURCE_ROOT CACHE BROKEN_RUNNER");
    paths = (struct hrn_build_paths) { .source_root = argv[1], .cache_dir = argv[2] };
    if (hrn_device_open("local", &device, err, sizeof err) < 0 ||
        hrn_toolchain_find(hrn_device_info(device)->arch, NULL, &toolchain, err, sizeof err) < 0)
        t_skip(err);
    const uint32_t isas = hrn_device_info(device)->isas;
    hrn_device_close(device);
    T_CHECK(krn_problem_parse("ic32ih10oc32kh3ph1", &problem, err, sizeof err) == 0);
    count = gather(v, isas);
    size_t built = count;
    for (int isa = 0; isa < KRN_ISA_COUNT && built < VARIANTS_MAX; isa++)
        if (isas & 1u << isa && var_peak((enum krn_isa)isa, &v[built]) == 0) {
            var_name_format(&v[built++], peak_names[peak_count]);
            peaks[peak_count] = peak_names[peak_count];
            peak_count++;
        }
    for (size_t i = 0; i < count; i++) {
        var_name_format(&v[i], names[i]);
        pointers[i] = names[i];
    }
    if (!T_CHECK(hrn_build(&toolchain, &paths, HRN_BUILD_RUNNER, v, built, NULL, NULL, runner,
                           sizeof runner, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return t_end();
    }
    proves_and_times();
    measures_peaks(peaks, peak_count);
    survives_kill();
    gives_up();
    stops();
    notices_damage();
    times_the_broken(argv[3]);
    return t_end();
}
