/* Equalisation and correction of biases: what they change, against what can be said by hand, and
 * that a calibration's file keeps it. */
#include <errno.h>
#include <unistd.h>

#include "quant/pipeline/adjust.h"
#include "tests/t_graph.h"

#define IMAGES 12
#define SIDE 6
#define PIXELS (SIDE * SIDE)

static char folder[] = "/tmp/quern-test-adjust-XXXXXX";
static char path[sizeof(folder) + 40];

/* An idx file: random pixels, or every image of one value. */
static void write_images(int constant)
{
    uint64_t state = t_seed;
    const uint8_t head[] = { 0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, SIDE, 0, 0, 0, SIDE };
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(head, 1, sizeof(head), f) != sizeof(head))
        abort();
    for (int i = 0; i < IMAGES * PIXELS; i++)
        fputc(constant ? 10 + i / PIXELS : (int)(t_random(&state) & 255), f);
    fclose(f);
}

static struct qnt_dataset *open_images(void)
{
    char spec[sizeof(path) + 8];
    struct qnt_error error;
    struct qnt_dataset *set = NULL;
    struct qnt_input input = { SIDE, SIDE, 1, qnt_pixels_plain() };

    input.pixels.norm[0] = 1 / 64.f;
    snprintf(spec, sizeof(spec), "idx:%s", path);
    if (qnt_dataset_open(spec, &input, &set, &error) != 0) {
        printf("  %s\n", error.text);
        exit(1);
    }
    return set;
}

/* 1 -> 4 channels of very different size, ReLU6; depthwise, ReLU; to 3 channels, and on, with a
 * residual add; a linear layer. */
enum { WIDE = 1, DEPTHWISE, POINTWISE, BRANCH, SUM, VECTOR, SCORES, NODES };

static void make(struct t_graph *g)
{
    static const float sizes[] = { 1, 0.01f, 4, 0.2f };

    t_graph_open(g, t_seed, SIDE, SIDE, 1);
    int x = t_clamp(g, t_conv(g, 0, 4, 3, 1, 1, 1), 0, 6);
    for (size_t i = 0; i < g->graph.nodes[x].weight_count; i++)
        g->graph.nodes[x].weight[i] = fabsf(g->graph.nodes[x].weight[i]) * sizes[i / 9];
    x = t_clamp(g, t_conv(g, x, 4, 3, 2, 1, 4), 0, INFINITY);
    x = t_clamp(g, t_conv(g, x, 3, 1, 1, 0, 1), 0, INFINITY);
    int y = t_conv(g, x, 3, 3, 1, 1, 1);
    x = t_join(g, QNT_OP_ADD, x, y);
    t_linear(g, t_flatten(g, x), 5);
    T_CHECK(g->graph.count == NODES);
}

static struct qnt_adjustment *adjust(struct qnt_graph *graph, const struct qnt_dataset *set,
                                     int equalise, int correct_bias)
{
    const struct qnt_adjust_options options = { IMAGES, 1, equalise, correct_bias };
    struct qnt_adjustment *out = NULL;
    struct qnt_error error = { "" };

    if (!T_CHECK(qnt_adjust(graph, set, &options, NULL, NULL, &out, &error) == 0)) {
        printf("  %s\n", error.text);
        exit(1);
    }
    return out;
}

/* The largest difference of what a node gives on all images, and its largest magnitude. */
static double compare(const struct qnt_graph *a, const struct qnt_graph *b, int node,
                      const struct qnt_dataset *set, double *most)
{
    struct qnt_float *exec[2];
    struct qnt_error error;
    float image[PIXELS];
    double differs = 0;

    *most = 0;
    if (qnt_float_open(a, &exec[0], &error) || qnt_float_open(b, &exec[1], &error))
        abort();
    for (size_t i = 0; i < IMAGES; i++) {
        T_CHECK(qnt_dataset_image(set, i, image, &error) == 0);
        for (int k = 0; k < 2; k++)
            qnt_float_run(exec[k], image);
        const float *x = qnt_float_tensor(exec[0], node), *y = qnt_float_tensor(exec[1], node);
        for (size_t k = 0; k < t_elements(&a->nodes[node]); k++) {
            differs = fmax(differs, fabs((double)(x[k] - y[k])));
            *most = fmax(*most, fabs((double)x[k]));
        }
    }
    qnt_float_close(exec[0]);
    qnt_float_close(exec[1]);
    return differs;
}

/* Largest magnitudes and mean squares of the channels that WIDE gives. */
static void measure(const struct qnt_graph *graph, const struct qnt_dataset *set, double *most,
                    double *squares)
{
    struct qnt_float *exec;
    struct qnt_error error;
    float image[PIXELS];

    if (qnt_float_open(graph, &exec, &error) != 0)
        abort();
    for (int c = 0; c < 4; c++)
        most[c] = squares[c] = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        T_CHECK(qnt_dataset_image(set, i, image, &error) == 0);
        qnt_float_run(exec, image);
        const float *x = qnt_float_tensor(exec, WIDE);
        for (int k = 0; k < 4 * PIXELS; k++) {
            most[k % 4] = fmax(most[k % 4], (double)x[k]);
            squares[k % 4] += (double)x[k] * (double)x[k] / (IMAGES * PIXELS);
        }
    }
    qnt_float_close(exec);
}

