/* AArch64: Winograd's products by lane. Rows of A, eight of depth each, must be in v0 to v15, where
 * lanes of 16 bits can be named. */
#include "variants/a64_int.h"
#include "variants/wino_int.h"

static void load_rows(struct wino *w, int begins)
{
    for (int i = 0; i < w->mr && begins; i++) {
        w->row[i] = ir_vreg(w->ir, IR_VEC, "A");
        if (!w->ir->failed)
            w->ir->vreg[w->row[i]].fixed = i;
    }
    for (int i = 0; i + 1 < w->mr; i += 2)
        IR(w->ir, A64_LDP_Q, w->row[i], w->row[i + 1], w->a, 16 * i);
    if (w->mr % 2)
        IR(w->ir, A64_LDR_Q, w->row[w->mr - 1], w->a, 16 * (w->mr - 1));
}

/* One of depth of all rows; b: nr words. */
static void multiply(struct wino *w, int k, const int *b, int begins)
{
    for (int j = 0; j < w->nr / 8; j++) {
        const struct a64_lanes at = {
            .mr = w->mr, .vectors = w->vectors, .acc = &w->acc[2 * j], .a = w->row, .a_step = 1
        };
        a64_lane_products(w->ir, at, b[j], k, begins && k == 0);
    }
}

static void body(struct wino *w, int begins)
{
    load_rows(w, begins);
    for (int k = 0; k < 8; k++) {
        int b[GEMM_MAX_ROWS], count = w->nr / 8;
        for (int j = 0; j < count; j++)
            b[j] = ir_vreg(w->ir, IR_VEC, "B");
        for (int j = 0; j < count; j += 2) {
            int offset = 2 * w->nr * k + 16 * j;
            if (j + 1 < count)
                IR(w->ir, A64_LDP_Q, b[j], b[j + 1], w->w, offset);
            else
                IR(w->ir, A64_LDR_Q, b[j], w->w, offset);
        }
        multiply(w, k, b, begins);
    }
}

/* As a GEMM of packed words has it, with its schedules: two bodies of eight, pipelined. */
static void woven(struct wino *w, int left)
{
    struct gemm g = { .ir = w->ir, .v = w->v, .scheme = &a64_words_scheme, .index = { -1 } };
    g.mr = w->mr;
    g.nr = w->nr;
    g.kr = 1;
    g.block = g.scheme->block;
    g.a_bytes = g.scheme->a_bytes;
    g.group_bytes = g.nr * g.a_bytes;
    g.packed = 1;
    g.unroll = 2;
    g.row[0] = w->a;
    g.w = w->w;
    g.k = left;
    for (int i = 0; i < w->mr * w->vectors; i++) {
        g.acc[i] = w->acc[i];
        IR(w->ir, A64_ZERO, g.acc[i]);
        if (!w->ir->failed)
            w->ir->vreg[g.acc[i]].above = 16;
    }
    gemm_depth_loops(&g);
}

static void store(struct wino *w)
{
    int count = w->mr * w->vectors;
    for (int i = 0; i < count; i += 2)
        IR(w->ir, A64_STP_Q, w->acc[i], w->acc[i + 1], w->c, 16 * i);
}

const struct wino_scheme *a64_wino_scheme(void)
{
    static const struct wino_scheme scheme = {
        .lanes = 4, .body = body, .store = store, .woven = woven
    };
    return &scheme;
}
