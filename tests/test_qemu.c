/* AArch64 for real, in user-mode emulation: every level's kernels proved on a CPU that has it,
 * refused by one that has not; CPUs that do not exist; no times. Needs QEMU and the cross compiler.
 */
#include <errno.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/runner/session.h"
#include "tests/t.h"

#define BIT(isa) (1u << (isa))
#define V8 (BIT(KRN_ISA_C) | BIT(KRN_ISA_NEON))

static const struct {
    const char *key, *cpu;
    uint32_t isas;
} devices[] = {
    { "qemu:cortex-a53", "Cortex-A53", V8 },
    { "qemu:cortex-a76", "Cortex-A76", V8 | BIT(KRN_ISA_DOTPROD) },
    { "qemu:max,sve=off", "max", V8 | BIT(KRN_ISA_DOTPROD) | BIT(KRN_ISA_I8MM) },
};

static const char *const problems[] = { "ic20ih7oc24kh3ph1", "ic40ih6oc20kh1",
                                        "g24ic24ih9oc24kh3sh2ph1" };

enum { PER_LEVEL = 4, NAMES = 64 };
static char names[NAMES][VAR_NAME_MAX];
static enum krn_isa level[NAMES];
static struct hrn_proof proofs[NAMES];

static void on_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)user;
    proofs[index] = *proof;
}

/* A few of each level, spread over the space of the problem. */
static size_t pick(const struct krn_problem *problem, struct var_variant *out)
{
    static const enum krn_isa isas[] = { KRN_ISA_C, KRN_ISA_NEON, KRN_ISA_DOTPROD, KRN_ISA_I8MM };
    size_t count = 0;
    for (size_t l = 0; l < sizeof isas / sizeof *isas; l++) {
        struct var_space space;
        struct var_variant v;
        size_t size = 0, taken = 0;
        for (var_space_init(&space, BIT(isas[l]), problem); var_space_next(&space, &v);)
            size++;
        var_space_init(&space, BIT(isas[l]), problem);
        for (size_t i = 0; var_space_next(&space, &v) && taken < PER_LEVEL; i++)
            if (i * PER_LEVEL >= taken * size) {
                level[count] = isas[l];
                out[count++] = v;
                taken++;
            }
    }
    return count;
}

static void check_proofs(const char *key, uint32_t isas, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum hrn_outcome want = isas & BIT(level[i]) ? HRN_OK : HRN_NO_ISA;
        if (!T_CHECK(proofs[i].outcome == want))
            printf("  %s on %s: %s: %s\n", names[i], key, hrn_outcome_names[proofs[i].outcome],
                   proofs[i].detail);
    }
}

static void no_sample(size_t index, const struct hrn_sample *sample,
                      const struct hrn_counter *counters, size_t counter_count, void *user)
{
    (void)index, (void)sample, (void)counters, (void)counter_count, (void)user;
    T_CHECK(!"an emulated device gave a time");
}

static void prove_on(size_t d, const char *runner, const struct krn_problem *problem, size_t count)
{
    struct hrn_prove_options options = { .seed = t_seed, .timeout_ms = 60000, .tails = 1 };
    struct hrn_time_options time_options = { .rounds = 1, .timeout_ms = 1000 };
    struct hrn_session *session;
    struct hrn_device *device;
    const char *pointers[NAMES];
    char err[512];
    double peak;
    if (!T_CHECK(hrn_device_open(devices[d].key, &device, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    const struct hrn_device_info *info = hrn_device_info(device);
    T_CHECK(info->isas == devices[d].isas && info->evidence == HRN_EMULATED);
    T_CHECK(strstr(info->cpu, devices[d].cpu) != NULL);
    for (size_t i = 0; i < count; i++)
        pointers[i] = names[i];
    if (T_CHECK(hrn_session_open(device, runner, -1, &session, err, sizeof err) == 0)) {
        memset(proofs, 0xff, sizeof proofs);
        T_CHECK(hrn_session_prove(session, problem, pointers, count, &options, on_proof, NULL) ==
                0);
        check_proofs(devices[d].key, devices[d].isas, count);
        T_CHECK(hrn_session_time(session, problem, pointers, count, &time_options, no_sample, NULL,
                                 NULL) == -ENOTSUP);
        T_CHECK(hrn_session_peak(session, pointers[0], &peak) == -ENOTSUP);
        hrn_session_close(session);
    }
    hrn_device_close(device);
}

static void prove_problem(const struct hrn_toolchain *toolchain,
                          const struct hrn_build_paths *paths, const char *text)
{
    struct var_variant v[NAMES];
    struct krn_problem problem;
    char runner[512], err[512] = "";
    T_CHECK(krn_problem_parse(text, &problem, err, sizeof err) == 0);
    size_t count = pick(&problem, v);
    T_CHECK(count > PER_LEVEL);
    for (size_t i = 0; i < count; i++)
        var_name_format(&v[i], names[i]);
    if (!T_CHECK(hrn_build(toolchain, paths, HRN_BUILD_RUNNER, v, count, NULL, NULL, runner,
                           sizeof runner, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++)
        prove_on(d, runner, &problem, count);
}

/* The emulator's own complaint reaches the user. */
static void rejects(void)
{
    static const char *const keys[] = { "qemu:cortex-z99", "qemu:max,sve=banana",
                                        "qemu:", "qemux:a" };
    struct hrn_device *device;
    char err[512];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        err[0] = '\0';
        T_CHECK(hrn_device_open(keys[i], &device, err, sizeof err) < 0);
        T_CHECK(device == NULL && err[0] != '\0');
    }
    hrn_device_open(keys[0], &device, err, sizeof err);
    T_CHECK(strstr(err, "cortex-z99") != NULL && strstr(err, "-cpu help") != NULL);
}

int main(int argc, char **argv)
{
    struct hrn_build_paths paths;
    struct hrn_toolchain toolchain;
    struct hrn_device *device;
    char err[512];
    t_begin(argc, argv);
    if (argc < 3)
        t_skip("usage: test_qemu SOURCE_ROOT CACHE");
    paths = (struct hrn_build_paths) { .source_root = argv[1], .cache_dir = argv[2] };
    if (hrn_device_open(devices[0].key, &device, err, sizeof err) < 0)
        t_skip(err);
    hrn_device_close(device);
    if (hrn_toolchain_find("aarch64", NULL, &toolchain, err, sizeof err) < 0)
        t_skip(err);
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        prove_problem(&toolchain, &paths, problems[i]);
    rejects();
    return t_end();
}
