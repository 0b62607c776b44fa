/* Int8 networks of hand-made graphs: near the float ones, the same to the bit on every kernel, each
 * operator rounding once, and no tensor overwritten while it lives. */
#include <math.h>

#include "kernels/cpu.h"
#include "quant/pipeline/arena.h"
#include "quant/pipeline/pipeline_int.h"
#include "tests/t_graph.h"

#define CLASSES_MAX 64

static struct qnt_exec *open_exec(const struct qnt_network *network, qnt_choose *choose, void *user)
{
    struct qnt_exec *exec = NULL;
    struct qnt_error error = { "" };

    if (!T_CHECK(qnt_exec_open(network, choose, user, &exec, &error) == 0)) {
        printf("  %s\n", error.text);
        exit(1);
    }
    return exec;
}

/* ---- near the float network */

static double sqnr_of(const struct t_graph *g, const struct qnt_network *network, int images)
{
    struct qnt_exec *exec = open_exec(network, NULL, NULL);
    struct qnt_float *reference;
    struct qnt_error error;
    float *image = t_alloc(t_elements(&g->graph.nodes[0]), sizeof(float)), scores[CLASSES_MAX];
    double signal = 0, noise = 0;
    int output = g->graph.output;

    if (g->graph.nodes[output].op == QNT_OP_SOFTMAX)
        output = g->graph.nodes[output].inputs[0];
    T_CHECK(qnt_network_classes(network) == t_elements(&g->graph.nodes[output]));
    if (qnt_float_open(&g->graph, &reference, &error) != 0)
        abort();
    for (int i = 0; i < images; i++) {
        t_image(g, 100 + (uint64_t)i, image);
        qnt_float_run(reference, image);
        qnt_exec_run(exec, image, scores);
        const float *want = qnt_float_tensor(reference, output);
        for (size_t k = 0; k < qnt_network_classes(network); k++) {
            signal += (double)want[k] * (double)want[k];
            noise += pow((double)want[k] - (double)scores[k], 2);
        }
    }
    qnt_float_close(reference);
    qnt_exec_close(exec);
    free(image);
    return 10 * log10(signal / noise);
}

/* ---- the same on every kernel */

/* A kernel that the problem does not fit: every layer must fall back and say why. */
static struct qnt_choice choose_wrong(const struct krn_problem *problem, enum krn_epilogue epilogue,
                                      void *user)
{
    (void)problem, (void)epilogue;
    return (struct qnt_choice) { user, { 0 } };
}

static void scores_with(const struct t_graph *g, const struct qnt_network *network,
                        qnt_choose *choose, void *user, int threads, float *scores)
{
    struct qnt_exec *exec = open_exec(network, choose, user);
    struct qnt_error error;
    struct qnt_exec_layer l;
    float *image = t_alloc(t_elements(&g->graph.nodes[0]), sizeof(float));
    size_t classes = qnt_network_classes(network);

    T_CHECK(qnt_exec_threads(exec, threads, &error) == 0);
    for (int i = 0; i < 3; i++) {
        t_image(g, 200 + (uint64_t)i, image);
        qnt_exec_run(exec, image, scores + (size_t)i * classes);
    }
    for (size_t i = 0; choose && qnt_exec_layer(exec, i, &l) == 0; i++)
        if (l.problem && l.conv)
            T_CHECK(l.note[0] != 0);
    qnt_exec_close(exec);
    free(image);
}

static void check_identity(const struct t_graph *g, const struct qnt_network *network)
{
    static float want[3 * CLASSES_MAX], got[3 * CLASSES_MAX];
    const size_t bytes = 3 * qnt_network_classes(network) * sizeof(float);
    const uint32_t isas = krn_cpu_isas();
    struct krn_kernel wrong = {
        .name = "peak", .family = KRN_FAMILY_PEAK, .mr = 1, .nr = 1, .kr = 1, .w_bytes = 1
    };

    krn_cpu_mask_set(1u << KRN_ISA_C);
    scores_with(g, network, NULL, NULL, 1, want);
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        if (!(isas & 1u << isa))
            continue;
        krn_cpu_mask_set(1u << isa | 1u << KRN_ISA_C);
        memset(got, 0xa5, sizeof(got));
        scores_with(g, network, NULL, NULL, 1 + isa % 3, got);
        if (!T_CHECK(memcmp(want, got, bytes) == 0))
            printf("  on %s\n", krn_isas[isa].name);
    }
    krn_cpu_mask_set(0); /* no kernel at all: the reference itself */
    memset(got, 0xa5, sizeof(got));
    scores_with(g, network, NULL, NULL, 2, got);
    T_CHECK(memcmp(want, got, bytes) == 0);
    krn_cpu_mask_set(~0u);
    memset(got, 0xa5, sizeof(got));
    scores_with(g, network, choose_wrong, &wrong, 4, got);
    T_CHECK(memcmp(want, got, bytes) == 0);
}

