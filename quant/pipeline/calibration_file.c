/* Thresholds as text. Writing: a table of formats. Reading: Quern's own, line by line:
 *
 *     quern calibration 1
 *     images COUNT
 *     pixels ORDER MEAN... NORM...      (of each of QNT_CHANNELS_MAX channels)
 *     tensor THRESHOLD METHOD ABSMAX CLIPPED DIVERGENCE MSE BEST_MSE SUSPICIOUS NAME...
 *     factors VALUE,VALUE... NAME...    (of the channels that node NAME gives)
 *     biases VALUE,VALUE... NAME...
 *
 * NAME is the rest of the line. '#' begins a comment line. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/adjust.h"
#include "quant/pipeline/pipeline_int.h"
#include "quant/pipeline/save.h"

static double absmax_of(const struct qnt_calibration *c, int32_t i)
{
    return c->histograms ? (double)c->histograms[i].absmax : 0;
}

static void write_channels(const char *word, const struct qnt_node *n, const float *values,
                           FILE *file)
{
    if (!values)
        return;
    fputs(word, file);
    for (int32_t c = 0; c < n->c; c++)
        fprintf(file, "%c%.9g", c ? ',' : ' ', (double)values[c]);
    fprintf(file, " %s\n", n->name);
}

static int write_quern(const struct qnt_graph *graph, const struct qnt_calibration *c, void *to)
{
    FILE *file = to;

    fprintf(file,
            "quern calibration 1\n# of %s: threshold method absmax clipped divergence mse best-mse "
            "suspicious name\nimages %zu\n",
            qnt_short_name(graph), c->images);
    fprintf(file, "pixels %s", qnt_order_names[c->pixels.order]);
    for (int i = 0; i < QNT_CHANNELS_MAX; i++)
        fprintf(file, " %.9g", (double)c->pixels.mean[i]);
    for (int i = 0; i < QNT_CHANNELS_MAX; i++)
        fprintf(file, " %.9g", (double)c->pixels.norm[i]);
    fputc('\n', file);
    for (int32_t i = 0; i < graph->count; i++) {
        const struct qnt_threshold *t = &c->tensors[i];
        if (strpbrk(graph->nodes[i].name, "\n\r"))
            return -EINVAL;
        fprintf(file, "tensor %.9g %s %.9g %.9g %.9g %.9g %.9g %d %s\n", (double)t->threshold,
                qnt_methods[t->used].name, absmax_of(c, i), t->clipped, t->divergence, t->mse,
                t->best_mse, t->suspicious, graph->nodes[i].name);
    }
    for (int32_t i = 0; c->adjustments && i < graph->count; i++) {
        write_channels("factors", &graph->nodes[i], c->adjustments[i].factor, file);
        write_channels("biases", &graph->nodes[i], c->adjustments[i].bias, file);
    }
    return 0;
}

/* ncnn: the weights' scales of every layer, then the scale of every layer's input. A dead channel,
 * whose scale has no value, gets 0, which the runtime reads as "contributes nothing". */
static int write_ncnn(const struct qnt_graph *graph, const struct qnt_calibration *c, void *to)
{
    FILE *file = to;

    for (int32_t i = 0; i < graph->count; i++) {
        const struct qnt_node *n = &graph->nodes[i];
        if (!qnt_ncnn_quantises(n))
            continue;
        if (n->name[0] == 0 || strlen(n->name) > 240 || strpbrk(n->name, " \t\n\r"))
            return -EINVAL;
        float *scales;
        const int count = qnt_ncnn_scales(n, &scales);
        fprintf(file, "%s_param_0 ", n->name);
        for (int k = 0; k < count; k++)
            fprintf(file, "%f ", (double)scales[k]);
        free(scales);
        if (count < 0)
            return count;
        fputc('\n', file);
    }
    for (int32_t i = 0; i < graph->count; i++) {
        const struct qnt_node *n = &graph->nodes[i];
        if (qnt_ncnn_quantises(n))
            fprintf(file, "%s %f \n", n->name,
                    (double)(QNT_LEVELS / c->tensors[n->inputs[0]].threshold));
    }
    return 0;
}

