/* The int8 network: made from a float graph and thresholds, kept in a file, and run on
 * micro-kernels.
 *
 *     qnt_calibrate() -> qnt_quantise() -> qnt_network_save()
 *     qnt_network_load() -> qnt_exec_open() -> qnt_exec_run() -> qnt_exec_close()
 *
 * Everything between input and scores is integers, and defined to the bit, so that the scores are
 * the same whatever kernels run and wherever:
 *   bytes        real value = (byte - zero point) * scale. A tensor that cannot be negative,
 *                whatever the image, has the zero point -128 and all 256 bytes; any other is
 *                symmetric: zero point 0, -127..127
 *   input        q = zero point + clamp(round_half_even(x * inverse)), inverse = 1 / scale in float
 *   convolution  as kernels/kernel.h states it, scale[oc] = the input's scale times the weights'
 *                over the output's; an inner product is a 1x1 one
 *   convolution + sum
 *                where a residual add is the only reader of a convolution without a clamp, which is
 *                not depthwise: krn_requantise_add() of kernels/reference.h, factor = the other
 *                operand's scale over the output's in float; one rounding for all of it
 *   sum, concatenation, clip
 *                y = clamp((sum of d[i] * factor[i] + half) >> shift), half = 1 << (shift - 1),
 *                d = byte - zero point, in 32 bits: one rounding, ties upwards; factor[i] = the
 *                ratio of the scales times 2^shift, at most 2^21, shift in 1..30
 *   sum of a residual chain in 16 bits (an option)
 *                s = clamp((sum of d[i] * factor[i] + half) >> shift), in steps of 1/128 of the
 *                byte's; what another add reads is s, with d = s; what others read, byte =
 *                zero point + ((s + 64) >> 7). An operand that a convolution computes for that add
 *                alone, as for "convolution + sum", is not rounded to bytes before: what is shifted
 *                is then the other one's term, and round_half_even((float)acc * m[oc]) is added, m
 *                the scale of that product over the step of s, in float, within +-2^21
 *   product      likewise of d[0] * d[1] * factor, in 64 bits
 *   average      y = clamp(floor((sum * factor + d / 2) / d)), d = elements << shift, in 64 bits
 *   function     a table of 256 bytes, made when the network is
 *   maximum, reshape, slice, pad, permute, upsample, shuffle, depth to space
 *                keep scale and zero point of their input
 *   resize       keeps them, too: y = (sum of four bytes * w[i] + 2^23) >> 24, w[i] the products of
 *                what two axes have as shares of their neighbours, each in 1/4096
 *   lrn          y = clamp(round_half_even(d * ratio / p(bias + slope * sum of d * d))), in floats,
 *                of which p makes the square root, the product of it and its own, or nothing
 *   scores       the last layer is not rounded to bytes: its sum, s32, times one float per class
 *                (convolution, inner product, average), or the same on real values
 * A tensor whose only reader is a concatenation (but one that gives the scores) or keeps its scale
 * has its reader's scale, so that the convolution before it requantises straight to the bytes that
 * are read in the end. */
#ifndef QUERN_QUANT_PIPELINE_H
#define QUERN_QUANT_PIPELINE_H

#include "kernels/conv.h"
#include "quant/calib/calib.h"
#include "quant/model/graph.h"

struct qnt_adjustment;

/* Thresholds of every tensor of a graph, by node index. Owned arrays of graph->count. */
struct qnt_calibration {
    struct qnt_threshold *tensors;
    struct qnt_histogram *histograms; /* NULL in one that was loaded from a file; empty where no
                                         threshold is needed: the tensor has that of its reader */
    struct qnt_histogram *held;       /* of the images that AUTO judges by; or NULL */
    int32_t count;
    size_t images;
    struct qnt_pixels pixels; /* of those images */
    int symmetric;            /* as the options said */
    /* Some of the images with their float scores, for AUTO: owned, or none. */
    size_t kept, image_values, classes;
    float *images_kept, *scores_kept; /* [kept][image_values], [kept][classes] */
    /* How the graph was changed before (quant/pipeline/adjust.h), owned, or NULL. The graph that
     * goes with the thresholds is the changed one. */
    struct qnt_adjustment *adjustments;
};
/* Called after each step; returning non-zero stops with -EINTR. May be NULL. */
typedef int qnt_progress(size_t done, size_t total, void *user);
struct qnt_calibrate_options {
    size_t count, stride; /* images 0, stride, 2 * stride ..., count of them; both at least 1 */
    enum qnt_method method;
    int symmetric; /* as in struct qnt_quantise_options: where steps are half as fine, less clipping
                      is worth it */
    int threads;   /* 0 = 1; each has the tensors of one image, and histograms */
};
/* Runs the images at most twice through the float graph: 2 * count steps of progress, from whatever
 * thread but never two at once. Every fifth image, where there are ten or more, is one that AUTO
 * judges thresholds by. The result does not depend on the number of threads. -EINVAL if a tensor is
 * not finite, or the set has not so many images or not of this shape. */
