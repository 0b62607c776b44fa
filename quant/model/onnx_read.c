#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Constants */

const char *onnx_type_name(int32_t type)
{
    static const char *const names[] = { "UNDEFINED",  "FLOAT",   "UINT8",  "INT8",   "UINT16",
                                         "INT16",      "INT32",   "INT64",  "STRING", "BOOL",
                                         "FLOAT16",    "DOUBLE",  "UINT32", "UINT64", "COMPLEX64",
                                         "COMPLEX128", "BFLOAT16" };
    size_t count = sizeof(names) / sizeof(names[0]);
    return type >= 0 && (size_t)type < count ? names[type] : "an unknown type";
}

/* The two storage types that are read, and where their elements lie if not in raw_data. */
static int typed_data(const Onnx__TensorProto *t, const void **data, size_t *count, size_t *bytes)
{
    switch (t->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        *data = t->float_data;
        *count = t->n_float_data;
        *bytes = sizeof(float);
        return 0;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        *data = t->int64_data;
        *count = t->n_int64_data;
        *bytes = sizeof(int64_t);
        return 0;
    default:
        return -ENOTSUP;
    }
}

static int read_dims(const struct onnx *o, const Onnx__TensorProto *t, struct onnx_const *out)
{
    int64_t count = 1;

    if (t->n_dims > ONNX_RANK_MAX)
        return onnx_fail(o, -EINVAL, "tensor '%s' has %zu dimensions; at most %d are supported",
                         t->name ? t->name : "", t->n_dims, ONNX_RANK_MAX);
    for (size_t i = 0; i < t->n_dims; i++) {
        if (t->dims[i] < 0 || t->dims[i] > INT32_MAX ||
            __builtin_mul_overflow(count, t->dims[i], &count) || count > QNT_ELEMENTS_MAX)
            return onnx_fail(o, -EINVAL, "tensor '%s': dimension %zu of %lld is out of range",
                             t->name ? t->name : "", i, (long long)t->dims[i]);
        out->dims[i] = t->dims[i];
    }
    out->rank = (int)t->n_dims;
    out->count = (size_t)count;
    return 0;
}

int onnx_const_of(const struct onnx *o, const Onnx__TensorProto *t, struct onnx_const *out)
{
    const char *name = t->name ? t->name : "";
    size_t held, bytes;

    *out = (struct onnx_const) { .type = t->data_type };
    if (t->n_external_data || t->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT)
        return onnx_fail(o, -ENOTSUP,
                         "tensor '%s' lies in another file; save the model with its data inside",
                         name);
    if (t->segment)
        return onnx_fail(o, -ENOTSUP, "tensor '%s' is stored in segments", name);
    int rc = read_dims(o, t, out);
    if (rc)
        return rc;
    if (typed_data(t, &out->data, &held, &bytes)) {
        out->data = NULL; /* an error only for whoever reads it */
        return 0;
    }
    if (t->has_raw_data) {
        out->data = t->raw_data.data;
        held = t->raw_data.len / bytes;
        if (t->raw_data.len % bytes)
            held = SIZE_MAX;
    }
    if (held != out->count)
        return onnx_fail(o, -EINVAL,
                         "tensor '%s' has %zu elements by its shape, but its data does not"
                         " hold exactly that many",
                         name, out->count);
    return 0;
}

static int take_elements(struct onnx *o, size_t count)
{
    o->elements += (int64_t)count; /* count is limited too: refused long before it could wrap */
    if (o->elements > QNT_ELEMENTS_MAX)
        return onnx_fail(o, -EINVAL, "the weights of all nodes together exceed %lld elements",
                         (long long)QNT_ELEMENTS_MAX);
    return 0;
}

