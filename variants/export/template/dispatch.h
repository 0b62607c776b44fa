/* The generated tables of dispatch.c. Private to src/ and to the self-test. */
#ifndef QUERN_DISPATCH_H
#define QUERN_DISPATCH_H

#include "kernels/conv.h"

/* Every micro-kernel of the package; fn is NULL where it is not of this architecture. */
extern const struct krn_kernel quern_table[];
extern const size_t quern_table_count;

/* Kinds of core that there are choices for; a single one of any name where cores do not matter. */
struct quern_core {
    const char *name;
    uint32_t midr; /* 0 = not to be told by it */
};
extern const struct quern_core quern_cores[];
extern const size_t quern_core_count; /* at least 1 */

/* One measured choice. */
struct quern_row {
    struct krn_problem problem;
    size_t kernel; /* index into quern_table */
    struct krn_driver driver;
    const char *variant;
    int core; /* index into quern_cores that it is for, -1 = any */
};
extern const struct quern_row quern_rows[];
extern const size_t quern_row_count;

/* Portable kernels, in the order in which they are tried. The last one takes any problem. */
extern const size_t quern_portable[]; /* indices into quern_table */
extern const size_t quern_portable_count;

#endif