/* ---- what every layer makes, and what becomes of it while others still read it */

struct trace {
    const struct t_graph *g;
    struct qnt_exec *exec;
    int node[T_NODES_MAX];  /* of a layer */
    int layer[T_NODES_MAX]; /* of a node, -1 = none */
    int last[T_NODES_MAX];  /* layer that reads a layer last */
    int8_t *tensor[T_NODES_MAX], *copy[T_NODES_MAX];
    size_t count[T_NODES_MAX];
    double scale[T_NODES_MAX], zero[T_NODES_MAX];
    int layers;
};

static double real_of(const struct trace *t, int node, size_t i)
{
    int l = t->layer[node];
    return (t->copy[l][i] - t->zero[l]) * t->scale[l];
}

/* An output of a convolution that computes the add which reads it: before any rounding, but with
 * the weights and the bias that the network has. */
static double sum_of(const struct trace *t, int node, int y, int x, int oc)
{
    const struct qnt_node *n = &t->g->graph.nodes[node];
    const struct krn_problem *p = &n->problem;
    const int depth = p->ic / p->groups, first = oc / (p->oc / p->groups) * depth;
    const size_t size = n->weight_count / (size_t)p->oc;
    const float *w = n->weight + (size_t)oc * size;
    const double scale_in = t->scale[t->layer[n->inputs[0]]];
    const double bias = (double)n->bias[oc], scale = qnt_channel_scale(w, size, bias, scale_in);
    double sum = nearbyint(bias / (scale_in * scale)) * scale_in * scale;

    for (int ky = 0; ky < p->kh; ky++)
        for (int kx = 0; kx < p->kw; kx++)
            for (int c = 0; c < depth; c++) {
                const int iy = y * p->sh - p->ph + ky * p->dh, ix = x * p->sw - p->pw + kx * p->dw;
                if (iy >= 0 && iy < p->ih && ix >= 0 && ix < p->iw)
                    sum +=
                        nearbyint((double)w[(ky * p->kw + kx) * depth + c] / scale) * scale *
                        real_of(t, n->inputs[0], (size_t)((iy * p->iw + ix) * p->ic + first + c));
            }
    return sum;
}

/* The largest distance of a layer's bytes, in units of one byte, from its operator computed on the
 * real values of its inputs. */
static double rounding_error(const struct trace *t, int layer)
{
    const struct qnt_node *n = &t->g->graph.nodes[t->node[layer]];
    const struct qnt_node *in = &t->g->graph.nodes[n->inputs[0]];
    double worst = 0;
    size_t at = 0;

    for (int y = 0; y < n->h; y++)
        for (int x = 0; x < n->w; x++)
            for (int c = 0; c < n->c; c++, at++) {
                double want = 0, elements = 0, most = -INFINITY;
                int from = 0, part = c;
                const struct qnt_window all = { .kh = in->h, .kw = in->w, .sh = 1, .sw = 1 };
                const struct qnt_window *w = n->op == QNT_OP_GLOBAL_AVGPOOL ? &all : &n->window;
                switch (n->op) {
                case QNT_OP_ADD:
                    for (int k = 0; k < 2; k++)
                        want += t->layer[n->inputs[k]] >= 0 ? real_of(t, n->inputs[k], at)
                                                            : sum_of(t, n->inputs[k], y, x, c);
                    break;
                case QNT_OP_CLIP:
                    want = real_of(t, n->inputs[0], at);
                    break;
                case QNT_OP_CONCAT:
                    while (part >= t->g->graph.nodes[n->inputs[from]].c)
                        part -= t->g->graph.nodes[n->inputs[from++]].c;
                    want = real_of(
                        t, n->inputs[from],
                        (size_t)((y * n->w + x) * t->g->graph.nodes[n->inputs[from]].c + part));
                    break;
                case QNT_OP_RESHAPE: {
                    int pixels = in->h * in->w;
                    want = real_of(t, n->inputs[0], (size_t)(c % pixels * in->c + c / pixels));
                    break;
                }
                default: /* pools */
                    for (int ky = 0; ky < w->kh; ky++)
                        for (int kx = 0; kx < w->kw; kx++) {
                            int iy = y * w->sh - w->ph + ky, ix = x * w->sw - w->pw + kx;
                            if (iy < 0 || iy >= in->h || ix < 0 || ix >= in->w)
                                continue;
                            double v =
                                real_of(t, n->inputs[0], (size_t)((iy * in->w + ix) * in->c + c));
                            want += v;
                            most = fmax(most, v);
                            elements++;
                        }
                    want = n->op == QNT_OP_MAXPOOL ? most : want / elements;
                }
                double step = t->scale[layer], zero = t->zero[layer];
                want = fmin(n->hi, fmax(n->lo, want));
                want = fmin(127, fmax(zero == 0 ? -127 : -128, want / step + zero));
                worst = fmax(worst, fabs(t->copy[layer][at] - want));
            }
    return worst;
}

