/* The ncnn importer: ncnn.c opens the files and keeps the blobs; ncnn_text.c reads the text line by
 * line; ncnn_outputs.c finds what is wanted, and what leads to it; ncnn_ops.c has one row per
 * operator; ncnn_layers.c (conv, linear, pools), ncnn_channels.c (what works on each element or
 * channel), ncnn_shapes.c and ncnn_resize.c (what moves elements) have their functions; ncnn_read.c
 * reads parameters and weights for them. Whatever the files say is checked before it is used. */
#ifndef QUERN_QUANT_NCNN_INT_H
#define QUERN_QUANT_NCNN_INT_H

#include "quant/model/graph_int.h"

enum {
    NCNN_ENDS_MAX = 64,     /* inputs or outputs of a layer */
    NCNN_PARAMS_MAX = 32,   /* parameters of a layer */
    NCNN_VALUES_MAX = 256,  /* all their values */
    NCNN_EXTENT_MAX = 65535 /* strides, taps, pads, dilations: more is damage */
};

struct ncnn_blob {
    const char *name; /* borrowed from the text; NULL = free slot */
    int32_t layer;    /* that makes it */
    int32_t node;     /* of the graph, that computes it; -1: it is a constant */
    int dims;         /* 3: [c][h][w]; 2: rows are c, columns w; 1: c; 0: it is not made yet */
    int readers;
    int computed, lost; /* by whom it is read: layers that can be imported, and others */
    const struct ncnn_memory *memory; /* the constant */
};

/* What a MemoryData layer holds, [c][h][w]; of fewer dimensions, the inner ones. */
struct ncnn_memory {
    struct ncnn_memory *next;
    int64_t c, h, w;
    int dims;
    float *values; /* owned */
};

/* A line of the text. */
struct ncnn_layer {
    size_t first, count; /* of ncnn.words */
    int needed;
};

struct ncnn_param {
    int id;
    int is_array;
    size_t first, count; /* of ncnn.values */
};

struct ncnn {
    const char *path;
    const struct qnt_load *how;
    struct qnt_graph *graph;
    struct qnt_error *error;
    struct qnt_bytes bin;
    size_t at;                 /* what of bin has been read */
    char **words;              /* of the text, cut in place */
    struct ncnn_layer *layers; /* in the order of the text */
    int32_t layer_count;
    struct ncnn_blob *blobs;      /* open addressing by name */
    size_t capacity;              /* slots, a power of two, never full */
    int64_t elements;             /* of weights so far, against QNT_ELEMENTS_MAX */
    struct ncnn_memory *memories; /* all, owned */
    /* the layer being imported */
    const struct ncnn_op *op;
    const char *type, *name; /* borrowed from the text; name NULL: between layers */
    const char *inputs[NCNN_ENDS_MAX], *outputs[NCNN_ENDS_MAX];
    size_t input_count, output_count;
    struct ncnn_param params[NCNN_PARAMS_MAX];
    size_t param_count;
    double values[NCNN_VALUES_MAX];
    size_t value_count;
};

/* One row per operator. */
struct ncnn_op {
    const char *name;
    int (*import)(struct ncnn *n); /* NULL: not supported, but known to have no weights */
    int (*skip)(struct ncnn *n);   /* reads over its weights; NULL: it has none */
    size_t inputs_min, inputs_max, outputs_max;
    enum qnt_function function; /* of activations */
    const char *params;         /* every parameter that is understood: ids, each with a blank */
};
/* 0, or a negative errno with the error set. */
int ncnn_import_alpha(struct ncnn *n);
int ncnn_import_batchnorm(struct ncnn *n);
int ncnn_import_binary(struct ncnn *n);
int ncnn_import_clip(struct ncnn *n);
int ncnn_import_concat(struct ncnn *n);
int ncnn_import_conv(struct ncnn *n);
int ncnn_import_crop(struct ncnn *n);
int ncnn_import_deconv(struct ncnn *n);
int ncnn_import_dropout(struct ncnn *n);
int ncnn_import_eltwise(struct ncnn *n);
int ncnn_import_flatten(struct ncnn *n);
int ncnn_import_function(struct ncnn *n);
int ncnn_import_input(struct ncnn *n);
int ncnn_import_interp(struct ncnn *n);
int ncnn_import_linear(struct ncnn *n);
int ncnn_import_lrn(struct ncnn *n);
int ncnn_import_memory(struct ncnn *n);
int ncnn_import_padding(struct ncnn *n);
int ncnn_import_permute(struct ncnn *n);
int ncnn_import_pooling(struct ncnn *n);
int ncnn_import_prelu(struct ncnn *n);
int ncnn_import_pixel_shuffle(struct ncnn *n);
int ncnn_import_reduction(struct ncnn *n);
int ncnn_import_relu(struct ncnn *n);
int ncnn_import_reshape(struct ncnn *n);
int ncnn_import_scale(struct ncnn *n);
int ncnn_import_shuffle(struct ncnn *n);
int ncnn_import_slice(struct ncnn *n);
int ncnn_import_softmax(struct ncnn *n);
int ncnn_import_split(struct ncnn *n);
int ncnn_import_squeeze(struct ncnn *n);
int ncnn_skip_batchnorm(struct ncnn *n);
int ncnn_skip_conv(struct ncnn *n);
int ncnn_skip_linear(struct ncnn *n);
int ncnn_skip_memory(struct ncnn *n);
int ncnn_skip_prelu(struct ncnn *n);
int ncnn_skip_scale(struct ncnn *n);
const struct ncnn_op *ncnn_op_find(const char *type); /* NULL if unknown */

