/* Calibrating on images, and the text files that thresholds are kept in. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quant/pipeline/pipeline.h"
#include "tests/t_graph.h"

#define IMAGES 30
#define SIDE 8

static char folder[] = "/tmp/quern-test-calibration-XXXXXX";
static char path[sizeof(folder) + 40];

static void write_text(const char *text)
{
    FILE *f = fopen(path, "w");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static char *read_text(void)
{
    FILE *f = fopen(path, "r");
    char *text = t_alloc(1 << 16, 1);

    if (!f || fread(text, 1, (1 << 16) - 1, f) == 0)
        abort();
    fclose(f);
    return text;
}

/* An idx file of random pixels. */
static void write_images(void)
{
    uint64_t state = t_seed;
    const uint8_t head[] = { 0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, SIDE, 0, 0, 0, SIDE };
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(head, 1, sizeof(head), f) != sizeof(head))
        abort();
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++)
        fputc((int)(t_random(&state) & 255), f);
    fclose(f);
}

static struct qnt_dataset *open_images(float mean, float norm)
{
    char spec[sizeof(path) + 8];
    struct qnt_error error;
    struct qnt_dataset *set = NULL;
    struct qnt_input input = { SIDE, SIDE, 1, qnt_pixels_plain() };

    input.pixels.mean[0] = mean;
    input.pixels.norm[0] = norm;
    snprintf(spec, sizeof(spec), "idx:%s", path);
    if (!T_CHECK(qnt_dataset_open(spec, &input, &set, &error) == 0)) {
        printf("  %s\n", error.text);
        exit(1);
    }
    return set;
}

static void make(struct t_graph *g)
{
    t_graph_open(g, t_seed, SIDE, SIDE, 1);
    int x = t_clamp(g, t_conv(g, 0, 6, 3, 1, 1, 1), 0, INFINITY);
    int y = t_conv(g, x, 6, 3, 1, 1, 6);
    x = t_join(g, QNT_OP_ADD, x, y);
    t_linear(g, t_flatten(g, t_pool(g, QNT_OP_MAXPOOL, x, 2, 2, 0)), 4);
}

struct count {
    size_t calls, done, total, stop_at;
};

static int count_step(size_t done, size_t total, void *user)
{
    struct count *c = user;

    T_CHECK(done == ++c->calls && done <= total);
    c->done = done;
    c->total = total;
    return done == c->stop_at;
}

/* Its histograms are those of the same images run by hand. */
static void check_calibrate(const struct t_graph *g, const struct qnt_dataset *set)
{
    struct qnt_calibration c, one;
    struct qnt_error error = { "" };
    struct count count = { 0 };
    struct qnt_float *exec;
    struct qnt_histogram *h = t_alloc(1, sizeof(*h));
    float image[SIDE * SIDE];

    if (!T_CHECK(qnt_calibrate(&g->graph, set,
                               &(struct qnt_calibrate_options) {
                                   .count = 10, .stride = 3, .method = QNT_METHOD_MSE },
                               count_step, &count, &c, &error) == 0)) {
        printf("  %s\n", error.text);
        exit(1);
    }
    T_CHECK(count.done == 20 && count.total == 20 && c.images == 10 && c.count == g->graph.count);
    T_CHECK(qnt_float_open(&g->graph, &exec, &error) == 0);
    for (int n = 0; n < g->graph.count; n++) {
        qnt_histogram_init(h);
        if (!c.histograms[n].seen) /* that of its reader is used */
            continue;
        h->levels = c.histograms[n].levels;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < 30; i += 3) {
                T_CHECK(qnt_dataset_image(set, i, image, &error) == 0);
                qnt_float_run(exec, image);
                (pass ? qnt_histogram_count : qnt_histogram_range)(h, qnt_float_tensor(exec, n),
                                                                   t_elements(&g->graph.nodes[n]));
            }
        T_CHECK(memcmp(h, &c.histograms[n], sizeof(*h)) == 0);
        struct qnt_threshold t;
        qnt_threshold(h, NULL, QNT_METHOD_MSE, &t);
        T_CHECK(memcmp(&t, &c.tensors[n], sizeof(t)) == 0);
    }
    T_CHECK(qnt_calibration_with(&g->graph, &c, QNT_METHOD_MAX, &one, &error) == 0);
    for (int n = 0; n < g->graph.count; n++)
        T_CHECK(!c.histograms[n].seen || one.tensors[n].threshold == c.histograms[n].absmax);
    qnt_calibration_clear(&one);
    qnt_calibration_clear(&c);
    qnt_float_close(exec);
    free(h);
}

static void check_refused(const struct t_graph *g, const struct qnt_dataset *set, size_t count,
                          size_t stride, const char *word)
{
    struct qnt_calibration c;
    struct qnt_error error = { "" };

    T_CHECK(qnt_calibrate(&g->graph, set,
                          &(struct qnt_calibrate_options) { count, stride, QNT_METHOD_MAX, 0, 1 },
                          NULL, NULL, &c, &error) < 0);
    T_CHECK(c.tensors == NULL && c.histograms == NULL);
    if (!T_CHECK(strstr(error.text, word) != NULL))
        printf("  got: %s\n", error.text);
}

