/* The table of mnemonics, between the parser (code.c) and the interpreter (trace.c). */
#ifndef QUERN_HARNESS_MODEL_CODE_INT_H
#define QUERN_HARNESS_MODEL_CODE_INT_H

#include "harness/model/code.h"

/* Which operands are read and written. */
enum hrn_form {
    HRN_FORM_DEST,   /* the first is written, the others are read */
    HRN_FORM_UPDATE, /* the first is read, too */
    HRN_FORM_READ,   /* all are read */
    HRN_FORM_LOAD,   /* all before the address are written */
    HRN_FORM_STORE,
    HRN_FORM_PREFETCH,
    HRN_FORM_BRANCH
};

/* What the interpreter does with general registers; NONE leaves 0 in what is written. */
enum hrn_action {
    HRN_DO_NONE,
    HRN_DO_MOV,
    HRN_DO_MOVK,
    HRN_DO_MVN,
    HRN_DO_NEG,
    HRN_DO_ADD,
    HRN_DO_SUB,
    HRN_DO_AND,
    HRN_DO_BIC,
    HRN_DO_ORR,
    HRN_DO_EOR,
    HRN_DO_LSL,
    HRN_DO_LSR,
    HRN_DO_ASR,
    HRN_DO_MUL,
    HRN_DO_MADD,
    HRN_DO_MSUB,
    HRN_DO_UDIV,
    HRN_DO_SDIV,
    HRN_DO_SXTW,
    HRN_DO_UBFX,
    HRN_DO_COMPARE, /* flags of a - b */
    HRN_DO_COMPARE_PLUS,
    HRN_DO_TEST,   /* flags of a & b */
    HRN_DO_SELECT, /* csel, csinc, csneg: the third operand plus 1, negated */
    HRN_DO_SELECT_INC,
    HRN_DO_SELECT_NEG,
    HRN_DO_SET,
    HRN_DO_JUMP,
    HRN_DO_JUMP_IF,
    HRN_DO_JUMP_ZERO,
    HRN_DO_JUMP_NONZERO,
    HRN_DO_JUMP_BIT_CLEAR,
    HRN_DO_JUMP_BIT_SET,
    HRN_DO_RETURN
};

/* How many products. */
enum hrn_products { HRN_NO_MAC, HRN_DOT, HRN_MATRIX, HRN_LANES };

enum { HRN_SETS_FLAGS = 1, HRN_USES_FLAGS = 2 };

struct hrn_mnemonic {
    const char *name;
    enum hrn_form form;
    enum hrn_action action;
    int flags;
    enum hrn_products products;
    int mac_kind;
};

/* NULL if there is none of that name. */
const struct hrn_mnemonic *hrn_mnemonic_find(const char *name);

#endif
