/* What the files of pipeline/ share: the network as it lies in memory and in its file, which is the
 * same, and the arithmetic of the layers that are not convolutions. */
#ifndef QUERN_QUANT_PIPELINE_INT_H
#define QUERN_QUANT_PIPELINE_INT_H

#include <assert.h>

#include "quant/model/moves.h"
#include "quant/pipeline/pipeline.h"
#include "quant/wide.h"

/* ---- The file: a header, then three sections. Little-endian; every section begins at a multiple
 * of QNT_FILE_ALIGN, and so does every array inside QNT_SECTION_DATA. */
#define QNT_FILE_MAGIC "QUERNQ8\n"
#define QNT_FILE_VERSION 5 /* 4 had no wide convolutions, 3 no adds in any, 2 no wide layers */
#define QNT_FILE_VERSION_OLDEST 2
#define QNT_FILE_ENDIAN 0x01020304u
#define QNT_FILE_ALIGN 64

enum qnt_section {
    QNT_SECTION_LAYERS, /* struct qnt_layer [layer_count] */
    QNT_SECTION_TEXT,   /* names, each with its NUL */
    QNT_SECTION_DATA,   /* weights, bias, scales */
    QNT_SECTION_COUNT
};
struct qnt_file_header {
    char magic[8];
    uint32_t endian, version;
    uint64_t bytes;    /* of the whole file */
    uint64_t checksum; /* FNV-1a 64 of the whole file but these eight bytes */
    int32_t layer_count;
    uint32_t layer_bytes; /* sizeof(struct qnt_layer) */
    uint32_t name;        /* of the model: offset in the text */
    uint32_t dataset;     /* the same; "" if the model says nothing */
    struct qnt_pixels pixels;
    struct {
        uint64_t offset, bytes;
    } section[QNT_SECTION_COUNT];
};
static_assert(sizeof(struct qnt_file_header) == 136, "the file's layout");

/* One layer. The last layer is the output; it gives scores, the others bytes. */
struct qnt_layer {
    uint32_t name;                               /* offset in the text */
    uint32_t op;                                 /* enum qnt_op */
    int32_t inputs[QNT_INPUTS_MAX], input_count; /* layers before this one */
    int32_t h, w, c;
    struct krn_problem problem;            /* CONV, LINEAR; inputs[1], if any, is added to it */
    struct qnt_window window;              /* MAXPOOL, AVGPOOL */
    struct qnt_place place;                /* SLICE, PAD, PERMUTE */
    float scale;                           /* of the bytes: real value = (byte - zero) * scale */
    int32_t zero;                          /* zero point, -128..127 */
    int32_t fill;                          /* PAD: the byte */
    int32_t lo, hi;                        /* clamp of the bytes */
    float lo_real, hi_real;                /* clamp of the scores, where this layer gives them */
    int32_t factor[QNT_INPUTS_MAX], shift; /* ADD, CLIP, CONCAT; MUL and averages: [0];
                                              LRN: size and quarters, as struct qnt_lrn */
    int32_t wide; /* 1: an ADD that keeps its sums in 16 bits, too, for other adds; or a convolution
                     that gives s32 to one of these, as they are, and nothing else (wide.c) */
    uint64_t weights, bias; /* offsets in the data: s8 as krn_conv_pack() takes them, s32 [oc];
                               FUNCTION: s8 [256], the output of input byte i - 128; RESIZE:
                               struct qnt_share [h + w] */
    uint64_t multiplier;    /* float [oc]: accumulator to byte, or to score; FUNCTION as the last
                               layer: float [256], the score of input byte i - 128; LRN: float
                               [QNT_LRN_PARAMETERS] */
};
static_assert(sizeof(struct krn_problem) == 128, "the file's layout");
static_assert(sizeof(struct qnt_layer) == 392, "the file's layout");

#define QNT_LAYERS_MAX 4096
#define QNT_TENSOR_MAX ((int64_t)1 << 28) /* elements */
#define QNT_DEPTH_MAX 33000      /* products of one accumulator: 255 * 127 * this + 2^30 < 2^31 */
#define QNT_WINDOW_MAX (1 << 23) /* elements of an average: 255 times this < 2^31 */
#define QNT_FACTOR_MAX (1 << 21) /* 2 * 255 * this + 2^29 < 2^31 */
#define QNT_SHIFT_MAX 30
/* Sums of 16 bits have so many steps in one of the bytes: 255 * 128 < 2^15. What one of them is
 * multiplied by: 255 * 128 * this < 2^29, as 255 * QNT_FACTOR_MAX is. */
