/* x86-64: Winograd's products. Words of two of depth are broadcast as a pair and multiplied by the
 * pairs that packing has put side by side; no pair of products overflows 32 bits. */
#include "variants/wino_int.h"
#include "variants/x86_int.h"

static void multiply(struct wino *w, int acc, int a, int b)
{
    if (w->v->isa != KRN_ISA_AVX2) {
        IR(w->ir, X86_DPWSSD, acc, a, b);
        return;
    }
    int product = ir_vreg(w->ir, IR_VEC, "products");
    IR(w->ir, X86_MADDWD, product, a, b);
    IR(w->ir, X86_ADDD, acc, product);
}

static void body(struct wino *w, int begins)
{
    int bytes = 4 * w->scheme->lanes;
    for (int i = 0; begins && i < w->mr * w->vectors; i++)
        IR(w->ir, X86_ZERO, w->acc[i]);
    for (int pair = 0; pair < 4; pair++) {
        int b[GEMM_MAX_ROWS];
        for (int j = 0; j < w->vectors; j++) {
            b[j] = ir_vreg(w->ir, IR_VEC, "B");
            IR(w->ir, X86_LOAD, b[j], w->w, 4 * w->nr * pair + bytes * j);
        }
        for (int i = 0; i < w->mr; i++) {
            int a = ir_vreg(w->ir, IR_VEC, "A");
            IR(w->ir, X86_BCASTD, a, w->a, 16 * i + 4 * pair);
            for (int j = 0; j < w->vectors; j++)
                multiply(w, w->acc[i * w->vectors + j], a, b[j]);
        }
    }
}

static void store(struct wino *w)
{
    for (int i = 0; i < w->mr * w->vectors; i++)
        IR(w->ir, X86_STORE, w->acc[i], w->c, 4 * w->scheme->lanes * i);
}

const struct wino_scheme *x86_wino_scheme(void)
{
    static const struct wino_scheme scheme = { .lanes = 8, .body = body, .store = store };
    return &scheme;
}
