/* Plain choices core by core, where a loop that is woven for the core is well ahead of the one for
 * everybody: predicted by Quern's models of these cores (docs/generator.md has the figures). First
 * fitting row wins; what none of them takes is left to the rows for everybody. */
#include "variants/letters.h"
#include "variants/variant_int.h"

/* clang-format off */
#define KNOB(name, n) [VAR_KNOB_##name] = (n)
/* Of layers of two output rows and more, from `least` input channels on and up to `most`, 0 = any
 * number. */
#define ROW(core, level, kind, columns, least, most, ...) \
    { .weave = (core), .min_rows = 2, \
      .row = { .isa = KRN_ISA_##level, .family = KRN_FAMILY_##kind, .min_columns = (columns), \
               .min_depth = (least), .max_depth = (most), .knob = { __VA_ARGS__ } } }
/* The same passed over where its whole tiles do more than `waste` percent of work in vain. */
#define FIT_ROW(core, level, kind, columns, least, waste, ...) \
    { .weave = (core), .min_rows = 2, \
      .row = { .isa = KRN_ISA_##level, .family = KRN_FAMILY_##kind, .min_columns = (columns), \
               .min_depth = (least), .max_waste = (waste), .knob = { __VA_ARGS__ } } }
/* A line of a first layer's filter is `unroll` groups. */
#define LINE_ROW(core, level, columns, unroll, ...) \
    ROW(core, level, DIRECT, columns, 0, 4, U(unroll), C(1), O(1), P(1), __VA_ARGS__)
#define PAIR_LINE_ROW(core, unroll) \
    LINE_ROW(core, NEON, 9, unroll, M(4), N(16), K(2), L(16), S(2), V(3), H(1), G(4))
/* One tile for rows in place and for a table of rows. */
#define TILES(core, level, ...) \
    ROW(core, level, GEMM, __VA_ARGS__), ROW(core, level, IGEMM, __VA_ARGS__)
#define FIT_TILES(core, level, ...) \
    FIT_ROW(core, level, GEMM, __VA_ARGS__), FIT_ROW(core, level, IGEMM, __VA_ARGS__)
/* Winograd: four tiles a call, or five where four would leave too much of the last call unused. */
#define WINO_ROW(core, tiles, columns, waste, ...) \
    { .weave = (core), .min_rows = 2, \
      .row = { .isa = KRN_ISA_NEON, .family = KRN_FAMILY_WINO, .min_columns = 16, .min_depth = 8, \
               .max_waste = (waste), \
               .knob = { M(tiles), N(columns), K(1), F(4), P(1), __VA_ARGS__ } } }
#define WINO_ROWS(core, columns_of_five, ...) \
    WINO_ROW(core, 4, 16, 5, __VA_ARGS__), \
    WINO_ROW(core, 5, columns_of_five, 12, __VA_ARGS__), WINO_ROW(core, 4, 16, 0, __VA_ARGS__)
/* Packing of A as words, for the columns that repay it. */
#define WORDS_ROW(core, waste, ...) \
    FIT_ROW(core, NEON, GEMM, 33, 16, waste, K(1), U(2), L(128), S(core), T(1), P(1), W(1), Q(1), \
            G(1), __VA_ARGS__)
/* For a single pixel. */
#define ONE_ROW(core, level, columns, ...) \
    { .weave = (core), \
      .row = { .isa = KRN_ISA_##level, .family = KRN_FAMILY_GEMM, .min_columns = (columns), \
               .max_rows = 1, .knob = { __VA_ARGS__ } } }
#define DWC_ROW(core, level, ...) \
    { .weave = (core), \
      .row = { .isa = KRN_ISA_##level, .family = KRN_FAMILY_DWC, .min_columns = 8, \
               .knob = { N(8), __VA_ARGS__ } } }

