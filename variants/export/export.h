/* The exporter: turns chosen variants into a folder that another project drops in: micro-kernels,
 * drivers, a dispatch table, build files, a self-test and a passport.
 *
 *     var_export_make() -> var_export_write() or var_export_compare() -> var_export_clear()
 *
 * What it is not: it knows no database and chooses nothing; it is handed plain structs. It runs no
 * compiler. The same input gives the same bytes; no date, no path of this machine gets in. */
#ifndef QUERN_VARIANTS_EXPORT_H
#define QUERN_VARIANTS_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "variants/variant.h"

/* A counter of the winning samples, per call of the whole convolution. */
struct var_export_counter {
    const char *event;
    double per_call;
};

/* The chosen variant against another one, paired by round. */
struct var_export_comparison {
    const char *role;        /* what the other one is: "default", "portable" */
    const char *against;     /* its name */
    const char *verdict;     /* "faster", "slower", "tie", "undecided" */
    double ratio, low, high; /* time of the chosen one / time of it, and the 95 % interval */
    size_t pairs;
};

/* Why a variant was chosen. Strings are borrowed; NULL counts as unknown. Only what is known is
 * written: a 0 time or a 0 count is left out. */
struct var_export_evidence {
    const char *kind; /* "measured", "emulated" or "predicted" */
    const char *device, *arch, *cpu, *midr, *kernel, *os;
    const char *compiler, *compiler_flags;
    const char *command, *tool_version;
    int64_t run_id;
    uint64_t seed;
    int rounds;
    size_t samples;
    double median_ns, min_ns, mad_ns; /* per convolution */
    double peak_share;                /* of the measured peak of its ISA, 0..1 */
    size_t tied;                      /* variants in the tie with it, itself counted */
    const struct var_export_comparison *comparisons;
    size_t comparison_count;
    const struct var_export_counter *counters;
    size_t counter_count;
};

/* A kind of core that a choice is for: other kinds do not get it while they have one of their own.
 */
struct var_export_core {
    const char *name; /* "Cortex-A55"; NULL = the choice is for any */
    uint32_t midr;    /* 0 = unknown: a caller must say that it runs there */
};

struct var_export_choice {
    struct krn_problem problem;
    struct var_variant variant;
    struct var_export_core core;
    struct var_export_evidence evidence;
};

/* The layer that a choice is for: the canonical string of its problem and its variant's epilogue.
 * `out` holds KRN_PROBLEM_STR_MAX bytes. */
static inline void var_export_layer(const struct var_export_choice *choice, char *out)
{
    krn_layer_format(&choice->problem, (enum krn_epilogue)choice->variant.knob[VAR_KNOB_EPILOGUE],
                     0, out);
}

struct var_export_input {
    const char *source_root; /* holds kernels/, variants/export/template/ and LICENSE */
    const char *tool_version;
    const char *selection; /* what the choices follow from, in the caller's words; kept in the
                              passport, var_export_selection() gives it back */
    const struct var_export_choice *choices; /* of one problem: the one to prefer first */
    size_t count;                            /* 0 is an error */
    /* Choices of several cores are planned, packed and run as one layer: where their packings
     * (variants/packing.h) agree, on one copy of the weights. */
};

/* The folder in memory: files by path, sorted. Zero-initialise; var_export_clear() frees. */
struct var_export_file {
    char *path; /* relative, with '/' */
    struct var_text text;
};
struct var_export {
    struct var_export_file *files;
    size_t count;
};

/* 0; -EINVAL (no choices, a problem that a chosen kernel refuses), -ENOENT (source root), -ENOTSUP
 * (generator), -ENOMEM; the sentence in err. */
int var_export_make(const struct var_export_input *input, struct var_export *out, char *err,
                    size_t err_bytes);
void var_export_clear(struct var_export *e);

/* Writes to a new folder beside `folder` and renames it, so that `folder` is whole or untouched.
 * An empty folder or an earlier export there is replaced; any other is refused with -EEXIST, or,
 * with `force`, moved aside to `folder`.before-export. 0 or -errno, the sentence in err. */
int var_export_write(const struct var_export *e, const char *folder, int force, char *err,
                     size_t err_bytes);

/* The `selection` of the export in `folder`. 0; -ENOENT if there is none, the sentence in err. */
int var_export_selection(const char *folder, char *out, size_t bytes, char *err, size_t err_bytes);

/* Calls `differs` for each file that is missing, changed, or there without being part of the
 * export. Returns their number, or -errno (no such folder) with the sentence in err. */
typedef void var_export_differs(const char *path, const char *how, void *user);
int var_export_compare(const struct var_export *e, const char *folder, var_export_differs *differs,
                       void *user, char *err, size_t err_bytes);

#endif
