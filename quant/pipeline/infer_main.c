/* quern-infer: runs an int8 network on a device. See infer.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/infer.h"
#include "quant/pipeline/pipeline.h"

/* The rows of KERNELS. */
struct row {
    char problem[KRN_PROBLEM_STR_MAX], kernel[128];
    int order, mc_tiles;
};
struct rows {
    struct row *items;
    size_t count;
};

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "quern-infer: %s: %s\n", what, why);
    return 1;
}

static int read_rows(const char *path, struct rows *rows)
{
    FILE *in = fopen(path, "r");
    struct row row;
    if (!in)
        return fail(path, strerror(errno));
    while (fscanf(in, "%319s %127s %d %d", row.problem, row.kernel, &row.order, &row.mc_tiles) ==
           4) {
        struct row *grown = realloc(rows->items, (rows->count + 1) * sizeof *grown);
        if (!grown)
            break;
        rows->items = grown;
        rows->items[rows->count++] = row;
    }
    int whole = feof(in);
    fclose(in);
    return whole ? 0 : fail(path, "not a list of kernels");
}

static const struct krn_kernel *find_kernel(const char *name)
{
    for (size_t i = 0; i < quern_kernels_count; i++)
        if (strcmp(quern_kernels[i].name, name) == 0)
            return &quern_kernels[i];
    return NULL;
}

static struct qnt_choice choose(const struct krn_problem *problem, enum krn_epilogue epilogue,
                                void *user)
{
    const struct rows *rows = user;
    char text[KRN_PROBLEM_STR_MAX];
    krn_problem_format(problem, 0, text);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        const struct krn_kernel *kernel = find_kernel(row->kernel);
        if (strcmp(row->problem, text) == 0 && kernel && kernel->epilogue == epilogue)
            return (struct qnt_choice) { kernel,
                                         { .loop_order = row->order, .mc_tiles = row->mc_tiles } };
    }
    return (struct qnt_choice) { NULL, { 0 } };
}

/* Nothing is built in here but what the host has chosen. */
struct qnt_choice qnt_choose_builtin(const struct krn_problem *problem, enum krn_epilogue epilogue,
                                     void *user)
{
    (void)problem;
    (void)epilogue;
    (void)user;
    return (struct qnt_choice) { NULL, { 0 } };
}

static int put_scores(size_t index, const float *scores, size_t classes)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return -ENOMEM;
    fprintf(out, "score %zu", index);
    for (size_t i = 0; i < classes; i++) {
        uint32_t word;
        memcpy(&word, &scores[i], sizeof word);
        fprintf(out, " %08" PRIx32, word);
    }
    int result = fclose(out) ? -ENOMEM : qnt_infer_put(stdout, text);
    free(text);
    return result;
}

static int run_images(struct qnt_exec *exec, const struct qnt_network *network, FILE *images,
                      size_t *count)
{
    const struct qnt_input input = qnt_network_input(network);
    const size_t elements = (size_t)input.h * (size_t)input.w * (size_t)input.c;
    const size_t classes = qnt_network_classes(network);
    float *image = malloc(elements * sizeof *image), *scores = malloc(classes * sizeof *scores);
    int result = image && scores ? 0 : -ENOMEM;
    for (*count = 0; result == 0 && fread(image, sizeof *image, elements, images) == elements;) {
        qnt_exec_run(exec, image, scores);
        result = put_scores((*count)++, scores, classes);
        fflush(stdout);
    }
    free(image);
    free(scores);
    return result;
}

static int put_layers(const struct qnt_exec *exec, size_t count)
{
    char text[256];
    struct qnt_exec_layer l;
    int result = 0;
    for (size_t i = 0; result == 0 && qnt_exec_layer(exec, i, &l) == 0; i++) {
        snprintf(text, sizeof text, "layer %zu %.0f %s", i, l.time_ns,
                 l.conv ? l.conv->kernel->name : "-");
        result = qnt_infer_put(stdout, text);
    }
    snprintf(text, sizeof text, "end %zu", count);
    return result ? result : qnt_infer_put(stdout, text);
}

static int run(struct qnt_network *network, const char *images_path, struct rows *rows, int threads)
{
    struct qnt_exec *exec = NULL;
    struct qnt_error error = { "" };
    size_t count = 0;
    FILE *images = fopen(images_path, "r");
    if (!images)
        return fail(images_path, strerror(errno));
    int result = qnt_exec_open(network, choose, rows, &exec, &error);
    if (result == 0)
        result = qnt_exec_threads(exec, threads, &error);
    if (result == 0) {
        qnt_exec_profile(exec, 1);
        result = run_images(exec, network, images, &count);
    }
    if (result == 0)
        result = put_layers(exec, count);
    fclose(images);
    qnt_exec_close(exec);
    return result ? fail("stopped", error.text[0] ? error.text : strerror(-result)) : 0;
}

int main(int argc, char **argv)
{
    struct qnt_network *network = NULL;
    struct qnt_error error = { "" };
    struct rows rows = { 0 };
    char *end = NULL;
    long threads = argc == 5 ? strtol(argv[4], &end, 10) : 0;
    if (argc != 5 || *end || threads < 1)
        return fail("usage", "quern-infer NETWORK IMAGES KERNELS THREADS");
    if (qnt_network_load(argv[1], &network, &error) != 0)
        return fail("network", error.text);
    int code = read_rows(argv[3], &rows);
    if (code == 0)
        code = run(network, argv[2], &rows, (int)threads);
    free(rows.items);
    qnt_network_free(network);
    return code;
}
