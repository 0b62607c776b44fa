/* Int8 convolution kernels, chosen by measurement and exported by Quern. See README.md.
 *
 * The short way: one object per layer, which owns its memory.
 *     struct quern_conv *conv;
 *     int rc = quern_conv_create(&problem, &quant, weights, bias, scale, &conv, err, sizeof err);
 *     quern_conv_run(conv, in, out);
 *     quern_conv_destroy(conv);
 * The long way, with memory and threads of your own: quern_conv_select(), then krn_conv_plan(),
 * pack, setup and run of kernels/conv.h.
 *
 * Needs the folder of this package and its include/ on the include path. C11 or C++11. */
#ifndef QUERN_KERNELS_H
#define QUERN_KERNELS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/conv.h"
#include "kernels/reference.h"

/* How well a choice fits. */
enum quern_match {
    QUERN_MATCH_EXACT,   /* this very problem was measured (any number of images) */
    QUERN_MATCH_NEAREST, /* the choice of the nearest measured problem of the same kind */
    QUERN_MATCH_PORTABLE /* portable C: nothing measured runs here */
};

struct quern_choice {
    const struct krn_kernel *kernel; /* never NULL */
    struct krn_driver driver;
    enum quern_match match;
    const char *variant; /* as in passport.json; the kernel's name for QUERN_MATCH_PORTABLE */
};

/* The best of the table for this problem on this CPU: of the variants measured on it the fastest
 * that the CPU has the instructions for; else that of the nearest shape. Always one that
 * krn_conv_plan() accepts, for a problem that krn_problem_check() does. Asks the CPU each time:
 * call it once per layer. */
struct quern_choice quern_conv_select(const struct krn_problem *problem);

/* The same among kernels with another epilogue (kernel.h), which the object below has no use for:
 * its SUMS are no bytes, its ADD wants a second tensor. kernel is NULL where the table has none
 * that runs here and takes the problem. */
struct quern_choice quern_conv_select_epilogue(const struct krn_problem *problem,
                                               enum krn_epilogue epilogue);

struct quern_conv;

/* Selects, plans and packs. weights, bias (may be NULL) and scale as krn_conv_pack(); they are not
 * needed afterwards. 0; -EINVAL or -ENOTSUP with the reason in err; -ENOMEM. */
int quern_conv_create(const struct krn_problem *problem, const struct krn_quant *quant,
                      const int8_t *weights, const int32_t *bias, const float *scale,
                      struct quern_conv **out, char *err, size_t err_bytes);

/* in s8 [n][ih][iw][ic], out s8 [n][oh][ow][oc]. Not from two threads at once on one object. */
void quern_conv_run(struct quern_conv *conv, const int8_t *in, int8_t *out);

struct quern_choice quern_conv_choice(const struct quern_conv *conv);

void quern_conv_destroy(struct quern_conv *conv); /* accepts NULL */

#ifdef __cplusplus
}
#endif

#endif
