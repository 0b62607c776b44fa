#include "harness/cli/each_device.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct worker {
    pid_t pid; /* 0 = has ended */
    FILE *output;
    int code;
};

static void become_worker(FILE *output)
{
    setpgid(0, 0); /* the terminal's Ctrl-C is the parent's to pass on */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    fflush(stdout);
    if (dup2(fileno(output), STDOUT_FILENO) < 0)
        _exit(CLI_FAILED);
}

static int start(struct worker *w, const char *key, size_t owner,
                 int (*run)(const char *key, size_t owner, void *user), void *user)
{
    w->output = tmpfile();
    fflush(NULL);
    w->pid = w->output ? fork() : -1;
    if (w->pid < 0) {
        w->pid = 0;
        w->code = cli_fail(CLI_FAILED, "cannot start a process for %s: %s", key, strerror(errno));
        return w->code;
    }
    if (w->pid == 0) {
        become_worker(w->output);
        int code = run(key, owner, user);
        fflush(NULL);
        _exit(code);
    }
    return 0;
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

/* Until all have ended. */
static void await(struct worker *workers, size_t count, struct hrn_share *share)
{
    int told = 0;
    for (size_t left = count; left > 0; poll(NULL, 0, 50)) {
        left = 0;
        for (size_t i = 0; i < count; i++) {
            int status;
            if (workers[i].pid && cli_stop && !told)
                kill(workers[i].pid, SIGINT);
            if (workers[i].pid && waitpid(workers[i].pid, &status, WNOHANG) == workers[i].pid) {
                workers[i].pid = 0;
                workers[i].code = exit_code(status);
                if (share && workers[i].code)
                    hrn_share_leave(share, i);
            }
            left += workers[i].pid != 0;
        }
        told |= cli_stop != 0;
    }
}

static void print(const struct worker *w, const char *key, int json, int is_first)
{
    char block[4096];
    size_t got;
    if (json)
        fputs(is_first ? "" : ",", stdout);
    else
        printf("%s== %s\n", is_first ? "" : "\n", key);
    rewind(w->output);
    while ((got = fread(block, 1, sizeof block, w->output)) > 0)
        fwrite(block, 1, got, stdout);
}

/* The gravest: an interruption explains all others. */
static int graver(int a, int b)
{
    if (a == CLI_INTERRUPTED || b == CLI_INTERRUPTED)
        return CLI_INTERRUPTED;
    return a > b ? a : b;
}

int cli_each_device(const struct cli_list *keys, struct hrn_share *share, int json,
                    int (*run)(const char *key, size_t owner, void *user), void *user)
{
    struct worker *workers = calloc(keys->count, sizeof *workers);
    int code = CLI_OK, printed = 0;
    if (!workers)
        return cli_fail(CLI_FAILED, "out of memory");
    cli_catch_interrupt();
    for (size_t i = 0; i < keys->count; i++)
        if (start(&workers[i], keys->items[i], i, run, user) && share)
            hrn_share_leave(share, i);
    await(workers, keys->count, share);
    fputs(json ? "[" : "", stdout);
    for (size_t i = 0; i < keys->count; i++) {
        if (workers[i].output && (!json || workers[i].code == CLI_OK))
            print(&workers[i], keys->items[i], json, !printed++);
        if (workers[i].output)
            fclose(workers[i].output);
        code = graver(code, workers[i].code);
    }
    if (json)
        fputs("]\n", stdout);
    free(workers);
    return code;
}
