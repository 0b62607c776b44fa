#include <stdlib.h>
#include <string.h>

#include "harness/model/code_int.h"

#define DEST(name)                                                                                 \
    {                                                                                              \
        name, HRN_FORM_DEST, HRN_DO_NONE, 0, HRN_NO_MAC, 0                                         \
    }
#define UPDATE(name)                                                                               \
    {                                                                                              \
        name, HRN_FORM_UPDATE, HRN_DO_NONE, 0, HRN_NO_MAC, 0                                       \
    }
#define SCALAR(name, action)                                                                       \
    {                                                                                              \
        name, HRN_FORM_DEST, action, 0, HRN_NO_MAC, 0                                              \
    }
#define FLAGS(name, action)                                                                        \
    {                                                                                              \
        name, HRN_FORM_DEST, action, HRN_SETS_FLAGS, HRN_NO_MAC, 0                                 \
    }
#define COMPARE(name, action)                                                                      \
    {                                                                                              \
        name, HRN_FORM_READ, action, HRN_SETS_FLAGS, HRN_NO_MAC, 0                                 \
    }
#define SELECT(name, action)                                                                       \
    {                                                                                              \
        name, HRN_FORM_DEST, action, HRN_USES_FLAGS, HRN_NO_MAC, 0                                 \
    }
#define MAC(name, products, kind)                                                                  \
    {                                                                                              \
        name, HRN_FORM_UPDATE, HRN_DO_NONE, 0, products, kind                                      \
    }
#define PRODUCT(name, kind)                                                                        \
    {                                                                                              \
        name, HRN_FORM_DEST, HRN_DO_NONE, 0, HRN_LANES, kind                                       \
    }
#define MEMORY(name, form)                                                                         \
    {                                                                                              \
        name, form, HRN_DO_NONE, 0, HRN_NO_MAC, 0                                                  \
    }
#define LOAD(name) MEMORY(name, HRN_FORM_LOAD)
#define STORE(name) MEMORY(name, HRN_FORM_STORE)
#define JUMP(name, action, flags)                                                                  \
    {                                                                                              \
        name, HRN_FORM_BRANCH, action, flags, HRN_NO_MAC, 0                                        \
    }

/* Kinds of MACs whose accumulators an in-order core forwards to one another. */
enum { SDOT = 1, SMMLA, SMLAL, SMULL, SADALP, MLA };

/* By name. The same mnemonic on vectors and on general registers is one row: the action is for the
 * latter. */
