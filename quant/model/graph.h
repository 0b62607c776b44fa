/* A network as a graph of operators, float, as imported: what importers write, and what folding,
 * float execution, calibration and quantisation read. Activations are NHWC inside Quern; importers
 * transpose weights and attributes on the way in.
 *
 *     qnt_model_load() -> qnt_fold() -> qnt_float_run() / qnt_calibrate() / qnt_quantise()
 *     -> qnt_graph_free() */
#ifndef QUERN_QUANT_GRAPH_H
#define QUERN_QUANT_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/problem.h"

/* What went wrong, as a sentence that names file, node and operator. */
struct qnt_error {
    char text[400];
};
int qnt_error_set(struct qnt_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4))); /* returns code */

enum qnt_op {
    QNT_OP_INPUT,
    QNT_OP_CONV,      /* any groups; weight float [oc][kh][kw][ic / groups], bias [oc] */
    QNT_OP_LINEAR,    /* on a vector [ic]; weight float [oc][ic], bias [oc] */
    QNT_OP_BATCHNORM, /* x * weight[c] + bias[c]; folded away by qnt_fold() */
    QNT_OP_CLIP,      /* only its lo and hi; ReLU: 0 and +inf; ReLU6: 0 and 6 */
    QNT_OP_ADD,       /* two inputs of one shape */
    QNT_OP_MAXPOOL,   /* window in `window` */
    QNT_OP_AVGPOOL,   /* likewise; the average excludes padding */
    QNT_OP_GLOBAL_AVGPOOL,
    QNT_OP_CONCAT,   /* along channels */
    QNT_OP_RESHAPE,  /* the same elements in the order c, h, w, as NCHW models mean it; the shape of
                        a vector makes it a flatten */
    QNT_OP_SOFTMAX,  /* over channels */
    QNT_OP_MUL,      /* two inputs: of one shape, or the second [1][1][c], a factor per channel */
    QNT_OP_FUNCTION, /* gain * `function` of each element + shift */
    QNT_OP_SLICE,    /* in each axis every place.step-th element from place.begin on */
    QNT_OP_PAD,      /* place.begin elements of `fill` before, the rest of the shape behind */
    QNT_OP_PERMUTE,  /* axis k of the output is axis place.begin[k] of the input */
    QNT_OP_UPSAMPLE, /* nearest: each pixel h / input's h by w / input's w times */
    QNT_OP_SHUFFLE,  /* channels [g][k] become [k][g], g = place.begin[2] groups */
    QNT_OP_RESIZE,   /* the pixels of a grid that `sampling` lays on the input */
    QNT_OP_LRN,      /* across channels, as `lrn` says */
    QNT_OP_DEPTH_TO_SPACE, /* channels [s][t][c] of a pixel become a block of s x t pixels of c
                              channels: s = h / input's h, t = w / input's w */
    QNT_OP_COUNT
};
extern const char *const qnt_op_names[QNT_OP_COUNT];

#define QNT_INPUTS_MAX 16

struct qnt_window { /* for pools; a convolution has its problem */
    int32_t kh, kw, sh, sw, ph, pw;
    int32_t whole; /* an average divides by kh * kw: what lies outside counts as zeros */
};

struct qnt_place { /* by axis: h, w, c */
    int32_t begin[3], step[3];
};

/* Where the pixels of a RESIZE lie, by axis (h, w): number i at i * step + offset of the input, but
 * within it. What lies between two pixels is a mixture of both, or the one before it. */
struct qnt_sampling {
    double step[2], offset[2];
    int32_t nearest;
};

/* x / (bias + alpha / size * sum of squares)^beta: over the `size` (odd) channels around it. Only
 * powers that square roots and a division make, which are the same everywhere. */
#define QNT_LRN_SIZE_MAX 127
struct qnt_lrn {
    int32_t size, quarters; /* beta = quarters / 4: 2, 3 or 4 */
    float alpha, bias;
};

