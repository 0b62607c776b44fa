/* x86-64 depthwise: bytes of two taps are interleaved, widened to pairs of words and multiplied by
 * pairs of weights, which packing has widened: exact. Sixteen channels at a time, the last eight
 * alone. */
#include "variants/dw_int.h"
#include "variants/x86_int.h"

#include <stddef.h>

static int vec(struct dw *d, const char *group)
{
    return ir_vreg(d->ir, IR_VEC, group);
}

static void constants(struct dw *d)
{
    (void)d; /* bounds are loaded where they are used: registers are few */
}

static void init(struct dw *d)
{
    int vectors = d->nr / 8;
    for (int j = 0; j < vectors; j++) {
        for (int i = 0; i < d->mr; i++) {
            d->acc[i * vectors + j] = vec(d, "accumulators");
            if (i == 0)
                IR(d->ir, X86_LOAD, d->acc[j], d->record, 32 * j);
            else
                IR(d->ir, X86_MOV_V, d->acc[i * vectors + j], d->acc[j]);
        }
    }
}

static void mac(struct dw *d, int acc, int a, int b)
{
    if (d->v->isa != KRN_ISA_AVX2) {
        IR(d->ir, X86_DPWSSD, acc, a, b);
        return;
    }
    int product = vec(d, "products");
    IR(d->ir, X86_MADDWD, product, a, b);
    IR(d->ir, X86_ADDD, acc, product);
}

/* Inputs of tap `first` and `second` of a pixel; the same register if they are the same tap. */
static void load_inputs(struct dw *d, int pixel, int channel, int first, int second, int *a)
{
    int op = d->nr - channel >= 16 ? X86_LOADX_INDEX : X86_LOADQ_INDEX, tap[2] = { first, second };
    for (int t = 0; t < 2; t++) {
        if (t && second == first) {
            a[1] = a[0];
            return;
        }
        int pointer = ir_vreg(d->ir, IR_GPR, "temporaries");
        a[t] = vec(d, "A");
        IR(d->ir, IR_LOAD64, pointer, d->tab[pixel], 8 * tap[t]);
        IR(d->ir, op, a[t], pointer, d->first, channel);
    }
}

/* Eight channels for each of `halves` weights, from both inputs of a pixel. */
static void channels(struct dw *d, int pixel, int channel, const int *a, const int *weights,
                     int halves)
{
    for (int half = 0; half < halves; half++) {
        int bytes = vec(d, "A"), words = vec(d, "A");
        IR(d->ir, half ? X86_UNPACK_HI : X86_UNPACK_LO, bytes, a[0], a[1]);
        IR(d->ir, X86_SXBW, words, bytes);
        mac(d, d->acc[pixel * (d->nr / 8) + channel / 8 + half], words, weights[half]);
    }
}

/* One pair of taps, or (second == first) one tap whose partner in the weights is zero. */
static void pair(struct dw *d, int first, int second)
{
    int w_offset = first * d->nr * d->w_bytes;
    for (int channel = 0; channel < d->nr; channel += 16) {
        int weights[2], a[2], halves = d->nr - channel >= 16 ? 2 : 1;
        for (int half = 0; half < halves; half++) {
            weights[half] = vec(d, "B");
            IR(d->ir, X86_LOAD, weights[half], d->w, w_offset + 4 * channel + 32 * half);
        }
        for (int i = 0; i < d->mr; i++) {
            load_inputs(d, i, channel, first, second, a);
            channels(d, i, channel, a, weights, halves);
        }
    }
}

static void taps(struct dw *d, int count)
{
    if (count == 1)
        pair(d, 0, 0);
    for (int tap = 0; tap + 1 < count; tap += 2)
        pair(d, tap, tap + 1);
}

static void store(struct dw *d, int pixel, int pointer)
{
    int vectors = d->nr / 8;
    struct x86_epilogue e;
    x86_epilogue_begin(d->ir, d->v, d->args, offsetof(struct krn_dw_args, out),
                       offsetof(struct krn_dw_args, add), &e);
    x86_epilogue_row(d->ir, &e, d->acc + pixel * vectors, vectors, d->record, 4 * d->nr, pointer,
                     d->add);
}

void x86_dw_build(struct ir *ir, const struct var_variant *v)
{
    static const struct dw_scheme scheme = { constants, init, taps, store };
    dw_build(ir, v, &scheme);
}
