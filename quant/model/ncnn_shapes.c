/* The input, and what moves elements about. ncnn counts w, h, c; a blob of 2 dimensions has its
 * rows as our channels and its columns as our width, one of 1 dimension has channels only. So the
 * order of its elements is always ours of c, h, w. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "quant/model/ncnn_int.h"

struct extents { /* of a blob, in ncnn's words */
    int64_t w, h, c;
};

static struct extents extents_of(const struct ncnn *n, const struct ncnn_blob *b)
{
    const struct qnt_node *node = ncnn_node_of(n, b);

    switch (b->dims) {
    case 1:
        return (struct extents) { node->c, 1, 1 };
    case 2:
        return (struct extents) { node->w, node->c, 1 };
    default:
        return (struct extents) { node->w, node->h, node->c };
    }
}

/* The elements of input 0, in other dimensions. */
static int emit_extents(struct ncnn *n, int dims, struct extents e)
{
    const struct ncnn_blob *x = ncnn_input(n, 0);
    struct qnt_node node = ncnn_node_on(n, QNT_OP_RESHAPE);
    const struct qnt_node old = node;
    const int64_t count = (int64_t)qnt_node_elements(&node);

    if (e.w < 1 || e.h < 1 || e.c < 1 || e.w > count || e.h > count / e.w ||
        e.w * e.h * e.c != count)
        return ncnn_fail(n, -EINVAL, "%lld elements do not make %lld x %lld x %lld",
                         (long long)count, (long long)e.w, (long long)e.h, (long long)e.c);
    node.c = (int32_t)(dims == 3 ? e.c : dims == 2 ? e.h : e.w);
    node.h = (int32_t)(dims == 3 ? e.h : 1);
    node.w = (int32_t)(dims == 1 ? 1 : e.w);
    if (node.h == old.h && node.w == old.w && node.c == old.c)
        return ncnn_define(n, 0, x->node, dims);
    return ncnn_emit(n, &node, dims);
}

int ncnn_import_input(struct ncnn *n)
{
    const struct qnt_load *how = n->how;
    struct qnt_node node = qnt_node_blank(QNT_OP_INPUT);
    int rc = ncnn_int(n, 0, 0, 0, INT32_MAX, &node.w);

    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, INT32_MAX, &node.h);
    if (rc == 0)
        rc = ncnn_int(n, 2, 0, 0, INT32_MAX, &node.c);
    if (rc)
        return rc;
    if (how->h) { /* ncnn itself does not heed the sizes in the file */
        node.h = how->h;
        node.w = how->w;
        node.c = how->c;
    }
    if (!node.h || !node.w || !node.c)
        return ncnn_fail(n, -EINVAL,
                         "the file does not say how large images are: say so with an"
                         " option such as --shape=224x224x3 (width, height, channels)");
    return ncnn_emit(n, &node, 3);
}

int ncnn_import_split(struct ncnn *n)
{
    const struct ncnn_blob x = *ncnn_input(n, 0);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n->output_count; i++)
        rc = ncnn_define(n, i, x.node, x.dims);
    return rc;
}

int ncnn_import_flatten(struct ncnn *n)
{
    const size_t count = qnt_node_elements(ncnn_node_of(n, ncnn_input(n, 0)));
    return emit_extents(n, 1, (struct extents) { (int64_t)count, 1, 1 });
}

/* One extent of a reshape: 0 is that of the input, -1 what is left. */
static int64_t resolve(int32_t said, int64_t old, int64_t *left)
{
    int64_t extent = said == 0 ? old : said;
    if (extent > 0)
        *left = *left % extent == 0 ? *left / extent : 0;
    return extent;
}

