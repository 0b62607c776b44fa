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

/* One number for all channels, or one for each, parted by commas. */
static int read_numbers(struct onnx *o, const char *key, const char *text,
                        float out[QNT_CHANNELS_MAX])
{
    const char *at = text;
    int count = 0;

    for (int more = 1; more && count < QNT_CHANNELS_MAX; at++) {
        char *end;
        out[count] = strtof(at, &end);
        if (end == at || (*end && *end != ',') || !isfinite(out[count]))
            return onnx_fail(o, -EINVAL, "metadata %s: '%.40s' is not a number", key, text);
        more = *end == ',';
        at = end;
        count++;
    }
    for (int c = count; c < QNT_CHANNELS_MAX; c++)
        out[c] = out[0];
    return 0;
}

static int read_order(struct onnx *o, const char *key, const char *text, int32_t *out)
{
    for (int i = 0; i < QNT_ORDER_COUNT; i++)
        if (strcmp(text, qnt_order_names[i]) == 0) {
            *out = i;
            return 0;
        }
    return onnx_fail(o, -EINVAL, "metadata %s: '%.40s' is neither RGB nor BGR", key, text);
}

static int read_metadata(struct onnx *o)
{
    struct qnt_graph *g = o->graph;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < o->model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = o->model->metadata_props[i];
        const char *key = entry->key ? entry->key : "", *text = entry->value ? entry->value : "";
        if (strcmp(key, "quern.mean") == 0)
            rc = read_numbers(o, key, text, g->pixels.mean);
        else if (strcmp(key, "quern.norm") == 0)
            rc = read_numbers(o, key, text, g->pixels.norm);
        else if (strcmp(key, "quern.pixel") == 0)
            rc = read_order(o, key, text, &g->pixels.order);
        else if (strcmp(key, "quern.dataset") == 0 && !g->dataset && !(g->dataset = strdup(text)))
            rc = onnx_fail(o, -ENOMEM, "not enough memory");
    }
    for (int c = 0; rc == 0 && c < QNT_CHANNELS_MAX; c++)
        if (!(g->pixels.norm[c] > 0))
            rc = onnx_fail(o, -EINVAL, "metadata quern.norm: %g is not positive",
                           (double)g->pixels.norm[c]);
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

/* Whether the last of four dimensions are the channels, as TensorFlow has them: images that have no
 * more columns than pixels have channels are not met. 0: left open. */
static int channels_last(const int64_t dims[4])
{
    enum { IMAGE_MIN = 16 };
    return dims[3] >= 1 && dims[3] <= QNT_CHANNELS_MAX && (!dims[1] || dims[1] >= IMAGE_MIN) &&
           (!dims[2] || dims[2] >= IMAGE_MIN);
}

/* [n][c][h][w] or [n][h][w][c] floats: n is 1 or left open, the others are given, or said by
 * o->how. */
static int read_shape(struct onnx *o, const Onnx__ValueInfoProto *info, int64_t dims[4])
{
    const struct qnt_load *how = o->how;
    const Onnx__TypeProto *type = info->type;
    const Onnx__TensorShapeProto *shape = NULL;

    if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type &&
        onnx_class_of(type->tensor_type->elem_type) == ONNX_REAL)
        shape = type->tensor_type->shape;
    if (!shape || shape->n_dim != 4)
        return onnx_fail(o, -ENOTSUP,
                         "input '%s' is not a float tensor of 4 dimensions, [n][c][h][w]",
                         info->name);
    for (int i = 0; i < 4; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        const int given = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
                          dim->dim_value != -1;
        dims[i] = given ? dim->dim_value : 0;
        if (i == 0 && (!given || dims[0] == 0 || dims[0] == 1)) {
            dims[0] = 1;
            continue;
        }
        if (i == 0 || (given && (dims[i] < 1 || dims[i] > INT32_MAX)))
            return onnx_fail(o, -ENOTSUP,
                             "input '%s': dimension %d is %s; export the model for one"
                             " image",
                             info->name, i, i == 0 ? "a batch" : "out of range");
    }
    const int64_t first[4] = { 1, how->c, how->h, how->w }, last[4] = { 1, how->h, how->w, how->c };
    const int64_t *said = channels_last(dims) ? last : first;
    for (int i = 1; i < 4; i++) {
        if (!dims[i] && !how->h)
            return onnx_fail(o, -ENOTSUP,
                             "input '%s': dimension %d is open; say how large images are with an"
                             " option such as --shape=224x224x3 (width, height, channels)",
                             info->name, i);
        if (how->h && dims[i] && dims[i] != said[i])
            return onnx_fail(o, -EINVAL,
                             "input '%s' has dimension %d of %lld in the file, where --shape says"
                             " %lld",
                             info->name, i, (long long)dims[i], (long long)said[i]);
        dims[i] = dims[i] ? dims[i] : said[i];
    }
    return 0;
}

