/* The peak of a level: what a machine can do at most. */
#include "variants/peak_int.h"

void peak_build(struct ir *ir, const struct var_variant *v, const struct peak_scheme *scheme)
{
    int chains = v->knob[VAR_KNOB_UNROLL], acc[PEAK_MAX_CHAINS], loop = ir_label(ir, "loop");
    int args = gemm_argument(ir), left = ir_vreg(ir, IR_GPR, "iterations left");
    int operand[2];
    IR(ir, IR_LOAD64, left, args, 0);
    IR(ir, IR_ADD_IMM, left, -1);
    for (int i = 0; i < 2; i++) {
        operand[i] = ir_vreg(ir, IR_VEC, "operands");
        IR(ir, scheme->zero, operand[i]);
    }
    for (int i = 0; i < chains; i++) {
        acc[i] = ir_vreg(ir, IR_VEC, "accumulators");
        IR(ir, scheme->zero, acc[i]);
    }
    IR(ir, IR_LABEL, loop);
    for (int i = 0; i < chains; i++)
        scheme->step(ir, v->isa, acc[i], operand[0], operand[1]);
    IR(ir, IR_SUB_JUMP_POS, left, 1, loop);
}