/* The network gives what it gave; the channels of WIDE, which a depthwise layer reads, have grown
 * as far as they may; nothing is moved through the add. */
static void test_equalise(void)
{
    struct t_graph g;
    struct qnt_graph changed;
    double most[4], squares[4], largest = 0, loudest = 0, scores;

    write_images(0);
    struct qnt_dataset *set = open_images();
    make(&g);
    T_CHECK(qnt_graph_copy(&g.graph, &changed) == 0);
    struct qnt_adjustment *a = adjust(&changed, set, 1, 0);
    T_CHECK(compare(&g.graph, &changed, SCORES, set, &scores) < 1e-5 * scores);
    measure(&g.graph, set, most, squares);
    for (int c = 0; c < 4; c++) {
        largest = fmax(largest, most[c]);
        loudest = fmax(loudest, squares[c]);
    }
    T_CHECK(largest == 6); /* the clamp is reached, so that channel keeps its size */
    T_CHECK(a[WIDE].factor && a[DEPTHWISE].factor && !a[POINTWISE].factor && !a[BRANCH].factor);
    for (int c = 0; c < 4 && a[WIDE].factor; c++) {
        double want = fmax(fmax(most[c] / largest, sqrt(squares[c] / loudest)), 1.0 / 64);
        T_CHECK(fabs((double)a[WIDE].factor[c] / want - 1) < 1e-5);
        for (int k = 0; k < 9; k++) {
            const float *was = g.graph.nodes[WIDE].weight, *is = changed.nodes[WIDE].weight;
            T_CHECK(is[9 * c + k] == was[9 * c + k] / a[WIDE].factor[c]);
        }
    }
    for (int i = 0; i < NODES; i++)
        T_CHECK(!a[i].bias);
    qnt_adjustments_free(a, NODES);
    qnt_graph_free(&changed);
    qnt_graph_free(&g.graph);
    qnt_dataset_close(set);
}

/* Weights rounded to 127ths of the largest of their output channel, as an int8 network has them. */
static void round_weights(struct qnt_node *n)
{
    const size_t depth = n->weight_count / (size_t)n->problem.oc;

    for (size_t first = 0; first < n->weight_count; first += depth) {
        float most = 0;
        for (size_t k = 0; k < depth; k++)
            most = fmaxf(most, fabsf(n->weight[first + k]));
        for (size_t k = 0; k < depth; k++)
            n->weight[first + k] = rintf(n->weight[first + k] / most * 127) * (most / 127);
    }
}

/* Mean over images and pixels of what channel c of WIDE gives. */
static double mean_of(const struct qnt_graph *graph, const struct qnt_dataset *set, int c)
{
    struct qnt_float *exec;
    struct qnt_error error;
    float image[PIXELS];
    double sum = 0;

    if (qnt_float_open(graph, &exec, &error) != 0)
        abort();
    for (size_t i = 0; i < IMAGES; i++) {
        T_CHECK(qnt_dataset_image(set, i, image, &error) == 0);
        qnt_float_run(exec, image);
        for (int k = 0; k < PIXELS; k++)
            sum += (double)qnt_float_tensor(exec, WIDE)[4 * k + c];
    }
    qnt_float_close(exec);
    return sum / (IMAGES * PIXELS);
}

/* On images of one value each the means are exact, borders and all: what the bias of the first
 * layer takes back is what rounding its weights has added. */
static void test_correct_bias(void)
{
    struct t_graph g;
    struct qnt_graph changed, rounded;

    write_images(1);
    struct qnt_dataset *set = open_images();
    make(&g);
    t_clamp(&g, WIDE, -INFINITY, INFINITY);
    if (qnt_graph_copy(&g.graph, &changed) || qnt_graph_copy(&g.graph, &rounded))
        abort();
    struct qnt_adjustment *a = adjust(&changed, set, 0, 1);
    round_weights(&rounded.nodes[WIDE]);
    for (int c = 0; c < 4; c++) {
        double added = mean_of(&rounded, set, c) - mean_of(&g.graph, set, c);
        double size = fabs((double)g.graph.nodes[WIDE].weight[9 * c]);
        T_CHECK(a[WIDE].bias && fabs((double)a[WIDE].bias[c] + added) < 1e-5 * size);
        T_CHECK(changed.nodes[WIDE].bias[c] == g.graph.nodes[WIDE].bias[c] + a[WIDE].bias[c]);
    }
    T_CHECK(!a[WIDE].factor && a[SCORES].bias && !a[SUM].bias);
    qnt_adjustments_free(a, NODES);
    qnt_graph_free(&rounded);
    qnt_graph_free(&changed);
    qnt_graph_free(&g.graph);
    qnt_dataset_close(set);
}

