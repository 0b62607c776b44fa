/* Constants that are computed by choosing and moving elements of others, or from a shape. */
#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64

static void copy_element(const struct onnx_const *from, size_t i, const struct onnx_const *to,
                         void *data, size_t k)
{
    if (to->type == INT64)
        ((int64_t *)data)[k] = onnx_int_at(from, i);
    else
        ((float *)data)[k] = (float)onnx_real_at(from, i);
}

int onnx_compute_same(struct onnx *o)
{
    const struct onnx_const *c;
    int rc = onnx_input_any(o, 0, &c);
    return rc ? rc : onnx_alias_const(o, c);
}

/* A number or a list of numbers stands in the attribute itself. */
static int constant_of_attribute(const struct onnx *o, const Onnx__AttributeProto *a,
                                 struct onnx_const *out)
{
    switch (a->has_type ? (int)a->type : 0) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        if (a->t)
            return onnx_const_of(o, a->t, out);
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        *out = (struct onnx_const) { .type = FLOAT, .count = 1, .stride = 4, .data = &a->f };
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        *out = (struct onnx_const) { .type = INT64, .count = 1, .stride = 8, .data = &a->i };
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        *out = (struct onnx_const) { .type = FLOAT,
                                     .rank = 1,
                                     .dims = { (int64_t)a->n_floats },
                                     .count = a->n_floats,
                                     .stride = 4,
                                     .data = a->floats };
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        *out = (struct onnx_const) { .type = INT64,
                                     .rank = 1,
                                     .dims = { (int64_t)a->n_ints },
                                     .count = a->n_ints,
                                     .stride = 8,
                                     .data = a->ints };
        return 0;
    }
    return onnx_fail(o, -ENOTSUP, "attribute '%s' holds no value that can be read", a->name);
}

int onnx_compute_constant(struct onnx *o)
{
    struct onnx_const constant;

    if (o->node->n_attribute != 1)
        return onnx_fail(o, -EINVAL, "has %zu values, expected 1", o->node->n_attribute);
    int rc = constant_of_attribute(o, o->node->attribute[0], &constant);
    return rc ? rc : onnx_alias_const(o, &constant);
}

/* ---- Shapes */

int onnx_compute_shape(struct onnx *o)
{
    const int is_const = onnx_input_is_const(o, 0);
    const struct onnx_const *c;
    struct onnx_const out;
    struct onnx_view x;
    int64_t dims[ONNX_RANK_MAX], start, end;
    void *data;
    int rc = is_const ? onnx_input_any(o, 0, &c) : onnx_input(o, 0, &x);

    if (rc)
        return rc;
    const int rank = is_const ? c->rank : x.rank;
    for (int i = 0; i < rank; i++)
        dims[i] = is_const ? c->dims[i] : onnx_dim(&x, i);
    rc = onnx_attr_int(o, "start", 0, -rank, rank, &start);
    if (rc == 0)
        rc = onnx_attr_int(o, "end", rank, -rank, INT32_MAX, &end);
    if (rc)
        return rc;
    start += start < 0 ? rank : 0;
    end = end < 0 ? end + rank : end > rank ? rank : end;
    const int64_t count = end > start ? end - start : 0;
    rc = onnx_const_new(o, ONNX_WHOLE, 1, &count, &out, &data);
    for (int64_t i = 0; rc == 0 && i < count; i++)
        ((int64_t *)data)[i] = dims[start + i];
    return rc ? rc : onnx_alias_const(o, &out);
}

