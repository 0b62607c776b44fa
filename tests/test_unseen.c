/* Int8 networks of shapes that nobody tuned for: odd numbers of channels, groups, filters of 5 and
 * 7, dilation, stride 2 on odd sizes, one channel, large images. The scores of every level of this
 * CPU, on one thread and on several, must be those of the reference to the bit; and those of the
 * levels of AArch64, in emulation, must be this machine's.
 *
 *     test_unseen [QUERN CACHE] */
#include "kernels/cpu.h"
#include "quant/pipeline/pipeline.h"
#include "tests/t_graph.h"
#include "tests/t_quern.h"

enum { NETWORKS = 30, IMAGES = 2, CLASSES = 11, MACS_MAX = 12000000 };

static const int channels[] = { 1, 3, 5, 8, 15, 16, 17, 24, 32, 33, 40, 48, 64, 65, 96, 130 };

static int pick(uint64_t *s, const int *values, int count)
{
    return values[t_between(s, 0, count - 1)];
}

/* A filter k x k with gaps, padded so that stride 1 keeps the size. */
static int conv(struct t_graph *g, int input, int oc, int k, int stride, int dilation, int groups)
{
    int pad = dilation * (k - 1) / 2, x = t_conv(g, input, oc, k, stride, pad, groups);
    struct qnt_node *n = &g->graph.nodes[x];
    struct krn_problem *p = &n->problem;
    p->dh = p->dw = dilation;
    p->oh = n->h = (p->ih + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
    p->ow = n->w = (p->iw + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
    return x;
}

static int rectified(struct t_graph *g, int x)
{
    return t_clamp(g, x, 0, g->graph.nodes[x].c % 2 ? 6 : INFINITY);
}

static int add_dense(struct t_graph *g, int x, uint64_t *s)
{
    int k = pick(s, (const int[]) { 1, 1, 3, 3, 5, 7 }, 6),
        dilation = k > 1 ? t_between(s, 1, 2) : 1;
    int oc = pick(s, channels, sizeof channels / sizeof *channels);
    return rectified(g, conv(g, x, oc, k, t_between(s, 1, 2), dilation, 1));
}

static int add_depthwise(struct t_graph *g, int x, uint64_t *s)
{
    int c = g->graph.nodes[x].c, k = pick(s, (const int[]) { 3, 3, 5, 7 }, 4);
    int multiplier = c < 40 && t_between(s, 0, 3) == 0 ? 2 : 1;
    return conv(g, x, c * multiplier, k, t_between(s, 1, 2), t_between(s, 1, 2), c);
}

static int add_grouped(struct t_graph *g, int x, uint64_t *s)
{
    int groups = t_between(s, 2, 5), depth = pick(s, (const int[]) { 1, 3, 4, 8, 17 }, 5);
    x = rectified(g, conv(g, x, groups * depth, 1, 1, 1, 1));
    return conv(g, x, groups * t_between(s, 1, 19), 3, t_between(s, 1, 2), 1, groups);
}

/* A block with a way around it. */
static int add_residual(struct t_graph *g, int x, uint64_t *s)
{
    int c = g->graph.nodes[x].c;
    int y = rectified(g, conv(g, x, pick(s, channels, 12), 1, 1, 1, 1));
    y = conv(g, y, c, pick(s, (const int[]) { 1, 3, 5 }, 3), 1, 1, 1);
    y = t_between(s, 0, 1) ? t_join(g, QNT_OP_ADD, x, y) : t_join(g, QNT_OP_ADD, y, x);
    return t_between(s, 0, 1) ? rectified(g, y) : y;
}

static int add_branches(struct t_graph *g, int x, uint64_t *s)
{
    int a = rectified(g, conv(g, x, pick(s, channels, 12), 1, 1, 1, 1));
    int b = rectified(g, conv(g, x, pick(s, channels, 12), 3, 1, 1, 1));
    return t_join(g, QNT_OP_CONCAT, a, b);
}

static int add_pool(struct t_graph *g, int x, uint64_t *s)
{
    enum qnt_op op = t_between(s, 0, 1) ? QNT_OP_MAXPOOL : QNT_OP_AVGPOOL;
    return t_pool(g, op, x, 3, t_between(s, 1, 2), 1);
}

static int64_t macs_of(const struct t_graph *g)
{
    int64_t sum = 0;
    for (int i = 0; i < g->graph.count; i++)
        if (g->graph.nodes[i].op == QNT_OP_CONV)
            sum += krn_problem_macs(&g->graph.nodes[i].problem);
    return sum;
}

static void finish(struct t_graph *g, int x)
{
    t_linear(g, t_flatten(g, t_global(g, x)), CLASSES);
}

static void make_random(struct t_graph *g, uint64_t seed)
{
    static int (*const blocks[])(struct t_graph *, int, uint64_t *) = {
        add_dense, add_depthwise, add_grouped, add_residual, add_branches, add_pool,
    };
    uint64_t s = seed * 31 + 7;
    t_graph_open(g, seed, t_between(&s, 9, 41), t_between(&s, 9, 41), t_between(&s, 1, 4));
    int x = add_dense(g, 0, &s);
    for (int i = t_between(&s, 3, 9); i > 0 && macs_of(g) < MACS_MAX; i--)
        if (g->graph.nodes[x].h > 4 && g->graph.nodes[x].w > 4)
            x = blocks[t_between(&s, 0, 5)](g, x, &s);
    finish(g, x);
}

/* The first layers of usual networks, at their size. */
static void make_large(struct t_graph *g, uint64_t seed)
{
    (void)seed;
    t_graph_open(g, t_seed, 224, 224, 3);
    int x = rectified(g, conv(g, 0, 16, 7, 2, 1, 1));
    x = t_pool(g, QNT_OP_MAXPOOL, x, 3, 2, 1);
    x = rectified(g, conv(g, x, 16, 3, 1, 1, 16));
    finish(g, conv(g, x, 24, 1, 1, 1, 1));
}

/* One of each, for pictures. */
static void make_zoo(struct t_graph *g, uint64_t seed)
{
    uint64_t s = seed;
    t_graph_open(g, seed, 33, 29, 3);
    int x = rectified(g, conv(g, 0, 17, 3, 1, 1, 1));
    x = conv(g, x, 17, 5, 2, 1, 17);
    x = add_residual(g, x, &s);
    x = add_branches(g, x, &s);
    x = add_grouped(g, x, &s);
    x = rectified(g, conv(g, x, 33, 3, 1, 2, 1));
    x = conv(g, x, 33, 7, 1, 1, 33);
    finish(g, conv(g, x, 20, 3, 1, 2, 1));
}

/* ---- Running */

static void run(const struct t_graph *g, const struct qnt_network *network, uint32_t isas,
                int threads, float *scores)
{
    struct qnt_exec *exec = NULL;
    struct qnt_error error = { "" };
    float *image = t_alloc(t_elements(&g->graph.nodes[0]), sizeof(float));
    krn_cpu_mask_set(isas);
    if (!T_CHECK(qnt_exec_open(network, NULL, NULL, &exec, &error) == 0 &&
                 qnt_exec_threads(exec, threads, &error) == 0)) {
        printf("  %s\n", error.text);
        exit(1);
    }
    for (uint64_t i = 0; i < IMAGES; i++) {
        t_image(g, 500 + i, image);
        qnt_exec_run(exec, image, scores + i * CLASSES);
    }
    qnt_exec_close(exec);
    free(image);
    krn_cpu_mask_set(~0u);
}

static void print_problems(const struct qnt_network *network)
{
    struct qnt_task tasks[T_NODES_MAX];
    char text[KRN_PROBLEM_STR_MAX];
    size_t count = qnt_network_tasks(network, tasks, T_NODES_MAX);
    for (size_t i = 0; i < count; i++) {
        krn_problem_format(&tasks[i].problem, 0, text);
        printf("    %s, %s\n", text, krn_epilogue_names[tasks[i].epilogue]);
    }
}

/* Networks whose scores differ between two images: of one channel, once in a while, they do not. */
static int told_apart;

static void check(void (*make)(struct t_graph *, uint64_t), uint64_t seed)
{
    float want[IMAGES * CLASSES], got[IMAGES * CLASSES];
    const uint32_t isas = krn_cpu_isas();
    struct t_graph g;
    make(&g, seed);
    struct qnt_network *network = t_network(&g);
    if (!network)
        return;
    run(&g, network, 0, 1, want);
    told_apart += memcmp(want, want + CLASSES, sizeof want / IMAGES) != 0;
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        for (int threads = 1; isas & 1u << isa && threads <= 3; threads += 2) {
            memset(got, 0xa5, sizeof got);
            run(&g, network, 1u << isa | 1u << KRN_ISA_C, threads, got);
            if (!T_CHECK(memcmp(want, got, sizeof want) == 0)) {
                printf("  seed %d, %s, %d threads\n", (int)seed, krn_isas[isa].name, threads);
                print_problems(network);
            }
        }
    qnt_network_free(network);
    qnt_graph_free(&g.graph);
}

/* ---- In emulation */

static void write_picture(const char *folder, int index)
{
    uint64_t state = t_seed + (uint64_t)index;
    char path[600];
    snprintf(path, sizeof path, "%s/%d.ppm", folder, index);
    FILE *f = fopen(path, "wb");
    if (!T_CHECK(f != NULL))
        return;
    fprintf(f, "P6\n29 33\n255\n");
    for (int i = 0; i < 29 * 33 * 3; i++)
        fputc((int)(t_random(&state) % 256), f);
    T_CHECK(fclose(f) == 0);
}

static void check_emulated(void)
{
    static const char *const devices[] = { "--device=qemu:cortex-a53", "--device=qemu:cortex-a76",
                                           "--device=qemu:max,sve=off" };
    struct t_graph g;
    struct qnt_error error;
    char file[600], images[600];
    make_zoo(&g, t_seed);
    struct qnt_network *network = t_network(&g);
    snprintf(file, sizeof file, "%s/zoo.qrn", base);
    snprintf(images, sizeof images, "--images=%s", base);
    for (int i = 0; i < IMAGES; i++)
        write_picture(base, i);
    T_CHECK(network && qnt_network_save(network, file, &error) == 0);
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        int code = QUERN("run", file, images, devices[i], "--threads=2", "--builtin");
        if (code == 3)
            printf("left out: %s", output);
        else
            EXPECT(code, 0, "identical to this machine's on 2 of 2");
    }
    qnt_network_free(network);
    qnt_graph_free(&g.graph);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    check(make_zoo, t_seed);
    for (uint64_t i = 0; i < NETWORKS; i++)
        check(make_random, t_seed * 1000 + i);
    check(make_large, 0);
    T_CHECK(told_apart >= 1 + NETWORKS / 2);
    if (argc >= 3 && (quern = realpath(argv[1], NULL))) {
        setenv("QUERN_CACHE", argv[2], 1);
        t_folder(base, sizeof base);
        check_emulated();
        t_remove(base);
        free(quern);
    }
    return t_end();
}
