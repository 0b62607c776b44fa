/* What the files of variants/ share: the table of domains, the emitters behind var_generate(). */
#ifndef QUERN_VARIANTS_VARIANT_INT_H
#define QUERN_VARIANTS_VARIANT_INT_H

#include "variants/variant.h"

enum { VAR_AXIS_MAX = 10 };

/* The values that a knob may take, ascending. count == 0: the family has not the knob. */
struct var_axis {
    uint8_t count;
    uint16_t value[VAR_AXIS_MAX];
};

/* One code scheme of an ISA level: which knob values it offers and what a driver must know of it.
 * A variant belongs to the one domain whose axes hold all its values. */
struct var_domain {
    enum krn_isa isa;
    uint32_t families; /* bit set of 1u << enum krn_family */
    uint8_t w_bytes, a_bias;
    uint16_t peak_macs; /* PEAK: multiply-accumulates per step of the unroll knob */
    struct var_axis axis[VAR_KNOB_COUNT];
};
extern const struct var_domain var_domains[];
extern const size_t var_domain_count;

/* The domain of `v`, or NULL with the offending knob in err (err may be NULL). */
const struct var_domain *var_domain_find(const struct var_variant *v, char *err, size_t err_bytes);

/* Loop bodies woven for cores that issue in order (AArch64 GEMM and WINO). */
static inline int var_is_woven(const struct var_variant *v)
{
    const unsigned families =
        1u << KRN_FAMILY_GEMM | 1u << KRN_FAMILY_IGEMM | 1u << KRN_FAMILY_WINO;
    return families >> v->family & 1 && v->knob[VAR_KNOB_SCHEDULE] >= 2;
}

/* The quick way from sums to bytes that kernels of `v` have. */
enum krn_quick var_quick(const struct var_variant *v);

/* Words of 32 bits for each column in the head of a panel or record. */
int var_head_words(const struct var_variant *v);

/* The plain choices, in the order in which var_default() tries them. */
struct var_default_row {
    enum krn_isa isa;
    enum krn_family family;
    int min_columns; /* least output channels of a group (DW: channels) for which it is taken */
    int max_rows;    /* most output rows for which it is taken, 0 = any */
    int knob[VAR_KNOB_COUNT];
    int min_depth; /* least input channels of a group; WINO: fewer do not repay the transforms */
    int max_depth; /* most input channels, 0 = any; DIRECT: where a filter line is whole bodies */
    int max_waste; /* percent of the layer's work that its whole tiles may do besides; 0 = any */
};
extern const struct var_default_row var_defaults[];
extern const size_t var_default_count;

/* Plain choices of cores that issue in order, which go before the others there. Not built in. */
struct var_core_default {
    int weave;    /* var_core.weave */
    int min_rows; /* least output rows for which it is taken */
    struct var_default_row row;
};
extern const struct var_core_default var_core_defaults[];
extern const size_t var_core_default_count;

/* Epilogues, a bit set, with which the plain choices are built in: those of networks. */
enum {
    VAR_BUILTIN_EPILOGUES = 1 << KRN_EPILOGUE_FLOAT | 1 << KRN_EPILOGUE_SUMS | 1 << KRN_EPILOGUE_ADD
};

/* The row's choice with this epilogue. 0, or -ENOTSUP where its family, or its code scheme, has not
 * got it. */
int var_default_variant(const struct var_default_row *row, enum krn_epilogue epilogue,
                        struct var_variant *out);

/* Writes the micro-kernel of a feasible variant; out == NULL only asks whether it can be made.
 * 0; -ENOTSUP, or -ENOSPC where registers do not suffice, and the reason; -ENOMEM. */
typedef int var_emit_fn(const struct var_variant *v, struct var_text *out, char *err,
                        size_t err_bytes);
var_emit_fn var_emit_c, var_emit_a64, var_emit_x86;

/* The first comment line of every kernel. */
void var_text_banner(struct var_text *out, const char *open, const struct var_variant *v,
                     const char *close);

/* Registers of the caller's that a generated text saves (saved.c). NULL is an empty text. */
int var_text_saves(const char *text);

#endif
