/* Thresholds of the tensors of a float graph: from their histograms over images (collect.c), by a
 * method. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/adjust.h"
#include "quant/pipeline/pipeline_int.h"

/* Images are kept up to these bytes, KEPT_LEAST to KEPT_MOST of them; of fewer than KEPT_FROM none
 * are: too few to judge by. */
enum { KEPT_BYTES = 6 << 20, KEPT_LEAST = 4, KEPT_MOST = 256, KEPT_FROM = 10 };

static size_t elements(const struct qnt_node *n)
{
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

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

/* Room for some of the images. */
static int allocate_kept(struct qnt_calibration *c)
{
    c->images_kept = malloc((c->kept * c->image_values + 1) * sizeof(float));
    c->scores_kept = malloc((c->kept * c->classes + 1) * sizeof(float));
    return c->images_kept && c->scores_kept ? 0 : -ENOMEM;
}

static int plan_kept(const struct qnt_graph *graph, struct qnt_calibration *c)
{
    const size_t fit = KEPT_BYTES / (elements(&graph->nodes[0]) * sizeof(float));

    c->image_values = elements(&graph->nodes[0]);
    c->classes = elements(&graph->nodes[graph->output]);
    c->kept = fit < KEPT_LEAST ? KEPT_LEAST : fit < KEPT_MOST ? fit : KEPT_MOST;
    c->kept = c->kept < c->images ? c->kept : c->images;
    c->kept = c->images < KEPT_FROM ? 0 : c->kept;
    return allocate_kept(c);
}

int qnt_calibrate(const struct qnt_graph *graph, const struct qnt_dataset *set,
                  const struct qnt_calibrate_options *options, qnt_progress *progress, void *user,
                  struct qnt_calibration *out, struct qnt_error *error)
{
    int result = check_images(graph, set, options, error);

    *out = (struct qnt_calibration) { .images = options->count,
                                      .pixels = graph->pixels,
                                      .symmetric = options->symmetric };
    if (result == 0)
        result = allocate(out, graph->count, error);
    if (result == 0 && plan_kept(graph, out) != 0)
        result = qnt_error_set(error, -ENOMEM, "out of memory");
    if (result == 0)
        result = qnt_collect(graph, set, options, progress, user, out, error);
    if (result == 0 && find_thresholds(graph, options->method, out) != 0)
        result = qnt_error_set(error, -ENOMEM, "out of memory");
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
