/* Names, the space, and the text that the generator makes: round trips, near misses, determinism,
 * golden outputs, and that assemblers take all of it. Which answers the kernels give is
 * test_ukernels. */
#include "tests/t.h"
#include "tests/t_run.h"
#include "variants/variant_int.h"

#include <ctype.h>

static const char *root;
static char folder[200], output[16384];
static int all, update;

/* ---- Names */

static void check_names(void)
{
    struct var_space space;
    struct var_variant v, again;
    char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX], err[300];
    long count[KRN_ISA_COUNT] = { 0 };
    int bad = 0;
    var_space_init(&space, ~0u, NULL);
    while (var_space_next(&space, &v)) {
        if (count[v.isa]++ % 5 != (long)(t_seed % 5) && !all)
            continue;
        var_name_format(&v, name);
        var_kernel_name_format(&v, kernel);
        bad += strncmp(name, kernel, strlen(kernel)) != 0;
        bad += var_name_parse(name, &again, err, sizeof(err)) != 0;
        bad += memcmp(&v, &again, sizeof(v)) != 0;
    }
    T_CHECK(bad == 0);
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        printf("%-10s %6ld points\n", krn_isas[isa].name, count[isa]);
        T_CHECK(count[isa] >= 60);
    }
}

static void check_near_misses(void)
{
    static const char *const names[] = {
        "",
        "dotprod",
        "dotprod_igemm",
        "dotprod_igemm_",
        "avx3_gemm_m4n16k2u1a0b0l128s0",
        "avx2_conv_m4n16k2u1a0b0l128s0",
        "AVX2_gemm_m4n16k2u1a0b0l128s0",
        " avx2_gemm_m4n16k2u1a0b0l128s0",
        "avx2_gemm_m4n16k2u1a0b0l128s0 ",
        "avx2_gemm_m04n16k2u1a0b0l128s0",
        "avx2_gemm_m+4n16k2u1a0b0l128s0",
        "avx2_gemm_m4n16k2u1a0b0l128",
        "avx2_gemm_n16m4k2u1a0b0l128s0",
        "avx2_gemm_m4n16k2u1a0b0l128s2",
        "avx2_gemm_m4n16k3u1a0b0l128s0",
        "avx2_gemm_m4n15k2u1a0b0l128s0",
        "avx2_gemm_m65540n16k2u1a0b0l128s0",
        "avx2_gemm_m99999999999n16k2u1a0b0l128s0",
        "avx2_gemm_m6n24k2u1a0b0l128s0",
        "avx2_gemm_m4n16k2u1a0b0l128s0__",
        "avx2_gemm_m4n16k2u1a0b0l128s0__o0",
        "avx2_gemm_m4n16k2u1a0b0l128s0__o2",
        "avx2_gemm_m4n16k2u1a0b0l128s0__o1o1",
        "avx2_gemm_m4n16k2u1a0b0l128s0_o1",
        "avx2_gemm_m4n16k2u1a0b0l128s0o1",
        "avx2_dw_m1n16k2u4l128s0__o1",
        "avx2_dw_m1n16k2u4a0b0l128s0",
        "neon_gemm_m4n4k16u1a0b0l64s0",
        "dotprod_gemm_m4n16k8u1a0b0l128s0",
        "dotprod_gemm_m4n16k4u1a0b0l128s0v0",
        "dotprod_gemm_m4n16k4u1a0b0l128s0i1v1",
        "dotprod_gemm_m4n16k4u1a0b0l128s0v2",
        "dotprod_gemm_m4n16k4u1a64b0l128s0i1",
        "i8mm_gemm_m3n8k8u1a0b0l128s0",
        "dotprod_dw_m1n16k1u1l128s0",
        "c_gemm_m4n8k1u2a64b0l8s0",
    };
    struct var_variant v;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char err[300] = "";
        if (!T_CHECK(var_name_parse(names[i], &v, err, sizeof(err)) == -EINVAL && err[0]))
            printf("  accepted: \"%s\"\n", names[i]);
    }
    T_CHECK(var_name_parse("avx2_gemm_m4n16k2u1a0b0l128s0__o1", &v, output, 200) == 0);
    T_CHECK(v.knob[VAR_KNOB_ORDER] == 1 && var_driver(&v).loop_order == 1);
}