/* A calibration cache of TensorRT: of every tensor its scale, as the bits of a float. */
static int write_tensorrt(const struct qnt_graph *graph, const struct qnt_calibration *c, void *to)
{
    FILE *file = to;

    fputs("TRT-8205-EntropyCalibration2\n", file);
    for (int32_t i = 0; i < graph->count; i++) {
        const char *name = graph->nodes[i].tensor ? graph->nodes[i].tensor : graph->nodes[i].name;
        float scale = c->tensors[i].threshold / QNT_LEVELS;
        uint32_t bits;
        if (name[0] == 0 || strpbrk(name, "\n\r") || strstr(name, ": "))
            return -EINVAL;
        memcpy(&bits, &scale, sizeof(bits));
        fprintf(file, "%s: %08x\n", name, bits);
    }
    return 0;
}

static void write_json_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(file, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(file, "\\u%04x", *p);
        else
            fputc(*p, file);
    }
    fputc('"', file);
}

static int write_json(const struct qnt_graph *graph, const struct qnt_calibration *c, void *to)
{
    FILE *file = to;

    fprintf(file, "{\n  \"model\": ");
    write_json_string(file, qnt_short_name(graph));
    fprintf(file, ",\n  \"images\": %zu,\n  \"tensors\": [", c->images);
    for (int32_t i = 0; i < graph->count; i++) {
        const struct qnt_threshold *t = &c->tensors[i];
        fprintf(file, "%s\n    {\"name\": ", i ? "," : "");
        write_json_string(file, graph->nodes[i].name);
        fprintf(file,
                ", \"operator\": \"%s\", \"absmax\": %.9g, \"threshold\": %.9g, \"scale\": %.9g, "
                "\"method\": \"%s\", \"clipped\": %.9g, \"divergence\": %.9g, \"mse\": %.9g, "
                "\"suspicious\": %s}",
                qnt_op_names[graph->nodes[i].op], absmax_of(c, i), (double)t->threshold,
                (double)t->threshold / QNT_LEVELS, qnt_methods[t->used].name, t->clipped,
                t->divergence, t->mse, t->suspicious ? "true" : "false");
    }
    fprintf(file, "\n  ]\n}\n");
    return 0;
}

const struct qnt_calibration_format qnt_calibration_formats[] = {
    { "quern", "Quern's own, which quantize reads", write_quern },
    { "ncnn", "a .table for ncnn2int8", write_ncnn },
    { "tensorrt", "a calibration cache of TensorRT", write_tensorrt },
    { "json", "everything, for scripts", write_json },
};
const size_t qnt_calibration_format_count =
    sizeof(qnt_calibration_formats) / sizeof(qnt_calibration_formats[0]);

static const struct qnt_calibration_format *find_format(const char *name)
{
    for (size_t i = 0; i < qnt_calibration_format_count; i++)
        if (strcmp(qnt_calibration_formats[i].name, name) == 0)
            return &qnt_calibration_formats[i];
    return NULL;
}

int qnt_calibration_save(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                         const char *format, const char *path, struct qnt_error *error)
{
    const struct qnt_calibration_format *f = find_format(format);
    struct qnt_save save;

    if (!f)
        return qnt_error_set(error, -EINVAL, "no calibration format \"%s\"", format);
    int result = qnt_save_open(&save, path), unfit = 0;
    if (result == 0)
        result = unfit = f->write(graph, calibration, save.file);
    result = qnt_save_close(&save, result);
    if (unfit)
        return qnt_error_set(error, result, "%s: a name in the model does not fit the format %s",
                             path, format);
    if (result != 0)
        qnt_error_set(error, result, "%s: cannot write it: %s", path, strerror(-result));
    return result;
}

/* ---- reading */

