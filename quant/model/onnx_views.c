/* Tensors of any rank and order on the three axes of a graph. Reshapes and transpositions are only
 * noted, in a view; moves are made where an operator needs its operand plain, and by then those
 * that undo each other are gone, and a shuffle of channels is seen for what it is. */
#include "quant/model/onnx_int.h"

#include <errno.h>
#include <string.h>

struct onnx_view onnx_view_of(int rank, const int64_t *dims)
{
    struct onnx_view v = { .rank = rank };

    for (int i = 0; i < rank; i++) {
        v.dims[i] = dims[i];
        v.perm[i] = i;
    }
    return v;
}

struct onnx_view onnx_view_image(int64_t c, int64_t h, int64_t w)
{
    return onnx_view_of(4, (const int64_t[]) { 1, c, h, w });
}

int64_t onnx_dim(const struct onnx_view *v, int i)
{
    return v->dims[v->perm[i]];
}

int onnx_axis(const struct onnx *o, int64_t said, int rank, int *out)
{
    *out = 0;
    if (said < -rank || said >= rank)
        return onnx_fail(o, -EINVAL, "axis %lld of a tensor of %d dimensions", (long long)said,
                         rank);
    *out = (int)(said < 0 ? said + rank : said);
    return 0;
}

/* Sizes were checked: their product is at most QNT_ELEMENTS_MAX. */
void onnx_axes(int rank, const int64_t *dims, int32_t chw[3])
{
    int first = rank >= 2 && dims[0] == 1;
    const int left = rank - first;

    chw[0] = chw[1] = chw[2] = 1;
    for (int i = first; i < rank; i++)
        chw[i - first < 2 ? i - first : 2] *= (int32_t)dims[i];
    if (left == 2) { /* rows are channels, columns the width */
        chw[2] = chw[1];
        chw[1] = 1;
    }
}

/* ---- Runs of dimensions that stay together */

struct groups {
    int count;
    int64_t size[ONNX_RANK_MAX]; /* in the order of the node's elements */
    int order[ONNX_RANK_MAX];    /* in the file's order: which of them */
};

static struct groups group(const struct onnx_view *v)
{
    struct groups g = { 0 };
    int of[ONNX_RANK_MAX], previous = -2; /* storage dimensions without those of one element */
    int begins[ONNX_RANK_MAX] = { 0 }, kept = 0, number = -1;

    for (int i = 0; i < v->rank; i++)
        of[i] = v->dims[i] != 1 ? kept++ : -1;
    for (int i = 0; i < v->rank; i++) {
        int at = of[v->perm[i]];
        if (at < 0)
            continue;
        begins[at] = at != previous + 1;
        previous = at;
    }
    if (kept)
        begins[0] = 1;
    for (int i = 0; i < v->rank; i++) /* sizes, in storage order */
        if (of[i] >= 0) {
            number += begins[of[i]];
            g.size[number] = (begins[of[i]] ? 1 : g.size[number]) * v->dims[i];
        }
    g.count = number + 1;
    number = 0;
    for (int i = 0; i < v->rank; i++) { /* their order in the file */
        int at = of[v->perm[i]], which = -1;
        if (at < 0 || !begins[at])
            continue;
        for (int k = 0; k <= at; k++)
            which += begins[k];
        g.order[number++] = which;
    }
    return g;
}

static int is_sorted(const struct groups *g)
{
    for (int i = 0; i < g->count; i++)
        if (g->order[i] != i)
            return 0;
    return 1;
}

/* ---- Moves */

static void axes_of(const struct onnx *o, int32_t node, int32_t chw[3])
{
    const struct qnt_node *n = &o->graph->nodes[node];

    chw[0] = n->c;
    chw[1] = n->h;
    chw[2] = n->w;
}

static int reshape_to(struct onnx *o, const int32_t chw[3], int32_t *node)
{
    int32_t have[3];

    axes_of(o, *node, have);
    if (memcmp(have, chw, sizeof(have)) == 0)
        return 0;
    return onnx_emit_move(o, QNT_OP_RESHAPE, chw, (struct qnt_place) { { 0 }, { 0 } }, node);
}

/* [g][k][...] -> [k][g][...] where g * k are the channels, before and after. */
static int is_shuffle(const struct groups *g, const int32_t have[3], const int32_t want[3])
{
    return memcmp(have, want, 3 * sizeof(*have)) == 0 && (g->count == 2 || g->count == 3) &&
           g->order[0] == 1 && g->order[1] == 0 && g->size[0] * g->size[1] == have[0];
}

/* Which group each axis (c, h, w) of a node belongs to; 0 where a group begins inside of an axis.
 */
static int axes_are_groups(const struct groups *g, const int32_t chw[3], int of[3])
{
    int64_t left = 1;
    int at = -1;

    for (int k = 0; k < 3; k++) {
        of[k] = -1;
        if (chw[k] == 1)
            continue;
        if (left == 1 && ++at < g->count)
            left = g->size[at];
        if (at >= g->count || left % chw[k])
            return 0;
        of[k] = at;
        left /= chw[k];
    }
    return left == 1 && at == g->count - 1;
}

