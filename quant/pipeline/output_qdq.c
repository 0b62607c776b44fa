#include "quant/pipeline/output.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/qdq_int.h"
#include "quant/pipeline/save.h"

/* Fields of ONNX's messages that are written. */
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER = 2,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_CONSTANT = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_TYPE = 4,
    NODE_ATTRIBUTE = 5,
    ATTR_NAME = 1,
    ATTR_FLOAT = 2,
    ATTR_INT = 3,
    ATTR_TEXT = 4,
    ATTR_INTS = 8,
    ATTR_TYPE = 20,
    TENSOR_DIM = 1,
    TENSOR_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
};
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_TEXT = 3, TYPE_INTS = 7 };
enum { IR_VERSION = 7, OPSET = 13 };

static const struct qnt_node *node_of(const struct qdq *q)
{
    return &q->graph->nodes[q->at];
}

/* ---- Constants and operators */

void qdq_constant(struct qdq *q, const char *what, enum qdq_type type, int rank,
                  const int64_t *dims, const void *data, size_t bytes, char name[QDQ_NAME])
{
    struct qnt_wire t = { 0 };

    snprintf(name, QDQ_NAME, "%.300s:%s", node_of(q)->name, what);
    for (int i = 0; i < rank; i++)
        qnt_wire_int(&t, TENSOR_DIM, dims[i]);
    qnt_wire_int(&t, TENSOR_TYPE, type);
    qnt_wire_text(&t, TENSOR_NAME, name);
    qnt_wire_bytes(&t, TENSOR_RAW, data, bytes);
    qnt_wire_part(&q->constants, GRAPH_CONSTANT, &t);
}

void qdq_begin(struct qdq_op *op, const char *type)
{
    *op = (struct qdq_op) { .type = type };
}

void qdq_input(struct qdq_op *op, const char *name)
{
    qnt_wire_text(&op->wire, NODE_INPUT, name);
}

static struct qnt_wire attribute(const char *name, int type)
{
    struct qnt_wire a = { 0 };

    qnt_wire_text(&a, ATTR_NAME, name);
    qnt_wire_int(&a, ATTR_TYPE, type);
    return a;
}

void qdq_attr_int(struct qdq_op *op, const char *name, int64_t value)
{
    struct qnt_wire a = attribute(name, TYPE_INT);
    qnt_wire_int(&a, ATTR_INT, value);
    qnt_wire_part(&op->wire, NODE_ATTRIBUTE, &a);
}

void qdq_attr_ints(struct qdq_op *op, const char *name, const int64_t *values, size_t count)
{
    struct qnt_wire a = attribute(name, TYPE_INTS);
    for (size_t i = 0; i < count; i++)
        qnt_wire_int(&a, ATTR_INTS, values[i]);
    qnt_wire_part(&op->wire, NODE_ATTRIBUTE, &a);
}

void qdq_attr_float(struct qdq_op *op, const char *name, float value)
{
    struct qnt_wire a = attribute(name, TYPE_FLOAT);
    qnt_wire_float(&a, ATTR_FLOAT, value);
    qnt_wire_part(&op->wire, NODE_ATTRIBUTE, &a);
}

void qdq_attr_text(struct qdq_op *op, const char *name, const char *value)
{
    struct qnt_wire a = attribute(name, TYPE_TEXT);
    qnt_wire_text(&a, ATTR_TEXT, value);
    qnt_wire_part(&op->wire, NODE_ATTRIBUTE, &a);
}

/* Ends an operator whose output is in q->last. The first one that computes has the node's name. */
static void end_as_last(struct qdq *q, struct qdq_op *op)
{
    const int first = q->named != q->at && !strstr(op->type, "Linear");

    char name[QDQ_NAME];

    if (first)
        q->named = q->at;
    snprintf(name, sizeof(name), "%.300s", node_of(q)->name);
    if (!first)
        snprintf(name, sizeof(name), "%.300s:%d", node_of(q)->name, q->made++);
    qnt_wire_text(&op->wire, NODE_OUTPUT, q->last);
    qnt_wire_text(&op->wire, NODE_NAME, name);
    qnt_wire_text(&op->wire, NODE_TYPE, op->type);
    qnt_wire_part(&q->nodes, GRAPH_NODE, &op->wire);
}