/* Sets the error "FILE: layer 'NAME' (TYPE): sentence" and returns code. */
int ncnn_fail(const struct ncnn *n, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- The text */
/* Imports the whole of it, which it cuts into words. */
int ncnn_read_text(struct ncnn *n, char *text);
/* Makes layer i the current one: its type, name, inputs and outputs. */
int ncnn_take_layer(struct ncnn *n, int32_t i);
/* Marks the layers that lead to what is wanted. */
int ncnn_mark_needed(struct ncnn *n);
/* Sets the output of the graph: one blob, or several that are joined. */
int ncnn_find_output(struct ncnn *n);
/* Adds to the error that layer `failed` has left which blobs before it can be had. */
void ncnn_hint_cut(struct ncnn *n, int32_t failed);

/* ---- Blobs */
struct ncnn_blob *ncnn_slot(const struct ncnn *n, const char *name); /* free if there is none */
/* Input i; each looking up counts as nothing, readers are counted when a line is read. */
const struct ncnn_blob *ncnn_input(const struct ncnn *n, size_t i);
const struct qnt_node *ncnn_node_of(const struct ncnn *n, const struct ncnn_blob *blob);
/* A blank node with input 0 and, until told otherwise, the shape of it. */
struct qnt_node ncnn_node_on(const struct ncnn *n, enum qnt_op op);
/* Adds *node (always takes it) under the layer's name and makes it output 0. */
int ncnn_emit(struct ncnn *n, struct qnt_node *node, int dims);
/* The same under another name, as output i; -1: as no output, for one that is read by the next.
 * *index (may be NULL) is that of the node. */
int ncnn_emit_as(struct ncnn *n, struct qnt_node *node, int dims, const char *name, int i,
                 int32_t *index);
/* Output i is the tensor of `node`. */
int ncnn_define(struct ncnn *n, size_t i, int32_t node, int dims);
/* Output 0, which has been defined, is that constant. */
void ncnn_hold(struct ncnn *n, const struct ncnn_memory *memory);
/* Input 0 as a vector; a node of its own where it is none. */
int ncnn_flat_input(struct ncnn *n, int32_t *node);
/* The tensor of *node with its axis `axis` (h 0, w 1, c 2) and its channels exchanged: a node of
 * its own, unless it is the channels; twice gives what was. */
int ncnn_exchange(struct ncnn *n, int axis, int32_t *node);

/* ---- Parameters of the current layer. Absent: the fallback. */
int ncnn_int(const struct ncnn *n, int id, int32_t fallback, int32_t low, int32_t high,
             int32_t *out);
int ncnn_float(const struct ncnn *n, int id, float fallback, float *out);
/* The values of an array; *count = 0 and NULL if it is absent. */
int ncnn_array(const struct ncnn *n, int id, const double **values, size_t *count);
/* Takes the words "id=value" of a line. */
int ncnn_parse_param(struct ncnn *n, const char *word);
int ncnn_check_params(const struct ncnn *n);

/* ---- Weights, in the order of the file */
/* `count` floats without a tag. The caller frees. */
int ncnn_raw(struct ncnn *n, size_t count, float **out);
/* `count` weights behind a tag. Stored as int8, they wait for their scales: *bytes is not NULL,
 * borrowed, and *out holds the integers. */
int ncnn_weights(struct ncnn *n, size_t count, float **out, int *is_int8);

#endif