struct reader {
    const struct qnt_graph *graph;
    struct qnt_calibration *out;
    uint8_t *seen; /* by node */
    const char *path;
    long line;
    struct qnt_error *error;
};

static int fail_line(const struct reader *r, const char *what)
{
    return qnt_error_set(r->error, -EINVAL, "%s: line %ld: %s", r->path, r->line, what);
}

/* The next word, cut off in place; NULL at the end. */
static char *next_word(char **at)
{
    char *word = *at, *end = strchr(word, ' ');

    if (*word == 0)
        return NULL;
    *at = end ? end + 1 : word + strlen(word);
    if (end)
        *end = 0;
    return word;
}

static int next_number(char **at, double *out)
{
    char *word = next_word(at), *end;

    if (!word || *word == 0)
        return -EINVAL;
    *out = strtod(word, &end);
    return *end == 0 && isfinite(*out) ? 0 : -EINVAL;
}

static int read_tensor(struct reader *r, char *at)
{
    double threshold, absmax, suspicious;
    struct qnt_threshold t = { 0 };
    int method = -1, bad = next_number(&at, &threshold);
    char *name = bad ? NULL : next_word(&at);

    if (name)
        method = qnt_method_find(name);
    if (method < 0)
        return fail_line(r, "should be: tensor THRESHOLD METHOD and seven more");
    bad = next_number(&at, &absmax) || next_number(&at, &t.clipped) ||
          next_number(&at, &t.divergence) || next_number(&at, &t.mse) ||
          next_number(&at, &t.best_mse) || next_number(&at, &suspicious);
    t.threshold = (float)threshold;
    t.used = (enum qnt_method)method;
    if (bad || !(t.threshold > 1e-30f && t.threshold < 1e30f))
        return fail_line(r, "a number is missing or out of range");
    t.suspicious = suspicious != 0;
    int32_t node = qnt_graph_find(r->graph, at);
    if (node < 0)
        return qnt_error_set(r->error, -EINVAL,
                             "%s: line %ld: the model has no tensor \"%s\": the file is of another "
                             "model",
                             r->path, r->line, at);
    if (r->seen[node])
        return fail_line(r, "this tensor has had its line");
    r->seen[node] = 1;
    r->out->tensors[node] = t;
    return 0;
}

static int read_images(struct reader *r, char *at)
{
    double images;

    if (next_number(&at, &images) || images < 0 || images > 1e15)
        return fail_line(r, "should be: images COUNT");
    r->out->images = (size_t)images;
    return 0;
}

static int read_pixels(struct reader *r, char *at)
{
    struct qnt_pixels *p = &r->out->pixels;
    char *order = next_word(&at);
    double value = 0;
    int bad = 0;

    p->order = -1;
    for (int i = 0; order && i < QNT_ORDER_COUNT; i++)
        if (strcmp(order, qnt_order_names[i]) == 0)
            p->order = i;
    for (int i = 0; i < 2 * QNT_CHANNELS_MAX; i++) {
        bad |= next_number(&at, &value);
        (i < QNT_CHANNELS_MAX ? p->mean : p->norm)[i % QNT_CHANNELS_MAX] = (float)value;
    }
    if (bad || p->order < 0) {
        *p = qnt_pixels_plain();
        return fail_line(r, "should be: pixels RGB or BGR, four means, four norms");
    }
    return 0;
}

/* "VALUE,VALUE..." of exactly `count` values. */
static int parse_values(char *text, int32_t count, int positive, float *out)
{
    char *end = text;

    for (int32_t c = 0; c < count; c++, text = end + 1) {
        double value = strtod(text, &end);
        out[c] = (float)value;
        if (end == text || *end != (c + 1 < count ? ',' : 0) || !isfinite(out[c]) ||
            (positive && !(value > 1e-10 && value < 1e10)))
            return -EINVAL;
    }
    return 0;
}