static void check_layer(const struct trace *t, int layer)
{
    const struct qnt_node *n = &t->g->graph.nodes[t->node[layer]];
    int is_conv = n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR || n->op == QNT_OP_INPUT;
    int moves = n->op == QNT_OP_MAXPOOL || n->op == QNT_OP_RESHAPE;

    if (is_conv)
        return; /* kernels have their own tests */
    double error = rounding_error(t, layer);
    /* A bound that is no multiple of the step is itself rounded. */
    double limit = moves ? 1e-9 : isinf(n->hi) || n->hi == 0 ? 0.501 : 1.001;
    if (!T_CHECK(error <= limit))
        printf("  %s: %g steps off\n", n->name, error);
}

static void watch(size_t layer, int8_t *tensor, size_t count, float scale, int32_t zero, void *user)
{
    struct trace *t = user;

    t->tensor[layer] = tensor;
    t->count[layer] = count;
    t->scale[layer] = (double)scale;
    t->zero[layer] = zero;
    t->copy[layer] = t_alloc(count, 1);
    memcpy(t->copy[layer], tensor, count);
    for (int l = 0; l <= (int)layer; l++) {
        if (t->last[l] < (int)layer)
            continue;
        if (!T_CHECK(memcmp(t->tensor[l], t->copy[l], t->count[l]) == 0))
            printf("  layer %d was overwritten by layer %zu\n", l, layer);
    }
    /* Nobody may miss what is dead. */
    for (int l = 0; l <= (int)layer; l++)
        if (t->last[l] == (int)layer)
            memset(t->tensor[l], 0x5a, t->count[l]);
    check_layer(t, (int)layer);
}

static void note_reads(struct trace *t, int node)
{
    const struct qnt_node *n = &t->g->graph.nodes[node];

    for (int k = 0; k < n->input_count; k++)
        if (t->layer[n->inputs[k]] >= 0)
            t->last[t->layer[n->inputs[k]]] = t->layers;
}

static int add_of(const struct trace *t, int conv)
{
    for (int i = conv + 1; i < t->g->graph.count; i++)
        if (qnt_add_conv(&t->g->graph, i) == conv)
            return i;
    T_CHECK(!"an add");
    exit(1);
}

static void fill_trace(struct trace *t)
{
    struct qnt_exec_layer l;

    memset(t->layer, -1, sizeof(t->layer));
    for (t->layers = 0; qnt_exec_layer(t->exec, (size_t)t->layers, &l) == 0; t->layers++) {
        int node = qnt_graph_find(&t->g->graph, l.name);
        if (!T_CHECK(node >= 0))
            exit(1);
        if (l.epilogue == KRN_EPILOGUE_ADD) { /* it gives what its add gives */
            note_reads(t, node);
            node = add_of(t, node);
        }
        t->node[t->layers] = node;
        t->layer[node] = t->layers;
        t->last[t->layers] = t->layers;
        note_reads(t, node);
    }
}

static void check_trace(const struct t_graph *g, const struct qnt_network *network)
{
    struct trace t = { .g = g, .exec = open_exec(network, NULL, NULL) };
    float *image = t_alloc(t_elements(&g->graph.nodes[0]), sizeof(float));
    float plain[CLASSES_MAX], poisoned[CLASSES_MAX];
    const size_t classes = qnt_network_classes(network);
    size_t sum = 0;

    fill_trace(&t);
    t_image(g, 300, image);
    qnt_exec_run(t.exec, image, plain);
    T_CHECK(qnt_exec_watch(t.exec, watch, &t) == 0);
    qnt_exec_run(t.exec, image, poisoned);
    T_CHECK(memcmp(plain, poisoned, classes * sizeof(float)) == 0);
    for (int l = 0; l < t.layers - 1; l++) {
        sum += t.count[l];
        free(t.copy[l]);
    }
    const struct qnt_exec_memory memory = qnt_exec_memory(t.exec);
    T_CHECK(memory.arena > 0);
    T_CHECK(memory.arena <= sum + 64 * (size_t)t.layers + CLASSES_MAX);
    qnt_exec_close(t.exec);
    free(image);
}

