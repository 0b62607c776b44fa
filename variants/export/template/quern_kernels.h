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
    const struct krn_kernel *kernel; /* never NULL, but see quern_conv_select_epilogue() */
    struct krn_driver driver;
    enum quern_match match;
    const char *variant; /* as in passport.json; the kernel's name for QUERN_MATCH_PORTABLE */
};

/* The best of the table for this problem on this CPU: of the variants measured on it the fastest
 * that the CPU has the instructions for; else that of the nearest shape. Always one that
 * krn_conv_plan() accepts, for a problem that krn_problem_check() does. Asks the CPU each time:
 * call it once per layer. */
struct quern_choice quern_conv_select(const struct krn_problem *problem);

/* The same for a layer with another epilogue (kernel.h): ADD, the convolution that a residual add
 * is a part of; SUMS, sums of 32 bits; FIXED. kernel is NULL where the package was exported without
 * a layer of that form. */
struct quern_choice quern_conv_select_epilogue(const struct krn_problem *problem,
                                               enum krn_epilogue epilogue);

/* Kinds of core that the package has choices for, 1 where there is no difference; the name of one;
 * and the one that this thread runs on, by the MIDR that Linux shows on AArch64: 0, the first,
 * where it is none of them or nobody says. Threads move: ask again, or pin them. */
size_t quern_core_kinds(void);
const char *quern_core_name(size_t core);
size_t quern_core_here(void);

/* quern_conv_select_epilogue() for one of them, quern_core_here() or not. */
struct quern_choice quern_conv_select_core(const struct krn_problem *problem,
                                           enum krn_epilogue epilogue, size_t core);

struct quern_conv;

/* Selects, plans and packs, for every kind of core; cores whose choices agree in the packing share
 * one copy of the weights. weights, bias (may be NULL) and scale as krn_conv_pack(); they are not
 * needed afterwards. 0; -EINVAL or -ENOTSUP with the reason in err; -ENOMEM. */
int quern_conv_create(const struct krn_problem *problem, const struct krn_quant *quant,
                      const int8_t *weights, const int32_t *bias, const float *scale,
                      struct quern_conv **out, char *err, size_t err_bytes);

/* The same for a layer with another epilogue: ADD is run by quern_conv_run_add(); FIXED takes
 * 0 <= scale < 1; SUMS looks at neither scale nor quant but zp_in. -ENOENT: see
 * quern_conv_select_epilogue(). */
int quern_conv_create_epilogue(const struct krn_problem *problem, enum krn_epilogue epilogue,
                               const struct krn_quant *quant, const int8_t *weights,
                               const int32_t *bias, const float *scale, struct quern_conv **out,
                               char *err, size_t err_bytes);

/* On the kind of core that runs it, as quern_core_here() says; every kind gives the same bytes.
 * in s8 [n][ih][iw][ic], out s8 [n][oh][ow][oc] (SUMS: s32). Not from two threads at once on one
 * object. */
void quern_conv_run(struct quern_conv *conv, const int8_t *in, void *out);
/* ADD: out = in's convolution and add->tensor, s8 [n][oh][ow][oc], rounded once (conv.h). */
void quern_conv_run_add(struct quern_conv *conv, const int8_t *in, const struct krn_add *add,
                        void *out);

/* The same with the choice of kind `core`, whatever runs it: for a thread that is pinned. `add` is
 * NULL but for ADD. */
void quern_conv_run_core(struct quern_conv *conv, size_t core, const int8_t *in,
                         const struct krn_add *add, void *out);

struct quern_choice quern_conv_choice(const struct quern_conv *conv);
struct quern_choice quern_conv_choice_core(const struct quern_conv *conv, size_t core);
size_t quern_conv_packed_bytes(const struct quern_conv *conv); /* of all copies of the weights */

void quern_conv_destroy(struct quern_conv *conv); /* accepts NULL */

#ifdef __cplusplus
}
#endif

#endif