/* Functions of one element, each a row of qnt_functions[]. */
enum qnt_function {
    QNT_FN_LEAKY,       /* x, or alpha * x where x < 0 */
    QNT_FN_SIGMOID,     /* 1 / (1 + exp(-x)) */
    QNT_FN_HARDSIGMOID, /* alpha * x + beta, within 0..1 */
    QNT_FN_HARDSWISH,   /* x times that */
    QNT_FN_SWISH,       /* x * sigmoid(x) */
    QNT_FN_TANH,
    QNT_FN_ELU,      /* x, or alpha * (exp(x) - 1) where x < 0 */
    QNT_FN_SOFTPLUS, /* ln(1 + exp(x)) */
    QNT_FN_MISH,     /* x * tanh of that */
    QNT_FN_LINE,     /* x itself: what counts are gain and shift */
    QNT_FN_COUNT
};
struct qnt_function_info {
    const char *name;
    double (*at)(double x, double alpha, double beta);
    int nonnegative; /* its values are */
};
extern const struct qnt_function_info qnt_functions[QNT_FN_COUNT];
struct qnt_node;
/* What a FUNCTION makes of one element, before its clamp. */
double qnt_function_at(const struct qnt_node *node, double x);

/* What an image is: value[c] = (pixel[c] - mean[c]) * norm[c], of pixels 0..255. */
enum { QNT_CHANNELS_MAX = 4 };
enum qnt_order { QNT_ORDER_RGB, QNT_ORDER_BGR, QNT_ORDER_COUNT }; /* of three channels */
extern const char *const qnt_order_names[QNT_ORDER_COUNT];
struct qnt_pixels {
    float mean[QNT_CHANNELS_MAX], norm[QNT_CHANNELS_MAX];
    int32_t order;
};
struct qnt_pixels qnt_pixels_plain(void); /* mean 0, norm 1, RGB */

/* What a network takes. */
struct qnt_input {
    int32_t h, w, c;
    struct qnt_pixels pixels;
};

/* What qnt_fold() has made part of a node. */
enum qnt_fusion {
    QNT_FUSION_BATCHNORM,
    QNT_FUSION_ACTIVATION,
    QNT_FUSION_PAD,      /* zeros around the image are the convolution's own padding */
    QNT_FUSION_RESIDUAL, /* of a convolution: the ADD that reads it is a part of it in int8 networks
                            (qnt_add_conv()); the float network runs both */
    QNT_FUSION_COUNT
};
extern const char *const qnt_fusion_names[QNT_FUSION_COUNT];

struct qnt_node {
    char *name;   /* owned; unique */
    char *tensor; /* owned; what the file calls the tensor that the node gives */
    enum qnt_op op;
    int32_t inputs[QNT_INPUTS_MAX]; /* indices of nodes: a node has one output, its tensor */
    int32_t input_count;
    int32_t h, w, c;            /* shape of the output of one image; vectors are h = w = 1 */
    struct krn_problem problem; /* CONV and LINEAR (as a 1x1): n = 1 */
    struct qnt_window window;
    struct qnt_place place;
    struct qnt_sampling sampling;
    struct qnt_lrn lrn;
    enum qnt_function function;
    float alpha, beta, gain, shift; /* FUNCTION: gain is 1 and shift 0 unless folded into it */
    float fill;
    float *weight, *bias; /* owned; NULL where the operator has none */
    size_t weight_count, bias_count;
    float lo, hi;   /* clamp of the output, of any operator; -inf and +inf if none */
    unsigned fused; /* bits of enum qnt_fusion */
};

struct qnt_graph {
    char *name;             /* of the file, owned */
    struct qnt_node *nodes; /* in an order in which inputs come first; nodes[0] is the INPUT */
    int32_t count, capacity;
    int32_t imported; /* nodes before qnt_fold() */
    int32_t output;   /* index of the node whose tensor is the result (before a final softmax) */
    struct qnt_pixels pixels;
    char *dataset; /* owned; what the file says it was trained on ("fashion-mnist"), or NULL */
};

void qnt_graph_free(struct qnt_graph *graph); /* accepts NULL members */
/* A copy of its own. 0 or -ENOMEM, *out then empty. */
int qnt_graph_copy(const struct qnt_graph *graph, struct qnt_graph *out);
struct qnt_input qnt_graph_input(const struct qnt_graph *graph);
int32_t qnt_graph_find(const struct qnt_graph *graph, const char *name); /* -1 if none */

/* Importers fill *out from a file; on failure it is empty and error says where. */
struct qnt_load;
int qnt_onnx_load(const char *path, const struct qnt_load *how, struct qnt_graph *out,
                  struct qnt_error *error);
/* The same from memory, which it does not keep; `path` only names the source. The normalisation of
 * pixels is read from the file's metadata_props quern.mean and quern.norm (one number, or one per
 * channel, parted by commas), quern.pixel (RGB, BGR) and quern.dataset. Where
 * a file has several outputs, the result is all of them, flattened, one behind the other. */
