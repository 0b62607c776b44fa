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

/* How elements are stored: in raw data, and in the list of their own that older exporters use. */
enum onnx_list_field { LIST_NONE, LIST_FLOAT, LIST_INT32, LIST_INT64, LIST_DOUBLE };
static const struct storage {
    enum onnx_class class;
    size_t bytes;
    enum onnx_list_field list;
} storages[] = {
    [ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT] = { ONNX_REAL, 4, LIST_FLOAT },
    [ONNX__TENSOR_PROTO__DATA_TYPE__UINT8] = { ONNX_WHOLE, 1, LIST_INT32 },
    [ONNX__TENSOR_PROTO__DATA_TYPE__INT8] = { ONNX_WHOLE, 1, LIST_INT32 },
    [ONNX__TENSOR_PROTO__DATA_TYPE__UINT16] = { ONNX_WHOLE, 2, LIST_INT32 },
    [ONNX__TENSOR_PROTO__DATA_TYPE__INT16] = { ONNX_WHOLE, 2, LIST_INT32 },
    [ONNX__TENSOR_PROTO__DATA_TYPE__INT32] = { ONNX_WHOLE, 4, LIST_INT32 },
    [ONNX__TENSOR_PROTO__DATA_TYPE__INT64] = { ONNX_WHOLE, 8, LIST_INT64 },
    [ONNX__TENSOR_PROTO__DATA_TYPE__BOOL] = { ONNX_WHOLE, 1, LIST_INT32 },
    [ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16] = { ONNX_REAL, 2, LIST_INT32 },
    [ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE] = { ONNX_REAL, 8, LIST_DOUBLE },
    [ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16] = { ONNX_REAL, 2, LIST_INT32 },
};

static struct storage storage_of(int32_t type)
{
    static const struct storage none;
    return type >= 0 && (size_t)type < sizeof(storages) / sizeof(storages[0]) ? storages[type]
                                                                              : none;
}

enum onnx_class onnx_class_of(int32_t type)
{
    return storage_of(type).class;
}