/* ConstantOfShape */
int onnx_compute_fill(struct onnx *o)
{
    static const float zero;
    struct onnx_const out, value = { .type = FLOAT, .count = 1, .stride = 4, .data = &zero };
    const Onnx__AttributeProto *a = onnx_attr(o, "value");
    int64_t dims[ONNX_LIST_MAX];
    size_t rank;
    void *data;
    int rc = onnx_list(o, 0, "", dims, &rank);

    if (rc == 0 && rank > ONNX_RANK_MAX)
        rc = onnx_fail(o, -ENOTSUP, "more than %d dimensions", ONNX_RANK_MAX);
    if (rc == 0 && a)
        rc = constant_of_attribute(o, a, &value);
    if (rc == 0 && (value.count != 1 || onnx_class_of(value.type) == ONNX_OTHER))
        rc = onnx_fail(o, -EINVAL, "attribute 'value' is not one number");
    if (rc == 0)
        rc = onnx_const_new(o, onnx_class_of(value.type), (int)rank, dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++)
        copy_element(&value, 0, &out, data, i);
    return rc ? rc : onnx_alias_const(o, &out);
}

int onnx_compute_range(struct onnx *o)
{
    const struct onnx_const *c[3];
    struct onnx_const out;
    void *data;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < 3; i++) {
        rc = onnx_input_any(o, i, &c[i]);
        if (rc == 0 && c[i]->count != 1)
            rc = onnx_fail(o, -EINVAL, "input %zu is not one number", i);
    }
    if (rc)
        return rc;
    const double start = onnx_real_at(c[0], 0), step = onnx_real_at(c[2], 0);
    const double count = ceil((onnx_real_at(c[1], 0) - start) / step);
    if (!(count <= (double)QNT_ELEMENTS_MAX))
        return onnx_fail(o, -EINVAL, "%g numbers are out of range", count);
    const int64_t dim = count > 0 ? (int64_t)count : 0;
    rc = onnx_const_new(o, onnx_class_of(c[0]->type), 1, &dim, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++)
        if (out.type == INT64)
            ((int64_t *)data)[i] = (int64_t)(start + (double)i * step);
        else
            ((float *)data)[i] = (float)(start + (double)i * step);
    return rc ? rc : onnx_alias_const(o, &out);
}

/* ---- The same elements in another shape */

static int alias_shaped(struct onnx *o, const struct onnx_const *c, int rank, const int64_t *dims)
{
    struct onnx_const out = *c;

    out.rank = rank;
    for (int i = 0; i < rank; i++)
        out.dims[i] = dims[i];
    return onnx_alias_const(o, &out);
}

int onnx_compute_reshape(struct onnx *o)
{
    const struct onnx_const *c;
    int64_t dims[ONNX_LIST_MAX], known = 1;
    size_t rank;
    int open = -1, rc = onnx_input_any(o, 0, &c);

    if (rc == 0)
        rc = onnx_list(o, 1, "shape", dims, &rank);
    if (rc == 0 && rank > ONNX_RANK_MAX)
        rc = onnx_fail(o, -ENOTSUP, "reshapes to more than %d dimensions", ONNX_RANK_MAX);
    for (int i = 0; rc == 0 && i < (int)rank; i++) {
        if (dims[i] == 0 && i < c->rank)
            dims[i] = c->dims[i];
        if (dims[i] == -1 && open < 0)
            open = i;
        else if (dims[i] < 1 || __builtin_mul_overflow(known, dims[i], &known))
            return onnx_fail(o, -EINVAL, "reshapes to a dimension %d of %lld", i,
                             (long long)dims[i]);
    }
    if (rc)
        return rc;
    if (open >= 0)
        dims[open] = (int64_t)c->count / known;
    if (open >= 0 ? (int64_t)c->count % known != 0 : (int64_t)c->count != known)
        return onnx_fail(o, -EINVAL, "reshapes %zu elements to a shape of %lld", c->count,
                         (long long)known);
    return alias_shaped(o, c, (int)rank, dims);
}

