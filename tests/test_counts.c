/* Counting executed instructions: the classes of the decoder on words that GNU as made, and the
 * TCG plugin under QEMU on real kernels, whose multiplications are known in advance. */
#include <errno.h>

#include "harness/build/build.h"
#include "harness/count/count.h"
#include "harness/sweep/count.h"
#include "tests/t.h"

static const struct {
    uint32_t word;
    const char *text;
    enum hrn_count class;
    uint32_t macs;
} words[] = {
    { 0x4e829420, "sdot v0.4s, v1.16b, v2.16b", HRN_COUNT_MULTIPLY, 16 },
    { 0x0e829420, "sdot v0.2s, v1.8b, v2.8b", HRN_COUNT_MULTIPLY, 8 },
    { 0x6fa2e820, "udot v0.4s, v1.16b, v2.4b[3]", HRN_COUNT_MULTIPLY, 16 },
    { 0x4fa2e020, "sdot v0.4s, v1.16b, v2.4b[1]", HRN_COUNT_MULTIPLY, 16 },
    { 0x4e829c20, "usdot v0.4s, v1.16b, v2.16b", HRN_COUNT_MULTIPLY, 16 },
    { 0x4fa2f020, "usdot v0.4s, v1.16b, v2.4b[1]", HRN_COUNT_MULTIPLY, 16 },
    { 0x4f22f020, "sudot v0.4s, v1.16b, v2.4b[1]", HRN_COUNT_MULTIPLY, 16 },
    { 0x4e82a420, "smmla v0.4s, v1.16b, v2.16b", HRN_COUNT_MULTIPLY, 32 },
    { 0x6e82a420, "ummla v0.4s, v1.16b, v2.16b", HRN_COUNT_MULTIPLY, 32 },
    { 0x4e82ac20, "usmmla v0.4s, v1.16b, v2.16b", HRN_COUNT_MULTIPLY, 32 },
    { 0x0e22c020, "smull v0.8h, v1.8b, v2.8b", HRN_COUNT_MULTIPLY, 8 },
    { 0x4e22c020, "smull2 v0.8h, v1.16b, v2.16b", HRN_COUNT_MULTIPLY, 8 },
    { 0x4e228020, "smlal2 v0.8h, v1.16b, v2.16b", HRN_COUNT_MULTIPLY, 8 },
    { 0x0f722020, "smlal v0.4s, v1.4h, v2.h[3]", HRN_COUNT_MULTIPLY, 4 },
    { 0x2e62a020, "umlsl v0.4s, v1.4h, v2.4h", HRN_COUNT_MULTIPLY, 4 },
    { 0x0fa22820, "smlal v0.2d, v1.2s, v2.s[3]", HRN_COUNT_MULTIPLY, 2 },
    { 0x4e629420, "mla v0.8h, v1.8h, v2.8h", HRN_COUNT_MULTIPLY, 8 },
    { 0x6e229420, "mls v0.16b, v1.16b, v2.16b", HRN_COUNT_MULTIPLY, 16 },
    { 0x4ea29c20, "mul v0.4s, v1.4s, v2.4s", HRN_COUNT_MULTIPLY, 4 },
    { 0x6f620020, "mla v0.8h, v1.8h, v2.h[2]", HRN_COUNT_MULTIPLY, 8 },
    { 0x4f628020, "mul v0.8h, v1.8h, v2.h[2]", HRN_COUNT_MULTIPLY, 8 },
    { 0x4e606820, "sadalp v0.4s, v1.8h", HRN_COUNT_VECTOR, 0 },
    { 0x4e602820, "saddlp v0.4s, v1.8h", HRN_COUNT_VECTOR, 0 },
    { 0x4e22cc20, "fmla v0.4s, v1.4s, v2.4s", HRN_COUNT_VECTOR, 0 },
    { 0x4fa29020, "fmul v0.4s, v1.4s, v2.s[1]", HRN_COUNT_VECTOR, 0 },
    { 0x6ea2b420, "sqrdmulh v0.4s, v1.4s, v2.4s", HRN_COUNT_VECTOR, 0 },
    { 0x4fa2c020, "sqdmulh v0.4s, v1.4s, v2.s[1]", HRN_COUNT_VECTOR, 0 },
    { 0x4e21d820, "scvtf v0.4s, v1.4s", HRN_COUNT_VECTOR, 0 },
    { 0x4e040c60, "dup v0.4s, w3", HRN_COUNT_VECTOR, 0 },
    { 0x4e181c60, "ins v0.d[1], x3", HRN_COUNT_VECTOR, 0 },
    { 0x3dc00020, "ldr q0, [x1]", HRN_COUNT_LOAD, 0 },
    { 0x3dc00420, "ldr q0, [x1, #16]", HRN_COUNT_LOAD, 0 },
    { 0xfc408420, "ldr d0, [x1], #8", HRN_COUNT_LOAD, 0 },
    { 0xf8626820, "ldr x0, [x1, x2]", HRN_COUNT_LOAD, 0 },
    { 0xb8404c20, "ldr w0, [x1, #4]!", HRN_COUNT_LOAD, 0 },
    { 0xacc10440, "ldp q0, q1, [x2], #32", HRN_COUNT_LOAD, 0 },
    { 0xa94007e0, "ldp x0, x1, [sp]", HRN_COUNT_LOAD, 0 },
    { 0x3cdfd020, "ldur q0, [x1, #-3]", HRN_COUNT_LOAD, 0 },
    { 0x4cdf2020, "ld1 {v0.16b-v3.16b}, [x1], #64", HRN_COUNT_LOAD, 0 },
    { 0x0d409020, "ld1 {v0.s}[1], [x1]", HRN_COUNT_LOAD, 0 },
    { 0x4d40c820, "ld1r {v0.4s}, [x1]", HRN_COUNT_LOAD, 0 },
    { 0x39800020, "ldrsb x0, [x1]", HRN_COUNT_LOAD, 0 },
    { 0xb9800420, "ldrsw x0, [x1, #4]", HRN_COUNT_LOAD, 0 },
    { 0x58000000, "ldr x0, here", HRN_COUNT_LOAD, 0 },
    { 0xc85ffc20, "ldaxr x0, [x1]", HRN_COUNT_LOAD, 0 },
    { 0x99400020, "ldapur w0, [x1]", HRN_COUNT_LOAD, 0 },
    { 0xb8200041, "ldadd w0, w1, [x2]", HRN_COUNT_LOAD, 0 },
    { 0x3d800020, "str q0, [x1]", HRN_COUNT_STORE, 0 },
    { 0xfc008420, "str d0, [x1], #8", HRN_COUNT_STORE, 0 },
    { 0xad010440, "stp q0, q1, [x2, #32]", HRN_COUNT_STORE, 0 },
    { 0x4c9f7020, "st1 {v0.16b}, [x1], #16", HRN_COUNT_STORE, 0 },
    { 0x4d008020, "st1 {v0.s}[2], [x1]", HRN_COUNT_STORE, 0 },
    { 0x39000020, "strb w0, [x1]", HRN_COUNT_STORE, 0 },
    { 0xf81f8020, "stur x0, [x1, #-8]", HRN_COUNT_STORE, 0 },
    { 0xc803fc20, "stlxr w3, x0, [x1]", HRN_COUNT_STORE, 0 },
    { 0x99000020, "stlur w0, [x1]", HRN_COUNT_STORE, 0 },
    { 0xf9808020, "prfm pldl1keep, [x1, #256]", HRN_COUNT_PREFETCH, 0 },
    { 0xf8a26820, "prfm pldl1keep, [x1, x2]", HRN_COUNT_PREFETCH, 0 },
    { 0xf89f8020, "prfum pldl1keep, [x1, #-8]", HRN_COUNT_PREFETCH, 0 },
    { 0xd8000001, "prfm pldl1strm, here", HRN_COUNT_PREFETCH, 0 },
    { 0x14000000, "b here", HRN_COUNT_BRANCH, 0 },
    { 0x94000000, "bl here", HRN_COUNT_BRANCH, 0 },
    { 0xb4000000, "cbz x0, here", HRN_COUNT_BRANCH, 0 },
    { 0x37180000, "tbnz x0, #3, here", HRN_COUNT_BRANCH, 0 },
    { 0x54000001, "b.ne here", HRN_COUNT_BRANCH, 0 },
    { 0xd61f0020, "br x1", HRN_COUNT_BRANCH, 0 },
    { 0xd65f03c0, "ret", HRN_COUNT_BRANCH, 0 },
    { 0x8b020020, "add x0, x1, x2", HRN_COUNT_INSN, 0 },
    { 0xeb01001f, "cmp x0, x1", HRN_COUNT_INSN, 0 },
    { 0x52800020, "mov w0, #1", HRN_COUNT_INSN, 0 },
    { 0xd503201f, "nop", HRN_COUNT_INSN, 0 },
    { 0xd4000001, "svc #0", HRN_COUNT_INSN, 0 },
    { 0x9b020c20, "madd x0, x1, x2, x3", HRN_COUNT_INSN, 0 },
    { 0xd53b4200, "mrs x0, nzcv", HRN_COUNT_INSN, 0 },
};