int qnt_calibrate(const struct qnt_graph *graph, const struct qnt_dataset *set,
                  const struct qnt_calibrate_options *options, qnt_progress *progress, void *user,
                  struct qnt_calibration *out, struct qnt_error *error);
/* The thresholds of another method from the histograms of `from`. 0, or -ENOMEM, or -EINVAL if it
 * has none. */
int qnt_calibration_with(const struct qnt_graph *graph, const struct qnt_calibration *from,
                         enum qnt_method method, struct qnt_calibration *out,
                         struct qnt_error *error);
void qnt_calibration_clear(struct qnt_calibration *calibration);
/* used[graph->count]: 1 for a node whose own threshold makes the scale of some tensor of the int8
 * network, its own or one that follows it. 0 or -ENOMEM. */
int qnt_thresholds_used(const struct qnt_graph *graph, uint8_t *used);

/* Text files. Adding a format is adding a row. */
struct qnt_calibration_format {
    const char *name, *meaning;
    int (*write)(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                 void *file); /* a FILE; -EINVAL if a name in the graph has no place in it */
};
extern const struct qnt_calibration_format qnt_calibration_formats[];
extern const size_t qnt_calibration_format_count;
int qnt_calibration_save(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                         const char *format, const char *path, struct qnt_error *error);
/* Reads the format "quern"; every tensor of the graph must be in it. */
int qnt_calibration_load(const struct qnt_graph *graph, const char *path,
                         struct qnt_calibration *out, struct qnt_error *error);

struct qnt_network;           /* quantised: integer weights, scales, the order of execution */
struct qnt_quantise_options { /* zeros are the defaults */
    int symmetric;            /* zero points are 0 everywhere */
    int residual_16;          /* adds that other adds read keep 16 bits for them */
};
/* options NULL = defaults. */
int qnt_quantise(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                 const struct qnt_quantise_options *options, struct qnt_network **out,
                 struct qnt_error *error);
/* Quern's own file: magic, version, checksum. A damaged or foreign file is an error. */
int qnt_network_save(const struct qnt_network *network, const char *path, struct qnt_error *error);
int qnt_network_load(const char *path, struct qnt_network **out, struct qnt_error *error);
int qnt_network_probe(const char *path); /* 1 if the file begins as one of Quern's does */
void qnt_network_free(struct qnt_network *network);
const char *qnt_network_name(const struct qnt_network *network);
/* What the model was trained on, as struct qnt_graph says it. */
const char *qnt_network_dataset(const struct qnt_network *network); /* "" if unknown */
size_t qnt_network_classes(const struct qnt_network *network);
size_t qnt_network_bytes(const struct qnt_network *network); /* of its file */
struct qnt_input qnt_network_input(const struct qnt_network *network);
/* What a micro-kernel is asked to do: a convolution, and what becomes of its sums. */
struct qnt_task {
    struct krn_problem problem;
    enum krn_epilogue epilogue;
};
/* The tasks of the convolutions that run on micro-kernels, in order. Writes at most `capacity`,
 * returns how many there are. */
size_t qnt_network_tasks(const struct qnt_network *network, struct qnt_task *out, size_t capacity);

/* The same of the network that a folded graph becomes with default options, whatever its
 * thresholds, in the order of its nodes. *out is the caller's to free. 0 or -ENOMEM. */
int qnt_graph_tasks(const struct qnt_graph *graph, struct qnt_task **out, size_t *count);

/* Chooses the micro-kernel of a layer: from a sweep, an exported set, or the built-in ones. NULL,
 * or a kernel that cannot do it, or that has another epilogue = the best built-in one of this CPU.
 */
struct qnt_choice {
    const struct krn_kernel *kernel;
    struct krn_driver driver;
};
typedef struct qnt_choice qnt_choose(const struct krn_problem *problem, enum krn_epilogue epilogue,
                                     void *user);
/* A qnt_choose: the best built-in kernel of the levels that krn_cpu_isas() shows; portable C if no
 * other. `user` is not read. */
struct qnt_choice qnt_choose_builtin(const struct krn_problem *problem, enum krn_epilogue epilogue,
                                     void *user);

struct qnt_exec; /* packed weights, one planned arena, pointer tables; runs one image at a time */
/* `choose` NULL = qnt_choose_builtin. `network` is borrowed until qnt_exec_close(). */
int qnt_exec_open(const struct qnt_network *network, qnt_choose *choose, void *user,
                  struct qnt_exec **out, struct qnt_error *error);
void qnt_exec_close(struct qnt_exec *exec);
/* From now on a run is shared by so many threads, the caller's among them; the scores are the same
 * to the bit. 1 is what an execution begins with. -EINVAL, -EAGAIN or -ENOMEM leave it as it was.
 */