int onnx_compute_squeeze(struct onnx *o)
{
    const struct onnx_const *c;
    int64_t axes[ONNX_LIST_MAX], dims[ONNX_RANK_MAX];
    int drop[ONNX_RANK_MAX], axis, rank = 0;
    size_t count;
    int rc = onnx_input_any(o, 0, &c);

    if (rc == 0)
        rc = onnx_list(o, 1, "axes", axes, &count);
    for (int i = 0; rc == 0 && i < c->rank; i++)
        drop[i] = count == SIZE_MAX && c->dims[i] == 1;
    for (size_t i = 0; rc == 0 && count != SIZE_MAX && i < count; i++) {
        rc = onnx_axis(o, axes[i], c->rank, &axis);
        if (rc == 0 && c->dims[axis] != 1)
            rc = onnx_fail(o, -EINVAL, "axis %d has %lld elements, expected 1", axis,
                           (long long)c->dims[axis]);
        drop[axis] = 1;
    }
    for (int i = 0; rc == 0 && i < c->rank; i++)
        if (!drop[i])
            dims[rank++] = c->dims[i];
    return rc ? rc : alias_shaped(o, c, rank, dims);
}

int onnx_compute_unsqueeze(struct onnx *o)
{
    const struct onnx_const *c;
    int64_t axes[ONNX_LIST_MAX], dims[ONNX_RANK_MAX];
    int is_new[ONNX_RANK_MAX] = { 0 }, axis;
    size_t count;
    int rc = onnx_input_any(o, 0, &c);

    if (rc == 0)
        rc = onnx_list(o, 1, "axes", axes, &count);
    if (rc == 0 && (count == SIZE_MAX || c->rank + (int)count > ONNX_RANK_MAX))
        rc = onnx_fail(o, -ENOTSUP, "would give more than %d dimensions", ONNX_RANK_MAX);
    if (rc)
        return rc;
    const int rank = c->rank + (int)count;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = onnx_axis(o, axes[i], rank, &axis);
        if (rc == 0 && is_new[axis]++)
            rc = onnx_fail(o, -EINVAL, "names axis %d twice", axis);
    }
    for (int i = 0, from = 0; rc == 0 && i < rank; i++)
        dims[i] = is_new[i] ? 1 : c->dims[from++];
    return rc ? rc : alias_shaped(o, c, rank, dims);
}

/* ---- Choosing and moving */

/* Elements before an axis, and from one index of it to the next. */
struct spans {
    size_t outer, inner;
};

static struct spans spans_of(const struct onnx_const *c, int axis)
{
    struct spans s = { 1, 1 };

    for (int i = 0; i < c->rank; i++)
        *(i < axis ? &s.outer : &s.inner) *= i == axis ? 1 : (size_t)c->dims[i];
    return s;
}

int onnx_compute_transpose(struct onnx *o)
{
    const Onnx__AttributeProto *a = onnx_attr(o, "perm");
    const struct onnx_const *c;
    struct onnx_const out;
    int64_t dims[ONNX_RANK_MAX];
    size_t step[ONNX_RANK_MAX], steps[ONNX_RANK_MAX], stride = 1;
    int seen[ONNX_RANK_MAX] = { 0 };
    void *data;
    int rc = onnx_input_any(o, 0, &c);

    if (rc == 0 && a && a->n_ints != (size_t)c->rank)
        rc = onnx_fail(o, -EINVAL, "attribute 'perm' has %zu values for %d dimensions", a->n_ints,
                       c->rank);
    if (rc)
        return rc;
    for (int i = c->rank - 1; i >= 0; i--) {
        step[i] = stride;
        stride *= (size_t)c->dims[i];
    }
    for (int i = 0; i < c->rank; i++) {
        const int64_t from = a ? a->ints[i] : c->rank - 1 - i;
        if (from < 0 || from >= c->rank || seen[from]++)
            return onnx_fail(o, -EINVAL, "attribute 'perm' is no order of %d dimensions", c->rank);
        dims[i] = c->dims[from];
        steps[i] = step[from];
    }
    rc = onnx_const_new(o, onnx_class_of(c->type), c->rank, dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++) {
        size_t left = i, at = 0;
        for (int k = c->rank - 1; k >= 0; k--) {
            at += left % (size_t)dims[k] * steps[k];
            left /= (size_t)dims[k];
        }
        copy_element(c, at, &out, data, i);
    }
    return rc ? rc : onnx_alias_const(o, &out);
}

