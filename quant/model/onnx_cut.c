/* What to say of a network that ends in operators which are not supported: where to cut it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/onnx_int.h"

/* Of a tensor: it depends on the image; on an operator that is not supported; it is read by one
 * that is, and makes such tensors; by one that is not. */
enum { OF_IMAGE = 1, LOST = 2, USED = 4, READ_LOST = 8 };

struct cut {
    struct onnx *o;
    const uint8_t *needed;
    size_t failed;  /* node */
    uint8_t *flags; /* by slot of o->values */
};

static uint8_t *flags_of(const struct cut *c, const char *name)
{
    const struct onnx_value *value = onnx_find(c->o, name);
    return value ? &c->flags[value - c->o->values] : NULL;
}

/* All flags of the inputs of a node. */
static uint8_t flags_read(const struct cut *c, const Onnx__NodeProto *node)
{
    uint8_t all = 0;

    for (size_t k = 0; k < node->n_input; k++) {
        const uint8_t *flags = flags_of(c, node->input[k]);
        all |= flags ? *flags : 0;
    }
    return all;
}

/* What the tensors of nodes that have not been imported will be. */
static void define_rest(struct cut *c)
{
    const Onnx__GraphProto *graph = c->o->model->graph;
    struct onnx_value *value;

    for (size_t i = 0; i < c->o->capacity; i++)
        if (c->o->values[i].name && c->o->values[i].kind == ONNX_NODE)
            c->flags[i] = OF_IMAGE;
    for (size_t i = c->failed; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        const uint8_t read = flags_read(c, node);
        const int lost = i == c->failed || (read & LOST) || !onnx_op_find(node);
        for (size_t k = 0; c->needed[i] && k < node->n_output; k++)
            if (node->output[k][0] && !onnx_find(c->o, node->output[k]) &&
                onnx_define(c->o, node->output[k], &value) == 0)
                c->flags[value - c->o->values] =
                    (uint8_t)((read & OF_IMAGE) | (lost ? LOST | OF_IMAGE : 0));
    }
}

static void mark_readers(struct cut *c)
{
    const Onnx__GraphProto *graph = c->o->model->graph;

    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        uint8_t made = 0;
        for (size_t k = 0; c->needed[i] && k < node->n_output; k++) {
            const uint8_t *flags = flags_of(c, node->output[k]);
            made |= flags ? *flags : 0;
        }
        for (size_t k = 0; made && k < node->n_input; k++) {
            uint8_t *flags = flags_of(c, node->input[k]);
            if (flags)
                *flags |= made & LOST ? READ_LOST : USED;
        }
    }
}

void onnx_hint_cut(struct onnx *o, const uint8_t *needed, size_t failed)
{
    if (!o->error) /* nobody wants words */
        return;
    const Onnx__GraphProto *graph = o->model->graph;
    const size_t room = sizeof(o->error->text), began = strlen(o->error->text);
    struct cut c = { o, needed, failed, calloc(o->capacity, 1) };
    const struct qnt_error said = *o->error;
    size_t at = began;

    if (!c.flags)
        return;
    define_rest(&c);
    mark_readers(&c);
    *o->error = said; /* a name that is there twice is another matter */
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; needed[i] && k < graph->node[i]->n_output && at < room; k++) {
            const uint8_t *flags = flags_of(&c, graph->node[i]->output[k]);
            if (flags && *flags == (OF_IMAGE | READ_LOST))
                at += (size_t)snprintf(o->error->text + at, room - at, "%s --output-blob=%s",
                                       at == began ? "; the network can be cut before it:" : "",
                                       graph->node[i]->output[k]);
        }
    if (at >= room)
        memcpy(o->error->text + room - 4, "...", 4);
    free(c.flags);
}
