/* Reductions, and what only moves elements. */
#include "quant/model/onnx_int.h"

#include <errno.h>
#include <string.h>

/* ---- Reductions over all pixels of a plain tensor */

static struct qnt_node global_on(const struct onnx *o, const struct onnx_view *x)
{
    struct qnt_node node = onnx_node_on(o, o->op->op, x);

    if (node.op == QNT_OP_MAXPOOL)
        node.window = (struct qnt_window) { .kh = node.h, .kw = node.w, .sh = 1, .sw = 1 };
    node.h = node.w = 1;
    return node;
}

int onnx_import_global(struct onnx *o)
{
    struct onnx_view x;
    int rc = onnx_input_plain(o, 0, &x);

    if (rc == 0 && x.rank < 3)
        rc = onnx_fail(o, -ENOTSUP, "input '%s' has %d dimensions, expected 4", o->node->input[0],
                       x.rank);
    if (rc)
        return rc;
    struct qnt_node node = global_on(o, &x);
    for (int i = 2; i < x.rank; i++)
        x.dims[i] = 1;
    return onnx_emit(o, 0, &node, &x);
}

/* reduced[i] = 1 for the dimensions that a reduction is over. */
static int read_axes(const struct onnx *o, int rank, int reduced[ONNX_RANK_MAX])
{
    int64_t axes[ONNX_LIST_MAX], noop;
    size_t count;
    int axis, rc = onnx_list(o, 1, "axes", axes, &count);

    if (rc == 0)
        rc = onnx_attr_int(o, "noop_with_empty_axes", 0, 0, 1, &noop);
    const int all = rc == 0 && (count == SIZE_MAX || count == 0) && !noop;
    for (int i = 0; i < rank; i++)
        reduced[i] = all;
    for (size_t i = 0; rc == 0 && count != SIZE_MAX && i < count; i++) {
        rc = onnx_axis(o, axes[i], rank, &axis);
        reduced[axis] = 1;
    }
    return rc;
}

/* Makes channels of the dimensions that stay, and pixels of those that go. */
static int turn(struct onnx *o, const struct onnx_view *x, const int reduced[ONNX_RANK_MAX],
                struct onnx_view *plain)
{
    int64_t parts[4] = { 1, 1, 1, 1 };
    struct onnx_view turned = *x;
    int to = 0, stay = 0, axis = 0;

    for (int i = 0; i < x->rank; i++)
        if (!reduced[i] && onnx_dim(x, i) != 1) {
            axis = i;
            stay++;
        }
    if (stay == 1)
        return onnx_axis_first(o, x, axis, plain);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < x->rank; i++)
            if (reduced[i] == pass) {
                turned.perm[to++] = x->perm[i];
                parts[pass ? 3 : 1] *= onnx_dim(x, i);
            }
    int rc = onnx_reshape(o, &turned, 4, parts);
    *plain = turned;
    return rc ? rc : onnx_plain(o, plain);
}

/* The mean or maximum over any dimensions. */
int onnx_import_reduce(struct onnx *o)
{
    int reduced[ONNX_RANK_MAX], rank = 0;
    int64_t keep, left[ONNX_RANK_MAX];
    struct onnx_view x, plain;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_attr_int(o, "keepdims", 1, 0, 1, &keep);
    if (rc == 0)
        rc = read_axes(o, x.rank, reduced);
    if (rc == 0)
        rc = turn(o, &x, reduced, &plain);
    if (rc)
        return rc;
    for (int i = 0; i < x.rank; i++)
        if (!reduced[i] || keep)
            left[rank++] = reduced[i] ? 1 : onnx_dim(&x, i);
    struct qnt_node node = global_on(o, &plain);
    const struct onnx_view out = onnx_view_of(rank, left);
    return onnx_emit(o, 0, &node, &out);
}

/* ---- Reshapes */

static int64_t elements(const struct onnx_view *v)
{
    int64_t count = 1;
    for (int i = 0; i < v->rank; i++)
        count *= v->dims[i];
    return count;
}

static int alias_reshaped(struct onnx *o, struct onnx_view *x, int rank, const int64_t *dims)
{
    int rc = onnx_reshape(o, x, rank, dims);
    return rc ? rc : onnx_alias(o, 0, x);
}

int onnx_import_flatten(struct onnx *o)
{
    int64_t said, dims[2] = { 1, 1 };
    struct onnx_view x;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_attr_int(o, "axis", 1, -x.rank, x.rank, &said);
    if (rc)
        return rc;
    for (int i = 0; i < x.rank; i++)
        dims[i >= (said < 0 ? said + x.rank : said)] *= onnx_dim(&x, i);
    return alias_reshaped(o, &x, 2, dims);
}

