/* The micro-kernel IR: virtual registers and instructions that are rows of a per-ISA table.
 *
 *     ir_init(&ir, target) -> family code adds instructions -> ir_schedule() on loop bodies
 *     -> ir_allocate() -> ir_print() -> ir_clear()
 * Adding an instruction is adding a row to the target's table. A failure (out of memory) sticks in
 * ir.failed; adding goes on harmlessly. Not a compiler: no optimisation but what a knob asks for.
 */
#ifndef QUERN_VARIANTS_IR_H
#define QUERN_VARIANTS_IR_H

#include "variants/cores.h"
#include "variants/variant.h"

enum ir_file { IR_GPR, IR_VEC, IR_FILE_COUNT };

/* What a scheduler must know of an instruction. */
enum ir_class { IR_ALU, IR_LOAD, IR_LOAD_HALF, IR_STORE, IR_MAC, IR_PREFETCH, IR_BRANCH };

enum { IR_OPERANDS = 6 };

/* One row of an instruction table.
 *   text   what is printed; %<operand><view> inserts an operand: view 'i' a number, 'l' a label,
 * any other is for the target's register printer ('x' 64-bit, 's' single float, ...) roles  per
 * operand: r read, w written, W written before the last operand is read, + read and written, i
 * number, l label */
struct ir_op {
    const char *text;
    enum ir_class class;
    const char *roles;
};

/* Operations that every target has; its own follow from IR_TARGET_OP. Integers are 64 bit. */
enum {
    IR_LABEL,          /* l */
    IR_COMMENT,        /* l: the text of the comment */
    IR_MOV,            /* w r */
    IR_MOV_IMM,        /* w i */
    IR_LOAD64,         /* w r i: load from r + i */
    IR_LOAD32,         /* w r i: zero-extended, as the next two */
    IR_LOAD16,         /* w r i */
    IR_LOAD8,          /* w r i */
    IR_ADD,            /* + r */
    IR_SUM,            /* w r r */
    IR_SUM_IMM,        /* w r i */
    IR_ADD_SHL3,       /* + r: += r * 8 */
    IR_ADD_IMM,        /* + i */
    IR_SHL_IMM,        /* + i */
    IR_OR,             /* + r */
    IR_ALIGN64,        /* +: up to a multiple of 64 */
    IR_SELECT_GT,      /* W r i r r: 0 = 1 > 2 ? 3 : 4 */
    IR_MIN,            /* W r r: signed */
    IR_JUMP,           /* l */
    IR_SUB_JUMP_NEG,   /* + i l: subtract; jump if negative */
    IR_SUB_JUMP_POS,   /* + i l: subtract; jump if not negative */
    IR_SUB_JUMP_MORE,  /* + i l: subtract; jump if positive */
    IR_ADD_JUMP_ZERO,  /* + i l: add; jump if zero */
    IR_LOAD64_PAIR,    /* W W r i: no text where the target has none */
    IR_JUMP_ZERO,      /* r l */
    IR_JUMP_NONZERO,   /* r l */
    IR_JUMP_LE,        /* r i l */
    IR_JUMP_LESS,      /* r r l */
    IR_JUMP_BIT_CLEAR, /* r i l: bit number i */
    IR_PREFETCH_L1,    /* r i: never faults */
    IR_SUB_FLAGS,      /* + i: subtract, for the jump below: no text where the target has none */
    IR_FLOAT_MODE,     /* w: rounding and subnormals: no text where the target keeps them */
    IR_SET_FLOAT_MODE, /* r: the same back */
    IR_JUMP_POS,       /* l: if what IR_SUB_FLAGS left is not negative */
    IR_TARGET_OP
};

struct ir_insn {
    int op;
    int arg[IR_OPERANDS];
};

struct ir_vreg {
    enum ir_file file;
    const char *group; /* heading in the register map; static text */
    int fixed;         /* register number it must have, or -1 */
    int tuple;         /* first of so many consecutive registers; -1: another one; 0: none */
    int limit;         /* its register number must be below, 0 = any */
    int above;         /* its register number should not be below, where another one is free */
    int phys;          /* after ir_allocate(); -1 if it is never used */
    int begin, end;    /* ends of its live range, in half positions; -1 if it has none */
};

struct ir_target;

struct ir {
    const struct ir_target *target;
    struct ir_insn *insn;
    struct ir_vreg *vreg;
    char (*label)[80];
    int insn_count, insn_capacity, vreg_count, vreg_capacity, label_count, label_capacity;
    int frame_bytes; /* scratch at the stack pointer, set by the family */
    int failed;
    const char *why; /* failed == -ENOTSUP: the reason, static text */
};

/* A register file of a target: what may be allocated, in order of preference. */
struct ir_regs {
    const char *what; /* "vector registers" */
    const uint8_t *order;
    int count;
    uint32_t callee_saved; /* bit set of register numbers */
};

struct ir_target {
    const struct ir_op *ops;
    struct ir_regs file[IR_FILE_COUNT];
    int argument;             /* number of the general register that holds the argument */
    const char *plus, *minus; /* what joins an offset to an address */
    const char *directives;   /* lines for the assembler, before the first section */
    /* Writes the name of register `number` in the given view to `out` (16 bytes). */
    void (*reg_name)(int number, char view, char *out);
    /* Text before the first and after the last instruction: sections, symbol, saves and restores of
     * used[file], bit sets of register numbers. */
    void (*open)(const struct ir *ir, const char *name, const uint32_t *used, struct var_text *out);
    void (*close)(const struct ir *ir, const char *name, const uint32_t *used,
                  struct var_text *out);
};

void ir_init(struct ir *ir, const struct ir_target *target);
void ir_clear(struct ir *ir);

int ir_vreg(struct ir *ir, enum ir_file file, const char *group);
/* `count` virtual registers from `first` on, which were made one after the other and are written by
 * one instruction, get consecutive registers. */
void ir_tuple(struct ir *ir, int first, int count);
/* In what was added from instruction `begin` on, one virtual register in the place of another. */
void ir_rename(struct ir *ir, int begin, int from, int to);
int ir_label(struct ir *ir, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ir_add(struct ir *ir, int op, const int *args);
#define IR(ir, op, ...) ir_add(ir, op, (const int[IR_OPERANDS]) { __VA_ARGS__ })
void ir_comment(struct ir *ir, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Moves everything but MACs in [begin, end) so that it lies evenly between them, as early as needed
 * for `lead` MACs to stand between a load and its first use. No branch may be in the range. */
void ir_spread(struct ir *ir, int begin, int end, int lead);

/* Reorders [begin, end) for cores that issue in order: dependent instructions apart by their
 * latency, as far as `window` instructions to choose from allow, and side by side what `core`
 * issues together; NULL: nothing. [fillers, end) go wherever nothing else can. No branch may be in
 * the range, and its stores must not write what its loads read. */
void ir_list(struct ir *ir, int begin, int fillers, int end, int window,
             const struct var_core *core);

/* Gives every virtual register a register of its file. 0; -ENOSPC if they do not suffice (nothing
 * is ever spilled), with the count in err; -ENOMEM. */
int ir_allocate(struct ir *ir, char *err, size_t err_bytes);

/* Appends the function of `v`. Needs ir_allocate(). */
void ir_print(const struct ir *ir, const struct var_variant *v, struct var_text *out);

/* Allocates, prints unless out is NULL, and clears. Returns as ir_allocate(). */
int ir_finish(struct ir *ir, const struct var_variant *v, struct var_text *out, char *err,
              size_t err_bytes);

#endif
