/* Float and int8 side by side. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "quant/pipeline/pipeline_int.h"

/* Scores without any error have no finite ratio; this stands for it in the mean. */
#define SQNR_MAX_DB 150.0

struct job {
    const struct qnt_graph *graph;
    struct qnt_exec *const *execs;
    size_t exec_count;
    const struct qnt_dataset *set;
    struct qnt_float *exec;
    float *image, *scores;
    size_t classes;
    struct qnt_accuracy *out;
    struct qnt_error *error;
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static size_t best(const float *scores, size_t classes)
{
    size_t top = 0;

    for (size_t i = 1; i < classes; i++)
        top = scores[i] > scores[top] ? i : top;
    return top;
}

/* 1 if fewer than `n` classes come before `label`; of equals the first comes first, as in best().
 */
static int is_among(const float *scores, size_t classes, int label, size_t n)
{
    size_t before = 0, own = (size_t)label;

    if (label < 0 || own >= classes)
        return 0;
    for (size_t i = 0; i < classes; i++)
        before += scores[i] > scores[own] || (scores[i] == scores[own] && i < own);
    return before < n;
}

static void compare(const float *want, const float *got, size_t classes, int label,
                    struct qnt_accuracy *out)
{
    double signal = 0, noise = 0, dot = 0, power = 0;

    for (size_t i = 0; i < classes; i++) {
        double w = (double)want[i], g = (double)got[i];
        signal += w * w;
        power += g * g;
        dot += w * g;
        noise += (w - g) * (w - g);
    }
    double db = noise > 0 ? 10 * log10(signal / noise) : SQNR_MAX_DB;
    out->sqnr_db += fmin(SQNR_MAX_DB, fmax(-SQNR_MAX_DB, db));
    out->cosine += signal > 0 && power > 0 ? dot / sqrt(signal * power) : signal == power;
    out->float_top1 += (size_t)is_among(want, classes, label, 1);
    out->float_top5 += (size_t)is_among(want, classes, label, 5);
    out->int8_top1 += (size_t)is_among(got, classes, label, 1);
    out->int8_top5 += (size_t)is_among(got, classes, label, 5);
    out->agree += best(want, classes) == best(got, classes);
    out->images++;
}

static int one_image(struct job *job, size_t index)
{
    int result = qnt_dataset_image(job->set, index, job->image, job->error);

    if (result != 0)
        return result;
    double begin = now_ms();
    qnt_float_run(job->exec, job->image);
    double float_ms = now_ms() - begin;
    const float *want = qnt_float_tensor(job->exec, job->graph->output);
    for (size_t i = 0; i < job->exec_count; i++) {
        begin = now_ms();
        qnt_exec_run(job->execs[i], job->image, job->scores);
        job->out[i].int8_ms += now_ms() - begin;
        job->out[i].float_ms += float_ms;
        compare(want, job->scores, job->classes, qnt_dataset_label(job->set, index), &job->out[i]);
    }
    return 0;
}

static void finish(struct qnt_accuracy *a)
{
    double images = (double)(a->images ? a->images : 1);

    a->sqnr_db /= images;
    a->cosine /= images;
    a->float_ms /= images;
    a->int8_ms /= images;
}

static size_t elements(const struct qnt_node *n)
{
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

static int prepare(struct job *job, size_t count)
{
    const struct qnt_node *in = &job->graph->nodes[0];
    int32_t h, w, c;

    qnt_dataset_shape(job->set, &h, &w, &c);
    if (h != in->h || w != in->w || c != in->c)
        return qnt_error_set(job->error, -EINVAL, "images of %dx%dx%d, the model takes %dx%dx%d", h,
                             w, c, in->h, in->w, in->c);
    if (count == 0 || count > qnt_dataset_count(job->set))
        return qnt_error_set(job->error, -EINVAL, "%zu images asked for, the set has %zu", count,
                             qnt_dataset_count(job->set));
    job->classes = elements(&job->graph->nodes[job->graph->output]);
    for (size_t i = 0; i < job->exec_count; i++) {
        const struct qnt_network *network = qnt_exec_network(job->execs[i]);
        if (qnt_network_classes(network) != job->classes ||
            qnt_layer_elements(&network->layers[0]) != elements(in))
            return qnt_error_set(job->error, -EINVAL,
                                 "the int8 network and the float graph are of different models");
    }
    job->image = malloc(elements(in) * sizeof(float));
    job->scores = malloc(job->classes * sizeof(float));
    if (!job->image || !job->scores)
        return qnt_error_set(job->error, -ENOMEM, "out of memory");
    return qnt_float_open(job->graph, &job->exec, job->error);
}

int qnt_accuracy(const struct qnt_graph *graph, struct qnt_exec *const *execs, size_t exec_count,
                 const struct qnt_dataset *set, size_t count, qnt_progress *progress, void *user,
                 struct qnt_accuracy *out, struct qnt_error *error)
{
    struct job job = { .graph = graph,
                       .execs = execs,
                       .exec_count = exec_count,
                       .set = set,
                       .out = out,
                       .error = error };
    int result;

    for (size_t i = 0; i < exec_count; i++)
        out[i] = (struct qnt_accuracy) { 0 };
    result = prepare(&job, count);
    for (size_t i = 0; i < count && result == 0; i++) {
        result = one_image(&job, i);
        if (result == 0 && progress && progress(i + 1, count, user) != 0)
            result =
                qnt_error_set(error, -EINTR, "interrupted after %zu of %zu images", i + 1, count);
    }
    for (size_t i = 0; i < exec_count; i++)
        finish(&out[i]);
    qnt_float_close(job.exec);
    free(job.image);
    free(job.scores);
    return result;
}
