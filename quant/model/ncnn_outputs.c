/* Which blobs are wanted, what leads to them, and how they become one result. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/ncnn_int.h"

/* A Noop of several inputs, and no reader, only says that these are results. */
static int is_list_of_results(const struct ncnn *n)
{
    if (strcmp(n->type, "Noop") != 0 || n->input_count < 2)
        return 0;
    for (size_t k = 0; k < n->output_count; k++)
        if (ncnn_slot(n, n->outputs[k])->readers)
            return 0;
    return 1;
}

static int want(struct ncnn *n, const char *name)
{
    const struct ncnn_blob *found = ncnn_slot(n, name);

    if (!found->name)
        return ncnn_fail(n, -EINVAL, "no layer computes the blob '%.80s'", name);
    n->layers[found->layer].needed = 1;
    return 0;
}

int ncnn_mark_needed(struct ncnn *n)
{
    const int all = n->how->output_count == 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n->how->output_count; i++)
        rc = want(n, n->how->outputs[i]);
    for (int32_t i = n->layer_count; rc == 0 && i > 0; i--) {
        struct ncnn_layer *layer = &n->layers[i - 1];
        ncnn_take_layer(n, i - 1);
        const int list = is_list_of_results(n);
        layer->needed = !list && (layer->needed || all || n->input_count == 0);
        for (size_t k = 0; k < n->input_count; k++) {
            struct ncnn_blob *blob = ncnn_slot(n, n->inputs[k]);
            blob->readers -= list;
            if (layer->needed)
                n->layers[blob->layer].needed = 1;
        }
    }
    n->name = NULL;
    return rc;
}

/* The blobs that nobody reads, each once, in the order in which they are made. */
static int find_unread(struct ncnn *n, int32_t nodes[QNT_INPUTS_MAX])
{
    int count = 0;

    for (size_t i = 0; i < n->capacity; i++) {
        const struct ncnn_blob *b = &n->blobs[i];
        int at = 0;
        if (!b->name || b->readers || b->node < 0)
            continue;
        while (at < count && nodes[at] < b->node)
            at++;
        if (at < count && nodes[at] == b->node)
            continue;
        if (count == QNT_INPUTS_MAX)
            return ncnn_fail(n, -ENOTSUP,
                             "leaves more than %d blobs that nobody reads: name those that are"
                             " the result (--output-blob)",
                             QNT_INPUTS_MAX);
        memmove(nodes + at + 1, nodes + at, (size_t)(count - at) * sizeof(*nodes));
        nodes[at] = b->node;
        count++;
    }
    return count ? count : ncnn_fail(n, -EINVAL, "has no output");
}

/* Those that the caller names, in its order. */
static int find_named(struct ncnn *n, int32_t nodes[QNT_INPUTS_MAX])
{
    const size_t count = n->how->output_count;

    if (count > QNT_INPUTS_MAX)
        return ncnn_fail(n, -ENOTSUP, "%zu results are named; at most %d can be joined", count,
                         QNT_INPUTS_MAX);
    for (size_t i = 0; i < count; i++) {
        nodes[i] = ncnn_slot(n, n->how->outputs[i])->node;
        if (nodes[i] < 0)
            return ncnn_fail(n, -EINVAL, "the blob '%.80s' is a constant, or a list of others",
                             n->how->outputs[i]);
    }
    return (int)count;
}

/* Several results: all of them, each as a vector before its softmax, one behind the other. */
static int join_outputs(struct ncnn *n, const int32_t *nodes, int count)
{
    struct qnt_node joined = qnt_node_blank(QNT_OP_CONCAT);
    int64_t total = 0;
    char name[64];
    int rc = 0;

    joined.h = joined.w = 1;
    for (int i = 0; rc == 0 && i < count; i++) {
        const struct qnt_node *from = &n->graph->nodes[nodes[i]];
        const int32_t at = from->op == QNT_OP_SOFTMAX ? from->inputs[0] : nodes[i];
        struct qnt_node flat = qnt_node_blank(QNT_OP_RESHAPE);
        joined.inputs[i] = flat.inputs[0] = at;
        flat.input_count = flat.h = flat.w = 1;
        flat.c = (int32_t)qnt_node_elements(from);
        total += flat.c;
        snprintf(name, sizeof(name), "output.flat%d", i);
        if (from->h != 1 || from->w != 1)
            rc = ncnn_emit_as(n, &flat, 1, name, -1, &joined.inputs[i]);
    }
    if (rc == 0 && total > QNT_ELEMENTS_MAX)
        rc = ncnn_fail(n, -EINVAL, "its results have too many elements");
    joined.c = (int32_t)total;
    joined.input_count = count;
    return rc ? rc : ncnn_emit_as(n, &joined, 1, "output.joined", -1, &n->graph->output);
}

int ncnn_find_output(struct ncnn *n)
{
    int32_t nodes[QNT_INPUTS_MAX];
    const int count = n->how->output_count ? find_named(n, nodes) : find_unread(n, nodes);

    if (count < 0)
        return count;
    n->name = "output";
    n->type = "joined";
    if (count > 1)
        return join_outputs(n, nodes, count);
    n->graph->output = nodes[0];
    return 0;
}

/* ---- A network that ends too late */

/* 1 if the current layer, which is not `failed`, can be imported and all that it reads. */
static int is_lost(const struct ncnn *n, const uint8_t *lost)
{
    for (size_t k = 0; k < n->input_count; k++)
        if (lost[ncnn_slot(n, n->inputs[k])->layer])
            return 1;
    return !n->op || !n->op->import;
}

/* Who reads each blob: a Split passes on what its outputs are. */
static void count_uses(struct ncnn *n, const uint8_t *lost)
{
    for (int32_t i = n->layer_count; i > 0; i--) {
        ncnn_take_layer(n, i - 1);
        const int passes = !lost[i - 1] && n->op->import == ncnn_import_split;
        int computed = !lost[i - 1] && !passes, is_read_lost = lost[i - 1];
        for (size_t k = 0; passes && k < n->output_count; k++) {
            computed |= ncnn_slot(n, n->outputs[k])->computed;
            is_read_lost |= ncnn_slot(n, n->outputs[k])->lost;
        }
        for (size_t k = 0; k < n->input_count; k++) {
            ncnn_slot(n, n->inputs[k])->computed |= computed;
            ncnn_slot(n, n->inputs[k])->lost |= is_read_lost;
        }
    }
}

void ncnn_hint_cut(struct ncnn *n, int32_t failed)
{
    const size_t room = sizeof(n->error->text), began = n->error ? strlen(n->error->text) : 0;
    uint8_t *lost = n->error ? calloc((size_t)n->layer_count, 1) : NULL; /* nobody wants words */
    size_t at = began;

    if (!lost)
        return;
    for (int32_t i = 0; i < n->layer_count; i++) {
        ncnn_take_layer(n, i);
        lost[i] = i == failed || is_lost(n, lost);
    }
    count_uses(n, lost);
    for (int32_t i = 0; i < n->layer_count && at < room; i++) {
        ncnn_take_layer(n, i);
        for (size_t k = 0; k < n->output_count && at < room; k++) {
            const struct ncnn_blob *b = ncnn_slot(n, n->outputs[k]);
            if (lost[i] || !b->lost || b->computed || n->input_count == 0 ||
                n->op->import == ncnn_import_split)
                continue;
            at +=
                (size_t)snprintf(n->error->text + at, room - at, "%s --output-blob=%s",
                                 at == began ? "; the network can be cut before it:" : "", b->name);
        }
    }
    if (at >= room)
        memcpy(n->error->text + room - 4, "...", 4);
    free(lost);
}
