/* Histograms of the tensors of a float graph over images: two runs per image, memory independent of
 * their number. Each thread takes every n-th image and counts for itself; then the counts are
 * added, which makes the same of them whatever their order. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/adjust.h"
#include "quant/pipeline/pipeline_int.h"

enum { THREADS_MAX = 64, HELD_OF = 5, HELD_FROM = 10 };
/* Images held out are kept up to these bytes, but not fewer than KEPT_LEAST of them. */
enum { KEPT_BYTES = 6 << 20, KEPT_LEAST = 4 };

typedef void collect_values(struct qnt_histogram *h, const float *values, size_t count);

struct job {
    const struct qnt_graph *graph;
    const struct qnt_dataset *set;
    const struct qnt_calibrate_options *options;
    uint8_t *wanted;             /* by node: whether it needs a histogram */
    struct qnt_calibration *out; /* whose kept images are filled */
    collect_values *collect;
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
    struct qnt_histogram *all, *held; /* [graph->count] each */
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

static void keep(const struct worker *w, size_t slot)
{
    const struct qnt_calibration *c = w->job->out;

    memcpy(c->images_kept + slot * c->image_values, w->image, c->image_values * sizeof(float));
    memcpy(c->scores_kept + slot * c->classes, qnt_float_tensor(w->exec, w->job->graph->output),
           c->classes * sizeof(float));
}

static void collect(const struct worker *w, size_t i)
{
    const struct job *job = w->job;

    qnt_float_run(w->exec, w->image);
    if (is_held(job, i) && i / HELD_OF < job->out->kept)
        keep(w, i / HELD_OF);
    for (int32_t n = 0; n < job->graph->count; n++) {
        if (!job->wanted[n])
            continue;
        struct qnt_histogram *h = is_held(job, i) ? &w->held[n] : &w->all[n];
        job->collect(h, qnt_float_tensor(w->exec, n), elements(&job->graph->nodes[n]));
    }
}

static void *work(void *argument)
{
    struct worker *w = argument;
    struct job *job = w->job;
    struct qnt_error error = { "" };
    int result = 0;

    for (size_t i = w->first; i < job->options->count && result == 0; i += w->step) {
        result = qnt_dataset_image(job->set, i * job->options->stride, w->image, &error);
        if (result == 0)
            collect(w, i);
        result = report(job, result, &error);
    }
    return NULL;
}

static int pass(struct job *job, struct worker *workers, size_t count, collect_values *collect_with)
{
    pthread_t threads[THREADS_MAX];
    size_t started = 1;

    job->collect = collect_with;
    for (; started < count; started++)
        if (pthread_create(&threads[started], NULL, work, &workers[started]) != 0)
            break;
    work(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(threads[i], NULL);
    for (; started < count; started++) /* no thread to be had: this one does its part */
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

static void join_ranges(const struct job *job, struct worker *workers, size_t count)
{
    for (int32_t n = 0; n < job->graph->count; n++) {
        struct qnt_histogram range;
        qnt_histogram_init(&range);
        range.levels = workers[0].all[n].levels;
        for (size_t i = 0; i < count; i++) {
            join_range(&range, &workers[i].all[n]);
            join_range(&range, &workers[i].held[n]);
        }
        for (size_t i = 0; i < count; i++)
            workers[i].all[n] = workers[i].held[n] = range;
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

static void join_counts(const struct job *job, struct worker *workers, size_t count,
                        struct qnt_calibration *out)
{
    for (int32_t n = 0; n < job->graph->count; n++) {
        for (size_t i = 1; i < count; i++) {
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

static int check_images(const struct qnt_graph *graph, const struct qnt_dataset *set,
                        const struct qnt_calibrate_options *o, struct qnt_error *error)
{
    const struct qnt_node *in = &graph->nodes[0];
    const size_t have = qnt_dataset_count(set);
    int32_t h, w, c;

    qnt_dataset_shape(set, &h, &w, &c);
    if (h != in->h || w != in->w || c != in->c)
        return qnt_error_set(error, -EINVAL, "images of %dx%dx%d, the model takes %dx%dx%d", h, w,
                             c, in->h, in->w, in->c);
    if (o->count == 0)
        return qnt_error_set(error, -EINVAL, "calibration needs at least one image");
    if (o->stride == 0 || o->count > have || (o->count - 1) > (have - 1) / o->stride)
        return qnt_error_set(
            error, -EINVAL,
            "%zu images asked for, of which each is %zu behind the last: the set has "
            "only %zu",
            o->count, o->stride, have);
    return 0;
}

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
    uint8_t *nonnegative = calloc((size_t)g->count, 1);
    int result = nonnegative ? qnt_float_open(g, &w->exec, w->job->error) : -ENOMEM;

    w->image = malloc(elements(&g->nodes[0]) * sizeof(float));
    w->all = calloc((size_t)g->count, sizeof(*w->all));
    w->held = calloc((size_t)g->count, sizeof(*w->held));
    if (result == 0 && (!w->image || !w->all || !w->held))
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
}

static int allocate(struct qnt_calibration *c, int32_t count, struct qnt_error *error)
{
    c->count = count;
    c->tensors = calloc((size_t)count, sizeof(*c->tensors));
    c->histograms = calloc((size_t)count, sizeof(*c->histograms));
    c->held = calloc((size_t)count, sizeof(*c->held));
    if (c->tensors && c->histograms && c->held)
        return 0;
    return qnt_error_set(error, -ENOMEM, "out of memory for the histograms of %d tensors", count);
}

static int run(struct job *job, struct qnt_calibration *out)
{
    struct worker workers[THREADS_MAX] = { { 0 } };
    const int asked = job->options->threads;
    const size_t count = asked < 1 ? 1 : asked > THREADS_MAX ? THREADS_MAX : (size_t)asked;
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        workers[i] = (struct worker) { .job = job, .first = i, .step = count };
        result = open_worker(&workers[i]);
    }
    if (result == 0)
        result = pass(job, workers, count, qnt_histogram_range);
    if (result == 0) {
        join_ranges(job, workers, count);
        result = check_finite(job, &workers[0]);
    }
    if (result == 0)
        result = pass(job, workers, count, qnt_histogram_count);
    if (result == 0)
        join_counts(job, workers, count, out);
    for (size_t i = 0; i < count; i++)
        close_worker(&workers[i]);
    return result;
}

int qnt_thresholds_fill(const struct qnt_graph *graph, const struct qnt_calibration *c,
                        struct qnt_threshold *tensors)
{
    uint8_t *live = calloc((size_t)graph->count, 1);
    int32_t *owner = calloc((size_t)graph->count, sizeof(*owner));
    const int result = live && owner ? 0 : -ENOMEM;

    if (result == 0) {
        qnt_live_nodes(graph, live);
        qnt_scale_owners(graph, live, owner);
        for (int32_t n = 0; n < c->count; n++)
            if (!c->histograms[n].seen)
                tensors[n] = tensors[owner[n]];
    }
    free(live);
    free(owner);
    return result;
}

static int find_thresholds(const struct qnt_graph *graph, enum qnt_method method,
                           struct qnt_calibration *c)
{
    if (method == QNT_METHOD_AUTO)
        return qnt_auto(graph, c);
    qnt_thresholds_of(c, method, c->tensors);
    return qnt_thresholds_fill(graph, c, c->tensors);
}

/* Room for some of the images that are held out. */
static int allocate_kept(struct qnt_calibration *c)
{
    c->images_kept = malloc((c->kept * c->image_values + 1) * sizeof(float));
    c->scores_kept = malloc((c->kept * c->classes + 1) * sizeof(float));
    return c->images_kept && c->scores_kept ? 0 : -ENOMEM;
}

static int plan_kept(const struct job *job, struct qnt_calibration *c)
{
    const size_t count = job->options->count, held = count >= HELD_FROM ? count / HELD_OF : 0;

    c->image_values = elements(&job->graph->nodes[0]);
    c->classes = elements(&job->graph->nodes[job->graph->output]);
    c->kept = KEPT_BYTES / (c->image_values * sizeof(float));
    c->kept = c->kept < KEPT_LEAST ? KEPT_LEAST : c->kept;
    c->kept = c->kept < held ? c->kept : held;
    return allocate_kept(c);
}

int qnt_calibrate(const struct qnt_graph *graph, const struct qnt_dataset *set,
                  const struct qnt_calibrate_options *options, qnt_progress *progress, void *user,
                  struct qnt_calibration *out, struct qnt_error *error)
{
    struct job job = { .graph = graph,
                       .set = set,
                       .options = options,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .progress = progress,
                       .user = user,
                       .error = error };
    int result = check_images(graph, set, options, error);

    *out = (struct qnt_calibration) { .images = options->count,
                                      .pixels = graph->pixels,
                                      .symmetric = options->symmetric };
    job.out = out;
    if (result == 0)
        result = allocate(out, graph->count, error);
    if (result == 0 && (mark_wanted(&job) != 0 || plan_kept(&job, out) != 0))
        result = qnt_error_set(error, -ENOMEM, "out of memory");
    if (result == 0)
        result = run(&job, out);
    if (result == 0 && find_thresholds(graph, options->method, out) != 0)
        result = qnt_error_set(error, -ENOMEM, "out of memory");
    free(job.wanted);
    if (result != 0)
        qnt_calibration_clear(out);
    return result;
}

int qnt_calibration_with(const struct qnt_graph *graph, const struct qnt_calibration *from,
                         enum qnt_method method, struct qnt_calibration *out,
                         struct qnt_error *error)
{
    const size_t bytes = (size_t)from->count * sizeof(*from->histograms);

    *out = (struct qnt_calibration) { .images = from->images,
                                      .pixels = from->pixels,
                                      .symmetric = from->symmetric,
                                      .kept = from->kept,
                                      .image_values = from->image_values,
                                      .classes = from->classes };
    if (!from->histograms)
        return qnt_error_set(error, -EINVAL, "a calibration from a file has no histograms");
    int result = allocate(out, from->count, error);
    if (result == 0 && allocate_kept(out) != 0)
        result = qnt_error_set(error, -ENOMEM, "out of memory");
    if (result == 0) {
        memcpy(out->histograms, from->histograms, bytes);
        if (from->held)
            memcpy(out->held, from->held, bytes);
        if (from->kept) {
            memcpy(out->images_kept, from->images_kept,
                   from->kept * from->image_values * sizeof(float));
            memcpy(out->scores_kept, from->scores_kept, from->kept * from->classes * sizeof(float));
        }
        if (find_thresholds(graph, method, out) != 0)
            result = qnt_error_set(error, -ENOMEM, "out of memory");
    }
    if (result != 0)
        qnt_calibration_clear(out);
    return result;
}

void qnt_calibration_clear(struct qnt_calibration *calibration)
{
    free(calibration->tensors);
    free(calibration->histograms);
    free(calibration->held);
    free(calibration->images_kept);
    free(calibration->scores_kept);
    qnt_adjustments_free(calibration->adjustments, calibration->count);
    *calibration = (struct qnt_calibration) { 0 };
}
