/* A generated AArch64 kernel, taken apart: its instructions with what they read and write, and the
 * path that a call takes through them. Works on the text, whatever family or scheduler made it.
 *
 *     hrn_code_parse() -> hrn_code_trace() for each kind of call -> hrn_trace_clear() ->
 *     hrn_code_clear()
 * The path is found by executing the scalar instructions alone: control flow hangs on the fields of
 * the arguments, never on data. */
#ifndef QUERN_HARNESS_MODEL_CODE_H
#define QUERN_HARNESS_MODEL_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "variants/cores.h"

enum { HRN_OPERANDS_MAX = 5 };

enum hrn_operand_type {
    HRN_OPERAND_SCALAR, /* general register */
    HRN_OPERAND_VECTOR, /* vector registers: one, or a list */
    HRN_OPERAND_NUMBER,
    HRN_OPERAND_ADDRESS,
    HRN_OPERAND_SHIFT, /* "lsl #3" */
    HRN_OPERAND_NAME   /* label, condition, kind of prefetch */
};
enum hrn_write_back { HRN_BACK_NONE, HRN_BACK_PRE, HRN_BACK_POST };

#define HRN_REG_SP 31
#define HRN_REG_ZERO 32 /* reads 0; written to, is lost */

struct hrn_operand {
    enum hrn_operand_type type;
    int reg;         /* scalar, or base of an address */
    int index;       /* address: register added, -1 = none */
    int is_32;       /* scalar: w register */
    int has_lane;    /* vector: one lane of it */
    uint32_t vector; /* bit set of vector registers */
    int bits;        /* of a lane of the arrangement; 0 = none given */
    int lanes;       /* of the arrangement */
    int view;        /* 'v', or 'q', 'd', 's', 'h', 'b' */
    int64_t number;  /* number, offset of an address, amount of a shift */
    enum hrn_write_back back;
    const char *name;
};

struct hrn_mnemonic;

struct hrn_op {
    const char *text;               /* "sdot v0.4s, v28.16b, v24.4b[0]" */
    const struct hrn_mnemonic *row; /* what it does; private to code.c */
    struct hrn_operand operand[HRN_OPERANDS_MAX];
    int operands;
    int target; /* of a branch: number of an instruction; -1 = none */
    enum var_timing timing;
    uint64_t reads, writes; /* bit sets: x0-x30 and sp in bits 0-31, v0-v31 in bits 32-63 */
    uint64_t writes_back;   /* of `writes`, the address register */
    int reads_flags, writes_flags;
    int is_inert;  /* changes nothing that control flow hangs on */
    int mac_kind;  /* accumulators are forwarded between instructions of one kind; 0 = no MAC */
    uint32_t macs; /* products that it makes */
};

struct hrn_code {
    char *text; /* owned */
    struct hrn_op *ops;
    size_t count;
};

/* Takes the first function of `text` apart. 0; -ENOMEM; -ENOTSUP with the instruction in err that
 * the table of mnemonics does not know. */
int hrn_code_parse(const char *text, struct hrn_code *out, char *err, size_t err_bytes);
void hrn_code_clear(struct hrn_code *code);

/* Numbers of the instructions that one call executes, in order. */
struct hrn_trace {
    uint32_t *step; /* owned */
    size_t count;
};

/* `args` is what the kernel's one argument points to. 0; -ENOMEM; -ELOOP where the call does not
 * end within some millions of instructions; -ENOTSUP. */
int hrn_code_trace(const struct hrn_code *code, const void *args, size_t args_bytes,
                   struct hrn_trace *out, char *err, size_t err_bytes);
void hrn_trace_clear(struct hrn_trace *trace);

/* The inner loop of a trace: of the loops without a loop in them the one with the most products.
 * begin and end delimit one iteration; iterations 0: there is none. */
struct hrn_loop {
    size_t begin, end, iterations;
};
struct hrn_loop hrn_trace_loop(const struct hrn_code *code, const struct hrn_trace *trace);

/* A stretch that repeats: one iteration of it, and how many were taken out. */
#define HRN_CUTS_MAX 8
struct hrn_cuts {
    size_t count;
    struct hrn_cut {
        uint32_t *step; /* owned */
        size_t length;
        int64_t gone;
    } cut[HRN_CUTS_MAX];
};
/* Shortens a trace: of iterations that execute the same instructions in a row, inner loops first,
 * only `keep` stay. The whole is the shortened trace and `gone` times each cut: iterations that
 * went inside others are counted with the inner one. 0 or -ENOMEM; clear in every case. */
int hrn_trace_cut(struct hrn_trace *trace, size_t keep, struct hrn_cuts *out);
void hrn_cuts_clear(struct hrn_cuts *cuts);

/* Products of steps [begin, end). */
uint64_t hrn_trace_macs(const struct hrn_code *code, const struct hrn_trace *trace, size_t begin,
                        size_t end);

#endif
