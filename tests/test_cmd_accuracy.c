/* `quern graph`, `calibrate`, `accuracy`, `kl`, `quantize` and `run` on a network whose every value
 * can be told by hand; their JSON is parsed.
 *
 *     test_cmd_accuracy QUERN
 *
 * On an image of one grey, v: y = relu(v, v / 2), both averaged over the image, then the scores
 * v and 4 (v / 2) - 100. So class 1 from v = 100 on. */
#include <json-c/json.h>
#include <math.h>

#include "tests/t_ncnn.h"
#include "tests/t_quern.h"

enum { IMAGES = 12 };
static const int greys[IMAGES] = { 10, 30, 50, 70, 90, 98, 102, 120, 150, 180, 220, 250 };

static void write_file(const char *name, const void *data, size_t bytes)
{
    char path[400];

    snprintf(path, sizeof path, "%s/%s", base, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0)
        abort();
}

static void write_model(void)
{
    struct t_ncnn m = { 0 };

    t_ncnn_line(&m, "Input data 0 1 data 0=2 1=2 2=1");
    t_ncnn_line(&m, "Convolution two 1 1 data y 0=2 1=1 5=1 6=2 9=1");
    t_ncnn_tagged(&m, 0, (float[]) { 1, 0.5f }, 2);
    t_ncnn_floats(&m, (float[]) { 0, 0 }, 2);
    t_ncnn_line(&m, "Pooling mean 1 1 y z 0=1 4=1");
    t_ncnn_line(&m, "InnerProduct scores 1 1 z s 0=2 1=1 2=4");
    t_ncnn_tagged(&m, 0, (float[]) { 1, 0, 0, 4 }, 4);
    t_ncnn_floats(&m, (float[]) { 0, -100 }, 2);
    struct t_bytes text = t_ncnn_text(&m);
    write_file("net.param", text.data, text.size);
    write_file("net.bin", m.bin.data, m.bin.size);
    free(text.data);
    t_ncnn_clear(&m);
}

/* Every image is of one grey; the first and the last have the wrong class. */
static void write_images(void)
{
    char labels[IMAGES * 40] = "", list[IMAGES * 40] = "", name[20];

    for (int i = 0; i < IMAGES; i++) {
        uint8_t file[32];
        int head = snprintf((char *)file, sizeof file, "P5 2 2 255\n");
        memset(file + head, greys[i], 4);
        snprintf(name, sizeof name, "i%02d.pgm", i);
        write_file(name, file, (size_t)head + 4);
        int right = greys[i] > 100, wrong = i == 0 || i == IMAGES - 1;
        snprintf(labels + strlen(labels), 30, "%s\t%d\n", name, wrong ? !right : right);
        snprintf(list + strlen(list), 30, "%s\n", name);
    }
    write_file("labels.tsv", labels, strlen(labels));
    write_file("list.txt", list, strlen(list));
}

/* ---- JSON: what QUERN printed last, from its first brace on */

static struct json_object *parsed(void)
{
    const char *brace = strchr(output, '{');
    struct json_object *all = brace ? json_tokener_parse(brace) : NULL;

    if (!T_CHECK(all != NULL)) {
        printf("  no JSON: %s\n", output);
        exit(1);
    }
    return all;
}

static struct json_object *member(struct json_object *of, const char *key)
{
    struct json_object *found = NULL;

    if (!T_CHECK(json_object_object_get_ex(of, key, &found)))
        printf("  nothing is called %s\n", key);
    return found;
}

static double number(struct json_object *of, const char *key)
{
    return json_object_get_double(member(of, key));
}

/* The element of a list whose `key` is `value`. */
static struct json_object *named(struct json_object *list, const char *key, const char *value)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (strcmp(json_object_get_string(member(one, key)), value) == 0)
            return one;
    }
    if (!T_CHECK(!"an element of that name"))
        printf("  %s\n", value);
    exit(1);
}

/* ---- The verbs */

static void test_graph(void)
{
    EXPECT(QUERN("graph", "net.param", "--json"), 0, "\"nodes\"");
    struct json_object *all = parsed(), *nodes = member(all, "nodes");
    T_CHECK(json_object_array_length(nodes) == 4 && number(all, "output") == 3);
    struct json_object *two = named(nodes, "name", "two");
    T_CHECK(number(two, "macs") == 8 && number(two, "h") == 2 && number(two, "c") == 2);
    T_CHECK(strcmp(json_object_get_string(member(two, "clamp")), "relu") == 0);
    T_CHECK(number(named(nodes, "name", "scores"), "macs") == 4);
    json_object_put(all);
}

