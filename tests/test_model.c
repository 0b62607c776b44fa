/* The static model: paths of calls found by executing the scalar half of a kernel, the in-order
 * core against cycles counted by hand and by an independent simulation, every family of the
 * generator taken apart, and llvm-mca's peaks against the table of cores. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "harness/model/calls.h"
#include "harness/model/code.h"
#include "harness/model/inorder.h"
#include "harness/model/mca.h"
#include "harness/model/predict.h"
#include "tests/t.h"

/* ---- paths */

static const struct {
    const char *what, *text;
    struct krn_gemm_args args;
    size_t steps;
} paths[] = {
    { "a loop of m, and a comment",
      "name:\n    ldr x1, [x0, #40] /* m */\n.L1:\n    subs x1, x1, #1 // one\n    b.ne .L1\n    "
      "ret\n",
      { .m = 5 },
      1 + 2 * 5 + 1 },
    { "cbz over",
      "ldur x3, [x0, #48]\ncbz x3, .Lend\nadd x1, x1, #1\n.Lend:\nret\n",
      { .k = 0 },
      3 },
    { "cbz not taken",
      "ldur x3, [x0, #48]\ncbz x3, .Lend\nadd x1, x1, #1\n.Lend:\nret\n",
      { .k = 7 },
      4 },
    { "tbnz", "ldr w3, [x0, #48]\ntbnz w3, #2, .La\nnop\nnop\n.La:\nret\n", { .k = 4 }, 3 },
    { "min by csel, negative compare",
      "ldp x1, x2, [x0, #40]\ncmp x1, x2\ncsel x3, x1, x2, lt\n.L:\nsubs x3, x3, #1\nb.gt "
      ".L\nret\n",
      { .m = 9, .k = 3 },
      3 + 2 * 3 + 1 },
    { "stack, post-index, pre-index",
      "sub sp, sp, #32\nldr x1, [x0, #40]\nstr x1, [sp, #16]!\nmov x1, #100\nldr x4, [sp], #16\n"
      "add sp, sp, #0\n.L:\nsub x4, x4, #1\ncbnz x4, .L\nret\n",
      { .m = 4 },
      6 + 2 * 4 + 1 },
    { "shifted, unsigned, table of pointers",
      "ldr x1, [x0]\nldr x2, [x1, #8]\ncmp x2, #0\nb.ls .Lbad\nldr x3, [x0, #40]\nlsl x3, x3, #2\n"
      "add x3, x3, x3, lsl #1\ncmp x3, #24\nb.hs .Lok\n.Lbad:\nnop\nnop\n.Lok:\nret\n",
      { .m = 2 },
      10 },
};

static void finds_paths(void)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct hrn_code code;
        struct hrn_trace trace = { 0 };
        char err[256];
        int rc = hrn_code_parse(paths[i].text, &code, err, sizeof err);
        if (!rc)
            rc = hrn_code_trace(&code, &paths[i].args, sizeof paths[i].args, &trace, err,
                                sizeof err);
        if (!T_CHECK(rc == 0 && trace.count == paths[i].steps))
            printf("  %s: %zu steps for %zu; %s\n", paths[i].what, trace.count, paths[i].steps,
                   rc ? err : "");
        hrn_trace_clear(&trace);
        hrn_code_clear(&code);
    }
}

/* What it does not know, it names; what does not end, ends. */
static void refuses(void)
{
    static const char *const unknown[] = { "frobnicate x0, x1\nret\n", "ldr x0, {x1\nret\n",
                                           "b .Lnowhere\nret\n", "ldr q0, [x1\nret\n",
                                           "sdot v0.4s, v1.16b, v2.4b[0], v3, v4, v5\nret\n" };
    const struct krn_gemm_args args = { .m = 1 };
    struct hrn_code code;
    struct hrn_trace trace;
    char err[256];
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        T_CHECK(hrn_code_parse(unknown[i], &code, err, sizeof err) == -ENOTSUP);
        T_CHECK(strstr(err, "does not know") != NULL && code.ops == NULL);
    }
    T_CHECK(hrn_code_parse(".L:\nb .L\nret\n", &code, err, sizeof err) == 0);
    T_CHECK(hrn_code_trace(&code, &args, sizeof args, &trace, err, sizeof err) == -ELOOP);
    hrn_code_clear(&code);
}

/* ---- the in-order model. Cycles of one iteration, from the pairing rules by hand; the kernel
 * loops also from an independent simulation of the same rules. */

