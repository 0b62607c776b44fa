/* What takes a part of a tensor, or makes it larger. */
#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "quant/model/sampling.h"

/* ---- Parts along one dimension: of channels, whatever the axis */

struct part {
    int64_t begin, step, count;
};

/* Which of h, w, c dimension `axis` of an image is that lies plain; -1 where it must be turned. */
static int axis_as_it_lies(const struct onnx *o, const struct onnx_view *v, int axis)
{
    static const int places[4] = { -1, 2, 0, 1 };
    const struct qnt_node *n = onnx_node_of(o, v);

    if (v->rank != 4 || v->dims[0] != 1 || v->dims[1] != n->c || v->dims[2] != n->h ||
        v->dims[3] != n->w)
        return -1;
    for (int i = 0; i < 4; i++)
        if (v->perm[i] != i)
            return -1;
    return places[axis];
}

/* The part along `axis`; as output `to`, or, -1, in place of *v. */
static int emit_part(struct onnx *o, struct onnx_view *v, int axis, struct part p, int to)
{
    struct onnx_view plain;

    if (to < 0 && p.begin == 0 && p.step == 1 && p.count == onnx_dim(v, axis))
        return 0;
    int at = axis_as_it_lies(o, v, axis);
    int rc = at >= 0 ? 0 : onnx_axis_first(o, v, axis, &plain);
    if (rc)
        return rc;
    struct onnx_view out = at >= 0 ? *v : onnx_axis_back(v, axis, -1, p.count);
    struct qnt_node node = onnx_node_on(o, QNT_OP_SLICE, at >= 0 ? v : &plain);
    int32_t *const sizes[3] = { &node.h, &node.w, &node.c };
    at = at >= 0 ? at : 2;
    out.dims[out.perm[axis]] = p.count;
    *sizes[at] = (int32_t)p.count;
    node.place = (struct qnt_place) { { 0 }, { 1, 1, 1 } };
    node.place.begin[at] = (int32_t)p.begin;
    node.place.step[at] = (int32_t)p.step;
    if (to >= 0)
        return onnx_emit(o, (size_t)to, &node, &out);
    *v = out;
    return onnx_emit_part(o, &node, "slice", &v->node);
}

int onnx_import_split(struct onnx *o)
{
    int64_t said, sizes[ONNX_LIST_MAX], parts, begin = 0;
    const size_t outputs = o->node->n_output;
    struct onnx_view x;
    size_t count;
    int axis = 0, rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_attr_int(o, "axis", 0, INT32_MIN, INT32_MAX, &said);
    if (rc == 0)
        rc = onnx_axis(o, said, x.rank, &axis);
    if (rc == 0)
        rc = onnx_list(o, 1, "split", sizes, &count);
    if (rc == 0)
        rc = onnx_attr_int(o, "num_outputs", (int64_t)outputs, 1, ONNX_EXTENT_MAX, &parts);
    if (rc == 0 && (outputs > ONNX_LIST_MAX || (size_t)parts != outputs ||
                    (count != SIZE_MAX && count != outputs)))
        rc = onnx_fail(o, -EINVAL, "has %zu outputs, at most %d and one per part are supported",
                       outputs, ONNX_LIST_MAX);
    if (rc)
        return rc;
    const int64_t whole = onnx_dim(&x, axis), share = (whole + parts - 1) / parts;
    for (size_t i = 0; rc == 0 && i < outputs; i++) {
        const int64_t left = whole - begin;
        int64_t size = count != SIZE_MAX ? sizes[i] : left < share ? left : share;
        if (size < 1 || size > left)
            return onnx_fail(o, -EINVAL, "part %zu: %lld of the %lld elements that are left", i,
                             (long long)size, (long long)left);
        if (o->node->output[i][0])
            rc = emit_part(o, &x, axis, (struct part) { begin, 1, size }, (int)i);
        begin += size;
    }
    return rc;
}