int ncnn_import_reshape(struct ncnn *n)
{
    enum { ABSENT = -233 };
    const struct extents old = extents_of(n, ncnn_input(n, 0));
    int64_t left = old.w * old.h * old.c;
    int32_t w, h, c;
    int rc = ncnn_int(n, 0, ABSENT, ABSENT, INT32_MAX, &w);

    if (rc == 0)
        rc = ncnn_int(n, 1, ABSENT, ABSENT, INT32_MAX, &h);
    if (rc == 0)
        rc = ncnn_int(n, 2, ABSENT, ABSENT, INT32_MAX, &c);
    if (rc)
        return rc;
    int dims = c != ABSENT ? 3 : h != ABSENT ? 2 : 1;
    if (w == ABSENT || (dims == 3 && h == ABSENT))
        return ncnn_fail(n, -EINVAL, "does not say to which shape");
    struct extents e = { resolve(w, old.w, &left), dims > 1 ? resolve(h, old.h, &left) : 1,
                         dims > 2 ? resolve(c, old.c, &left) : 1 };
    if ((e.w == -1) + (e.h == -1) + (e.c == -1) > 1)
        return ncnn_fail(n, -EINVAL, "leaves two sizes open");
    e.w = e.w == -1 ? left : e.w;
    e.h = e.h == -1 ? left : e.h;
    e.c = e.c == -1 ? left : e.c;
    return emit_extents(n, dims, e);
}

/* Drops dimensions of size 1: those that flags for w, h, c or a list of axes name. */
int ncnn_import_squeeze(struct ncnn *n)
{
    const struct ncnn_blob *x = ncnn_input(n, 0);
    const struct extents e = extents_of(n, x);
    const double *axes;
    size_t count;
    int32_t drop[3]; /* w, h, c */
    int rc = ncnn_array(n, 3, &axes, &count);

    for (int i = 0; rc == 0 && i < 3; i++)
        rc = ncnn_int(n, i, 0, 0, 1, &drop[i]);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        double axis = axes[i] < 0 ? axes[i] + x->dims : axes[i];
        if (!(axis == 0 || axis == 1 || axis == 2) || axis >= x->dims)
            return ncnn_fail(n, -EINVAL, "axis %g of %d dimensions", axes[i], x->dims);
        drop[x->dims - 1 - (int)axis] = 1; /* axis 0 is the outermost */
    }
    if (rc)
        return rc;
    const int64_t sizes[3] = { e.w, e.h, e.c };
    int64_t kept[3] = { 1, 1, 1 };
    int dims = 0;
    for (int i = 0; i < x->dims; i++)
        if (!drop[i] || sizes[i] != 1)
            kept[dims++] = sizes[i];
    return emit_extents(n, dims ? dims : 1, (struct extents) { kept[0], kept[1], kept[2] });
}

int ncnn_import_permute(struct ncnn *n)
{
    /* By order type: the input's axis (0 h, 1 w, 2 c) that becomes the output's h, w, c. */
    static const int32_t orders[6][3] = { { 0, 1, 2 }, { 1, 0, 2 }, { 2, 1, 0 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 0, 2, 1 } };
    static const int32_t rows[2][3] = { { 0, 1, 2 }, { 0, 2, 1 } }; /* of 2 dimensions */
    const struct ncnn_blob *x = ncnn_input(n, 0);
    struct qnt_node node = ncnn_node_on(n, QNT_OP_PERMUTE);
    const int32_t sizes[3] = { node.h, node.w, node.c };
    int32_t type;
    int rc = ncnn_int(n, 0, 0, 0, x->dims == 3 ? 5 : x->dims - 1, &type);

    if (rc)
        return rc;
    if (type == 0)
        return ncnn_define(n, 0, x->node, x->dims);
    for (int i = 0; i < 3; i++)
        node.place.begin[i] = x->dims == 3 ? orders[type][i] : rows[type][i];
    node.h = sizes[node.place.begin[0]];
    node.w = sizes[node.place.begin[1]];
    node.c = sizes[node.place.begin[2]];
    return ncnn_emit(n, &node, x->dims);
}

