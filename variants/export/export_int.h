/* What the files of the exporter share. */
#ifndef QUERN_VARIANTS_EXPORT_INT_H
#define QUERN_VARIANTS_EXPORT_INT_H

#include "variants/export/export.h"

#define EXP_SPDX "SPDX-License-Identifier: BSD-2-Clause"

/* The first line of passport.json after its brace, by which a folder is known to be an export. */
#define EXP_MARK "  \"format\": \"quern-export\","

/* What precedes the selection, as a JSON string without escapes, on a line of passport.json. */
#define EXP_SELECTION "  \"selection\": "

enum { EXP_CORES_MAX = 8 };

/* A micro-kernel of the package, once, whatever number of choices uses it. */
struct exp_kernel {
    struct var_variant variant;
    char name[VAR_NAME_MAX];
    struct krn_kernel row; /* its registry row; fn NULL, name borrowed from `name` */
    int portable;          /* part of the fallback for any problem */
};

/* Everything that the writers of single files read. */
struct exp_plan {
    const struct var_export_input *input;
    struct exp_kernel *kernels; /* sorted by ISA, then name; owned */
    size_t count;
    size_t *of_choice;                           /* [input->count]: index of its kernel; owned */
    struct var_export_core cores[EXP_CORES_MAX]; /* in the order of the choices; names borrowed */
    size_t core_count;
    int *core_of_choice; /* [input->count]: index of its core, -1 = any; owned */
};

/* Appends an empty file and returns its text, valid until the next call; NULL without memory. */
struct var_text *exp_add(struct var_export *e, const char *path);

/* Appends a file with the contents of `from` under the source root; an SPDX line on top unless it
 * has one. 0 or -errno with the sentence in err. */
int exp_copy(struct var_export *e, const char *source_root, const char *from, const char *path,
             char *err, size_t err_bytes);

/* Appends a file made from the template `from`: a line with @SOURCE@ (@SOURCE_C@, @SOURCE_ASM@) is
 * repeated for each source (.c, .S) among the files so far. */
int exp_expand(struct var_export *e, const char *source_root, const char *from, const char *path,
               char *err, size_t err_bytes);

/* Each appends one file, or several. 0 or -errno with the sentence in err. */
typedef int exp_writer(const struct exp_plan *plan, struct var_export *e, char *err,
                       size_t err_bytes);
exp_writer exp_write_kernels;  /* src/NAME.c, src/NAME.S */
exp_writer exp_write_dispatch; /* src/dispatch.c */
exp_writer exp_write_vectors;  /* selftest_vectors.h */
exp_writer exp_write_passport; /* passport.json */
exp_writer exp_write_readme;   /* README.md */

/* Plans a problem with a chosen kernel, at any quantisation: 0, or why not, as krn_conv_plan(). */
int exp_plans(const struct var_variant *variant, const struct krn_problem *problem,
              struct krn_conv *conv, char *err, size_t err_bytes);

int exp_is_source(const char *path); /* compiled into the library: src/ and kernels/, .c or .S */

#endif
