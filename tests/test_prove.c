/* The prover, proved on kernels that are broken on purpose: each must get its own outcome, with
 * words that lead to the fault, and one broken kernel must not cost its neighbours anything.
 *
 *     test_prove DEVICE RUNNER     "local", or "qemu:CPU" with a runner for AArch64 */
#include <signal.h>
#include <unistd.h>

#include "harness/runner/session.h"
#include "tests/t.h"

static const struct {
    const char *name;
    enum hrn_outcome outcome;
    int signal;
    const char *words; /* that the detail must hold */
} rows[] = {
    { "stains", HRN_OK, 0, "" }, /* first, so that the two share a process */
    { "trips", HRN_OK, 0, "" },
    { "correct", HRN_OK, 0, "" },
    { "writes_past_end", HRN_WRONG, -1, "" },
    { "writes_before_start", HRN_WRONG, -1, "" },
    { "reads_past_end", HRN_WRONG, SIGSEGV, "input" },
    { "skips_column", HRN_WRONG, 0, "never written" },
    { "skips_k_tail", HRN_WRONG, 0, "differ" },
    { "skips_last_row", HRN_WRONG, 0, "differ" },
    { "rounds_half_up", HRN_WRONG, 0, "differ" },
    { "clobbers_register", HRN_WRONG, 0, "not preserved" },
    { "clobbers_vector_register", HRN_WRONG, 0, "not preserved" },
    { "crashes", HRN_CRASHED, SIGSEGV, "" },
    { "hangs", HRN_TIMEOUT, SIGKILL, "ms" },
    { "is_illegal", HRN_CRASHED, SIGILL, "" },
    { "exits", HRN_CRASHED, SIGKILL, "" },
    { "adds", HRN_OK, 0, "" },
    { "adds_without_zero_point", HRN_WRONG, 0, "differ" },
    { "adds_row_above", HRN_WRONG, 0, "differ" },
    { "adds_rounded_twice", HRN_WRONG, 0, "differ" },
    { "reads_past_second", HRN_WRONG, SIGSEGV, "" },
    { "sums", HRN_OK, 0, "" },
    { "sums_without_bias", HRN_WRONG, 0, "differ" },
    { "foreign", HRN_NO_ISA, 0, "no" },
    { "not_there", HRN_NO_BUILD, 0, "without" },
};
enum { COUNT = sizeof rows / sizeof *rows };

static struct hrn_proof proofs[COUNT];
static int calls[COUNT];

static void on_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)user;
    proofs[index] = *proof;
    calls[index]++;
}

static void check_row(size_t i, const char *problem)
{
    const struct hrn_proof *p = &proofs[i];
    int good = T_CHECK(calls[i] == 1);
    good &= T_CHECK(p->outcome == rows[i].outcome);
    good &= T_CHECK(p->stage == HRN_STAGE_PROVE);
    good &= rows[i].signal < 0 || T_CHECK(p->signal == rows[i].signal);
    good &= T_CHECK(strstr(p->detail, rows[i].words) != NULL);
    good &= T_CHECK(p->outcome != HRN_OK || p->checks > 50);
    if (!good)
        printf("  %s on %s: %s, signal %d, %d checks: %s\n", rows[i].name, problem,
               hrn_outcome_names[p->outcome], p->signal, p->checks, p->detail);
}

static void prove(struct hrn_session *session, const char *text)
{
    struct hrn_prove_options options = { .seed = t_seed, .timeout_ms = 1500, .tails = 1 };
    const char *names[COUNT];
    struct krn_problem problem;
    char err[200];
    memset(calls, 0, sizeof calls);
    memset(proofs, 0, sizeof proofs);
    for (size_t i = 0; i < COUNT; i++)
        names[i] = rows[i].name;
    if (!T_CHECK(krn_problem_parse(text, &problem, err, sizeof err) == 0))
        return;
    int error = hrn_session_prove(session, &problem, names, COUNT, &options, on_proof, NULL);
    if (!T_CHECK(error == 0))
        printf("  %s\n", hrn_session_error(session));
    for (size_t i = 0; i < COUNT; i++)
        check_row(i, text);
}

/* The same seed gives the same words: a failure can be repeated. */
static void repeats(struct hrn_session *session)
{
    struct hrn_proof first[COUNT];
    prove(session, "ic5ih6oc7kh1");
    memcpy(first, proofs, sizeof first);
    prove(session, "ic5ih6oc7kh1");
    for (size_t i = 0; i < COUNT; i++) {
        T_CHECK_STR(proofs[i].detail, first[i].detail);
        T_CHECK(proofs[i].checks == first[i].checks);
    }
}

/* A problem that is too large for the reference is cropped, and the proof says so. */
static void crops(struct hrn_session *session)
{
    struct hrn_prove_options options = { .seed = t_seed, .timeout_ms = 60000, .tails = 0 };
    const char *name = "correct";
    struct krn_problem problem;
    char err[200];
    T_CHECK(krn_problem_parse("ic256ih56oc256kh3ph1", &problem, err, sizeof err) == 0);
    memset(calls, 0, sizeof calls);
    T_CHECK(hrn_session_prove(session, &problem, &name, 1, &options, on_proof, NULL) == 0);
    T_CHECK(calls[0] == 1 && proofs[0].outcome == HRN_OK && proofs[0].checks == 2);
    T_CHECK(strstr(proofs[0].detail, "cropped to ic256") != NULL);
}

int main(int argc, char **argv)
{
    struct hrn_session *session = NULL;
    struct hrn_device *device = NULL;
    char err[512] = "";
    t_begin(argc, argv);
    if (argc < 3 || access(argv[2], X_OK) != 0)
        t_skip("no runner of broken kernels for this device (its compiler is missing)");
    if (hrn_device_open(argv[1], &device, err, sizeof err) < 0)
        t_skip(err);
    if (!T_CHECK(hrn_session_open(device, argv[2], -1, &session, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        hrn_device_close(device);
        return t_end();
    }
    prove(session, "ic24ih10oc18kh3ph1");
    repeats(session);
    if (strcmp(argv[1], "local") == 0)
        crops(session);
    hrn_session_close(session);
    hrn_device_close(device);
    return t_end();
}
