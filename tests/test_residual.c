/* Residual chains in 16 bits: values come through many adds with one rounding to bytes in the end,
 * whatever kernels and threads run, and through a file. */
#include <unistd.h>

#include "kernels/cpu.h"
#include "tests/t_graph.h"

enum { ADDS = 12, SIDE = 16, CHANNELS = 4, VALUES = SIDE * SIDE * CHANNELS };

/* The input passes a 1x1 layer as it is, then ADDS adds, each of a branch that is a 1x1 layer of
 * weights `branch`, each with another threshold. */
static void make(struct t_graph *g, struct qnt_calibration *c, float branch)
{
    t_graph_open(g, t_seed, SIDE, SIDE, CHANNELS);
    int x = t_conv(g, 0, CHANNELS, 1, 1, 0, 1);
    for (int i = 0; i < ADDS; i++) {
        int y = t_conv(g, x, CHANNELS, 1, 1, 0, 1);
        x = t_join(g, QNT_OP_ADD, i % 2 ? x : y, i % 2 ? y : x);
    }
    t_linear(g, t_flatten(g, x), 3);
    for (int n = 1; n < g->graph.count - 2; n++) {
        struct qnt_node *node = &g->graph.nodes[n];
        for (size_t i = 0; i < node->weight_count; i++)
            node->weight[i] = i / CHANNELS == i % CHANNELS ? (n == 1 ? 1 : branch) : 0;
        for (size_t i = 0; i < node->bias_count; i++)
            node->bias[i] = 0;
    }
    *c = (struct qnt_calibration) { .count = g->graph.count, .images = 1 };
    c->tensors = t_alloc((size_t)g->graph.count, sizeof(*c->tensors));
    for (int n = 0; n < g->graph.count; n++)
        c->tensors[n] = (struct qnt_threshold) { .threshold = 1 + 0.173f * (float)(n % 7) };
}

static struct qnt_network *quantise(const struct t_graph *g, const struct qnt_calibration *c,
                                    int residual_16)
{
    const struct qnt_quantise_options options = { .residual_16 = residual_16 };
    struct qnt_error error = { "" };
    struct qnt_network *network = NULL;

    if (!T_CHECK(qnt_quantise(&g->graph, c, &options, &network, &error) == 0)) {
        printf("  %s\n", error.text);
        exit(1);
    }
    return network;
}

/* The real values of the first layer and of the last add, which is layer `at`, and its step. */
struct ends {
    double first[VALUES], last[VALUES], step;
    size_t at;
};

static void watch(size_t layer, int8_t *tensor, size_t count, float scale, int32_t zero, void *user)
{
    struct ends *ends = user;

    if (layer != 1 && layer != ends->at)
        return;
    T_CHECK(count == VALUES);
    for (size_t i = 0; i < VALUES; i++)
        (layer == 1 ? ends->first : ends->last)[i] = (tensor[i] - zero) * (double)scale;
    ends->step = (double)scale;
}

static void run(const struct qnt_network *network, int threads, struct ends *ends, float *scores)
{
    static float image[VALUES];
    struct qnt_exec *exec = NULL;
    struct qnt_error error;
    uint64_t state = t_seed;

    for (int i = 0; i < VALUES; i++)
        image[i] = (float)t_real(&state); /* within the least threshold */
    if (!T_CHECK(qnt_exec_open(network, NULL, NULL, &exec, &error) == 0))
        exit(1);
    T_CHECK(qnt_exec_threads(exec, threads, &error) == 0);
    qnt_exec_watch(exec, watch, ends);
    qnt_exec_run(exec, image, scores);
    qnt_exec_close(exec);
}

/* Of a chain whose branches are zero: how far off the end is, in steps of its bytes. */
static double worst_error(int residual_16)
{
    static struct ends ends;
    struct t_graph g;
    struct qnt_calibration c;
    float scores[3];
    double worst = 0;

    make(&g, &c, 0);
    struct qnt_network *network = quantise(&g, &c, residual_16);
    ends.at = residual_16 ? 1 + 2 * ADDS : 1 + ADDS; /* in 8 bits convolutions run the adds */
    run(network, 1, &ends, scores);
    for (int i = 0; i < VALUES; i++)
        worst = fmax(worst, fabs(ends.last[i] - ends.first[i]) / ends.step);
    qnt_network_free(network);
    qnt_calibration_clear(&c);
    qnt_graph_free(&g.graph);
    return worst;
}

/* Half a step is one rounding to bytes. Each add may be off by half a step of 1/128 in its own
 * units, at most twice those of the last, and by what a factor of at least 12 bits leaves out. */
