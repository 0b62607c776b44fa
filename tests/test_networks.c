/* Float execution of real networks against what ncnn computes: scores within 1e-3 of their range.
 */
#include "tests/t_networks.h"

#include <math.h>

/* float32, little-endian, image after image. */
static float *read_scores(const char *shared, const struct t_net *net, size_t *count)
{
    char path[4300];
    const char *kind = strchr(net->exact, ':') ? "t10k" : "exact";

    snprintf(path, sizeof(path), "%s/models/reference/%s.%s.f32", shared, net->name, kind);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *count = (size_t)ftell(f) / sizeof(float);
    rewind(f);
    float *scores = malloc(*count * sizeof(float));
    if (!scores || fread(scores, sizeof(float), *count, f) != *count)
        abort();
    fclose(f);
    return scores;
}

static void check_net(const char *shared, const struct t_net *net)
{
    struct qnt_graph graph;
    struct qnt_float *exec;
    struct qnt_error error = { "" };
    size_t have;
    float *want = read_scores(shared, net, &have);
    struct qnt_dataset *set = want ? t_net_images(shared, net, net->exact) : NULL;

    if (!set) {
        printf("  %-22s left out\n", net->name);
        free(want);
        return;
    }
    t_net_load(shared, net, &graph);
    const struct qnt_node *out = &graph.nodes[graph.output];
    const size_t classes = (size_t)out->h * (size_t)out->w * (size_t)out->c;
    const size_t images = have / classes < 200 ? have / classes : 200; /* of 10,000 */
    float *image = malloc((size_t)net->input.h * (size_t)net->input.w * (size_t)net->input.c * 4);
    float worst = 0, low = INFINITY, high = -INFINITY;
    if (!T_CHECK(have % classes == 0 && image && qnt_float_open(&graph, &exec, &error) == 0))
        exit(1);
    for (size_t i = 0; i < have; i++) {
        low = fminf(low, want[i]);
        high = fmaxf(high, want[i]);
    }
    for (size_t i = 0; i < images; i++) {
        if (!T_CHECK(qnt_dataset_image(set, i, image, &error) == 0))
            printf("  %s\n", error.text);
        qnt_float_run(exec, image);
        const float *got = qnt_float_tensor(exec, graph.output);
        for (size_t k = 0; k < classes; k++)
            worst = fmaxf(worst, fabsf(got[k] - want[i * classes + k]));
    }
    printf("  %-22s %zu images, %zu classes: off by at most %.1e of the range\n", net->name, images,
           classes, (double)(worst / (high - low)));
    T_CHECK(worst <= 1e-3f * (high - low));
    qnt_float_close(exec);
    qnt_dataset_close(set);
    qnt_graph_free(&graph);
    free(image);
    free(want);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 2)
        return 1;
    const char *shared = t_shared(argv[1]);
    for (size_t i = 0; i < T_NETS; i++)
        check_net(shared, &t_nets[i]);
    return t_end();
}