static const struct hrn_mnemonic rows[] = {
    DEST("abs"),
    SCALAR("add", HRN_DO_ADD),
    DEST("addp"),
    FLAGS("adds", HRN_DO_ADD),
    DEST("addv"),
    DEST("adr"),
    DEST("adrp"),
    SCALAR("and", HRN_DO_AND),
    FLAGS("ands", HRN_DO_AND),
    SCALAR("asr", HRN_DO_ASR),
    JUMP("b", HRN_DO_JUMP, 0),
    JUMP("b.", HRN_DO_JUMP_IF, HRN_USES_FLAGS),
    SCALAR("bic", HRN_DO_BIC),
    UPDATE("bif"),
    UPDATE("bit"),
    UPDATE("bsl"),
    JUMP("cbnz", HRN_DO_JUMP_NONZERO, 0),
    JUMP("cbz", HRN_DO_JUMP_ZERO, 0),
    DEST("cmeq"),
    DEST("cmge"),
    DEST("cmgt"),
    DEST("cmhi"),
    DEST("cmlt"),
    COMPARE("cmn", HRN_DO_COMPARE_PLUS),
    COMPARE("cmp", HRN_DO_COMPARE),
    SELECT("csel", HRN_DO_SELECT),
    SELECT("cset", HRN_DO_SET),
    SELECT("csinc", HRN_DO_SELECT_INC),
    SELECT("csneg", HRN_DO_SELECT_NEG),
    DEST("dup"),
    SCALAR("eor", HRN_DO_EOR),
    DEST("ext"),
    DEST("fadd"),
    DEST("fcvtas"),
    DEST("fcvtns"),
    DEST("fcvtzs"),
    DEST("fmax"),
    DEST("fmaxnm"),
    DEST("fmin"),
    DEST("fminnm"),
    UPDATE("fmla"),
    UPDATE("fmls"),
    DEST("fmov"),
    DEST("fmul"),
    DEST("frintn"),
    DEST("fsub"),
    UPDATE("ins"),
    LOAD("ld1"),
    LOAD("ld1r"),
    LOAD("ld2"),
    LOAD("ld2r"),
    LOAD("ld3"),
    LOAD("ld3r"),
    LOAD("ld4"),
    LOAD("ld4r"),
    LOAD("ldp"),
    LOAD("ldr"),
    LOAD("ldrb"),
    LOAD("ldrh"),
    LOAD("ldrsb"),
    LOAD("ldrsh"),
    LOAD("ldrsw"),
    LOAD("ldur"),
    LOAD("ldurb"),
    LOAD("ldurh"),
    LOAD("ldursb"),
    LOAD("ldursh"),
    LOAD("ldursw"),
    SCALAR("lsl", HRN_DO_LSL),
    SCALAR("lsr", HRN_DO_LSR),
    SCALAR("madd", HRN_DO_MADD),
    MAC("mla", HRN_LANES, MLA),
    MAC("mls", HRN_LANES, MLA),
    SCALAR("mov", HRN_DO_MOV),
    DEST("movi"),
    { "movk", HRN_FORM_UPDATE, HRN_DO_MOVK, 0, HRN_NO_MAC, 0 },
    SCALAR("movz", HRN_DO_MOV),
    SCALAR("msub", HRN_DO_MSUB),
    DEST("mrs"),
    { "msr", HRN_FORM_READ, HRN_DO_NONE, 0, HRN_NO_MAC, 0 },
    { "mul", HRN_FORM_DEST, HRN_DO_MUL, 0, HRN_LANES, MLA },
    SCALAR("mvn", HRN_DO_MVN),
    DEST("mvni"),
    SCALAR("neg", HRN_DO_NEG),
    DEST("nop"),
    DEST("not"),
    SCALAR("orr", HRN_DO_ORR),
    MEMORY("prfm", HRN_FORM_PREFETCH),
    MEMORY("prfum", HRN_FORM_PREFETCH),
    DEST("raddhn"),
    JUMP("ret", HRN_DO_RETURN, 0),
    DEST("rev32"),
    DEST("rev64"),
    DEST("rshrn"),
    UPDATE("rshrn2"),
    UPDATE("saba"),
    { "sadalp", HRN_FORM_UPDATE, HRN_DO_NONE, 0, HRN_NO_MAC, SADALP },
    DEST("saddl"),
    DEST("saddl2"),
    DEST("saddlp"),
    DEST("saddlv"),
    DEST("saddw"),
    DEST("saddw2"),
    SCALAR("sbfx", HRN_DO_UBFX),
    DEST("scvtf"),
    SCALAR("sdiv", HRN_DO_SDIV),
    MAC("sdot", HRN_DOT, SDOT),
    DEST("shadd"),
    DEST("shl"),
    DEST("shrn"),
    UPDATE("shrn2"),
    UPDATE("sli"),
    DEST("smax"),
    DEST("smin"),
    MAC("smlal", HRN_LANES, SMLAL),
    MAC("smlal2", HRN_LANES, SMLAL),
    MAC("smlsl", HRN_LANES, SMLAL),
    MAC("smlsl2", HRN_LANES, SMLAL),
    MAC("smmla", HRN_MATRIX, SMMLA),
    DEST("smov"),
    PRODUCT("smull", SMULL),
    PRODUCT("smull2", SMULL),
    DEST("sqadd"),
    DEST("sqdmulh"),
    DEST("sqrdmulh"),
    DEST("sqrshl"),
    DEST("sqrshrn"),
    UPDATE("sqrshrn2"),
    DEST("sqshl"),
    DEST("sqshrn"),
    UPDATE("sqshrn2"),
    DEST("sqsub"),
    DEST("sqxtn"),
    UPDATE("sqxtn2"),
    DEST("sqxtun"),
    UPDATE("sri"),
    DEST("srshl"),
    DEST("srshr"),
    UPDATE("srsra"),
    DEST("sshl"),
    DEST("sshll"),
    DEST("sshll2"),
    DEST("sshr"),
    UPDATE("ssra"),
    DEST("ssubl"),
    DEST("ssubl2"),
    DEST("ssubw"),
    DEST("ssubw2"),
    STORE("st1"),
    STORE("st2"),
    STORE("st3"),
    STORE("st4"),
    STORE("stp"),
    STORE("str"),
    STORE("strb"),
    STORE("strh"),
    STORE("stur"),
    STORE("sturb"),
    STORE("sturh"),
    SCALAR("sub", HRN_DO_SUB),
    FLAGS("subs", HRN_DO_SUB),
    MAC("sudot", HRN_DOT, SDOT),
    DEST("sxtl"),
    DEST("sxtl2"),
    SCALAR("sxtw", HRN_DO_SXTW),
    DEST("tbl"),
    JUMP("tbnz", HRN_DO_JUMP_BIT_SET, 0),
    JUMP("tbz", HRN_DO_JUMP_BIT_CLEAR, 0),
    DEST("trn1"),
    DEST("trn2"),
    COMPARE("tst", HRN_DO_TEST),
    UPDATE("uadalp"),
    DEST("uaddlp"),
    SCALAR("ubfx", HRN_DO_UBFX),
    SCALAR("udiv", HRN_DO_UDIV),
    MAC("udot", HRN_DOT, SDOT),
    DEST("umax"),
    DEST("umin"),
    MAC("umlal", HRN_LANES, SMLAL),
    MAC("umlal2", HRN_LANES, SMLAL),
    DEST("umov"),
    PRODUCT("umull", SMULL),
    PRODUCT("umull2", SMULL),
    MAC("usdot", HRN_DOT, SDOT),
    DEST("ushll"),
    DEST("ushll2"),
    DEST("ushr"),
    MAC("usmmla", HRN_MATRIX, SMMLA),
    UPDATE("usra"),
    DEST("uxtl"),
    DEST("uxtl2"),
    SCALAR("uxtw", HRN_DO_MOV),
    DEST("uzp1"),
    DEST("uzp2"),
    DEST("xtn"),
    UPDATE("xtn2"),
    DEST("zip1"),
    DEST("zip2"),
};

static int by_name(const void *key, const void *row)
{
    return strcmp(key, ((const struct hrn_mnemonic *)row)->name);
}

const struct hrn_mnemonic *hrn_mnemonic_find(const char *name)
{
    const char *key = strncmp(name, "b.", 2) ? name : "b."; /* the condition is read elsewhere */
    return bsearch(key, rows, sizeof rows / sizeof *rows, sizeof *rows, by_name);
}