static void test_chain(void)
{
    double wide = worst_error(1), narrow = worst_error(0);

    printf("  %d adds: off by at most %.3f steps in 16 bits, %.3f in 8\n", ADDS, wide, narrow);
    T_CHECK(wide > 0.4 && wide < 0.5 + ADDS * (2.0 / 256 + 127.0 / 4096));
    T_CHECK(narrow > 1);
    T_CHECK(wide < narrow / 1.5);
}

/* Same scores to the bit on portable C, on every level, on several threads, and from a file. */
static void test_identity(void)
{
    static struct ends ends;
    char path[] = "/tmp/quern-test-residual-XXXXXX";
    struct t_graph g;
    struct qnt_calibration c;
    struct qnt_error error;
    float want[3], got[3], narrow[3];
    const uint32_t isas = krn_cpu_isas();
    int file = mkstemp(path);

    if (file < 0)
        t_skip("no temporary file");
    close(file);
    make(&g, &c, 0.25f);
    struct qnt_network *network = quantise(&g, &c, 1), *plain = quantise(&g, &c, 0), *loaded = NULL;
    krn_cpu_mask_set(1u << KRN_ISA_C);
    run(network, 1, &ends, want);
    run(plain, 1, &ends, narrow);
    T_CHECK(memcmp(want, narrow, sizeof(want)) != 0); /* the option does something */
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        if (isas & 1u << isa) {
            krn_cpu_mask_set(1u << isa | 1u << KRN_ISA_C);
            run(network, 1 + isa % 4, &ends, got);
            T_CHECK(memcmp(want, got, sizeof(want)) == 0);
        }
    krn_cpu_mask_set(~0u);
    T_CHECK(qnt_network_save(network, path, &error) == 0);
    if (T_CHECK(qnt_network_load(path, &loaded, &error) == 0)) {
        run(loaded, 2, &ends, got);
        T_CHECK(memcmp(want, got, sizeof(want)) == 0);
    }
    unlink(path);
    qnt_network_free(loaded);
    qnt_network_free(plain);
    qnt_network_free(network);
    qnt_calibration_clear(&c);
    qnt_graph_free(&g.graph);
}

/* Only what another add reads takes 16 bits: of one add alone nothing changes, and convolutions run
 * it. */
static void test_single(void)
{
    struct t_graph g;
    struct qnt_calibration c;

    t_make_everything(&g);
    t_calibrate(&g, 20, QNT_METHOD_MSE, &c);
    struct qnt_network *network[2] = { quantise(&g, &c, 0), quantise(&g, &c, 1) };
    struct qnt_exec *exec[2] = { NULL, NULL };
    struct qnt_error error;
    for (int i = 0; i < 2; i++)
        if (!T_CHECK(qnt_exec_open(network[i], NULL, NULL, &exec[i], &error) == 0))
            exit(1);
    T_CHECK(qnt_exec_memory(exec[0]).arena == qnt_exec_memory(exec[1]).arena);
    for (int i = 0; i < 2; i++) {
        qnt_exec_close(exec[i]);
        qnt_network_free(network[i]);
    }
    qnt_calibration_clear(&c);
    qnt_graph_free(&g.graph);
}

/* What a sweep of the model has is what the network asks for. */
static void test_tasks(void)
{
    enum { TASKS_MAX = 64 };
    struct qnt_task want[TASKS_MAX], *got = NULL;
    struct qnt_calibration c;
    struct t_graph g;
    size_t count = 0, forms[KRN_EPILOGUE_COUNT] = { 0 };

    t_make_everything(&g);
    t_calibrate(&g, 20, QNT_METHOD_MSE, &c);
    struct qnt_network *network = quantise(&g, &c, 0);
    T_CHECK(qnt_graph_tasks(&g.graph, &got, &count) == 0);
    T_CHECK(count == qnt_network_tasks(network, want, TASKS_MAX) && count <= TASKS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < count && (memcmp(&want[k].problem, &got[i].problem, sizeof(got[i].problem)) ||
                             want[k].epilogue != got[i].epilogue))
            k++;
        T_CHECK(k < count);
        forms[got[i].epilogue]++;
    }
    T_CHECK(forms[KRN_EPILOGUE_SUMS] == 1 && forms[KRN_EPILOGUE_ADD] > 0);
    free(got);
    qnt_network_free(network);
    qnt_calibration_clear(&c);
    qnt_graph_free(&g.graph);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    test_chain();
    test_identity();
    test_single();
    test_tasks();
    return t_end();
}
