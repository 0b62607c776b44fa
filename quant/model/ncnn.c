/* The two files of an ncnn model: text that names layers and blobs, and the weights in the order of
 * the layers; and the blobs while they are imported. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/hash.h"
#include "quant/model/ncnn_int.h"

int ncnn_fail(const struct ncnn *n, int code, const char *format, ...)
{
    char sentence[300];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (!n->name)
        return qnt_error_set(n->error, code, "%s: %s", n->path, sentence);
    return qnt_error_set(n->error, code, "%s: layer '%.80s' (%.40s): %s", n->path, n->name, n->type,
                         sentence);
}

/* ---- Blobs by name: linear probing */

struct ncnn_blob *ncnn_slot(const struct ncnn *n, const char *name)
{
    uint64_t hash = krn_fnv1a(KRN_FNV1A_BEGIN, name, strlen(name));
    size_t i = (size_t)(hash ^ hash >> 32) & (n->capacity - 1);
    while (n->blobs[i].name && strcmp(n->blobs[i].name, name) != 0)
        i = (i + 1) & (n->capacity - 1);
    return &n->blobs[i];
}

const struct ncnn_blob *ncnn_input(const struct ncnn *n, size_t i)
{
    return ncnn_slot(n, n->inputs[i]);
}

const struct qnt_node *ncnn_node_of(const struct ncnn *n, const struct ncnn_blob *blob)
{
    return &n->graph->nodes[blob->node];
}

struct qnt_node ncnn_node_on(const struct ncnn *n, enum qnt_op op)
{
    return qnt_node_after(n->graph, ncnn_input(n, 0)->node, op);
}

int ncnn_define(struct ncnn *n, size_t i, int32_t node, int dims)
{
    struct ncnn_blob *slot = ncnn_slot(n, n->outputs[i]);

    slot->node = node;
    slot->dims = dims;
    return 0;
}

void ncnn_hold(struct ncnn *n, const struct ncnn_memory *memory)
{
    ncnn_slot(n, n->outputs[0])->memory = memory;
}

int ncnn_emit_as(struct ncnn *n, struct qnt_node *node, int dims, const char *name, int i,
                 int32_t *index)
{
    const int64_t h = node->h, w = node->w, c = node->c;
    int rc = 0;

    if (h < 1 || w < 1 || c < 1 || h > QNT_ELEMENTS_MAX / w || h * w > QNT_ELEMENTS_MAX / c)
        rc = ncnn_fail(n, -EINVAL, "an output of [%d][%d][%d] (h, w, c) is out of range", node->h,
                       node->w, node->c);
    else if (qnt_graph_find(n->graph, name) >= 0)
        rc = ncnn_fail(n, -EEXIST, "there is another layer of its name");
    if (rc == 0 && i >= 0) {
        node->tensor = strdup(n->outputs[i]);
        rc = node->tensor ? ncnn_define(n, (size_t)i, n->graph->count, dims)
                          : ncnn_fail(n, -ENOMEM, "not enough memory");
    }
    if (rc == 0) {
        int32_t at = qnt_graph_add(n->graph, node, name);
        if (index)
            *index = at;
        rc = at >= 0 ? 0 : ncnn_fail(n, -ENOMEM, "not enough memory");
    }
    qnt_node_clear(node); /* already empty where the graph has taken it */
    return rc;
}

int ncnn_emit(struct ncnn *n, struct qnt_node *node, int dims)
{
    return ncnn_emit_as(n, node, dims, n->name, 0, NULL);
}

int ncnn_exchange(struct ncnn *n, int axis, int32_t *node)
{
    const struct qnt_node *in = &n->graph->nodes[*node];
    struct qnt_node turned = qnt_node_blank(QNT_OP_PERMUTE);
    const int32_t sizes[3] = { in->h, in->w, in->c };
    char name[300];

    if (axis == 2)
        return 0;
    turned.inputs[0] = *node;
    turned.input_count = 1;
    for (int k = 0; k < 3; k++)
        turned.place.begin[k] = k == axis ? 2 : k == 2 ? axis : k;
    turned.h = sizes[turned.place.begin[0]];
    turned.w = sizes[turned.place.begin[1]];
    turned.c = sizes[turned.place.begin[2]];
    snprintf(name, sizeof(name), "%.240s.turned%d", n->name, n->graph->count);
    return ncnn_emit_as(n, &turned, 3, name, -1, node);
}

int ncnn_flat_input(struct ncnn *n, int32_t *node)
{
    struct qnt_node flat = ncnn_node_on(n, QNT_OP_RESHAPE);
    char name[300];

    *node = flat.inputs[0];
    if (flat.h == 1 && flat.w == 1)
        return 0;
    flat.c = (int32_t)qnt_node_elements(&flat); /* at most QNT_ELEMENTS_MAX */
    flat.h = flat.w = 1;
    snprintf(name, sizeof(name), "%.250s.flat", n->name);
    return ncnn_emit_as(n, &flat, 1, name, -1, node);
}

int qnt_ncnn_read(struct qnt_bytes param, struct qnt_bytes bin, const char *path,
                  const struct qnt_load *how, struct qnt_graph *out, struct qnt_error *error)
{
    static const struct qnt_load as_it_says;
    struct ncnn n = { .path = path, .how = how, .graph = out, .error = error, .bin = bin };
    char *text = malloc(param.bytes + 1);
    int rc = -ENOMEM;

    *out = (struct qnt_graph) { .pixels = qnt_pixels_plain(), .name = strdup(path) };
    n.how = how ? how : &as_it_says;
    if (!text || !out->name) {
        ncnn_fail(&n, rc, "not enough memory");
        goto fail;
    }
    memcpy(text, param.data, param.bytes);
    text[param.bytes] = 0;
    rc = strlen(text) == param.bytes ? ncnn_read_text(&n, text)
                                     : ncnn_fail(&n, -EINVAL, "has a NUL in it: it is no text");
fail:
    while (n.memories) {
        struct ncnn_memory *next = n.memories->next;
        free(n.memories->values);
        free(n.memories);
        n.memories = next;
    }
    free(n.blobs);
    free(n.words);
    free(n.layers);
    free(text);
    if (rc)
        qnt_graph_free(out);
    return rc;
}

int qnt_ncnn_load(const char *path, const struct qnt_load *how, struct qnt_graph *out,
                  struct qnt_error *error)
{
    const size_t stem = strlen(path) > 6 ? strlen(path) - 6 : 0; /* without ".param" */
    struct qnt_bytes param = { 0 }, bin = { 0 };
    uint8_t *text = NULL, *weights = NULL;
    char *beside = malloc(strlen(path) + 5);
    int rc = -ENOMEM;

    *out = (struct qnt_graph) { .pixels = qnt_pixels_plain() };
    if (!beside) {
        qnt_error_set(error, rc, "%s: not enough memory", path);
        goto fail;
    }
    memcpy(beside, path, stem);
    memcpy(beside + stem, ".bin", 5);
    rc = qnt_read_file(path, &text, &param.bytes, error);
    if (rc == 0)
        rc = qnt_read_file(beside, &weights, &bin.bytes, error);
    if (rc)
        goto fail;
    param.data = text;
    bin.data = weights;
    rc = qnt_ncnn_read(param, bin, path, how, out, error);
fail:
    free(text);
    free(weights);
    free(beside);
    return rc;
}