#define QNT_WIDE_SHIFT 7
#define QNT_WIDE_STEPS (1 << QNT_WIDE_SHIFT)
#define QNT_WIDE_FACTOR_MAX (QNT_FACTOR_MAX / QNT_WIDE_STEPS)

struct qnt_network {
    void *block;         /* the file's bytes, aligned to QNT_FILE_ALIGN; owned */
    size_t mapped_bytes; /* of a block that is a mapped file; 0 = it is from malloc() */
    const struct qnt_file_header *header;
    const struct qnt_layer *layers;
    int32_t count;
    const char *text;
    const uint8_t *data;
};

static inline const void *qnt_layer_data(const struct qnt_network *network, uint64_t offset)
{
    return network->data + offset;
}

static inline size_t qnt_layer_elements(const struct qnt_layer *l)
{
    return (size_t)l->h * (size_t)l->w * (size_t)l->c;
}

/* 1 for a convolution that gives its sums to an ADD. */
static inline int qnt_layer_gives_sums(const struct qnt_layer *l)
{
    return l->wide && (l->op == QNT_OP_CONV || l->op == QNT_OP_LINEAR);
}

/* What a layer gives: its bytes, and behind them, aligned to QNT_FILE_ALIGN, its sums in 16 bits;
 * or s32 alone. */
static inline size_t qnt_layer_bytes(const struct qnt_layer *l)
{
    const size_t bytes = qnt_layer_elements(l);

    if (!l->wide)
        return bytes;
    if (qnt_layer_gives_sums(l))
        return sizeof(int32_t) * bytes;
    return (bytes + QNT_FILE_ALIGN - 1) / QNT_FILE_ALIGN * QNT_FILE_ALIGN + 2 * bytes;
}

static inline const int16_t *qnt_layer_wide(const struct qnt_layer *l, const int8_t *bytes)
{
    return (const void *)(bytes + qnt_layer_bytes(l) - 2 * qnt_layer_elements(l));
}

static inline int qnt_is_convolution(const struct qnt_node *n)
{
    return n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR;
}

/* 1 if the layer is a convolution, which a micro-kernel runs where there is one. */
static inline int qnt_layer_is_conv(const struct qnt_layer *l)
{
    return l->op == QNT_OP_CONV || l->op == QNT_OP_LINEAR;
}

/* What an accumulator of such a layer becomes: part of the scores, a byte, or, with a second input,
 * a byte of that sum. */
static inline enum krn_epilogue qnt_layer_epilogue(const struct qnt_network *network, int32_t index)
{
    if (index == network->count - 1 || network->layers[index].wide)
        return KRN_EPILOGUE_SUMS;
    return network->layers[index].input_count == 2 ? KRN_EPILOGUE_ADD : KRN_EPILOGUE_FLOAT;
}

/* The second input of such a layer, but for the tensor: its scale over that of the output. */
static inline struct krn_add qnt_layer_add(const struct qnt_network *network,
                                           const struct qnt_layer *l)
{
    const struct qnt_layer *other = &network->layers[l->inputs[1]];
    return (struct krn_add) { .zp = other->zero, .factor = other->scale / l->scale };
}

/* Sets the pointers from the block, whose header has been checked. */
void qnt_network_point(struct qnt_network *network, void *block);
uint64_t qnt_file_checksum(const void *block, size_t bytes);
/* Everything that execution relies on, so that a file's content cannot lead outside its buffers.
 * -EINVAL with the layer. */
int qnt_network_check(const struct qnt_network *network, struct qnt_error *error);

/* The model's file without its folders: what a file of ours may remember of a machine. */
const char *qnt_short_name(const struct qnt_graph *graph);

/* ---- Scales (scales.c) */
/* Whose threshold a node's bytes use: owner[node], for all nodes. `live` as of qnt_live_nodes(). */
void qnt_scale_owners(const struct qnt_graph *graph, const uint8_t *live, int32_t *owner);
/* The node that gives the scores: the graph's output, or what a softmax or a flatten at the end of
 * it merely passes on. Marks in live[graph->count] what leads there. */
