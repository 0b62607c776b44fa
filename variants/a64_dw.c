/* AArch64 v8.0 depthwise: smull and smlal sum two taps in 16 bits (at most 2 * 128 * 127), saddw
 * adds them to the 32-bit sums. */
#include "variants/a64_int.h"
#include "variants/dw_int.h"

#include <stddef.h>

static int vec(struct dw *d, const char *group)
{
    return ir_vreg(d->ir, IR_VEC, group);
}

static void constants(struct dw *d)
{
    struct a64_epilogue e;
    if (d->v->knob[VAR_KNOB_EPILOGUE] != KRN_EPILOGUE_FLOAT)
        return; /* loaded where they are used */
    a64_epilogue_begin(d->ir, d->args, offsetof(struct krn_dw_args, out), &e);
    d->out.lo = e.lo;
    d->out.hi = e.hi;
    d->out.zp = e.zp;
}

static void init(struct dw *d)
{
    int vectors = d->nr / 4;
    for (int j = 0; j < vectors; j++) {
        for (int i = 0; i < d->mr; i++) {
            d->acc[i * vectors + j] = vec(d, "accumulators");
            if (i == 0)
                IR(d->ir, A64_LDR_Q, d->acc[j], d->record, 16 * j);
            else
                IR(d->ir, A64_MOV_V, d->acc[i * vectors + j], d->acc[j]);
        }
    }
}

/* Loads of as many bytes as a block has channels: 4, 8 or 16. */
static int load_op(const struct dw *d, int with_index)
{
    static const int ops[][2] = { { A64_LDR_S, A64_LDR_S_REG },
                                  { A64_LDR_D, A64_LDR_D_REG },
                                  { A64_LDR_Q, A64_LDR_Q_REG } };
    return ops[d->nr / 8][with_index];
}

static int load_input(struct dw *d, int pixel, int tap)
{
    int pointer = ir_vreg(d->ir, IR_GPR, "temporaries"), a = vec(d, "A");
    IR(d->ir, IR_LOAD64, pointer, d->tab[pixel], 8 * tap);
    IR(d->ir, load_op(d, 1), a, pointer, d->first);
    return a;
}

/* One or two taps of one pixel. */
static void mac(struct dw *d, int pixel, int tap, int count, const int *weights)
{
    static const int multiply[2][2] = { { A64_SMULL, A64_SMULL2 }, { A64_SMLAL, A64_SMLAL2 } };
    int vectors = d->nr / 4, a[2];
    for (int t = 0; t < count; t++)
        a[t] = load_input(d, pixel, tap + t);
    for (int half = 0; 8 * half < d->nr; half++) {
        int product = vec(d, "products");
        for (int t = 0; t < count; t++)
            IR(d->ir, multiply[t][half], product, a[t], weights[t]);
        IR(d->ir, A64_SADDW, d->acc[pixel * vectors + 2 * half], product);
        if (d->nr > 4)
            IR(d->ir, A64_SADDW2, d->acc[pixel * vectors + 2 * half + 1], product);
    }
}

static void taps(struct dw *d, int count)
{
    for (int tap = 0; tap < count; tap += 2) {
        int some = count - tap < 2 ? 1 : 2, weights[2];
        for (int t = 0; t < some; t++) {
            weights[t] = vec(d, "B");
            IR(d->ir, load_op(d, 0), weights[t], d->w, (tap + t) * d->nr);
        }
        for (int i = 0; i < d->mr; i++)
            mac(d, i, tap, some, weights);
    }
}

static void store(struct dw *d, int pixel, int pointer)
{
    const struct gemm row = { .ir = d->ir,
                              .v = d->v,
                              .nr = d->nr,
                              .args = d->args,
                              .add_at = offsetof(struct krn_dw_args, add) };
    struct a64_epilogue e = { .lo = d->out.lo, .hi = d->out.hi, .zp = d->out.zp };
    int vectors = d->nr / 4;
    if (d->v->knob[VAR_KNOB_EPILOGUE] != KRN_EPILOGUE_FLOAT) {
        a64_row_store(&row, d->record, d->acc + pixel * vectors, pointer, d->add);
        return;
    }
    for (int j = 0; j < vectors; j++) {
        e.scale[j] = vec(d, "scales");
        IR(d->ir, A64_LDR_Q, e.scale[j], d->record, 4 * d->nr + 16 * j);
    }
    a64_epilogue_row(d->ir, &e, d->acc + pixel * vectors, vectors, pointer);
}

void a64_dw_build(struct ir *ir, const struct var_variant *v)
{
    static const struct dw_scheme scheme = { constants, init, taps, store };
    dw_build(ir, v, &scheme);
}
