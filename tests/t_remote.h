/* What every device behind a shell must do, whatever the way to it: files arrive whole, commands
 * answer, and when the way breaks in the middle of proofs and samples, nothing is lost and nobody
 * is blamed. */
#ifndef QUERN_TESTS_T_REMOTE_H
#define QUERN_TESTS_T_REMOTE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness/build/build.h"
#include "harness/runner/session.h"
#include "tests/t.h"
#include "tests/t_run.h"

extern char **environ;

enum { T_REMOTE_VARIANTS = 8, T_REMOTE_ROUNDS = 3 };

/* A TCP port of the loopback that nobody uses. */
static inline int t_free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, length) ||
        getsockname(fd, (struct sockaddr *)&address, &length))
        abort();
    close(fd);
    return ntohs(address.sin_port);
}

/* 1 as soon as somebody listens there; 0 if nobody does for long. */
static inline int t_await_port(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int tries = 0; tries < 600; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int ok = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
        if (ok)
            return 1;
        poll(NULL, 0, 50);
    }
    return 0;
}

/* Starts a server that outlives the call; its output goes to `log`. */
static inline pid_t t_start(const char *log, const char *const *argv)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    int rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(void *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? pid : 0;
}

static inline void t_stop(pid_t pid)
{
    int status;
    if (pid <= 0)
        return;
    kill(pid, SIGCONT);
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}

static inline void t_write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

/* `bytes` of seeded noise, executable. */
static inline void t_noise_file(const char *path, size_t bytes)
{
    uint64_t state = t_seed + bytes;
    FILE *file = fopen(path, "w");
    for (size_t i = 0; file && i < bytes; i += 8) {
        uint64_t word = t_random(&state);
        fwrite(&word, 1, bytes - i < 8 ? bytes - i : 8, file);
    }
    if (!file || fclose(file) != 0 || chmod(path, 0755) != 0)
        abort();
}

static inline int t_same_files(const char *a, const char *b)
{
    char said[200];
    return T_RUN(NULL, said, "cmp", "--", a, b) == 0;
}

/* ---- files and commands */

static inline void t_remote_files(struct hrn_device *d, const char *folder, size_t bytes)
{
    char there[512], again[512], here[600], back[600], command[700], out[600];
    int code = -1;
    snprintf(here, sizeof here, "%s/noise", folder);
    snprintf(back, sizeof back, "%s/back", folder);
    t_noise_file(here, bytes);
    struct hrn_traffic before = hrn_device_traffic(d), after;
    if (!T_CHECK(hrn_device_push(d, here, there, sizeof there) == 0)) {
        printf("  %s\n", hrn_device_error(d));
        return;
    }
    T_CHECK(hrn_device_push(d, here, again, sizeof again) == 0); /* is there already */
    T_CHECK_STR(again, there);
    after = hrn_device_traffic(d);
    T_CHECK(after.pushes == before.pushes + 1 && after.known == before.known + 1);
    T_CHECK(after.bytes == before.bytes + (int64_t)bytes);
    T_CHECK(hrn_device_pull(d, there, back) == 0 && t_same_files(here, back));

    /* Damage is noticed, and mended. */
    snprintf(command, sizeof command, "echo x >> %s", there);
    T_CHECK(hrn_device_shell(d, command, out, sizeof out, &code) == 0 && code == 0);
    T_CHECK(hrn_device_push(d, here, again, sizeof again) == 0);
    T_CHECK(hrn_device_traffic(d).pushes == before.pushes + 2);
    T_CHECK(hrn_device_pull(d, there, back) == 0 && t_same_files(here, back));

    T_CHECK(hrn_device_pull(d, "/no/such/file", back) == -ENOENT);
    T_CHECK(strstr(hrn_device_error(d), "/no/such/file") != NULL);
    T_CHECK(hrn_device_push(d, "/no/such/file", there, sizeof there) == -ENOENT);
}

