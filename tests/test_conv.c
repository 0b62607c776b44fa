/* Drivers, packing and plans against the reference, on random problems, with micro-kernels of the
 * test's own and with the built-in ones. Buffers lie between guard pages; outputs start different
 * from the answer; any split of the units and any loop order must give the same bytes. */
#include "kernels/conv.h"

#include <errno.h>

#include "kernels/reference.h"
#include "tests/t.h"
#include "tests/t_guard.h"
#include "tests/t_kernels.h"
#include "variants/builtin.h"

/* One problem with its data and the answer. */
struct example {
    struct krn_problem problem;
    struct krn_quant quant;
    struct t_guard in;
    int8_t *weights, *tensor, *want[KRN_EPILOGUE_COUNT]; /* the answer by epilogue */
    struct krn_add add;
    int32_t *bias;
    float *scale;
    int has_bias;
};

static int pick(uint64_t *rng, const int *from, size_t count)
{
    return from[t_random(rng) % count];
}
#define PICK(rng, ...)                                                                             \
    pick(rng, (const int[]) { __VA_ARGS__ }, sizeof((const int[]) { __VA_ARGS__ }) / sizeof(int))

/* An output size that krn_problem_check() accepts: from no padding at the end to as much as there
 * can be. */
static int random_out(uint64_t *rng, int in, int taps, int stride, int pad, int distance)
{
    int extent = (taps - 1) * distance + 1;
    int least = in + pad < extent ? 1 : (in + pad - extent) / stride + 1;
    int most = (in - 1 + pad) / stride + 1;
    return t_between(rng, least, most);
}

/* Square, undilated, of a side that networks have. */
static void make_square(uint64_t *rng, struct krn_problem *p)
{
    p->kh = p->kw = PICK(rng, 3, 3, 5);
    p->sh = p->sw = PICK(rng, 1, 2);
    p->dh = p->dw = 1;
    p->ph = t_between(rng, 0, p->kh - 1), p->pw = t_between(rng, 0, p->kw - 1);
    p->ih = t_between(rng, p->kh + 1, 14), p->iw = t_between(rng, p->kw + 2, 14);
    p->oh = random_out(rng, p->ih, p->kh, p->sh, p->ph, 1);
    p->ow = random_out(rng, p->iw, p->kw, p->sw, p->pw, 1);
}

static struct krn_problem random_problem(uint64_t *rng)
{
    struct krn_problem p = { .n = t_random(rng) % 8 ? 1 : 2, .groups = 1 };
    p.kh = PICK(rng, 1, 1, 2, 3, 3, 5, 7), p.kw = t_random(rng) % 4 ? p.kh : PICK(rng, 1, 2, 3, 4);
    p.sh = PICK(rng, 1, 1, 2, 3), p.sw = t_random(rng) % 4 ? p.sh : PICK(rng, 1, 2, 3, 4);
    p.dh = PICK(rng, 1, 1, 1, 2), p.dw = t_random(rng) % 4 ? p.dh : PICK(rng, 1, 2, 3);
    p.ph = t_between(rng, 0, (p.kh - 1) * p.dh), p.pw = t_between(rng, 0, (p.kw - 1) * p.dw);
    p.ih = t_between(rng, 1, 9), p.iw = t_between(rng, 1, 9);
    p.oh = random_out(rng, p.ih, p.kh, p.sh, p.ph, p.dh);
    p.ow = random_out(rng, p.iw, p.kw, p.sw, p.pw, p.dw);
    switch (t_random(rng) % 4) {
    case 0: /* depthwise */
        p.groups = p.ic = p.oc = PICK(rng, 2, 3, 5, 8, 9, 16, 17, 31, 40, 70);
        if (t_random(rng) % 4)
            make_square(rng, &p);
        if (t_random(rng) % 4 == 0)
            p.oc *= PICK(rng, 2, 3, 8);
        break;
    case 1: /* grouped */
        p.groups = PICK(rng, 2, 3, 4, 9, 12, 32);
        p.ic = p.groups * PICK(rng, 1, 2, 3, 4, 5, 6, 8, 12, 16, 24);
        p.oc = t_random(rng) % 2 ? p.ic : p.groups * PICK(rng, 1, 3, 5, 8, 16, 20);
        break;
    default:
        p.ic = PICK(rng, 1, 3, 4, 7, 8, 16, 19, 32);
        p.oc = PICK(rng, 1, 4, 5, 8, 15, 16, 17, 24, 33);
    }
    if (t_random(rng) % 5 == 0) { /* 1x1 as such */
        p.kh = p.kw = p.sh = p.sw = p.dh = p.dw = 1;
        p.ph = p.pw = 0, p.oh = p.ih, p.ow = p.iw;
    } else if (t_random(rng) % 5 == 0) { /* what Winograd takes */
        p.kh = p.kw = 3, p.sh = p.sw = p.dh = p.dw = 1;
        p.ph = t_between(rng, 0, 2), p.pw = t_between(rng, 0, 2);
        p.oh = random_out(rng, p.ih, 3, 1, p.ph, 1), p.ow = random_out(rng, p.iw, 3, 1, p.pw, 1);
    }
    return p;
}