/* Which of our h, w, c (0, 1, 2) an axis is: 0 is the outermost, so our channels; the innermost is
 * our width, but for vectors. */
static int read_axis(const struct ncnn *n, int id, int dims, int *out)
{
    static const int axes[4][3] = { { 2 }, { 2 }, { 2, 1 }, { 2, 0, 1 } };
    int32_t axis;
    int rc = ncnn_int(n, id, 0, -dims, dims - 1, &axis);

    *out = rc ? 2 : axes[dims][axis < 0 ? axis + dims : axis];
    return rc;
}

/* Adds *node, whose channels are the axis `axis` of what is wanted, as output i. */
static int emit_exchanged(struct ncnn *n, struct qnt_node *node, int axis, const char *name, int i,
                          int dims)
{
    char inner[300];
    int32_t at;

    if (axis == 2)
        return ncnn_emit_as(n, node, dims, name, i, NULL);
    snprintf(inner, sizeof(inner), "%.250s.inner", name);
    int rc = ncnn_emit_as(n, node, dims, inner, -1, &at);
    if (rc == 0)
        rc = ncnn_exchange(n, axis, &at);
    return rc ? rc : ncnn_define(n, (size_t)i, at, dims);
}

/* What has been joined so far becomes one of the inputs, where there are more than fit. */
static int add_joined(struct ncnn *n, struct qnt_node *node, int32_t from)
{
    char name[300];
    int rc = 0;

    if (node->input_count == QNT_INPUTS_MAX) {
        struct qnt_node part = *node;
        snprintf(name, sizeof(name), "%.250s.part%d", n->name, n->graph->count);
        rc = ncnn_emit_as(n, &part, 3, name, -1, &node->inputs[0]);
        node->input_count = 1;
    }
    node->inputs[node->input_count++] = from;
    return rc;
}

int ncnn_import_concat(struct ncnn *n)
{
    const int dims = ncnn_input(n, 0)->dims;
    struct qnt_node node = qnt_node_blank(QNT_OP_CONCAT);
    int64_t channels = 0;
    int axis, rc = read_axis(n, 0, dims, &axis);

    for (size_t i = 0; rc == 0 && i < n->input_count; i++) {
        const struct ncnn_blob *b = ncnn_input(n, i);
        int32_t from = b->node;
        if (b->dims != dims)
            return ncnn_fail(n, -EINVAL, "inputs of %d and %d dimensions cannot stand side by side",
                             dims, b->dims);
        rc = ncnn_exchange(n, axis, &from);
        if (rc)
            break;
        const struct qnt_node *x = &n->graph->nodes[from];
        if (i == 0) {
            node.h = x->h;
            node.w = x->w;
        }
        if (x->h != node.h || x->w != node.w)
            return ncnn_fail(n, -EINVAL, "inputs of %dx%d and %dx%d cannot stand side by side",
                             node.h, node.w, x->h, x->w);
        const int32_t part = x->c;
        rc = add_joined(n, &node, from);
        channels += part;
        if (rc == 0 && channels > QNT_ELEMENTS_MAX)
            rc = ncnn_fail(n, -EINVAL, "%lld channels are too many", (long long)channels);
        node.c = (int32_t)channels;
    }
    return rc ? rc : emit_exchanged(n, &node, axis, n->name, 0, dims);
}

