#include "quant/model/onnx_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernels/hash.h"

/* The slot of `name`: the one that holds it, or the free one where it would go. */
static struct onnx_value *slot_of(const struct onnx *o, const char *name)
{
    uint64_t hash = krn_fnv1a(KRN_FNV1A_BEGIN, name, strlen(name));
    size_t i = (size_t)(hash ^ hash >> 32) & (o->capacity - 1);
    while (o->values[i].name && strcmp(o->values[i].name, name) != 0)
        i = (i + 1) & (o->capacity - 1);
    return &o->values[i];
}

struct onnx_value *onnx_find(const struct onnx *o, const char *name)
{
    struct onnx_value *slot = slot_of(o, name);
    return slot->name ? slot : NULL;
}

int onnx_define(struct onnx *o, const char *name, struct onnx_value **out)
{
    *out = NULL;
    if (!name || !*name)
        return onnx_fail(o, -EINVAL, "defines a tensor without a name");
    struct onnx_value *slot = slot_of(o, name);
    if (slot->name)
        return onnx_fail(o, -EEXIST, "defines tensor '%s' a second time", name);
    slot->name = name;
    *out = slot;
    return 0;
}

/* ---- Inputs of the current node */

int onnx_has_input(const struct onnx *o, size_t i)
{
    return i < o->node->n_input && o->node->input[i][0];
}

int onnx_input_is_const(const struct onnx *o, size_t i)
{
    const struct onnx_value *value = onnx_has_input(o, i) ? onnx_find(o, o->node->input[i]) : NULL;
    return value && value->kind == ONNX_CONST;
}

static int find_input(const struct onnx *o, size_t i, const struct onnx_value **out)
{
    *out = NULL;
    if (!onnx_has_input(o, i))
        return onnx_fail(o, -EINVAL, "input %zu is missing", i);
    *out = onnx_find(o, o->node->input[i]);
    if (!*out)
        return onnx_fail(o, -EINVAL,
                         "reads '%s', which no earlier node, initializer or input"
                         " defines: it is missing, or the nodes form a cycle",
                         o->node->input[i]);
    return 0;
}

int onnx_input(const struct onnx *o, size_t i, struct onnx_view *out)
{
    const struct onnx_value *value;
    int rc = find_input(o, i, &value);

    if (rc == 0 && value->kind != ONNX_NODE)
        return onnx_fail(o, -ENOTSUP,
                         "input '%s' is a constant, expected a tensor that depends on the"
                         " image",
                         o->node->input[i]);
    if (rc == 0)
        *out = value->view;
    return rc;
}

int onnx_input_plain(struct onnx *o, size_t i, struct onnx_view *out)
{
    int rc = onnx_input(o, i, out);
    return rc ? rc : onnx_plain(o, out);
}

int onnx_input_of_rank(struct onnx *o, size_t i, int rank, struct onnx_view *out)
{
    int rc = onnx_input(o, i, out);
    if (rc == 0 && out->rank != rank)
        return onnx_fail(o, -ENOTSUP, "input '%s' has %d dimensions, expected %d",
                         o->node->input[i], out->rank, rank);
    return rc ? rc : onnx_plain(o, out);
}

int onnx_input_any(const struct onnx *o, size_t i, const struct onnx_const **out)
{
    const struct onnx_value *value;
    int rc = find_input(o, i, &value);

    *out = NULL;
    if (rc)
        return rc;
    if (value->kind != ONNX_CONST)
        return onnx_fail(o, -ENOTSUP, "input '%s' is computed, expected a constant",
                         o->node->input[i]);
    if (onnx_class_of(value->constant.type) == ONNX_OTHER)
        return onnx_fail(o, -ENOTSUP, "input '%s' is stored as %s, which is not supported",
                         o->node->input[i], onnx_type_name(value->constant.type));
    *out = &value->constant;
    return 0;
}

int onnx_input_const(const struct onnx *o, size_t i, enum onnx_class class,
                     const struct onnx_const **out)
{
    int rc = onnx_input_any(o, i, out);

    if (rc == 0 && onnx_class_of((*out)->type) != class)
        rc = onnx_fail(o, -ENOTSUP, "input '%s' is stored as %s, expected %s numbers",
                       o->node->input[i], onnx_type_name((*out)->type),
                       class == ONNX_WHOLE ? "whole" : "real");
    return rc;
}

/* ---- Nodes of the graph */

const struct qnt_node *onnx_node_of(const struct onnx *o, const struct onnx_view *view)
{
    return &o->graph->nodes[view->node];
}