/* The same counts, however many threads; every fifth image is held out. */
static void check_threads(const struct t_graph *g, const struct qnt_dataset *set)
{
    struct qnt_calibrate_options options = { 20, 1, QNT_METHOD_AUTO, 0, 1 };
    const size_t bytes = (size_t)g->graph.count * sizeof(struct qnt_histogram);
    struct qnt_calibration one, many;
    struct qnt_error error = { "" };

    T_CHECK(qnt_calibrate(&g->graph, set, &options, NULL, NULL, &one, &error) == 0);
    T_CHECK(one.histograms[0].calls == 20 && one.held[0].calls == 4);
    for (options.threads = 2; options.threads <= 7; options.threads++) {
        T_CHECK(qnt_calibrate(&g->graph, set, &options, NULL, NULL, &many, &error) == 0);
        T_CHECK(memcmp(one.histograms, many.histograms, bytes) == 0);
        T_CHECK(memcmp(one.held, many.held, bytes) == 0);
        T_CHECK(memcmp(one.tensors, many.tensors, (size_t)g->graph.count * sizeof(*one.tensors)) ==
                0);
        qnt_calibration_clear(&many);
    }
    qnt_calibration_clear(&one);
}

static void check_refusals(struct t_graph *g, const struct qnt_dataset *set)
{
    struct qnt_calibration c;
    struct qnt_error error = { "" };
    struct count count = { .stop_at = 7 };
    const struct qnt_calibrate_options five = { 5, 1, QNT_METHOD_MAX, 0, 1 };

    check_refused(g, set, 0, 1, "at least one image");
    check_refused(g, set, IMAGES + 1, 1, "only 30");
    check_refused(g, set, 11, 3, "only 30");
    check_refused(g, set, 2, SIZE_MAX, "only 30");
    check_refused(g, set, 1, 0, "only 30");
    T_CHECK(qnt_calibrate(&g->graph, set, &five, count_step, &count, &c, &error) == -EINTR);
    float weight = g->graph.nodes[1].weight[0];
    g->graph.nodes[1].weight[0] = NAN;
    check_refused(g, set, 1, 1, "not finite");
    g->graph.nodes[1].weight[0] = weight;
    struct t_graph other;
    t_graph_open(&other, t_seed, SIDE, SIDE + 1, 1);
    t_conv(&other, 0, 2, 3, 1, 1, 1);
    check_refused(&other, set, 1, 1, "the model takes");
    qnt_graph_free(&other.graph);
}

/* ---- files */

static void check_round_trip(const struct t_graph *g)
{
    struct qnt_calibration c, again;
    struct qnt_error error = { "" };

    t_calibrate(g, 6, QNT_METHOD_AUTO, &c);
    c.tensors[2].suspicious = 1;
    T_CHECK(qnt_calibration_save(&g->graph, &c, "quern", path, &error) == 0);
    if (!T_CHECK(qnt_calibration_load(&g->graph, path, &again, &error) == 0)) {
        printf("  %s\n", error.text);
        exit(1);
    }
    T_CHECK(again.images == c.images && again.count == c.count && again.histograms == NULL);
    for (int n = 0; n < c.count; n++) {
        T_CHECK(again.tensors[n].threshold == c.tensors[n].threshold);
        T_CHECK(again.tensors[n].used == c.tensors[n].used);
        T_CHECK(again.tensors[n].suspicious == c.tensors[n].suspicious);
        T_CHECK(fabs(again.tensors[n].mse - c.tensors[n].mse) <= 1e-8 * c.tensors[n].mse);
    }
    struct qnt_calibration none;
    T_CHECK(qnt_calibration_with(&g->graph, &again, QNT_METHOD_MAX, &none, &error) == -EINVAL);
    qnt_calibration_clear(&again);
    qnt_calibration_clear(&c);
}

static void check_damaged_line(const struct t_graph *g, const char *text, const char *word)
{
    struct qnt_calibration c;
    struct qnt_error error = { "" };

    write_text(text);
    T_CHECK(qnt_calibration_load(&g->graph, path, &c, &error) < 0 && c.tensors == NULL);
    if (!T_CHECK(strstr(error.text, path) && strstr(error.text, word)))
        printf("  got: %s\n", error.text);
}