/* A size of -233 is an equal share of what is left. */
int ncnn_import_slice(struct ncnn *n)
{
    enum { SHARE = -233 };
    const struct ncnn_blob x = *ncnn_input(n, 0);
    const struct qnt_node whole = ncnn_node_on(n, QNT_OP_SLICE);
    const double *sizes;
    size_t count;
    int32_t begin = 0;
    int axis, rc = ncnn_array(n, 0, &sizes, &count);

    if (rc == 0)
        rc = read_axis(n, 1, x.dims, &axis);
    if (rc == 0 && count != n->output_count)
        rc = ncnn_fail(n, -EINVAL, "has %zu outputs and %zu sizes", n->output_count, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct qnt_node node = whole;
        int32_t *const extents[3] = { &node.h, &node.w, &node.c };
        const int32_t left = *extents[axis] - begin;
        double size = sizes[i] == SHARE ? left / (int32_t)(count - i) : sizes[i];
        if (!(size >= 1 && size <= left && size == (int32_t)size))
            return ncnn_fail(n, -EINVAL, "part %zu: %g of the %d that are left", i, size, left);
        *extents[axis] = (int32_t)size;
        node.place = (struct qnt_place) { { 0 }, { 1, 1, 1 } };
        node.place.begin[axis] = begin;
        begin += (int32_t)size;
        rc = ncnn_emit_as(n, &node, x.dims, n->outputs[i], (int)i, NULL);
    }
    return rc;
}

/* Channels [g][k] become [k][g]; reversed, the other way round. */
int ncnn_import_shuffle(struct ncnn *n)
{
    struct qnt_node node = ncnn_node_on(n, QNT_OP_SHUFFLE);
    int32_t groups, reversed;
    int rc = ncnn_int(n, 0, 1, 1, node.c, &groups);

    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, 1, &reversed);
    if (rc == 0 && node.c % groups)
        rc = ncnn_fail(n, -EINVAL, "%d channels in %d groups", node.c, groups);
    if (rc)
        return rc;
    node.place = (struct qnt_place) { { 0, 0, reversed ? node.c / groups : groups }, { 0 } };
    return ncnn_emit(n, &node, ncnn_input(n, 0)->dims);
}

/* ---- Crop */

/* Offsets and sizes by axis: w, h, c. A size of -233 is all that is left before the second offset.
 */
static int crop_by_size(const struct ncnn *n, const struct extents *e, int64_t begin[3],
                        int64_t end[3])
{
    enum { REST = -233 };
    const int64_t in[3] = { e->w, e->h, e->c };

    for (int i = 0; i < 3; i++) {
        int32_t first, size, last;
        int rc = ncnn_int(n, i, 0, 0, INT32_MAX, &first);
        if (rc == 0)
            rc = ncnn_int(n, 3 + i, 0, REST, INT32_MAX, &size);
        if (rc == 0)
            rc = ncnn_int(n, 6 + i, 0, 0, INT32_MAX, &last);
        if (rc)
            return rc;
        begin[i] = first;
        end[i] = size > 0 ? (int64_t)first + size : in[i] - last;
    }
    return 0;
}

/* From the offsets on as much as a second blob has. */
static int crop_by_blob(const struct ncnn *n, const struct extents *e, int64_t begin[3],
                        int64_t end[3])
{
    const struct ncnn_blob *x = ncnn_input(n, 0), *like = ncnn_input(n, 1);
    int rc = 0;

    for (int id = 3; rc == 0 && id <= 8; id++) {
        int32_t none;
        rc = ncnn_int(n, id, 0, 0, 0, &none);
    }
    if (rc)
        return rc;
    if (like->memory)
        return ncnn_fail(n, -ENOTSUP, "takes its size from a constant");
    const struct extents size = extents_of(n, like);
    rc = crop_by_size(n, e, begin, end);
    end[0] = begin[0] + size.w;
    end[1] = x->dims > 1 ? begin[1] + size.h : end[1];
    end[2] = x->dims > 2 && like->dims > 2 ? begin[2] + size.c : end[2];
    return rc;
}