static void fill(uint64_t *rng, int8_t *data, size_t count, int low)
{
    int extreme = t_random(rng) % 4 == 0;
    for (size_t i = 0; i < count; i++)
        data[i] = (int8_t)(extreme ? (t_random(rng) & 1 ? low : 127) : t_between(rng, low, 127));
}

/* The sums, and what each epilogue makes of them. */
static void make_answers(struct example *e)
{
    size_t count = krn_problem_output_count(&e->problem);
    int32_t *sums = malloc(count * sizeof *sums);
    for (int i = 0; i < KRN_EPILOGUE_COUNT; i++)
        e->want[i] = i == KRN_EPILOGUE_SUMS ? (int8_t *)sums : malloc(count);
    krn_reference_epilogue(&e->problem, &e->quant, KRN_EPILOGUE_SUMS, (const int8_t *)e->in.data,
                           e->weights, e->has_bias ? e->bias : NULL, e->scale, NULL, sums);
    for (size_t i = 0; i < count; i++) {
        float scale = e->scale[i % (size_t)e->problem.oc];
        int32_t multiplier, shift;
        krn_fixed_of(scale, &multiplier, &shift);
        e->want[KRN_EPILOGUE_FLOAT][i] = krn_requantise(sums[i], scale, &e->quant);
        e->want[KRN_EPILOGUE_FIXED][i] =
            krn_requantise_fixed(sums[i], multiplier, shift, &e->quant);
        e->want[KRN_EPILOGUE_ADD][i] = krn_requantise_add(sums[i], scale, &e->add, i, &e->quant);
    }
}

static struct example make_example(uint64_t *rng, struct krn_problem problem, int at_end)
{
    struct example e = { .problem = problem };
    size_t oc = (size_t)problem.oc, weights = krn_problem_weight_count(&problem);
    e.in = t_guard_open(krn_problem_input_count(&problem), at_end);
    e.weights = malloc(weights);
    e.tensor = malloc(krn_problem_output_count(&problem));
    e.bias = malloc(oc * sizeof *e.bias);
    e.scale = malloc(oc * sizeof *e.scale);
    e.has_bias = t_random(rng) % 4 != 0;
    fill(rng, (int8_t *)e.in.data, e.in.bytes, -128);
    fill(rng, e.weights, weights, -127);
    float spread = 100.0f / (float)(127 * 64 * (1 + (int)(weights / oc)));
    for (size_t i = 0; i < oc; i++) {
        e.bias[i] = (int32_t)(t_random(rng) % 20001) - 10000;
        e.scale[i] = spread * (float)t_between(rng, 1, 1000) / 100.0f;
    }
    if (t_random(rng) % 8 == 0) /* wraps around */
        e.bias[0] = INT32_MAX;
    e.quant.zp_in = PICK(rng, 0, -128, 127, 3);
    e.quant.zp_out = PICK(rng, 0, -128, 127, -5);
    e.quant.lo = PICK(rng, -128, -128, 0, -7);
    e.quant.hi = PICK(rng, 127, 127, 100, 0);
    t_guard_freeze(&e.in);
    fill(rng, e.tensor, krn_problem_output_count(&problem), -128);
    e.add = (struct krn_add) { e.tensor, PICK(rng, 0, -128, 127, 9), PICK(rng, 1, 3, 40) / 16.0f };
    make_answers(&e);
    return e;
}

static void drop_example(struct example *e)
{
    t_guard_close(&e->in);
    free(e->weights);
    free(e->tensor);
    for (int i = 0; i < KRN_EPILOGUE_COUNT; i++)
        free(e->want[i]);
    free(e->bias);
    free(e->scale);
}

