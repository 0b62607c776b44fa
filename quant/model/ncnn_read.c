/* Parameters and weights. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/ncnn_int.h"

/* ---- Parameters */

enum { ARRAY_ID = -23300, LIST_MAX = 64 };

static int read_value(const struct ncnn *n, const char **text, double *out)
{
    char *end;
    *out = strtod(*text, &end);
    if (end == *text || !isfinite(*out))
        return ncnn_fail(n, -EINVAL, "'%.40s' is no number", *text);
    *text = end;
    return 0;
}

static int add_value(struct ncnn *n, double value)
{
    if (n->value_count == NCNN_VALUES_MAX)
        return ncnn_fail(n, -E2BIG, "has more than %d values in its parameters", NCNN_VALUES_MAX);
    n->values[n->value_count++] = value;
    return 0;
}

/* "count,v,v,v" */
static int read_array(struct ncnn *n, struct ncnn_param *p, const char *text)
{
    double count;
    int rc = read_value(n, &text, &count);

    if (rc == 0 && !(count >= 0 && count <= LIST_MAX && count == floor(count)))
        rc = ncnn_fail(n, -EINVAL, "parameter %d: a list of %g values", p->id, count);
    while (rc == 0 && p->count < (size_t)count) {
        double value;
        if (*text++ != ',')
            return ncnn_fail(n, -EINVAL, "parameter %d: fewer than its %g values", p->id, count);
        rc = read_value(n, &text, &value);
        if (rc == 0)
            rc = add_value(n, value);
        p->count++;
    }
    if (rc == 0 && *text)
        rc = ncnn_fail(n, -EINVAL, "parameter %d: '%.40s' behind its values", p->id, text);
    return rc;
}

int ncnn_parse_param(struct ncnn *n, const char *word)
{
    char *end;
    long id = strtol(word, &end, 10);
    double value;

    if (end == word || *end != '=')
        return ncnn_fail(n, -EINVAL, "'%.40s' is no parameter ID=VALUE", word);
    if (n->param_count == NCNN_PARAMS_MAX)
        return ncnn_fail(n, -E2BIG, "has more than %d parameters", NCNN_PARAMS_MAX);
    struct ncnn_param *p = &n->params[n->param_count];
    *p = (struct ncnn_param) { .is_array = id <= ARRAY_ID, .first = n->value_count };
    id = p->is_array ? ARRAY_ID - id : id;
    if (id < 0 || id > 99)
        return ncnn_fail(n, -EINVAL, "'%.40s' is no parameter ID=VALUE", word);
    p->id = (int)id;
    for (size_t i = 0; i < n->param_count; i++)
        if (n->params[i].id == p->id)
            return ncnn_fail(n, -EINVAL, "has parameter %d twice", p->id);
    n->param_count++;
    const char *text = end + 1;
    if (p->is_array)
        return read_array(n, p, text);
    int rc = read_value(n, &text, &value);
    if (rc == 0 && *text)
        rc = ncnn_fail(n, -EINVAL, "'%.40s' is no parameter ID=VALUE", word);
    p->count = 1;
    return rc ? rc : add_value(n, value);
}

static const struct ncnn_param *find(const struct ncnn *n, int id)
{
    for (size_t i = 0; i < n->param_count; i++)
        if (n->params[i].id == id)
            return &n->params[i];
    return NULL;
}

/* Ids 30 and 31 say how a runtime may store and compute the layer, not what it is. */
int ncnn_check_params(const struct ncnn *n)
{
    for (size_t i = 0; i < n->param_count; i++) {
        const char *known = n->op->params;
        int id = n->params[i].id, found = id == 30 || id == 31;
        while (*known && !found) {
            char *end;
            found = strtol(known, &end, 10) == id;
            known = end + strspn(end, " ");
        }
        if (!found)
            return ncnn_fail(n, -ENOTSUP, "parameter %d is not supported", id);
    }
    return 0;
}

int ncnn_int(const struct ncnn *n, int id, int32_t fallback, int32_t low, int32_t high,
             int32_t *out)
{
    const struct ncnn_param *p = find(n, id);
    double value = p && p->count ? n->values[p->first] : fallback;

    if (p && p->is_array)
        return ncnn_fail(n, -EINVAL, "parameter %d is a list, should be a number", id);
    if (value != floor(value) || value < low || value > high)
        return ncnn_fail(n, -ENOTSUP, "parameter %d = %g: supported are the integers %d to %d", id,
                         value, low, high);
    *out = (int32_t)value;
    return 0;
}

int ncnn_float(const struct ncnn *n, int id, float fallback, float *out)
{
    const struct ncnn_param *p = find(n, id);

    if (p && p->is_array)
        return ncnn_fail(n, -EINVAL, "parameter %d is a list, should be a number", id);
    *out = p ? (float)n->values[p->first] : fallback;
    return 0;
}