/* Bounds as Python means them. */
static int64_t bound(int64_t said, int64_t size)
{
    said = said < 0 ? said < -size ? 0 : said + size : said;
    return said > size ? size : said;
}

static int read_list(const struct onnx *o, size_t i, const char *name, int64_t fallback,
                     size_t count, int64_t out[ONNX_LIST_MAX])
{
    size_t found;
    int rc = onnx_list(o, i, name, out, &found);

    for (size_t k = 0; rc == 0 && found == SIZE_MAX && k < count; k++)
        out[k] = fallback < 0 ? (int64_t)k : fallback;
    if (rc == 0 && found != SIZE_MAX && found != count)
        rc = onnx_fail(o, -EINVAL, "'%s' has %zu values, expected %zu", name, found, count);
    return rc;
}

/* parts[rank]: what is taken of each dimension. */
static int read_parts(struct onnx *o, const struct onnx_view *x, struct part parts[ONNX_RANK_MAX])
{
    int64_t begin[ONNX_LIST_MAX], end[ONNX_LIST_MAX], axes[ONNX_LIST_MAX], step[ONNX_LIST_MAX];
    size_t count;
    int axis, rc = onnx_list(o, 1, "starts", begin, &count);

    if (rc == 0 && count == SIZE_MAX)
        rc = onnx_fail(o, -EINVAL, "does not say where it begins");
    if (rc == 0)
        rc = read_list(o, 2, "ends", INT64_MAX, count, end);
    if (rc == 0)
        rc = read_list(o, 3, "axes", -1, count, axes);
    if (rc == 0)
        rc = read_list(o, 4, "steps", 1, count, step);
    for (int i = 0; i < x->rank; i++)
        parts[i] = (struct part) { 0, 1, onnx_dim(x, i) };
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = onnx_axis(o, axes[i], x->rank, &axis);
        if (rc)
            break;
        const int64_t size = onnx_dim(x, axis);
        const int64_t from = bound(begin[i], size), to = bound(end[i], size);
        if (step[i] < 1 || step[i] > INT32_MAX)
            return onnx_fail(o, -ENOTSUP, "a step of %lld is not supported", (long long)step[i]);
        if (from >= to)
            return onnx_fail(o, -EINVAL, "takes nothing of axis %d, from %lld to %lld", axis,
                             (long long)from, (long long)to);
        parts[axis] = (struct part) { from, step[i], (to - from - 1) / step[i] + 1 };
    }
    return rc;
}

/* All dimensions of an image that lies plain, in one node. */
static int emit_parts(struct onnx *o, struct onnx_view *x, const struct part parts[4])
{
    struct qnt_node node = onnx_node_on(o, QNT_OP_SLICE, x);
    int32_t *const sizes[3] = { &node.h, &node.w, &node.c };

    for (int axis = 1; axis < 4; axis++) {
        const int at = axis_as_it_lies(o, x, axis);
        node.place.begin[at] = (int32_t)parts[axis].begin;
        node.place.step[at] = (int32_t)parts[axis].step;
        *sizes[at] = (int32_t)parts[axis].count;
    }
    return onnx_emit_image(o, &node);
}

int onnx_import_slice(struct onnx *o)
{
    struct part parts[ONNX_RANK_MAX];
    struct onnx_view x;
    int changed = 0, rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = read_parts(o, &x, parts);
    for (int i = 0; rc == 0 && i < x.rank; i++)
        changed += parts[i].count != onnx_dim(&x, i);
    if (rc == 0 && changed && axis_as_it_lies(o, &x, 1) >= 0)
        return emit_parts(o, &x, parts);
    for (int i = 0; rc == 0 && i < x.rank; i++)
        rc = emit_part(o, &x, i, parts[i], -1);
    return rc ? rc : onnx_alias(o, 0, &x);
}

