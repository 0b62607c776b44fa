/* Epilogues: the arithmetic of each against another way to compute it, and every kernel that has
 * one proved as a sweep proves it. */
#include <errno.h>
#include <math.h>

#include "harness/build/build.h"
#include "harness/runner/session.h"
#include "harness/sweep/sweep.h"
#include "kernels/reference.h"
#include "tests/t.h"

static uint64_t state;

static uint32_t random_next(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* ---- fixed point */

static void splits_scales(void)
{
    static const float scales[] = {
        0.0f,     0.5f,           0.25f,  0.99999994f, 1e-3f, 1.1e-10f,
        1.5e-38f, 2.3283064e-10f, 1e-45f, 0.3333333f,  1e-8f, 0.0078125f
    };
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        int32_t multiplier, shift;
        krn_fixed_of(scales[i], &multiplier, &shift);
        double back = ldexp(multiplier, -31 - shift);
        T_CHECK(multiplier >= 0 && shift >= 0 && shift <= 31);
        if (scales[i] >= 2.3283064e-10f) /* 2^-32 */
            T_CHECK(back == (double)scales[i] && multiplier >= 1 << 30);
        else
            T_CHECK(multiplier == 0);
    }
}

/* Ties upwards, step by step, on numbers that have room. */
static int32_t by_floors(int32_t acc, int32_t multiplier, int32_t shift)
{
    long double high = floorl((long double)acc * multiplier / 2147483648.0L + 0.5L);
    return (int32_t)floorl(high / (long double)(1u << shift) + (shift ? 0.5L : 0.0L));
}

static void check_fixed(int32_t acc, float scale, const struct krn_quant *q)
{
    int32_t multiplier, shift;
    krn_fixed_of(scale, &multiplier, &shift);
    int64_t y = (int64_t)by_floors(acc, multiplier, shift) + q->zp_out;
    int64_t want = y < q->lo ? q->lo : y > q->hi ? q->hi : y;
    int got = krn_requantise_fixed(acc, multiplier, shift, q);
    if (!T_CHECK(got == want))
        printf("  %d * %.9g: %d for %lld\n", acc, scale, got, (long long)want);
    /* Never more than one away from the float form, which rounds once. */
    int as_float = krn_requantise(acc, scale, q);
    T_CHECK(got - as_float <= 1 && as_float - got <= 1);
}

static void requantises_fixed(void)
{
    static const int32_t extremes[] = { 0, 1, -1, 2, -2, 3, -3, INT32_MAX, INT32_MIN, 1 << 30 };
    const struct krn_quant quants[] = { { 0, 0, -128, 127 }, { 5, -7, -7, 40 }, { 0, 127, -3, 3 } };
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++)
        for (size_t q = 0; q < 3; q++) {
            check_fixed(extremes[i], 0.5f, &quants[q]);
            check_fixed(extremes[i], 0.25f, &quants[q]);
            check_fixed(extremes[i], 5.9e-8f, &quants[q]);
            check_fixed(extremes[i], 0.99999994f, &quants[q]);
        }
    for (int i = 0; i < 20000; i++) {
        int32_t acc = (int32_t)random_next() >> (random_next() % 31);
        float scale =
            ldexpf((float)(random_next() >> 8 | 1) / 16777216.0f, -(int)(random_next() % 34));
        check_fixed(acc, scale, &quants[i % 3]);
    }
    T_CHECK(krn_requantise_fixed(1, 1 << 30, 0, &quants[0]) == 1);   /* 0.5: up */
    T_CHECK(krn_requantise_fixed(-1, 1 << 30, 0, &quants[0]) == 0);  /* -0.5: up, too */
    T_CHECK(krn_requantise_fixed(-3, 1 << 30, 0, &quants[0]) == -1); /* -1.5 */
}

/* ---- the second tensor */

static void adds(void)
{
    const struct krn_quant q = { 0, 3, -128, 100 };
    static const struct {
        int32_t acc;
        float scale;
        int8_t byte;
        int32_t zp;
        float factor;
        int want;
    } rows[] = {
        { 10, 0.5f, 4, 0, 0.25f, 9 },       /* 5 + 1 */
        { 1, 0.5f, 0, 0, 1.0f, 3 },         /* 0.5: to even, once */
        { 1, 0.5f, 2, 0, 0.5f, 5 },         /* 0.5 + 1 = 1.5: to 2 */
        { 1, 0.25f, 1, 0, 0.25f, 3 },       /* each alone would round to 0; together 0.5 to 0 */
        { 3, 0.25f, 3, 0, 0.25f, 5 },       /* 1.5 to 2 */
        { 0, 1.0f, -128, 127, 1.0f, -128 }, /* far below */
        { 1000, 1.0f, 127, -128, 9.0f, 100 },
        { 100, 0.5f, 50, 50, 3.0f, 53 }, /* its zero adds nothing */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct krn_add add = { &rows[i].byte, rows[i].zp, rows[i].factor };
        int got = krn_requantise_add(rows[i].acc, rows[i].scale, &add, 0, &q);
        if (!T_CHECK(got == rows[i].want))
            printf("  row %zu: %d for %d\n", i, got, rows[i].want);
    }
}