/* 1 if the axes in the order `a` have their elements in the file's order. */
static int follows(const struct groups *g, const int of[3], const int a[3])
{
    int position = 0, previous = -1;

    for (int k = 0; k < 3; k++) {
        if (of[a[k]] < 0)
            continue;
        if (previous >= 0 && of[a[previous]] == of[a[k]] && a[k] < a[previous])
            return 0;
        if (previous >= 0 && of[a[previous]] != of[a[k]])
            position++;
        if (g->order[position] != of[a[k]])
            return 0;
        previous = k;
    }
    return 1;
}

/* Exchanges axes so that elements are in the file's order; so that the result has the axes `want`
 * if it can be. */
static int permute(struct onnx *o, const struct groups *g, const int of[3], const int32_t want[3],
                   int32_t *node)
{
    static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } }; /* of c, h, w */
    static const int32_t place_of[3] = { 2, 0, 1 }; /* of c, h, w in struct qnt_place */
    int32_t have[3], got[3], best[3] = { 0, 0, 0 };
    int found = -1;

    axes_of(o, *node, have);
    for (int i = 0; i < 6; i++) {
        if (!follows(g, of, orders[i]))
            continue;
        for (int k = 0; k < 3; k++)
            got[k] = have[orders[i][k]];
        if (found < 0 || memcmp(got, want, sizeof(got)) == 0) {
            memcpy(best, got, sizeof(best));
            found = i;
        }
    }
    struct qnt_place place = { { 0 }, { 0 } };
    for (int k = 0; k < 3; k++)
        place.begin[place_of[k]] = place_of[orders[found][k]];
    return onnx_emit_move(o, QNT_OP_PERMUTE, best, place, node);
}

/* The tensor of v, in the file's order, on the axes `want`. */
static int materialise(struct onnx *o, const struct onnx_view *v, const int32_t want[3],
                       int32_t *node)
{
    const struct groups g = group(v);
    int32_t have[3];
    int of[3];

    *node = v->node;
    if (is_sorted(&g))
        return reshape_to(o, want, node);
    axes_of(o, *node, have);
    if (is_shuffle(&g, have, want)) {
        const struct qnt_place place = { { 0, 0, (int32_t)g.size[0] }, { 0 } };
        return onnx_emit_move(o, QNT_OP_SHUFFLE, want, place, node);
    }
    if (!axes_are_groups(&g, have, of)) {
        if (g.count > 3)
            return onnx_fail(o, -ENOTSUP,
                             "needs elements in an order of %d dimensions; at most 3 can be"
                             " exchanged",
                             g.count);
        const int32_t parts[3] = { (int32_t)g.size[0], g.count > 2 ? (int32_t)g.size[1] : 1,
                                   (int32_t)g.size[g.count - 1] };
        int rc = reshape_to(o, parts, node);
        if (rc)
            return rc;
        axes_are_groups(&g, parts, of);
    }
    int rc = permute(o, &g, of, want, node);
    return rc ? rc : reshape_to(o, want, node);
}

int onnx_reshape(struct onnx *o, struct onnx_view *v, int rank, const int64_t *dims)
{
    const struct groups g = group(v);
    struct onnx_view out = onnx_view_of(rank, dims);
    int32_t want[3];
    int rc = 0;

    out.node = v->node;
    if (!is_sorted(&g)) {
        onnx_axes(rank, dims, want);
        rc = materialise(o, v, want, &out.node);
    }
    if (rc == 0)
        *v = out;
    return rc;
}

int onnx_plain(struct onnx *o, struct onnx_view *v)
{
    int64_t dims[ONNX_RANK_MAX];
    int32_t want[3];

    for (int i = 0; i < v->rank; i++)
        dims[i] = onnx_dim(v, i);
    onnx_axes(v->rank, dims, want);
    struct onnx_view out = onnx_view_of(v->rank, dims);
    int rc = materialise(o, v, want, &out.node);
    if (rc == 0)
        *v = out;
    return rc;
}

int onnx_axis_first(struct onnx *o, const struct onnx_view *v, int axis, struct onnx_view *plain)
{
    struct onnx_view turned = *v;
    int64_t dims[4] = { 1, onnx_dim(v, axis), 1, 1 };
    const int batch = axis != 0 && v->rank > 1 && onnx_dim(v, 0) == 1;
    const int rest = v->rank - 1 - batch;
    int32_t want[3];

    turned.perm[0] = v->perm[axis];
    for (int i = 0, to = 1; i < v->rank; i++) {
        if (i == axis)
            continue;
        turned.perm[to] = v->perm[i];
        dims[rest > 1 && to == 1 + batch ? 2 : 3] *= onnx_dim(v, i);
        to++;
    }
    *plain = onnx_view_of(4, dims);
    onnx_axes(4, dims, want);
    return materialise(o, &turned, want, &plain->node);
}

struct onnx_view onnx_axis_back(const struct onnx_view *v, int axis, int32_t node, int64_t channels)
{
    struct onnx_view out = { .node = node, .rank = v->rank };

    out.dims[0] = channels;
    for (int i = 0, to = 1; i < v->rank; i++) {
        if (i != axis)
            out.dims[to] = onnx_dim(v, i);
        out.perm[i] = i == axis ? 0 : to++;
    }
    return out;
}