/* Cuts [0, tiles) at random places and runs the pieces in a random rotation, with one scratch. */
static void run_pieces(uint64_t *rng, const struct krn_conv *conv, const struct t_guard *packed,
                       const struct example *e, int8_t *out, const struct t_guard *work,
                       struct t_guard *scratch)
{
    int64_t cuts[5] = { 0 };
    int pieces = t_between(rng, 1, 4);
    for (int i = 1; i < pieces; i++)
        cuts[i] =
            cuts[i - 1] + (int64_t)(t_random(rng) % (uint64_t)(conv->tiles - cuts[i - 1] + 1));
    cuts[pieces] = conv->tiles;
    int first = t_between(rng, 0, pieces - 1);
    for (int i = 0; i < pieces; i++) {
        int piece = (first + i) % pieces;
        memset(scratch->data, 0x5a, scratch->bytes);
        krn_conv_run(conv, packed->data, (const int8_t *)e->in.data, out, work->data, scratch->data,
                     cuts[piece], cuts[piece + 1]);
    }
}

static void report(const struct example *e, const struct krn_conv *conv, const int8_t *out)
{
    char text[KRN_PROBLEM_STR_MAX];
    const int8_t *want = e->want[conv->kernel->epilogue];
    size_t i = 0;
    while (out[i] == want[i])
        i++;
    krn_problem_format(&e->problem, 0, text);
    printf("  %s, %s, order %d, mc %d: byte %zu is %d, not %d\n", text, conv->kernel->name,
           conv->driver.loop_order, conv->driver.mc_tiles, i, out[i], want[i]);
}

/* 1 if the kernel took the problem. */
static int try_kernel(uint64_t *rng, const struct example *e, const struct krn_kernel *kernel,
                      int at_end)
{
    struct krn_driver driver = { t_between(rng, 0, 1), PICK(rng, 0, 0, 1, 2, 5) };
    struct krn_conv conv;
    char err[200] = "";
    int rc = krn_conv_plan(&conv, &e->problem, &e->quant, kernel, driver, err, sizeof err);
    if (rc != 0) {
        T_CHECK(rc == -ENOTSUP && err[0] != '\0' && kernel->family >= KRN_FAMILY_DW);
        return 0;
    }
    size_t count = krn_problem_output_count(&e->problem) * (size_t)krn_output_bytes(kernel);
    const int8_t *want = e->want[kernel->epilogue];
    conv.add = e->add;
    struct t_guard packed = t_guard_open(conv.packed_bytes, at_end);
    struct t_guard work = t_guard_open(conv.workspace_bytes, at_end);
    struct t_guard scratch = t_guard_open(conv.scratch_bytes, at_end);
    struct t_guard out = t_guard_open(count, at_end);
    krn_conv_pack(&conv, e->weights, e->has_bias ? e->bias : NULL, e->scale, packed.data);
    krn_conv_setup(&conv, (const int8_t *)e->in.data, work.data);
    t_guard_freeze(&packed);
    t_guard_freeze(&work);
    for (size_t i = 0; i < count; i++)
        out.data[i] = (unsigned char)~want[i];
    run_pieces(rng, &conv, &packed, e, (int8_t *)out.data, &work, &scratch);
    if (!T_CHECK(memcmp(out.data, want, count) == 0))
        report(e, &conv, (int8_t *)out.data);
    T_CHECK(t_guard_intact(&out) && t_guard_intact(&scratch) && t_guard_intact(&packed) &&
            t_guard_intact(&work));
    t_guard_close(&packed);
    t_guard_close(&work);
    t_guard_close(&scratch);
    t_guard_close(&out);
    return 1;
}

/* Those of the kernels that this CPU can run; counts what the algorithms got. */
static void try_kernels(uint64_t *rng, const struct example *e, const struct krn_kernel *kernels,
                        size_t count, long *taken)
{
    for (size_t i = 0; i < count; i++) {
        struct krn_conv conv;
        int at_end = (int)(t_random(rng) & 1);
        int is_spared = kernels[i].epilogue != KRN_EPILOGUE_FLOAT && t_random(rng) % 3;
        if (is_spared || !(krn_cpu_isas() & 1u << kernels[i].isa) ||
            !try_kernel(rng, e, &kernels[i], at_end))
            continue;
        krn_conv_plan(&conv, &e->problem, &e->quant, &kernels[i], (struct krn_driver) { 0, 0 },
                      NULL, 0);
        taken[conv.algorithm]++;
    }
}

