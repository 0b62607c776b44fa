#include "harness/build/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int hrn_cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

/* `errors`: a file for standard error, or NULL for /dev/null. `out_fd`: standard output, or -1. */
static int start(const char *const argv[], const char *errors, int out_fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors ? errors : "/dev/null",
                                     O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

static void read_errors(struct hrn_command *c)
{
    FILE *file = fopen(c->errors_path, "re");
    size_t got = file ? fread(c->errors, 1, sizeof c->errors - 1, file) : 0;
    c->errors[got] = '\0';
    while (got && (c->errors[got - 1] == '\n' || c->errors[got - 1] == ' '))
        c->errors[--got] = '\0';
    if (file)
        fclose(file);
}

static int finish(struct hrn_command *c, int status)
{
    int bad = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    c->status = status;
    if (bad)
        read_errors(c);
    unlink(c->errors_path);
    return bad;
}

static int launch(struct hrn_command *c, pid_t *pid)
{
    int rc = start(c->argv, c->errors_path, -1, pid);
    if (!rc)
        return 0;
    *pid = 0;
    c->status = -1;
    snprintf(c->errors, sizeof c->errors, "cannot start %s: %s", c->argv[0], strerror(-rc));
    return 1;
}

static int await(struct hrn_command *c, pid_t pid)
{
    int status = 0;
    if (!pid) /* never started */
        return 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return finish(c, status);
}

/* A window over the list: the oldest is awaited, so nobody else's children are reaped here. */
int hrn_run_commands(struct hrn_command *commands, size_t count, int parallel)
{
    pid_t *pids = calloc(count + 1, sizeof *pids);
    size_t started = 0;
    int failures = 0;
    if (!pids)
        return -ENOMEM;
    for (size_t oldest = 0; oldest < count; oldest++) {
        for (; started < count && started < oldest + (size_t)parallel; started++)
            failures += launch(&commands[started], &pids[started]);
        failures += await(&commands[oldest], pids[oldest]);
    }
    free(pids);
    return failures ? -EINVAL : 0;
}

int hrn_first_line(const char *const argv[], char *out, size_t out_bytes)
{
    int fds[2], status;
    pid_t pid;
    out[0] = '\0';
    if (pipe2(fds, O_CLOEXEC))
        return -errno;
    int rc = start(argv, NULL, fds[1], &pid);
    close(fds[1]);
    FILE *file = fdopen(fds[0], "re");
    if (!file) {
        close(fds[0]);
        return -ENOMEM;
    }
    if (!rc && !fgets(out, (int)out_bytes, file))
        rc = -ENODATA;
    out[strcspn(out, "\n")] = '\0';
    while (!rc && fgetc(file) != EOF)
        ;
    fclose(file);
    if (rc == 0 || rc == -ENODATA) {
        waitpid(pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            rc = -EINVAL;
    }
    return rc;
}
