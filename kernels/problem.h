/* One convolution problem: its shape, its canonical string and its arithmetic.
 *
 * What it is not: no data, no quantisation parameters, no choice of a kernel.
 * Usual order: krn_problem_parse() -> use the fields -> krn_problem_format().
 * Freestanding: no allocation, no stdio. */
#ifndef QUERN_KERNELS_PROBLEM_H
#define QUERN_KERNELS_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#define KRN_PROBLEM_NAME_MAX 64 /* bytes of the title, with its NUL */
#define KRN_PROBLEM_STR_MAX 320 /* bytes of the longest canonical string, with its NUL */

/* All counts are elements. Padding is at the top and at the left; the bottom and the right follow
 * from oh and ow, so an asymmetric padding needs no field of its own. */
struct krn_problem {
    int32_t n;          /* images */
    int32_t groups;     /* 1 = dense; groups == ic = depthwise, with multiplier oc / ic */
    int32_t ic, ih, iw; /* input channels (all groups together), height, width */
    int32_t oc, oh, ow; /* output channels (all groups together), height, width */
    int32_t kh, kw;     /* filter taps */
    int32_t sh, sw;     /* strides, >= 1 */
    int32_t ph, pw;     /* padding above and to the left, >= 0 */
    int32_t dh, dw;     /* distance between taps, >= 1; the string has 1 less, as benchdnn */
    char name[KRN_PROBLEM_NAME_MAX]; /* title, may be empty; not part of the identity */
};

/* Reads a problem from `text`, the form of benchdnn:
 *     [mbN][gN] icN ihN [iwN] ocN [ohN][owN] khN [kwN][shN][swN][phN][pwN][dhN][dwN] [n"title"]
 * without the spaces, in any order, the title last. A missing width is the height, a missing height
 * the width; oh and ow default to each other where all else is square, or else to the size that
 * equal padding on both sides gives. As in benchdnn, one "_" may stand between two keys.
 * Or "H:W:Cin:Cout", a 3x3 stride 1 pad 1 layer.
 * 0 and *out filled, or -EINVAL with a sentence of what is wrong, and where, in err. */
int krn_problem_parse(const char *text, struct krn_problem *out, char *err, size_t err_bytes);

/* Writes the canonical string: defaults left out (but oh, so that a reader sees it), the title last
 * where `with_name`. The string without the title is the identity of the problem everywhere
 * (database key, file names).
 * `out` holds KRN_PROBLEM_STR_MAX bytes. */
void krn_problem_format(const struct krn_problem *p, int with_name, char *out);

/* 0, or -EINVAL with the reason in err: sizes positive and consistent (the filter touches the input
 * at the first and the last output, and the output leaves no room for one more), no overflow of any
 * product that this project forms (elements of a tensor and MACs of a group fit int32 / int64). */
int krn_problem_check(const struct krn_problem *p, char *err, size_t err_bytes);

/* Multiply-accumulates, taps in the padding counted. */
int64_t krn_problem_macs(const struct krn_problem *p);

/* Elements of the tensors: input [n][ih][iw][ic], output [n][oh][ow][oc],
 * weights [oc][kh][kw][ic / groups]. */
size_t krn_problem_input_count(const struct krn_problem *p);
size_t krn_problem_output_count(const struct krn_problem *p);
size_t krn_problem_weight_count(const struct krn_problem *p);

int krn_problem_is_depthwise(const struct krn_problem *p); /* groups == ic == oc, groups > 1 */
int krn_problem_multiplier(const struct krn_problem *p); /* oc / ic where groups == ic > 1, or 0 */
int krn_problem_is_pointwise(const struct krn_problem *p); /* 1x1, stride 1, unpadded, one group */

#endif