int onnx_compute_gather(struct onnx *o)
{
    const struct onnx_const *c, *at;
    struct onnx_const out;
    int64_t said, dims[2 * ONNX_RANK_MAX];
    int axis = 0, rank = 0;
    void *data;
    int rc = onnx_input_any(o, 0, &c);

    if (rc == 0)
        rc = onnx_input_const(o, 1, ONNX_WHOLE, &at);
    if (rc == 0)
        rc = onnx_attr_int(o, "axis", 0, INT32_MIN, INT32_MAX, &said);
    if (rc == 0)
        rc = onnx_axis(o, said, c->rank, &axis);
    if (rc)
        return rc;
    const struct spans s = spans_of(c, axis);
    for (int i = 0; i < axis; i++)
        dims[rank++] = c->dims[i];
    for (int i = 0; i < at->rank; i++)
        dims[rank++] = at->dims[i];
    for (int i = axis + 1; i < c->rank; i++)
        dims[rank++] = c->dims[i];
    rc = onnx_const_new(o, onnx_class_of(c->type), rank, dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++) {
        const size_t in = i % s.inner, k = i / s.inner % at->count,
                     before = i / s.inner / at->count;
        int64_t index = onnx_int_at(at, k);
        index += index < 0 ? c->dims[axis] : 0;
        if (index < 0 || index >= c->dims[axis])
            return onnx_fail(o, -EINVAL, "index %lld of %lld", (long long)index,
                             (long long)c->dims[axis]);
        copy_element(c, (before * (size_t)c->dims[axis] + (size_t)index) * s.inner + in, &out, data,
                     i);
    }
    return rc ? rc : onnx_alias_const(o, &out);
}

int onnx_compute_concat(struct onnx *o)
{
    const struct onnx_const *first, *c;
    struct onnx_const out;
    int64_t said, dims[ONNX_RANK_MAX], begin = 0;
    int axis = 0;
    void *data;
    int rc = onnx_input_any(o, 0, &first);

    if (rc == 0)
        rc = onnx_attr_int(o, "axis", INT32_MAX, INT32_MIN, INT32_MAX, &said);
    if (rc == 0)
        rc = onnx_axis(o, said, first->rank, &axis);
    if (rc)
        return rc;
    memcpy(dims, first->dims, sizeof(dims));
    dims[axis] = 0;
    for (size_t i = 0; rc == 0 && i < o->node->n_input; i++) {
        rc = onnx_input_any(o, i, &c);
        int fits = rc == 0 && c->rank == first->rank &&
                   onnx_class_of(c->type) == onnx_class_of(first->type);
        for (int k = 0; fits && k < c->rank; k++)
            fits = k == axis || c->dims[k] == first->dims[k];
        if (rc == 0 && !fits)
            rc = onnx_fail(o, -EINVAL,
                           "constants that differ beside axis %d cannot stand side by"
                           " side",
                           axis);
        if (rc == 0)
            dims[axis] += c->dims[axis];
    }
    if (rc == 0)
        rc = onnx_const_new(o, onnx_class_of(first->type), first->rank, dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < o->node->n_input; i++) {
        rc = onnx_input_any(o, i, &c);
        const struct spans s = spans_of(c, axis);
        const size_t run = (size_t)c->dims[axis] * s.inner, all = (size_t)dims[axis] * s.inner;
        for (size_t k = 0; k < c->count; k++)
            copy_element(c, k, &out, data, k / run * all + (size_t)begin * s.inner + k % run);
        begin += c->dims[axis];
    }
    return rc ? rc : onnx_alias_const(o, &out);
}

/* Begin, step and count along one dimension, as Python means them. */
struct run {
    int64_t begin, step, count;
};

static struct run run_of(int64_t begin, int64_t end, int64_t step, int64_t size)
{
    const int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
    struct run r = { .step = step };

