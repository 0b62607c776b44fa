#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far beyond every network that these operators can express. */
enum { DEPTH_MAX = 32, MESSAGES_MAX = 1 << 20, NODES_MAX = 1 << 14, OPSET_MIN = 7, OPSET_MAX = 22 };

int onnx_fail(const struct onnx *o, int code, const char *format, ...)
{
    char sentence[300];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (!o->node)
        return qnt_error_set(o->error, code, "%s: %s", o->path, sentence);
    const char *name = o->node->name && *o->node->name ? o->node->name
                       : o->node->n_output             ? o->node->output[0]
                                                       : "";
    return qnt_error_set(o->error, code, "%s: node '%.80s' (%.40s): %s", o->path, name,
                         o->node->op_type ? o->node->op_type : "no operator", sentence);
}

/* ---- The wire format, before protobuf-c allocates anything: it follows nested messages on the
 * stack, without a limit, and makes 200 bytes of memory of a two-byte message. */

static const uint8_t *read_varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; p < end && shift < 64; shift += 7) {
        *out |= (uint64_t)(*p & 127) << shift;
        if (!(*p++ & 128))
            return p;
    }
    return NULL;
}

static int check_wire(const ProtobufCMessageDescriptor *type, const uint8_t *p, const uint8_t *end,
                      int depth, size_t *messages)
{
    enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

    if (depth > DEPTH_MAX || ++*messages > MESSAGES_MAX)
        return -E2BIG;
    while (p < end) {
        uint64_t key, size = 0;
        p = read_varint(p, end, &key);
        if (p && (key & 7) == VARINT)
            p = read_varint(p, end, &size);
        if (p && (key & 7) == BYTES)
            p = read_varint(p, end, &size);
        if (!p)
            return -EINVAL;
        size = (key & 7) == FIXED64 ? 8 : (key & 7) == FIXED32 ? 4 : (key & 7) == BYTES ? size : 0;
        if (size > (uint64_t)(end - p))
            return -EINVAL;
        const ProtobufCFieldDescriptor *field = NULL;
        if ((key & 7) == BYTES && key >> 3 <= UINT32_MAX)
            field = protobuf_c_message_descriptor_get_field(type, (unsigned)(key >> 3));
        if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            int rc = check_wire(field->descriptor, p, p + size, depth + 1, messages);
            if (rc)
                return rc;
        }
        p += size;
    }
    return 0;
}

/* ---- Parts of the file */

static int check_opset(struct onnx *o)
{
    for (size_t i = 0; i < o->model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = o->model->opset_import[i];
        if (!set->domain || !*set->domain || strcmp(set->domain, "ai.onnx") == 0)
            o->opset = set->version;
    }
    if (o->opset >= OPSET_MIN && o->opset <= OPSET_MAX)
        return 0;
    return onnx_fail(o, -ENOTSUP, "operator set %lld; %d to %d are supported", (long long)o->opset,
                     OPSET_MIN, OPSET_MAX);
}

static int read_number(struct onnx *o, const char *key, const char *text, float *out)
{
    char *end;
    *out = strtof(text, &end);
    if (end == text || *end || !isfinite(*out))
        return onnx_fail(o, -EINVAL, "metadata %s: '%.40s' is not a number", key, text);
    return 0;
}

static int read_metadata(struct onnx *o)
{
    struct qnt_graph *g = o->graph;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < o->model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = o->model->metadata_props[i];
        const char *key = entry->key ? entry->key : "", *text = entry->value ? entry->value : "";
        if (strcmp(key, "quern.mean") == 0)
            rc = read_number(o, key, text, g->pixels.mean);
        else if (strcmp(key, "quern.norm") == 0)
            rc = read_number(o, key, text, g->pixels.norm);
        else if (strcmp(key, "quern.dataset") == 0 && !g->dataset && !(g->dataset = strdup(text)))
            rc = onnx_fail(o, -ENOMEM, "not enough memory");
    }
    if (rc == 0 && !(g->pixels.norm[0] > 0))
        rc = onnx_fail(o, -EINVAL, "metadata quern.norm: %g is not positive",
                       (double)g->pixels.norm[0]);
    for (int c = 1; c < QNT_CHANNELS_MAX; c++) {
        g->pixels.mean[c] = g->pixels.mean[0];
        g->pixels.norm[c] = g->pixels.norm[0];
    }
    return rc;
}

