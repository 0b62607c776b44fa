#include "quant/model/onnx_int.h"

#include <errno.h>
#include <string.h>

/* FNV-1a. The slot of `name`: the one that holds it, or the free one where it would go. */
static struct onnx_value *slot_of(const struct onnx *o, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
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

int onnx_has_input(const struct onnx *o, size_t i)
{
    return i < o->node->n_input && o->node->input[i][0];
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

int onnx_input(const struct onnx *o, size_t i, const struct onnx_value **out)
{
    int rc = find_input(o, i, out);
    if (rc == 0 && (*out)->kind != ONNX_NODE)
        return onnx_fail(o, -ENOTSUP,
                         "input '%s' is a constant, expected a tensor that depends on the"
                         " image",
                         o->node->input[i]);
    return rc;
}

int onnx_input_of_rank(const struct onnx *o, size_t i, int rank, const struct onnx_value **out)
{
    int rc = onnx_input(o, i, out);
    if (rc == 0 && (*out)->rank != rank)
        return onnx_fail(o, -ENOTSUP, "input '%s' has %d dimensions, expected %d",
                         o->node->input[i], (*out)->rank, rank);
    return rc;
}

int onnx_input_const(const struct onnx *o, size_t i, int32_t type, const struct onnx_const **out)
{
    const struct onnx_value *value;
    int rc = find_input(o, i, &value);

    *out = NULL;
    if (rc)
        return rc;
    if (value->kind != ONNX_CONST)
        return onnx_fail(o, -ENOTSUP, "input '%s' is computed, expected a constant",
                         o->node->input[i]);
    if (value->constant.type != type)
        return onnx_fail(o, -ENOTSUP, "input '%s' is stored as %s, expected %s", o->node->input[i],
                         onnx_type_name(value->constant.type), onnx_type_name(type));
    *out = &value->constant;
    return 0;
}

const struct qnt_node *onnx_node_of(const struct onnx *o, const struct onnx_value *value)
{
    return &o->graph->nodes[value->node];
}

struct qnt_node onnx_node_on(const struct onnx *o, enum qnt_op op, const struct onnx_value *x)
{
    const struct qnt_node *in = onnx_node_of(o, x);
    struct qnt_node node = qnt_node_blank(op);

    node.inputs[0] = x->node;
    node.input_count = 1;
    node.h = in->h;
    node.w = in->w;
    node.c = in->c;
    return node;
}

int onnx_alias(struct onnx *o, const struct onnx_value *value, int rank)
{
    struct onnx_value *out;
    int rc = onnx_define(o, o->node->output[0], &out);
    if (rc)
        return rc;
    out->kind = ONNX_NODE;
    out->node = value->node;
    out->rank = rank;
    return 0;
}

/* Names of nodes are optional in ONNX and need not be unique; names of tensors are both. */
static int name_of(const struct onnx *o, const char **out)
{
    *out = o->node->name;
    if (*out && **out && qnt_graph_find(o->graph, *out) < 0)
        return 0;
    *out = o->node->output[0];
    if (qnt_graph_find(o->graph, *out) < 0)
        return 0;
    return onnx_fail(o, -EEXIST, "neither its name nor that of its output is unique");
}

int onnx_emit(struct onnx *o, struct qnt_node *node, int rank)
{
    const int64_t h = node->h, w = node->w, c = node->c;
    const char *name;
    int rc;

    if (h < 1 || w < 1 || c < 1 || h > QNT_ELEMENTS_MAX / w || h * w > QNT_ELEMENTS_MAX / c) {
        rc = onnx_fail(o, -EINVAL, "an output of [%d][%d][%d] (h, w, c) is out of range", node->h,
                       node->w, node->c);
        goto fail;
    }
    rc = name_of(o, &name);
    if (rc)
        goto fail;
    node->tensor = strdup(o->node->output[0]);
    if (!node->tensor) {
        rc = onnx_fail(o, -ENOMEM, "not enough memory");
        goto fail;
    }
    struct onnx_value made = { .node = o->graph->count };
    rc = onnx_alias(o, &made, rank);
    if (rc)
        goto fail;
    if (qnt_graph_add(o->graph, node, name) >= 0)
        return 0;
    rc = onnx_fail(o, -ENOMEM, "not enough memory");
fail:
    qnt_node_clear(node);
    return rc;
}