/* ---- plans */

/* A family that takes a layer takes it with every epilogue, and its panels have room for it. */
static void plans_alike(void)
{
    struct krn_problem dense, depthwise;
    struct krn_conv conv;
    const struct krn_quant q = { 0, 0, -128, 127 };
    char err[200];
    T_CHECK(krn_problem_parse("ic8ih8oc8kh3ph1", &dense, err, sizeof err) == 0);
    T_CHECK(krn_problem_parse("g8ic8ih8oc8kh3ph1", &depthwise, err, sizeof err) == 0);
    for (int family = 0; family < KRN_FAMILY_PEAK; family++) {
        struct krn_kernel kernel = { .name = "k",
                                     .family = (enum krn_family)family,
                                     .mr = 1,
                                     .nr = 1,
                                     .kr = 1,
                                     .w_bytes = 1,
                                     .filter = family == KRN_FAMILY_WINO ? 2 : 3,
                                     .stride = 1,
                                     .rows = 1,
                                     .copies = 1 };
        const struct krn_problem *p =
            krn_family_is_depthwise((enum krn_family)family) ? &depthwise : &dense;
        size_t bytes[KRN_EPILOGUE_COUNT];
        for (int e = 0; e < KRN_EPILOGUE_COUNT; e++) {
            kernel.epilogue = (uint8_t)e;
            T_CHECK(
                !krn_conv_plan(&conv, p, &q, &kernel, (struct krn_driver) { 0 }, err, sizeof err));
            bytes[e] = conv.packed_bytes;
        }
        T_CHECK(bytes[KRN_EPILOGUE_SUMS] <= bytes[KRN_EPILOGUE_ADD] &&
                bytes[KRN_EPILOGUE_ADD] == bytes[KRN_EPILOGUE_FLOAT] &&
                bytes[KRN_EPILOGUE_ADD] <= bytes[KRN_EPILOGUE_FIXED]);
    }
}

/* ---- every kernel, as a sweep proves it */

static const char *const problems[] = { "ic20ih5oc22kh3ph1", "g19ic19ih9oc19kh3ph1",
                                        "ic13ih6oc24kh1",    "g2ic8ih7oc12kh3ph1sh2",
                                        "ic4ih17oc16kh1",    "g40ic40ih7oc40kh5ph2sh2" };

/* Where kernels run: all on this machine, some of each form where it is emulated. */
struct place {
    const char *device;
    uint32_t isas; /* 0: those of this CPU */
    size_t problems, sample;
};
static const struct place places[] = {
    { "local", 0, 6, 32 },
    { "qemu:cortex-a53", 1u << KRN_ISA_NEON, 2, 6 },
    { "qemu:cortex-a76", 1u << KRN_ISA_DOTPROD, 2, 8 },
    { "qemu:max,sve=off", 1u << KRN_ISA_I8MM, 2, 8 },
};

enum { NAMES_MAX = 512 };
static char names[NAMES_MAX][VAR_NAME_MAX];
static size_t proved, failed;

static void on_proof(size_t index, const struct hrn_proof *proof, void *user)
{
    (void)user;
    proved += proof->outcome == HRN_OK;
    if (!T_CHECK(proof->outcome == HRN_OK) && failed++ < 5)
        printf("  %s: %s: %s\n", names[index], hrn_outcome_names[proof->outcome], proof->detail);
}

static size_t count_of(uint32_t isas, const struct krn_problem *problem, enum krn_epilogue e)
{
    struct var_space space;
    struct var_variant v;
    size_t count = 0;
    var_space_init(&space, isas, problem);
    space.epilogue = e;
    while (var_space_next(&space, &v))
        count++;
    return count;
}

static int is_listed(const struct var_variant *list, size_t count, const struct var_variant *v)
{
    for (size_t i = 0; i < count; i++)
        if (!memcmp(&list[i], v, sizeof *v))
            return 1;
    return 0;
}

