/* Runs gnuplot, an external program, with a limit of time. Never through a shell: names of files
 * are its arguments, and it reads no start-up file of the user's (-d). */
#include "reports/plot_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_NAME "gnuplot.log"

extern char **environ;

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* In `dir`, with nothing to read and its words in the log. */
static int start(const char *dir, char **argv, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int result = posix_spawn_file_actions_init(&actions);
    if (result != 0)
        return -result;
    result = posix_spawn_file_actions_addchdir_np(&actions, dir);
    if (result == 0)
        result = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (result == 0)
        result = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, LOG_NAME,
                                                  O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    if (result == 0)
        result = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -result;
}

/* 0 and *status, or -ETIMEDOUT after killing it. */
static int await(pid_t pid, int timeout_ms, int *status)
{
    const struct timespec pause = { 0, 5 * 1000 * 1000 };
    const long long deadline = now_ms() + timeout_ms;
    for (;;) {
        pid_t done = waitpid(pid, status, WNOHANG);
        if (done == pid)
            return 0;
        if (done < 0 && errno != EINTR)
            return -errno;
        if (now_ms() >= deadline)
            break;
        nanosleep(&pause, NULL);
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return -ETIMEDOUT;
}

/* The first line of the log that says something. */
static void first_words(const char *dir, char *line, int line_bytes)
{
    char *path = NULL;
    FILE *log = asprintf(&path, "%s/" LOG_NAME, dir) < 0 ? NULL : fopen(path, "r");
    line[0] = '\0';
    while (log && fgets(line, line_bytes, log)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[strspn(line, " \t^")])
            break;
        line[0] = '\0';
    }
    if (log)
        fclose(log);
    free(path);
}

int rpt_gnuplot(const char *dir, const char *const *files, size_t count, int timeout_ms, char *why,
                size_t why_bytes)
{
    char **argv = calloc(count + 3, sizeof *argv);
    pid_t pid = 0;
    int status = 0;
    char words[160];
    if (!argv)
        return -ENOMEM;
    argv[0] = (char *)(uintptr_t) "gnuplot";
    argv[1] = (char *)(uintptr_t) "-d";
    memcpy(argv + 2, files, count * sizeof *argv);
    int result = start(dir, argv, &pid);
    free(argv);
    if (result != 0) {
        snprintf(why, why_bytes, "gnuplot cannot be started (%s)", strerror(-result));
        return -ENOENT;
    }
    result = await(pid, timeout_ms, &status);
    if (result == -ETIMEDOUT)
        snprintf(why, why_bytes, "gnuplot was stopped after %d s", timeout_ms / 1000);
    if (result != 0)
        return result;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    first_words(dir, words, sizeof words);
    if (WIFSIGNALED(status))
        snprintf(why, why_bytes, "gnuplot was ended by signal %d", WTERMSIG(status));
    else
        snprintf(why, why_bytes, "gnuplot failed with %d: %s", WEXITSTATUS(status), words);
    return -EIO;
}