/* ---- The space of a problem */

static int same(const struct var_variant *a, const struct var_variant *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* A layer that has a plain choice has one for each epilogue. */
static void check_forms(enum krn_isa isa, const struct krn_problem *problem)
{
    for (int e = 0; e < KRN_EPILOGUE_COUNT; e++) {
        struct var_variant v;
        if (T_CHECK(var_default_of(isa, problem, (enum krn_epilogue)e, &v) == 0))
            T_CHECK(v.isa == isa && v.knob[VAR_KNOB_EPILOGUE] == e);
    }
}

static void check_problem(const char *text)
{
    struct krn_problem problem;
    char err[300];
    if (!T_CHECK(krn_problem_parse(text, &problem, err, sizeof(err)) == 0))
        return;
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        struct var_space space;
        struct var_variant v, plain, previous = { 0 };
        int count = 0, seen = 0, bad = 0;
        int has_plain = var_default((enum krn_isa)isa, &problem, &plain) == 0;
        var_space_init(&space, 1u << isa, &problem);
        while (var_space_next(&space, &v)) {
            struct krn_kernel kernel;
            struct krn_conv conv;
            struct krn_quant quant = { 0, 0, -128, 127 };
            char name[VAR_NAME_MAX];
            var_kernel_describe(&v, &kernel, name);
            bad += krn_conv_plan(&conv, &problem, &quant, &kernel, var_driver(&v), err,
                                 sizeof(err)) != 0;
            bad += v.isa != (enum krn_isa)isa || (count && same(&v, &previous));
            seen += has_plain && same(&v, &plain);
            previous = v;
            count++;
        }
        T_CHECK(bad == 0);
        T_CHECK(!has_plain || seen == 1);
        T_CHECK(count <= 700);
        T_CHECK(isa != KRN_ISA_C || has_plain);
        if (has_plain && !krn_problem_multiplier(&problem))
            check_forms((enum krn_isa)isa, &problem);
        printf("%-28s %-10s %4d points\n", text, krn_isas[isa].name, count);
    }
}

/* Every plain choice can be made, in all forms that its scheme offers. */
static void check_rows(void)
{
    for (size_t i = 0; i < var_default_count; i++)
        for (int e = 0; e < KRN_EPILOGUE_COUNT; e++) {
            struct var_variant v;
            char err[300] = "";
            int rc = var_default_variant(&var_defaults[i], (enum krn_epilogue)e, &v);
            T_CHECK(rc == 0 || e != KRN_EPILOGUE_FLOAT);
            if (rc == 0 && !T_CHECK(var_feasible(&v, err, sizeof(err)) == 0))
                printf("  row %zu, %s: %s\n", i, krn_epilogue_names[e], err);
        }
}

static void check_problems(void)
{
    static const char *const problems[] = {
        "ic64ih56oc64oh56kh3ph1", "ic64ih56oc256kh1",  "g64ic64ih56oc64kh3ph1",
        "ic3ih224oc64kh7ph3sh2",  "ic512ih1oc10kh1",   "g3ic3ih8oc3kh3ph1",
        "g4ic64ih14oc64kh3ph1",   "g8ic8ih9oc8kh5ph2", "ic1ih1oc1kh1",
    };
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++)
        check_problem(problems[i]);
    check_rows();
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        struct var_variant v;
        struct krn_kernel kernel;
        char name[VAR_NAME_MAX];
        if (isa == KRN_ISA_C) {
            T_CHECK(var_peak(KRN_ISA_C, &v) < 0); /* no limit of a machine is written in C */
            continue;
        }
        T_CHECK(var_peak((enum krn_isa)isa, &v) == 0 && v.family == KRN_FAMILY_PEAK);
        var_kernel_describe(&v, &kernel, name);
        T_CHECK(kernel.macs > 0);
    }
}

