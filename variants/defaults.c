/* Plain choices for everybody; core_defaults.c has those core by core. */
#include "variants/variant_int.h"

/* clang-format off */
#define GEMM_KNOBS(m, n, k, u, a, b, l, s, o) { m, n, k, u, a, b, l, s, 0, 0, 0, 0, o }
#define GEMM_ROW(isa, columns, rows, ...) \
    { isa, KRN_FAMILY_GEMM, columns, rows, GEMM_KNOBS(__VA_ARGS__), 0, 0, 0 }, \
    { isa, KRN_FAMILY_IGEMM, columns, rows, GEMM_KNOBS(__VA_ARGS__), 0, 0, 0 }
#define A64_KNOBS(m, n, k, u, t, v, i, h, g) \
    { m, n, k, u, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, t, v, i, h, g, 0 }
#define A64_ROW(isa, columns, rows, ...) \
    { isa, KRN_FAMILY_GEMM, columns, rows, A64_KNOBS(__VA_ARGS__), 0, 0, 0 }, \
    { isa, KRN_FAMILY_IGEMM, columns, rows, A64_KNOBS(__VA_ARGS__), 0, 0, 0 }
/* Passed over where whole tiles do more than a twentieth in vain and another suits better. */
#define A64_FIT_ROW(isa, columns, ...) \
    { isa, KRN_FAMILY_GEMM, columns, 0, A64_KNOBS(__VA_ARGS__), 0, 0, 5 }, \
    { isa, KRN_FAMILY_IGEMM, columns, 0, A64_KNOBS(__VA_ARGS__), 0, 0, 5 }
#define NEON_KNOBS(m, n, k, u, l, s, v, i, h, g, p, q) \
    { m, n, k, u, 0, 0, l, s, 0, 0, 0, 0, 0, 0, 0, v, i, h, g, p, 0, 0, 0, q }
#define NEON_ROW(columns, ...) \
    { KRN_ISA_NEON, KRN_FAMILY_GEMM, columns, 0, NEON_KNOBS(__VA_ARGS__), 0, 0, 0 }, \
    { KRN_ISA_NEON, KRN_FAMILY_IGEMM, columns, 0, NEON_KNOBS(__VA_ARGS__), 0, 0, 0 }
#define PACKED_ROW(isa, columns, waste, ...) \
    { isa, KRN_FAMILY_GEMM, columns, 0, A64_KNOBS(__VA_ARGS__), 0, 0, waste }
#define DW_ROW(isa, channels, m, n, k, u, l, s) \
    { isa, KRN_FAMILY_DW, channels, 0, { m, n, k, u, 0, 0, l, s }, 0, 0, 0 }
#define SHALLOW_ROW(isa, columns, rows, depth, m, n, k, u, l, s) \
    { isa, KRN_FAMILY_GEMM, columns, rows, { m, n, k, u, 0, 0, l, s }, 0, depth, FIT_PERCENT }
#define SMALL_DW_ROW(isa, channels, width, m, n, k, u, l, s) \
    { isa, KRN_FAMILY_DW, channels, width, { m, n, k, u, 0, 0, l, s }, 0, 0, 0 }
#define DWC_ROW(isa, channels, n, k, s, f, x, y) \
    { isa, KRN_FAMILY_DWC, channels, 0, { 0, n, k, 0, 0, 0, 0, s, f, x, y }, 0, 0, 0 }
#define DIRECT_ROW(isa, columns, rows, m, n, k, u, l, c, o) \
    { isa, KRN_FAMILY_DIRECT, columns, rows, { m, n, k, u, 0, 0, l, 0, 0, 0, 0, c, o }, 0, 0, 0 }