/* The list of values, and of which node. */
static int read_channels(struct reader *r, char *at, int are_factors)
{
    char *values = next_word(&at);
    const int32_t node = values ? qnt_graph_find(r->graph, at) : -1;

    if (node < 0 || !qnt_is_convolution(&r->graph->nodes[node]))
        return fail_line(r, "should be: numbers parted by commas, a layer of weights of the model");
    if (!r->out->adjustments)
        r->out->adjustments = calloc((size_t)r->graph->count, sizeof(*r->out->adjustments));
    if (!r->out->adjustments)
        return qnt_error_set(r->error, -ENOMEM, "%s: out of memory", r->path);
    float **place =
        are_factors ? &r->out->adjustments[node].factor : &r->out->adjustments[node].bias;
    const int32_t count = r->graph->nodes[node].c;
    if (*place)
        return fail_line(r, "this layer has had its line");
    *place = calloc((size_t)count, sizeof(**place));
    if (!*place)
        return qnt_error_set(r->error, -ENOMEM, "%s: out of memory", r->path);
    if (parse_values(values, count, are_factors, *place) != 0)
        return fail_line(r, "not one number for each channel of that layer, or out of range");
    return 0;
}

static int read_factors(struct reader *r, char *at)
{
    return read_channels(r, at, 1);
}

static int read_biases(struct reader *r, char *at)
{
    return read_channels(r, at, 0);
}

static const struct {
    const char *word;
    int (*read)(struct reader *r, char *rest);
} lines[] = { { "tensor", read_tensor },
              { "images", read_images },
              { "pixels", read_pixels },
              { "factors", read_factors },
              { "biases", read_biases } };

static int read_line(struct reader *r, char *line)
{
    if (r->line == 1)
        return strcmp(line, "quern calibration 1") == 0
                   ? 0
                   : fail_line(r, "not a calibration of Quern's (its format \"quern\", version 1)");
    if (line[0] == 0 || line[0] == '#')
        return 0;
    char *rest = line, *word = next_word(&rest);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (strcmp(lines[i].word, word) == 0)
            return lines[i].read(r, rest);
    return fail_line(r, "begins with none of tensor, images, pixels, factors, biases");
}

static int read_lines(struct reader *r, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int result = 0;

    while (result == 0 && (length = getline(&line, &capacity, file)) >= 0) {
        r->line++;
        if (length > 0 && line[length - 1] == '\n')
            line[--length] = 0;
        result = strlen(line) == (size_t)length ? read_line(r, line)
                                                : fail_line(r, "has a NUL character in it");
    }
    free(line);
    if (result == 0 && ferror(file))
        return qnt_error_set(r->error, -EIO, "%s: cannot read it", r->path);
    if (result == 0 && r->line == 0)
        return qnt_error_set(r->error, -EINVAL, "%s: empty", r->path);
    for (int32_t i = 0; i < r->graph->count && result == 0; i++)
        if (!r->seen[i])
            result = qnt_error_set(r->error, -EINVAL, "%s: has no line for tensor \"%s\"", r->path,
                                   r->graph->nodes[i].name);
    return result;
}

int qnt_calibration_load(const struct qnt_graph *graph, const char *path,
                         struct qnt_calibration *out, struct qnt_error *error)
{
    struct reader r = { .graph = graph, .out = out, .path = path, .error = error };
    FILE *file = fopen(path, "re");
    int result;

    *out = (struct qnt_calibration) { .count = graph->count, .pixels = graph->pixels };
    if (!file)
        return qnt_error_set(error, -errno, "%s: %s", path, strerror(errno));
    out->tensors = calloc((size_t)graph->count, sizeof(*out->tensors));
    r.seen = calloc((size_t)graph->count, 1);
    result = out->tensors && r.seen ? read_lines(&r, file)
                                    : qnt_error_set(error, -ENOMEM, "%s: out of memory", path);
    fclose(file);
    free(r.seen);
    if (result != 0)
        qnt_calibration_clear(out);
    return result;
}
