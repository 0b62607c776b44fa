/* The x86 levels that this CPU lacks, proved all the same: builds kernels of trap:LEVEL and proves
 * them through the emulator.
 *
 *     test_trap_space SOURCE_ROOT [--all]     a sample of each level's space, or all of it */
#include <errno.h>
#include <ftw.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/runner/session.h"
#include "tests/t.h"
#include "tests/t_clock.h"

enum { VARIANTS_MAX = 20000, SAMPLE = 12 };

static const char *const levels[] = { "avxvnni", "avx512vnni" };

/* Small, as every trap costs microseconds, with tails of rows, depth and columns. */
static const struct {
    const char *text;
    int tails; /* a few kernels get the prover's own tails on top */
} problems[] = {
    { "ic21ih4oc68kh3ph1", 0 },          { "ic3ih7oc33kh3sh2ph1", 0 },  { "ic67ih5oc84kh1", 1 },
    { "g104ic104ih7oc104kh5sh2ph2", 0 }, { "g67ic67ih7oc67kh3ph1", 1 },
};
enum { PROBLEMS = sizeof problems / sizeof *problems, TAILS_VARIANTS = 3 };

static struct var_variant variants[VARIANTS_MAX];
static char name_text[VARIANTS_MAX][VAR_NAME_MAX];
static const char *names[VARIANTS_MAX];
static size_t count, dense_count; /* the rest is depthwise */
static long proved, refused, failed, checks;

/* Variants of one micro-kernel that differ in the driver alone follow each other. */
static int has_kernel(const struct var_variant *v, size_t from)
{
    char name[VAR_NAME_MAX], last[VAR_NAME_MAX];
    if (count == from)
        return 0;
    var_kernel_name_format(v, name);
    var_kernel_name_format(&variants[count - 1], last);
    return strcmp(name, last) == 0;
}

/* The distinct micro-kernels of a level, every one or SAMPLE of them, those of one kind together.
 */
static void collect_kind(enum krn_isa isa, int depthwise, int all)
{
    struct var_space space;
    struct var_variant v;
    size_t seen = 0, total = 0, before = count;
    var_space_init(&space, 1u << isa, NULL);
    while (var_space_next(&space, &v))
        total += (v.family == KRN_FAMILY_DW) == depthwise;
    size_t step = all ? 1 : (total + SAMPLE - 1) / SAMPLE;
    var_space_init(&space, 1u << isa, NULL);
    while (var_space_next(&space, &v) && count < VARIANTS_MAX)
        if ((v.family == KRN_FAMILY_DW) == depthwise && seen++ % step == 0 &&
            !has_kernel(&v, before))
            variants[count++] = v;
    printf("%s, %s: %zu points, %zu kernels taken\n", krn_isas[isa].name,
           depthwise ? "depthwise" : "dense", total, count - before);
    fflush(stdout);
}

static void collect(enum krn_isa isa, int all)
{
    count = 0;
    collect_kind(isa, 0, all);
    dense_count = count;
    collect_kind(isa, 1, all);
    for (size_t i = 0; i < count; i++) {
        var_name_format(&variants[i], name_text[i]);
        names[i] = name_text[i];
    }
}

static void on_refused(const struct var_variant *v, const char *why, void *user)
{
    char name[VAR_NAME_MAX];
    (void)user;
    var_name_format(v, name);
    T_CHECK(!"the assembler takes it");
    printf("  %s: %s\n", name, why);
}

/* What is being proved. */
struct context {
    const char *problem;
    const char *const *which;
};

static void on_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    const struct context *context = user;
    proved += proof->outcome == HRN_OK;
    refused += proof->outcome == HRN_REFUSED;
    checks += proof->checks;
    if (proof->outcome == HRN_OK || proof->outcome == HRN_REFUSED)
        return;
    failed++;
    T_CHECK(!"proved");
    printf("  %s on %s: %s, signal %d: %s\n", context->which[index], context->problem,
           hrn_outcome_names[proof->outcome], proof->signal, proof->detail);
}

