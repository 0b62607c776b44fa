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

static void count_hits(const float *scores, size_t classes, int label, size_t *top1, size_t *top5)
{
    *top1 += (size_t)is_among(scores, classes, label, 1);
    *top5 += (size_t)is_among(scores, classes, label, 5);
}

double qnt_sqnr_db(const float *want, const float *got, size_t count)
{
    double signal = 0, noise = 0;

    for (size_t i = 0; i < count; i++) {
        double w = (double)want[i], d = w - (double)got[i];
        signal += w * w;
        noise += d * d;
    }
    double db = noise > 0 ? 10 * log10(signal / noise) : SQNR_MAX_DB;
    return fmin(SQNR_MAX_DB, fmax(-SQNR_MAX_DB, db));
}

static void compare(const float *want, const float *got, size_t classes, struct qnt_accuracy *out)
{
    double signal = 0, dot = 0, power = 0;

    for (size_t i = 0; i < classes; i++) {
        double w = (double)want[i], g = (double)got[i];
        signal += w * w;
        power += g * g;
        dot += w * g;
    }
    out->sqnr_db += qnt_sqnr_db(want, got, classes);
    out->cosine += signal > 0 && power > 0 ? dot / sqrt(signal * power) : signal == power;
    out->agree += best(want, classes) == best(got, classes);
}

void qnt_compare_scores(const float *want, const float *got, size_t classes, int label,
                        struct qnt_accuracy *out)
{
    count_hits(got, classes, label, &out->int8_top1, &out->int8_top5);
    count_hits(want, classes, label, &out->float_top1, &out->float_top5);
    compare(want, got, classes, out);
}

static int one_image(struct job *job, size_t index)
{
    const int label = qnt_dataset_label(job->set, index);
    const float *want = NULL;
    double float_ms = 0, begin;
    int result = qnt_dataset_image(job->set, index, job->image, job->error);

    if (result != 0)
        return result;
    if (job->graph) {
        begin = now_ms();
        qnt_float_run(job->exec, job->image);
        float_ms = now_ms() - begin;
        want = qnt_float_tensor(job->exec, job->graph->output);
    }
    for (size_t i = 0; i < job->exec_count; i++) {
        struct qnt_accuracy *out = &job->out[i];
        begin = now_ms();
        qnt_exec_run(job->execs[i], job->image, job->scores);
        out->int8_ms += now_ms() - begin;
        out->float_ms += float_ms;
        out->images++;
        count_hits(job->scores, job->classes, label, &out->int8_top1, &out->int8_top5);
        if (!want)
            continue;
        count_hits(want, job->classes, label, &out->float_top1, &out->float_top5);
        compare(want, job->scores, job->classes, out);
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

/* All that run take the same images and give the same classes. */
static int check_models(struct job *job)
{
    const struct qnt_network *first = qnt_exec_network(job->execs[0]);
    size_t input = qnt_layer_elements(&first->layers[0]);
    int differ = 0;

    job->classes = qnt_network_classes(first);
    for (size_t i = 1; i < job->exec_count; i++) {
        const struct qnt_network *other = qnt_exec_network(job->execs[i]);
        differ |= qnt_network_classes(other) != job->classes ||
                  qnt_layer_elements(&other->layers[0]) != input;
    }
    if (job->graph) {
        const struct qnt_node *in = &job->graph->nodes[0];
        const struct qnt_node *out = &job->graph->nodes[job->graph->output];
        differ |= (size_t)in->h * (size_t)in->w * (size_t)in->c != input ||
                  (size_t)out->h * (size_t)out->w * (size_t)out->c != job->classes;
    }
    if (differ)
        return qnt_error_set(job->error, -EINVAL,
                             "the int8 network and the float graph are of different models");
    return 0;
}

static int check_images(const struct job *job, size_t count)
{
    const struct qnt_input want = qnt_network_input(qnt_exec_network(job->execs[0]));
    int32_t h, w, c;

    qnt_dataset_shape(job->set, &h, &w, &c);
    if (h != want.h || w != want.w || c != want.c)
        return qnt_error_set(job->error, -EINVAL, "images of %dx%dx%d, the model takes %dx%dx%d", h,
                             w, c, want.h, want.w, want.c);
    if (count == 0 || count > qnt_dataset_count(job->set))
        return qnt_error_set(job->error, -EINVAL, "%zu images asked for, the set has %zu", count,
                             qnt_dataset_count(job->set));
    return 0;
}

static int prepare(struct job *job, size_t count)
{
    int result = check_models(job);

    if (result == 0)
        result = check_images(job, count);
    if (result != 0)
        return result;
    job->image =
        malloc(qnt_layer_elements(&qnt_exec_network(job->execs[0])->layers[0]) * sizeof(float));
    job->scores = malloc(job->classes * sizeof(float));
    if (!job->image || !job->scores)
        return qnt_error_set(job->error, -ENOMEM, "out of memory");
    return job->graph ? qnt_float_open(job->graph, &job->exec, job->error) : 0;
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