int onnx_floats(struct onnx *o, const struct onnx_const *c, size_t count, float **out)
{
    *out = NULL;
    if (c->count != count || count == 0)
        return onnx_fail(o, -EINVAL, "a constant holds %zu elements, expected %zu", c->count,
                         count);
    int rc = take_elements(o, count);
    if (rc)
        return rc;
    float *copy = malloc(count * sizeof(*copy));
    if (!copy)
        return onnx_fail(o, -ENOMEM, "not enough memory for %zu weights", count);
    memcpy(copy, c->data, count * sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        if (!isfinite(copy[i])) {
            rc = onnx_fail(o, -EINVAL, "element %zu of a constant is %g", i, (double)copy[i]);
            free(copy);
            return rc;
        }
    *out = copy;
    return 0;
}

int onnx_zeros(struct onnx *o, size_t count, float **out)
{
    *out = NULL;
    int rc = take_elements(o, count);
    if (rc)
        return rc;
    *out = calloc(count, sizeof(**out));
    return *out ? 0 : onnx_fail(o, -ENOMEM, "not enough memory for %zu weights", count);
}

int64_t onnx_int_at(const struct onnx_const *c, size_t i)
{
    int64_t value;
    memcpy(&value, (const char *)c->data + i * sizeof(value), sizeof(value));
    return value;
}

int onnx_scalar(const struct onnx *o, const struct onnx_const *c, float *out)
{
    if (c->count != 1)
        return onnx_fail(o, -EINVAL, "a constant holds %zu elements, expected 1", c->count);
    memcpy(out, c->data, sizeof(*out));
    return isnan(*out) ? onnx_fail(o, -EINVAL, "a constant is not a number") : 0;
}

/* ---- Attributes */

const Onnx__AttributeProto *onnx_attr(const struct onnx *o, const char *name)
{
    for (size_t i = 0; i < o->node->n_attribute; i++) {
        const Onnx__AttributeProto *a = o->node->attribute[i];
        if (a->name && strcmp(a->name, name) == 0)
            return a;
    }
    return NULL;
}

static int typed_attr(const struct onnx *o, const char *name, int type,
                      const Onnx__AttributeProto **out)
{
    *out = onnx_attr(o, name);
    if (*out && (!(*out)->has_type || (int)(*out)->type != type))
        return onnx_fail(o, -EINVAL, "attribute '%s' has the wrong type", name);
    return 0;
}

int onnx_attr_int(const struct onnx *o, const char *name, int64_t fallback, int64_t low,
                  int64_t high, int64_t *out)
{
    const Onnx__AttributeProto *a;
    int rc = typed_attr(o, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, &a);
    if (rc)
        return rc;
    *out = a ? a->i : fallback;
    if (*out < low || *out > high)
        return onnx_fail(o, -ENOTSUP, "attribute '%s' = %lld: supported are %lld to %lld", name,
                         (long long)*out, (long long)low, (long long)high);
    return 0;
}

int onnx_attr_float(const struct onnx *o, const char *name, float fallback, float *out)
{
    const Onnx__AttributeProto *a;
    int rc = typed_attr(o, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, &a);
    if (rc)
        return rc;
    *out = a ? a->f : fallback;
    return isnan(*out) ? onnx_fail(o, -EINVAL, "attribute '%s' is not a number", name) : 0;
}

int onnx_attr_ints(const struct onnx *o, const char *name, size_t count, int32_t fallback,
                   int32_t low, int32_t *out)
{
    const Onnx__AttributeProto *a;
    int rc = typed_attr(o, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, &a);
    if (rc)
        return rc;
    if (a && a->n_ints != count)
        return onnx_fail(o, -ENOTSUP,
                         "attribute '%s' has %zu values; two-dimensional layers have %zu", name,
                         a->n_ints, count);
    for (size_t i = 0; i < count; i++) {
        int64_t value = a ? a->ints[i] : fallback;
        if (value < low || value > ONNX_EXTENT_MAX)
            return onnx_fail(o, -EINVAL, "attribute '%s': %lld is not between %d and %d", name,
                             (long long)value, low, ONNX_EXTENT_MAX);
        out[i] = (int32_t)value;
    }
    return 0;
}

int onnx_check_attributes(const struct onnx *o)
{
    for (size_t i = 0; i < o->node->n_attribute; i++) {
        const char *name = o->node->attribute[i]->name ? o->node->attribute[i]->name : "";
        const char *const *known = o->op->attributes;
        while (*known && strcmp(*known, name) != 0)
            known++;
        if (!*known)
            return onnx_fail(o, -ENOTSUP, "attribute '%s' is not supported", name);
    }
    return 0;
}