static void prove(struct hrn_session *session, const char *text, const char *const *which,
                  size_t which_count, int tails)
{
    const struct hrn_prove_options options = { .seed = t_seed,
                                               .timeout_ms = 120000,
                                               .tails = tails };
    struct context context = { text, which };
    struct krn_problem problem;
    char err[200];
    double begin_s = t_now_s();
    T_CHECK(krn_problem_parse(text, &problem, err, sizeof err) == 0);
    proved = refused = failed = checks = 0;
    if (!T_CHECK(hrn_session_prove(session, &problem, which, which_count, &options, on_proof,
                                   &context) == 0))
        printf("  %s\n", hrn_session_error(session));
    T_CHECK(proved > 0 && proved + refused + failed == (long)which_count);
    printf("  %-28s %5ld proved, %ld do not fit it, %ld failed, %ld checks%s, %.1f s\n", text,
           proved, refused, failed, checks, tails ? " with tails" : "", t_now_s() - begin_s);
    fflush(stdout);
}

/* Dense kernels on dense problems, depthwise ones on depthwise ones. */
static void prove_all(struct hrn_session *session)
{
    for (size_t p = 0; p < PROBLEMS; p++) {
        const char *few[TAILS_VARIANTS];
        const int depthwise = problems[p].text[0] == 'g';
        const size_t n = depthwise ? count - dense_count : dense_count;
        const char *const *which = names + (depthwise ? dense_count : 0);
        prove(session, problems[p].text, which, n, 0);
        for (size_t i = 0; i < TAILS_VARIANTS; i++) /* from all over the list */
            few[i] = which[n * (2 * i + 1) / (2 * TAILS_VARIANTS)];
        if (problems[p].tails)
            prove(session, problems[p].text, few, TAILS_VARIANTS, 1);
    }
}

/* 0, or 77 where this machine cannot emulate the level. */
static int check_level(const char *level, const struct hrn_build_paths *paths, int all)
{
    struct hrn_toolchain toolchain;
    struct hrn_device *device = NULL;
    struct hrn_session *session = NULL;
    char key[64], err[1000] = "", runner[4096];
    snprintf(key, sizeof key, "trap:%s", level);
    if (hrn_device_open(key, &device, err, sizeof err) < 0) {
        printf("left out: %s\n", err);
        return 77;
    }
    T_CHECK(hrn_device_info(device)->evidence == HRN_EMULATED);
    collect((enum krn_isa)krn_isa_find(level), all);
    if (T_CHECK(count > 0) &&
        T_CHECK(hrn_toolchain_find("x86_64", NULL, &toolchain, err, sizeof err) == 0) &&
        T_CHECK(hrn_build(&toolchain, paths, HRN_BUILD_RUNNER, variants, count, on_refused, NULL,
                          runner, sizeof runner, err, sizeof err) == 0) &&
        T_CHECK(hrn_session_open(device, runner, -1, &session, err, sizeof err) == 0))
        prove_all(session);
    else
        printf("  %s\n", err);
    hrn_session_close(session);
    hrn_device_close(device);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

int main(int argc, char **argv)
{
    char cache[256];
    int skipped = 0, all = 0;
    const char *base = getenv("TMPDIR");
    t_begin(argc, argv);
    for (int i = 2; i < argc; i++)
        all |= strcmp(argv[i], "--all") == 0;
    snprintf(cache, sizeof cache, "%s/quern_trap.XXXXXX", base ? base : "/tmp");
    if (argc < 2 || !T_CHECK(mkdtemp(cache) != NULL))
        return 1;
    const struct hrn_build_paths paths = { argv[1], cache };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        skipped += check_level(levels[i], &paths, all) == 77;
    nftw(cache, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    int result = t_end();
    return result == 0 && skipped == sizeof levels / sizeof *levels ? 77 : result;
}
