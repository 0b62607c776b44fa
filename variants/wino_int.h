/* Winograd's products: the outline that levels share, and what each level fills in. */
#ifndef QUERN_VARIANTS_WINO_INT_H
#define QUERN_VARIANTS_WINO_INT_H

#include "variants/gemm_int.h"

struct wino;

struct wino_scheme {
    int lanes; /* 32-bit sums in a vector */
    /* Eight of depth: rows of A at g->a, 16 bytes apart, B at g->w + b_offset. `begins`: the sums
     * are not there yet. */
    void (*body)(struct wino *w, int begins);
    void (*store)(struct wino *w); /* all sums to w->c */
    /* For s2 to s4: all of the depth, `left` of it. May be NULL. */
    void (*woven)(struct wino *w, int left);
};

struct wino {
    struct ir *ir;
    const struct var_variant *v;
    const struct wino_scheme *scheme;
    int mr, nr, kr, vectors; /* vectors of a row of sums */
    int args, a, w, c;       /* virtual registers, as all below */
    int acc[GEMM_MAX_ACC];   /* [row][vector] */
    int row[GEMM_MAX_ROWS];  /* A, eight of depth */
};

/* 0, or -ENOSPC and the reason if the accumulators alone are too many. */
int wino_build(struct ir *ir, const struct var_variant *v, const struct wino_scheme *scheme,
               char *err, size_t err_bytes);

#endif