/* As numpy slices: lists of starts and ends, by axis from the outermost. */
static int crop_by_axes(const struct ncnn *n, int dims, const struct extents *e, int64_t begin[3],
                        int64_t end[3])
{
    const double *starts, *ends, *axes;
    size_t counts[3];
    int rc = ncnn_array(n, 9, &starts, &counts[0]);

    if (rc == 0)
        rc = ncnn_array(n, 10, &ends, &counts[1]);
    if (rc == 0)
        rc = ncnn_array(n, 11, &axes, &counts[2]);
    if (rc)
        return rc;
    if (counts[0] != counts[1] || (counts[2] && counts[2] != counts[0]) || counts[0] > (size_t)dims)
        return ncnn_fail(n, -EINVAL, "has %zu starts, %zu ends and %zu axes for %d dimensions",
                         counts[0], counts[1], counts[2], dims);
    const int64_t in[3] = { e->w, e->h, e->c };
    for (int i = 0; i < 3; i++) {
        begin[i] = 0;
        end[i] = in[i];
    }
    for (size_t i = 0; i < counts[0]; i++) {
        double axis = counts[2] ? axes[i] : (double)i;
        axis += axis < 0 ? dims : 0;
        if (!(axis == 0 || axis == 1 || axis == 2) || axis >= dims)
            return ncnn_fail(n, -EINVAL, "axis %g of %d dimensions", axes[i], dims);
        const int k = dims - 1 - (int)axis;
        const double first = starts[i] < 0 ? starts[i] + (double)in[k] : starts[i];
        const double last = ends[i] < 0 ? ends[i] + (double)in[k] : ends[i];
        if (!(first >= 0 && first < (double)in[k] && last > first))
            return ncnn_fail(n, -EINVAL, "takes %g to %g of %lld elements", starts[i], ends[i],
                             (long long)in[k]);
        begin[k] = (int64_t)first;
        end[k] = last < (double)in[k] ? (int64_t)last : in[k];
    }
    return 0;
}

int ncnn_import_crop(struct ncnn *n)
{
    const struct ncnn_blob *x = ncnn_input(n, 0);
    const struct extents e = extents_of(n, x);
    struct qnt_node node = ncnn_node_on(n, QNT_OP_SLICE);
    int64_t begin[3], end[3];
    const double *starts;
    size_t count;
    int32_t depth = 0;
    int rc = ncnn_array(n, 9, &starts, &count);

    for (int id = 13; rc == 0 && id <= 15; id++)
        rc = ncnn_int(n, id, 0, 0, 0, &depth);
    if (rc == 0)
        rc = count                 ? crop_by_axes(n, x->dims, &e, begin, end)
             : n->input_count == 2 ? crop_by_blob(n, &e, begin, end)
                                   : crop_by_size(n, &e, begin, end);
    if (rc)
        return rc;
    const int64_t in[3] = { e.w, e.h, e.c };
    for (int i = 0; i < 3; i++)
        if (begin[i] >= end[i] || end[i] > in[i])
            return ncnn_fail(n, -EINVAL, "takes %lld to %lld of %lld elements", (long long)begin[i],
                             (long long)end[i], (long long)in[i]);
    /* which of ncnn's w, h, c our h, w, c are */
    static const int axes[4][3] = { { 0 }, { 1, 2, 0 }, { 2, 0, 1 }, { 1, 0, 2 } };
    int32_t *const sizes[3] = { &node.h, &node.w, &node.c };
    for (int i = 0; i < 3; i++) {
        const int k = axes[x->dims][i];
        node.place.begin[i] = (int32_t)begin[k];
        node.place.step[i] = 1;
        *sizes[i] = (int32_t)(end[k] - begin[k]);
    }
    return ncnn_emit(n, &node, x->dims);
}

int ncnn_import_softmax(struct ncnn *n)
{
    const int dims = ncnn_input(n, 0)->dims;
    int32_t fixed, from = ncnn_input(n, 0)->node;
    int axis, rc = read_axis(n, 0, dims, &axis);

    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, 1, &fixed);
    if (rc == 0)
        rc = ncnn_exchange(n, axis, &from);
    if (rc)
        return rc;
    struct qnt_node node = qnt_node_after(n->graph, from, QNT_OP_SOFTMAX);
    return emit_exchanged(n, &node, axis, n->name, 0, dims);
}