/* The plain choices of a form, and at most `sample` others, evenly. */
static size_t gather_form(uint32_t isas, const struct krn_problem *problem, enum krn_epilogue e,
                          size_t sample, struct var_variant *out)
{
    struct var_space space;
    struct var_variant v;
    size_t all = count_of(isas, problem, e), taken = all < sample ? all : sample, count = 0;
    size_t plain = 0, chosen = 0;
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        if (isas >> isa & 1 && !var_default((enum krn_isa)isa, problem, &v) &&
            T_CHECK(!var_default_of((enum krn_isa)isa, problem, e, &v)))
            out[plain++] = v;
    count = plain;
    var_space_init(&space, isas, problem);
    space.epilogue = e;
    for (size_t i = 0; var_space_next(&space, &v); i++) {
        T_CHECK(v.knob[VAR_KNOB_EPILOGUE] == (int)e);
        if ((i + 1) * taken / all == chosen)
            continue;
        chosen++;
        if (!is_listed(out, plain, &v))
            out[count++] = v;
    }
    T_CHECK(chosen > 0 || plain == 0); /* i8mm has nothing depthwise */
    return count;
}

static size_t gather(const struct place *place, const struct krn_problem *problem,
                     struct var_variant *out)
{
    uint32_t isas = place->isas ? place->isas : krn_cpu_isas();
    size_t count = 0, room = NAMES_MAX / KRN_EPILOGUE_COUNT - KRN_ISA_COUNT;
    for (int e = KRN_EPILOGUE_FIXED; e < KRN_EPILOGUE_COUNT; e++)
        count += gather_form(isas, problem, (enum krn_epilogue)e,
                             place->sample < room ? place->sample : room, out + count);
    for (size_t i = 0; i < count; i++)
        var_name_format(&out[i], names[i]);
    return count;
}

static void prove(const struct place *place, struct hrn_device *device, const char *root,
                  const char *cache, const char *text)
{
    static struct var_variant v[NAMES_MAX];
    const struct hrn_build_paths paths = { .source_root = root, .cache_dir = cache };
    const struct hrn_prove_options options = { .seed = t_seed, .timeout_ms = 60000, .tails = 1 };
    const char *pointers[NAMES_MAX];
    struct hrn_toolchain toolchain;
    struct krn_problem problem;
    struct hrn_session *session = NULL;
    char runner[512], err[600] = "";
    T_CHECK(krn_problem_parse(text, &problem, err, sizeof err) == 0);
    size_t count = gather(place, &problem, v);
    for (size_t i = 0; i < count; i++)
        pointers[i] = names[i];
    int rc = hrn_toolchain_find(hrn_device_info(device)->arch, NULL, &toolchain, err, sizeof err);
    if (!rc)
        rc = hrn_build(&toolchain, &paths, HRN_BUILD_RUNNER, v, count, NULL, NULL, runner,
                       sizeof runner, err, sizeof err);
    if (!rc)
        rc = hrn_session_open(device, runner, -1, &session, err, sizeof err);
    if (T_CHECK(rc == 0))
        T_CHECK(hrn_session_prove(session, &problem, pointers, count, &options, on_proof, NULL) ==
                0);
    else
        printf("  %s\n", err);
    hrn_session_close(session);
}

/* An emulator that is not there is said so, and its kernels are left out. */
static void prove_at(const struct place *place, const char *root, const char *cache)
{
    struct hrn_toolchain toolchain;
    struct hrn_device *device = NULL;
    char err[600] = "";
    int rc = hrn_device_open(place->device, &device, err, sizeof err);
    if (!rc)
        rc = hrn_toolchain_find(hrn_device_info(device)->arch, NULL, &toolchain, err, sizeof err);
    if (rc) {
        T_CHECK(place->isas != 0);
        printf("  %s left out: %s\n", place->device, err);
    }
    for (size_t i = 0; !rc && i < place->problems; i++)
        prove(place, device, root, cache, problems[i]);
    hrn_device_close(device);
}

/* Without a problem the space has them all; with one, only what was asked for. */
static void keeps_them_apart(void)
{
    struct krn_problem problem;
    struct var_space space;
    struct var_variant v;
    char err[200];
    size_t others = 0;
    for (var_space_init(&space, ~0u, NULL); var_space_next(&space, &v);)
        others += v.knob[VAR_KNOB_EPILOGUE] != KRN_EPILOGUE_FLOAT;
    T_CHECK(others > 0);
    T_CHECK(krn_problem_parse(problems[0], &problem, err, sizeof err) == 0);
    for (var_space_init(&space, ~0u, &problem); var_space_next(&space, &v);)
        T_CHECK(v.knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_FLOAT);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    state = t_seed;
    if (argc < 3)
        t_skip("usage: test_epilogue SOURCE_ROOT CACHE");
    splits_scales();
    requantises_fixed();
    adds();
    plans_alike();
    keeps_them_apart();
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        prove_at(&places[i], argv[1], argv[2]);
    T_CHECK(proved > 100);
    return t_end();
}
