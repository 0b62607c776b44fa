/* Real networks in int8: thresholds of KL as ncnn2table finds them, layer for layer; and what the
 * defaults lose. */
#include "tests/t_networks.h"

#include <math.h>

static const struct t_net *find_net(const char *name)
{
    for (size_t i = 0; i < T_NETS; i++)
        if (strcmp(t_nets[i].name, name) == 0)
            return &t_nets[i];
    abort();
}

/* ---- ncnn's thresholds: its tables have lines "LAYER SCALE", after those of weights. ncnn
 * computes 3x3 layers by Winograd, so that its values differ from ours in their last bits; where
 * two minima are equal but for that, it may take the other. */

static void check_layer(const struct qnt_calibration *c, int32_t tensor, double scale, int *exact)
{
    static struct qnt_candidates candidates;
    const double absmax = (double)c->histograms[tensor].absmax;
    const double ours = (double)c->tensors[tensor].threshold, theirs = QNT_LEVELS / scale;

    if (fabs(ours / theirs - 1) < 1e-5) {
        ++*exact;
        return;
    }
    qnt_candidates(&c->histograms[tensor], &candidates);
    /* Nats: what float sums of 2048 terms are exact to, and one value in the next bin. */
    const double tie =
        1e-6 + 1 / (double)(c->histograms[tensor].total - c->histograms[tensor].zeros);
    int a = (int)(ours / absmax * QNT_BINS), b = (int)(theirs / absmax * QNT_BINS);
    if (T_CHECK(b >= 0 && b < QNT_BINS))
        T_CHECK(fabs(candidates.kl_ncnn[a] - candidates.kl_ncnn[b]) < tie);
}

static void check_table(const char *shared, const struct t_net *net, const struct qnt_graph *graph,
                        const struct qnt_calibration *c)
{
    static char line[1 << 16];
    char path[4300], name[256];
    double scale;
    int layers = 0, exact = 0;

    snprintf(path, sizeof(path), "%s/models/reference/%s", shared, net->thresholds);
    FILE *f = fopen(path, "r");
    if (!T_CHECK(f != NULL))
        return;
    while (fgets(line, sizeof(line), f)) {
        if (strstr(line, "_param_0 ") || sscanf(line, "%255s %lf", name, &scale) != 2)
            continue;
        int32_t node = qnt_graph_find(graph, name);
        if (!T_CHECK(node >= 0))
            continue;
        check_layer(c, graph->nodes[node].inputs[0], scale, &exact);
        layers++;
    }
    fclose(f);
    printf("  %-22s %d thresholds, %d equal, the others ties\n", net->name, layers, exact);
    T_CHECK(layers > 3 && exact * 10 >= layers * 7);
}

static void check_thresholds(const char *shared, const struct t_net *net)
{
    const int is_set = strchr(net->exact, ':') != NULL;
    struct qnt_dataset *set = t_net_images(shared, net, is_set ? net->calib : net->exact);
    struct qnt_calibrate_options options = { .method = QNT_METHOD_KL_NCNN, .threads = 2 };
    struct qnt_graph graph;
    struct qnt_calibration c;
    struct qnt_error error = { "" };

    if (!set)
        return;
    t_net_load(shared, net, &graph);
    options.stride = is_set ? 300 : 1; /* as the table of Fashion-MNIST was made */
    options.count = is_set ? 200 : qnt_dataset_count(set);
    if (T_CHECK(qnt_calibrate(&graph, set, &options, NULL, NULL, &c, &error) == 0)) {
        check_table(shared, net, &graph, &c);
        qnt_calibration_clear(&c);
    } else {
        printf("  %s\n", error.text);
    }
    qnt_dataset_close(set);
    qnt_graph_free(&graph);
}

/* ---- What the defaults lose */

static const struct {
    const char *name;
    size_t images; /* of those to evaluate, the first */
    double sqnr_db, agree;
} bars[] = {
    { "squeezenet_v1.1", 100, 31.5, 0.90 },    { "mobilenet_v1_0.5_160", 100, 20.0, 0.90 },
    { "resnet8_cifar10", 300, 29.0, 0.95 },    { "resnet20_cifar10", 300, 27.0, 0.95 },
    { "fashion_mnist_cnn", 2000, 34.0, 0.98 },
};

static int measure(const struct qnt_graph *graph, const struct qnt_dataset *calib,
                   const struct qnt_dataset *eval, size_t images, struct qnt_accuracy *out)
{
    const size_t have = qnt_dataset_count(calib), count = have < 200 ? have : 200;
    const struct qnt_calibrate_options options = {
        .count = count, .stride = have / count, .method = QNT_METHOD_AUTO, .threads = 2
    };
    struct qnt_calibration c = { 0 };
    struct qnt_network *network = NULL;
    struct qnt_exec *exec = NULL;
    struct qnt_error error = { "" };
    int rc = qnt_calibrate(graph, calib, &options, NULL, NULL, &c, &error);

    if (rc == 0)
        rc = qnt_quantise(graph, &c, NULL, &network, &error);
    if (rc == 0)
        rc = qnt_exec_open(network, NULL, NULL, &exec, &error);
    if (rc == 0)
        rc = qnt_accuracy(graph, &exec, 1, eval, images, NULL, NULL, out, &error);
    if (rc != 0)
        printf("  %s\n", error.text);
    qnt_exec_close(exec);
    qnt_network_free(network);
    qnt_calibration_clear(&c);
    return rc;
}

static void check_bar(const char *shared, size_t i)
{
    const struct t_net *net = find_net(bars[i].name);
    struct qnt_dataset *calib = t_net_images(shared, net, net->calib);
    struct qnt_dataset *eval = t_net_images(shared, net, net->eval);
    struct qnt_accuracy a;
    struct qnt_graph graph;

    if (calib && eval) {
        t_net_load(shared, net, &graph);
        if (T_CHECK(measure(&graph, calib, eval, bars[i].images, &a) == 0)) {
            double images = (double)a.images;
            printf("  %-22s %zu images, SQNR %.2f dB, agreement %.2f %%\n", net->name, a.images,
                   a.sqnr_db, 100 * (double)a.agree / images);
            T_CHECK(a.sqnr_db >= bars[i].sqnr_db && (double)a.agree >= bars[i].agree * images);
        }
        qnt_graph_free(&graph);
    }
    qnt_dataset_close(calib);
    qnt_dataset_close(eval);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 2)
        return 1;
    const char *shared = t_shared(argv[1]);
    for (size_t i = 0; i < T_NETS; i++)
        check_thresholds(shared, &t_nets[i]);
    for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++)
        check_bar(shared, i);
    return t_end();
}