    r.begin = begin < 0 ? begin < -size ? least : begin + size : begin;
    end = end < 0 ? end < -size ? least : end + size : end;
    r.begin = r.begin > most ? most : r.begin;
    end = end > most ? most : end;
    const int64_t reach = step > 0 ? end - r.begin : r.begin - end;
    if (step > size || step < -size) /* one element at most */
        r.step = step > 0 ? size + 1 : -size - 1;
    r.count = reach > 0 ? (reach - 1) / (r.step > 0 ? r.step : -r.step) + 1 : 0;
    return r;
}

static int read_runs(struct onnx *o, const struct onnx_const *c, struct run runs[ONNX_RANK_MAX])
{
    static const char *const names[4] = { "starts", "ends", "axes", "steps" };
    int64_t lists[4][ONNX_LIST_MAX];
    size_t counts[4];
    int axis;

    for (size_t i = 0; i < 4; i++) {
        int rc = onnx_list(o, i + 1, names[i], lists[i], &counts[i]);
        if (rc)
            return rc;
        if (counts[i] != counts[0] && (i < 2 || counts[i] != SIZE_MAX))
            return onnx_fail(o, -EINVAL, "'%s' has %zu values, expected %zu", names[i], counts[i],
                             counts[0]);
    }
    if (counts[0] == SIZE_MAX || counts[0] > (size_t)c->rank)
        return onnx_fail(o, -EINVAL, "does not say where it begins in %d dimensions", c->rank);
    for (int i = 0; i < c->rank; i++)
        runs[i] = (struct run) { 0, 1, c->dims[i] };
    for (size_t i = 0; i < counts[0]; i++) {
        int rc = onnx_axis(o, counts[2] == SIZE_MAX ? (int64_t)i : lists[2][i], c->rank, &axis);
        const int64_t step = counts[3] == SIZE_MAX ? 1 : lists[3][i];
        if (rc == 0 && step == 0)
            rc = onnx_fail(o, -EINVAL, "a step of 0");
        if (rc)
            return rc;
        runs[axis] = run_of(lists[0][i], lists[1][i], step, c->dims[axis]);
    }
    return 0;
}

int onnx_compute_slice(struct onnx *o)
{
    const struct onnx_const *c;
    struct onnx_const out;
    struct run runs[ONNX_RANK_MAX];
    int64_t dims[ONNX_RANK_MAX];
    void *data;
    int rc = onnx_input_any(o, 0, &c);

    if (rc == 0)
        rc = read_runs(o, c, runs);
    if (rc)
        return rc;
    for (int i = 0; i < c->rank; i++)
        dims[i] = runs[i].count;
    rc = onnx_const_new(o, onnx_class_of(c->type), c->rank, dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++) {
        size_t left = i, at = 0, step = 1;
        for (int k = c->rank - 1; k >= 0; k--) {
            const int64_t place = (int64_t)(left % (size_t)dims[k]);
            at += (size_t)(runs[k].begin + place * runs[k].step) * step;
            left /= (size_t)dims[k];
            step *= (size_t)c->dims[k];
        }
        copy_element(c, at, &out, data, i);
    }
    return rc ? rc : onnx_alias_const(o, &out);
}

int onnx_compute_reduce_prod(struct onnx *o)
{
    const struct onnx_const *c;
    struct onnx_const out;
    int64_t keep, product = 1, one = 1;
    void *data;
    int rc = onnx_input_const(o, 0, ONNX_WHOLE, &c);

    if (rc == 0)
        rc = onnx_attr_int(o, "keepdims", 1, 0, 1, &keep);
    if (rc == 0 && c->rank > 1)
        rc = onnx_fail(o, -ENOTSUP, "only of a list of numbers");
    for (size_t i = 0; rc == 0 && i < c->count; i++)
        if (__builtin_mul_overflow(product, onnx_int_at(c, i), &product))
            rc = onnx_fail(o, -EINVAL, "a product is out of range");
    if (rc == 0)
        rc = onnx_const_new(o, ONNX_WHOLE, keep ? 1 : 0, &one, &out, &data);
    if (rc)
        return rc;
    *(int64_t *)data = product;
    return onnx_alias_const(o, &out);
}
