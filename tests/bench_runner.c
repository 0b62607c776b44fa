/* What the runner costs beside the work: a sweep of 1,000 variants on this machine in three rounds
 * (or more), by phase. Figures, not a test: alone on an idle machine, or they say nothing.
 *
 *     bench_runner SOURCE_ROOT CACHE [VARIANTS] [SCREEN_MS] [WARMUP_MS] [ROUNDS] */
#include <math.h>

#include "harness/build/build.h"
#include "harness/runner/session.h"
#include "harness/sweep/spent.h"
#include "tests/t.h"
#include "tests/t_clock.h"

enum { VARIANTS_MAX = 2000 };

static struct hrn_device *device;
static struct krn_problem problem;
static struct var_variant variants[VARIANTS_MAX];
static char names[VARIANTS_MAX][VAR_NAME_MAX];
static const char *pointers[VARIANTS_MAX];
static size_t count, wanted = 1000, proved, samples, voids;
static struct hrn_spent spent;
static int rounds = 3;
static int64_t sample_ns = 1000000, warmup_ns = 5000000;

/* The default problem first, then more until there are enough variants. */
static void gather(void)
{
    uint32_t isas = hrn_device_info(device)->isas & ~(1u << KRN_ISA_C);
    char why[200];
    size_t size = 0, at = 0;
    struct var_space space;
    struct var_variant v;
    krn_problem_parse("ic64ih28oc64kh3ph1", &problem, why, sizeof why);
    for (var_space_init(&space, isas, &problem); var_space_next(&space, &v);)
        size++;
    wanted = wanted < VARIANTS_MAX ? wanted : VARIANTS_MAX;
    for (var_space_init(&space, isas, &problem); var_space_next(&space, &v) && count < wanted; at++)
        if (size <= wanted || at * wanted / size >= count)
            variants[count++] = v;
    for (size_t i = 0; i < count; i++) {
        var_name_format(&variants[i], names[i]);
        pointers[i] = names[i];
    }
}

static void on_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)index, (void)user;
    proved += proof->outcome == HRN_OK;
}

static void on_sample(size_t index, const struct hrn_sample *s, const struct hrn_counter *counters,
                      size_t n, void *user)
{
    (void)index, (void)counters, (void)n, (void)user;
    hrn_spent_sample(&spent, s);
    samples += s->role != HRN_CANARY;
    voids += s->outcome != HRN_OK;
}

static void row(const char *what, double seconds, double whole)
{
    printf("%-34s %8.2f s  %5.1f %%\n", what, seconds, 100 * seconds / whole);
}

static int run(const char *source_root, const char *cache)
{
    const struct hrn_build_paths paths = { .source_root = source_root, .cache_dir = cache };
    struct hrn_toolchain toolchain;
    struct hrn_session *session;
    char path[512], err[600];
    double begin = t_now_s();
    if (hrn_toolchain_find(hrn_device_info(device)->arch, NULL, &toolchain, err, sizeof err) ||
        hrn_build(&toolchain, &paths, HRN_BUILD_RUNNER, variants, count, NULL, NULL, path,
                  sizeof path, err, sizeof err) ||
        hrn_session_open(device, path, -1, &session, err, sizeof err)) {
        printf("%s\n", err);
        return 1;
    }
    double built = t_now_s();
    const struct hrn_prove_options proving = { .seed = 1, .timeout_ms = 20000, .tails = 1 };
    hrn_session_prove(session, &problem, pointers, count, &proving, on_proof, NULL);
    double proof = t_now_s();
    const struct hrn_time_options timing = { .seed = 1,
                                             .rounds = rounds,
                                             .min_sample_ns = sample_ns,
                                             .warmup_ns = warmup_ns,
                                             .timeout_ms = 20000 };
    hrn_session_time(session, &problem, pointers, count, &timing, on_sample, on_proof, NULL);
    double end = t_now_s(), whole = end - begin, work_s = spent.sample_s + spent.warmup_s;
    hrn_session_close(session);
    printf("%zu variants, %zu proved, %zu samples (%zu void)\n", count, proved, samples, voids);
    row("build and start", built - begin, whole);
    row("proofs", proof - built, whole);
    row("timing: samples", spent.sample_s, whole);
    row("timing: warm-up", spent.warmup_s, whole);
    row("timing: void samples", spent.void_s, whole);
    row("timing: the rest", end - proof - work_s - spent.void_s, whole);
    row("all", whole, whole);
    printf("%.1f variants per second; neither sample nor warm-up is %.1f %% of all, %.1f %% of the "
           "timing\n",
           (double)count / whole, 100 * (1 - work_s / whole), 100 * (1 - work_s / (end - proof)));
    return 0;
}

int main(int argc, char **argv)
{
    char err[300];
    if (argc < 3 || hrn_device_open("local", &device, err, sizeof err))
        return 2;
    if (argc > 3)
        wanted = strtoul(argv[3], NULL, 10);
    if (argc > 4)
        sample_ns = (int64_t)(1e6 * strtod(argv[4], NULL));
    if (argc > 5)
        warmup_ns = (int64_t)(1e6 * strtod(argv[5], NULL));
    if (argc > 6)
        rounds = (int)strtol(argv[6], NULL, 10);
    gather();
    int result = run(argv[1], argv[2]);
    hrn_device_close(device);
    return result;
}