static int add_input(struct onnx *o, const Onnx__ValueInfoProto *info)
{
    static const int order[4] = { 0, 2, 3, 1 }; /* of [1][c][h][w] in [1][h][w][c] */
    struct qnt_node node = qnt_node_blank(QNT_OP_INPUT);
    struct onnx_value *value;
    int64_t dims[4];
    int rc = read_shape(o, info, dims);

    if (rc)
        return rc;
    if (dims[2] * dims[3] > QNT_ELEMENTS_MAX / dims[1])
        return onnx_fail(o, -EINVAL, "input '%s' has too many elements", info->name);
    const int last = channels_last(dims);
    node.c = (int32_t)dims[last ? 3 : 1];
    node.h = (int32_t)dims[last ? 1 : 2];
    node.w = (int32_t)dims[last ? 2 : 3];
    rc = onnx_define(o, info->name, &value);
    if (rc)
        return rc;
    value->kind = ONNX_NODE;
    value->view = onnx_view_image(node.c, node.h, node.w);
    if (last)
        memcpy(value->view.perm, order, sizeof(order));
    value->view.node = qnt_graph_add(o->graph, &node, info->name);
    return value->view.node == 0 ? 0 : onnx_fail(o, -ENOMEM, "not enough memory");
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
    if (rc)
        return rc;
    int constant = o->op->compute != NULL;
    for (size_t i = 0; i < node->n_input; i++)
        constant &= !onnx_has_input(o, i) || onnx_input_is_const(o, i);
    if (!constant && !o->op->import)
        return onnx_fail(o, -ENOTSUP, "only supported where it is computed from constants");
    return constant ? o->op->compute(o) : o->op->import(o);
}

/* ---- What is wanted: all outputs, or the tensor that the caller names */

static size_t output_count(const struct onnx *o)
{
    return o->how->output_count ? o->how->output_count : o->model->graph->n_output;
}

static const char *output_name(const struct onnx *o, size_t i)
{
    const char *name = o->how->output_count ? o->how->outputs[i] : o->model->graph->output[i]->name;
    return name ? name : "";
}

/* needed[node] = 1 for what leads there. Before anything is defined: borrows the table of names,
 * where a name stands for the node that gives it, then empties it. */
static int mark_needed(struct onnx *o, uint8_t *needed)
{
    const Onnx__GraphProto *graph = o->model->graph;
    struct onnx_value *value;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < graph->n_node; i++) {
        o->node = graph->node[i];
        for (size_t k = 0; rc == 0 && k < o->node->n_output; k++) {
            if (!o->node->output[k][0])
                continue;
            rc = onnx_define(o, o->node->output[k], &value);
            if (rc == 0)
                value->view.node = (int32_t)i;
        }
    }
    o->node = NULL;
    if (rc)
        return rc;
    for (size_t i = 0; i < output_count(o); i++) {
        value = onnx_find(o, output_name(o, i));
        if (value)
            needed[value->view.node] = 1;
    }
    for (size_t i = graph->n_node; i > 0; i--)
        for (size_t k = 0; needed[i - 1] && k < graph->node[i - 1]->n_input; k++) {
            value = onnx_find(o, graph->node[i - 1]->input[k]);
            if (value)
                needed[value->view.node] = 1;
        }
    memset(o->values, 0, o->capacity * sizeof(*o->values));
    return 0;
}

static int read_nodes(struct onnx *o, const uint8_t *needed)
{
    const Onnx__GraphProto *graph = o->model->graph;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < graph->n_node; i++) {
        o->node = graph->node[i];
        if (needed[i])
            rc = read_node(o);
        if (rc == -ENOTSUP)
            onnx_hint_cut(o, needed, i);
    }
    o->node = NULL;
    return rc;
}