static void check_damaged(const struct t_graph *g)
{
    static const char line[] = "tensor 1.5 max 1.5 0 0 1e-5 1e-5 0 ";
    char text[400];

    check_damaged_line(g, "", "empty");
    check_damaged_line(g, "ncnn\n", "line 1");
    check_damaged_line(g, "quern calibration 2\n", "line 1");
    check_damaged_line(g, "quern calibration 1\nimages 3\n", "no line for tensor \"input\"");
    check_damaged_line(g, "quern calibration 1\nimages x\n", "line 2");
    check_damaged_line(g, "quern calibration 1\n\n# fine\nnonsense\n", "line 4");
    check_damaged_line(g, "quern calibration 1\ntensor\n", "line 2");
    check_damaged_line(g, "quern calibration 1\ntensor 1.5 max 1.5 0 0\n", "line 2");
    check_damaged_line(g, "quern calibration 1\ntensor 1.5 best 1 0 0 0 0 0 input\n", "line 2");
    check_damaged_line(g, "quern calibration 1\ntensor -1 max 1 0 0 0 0 0 input\n", "range");
    check_damaged_line(g, "quern calibration 1\ntensor nan max 1 0 0 0 0 0 input\n", "line 2");
    check_damaged_line(g, "quern calibration 1\ntensor inf max 1 0 0 0 0 0 input\n", "line 2");
    snprintf(text, sizeof(text), "quern calibration 1\n%sother\n", line);
    check_damaged_line(g, text, "no tensor \"other\"");
    snprintf(text, sizeof(text), "quern calibration 1\n%sinput\n%sinput\n", line, line);
    check_damaged_line(g, text, "line 3");
    unlink(path);
    struct qnt_calibration c;
    struct qnt_error error;
    T_CHECK(qnt_calibration_load(&g->graph, path, &c, &error) == -ENOENT);
}

/* Byte for byte what ncnn's tools write and read. */
static void check_ncnn(void)
{
    struct t_graph g;
    struct qnt_calibration c;
    struct qnt_error error = { "" };

    t_graph_open(&g, t_seed, 4, 4, 1);
    int x = t_conv(&g, 0, 2, 1, 1, 0, 1);
    x = t_conv(&g, x, 2, 1, 1, 0, 2);
    x = t_linear(&g, t_flatten(&g, t_global(&g, x)), 3);
    float *conv = g.graph.nodes[1].weight, *dw = g.graph.nodes[2].weight;
    float *fc = g.graph.nodes[x].weight;
    conv[0] = -0.5f;
    conv[1] = 0.25f;
    dw[0] = 2;
    dw[1] = 0; /* dead */
    for (int i = 0; i < 6; i++)
        fc[i] = (float)(i + 1) * (i % 2 ? -1.f : 1.f);
    t_calibrate(&g, 4, QNT_METHOD_MAX, &c);
    for (int n = 0; n < g.graph.count; n++)
        c.tensors[n].threshold = (float)(n + 1);
    T_CHECK(qnt_calibration_save(&g.graph, &c, "ncnn", path, &error) == 0);
    char *text = read_text(), want[600];
    snprintf(want, sizeof(want),
             "%s_param_0 254.000000 508.000000 \n%s_param_0 63.500000 0.000000 \n"
             "%s_param_0 63.500000 31.750000 21.166666 \n%s 127.000000 \n%s 63.500000 \n"
             "%s 25.400000 \n",
             g.graph.nodes[1].name, g.graph.nodes[2].name, g.graph.nodes[x].name,
             g.graph.nodes[1].name, g.graph.nodes[2].name, g.graph.nodes[x].name);
    T_CHECK_STR(text, want);
    free(text);
    free(g.graph.nodes[1].name);
    g.graph.nodes[1].name = strdup("two words");
    unlink(path);
    T_CHECK(qnt_calibration_save(&g.graph, &c, "ncnn", path, &error) == -EINVAL);
    T_CHECK(access(path, F_OK) != 0);
    T_CHECK(qnt_calibration_save(&g.graph, &c, "json", path, &error) == 0);
    text = read_text();
    T_CHECK(strstr(text, "\"name\": \"two words\"") && strstr(text, "\"threshold\": 2,"));
    free(text);
    T_CHECK(qnt_calibration_save(&g.graph, &c, "xml", path, &error) == -EINVAL);
    T_CHECK(qnt_calibration_save(&g.graph, &c, "json", "/nonexistent-folder/x", &error) == -ENOENT);
    if (access("/dev/full", W_OK) == 0) {
        char beside[sizeof(path) + 20];
        snprintf(beside, sizeof(beside), "%s.%ld.tmp", path, (long)getpid());
        T_CHECK(symlink("/dev/full", beside) == 0);
        T_CHECK(qnt_calibration_save(&g.graph, &c, "json", path, &error) == -ENOSPC);
        unlink(beside);
        struct stat st;
        unlink(path);
        T_CHECK(symlink("/dev/full", path) == 0);
        T_CHECK(qnt_calibration_save(&g.graph, &c, "json", path, &error) == -ENOSPC);
        T_CHECK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
    }
    qnt_calibration_clear(&c);
    qnt_graph_free(&g.graph);
}

int main(int argc, char **argv)
{
    struct t_graph g;

    t_begin(argc, argv);
    if (!mkdtemp(folder))
        t_skip("no temporary folder");
    snprintf(path, sizeof(path), "%s/file", folder);
    write_images();
    struct qnt_dataset *set = open_images(127.5f, 1 / 64.f);
    make(&g);
    check_calibrate(&g, set);
    check_threads(&g, set);
    check_refusals(&g, set);
    qnt_dataset_close(set);
    check_round_trip(&g);
    check_damaged(&g);
    check_ncnn();
    qnt_graph_free(&g.graph);
    unlink(path);
    rmdir(folder);
    return t_end();
}