static void check_refusals(void)
{
    struct var_variant v = { KRN_ISA_AVX2, KRN_FAMILY_GEMM, { 5, 16, 2, 1, 0, 0, 64 } };
    char err[300] = "";
    T_CHECK(var_feasible(&v, err, sizeof(err)) == -ENOSPC);
    T_CHECK(strstr(err, "vector registers") != NULL);
    v.knob[VAR_KNOB_MR] = 7;
    T_CHECK(var_feasible(&v, err, sizeof(err)) == -ENOTSUP);
    T_CHECK(strstr(err, "MR") != NULL);
    T_CHECK(var_feasible(&v, NULL, 0) == -ENOTSUP);
}

/* ---- Text */

static void check_determinism(void)
{
    struct var_space space;
    struct var_variant v;
    uint64_t before = 0, first, second;
    int bad = 0;
    var_space_init(&space, ~0u, NULL);
    space.next = t_seed % 97;
    while (var_space_next(&space, &v)) {
        if (v.knob[VAR_KNOB_ORDER])
            continue;
        bad += var_source_hash(&v, &first) != 0 || var_source_hash(&v, &second) != 0;
        bad += first != second || first == before;
        before = first;
        space.next += 96;
    }
    T_CHECK(bad == 0);
}

static const struct {
    const char *name, *file;
} golden[] = {
    { "c_igemm_m2n8k2u2a0b0l8s0", "c_igemm.c" },
    { "dotprod_igemm_m4n8k4u1a0b256l64s1", "dotprod_igemm.s" },
    { "neon_dw_m1n8k1u3l128s0", "neon_dw.s" },
    { "neon_gemm_m2n8k2u1a0b0l64s0v2i2h1g2", "neon_pairs.s" },
    { "neon_gemm_m1n8k1u2a0b0l64s0v1i1", "neon_lanes.s" },
    { "i8mm_direct_m2n8k8u3l128s0c1v1", "i8mm_direct.s" },
    { "avx2_gemm_m2n16k2u1a64b0l64s0", "avx2_gemm.s" },
    { "avx512vnni_gemm_m2n32k4u1a0b0l512s0", "avx512vnni_gemm.s" },
};

static void check_golden(void)
{
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        struct var_text text = { 0 };
        struct var_variant v;
        char path[400], *want = NULL;
        size_t capacity = 0;
        T_CHECK(var_name_parse(golden[i].name, &v, output, 300) == 0);
        T_CHECK(var_generate(&v, &text, output, 300) == 0);
        snprintf(path, sizeof(path), "%s/tests/golden/%s", root, golden[i].file);
        FILE *f = fopen(path, update ? "w" : "r");
        if (T_CHECK(f != NULL)) {
            if (update)
                fwrite(text.data, 1, text.length, f);
            else if (T_CHECK(getdelim(&want, &capacity, '\0', f) > 0) &&
                     !T_CHECK(strcmp(text.data, want) == 0))
                printf("  %s differs from %s; look at it, then run with --update\n", golden[i].name,
                       path);
            fclose(f);
        }
        free(want);
        var_text_clear(&text);
    }
}

/* ---- Assemblers */

static const struct {
    const char *arch, *argv[3];
} assemblers[] = {
    { "x86_64", { "x86_64-linux-gnu-gcc" } },
    { "aarch64", { "aarch64-linux-gnu-gcc" } },
    { "x86_64", { "clang", "--target=x86_64-linux-gnu" } },
    { "aarch64", { "clang", "--target=aarch64-linux-gnu", "-march=armv8.2-a+dotprod+i8mm" } },
};

/* Every `every`th kernel of a level into one file; how many. */
static int write_level(enum krn_isa isa, int every)
{
    struct var_space space;
    struct var_variant v;
    struct var_text text = { 0 };
    int count = 0, skip = (int)(t_seed % (uint64_t)every);
    char path[300];
    var_space_init(&space, 1u << isa, NULL);
    while (var_space_next(&space, &v)) {
        if (v.knob[VAR_KNOB_ORDER] || skip-- > 0)
            continue;
        T_CHECK(var_generate(&v, &text, output, 300) == 0);
        skip = every - 1;
        count++;
    }
    snprintf(path, sizeof(path), "%s/level.S", folder);
    FILE *f = fopen(path, "w");
    T_CHECK(f && fwrite(text.data, 1, text.length, f) == text.length && fclose(f) == 0);
    var_text_clear(&text);
    return count;
}

