/* Loop bodies for cores that issue in order: MACs one a cycle, everything else beside them, and
 * what is needed first loaded by the iteration before.
 *
 *     add the body, advances of its pointers last -> ir_weave() takes it off again
 *     -> ir_woven_add() each part where it belongs -> ir_woven_clear() */
#ifndef QUERN_VARIANTS_WEAVE_H
#define QUERN_VARIANTS_WEAVE_H

#include "variants/ir.h"

/* What issues beside a MAC: see cores.h for the models and their sources. The numbers are those of
 * the schedule knob. */
enum weave_core {
    WEAVE_A55 = 2,  /* anything but a load of 128 bits */
    WEAVE_A510 = 4, /* two MACs a cycle, and one of anything beside them */
    WEAVE_A53 = 3,  /* general registers only; half a vector's load and an insert share a cycle */
};

enum weave_part {
    WEAVE_FIRST = 1, /* ahead of the loop */
    WEAVE_LOOP = 2,  /* one iteration, which loads for the next one */
    WEAVE_LAST = 4   /* the last iteration, which does not */
};

struct ir_woven {
    struct ir_insn *insn; /* owned */
    int *part;            /* [insn]: bit set of the parts that it belongs to */
    int count;
};

/* Schedules [begin, end of ir), a body whose loads have offsets and whose pointers advance by
 * IR_ADD_IMM alone, and takes it off `ir`. Without `wraps` WEAVE_FIRST is ahead of WEAVE_LOOP in
 * every iteration. Fails with -ENOTSUP, in ir->failed, where a value would live for longer than
 * an iteration. */
void ir_weave(struct ir *ir, int begin, enum weave_core core, int wraps, struct ir_woven *out);
void ir_woven_add(struct ir *ir, const struct ir_woven *woven, enum weave_part part);
/* The pipelined loop of a body that was woven with `wraps` and leaves flags of `left`, which is one
 * iteration ahead and goes down by `step`: in `loop` and `last` are the labels that it needs.
 * Clears *woven. */
void ir_woven_loop(struct ir *ir, struct ir_woven *woven, int left, int step, int loop, int last);
void ir_woven_clear(struct ir_woven *woven);

#endif