int qnt_onnx_read(const uint8_t *data, size_t bytes, const char *path, const struct qnt_load *how,
                  struct qnt_graph *out, struct qnt_error *error);
/* NAME.param, with its weights in NAME.bin beside it. */
int qnt_ncnn_load(const char *path, const struct qnt_load *how, struct qnt_graph *out,
                  struct qnt_error *error);
/* The same from memory, which it does not keep; `path` only names the source. */
struct qnt_bytes {
    const uint8_t *data;
    size_t bytes;
};
int qnt_ncnn_read(struct qnt_bytes param, struct qnt_bytes bin, const char *path,
                  const struct qnt_load *how, struct qnt_graph *out, struct qnt_error *error);
/* What a file leaves open, or is to be taken otherwise; zeros: as the file says. */
struct qnt_load {
    int32_t h, w, c; /* of the input; ncnn files may lack them, ONNX files leave them open */
    /* The blobs or tensors that are the result, in this order, where several are left, or where
     * what comes after them is not wanted: only what leads to them is imported. Borrowed. */
    const char *const *outputs;
    size_t output_count;
};
/* By the file's name: the table of importers. how NULL = as the file says. */
int qnt_model_load(const char *path, const struct qnt_load *how, struct qnt_graph *out,
                   struct qnt_error *error);

/* Folds BATCHNORM into CONV/LINEAR, CLIP into a CONV, LINEAR or ADD, and a PAD of zeros around the
 * image into a CONV, where that is its only reader; a BATCHNORM that is left becomes a depthwise
 * 1x1 CONV; marks convolutions that compute a residual add; drops a final SOFTMAX, also one whose
 * values are only moved or joined with others after it, and what does not lead to the output.
 * Afterwards there is no BATCHNORM. Exact up to float rounding. On failure (-ENOMEM) the graph can
 * only be freed. */
int qnt_fold(struct qnt_graph *graph, struct qnt_error *error);

/* The convolution or inner product that computes an ADD in an int8 network, before its sums are
 * rounded: an operand that nobody else reads, without a clamp and not depthwise; of two the later
 * one. -1 if there is none, if the node is no ADD, or if it is the output. */
int32_t qnt_add_conv(const struct qnt_graph *graph, int32_t add);

/* ---- Float execution, the reference of every accuracy figure. */
struct qnt_float; /* buffers of one execution; one per thread */
int qnt_float_open(const struct qnt_graph *graph, struct qnt_float **out, struct qnt_error *error);
void qnt_float_close(struct qnt_float *exec);
/* Runs one image, float [h][w][c], normalised, on the calling thread. All tensors stay readable
 * until the next run. */
void qnt_float_run(struct qnt_float *exec, const float *image);
const float *qnt_float_tensor(const struct qnt_float *exec, int32_t node); /* [h][w][c] */
/* Runs one node (not the input) on the tensors as they are; and puts another tensor in its place.
 */
void qnt_float_run_node(struct qnt_float *exec, int32_t node);
void qnt_float_put(struct qnt_float *exec, int32_t node, const float *values);

/* ---- Data sets */
struct qnt_dataset; /* labelled images of one shape, decoded as asked for; pictures are stretched */
/* `spec` is "dir:FOLDER[:LABELS]" (JPEG, PNG, PPM, PGM files), "list:FILE[:LABELS]" (lines PATH or
 * PATH<TAB>LABEL), either of them without its prefix, or "fashion-mnist:train",
 * "fashion-mnist:test" (the idx.gz files of Debian's package, or of the folder in a second part:
 * "fashion-mnist:test:/folder"), or "idx:IMAGES[:LABELS]" (gzip or not). Values come out as `input`
 * says, which is what the network takes; NULL: pixels as they are. */
int qnt_dataset_open(const char *spec, const struct qnt_input *input, struct qnt_dataset **out,
                     struct qnt_error *error);
void qnt_dataset_close(struct qnt_dataset *set);
size_t qnt_dataset_count(const struct qnt_dataset *set);
void qnt_dataset_shape(const struct qnt_dataset *set, int32_t *h, int32_t *w, int32_t *c);
int qnt_dataset_label(const struct qnt_dataset *set, size_t index); /* -1 = unknown */
/* Adds `offset` to every known label: some networks count a background as class 0. */
void qnt_dataset_shift_labels(struct qnt_dataset *set, int offset);
/* Writes image `index` as float [h][w][c], normalised. */
int qnt_dataset_image(const struct qnt_dataset *set, size_t index, float *out,
                      struct qnt_error *error);

#endif
