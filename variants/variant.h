/* Variants: their one name, the space of them, and the text that the generator makes of one.
 *
 * A variant is a micro-kernel (generated code: ISA, family and code knobs) plus driver knobs (run
 * time). Its name is
 *     <isa>_<family>_<knobs>[__<driver knobs>]      dotprod_igemm_m4n16k4u1a0b256l128s0__o1
 * knobs in table order, letter then value; code knobs that the family has are always written, but
 * optional ones and driver knobs only where they differ from their default. The part before "__" is
 * the micro-kernel's name: symbol, file name, registry entry. Only var_name_format() and
 * var_name_parse() know this grammar.
 *
 * Produces text; runs nothing, reads no file, has no globals but constant tables. */
#ifndef QUERN_VARIANTS_VARIANT_H
#define QUERN_VARIANTS_VARIANT_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/conv.h"
#include "kernels/layer.h"

#define VAR_NAME_MAX 96 /* bytes with the NUL */

enum var_knob {
    VAR_KNOB_MR,         /* m: rows of the tile */
    VAR_KNOB_NR,         /* n: columns of the tile; DW: channels of a block */
    VAR_KNOB_KR,         /* k: depth elements that one accumulator lane sums per MAC group */
    VAR_KNOB_UNROLL,     /* u: loop bodies per iteration */
    VAR_KNOB_PREFETCH_A, /* a: prefetch distance along each row of A, bytes, 0 = none */
    VAR_KNOB_PREFETCH_B, /* b: prefetch distance along the panel, bytes, 0 = none */
    VAR_KNOB_LOAD,       /* l: load width, bits */
    VAR_KNOB_SCHEDULE,   /* s: where loads sit between MACs (0 = ahead of them, 1 = spread) */
    VAR_KNOB_FILTER,     /* f: DWC, DWROWS: filter size; WINO: size of an output tile */
    VAR_KNOB_STRIDE,     /* x: DWC, DWROWS: stride */
    VAR_KNOB_ROWS,       /* y: DWC: output rows of one call */
    VAR_KNOB_COPY,       /* c: DIRECT: whether the driver copies rows of A */
    VAR_KNOB_ORDER,      /* o: driver, krn_driver.loop_order */
    VAR_KNOB_EPILOGUE,   /* e: enum krn_epilogue */
    VAR_KNOB_FEED,       /* t: A as it lies (0) or packed ahead as [depth group][mr][kr] (1) */
    VAR_KNOB_FORM,       /* v: loads of what is contiguous: one by one, in pairs, in fours */
    VAR_KNOB_ADDRESS,    /* i: rows advance (0), share an offset (1); all loads advance (2) */
    VAR_KNOB_HOLD,       /* h: the operand that stays in registers (0 = rows of A, 1 = B) */
    VAR_KNOB_FLIGHT,     /* g: products in flight, where a product is no accumulation yet */
    VAR_KNOB_PIPELINE,   /* p: loads of the next iteration among the MACs of this one (1) */
    VAR_KNOB_WIDEN,      /* w: weights are bytes (0) or words, widened at packing (1) */
    VAR_KNOB_DIAGONAL,   /* d: DIRECT: channels of a block that its columns alone read, 0 = all */
    VAR_KNOB_LATE,       /* r: DIRECT: bytes are made where a step ends (0), or in the next (1) */
    VAR_KNOB_DRAIN,      /* q: epilogue output by output (0), several at a time (1) */
    VAR_KNOB_COUNT
};

/* One row per knob: the table is the grammar, the space and the documentation of it. */
struct var_knob_info {
    char letter;
    const char *name, *unit, *meaning;
    int is_driver;
    int default_value;
    int is_optional; /* written in names only where it differs from its default */
};
extern const struct var_knob_info var_knobs[VAR_KNOB_COUNT];

struct var_variant {
    enum krn_isa isa;
    enum krn_family family;
    int knob[VAR_KNOB_COUNT]; /* of a knob that the family lacks: 0 (driver knobs: default) */
};

/* Writes the name to `out` (VAR_NAME_MAX bytes). `v` is any point for which var_feasible() is 0. */
void var_name_format(const struct var_variant *v, char *out);
/* The micro-kernel's name alone: var_name_format() without driver knobs. */
void var_kernel_name_format(const struct var_variant *v, char *out);
/* Reads a name; accepts exactly what var_name_format() writes, for feasible points only.
 * 0, or -EINVAL with what is wrong and where in err. */
int var_name_parse(const char *name, struct var_variant *out, char *err, size_t err_bytes);
/* The grammar alone, for names that var_name_format() wrote: a point that cannot be made is read,
 * too. 0 or -EINVAL, as above. */
int var_name_read(const char *name, struct var_variant *out, char *err, size_t err_bytes);

/* 0 if the generator can make it; -ENOSPC where registers do not suffice, -ENOTSUP where knobs are
 * out of range or cannot be combined, with the reason (err may be NULL). */
