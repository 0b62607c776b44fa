/* Constants that are computed from constants, element by element: mostly the arithmetic on shapes
 * that exporters leave in a file. Whole numbers wrap, real ones are rounded to float. */
#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- Walking several constants as one shape, by numpy's rule */

struct walk {
    int rank;
    int64_t dims[ONNX_RANK_MAX];
};

/* Widens *w so that c fits it. */
static int join_shape(const struct onnx *o, struct walk *w, const struct onnx_const *c)
{
    const int rank = w->rank > c->rank ? w->rank : c->rank;
    int64_t dims[ONNX_RANK_MAX];

    for (int i = 0; i < rank; i++) {
        const int a = i - rank + w->rank, b = i - rank + c->rank;
        const int64_t x = a < 0 ? 1 : w->dims[a], y = b < 0 ? 1 : c->dims[b];
        if (x != y && x != 1 && y != 1)
            return onnx_fail(o, -EINVAL,
                             "constants of %lld and %lld elements do not fit each"
                             " other",
                             (long long)x, (long long)y);
        dims[i] = x == 1 ? y : x;
    }
    w->rank = rank;
    memcpy(w->dims, dims, sizeof(*dims) * (size_t)rank);
    return 0;
}

/* The element of c that stands at element i of the walk. */
static size_t at_walk(const struct walk *w, const struct onnx_const *c, size_t i)
{
    size_t at = 0, step = 1;

    for (int k = w->rank - 1, d = c->rank - 1; d >= 0; k--, d--) {
        const size_t place = i % (size_t)w->dims[k];
        i /= (size_t)w->dims[k];
        at += c->dims[d] == 1 ? 0 : place * step;
        step *= (size_t)c->dims[d];
    }
    return at;
}

/* ---- Two constants */

static int whole_pair(const struct onnx *o, enum onnx_whole_pair kind, int64_t a, int64_t b,
                      int64_t *out)
{
    const uint64_t ua = (uint64_t)a, ub = (uint64_t)b;

    *out = 0;
    if ((kind == ONNX_C_DIV || kind == ONNX_C_MOD) && (b == 0 || b == -1)) {
        *out = kind == ONNX_C_DIV ? (int64_t)(0 - ua) : 0;
        return b ? 0 : onnx_fail(o, -EINVAL, "divides by zero");
    }
    switch (kind) {
    case ONNX_C_ADD:
        *out = (int64_t)(ua + ub);
        break;
    case ONNX_C_SUB:
        *out = (int64_t)(ua - ub);
        break;
    case ONNX_C_MUL:
        *out = (int64_t)(ua * ub);
        break;
    case ONNX_C_DIV:
        *out = a / b;
        break;
    case ONNX_C_MOD:
        *out = a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0);
        break;
    case ONNX_C_MIN:
        *out = a < b ? a : b;
        break;
    case ONNX_C_MAX:
        *out = a > b ? a : b;
        break;
    case ONNX_C_POW:
        *out = (int64_t)fmin(0x1p62, fmax(-0x1p62, pow((double)a, (double)b)));
        break;
    case ONNX_C_EQUAL:
        *out = a == b;
        break;
    case ONNX_C_LESS:
        *out = a < b;
        break;
    case ONNX_C_GREATER:
        *out = a > b;
        break;
    case ONNX_C_AND:
        *out = a && b;
        break;
    case ONNX_C_OR:
        *out = a || b;
        break;
    }
    return 0;
}

static double real_pair(enum onnx_whole_pair kind, double a, double b)
{
    switch (kind) {
    case ONNX_C_ADD:
        return a + b;
    case ONNX_C_SUB:
        return a - b;
    case ONNX_C_MUL:
        return a * b;
    case ONNX_C_DIV:
        return a / b;
    case ONNX_C_MOD:
        return fmod(a, b);
    case ONNX_C_MIN:
        return fmin(a, b);
    case ONNX_C_MAX:
        return fmax(a, b);
    case ONNX_C_POW:
        return pow(a, b);
    case ONNX_C_EQUAL:
        return a == b;
    case ONNX_C_LESS:
        return a < b;
    case ONNX_C_GREATER:
        return a > b;
    case ONNX_C_AND:
        return a != 0 && b != 0;
    case ONNX_C_OR:
        return a != 0 || b != 0;
    }
    return 0;
}

static int gives_truth(enum onnx_whole_pair kind)
{
    return kind == ONNX_C_EQUAL || kind == ONNX_C_LESS || kind == ONNX_C_GREATER ||
           kind == ONNX_C_AND || kind == ONNX_C_OR;
}