void qdq_end(struct qdq *q, struct qdq_op *op)
{
    snprintf(q->last, sizeof(q->last), "%.300s:%s%d", node_of(q)->name, op->type, q->made++);
    end_as_last(q, op);
}

/* ---- Quantised tensors */

static struct qdq_op begin_linear(const char *type, const char *x, const char *scale,
                                  const char *zero)
{
    struct qdq_op op;

    qdq_begin(&op, type);
    qdq_input(&op, x);
    qdq_input(&op, scale);
    qdq_input(&op, zero);
    return op;
}

/* The tensor that readers of a node take; the file's own input has the name of node 0. */
static void tensor_name(const struct qdq *q, int32_t node, char name[QDQ_NAME])
{
    snprintf(name, QDQ_NAME, "%.300s%s", q->graph->nodes[node].name, node ? "" : ":quantised");
}

static void end_as_node(struct qdq *q, struct qdq_op *op)
{
    tensor_name(q, q->at, q->last);
    end_as_last(q, op);
}

/* q->last becomes what bytes can hold of it, named as the node: its readers take that. */
static void put_bytes(struct qdq *q)
{
    const struct qnt_meaning m = q->meanings[q->at];
    const int8_t byte = (int8_t)m.zero;
    char scale[QDQ_NAME], zero[QDQ_NAME];

    qdq_constant(q, "scale", QDQ_FLOAT, 0, NULL, &m.scale, sizeof(m.scale), scale);
    qdq_constant(q, "zero", QDQ_INT8, 0, NULL, &byte, sizeof(byte), zero);
    struct qdq_op op = begin_linear("QuantizeLinear", q->last, scale, zero);
    qdq_end(q, &op);
    op = begin_linear("DequantizeLinear", q->last, scale, zero);
    end_as_node(q, &op);
}

/* The result of the network stays as it is. */
static void put_result(struct qdq *q)
{
    struct qdq_op op;

    q->named = q->at;
    qdq_begin(&op, "Identity");
    qdq_input(&op, q->last);
    end_as_node(q, &op);
}

void qdq_operand(struct qdq *q, int32_t k, int rank, char name[QDQ_NAME])
{
    const int32_t from = node_of(q)->inputs[k];
    const struct qnt_node *n = &q->graph->nodes[from];

    tensor_name(q, from, name);
    if (rank == 0 || q->ranks[from] == rank)
        return;
    const int64_t image[4] = { 1, n->c, n->h, n->w };
    const int64_t vector[2] = { 1, (int64_t)n->h * n->w * n->c };
    char shape[QDQ_NAME], what[24];
    struct qdq_op op;
    snprintf(what, sizeof(what), "shape%d", q->made++);
    qdq_constant(q, what, QDQ_INT64, 1, (const int64_t[]) { rank }, rank == 4 ? image : vector,
                 (size_t)rank * sizeof(int64_t), shape);
    qdq_begin(&op, "Reshape");
    qdq_input(&op, name);
    qdq_input(&op, shape);
    qdq_end(q, &op);
    memcpy(name, q->last, sizeof(q->last));
}

/* ---- Weights */

static void fill_weights(const struct qnt_node *n, const float *scales, int8_t *out)
{
    const size_t oc = (size_t)n->problem.oc, row = n->weight_count / oc;
    const size_t taps = (size_t)n->problem.kh * (size_t)n->problem.kw, ic = row / taps;

    for (size_t k = 0; k < oc; k++)
        for (size_t i = 0; i < ic; i++)
            for (size_t t = 0; t < taps; t++) {
                const double w = (double)n->weight[(k * taps + t) * ic + i];
                const double v = nearbyint(w / (double)scales[k]);
                out[(k * ic + i) * taps + t] = (int8_t)fmax(-QNT_LEVELS, fmin(QNT_LEVELS, v));
            }
}

