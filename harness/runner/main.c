/* quern-runner: runs variants on a device. Jobs on standard input, records on standard output
 * (job.c has the words); standard error is for people.
 *
 *     quern-runner [--cpu N]     CPU to pin timed work to; -1 or absent: none */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--cpu N] < jobs > records\n", program);
    return 2;
}

static int greet(struct hrn_runner *runner)
{
    struct hrn_line line;
    hrn_line_begin(&line, "hello");
    hrn_line_add_int(&line, "protocol", HRN_PROTOCOL);
    hrn_line_add_int(&line, "kernels", (int64_t)quern_kernels_count);
    hrn_line_add_hex(&line, "isas", krn_cpu_isas());
    return hrn_record_send(runner, &line);
}

int main(int argc, char **argv)
{
    static struct hrn_runner runner = { .cpu = -1 };
    const struct rlimit no_core = { 0, 0 };
    if (argc == 3 && strcmp(argv[1], "--cpu") == 0) {
        char *end;
        long cpu = strtol(argv[2], &end, 10);
        if (end == argv[2] || *end || cpu < -1 || cpu > 4095)
            return usage(argv[0]);
        runner.cpu = (int)cpu;
    } else if (argc != 1) {
        return usage(argv[0]);
    }
    setrlimit(RLIMIT_CORE, &no_core); /* children crash by design */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the host's to handle: it asks for a stop */
    runner.input.fd = STDIN_FILENO;
    hrn_env_pin(-1); /* remembers the CPUs that were given */
    int error = greet(&runner);
    if (error == 0)
        error = hrn_jobs_run(&runner);
    if (error < 0)
        fprintf(stderr, "%s: stopped: %s\n", argv[0], strerror(-error));
    return error < 0;
}
