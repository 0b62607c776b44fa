/* The method `auto`. Tensor by tensor, squared error on images held out chooses among the methods;
 * but what that is worth in the scores depends on what lies behind. So the networks of every single
 * method, and of that mixture, are made and run on images held out, and the best of them wins.
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

static void make_sound(const struct qnt_calibration *c, struct qnt_threshold *t)
{
    for (int32_t n = 0; n < c->count; n++)
        if (!qnt_is_sound(&t[n]))
            qnt_threshold(&c->histograms[n], NULL, QNT_METHOD_MSE, &t[n]);
        else
            t[n].suspicious = 0; /* its own choice may have been overruled, not this one */
}

int qnt_auto(const struct qnt_graph *graph, struct qnt_calibration *c)
{
    const size_t bytes = (size_t)c->count * sizeof(*c->tensors);
    struct qnt_threshold *best = malloc(bytes);
    float *scores = malloc((c->classes ? c->classes : 1) * sizeof(*scores));
    double most = 0;
    int result = best && scores ? 0 : -ENOMEM;

    if (result == 0) {
        qnt_thresholds_of(c, QNT_METHOD_AUTO, best);
        qnt_thresholds_fill(graph, c, best);
    }
    for (int m = QNT_METHOD_AUTO; m < QNT_METHOD_COUNT && result == 0 && c->kept > 0; m++) {
        qnt_thresholds_of(c, (enum qnt_method)m, c->tensors);
        make_sound(c, c->tensors);
        qnt_thresholds_fill(graph, c, c->tensors);
        double db = judge(graph, c, scores);
        if (m != QNT_METHOD_AUTO && db <= most)
            continue;
        most = db;
        memcpy(best, c->tensors, bytes);
    }
    if (result == 0)
        memcpy(c->tensors, best, bytes);
    free(best);
    free(scores);
    return result;
}