static const struct {
    const char *what, *text;
    double a53, a55;
} loops[] = {
    { "eight independent products",
      "sdot v0.4s, v16.16b, v17.16b\nsdot v1.4s, v16.16b, v17.16b\n"
      "sdot v2.4s, v16.16b, v17.16b\nsdot v3.4s, v16.16b, v17.16b\n",
      4, 4 },
    { "accumulators are forwarded", "sdot v0.4s, v16.16b, v17.16b\nsdot v0.4s, v16.16b, v17.16b\n",
      2, 2 },
    { "not between kinds", "smull v0.8h, v16.8b, v17.8b\nsmlal v0.8h, v18.8b, v17.8b\n", 5, 5 },
    { "a 64-bit load beside a product",
      "ldr d20, [x1]\nsdot v0.4s, v16.16b, v17.16b\n"
      "ldr d21, [x1, #8]\nsdot v1.4s, v16.16b, v17.16b\n",
      4, 2 },
    { "a general load beside a product", "ldr x2, [x1]\nsdot v0.4s, v16.16b, v17.16b\n", 1, 1 },
    { "an insert beside a product",
      "ins v20.d[1], x2\nsdot v0.4s, v16.16b, v17.16b\n"
      "ins v21.d[1], x2\nsdot v1.4s, v16.16b, v17.16b\n",
      4, 2 },
    { "a 128-bit load alone, twice as long", "ldr q20, [x1]\nsdot v0.4s, v16.16b, v17.16b\n", 3,
      3 },
    { "pairs of 64-bit vectors", "add v0.8b, v1.8b, v2.8b\nadd v3.8b, v1.8b, v2.8b\n", 1, 1 },
    { "one memory operation", "ldr x2, [x1]\nprfm pldl1keep, [x1, #64]\n", 2, 2 },
    { "a result that is waited for", "ldr x2, [x1]\nadd x3, x2, #1\n", 3, 3 },
    { "counter and branch", "subs x3, x3, #1\nb.ne .L\n", 2, 2 },
};

static void issues_in_order(void)
{
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        struct hrn_code code;
        struct hrn_trace trace;
        char text[512], err[256];
        snprintf(text, sizeof text, ".L:\n%sret\n", loops[i].text);
        T_CHECK(hrn_code_parse(text, &code, err, sizeof err) == 0);
        /* Straight through: the path would end at the branch back. */
        trace = (struct hrn_trace) { calloc(code.count, sizeof *trace.step), code.count - 1 };
        for (size_t s = 0; s < trace.count; s++)
            trace.step[s] = (uint32_t)s;
        double a53 = hrn_inorder_cycles(&code, &trace, 0, trace.count,
                                        var_core_find("cortex-a53", NULL), 64);
        double a55 = hrn_inorder_cycles(&code, &trace, 0, trace.count,
                                        var_core_find("cortex-a55", NULL), 64);
        if (!T_CHECK(fabs(a53 - loops[i].a53) < 0.01 && fabs(a55 - loops[i].a55) < 0.01))
            printf("  %s: %.2f and %.2f for %.2f and %.2f\n", loops[i].what, a53, a55, loops[i].a53,
                   loops[i].a55);
        hrn_trace_clear(&trace);
        hrn_code_clear(&code);
    }
}

/* ---- every family of the generator */

static const char *const problems[] = { "ic64ih12oc48kh1", "ic32ih9oc48kh3ph1", "ic3ih16oc32kh3sh2",
                                        "g32ic32ih11oc32kh3ph1", "g32ic32ih12oc32kh5ph2sh2" };

static void take_apart(const struct krn_problem *problem, const struct var_variant *v)
{
    char name[VAR_NAME_MAX], err[256] = "";
    struct var_text text = { 0 };
    struct hrn_calls calls;
    struct krn_kernel kernel;
    struct hrn_code code;
    double macs = 0;
    var_kernel_describe(v, &kernel, name);
    int rc = var_generate(v, &text, err, sizeof err);
    if (!rc)
        rc = hrn_calls_of(problem, &kernel, var_driver(v), &calls, err, sizeof err);
    if (!rc)
        rc = hrn_code_parse(text.data, &code, err, sizeof err);
    for (size_t i = 0; !rc && i < calls.count; i++) {
        struct hrn_trace trace;
        rc = hrn_code_trace(&code, &calls.call[i].args, sizeof calls.call[i].args, &trace, err,
                            sizeof err);
        if (!rc)
            macs += (double)calls.call[i].times * calls.call[i].whole *
                    (double)hrn_trace_macs(&code, &trace, 0, trace.count);
        hrn_trace_clear(&trace);
    }
    /* No product is left out but by Winograd; some are in vain. */
    if (!T_CHECK(rc == 0 && (macs >= 0.999 * (double)krn_problem_macs(problem) ||
                             (v->family == KRN_FAMILY_WINO && macs > 0))))
        printf("  %s: %.0f products; %s\n", name, macs, rc ? err : "");
    if (!rc)
        hrn_code_clear(&code);
    var_text_clear(&text);
}

