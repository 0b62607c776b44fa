#include "harness/device/process_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int64_t hrn_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int hrn_spawn(const char *const argv[], int in, int out, int errors, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (in >= 0)
        posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (out >= 0)
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (errors >= 0)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

int hrn_spawn_piped(const char *const argv[], int in, int errors, struct hrn_process *out)
{
    int to[2] = { -1, -1 }, from[2] = { -1, -1 };
    int rc = (in < 0 && pipe2(to, O_CLOEXEC)) || pipe2(from, O_CLOEXEC) ? -errno : 0;
    if (rc == 0)
        rc = hrn_spawn(argv, in < 0 ? to[0] : in, from[1], errors, &out->pid);
    close_fd(to[0]);
    close_fd(from[1]);
    out->stdin_fd = to[1];
    out->stdout_fd = from[0];
    if (rc < 0) {
        close_fd(to[1]);
        close_fd(from[0]);
    }
    return rc;
}

void hrn_reap(pid_t pid, int timeout_ms, int *status)
{
    for (int waited = 0; waitpid(pid, status, WNOHANG) == 0; waited += 10) {
        if (waited >= timeout_ms) {
            kill(-pid, SIGKILL);
            while (waitpid(pid, status, 0) < 0 && errno == EINTR)
                ;
            return;
        }
        poll(NULL, 0, 10);
    }
}

/* Reads up to the end or the moment `until`; what does not fit is dropped. 0 or -ETIMEDOUT. */
static int drain(int fd, int64_t until, char *out, size_t out_bytes)
{
    char rest[512];
    size_t length = 0;
    for (;;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        int64_t left = until - hrn_clock_ms();
        int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
        int room = length + 1 < out_bytes;
        out[length] = '\0';
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t got = ready < 0 ? -1
                      : room    ? read(fd, out + length, out_bytes - 1 - length)
                                : read(fd, rest, sizeof rest);
        if (got == 0 || (got < 0 && errno != EINTR))
            return 0;
        if (got > 0 && room)
            length += (size_t)got;
    }
}

int hrn_collect(const char *const argv[], int timeout_ms, char *out, size_t out_bytes)
{
    int64_t until = hrn_clock_ms() + timeout_ms;
    int ends[2], status = 0;
    pid_t pid = 0;
    out[0] = '\0';
    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    int rc = hrn_spawn(argv, -1, ends[1], ends[1], &pid);
    close(ends[1]);
    if (rc == 0) {
        rc = drain(ends[0], until, out, out_bytes);
        hrn_reap(pid, rc ? 0 : 1000, &status);
    }
    close(ends[0]);
    if (rc < 0)
        return rc;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int hrn_complaint_open(void)
{
    int fd = memfd_create("complaint", MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void hrn_complaint_take(int fd, char *out, size_t out_bytes)
{
    char text[2048];
    ssize_t got = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : 0;
    size_t length = got > 0 ? (size_t)got : 0;
    while (length && strchr("\r\n ", text[length - 1]))
        length--;
    text[length] = '\0';
    const char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    size_t bytes = strlen(line) < out_bytes ? strlen(line) : out_bytes - 1;
    memcpy(out, line, bytes);
    out[bytes] = '\0';
    close_fd(fd);
}
