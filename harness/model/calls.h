/* Which calls of its micro-kernel a convolution makes: the driver runs on the host around a
 * stand-in that writes its arguments down. So whatever the drivers do, nothing of it is said twice.
 */
#ifndef QUERN_HARNESS_MODEL_CALLS_H
#define QUERN_HARNESS_MODEL_CALLS_H

#include "kernels/conv.h"

enum { HRN_CALLS_MAX = 64 };

/* Calls that differ in addresses only are one. */
struct hrn_calls {
    enum krn_family family;
    double driver_insns; /* between the calls, see driver.h */
    size_t count;
    struct hrn_call {
        int64_t times;
        double whole; /* of a call of many tiles `args` has some: it takes so many times as long */
        union {
            struct krn_gemm_args gemm;
            struct krn_dw_args dw;
            struct krn_wino_args wino;
            struct krn_direct_args direct;
        } args;
    } call[HRN_CALLS_MAX];
};

/* `kernel` needs no function. 0; -ENOTSUP where the driver does not take the problem, or makes more
 * kinds of calls than fit; -ENOMEM; reason in err. Not for several threads at once. */
int hrn_calls_of(const struct krn_problem *problem, const struct krn_kernel *kernel,
                 struct krn_driver driver, struct hrn_calls *out, char *err, size_t err_bytes);

/* What all calls of one kind work, in a unit of the family: rows, pixels or taps times depth. */
double hrn_call_work(const struct hrn_calls *calls, size_t index);

/* Whether a kernel of the family executes the same in both. */
int hrn_call_is_alike(enum krn_family family, const struct hrn_call *a, const struct hrn_call *b);

#endif