static void test_random(int rounds)
{
    uint64_t rng = t_seed;
    long taken[KRN_ALG_COUNT] = { 0 };
    for (int round = 0; round < rounds; round++) {
        struct krn_problem problem = random_problem(&rng);
        char err[200];
        if (!T_CHECK(krn_problem_check(&problem, err, sizeof err) == 0)) {
            printf("  %s\n", err);
            continue;
        }
        struct example e = make_example(&rng, problem, round % 2);
        try_kernels(&rng, &e, t_kernels, T_KERNEL_COUNT, taken);
        try_kernels(&rng, &e, quern_builtin_kernels, quern_builtin_kernels_count, taken);
        drop_example(&e);
    }
    for (int i = 0; i < KRN_ALG_COUNT; i++) {
        printf("%s: %ld convolutions\n", krn_algorithm_names[i], taken[i]);
        T_CHECK(taken[i] >= rounds / 8);
    }
}

/* Layers as networks have them, whole, on the built-in kernels. */
static void test_full_size(void)
{
    static const char *const layers[] = {
        "ic3ih224oc64oh112kh7sh2ph3",
        "ic64ih56oc64oh56kh1",
        "ic128ih28oc128oh28kh3ph1",
        "g64ic64ih112oc64oh56kh3sh2ph1",
    };
    uint64_t rng = t_seed ^ 3;
    long taken[KRN_ALG_COUNT] = { 0 };
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        struct krn_problem p;
        char err[200];
        T_CHECK(krn_problem_parse(layers[i], &p, err, sizeof err) == 0);
        struct example e = make_example(&rng, p, (int)(i & 1));
        try_kernels(&rng, &e, quern_builtin_kernels, quern_builtin_kernels_count, taken);
        drop_example(&e);
    }
    for (int i = 0; i < KRN_ALG_COUNT; i++) /* not every level has a plain choice for these */
        T_CHECK(taken[i] > 0 || i == KRN_ALG_WINOGRAD || i == KRN_ALG_PACKED);
}

/* Every shape of the file, by all algorithms that take it. */
static void test_file(const char *path)
{
    uint64_t rng = t_seed ^ 5;
    char line[KRN_PROBLEM_STR_MAX], err[200];
    FILE *f = fopen(path, "r");
    if (!T_CHECK(f != NULL)) {
        perror(path);
        return;
    }
    for (int shapes = 0; fgets(line, sizeof line, f); shapes++) {
        struct krn_problem p;
        long taken[KRN_ALG_COUNT] = { 0 }, algorithms = 0;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (!T_CHECK(krn_problem_parse(line, &p, err, sizeof err) == 0)) {
            printf("  %s: %s\n", line, err);
            continue;
        }
        struct example e = make_example(&rng, p, shapes & 1);
        try_kernels(&rng, &e, t_kernels, T_KERNEL_COUNT, taken);
        try_kernels(&rng, &e, quern_builtin_kernels, quern_builtin_kernels_count, taken);
        drop_example(&e);
        for (int i = 0; i < KRN_ALG_COUNT; i++)
            algorithms += taken[i] > 0;
        T_CHECK(algorithms >= 2 &&
                (taken[KRN_ALG_DEPTHWISE] > 0) == (krn_problem_multiplier(&p) > 0));
    }
    fclose(f);
}

/* Each unit writes its own bytes and no others: run one at a time, into an output that shows it. */
static void test_units_are_disjoint(void)
{
    uint64_t rng = t_seed ^ 2;
    struct krn_problem p;
    char err[200];
    T_CHECK(krn_problem_parse("mb2g2ic6ih5oc22oh5kh3ph1", &p, err, sizeof err) == 0);
    struct example e = make_example(&rng, p, 1);
    size_t count = krn_problem_output_count(&p);
    for (int i = 0; i < T_KERNEL_COUNT; i++) {
        struct krn_conv conv;
        if (krn_conv_plan(&conv, &p, &e.quant, &t_kernels[i], (struct krn_driver) { i & 1, 2 }, err,
                          sizeof err) != 0)
            continue;
        struct t_guard packed = t_guard_open(conv.packed_bytes, 1);
        struct t_guard work = t_guard_open(conv.workspace_bytes, 1);
        struct t_guard scratch = t_guard_open(conv.scratch_bytes, 1);
        unsigned char *writers = calloc(count, 1);
        int8_t *out = malloc(count);
        krn_conv_pack(&conv, e.weights, e.bias, e.scale, packed.data);
        krn_conv_setup(&conv, (const int8_t *)e.in.data, work.data);
        for (int64_t unit = 0; unit < conv.tiles; unit++)
            for (int fill_byte = -1; fill_byte <= 0; fill_byte++) {
                memset(out, fill_byte, count);
                krn_conv_run(&conv, packed.data, (const int8_t *)e.in.data, out, work.data,
                             scratch.data, unit, unit + 1);
                for (size_t b = 0; b < count; b++) /* a byte may happen to equal one of the fills */
                    writers[b] = (unsigned char)(writers[b] + 16 * (out[b] != fill_byte));
            }
        int once = 1;
        for (size_t b = 0; b < count; b++) /* 1 or 2 of the two fills showed exactly one writer */
            once &= writers[b] == 16 || writers[b] == 32;
        T_CHECK(once);
        free(writers);
        free(out);
        t_guard_close(&packed);
        t_guard_close(&work);
        t_guard_close(&scratch);
    }
    drop_example(&e);
}