/* Scales of the weights and of the bias, and the bias itself, by output channel. */
static void fill_channels(const struct qdq *q, float *weights, float *sums, int32_t *bias)
{
    const struct qnt_node *n = node_of(q);
    const double in = (double)q->meanings[n->inputs[0]].scale;
    const size_t depth = n->weight_count / (size_t)n->problem.oc;

    for (int32_t k = 0; k < n->problem.oc; k++) {
        const double b = n->bias ? (double)n->bias[k] : 0;
        const double scale = qnt_channel_scale(n->weight + (size_t)k * depth, depth, b, in);
        weights[k] = (float)scale;
        sums[k] = (float)(scale * in);
        bias[k] = (int32_t)fmin(QNT_BIAS_MAX, fmax(-QNT_BIAS_MAX, nearbyint(b / (scale * in))));
    }
}

int qdq_weights(struct qdq *q, char weight[QDQ_NAME], char bias[QDQ_NAME])
{
    const struct qnt_node *n = node_of(q);
    const struct krn_problem *p = &n->problem;
    const int64_t oc = p->oc, dims[4] = { oc, p->ic / p->groups, p->kh, p->kw };
    const int rank = n->op == QNT_OP_LINEAR ? 2 : 4;
    const size_t count = (size_t)oc;
    float *scales = calloc(count, sizeof(*scales)), *sums = calloc(count, sizeof(*sums));
    int32_t *sum_bias = calloc(count, sizeof(*sum_bias));
    int8_t *bytes = calloc(n->weight_count, 1), *zeros = calloc(count, 4);
    int rc = scales && sums && sum_bias && bytes && zeros ? 0 : -ENOMEM;

    if (rc == 0) {
        char x[QDQ_NAME], s[QDQ_NAME], z[QDQ_NAME];
        struct qdq_op op;
        fill_channels(q, scales, sums, sum_bias);
        fill_weights(n, scales, bytes);
        qdq_constant(q, "weight", QDQ_INT8, rank, dims, bytes, n->weight_count, x);
        qdq_constant(q, "weight_scale", QDQ_FLOAT, 1, &oc, scales, count * 4, s);
        qdq_constant(q, "weight_zero", QDQ_INT8, 1, &oc, zeros, count, z);
        op = begin_linear("DequantizeLinear", x, s, z);
        qdq_attr_int(&op, "axis", 0);
        qdq_end(q, &op);
        memcpy(weight, q->last, sizeof(q->last));
        qdq_constant(q, "bias", QDQ_INT32, 1, &oc, sum_bias, count * 4, x);
        qdq_constant(q, "bias_scale", QDQ_FLOAT, 1, &oc, sums, count * 4, s);
        qdq_constant(q, "bias_zero", QDQ_INT32, 1, &oc, zeros, count * 4, z);
        op = begin_linear("DequantizeLinear", x, s, z);
        qdq_attr_int(&op, "axis", 0);
        qdq_end(q, &op);
        memcpy(bias, q->last, sizeof(q->last));
    }
    free(scales);
    free(sums);
    free(sum_bias);
    free(bytes);
    free(zeros);
    return rc;
}

/* ---- The file */

static struct qnt_wire tensor_info(const char *name, int rank, const int64_t *dims)
{
    struct qnt_wire shape = { 0 }, tensor = { 0 }, type = { 0 }, info = { 0 };

    for (int i = 0; i < rank; i++) {
        struct qnt_wire dim = { 0 };
        qnt_wire_int(&dim, 1, dims[i]);
        qnt_wire_part(&shape, 1, &dim);
    }
    qnt_wire_int(&tensor, 1, QDQ_FLOAT);
    qnt_wire_part(&tensor, 2, &shape);
    qnt_wire_part(&type, 1, &tensor);
    qnt_wire_text(&info, 1, name);
    qnt_wire_part(&info, 2, &type);
    return info;
}

static void put_info(const struct qdq *q, int32_t node, int field, const char *name,
                     struct qnt_wire *graph)
{
    const struct qnt_node *n = &q->graph->nodes[node];
    const int64_t image[4] = { 1, n->c, n->h, n->w };
    struct qnt_wire info = tensor_info(name, q->ranks[node], image);

    qnt_wire_part(graph, field, &info);
}

