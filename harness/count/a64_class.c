/* Classes of AArch64 instructions, from the encoding tables of the Arm Architecture Reference
 * Manual (DDI 0487, C4.1). SVE is not told apart: it counts as `vector`. */
#include "harness/count/count.h"

#include <stddef.h>

/* How many products a multiplication makes; Q is bit 30 of the word, size its bits 23:22. */
enum products {
    NONE,
    DOT,    /* four in each 32-bit lane of 64 << Q bits */
    MATRIX, /* 2 x 8 by 8 x 2 */
    LONG,   /* 64 bits of elements, widened */
    LANES   /* 64 << Q bits of elements */
};

/* The first row that fits wins. */
static const struct {
    uint32_t mask, value;
    enum hrn_count class;
    enum products products;
} rows[] = {
    /* sdot, udot, usdot, vectors; sdot, udot, usdot, sudot by element */
    { 0xbfe0fc00, 0x0e809400, HRN_COUNT_MULTIPLY, DOT },
    { 0xbfe0fc00, 0x2e809400, HRN_COUNT_MULTIPLY, DOT },
    { 0xbfe0fc00, 0x0e809c00, HRN_COUNT_MULTIPLY, DOT },
    { 0x9fc0f400, 0x0f80e000, HRN_COUNT_MULTIPLY, DOT },
    { 0xbf40f400, 0x0f00f000, HRN_COUNT_MULTIPLY, DOT },
    /* smmla, ummla, usmmla */
    { 0xdfe0fc00, 0x4e80a400, HRN_COUNT_MULTIPLY, MATRIX },
    { 0xffe0fc00, 0x4e80ac00, HRN_COUNT_MULTIPLY, MATRIX },
    /* smlal, smlsl, smull and their unsigned kin: vectors, by element */
    { 0x9f20fc00, 0x0e208000, HRN_COUNT_MULTIPLY, LONG },
    { 0x9f20fc00, 0x0e20a000, HRN_COUNT_MULTIPLY, LONG },
    { 0x9f20fc00, 0x0e20c000, HRN_COUNT_MULTIPLY, LONG },
    { 0x9f00f400, 0x0f002000, HRN_COUNT_MULTIPLY, LONG },
    { 0x9f00f400, 0x0f006000, HRN_COUNT_MULTIPLY, LONG },
    { 0x9f00f400, 0x0f00a000, HRN_COUNT_MULTIPLY, LONG },
    /* mla, mls, mul: vectors, by element */
    { 0x9f20fc00, 0x0e209400, HRN_COUNT_MULTIPLY, LANES },
    { 0xbf20fc00, 0x0e209c00, HRN_COUNT_MULTIPLY, LANES },
    { 0xbf00f400, 0x2f000000, HRN_COUNT_MULTIPLY, LANES },
    { 0xbf00f400, 0x2f004000, HRN_COUNT_MULTIPLY, LANES },
    { 0xbf00f400, 0x0f008000, HRN_COUNT_MULTIPLY, LANES },
    /* memory: prfm in its four forms, literals, vectors of structures, exclusives, acquire and
     * release, atomics, pairs, single registers (bit 26: SIMD) */
    { 0xff000000, 0xd8000000, HRN_COUNT_PREFETCH, NONE },
    { 0xffc00000, 0xf9800000, HRN_COUNT_PREFETCH, NONE },
    { 0xffe00c00, 0xf8800000, HRN_COUNT_PREFETCH, NONE },
    { 0xffe00c00, 0xf8a00800, HRN_COUNT_PREFETCH, NONE },
    { 0x3b000000, 0x18000000, HRN_COUNT_LOAD, NONE },
    { 0xbe400000, 0x0c400000, HRN_COUNT_LOAD, NONE },
    { 0xbe400000, 0x0c000000, HRN_COUNT_STORE, NONE },
    { 0x3f400000, 0x08400000, HRN_COUNT_LOAD, NONE },
    { 0x3f400000, 0x08000000, HRN_COUNT_STORE, NONE },
    { 0x3fe00c00, 0x19000000, HRN_COUNT_STORE, NONE },
    { 0x3f200c00, 0x19000000, HRN_COUNT_LOAD, NONE },
    { 0x3b200c00, 0x38200000, HRN_COUNT_LOAD, NONE },
    { 0x3a400000, 0x28400000, HRN_COUNT_LOAD, NONE },
    { 0x3a400000, 0x28000000, HRN_COUNT_STORE, NONE },
    { 0x3e400000, 0x3c400000, HRN_COUNT_LOAD, NONE },
    { 0x3e400000, 0x3c000000, HRN_COUNT_STORE, NONE },
    { 0x3ec00000, 0x38000000, HRN_COUNT_STORE, NONE },
    { 0x3e000000, 0x38000000, HRN_COUNT_LOAD, NONE },
    /* b, bl; cbz, cbnz, tbz, tbnz; b.cond; br, blr, ret */
    { 0x7c000000, 0x14000000, HRN_COUNT_BRANCH, NONE },
    { 0x7c000000, 0x34000000, HRN_COUNT_BRANCH, NONE },
    { 0xff000000, 0x54000000, HRN_COUNT_BRANCH, NONE },
    { 0xfe000000, 0xd6000000, HRN_COUNT_BRANCH, NONE },
    { 0x0e000000, 0x0e000000, HRN_COUNT_VECTOR, NONE },
    { 0x1e000000, 0x04000000, HRN_COUNT_VECTOR, NONE }, /* SVE */
};

static uint32_t products_of(enum products products, uint32_t word)
{
    uint32_t q = word >> 30 & 1, size = word >> 22 & 3;
    switch (products) {
    case DOT:
        return 8u << q;
    case MATRIX:
        return 32;
    case LONG:
        return 8u >> size;
    case LANES:
        return 8u << q >> size;
    case NONE:
        break;
    }
    return 0;
}

struct hrn_count_class hrn_a64_class(uint32_t word)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((word & rows[i].mask) == rows[i].value)
            return (struct hrn_count_class) { rows[i].class, products_of(rows[i].products, word) };
    return (struct hrn_count_class) { HRN_COUNT_INSN, 0 };
}