/* The same network with residual chains in 16 bits. */
static void check_wide(const struct t_graph *g)
{
    const struct qnt_quantise_options options = { .residual_16 = 1 };
    struct qnt_calibration calibration;
    struct qnt_network *network;
    struct qnt_error error;

    t_calibrate(g, 10, QNT_METHOD_MAX, &calibration);
    if (T_CHECK(qnt_quantise(&g->graph, &calibration, &options, &network, &error) == 0))
        check_identity(g, network);
    qnt_calibration_clear(&calibration);
    qnt_network_free(network);
}

static void check_network(const char *name, const struct t_graph *g, double least_db)
{
    struct qnt_network *network = t_network(g);
    long failures = t_failures;

    if (!network)
        return;
    double db = sqnr_of(g, network, 5);
    if (least_db > 0)
        printf("  %-12s %2d nodes, SQNR %.1f dB\n", name, g->graph.count, db);
    T_CHECK(db >= least_db);
    check_identity(g, network);
    check_trace(g, network);
    if (t_failures != failures)
        printf("  in network %s, SQNR %.1f dB\n", name, db);
    qnt_network_free(network);
}

/* ---- channels without weights, biases beyond the accumulator, scales far apart */

static void check_odd_weights(void)
{
    struct t_graph g;

    t_graph_open(&g, t_seed, 6, 6, 4);
    int x = t_conv(&g, 0, 8, 3, 1, 1, 1);
    struct qnt_node *n = &g.graph.nodes[x];
    memset(n->weight, 0, 36 * sizeof(float)); /* dead, with a bias */
    n->bias[0] = 1.5f;
    memset(n->weight + 36, 0, 36 * sizeof(float)); /* dead, without one */
    n->bias[1] = 0;
    for (int i = 72; i < 108; i++)
        n->weight[i] *= 1e-9f; /* its bias alone would need more than 32 bits */
    n->bias[2] = -2;
    int y = t_conv(&g, 0, 8, 1, 1, 0, 1);
    for (size_t i = 0; i < g.graph.nodes[y].weight_count; i++)
        g.graph.nodes[y].weight[i] *= 1e-4f; /* next to nothing beside the other branch */
    for (size_t i = 0; i < 8; i++)
        g.graph.nodes[y].bias[i] *= 1e-4f;
    t_linear(&g, t_flatten(&g, t_join(&g, QNT_OP_ADD, x, y)), 5);
    check_network("odd weights", &g, 25);
    qnt_graph_free(&g.graph);
}

/* ---- refusals */

static void check_refused(const struct t_graph *g, const struct qnt_calibration *c,
                          const char *word)
{
    struct qnt_network *network;
    struct qnt_error error = { "" };

    T_CHECK(qnt_quantise(&g->graph, c, NULL, &network, &error) < 0 && network == NULL);
    if (!T_CHECK(strstr(error.text, word) != NULL))
        printf("  got: %s\n", error.text);
}

static void check_refusals(void)
{
    struct t_graph g;
    struct qnt_calibration c;

    t_make_everything(&g);
    t_calibrate(&g, 2, QNT_METHOD_MAX, &c);
    float threshold = c.tensors[3].threshold, weight = g.graph.nodes[3].weight[7];
    c.tensors[3].threshold = 0;
    check_refused(&g, &c, "threshold");
    c.tensors[3].threshold = NAN;
    check_refused(&g, &c, "threshold");
    c.tensors[3].threshold = threshold;
    g.graph.nodes[3].weight[7] = INFINITY;
    check_refused(&g, &c, "not finite");
    g.graph.nodes[3].weight[7] = weight;
    g.graph.nodes[3].weight_count--;
    check_refused(&g, &c, "weights");
    g.graph.nodes[3].weight_count++;
    g.graph.nodes[5].op = QNT_OP_BATCHNORM;
    check_refused(&g, &c, "batch");
    g.graph.nodes[5].op = QNT_OP_ADD;
    c.count--;
    check_refused(&g, &c, "another model");
    c.count++;
    qnt_calibration_clear(&c);
    qnt_graph_free(&g.graph);
}

