/* The generated tables of dispatch.c. Private to src/ and to the self-test. */
#ifndef QUERN_DISPATCH_H
#define QUERN_DISPATCH_H

#include "kernels/conv.h"

/* Every micro-kernel of the package; fn is NULL where it is not of this architecture. */
extern const struct krn_kernel quern_table[];
extern const size_t quern_table_count;

/* One measured choice. */
struct quern_row {
    struct krn_problem problem;
    size_t kernel; /* index into quern_table */
    struct krn_driver driver;
    const char *variant;
};
extern const struct quern_row quern_rows[];
extern const size_t quern_row_count;

/* Portable kernels, in the order in which they are tried. The last one takes any problem. */
extern const size_t quern_portable[]; /* indices into quern_table */
extern const size_t quern_portable_count;

#endif