/* 0 stands for the size that was, -1 (once) for what is left. */
static int resolve(const struct onnx *o, const struct onnx_view *x, size_t count, int64_t *dims,
                   int zero_is_zero)
{
    const int64_t all = elements(x);
    int64_t known = 1;
    int open = -1;

    for (int i = 0; i < (int)count; i++) {
        if (dims[i] == 0 && !zero_is_zero && i < x->rank)
            dims[i] = onnx_dim(x, i);
        if (dims[i] == -1 && open < 0) {
            open = i;
            continue;
        }
        if (dims[i] < 1 || dims[i] > all || __builtin_mul_overflow(known, dims[i], &known) ||
            known > all)
            return onnx_fail(o, -EINVAL, "reshapes %lld elements to a dimension %d of %lld",
                             (long long)all, i, (long long)dims[i]);
    }
    if (open >= 0)
        dims[open] = all / known;
    if (open >= 0 ? all % known != 0 : all != known)
        return onnx_fail(o, -EINVAL, "reshapes %lld elements to a shape of %lld", (long long)all,
                         (long long)known);
    return 0;
}

int onnx_import_reshape(struct onnx *o)
{
    int64_t dims[ONNX_LIST_MAX], zero;
    struct onnx_view x;
    size_t count;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_list(o, 1, "shape", dims, &count);
    if (rc == 0)
        rc = onnx_attr_int(o, "allowzero", 0, 0, 1, &zero);
    if (rc == 0 && count > ONNX_RANK_MAX)
        rc = onnx_fail(o, -ENOTSUP, "reshapes to more than %d dimensions", ONNX_RANK_MAX);
    if (rc == 0)
        rc = resolve(o, &x, count, dims, (int)zero);
    return rc ? rc : alias_reshaped(o, &x, (int)count, dims);
}

/* Without axes: every dimension of one element. */
int onnx_import_squeeze(struct onnx *o)
{
    int64_t axes[ONNX_LIST_MAX], dims[ONNX_RANK_MAX];
    int drop[ONNX_RANK_MAX], axis, rank = 0;
    struct onnx_view x;
    size_t count;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_list(o, 1, "axes", axes, &count);
    for (int i = 0; rc == 0 && i < x.rank; i++)
        drop[i] = count == SIZE_MAX && onnx_dim(&x, i) == 1;
    for (size_t i = 0; rc == 0 && count != SIZE_MAX && i < count; i++) {
        rc = onnx_axis(o, axes[i], x.rank, &axis);
        drop[axis] = 1;
        if (rc == 0 && onnx_dim(&x, axis) != 1)
            rc = onnx_fail(o, -EINVAL, "axis %d has %lld elements, expected 1", axis,
                           (long long)onnx_dim(&x, axis));
    }
    for (int i = 0; rc == 0 && i < x.rank; i++)
        if (!drop[i])
            dims[rank++] = onnx_dim(&x, i);
    return rc ? rc : alias_reshaped(o, &x, rank, dims);
}

int onnx_import_unsqueeze(struct onnx *o)
{
    int64_t axes[ONNX_LIST_MAX], dims[ONNX_RANK_MAX];
    int is_new[ONNX_RANK_MAX] = { 0 }, axis;
    struct onnx_view x;
    size_t count;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_list(o, 1, "axes", axes, &count);
    if (rc == 0 && (count == SIZE_MAX || x.rank + (int)count > ONNX_RANK_MAX))
        rc = onnx_fail(o, -ENOTSUP, "would give more than %d dimensions", ONNX_RANK_MAX);
    if (rc)
        return rc;
    const int rank = x.rank + (int)count;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = onnx_axis(o, axes[i], rank, &axis);
        if (rc == 0 && is_new[axis]++)
            rc = onnx_fail(o, -EINVAL, "names axis %d twice", axis);
    }
    for (int i = 0, from = 0; rc == 0 && i < rank; i++)
        dims[i] = is_new[i] ? 1 : onnx_dim(&x, from++);
    return rc ? rc : alias_reshaped(o, &x, rank, dims);
}

int onnx_import_transpose(struct onnx *o)
{
    const Onnx__AttributeProto *a = onnx_attr(o, "perm");
    struct onnx_view x, out;
    int seen[ONNX_RANK_MAX] = { 0 };
    int rc = onnx_input(o, 0, &x);

    if (rc == 0 && a && a->n_ints != (size_t)x.rank)
        rc = onnx_fail(o, -EINVAL, "attribute 'perm' has %zu values for %d dimensions", a->n_ints,
                       x.rank);
    if (rc)
        return rc;
    out = x;
    for (int i = 0; i < x.rank; i++) {
        int64_t from = a ? a->ints[i] : x.rank - 1 - i;
        if (from < 0 || from >= x.rank || seen[from]++)
            return onnx_fail(o, -EINVAL, "attribute 'perm' is no order of %d dimensions", x.rank);
        out.perm[i] = x.perm[from];
    }
    return onnx_alias(o, 0, &out);
}