/* ---- the arena alone */

static void check_arena(uint64_t *state)
{
    struct qnt_span s[40], again[40];
    int count = t_between(state, 1, 40);
    size_t most = 0;

    for (int i = 0; i < count; i++) {
        int first = t_between(state, 0, 30);
        s[i] = (struct qnt_span) { (size_t)t_between(state, 0, 5000), first,
                                   first + t_between(state, 0, 12), 0 };
    }
    memcpy(again, s, sizeof(s));
    size_t bytes = qnt_arena_plan(s, (size_t)count);
    T_CHECK(qnt_arena_plan(again, (size_t)count) == bytes);
    T_CHECK(memcmp(s, again, (size_t)count * sizeof(s[0])) == 0);
    for (int i = 0; i < count; i++) {
        T_CHECK(s[i].offset % QNT_ARENA_ALIGN == 0 && s[i].offset + s[i].bytes <= bytes);
        for (int k = 0; k < i; k++) {
            int together = s[i].first <= s[k].last && s[k].first <= s[i].last;
            int overlap =
                s[i].offset < s[k].offset + s[k].bytes && s[k].offset < s[i].offset + s[i].bytes;
            T_CHECK(!(together && overlap && s[i].bytes && s[k].bytes));
        }
    }
    for (int step = 0; step < 50; step++) {
        size_t live = 0;
        for (int i = 0; i < count; i++)
            live += s[i].first <= step && step <= s[i].last ? s[i].bytes : 0;
        most = live > most ? live : most;
    }
    T_CHECK(bytes >= most && bytes <= 2 * most + 64 * 40);
}

static void check_tasks(void)
{
    struct t_graph g;
    struct qnt_task tasks[16];

    t_make_flatten(&g);
    struct qnt_network *network = t_network(&g);
    T_CHECK(qnt_network_tasks(network, tasks, 16) == 3);
    T_CHECK(tasks[0].problem.kh == 5 && tasks[0].epilogue == KRN_EPILOGUE_FLOAT);
    T_CHECK(tasks[1].problem.ic == 6 * 5 * 12 && tasks[1].problem.oc == 33);
    T_CHECK(tasks[1].epilogue == KRN_EPILOGUE_FLOAT);
    T_CHECK(tasks[2].problem.oc == 7 && tasks[2].epilogue == KRN_EPILOGUE_SUMS);
    T_CHECK(qnt_network_tasks(network, NULL, 0) == 3);
    qnt_network_free(network);
    qnt_graph_free(&g.graph);
}

/* Ends in a convolution of pixels, as detectors do: `groups` of it. */
static void make_head(struct t_graph *g, int groups)
{
    t_graph_open(g, t_seed + 3, 9, 7, 3);
    int x = t_clamp(g, t_conv(g, 0, 2 * groups, 3, 2, 1, 1), 0, INFINITY);
    x = t_conv(g, x, 4, 1, 1, 0, 1);
    t_clamp(g, t_conv(g, x, groups == 4 ? 4 : 6, 3, 2, 1, groups), -1.5, INFINITY);
}

static void make_dense_head(struct t_graph *g)
{
    make_head(g, 1);
}

static void make_grouped_head(struct t_graph *g)
{
    make_head(g, 2);
}

static void make_depthwise_head(struct t_graph *g)
{
    make_head(g, 4);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(struct t_graph *g);
        double least_db;
    } networks[] = {
        { "everything", t_make_everything, 25 },   { "flatten", t_make_flatten, 30 },
        { "shared", t_make_shared, 25 },           { "head", make_dense_head, 30 },
        { "grouped head", make_grouped_head, 30 }, { "depthwise head", make_depthwise_head, 30 },
    };
    struct t_graph g;

    t_begin(argc, argv);
    uint64_t state = t_seed;
    for (int i = 0; i < 50; i++)
        check_arena(&state);
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        networks[i].make(&g);
        check_network(networks[i].name, &g, networks[i].least_db);
        qnt_graph_free(&g.graph);
    }
    for (uint64_t i = 0; i < 25; i++) {
        char name[40];
        snprintf(name, sizeof(name), "random %d", (int)i);
        t_make_random(&g, t_seed * 100 + i);
        check_network(name, &g, 0);
        check_wide(&g);
        qnt_graph_free(&g.graph);
    }
    check_odd_weights();
    check_refusals();
    check_tasks();
    return t_end();
}
