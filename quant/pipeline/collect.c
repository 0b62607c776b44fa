/* Histograms of the tensors of a float graph over images, memory independent of their number. The
 * first pass finds ranges, and counts in the range that it has seen so far; a tensor whose range
 * grows forgets its counts. The second pass counts what was forgotten: of the images before the
 * last that made a range grow, and of their nodes those that lead to such a tensor.
 * Each thread takes every n-th image and counts for itself; then the counts are added, which makes
 * the same of them whatever their order. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/pipeline_int.h"

enum { THREADS_MAX = 64, HELD_OF = 5, HELD_FROM = 10 };

struct job;
struct worker;
/* What a pass does with image i; and which nodes it needs for that. */
struct pass {
    void (*mark)(struct worker *w, size_t i);
    void (*look)(struct worker *w, size_t i);
};

struct job {
    const struct qnt_graph *graph;
    const struct qnt_dataset *set;
    const struct qnt_calibrate_options *options;
    uint8_t *wanted;             /* by node: whether it needs a histogram */
    struct qnt_calibration *out; /* whose kept images are filled */
    const struct pass *pass;
    pthread_mutex_t lock; /* of what follows */
    size_t done;
    int result; /* of the first worker that failed; then all stop */
    qnt_progress *progress;
    void *user;
    struct qnt_error *error;
};

struct worker {
    struct job *job;
    size_t first, step; /* of the images 0..count - 1 */
    struct qnt_float *exec;
    float *image;
    struct qnt_histogram *all, *held; /* [graph->count] each; the range of both is in `all` */
    size_t *since;                    /* by node: its counts are of the images from this one on */
    uint8_t *needed;                  /* by node: whether it is run for the image at hand */
};

