#include "harness/cli/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/cli_int.h"

extern char **environ;

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int spawn(const char *const argv[], int write_fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, write_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, write_fd, STDERR_FILENO);
    int code = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -code;
}

/* Reads what is there now; 0 at the end of the stream. What does not fit is dropped. */
static int drain(int fd, char *out, size_t out_bytes, size_t *length)
{
    char buffer[4096];
    ssize_t got;
    while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
        size_t room = out_bytes - 1 - *length;
        size_t keep = (size_t)got < room ? (size_t)got : room;
        memcpy(out + *length, buffer, keep);
        *length += keep;
    }
    return got != 0;
}

/* Until the child ends: a server that it leaves behind may hold the pipe open for ever. */
static int attend(pid_t pid, int fd, int timeout_ms, char *out, size_t out_bytes)
{
    int64_t end_ms = now_ms() + timeout_ms;
    size_t length = 0;
    int status = 0, open = 1, timed_out = 0;
    pid_t ended = 0;
    while (!ended && !timed_out) {
        struct pollfd p = { .fd = open ? fd : -1, .events = POLLIN };
        poll(&p, 1, 10);
        if (open)
            open = drain(fd, out, out_bytes, &length);
        ended = waitpid(pid, &status, WNOHANG);
        timed_out = !ended && now_ms() > end_ms;
    }
    if (timed_out) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    drain(fd, out, out_bytes, &length);
    out[length] = '\0';
    if (timed_out)
        return -ETIMEDOUT;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int cli_capture(const char *const argv[], int timeout_ms, char *out, size_t out_bytes)
{
    int ends[2];
    pid_t pid;
    out[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    int code = spawn(argv, ends[1], &pid);
    close(ends[1]);
    if (code == 0)
        code = attend(pid, ends[0], timeout_ms, out, out_bytes);
    close(ends[0]);
    return code;
}

int cli_capture_line(const char *const argv[], int timeout_ms, char *out, size_t out_bytes)
{
    int code = cli_capture(argv, timeout_ms, out, out_bytes);
    out[strcspn(out, "\n")] = '\0';
    return code;
}

int cli_program_find(const char *name, char *path, size_t path_bytes)
{
    const char *at = getenv("PATH");
    while (at && *at) {
        int length = (int)strcspn(at, ":");
        snprintf(path, path_bytes, "%.*s/%s", length, at, name);
        if (length && access(path, X_OK) == 0)
            return 0;
        at += length + (at[length] == ':');
    }
    path[0] = '\0';
    return -ENOENT;
}

int cli_file_line(const char *path, char *out, size_t out_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, out_bytes - 1);
    int code = got < 0 ? -errno : 0;
    out[got < 0 ? 0 : got] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
    return code;
}

int cli_file_integer(const char *path, long long *out)
{
    char line[64];
    int code = cli_file_line(path, line, sizeof(line));
    return code ? code : cli_integer(line, out);
}
