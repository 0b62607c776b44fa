/* Kernels broken on purpose, in the place of a generated registry: what the prover must catch, each
 * by its own outcome. Only tests link it. All are the GEMMs below, correct by themselves, with one
 * thing wrong. */
#include "kernels/kernel.h"

#include <signal.h>
#include <string.h>

#include "kernels/reference.h"

enum { MR = 2, NR = 4 };

/* A sum of k products; the head of the panel has `words` words for each column. */
static int32_t sum_at(const struct krn_gemm_args *g, int words, int64_t i, int j, int64_t k)
{
    const int32_t *bias = g->w;
    const int8_t *w = (const int8_t *)(bias + words * NR);
    const int8_t *a = (const int8_t *)g->a + i * g->a_stride;
    uint32_t acc = (uint32_t)bias[j];
    for (int64_t p = 0; p < k; p++)
        acc += (uint32_t)(a[p] * w[p * NR + j]);
    return (int32_t)acc;
}

static const float *scales_of(const struct krn_gemm_args *g)
{
    return (const float *)g->w + NR;
}

static struct krn_quant quant_of(const struct krn_gemm_args *g)
{
    return (struct krn_quant) { .zp_out = g->out.zp, .lo = g->out.lo, .hi = g->out.hi };
}

/* One tile, correct; computes `columns` of NR and pretends that k is `k`. */
static void tile(const struct krn_gemm_args *g, int columns, int64_t k)
{
    const struct krn_quant quant = quant_of(g);
    for (int64_t i = 0; i < g->m; i++)
        for (int j = 0; j < columns; j++)
            g->c[i * g->c_stride + j] =
                krn_requantise(sum_at(g, 2, i, j, k), scales_of(g)[j], &quant);
}

static void correct(const void *args)
{
    const struct krn_gemm_args *g = args;
    tile(g, NR, g->k);
}

/* Leaves something behind in its process, which the next one trips over. */
static int stained;

static void stains(const void *args)
{
    stained = 1;
    correct(args);
}

static void trips(const void *args)
{
    const struct krn_gemm_args *g = args;
    tile(g, stained ? NR - 1 : NR, g->k);
}

static void writes_past_end(const void *args)
{
    const struct krn_gemm_args *g = args;
    correct(args);
    volatile int8_t *end = g->c + (g->m - 1) * g->c_stride + NR;
    *end = (int8_t)(*end ^ 1);
}

static void writes_before_start(const void *args)
{
    const struct krn_gemm_args *g = args;
    correct(args);
    volatile int8_t *start = g->c - 1;
    *start = (int8_t)(*start ^ 1);
}

static void reads_past_end(const void *args)
{
    const struct krn_gemm_args *g = args;
    volatile int8_t sink = *((const volatile int8_t *)g->a + (g->m - 1) * g->a_stride + g->k + 15);
    (void)sink;
    correct(args);
}

static void skips_column(const void *args)
{
    const struct krn_gemm_args *g = args;
    tile(g, NR - 1, g->k);
}

static void skips_k_tail(const void *args)
{
    const struct krn_gemm_args *g = args;
    tile(g, NR, g->k > 64 ? g->k - g->k % 2 : g->k); /* right until k is large and odd */
}

static void skips_last_row(const void *args)
{
    struct krn_gemm_args g;
    memcpy(&g, args, sizeof g);
    g.m -= g.m == 1; /* only a tile of one row shows it */
    tile(&g, NR, g.k);
}

static void rounds_half_up(const void *args)
{
    const struct krn_gemm_args *g = args;
    correct(args);
    for (int64_t i = 0; i < g->m; i++)
        for (int j = 0; j < NR; j++) {
            float x = (float)sum_at(g, 2, i, j, g->k) * scales_of(g)[j];
            if (x > g->out.lo_f && x < g->out.hi_f && x - (float)(int32_t)x == 0.5f)
                g->c[i * g->c_stride + j] = (int8_t)((int32_t)x + 1 + g->out.zp);
        }
}

static void clobbers_register(const void *args)
{
    correct(args);
#if defined(__aarch64__)
    __asm__ volatile("mov x21, #1"); /* not declared: the compiler does not save it */
#else
    __asm__ volatile("mov $1, %r13d");
#endif
}

#if defined(__aarch64__)
static void clobbers_vector_register(const void *args)
{
    correct(args);
    __asm__ volatile("movi v9.16b, #1");
}
#else
static void clobbers_vector_register(const void *args)
{
    correct(args);
    __asm__ volatile("std"); /* x86-64 preserves no vector register; the direction flag stands in */
}
#endif

static void crashes(const void *args)
{
    int *volatile nowhere = NULL;
    correct(args);
    __asm__ volatile("" ::: "memory");
#if defined(__aarch64__)
    __asm__ volatile("str wzr, [%0]" : : "r"(nowhere) : "memory");
#else
    __asm__ volatile("movl $0, (%0)" : : "r"(nowhere) : "memory");
#endif
}

static void hangs(const void *args)
{
    volatile int forever = args != NULL;
    while (forever)
        ;
}

static void is_illegal(const void *args)
{
    (void)args;
#if defined(__aarch64__)
    __asm__ volatile(".inst 0x00000000");
#else
    __asm__ volatile("ud2");
#endif
}

