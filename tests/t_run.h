/* Runs a program for a test: no shell in between, its output kept. */
#ifndef QUERN_TESTS_T_RUN_H
#define QUERN_TESTS_T_RUN_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* 1 if a program of that name is in $PATH. */
static inline int t_has_program(const char *name)
{
    const char *path = getenv("PATH");
    char full[4096];
    while (path && *path) {
        size_t length = strcspn(path, ":");
        snprintf(full, sizeof full, "%.*s/%s", (int)length, path, name);
        if (access(full, X_OK) == 0)
            return 1;
        path += length + (path[length] == ':');
    }
    return 0;
}

/* Runs argv in `dir` (NULL: here); stdout and stderr together go to `output`, cut to fit. Returns
 * the exit status, 128 + n for signal n. */
static inline int t_run(const char *dir, char *output, size_t bytes, const char *const *argv)
{
    int fds[2], status = 0;
    size_t length = 0;
    ssize_t got;
    char rest[4096];
    fflush(NULL);
    if (pipe(fds) != 0)
        abort();
    pid_t child = fork();
    if (child == 0) {
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        close(fds[0]);
        close(fds[1]);
        if (dir && chdir(dir) != 0)
            _exit(126);
        execvp(argv[0], (char *const *)(void *)argv);
        _exit(127);
    }
    close(fds[1]);
    while ((got = length + 1 < bytes ? read(fds[0], output + length, bytes - 1 - length)
                                     : read(fds[0], rest, sizeof rest)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        if (got > 0 && length + 1 < bytes)
            length += (size_t)got;
    }
    output[length] = '\0';
    close(fds[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#define T_RUN(dir, output, ...)                                                                    \
    t_run(dir, output, sizeof(output), (const char *const[]) { __VA_ARGS__, NULL })

/* A new folder under $TMPDIR or /tmp; remove with t_remove(). */
static inline void t_folder(char *out, size_t bytes)
{
    const char *base = getenv("TMPDIR");
    snprintf(out, bytes, "%s/quern-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(out)) {
        perror(out);
        exit(1);
    }
}

static inline void t_remove(const char *folder)
{
    char output[200];
    T_RUN(NULL, output, "rm", "-rf", "--", folder);
}

#endif