int var_feasible(const struct var_variant *v, char *err, size_t err_bytes);

/* What removes a point that is worth trying (filters.h), the cheapest to ask first. */
enum var_filter { VAR_FILTER_ACCUMULATORS, VAR_FILTER_MIX, VAR_FILTER_REGISTERS, VAR_FILTER_COUNT };

struct var_core;

/* Walks the feasible points of the space in a fixed order.
 *   isas     bit set of 1u << enum krn_isa
 *   problem  only points that krn_conv_plan() accepts for it, and that are worth trying; NULL = all
 *            (PEAK kernels are not in the space; ask var_peak()). */
struct var_space {
    uint32_t isas;
    const struct krn_problem *problem;
    uint64_t next;              /* position */
    enum krn_epilogue epilogue; /* with a problem, only points of this one; set it after the start
                                 */
    int with_refused; /* points that var_feasible() may refuse are given, too; as epilogue */
    const struct var_core
        *core;      /* whose filters and plain choices count; NULL = none in particular */
    int unfiltered; /* with a problem, points that filters would remove are given, too */
    uint64_t removed[VAR_FILTER_COUNT]; /* points until now that each filter removed */
    /* What the walk knows of kernels that it has asked for, so that it need not ask again for
     * another choice of the driver; and the plain choice of the level that it is in. */
    uint64_t asked_at, asked, refused, spilled;
    int plain_of; /* 1 + the level; 0 = none yet */
    struct var_variant plain;
};
void var_space_init(struct var_space *space, uint32_t isas, const struct krn_problem *problem);
/* 1 and *out filled, or 0 at the end. Asking whether a point is feasible is what takes the time. */
int var_space_next(struct var_space *space, struct var_variant *out);

/* The plain choice for a problem on an ISA: what a user without a sweep gets, the baseline of a
 * sweep and the fallback of an export. 0, or -ENOTSUP where the level has none (KRN_ISA_C always
 * has). */
int var_default(enum krn_isa isa, const struct krn_problem *problem, struct var_variant *out);
/* The same with another epilogue. What these two name is built in, FIXED ones left out. */
int var_default_of(enum krn_isa isa, const struct krn_problem *problem, enum krn_epilogue epilogue,
                   struct var_variant *out);

/* The same for a core, whose own plain choices go first; NULL = none in particular. */
int var_default_on(const struct var_core *core, enum krn_isa isa, const struct krn_problem *problem,
                   enum krn_epilogue epilogue, struct var_variant *out);

/* The peak micro-kernel of an ISA (family PEAK). 0, or -ENOTSUP: portable C has none, since what
 * the compiler makes of it is no limit of the machine. */
int var_peak(enum krn_isa isa, struct var_variant *out);

/* Fills all but `fn`; `name` is set to `name_buf` (VAR_NAME_MAX bytes, the caller's), or to ""
 * where that is NULL. */
void var_kernel_describe(const struct var_variant *v, struct krn_kernel *out, char *name_buf);
struct krn_driver var_driver(const struct var_variant *v);

/* Growing text. Zero-initialise; var_text_clear() frees. */
struct var_text {
    char *data; /* NUL-terminated, owned */
    size_t length, capacity;
    int failed; /* -ENOMEM once anything was lost */
};
int var_text_printf(struct var_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void var_text_clear(struct var_text *t);

/* The languages that text is in, so a build knows which compiler front end gets it. */
enum var_language { VAR_LANGUAGE_ASM, VAR_LANGUAGE_C };
enum var_language var_language(enum krn_isa isa);

/* Appends the micro-kernel of `v` (assembly for the ordinary assembler, ELF; or C). Deterministic.
 * Several of one ISA may be appended to one text. 0, -ENOTSUP (with reason), -ENOMEM. */
int var_generate(const struct var_variant *v, struct var_text *out, char *err, size_t err_bytes);

/* Appends the numbers of a row as designated initialisers, ".mr = 4, .nr = 16, ...": whatever lists
 * kernels in C lists all of them. */
void var_kernel_row(const struct krn_kernel *k, struct var_text *out);

/* Appends C source that declares the micro-kernels of `v[0..count)` (distinct kernel names) and
 * defines
 *     const struct krn_kernel NAME[]; const size_t NAME_count; */
int var_generate_registry(const struct var_variant *v, size_t count, const char *array_name,
                          struct var_text *out);

/* How many of the caller's registers the micro-kernel saves and restores. 0; -ENOTSUP where the
 * compiler decides (portable C), or for what cannot be generated; -ENOMEM. */
int var_saved_registers(const struct var_variant *v, int *count);

/* Both of the following from one generation: 0 or as var_source_hash(); *count is -1 where the
 * compiler decides. */
int var_source_facts(const struct var_variant *v, uint64_t *hash, int *count);

/* Fingerprint of the generated text of `v`: FNV-1a 64 of it. Changes whenever the code would. */
int var_source_hash(const struct var_variant *v, uint64_t *hash);

#endif
