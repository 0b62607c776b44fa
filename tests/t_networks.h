/* Real networks, which are not part of this project: those that a folder `shared` beside the source
 * tree holds, with images and with what ncnn computes on them. Tests skip without it. */
#ifndef QUERN_TESTS_T_NETWORKS_H
#define QUERN_TESTS_T_NETWORKS_H

#include <unistd.h>

#include "quant/pipeline/pipeline.h"
#include "tests/t.h"

struct t_net {
    const char *name;
    struct qnt_input input;
    const char *exact;        /* folder of images/exact, or a data set */
    const char *calib, *eval; /* folders of images, or data sets */
    const char *labels;       /* in images */
    const char *thresholds;   /* in models/reference: what ncnn2table finds; or NULL */
};

#define T_IMAGENET(c0, c1, c2, n, o)                                                               \
    {                                                                                              \
        .mean = { c0, c1, c2 }, .norm = { n, n, n }, .order = o                                    \
    }
#define T_FASHION_TEST "fashion-mnist:test"
#define T_FASHION_TRAIN "fashion-mnist:train"

static const struct t_net t_nets[] = {
    { "squeezenet_v1.1",
      { 227, 227, 3, T_IMAGENET(104, 117, 123, 1, QNT_ORDER_BGR) },
      "227",
      "imagenet-calib",
      "imagenet-eval",
      "imagenet-labels.tsv",
      "squeezenet_v1.1.exact.ncnn-kl.table" },
    { "mobilenet_v1_0.5_160",
      { 160, 160, 3, T_IMAGENET(127.5f, 127.5f, 127.5f, 0.00784313725f, QNT_ORDER_RGB) },
      "160",
      "imagenet-calib",
      "imagenet-eval",
      "imagenet-labels.tsv",
      "mobilenet_v1_0.5_160.exact.ncnn-kl.table" },
    { "resnet8_cifar10",
      { 32, 32, 3, T_IMAGENET(0, 0, 0, 1, QNT_ORDER_RGB) },
      "32",
      "cifar10-calib",
      "cifar10-eval",
      "cifar10-labels.tsv",
      "resnet8_cifar10.exact.ncnn-kl.table" },
    { "resnet8_large_cifar10",
      { 32, 32, 3, T_IMAGENET(0, 0, 0, 1, QNT_ORDER_RGB) },
      "32",
      "cifar10-calib",
      "cifar10-eval",
      "cifar10-labels.tsv",
      "resnet8_large_cifar10.exact.ncnn-kl.table" },
    { "resnet20_cifar10",
      { 32,
        32,
        3,
        { .mean = { 123.675f, 116.28f, 103.53f },
          .norm = { 0.01712475f, 0.017507f, 0.01742919f } } },
      "32",
      "cifar10-calib",
      "cifar10-eval",
      "cifar10-labels.tsv",
      "resnet20_cifar10.exact.ncnn-kl.table" },
    { "resnet56_cifar10",
      { 32,
        32,
        3,
        { .mean = { 123.675f, 116.28f, 103.53f },
          .norm = { 0.01712475f, 0.017507f, 0.01742919f } } },
      "32",
      "cifar10-calib",
      "cifar10-eval",
      "cifar10-labels.tsv",
      "resnet56_cifar10.exact.ncnn-kl.table" },
    { "fashion_mnist_cnn",
      { 28, 28, 1, T_IMAGENET(72.94f, 0, 0, 0.011109f, QNT_ORDER_RGB) },
      T_FASHION_TEST,
      T_FASHION_TRAIN,
      T_FASHION_TEST,
      NULL,
      "fashion_mnist_cnn.t10k.ncnn-kl.table" },
};
#define T_NETS (sizeof(t_nets) / sizeof(t_nets[0]))

/* Where the networks are: `shared` beside the source tree. Skips without it. */
static inline const char *t_shared(const char *source_root)
{
    static char path[4096];

    snprintf(path, sizeof(path), "%s/../shared", source_root);
    if (access(path, R_OK) != 0)
        t_skip("there is no folder shared with networks beside the source tree");
    return path;
}

/* The folded graph of a network; ends the program if it cannot be read. */
static inline void t_net_load(const char *shared, const struct t_net *net, struct qnt_graph *graph)
{
    const struct qnt_load how = { .h = net->input.h, .w = net->input.w, .c = net->input.c };
    struct qnt_error error = { "" };
    char path[4200];

    snprintf(path, sizeof(path), "%s/models/%s.param", shared, net->name);
    if (qnt_model_load(path, &how, graph, &error) != 0 || qnt_fold(graph, &error) != 0) {
        printf("%s\n", error.text);
        exit(1);
    }
    graph->pixels = net->input.pixels;
}

/* Images of a network: a data set by name, or a folder of images (with its labels). NULL if they
 * are not installed. */
static inline struct qnt_dataset *t_net_images(const char *shared, const struct t_net *net,
                                               const char *folder)
{
    struct qnt_dataset *set;
    struct qnt_error error = { "" };
    char spec[8400];

    if (strchr(folder, ':'))
        snprintf(spec, sizeof(spec), "%s", folder);
    else if (folder == net->exact)
        snprintf(spec, sizeof(spec), "dir:%s/images/exact/%s", shared, folder);
    else
        snprintf(spec, sizeof(spec), "dir:%s/images/%s:%s/images/%s", shared, folder, shared,
                 net->labels);
    if (qnt_dataset_open(spec, &net->input, &set, &error) != 0) {
        printf("  %s\n", error.text);
        return NULL;
    }
    return set;
}

#endif