/* Indices that count upwards by one step are a part; one number drops its dimension. */
int onnx_import_gather(struct onnx *o)
{
    const struct onnx_const *at;
    struct onnx_view x;
    int64_t said, dims[ONNX_RANK_MAX];
    int axis = 0, rank = 0, rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_attr_int(o, "axis", 0, INT32_MIN, INT32_MAX, &said);
    if (rc == 0)
        rc = onnx_axis(o, said, x.rank, &axis);
    if (rc == 0)
        rc = onnx_input_const(o, 1, ONNX_WHOLE, &at);
    if (rc)
        return rc;
    const int64_t size = onnx_dim(&x, axis);
    int64_t first = at->count ? onnx_int_at(at, 0) : -size - 1, step = 1;
    first += first < 0 ? size : 0;
    if (at->count > 1)
        step = onnx_int_at(at, 1) - onnx_int_at(at, 0);
    int fits = at->rank <= 1 && at->count >= 1 && first >= 0 && first < size && step >= 1 &&
               step <= size && first + (int64_t)(at->count - 1) * step < size;
    for (size_t i = 1; fits && i < at->count; i++)
        fits = onnx_int_at(at, i) - onnx_int_at(at, i - 1) == step;
    if (!fits)
        return onnx_fail(o, -ENOTSUP, "only indices that count upwards by one step are supported");
    rc = emit_part(o, &x, axis, (struct part) { first, step, (int64_t)at->count }, -1);
    for (int i = 0; i < x.rank; i++)
        if (i != axis || at->rank == 1)
            dims[rank++] = onnx_dim(&x, i);
    if (rc == 0 && at->rank == 0)
        rc = onnx_reshape(o, &x, rank, dims);
    return rc ? rc : onnx_alias(o, 0, &x);
}

/* ---- Padding */

/* before[rank], after[rank] */
static int read_pads(struct onnx *o, int rank, int64_t before[ONNX_RANK_MAX],
                     int64_t after[ONNX_RANK_MAX])
{
    int64_t pads[ONNX_LIST_MAX], axes[ONNX_LIST_MAX];
    size_t count, named;
    int axis, rc = onnx_list(o, 1, "pads", pads, &count);

    if (rc == 0)
        rc = onnx_list(o, 3, "axes", axes, &named);
    if (rc)
        return rc;
    const size_t dims = named == SIZE_MAX ? (size_t)rank : named;
    if (count != 2 * dims)
        return onnx_fail(o, -EINVAL, "has %zu pads, expected %zu", count == SIZE_MAX ? 0 : count,
                         2 * dims);
    for (int i = 0; i < rank; i++)
        before[i] = after[i] = 0;
    for (size_t i = 0; i < dims; i++) {
        rc = onnx_axis(o, named == SIZE_MAX ? (int64_t)i : axes[i], rank, &axis);
        if (rc)
            return rc;
        before[axis] = pads[i];
        after[axis] = pads[dims + i];
        if (pads[i] < -ONNX_EXTENT_MAX || pads[i] > ONNX_EXTENT_MAX ||
            pads[dims + i] < -ONNX_EXTENT_MAX || pads[dims + i] > ONNX_EXTENT_MAX)
            return onnx_fail(o, -EINVAL, "a padding of %lld and %lld is out of range",
                             (long long)pads[i], (long long)pads[dims + i]);
    }
    return 0;
}

static int read_fill(struct onnx *o, float *fill)
{
    static const char *const modes[] = { "constant" };
    const struct onnx_const *c;
    int mode, rc = onnx_attr_word(o, "mode", modes, 1, 0, &mode);

    if (rc == 0)
        rc = onnx_attr_float(o, "value", 0, fill);
    if (rc == 0 && onnx_has_input(o, 2)) {
        rc = onnx_input_any(o, 2, &c);
        if (rc == 0)
            rc = onnx_scalar(o, c, fill);
    }
    if (rc == 0 && !isfinite(*fill))
        rc =
            onnx_fail(o, -ENOTSUP, "pads with %g; only finite values are supported", (double)*fill);
    return rc;
}