static void test_calibrate(void)
{
    EXPECT(QUERN("calibrate", "net.param", "--images=list.txt", "--method=max", "--json"), 0, "{");
    struct json_object *all = parsed(), *tensors = member(all, "tensors");
    T_CHECK(number(all, "images") == IMAGES);
    T_CHECK(number(named(tensors, "name", "data"), "threshold") == 250);
    T_CHECK(number(named(tensors, "name", "two"), "absmax") == 250);
    T_CHECK(number(named(tensors, "name", "mean"), "threshold") == 250);
    json_object_put(all);
    EXPECT(QUERN("calibrate", "net.param", "--images=list.txt", "--count=2"), 0, "are too few");
    EXPECT(QUERN("calibrate", "net.param", "--images=list.txt", "--count=99"), 1, "only 12");
    EXPECT(QUERN("calibrate", "net.param", "--images=list.txt", "--correct-bias", "-o", "x",
                 "--format=ncnn"),
           2, "--format=quern");
}

/* Rounding to 255ths of 250 is off by at most half a step, 0.49, in the input; both scores agree in
 * their order where |v - 100| is more than what that makes, as it is here. */
static void test_accuracy(void)
{
    EXPECT(QUERN("accuracy", "net.param", "--calibration-images=list.txt",
                 "--images=list.txt:labels.tsv", "--layer-images=12", "--keep=1", "--equalise",
                 "--correct-bias", "--residual-16", "--json"),
           0, "{");
    struct json_object *all = parsed(), *methods = member(all, "methods");
    static const char *const rows[] = { "max",
                                        "mse",
                                        "auto",
                                        "auto, equalised",
                                        "auto, bias corrected",
                                        "auto, residual 16 bits",
                                        "auto, all of these" };
    const double right = 100.0 * (IMAGES - 2) / IMAGES;

    T_CHECK(number(all, "images") == IMAGES);
    T_CHECK(fabs(number(named(methods, "name", "fp32"), "top1") - right) < 1e-3);
    T_CHECK(number(named(methods, "name", "fp32"), "top5") == 100); /* of two classes */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json_object *row = named(methods, "name", rows[i]);
        T_CHECK(fabs(number(row, "top1") - right) < 1e-3 && number(row, "agree") == 100);
        T_CHECK(number(row, "sqnr_db") > 35 && number(row, "sqnr_db") < 70);
        T_CHECK(number(row, "cosine") > 0.999 && number(row, "unsound_thresholds") == 0);
    }
    struct json_object *layers = member(all, "layers");
    T_CHECK(json_object_array_length(layers) == 4); /* all but moves round */
    for (size_t i = 0; i < json_object_array_length(layers); i++) {
        struct json_object *l = json_object_array_get_idx(layers, i);
        T_CHECK(number(l, "alone_db") > number(all, "all_int8_db") - 1e-9);
        T_CHECK(i == 0 || number(l, "alone_db") >=
                              number(json_object_array_get_idx(layers, i - 1), "alone_db"));
    }
    struct json_object *kept = member(all, "kept");
    T_CHECK(json_object_array_length(kept) == 2);
    T_CHECK(fabs(number(json_object_array_get_idx(kept, 0), "sqnr_db") -
                 number(all, "all_int8_db")) < 1e-3);
    json_object_put(all);
    EXPECT(QUERN("accuracy", "net.param", "--calibration-images=list.txt", "--images=list.txt"), 0,
           "without classes");
}

static double plogp(double p, double q)
{
    return p * log(p / q);
}

/* The sums of the principle, from the distributions that it prints; and the histogram of a layer,
 * whose values are known. */
static void test_kl(void)
{
    EXPECT(QUERN("kl", "--outcomes=5", "--seed=7", "--json"), 0, "\"unit\": \"nat\"");
    struct json_object *all = parsed(), *outcomes = member(all, "outcomes");
    double sum = 0, entropy = 0, kl = 0, reverse = 0;
    T_CHECK(json_object_array_length(outcomes) == 5);
    for (size_t i = 0; i < 5; i++) {
        struct json_object *o = json_object_array_get_idx(outcomes, i);
        double p = number(o, "p"), q = number(o, "q");
        sum += p;
        entropy -= plogp(p, 1);
        kl += plogp(p, q);
        reverse += plogp(q, p);
    }
    T_CHECK(fabs(sum - 1) < 1e-7 && fabs(number(all, "entropy") - entropy) < 1e-6);
    T_CHECK(fabs(number(all, "kl") - kl) < 1e-6 &&
            fabs(number(all, "kl_reverse") - reverse) < 1e-6);
    T_CHECK(fabs(number(all, "cross_entropy") - entropy - kl) < 1e-6);
    json_object_put(all);

    EXPECT(QUERN("kl", "net.param", "--images=list.txt", "--layer=scores", "--json"), 2,
           "no threshold");
    EXPECT(QUERN("kl", "net.param", "--images=list.txt", "--layer=data", "--json"), 0, "{");
    all = parsed();
    struct json_object *bins = member(all, "bins");
    T_CHECK(number(all, "absmax") == 250 && json_object_array_length(bins) == 2048);
    for (int i = 0; i < IMAGES; i++) {
        int bin = (int)((float)greys[i] / 250 * 2048);
        bin = bin < 2047 ? bin : 2047;
        T_CHECK(json_object_get_int(json_object_array_get_idx(bins, (size_t)bin)) == 4);
    }
    struct json_object *max = named(member(all, "methods"), "method", "max");
    T_CHECK(number(max, "threshold") == 250 && number(max, "clipped") == 0);
    json_object_put(all);
}

