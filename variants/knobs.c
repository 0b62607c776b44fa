/* The knobs, and the values that each code scheme offers for them. */
#include "variants/variant_int.h"

#include <errno.h>
#include <stdio.h>

const struct var_knob_info var_knobs[VAR_KNOB_COUNT] = {
    [VAR_KNOB_MR] = { 'm', "MR", "rows", "rows of the tile; DW: output pixels of a step", 0, 0, 0 },
    [VAR_KNOB_NR] = { 'n', "NR", "channels", "columns of the tile; DW: channels of a block", 0, 0,
                      0 },
    [VAR_KNOB_KR] = { 'k', "KR", "elements",
                      "depth elements that one lane sums per MAC group; DW: taps", 0, 0, 0 },
    [VAR_KNOB_UNROLL] = { 'u', "unroll", "bodies", "loop bodies per iteration", 0, 0, 0 },
    [VAR_KNOB_PREFETCH_A] = { 'a', "prefetch A", "bytes",
                              "prefetch distance along each row of A, 0 = none", 0, 0, 0 },
    [VAR_KNOB_PREFETCH_B] = { 'b', "prefetch B", "bytes",
                              "prefetch distance along the weight panel, 0 = none", 0, 0, 0 },
    [VAR_KNOB_LOAD] = { 'l', "load", "bits", "load width of A; AVX-512: width of every vector", 0,
                        0, 0 },
    [VAR_KNOB_SCHEDULE] = { 's', "schedule", "",
                            "where loads sit: 0 = ahead of the MACs, 1 = spread between them; "
                            "AArch64 GEMM, DIRECT: 2, 3, 4 = woven in order for A55, A53, A510; "
                            "DWC: 1, 2 "
                            "= "
                            "scheduled in order, from few or many candidates",
                            0, 0, 0 },
    [VAR_KNOB_FILTER] = { 'f', "filter", "", "DWC: filter size; WINO: size of an output tile", 0, 0,
                          0 },
    [VAR_KNOB_STRIDE] = { 'x', "stride", "pixels", "stride, both ways", 0, 0, 0 },
    [VAR_KNOB_ROWS] = { 'y', "rows", "rows", "output rows that share their input", 0, 0, 0 },
    [VAR_KNOB_COPY] = { 'c', "copy", "",
                        "DIRECT: 0 = A is the input, 1 = rows copied, padded, made ready", 0, 0,
                        0 },
    [VAR_KNOB_ORDER] = { 'o', "order", "", "driver: 0 = panels outside, 1 = rows outside", 1, 0,
                         0 },
    [VAR_KNOB_EPILOGUE] = { 'e', "epilogue", "",
                            "what becomes of a sum: 0 = a byte by a float, 1 = a byte by integers "
                            "alone, 2 = s32 as it is, 3 = a byte after adding a second tensor",
                            0, 0, 1 },
    [VAR_KNOB_FEED] = { 't', "feed of A", "",
                        "0 = A as it lies, 1 = packed ahead by the driver: [depth][MR][KR]; v8.0: "
                        "widened to words, [depth][MR][8]",
                        0, 0, 1 },
    [VAR_KNOB_FORM] = { 'v', "form of loads", "",
                        "what is contiguous: 0 = one by one, 1 = in pairs, 2 = in fours, 3 = in "
                        "halves, one of them through a general register",
                        0, 0, 1 },
    [VAR_KNOB_ADDRESS] = { 'i', "addressing", "",
                           "rows of A: 0 = each advances, 1 = all share an offset; 2 = every load "
                           "advances its pointer",
                           0, 0, 1 },
    [VAR_KNOB_HOLD] = { 'h', "held operand", "",
                        "stays in registers for a body: 0 = rows of A, 1 = columns of B", 0, 0, 1 },
    [VAR_KNOB_FLIGHT] = { 'g', "products", "registers",
                          "products in flight before they are accumulated", 0, 1, 1 },
    [VAR_KNOB_PIPELINE] = { 'p', "pipelining", "iterations",
                            "how far ahead of its MACs an iteration's loads begin", 0, 0, 1 },
    [VAR_KNOB_WIDEN] = { 'w', "widening", "",
                         "v8.0 by lane, weights: 0 = bytes, widened in the loop, 1 = words, "
                         "widened at packing",
                         0, 0, 1 },
    [VAR_KNOB_DIAGONAL] = { 'd', "diagonal", "channels",
                            "DIRECT, many small groups: channels of a block that its own columns "
                            "alone read; 0 = all columns read all",
                            0, 0, 1 },
    [VAR_KNOB_LATE] = { 'r', "late rounding", "steps",
                        "DIRECT: sums become bytes 0 = where their step ends, 1 = between the MACs "
                        "of the next one",
                        0, 0, 1 },
    [VAR_KNOB_DRAIN] = { 'q', "drain", "",
                         "epilogue: 0 = one output after the other, 1 = several at a time, for "
                         "cores that issue in order",
                         0, 0, 1 },
};