/* One dimension at a time, as channels, but for h and w together. */
static int pad_axis(struct onnx *o, struct onnx_view *x, int axis, int64_t before, int64_t after,
                    float fill)
{
    struct onnx_view plain;
    int rc = onnx_axis_first(o, x, axis, &plain);

    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_PAD, &plain);
    const int64_t size = node.c + before + after;
    if (size > QNT_ELEMENTS_MAX)
        return onnx_fail(o, -EINVAL, "an output of %lld channels is out of range", (long long)size);
    node.c = (int32_t)size;
    node.fill = fill;
    node.place = (struct qnt_place) { { 0, 0, (int32_t)before }, { 1, 1, 1 } };
    *x = onnx_axis_back(x, axis, -1, size);
    return onnx_emit_part(o, &node, "pad", &x->node);
}

static int pad_image(struct onnx *o, struct onnx_view *x, const int64_t *before,
                     const int64_t *after, float fill)
{
    int rc = onnx_plain(o, x);

    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_PAD, x);
    const int64_t h = node.h + before[2] + after[2], w = node.w + before[3] + after[3];
    if (h > QNT_ELEMENTS_MAX || w > QNT_ELEMENTS_MAX)
        return onnx_fail(o, -EINVAL, "an output of %lld x %lld is out of range", (long long)h,
                         (long long)w);
    node.h = (int32_t)h;
    node.w = (int32_t)w;
    node.fill = fill;
    node.place = (struct qnt_place) { { (int32_t)before[2], (int32_t)before[3], 0 }, { 1, 1, 1 } };
    *x = onnx_view_image(node.c, h, w);
    return onnx_emit_part(o, &node, "pad", &x->node);
}

/* Negative pads take away. */
static int crop(struct onnx *o, struct onnx_view *x, int64_t *before, int64_t *after)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < x->rank; i++) {
        const int64_t first = before[i] < 0 ? -before[i] : 0, last = after[i] < 0 ? -after[i] : 0;
        const int64_t left = onnx_dim(x, i) - first - last;
        if (left < 1)
            return onnx_fail(o, -EINVAL, "leaves nothing of dimension %d", i);
        rc = emit_part(o, x, i, (struct part) { first, 1, left }, -1);
        before[i] += first;
        after[i] += last;
    }
    return rc;
}

int onnx_import_pad(struct onnx *o)
{
    int64_t before[ONNX_RANK_MAX], after[ONNX_RANK_MAX];
    struct onnx_view x;
    float fill;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = read_pads(o, x.rank, before, after);
    if (rc == 0)
        rc = read_fill(o, &fill);
    if (rc == 0)
        rc = crop(o, &x, before, after);
    if (rc == 0 && x.rank == 4 && onnx_dim(&x, 0) == 1 &&
        (before[2] || after[2] || before[3] || after[3])) {
        rc = pad_image(o, &x, before, after, fill);
        before[2] = after[2] = before[3] = after[3] = 0;
    }
    for (int i = 0; rc == 0 && i < x.rank; i++)
        if (before[i] || after[i])
            rc = pad_axis(o, &x, i, before[i], after[i], fill);
    return rc ? rc : onnx_alias(o, 0, &x);
}

/* ---- Resize */

enum coordinates {
    HALF_PIXEL,
    TORCH_HALF_PIXEL,
    ASYMMETRIC,
    ALIGN_CORNERS,
    TF_HALF_PIXEL,
    COORDINATES
};
static const char *const coordinate_names[COORDINATES] = {
    "half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_half_pixel_for_nn",
};
enum rounding { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL, ROUNDINGS };
static const char *const rounding_names[ROUNDINGS] = { "round_prefer_floor", "round_prefer_ceil",
                                                       "floor", "ceil" };

