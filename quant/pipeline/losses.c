/* Which layers lose most. For each image the layers are tried from the last to the first: all
 * before the one that is tried then still have their tensors, and only what follows is run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/pipeline_int.h"

struct job {
    const struct qnt_graph *graph;
    const struct qnt_dataset *set;
    size_t images, stride;
    struct qnt_fake *fake;
    uint8_t *none, *every, *mixed; /* which nodes are quantised */
    float *image, *want;           /* float scores */
    size_t classes;
    qnt_progress *progress;
    void *user;
    struct qnt_error *error;
};

static size_t elements(const struct qnt_node *n)
{
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

static int open_job(struct job *job, const struct qnt_calibration *calibration,
                    const struct qnt_quantise_options *options)
{
    const size_t count = (size_t)job->graph->count;

    job->classes = elements(&job->graph->nodes[job->graph->output]);
    job->none = calloc(count, 1);
    job->every = malloc(count);
    job->mixed = calloc(count, 1);
    job->image = malloc(elements(&job->graph->nodes[0]) * sizeof(float));
    job->want = malloc(job->classes * sizeof(float));
    if (!job->none || !job->every || !job->mixed || !job->image || !job->want)
        return qnt_error_set(job->error, -ENOMEM, "out of memory");
    memset(job->every, 1, count);
    return qnt_fake_open(job->graph, calibration, options, &job->fake, job->error);
}

static void close_job(struct job *job)
{
    qnt_fake_close(job->fake);
    free(job->none);
    free(job->every);
    free(job->mixed);
    free(job->image);
    free(job->want);
}

/* Image i of the job, and its float scores. */
static int begin_image(struct job *job, size_t i)
{
    int result = qnt_dataset_image(job->set, i * job->stride, job->image, job->error);

    if (result == 0)
        memcpy(job->want, qnt_fake_run(job->fake, job->image, 0, job->none),
               job->classes * sizeof(float));
    if (result == 0 && job->progress && job->progress(i + 1, job->images, job->user) != 0)
        result = qnt_error_set(job->error, -EINTR, "interrupted");
    return result;
}

static double run_db(struct job *job, int32_t first, const uint8_t *quantised)
{
    return qnt_sqnr_db(job->want, qnt_fake_run(job->fake, job->image, first, quantised),
                       job->classes);
}

static void try_layers(struct job *job, struct qnt_loss *out, size_t count, double *all_db)
{
    const size_t nodes = (size_t)job->graph->count;

    for (size_t k = count; k-- > 0;) {
        memset(job->mixed, 0, nodes);
        job->mixed[out[k].node] = 1;
        out[k].alone_db += run_db(job, out[k].node, job->mixed);
    }
    *all_db += run_db(job, 0, job->every);
    for (size_t k = count; k-- > 0;) {
        memset(job->mixed, 1, nodes);
        job->mixed[out[k].node] = 0;
        out[k].without_db += run_db(job, out[k].node, job->mixed);
    }
}

static int by_harm(const void *a, const void *b)
{
    const struct qnt_loss *x = a, *y = b;

    if (x->alone_db != y->alone_db)
        return x->alone_db < y->alone_db ? -1 : 1;
    return x->node < y->node ? -1 : 1;
}

int qnt_losses(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
               const struct qnt_quantise_options *options, const struct qnt_dataset *set,
               size_t images, size_t stride, qnt_progress *progress, void *user,
               struct qnt_loss *out, size_t *count, double *all_db, struct qnt_error *error)
{
    struct job job = { .graph = graph,
                       .set = set,
                       .images = images,
                       .stride = stride,
                       .progress = progress,
                       .user = user,
                       .error = error };
    int result = open_job(&job, calibration, options);

    *count = 0;
    *all_db = 0;
    for (int32_t i = 0; result == 0 && i < graph->count; i++)
        if (qnt_fake_rounds(job.fake, i))
            out[(*count)++] = (struct qnt_loss) { .node = i };
    for (size_t i = 0; result == 0 && i < images; i++) {
        result = begin_image(&job, i);
        if (result == 0)
            try_layers(&job, out, *count, all_db);
    }
    close_job(&job);
    if (result != 0)
        return result;
    *all_db /= (double)images;
    for (size_t k = 0; k < *count; k++) {
        out[k].alone_db /= (double)images;
        out[k].without_db /= (double)images;
    }
    qsort(out, *count, sizeof(*out), by_harm);
    return 0;
}

int qnt_losses_kept(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                    const struct qnt_quantise_options *options, const struct qnt_dataset *set,
                    size_t images, size_t stride, const struct qnt_loss *losses, size_t keep_max,
                    qnt_progress *progress, void *user, struct qnt_accuracy *out,
                    struct qnt_error *error)
{
    struct job job = { .graph = graph,
                       .set = set,
                       .images = images,
                       .stride = stride,
                       .progress = progress,
                       .user = user,
                       .error = error };
    int result = open_job(&job, calibration, options);

    for (size_t k = 0; k <= keep_max; k++)
        out[k] = (struct qnt_accuracy) { .images = images };
    for (size_t i = 0; result == 0 && i < images; i++) {
        result = begin_image(&job, i);
        if (result != 0)
            break;
        memset(job.mixed, 1, (size_t)graph->count);
        for (size_t k = 0; k <= keep_max; k++) {
            if (k > 0)
                job.mixed[losses[k - 1].node] = 0;
            const float *got = qnt_fake_run(job.fake, job.image, 0, job.mixed);
            qnt_compare_scores(job.want, got, job.classes, qnt_dataset_label(set, i * stride),
                               &out[k]);
        }
    }
    for (size_t k = 0; k <= keep_max; k++) {
        out[k].sqnr_db /= (double)images;
        out[k].cosine /= (double)images;
    }
    close_job(&job);
    return result;
}