static int read_initializers(struct onnx *o)
{
    const Onnx__GraphProto *graph = o->model->graph;

    if (graph->n_sparse_initializer)
        return onnx_fail(o, -ENOTSUP, "has sparse initializers, which are not supported");
    for (size_t i = 0; i < graph->n_initializer; i++) {
        struct onnx_const constant;
        struct onnx_value *value;
        int rc = onnx_const_of(o, graph->initializer[i], &constant);
        if (rc == 0)
            rc = onnx_define(o, graph->initializer[i]->name, &value);
        if (rc)
            return rc;
        value->kind = ONNX_CONST;
        value->constant = constant;
    }
    return 0;
}

/* [n][c][h][w] floats: n is 1 or left open, the others are given. */
static int read_shape(struct onnx *o, const Onnx__ValueInfoProto *info, int32_t chw[3])
{
    const Onnx__TypeProto *type = info->type;
    const Onnx__TensorShapeProto *shape = NULL;

    if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type &&
        type->tensor_type->elem_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        shape = type->tensor_type->shape;
    if (!shape || shape->n_dim != 4)
        return onnx_fail(o, -ENOTSUP, "input '%s' is not a float tensor [n][c][h][w]", info->name);
    for (int i = 0; i < 4; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        int given = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (i == 0 && (!given || dim->dim_value <= 1))
            continue;
        if (i == 0 || !given || dim->dim_value < 1 || dim->dim_value > INT32_MAX)
            return onnx_fail(o, -ENOTSUP,
                             "input '%s': dimension %d is %s; export the model for one"
                             " image of a fixed size",
                             info->name, i,
                             !given   ? "open"
                             : i == 0 ? "a batch"
                                      : "out of range");
        chw[i - 1] = (int32_t)dim->dim_value;
    }
    return 0;
}

static int add_input(struct onnx *o, const Onnx__ValueInfoProto *info)
{
    struct qnt_node node = qnt_node_blank(QNT_OP_INPUT);
    struct onnx_value *value;
    int32_t chw[3] = { 0, 0, 0 };
    int rc = read_shape(o, info, chw);

    if (rc)
        return rc;
    if ((int64_t)chw[1] * chw[2] > QNT_ELEMENTS_MAX / chw[0])
        return onnx_fail(o, -EINVAL, "input '%s' has too many elements", info->name);
    node.c = chw[0];
    node.h = chw[1];
    node.w = chw[2];
    rc = onnx_define(o, info->name, &value);
    if (rc)
        return rc;
    value->kind = ONNX_NODE;
    value->rank = 4;
    value->node = qnt_graph_add(o->graph, &node, info->name);
    return value->node == 0 ? 0 : onnx_fail(o, -ENOMEM, "not enough memory");
}

/* Old files list their initializers among the inputs too. */
static int read_inputs(struct onnx *o)
{
    const Onnx__GraphProto *graph = o->model->graph;
    const Onnx__ValueInfoProto *found = NULL;

    for (size_t i = 0; i < graph->n_input; i++) {
        const char *name = graph->input[i]->name;
        if (!name || !*name)
            return onnx_fail(o, -EINVAL, "input %zu has no name", i);
        if (onnx_find(o, name))
            continue;
        if (found)
            return onnx_fail(o, -ENOTSUP, "has the inputs '%s' and '%s'; only one is supported",
                             found->name, name);
        found = graph->input[i];
    }
    return found ? add_input(o, found) : onnx_fail(o, -EINVAL, "has no input");
}