struct qnt_node onnx_node_on(const struct onnx *o, enum qnt_op op, const struct onnx_view *x)
{
    return qnt_node_after(o->graph, x->node, op);
}

static int define_output(struct onnx *o, size_t i, struct onnx_value **out)
{
    *out = NULL;
    if (i >= o->node->n_output)
        return onnx_fail(o, -EINVAL, "has %zu outputs, expected more", o->node->n_output);
    return onnx_define(o, o->node->output[i], out);
}

int onnx_alias(struct onnx *o, size_t i, const struct onnx_view *view)
{
    struct onnx_value *out;
    int rc = define_output(o, i, &out);
    if (rc)
        return rc;
    out->kind = ONNX_NODE;
    out->view = *view;
    return 0;
}

int onnx_alias_const(struct onnx *o, const struct onnx_const *constant)
{
    struct onnx_value *out;
    int rc = define_output(o, 0, &out);
    if (rc)
        return rc;
    out->kind = ONNX_CONST;
    out->constant = *constant;
    return 0;
}

/* Names of nodes are optional in ONNX and need not be unique; names of tensors are both. */
static int name_of(const struct onnx *o, size_t i, const char **out)
{
    *out = o->node->name;
    if (i == 0 && *out && **out && qnt_graph_find(o->graph, *out) < 0)
        return 0;
    *out = o->node->output[i];
    if (qnt_graph_find(o->graph, *out) < 0)
        return 0;
    return onnx_fail(o, -EEXIST, "neither its name nor that of its output is unique");
}

static int check_extents(const struct onnx *o, const struct qnt_node *node)
{
    const int64_t h = node->h, w = node->w, c = node->c;

    if (h >= 1 && w >= 1 && c >= 1 && h <= QNT_ELEMENTS_MAX / w && h * w <= QNT_ELEMENTS_MAX / c)
        return 0;
    return onnx_fail(o, -EINVAL, "an output of [%d][%d][%d] (h, w, c) is out of range", node->h,
                     node->w, node->c);
}

/* Takes *node; `tensor` NULL: as `name`. */
static int add_node(struct onnx *o, struct qnt_node *node, const char *name, const char *tensor,
                    int32_t *out)
{
    int rc = check_extents(o, node);

    *out = -1;
    if (rc == 0 && tensor) {
        node->tensor = strdup(tensor);
        rc = node->tensor ? 0 : onnx_fail(o, -ENOMEM, "not enough memory");
    }
    if (rc == 0) {
        *out = qnt_graph_add(o->graph, node, name);
        rc = *out >= 0 ? 0 : onnx_fail(o, -ENOMEM, "not enough memory");
    }
    if (rc)
        qnt_node_clear(node);
    return rc;
}

int onnx_emit(struct onnx *o, size_t i, struct qnt_node *node, const struct onnx_view *like)
{
    struct onnx_view view = *like;
    const char *name = NULL;
    int rc = i < o->node->n_output ? name_of(o, i, &name) : -EINVAL;

    view.node = o->graph->count;
    if (rc == 0)
        rc = onnx_alias(o, i, &view);
    else if (!name)
        onnx_fail(o, rc, "has %zu outputs, expected more", o->node->n_output);
    if (rc) {
        qnt_node_clear(node);
        return rc;
    }
    return add_node(o, node, name, o->node->output[i], &view.node);
}

int onnx_emit_image(struct onnx *o, struct qnt_node *node)
{
    const struct onnx_view view = onnx_view_image(node->c, node->h, node->w);
    return onnx_emit(o, 0, node, &view);
}

int onnx_emit_part(struct onnx *o, struct qnt_node *node, const char *what, int32_t *out)
{
    char name[200];
    const char *base = o->node ? o->node->name : NULL;

    if (o->node && (!base || !*base) && o->node->n_output)
        base = o->node->output[0];
    snprintf(name, sizeof(name), "%.120s.%s%d", base ? base : "output", what, o->graph->count);
    if (qnt_graph_find(o->graph, name) >= 0) {
        qnt_node_clear(node);
        return onnx_fail(o, -EEXIST, "the name '%s' is taken", name);
    }
    return add_node(o, node, name, NULL, out);
}

int onnx_emit_move(struct onnx *o, enum qnt_op op, const int32_t chw[3], struct qnt_place place,
                   int32_t *node)
{
    struct qnt_node move = qnt_node_blank(op);

    move.inputs[0] = *node;
    move.input_count = 1;
    move.c = chw[0];
    move.h = chw[1];
    move.w = chw[2];
    move.place = place;
    return onnx_emit_part(o, &move, qnt_op_names[op], node);
}
