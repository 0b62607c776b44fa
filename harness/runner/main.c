/* quern-runner: runs variants on a device. Jobs on standard input, records on standard output
 * (job.c has the words); standard error is for people.
 *
 *     quern-runner [--cpu N] [--trap LEVEL] [--journal FILE]
 *         CPU to pin timed work to, -1 or absent: none; ISA level to execute in software; where
 *         records are kept before they are sent */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/runner/journal.h"
#include "harness/runner/trap_x86.h"

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--cpu N] [--trap LEVEL] [--journal FILE] < jobs > records\n",
            program);
    return 2;
}

static int greet(struct hrn_runner *runner)
{
    struct hrn_line line;
    hrn_line_begin(&line, "hello");
    hrn_line_add_int(&line, "protocol", HRN_PROTOCOL);
    hrn_line_add_int(&line, "kernels", (int64_t)quern_kernels_count);
    hrn_line_add_hex(&line, "isas", hrn_env_isas());
    return hrn_record_send(runner, &line);
}

/* 1, or 0 if it is no such option, or no such value of it. */
static int take_cpu(struct hrn_runner *runner, const char *value)
{
    char *end;
    long cpu = strtol(value, &end, 10);
    if (end == value || *end || cpu < -1 || cpu > 4095)
        return 0;
    runner->cpu = (int)cpu;
    return 1;
}

static int take_trap(struct hrn_runner *runner, const char *value)
{
    int isa = krn_isa_find(value);
    int error = isa < 0 ? -EINVAL : hrn_trap_install(1u << isa);
    (void)runner;
    if (error < 0)
        fprintf(stderr, "cannot execute %s in software: %s\n", value, strerror(-error));
    return error == 0;
}

static int take_journal(struct hrn_runner *runner, const char *value)
{
    runner->journal = value;
    runner->journal_fd = hrn_journal_open(value);
    if (runner->journal_fd < 0)
        fprintf(stderr, "cannot write the journal %s: %s\n", value, strerror(-runner->journal_fd));
    return runner->journal_fd >= 0;
}

static int take_option(struct hrn_runner *runner, const char *name, const char *value)
{
    static const struct {
        const char *name;
        int (*take)(struct hrn_runner *runner, const char *value);
    } options[] = { { "--cpu", take_cpu }, { "--trap", take_trap }, { "--journal", take_journal } };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0)
            return options[i].take(runner, value);
    return 0;
}

int main(int argc, char **argv)
{
    static struct hrn_kept kept;
    static struct hrn_runner runner = { .cpu = -1, .kept = &kept };
    const struct rlimit no_core = { 0, 0 };
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !take_option(&runner, argv[i], argv[i + 1]))
            return usage(argv[0]);
    setrlimit(RLIMIT_CORE, &no_core); /* children crash by design */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the host's to handle: it asks for a stop */
    runner.input.fd = STDIN_FILENO;
    hrn_env_pin(-1); /* remembers the CPUs that were given */
    int error = greet(&runner);
    if (error == 0)
        error = hrn_jobs_run(&runner);
    hrn_kept_clear(&kept);
    if (error < 0)
        fprintf(stderr, "%s: stopped: %s\n", argv[0], strerror(-error));
    return error < 0;
}
