/* The method `auto`. Tensor by tensor, squared error on images held out chooses among the methods;
 * but what that is worth in the scores depends on what lies behind. So the networks of every single
 * method that it asks, and of that mixture, are made and run on some of the images, and the best of
 * them wins: half a dozen candidates cannot fit themselves to images, but few images are noise.
 * A threshold that is not sound gives way to that of least squared error in each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/pipeline_int.h"

/* Mean SQNR of the scores on the kept images; -1e9 where the network cannot be made. */
static double judge(const struct qnt_graph *graph, const struct qnt_calibration *c, float *scores)
{
    const struct qnt_quantise_options options = { .symmetric = c->symmetric };
    struct qnt_network *network = NULL;
    struct qnt_exec *exec = NULL;
    struct qnt_error error;
    double sum = 0;

    if (qnt_quantise(graph, c, &options, &network, &error) != 0 ||
        qnt_exec_open(network, NULL, NULL, &exec, &error) != 0) {
        qnt_network_free(network);
        return -1e9;
    }
    for (size_t i = 0; i < c->kept; i++) {
        qnt_exec_run(exec, c->images_kept + i * c->image_values, scores);
        sum += qnt_sqnr_db(c->scores_kept + i * c->classes, scores, c->classes);
    }
    qnt_exec_close(exec);
    qnt_network_free(network);
    return sum / (double)c->kept;
}

void qnt_thresholds_of(const struct qnt_calibration *c, enum qnt_method method,
                       struct qnt_threshold *out)
{
    for (int32_t n = 0; n < c->count; n++) {
        const struct qnt_histogram *held = c->held && c->held[n].calls ? &c->held[n] : NULL;
        qnt_threshold(&c->histograms[n], held, method, &out[n]);
    }
}

/* [method][node] */
static void find_all(const struct qnt_calibration *c, struct qnt_threshold *out)
{
    for (int32_t n = 0; n < c->count; n++) {
        struct qnt_threshold one[QNT_METHOD_COUNT];
        qnt_threshold_all(&c->histograms[n], c->held && c->held[n].calls ? &c->held[n] : NULL, one);
        for (int m = 0; m < QNT_METHOD_COUNT; m++)
            out[(size_t)m * (size_t)c->count + (size_t)n] = one[m];
    }
}

/* Those of method m, where they are sound. */
static void take_sound(struct qnt_calibration *c, const struct qnt_threshold *all, int m)
{
    const size_t count = (size_t)c->count;

    for (size_t n = 0; n < count; n++) {
        const struct qnt_threshold *t = &all[(size_t)m * count + n];
        c->tensors[n] = qnt_is_sound(t) ? *t : all[QNT_METHOD_MSE * count + n];
        c->tensors[n].suspicious = 0; /* its own choice may have been overruled, not this one */
    }
}

int qnt_auto(const struct qnt_graph *graph, struct qnt_calibration *c)
{
    const size_t count = (size_t)c->count;
    struct qnt_threshold *all = malloc(QNT_METHOD_COUNT * count * sizeof(*all));
    float *scores = malloc((c->classes ? c->classes : 1) * sizeof(*scores));
    double most = 0;
    int result = all && scores ? 0 : -ENOMEM, best = QNT_METHOD_AUTO;

    if (result == 0)
        find_all(c, all);
    for (int m = QNT_METHOD_AUTO; m < QNT_METHOD_COUNT && result == 0 && c->kept > 0; m++) {
        if (m != QNT_METHOD_AUTO && !qnt_methods[m].is_asked)
            continue;
        take_sound(c, all, m);
        result = qnt_thresholds_fill(graph, c, c->tensors);
        double db = result ? 0 : judge(graph, c, scores);
        if (m != QNT_METHOD_AUTO && db <= most)
            continue;
        most = db;
        best = m;
    }
    if (result == 0) {
        take_sound(c, all, best);
        result = qnt_thresholds_fill(graph, c, c->tensors);
    }
    free(all);
    free(scores);
    return result;
}
