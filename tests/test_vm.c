/* vm:NAME: a real virtual ARM machine, started and stopped by `quern vm`. Files and commands like
 * any device; proofs through a machine that is killed and one that hangs; its PMU: exact counts,
 * the same again and again.
 *
 *     test_vm QUERN SOURCE_ROOT CACHE */
#include "harness/pmu/event.h"
#include "harness/pmu/plan.h"
#include "tests/t_vm.h"
#include "tests/t_vm_pmu.h"

static char name[32], key[40];

/* The verb, as a user types it. */
static int vm(const char *verb, const char *a, const char *b, char *said, size_t bytes)
{
    const char *const argv[] = { quern, "vm", verb, a, b, NULL };
    return t_run(NULL, said, bytes, argv);
}

static int start(char *said, size_t bytes)
{
    return t_vm_start(name, "cortex-a76", NULL, said, bytes);
}

static void kill_machine(void)
{
    t_vm_kill(name);
}

static void restart(void)
{
    char said[2000];
    if (!T_CHECK(start(said, sizeof said) == 0))
        printf("  %s\n", said);
}

static void freeze(void)
{
    t_vm_signal(name, SIGSTOP);
}

static void thaw(void)
{
    t_vm_signal(name, SIGCONT);
}

static struct hrn_device *open_machine(void)
{
    struct hrn_device *d;
    char err[600];
    if (T_CHECK(hrn_device_open(key, &d, err, sizeof err) == 0))
        return d;
    printf("  %s\n", err);
    exit(t_end());
}

static void check_info(const struct hrn_device *d)
{
    const struct hrn_device_info *info = hrn_device_info(d);
    T_CHECK_STR(info->key, key);
    T_CHECK_STR(info->arch, "aarch64");
    T_CHECK_STR(info->cpu, "Cortex-A76");
    T_CHECK_STR(info->midr, "0x414fd0b1");
    T_CHECK(info->evidence == HRN_EMULATED && info->cpu_index == 0 && info->core_count == 1);
    T_CHECK(info->isas & 1u << KRN_ISA_DOTPROD && !(info->isas & 1u << KRN_ISA_I8MM));
}

/* Instructions over known work: as many as there are, the same in every process, and none of what
 * the machine does not implement. */
static void counts(struct hrn_device *d)
{
    enum { TIMES = 3, UNITS = 100000 };
    static const struct hrn_event events[] = { { .name = "INST_RETIRED", .config = 0x08 },
                                               { .name = "L1D_CACHE_REFILL", .config = 0x03 } };
    struct hrn_session *session;
    struct hrn_pmu_info pmu;
    char err[600] = "";
    int64_t first = 0;
    if (!T_CHECK(hrn_session_open(d, t_remote.runner, -1, &session, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    T_CHECK(hrn_session_pmu(session, &pmu) == 0 && pmu.counts == 1);
    T_CHECK(pmu.free_counters >= 4);
    for (int i = 0; i < TIMES; i++) {
        struct hrn_trial trials[2];
        T_CHECK(hrn_session_restart(session) == 0);
        if (!T_CHECK(hrn_session_try(session, events, 2, "alu", UNITS, trials) == 0)) {
            printf("  %s\n", hrn_session_error(session));
            break;
        }
        int64_t step = trials[0].value[1] - trials[0].value[0];
        printf("%s: %d units %lld instructions, twice as many %lld\n", key, UNITS,
               (long long)trials[0].value[0], (long long)trials[0].value[1]);
        T_CHECK(step == 4 * UNITS); /* 4 a unit: works.h */
        first = i ? first : trials[0].value[0];
        T_CHECK(trials[0].value[0] == first);
        T_CHECK(trials[1].value[0] == 0 && trials[1].value[1] == 0);
    }
    hrn_session_close(session);
}

static void refuses(void)
{
    static const struct {
        const char *verb, *a, *b, *says;
        int code;
    } rows[] = {
        { "start", "no-such-cpu", "--name=quern-test-none", "no-such-cpu", 2 },
        { "start", "../up", NULL, "cannot be the name", 2 },
        { "start", "cortex-a53", "--cpus=99", "--cpus", 2 },
        { "stop", "no-such-machine", NULL, "no machine", 1 },
        { "status", "no-such-machine", NULL, "no machine", 1 },
        { "dance", NULL, NULL, "none of", 2 },
        { "stop", NULL, NULL, "takes", 2 },
    };
    struct hrn_device *d;
    char said[3000], err[600];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int code = vm(rows[i].verb, rows[i].a, rows[i].b, said, sizeof said);
        if (!T_CHECK(code == rows[i].code && strstr(said, rows[i].says)))
            printf("  vm %s: %d: %s\n", rows[i].verb, code, said);
    }
    T_CHECK(hrn_device_open("vm:no-such-machine", &d, err, sizeof err) == -ENOTCONN);
    T_CHECK(strstr(err, "quern vm start") != NULL);
}

static void check_machine(const char *source_root, const char *cache)
{
    struct hrn_device *d = open_machine();
    struct hrn_patience patience = *hrn_device_patience(d);
    check_info(d);
    t_remote_commands(d);
    t_remote_files(d, getenv("QUERN_CACHE"), 2000000);
    if (t_remote_build("aarch64", source_root, cache) == 0) {
        t_remote_session(d, NULL, NULL);
        counts(d);
        t_remote_session(d, kill_machine, restart);
        patience.silence_ms = 500;
        patience.call_ms = 3000;
        hrn_device_set_patience(d, &patience);
        t_remote_session(d, freeze, thaw);
        hrn_device_set_patience(d, &hrn_patience_default);
        t_vm_pmu(d, source_root, cache);
    }
    hrn_device_close(d);
}

int main(int argc, char **argv)
{
    char said[4000];
    t_vm_begin(argc, argv);
    snprintf(name, sizeof name, "quern-test-%d", (int)getpid());
    snprintf(key, sizeof key, "vm:%s", name);
    if (start(said, sizeof said) == 3 && strstr(said, "image"))
        t_skip(said);
    check_machine(argv[2], argv[3]);
    refuses();
    T_CHECK(vm("status", name, NULL, said, sizeof said) == 0 && strstr(said, "runs"));
    T_CHECK(vm("stop", name, NULL, said, sizeof said) == 0 && !t_vm_pid(name));
    T_CHECK(vm("list", NULL, NULL, said, sizeof said) == 0 && !strstr(said, name));
    return t_end();
}