int qnt_exec_threads(struct qnt_exec *exec, int threads, struct qnt_error *error);
/* From now on (or, 0, no more) the time of each layer is taken; begins anew at each call. */
void qnt_exec_profile(struct qnt_exec *exec, int on);
/* image: float [h][w][c], normalised; scores: float [classes], dequantised. */
void qnt_exec_run(struct qnt_exec *exec, const float *image, float *scores);
/* Memory of an execution beside the network: bytes. */
struct qnt_exec_memory {
    size_t arena;   /* activations */
    size_t packed;  /* weights as the kernels want them */
    size_t tables;  /* pointer tables */
    size_t scratch; /* of all threads */
};
struct qnt_exec_memory qnt_exec_memory(const struct qnt_exec *exec);

/* What runs a layer. Borrowed until qnt_exec_close(). */
struct qnt_exec_layer {
    const char *name; /* of the node; of a convolution that computes an add, the convolution's */
    enum qnt_op op;
    const char *title;                 /* of the operator: "conv", "conv + add" */
    int32_t h, w, c;                   /* of its output */
    const struct krn_problem *problem; /* NULL if it is no convolution */
    enum krn_epilogue epilogue;  /* of a convolution: ADD: it computes a residual add, too; SUMS: it
                                    gives the scores, or its sums to an add in 16 bits */
    const struct krn_conv *conv; /* NULL if it runs in plain C without a micro-kernel */
    const char *note;            /* why a chosen kernel was not taken; "" */
    double time_ns;              /* of one run, the mean since qnt_exec_profile(); 0 = not taken */
};
/* 0, or -ERANGE past the last layer. */
int qnt_exec_layer(const struct qnt_exec *exec, size_t index, struct qnt_exec_layer *out);

/* Called after each layer of a run but the last, and but those that give sums to an add, with its
 * bytes, [h][w][c], writable until the layer
 * that reads them last has run; real value = (byte - zero) * scale. */
typedef void qnt_watch(size_t layer, int8_t *tensor, size_t count, float scale, int32_t zero,
                       void *user);
/* NULL = no more. 0; or -ENOMEM, after which the execution can only be closed. */
int qnt_exec_watch(struct qnt_exec *exec, qnt_watch *watch, void *user);

/* Called before and after each layer of a run, by the thread that calls qnt_exec_run(): for
 * counters of that thread. */
struct qnt_meter {
    void (*begin)(void *user);
    void (*end)(size_t layer, void *user);
    void *user;
};
void qnt_exec_meter(struct qnt_exec *exec, const struct qnt_meter *meter); /* copied; NULL = none */

/* Float against int8 on a labelled set. Counts of images; SQNR and cosine are means over images of
 * the scores before the softmax. */
struct qnt_accuracy {
    size_t images;
    size_t float_top1, int8_top1, float_top5, int8_top5, agree;
    double sqnr_db, cosine;
    double float_ms, int8_ms; /* per image, one thread, wall; of this machine */
};
/* Images [0, count) through the float graph once and through each of `execs`, whose figures come
 * out side by side in out[exec_count]. Without a graph (NULL) what compares with it is 0. */
int qnt_accuracy(const struct qnt_graph *graph, struct qnt_exec *const *execs, size_t exec_count,
                 const struct qnt_dataset *set, size_t count, qnt_progress *progress, void *user,
                 struct qnt_accuracy *out, struct qnt_error *error);

/* ---- Which layers lose. A float network in which chosen layers behave as int8 ones: their weights
 * and what they give take quantised values. Near the int8 network, not equal to it to the bit. */
struct qnt_fake;
int qnt_fake_open(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                  const struct qnt_quantise_options *options, struct qnt_fake **out,
                  struct qnt_error *error);
void qnt_fake_close(struct qnt_fake *fake);
/* Runs nodes first, first + 1 ... on what nodes before them gave last; first = 0 is a whole run on
 * `image`, which may else be NULL. quantised[graph->count]: 1 for a node that is int8. Returns the
 * scores, borrowed until the next run. */
const float *qnt_fake_run(struct qnt_fake *fake, const float *image, int32_t first,
                          const uint8_t *quantised);
/* 1 for a node that can be chosen: one that rounds. */
int qnt_fake_rounds(const struct qnt_fake *fake, int32_t node);

/* One layer: SQNR of the scores where it alone is quantised, and where all but it are. */
struct qnt_loss {
    int32_t node;
    double alone_db, without_db;
};
/* Of all layers that round, most harmful first (least alone_db); `out` has room for graph->count.
 * all_db: where every layer is quantised. Images as in qnt_calibrate_options. */
int qnt_losses(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
               const struct qnt_quantise_options *options, const struct qnt_dataset *set,
               size_t images, size_t stride, qnt_progress *progress, void *user,
               struct qnt_loss *out, size_t *count, double *all_db, struct qnt_error *error);
/* What the scores are worth where the first k = 0..keep_max of `losses` stay in float: out[k] with
 * images, agree, int8_top1, float_top1, sqnr_db. */
int qnt_losses_kept(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                    const struct qnt_quantise_options *options, const struct qnt_dataset *set,
                    size_t images, size_t stride, const struct qnt_loss *losses, size_t keep_max,
                    qnt_progress *progress, void *user, struct qnt_accuracy *out,
                    struct qnt_error *error);

#endif
