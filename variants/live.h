/* Where virtual registers live: what the allocator asks, and nobody else.
 *
 *     ir_ranges_find() -> ir_ranges_word() -> ir_ranges_clear()
 * A register occupies a set of half positions: reads of instruction i happen at 2 * i, writes at
 * 2 * i + 1, early writes at both. Such a set may have holes. */
#ifndef QUERN_VARIANTS_LIVE_H
#define QUERN_VARIANTS_LIVE_H

#include "variants/ir.h"

enum { IR_WORD = 64 }; /* half positions in a word of a set */

struct ir_ranges {
    uint64_t *bit;  /* owned: the words of each register from its first to its last one */
    ptrdiff_t *row; /* owned: [virtual register]: where its word 0 would be */
};

/* Also sets begin and end of every virtual register. 0 or -ENOMEM. */
int ir_ranges_find(struct ir *ir, struct ir_ranges *out);
void ir_ranges_clear(struct ir_ranges *ranges);

/* Half positions from IR_WORD * word on; `word` lies between the register's begin and end. */
static inline uint64_t ir_ranges_word(const struct ir_ranges *ranges, int vreg, int word)
{
    return ranges->bit[ranges->row[vreg] + word];
}

#endif