/* Thresholds with changes come back through a file, into a network and into a run. */
static void test_files(void)
{
    EXPECT(QUERN("calibrate", "net.param", "--images=list.txt", "--equalise", "--correct-bias",
                 "-o", "net.cal"),
           0, "wrote net.cal");
    EXPECT(QUERN("quantize", "net.param", "--calibration=net.cal", "-o", "net.qrn"), 0, "wrote");
    EXPECT(QUERN("run", "net.qrn", "--against=net.param", "--builtin", "--json",
                 "--images=list.txt:labels.tsv"),
           0, "\"agree\": 100");
    EXPECT(QUERN("run", "net.param", "--calibration=net.cal", "--builtin", "--json",
                 "--images=list.txt:labels.tsv"),
           0, "\"agree\": 100");
    EXPECT(QUERN("run", "net.qrn", "--builtin", "--json", "--images=list.txt", "--counters"), 0,
           "\"cycles\": "); /* a number, or null where there is no PMU */
    EXPECT(QUERN("run", "net.qrn", "--builtin", "--json", "--images=list.txt"), 0,
           "\"top1\": null"); /* no classes, and one network alone */
    struct json_object *all = parsed();
    T_CHECK(json_object_array_length(member(all, "accuracy")) == 1);
    json_object_put(all);
    EXPECT(QUERN("run", "net.qrn", "--images=list.txt", "--counters", "--threads=2"), 2,
           "--counters");
    EXPECT(QUERN("quantize", "net.param", "--calibration=net.cal", "-o", "x", "--format=tensorrt"),
           1, "holds no weights");
    EXPECT(QUERN("quantize", "net.param", "--calibration=net.cal", "-o", "x", "--format=onnx",
                 "--residual-16"),
           2, "--residual-16");
}

/* Rows of files: thresholds, and the same model as another engine's file with its own thresholds,
 * in the place of a retrained one. */
static void test_rows_of_files(void)
{
    EXPECT(QUERN("calibrate", "net.param", "--images=list.txt", "--method=max", "-o", "net.cal"), 0,
           "wrote net.cal");
    EXPECT(QUERN("quantize", "net.param", "--calibration=net.cal", "-o", "again.onnx",
                 "--format=onnx"),
           0, "wrote");
    EXPECT(QUERN("calibrate", "again.onnx", "--images=list.txt", "--method=mse", "-o", "again.cal"),
           0, "wrote");
    EXPECT(QUERN("accuracy", "net.param", "--calibration-images=list.txt",
                 "--images=list.txt:labels.tsv", "--calibration=net.cal", "--retrained=again",
                 "--json"),
           0, "{");
    struct json_object *all = parsed(), *methods = member(all, "methods");
    struct json_object *max = named(methods, "name", "max");
    struct json_object *file = named(methods, "name", "net.cal");
    T_CHECK(number(file, "sqnr_db") == number(max, "sqnr_db"));
    struct json_object *again = named(methods, "name", "again");
    T_CHECK(number(again, "sqnr_db") > 30 && number(again, "sqnr_db") != number(max, "sqnr_db"));
    T_CHECK(number(again, "agree") == 100);
    json_object_put(all);
    EXPECT(QUERN("accuracy", "net.param", "--calibration-images=list.txt", "--images=list.txt",
                 "--retrained=nowhere"),
           1, "nowhere.onnx");
    EXPECT(QUERN("accuracy", "net.param", "--calibration-images=list.txt", "--images=list.txt",
                 "--mean=3", "--calibration=net.cal"),
           0, "net.cal"); /* what is said here counts */
    write_file("net.cal", "quern calibration 1\nimages", 26);
    EXPECT(QUERN("accuracy", "net.param", "--calibration-images=list.txt", "--images=list.txt",
                 "--calibration=net.cal"),
           1, "net.cal");
    EXPECT(QUERN("accuracy", "net.param", "--label-offset=200000"), 2, "no class");
    EXPECT(QUERN("accuracy", "net.param", "--calibration-count=-1"), 2, "to calibrate on");
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 2)
        t_skip("needs the program `quern` as an argument");
    quern = realpath(argv[1], NULL); /* it is run from another folder */
    if (!T_CHECK(quern != NULL))
        return t_end();
    t_folder(base, sizeof base);
    write_model();
    write_images();
    test_graph();
    test_calibrate();
    test_accuracy();
    test_kl();
    test_files();
    test_rows_of_files();
    t_remove(base);
    free(quern);
    return t_end();
}