#define GEMM (1u << KRN_FAMILY_GEMM | 1u << KRN_FAMILY_IGEMM)
#define PACKED (1u << KRN_FAMILY_GEMM)
#define DW (1u << KRN_FAMILY_DW)
#define DWC (1u << KRN_FAMILY_DWC)
#define WINO (1u << KRN_FAMILY_WINO)
#define DIRECT (1u << KRN_FAMILY_DIRECT)
#define DWROWS (1u << KRN_FAMILY_DWROWS)
#define PEAK (1u << KRN_FAMILY_PEAK)
/* clang-format off */
#define AXIS(...) { sizeof((uint16_t[]){ __VA_ARGS__ }) / sizeof(uint16_t), { __VA_ARGS__ } }
#define NONE { 0, { 0 } }
/* Knobs in table order, as in a name. */
#define GEMM_AXES(m, n, k, u, a, b, l, s) \
    { AXIS m, AXIS n, AXIS k, AXIS u, AXIS a, AXIS b, AXIS l, AXIS s, NONE, NONE, NONE, NONE, \
      AXIS(0, 1) }
#define A64_AXES(m, n, k, u, a, b, l, s, t, v, i, h, g, p) \
    { AXIS m, AXIS n, AXIS k, AXIS u, AXIS a, AXIS b, AXIS l, AXIS s, NONE, NONE, NONE, NONE, \
      AXIS(0, 1), NONE, AXIS t, AXIS v, AXIS i, AXIS h, AXIS g, AXIS p }
#define WOVEN_AXES(m, n, k, u, b, l, s, t, v, h, g, p) \
    { AXIS m, AXIS n, AXIS k, AXIS u, AXIS(0), AXIS b, AXIS l, AXIS s, NONE, NONE, NONE, NONE, \
      AXIS(0, 1), NONE, AXIS t, AXIS v, AXIS(0), AXIS h, AXIS g, AXIS p, \
      [VAR_KNOB_DRAIN] = AXIS(0, 1) }
#define A64_FORMS(m, n, k, s, t, i) \
    { AXIS m, AXIS n, AXIS k, AXIS(1, 2), AXIS(0), AXIS(0), AXIS(128), AXIS s, NONE, NONE, NONE, \
      NONE, AXIS(0, 1), AXIS(1, 2, 3), AXIS t, AXIS(1), AXIS i, AXIS(0), AXIS(1), AXIS(0) }
#define NEON_FORMS(m, n, k, u, l, s, v, i, h, g, p, q) \
    { AXIS m, AXIS n, AXIS k, AXIS u, AXIS(0), AXIS(0), AXIS l, AXIS s, NONE, NONE, NONE, NONE, \
      AXIS(0, 1), AXIS(1, 2, 3), AXIS(0), AXIS v, AXIS i, AXIS h, AXIS g, AXIS p, \
      [VAR_KNOB_DRAIN] = AXIS q }
#define LANE_AXES(m, n, u, l, v, i, w) \
    { AXIS m, AXIS n, AXIS(1), AXIS u, AXIS(0), AXIS(0), AXIS l, AXIS(0, 1), NONE, NONE, NONE, \
      NONE, AXIS(0, 1), NONE, AXIS(0), AXIS v, AXIS i, AXIS(0), AXIS(1), AXIS(0), AXIS w }
#define WORDS_AXES(m, n, s, v, p, w, q) \
    { AXIS m, AXIS n, AXIS(1), AXIS(2), AXIS(0), AXIS(0), AXIS(128), AXIS s, NONE, NONE, NONE, \
      NONE, AXIS(0, 1), NONE, AXIS(1), AXIS v, AXIS(0), AXIS(0), AXIS(1), AXIS p, AXIS w, \
      [VAR_KNOB_DRAIN] = AXIS q }
#define WORDS_FORMS(m, n, s, v, p, q) \
    { AXIS m, AXIS n, AXIS(1), AXIS(2), AXIS(0), AXIS(0), AXIS(128), AXIS s, NONE, NONE, NONE, \
      NONE, AXIS(0, 1), AXIS(1, 2, 3), AXIS(1), AXIS v, AXIS(0), AXIS(0), AXIS(1), AXIS p, \
      AXIS(1), [VAR_KNOB_DRAIN] = AXIS q }
#define DW_AXES(m, n, k, u, l, s) \
    { AXIS m, AXIS n, AXIS k, AXIS u, NONE, NONE, AXIS l, AXIS s, NONE, NONE, NONE, NONE, NONE }
#define DW_FORMS(m, n, k, u, l, s) \
    { AXIS m, AXIS n, AXIS k, AXIS u, NONE, NONE, AXIS l, AXIS s, NONE, NONE, NONE, NONE, NONE, \
      AXIS(1, 2, 3) }