const struct var_core_default var_core_defaults[] = {
    /* A53: v8.0 */
    WINO_ROWS(3, 16, S(3), V(3)),
    PAIR_LINE_ROW(3, 11),
    PAIR_LINE_ROW(3, 5),
    FIT_TILES(3, NEON, 4, 256, 12, M(5), N(4), K(16), U(2), L(128), S(3), V(3), H(1), G(4), P(1),
              Q(1)),
    TILES(3, NEON, 9, 5, 0, M(4), N(16), K(2), U(1), L(16), S(3), V(3), H(1), G(4), P(1), Q(1)),
    ONE_ROW(3, NEON, 9, M(1), N(16), K(2), U(2), L(64), V(2), I(2), H(1), G(4)),
    DWC_ROW(3, NEON, K(1), S(1), F(3), X(1), Y(2)),
    DWC_ROW(3, NEON, K(1), S(1), F(3), X(2), Y(2)),
    /* A55: v8.0, dotprod */
    WINO_ROWS(2, 16, S(2), V(3)),
    PAIR_LINE_ROW(2, 11),
    PAIR_LINE_ROW(2, 5),
    ROW(2, NEON, GEMM, 9, 5, 16, M(5), N(16), K(2), U(1), L(16), S(2), V(3), H(1), G(4), P(1),
        Q(1)),
    FIT_TILES(2, NEON, 9, 5, 5, M(4), N(16), K(2), U(1), L(16), S(2), V(3), H(1), G(4), P(1), Q(1)),
    TILES(2, NEON, 9, 5, 0, M(5), N(16), K(2), U(1), L(16), S(2), V(3), H(1), G(4), P(1), Q(1)),
    ONE_ROW(2, NEON, 9, M(1), N(16), K(2), U(2), L(64), V(2), I(2), H(1), G(4)),
    DWC_ROW(2, NEON, K(1), S(1), F(3), X(1), Y(2)),
    DWC_ROW(2, NEON, K(1), S(1), F(3), X(2), Y(2)),
    LINE_ROW(2, DOTPROD, 9, 6, M(4), N(16), K(4), L(128), S(2), V(3)),
    LINE_ROW(2, DOTPROD, 9, 3, M(6), N(16), K(4), L(128), S(2), V(3)),
    TILES(2, DOTPROD, 9, 5, 0, M(4), N(16), K(4), U(2), L(128), S(2), V(3), P(1), Q(1), G(1)),
    ONE_ROW(2, DOTPROD, 9, M(1), N(16), K(4), U(2), L(64), V(2), I(2), G(1)),
    DWC_ROW(2, DOTPROD, K(4), S(2), F(3), X(1), Y(2)),
    DWC_ROW(2, DOTPROD, K(4), F(5), X(1), Y(2)),
    DWC_ROW(2, DOTPROD, K(4), F(5), X(2), Y(2)),
    /* A510: v8.0, dotprod, i8mm */
    WINO_ROWS(4, 8, S(4)),
    ROW(4, NEON, DIRECT, 9, 0, 4, M(2), N(16), K(2), U(11), L(64), S(1), C(1), O(1), V(1), H(1),
        G(4)),
    ROW(4, NEON, DIRECT, 9, 0, 4, M(2), N(16), K(2), U(5), L(64), S(1), C(1), O(1), V(1), H(1),
        G(4)),
    WORDS_ROW(4, 5, M(4), N(16)), WORDS_ROW(4, 12, M(5), N(8)), WORDS_ROW(4, 0, M(4), N(16)),
    ROW(4, NEON, GEMM, 9, 5, 32, M(4), N(16), K(2), U(1), L(16), S(2), V(3), G(4), P(1), Q(1)),
    TILES(4, NEON, 9, 5, 0, M(4), N(16), K(1), U(2), L(64), S(1), V(1), I(1), W(1), G(1)),
    ONE_ROW(4, NEON, 9, M(1), N(16), K(2), U(2), L(64), S(1), V(2), I(2), H(1), G(4)),
    LINE_ROW(4, DOTPROD, 17, 6, M(2), N(32), K(4), L(128), S(4), V(1)),
    ROW(4, DOTPROD, DIRECT, 17, 0, 4, M(2), N(32), K(4), U(4), L(128), S(1), C(1), O(1), V(1)),
    LINE_ROW(4, DOTPROD, 17, 3, M(2), N(32), K(4), L(128), S(4), V(1)),
    TILES(4, DOTPROD, 9, 5, 0, M(4), N(16), K(4), U(2), L(128), S(4), P(1), Q(1), G(1)),
    DWC_ROW(4, DOTPROD, K(4), S(2), F(3), X(1), Y(2)),
    ROW(4, I8MM, DIRECT, 9, 0, 4, M(4), N(16), K(8), U(3), L(128), S(1), C(1), O(1), V(1)),
    ROW(4, I8MM, DIRECT, 9, 0, 4, M(4), N(16), K(8), U(2), L(128), S(1), C(1), O(1), V(1)),
    ROW(4, I8MM, GEMM, 65, 33, 0, M(4), N(16), K(8), U(4), L(128), S(4), T(1), V(1), P(1),
        Q(1), G(1)),
    ROW(4, I8MM, GEMM, 9, 5, 64, M(4), N(16), K(8), U(1), L(128), S(4), V(1), P(1), Q(1), G(1)),
    ROW(4, I8MM, GEMM, 9, 5, 0, M(4), N(16), K(8), U(4), L(128), S(4), T(1), V(1), P(1),
        Q(1), G(1)),
};
/* clang-format on */
const size_t var_core_default_count = sizeof(var_core_defaults) / sizeof(var_core_defaults[0]);