static int read_node(struct onnx *o)
{
    const Onnx__NodeProto *node = o->node;

    o->op = onnx_op_find(node);
    if (!o->op)
        return onnx_fail(o, -ENOTSUP, "the operator is not supported%s%s",
                         node->domain && *node->domain ? "; its domain is " : "",
                         node->domain ? node->domain : "");
    if (node->n_input < o->op->inputs_min || node->n_input > o->op->inputs_max)
        return onnx_fail(o, -EINVAL, "has %zu inputs; %zu to %zu are supported", node->n_input,
                         o->op->inputs_min, o->op->inputs_max);
    if (node->n_output < 1)
        return onnx_fail(o, -EINVAL, "has no output");
    int rc = onnx_check_attributes(o);
    return rc ? rc : o->op->import(o);
}

static int read_nodes(struct onnx *o)
{
    const Onnx__GraphProto *graph = o->model->graph;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < graph->n_node; i++) {
        o->node = graph->node[i];
        rc = read_node(o);
    }
    o->node = NULL;
    return rc;
}

static int read_output(struct onnx *o)
{
    const Onnx__GraphProto *graph = o->model->graph;

    if (graph->n_output != 1)
        return onnx_fail(o, -ENOTSUP, "has %zu outputs; exactly one is supported", graph->n_output);
    const char *name = graph->output[0]->name ? graph->output[0]->name : "";
    const struct onnx_value *value = onnx_find(o, name);
    if (!value || value->kind != ONNX_NODE)
        return onnx_fail(o, -EINVAL, "no node computes the output '%s'", name);
    o->graph->output = value->node;
    return 0;
}

/* Slots for every name that can be defined, at most half full. */
static int open_values(struct onnx *o)
{
    const Onnx__GraphProto *graph = o->model->graph;

    if (graph->n_node > NODES_MAX || graph->n_initializer > 8 * NODES_MAX)
        return onnx_fail(o, -E2BIG,
                         "has %zu nodes and %zu initializers; at most %d and %d are supported",
                         graph->n_node, graph->n_initializer, NODES_MAX, 8 * NODES_MAX);
    o->capacity = 16;
    while (o->capacity < 2 * (graph->n_node + graph->n_initializer + 1))
        o->capacity *= 2;
    o->values = calloc(o->capacity, sizeof(*o->values));
    return o->values ? 0 : onnx_fail(o, -ENOMEM, "not enough memory");
}

static int read_model(struct onnx *o)
{
    if (!o->model->graph)
        return onnx_fail(o, -EINVAL, "has no graph; is it an ONNX file?");
    int rc = open_values(o);
    if (rc == 0)
        rc = check_opset(o);
    if (rc == 0)
        rc = read_metadata(o);
    if (rc == 0)
        rc = read_initializers(o);
    if (rc == 0)
        rc = read_inputs(o);
    if (rc == 0)
        rc = read_nodes(o);
    return rc ? rc : read_output(o);
}

int qnt_onnx_read(const uint8_t *data, size_t bytes, const char *path, struct qnt_graph *out,
                  struct qnt_error *error)
{
    struct onnx o = { .path = path, .graph = out, .error = error };
    Onnx__ModelProto *model = NULL;
    size_t messages = 0;
    int rc;

    *out = (struct qnt_graph) { .pixels = qnt_pixels_plain() };
    rc = check_wire(&onnx__model_proto__descriptor, data, data + bytes, 0, &messages);
    if (rc) {
        onnx_fail(&o, rc,
                  rc == -E2BIG ? "is nested too deeply or in too many parts for a network"
                               : "is damaged, cut short or not an ONNX file");
        goto fail;
    }
    model = onnx__model_proto__unpack(NULL, bytes, data);
    if (!model) {
        rc = onnx_fail(&o, -EINVAL, "is damaged, cut short or not an ONNX file");
        goto fail;
    }
    o.model = model;
    rc = -ENOMEM;
    out->name = strdup(path);
    if (!out->name) {
        onnx_fail(&o, rc, "not enough memory");
        goto fail;
    }
    rc = read_model(&o);
fail:
    free(o.values);
    if (model)
        onnx__model_proto__free_unpacked(model, NULL);
    if (rc)
        qnt_graph_free(out);
    return rc;
}
