/* The fields of a problem, what they must fulfil, and what follows from them. */
#include "kernels/problem_int.h"

#include <errno.h>

#include "kernels/text_int.h"

const struct krn_field_info krn_fields[KRN_FIELD_COUNT] = {
    [MB] = { "mb", offsetof(struct krn_problem, n), 1, 0 },
    [G] = { "g", offsetof(struct krn_problem, groups), 1, 0 },
    [IC] = { "ic", offsetof(struct krn_problem, ic), 1, 0 },
    [IH] = { "ih", offsetof(struct krn_problem, ih), 1, 0 },
    [IW] = { "iw", offsetof(struct krn_problem, iw), 1, 0 },
    [OC] = { "oc", offsetof(struct krn_problem, oc), 1, 0 },
    [OH] = { "oh", offsetof(struct krn_problem, oh), 1, 0 },
    [OW] = { "ow", offsetof(struct krn_problem, ow), 1, 0 },
    [KH] = { "kh", offsetof(struct krn_problem, kh), 1, 0 },
    [KW] = { "kw", offsetof(struct krn_problem, kw), 1, 0 },
    [SH] = { "sh", offsetof(struct krn_problem, sh), 1, 0 },
    [SW] = { "sw", offsetof(struct krn_problem, sw), 1, 0 },
    [PH] = { "ph", offsetof(struct krn_problem, ph), 0, 0 },
    [PW] = { "pw", offsetof(struct krn_problem, pw), 0, 0 },
    [DH] = { "dh", offsetof(struct krn_problem, dh), 0, 1 },
    [DW] = { "dw", offsetof(struct krn_problem, dw), 0, 1 },
};

/* One axis: the last output begins on real input, or where equal padding on both sides ends; and no
 * row of input is left over that a whole further output would fit on. Padding may be wider than the
 * filter (SqueezeNet's last layer is 1x1 with a padding of 1): such outputs see nothing else. */
static int check_axis(char axis, int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t pad,
                      int64_t distance, char *err, size_t err_bytes)
{
    int64_t extent = (taps - 1) * distance + 1; /* of the filter with its gaps */
    int64_t room = in + pad - extent;
    int64_t least = room < 0 ? 1 : room / stride + 1;
    int64_t most = (in - 1 + pad) / stride + 1;
    int64_t even = room + pad < 0 ? 0 : (room + pad) / stride + 1; /* padding equal on both sides */
    most = even > most ? even : most;
    if (out < least || out > most) {
        krn_text_print(err, err_bytes,
                       "o%c%lld does not follow from i%c%lld k%c%lld s%c%lld p%c%lld d%c%lld: "
                       "%lld (no padding at the end) to %lld would",
                       axis, (long long)out, axis, (long long)in, axis, (long long)taps, axis,
                       (long long)stride, axis, (long long)pad, axis, (long long)(distance - 1),
                       (long long)least, (long long)most);
        return -EINVAL;
    }
    return 0;
}

/* a * b * c * d of counts <= INT32_MAX fits INT32_MAX too. */
static int product_fits(int64_t a, int64_t b, int64_t c, int64_t d)
{
    int64_t product = a * b;
    if (product > INT32_MAX || (product *= c) > INT32_MAX)
        return 0;
    return product * d <= INT32_MAX;
}

static int check_size(const char *tensor, int fits, char *err, size_t err_bytes)
{
    if (!fits)
        krn_text_print(err, err_bytes, "the %s tensor has more than 2147483647 elements", tensor);
    return fits ? 0 : -EINVAL;
}

int krn_problem_check(const struct krn_problem *p, char *err, size_t err_bytes)
{
    for (int f = 0; f < KRN_FIELD_COUNT; f++)
        if (krn_field_of(p, (enum krn_field)f) < krn_fields[f].min + krn_fields[f].bias) {
            krn_text_print(err, err_bytes, "%s%lld: must be at least %d", krn_fields[f].key,
                           (long long)krn_field_of(p, (enum krn_field)f) - krn_fields[f].bias,
                           krn_fields[f].min);
            return -EINVAL;
        }
    if (p->ic % p->groups != 0 || p->oc % p->groups != 0) {
        krn_text_print(err, err_bytes, "ic%d and oc%d must be multiples of g%d", p->ic, p->oc,
                       p->groups);
        return -EINVAL;
    }
    int rc = check_axis('h', p->ih, p->oh, p->kh, p->sh, p->ph, p->dh, err, err_bytes);
    if (rc == 0)
        rc = check_axis('w', p->iw, p->ow, p->kw, p->sw, p->pw, p->dw, err, err_bytes);
    if (rc == 0)
        rc = check_size("input", product_fits(p->n, p->ih, p->iw, p->ic), err, err_bytes);
    if (rc == 0)
        rc = check_size("output", product_fits(p->n, p->oh, p->ow, p->oc), err, err_bytes);
    if (rc == 0)
        rc = check_size("weight", product_fits(p->oc, p->kh, p->kw, p->ic / p->groups), err,
                        err_bytes);
    return rc;
}

int64_t krn_problem_macs(const struct krn_problem *p)
{
    return (int64_t)krn_problem_output_count(p) * p->kh * p->kw * (p->ic / p->groups);
}

size_t krn_problem_input_count(const struct krn_problem *p)
{
    return (size_t)p->n * (size_t)p->ih * (size_t)p->iw * (size_t)p->ic;
}

size_t krn_problem_output_count(const struct krn_problem *p)
{
    return (size_t)p->n * (size_t)p->oh * (size_t)p->ow * (size_t)p->oc;
}

size_t krn_problem_weight_count(const struct krn_problem *p)
{
    return (size_t)p->oc * (size_t)p->kh * (size_t)p->kw * (size_t)(p->ic / p->groups);
}

int krn_problem_is_depthwise(const struct krn_problem *p)
{
    return p->groups > 1 && p->groups == p->ic && p->groups == p->oc;
}

int krn_problem_multiplier(const struct krn_problem *p)
{
    return p->groups > 1 && p->groups == p->ic ? p->oc / p->ic : 0;
}

int krn_problem_is_pointwise(const struct krn_problem *p)
{
    return p->kh == 1 && p->kw == 1 && p->sh == 1 && p->sw == 1 && p->ph == 0 && p->pw == 0 &&
           p->oh == p->ih && p->ow == p->iw && p->groups == 1;
}