int32_t qnt_live_nodes(const struct qnt_graph *graph, uint8_t *live);
/* 1 where the bytes of an operator mean what those of its input mean. */
int qnt_keeps_scale(enum qnt_op op);
/* nonnegative[node] = 1 where no element can be below 0, whatever the image: such a tensor may use
 * all 256 bytes, with a zero point of -128. */
void qnt_nonnegative(const struct qnt_graph *graph, uint8_t *nonnegative);
/* What the bytes of each tensor mean: real value = (byte - zero) * scale; bytes are least..127. */
struct qnt_meaning {
    float scale;
    int32_t zero, least;
};
/* For all nodes. 0 or -ENOMEM. */
int qnt_meanings(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                 const struct qnt_quantise_options *options, struct qnt_meaning *out);
/* ---- Adds (residual.c), by node */
struct qnt_adds {
    uint8_t *wide;    /* 1: an ADD that keeps its sum in 16 bits, too; or a convolution that gives
                         its sums to an ADD that does, or reads such */
    int32_t *partner; /* of an ADD the convolution that computes it, of that the ADD; else 0 */
};
/* Fills both arrays, which are zero: graph->count elements each. */
void qnt_plan_adds(const struct qnt_graph *graph, const uint8_t *live, int32_t output,
                   const struct qnt_quantise_options *options, struct qnt_adds *adds);
/* 1 where the sum of an ADD, or one of its operands, is wide. */
int qnt_add_is_wide(const struct qnt_graph *graph, const struct qnt_adds *adds, int32_t add);
/* Bias' magnitude in units of the accumulator: leaves the other half of 32 bits to the products. */
#define QNT_BIAS_MAX (1 << 30)
/* The scale of a channel's weights: 127 at its largest, but wide enough for its bias to fit the
 * accumulator; 1 for a channel that has neither. */
double qnt_channel_scale(const float *weights, size_t count, double bias, double scale_in);
/* Of the weights of one output channel; 0 for a dead one. */
float qnt_absmax(const float *weights, size_t count);
/* What ncnn calls the scales of a layer's weights, 127 / largest magnitude, 0 for dead ones: one
 * per output channel, or per group. Their number, or -ENOMEM; the caller frees *out. */
int qnt_ncnn_scales(const struct qnt_node *layer, float **out);
/* 1 for a layer that may be int8 in ncnn. Grouped convolutions, but for depthwise ones, stay float:
 * ncnn of July 2026 computes their int8 form wrongly (on x86-64; RegNetY-400MF by its own
 * ncnn2int8: 2 dB). */
int qnt_ncnn_quantises(const struct qnt_node *node);
/* Signal to noise of one image's scores, limited to +-150 dB (accuracy.c). */
double qnt_sqnr_db(const float *want, const float *got, size_t count);
/* Adds one image to the counts of *out, and to its sums of SQNR and cosine (accuracy.c). */
void qnt_compare_scores(const float *want, const float *got, size_t classes, int label,
                        struct qnt_accuracy *out);
/* ---- Histograms (collect.c): fills those of *out, and the images that it keeps with their scores.
 * As qnt_calibrate(). */
int qnt_collect(const struct qnt_graph *graph, const struct qnt_dataset *set,
                const struct qnt_calibrate_options *options, qnt_progress *progress, void *user,
                struct qnt_calibration *out, struct qnt_error *error);
/* ---- Thresholds (auto.c, calibrate.c): of all tensors by one method, each for itself; */
void qnt_thresholds_of(const struct qnt_calibration *c, enum qnt_method method,
                       struct qnt_threshold *out);
/* of tensors without a histogram: that of the tensor whose scale is used. 0 or -ENOMEM; */
int qnt_thresholds_fill(const struct qnt_graph *graph, const struct qnt_calibration *c,
                        struct qnt_threshold *tensors);
/* of AUTO, to c->tensors. 0 or -ENOMEM. */
int qnt_auto(const struct qnt_graph *graph, struct qnt_calibration *c);
/* factor[i] = ratio[i] * 2^shift, rounded, with the largest shift that keeps all of them within
 * most[i]; NULL: within QNT_FACTOR_MAX. */
void qnt_fixed_point(const double *ratio, const int32_t *most, int32_t count, int32_t *factor,
                     int32_t *shift);

/* ---- Layers without a micro-kernel (ops.c). `in` are the bytes of the inputs, `shape` their
 * layers. */