/* What one axis becomes. */
struct axis {
    int64_t in, out;
    double scale; /* as the file has it: out / in, but for what is rounded */
};

static void set_axis(struct qnt_sampling *s, int k, enum coordinates c, const struct axis *a)
{
    const int centres = c == HALF_PIXEL || (c == TORCH_HALF_PIXEL && a->out > 1);

    s->step[k] = 1 / a->scale;
    s->offset[k] = centres ? 0.5 * s->step[k] - 0.5 : c == TF_HALF_PIXEL ? 0.5 * s->step[k] : 0;
    if (c == ALIGN_CORNERS)
        s->step[k] = a->out > 1 ? (double)(a->in - 1) / (double)(a->out - 1) : 0;
    if (c == TORCH_HALF_PIXEL && a->out == 1)
        s->step[k] = 0;
}

/* The nearest pixel is the one at or before what is a little more. Distances of pixels from halves
 * are more than 2^-20, or nothing. */
static double nudge(enum rounding r)
{
    static const double tie = 1.0 / (1 << 20);
    return r == FLOOR ? 0 : r == CEIL ? 1 - tie : r == PREFER_CEIL ? 0.5 : 0.5 - tie;
}

/* 1 if every pixel is repeated a whole number of times, whatever the file calls it: a move. */
static int repeats(const struct qnt_sampling *s, int k, const struct axis *a)
{
    if (!s->nearest || a->out % a->in)
        return 0;
    for (int64_t i = 0; i < a->out; i++)
        if (qnt_sample(s, k, (int32_t)i, (int32_t)a->in).first != i / (a->out / a->in))
            return 0;
    return 1;
}

/* The sizes of h and w: given, or as factors. Resize has (x, roi, scales, sizes) since operator set
 * 11, and (x, scales), as Upsample, before. */
static int read_sizes(struct onnx *o, const struct onnx_view *x, struct axis axes[4])
{
    const int is_new = strcmp(o->op->name, "Resize") == 0 && o->opset >= 11;
    const size_t scales_at = is_new ? 2 : 1;
    const Onnx__AttributeProto *a = onnx_attr(o, "scales");
    const struct onnx_const *c = NULL;
    int rc = 0, by_size = 0;

    if (is_new && onnx_has_input(o, 3)) {
        by_size = 1;
        rc = onnx_input_const(o, 3, ONNX_WHOLE, &c);
    } else if (onnx_has_input(o, scales_at)) {
        rc = onnx_input_const(o, scales_at, ONNX_REAL, &c);
    }
    if (rc)
        return rc;
    const size_t count = c ? c->count : a ? a->n_floats : 0;
    if (count != (size_t)x->rank)
        return onnx_fail(o, -ENOTSUP, "has %zu sizes for %d dimensions", count, x->rank);
    for (int i = 0; i < x->rank; i++) {
        const double factor = by_size ? 1 : c ? onnx_real_at(c, (size_t)i) : (double)a->floats[i];
        const double wanted =
            by_size ? onnx_real_at(c, (size_t)i) : floor((double)onnx_dim(x, i) * factor + 1e-6);
        if (!(wanted >= 1 && wanted <= ONNX_EXTENT_MAX))
            return onnx_fail(o, -EINVAL, "dimension %d would become %g", i, wanted);
        axes[i] = (struct axis) { onnx_dim(x, i), (int64_t)wanted, factor };
        if (by_size)
            axes[i].scale = wanted / (double)axes[i].in;
        if (i < 2 && axes[i].out != axes[i].in)
            return onnx_fail(o, -ENOTSUP,
                             "resizes dimension %d from %lld to %lld; only h and w may change", i,
                             (long long)axes[i].in, (long long)axes[i].out);
    }
    return 0;
}

enum { NEAREST, LINEAR, BILINEAR, MODES };

