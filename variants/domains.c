/* The search space: one row for each code scheme, with the values that it offers for each knob. A
 * point whose registers do not suffice is refused by the emitter. */
#include "variants/letters.h"
#include "variants/variant_int.h"

#include <stdio.h>

/* clang-format off */
#define KNOB(name, ...) \
    [VAR_KNOB_##name] = { sizeof((uint16_t[]) { __VA_ARGS__ }) / sizeof(uint16_t), { __VA_ARGS__ } }
/* What the MACs of a scheme multiply: bytes; 16-bit words; bytes of which A is taken as A + 128. */
#define BYTES .w_bytes = 1
#define WORDS .w_bytes = 2
#define BIASED .w_bytes = 1, .a_bias = 128
/* Families that one scheme serves. */
#define FAMILY(name) (1u << KRN_FAMILY_##name)
#define TILES (FAMILY(GEMM) | FAMILY(IGEMM))
#define GEMM FAMILY(GEMM)
#define DIRECT FAMILY(DIRECT)
#define DW FAMILY(DW)
#define DWC FAMILY(DWC)
#define DWROWS FAMILY(DWROWS)
#define WINO FAMILY(WINO)
#define DOMAIN(level, kinds, operands, ...) \
    { .isa = KRN_ISA_##level, .families = (kinds), operands, .axis = { __VA_ARGS__ } }
/* `macs`: of one step. */
#define PEAK(level, operands, macs, ...) \
    { .isa = KRN_ISA_##level, .families = FAMILY(PEAK), operands, .peak_macs = (macs), \
      .axis = { __VA_ARGS__ } }
/* clang-format on */

const struct var_domain var_domains[] = {
    DOMAIN(C, TILES, BYTES, M(1, 2, 4, 6), N(4, 8, 16), K(1, 2, 4), U(1, 2), A(0), B(0), L(8), S(0),
           O(0, 1)),
    DOMAIN(C, TILES, BYTES, M(1, 4), N(4, 16), K(1, 4), U(1, 2), A(0), B(0), L(8), S(0), O(0, 1),
           E(1, 2, 3)),
    DOMAIN(C, DW, BYTES, M(1, 2), N(1, 4, 8, 16), K(1), U(1, 3), L(8), S(0)),
    DOMAIN(C, DW, BYTES, M(1, 2), N(1, 4, 8, 16), K(1), U(1, 3), L(8), S(0), E(1, 2, 3)),
    DOMAIN(C, WINO, WORDS, M(4), N(4, 8), K(1), S(0), F(2, 4), O(0, 1), E(0, 1, 2, 3)),

    DOMAIN(NEON, TILES, BYTES, M(1, 2, 3, 4, 5, 6), N(4, 8), K(16), U(1, 2), A(0, 128),
           B(0, 256, 512), L(128), S(0, 1), O(0, 1), T(0), V(0, 1, 2), I(0, 1, 2), H(0, 1),
           G(1, 2, 4), P(0)),
    DOMAIN(NEON, TILES, BYTES, M(1, 2, 3, 4, 5, 6), N(4, 8), K(8), U(1, 2), A(0, 128),
           B(0, 256, 512), L(64), S(0, 1), O(0, 1), T(0), V(0), I(0, 1), H(0), G(1, 2, 4), P(0)),
    DOMAIN(NEON, TILES, BYTES, M(2, 3, 4, 5), N(4), K(16), U(1, 2), A(0), B(0, 256), L(128),
           S(2, 3), O(0, 1), T(0), V(0, 3), I(0), H(0, 1), G(4), P(0, 1), Q(0, 1)),
    DOMAIN(NEON, TILES, BYTES, M(1, 2, 3, 4, 5, 6), N(4, 8), K(16), U(1, 2), A(0), B(0), L(128),
           S(0, 1), O(0, 1), E(1, 2, 3), T(0), V(1), I(0, 1), H(0), G(1), P(0)),
    DOMAIN(NEON, TILES, BYTES, M(1, 2, 3, 4, 5, 6, 7, 8), N(8, 12, 16, 24), K(2), U(1, 2), A(0),
           B(0), L(64), S(0, 1), O(0, 1), T(0), V(1, 2), I(2), H(0, 1), G(1, 2, 4), P(0)),
    DOMAIN(NEON, TILES, BYTES, M(2, 3, 4, 5, 6), N(8, 12, 16), K(2), U(1, 2), A(0, 128), B(0, 256),
           L(128), S(0, 1), O(0, 1), T(0), V(0, 1), I(0, 1), H(0, 1), G(2, 4), P(0)),
    DOMAIN(NEON, TILES, BYTES, M(2, 3, 4, 5), N(12, 16), K(2), U(1, 2), A(0), B(0), L(16), S(2, 3),
           O(0, 1), T(0), V(3), I(0), H(0, 1), G(4), P(0, 1), Q(0, 1)),
    DOMAIN(NEON, TILES, BYTES, M(1, 4, 6), N(8, 16), K(1), U(2), A(0), B(0), L(64, 128), S(0, 1),
           O(0, 1), T(0), V(1, 2), I(1, 2), H(0), G(1), P(0), W(0)),
    DOMAIN(NEON, TILES, WORDS, M(1, 4, 6), N(8, 16), K(1), U(2), A(0), B(0), L(64, 128), S(0, 1),
           O(0, 1), T(0), V(1, 2), I(1, 2), H(0), G(1), P(0), W(1)),
    DOMAIN(NEON, DIRECT, BYTES, M(2, 4, 7, 8), N(8, 16, 24), K(2), U(5, 8, 11, 16), L(64), S(0),
           C(0, 1), O(0, 1), E(1, 2, 3), V(1, 2), H(1), G(4)),
    DOMAIN(NEON, DW, BYTES, M(1, 2, 4), N(4, 8, 16), K(1), U(1, 3, 9), L(128), S(0), E(1, 2, 3)),
    DOMAIN(NEON, DWC, BYTES, N(8, 16), K(1), S(0, 1), F(3), X(1, 2), Y(1, 2), E(1, 2, 3)),
    DOMAIN(NEON, TILES, BYTES, M(2, 3, 4, 6, 8), N(8, 16), K(2), U(1, 2), A(0), B(0), L(64), S(0),
           O(0, 1), E(1, 2, 3), T(0), V(2), I(2), H(1), G(4), P(0), Q(0)),
    DOMAIN(NEON, TILES, BYTES, M(3, 4), N(12, 16), K(2), U(1, 2), A(0), B(0), L(16), S(3), O(0, 1),
           E(1, 2, 3), T(0), V(3), I(0), H(1), G(4), P(1), Q(0, 1)),
    DOMAIN(NEON, TILES, BYTES, M(4), N(8, 16), K(1), U(2), A(0), B(0), L(64), S(0), O(0, 1),
           E(1, 2, 3), T(0), V(1), I(1), H(0), G(1), P(0), Q(0)),
    DOMAIN(NEON, DIRECT, BYTES, M(2, 4, 7, 8), N(8, 16, 24), K(2), U(5, 8, 11, 16), L(64), S(0, 1),
           C(0, 1), O(0, 1), V(1, 2), H(1), G(4)),
    DOMAIN(NEON, DIRECT, BYTES, M(1, 2, 3, 4, 5), N(16), K(2), U(1), L(128), S(0, 1), C(0, 1),
           O(0, 1), V(1, 2), H(0), G(1), D(4, 8, 16)),
    DOMAIN(NEON, DIRECT, BYTES, M(3, 4, 5), N(16), K(2), U(5, 8, 11), L(16), S(2), C(0, 1), O(0, 1),
           V(3), H(1), G(4), P(1)),
    DOMAIN(NEON, DW, BYTES, M(1, 2, 3, 4), N(4, 8, 16), K(1), U(1, 2, 3, 9), L(128), S(0, 1)),
    DOMAIN(NEON, DWC, BYTES, N(8, 16), K(1), S(0, 1, 2), F(3), X(1, 2), Y(1, 2)),
    DOMAIN(NEON, WINO, WORDS, M(2, 4, 5, 6, 8), N(8, 16, 24), K(1), S(0, 1), F(2, 4), O(0, 1),
           E(0, 1, 2, 3)),
    DOMAIN(NEON, WINO, WORDS, M(4, 5, 8), N(8, 16), K(1), S(2, 3), F(2, 4), O(0, 1), E(0, 1, 2, 3),
           V(3), P(1)),
    DOMAIN(NEON, WINO, WORDS, M(4, 5, 8), N(8, 16), K(1), S(4), F(2, 4), O(0, 1), E(0, 1, 2, 3),
           V(0), P(1)),
    DOMAIN(NEON, GEMM, BYTES, M(4, 8), N(8, 16), K(1), U(2), A(0), B(0), L(128), S(0, 1), O(0, 1),
           T(1), V(1), I(0), H(0), G(1), P(0), W(0), Q(0)),
    DOMAIN(NEON, GEMM, WORDS, M(4, 6, 8), N(8, 16), K(1), U(2), A(0), B(0), L(128), S(0, 1),
           O(0, 1), T(1), V(1), I(0), H(0), G(1), P(0), W(1), Q(0)),
    DOMAIN(NEON, GEMM, WORDS, M(4, 5, 8), N(8, 16), K(1), U(2), A(0), B(0), L(128), S(2, 3),
           O(0, 1), T(1), V(3), I(0), H(0), G(1), P(1), W(1), Q(0, 1)),
    DOMAIN(NEON, GEMM, WORDS, M(4, 5, 8), N(8, 16), K(1), U(2), A(0), B(0), L(128), S(4), O(0, 1),
           T(1), V(0), I(0), H(0), G(1), P(1), W(1), Q(0, 1)),
    DOMAIN(NEON, GEMM, WORDS, M(4, 6, 8), N(8, 16), K(1), U(2), A(0), B(0), L(128), S(0, 1),
           O(0, 1), E(1, 2, 3), T(1), V(1), I(0), H(0), G(1), P(0), W(1), Q(0)),
    DOMAIN(NEON, GEMM, WORDS, M(4, 5, 8), N(8, 16), K(1), U(2), A(0), B(0), L(128), S(2, 3),
           O(0, 1), E(1, 2, 3), T(1), V(3), I(0), H(0), G(1), P(1), W(1), Q(1)),
    DOMAIN(NEON, GEMM, WORDS, M(4, 5, 8), N(8, 16), K(1), U(2), A(0), B(0), L(128), S(4), O(0, 1),
           E(1, 2, 3), T(1), V(0), I(0), H(0), G(1), P(1), W(1), Q(1)),
    PEAK(NEON, BYTES, 16, U(12), L(128)),

    DOMAIN(DOTPROD, TILES, BYTES, M(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), N(4, 8, 12, 16), K(4), U(1, 2),
           A(0, 128), B(0, 256, 512), L(64, 128), S(0, 1), O(0, 1), T(0), V(0, 1, 2), I(0, 1, 2),
           H(0), G(1), P(0)),
    DOMAIN(DOTPROD, GEMM, BYTES, M(4, 8, 12), N(8, 12, 16), K(4), U(1, 2, 4), A(0, 320),
           B(0, 256, 512), L(128), S(0, 1), O(0, 1), T(1), V(0, 1, 2), I(0, 2), H(0), G(1), P(0)),
    DOMAIN(DOTPROD, DIRECT, BYTES, M(2, 3, 4, 6, 7, 8), N(8, 12, 16, 32), K(4), U(3, 4, 6), L(128),
           S(0, 1), C(0, 1), O(0, 1), V(1, 2)),
    DOMAIN(DOTPROD, DIRECT, BYTES, M(1, 2, 4, 5, 6), N(16), K(4), U(1), L(128), S(0, 1), C(0, 1),
           O(0, 1), V(1, 2), D(4, 8, 16)),
    DOMAIN(DOTPROD, TILES, BYTES, M(2, 4, 6, 8), N(8, 12, 16), K(4), U(1, 2), A(0), B(0, 256),
           L(128), S(2), O(0, 1), T(0), V(0, 3), I(0), H(0), G(1), P(0, 1), Q(0, 1)),
    DOMAIN(DOTPROD, GEMM, BYTES, M(4, 8, 12), N(8, 12, 16), K(4), U(2, 4), A(0), B(0, 256), L(128),
           S(2), O(0, 1), T(1), V(0, 3), I(0), H(0), G(1), P(0, 1), Q(0, 1)),
    DOMAIN(DOTPROD, TILES, BYTES, M(1, 2, 4, 6, 8), N(8, 12, 16), K(4), U(1, 2), A(0), B(0), L(128),
           S(0, 1), O(0, 1), E(1, 2, 3), T(0), V(1), I(0, 1), H(0), G(1), P(0)),
    DOMAIN(DOTPROD, GEMM, BYTES, M(4, 8, 12), N(8, 12, 16), K(4), U(1, 2), A(0), B(0), L(128),
           S(0, 1), O(0, 1), E(1, 2, 3), T(1), V(1), I(0), H(0), G(1), P(0)),
    DOMAIN(DOTPROD, TILES, BYTES, M(2, 4, 6, 8), N(8, 12, 16), K(4), U(2), A(0), B(0), L(128), S(4),
           O(0, 1), T(0), V(0, 1), I(0), H(0), G(1), P(1), Q(0, 1)),
    DOMAIN(DOTPROD, GEMM, BYTES, M(4, 8, 12), N(8, 12, 16), K(4), U(2), A(0), B(0), L(128), S(4),
           O(0, 1), T(1), V(1), I(0), H(0), G(1), P(1), Q(0, 1)),
    DOMAIN(DOTPROD, DIRECT, BYTES, M(2, 3, 4, 6, 7, 8), N(8, 12, 16, 32), K(4), U(3, 4, 6), L(128),
           S(0), C(0, 1), O(0, 1), E(1, 2, 3), V(1, 2)),
    DOMAIN(DOTPROD, DIRECT, BYTES, M(4, 6, 8), N(8, 16), K(4), U(3, 6), L(128), S(2), C(0, 1),
           O(0, 1), V(3), P(1)),
    DOMAIN(DOTPROD, DIRECT, BYTES, M(2, 4), N(16, 32), K(4), U(3, 6), L(128), S(4), C(0, 1),
           O(0, 1), V(1), P(1)),
    DOMAIN(DOTPROD, DWC, BYTES, N(8, 16), K(4), S(0, 1), F(3, 5), X(1, 2), Y(1, 2), E(1, 2, 3)),
    DOMAIN(DOTPROD, DWC, BYTES, N(8, 16), K(4), S(0, 1, 2), F(3, 5), X(1, 2), Y(1, 2)),
    PEAK(DOTPROD, BYTES, 16, U(16), L(128)),

    DOMAIN(I8MM, TILES, BYTES, M(2, 4, 6, 8, 10), N(4, 8, 12, 16, 20, 24), K(8), U(1, 2), A(0, 128),
           B(0, 256, 512), L(64, 128), S(0, 1), O(0, 1), T(0), V(0, 1, 2), I(0, 1, 2), H(0), G(1),
           P(0)),
    DOMAIN(I8MM, GEMM, BYTES, M(2, 4, 6, 8, 10, 12), N(4, 8, 12, 16, 20), K(8), U(1, 2, 4),
           A(0, 320), B(0, 256, 512), L(128), S(0, 1), O(0, 1), T(1), V(0, 1, 2), I(0, 2), H(0),
           G(1), P(0)),
    DOMAIN(I8MM, TILES, BYTES, M(2, 4, 6, 8), N(8, 12, 16), K(8), U(1, 2), A(0), B(0), L(128),
           S(0, 1), O(0, 1), E(1, 2, 3), T(0), V(1), I(0, 1), H(0), G(1), P(0)),
    DOMAIN(I8MM, GEMM, BYTES, M(4, 6, 8, 10, 12), N(8, 12, 16), K(8), U(1, 2), A(0), B(0), L(128),
           S(0, 1), O(0, 1), E(1, 2, 3), T(1), V(1), I(0), H(0), G(1), P(0)),
    DOMAIN(I8MM, DIRECT, BYTES, M(2, 4, 6, 8), N(8, 12, 16, 24), K(8), U(2, 3, 4), L(128), S(0, 1),
           C(0, 1), O(0, 1), V(1, 2)),
    DOMAIN(I8MM, DIRECT, BYTES, M(2, 4, 6), N(16), K(8), U(1), L(128), S(0, 1), C(0, 1), O(0, 1),
           V(1, 2), D(8, 16)),
    DOMAIN(I8MM, TILES, BYTES, M(2, 4, 6, 8), N(8, 12, 16), K(8), U(1, 2), A(0), B(0), L(128), S(4),
           O(0, 1), T(0), V(0, 1), I(0), H(0), G(1), P(1), Q(0, 1)),
    DOMAIN(I8MM, GEMM, BYTES, M(4, 6, 8, 10, 12), N(8, 12, 16), K(8), U(1, 2, 4), A(0), B(0, 256),
           L(128), S(4), O(0, 1), T(1), V(0, 1), I(0), H(0), G(1), P(1), Q(0, 1)),
    DOMAIN(I8MM, DIRECT, BYTES, M(2, 4, 6, 8), N(8, 12, 16, 24), K(8), U(2, 3, 4), L(128), S(0),
           C(0, 1), O(0, 1), E(1, 2, 3), V(1, 2)),
    PEAK(I8MM, BYTES, 32, U(16), L(128)),

    DOMAIN(AVX2, TILES, WORDS, M(1, 2, 3, 4, 5, 6), N(8, 16, 24), K(2), U(1, 2), A(0, 64, 256),
           B(0, 256, 512, 1024), L(64, 128), S(0, 1), O(0, 1)),
    DOMAIN(AVX2, TILES, BYTES, M(1, 2, 3, 4, 5), N(8, 16), K(4), U(1, 2, 4), A(0, 64, 256),
           B(0, 256, 512), L(32), S(0, 1), O(0, 1)),
    DOMAIN(AVX2, TILES, WORDS, M(1, 2, 3, 4), N(8, 16, 24), K(2), U(1, 2), A(0), B(0), L(128),
           S(0, 1), O(0, 1), E(1, 2, 3)),
    DOMAIN(AVX2, TILES, BYTES, M(1, 4), N(8, 16), K(4), U(2), A(0), B(0), L(32), S(0), O(0, 1),
           E(1, 2, 3)),
    DOMAIN(AVX2, DW, WORDS, M(1, 2, 3, 4), N(8, 16, 32), K(2), U(1, 2, 4), L(128), S(0, 1)),
    DOMAIN(AVX2, WINO, WORDS, M(2, 4), N(8, 16, 24), K(2), S(0, 1), F(2, 4), O(0, 1),
           E(0, 1, 2, 3)),
    DOMAIN(AVX2, DIRECT, WORDS, M(1, 2, 3, 4, 5, 6), N(8, 16, 24), K(2), U(1, 2, 4), B(0, 512),
           L(256), C(1), O(0, 1)),
    DOMAIN(AVX2, DIRECT, WORDS, M(1, 2, 3, 4, 5, 6), N(8, 16, 24), K(2), U(1, 2, 4), B(0), L(256),
           C(1), O(0, 1), E(1, 2, 3)),
    DOMAIN(AVX2, DW, WORDS, M(1, 2, 4), N(8, 16, 32), K(2), U(1, 4), L(128), S(0, 1), E(1, 2, 3)),
    DOMAIN(AVX2, DIRECT, WORDS, M(1, 2, 3, 4), N(16), K(2), U(1), B(0), L(256), C(1), O(0, 1),
           D(4, 8)),
    DOMAIN(AVX2, DWROWS, WORDS, M(1, 2, 3, 4), N(16, 32), K(2), L(256), F(3, 5), X(1, 2), Y(1)),
    PEAK(AVX2, WORDS, 16, U(12), L(256)),

    DOMAIN(AVXVNNI, TILES, BIASED, M(1, 2, 3, 4, 5, 6), N(8, 16, 24), K(4), U(1, 2, 4),
           A(0, 64, 256), B(0, 256, 512), L(256), S(0, 1), O(0, 1)),
    DOMAIN(AVXVNNI, TILES, BIASED, M(1, 2, 3, 4, 6), N(8, 16, 24), K(4), U(1, 2), A(0), B(0),
           L(256), S(0), O(0, 1), E(1, 2, 3)),
    DOMAIN(AVXVNNI, DW, WORDS, M(1, 2, 3, 4), N(8, 16, 32), K(2), U(1, 2, 4), L(128), S(0, 1)),
    DOMAIN(AVXVNNI, WINO, WORDS, M(2, 4), N(8, 16, 24), K(2), S(0, 1), F(2, 4), O(0, 1),
           E(0, 1, 2, 3)),
    DOMAIN(AVXVNNI, DIRECT, BIASED, M(1, 2, 3, 4, 5, 6, 7), N(8, 16, 24), K(4), U(1, 2, 4),
           B(0, 512), L(256), C(0, 1), O(0, 1)),
    DOMAIN(AVXVNNI, DIRECT, BIASED, M(1, 2, 3, 4, 5, 6, 7), N(8, 16, 24), K(4), U(1, 2, 4), B(0),
           L(256), C(0, 1), O(0, 1), E(1, 2, 3)),
    DOMAIN(AVXVNNI, DW, WORDS, M(1, 2, 4), N(8, 16, 32), K(2), U(1, 2, 4), L(128), S(0, 1),
           E(1, 2, 3)),
    DOMAIN(AVXVNNI, DIRECT, BIASED, M(1, 2), N(32), K(4), U(1), B(0), L(256), C(0, 1), O(0, 1),
           D(4, 8, 16)),
    DOMAIN(AVXVNNI, DWROWS, BIASED, M(1, 2, 3, 4), N(32), K(4), L(256), F(3, 5), X(1, 2), Y(1)),
    PEAK(AVXVNNI, BIASED, 32, U(12), L(256)),

    DOMAIN(AVX512VNNI, TILES, BIASED, M(1, 2, 3, 4, 6, 8), N(16, 32, 48, 64), K(4), U(1, 2, 4),
           A(0, 64, 256), B(0, 256, 512), L(512), S(0, 1), O(0, 1)),
    DOMAIN(AVX512VNNI, TILES, BIASED, M(2, 4, 6, 8), N(8, 16, 24), K(4), U(1, 2, 4), A(0, 64, 256),
           B(0, 256, 512), L(256), S(0, 1), O(0, 1)),
    DOMAIN(AVX512VNNI, TILES, BIASED, M(1, 2, 4, 6, 8), N(16, 32, 48, 64), K(4), U(1, 2, 4), A(0),
           B(0), L(512), S(0), O(0, 1), E(1, 2, 3)),
    DOMAIN(AVX512VNNI, DW, WORDS, M(1, 2, 3, 4), N(8, 16, 32), K(2), U(1, 2, 4), L(128), S(0, 1)),
    DOMAIN(AVX512VNNI, WINO, WORDS, M(4, 6), N(16, 24, 32), K(2), S(0, 1), F(2, 4), O(0, 1),
           E(0, 1, 2, 3)),
    DOMAIN(AVX512VNNI, DIRECT, BIASED, M(1, 2, 4, 5, 6, 7, 8, 9, 13, 14), N(16, 32, 48, 64), K(4),
           U(1, 2, 4), B(0, 512), L(512), C(0, 1), O(0, 1)),
    DOMAIN(AVX512VNNI, DIRECT, BIASED, M(1, 2, 4, 5, 6, 7, 8, 9, 13, 14), N(16, 32, 48, 64), K(4),
           U(2, 4), B(0), L(512), C(0, 1), O(0, 1), E(1, 2, 3)),
    DOMAIN(AVX512VNNI, DIRECT, BIASED, M(3, 4, 5), N(80, 96, 112), K(4), U(2, 4), B(0), L(512),
           C(0, 1), O(0, 1)),
    DOMAIN(AVX512VNNI, DIRECT, BIASED, M(3, 4, 5), N(80, 96, 112), K(4), U(4), B(0), L(512),
           C(0, 1), O(0, 1), E(1, 2, 3)),
    DOMAIN(AVX512VNNI, DIRECT, BIASED, M(4, 5, 6, 7, 14), N(16, 32, 48), K(4), U(2, 4), B(0),
           L(512), C(0, 1), O(0, 1), R(1)),
    DOMAIN(AVX512VNNI, DW, WORDS, M(1, 2, 4), N(8, 16, 32), K(2), U(2, 4), L(128), S(0, 1),
           E(1, 2, 3)),
    DOMAIN(AVX512VNNI, DIRECT, BIASED, M(1, 2, 3, 4, 5, 6, 7), N(64), K(4), U(1), B(0), L(512),
           C(0, 1), O(0, 1), D(4, 8, 16)),
    DOMAIN(AVX512VNNI, DWROWS, BIASED, M(1, 2, 3, 4), N(64), K(4), L(512), F(3, 5), X(1, 2), Y(1)),
    DOMAIN(AVX512VNNI, DWROWS, BIASED, M(1, 2, 3, 4), N(32), K(4), L(256), F(3, 5), X(1, 2), Y(1)),
    DOMAIN(AVX512VNNI, DWROWS, BIASED, M(2, 4), N(32), K(4), L(512), F(3, 5), X(1, 2), Y(2)),
    DOMAIN(AVX512VNNI, DWC, BIASED, N(64), K(4), L(512), F(3), X(1, 2), Y(2)),
    DOMAIN(AVX512VNNI, DWC, BIASED, N(64), K(4), L(512), F(5), X(1, 2), Y(2, 4)),
    DOMAIN(AVX512VNNI, DWC, BIASED, N(32), K(4), L(512), F(3), X(1, 2), Y(4)),
    DOMAIN(AVX512VNNI, DWC, BIASED, N(32), K(4), L(512), F(5), X(1, 2), Y(4, 8)),
    DOMAIN(AVX512VNNI, DWC, BIASED, N(16), K(4), L(512), F(3, 5), X(1, 2), Y(8)),
    PEAK(AVX512VNNI, BIASED, 64, U(16), L(512)),
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