/* ---- Concatenation: as channels, whatever the axis */

struct joined {
    struct qnt_node node;
    int64_t total;
};

static int join(struct onnx *o, const struct onnx_view *first, int axis, struct onnx_view x,
                struct joined *j)
{
    struct onnx_view plain;
    int same = x.rank == first->rank;

    for (int i = 0; same && i < x.rank; i++)
        same = i == axis || onnx_dim(&x, i) == onnx_dim(first, i);
    if (!same)
        return onnx_fail(o, -EINVAL, "inputs that differ beside axis %d cannot stand side by side",
                         axis);
    int rc = onnx_axis_first(o, &x, axis, &plain);
    if (rc)
        return rc;
    if (j->node.input_count == QNT_INPUTS_MAX) { /* what is there so far becomes one of them */
        struct qnt_node part = j->node;
        int32_t index;
        rc = onnx_emit_part(o, &part, "concat", &index);
        j->node.inputs[0] = index;
        j->node.input_count = 1;
    }
    const struct qnt_node *in = onnx_node_of(o, &plain);
    j->node.inputs[j->node.input_count++] = plain.node;
    j->node.h = in->h;
    j->node.w = in->w;
    j->total += in->c;
    if (rc == 0 && j->total > QNT_ELEMENTS_MAX)
        rc = onnx_fail(o, -EINVAL, "%lld channels are too many", (long long)j->total);
    j->node.c = (int32_t)j->total;
    return rc;
}

int onnx_import_concat(struct onnx *o)
{
    struct joined j = { .node = qnt_node_blank(QNT_OP_CONCAT) };
    struct onnx_view first, x;
    int64_t said;
    int axis = 0, rc = onnx_input(o, 0, &first);

    if (rc == 0)
        rc = onnx_attr_int(o, "axis", INT32_MAX, INT32_MIN, INT32_MAX, &said);
    if (rc == 0)
        rc = onnx_axis(o, said, first.rank, &axis);
    for (size_t i = 0; rc == 0 && i < o->node->n_input; i++) {
        rc = onnx_input(o, i, &x);
        if (rc == 0)
            rc = join(o, &first, axis, x, &j);
    }
    if (rc)
        return rc;
    const struct onnx_view out = onnx_axis_back(&first, axis, -1, j.total);
    return onnx_emit(o, 0, &j.node, &out);
}

/* ---- Softmax: over channels */

static int softmax_axis(const struct onnx *o, int rank, int *axis)
{
    int64_t said;
    int rc = onnx_attr_int(o, "axis", o->opset < 13 ? 1 : -1, INT32_MIN, INT32_MAX, &said);
    return rc ? rc : onnx_axis(o, said, rank, axis);
}

int onnx_import_softmax(struct onnx *o)
{
    struct onnx_view x, plain, like;
    int axis = 0, rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = softmax_axis(o, x.rank, &axis);
    if (rc)
        return rc;
    like = x;
    if (o->opset < 13) { /* over all that follows the axis, too */
        int64_t dims[2] = { 1, 1 };
        for (int i = 0; i < x.rank; i++)
            dims[i >= axis] *= onnx_dim(&x, i);
        if (dims[1] != onnx_dim(&x, axis)) {
            rc = onnx_plain(o, &x);
            like = x;
            if (rc == 0)
                rc = onnx_reshape(o, &x, 2, dims);
            axis = 1;
        }
    }
    if (rc == 0)
        rc = onnx_axis_first(o, &x, axis, &plain);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_SOFTMAX, &plain);
    if (like.rank == x.rank)
        like = onnx_axis_back(&x, axis, -1, node.c);
    return onnx_emit(o, 0, &node, &like);
}

/* Scores are wanted before the softmax, so the logarithm of one can only be dropped, at the end. */
int onnx_import_log_softmax(struct onnx *o)
{
    const Onnx__GraphProto *graph = o->model->graph;
    struct onnx_view x;
    int last = 0, axis, rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = softmax_axis(o, x.rank, &axis);
    for (size_t i = 0; i < graph->n_output; i++)
        last |= graph->output[i]->name && strcmp(graph->output[i]->name, o->node->output[0]) == 0;
    if (rc == 0 && !last)
        rc = onnx_fail(o, -ENOTSUP, "only supported as the last node");
    return rc ? rc : onnx_alias(o, 0, &x);
}