/* The list that holds a tensor's elements, where raw_data does not. */
static size_t list_of(const Onnx__TensorProto *t, enum onnx_list_field list, struct onnx_const *out)
{
    switch (list) {
    case LIST_FLOAT:
        out->data = t->float_data;
        out->stride = sizeof(float);
        return t->n_float_data;
    case LIST_INT32:
        out->data = t->int32_data;
        out->stride = sizeof(int32_t);
        return t->n_int32_data;
    case LIST_INT64:
        out->data = t->int64_data;
        out->stride = sizeof(int64_t);
        return t->n_int64_data;
    case LIST_DOUBLE:
        out->data = t->double_data;
        out->stride = sizeof(double);
        return t->n_double_data;
    default:
        return 0;
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
    const struct storage storage = storage_of(t->data_type);

    *out = (struct onnx_const) { .type = t->data_type };
    if (t->n_external_data || t->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT)
        return onnx_fail(o, -ENOTSUP,
                         "tensor '%s' lies in another file; save the model with its data inside",
                         name);
    if (t->segment)
        return onnx_fail(o, -ENOTSUP, "tensor '%s' is stored in segments", name);
    int rc = read_dims(o, t, out);
    if (rc || storage.class == ONNX_OTHER)
        return rc; /* without data: an error only for whoever reads it */
    size_t held;
    if (t->has_raw_data) {
        out->data = t->raw_data.data;
        out->stride = storage.bytes;
        held = t->raw_data.len % storage.bytes ? SIZE_MAX : t->raw_data.len / storage.bytes;
    } else {
        held = list_of(t, storage.list, out);
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
    for (size_t i = 0; i < count; i++) {
        copy[i] = (float)onnx_real_at(c, i);
        if (!isfinite(copy[i])) {
            rc = onnx_fail(o, -EINVAL, "element %zu of a constant is %g", i, (double)copy[i]);
            free(copy);
            return rc;
        }
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

/* ---- Computed constants */

#define COMPUTED_MIN (1 << 22)

struct onnx_kept {
    struct onnx_kept *next;
    int64_t data[];
};

int onnx_const_new(struct onnx *o, enum onnx_class class, int rank, const int64_t *dims,
                   struct onnx_const *out, void **data)
{
    int64_t count = 1;

    *data = NULL;
    *out = (struct onnx_const) { .rank = rank };
    if (rank > ONNX_RANK_MAX)
        return onnx_fail(o, -ENOTSUP, "%d dimensions; at most %d are supported", rank,
                         ONNX_RANK_MAX);
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || __builtin_mul_overflow(count, dims[i], &count) ||
            count > QNT_ELEMENTS_MAX)
            return onnx_fail(o, -EINVAL, "computes a constant whose dimension %d is %lld", i,
                             (long long)dims[i]);
        out->dims[i] = dims[i];
    }
    out->type = class == ONNX_WHOLE ? ONNX__TENSOR_PROTO__DATA_TYPE__INT64
                                    : ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    out->stride = storage_of(out->type).bytes;
    out->count = (size_t)count;
    o->computed += count; /* shapes are small, and weights are in the file */
    if (o->computed > COMPUTED_MIN + (int64_t)o->bytes)
        return onnx_fail(o, -E2BIG, "computes %lld elements of constants in a file of %zu bytes",
                         (long long)o->computed, o->bytes);
    struct onnx_kept *kept = calloc(1, sizeof(*kept) + out->count * out->stride);
    if (!kept)
        return onnx_fail(o, -ENOMEM, "not enough memory for a constant of %zu elements",
                         out->count);
    kept->next = o->kept;
    o->kept = kept;
    out->data = *data = kept->data;
    return 0;
}

void onnx_forget(struct onnx *o)
{
    while (o->kept) {
        struct onnx_kept *next = o->kept->next;
        free(o->kept);
        o->kept = next;
    }
}

/* ---- Elements */

static double half_value(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double sign = bits >> 15 ? -1 : 1;

    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

/* The low bytes of element i, little-endian as ONNX stores them. */
static uint64_t bits_at(const struct onnx_const *c, size_t i, size_t bytes)
{
    const uint8_t *p = (const uint8_t *)c->data + i * c->stride;
    uint64_t bits = 0;

    for (size_t k = bytes; k > 0; k--)
        bits = bits << 8 | p[k - 1];
    return bits;
}

int64_t onnx_int_at(const struct onnx_const *c, size_t i)
{
    const struct storage storage = storage_of(c->type);

    if (storage.class == ONNX_REAL) {
        double x = onnx_real_at(c, i);
        return x >= 0x1p63 ? INT64_MAX : x > -0x1p63 ? (int64_t)x : INT64_MIN; /* NaN: least */
    }
    const uint64_t bits = bits_at(c, i, storage.bytes);
    switch (c->type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT8:
        return (int8_t)bits;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT16:
        return (int16_t)bits;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return (int32_t)bits;
    default:
        return (int64_t)bits;
    }
}

double onnx_real_at(const struct onnx_const *c, size_t i)
{
    const uint64_t bits =
        storage_of(c->type).class == ONNX_REAL ? bits_at(c, i, storage_of(c->type).bytes) : 0;
    const uint32_t word = (uint32_t)bits, high = (uint32_t)bits << 16;
    double wide;
    float x;

    switch (c->type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        memcpy(&x, &word, sizeof(x));
        return (double)x;
    case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16:
        memcpy(&x, &high, sizeof(x));
        return (double)x;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        memcpy(&wide, &bits, sizeof(wide));
        return wide;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
        return half_value((uint16_t)bits);
    default:
        return (double)onnx_int_at(c, i);
    }
}

int onnx_scalar(const struct onnx *o, const struct onnx_const *c, float *out)
{
    if (c->count != 1)
        return onnx_fail(o, -EINVAL, "a constant holds %zu elements, expected 1", c->count);
    *out = (float)onnx_real_at(c, 0);
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

int onnx_attr_word(const struct onnx *o, const char *name, const char *const *names, size_t count,
                   int fallback, int *out)
{
    const Onnx__AttributeProto *a = onnx_attr(o, name);
    const int has = a && a->has_s;

    *out = fallback;
    if (!a && fallback >= 0)
        return 0;
    for (size_t i = 0; has && i < count; i++)
        if (a->s.len == strlen(names[i]) && memcmp(a->s.data, names[i], a->s.len) == 0) {
            *out = (int)i;
            return 0;
        }
    return onnx_fail(o, -ENOTSUP, "attribute '%s': '%.*s' is not supported", name,
                     has ? (int)(a->s.len < 40 ? a->s.len : 40) : 0,
                     has ? (const char *)a->s.data : "");
}

int onnx_list(const struct onnx *o, size_t i, const char *name, int64_t out[ONNX_LIST_MAX],
              size_t *count)
{
    const struct onnx_const *c = NULL;
    const Onnx__AttributeProto *a;
    int rc = onnx_has_input(o, i) ? onnx_input_const(o, i, ONNX_WHOLE, &c) : 0;

    *count = SIZE_MAX;
    if (rc == 0)
        rc = typed_attr(o, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, &a);
    if (rc || (!c && !a))
        return rc;
    *count = c ? c->count : a->n_ints;
    if (*count > ONNX_LIST_MAX)
        return onnx_fail(o, -ENOTSUP, "'%s' has %zu values; at most %d are supported", name, *count,
                         ONNX_LIST_MAX);
    for (size_t k = 0; k < *count; k++)
        out[k] = c ? onnx_int_at(c, k) : a->ints[k];
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