static int find_output(struct onnx *o, size_t i, struct onnx_view *out)
{
    const struct onnx_value *value = onnx_find(o, output_name(o, i));

    if (!value || value->kind != ONNX_NODE)
        return onnx_fail(o, -EINVAL, "no node computes the output '%s'%s", output_name(o, i),
                         value ? "; it is a constant" : "");
    *out = value->view;
    return 0;
}

/* Several outputs: each as a vector, in the file's order, before its softmax. */
static int join_outputs(struct onnx *o)
{
    struct qnt_node joined = qnt_node_blank(QNT_OP_CONCAT);
    int64_t total = 0;
    int rc = 0;

    joined.h = joined.w = 1;
    for (size_t i = 0; rc == 0 && i < output_count(o); i++) {
        struct onnx_view x;
        rc = find_output(o, i, &x);
        if (rc)
            break;
        const struct qnt_node *node = onnx_node_of(o, &x);
        const int64_t count = (int64_t)qnt_node_elements(node);
        if (node->op == QNT_OP_SOFTMAX)
            x.node = node->inputs[0];
        rc = onnx_plain(o, &x);
        if (rc == 0)
            rc = onnx_reshape(o, &x, 1, &count);
        if (rc == 0)
            rc = onnx_plain(o, &x);
        joined.inputs[joined.input_count++] = x.node;
        total += count;
    }
    if (rc == 0 && total > QNT_ELEMENTS_MAX)
        rc = onnx_fail(o, -EINVAL, "its outputs have too many elements");
    joined.c = (int32_t)total;
    return rc ? rc : onnx_emit_part(o, &joined, "joined", &o->graph->output);
}

static int read_output(struct onnx *o)
{
    struct onnx_view x;

    if (output_count(o) == 0)
        return onnx_fail(o, -EINVAL, "has no output");
    if (output_count(o) > QNT_INPUTS_MAX)
        return onnx_fail(o, -ENOTSUP,
                         "has %zu outputs; at most %d are supported: choose one with"
                         " --output-blob=NAME",
                         output_count(o), QNT_INPUTS_MAX);
    if (output_count(o) > 1)
        return join_outputs(o);
    int rc = find_output(o, 0, &x);
    if (rc == 0)
        rc = onnx_plain(o, &x);
    if (rc == 0)
        o->graph->output = x.node;
    return rc;
}

/* Slots for every name that can be defined, at most half full. */
static int open_values(struct onnx *o)
{
    const Onnx__GraphProto *graph = o->model->graph;
    size_t names = graph->n_initializer + 1;

    if (graph->n_node > NODES_MAX || graph->n_initializer > 8 * NODES_MAX)
        return onnx_fail(o, -E2BIG,
                         "has %zu nodes and %zu initializers; at most %d and %d are supported",
                         graph->n_node, graph->n_initializer, NODES_MAX, 8 * NODES_MAX);
    for (size_t i = 0; i < graph->n_node; i++)
        names += graph->node[i]->n_output;
    o->capacity = 16;
    while (o->capacity < 2 * names)
        o->capacity *= 2;
    o->values = calloc(o->capacity, sizeof(*o->values));
    return o->values ? 0 : onnx_fail(o, -ENOMEM, "not enough memory");
}

static int read_model(struct onnx *o)
{
    if (!o->model->graph)
        return onnx_fail(o, -EINVAL, "has no graph; is it an ONNX file?");
    uint8_t *needed = NULL;
    int rc = open_values(o);
    if (rc == 0) {
        needed = calloc(o->model->graph->n_node + 1, 1);
        rc = needed ? check_opset(o) : onnx_fail(o, -ENOMEM, "not enough memory");
    }
    if (rc == 0)
        rc = mark_needed(o, needed);
    if (rc == 0)
        rc = read_metadata(o);
    if (rc == 0)
        rc = read_initializers(o);
    if (rc == 0)
        rc = read_inputs(o);
    if (rc == 0)
        rc = read_nodes(o, needed);
    free(needed);
    return rc ? rc : read_output(o);
}

int qnt_onnx_read(const uint8_t *data, size_t bytes, const char *path, const struct qnt_load *how,
                  struct qnt_graph *out, struct qnt_error *error)
{
    static const struct qnt_load as_it_says;
    struct onnx o = {
        .path = path, .how = how ? how : &as_it_says, .graph = out, .error = error, .bytes = bytes
    };
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
    onnx_forget(&o);
    if (model)
        onnx__model_proto__free_unpacked(model, NULL);
    if (rc)
        qnt_graph_free(out);
    return rc;
}