#define DWC_AXES(n, k, s, f, x, y) \
    { NONE, AXIS n, AXIS k, NONE, NONE, NONE, NONE, AXIS s, AXIS f, AXIS x, AXIS y, NONE, NONE }
#define QUADS_AXES(n, f, y) \
    { NONE, AXIS n, AXIS(4), NONE, NONE, NONE, AXIS(512), NONE, AXIS f, AXIS(1, 2), AXIS y, NONE, \
      NONE }
#define WINO_AXES(m, n, k, s, f) \
    { AXIS m, AXIS n, AXIS k, NONE, NONE, NONE, NONE, AXIS s, AXIS f, NONE, NONE, NONE, \
      AXIS(0, 1), AXIS(0, 1, 2, 3) }
#define WOVEN_WINO_AXES(m, n, s, f, v) \
    { AXIS m, AXIS n, AXIS(1), NONE, NONE, NONE, NONE, AXIS s, AXIS f, NONE, NONE, NONE, \
      AXIS(0, 1), AXIS(0, 1, 2, 3), NONE, AXIS v, NONE, NONE, NONE, AXIS(1) }
#define DWC_FORMS(n, k, s, f, x, y) \
    { NONE, AXIS n, AXIS k, NONE, NONE, NONE, NONE, AXIS s, AXIS f, AXIS x, AXIS y, NONE, NONE, \
      AXIS(1, 2, 3) }
#define DIRECT_FORMS(m, n, k, u, l, c) \
    { AXIS m, AXIS n, AXIS k, AXIS u, NONE, AXIS(0), AXIS l, NONE, NONE, NONE, NONE, AXIS c, \
      AXIS(0, 1), AXIS(1, 2, 3) }
#define A64_DIRECT_FORMS(m, n, k, u, l, v, h, g) \
    { AXIS m, AXIS n, AXIS k, AXIS u, NONE, NONE, AXIS l, AXIS(0), NONE, NONE, NONE, AXIS(0, 1), \
      AXIS(0, 1), AXIS(1, 2, 3), NONE, AXIS v, NONE, h, g, NONE }
#define DIRECT_AXES(m, n, k, u, b, l, c) \
    { AXIS m, AXIS n, AXIS k, AXIS u, NONE, AXIS b, AXIS l, NONE, NONE, NONE, NONE, AXIS c, \
      AXIS(0, 1) }
#define LATE_AXES(m, n, k, u, l, c) \
    { AXIS m, AXIS n, AXIS k, AXIS u, NONE, AXIS(0), AXIS l, NONE, NONE, NONE, NONE, AXIS c, \
      AXIS(0, 1), NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, AXIS(1) }
#define A64_DIRECT_AXES(m, n, k, u, s, c, v) \
    { AXIS m, AXIS n, AXIS k, AXIS u, NONE, NONE, AXIS(128), AXIS s, NONE, NONE, NONE, AXIS c, \
      AXIS(0, 1), NONE, NONE, AXIS v, NONE, NONE, NONE, NONE }
#define WOVEN_DIRECT_AXES(m, n, k, u, s, v) \
    { AXIS m, AXIS n, AXIS k, AXIS u, NONE, NONE, AXIS(128), AXIS s, NONE, NONE, NONE, \
      AXIS(0, 1), AXIS(0, 1), NONE, NONE, AXIS v, NONE, NONE, NONE, AXIS(1) }
#define PAIR_WOVEN_AXES(m, n, u) \
    { AXIS m, AXIS n, AXIS(2), AXIS u, NONE, NONE, AXIS(16), AXIS(2), NONE, NONE, NONE, \
      AXIS(0, 1), AXIS(0, 1), NONE, NONE, AXIS(3), NONE, AXIS(1), AXIS(4), AXIS(1) }
#define DIAGONAL_AXES(m, n, k, l, c, d) \
    { AXIS m, AXIS n, AXIS k, AXIS(1), NONE, AXIS(0), AXIS l, NONE, NONE, NONE, NONE, AXIS c, \
      AXIS(0, 1), NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, AXIS d }
#define A64_DIAGONAL_AXES(m, n, k, s, c, v, d) \
    { AXIS m, AXIS n, AXIS k, AXIS(1), NONE, NONE, AXIS(128), AXIS s, NONE, NONE, NONE, AXIS c, \
      AXIS(0, 1), NONE, NONE, AXIS v, NONE, NONE, NONE, NONE, NONE, AXIS d }
#define PAIR_DIAGONAL_AXES(m, n, s, c, v, d) \
    { AXIS m, AXIS n, AXIS(2), AXIS(1), NONE, NONE, AXIS(128), AXIS s, NONE, NONE, NONE, AXIS c, \
      AXIS(0, 1), NONE, NONE, AXIS v, NONE, AXIS(0), AXIS(1), NONE, NONE, AXIS d }