/* ADD: row i of the tile gets row i - `late` of the second tensor, the first one always its own. */
static void add_tile(const struct krn_gemm_args *g, int32_t zp, int late)
{
    const struct krn_quant quant = quant_of(g);
    for (int64_t i = 0; i < g->m; i++) {
        const int8_t *row = g->add + (i < late ? i : i - late) * g->add_stride;
        const struct krn_add add = { row, zp, g->add_factor };
        for (int j = 0; j < NR; j++)
            g->c[i * g->c_stride + j] = krn_requantise_add(
                sum_at(g, 2, i, j, g->k), scales_of(g)[j], &add, (size_t)j, &quant);
    }
}

static void adds(const void *args)
{
    const struct krn_gemm_args *g = args;
    add_tile(g, g->add_zp, 0);
}

static void adds_without_zero_point(const void *args)
{
    add_tile(args, 0, 0);
}

static void adds_row_above(const void *args)
{
    const struct krn_gemm_args *g = args;
    add_tile(g, g->add_zp, 1);
}

/* Each to a byte first. */
static void adds_rounded_twice(const void *args)
{
    const struct krn_gemm_args *g = args;
    const struct krn_quant quant = quant_of(g), any = { .zp_out = 0, .lo = -128, .hi = 127 };
    for (int64_t i = 0; i < g->m; i++)
        for (int j = 0; j < NR; j++) {
            const struct krn_add add = { g->add + i * g->add_stride, g->add_zp, g->add_factor };
            int other = krn_requantise_add(0, 0, &add, (size_t)j, &any);
            int y = krn_requantise(sum_at(g, 2, i, j, g->k), scales_of(g)[j], &quant) + other;
            g->c[i * g->c_stride + j] = (int8_t)(y < quant.lo   ? quant.lo
                                                 : y > quant.hi ? quant.hi
                                                                : y);
        }
}

static void reads_past_second(const void *args)
{
    const struct krn_gemm_args *g = args;
    volatile int8_t sink = g->add[(g->m - 1) * g->add_stride + NR + 64];
    (void)sink;
    adds(args);
}

static void sum_tile(const struct krn_gemm_args *g, int has_bias)
{
    const int32_t *bias = g->w;
    for (int64_t i = 0; i < g->m; i++)
        for (int j = 0; j < NR; j++) {
            int32_t sum =
                (int32_t)((uint32_t)sum_at(g, 1, i, j, g->k) - (has_bias ? 0 : (uint32_t)bias[j]));
            memcpy(g->c + i * g->c_stride + j * (int64_t)sizeof sum, &sum, sizeof sum);
        }
}

static void sums(const void *args)
{
    sum_tile(args, 1);
}

static void sums_without_bias(const void *args)
{
    sum_tile(args, 0);
}

static void exits(const void *args)
{
    (void)args;
    raise(SIGKILL);
}

#if defined(__aarch64__)
#define FOREIGN_ISA KRN_ISA_AVX2
#else
#define FOREIGN_ISA KRN_ISA_DOTPROD
#endif

#define FORM(function, level, form)                                                                \
    {                                                                                              \
        .name = #function, .fn = function, .isa = level, .family = KRN_FAMILY_GEMM, .mr = MR,      \
        .nr = NR, .kr = 1, .w_bytes = 1, .epilogue = form                                          \
    }
#define ROW(function, level) FORM(function, level, KRN_EPILOGUE_FLOAT)

extern const struct krn_kernel quern_kernels[];
extern const size_t quern_kernels_count;

const struct krn_kernel quern_kernels[] = {
    ROW(stains, KRN_ISA_C),
    ROW(trips, KRN_ISA_C),
    ROW(correct, KRN_ISA_C),
    ROW(writes_past_end, KRN_ISA_C),
    ROW(writes_before_start, KRN_ISA_C),
    ROW(reads_past_end, KRN_ISA_C),
    ROW(skips_column, KRN_ISA_C),
    ROW(skips_k_tail, KRN_ISA_C),
    ROW(skips_last_row, KRN_ISA_C),
    ROW(rounds_half_up, KRN_ISA_C),
    ROW(clobbers_register, KRN_ISA_C),
    ROW(clobbers_vector_register, KRN_ISA_C),
    ROW(crashes, KRN_ISA_C),
    ROW(hangs, KRN_ISA_C),
    ROW(is_illegal, KRN_ISA_C),
    ROW(exits, KRN_ISA_C),
    FORM(adds, KRN_ISA_C, KRN_EPILOGUE_ADD),
    FORM(adds_without_zero_point, KRN_ISA_C, KRN_EPILOGUE_ADD),
    FORM(adds_row_above, KRN_ISA_C, KRN_EPILOGUE_ADD),
    FORM(adds_rounded_twice, KRN_ISA_C, KRN_EPILOGUE_ADD),
    FORM(reads_past_second, KRN_ISA_C, KRN_EPILOGUE_ADD),
    FORM(sums, KRN_ISA_C, KRN_EPILOGUE_SUMS),
    FORM(sums_without_bias, KRN_ISA_C, KRN_EPILOGUE_SUMS),
    { .name = "foreign",
      .fn = is_illegal,
      .isa = FOREIGN_ISA,
      .family = KRN_FAMILY_GEMM,
      .mr = MR,
      .nr = NR,
      .kr = 1,
      .w_bytes = 1 },
};
const size_t quern_kernels_count = sizeof quern_kernels / sizeof *quern_kernels;
