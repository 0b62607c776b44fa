/* The embedded model: torch's scores, and its accuracy on the 10,000 test images.
 *     test_fashion FASHION.ONNX FIXTURE
 * FIXTURE is written by scripts/train_fashion.py. */
#include "quant/model/graph.h"
#include "tests/t.h"

#include <math.h>

enum { CLASSES = 10, IMAGES = 16 };

/* Under a sanitizer every tenth image has to do; its figure then has a standard error of 0.8
 * points. */
#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 10 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { STEP = 10 };
#else
enum { STEP = 1 };
#endif
#else
enum { STEP = 1 };
#endif

struct fixture {
    double top1; /* percent */
    float scores[IMAGES][CLASSES];
};

static int read_fixture(const char *path, struct fixture *out)
{
    char line[400];
    int row = 0;
    FILE *f = fopen(path, "r");

    if (!f)
        return -1;
    out->top1 = -1;
    while (fgets(line, sizeof(line), f)) {
        char *at = line;
        if (line[0] == '#' || sscanf(line, "top1 %lf", &out->top1) == 1)
            continue;
        for (int i = 0; row < IMAGES && i < CLASSES; i++)
            out->scores[row][i] = strtof(at, &at);
        row++;
    }
    fclose(f);
    return row == IMAGES && out->top1 > 0 ? 0 : -1;
}

static int top1(const float *scores)
{
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

static void check_scores(const struct fixture *want, const float *got, size_t image)
{
    float worst = 0;
    for (int i = 0; i < CLASSES; i++)
        worst = fmaxf(worst, fabsf(got[i] - want->scores[image][i]));
    if (!T_CHECK(worst < 1e-4f))
        printf("  image %zu differs by %g\n", image, (double)worst);
}

/* Percent of images whose best score is their label; the first ones also against torch's scores. */
static double accuracy(const struct qnt_graph *graph, const struct qnt_dataset *set,
                       const struct fixture *want)
{
    float image[28 * 28];
    struct qnt_float *exec;
    struct qnt_error error;
    size_t right = 0, seen = 0, count = qnt_dataset_count(set);

    if (!T_CHECK(qnt_float_open(graph, &exec, &error) == 0))
        return 0;
    for (size_t i = 0; i < count; i += i < IMAGES ? 1 : STEP, seen++) {
        T_CHECK(qnt_dataset_image(set, i, image, &error) == 0);
        qnt_float_run(exec, image);
        const float *scores = qnt_float_tensor(exec, graph->output);
        right += top1(scores) == qnt_dataset_label(set, i);
        if (i < IMAGES)
            check_scores(want, scores, i);
    }
    qnt_float_close(exec);
    return 100.0 * (double)right / (double)seen;
}

static void check_shape(const struct qnt_graph *graph)
{
    const struct qnt_node *in = &graph->nodes[0], *out = &graph->nodes[graph->output];

    T_CHECK(in->h == 28 && in->w == 28 && in->c == 1);
    T_CHECK(out->h == 1 && out->w == 1 && out->c == CLASSES);
    T_CHECK(fabsf(graph->pixels.mean[0] - 72.94f) < 1e-5f &&
            fabsf(graph->pixels.norm[0] - 0.011109f) < 1e-8f);
    T_CHECK(graph->dataset && strcmp(graph->dataset, "fashion-mnist") == 0);
}

static int check_model(const char *path, const struct fixture *want)
{
    struct qnt_graph graph;
    struct qnt_dataset *set = NULL;
    struct qnt_error error = { "" };

    if (!T_CHECK(qnt_model_load(path, NULL, &graph, &error) == 0)) {
        printf("  %s\n", error.text);
        return 0;
    }
    check_shape(&graph);
    T_CHECK(qnt_fold(&graph, &error) == 0);
    check_shape(&graph);
    const struct qnt_input input = qnt_graph_input(&graph);
    if (qnt_dataset_open("fashion-mnist:test", &input, &set, &error)) {
        printf("%s\n", error.text);
        qnt_graph_free(&graph);
        return 77;
    }
    double percent = accuracy(&graph, set, want);
    printf("top-1 %.2f %%, torch %.2f %%\n", percent, want->top1);
    T_CHECK(fabs(percent - want->top1) <= (STEP == 1 ? 0.1 : 2.5));
    qnt_dataset_close(set);
    qnt_graph_free(&graph);
    return 0;
}

int main(int argc, char **argv)
{
    struct fixture want;

    t_begin(argc, argv);
    if (argc < 3 || !T_CHECK(read_fixture(argv[2], &want) == 0))
        return 1;
    int skipped = check_model(argv[1], &want);
    if (skipped && t_failures == 0)
        t_skip("the images of Fashion-MNIST are not installed");
    return t_end();
}