static void decodes(void)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct hrn_count_class got = hrn_a64_class(words[i].word);
        if (!T_CHECK(got.class == words[i].class && got.macs == words[i].macs))
            printf("  %s: %s, %u products\n", words[i].text, hrn_count_names[got.class], got.macs);
    }
}

/* Tiles that divide the problem: no product is in vain. */
static const struct {
    const char *problem, *variant;
    int products_each; /* of one multiplication */
} exact[] = {
    { "ic64ih8oc32oh8kh1", "dotprod_gemm_m4n16k4u1a0b0l128s0v1i1", 16 },
    { "ic64ih8oc32oh8kh1", "dotprod_gemm_m8n8k4u1a0b0l128s0v1i1", 16 },
    { "ic32ih8oc16oh8kh3ph1", "dotprod_igemm_m4n16k4u1a0b0l128s0v1i1", 16 },
    { "ic64ih8oc32oh8kh1", "neon_gemm_m4n4k16u1a0b0l128s0v1i1", 8 },
    { "g16ic16ih8oc16oh8kh3ph1", "neon_dw_m1n16k1u9l128s0", 8 },
};

static int is_wanted(const struct var_variant *v, void *user)
{
    char name[VAR_NAME_MAX];
    var_name_format(v, name);
    return strcmp(name, user) == 0;
}