static const struct krn_kernel *kernel_named(const char *name)
{
    for (int i = 0; i < T_KERNEL_COUNT; i++)
        if (strcmp(t_kernels[i].name, name) == 0)
            return &t_kernels[i];
    abort();
}

/* What a plan refuses, and the words that it finds. */
static void test_refusals(void)
{
    static const struct {
        const char *problem, *kernel;
        struct krn_quant quant;
        struct krn_driver driver;
        int rc;
        const char *word;
    } rows[] = {
        { "ic8ih5oc8kh3", "test_dw_n8", { 0, 0, -128, 127 }, { 0, 0 }, -ENOTSUP, "depthwise" },
        { "g4ic8ih5oc8kh3", "test_dw_n1", { 0, 0, -128, 127 }, { 0, 0 }, -ENOTSUP, "depthwise" },
        { "g4ic4ih5oc4kh3",
          "test_dwc_n8k1f3x1y1",
          { 0, 0, -128, 127 },
          { 0, 0 },
          -ENOTSUP,
          "blocks of 8" },
        { "g8ic8ih5oc8kh5", "test_dw_n8t9", { 0, 0, -128, 127 }, { 0, 0 }, -ENOTSUP, "9 taps" },
        { "ic8ih5oc8kh3", "test_gemm_m1n1k1", { 128, 0, 0, 0 }, { 0, 0 }, -EINVAL, "zero points" },
        { "ic8ih5oc8kh3", "test_gemm_m1n1k1", { 0, -129, 0, 0 }, { 0, 0 }, -EINVAL, "zero points" },
        { "ic8ih5oc8kh3", "test_gemm_m1n1k1", { 0, 0, 5, 4 }, { 0, 0 }, -EINVAL, "bounds" },
        { "ic8ih5oc8kh3", "test_gemm_m1n1k1", { 0, 0, 0, 128 }, { 0, 0 }, -EINVAL, "bounds" },
        { "ic8ih5oc8kh3", "test_gemm_m1n1k1", { 0, 0, 0, 9 }, { 2, 0 }, -EINVAL, "loop_order" },
        { "ic8ih5oc8kh3", "test_gemm_m1n1k1", { 0, 0, 0, 9 }, { 0, -1 }, -EINVAL, "mc_tiles" },
        { "ic1ih30000oc1kh30000ph15000",
          "test_igemm_m4n16k4",
          { 0, 0, 0, 9 },
          { 0, 0 },
          -ENOTSUP,
          "buffer" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct krn_problem p;
        struct krn_conv conv;
        char err[200] = "";
        if (!T_CHECK(krn_problem_parse(rows[i].problem, &p, err, sizeof err) == 0))
            printf("  %s\n", err);
        int rc = krn_conv_plan(&conv, &p, &rows[i].quant, kernel_named(rows[i].kernel),
                               rows[i].driver, err, sizeof err);
        if (!T_CHECK(rc == rows[i].rc && strstr(err, rows[i].word)))
            printf("  row %zu: %d, \"%s\"\n", i, rc, err);
    }
    struct krn_kernel peak = {
        .name = "c_peak", .family = KRN_FAMILY_PEAK, .mr = 1, .nr = 1, .kr = 1
    };
    struct krn_problem p;
    struct krn_conv conv;
    char err[200];
    krn_problem_parse("ic8ih5oc8kh3", &p, err, sizeof err);
    T_CHECK(krn_conv_plan(&conv, &p, &rows[0].quant, &peak, (struct krn_driver) { 0, 0 }, err,
                          sizeof err) == -ENOTSUP);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    test_random(400);
    if (argc > 1)
        test_file(argv[1]);
    test_full_size();
    test_units_are_disjoint();
    test_refusals();
    return t_end();
}