struct qnt_op_args {
    const struct qnt_network *network;
    const struct qnt_layer *layer;
    const int8_t *in[QNT_INPUTS_MAX];
    int8_t *out;
    float *scores;     /* of the last layer, else NULL */
    size_t begin, end; /* units of the layer to compute, of qnt_op_units() or qnt_scores_units() */
};
typedef void qnt_op_run(const struct qnt_op_args *args);
/* NULL where an int8 network cannot have the operator. */
extern qnt_op_run *const qnt_op_runs[QNT_OP_COUNT];
/* Whether a concatenation takes the bytes of its input k as they are. */
int qnt_joins_as_is(const struct qnt_layer *concat, const struct qnt_layer *input, int32_t k);
/* Into how many independent parts a layer can be cut: elements, pixels or rows of the output, as
 * its operator sees it; 1 = it cannot. */
size_t qnt_op_units(const struct qnt_layer *l);
size_t qnt_scores_units(const struct qnt_layer *l); /* the same where it is the last layer */
/* A mixture of two neighbouring pixels: `share` of QNT_SHARES of the second (resize.c). */
#define QNT_SHARE_BITS 12
#define QNT_SHARES (1 << QNT_SHARE_BITS)
struct qnt_share {
    int32_t first, share;
};
void qnt_run_resize(const struct qnt_op_args *args);
/* Floats that an LRN has: of the sum of squares, what is added to it, of the value (lrn.c). */
enum { QNT_LRN_SLOPE, QNT_LRN_BIAS, QNT_LRN_RATIO, QNT_LRN_PARAMETERS };
void qnt_run_lrn(const struct qnt_op_args *args); /* gives bytes or scores */
/* y rounded, halves to the even, within [lo, hi], and `zero` more; |y| < 2^51. In loops of
 * QNT_WIDE. */
static inline int8_t qnt_byte_of(double y, double lo, double hi, int32_t zero)
{
    const double rounder = 6755399441055744.0; /* 1.5 * 2^52: added and taken off */
    y = y + rounder - rounder;
    y = y > lo ? y : lo;
    y = y < hi ? y : hi;
    return (int8_t)((int32_t)y + zero);
}
/* Products and tables (elementwise.c). */
void qnt_run_mul(const struct qnt_op_args *args);
void qnt_run_function(const struct qnt_op_args *args);
/* Windows (pools.c); averages give bytes or scores. */
void qnt_run_maxpool(const struct qnt_op_args *args);
void qnt_run_avgpool(const struct qnt_op_args *args);
void qnt_run_global_avgpool(const struct qnt_op_args *args);
/* A score within the layer's lo_real and hi_real. */
float qnt_clamp_score(const struct qnt_layer *l, float x);
/* A sum (add.c): y = clamp(((a * factor_a + b * factor_b + start) >> shift) + zero, lo, hi). */
struct qnt_sum {
    int32_t factor_a, factor_b, start, shift, zero, lo, hi;
};
/* The ways to compute it, fastest first; the last one is portable. `run` returns how many it has
 * done: whole vectors. */
struct qnt_sum_way {
    const char *name;
    int (*is_there)(void);
    size_t (*run)(const struct qnt_sum *k, const int8_t *a, const int8_t *b, size_t count,
                  int8_t *out);
};
extern const struct qnt_sum_way qnt_sum_ways[];
extern const size_t qnt_sum_way_count;
void qnt_run_add(const struct qnt_op_args *args);
/* An ADD of which some tensor is wide (wide.c), and whether a layer is one. */
void qnt_run_add_wide(const struct qnt_op_args *args);
int qnt_adds_wide(const struct qnt_network *network, const struct qnt_layer *l);
/* The last layer, whatever its operator. */
void qnt_scores_run(const struct qnt_op_args *args);
/* The scores of a convolution, elements [begin, end), from its sums, s32, which are in[0]. */
void qnt_scores_of_sums(const struct qnt_op_args *args);
/* The network that `exec` runs. */
const struct qnt_network *qnt_exec_network(const struct qnt_exec *exec);
/* q = zero + clamp(round_half_even(x * (1 / scale))), all within the layer's bounds. */
void qnt_quantise_image(const struct qnt_layer *layer, const float *image, int8_t *out);
/* The move of a layer that is one. */
struct qnt_move qnt_layer_move(const struct qnt_network *network, const struct qnt_layer *layer);

#endif