static void takes_everything_apart(void)
{
    enum { EACH = 61 };
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        const uint32_t isas = 1u << KRN_ISA_NEON | 1u << KRN_ISA_DOTPROD | 1u << KRN_ISA_I8MM;
        struct krn_problem problem;
        struct var_space space;
        struct var_variant v;
        char err[256];
        T_CHECK(krn_problem_parse(problems[i], &problem, err, sizeof err) == 0);
        var_space_init(&space, isas, &problem);
        for (size_t n = t_seed; var_space_next(&space, &v); n++)
            if (n % EACH == 0)
                take_apart(&problem, &v);
    }
}

/* ---- loops woven for in-order cores: what the generator promises of them */

static const struct {
    const char *core, *variant;
    double macs; /* per cycle, at least */
} woven[] = {
    { "cortex-a55", "dotprod_gemm_m4n16k4u2a0b0l128s2v3p1", 15.84 },
    { "cortex-a55", "dotprod_igemm_m4n16k4u2a0b0l128s2v3p1", 15.84 },
    { "cortex-a55", "dotprod_gemm_m8n12k4u2a0b0l128s2t1v3p1", 15.84 },
    { "cortex-a510", "dotprod_gemm_m4n16k4u2a0b0l128s4p1", 31.68 },
    { "cortex-a510", "dotprod_igemm_m4n8k4u2a0b0l128s4v1p1", 31.68 },
    { "cortex-a510", "i8mm_gemm_m4n16k8u2a0b0l128s4t1v1p1", 63.36 },
    { "cortex-a53", "neon_gemm_m4n4k16u2a0b0l128s3v3h1g4p1", 4.4 },
    { "cortex-a53", "neon_igemm_m5n4k16u2a0b0l128s3v3h1g4p1", 4.4 },
    { "cortex-a55", "neon_gemm_m4n16k2u1a0b0l16s2v3h1g4p1", 5.27 },
};

static double loop_speed(const char *name, const struct var_core *core)
{
    struct krn_problem problem;
    struct var_variant v;
    struct var_text text = { 0 };
    struct hrn_calls calls;
    struct krn_kernel kernel;
    struct hrn_code code;
    struct hrn_trace trace;
    char buffer[VAR_NAME_MAX], err[256] = "";
    const char *layer = strstr(name, "_igemm_") ? "ic512ih9oc48kh3ph1" : "ic512ih14oc48kh1";
    T_CHECK(krn_problem_parse(layer, &problem, err, sizeof err) == 0);
    T_CHECK(var_name_parse(name, &v, err, sizeof err) == 0);
    T_CHECK(var_generate(&v, &text, err, sizeof err) == 0);
    var_kernel_describe(&v, &kernel, buffer);
    T_CHECK(hrn_calls_of(&problem, &kernel, var_driver(&v), &calls, err, sizeof err) == 0);
    T_CHECK(hrn_code_parse(text.data, &code, err, sizeof err) == 0);
    T_CHECK(hrn_code_trace(&code, &calls.call[0].args, sizeof calls.call[0].args, &trace, err,
                           sizeof err) == 0);
    struct hrn_loop loop = hrn_trace_loop(&code, &trace);
    double speed = (double)hrn_trace_macs(&code, &trace, loop.begin, loop.end) /
                   hrn_inorder_cycles(&code, &trace, loop.begin, loop.end, core, 64);
    hrn_trace_clear(&trace);
    hrn_code_clear(&code);
    var_text_clear(&text);
    return speed;
}

static void weaves(void)
{
    for (size_t i = 0; i < sizeof woven / sizeof *woven; i++) {
        double speed = loop_speed(woven[i].variant, var_core_find(woven[i].core, NULL));
        if (!T_CHECK(speed >= woven[i].macs && speed <= woven[i].macs / 0.86))
            printf("  %s: %.2f MAC/cycle on %s\n", woven[i].variant, speed, woven[i].core);
    }
}

/* ---- peaks: the table of cores against the model of each */