static size_t elements(const struct qnt_node *n)
{
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

/* Whether image i is one that methods are judged by. */
static int is_held(const struct job *job, size_t i)
{
    return job->options->count >= HELD_FROM && i % HELD_OF == HELD_OF - 1;
}

/* Where image i and its scores are kept: out->kept of all images are, spread evenly. Or -1. */
static ptrdiff_t kept_slot(const struct job *job, size_t i)
{
    const size_t all = job->options->count, kept = job->out->kept, slot = i * kept / all;

    return (i + 1) * kept / all > slot ? (ptrdiff_t)slot : -1;
}

/* ---- What the passes do */

static void forget(struct qnt_histogram *h)
{
    h->calls = h->zeros = h->total = 0;
    memset(h->bin, 0, sizeof(h->bin));
}

/* Counts in another range are of no use: those of a node begin with image i. */
static void forget_node(struct worker *w, int32_t node, size_t i)
{
    forget(&w->all[node]);
    forget(&w->held[node]);
    w->since[node] = i;
}

static void count(struct worker *w, int32_t node, size_t i)
{
    struct qnt_histogram *h = is_held(w->job, i) ? &w->held[node] : &w->all[node];

    h->absmax = w->all[node].absmax;
    qnt_histogram_count(h, qnt_float_tensor(w->exec, node), elements(&w->job->graph->nodes[node]));
}

static void mark_first(struct worker *w, size_t i)
{
    memcpy(w->needed, w->job->wanted, (size_t)w->job->graph->count);
    w->needed[w->job->graph->output] |= kept_slot(w->job, i) >= 0;
}

static void keep(const struct worker *w, size_t slot)
{
    const struct qnt_calibration *c = w->job->out;

    memcpy(c->images_kept + slot * c->image_values, w->image, c->image_values * sizeof(float));
    memcpy(c->scores_kept + slot * c->classes, qnt_float_tensor(w->exec, w->job->graph->output),
           c->classes * sizeof(float));
}

static void look_first(struct worker *w, size_t i)
{
    const struct qnt_graph *g = w->job->graph;

    if (kept_slot(w->job, i) >= 0)
        keep(w, (size_t)kept_slot(w->job, i));
    for (int32_t n = 0; n < g->count; n++) {
        const float before = w->all[n].absmax;
        if (!w->job->wanted[n])
            continue;
        qnt_histogram_range(&w->all[n], qnt_float_tensor(w->exec, n), elements(&g->nodes[n]));
        if (w->all[n].absmax > before)
            forget_node(w, n, i);
        count(w, n, i);
    }
}

static void mark_again(struct worker *w, size_t i)
{
    for (int32_t n = 0; n < w->job->graph->count; n++)
        w->needed[n] = w->job->wanted[n] && i < w->since[n];
}

static void look_again(struct worker *w, size_t i)
{
    for (int32_t n = 0; n < w->job->graph->count; n++)
        if (w->job->wanted[n] && i < w->since[n])
            count(w, n, i);
}

static const struct pass first_pass = { mark_first, look_first };
static const struct pass second_pass = { mark_again, look_again };

/* ---- One pass over the images */

static int report(struct job *job, int result, const struct qnt_error *error)
{
    const size_t total = 2 * job->options->count;

    pthread_mutex_lock(&job->lock);
    if (result != 0 && job->result == 0) {
        job->result = result;
        qnt_error_set(job->error, result, "%s", error->text);
    }
    if (job->result == 0) {
        job->done++;
        if (job->progress && job->progress(job->done, total, job->user) != 0)
            job->result = qnt_error_set(job->error, -EINTR,
                                        "calibration interrupted after %zu runs", job->done);
    }
    result = job->result;
    pthread_mutex_unlock(&job->lock);
    return result;
}

/* Adds what leads to the nodes that are needed; 0 if there are none. */
static int mark_inputs(const struct qnt_graph *g, uint8_t *needed)
{
    int any = 0;

    for (int32_t n = g->count - 1; n >= 0; n--)
        for (int32_t k = 0; k < g->nodes[n].input_count && needed[n]; k++)
            needed[g->nodes[n].inputs[k]] = 1;
    for (int32_t n = 0; n < g->count; n++)
        any |= needed[n];
    return any;
}

static int take_image(struct worker *w, size_t i, struct qnt_error *error)
{
    const struct job *job = w->job;

    job->pass->mark(w, i);
    if (!mark_inputs(job->graph, w->needed))
        return 0;
    int result = qnt_dataset_image(job->set, i * job->options->stride, w->image, error);
    if (result != 0)
        return result;
    qnt_float_put(w->exec, 0, w->image);
    for (int32_t n = 1; n < job->graph->count; n++)
        if (w->needed[n])
            qnt_float_run_node(w->exec, n);
    job->pass->look(w, i);
    return 0;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    struct job *job = w->job;
    struct qnt_error error = { "" };
    int result = 0;

    for (size_t i = w->first; i < job->options->count && result == 0; i += w->step)
        result = report(job, take_image(w, i, &error), &error);
    return NULL;
}

static int run_pass(struct job *job, struct worker *workers, size_t threads_wanted,
                    const struct pass *pass)
{
    pthread_t threads[THREADS_MAX];
    size_t started = 1;

    job->pass = pass;
    for (; started < threads_wanted; started++)
        if (pthread_create(&threads[started], NULL, work, &workers[started]) != 0)
            break;
    work(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(threads[i], NULL);
    for (; started < threads_wanted; started++) /* no thread to be had: this one does its part */
        work(&workers[started]);
    return job->result;
}

/* ---- Between the passes: all workers count in the range that all of them have seen. */

static void join_range(struct qnt_histogram *into, const struct qnt_histogram *from)
{
    into->nonfinite += from->nonfinite;
    if (!from->seen)
        return;
    into->min = into->seen ? fminf(into->min, from->min) : from->min;
    into->max = into->seen ? fmaxf(into->max, from->max) : from->max;
    into->absmax = fmaxf(into->absmax, from->absmax);
    into->seen = 1;
}

static void take_range(struct qnt_histogram *h, const struct qnt_histogram *range)
{
    h->min = range->min;
    h->max = range->max;
    h->absmax = range->absmax;
    h->seen = range->seen;
    h->nonfinite = range->nonfinite;
    h->levels = range->levels;
}

static void join_ranges(const struct job *job, struct worker *workers, size_t threads)
{
    for (int32_t n = 0; n < job->graph->count; n++) {
        struct qnt_histogram range;
        qnt_histogram_init(&range);
        range.levels = workers[0].all[n].levels;
        for (size_t i = 0; i < threads; i++)
            join_range(&range, &workers[i].all[n]);
        for (size_t i = 0; i < threads; i++) {
            if (workers[i].all[n].absmax < range.absmax)
                forget_node(&workers[i], n, job->options->count);
            take_range(&workers[i].all[n], &range);
            take_range(&workers[i].held[n], &range);
        }
    }
}

static void add_counts(struct qnt_histogram *into, const struct qnt_histogram *from)
{
    into->calls += from->calls;
    into->zeros += from->zeros;
    into->total += from->total;
    for (int i = 0; i < QNT_BINS; i++)
        into->bin[i] += from->bin[i];
}

static void join_counts(const struct job *job, struct worker *workers, size_t threads,
                        struct qnt_calibration *out)
{
    for (int32_t n = 0; n < job->graph->count; n++) {
        for (size_t i = 1; i < threads; i++) {
            add_counts(&workers[0].all[n], &workers[i].all[n]);
            add_counts(&workers[0].held[n], &workers[i].held[n]);
        }
        out->held[n] = workers[0].held[n];
        out->histograms[n] = workers[0].all[n];
        add_counts(&out->histograms[n], &out->held[n]); /* all of them */
    }
}

static int check_finite(const struct job *job, const struct worker *worker)
{
    for (int32_t n = 0; n < job->graph->count; n++)
        if (worker->all[n].nonfinite > 0)
            return qnt_error_set(job->error, -EINVAL,
                                 "node %s: %llu of its values are not finite: the model or the "
                                 "normalisation of the images is wrong",
                                 job->graph->nodes[n].name,
                                 (unsigned long long)worker->all[n].nonfinite);
    return 0;
}

/* ---- Beginning and end */

/* What makes a scale, and what a layer of weights reads: other tools want the thresholds of those.
 */
static int mark_wanted(struct job *job)
{
    const struct qnt_graph *g = job->graph;

    job->wanted = calloc((size_t)g->count, 1);
    if (!job->wanted || qnt_thresholds_used(g, job->wanted) != 0)
        return -ENOMEM;
    for (int32_t i = 0; i < g->count; i++)
        if (g->nodes[i].op == QNT_OP_CONV || g->nodes[i].op == QNT_OP_LINEAR)
            job->wanted[g->nodes[i].inputs[0]] = 1;
    return 0;
}

static int open_worker(struct worker *w)
{
    const struct qnt_graph *g = w->job->graph;
    const size_t nodes = (size_t)g->count;
    uint8_t *nonnegative = calloc(nodes, 1);
    int result = nonnegative ? qnt_float_open(g, &w->exec, w->job->error) : -ENOMEM;

    w->image = malloc(elements(&g->nodes[0]) * sizeof(float));
    w->all = calloc(nodes, sizeof(*w->all));
    w->held = calloc(nodes, sizeof(*w->held));
    w->since = calloc(nodes, sizeof(*w->since));
    w->needed = calloc(nodes, 1);
    if (result == 0 && (!w->image || !w->all || !w->held || !w->since || !w->needed))
        result = -ENOMEM;
    if (result == 0 && !w->job->options->symmetric) {
        qnt_nonnegative(g, nonnegative);
        for (int32_t n = 0; n < g->count; n++)
            w->all[n].levels = nonnegative[n] ? QNT_LEVELS_POSITIVE : QNT_LEVELS;
    }
    free(nonnegative);
    return result ? qnt_error_set(w->job->error, result, "out of memory for the calibration") : 0;
}

static void close_worker(struct worker *w)
{
    qnt_float_close(w->exec);
    free(w->image);
    free(w->all);
    free(w->held);
    free(w->since);
    free(w->needed);
}

static int run_passes(struct job *job, struct qnt_calibration *out)
{
    struct worker workers[THREADS_MAX] = { { 0 } };
    const int asked = job->options->threads;
    const size_t threads = asked < 1 ? 1 : asked > THREADS_MAX ? THREADS_MAX : (size_t)asked;
    int result = 0;

    for (size_t i = 0; i < threads && result == 0; i++) {
        workers[i] = (struct worker) { .job = job, .first = i, .step = threads };
        result = open_worker(&workers[i]);
    }
    if (result == 0)
        result = run_pass(job, workers, threads, &first_pass);
    if (result == 0) {
        join_ranges(job, workers, threads);
        result = check_finite(job, &workers[0]);
    }
    if (result == 0)
        result = run_pass(job, workers, threads, &second_pass);
    if (result == 0)
        join_counts(job, workers, threads, out);
    for (size_t i = 0; i < threads; i++)
        close_worker(&workers[i]);
    return result;
}

int qnt_collect(const struct qnt_graph *graph, const struct qnt_dataset *set,
                const struct qnt_calibrate_options *options, qnt_progress *progress, void *user,
                struct qnt_calibration *out, struct qnt_error *error)
{
    struct job job = { .graph = graph,
                       .set = set,
                       .options = options,
                       .out = out,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .progress = progress,
                       .user = user,
                       .error = error };
    int result = mark_wanted(&job) == 0 ? run_passes(&job, out)
                                        : qnt_error_set(error, -ENOMEM, "out of memory");
    free(job.wanted);
    return result;
}
