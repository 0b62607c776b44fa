/* Child processes of builds and tools: argument vectors, never a shell. */
#ifndef QUERN_HARNESS_SPAWN_H
#define QUERN_HARNESS_SPAWN_H

#include <stddef.h>

/* One command. Its standard error is kept in `errors_path`, which the pool removes again. */
struct hrn_command {
    const char *const *argv; /* ends with NULL */
    char errors_path[512];
    int status;       /* as waitpid() gives it; -1 = could not be started */
    char errors[400]; /* the first lines of standard error, of a command that failed */
};

/* Runs all of them, at most `parallel` at a time. 0 if each exited with 0, else -EINVAL. */
int hrn_run_commands(struct hrn_command *commands, size_t count, int parallel);

/* First line of what a command prints. 0 or -errno. */
int hrn_first_line(const char *const argv[], char *out, size_t out_bytes);

int hrn_cpu_count(void);

#endif