static void compare_peak(const struct var_core *core, enum krn_isa isa, const char *program)
{
    const struct krn_peak_args args = { .iterations = 64 };
    struct hrn_mca mca = { .program = program, .core = core, .repeats = 100 };
    struct var_variant v;
    struct var_text text = { 0 };
    struct hrn_code code;
    struct hrn_trace trace;
    char err[256];
    T_CHECK(var_peak(isa, &v) == 0 && var_generate(&v, &text, err, sizeof err) == 0);
    T_CHECK(hrn_code_parse(text.data, &code, err, sizeof err) == 0);
    T_CHECK(hrn_code_trace(&code, &args, sizeof args, &trace, err, sizeof err) == 0);
    struct hrn_loop loop = hrn_trace_loop(&code, &trace);
    T_CHECK(loop.iterations > 60);
    double macs = (double)hrn_trace_macs(&code, &trace, loop.begin, loop.end);
    double cycles = 0;
    if (!core->llvm_cpu)
        cycles = hrn_inorder_cycles(&code, &trace, loop.begin, loop.end, core, 64);
    else if (T_CHECK(hrn_mca_add(&mca, &code, &trace, loop.begin, loop.end) == 0 &&
                     hrn_mca_run(&mca, 1, err, sizeof err) == 0))
        cycles = mca.cycles[0] / mca.repeats;
    /* Of an in-order core the peak kernel of v8.0 is no measure: its chains are not interleaved. */
    double share = macs / cycles / core->peak[isa];
    if (!T_CHECK(share < 1.01 && (share > 0.93 || !core->llvm_cpu)))
        printf("  %s %s: %.2f of the peak\n", core->name, krn_isas[isa].name, share);
    hrn_mca_clear(&mca);
    hrn_trace_clear(&trace);
    hrn_code_clear(&code);
    var_text_clear(&text);
}

static void compares_peaks(void)
{
    const char *program;
    char err[256];
    int has_mca = hrn_mca_find(&program, err, sizeof err) == 0;
    if (!has_mca)
        printf("out-of-order cores were not tried: %s\n", err);
    for (size_t i = 0; i < var_core_count; i++)
        for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
            if ((var_cores[i].isas >> isa & 1) && (has_mca || !var_cores[i].llvm_cpu))
                compare_peak(&var_cores[i], (enum krn_isa)isa, program);
    for (size_t i = 0; i < var_core_alias_count; i++)
        T_CHECK(var_core_find(var_core_aliases[i].name, NULL) != NULL);
    T_CHECK(var_core_find("cortex-a999", NULL) == NULL);
}

/* ---- whole tiles of K = 64, as an out-of-order core overlaps them: what the quick epilogue is for
 */

static void overlaps_tiles(void)
{
    static const char name[] = "dotprod_gemm_m4n16k4u1a0b0l128s0v1i1";
    const struct krn_gemm_args args = { .m = 4 * 16, .k = 64, .taps = 1, .c_stride = 16 };
    const struct var_core *core = var_core_find("neoverse-n1", NULL);
    struct hrn_mca mca = { .core = core, .repeats = 4 };
    struct var_variant v;
    struct var_text text = { 0 };
    struct hrn_code code;
    struct hrn_trace trace;
    char err[256];
    if (hrn_mca_find(&mca.program, err, sizeof err)) {
        printf("  left out: %s\n", err);
        return;
    }
    T_CHECK(var_name_parse(name, &v, err, sizeof err) == 0);
    T_CHECK(var_generate(&v, &text, err, sizeof err) == 0);
    T_CHECK(hrn_code_parse(text.data, &code, err, sizeof err) == 0);
    T_CHECK(hrn_code_trace(&code, &args, sizeof args, &trace, err, sizeof err) == 0);
    if (T_CHECK(hrn_mca_add(&mca, &code, &trace, 0, trace.count) == 0 &&
                hrn_mca_run(&mca, 1, err, sizeof err) == 0)) {
        double speed = 4.0 * 16 * 16 * 64 * mca.repeats / mca.cycles[0];
        if (!T_CHECK(speed >= 0.8 * 32 && speed <= 32))
            printf("  %s: %.2f MAC/cycle of tiles\n", name, speed);
    }
    hrn_mca_clear(&mca);
    hrn_trace_clear(&trace);
    hrn_code_clear(&code);
    var_text_clear(&text);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    finds_paths();
    refuses();
    issues_in_order();
    takes_everything_apart();
    weaves();
    compares_peaks();
    overlaps_tiles();
    return t_end();
}