/* The one variant among those that a plan keeps in any case. */
static long find(const struct hrn_plan_layer *layer, const char *name)
{
    for (size_t i = 0; i < layer->count; i++)
        if (is_wanted(&layer->variants[i], (void *)(uintptr_t)name))
            return (long)i;
    return -1;
}

static void check_counts(const struct hrn_counted *c, int64_t macs, int products_each)
{
    int64_t classes = 0;
    for (int i = HRN_COUNT_LOAD; i < HRN_COUNT_COUNT; i++)
        classes += i == HRN_COUNT_MAC ? 0 : c->whole[i];
    if (!T_CHECK(c->outcome == HRN_OK))
        printf("  %s: %s\n", hrn_outcome_names[c->outcome], c->detail);
    T_CHECK(c->kernel[HRN_COUNT_MAC] == macs);
    T_CHECK(c->kernel[HRN_COUNT_MULTIPLY] * products_each == macs);
    T_CHECK(c->kernel[HRN_COUNT_STORE] > 0 && c->kernel[HRN_COUNT_LOAD] > 0);
    T_CHECK(c->kernel[HRN_COUNT_BRANCH] > 0 && c->kernel[HRN_COUNT_PREFETCH] == 0);
    T_CHECK(classes < c->whole[HRN_COUNT_INSN]);
    for (int i = 0; i < HRN_COUNT_COUNT; i++)
        T_CHECK(c->kernel[i] <= c->whole[i]);
}

static void count(const struct hrn_count_options *options, size_t row)
{
    const char *name = exact[row].variant;
    struct hrn_layers layers = { 0 };
    struct hrn_plan plan = { 0 };
    char err[600];
    T_CHECK(!hrn_layers_add_text(&layers, exact[row].problem, "", err, sizeof err));
    uint32_t isas = hrn_device_info(options->device)->isas & ~(1u << KRN_ISA_C);
    T_CHECK(!hrn_plan_make(&layers, isas, is_wanted, (void *)(uintptr_t)name, 0, 1, &plan, err,
                           sizeof err));
    struct hrn_counted **first, **second;
    int rc = hrn_count_plan(&plan, options, &first, err, sizeof err);
    int again = hrn_count_plan(&plan, options, &second, err, sizeof err);
    long at = find(&plan.layers[0], name);
    if (!T_CHECK(rc == 0 && again == 0 && at >= 0))
        printf("  %s on %s: %s\n", name, exact[row].problem, err);
    else {
        check_counts(&first[0][at], krn_problem_macs(&layers.items[0].problem),
                     exact[row].products_each);
        T_CHECK(memcmp(&first[0][at], &second[0][at], sizeof first[0][at]) == 0);
        T_CHECK(hrn_count_least(first[0], plan.layers[0].count) >= 0);
    }
    hrn_counted_free(rc ? NULL : first, plan.count);
    hrn_counted_free(again ? NULL : second, plan.count);
    hrn_plan_clear(&plan);
    hrn_layers_clear(&layers);
}

static void refuses_a_device_that_does_not_count(const struct hrn_build_paths *paths)
{
    const struct hrn_plan none = { 0 };
    struct hrn_count_options options = { .paths = paths };
    struct hrn_counted **counted;
    char err[600];
    T_CHECK(!hrn_device_open("local", &options.device, err, sizeof err));
    T_CHECK(hrn_count_plan(&none, &options, &counted, err, sizeof err) == -ENOTSUP);
    T_CHECK(counted == NULL && strstr(err, "qemu:CPU"));
    hrn_device_close(options.device);
}

int main(int argc, char **argv)
{
    struct hrn_toolchain toolchain;
    struct hrn_count_options options = { .toolchain = &toolchain, .timeout_ms = 60000 };
    char err[600];
    t_begin(argc, argv);
    if (argc < 3)
        t_skip("usage: test_counts SOURCE_ROOT CACHE");
    struct hrn_build_paths paths = { .source_root = argv[1], .cache_dir = argv[2] };
    options.paths = &paths;
    decodes();
    refuses_a_device_that_does_not_count(&paths);
    if (hrn_device_open("qemu:cortex-a76", &options.device, err, sizeof err) < 0 ||
        hrn_toolchain_find("aarch64", NULL, &toolchain, err, sizeof err) < 0) {
        printf("the plugin was not tried: %s\n", err);
        return t_failures ? t_end() : 77;
    }
    if (!hrn_device_info(options.device)->counts)
        printf("the plugin was not tried: only the static emulator is installed\n");
    else
        for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
            count(&options, i);
    hrn_device_close(options.device);
    return t_end();
}
