#include "harness/runner/runner_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/runner/trap_x86.h"

/* A fault must end the child by its signal, whatever handler the runner came with (a sanitizer's,
 * say). */
static void restore_faults(void)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        signal(faults[i], SIG_DFL);
    if (hrn_trap_isas() != 0) /* but an emulated level needs its own */
        hrn_trap_install(hrn_trap_isas());
}

static void become_child(hrn_child_body *body, void *context, int message_fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    restore_faults();
    if (null >= 0) { /* a kernel gone wild cannot write records */
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    body(context, message_fd);
    _exit(0);
}

int hrn_child_start(struct hrn_child *child, hrn_child_body *body, void *context)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    child->pid = fork();
    if (child->pid < 0) {
        int error = -errno;
        close(ends[0]);
        close(ends[1]);
        child->pid = 0;
        return error;
    }
    if (child->pid == 0) {
        close(ends[0]);
        become_child(body, context, ends[1]);
    }
    close(ends[1]);
    child->fd = ends[0];
    return 0;
}

int hrn_child_receive(struct hrn_child *child, struct hrn_message *message)
{
    ssize_t got;
    do
        got = read(child->fd, message, sizeof *message);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *message;
}

int hrn_child_end(struct hrn_child *child, int kill_it)
{
    int status = 0;
    if (kill_it)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(child->fd);
    child->pid = 0;
    return status;
}

void hrn_message_send(int fd, const struct hrn_message *message)
{
    if (hrn_write_all(fd, (const char *)message, sizeof *message) < 0)
        _exit(1); /* the runner is gone */
}

void hrn_proof_of_status(struct hrn_proof *proof, int status, const struct krn_kernel *kernel)
{
    proof->outcome = HRN_CRASHED;
    if (!WIFSIGNALED(status)) {
        snprintf(proof->detail, sizeof proof->detail,
                 "its process ended by itself with exit code %d", WEXITSTATUS(status));
        return;
    }
    proof->signal = WTERMSIG(status);
    if (proof->signal == SIGILL && !(hrn_env_isas() & 1u << kernel->isa))
        proof->outcome = HRN_NO_ISA;
    snprintf(proof->detail, sizeof proof->detail, "%s", strsignal(proof->signal));
}

void hrn_proof_timeout(struct hrn_proof *proof, int timeout_ms)
{
    proof->outcome = HRN_TIMEOUT;
    proof->signal = SIGKILL;
    snprintf(proof->detail, sizeof proof->detail, "no answer within %d ms", timeout_ms);
}

int hrn_proof_gate(struct hrn_proof *proof, const struct krn_kernel *kernel)
{
    if (!kernel) {
        proof->outcome = HRN_NO_BUILD;
        snprintf(proof->detail, sizeof proof->detail, "this runner was built without it");
        return -1;
    }
    if (!(hrn_env_isas() & 1u << kernel->isa)) {
        proof->outcome = HRN_NO_ISA;
        snprintf(proof->detail, sizeof proof->detail, "this CPU has no %s",
                 krn_isas[kernel->isa].name);
        return -1;
    }
    return 0;
}