static void check_assemblers(void)
{
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        if (var_language((enum krn_isa)isa) != VAR_LANGUAGE_ASM)
            continue;
        int count = write_level((enum krn_isa)isa, all ? 1 : 41), taken = 0;
        for (size_t i = 0; i < sizeof(assemblers) / sizeof(assemblers[0]); i++) {
            const char *argv[10] = { 0 };
            int n = 0;
            if (strcmp(assemblers[i].arch, krn_isas[isa].arch) ||
                !t_has_program(assemblers[i].argv[0]))
                continue;
            for (int k = 0; k < 3 && assemblers[i].argv[k]; k++)
                argv[n++] = assemblers[i].argv[k];
            argv[n++] = "-c";
            argv[n++] = "level.S";
            argv[n++] = "-olevel.o";
            if (!T_CHECK(t_run(folder, output, sizeof(output), argv) == 0))
                printf("%s: %.1000s\n", assemblers[i].argv[0], output);
            taken++;
        }
        printf("%-10s %5d kernels assembled by %d assemblers\n", krn_isas[isa].name, count, taken);
    }
}

/* The EVEX level: every vector instruction must be EVEX and on the list in emit_x86.c, so that a
 * decoder of that list sees all of them. */
static void check_evex(void)
{
    static const char *const list[] = {
        "vmovdqu32",    "vmovq",           "vpmovdb",       "vpbroadcastd",  "vpunpcklbw",
        "vpunpckhbw",   "vpmovsxbw",       "vpxord",        "vpaddd",        "vmovdqa32",
        "vpdpbusd",     "vpdpwssd",        "vcvtdq2ps",     "vmulps",        "vmaxps",
        "vminps",       "vcvtps2dq",       "vpunpcklwd",    "vpunpckhwd",    "vpmovzxbd",
        "vpackssdw",    "vpacksswb",       "vpaddsw",       "vpmaxsb",       "vpermd",
        "vpbroadcastb", "vpbroadcastw",    "vextracti32x4", "vextracti64x4", "vinserti64x4",
        "vfmadd213ps",  "vpackuswb",       "vpminub",       "vpaddb",        "vaddps",
        "vpmovsxbd",    "vpsubd",          "vpmuldq",       "vpaddq",        "vpsrlq",
        "vpsllq",       "vpsrld",          "vpslld",        "vpord",         "vpsravd",
        "vpsrlvd",      "vpminsd",         "vpmaxsd",       "vinserti32x4",  "vpshufd",
        "vpshufb",      "vbroadcasti32x4", "vpminsb",
    };
    static char text[4 << 20];
    long seen = 0, bad = 0;
    if (!t_has_program("x86_64-linux-gnu-gcc") || !t_has_program("objdump"))
        return;
    write_level(KRN_ISA_AVX512VNNI, 61);
    if (T_RUN(folder, output, "x86_64-linux-gnu-gcc", "-c", "level.S", "-olevel.o") ||
        T_RUN(folder, text, "objdump", "-d", "-w", "level.o")) {
        T_CHECK(!"objdump reads the kernels");
        return;
    }
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *bytes = strchr(line, '\t'), *words = bytes ? strchr(bytes + 1, '\t') : NULL;
        if (!words || words[1] != 'v' || strncmp(words + 1, "vzeroupper", 10) == 0)
            continue;
        size_t length = strcspn(words + 1, " "), known = 0;
        for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
            known |= strlen(list[i]) == length && strncmp(list[i], words + 1, length) == 0;
        seen++;
        if (!known || strncmp(bytes + 1, "62 ", 3)) {
            printf("  %s\n", line);
            bad++;
        }
    }
    T_CHECK(seen > 1000 && bad == 0);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    for (int i = 1; i < argc; i++) {
        all |= strcmp(argv[i], "--all") == 0;
        update |= strcmp(argv[i], "--update") == 0;
    }
    if (argc < 2) {
        printf("usage: %s SOURCE_ROOT [--all] [--update] [--seed N]\n", argv[0]);
        return 2;
    }
    root = argv[1];
    t_folder(folder, sizeof(folder));
    check_near_misses();
    check_names();
    check_problems();
    check_refusals();
    check_determinism();
    check_golden();
    check_assemblers();
    check_evex();
    t_remove(folder);
    return t_end();
}