#define PAIR_DIRECT_AXES(m, n, u, s, c, v, h, g) \
    { AXIS m, AXIS n, AXIS(2), AXIS u, NONE, NONE, AXIS(64), AXIS s, NONE, NONE, NONE, AXIS c, \
      AXIS(0, 1), NONE, NONE, AXIS v, NONE, AXIS h, AXIS g, NONE }
#define DWROWS_AXES(m, n, k, l, y) \
    { AXIS m, AXIS n, AXIS k, NONE, NONE, NONE, AXIS l, NONE, AXIS(3, 5), AXIS(1, 2), AXIS y, \
      NONE, NONE }
#define PEAK_AXES(u, l) \
    { NONE, NONE, NONE, AXIS u, NONE, NONE, AXIS l, NONE, NONE, NONE, NONE, NONE }
#define GEMM_FORMS(m, n, k, u, l, s) \
    { AXIS m, AXIS n, AXIS k, AXIS u, AXIS(0), AXIS(0), AXIS l, AXIS s, NONE, NONE, NONE, NONE, \
      AXIS(0, 1), AXIS(1, 2, 3) }
/* clang-format on */

/* One row per code scheme. A point whose registers do not suffice is refused by the emitter. */
const struct var_domain var_domains[] = {
    { KRN_ISA_C, GEMM, 1, 0, 0,
      GEMM_AXES((1, 2, 4, 6), (4, 8, 16), (1, 2, 4), (1, 2), (0), (0), (8), (0)) },
    { KRN_ISA_C, GEMM, 1, 0, 0, GEMM_FORMS((1, 4), (4, 16), (1, 4), (1, 2), (8), (0)) },
    { KRN_ISA_C, DW, 1, 0, 0, DW_AXES((1, 2), (1, 4, 8, 16), (1), (1, 3), (8), (0)) },
    { KRN_ISA_C, DW, 1, 0, 0, DW_FORMS((1, 2), (1, 4, 8, 16), (1), (1, 3), (8), (0)) },
    { KRN_ISA_C, WINO, 2, 0, 0, WINO_AXES((4), (4, 8), (1), (0), (2, 4)) },

    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      A64_AXES((1, 2, 3, 4, 5, 6), (4, 8), (16), (1, 2), (0, 128), (0, 256, 512), (128), (0, 1),
               (0), (0, 1, 2), (0, 1, 2), (0, 1), (1, 2, 4), (0)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      A64_AXES((1, 2, 3, 4, 5, 6), (4, 8), (8), (1, 2), (0, 128), (0, 256, 512), (64), (0, 1), (0),
               (0), (0, 1), (0), (1, 2, 4), (0)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      WOVEN_AXES((2, 3, 4, 5), (4), (16), (1, 2), (0, 256), (128), (2, 3), (0), (0, 3), (0, 1), (4),
                 (0, 1)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      A64_FORMS((1, 2, 3, 4, 5, 6), (4, 8), (16), (0, 1), (0), (0, 1)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      A64_AXES((1, 2, 3, 4, 5, 6, 7, 8), (8, 12, 16, 24), (2), (1, 2), (0), (0), (64), (0, 1), (0),
               (1, 2), (2), (0, 1), (1, 2, 4), (0)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      A64_AXES((2, 3, 4, 5, 6), (8, 12, 16), (2), (1, 2), (0, 128), (0, 256), (128), (0, 1), (0),
               (0, 1), (0, 1), (0, 1), (2, 4), (0)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      WOVEN_AXES((2, 3, 4, 5), (12, 16), (2), (1, 2), (0), (16), (2, 3), (0), (3), (0, 1), (4),
                 (0, 1)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      LANE_AXES((1, 4, 6), (8, 16), (2), (64, 128), (1, 2), (1, 2), (0)) },
    { KRN_ISA_NEON, GEMM, 2, 0, 0,
      LANE_AXES((1, 4, 6), (8, 16), (2), (64, 128), (1, 2), (1, 2), (1)) },
    { KRN_ISA_NEON, DIRECT, 1, 0, 0,
      A64_DIRECT_FORMS((2, 4, 7, 8), (8, 16, 24), (2), (5, 8, 11, 16), (64), (1, 2), AXIS(1),
                       AXIS(4)) },
    { KRN_ISA_NEON, DW, 1, 0, 0, DW_FORMS((1, 2, 4), (4, 8, 16), (1), (1, 3, 9), (128), (0)) },
    { KRN_ISA_NEON, DWC, 1, 0, 0, DWC_FORMS((8, 16), (1), (0, 1), (3), (1, 2), (1, 2)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      NEON_FORMS((2, 3, 4, 6, 8), (8, 16), (2), (1, 2), (64), (0), (2), (2), (1), (4), (0), (0)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      NEON_FORMS((3, 4), (12, 16), (2), (1, 2), (16), (3), (3), (0), (1), (4), (1), (0, 1)) },
    { KRN_ISA_NEON, GEMM, 1, 0, 0,
      NEON_FORMS((4), (8, 16), (1), (2), (64), (0), (1), (1), (0), (1), (0), (0)) },
    { KRN_ISA_NEON, DIRECT, 1, 0, 0,
      PAIR_DIRECT_AXES((2, 4, 7, 8), (8, 16, 24), (5, 8, 11, 16), (0, 1), (0, 1), (1, 2), (1),
                       (4)) },
    { KRN_ISA_NEON, DIRECT, 1, 0, 0,
      PAIR_DIAGONAL_AXES((1, 2, 3, 4, 5), (16), (0, 1), (0, 1), (1, 2), (4, 8, 16)) },
    { KRN_ISA_NEON, DIRECT, 1, 0, 0,
      PAIR_WOVEN_AXES((3, 4, 5), (16), (5, 8, 11)) },
    { KRN_ISA_NEON, DW, 1, 0, 0,
      DW_AXES((1, 2, 3, 4), (4, 8, 16), (1), (1, 2, 3, 9), (128), (0, 1)) },
    { KRN_ISA_NEON, DWC, 1, 0, 0, DWC_AXES((8, 16), (1), (0, 1, 2), (3), (1, 2), (1, 2)) },
    { KRN_ISA_NEON, WINO, 2, 0, 0, WINO_AXES((2, 4, 5, 6, 8), (8, 16, 24), (1), (0, 1), (2, 4)) },
    { KRN_ISA_NEON, WINO, 2, 0, 0, WOVEN_WINO_AXES((4, 5, 8), (8, 16), (2, 3), (2, 4), (3)) },
    { KRN_ISA_NEON, WINO, 2, 0, 0, WOVEN_WINO_AXES((4, 5, 8), (8, 16), (4), (2, 4), (0)) },
    { KRN_ISA_NEON, PACKED, 1, 0, 0, WORDS_AXES((4, 8), (8, 16), (0, 1), (1), (0), (0), (0)) },
    { KRN_ISA_NEON, PACKED, 2, 0, 0, WORDS_AXES((4, 6, 8), (8, 16), (0, 1), (1), (0), (1), (0)) },
    { KRN_ISA_NEON, PACKED, 2, 0, 0,
      WORDS_AXES((4, 5, 8), (8, 16), (2, 3), (3), (1), (1), (0, 1)) },
    { KRN_ISA_NEON, PACKED, 2, 0, 0, WORDS_AXES((4, 5, 8), (8, 16), (4), (0), (1), (1), (0, 1)) },
    { KRN_ISA_NEON, PACKED, 2, 0, 0, WORDS_FORMS((4, 6, 8), (8, 16), (0, 1), (1), (0), (0)) },
    { KRN_ISA_NEON, PACKED, 2, 0, 0, WORDS_FORMS((4, 5, 8), (8, 16), (2, 3), (3), (1), (1)) },
    { KRN_ISA_NEON, PACKED, 2, 0, 0, WORDS_FORMS((4, 5, 8), (8, 16), (4), (0), (1), (1)) },
    { KRN_ISA_NEON, PEAK, 1, 0, 16, PEAK_AXES((12), (128)) },
    { KRN_ISA_DOTPROD, GEMM, 1, 0, 0,
      A64_AXES((1, 2, 3, 4, 5, 6, 7, 8, 9, 10), (4, 8, 12, 16), (4), (1, 2), (0, 128),
               (0, 256, 512), (64, 128), (0, 1), (0), (0, 1, 2), (0, 1, 2), (0), (1), (0)) },
    { KRN_ISA_DOTPROD, PACKED, 1, 0, 0,
      A64_AXES((4, 8, 12), (8, 12, 16), (4), (1, 2, 4), (0, 320), (0, 256, 512), (128), (0, 1), (1),
               (0, 1, 2), (0, 2), (0), (1), (0)) },
    { KRN_ISA_DOTPROD, DIRECT, 1, 0, 0,
      A64_DIRECT_AXES((2, 3, 4, 6, 7, 8), (8, 12, 16, 32), (4), (3, 4, 6), (0, 1), (0, 1),
                      (1, 2)) },
    { KRN_ISA_DOTPROD, DIRECT, 1, 0, 0,
      A64_DIAGONAL_AXES((1, 2, 4, 5, 6), (16), (4), (0, 1), (0, 1), (1, 2), (4, 8, 16)) },
    { KRN_ISA_DOTPROD, GEMM, 1, 0, 0,
      WOVEN_AXES((2, 4, 6, 8), (8, 12, 16), (4), (1, 2), (0, 256), (128), (2), (0), (0, 3), (0),
                 (1), (0, 1)) },
    { KRN_ISA_DOTPROD, PACKED, 1, 0, 0,
      WOVEN_AXES((4, 8, 12), (8, 12, 16), (4), (2, 4), (0, 256), (128), (2), (1), (0, 3), (0), (1),
                 (0, 1)) },
    { KRN_ISA_DOTPROD, GEMM, 1, 0, 0,
      A64_FORMS((1, 2, 4, 6, 8), (8, 12, 16), (4), (0, 1), (0), (0, 1)) },
    { KRN_ISA_DOTPROD, PACKED, 1, 0, 0, A64_FORMS((4, 8, 12), (8, 12, 16), (4), (0, 1), (1), (0)) },
    { KRN_ISA_DOTPROD, GEMM, 1, 0, 0,
      WOVEN_AXES((2, 4, 6, 8), (8, 12, 16), (4), (2), (0), (128), (4), (0), (0, 1), (0), (1),
                 (1)) },
    { KRN_ISA_DOTPROD, PACKED, 1, 0, 0,
      WOVEN_AXES((4, 8, 12), (8, 12, 16), (4), (2), (0), (128), (4), (1), (1), (0), (1), (1)) },
    { KRN_ISA_DOTPROD, DIRECT, 1, 0, 0,
      A64_DIRECT_FORMS((2, 3, 4, 6, 7, 8), (8, 12, 16, 32), (4), (3, 4, 6), (128), (1, 2), NONE,
                       NONE) },
    { KRN_ISA_DOTPROD, DIRECT, 1, 0, 0,
      WOVEN_DIRECT_AXES((4, 6, 8), (8, 16), (4), (3, 6), (2), (3)) },
    { KRN_ISA_DOTPROD, DIRECT, 1, 0, 0,
      WOVEN_DIRECT_AXES((2, 4), (16, 32), (4), (3, 6), (4), (1)) },
    { KRN_ISA_DOTPROD, DWC, 1, 0, 0, DWC_FORMS((8, 16), (4), (0, 1), (3, 5), (1, 2), (1, 2)) },
    { KRN_ISA_DOTPROD, DWC, 1, 0, 0, DWC_AXES((8, 16), (4), (0, 1, 2), (3, 5), (1, 2), (1, 2)) },
    { KRN_ISA_DOTPROD, PEAK, 1, 0, 16, PEAK_AXES((16), (128)) },
    { KRN_ISA_I8MM, GEMM, 1, 0, 0,
      A64_AXES((2, 4, 6, 8, 10), (4, 8, 12, 16, 20, 24), (8), (1, 2), (0, 128), (0, 256, 512),
               (64, 128), (0, 1), (0), (0, 1, 2), (0, 1, 2), (0), (1), (0)) },
    { KRN_ISA_I8MM, PACKED, 1, 0, 0,
      A64_AXES((2, 4, 6, 8, 10, 12), (4, 8, 12, 16, 20), (8), (1, 2, 4), (0, 320), (0, 256, 512),
               (128), (0, 1), (1), (0, 1, 2), (0, 2), (0), (1), (0)) },
    { KRN_ISA_I8MM, GEMM, 1, 0, 0, A64_FORMS((2, 4, 6, 8), (8, 12, 16), (8), (0, 1), (0), (0, 1)) },
    { KRN_ISA_I8MM, PACKED, 1, 0, 0,
      A64_FORMS((4, 6, 8, 10, 12), (8, 12, 16), (8), (0, 1), (1), (0)) },
    { KRN_ISA_I8MM, DIRECT, 1, 0, 0,
      A64_DIRECT_AXES((2, 4, 6, 8), (8, 12, 16, 24), (8), (2, 3, 4), (0, 1), (0, 1), (1, 2)) },
    { KRN_ISA_I8MM, DIRECT, 1, 0, 0,
      A64_DIAGONAL_AXES((2, 4, 6), (16), (8), (0, 1), (0, 1), (1, 2), (8, 16)) },
    { KRN_ISA_I8MM, GEMM, 1, 0, 0,
      WOVEN_AXES((2, 4, 6, 8), (8, 12, 16), (8), (1, 2), (0), (128), (4), (0), (0, 1), (0), (1),
                 (1)) },
    { KRN_ISA_I8MM, PACKED, 1, 0, 0,
      WOVEN_AXES((4, 6, 8, 10, 12), (8, 12, 16), (8), (1, 2, 4), (0, 256), (128), (4), (1), (0, 1),
                 (0), (1), (1)) },
    { KRN_ISA_I8MM, DIRECT, 1, 0, 0,
      A64_DIRECT_FORMS((2, 4, 6, 8), (8, 12, 16, 24), (8), (2, 3, 4), (128), (1, 2), NONE, NONE) },
    { KRN_ISA_I8MM, PEAK, 1, 0, 32, PEAK_AXES((16), (128)) },

    { KRN_ISA_AVX2, GEMM, 2, 0, 0,
      GEMM_AXES((1, 2, 3, 4, 5, 6), (8, 16, 24), (2), (1, 2), (0, 64, 256), (0, 256, 512, 1024),
                (64, 128), (0, 1)) },
    { KRN_ISA_AVX2, GEMM, 1, 0, 0,
      GEMM_AXES((1, 2, 3, 4, 5), (8, 16), (4), (1, 2, 4), (0, 64, 256), (0, 256, 512), (32),
                (0, 1)) },
    { KRN_ISA_AVX2, GEMM, 2, 0, 0,
      GEMM_FORMS((1, 2, 3, 4), (8, 16, 24), (2), (1, 2), (128), (0, 1)) },
    { KRN_ISA_AVX2, GEMM, 1, 0, 0, GEMM_FORMS((1, 4), (8, 16), (4), (2), (32), (0)) },
    { KRN_ISA_AVX2, DW, 2, 0, 0,
      DW_AXES((1, 2, 3, 4), (8, 16, 32), (2), (1, 2, 4), (128), (0, 1)) },
    { KRN_ISA_AVX2, WINO, 2, 0, 0, WINO_AXES((2, 4), (8, 16, 24), (2), (0, 1), (2, 4)) },
    { KRN_ISA_AVX2, DIRECT, 2, 0, 0,
      DIRECT_AXES((1, 2, 3, 4, 5, 6), (8, 16, 24), (2), (1, 2, 4), (0, 512), (256), (1)) },
    { KRN_ISA_AVX2, DIRECT, 2, 0, 0,
      DIRECT_FORMS((1, 2, 3, 4, 5, 6), (8, 16, 24), (2), (1, 2, 4), (256), (1)) },
    { KRN_ISA_AVX2, DW, 2, 0, 0, DW_FORMS((1, 2, 4), (8, 16, 32), (2), (1, 4), (128), (0, 1)) },
    { KRN_ISA_AVX2, DIRECT, 2, 0, 0, DIAGONAL_AXES((1, 2, 3, 4), (16), (2), (256), (1), (4, 8)) },
    { KRN_ISA_AVX2, DWROWS, 2, 0, 0, DWROWS_AXES((1, 2, 3, 4), (16, 32), (2), (256), (1)) },
    { KRN_ISA_AVX2, PEAK, 2, 0, 16, PEAK_AXES((12), (256)) },
    { KRN_ISA_AVXVNNI, GEMM, 1, 128, 0,
      GEMM_AXES((1, 2, 3, 4, 5, 6), (8, 16, 24), (4), (1, 2, 4), (0, 64, 256), (0, 256, 512), (256),
                (0, 1)) },
    { KRN_ISA_AVXVNNI, GEMM, 1, 128, 0,
      GEMM_FORMS((1, 2, 3, 4, 6), (8, 16, 24), (4), (1, 2), (256), (0)) },
    { KRN_ISA_AVXVNNI, DW, 2, 0, 0,
      DW_AXES((1, 2, 3, 4), (8, 16, 32), (2), (1, 2, 4), (128), (0, 1)) },
    { KRN_ISA_AVXVNNI, WINO, 2, 0, 0, WINO_AXES((2, 4), (8, 16, 24), (2), (0, 1), (2, 4)) },
    { KRN_ISA_AVXVNNI, DIRECT, 1, 128, 0,
      DIRECT_AXES((1, 2, 3, 4, 5, 6, 7), (8, 16, 24), (4), (1, 2, 4), (0, 512), (256), (0, 1)) },
    { KRN_ISA_AVXVNNI, DIRECT, 1, 128, 0,
      DIRECT_FORMS((1, 2, 3, 4, 5, 6, 7), (8, 16, 24), (4), (1, 2, 4), (256), (0, 1)) },
    { KRN_ISA_AVXVNNI, DW, 2, 0, 0,
      DW_FORMS((1, 2, 4), (8, 16, 32), (2), (1, 2, 4), (128), (0, 1)) },
    { KRN_ISA_AVXVNNI, DIRECT, 1, 128, 0,
      DIAGONAL_AXES((1, 2), (32), (4), (256), (0, 1), (4, 8, 16)) },
    { KRN_ISA_AVXVNNI, DWROWS, 1, 128, 0, DWROWS_AXES((1, 2, 3, 4), (32), (4), (256), (1)) },
    { KRN_ISA_AVXVNNI, PEAK, 1, 128, 32, PEAK_AXES((12), (256)) },
    { KRN_ISA_AVX512VNNI, GEMM, 1, 128, 0,
      GEMM_AXES((1, 2, 3, 4, 6, 8), (16, 32, 48, 64), (4), (1, 2, 4), (0, 64, 256), (0, 256, 512),
                (512), (0, 1)) },
    { KRN_ISA_AVX512VNNI, GEMM, 1, 128, 0,
      GEMM_AXES((2, 4, 6, 8), (8, 16, 24), (4), (1, 2, 4), (0, 64, 256), (0, 256, 512), (256),
                (0, 1)) },
    { KRN_ISA_AVX512VNNI, GEMM, 1, 128, 0,
      GEMM_FORMS((1, 2, 4, 6, 8), (16, 32, 48, 64), (4), (1, 2, 4), (512), (0)) },
    { KRN_ISA_AVX512VNNI, DW, 2, 0, 0,
      DW_AXES((1, 2, 3, 4), (8, 16, 32), (2), (1, 2, 4), (128), (0, 1)) },
    { KRN_ISA_AVX512VNNI, WINO, 2, 0, 0, WINO_AXES((4, 6), (16, 24, 32), (2), (0, 1), (2, 4)) },
    { KRN_ISA_AVX512VNNI, DIRECT, 1, 128, 0,
      DIRECT_AXES((1, 2, 4, 5, 6, 7, 8, 9, 13, 14), (16, 32, 48, 64), (4), (1, 2, 4), (0, 512),
                  (512), (0, 1)) },
    { KRN_ISA_AVX512VNNI, DIRECT, 1, 128, 0,
      DIRECT_FORMS((1, 2, 4, 5, 6, 7, 8, 9, 13, 14), (16, 32, 48, 64), (4), (2, 4), (512),
                   (0, 1)) },
    { KRN_ISA_AVX512VNNI, DIRECT, 1, 128, 0,
      DIRECT_AXES((3, 4, 5), (80, 96, 112), (4), (2, 4), (0), (512), (0, 1)) },
    { KRN_ISA_AVX512VNNI, DIRECT, 1, 128, 0,
      DIRECT_FORMS((3, 4, 5), (80, 96, 112), (4), (4), (512), (0, 1)) },
    { KRN_ISA_AVX512VNNI, DIRECT, 1, 128, 0,
      LATE_AXES((4, 5, 6, 7, 14), (16, 32, 48), (4), (2, 4), (512), (0, 1)) },
    { KRN_ISA_AVX512VNNI, DW, 2, 0, 0,
      DW_FORMS((1, 2, 4), (8, 16, 32), (2), (2, 4), (128), (0, 1)) },
    { KRN_ISA_AVX512VNNI, DIRECT, 1, 128, 0,
      DIAGONAL_AXES((1, 2, 3, 4, 5, 6, 7), (64), (4), (512), (0, 1), (4, 8, 16)) },
    { KRN_ISA_AVX512VNNI, DWROWS, 1, 128, 0, DWROWS_AXES((1, 2, 3, 4), (64), (4), (512), (1)) },
    { KRN_ISA_AVX512VNNI, DWROWS, 1, 128, 0, DWROWS_AXES((1, 2, 3, 4), (32), (4), (256), (1)) },
    { KRN_ISA_AVX512VNNI, DWROWS, 1, 128, 0, DWROWS_AXES((2, 4), (32), (4), (512), (2)) },
    { KRN_ISA_AVX512VNNI, DWC, 1, 128, 0, QUADS_AXES((64), (3), (2)) },
    { KRN_ISA_AVX512VNNI, DWC, 1, 128, 0, QUADS_AXES((64), (5), (2, 4)) },
    { KRN_ISA_AVX512VNNI, DWC, 1, 128, 0, QUADS_AXES((32), (3), (4)) },
    { KRN_ISA_AVX512VNNI, DWC, 1, 128, 0, QUADS_AXES((32), (5), (4, 8)) },
    { KRN_ISA_AVX512VNNI, DWC, 1, 128, 0, QUADS_AXES((16), (3, 5), (8)) },
    { KRN_ISA_AVX512VNNI, PEAK, 1, 128, 64, PEAK_AXES((16), (512)) },
};
const size_t var_domain_count = sizeof(var_domains) / sizeof(var_domains[0]);

static int axis_holds(const struct var_axis *axis, int value, int absent)
{
    if (axis->count == 0)
        return value == absent;
    for (int i = 0; i < axis->count; i++)
        if (axis->value[i] == value)
            return 1;
    return 0;
}

/* The first knob of `v` outside the domain, or VAR_KNOB_COUNT. */
static int knob_outside(const struct var_domain *domain, const struct var_variant *v)
{
    int i = 0;
    while (i < VAR_KNOB_COUNT &&
           axis_holds(&domain->axis[i], v->knob[i],
                      var_knobs[i].is_driver ? var_knobs[i].default_value : 0))
        i++;
    return i;
}

const struct var_domain *var_domain_find(const struct var_variant *v, char *err, size_t err_bytes)
{
    int furthest = -1;
    for (size_t i = 0; i < var_domain_count; i++) {
        const struct var_domain *domain = &var_domains[i];
        if (domain->isa != v->isa || !(domain->families & 1u << v->family))
            continue;
        int outside = knob_outside(domain, v);
        if (outside == VAR_KNOB_COUNT)
            return domain;
        furthest = outside > furthest ? outside : furthest;
    }
    if (furthest < 0)
        snprintf(err, err_bytes, "the level has no kernels of this family");
    else
        snprintf(err, err_bytes, "%s (%c) is not offered with the value %d here",
                 var_knobs[furthest].name, var_knobs[furthest].letter, v->knob[furthest]);
    return NULL;
}