static inline void t_remote_commands(struct hrn_device *d)
{
    static const struct {
        const char *command, *out;
        int code;
    } rows[] = {
        { "echo one; echo two", "one\ntwo\n", 0 },
        { "printf no-newline", "no-newline", 0 },
        { "exit 7", "", 7 },
        { "true", "", 0 },
        { "echo 'a  b' \"c\\$d\"", "a  b c$d\n", 0 },
        { "kill -9 $$", NULL, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[200] = "";
        int code = -1, rc = hrn_device_shell(d, rows[i].command, out, sizeof out, &code);
        if (!rows[i].out) {
            T_CHECK(rc == -ENOTCONN); /* an answer without an end is none */
            continue;
        }
        if (!T_CHECK(rc == 0 && code == rows[i].code))
            printf("  %s: %d, %d: %s\n", rows[i].command, rc, code, hrn_device_error(d));
        T_CHECK_STR(out, rows[i].out);
    }
    struct hrn_patience patience = *hrn_device_patience(d), short_one = patience;
    char out[20];
    int code;
    short_one.call_ms = 300;
    hrn_device_set_patience(d, &short_one);
    T_CHECK(hrn_device_shell(d, "yes", out, sizeof out, &code) == -ETIMEDOUT);
    hrn_device_set_patience(d, &patience);
    T_CHECK(hrn_device_check(d) == 0);
}

/* ---- proofs and samples over a way that breaks */

static struct t_remote {
    char names[T_REMOTE_VARIANTS][VAR_NAME_MAX];
    const char *pointers[T_REMOTE_VARIANTS];
    size_t count;
    char runner[512];
    struct krn_problem problem;
    int proofs[T_REMOTE_VARIANTS], samples[T_REMOTE_VARIANTS][T_REMOTE_ROUNDS];
    int events, break_at, broken, restored;
    void (*break_it)(void), (*restore_it)(void);
} t_remote;

/* Variants of portable C, so that the device may be of any architecture. */
static inline int t_remote_build(const char *arch, const char *source_root, const char *cache)
{
    struct hrn_build_paths paths = { .source_root = source_root, .cache_dir = cache };
    struct hrn_toolchain toolchain;
    struct var_variant v[T_REMOTE_VARIANTS];
    struct var_space space;
    char err[600] = "";
    T_CHECK(krn_problem_parse("ic8ih6oc8kh3ph1", &t_remote.problem, err, sizeof err) == 0);
    var_space_init(&space, 1u << KRN_ISA_C, &t_remote.problem);
    t_remote.count = 0;
    while (t_remote.count < T_REMOTE_VARIANTS && var_space_next(&space, &v[t_remote.count])) {
        var_name_format(&v[t_remote.count], t_remote.names[t_remote.count]);
        t_remote.pointers[t_remote.count] = t_remote.names[t_remote.count];
        t_remote.count++;
    }
    if (hrn_toolchain_find(arch, NULL, &toolchain, err, sizeof err) < 0)
        t_skip(err);
    int rc = hrn_build(&toolchain, &paths, HRN_BUILD_RUNNER, v, t_remote.count, NULL, NULL,
                       t_remote.runner, sizeof t_remote.runner, err, sizeof err);
    if (!T_CHECK(rc == 0 && t_remote.count >= 4))
        printf("  %s\n", err);
    return rc;
}

static inline void t_remote_event(void)
{
    t_remote.events++;
    if (t_remote.events == t_remote.break_at) {
        t_remote.broken++;
        t_remote.break_it();
    }
}

static inline void t_remote_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)user;
    if (!T_CHECK(proof->outcome == HRN_OK))
        printf("  %s: %s\n", t_remote.names[index], proof->detail);
    t_remote.proofs[index]++;
    t_remote_event();
}

static inline void t_remote_sample(size_t index, const struct hrn_sample *s,
                                   const struct hrn_counter *counters, size_t counter_count,
                                   void *user)
{
    (void)counters, (void)counter_count, (void)user;
    if (T_CHECK(s->round >= 0 && s->round < T_REMOTE_ROUNDS))
        t_remote.samples[index][s->round]++;
    t_remote_event();
}

static inline void t_remote_failed(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)user;
    T_CHECK(!"a variant was blamed for the way to its device");
    printf("  %s: %s\n", t_remote.names[index], proof->detail);
}

/* The sentence for people comes when the device is missed: the moment to bring it back. */
static inline void t_remote_note(const char *text, void *user)
{
    (void)user;
    printf("note: %s\n", text);
    fflush(stdout);
    if (t_remote.broken > t_remote.restored) {
        t_remote.restored++;
        if (t_remote.restore_it)
            t_remote.restore_it();
    }
}

static inline void t_remote_prove(struct hrn_session *session, int break_at)
{
    const struct hrn_prove_options options = { .seed = t_seed, .timeout_ms = 60000, .tails = 0 };
    memset(t_remote.proofs, 0, sizeof t_remote.proofs);
    t_remote.events = 0;
    t_remote.break_at = break_at;
    if (!T_CHECK(hrn_session_prove(session, &t_remote.problem, t_remote.pointers, t_remote.count,
                                   &options, t_remote_proof, NULL) == 0))
        printf("  %s\n", hrn_session_error(session));
    for (size_t i = 0; i < t_remote.count; i++)
        T_CHECK(t_remote.proofs[i] == 1);
}

static inline void t_remote_time(struct hrn_session *session, int break_at)
{
    const struct hrn_time_options options = {
        .seed = t_seed, .rounds = T_REMOTE_ROUNDS, .min_sample_ns = 3000000, .timeout_ms = 60000
    };
    memset(t_remote.samples, 0, sizeof t_remote.samples);
    t_remote.events = 0;
    t_remote.break_at = break_at;
    if (!T_CHECK(hrn_session_time(session, &t_remote.problem, t_remote.pointers, t_remote.count,
                                  &options, t_remote_sample, t_remote_failed, NULL) == 0))
        printf("  %s\n", hrn_session_error(session));
    for (size_t i = 0; i < t_remote.count; i++)
        for (int r = 0; r < T_REMOTE_ROUNDS; r++)
            T_CHECK(t_remote.samples[i][r] >= 1); /* a void is taken again */
}

/* Proofs, and samples where the device has times, each with the way broken in the middle. */
static inline void t_remote_session(struct hrn_device *d, void (*break_it)(void),
                                    void (*restore_it)(void))
{
    struct hrn_patience patience = *hrn_device_patience(d);
    struct hrn_session *session;
    char err[600] = "";
    t_remote.break_it = break_it;
    t_remote.restore_it = restore_it;
    t_remote.broken = t_remote.restored = 0;
    patience.note = t_remote_note;
    hrn_device_set_patience(d, &patience);
    struct hrn_traffic before = hrn_device_traffic(d);
    if (!T_CHECK(hrn_session_open(d, t_remote.runner, -1, &session, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    int break_at = break_it ? (int)t_remote.count / 2 : 0;
    t_remote_prove(session, break_at);
    if (hrn_device_info(d)->evidence == HRN_MEASURED)
        t_remote_time(session, break_it ? (int)t_remote.count + 1 : 0);
    T_CHECK(!break_it || t_remote.broken > 0);
    hrn_session_close(session);
    if (t_remote.broken > t_remote.restored && restore_it) {
        restore_it(); /* the last break came when all was told */
        T_CHECK(hrn_device_await(d) == 0);
    }
    if (!break_it) /* once per batch, not per variant */
        T_CHECK(hrn_device_traffic(d).pushes - before.pushes <= 1);
}

#endif