static int same_values(const float *a, const float *b, size_t count)
{
    return (!a && !b) || (a && b && memcmp(a, b, count * sizeof(*a)) == 0);
}

/* What a file says, done to another copy, gives the same weights to the bit. */
static void test_file(void)
{
    struct t_graph g;
    struct qnt_graph changed, again;
    struct qnt_calibration c, loaded;
    struct qnt_error error = { "" };
    const struct qnt_calibrate_options options = { .count = IMAGES, .stride = 1 };

    write_images(0);
    struct qnt_dataset *set = open_images();
    make(&g);
    if (qnt_graph_copy(&g.graph, &changed) || qnt_graph_copy(&g.graph, &again))
        abort();
    struct qnt_adjustment *a = adjust(&changed, set, 1, 1);
    T_CHECK(qnt_calibrate(&changed, set, &options, NULL, NULL, &c, &error) == 0);
    c.adjustments = a;
    T_CHECK(qnt_calibration_save(&changed, &c, "quern", path, &error) == 0);
    T_CHECK(qnt_calibration_load(&again, path, &loaded, &error) == 0);
    qnt_adjustments_apply(&again, loaded.adjustments);
    for (int i = 0; i < NODES; i++) {
        const struct qnt_node *x = &changed.nodes[i], *y = &again.nodes[i];
        T_CHECK(same_values(x->weight, y->weight, x->weight_count));
        T_CHECK(same_values(x->bias, y->bias, x->bias_count));
        T_CHECK(memcmp(&c.tensors[i].threshold, &loaded.tensors[i].threshold, 4) == 0);
    }
    struct qnt_network *network = NULL;
    T_CHECK(qnt_quantise(&again, &loaded, NULL, &network, &error) == 0);
    qnt_network_free(network);
    qnt_calibration_clear(&c);
    qnt_calibration_clear(&loaded);
    qnt_graph_free(&changed);
    qnt_graph_free(&again);
    qnt_graph_free(&g.graph);
    qnt_dataset_close(set);
}

static void test_damaged(void)
{
    static const struct {
        const char *line, *says;
    } bad[] = {
        { "factors", "should be" },
        { "factors 1,1,1,1", "should be" },
        { "factors 1,1,1,1 nobody", "should be" },
        { "factors 1,1,1,1 add.5", "should be" },
        { "factors 1,1,1 conv.1", "not one number" },
        { "factors 1,1,1,1,1 conv.1", "not one number" },
        { "factors 1,1,0,1 conv.1", "out of range" },
        { "factors 1,1,-1,1 conv.1", "out of range" },
        { "factors 1,1,inf,1 conv.1", "out of range" },
        { "factors 1,1,,1 conv.1", "not one number" },
        { "biases 1,nan,1,1 conv.1", "out of range" },
        { "biases 1,1,1,1 conv.1\nbiases 1,1,1,1 conv.1", "has had its line" },
    };
    struct t_graph g;
    struct qnt_error error;
    struct qnt_calibration c;

    make(&g);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        FILE *f = fopen(path, "w");
        if (!f || fprintf(f, "quern calibration 1\n%s\n", bad[i].line) < 0 || fclose(f) != 0)
            abort();
        error.text[0] = 0;
        T_CHECK(qnt_calibration_load(&g.graph, path, &c, &error) == -EINVAL);
        if (!T_CHECK(strstr(error.text, bad[i].says)))
            printf("  %s: %s\n", bad[i].line, error.text);
    }
    qnt_graph_free(&g.graph);
}

/* No image tells nothing; one more than there are is an error, too. */
static void test_refused(void)
{
    struct t_graph g;
    struct qnt_adjustment *out;
    struct qnt_error error;

    write_images(0);
    struct qnt_dataset *set = open_images();
    make(&g);
    T_CHECK(qnt_adjust(&g.graph, set, &(struct qnt_adjust_options) { 0, 1, 1, 1 }, NULL, NULL, &out,
                       &error) == -EINVAL);
    T_CHECK(qnt_adjust(&g.graph, set, &(struct qnt_adjust_options) { IMAGES + 1, 1, 1, 1 }, NULL,
                       NULL, &out, &error) == -ERANGE);
    T_CHECK(!out);
    qnt_graph_free(&g.graph);
    qnt_dataset_close(set);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (!mkdtemp(folder))
        t_skip("no temporary folder");
    snprintf(path, sizeof(path), "%s/file", folder);
    test_equalise();
    test_correct_bias();
    test_file();
    test_damaged();
    test_refused();
    unlink(path);
    rmdir(folder);
    return t_end();
}