int onnx_compute_pair(struct onnx *o)
{
    const enum onnx_whole_pair kind = (enum onnx_whole_pair)o->op->kind;
    const struct onnx_const *a, *b;
    struct onnx_const out;
    struct walk w = { 0 };
    void *data;
    int rc = onnx_input_any(o, 0, &a);

    if (rc == 0)
        rc = onnx_input_any(o, 1, &b);
    if (rc == 0)
        rc = join_shape(o, &w, a);
    if (rc == 0)
        rc = join_shape(o, &w, b);
    if (rc)
        return rc;
    const int whole = onnx_class_of(a->type) == ONNX_WHOLE && onnx_class_of(b->type) == ONNX_WHOLE;
    const int gives_whole = whole || gives_truth(kind);
    rc = onnx_const_new(o, gives_whole ? ONNX_WHOLE : ONNX_REAL, w.rank, w.dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++) {
        const size_t x = at_walk(&w, a, i), y = at_walk(&w, b, i);
        if (whole) {
            rc = whole_pair(o, kind, onnx_int_at(a, x), onnx_int_at(b, y), (int64_t *)data + i);
            continue;
        }
        const double value = real_pair(kind, onnx_real_at(a, x), onnx_real_at(b, y));
        if (gives_whole)
            ((int64_t *)data)[i] = value != 0;
        else
            ((float *)data)[i] = (float)value;
    }
    return rc ? rc : onnx_alias_const(o, &out);
}

int onnx_compute_where(struct onnx *o)
{
    const struct onnx_const *c[3];
    struct onnx_const out;
    struct walk w = { 0 };
    void *data;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < 3; i++) {
        rc = onnx_input_any(o, i, &c[i]);
        if (rc == 0)
            rc = join_shape(o, &w, c[i]);
    }
    if (rc)
        return rc;
    const enum onnx_class class = onnx_class_of(c[1]->type);
    rc = onnx_const_new(o, class, w.rank, w.dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++) {
        const struct onnx_const *from = c[onnx_int_at(c[0], at_walk(&w, c[0], i)) ? 1 : 2];
        if (class == ONNX_WHOLE)
            ((int64_t *)data)[i] = onnx_int_at(from, at_walk(&w, from, i));
        else
            ((float *)data)[i] = (float)onnx_real_at(from, at_walk(&w, from, i));
    }
    return rc ? rc : onnx_alias_const(o, &out);
}

int onnx_compute_expand(struct onnx *o)
{
    const struct onnx_const *c;
    struct onnx_const shape = { 0 }, out;
    struct walk w = { 0 };
    int64_t dims[ONNX_LIST_MAX];
    size_t rank;
    void *data;
    int rc = onnx_input_any(o, 0, &c);

    if (rc == 0)
        rc = onnx_list(o, 1, "shape", dims, &rank);
    if (rc == 0 && rank > ONNX_RANK_MAX)
        rc = onnx_fail(o, -ENOTSUP, "expands to more than %d dimensions", ONNX_RANK_MAX);
    if (rc)
        return rc;
    shape.rank = (int)rank;
    memcpy(shape.dims, dims, rank * sizeof(*dims));
    rc = join_shape(o, &w, c);
    if (rc == 0)
        rc = join_shape(o, &w, &shape);
    const enum onnx_class class = onnx_class_of(c->type);
    if (rc == 0)
        rc = onnx_const_new(o, class, w.rank, w.dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++)
        if (class == ONNX_WHOLE)
            ((int64_t *)data)[i] = onnx_int_at(c, at_walk(&w, c, i));
        else
            ((float *)data)[i] = (float)onnx_real_at(c, at_walk(&w, c, i));
    return rc ? rc : onnx_alias_const(o, &out);
}

/* ---- One constant */

static double single(enum onnx_single kind, double x)
{
    switch (kind) {
    case ONNX_C_NEG:
        return -x;
    case ONNX_C_ABS:
        return fabs(x);
    case ONNX_C_FLOOR:
        return floor(x);
    case ONNX_C_CEIL:
        return ceil(x);
    case ONNX_C_ROUND:
        return nearbyint(x);
    case ONNX_C_SQRT:
        return sqrt(x);
    case ONNX_C_RECIPROCAL:
        return 1 / x;
    case ONNX_C_NOT:
        return x == 0;
    }
    return 0;
}

int onnx_compute_single(struct onnx *o)
{
    const enum onnx_single kind = (enum onnx_single)o->op->kind;
    const struct onnx_const *c;
    struct onnx_const out;
    void *data;
    int rc = onnx_input_any(o, 0, &c);

    if (rc)
        return rc;
    const int whole = onnx_class_of(c->type) == ONNX_WHOLE;
    rc = onnx_const_new(o, onnx_class_of(c->type), c->rank, c->dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++) {
        const int64_t x = whole ? onnx_int_at(c, i) : 0;
        if (!whole)
            ((float *)data)[i] = (float)single(kind, onnx_real_at(c, i));
        else if (kind == ONNX_C_NOT)
            ((int64_t *)data)[i] = !x;
        else
            ((int64_t *)data)[i] = kind == ONNX_C_NEG || (kind == ONNX_C_ABS && x < 0)
                                       ? (int64_t)(0 - (uint64_t)x)
                                       : x;
    }
    return rc ? rc : onnx_alias_const(o, &out);
}

