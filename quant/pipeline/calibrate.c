/* Histograms of every tensor of a float graph over images: two runs per image, memory independent
 * of their number. */
#include <errno.h>
#include <stdlib.h>

#include "quant/pipeline/pipeline_int.h"

typedef void collect_values(struct qnt_histogram *h, const float *values, size_t count);

struct job {
    const struct qnt_graph *graph;
    const struct qnt_dataset *set;
    struct qnt_float *exec;
    float *image;
    size_t count, stride, done;
    struct qnt_histogram *histograms;
    qnt_progress *progress;
    void *user;
    struct qnt_error *error;
};

static size_t elements(const struct qnt_node *n)
{
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

static int pass(struct job *job, collect_values *collect)
{
    for (size_t i = 0; i < job->count; i++) {
        int result = qnt_dataset_image(job->set, i * job->stride, job->image, job->error);
        if (result != 0)
            return result;
        qnt_float_run(job->exec, job->image);
        for (int32_t n = 0; n < job->graph->count; n++)
            collect(&job->histograms[n], qnt_float_tensor(job->exec, n),
                    elements(&job->graph->nodes[n]));
        job->done++;
        if (job->progress && job->progress(job->done, 2 * job->count, job->user) != 0)
            return qnt_error_set(job->error, -EINTR, "calibration interrupted after %zu runs",
                                 job->done);
    }
    return 0;
}

static int check_finite(const struct job *job)
{
    for (int32_t n = 0; n < job->graph->count; n++)
        if (job->histograms[n].nonfinite > 0)
            return qnt_error_set(job->error, -EINVAL,
                                 "node %s: %llu of its values are not finite: the model or the "
                                 "normalisation of the images is wrong",
                                 job->graph->nodes[n].name,
                                 (unsigned long long)job->histograms[n].nonfinite);
    return 0;
}

static int check_images(const struct job *job)
{
    const struct qnt_node *in = &job->graph->nodes[0];
    const size_t have = qnt_dataset_count(job->set);
    int32_t h, w, c;

    qnt_dataset_shape(job->set, &h, &w, &c);
    if (h != in->h || w != in->w || c != in->c)
        return qnt_error_set(job->error, -EINVAL, "images of %dx%dx%d, the model takes %dx%dx%d", h,
                             w, c, in->h, in->w, in->c);
    if (job->count == 0)
        return qnt_error_set(job->error, -EINVAL, "calibration needs at least one image");
    if (job->stride == 0 || job->count > have || (job->count - 1) > (have - 1) / job->stride)
        return qnt_error_set(job->error, -EINVAL,
                             "every %zuth image, %zu of them: the set has only %zu", job->stride,
                             job->count, have);
    return 0;
}

static int run(struct job *job)
{
    int result = qnt_float_open(job->graph, &job->exec, job->error);

    if (result != 0)
        return result;
    job->image = malloc(elements(&job->graph->nodes[0]) * sizeof(float));
    if (!job->image)
        return qnt_error_set(job->error, -ENOMEM, "out of memory");
    result = pass(job, qnt_histogram_range);
    if (result == 0)
        result = check_finite(job);
    if (result == 0)
        result = pass(job, qnt_histogram_count);
    return result;
}

static int allocate(struct qnt_calibration *c, int32_t count, struct qnt_error *error)
{
    c->count = count;
    c->tensors = calloc((size_t)count, sizeof(*c->tensors));
    c->histograms = calloc((size_t)count, sizeof(*c->histograms));
    if (c->tensors && c->histograms)
        return 0;
    return qnt_error_set(error, -ENOMEM, "out of memory for the histograms of %d tensors", count);
}

int qnt_calibrate(const struct qnt_graph *graph, const struct qnt_dataset *set, size_t count,
                  size_t stride, enum qnt_method method, qnt_progress *progress, void *user,
                  struct qnt_calibration *out, struct qnt_error *error)
{
    struct job job = { .graph = graph,
                       .set = set,
                       .count = count,
                       .stride = stride,
                       .progress = progress,
                       .user = user,
                       .error = error };
    int result = check_images(&job);

    *out = (struct qnt_calibration) { .images = count, .pixels = graph->pixels };
    if (result == 0)
        result = allocate(out, graph->count, error);
    if (result == 0) {
        for (int32_t n = 0; n < graph->count; n++)
            qnt_histogram_init(&out->histograms[n]);
        job.histograms = out->histograms;
        result = run(&job);
    }
    qnt_float_close(job.exec);
    free(job.image);
    for (int32_t n = 0; n < graph->count && result == 0; n++)
        qnt_threshold(&out->histograms[n], method, &out->tensors[n]);
    if (result != 0)
        qnt_calibration_clear(out);
    return result;
}

int qnt_calibration_with(const struct qnt_calibration *from, enum qnt_method method,
                         struct qnt_calibration *out, struct qnt_error *error)
{
    *out = (struct qnt_calibration) { .images = from->images, .pixels = from->pixels };
    if (!from->histograms)
        return qnt_error_set(error, -EINVAL, "a calibration from a file has no histograms");
    int result = allocate(out, from->count, error);
    for (int32_t n = 0; n < from->count && result == 0; n++) {
        out->histograms[n] = from->histograms[n];
        qnt_threshold(&out->histograms[n], method, &out->tensors[n]);
    }
    if (result != 0)
        qnt_calibration_clear(out);
    return result;
}

void qnt_calibration_clear(struct qnt_calibration *calibration)
{
    free(calibration->tensors);
    free(calibration->histograms);
    *calibration = (struct qnt_calibration) { 0 };
}
