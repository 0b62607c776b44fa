/* The embedded model on Fashion-MNIST, calibrated on 200 training images: what the default method
 * loses, and that what loses much says so.
 *     test_accuracy MODEL.onnx [IMAGES] */
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/pipeline.h"
#include "tests/t.h"

#define CALIBRATION_IMAGES 200
#define STRIDE 300

static const enum qnt_method methods[] = { QNT_METHOD_AUTO, QNT_METHOD_MAX, QNT_METHOD_KL,
                                           QNT_METHOD_KL_NCNN };
#define METHODS (sizeof(methods) / sizeof(methods[0]))

struct outcome {
    struct qnt_network *network;
    struct qnt_exec *exec;
    int suspicious; /* tensors */
    struct qnt_accuracy accuracy;
};

static void require(int result, const struct qnt_error *error)
{
    if (result == 0)
        return;
    printf("%s\n", error->text);
    exit(1);
}

static void prepare(const struct qnt_graph *graph, const struct qnt_calibration *all,
                    enum qnt_method method, struct outcome *out)
{
    struct qnt_calibration c;
    struct qnt_error error = { "" };

    require(qnt_calibration_with(graph, all, method, &c, &error), &error);
    for (int32_t n = 0; n < c.count; n++) {
        out->suspicious += c.tensors[n].suspicious;
        if (c.tensors[n].suspicious)
            printf("  %s: %s: %.3f of absmax, clips %.3f %%, error %.2g x the least\n",
                   qnt_methods[method].name, graph->nodes[n].name,
                   c.tensors[n].threshold / c.histograms[n].absmax, 100 * c.tensors[n].clipped,
                   c.tensors[n].mse / c.tensors[n].best_mse);
    }
    require(qnt_quantise(graph, &c, NULL, &out->network, &error), &error);
    require(qnt_exec_open(out->network, NULL, NULL, &out->exec, &error), &error);
    qnt_calibration_clear(&c);
}

static double percent(size_t part, const struct qnt_accuracy *a)
{
    return 100.0 * (double)part / (double)a->images;
}

static void check_outcome(enum qnt_method method, const struct outcome *o)
{
    const struct qnt_accuracy *a = &o->accuracy;
    double loss = percent(a->float_top1, a) - percent(a->int8_top1, a);

    printf("  %-8s fp32 %.2f/%.2f int8 %.2f/%.2f agree %.2f SQNR %.2f dB cosine %.5f, "
           "%d suspicious\n",
           qnt_methods[method].name, percent(a->float_top1, a), percent(a->float_top5, a),
           percent(a->int8_top1, a), percent(a->int8_top5, a), percent(a->agree, a), a->sqnr_db,
           a->cosine, o->suspicious);
    T_CHECK(percent(a->float_top1, a) > 90);
    T_CHECK(a->float_top5 >= a->float_top1 && a->int8_top5 >= a->int8_top1);
    if (loss > 1) /* no method collapses silently */
        T_CHECK(o->suspicious > 0);
    if (method == QNT_METHOD_KL_NCNN)
        return;
    T_CHECK(loss < 1);
    T_CHECK(percent(a->agree, a) > 97 && a->sqnr_db > 27 && a->cosine > 0.999);
    if (method != QNT_METHOD_AUTO)
        return;
    T_CHECK(loss < 0.5);
    T_CHECK(percent(a->agree, a) > 98.5 && a->sqnr_db > 33);
    T_CHECK(o->suspicious == 0);
}

/* Any number of threads gives the same scores, to the bit. */
static void check_threads(struct qnt_exec *exec, const struct qnt_network *network,
                          const struct qnt_dataset *set)
{
    const size_t classes = qnt_network_classes(network);
    struct qnt_error error = { "" };
    float image[28 * 28], scores[2][16];

    for (size_t i = 0; i < 20; i++) {
        require(qnt_dataset_image(set, i, image, &error), &error);
        for (int threads = 1; threads <= 5; threads++) {
            require(qnt_exec_threads(exec, threads, &error), &error);
            qnt_exec_run(exec, image, scores[threads > 1]);
            T_CHECK(memcmp(scores[0], scores[threads > 1], classes * sizeof(float)) == 0);
        }
    }
    T_CHECK(qnt_exec_threads(exec, 0, &error) < 0 && qnt_exec_threads(exec, 100000, &error) < 0);
}

int main(int argc, char **argv)
{
    struct qnt_graph graph;
    struct qnt_error error = { "" };
    struct qnt_dataset *train = NULL, *test = NULL;
    struct qnt_calibration all;
    struct outcome outcomes[METHODS] = { 0 };
    struct qnt_exec *execs[METHODS];
    struct qnt_accuracy accuracy[METHODS];
    size_t images = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;

    t_begin(argc, argv);
    if (argc < 2)
        t_skip("no model was named");
    require(qnt_model_load(argv[1], NULL, &graph, &error), &error);
    require(qnt_fold(&graph, &error), &error);
    const struct qnt_input input = qnt_graph_input(&graph);
    if (qnt_dataset_open("fashion-mnist:train", &input, &train, &error) != 0 ||
        qnt_dataset_open("fashion-mnist:test", &input, &test, &error) != 0)
        t_skip(error.text);
    const struct qnt_calibrate_options options = { CALIBRATION_IMAGES, STRIDE, QNT_METHOD_AUTO, 0,
                                                   1 };
    require(qnt_calibrate(&graph, train, &options, NULL, NULL, &all, &error), &error);
    for (size_t m = 0; m < METHODS; m++) {
        prepare(&graph, &all, methods[m], &outcomes[m]);
        execs[m] = outcomes[m].exec;
    }
    require(qnt_accuracy(&graph, execs, METHODS, test, images, NULL, NULL, accuracy, &error),
            &error);
    for (size_t m = 0; m < METHODS; m++) {
        outcomes[m].accuracy = accuracy[m];
        T_CHECK(accuracy[m].images == images);
        check_outcome(methods[m], &outcomes[m]);
        if (m == 0)
            check_threads(outcomes[m].exec, outcomes[m].network, test);
        qnt_exec_close(outcomes[m].exec);
        qnt_network_free(outcomes[m].network);
    }
    qnt_calibration_clear(&all);
    qnt_dataset_close(train);
    qnt_dataset_close(test);
    qnt_graph_free(&graph);
    return t_end();
}
