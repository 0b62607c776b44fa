/* What equalisation and the correction of biases have in common: both need to know the values of
 * every channel, so the images are run once for that. */
#include "quant/pipeline/adjust.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/adjust_int.h"

static size_t pixels_of(const struct qnt_node *n)
{
    return (size_t)n->h * (size_t)n->w;
}

/* ---- What the channels hold */

static void see(const struct qnt_node *n, const float *x, struct qnt_channel *out)
{
    for (size_t p = 0; p < pixels_of(n); p++, x += n->c)
        for (int32_t c = 0; c < n->c; c++) {
            out[c].sum += (double)x[c];
            out[c].squares += (double)x[c] * (double)x[c];
            out[c].most = fmaxf(out[c].most, fabsf(x[c]));
        }
}

static int open_channels(struct qnt_adjust_job *job)
{
    const struct qnt_graph *g = job->graph;

    for (int32_t i = 0; i < g->count; i++) {
        const struct qnt_node *n = &g->nodes[i];
        if (!job->live[i] || !qnt_has_channels(n))
            continue;
        int32_t both[2] = { i, n->inputs[0] };
        for (int k = 0; k < 2; k++) {
            struct qnt_channel **c = &job->channels[both[k]];
            if (!*c)
                *c = calloc((size_t)g->nodes[both[k]].c, sizeof(**c));
            if (!*c)
                return -ENOMEM;
        }
    }
    return 0;
}

static void scale_channels(struct qnt_adjust_job *job, double images)
{
    for (int32_t i = 0; i < job->graph->count; i++)
        for (int32_t c = 0; job->channels[i] && c < job->graph->nodes[i].c; c++) {
            const double values = images * (double)pixels_of(&job->graph->nodes[i]);
            job->channels[i][c].sum /= values;
            job->channels[i][c].squares /= values;
        }
}

static int run_images(struct qnt_adjust_job *job, const struct qnt_dataset *set,
                      qnt_progress *progress, void *user)
{
    const struct qnt_node *in = &job->graph->nodes[0];
    const size_t count = job->options->count;
    float *image = malloc(pixels_of(in) * (size_t)in->c * sizeof(*image));
    struct qnt_float *exec = NULL;
    int result = image ? qnt_float_open(job->graph, &exec, job->error)
                       : qnt_error_set(job->error, -ENOMEM, "out of memory");

    for (size_t i = 0; i < count && result == 0; i++) {
        result = qnt_dataset_image(set, i * job->options->stride, image, job->error);
        if (result != 0)
            break;
        qnt_float_run(exec, image);
        for (int32_t n = 0; n < job->graph->count; n++)
            if (job->channels[n])
                see(&job->graph->nodes[n], qnt_float_tensor(exec, n), job->channels[n]);
        if (progress && progress(i + 1, count, user) != 0)
            result = qnt_error_set(job->error, -EINTR, "interrupted after %zu images", i + 1);
    }
    qnt_float_close(exec);
    free(image);
    if (result == 0)
        scale_channels(job, (double)count);
    return result;
}

/* ---- Beginning and end */

static void close_job(struct qnt_adjust_job *job)
{
    for (int32_t i = 0; job->channels && i < job->graph->count; i++)
        free(job->channels[i]);
    free(job->channels);
    free(job->live);
}

int qnt_adjust(struct qnt_graph *graph, const struct qnt_dataset *set,
               const struct qnt_adjust_options *options, qnt_progress *progress, void *user,
               struct qnt_adjustment **out, struct qnt_error *error)
{
    struct qnt_adjust_job job = { .graph = graph, .options = options, .error = error };
    const size_t count = (size_t)graph->count;
    int result = -ENOMEM;

    *out = NULL;
    if (options->count == 0)
        return qnt_error_set(error, -EINVAL, "equalisation and correction need at least one image");
    job.live = calloc(count, 1);
    job.channels = calloc(count, sizeof(*job.channels));
    job.out = calloc(count, sizeof(*job.out));
    if (job.live && job.channels && job.out) {
        job.output = qnt_live_nodes(graph, job.live);
        result = open_channels(&job);
    }
    if (result != 0)
        qnt_error_set(error, result, "out of memory");
    else
        result = run_images(&job, set, progress, user);
    if (result == 0 && options->equalise)
        result = qnt_equalise(&job);
    if (result == 0 && options->correct_bias)
        result = qnt_correct_biases(&job);
    if (result == -ENOMEM)
        qnt_error_set(error, result, "out of memory");
    close_job(&job);
    if (result != 0)
        qnt_adjustments_free(job.out, graph->count);
    else
        *out = job.out;
    return result;
}

void qnt_adjustments_apply(struct qnt_graph *graph, const struct qnt_adjustment *adjustments)
{
    for (int32_t i = 0; adjustments && i < graph->count; i++)
        if (adjustments[i].factor)
            qnt_apply_factors(graph, i, adjustments[i].factor);
    for (int32_t i = 0; adjustments && i < graph->count; i++)
        if (adjustments[i].bias)
            qnt_apply_bias(graph, i, adjustments[i].bias);
}

void qnt_adjustments_free(struct qnt_adjustment *adjustments, int32_t count)
{
    for (int32_t i = 0; adjustments && i < count; i++) {
        free(adjustments[i].factor);
        free(adjustments[i].bias);
    }
    free(adjustments);
}