static void put_metadata(const struct qnt_graph *graph, struct qnt_wire *model)
{
    const struct qnt_pixels *p = &graph->pixels;
    char text[2][QNT_CHANNELS_MAX * 16];
    size_t used[2] = { 0, 0 };

    for (int i = 0; i < QNT_CHANNELS_MAX; i++)
        for (int k = 0; k < 2; k++)
            used[k] += (size_t)snprintf(text[k] + used[k], sizeof(text[k]) - used[k], "%s%.7g",
                                        i ? "," : "", (double)(k ? p->norm[i] : p->mean[i]));
    const char *const rows[][2] = { { "quern.mean", text[0] },
                                    { "quern.norm", text[1] },
                                    { "quern.pixel", qnt_order_names[p->order] },
                                    { "quern.dataset", graph->dataset ? graph->dataset : "" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct qnt_wire entry = { 0 };
        if (!rows[i][1][0])
            continue;
        qnt_wire_text(&entry, 1, rows[i][0]);
        qnt_wire_text(&entry, 2, rows[i][1]);
        qnt_wire_part(model, MODEL_METADATA, &entry);
    }
}

static int put_nodes(struct qdq *q, const uint8_t *live)
{
    for (q->at = 0; q->at < q->graph->count; q->at++) {
        const struct qnt_node *n = node_of(q);
        if (!live[q->at])
            continue;
        if (!n->name[0] || strlen(n->name) > 300)
            return qnt_error_set(q->error, -EINVAL, "node '%.60s': its name is empty or too long",
                                 n->name);
        int rc = qdq_write(q);
        if (rc)
            return rc;
        if (q->at == q->output)
            put_result(q);
        else
            put_bytes(q);
    }
    return 0;
}

static int put_model(struct qdq *q, const uint8_t *live, struct qnt_wire *model)
{
    struct qnt_wire graph = { 0 }, set = { 0 };
    int rc = put_nodes(q, live);

    if (rc == 0) {
        qnt_wire_put(&graph, q->nodes.data, q->nodes.size);
        qnt_wire_text(&graph, GRAPH_NAME, qnt_short_name(q->graph));
        qnt_wire_put(&graph, q->constants.data, q->constants.size);
        put_info(q, 0, GRAPH_INPUT, q->graph->nodes[0].name, &graph);
        put_info(q, q->output, GRAPH_OUTPUT, q->graph->nodes[q->output].name, &graph);
        qnt_wire_int(model, MODEL_IR, IR_VERSION);
        qnt_wire_text(model, MODEL_PRODUCER, "quern");
        qnt_wire_part(model, MODEL_GRAPH, &graph);
        qnt_wire_int(&set, 2, OPSET);
        qnt_wire_part(model, MODEL_OPSET, &set);
        put_metadata(q->graph, model);
        if (model->failed || q->nodes.failed || q->constants.failed)
            rc = qnt_error_set(q->error, -ENOMEM, "out of memory");
    }
    qnt_wire_clear(&graph);
    qnt_wire_clear(&q->nodes);
    qnt_wire_clear(&q->constants);
    return rc;
}

static int write_model(const struct qnt_wire *model, const char *path, struct qnt_error *error)
{
    struct qnt_save save;
    int rc = qnt_save_open(&save, path);

    if (rc == 0)
        fwrite(model->data, 1, model->size, save.file);
    rc = qnt_save_close(&save, rc);
    return rc ? qnt_error_set(error, rc, "%s: cannot write it: %s", path, strerror(-rc)) : 0;
}

int qnt_qdq_save(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                 const struct qnt_quantise_options *options, const char *path,
                 struct qnt_error *error)
{
    static const struct qnt_quantise_options defaults;
    const size_t count = (size_t)graph->count;
    struct qnt_meaning *meanings = calloc(count, sizeof(*meanings));
    uint8_t *live = calloc(count, 1);
    struct qdq q = { .graph = graph, .meanings = meanings, .error = error, .named = -1 };
    struct qnt_wire model = { 0 };
    int rc = -ENOMEM;

    q.ranks = calloc(count, sizeof(*q.ranks));
    if (meanings && live && q.ranks) {
        q.output = qnt_live_nodes(graph, live);
        rc = qnt_meanings(graph, calibration, options ? options : &defaults, meanings);
    }
    rc = rc ? qnt_error_set(error, rc, "out of memory") : put_model(&q, live, &model);
    if (rc == 0)
        rc = write_model(&model, path, error);
    qnt_wire_clear(&model);
    free(meanings);
    free(live);
    free(q.ranks);
    return rc;
}