/* Rows that are passed over where the tile does not suit the layer: of all the best suited. */
#define FIT_ROW(isa, family, columns, rows, ...) \
    { isa, KRN_FAMILY_##family, columns, rows, { __VA_ARGS__ }, 0, 0, FIT_PERCENT }
#define FIT_DIRECT(isa, columns, m, n, k, u, l, c, o) \
    FIT_ROW(isa, DIRECT, columns, 0, m, n, k, u, 0, 0, l, 0, 0, 0, 0, c, o)
#define WITHIN_DIRECT(waste, isa, columns, m, n, k, u, l, c, o) \
    { isa, KRN_FAMILY_DIRECT, columns, 0, { m, n, k, u, 0, 0, l, 0, 0, 0, 0, c, o }, 0, 0, waste }
#define LATE_KNOBS(m, n, u, c, o) \
    m, n, 4, u, 0, 0, 512, 0, 0, 0, 0, c, o, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define FIT_LATE(columns, depth, waste, ...) \
    { KRN_ISA_AVX512VNNI, KRN_FAMILY_DIRECT, columns, 0, { LATE_KNOBS(__VA_ARGS__) }, 0, depth, \
      waste }
/* A line of the filter of a few channels is one tap, whatever the tile: better than pointers. */
#define LINES_ROW(isa, columns, m, n, l) \
    { isa, KRN_FAMILY_DIRECT, columns, 0, { m, n, 4, 1, 0, 0, l, 0, 0, 0, 0, 1, 1 }, 0, 31, 45 }
#define FIT_GEMM(isa, columns, m, n, k, u, l) \
    FIT_ROW(isa, GEMM, columns, 0, m, n, k, u, 0, 0, l, 0), \
    FIT_ROW(isa, IGEMM, columns, 0, m, n, k, u, 0, 0, l, 0)
#define LINE_ROW(isa, columns, depth, m, n, u, v) \
    { isa, KRN_FAMILY_DIRECT, columns, 0, \
      { m, n, 4, u, 0, 0, 128, 0, 0, 0, 0, 1, 1, 0, 0, v }, 0, depth, FIT_PERCENT }
#define FIT_DWC_ROW(isa, n, k, s, f, x, y) \
    { isa, KRN_FAMILY_DWC, n, 0, { 0, n, k, 0, 0, 0, 0, s, f, x, y }, 0, 0, FIT_PERCENT }
#define QUADS_ROW(isa, n, f, x, y, waste) \
    { isa, KRN_FAMILY_DWC, n, 0, { 0, n, 4, 0, 0, 0, 512, 0, f, x, y }, 0, 0, waste }
/* Small groups: first of all, where they fit. */
#define DIAGONAL_ROW(isa, m, n, k, l, d, waste) \
    { isa, KRN_FAMILY_DIRECT, 1, 0, \
      { m, n, k, 1, 0, 0, l, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, d }, 0, 0, waste }
#define DIAGONAL_ROWS(d) \
    DIAGONAL_ROW(KRN_ISA_AVX512VNNI, 7, 64, 4, 512, d, FIT_PERCENT), \
    DIAGONAL_ROW(KRN_ISA_AVX512VNNI, 4, 64, 4, 512, d, FIT_PERCENT), \
    DIAGONAL_ROW(KRN_ISA_AVX512VNNI, 1, 64, 4, 512, d, FIT_PERCENT)
#define A64_DIAGONAL_ROW(isa, m, k, s, g, d) \
    { isa, KRN_FAMILY_DIRECT, 1, 0, \
      { m, 16, k, 1, 0, 0, 128, s, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, g, 0, 0, d }, 0, 0, 0 }
#define PAIR_LINE_ROW(m, n, u) \
    { KRN_ISA_NEON, KRN_FAMILY_DIRECT, 9, 0, \
      { m, n, 2, u, 0, 0, 64, 0, 0, 0, 0, 1, 1, 0, 0, 2, 0, 1, 4 }, 0, 4, 0 }
#define MM_LINE_ROW(m, n, u) \
    { KRN_ISA_I8MM, KRN_FAMILY_DIRECT, 9, 0, \
      { m, n, 8, u, 0, 0, 128, 0, 0, 0, 0, 1, 1, 0, 0, 2 }, 0, 4, FIT_PERCENT }
#define DWROWS_ROW(isa, m, n, k, l, f, x, y) \
    { isa, KRN_FAMILY_DWROWS, n, 0, { m, n, k, 0, 0, 0, l, 0, f, x, y }, 0, 0, 0 }
#define FIT_WINO(isa, columns, depth, waste, m, n, k, s, f) \
    { isa, KRN_FAMILY_WINO, columns, 0, { m, n, k, 0, 0, 0, 0, s, f }, depth, 0, waste }
#define WINO_ROW(isa, columns, depth, m, n, k, s, f) \
    { isa, KRN_FAMILY_WINO, columns, 0, { m, n, k, 0, 0, 0, 0, s, f }, depth, 0, 0 }
#define PEAK_ROW(isa, u, l) { isa, KRN_FAMILY_PEAK, 0, 0, { 0, 0, 0, u, 0, 0, l, 0, 0 }, 0, 0, 0 }
/* clang-format on */

enum { FIT_PERCENT = 12 };

/* First fitting row wins. Also the kernels that are built in. */
const struct var_default_row var_defaults[] = {
    GEMM_ROW(KRN_ISA_C, 0, 1, 1, 16, 1, 1, 0, 0, 8, 0, 0),
    GEMM_ROW(KRN_ISA_C, 0, 0, 4, 16, 1, 2, 0, 0, 8, 0, 0),
    DW_ROW(KRN_ISA_C, 16, 1, 16, 1, 1, 8, 0),
    DW_ROW(KRN_ISA_C, 0, 1, 1, 1, 1, 8, 0),

    A64_DIAGONAL_ROW(KRN_ISA_NEON, 4, 2, 1, 1, 4),
    A64_DIAGONAL_ROW(KRN_ISA_NEON, 1, 2, 1, 1, 4),
    A64_DIAGONAL_ROW(KRN_ISA_NEON, 2, 2, 1, 1, 8),
    A64_DIAGONAL_ROW(KRN_ISA_NEON, 1, 2, 1, 1, 8),
    FIT_WINO(KRN_ISA_NEON, 16, 8, 5, 4, 16, 1, 1, 4),
    FIT_WINO(KRN_ISA_NEON, 16, 8, FIT_PERCENT, 5, 16, 1, 1, 4),
    WINO_ROW(KRN_ISA_NEON, 16, 8, 4, 16, 1, 1, 4),
    A64_DIAGONAL_ROW(KRN_ISA_NEON, 2, 2, 1, 1, 16),
    A64_DIAGONAL_ROW(KRN_ISA_NEON, 1, 2, 1, 1, 16),
    PAIR_LINE_ROW(4, 16, 11),
    PAIR_LINE_ROW(4, 16, 5),
    A64_ROW(KRN_ISA_NEON, 0, 1, 1, 8, 16, 1, 0, 1, 1, 0, 1),
    NEON_ROW(9, 4, 16, 2, 1, 16, 3, 3, 0, 1, 4, 1, 1),
    NEON_ROW(9, 4, 16, 2, 2, 64, 0, 2, 2, 1, 4, 0, 0),
    NEON_ROW(5, 8, 8, 2, 2, 64, 0, 2, 2, 1, 4, 0, 0),
    A64_ROW(KRN_ISA_NEON, 0, 0, 4, 4, 16, 2, 0, 1, 1, 0, 1),
    NEON_ROW(0, 4, 16, 1, 2, 64, 0, 1, 1, 0, 1, 0, 0),
    DWC_ROW(KRN_ISA_NEON, 16, 16, 1, 1, 3, 1, 1),
    DWC_ROW(KRN_ISA_NEON, 16, 16, 1, 1, 3, 2, 1),
    DW_ROW(KRN_ISA_NEON, 16, 1, 16, 1, 9, 128, 0),
    DW_ROW(KRN_ISA_NEON, 8, 1, 8, 1, 9, 128, 0),
    DW_ROW(KRN_ISA_NEON, 1, 1, 4, 1, 9, 128, 0),
    PEAK_ROW(KRN_ISA_NEON, 12, 128),
    A64_DIAGONAL_ROW(KRN_ISA_DOTPROD, 4, 4, 0, 0, 4),
    A64_DIAGONAL_ROW(KRN_ISA_DOTPROD, 1, 4, 0, 0, 4),
    A64_DIAGONAL_ROW(KRN_ISA_DOTPROD, 4, 4, 0, 0, 8),
    A64_DIAGONAL_ROW(KRN_ISA_DOTPROD, 1, 4, 0, 0, 8),
    LINE_ROW(KRN_ISA_DOTPROD, 17, 4, 3, 32, 6, 2),
    LINE_ROW(KRN_ISA_DOTPROD, 17, 4, 3, 32, 4, 2),
    LINE_ROW(KRN_ISA_DOTPROD, 17, 4, 3, 32, 3, 2),
    LINE_ROW(KRN_ISA_DOTPROD, 9, 4, 8, 8, 6, 1),
    LINE_ROW(KRN_ISA_DOTPROD, 9, 4, 8, 8, 4, 1),
    LINE_ROW(KRN_ISA_DOTPROD, 9, 4, 8, 8, 3, 1),
    A64_ROW(KRN_ISA_DOTPROD, 0, 1, 1, 16, 4, 1, 0, 1, 1, 0, 1),
    A64_FIT_ROW(KRN_ISA_DOTPROD, 9, 6, 16, 4, 2, 0, 1, 1, 0, 1),
    A64_FIT_ROW(KRN_ISA_DOTPROD, 9, 5, 16, 4, 2, 0, 1, 1, 0, 1),
    A64_FIT_ROW(KRN_ISA_DOTPROD, 9, 6, 12, 4, 2, 0, 1, 1, 0, 1),
    A64_FIT_ROW(KRN_ISA_DOTPROD, 9, 4, 16, 4, 2, 0, 1, 1, 0, 1),
    A64_FIT_ROW(KRN_ISA_DOTPROD, 0, 8, 8, 4, 2, 0, 1, 1, 0, 1),
    FIT_DWC_ROW(KRN_ISA_DOTPROD, 8, 4, 1, 3, 1, 2),
    FIT_DWC_ROW(KRN_ISA_DOTPROD, 16, 4, 0, 3, 1, 1),
    DWC_ROW(KRN_ISA_DOTPROD, 16, 16, 4, 0, 3, 2, 1),
    DWC_ROW(KRN_ISA_DOTPROD, 8, 8, 4, 0, 3, 2, 1),
    DWC_ROW(KRN_ISA_DOTPROD, 8, 8, 4, 0, 5, 1, 2),
    DWC_ROW(KRN_ISA_DOTPROD, 8, 8, 4, 0, 5, 2, 2),
    PEAK_ROW(KRN_ISA_DOTPROD, 16, 128),
    A64_DIAGONAL_ROW(KRN_ISA_I8MM, 4, 8, 0, 0, 8),
    A64_DIAGONAL_ROW(KRN_ISA_I8MM, 2, 8, 0, 0, 8),
    A64_DIAGONAL_ROW(KRN_ISA_I8MM, 2, 8, 1, 0, 16),
    MM_LINE_ROW(4, 16, 3),
    MM_LINE_ROW(4, 16, 2),
    A64_ROW(KRN_ISA_I8MM, 0, 2, 2, 16, 8, 1, 0, 1, 1, 0, 1),
    PACKED_ROW(KRN_ISA_I8MM, 97, 2, 12, 8, 8, 2, 1, 1, 0, 0, 1),
    PACKED_ROW(KRN_ISA_I8MM, 97, 2, 10, 8, 8, 4, 1, 2, 2, 0, 1),
    A64_FIT_ROW(KRN_ISA_I8MM, 0, 4, 16, 8, 2, 0, 1, 1, 0, 1),
    A64_FIT_ROW(KRN_ISA_I8MM, 0, 4, 12, 8, 2, 0, 1, 1, 0, 1),
    A64_FIT_ROW(KRN_ISA_I8MM, 0, 8, 8, 8, 2, 0, 1, 1, 0, 1),
    PEAK_ROW(KRN_ISA_I8MM, 16, 128),

    WINO_ROW(KRN_ISA_AVX2, 16, 16, 4, 16, 2, 0, 4),
    DIAGONAL_ROW(KRN_ISA_AVX2, 4, 16, 2, 256, 4, 15),
    DIAGONAL_ROW(KRN_ISA_AVX2, 1, 16, 2, 256, 4, FIT_PERCENT),
    DIAGONAL_ROW(KRN_ISA_AVX2, 4, 16, 2, 256, 8, 15),
    DIAGONAL_ROW(KRN_ISA_AVX2, 1, 16, 2, 256, 8, FIT_PERCENT),
    SHALLOW_ROW(KRN_ISA_AVX2, 9, 600, 128, 4, 16, 2, 2, 128, 1),
    WITHIN_DIRECT(8, KRN_ISA_AVX2, 9, 6, 16, 2, 4, 256, 1, 1),
    WITHIN_DIRECT(3, KRN_ISA_AVX2, 9, 5, 16, 2, 4, 256, 1, 0),
    FIT_DIRECT(KRN_ISA_AVX2, 9, 6, 16, 2, 4, 256, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX2, 9, 5, 16, 2, 4, 256, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX2, 9, 4, 16, 2, 4, 256, 1, 1),
    FIT_GEMM(KRN_ISA_AVX2, 17, 3, 24, 2, 2, 128),
    SMALL_DW_ROW(KRN_ISA_AVX2, 32, 14, 2, 32, 2, 4, 128, 0),
    DWROWS_ROW(KRN_ISA_AVX2, 1, 32, 2, 256, 3, 1, 1),
    DWROWS_ROW(KRN_ISA_AVX2, 1, 16, 2, 256, 3, 1, 1),
    DW_ROW(KRN_ISA_AVX2, 16, 4, 16, 2, 1, 128, 1),
    DWROWS_ROW(KRN_ISA_AVX2, 1, 16, 2, 256, 3, 2, 1),
    DWROWS_ROW(KRN_ISA_AVX2, 1, 16, 2, 256, 5, 1, 1),
    DWROWS_ROW(KRN_ISA_AVX2, 1, 16, 2, 256, 5, 2, 1),
    GEMM_ROW(KRN_ISA_AVX2, 9, 1, 1, 16, 4, 2, 0, 0, 32, 0, 0),
    FIT_GEMM(KRN_ISA_AVX2, 9, 4, 16, 4, 2, 32),
    FIT_GEMM(KRN_ISA_AVX2, 1, 4, 8, 4, 2, 32),
    DW_ROW(KRN_ISA_AVX2, 32, 2, 32, 2, 4, 128, 0),
    DW_ROW(KRN_ISA_AVX2, 16, 2, 16, 2, 4, 128, 0),
    DW_ROW(KRN_ISA_AVX2, 1, 2, 8, 2, 4, 128, 0),
    PEAK_ROW(KRN_ISA_AVX2, 12, 256),
    WINO_ROW(KRN_ISA_AVXVNNI, 16, 96, 4, 24, 2, 0, 4),
    DIAGONAL_ROW(KRN_ISA_AVXVNNI, 2, 32, 4, 256, 4, 15),
    DIAGONAL_ROW(KRN_ISA_AVXVNNI, 1, 32, 4, 256, 4, FIT_PERCENT),
    DIAGONAL_ROW(KRN_ISA_AVXVNNI, 2, 32, 4, 256, 8, 15),
    DIAGONAL_ROW(KRN_ISA_AVXVNNI, 1, 32, 4, 256, 8, FIT_PERCENT),
    DIAGONAL_ROW(KRN_ISA_AVXVNNI, 2, 32, 4, 256, 16, 15),
    DIAGONAL_ROW(KRN_ISA_AVXVNNI, 1, 32, 4, 256, 16, FIT_PERCENT),
    WITHIN_DIRECT(8, KRN_ISA_AVXVNNI, 9, 6, 16, 4, 2, 256, 0, 1),
    WITHIN_DIRECT(3, KRN_ISA_AVXVNNI, 9, 5, 16, 4, 2, 256, 0, 1),
    FIT_DIRECT(KRN_ISA_AVXVNNI, 9, 6, 16, 4, 2, 256, 0, 1),
    FIT_DIRECT(KRN_ISA_AVXVNNI, 9, 5, 16, 4, 2, 256, 0, 1),
    FIT_DIRECT(KRN_ISA_AVXVNNI, 17, 3, 24, 4, 2, 256, 0, 1),
    FIT_DIRECT(KRN_ISA_AVXVNNI, 9, 6, 16, 4, 2, 256, 1, 1),
    FIT_DIRECT(KRN_ISA_AVXVNNI, 9, 5, 16, 4, 2, 256, 1, 1),
    FIT_DIRECT(KRN_ISA_AVXVNNI, 17, 4, 24, 4, 2, 256, 1, 1),
    FIT_DIRECT(KRN_ISA_AVXVNNI, 9, 4, 16, 4, 2, 256, 1, 1),
    DWROWS_ROW(KRN_ISA_AVXVNNI, 1, 32, 4, 256, 3, 1, 1),
    DWROWS_ROW(KRN_ISA_AVXVNNI, 1, 32, 4, 256, 3, 2, 1),
    DWROWS_ROW(KRN_ISA_AVXVNNI, 1, 32, 4, 256, 5, 2, 1),
    FIT_GEMM(KRN_ISA_AVXVNNI, 9, 6, 16, 4, 2, 256),
    FIT_GEMM(KRN_ISA_AVXVNNI, 1, 6, 8, 4, 2, 256),
    DW_ROW(KRN_ISA_AVXVNNI, 16, 4, 16, 2, 4, 128, 0),
    DW_ROW(KRN_ISA_AVXVNNI, 1, 4, 8, 2, 2, 128, 1),
    PEAK_ROW(KRN_ISA_AVXVNNI, 12, 256),
    DIAGONAL_ROWS(4),
    DIAGONAL_ROWS(8),
    DIAGONAL_ROWS(16),
    GEMM_ROW(KRN_ISA_AVX512VNNI, 17, 1, 1, 64, 4, 4, 0, 0, 512, 0, 0),
    { KRN_ISA_AVX512VNNI, KRN_FAMILY_DIRECT, 17, 64, { LATE_KNOBS(7, 32, 4, 0, 0) }, 0, 0, 6 },
    FIT_LATE(17, 0, 2, 7, 32, 2, 0, 1),
    FIT_LATE(33, 0, 2, 4, 48, 2, 0, 1),
    FIT_LATE(17, 0, 2, 6, 32, 2, 0, 1),
    FIT_LATE(17, 0, 6, 7, 32, 2, 0, 1),
    FIT_LATE(33, 0, 6, 4, 48, 2, 0, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 4, 64, 4, 4, 512, 0, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 8, 48, 4, 4, 512, 0, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 17, 8, 32, 4, 4, 512, 0, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 17, 9, 32, 4, 4, 512, 0, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 65, 5, 80, 4, 4, 512, 0, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 97, 3, 112, 4, 4, 512, 0, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 1, 14, 16, 4, 4, 512, 0, 1),
    FIT_LATE(17, 4, FIT_PERCENT, 7, 32, 2, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 14, 32, 4, 2, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 5, 64, 4, 4, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 9, 32, 4, 4, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 13, 32, 4, 2, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 8, 48, 4, 4, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 4, 64, 4, 4, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 17, 7, 32, 4, 2, 512, 1, 0),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 17, 8, 32, 4, 4, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 33, 7, 48, 4, 4, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 65, 5, 80, 4, 4, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 65, 4, 80, 4, 4, 512, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 97, 3, 112, 4, 4, 512, 1, 1),
    FIT_ROW(KRN_ISA_AVX512VNNI, DIRECT, 17, 100, 5, 32, 4, 4, 0, 0, 512, 0, 0, 0, 0, 1, 1),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 9, 14, 16, 4, 2, 512, 1, 0),
    FIT_DIRECT(KRN_ISA_AVX512VNNI, 1, 8, 16, 4, 4, 512, 1, 1),
    LINES_ROW(KRN_ISA_AVX512VNNI, 33, 4, 48, 512),
    LINES_ROW(KRN_ISA_AVX512VNNI, 17, 7, 32, 512),
    LINES_ROW(KRN_ISA_AVX512VNNI, 9, 14, 16, 512),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 64, 3, 1, 2, 20),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 32, 3, 1, 4, 60),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 16, 3, 1, 8, 999),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 64, 3, 2, 2, 34),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 32, 3, 2, 4, 60),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 16, 3, 2, 8, 999),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 64, 5, 1, 4, 20),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 32, 5, 1, 8, 60),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 16, 5, 1, 8, 999),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 64, 5, 2, 2, 34),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 32, 5, 2, 4, 60),
    QUADS_ROW(KRN_ISA_AVX512VNNI, 16, 5, 2, 8, 999),
    DWROWS_ROW(KRN_ISA_AVX512VNNI, 1, 32, 4, 256, 3, 1, 1),
    DWROWS_ROW(KRN_ISA_AVX512VNNI, 1, 32, 4, 256, 3, 2, 1),
    DWROWS_ROW(KRN_ISA_AVX512VNNI, 1, 32, 4, 256, 5, 1, 1),
    DWROWS_ROW(KRN_ISA_AVX512VNNI, 1, 32, 4, 256, 5, 2, 1),
    FIT_GEMM(KRN_ISA_AVX512VNNI, 33, 6, 64, 4, 1, 512),
    FIT_GEMM(KRN_ISA_AVX512VNNI, 33, 8, 48, 4, 2, 512),
    FIT_GEMM(KRN_ISA_AVX512VNNI, 17, 8, 32, 4, 2, 512),
    FIT_GEMM(KRN_ISA_AVX512VNNI, 1, 8, 16, 4, 2, 512),
    DW_ROW(KRN_ISA_AVX512VNNI, 16, 4, 16, 2, 4, 128, 1),
    DW_ROW(KRN_ISA_AVX512VNNI, 1, 4, 8, 2, 2, 128, 1),
    PEAK_ROW(KRN_ISA_AVX512VNNI, 16, 512),
};
const size_t var_default_count = sizeof(var_defaults) / sizeof(var_defaults[0]);
