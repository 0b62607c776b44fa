/* The int8 network: made from a float graph and thresholds, kept in a file, and run on micro-kernels.
 *
 *     qnt_calibrate() -> qnt_quantise() -> qnt_network_save()
 *     qnt_network_load() -> qnt_exec_open() -> qnt_exec_run() -> qnt_exec_close()
 * Everything between input and scores is integers. */
#ifndef QUERN_QUANT_PIPELINE_H
#define QUERN_QUANT_PIPELINE_H

#include "kernels/conv.h"
#include "quant/calib/calib.h"
#include "quant/model/graph.h"

/* Thresholds of every tensor of a graph, by node index. Owned arrays of graph->count. */
struct qnt_calibration {
    struct qnt_threshold *tensors;
    struct qnt_histogram *histograms;
    int32_t count;
    size_t images;
};
/* Called after each image; returning non-zero stops with -EINTR. May be NULL. */
typedef int qnt_progress(size_t done, size_t total, void *user);
/* Runs images 0, stride, 2 * stride ... (count of them) of the set twice through the float graph. */
int qnt_calibrate(const struct qnt_graph *graph, const struct qnt_dataset *set, size_t count,
                  size_t stride, enum qnt_method method, qnt_progress *progress, void *user,
                  struct qnt_calibration *out, struct qnt_error *error);
void qnt_calibration_clear(struct qnt_calibration *calibration);
/* Text files, formats by table: "quern" (Quern's own, reads back), "ncnn" (.table), "json". */
int qnt_calibration_save(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                         const char *format, const char *path, struct qnt_error *error);
int qnt_calibration_load(const struct qnt_graph *graph, const char *path,
                         struct qnt_calibration *out, struct qnt_error *error);

struct qnt_network; /* quantised: integer weights, scales, the order of execution */
int qnt_quantise(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                 struct qnt_network **out, struct qnt_error *error);
/* Quern's own file: magic, version, checksum. A damaged or foreign file is an error. */
int qnt_network_save(const struct qnt_network *network, const char *path, struct qnt_error *error);
int qnt_network_load(const char *path, struct qnt_network **out, struct qnt_error *error);
void qnt_network_free(struct qnt_network *network);
size_t qnt_network_classes(const struct qnt_network *network);
/* The convolution problems of the network, in order, as a sweep wants them. */
size_t qnt_network_problems(const struct qnt_network *network, struct krn_problem *out, size_t capacity);

/* Chooses the micro-kernel of a layer: from a sweep, an exported set, or the built-in ones. NULL = the
 * built-in portable one. */
struct qnt_choice {
    const struct krn_kernel *kernel;
    struct krn_driver driver;
};
typedef struct qnt_choice qnt_choose(const struct krn_problem *problem, void *user);

struct qnt_exec; /* packed weights, one planned arena, pointer tables; one per thread of images */
int qnt_exec_open(const struct qnt_network *network, qnt_choose *choose, void *user,
                  struct qnt_exec **out, struct qnt_error *error);
void qnt_exec_close(struct qnt_exec *exec);
/* image: float [h][w][c], normalised; scores: float [classes], dequantised. */
void qnt_exec_run(struct qnt_exec *exec, const float *image, float *scores);
size_t qnt_exec_arena_bytes(const struct qnt_exec *exec);

/* Float against int8 on a labelled set. Counts of images; SQNR and cosine are means over images of the
 * scores before the softmax. */
struct qnt_accuracy {
    size_t images;
    size_t float_top1, int8_top1, float_top5, int8_top5, agree;
    double sqnr_db, cosine;
    double float_ms, int8_ms; /* per image, one thread, wall; of this machine */
};
int qnt_accuracy(const struct qnt_graph *graph, struct qnt_exec *exec, const struct qnt_dataset *set,
                 size_t count, qnt_progress *progress, void *user, struct qnt_accuracy *out,
                 struct qnt_error *error);

#endif