int ncnn_array(const struct ncnn *n, int id, const double **values, size_t *count)
{
    const struct ncnn_param *p = find(n, id);

    *values = p ? &n->values[p->first] : NULL;
    *count = p ? p->count : 0;
    return p && !p->is_array
               ? ncnn_fail(n, -EINVAL, "parameter %d is a number, should be a list", id)
               : 0;
}

/* ---- Weights */

enum {
    TAG_FLOAT16 = 0x01306B47,
    TAG_INT8 = 0x000D4B38,
    TAG_RAW = 0x0002C056 /* floats, as after tag 0 */
};

static const uint8_t *take(struct ncnn *n, size_t bytes)
{
    if (bytes > n->bin.bytes - n->at) {
        ncnn_fail(n, -EINVAL,
                  "its weights lie behind the end of the .bin file: it is cut short,"
                  " or of another model");
        return NULL;
    }
    n->at += bytes;
    return n->bin.data + n->at - bytes;
}

static float read_float(const uint8_t *p)
{
    float x;
    uint32_t bits =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static float read_half(const uint8_t *p)
{
    unsigned bits = (unsigned)p[0] | (unsigned)p[1] << 8, exponent = bits >> 10 & 31;
    float fraction = (float)(bits & 1023);
    float x = exponent == 0    ? ldexpf(fraction, -24)
              : exponent == 31 ? INFINITY
                               : ldexpf(1024 + fraction, (int)exponent - 25);
    return bits & 0x8000 ? -x : x;
}

static float read_byte(const uint8_t *p)
{
    return (float)(*p < 128 ? *p : *p - 256);
}

struct storage {
    float (*read)(const uint8_t *p);
    size_t bytes; /* of an element */
};

static int allocate(struct ncnn *n, size_t count, float **out)
{
    n->elements += (int64_t)count;
    if (count == 0 || n->elements > QNT_ELEMENTS_MAX)
        return ncnn_fail(n, -EINVAL, "%zu weights, %lld so far, are out of range", count,
                         (long long)n->elements);
    *out = malloc(count * sizeof(**out));
    return *out ? 0 : ncnn_fail(n, -ENOMEM, "not enough memory");
}

/* `count` elements, the next that are read being at a multiple of 4 bytes. */
static int read_elements(struct ncnn *n, struct storage s, size_t count, float **out)
{
    *out = NULL;
    if (count > (size_t)QNT_ELEMENTS_MAX)
        return ncnn_fail(n, -EINVAL, "%zu weights are out of range", count);
    const uint8_t *p = take(n, (count * s.bytes + 3) / 4 * 4);
    int rc = p ? allocate(n, count, out) : -EINVAL;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        (*out)[i] = s.read(p + i * s.bytes);
        if (!isfinite((*out)[i]))
            rc = ncnn_fail(n, -EINVAL, "weight %zu is not finite", i);
    }
    if (rc) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

int ncnn_raw(struct ncnn *n, size_t count, float **out)
{
    return read_elements(n, (struct storage) { read_float, 4 }, count, out);
}

/* 256 floats, then their indices. */
static int read_indexed(struct ncnn *n, size_t count, float **out)
{
    const uint8_t *table = take(n, 256 * 4);

    *out = NULL;
    if (!table || count > (size_t)QNT_ELEMENTS_MAX)
        return table ? ncnn_fail(n, -EINVAL, "%zu weights are out of range", count) : -EINVAL;
    const uint8_t *p = take(n, (count + 3) / 4 * 4);
    int rc = p ? allocate(n, count, out) : -EINVAL;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        (*out)[i] = read_float(table + 4 * (size_t)p[i]);
        if (!isfinite((*out)[i]))
            rc = ncnn_fail(n, -EINVAL, "weight %zu is not finite", i);
    }
    if (rc) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

int ncnn_weights(struct ncnn *n, size_t count, float **out, int *is_int8)
{
    const uint8_t *p = take(n, 4);
    uint32_t tag = 0;

    *out = NULL;
    *is_int8 = 0;
    if (!p)
        return -EINVAL;
    for (int i = 0; i < 4; i++)
        tag |= (uint32_t)p[i] << (8 * i);
    switch (tag) {
    case 0:
    case TAG_RAW:
        return ncnn_raw(n, count, out);
    case TAG_FLOAT16:
        return read_elements(n, (struct storage) { read_half, 2 }, count, out);
    case TAG_INT8:
        *is_int8 = 1;
        return read_elements(n, (struct storage) { read_byte, 1 }, count, out);
    default:
        return read_indexed(n, count, out);
    }
}