int onnx_compute_cast(struct onnx *o)
{
    const struct onnx_const *c;
    struct onnx_const out;
    void *data;
    int64_t to;
    int rc = onnx_input_any(o, 0, &c);

    if (rc == 0)
        rc = onnx_attr_int(o, "to", 0, 1, INT32_MAX, &to);
    if (rc)
        return rc;
    const enum onnx_class class = onnx_class_of((int32_t)to);
    if (class == ONNX_OTHER)
        return onnx_fail(o, -ENOTSUP, "attribute 'to': type %lld is not supported", (long long)to);
    rc = onnx_const_new(o, class, c->rank, c->dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++)
        if (class == ONNX_REAL)
            ((float *)data)[i] = (float)onnx_real_at(c, i);
        else if (to == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL)
            ((int64_t *)data)[i] = onnx_real_at(c, i) != 0;
        else
            ((int64_t *)data)[i] = onnx_int_at(c, i);
    return rc ? rc : onnx_alias_const(o, &out);
}

/* ---- Quantised constants: real value = (byte - zero) * scale */

/* One scale for all, or one per index of an axis. */
struct scales {
    const struct onnx_const *x, *scale, *zero; /* zero NULL: 0 */
    size_t inner;                              /* elements from one index to the next */
};

static int read_scales(struct onnx *o, enum onnx_class class, struct scales *s)
{
    int64_t said;
    int axis = 0, rc = onnx_input_const(o, 0, class, &s->x);

    s->zero = NULL;
    s->inner = 1;
    if (rc == 0)
        rc = onnx_input_const(o, 1, ONNX_REAL, &s->scale);
    if (rc == 0 && onnx_has_input(o, 2))
        rc = onnx_input_const(o, 2, ONNX_WHOLE, &s->zero);
    if (rc == 0)
        rc = onnx_attr_int(o, "axis", 1, -ONNX_RANK_MAX, ONNX_RANK_MAX, &said);
    if (rc == 0 && s->scale->count != 1)
        rc = onnx_axis(o, said, s->x->rank, &axis);
    if (rc)
        return rc;
    for (int i = axis + 1; i < s->x->rank; i++)
        s->inner *= (size_t)s->x->dims[i];
    if (s->scale->count != 1 && (int64_t)s->scale->count != s->x->dims[axis])
        return onnx_fail(o, -EINVAL, "has %zu scales for %lld parts", s->scale->count,
                         (long long)s->x->dims[axis]);
    if (s->zero && s->zero->count != s->scale->count)
        return onnx_fail(o, -EINVAL, "has %zu scales and %zu zero points", s->scale->count,
                         s->zero->count);
    return 0;
}

int onnx_compute_dequantize(struct onnx *o)
{
    struct onnx_const out;
    struct scales s;
    void *data;
    int rc = read_scales(o, ONNX_WHOLE, &s);

    if (rc == 0)
        rc = onnx_const_new(o, ONNX_REAL, s.x->rank, s.x->dims, &out, &data);
    for (size_t i = 0; rc == 0 && i < out.count; i++) {
        const size_t k = s.scale->count == 1 ? 0 : i / s.inner % s.scale->count;
        const double zero = s.zero ? onnx_real_at(s.zero, k) : 0;
        ((float *)data)[i] = (float)((onnx_real_at(s.x, i) - zero) * onnx_real_at(s.scale, k));
    }
    return rc ? rc : onnx_alias_const(o, &out);
}

int onnx_compute_quantize(struct onnx *o)
{
    struct onnx_const out;
    struct scales s;
    void *data;
    int rc = read_scales(o, ONNX_REAL, &s);

    if (rc == 0)
        rc = onnx_const_new(o, ONNX_WHOLE, s.x->rank, s.x->dims, &out, &data);
    if (rc)
        return rc;
    const int is_signed = s.zero && s.zero->type == ONNX__TENSOR_PROTO__DATA_TYPE__INT8;
    for (size_t i = 0; i < out.count; i++) {
        const size_t k = s.scale->count == 1 ? 0 : i / s.inner % s.scale->count;
        const double zero = s.zero ? onnx_real_at(s.zero, k) : 0;
        const double q = nearbyint(onnx_real_at(s.x, i) / onnx_real_at(s.scale, k)) + zero;
        const double low = is_signed ? -128 : 0;
        ((int64_t *)data)[i] = (int64_t)fmin(low + 255, fmax(low, q));
    }
    return onnx_alias_const(o, &out);
}