static int read_ways(struct onnx *o, int *mode, int *coordinates, int *rounding)
{
    static const char *const modes[MODES] = { "nearest", "linear", "bilinear" };
    static const char *const policies[] = { "stretch" };
    const int is_new = strcmp(o->op->name, "Resize") == 0 && o->opset >= 11;
    int64_t smooth;
    int policy, rc = onnx_attr_word(o, "mode", modes, is_new ? BILINEAR : MODES, NEAREST, mode);

    if (rc == 0)
        rc = onnx_attr_int(o, "antialias", 0, 0, 0, &smooth);
    if (rc == 0)
        rc = onnx_attr_word(o, "keep_aspect_ratio_policy", policies, 1, 0, &policy);

    if (rc == 0)
        rc = onnx_attr_word(o, "coordinate_transformation_mode", coordinate_names, COORDINATES,
                            is_new ? HALF_PIXEL : ASYMMETRIC, coordinates);
    if (rc == 0)
        rc = onnx_attr_word(o, "nearest_mode", rounding_names, ROUNDINGS,
                            is_new ? PREFER_FLOOR : FLOOR, rounding);
    if (rc == 0 && *mode != NEAREST && *coordinates == TF_HALF_PIXEL)
        rc = onnx_fail(o, -ENOTSUP, "'%s' is of nearest pixels only",
                       coordinate_names[TF_HALF_PIXEL]);
    return rc;
}

int onnx_import_resize(struct onnx *o)
{
    struct axis axes[4];
    int mode, coordinates, rounding;
    struct onnx_view x;
    int rc = onnx_input_of_rank(o, 0, 4, &x);

    if (rc == 0)
        rc = read_ways(o, &mode, &coordinates, &rounding);
    if (rc == 0)
        rc = read_sizes(o, &x, axes);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_RESIZE, &x);
    struct qnt_sampling *s = &node.sampling;
    s->nearest = mode == NEAREST;
    for (int k = 0; k < 2; k++) {
        set_axis(s, k, (enum coordinates)coordinates, &axes[2 + k]);
        s->offset[k] += s->nearest ? nudge((enum rounding)rounding) : 0;
    }
    if (repeats(s, 0, &axes[2]) && repeats(s, 1, &axes[3]))
        node.op = QNT_OP_UPSAMPLE;
    node.h = (int32_t)axes[2].out;
    node.w = (int32_t)axes[3].out;
    if (node.op == QNT_OP_UPSAMPLE && node.h == axes[2].in && node.w == axes[3].in)
        return onnx_alias(o, 0, &x);
    return onnx_emit_image(o, &node);
}

/* ---- Channels that become pixels */

int onnx_import_depth_to_space(struct onnx *o)
{
    static const char *const modes[] = { "DCR", "CRD" };
    struct onnx_view x;
    int64_t times;
    int mode, rc = onnx_input_of_rank(o, 0, 4, &x);

    if (rc == 0)
        rc = onnx_attr_int(o, "blocksize", 0, 1, 256, &times);
    if (rc == 0)
        rc = onnx_attr_word(o, "mode", modes, 2, 0, &mode);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_DEPTH_TO_SPACE, &x);
    const int32_t blocks = (int32_t)(times * times);
    if (node.c % blocks || node.h > ONNX_EXTENT_MAX || node.w > ONNX_EXTENT_MAX)
        return onnx_fail(o, -EINVAL, "%d channels do not make blocks of %lldx%lld pixels", node.c,
                         (long long)times, (long long)times);
    const int32_t chw[3] = { node.c, node.h, node.w };
    node.c /= blocks;
    if (mode && times > 1 && node.c > 1) /* [c][times^2] -> [times^2][c] */
        rc = onnx_emit_move(o, QNT_OP_SHUFFLE, chw, (struct qnt_place) { { 0, 0, node.c }, { 0 } },
                            &node.inputs[0]);
    node.h *= (int32_t)times;
    node.w *= (int32_t)times;
    return rc ? rc : onnx_emit_image(o, &node);
}
