/* An int8 model for ncnn. A tensor of the graph is one blob of three dimensions (but for vectors
 * that only inner products read); where several layers read it, a Split stands between. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/sampling.h"
#include "quant/pipeline/output.h"
#include "quant/pipeline/pipeline_int.h"
#include "quant/pipeline/save.h"

enum { NAME_MAX_BYTES = 200, TAG_INT8 = 0x000D4B38 };

struct out {
    const struct qnt_graph *graph;
    const struct qnt_calibration *calibration;
    struct qnt_error *error;
    FILE *lines, *bin;
    int layers, blobs;
    uint8_t *live;
    int *readers, *given; /* by node: how many read its blob, and how many have had theirs */
    const struct qnt_node *node;
    int32_t at; /* index of node */
};

static int refuse(const struct out *o, const char *why)
{
    return qnt_error_set(o->error, -ENOTSUP,
                         "node %s: %s has no layer in ncnn: %s; write another format (--format)",
                         o->node->name, qnt_op_names[o->node->op], why);
}

/* ---- Blobs. The blob of a node has its name; of a node that takes several layers, the first ones
 * end in .1, .2 ... */

/* Writes the name of the blob that the next reader of a node takes. */
static void put_input(struct out *o, int32_t node)
{
    const char *name = o->graph->nodes[node].name;

    if (o->readers[node] > 1)
        fprintf(o->lines, " %s.split.%d", name, o->given[node]++);
    else
        fprintf(o->lines, " %s", name);
}

/* The parts of a node: each layer but the last gives the blob NAME.k to the next one. */
struct parts {
    int count, done;
};

static void begin_layer(struct out *o, struct parts *p, const char *type)
{
    const struct qnt_node *n = o->node;
    const int first = p->done == 0, last = ++p->done == p->count;
    const int32_t inputs = first ? n->input_count : 1;

    o->layers++;
    o->blobs++;
    if (last)
        fprintf(o->lines, "%-24s %s %d 1", type, n->name, inputs);
    else
        fprintf(o->lines, "%-24s %s.%d %d 1", type, n->name, p->done, inputs);
    for (int32_t k = 0; first && k < inputs; k++)
        put_input(o, n->inputs[k]);
    if (!first)
        fprintf(o->lines, " %s.%d", n->name, p->done - 1);
    if (last)
        fprintf(o->lines, " %s", n->name);
    else
        fprintf(o->lines, " %s.%d", n->name, p->done);
}

static void end_layer(struct out *o)
{
    fputc('\n', o->lines);
}

static void put_split(struct out *o)
{
    const char *name = o->node->name;
    const int readers = o->readers[o->at];

    if (readers < 2)
        return;
    fprintf(o->lines, "%-24s %s.split 1 %d %s", "Split", name, readers, name);
    for (int i = 0; i < readers; i++)
        fprintf(o->lines, " %s.split.%d", name, i);
    end_layer(o);
    o->layers++;
    o->blobs += readers;
}

/* ---- Weights */

static void put_bytes(struct out *o, const void *data, size_t bytes)
{
    fwrite(data, 1, bytes, o->bin);
}

/* [oc][taps][ic] -> [oc][ic][taps], as bytes. */
static void put_weights(struct out *o, const float *scale, size_t scale_count)
{
    const struct qnt_node *n = o->node;
    const uint32_t tag = TAG_INT8;
    const size_t oc = (size_t)n->problem.oc, row = n->weight_count / oc;
    const size_t taps = (size_t)n->problem.kh * (size_t)n->problem.kw, ic = row / taps;
    static const uint8_t zeros[4];

    put_bytes(o, &tag, sizeof(tag));
    for (size_t k = 0; k < oc; k++)
        for (size_t i = 0; i < ic; i++)
            for (size_t t = 0; t < taps; t++) {
                const float w = n->weight[(k * taps + t) * ic + i] * scale[k * scale_count / oc];
                const int8_t q = (int8_t)fmaxf(-QNT_LEVELS, fminf(QNT_LEVELS, roundf(w)));
                put_bytes(o, &q, 1);
            }
    put_bytes(o, zeros, (4 - n->weight_count % 4) % 4);
}

int qnt_ncnn_quantises(const struct qnt_node *n)
{
    return qnt_is_convolution(n) &&
           (n->problem.groups == 1 || krn_problem_is_depthwise(&n->problem));
}

int qnt_ncnn_scales(const struct qnt_node *n, float **out)
{
    const struct krn_problem *p = &n->problem;
    const int32_t count = p->groups > 1 ? p->groups : p->oc;
    const size_t part = n->weight_count / (size_t)count;
    float *scales = malloc((size_t)count * sizeof(*scales));

    *out = scales;
    if (!scales)
        return -ENOMEM;
    for (int32_t i = 0; i < count; i++) {
        const float absmax = qnt_absmax(n->weight + (size_t)i * part, part);
        scales[i] = absmax > 0 ? QNT_LEVELS / absmax : 0; /* the runtime: contributes nothing */
    }
    return count;
}

/* Weights as they are, [oc][ic][taps]. */
static void put_floats(struct out *o)
{
    const struct qnt_node *n = o->node;
    const uint32_t tag = 0;
    const size_t oc = (size_t)n->problem.oc, row = n->weight_count / oc;
    const size_t taps = (size_t)n->problem.kh * (size_t)n->problem.kw, ic = row / taps;

    put_bytes(o, &tag, sizeof(tag));
    for (size_t k = 0; k < oc; k++)
        for (size_t i = 0; i < ic; i++)
            for (size_t t = 0; t < taps; t++)
                put_bytes(o, &n->weight[(k * taps + t) * ic + i], sizeof(float));
    put_bytes(o, n->bias, n->bias_count * sizeof(float));
}

static int put_arrays(struct out *o)
{
    const struct qnt_node *n = o->node;
    if (!qnt_ncnn_quantises(n)) {
        put_floats(o);
        return 0;
    }
    const float in = QNT_LEVELS / o->calibration->tensors[n->inputs[0]].threshold;
    float *scales;
    const int count = qnt_ncnn_scales(n, &scales);

    if (count < 0)
        return qnt_error_set(o->error, count, "out of memory");
    put_weights(o, scales, (size_t)count);
    put_bytes(o, n->bias, n->bias_count * sizeof(float));
    put_bytes(o, scales, (size_t)count * sizeof(float));
    put_bytes(o, &in, sizeof(in));
    free(scales);
    return 0;
}

/* ---- Layers: each writes the parameters of the layer that stands for its operator. To ncnn a
 * number without point and exponent is an integer, which must not stand where a float is meant, and
 * one of more than 15 characters is none. */

static void put_activation(struct out *o)
{
    const struct qnt_node *n = o->node;

    if (n->lo == 0 && isinf(n->hi))
        fprintf(o->lines, " 9=1");
    else if (!isinf(n->lo) || !isinf(n->hi))
        fprintf(o->lines, " 9=3 -23310=2,%.8e,%.8e", fmax(-1e30, (double)n->lo),
                fmin(1e30, (double)n->hi));
}

static int32_t end_padding(int32_t out, int32_t stride, int32_t extent, int32_t begin, int32_t in)
{
    const int32_t end = (out - 1) * stride + extent - begin - in;
    return end > 0 ? end : 0;
}

static int put_conv(struct out *o)
{
    const struct qnt_node *n = o->node;
    const struct krn_problem *p = &n->problem;
    const int32_t right = end_padding(p->ow, p->sw, (p->kw - 1) * p->dw + 1, p->pw, p->iw);
    const int32_t bottom = end_padding(p->oh, p->sh, (p->kh - 1) * p->dh + 1, p->ph, p->ih);

    fprintf(o->lines, " 0=%d 1=%d 11=%d 2=%d 12=%d 3=%d 13=%d 4=%d 14=%d 15=%d 16=%d", p->oc, p->kw,
            p->kh, p->dw, p->dh, p->sw, p->sh, p->pw, p->ph, right, bottom);
    fprintf(o->lines, " 5=%d 6=%zu", n->bias_count > 0, n->weight_count);
    if (p->groups > 1)
        fprintf(o->lines, " 7=%d", p->groups);
    if (qnt_ncnn_quantises(n))
        fprintf(o->lines, " 8=%d", p->groups > 1 ? 1 : 2);
    put_activation(o);
    return put_arrays(o);
}

static int put_linear(struct out *o)
{
    const struct qnt_node *n = o->node;

    fprintf(o->lines, " 0=%d 1=%d 2=%zu 8=2", n->c, n->bias_count > 0, n->weight_count);
    put_activation(o);
    return put_arrays(o);
}

static int put_input_layer(struct out *o)
{
    fprintf(o->lines, " 0=%d 1=%d 2=%d", o->node->w, o->node->h, o->node->c);
    return 0;
}

static int put_binary(struct out *o)
{
    fprintf(o->lines, " 0=%d", o->node->op == QNT_OP_MUL ? 2 : 0);
    return 0;
}

static int put_pool(struct out *o)
{
    const struct qnt_node *n = o->node, *in = &o->graph->nodes[n->inputs[0]];
    const struct qnt_window *w = &n->window;

    fprintf(o->lines, " 0=%d 1=%d 11=%d 2=%d 12=%d 3=%d 13=%d 14=%d 15=%d 5=1 6=%d",
            n->op == QNT_OP_AVGPOOL, w->kw, w->kh, w->sw, w->sh, w->pw, w->ph,
            end_padding(n->w, w->sw, w->kw, w->pw, in->w),
            end_padding(n->h, w->sh, w->kh, w->ph, in->h), w->whole != 0);
    return 0;
}

static int put_global(struct out *o)
{
    fprintf(o->lines, " 0=1 4=1");
    return 0;
}

static int put_concat(struct out *o)
{
    fprintf(o->lines, " 0=0");
    return 0;
}

static int put_shape(struct out *o)
{
    fprintf(o->lines, " 0=%d 1=%d 2=%d", o->node->w, o->node->h, o->node->c);
    return 0;
}

static int is_relu(const struct qnt_node *n)
{
    return n->lo == 0 && isinf(n->hi);
}

static int put_clip(struct out *o)
{
    if (is_relu(o->node))
        return 0;
    fprintf(o->lines, " 0=%.8e 1=%.8e", fmax(-3e38, (double)o->node->lo),
            fmin(3e38, (double)o->node->hi));
    return 0;
}

static int put_slice(struct out *o)
{
    const struct qnt_node *n = o->node;
    const int32_t *b = n->place.begin;

    for (int k = 0; k < 3; k++)
        if (n->place.step[k] != 1)
            return refuse(o, "it takes every second element, or fewer");
    fprintf(o->lines, " -23309=3,%d,%d,%d -23310=3,%d,%d,%d -23311=3,0,1,2", b[2], b[0], b[1],
            b[2] + n->c, b[0] + n->h, b[1] + n->w);
    return 0;
}

static int put_pad(struct out *o)
{
    const struct qnt_node *n = o->node, *in = &o->graph->nodes[n->inputs[0]];
    const int32_t *b = n->place.begin;

    fprintf(o->lines, " 0=%d 1=%d 2=%d 3=%d 4=0 5=%.8e 7=%d 8=%d", b[0], n->h - in->h - b[0], b[1],
            n->w - in->w - b[1], (double)n->fill, b[2], n->c - in->c - b[2]);
    return 0;
}

static int put_permute(struct out *o)
{
    static const int32_t orders[6][3] = { { 0, 1, 2 }, { 1, 0, 2 }, { 2, 1, 0 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 0, 2, 1 } };

    for (int i = 0; i < 6; i++)
        if (memcmp(orders[i], o->node->place.begin, sizeof(orders[i])) == 0)
            fprintf(o->lines, " 0=%d", i);
    return 0;
}

static int put_upsample(struct out *o)
{
    const struct qnt_node *n = o->node, *in = &o->graph->nodes[n->inputs[0]];

    fprintf(o->lines, " 0=1 1=%d.0 2=%d.0", n->h / in->h, n->w / in->w);
    return 0;
}

static int put_shuffle(struct out *o)
{
    fprintf(o->lines, " 0=%d", o->node->place.begin[2]);
    return 0;
}

static int put_resize(struct out *o)
{
    const struct qnt_node *n = o->node;
    const enum qnt_grid grid = qnt_sampling_grid(n, &o->graph->nodes[n->inputs[0]]);

    if (grid == QNT_GRID_COUNT || (grid == QNT_GRID_BEGINS) != n->sampling.nearest)
        return refuse(o, "its pixels are not where those of an Interp are");
    fprintf(o->lines, " 0=%d 3=%d 4=%d 6=%d", n->sampling.nearest ? 1 : 2, n->h, n->w,
            grid == QNT_GRID_CORNERS);
    return 0;
}

static int put_lrn(struct out *o)
{
    const struct qnt_lrn *l = &o->node->lrn;

    fprintf(o->lines, " 0=0 1=%d 2=%.8e 3=%.8e 4=%.8e", l->size, (double)l->alpha,
            (double)l->quarters / 4, (double)l->bias);
    return 0;
}

static int put_depth_to_space(struct out *o)
{
    const struct qnt_node *n = o->node, *in = &o->graph->nodes[n->inputs[0]];

    if (n->h / in->h != n->w / in->w)
        return refuse(o, "its blocks of pixels are not square");
    fprintf(o->lines, " 0=%d 1=1", n->h / in->h);
    return 0;
}

static int put_function(struct out *o)
{
    const struct qnt_node *n = o->node;

    if (n->function == QNT_FN_LEAKY || n->function == QNT_FN_ELU)
        fprintf(o->lines, " 0=%.8e", (double)n->alpha);
    if (n->function == QNT_FN_HARDSIGMOID || n->function == QNT_FN_HARDSWISH)
        fprintf(o->lines, " 0=%.8e 1=%.8e", (double)n->alpha, (double)n->beta);
    if (n->function == QNT_FN_LINE)
        fprintf(o->lines, " 0=2 1=1 2=%.8e", (double)n->gain);
    return 0;
}

/* What was folded into a function, behind it: a line is its own factor. */
static int has_gain(const struct qnt_node *n)
{
    return n->op == QNT_OP_FUNCTION && n->function != QNT_FN_LINE && n->gain != 1;
}

static int has_shift(const struct qnt_node *n)
{
    return n->op == QNT_OP_FUNCTION && n->shift != 0;
}

static void put_with_number(struct out *o, struct parts *p, int operation, float number)
{
    begin_layer(o, p, "BinaryOp");
    fprintf(o->lines, " 0=%d 1=1 2=%.8e", operation, (double)number);
    end_layer(o);
}

static const struct {
    const char *type;
    int (*put)(struct out *o);
} rows[QNT_OP_COUNT] = {
    [QNT_OP_INPUT] = { "Input", put_input_layer },
    [QNT_OP_CONV] = { "Convolution", put_conv },
    [QNT_OP_LINEAR] = { "InnerProduct", put_linear },
    [QNT_OP_CLIP] = { "Clip", put_clip },
    [QNT_OP_ADD] = { "BinaryOp", put_binary },
    [QNT_OP_MUL] = { "BinaryOp", put_binary },
    [QNT_OP_MAXPOOL] = { "Pooling", put_pool },
    [QNT_OP_AVGPOOL] = { "Pooling", put_pool },
    [QNT_OP_GLOBAL_AVGPOOL] = { "Pooling", put_global },
    [QNT_OP_CONCAT] = { "Concat", put_concat },
    [QNT_OP_RESHAPE] = { "Reshape", put_shape },
    [QNT_OP_FUNCTION] = { "", put_function },
    [QNT_OP_SLICE] = { "Crop", put_slice },
    [QNT_OP_PAD] = { "Padding", put_pad },
    [QNT_OP_PERMUTE] = { "Permute", put_permute },
    [QNT_OP_UPSAMPLE] = { "Interp", put_upsample },
    [QNT_OP_SHUFFLE] = { "ShuffleChannel", put_shuffle },
    [QNT_OP_RESIZE] = { "Interp", put_resize },
    [QNT_OP_LRN] = { "LRN", put_lrn },
    [QNT_OP_DEPTH_TO_SPACE] = { "PixelShuffle", put_depth_to_space },
};

static const char *const function_types[QNT_FN_COUNT] = {
    [QNT_FN_LEAKY] = "ReLU",
    [QNT_FN_SIGMOID] = "Sigmoid",
    [QNT_FN_HARDSWISH] = "HardSwish",
    [QNT_FN_HARDSIGMOID] = "HardSigmoid",
    [QNT_FN_SWISH] = "Swish",
    [QNT_FN_TANH] = "TanH",
    [QNT_FN_ELU] = "ELU",
    [QNT_FN_SOFTPLUS] = "Softplus",
    [QNT_FN_MISH] = "Mish",
    [QNT_FN_LINE] = "BinaryOp",
};

static const char *type_of(const struct qnt_node *n)
{
    if (n->op == QNT_OP_FUNCTION)
        return function_types[n->function];
    if (n->op == QNT_OP_CLIP && is_relu(n))
        return "ReLU";
    return n->op == QNT_OP_CONV && n->problem.groups > 1 ? "ConvolutionDepthWise"
                                                         : rows[n->op].type;
}

/* ---- The whole */

/* 1 where ncnn gives a vector that somebody wants as an image of one pixel. */
static int needs_image(const struct out *o)
{
    if (o->node->op != QNT_OP_LINEAR && o->node->op != QNT_OP_GLOBAL_AVGPOOL)
        return 0;
    for (int32_t i = o->at + 1; i < o->graph->count; i++)
        for (int32_t k = 0; o->live[i] && k < o->graph->nodes[i].input_count; k++)
            if (o->graph->nodes[i].inputs[k] == o->at && o->graph->nodes[i].op != QNT_OP_LINEAR)
                return 1;
    return 0;
}

static int put_node(struct out *o, int32_t at)
{
    const struct qnt_node *n = o->node = &o->graph->nodes[at];
    const int clamps =
        n->op != QNT_OP_CLIP && !qnt_is_convolution(n) && !(isinf(n->lo) && isinf(n->hi));

    o->at = at;
    if (!rows[n->op].put)
        return refuse(o, "Quern's networks have none of it either");
    if (!n->name[0] || strlen(n->name) > NAME_MAX_BYTES || strpbrk(n->name, " \t\r\n"))
        return qnt_error_set(o->error, -EINVAL,
                             "node '%.60s': a name of ncnn has 1 to %d characters and no blanks;"
                             " rename it in the model",
                             n->name, NAME_MAX_BYTES);
    struct parts p = { .count = 1 + clamps + has_gain(n) + has_shift(n) };
    const int image = needs_image(o);
    p.count += image;
    begin_layer(o, &p, type_of(n));
    int rc = rows[n->op].put(o);
    end_layer(o);
    if (has_gain(n))
        put_with_number(o, &p, 2, n->gain);
    if (has_shift(n))
        put_with_number(o, &p, 0, n->shift);
    if (rc == 0 && clamps) {
        begin_layer(o, &p, is_relu(n) ? "ReLU" : "Clip");
        rc = put_clip(o);
        end_layer(o);
    }
    if (rc == 0 && image) {
        begin_layer(o, &p, "Reshape");
        rc = put_shape(o);
        end_layer(o);
    }
    put_split(o);
    return rc;
}

static int put_nodes(struct out *o)
{
    int rc = 0;

    for (int32_t i = 0; i < o->graph->count; i++)
        for (int32_t k = 0; o->live[i] && k < o->graph->nodes[i].input_count; k++)
            o->readers[o->graph->nodes[i].inputs[k]]++;
    for (int32_t i = 0; rc == 0 && i < o->graph->count; i++)
        if (o->live[i])
            rc = put_node(o, i);
    return rc;
}

/* NAME.param -> NAME.bin; the caller frees. */
static char *bin_path(const char *path)
{
    const size_t length = strlen(path), stem = length > 6 ? length - 6 : 0;
    char *out = NULL;

    if (stem && strcmp(path + stem, ".param") == 0 && (out = strdup(path)))
        memcpy(out + stem, ".bin", sizeof(".bin"));
    return out;
}

static int save_files(struct out *o, const char *path, const char *bin)
{
    struct qnt_save param_save = { 0 }, bin_save = { 0 };
    char *lines = NULL;
    size_t bytes;
    int rc = qnt_save_open(&param_save, path);

    if (rc == 0)
        rc = qnt_save_open(&bin_save, bin);
    o->bin = bin_save.file;
    o->lines = rc == 0 ? open_memstream(&lines, &bytes) : NULL;
    if (rc == 0 && !o->lines)
        rc = -ENOMEM;
    int unfit = 0;
    if (rc == 0)
        rc = unfit = put_nodes(o);
    if (o->lines && fclose(o->lines) && rc == 0)
        rc = -ENOMEM;
    if (rc == 0)
        fprintf(param_save.file, "7767517\n%d %d\n%s", o->layers, o->blobs, lines);
    free(lines);
    if (bin_save.path)
        rc = qnt_save_close(&bin_save, rc);
    if (param_save.path)
        rc = qnt_save_close(&param_save, rc);
    if (rc && !unfit)
        qnt_error_set(o->error, rc, "%s: cannot write it: %s", path, strerror(-rc));
    return rc;
}

int qnt_ncnn_save(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                  const struct qnt_quantise_options *options, const char *path,
                  struct qnt_error *error)
{
    const size_t count = (size_t)graph->count;
    struct out o = { .graph = graph, .calibration = calibration, .error = error };
    char *bin = bin_path(path);
    int rc = 0;

    (void)options; /* ncnn has no zero points: every tensor is symmetric */
    if (!bin)
        return qnt_error_set(error, -EINVAL,
                             "%s: a model of ncnn is two files: name it NAME.param, and NAME.bin"
                             " is written beside it",
                             path);
    o.live = calloc(count, 1);
    o.readers = calloc(count, sizeof(*o.readers));
    o.given = calloc(count, sizeof(*o.given));
    if (!o.live || !o.readers || !o.given)
        rc = qnt_error_set(error, -ENOMEM, "out of memory");
    if (rc == 0) {
        qnt_live_nodes(graph, o.live);
        rc = save_files(&o, path, bin);
    }
    free(o.live);
    free(o.readers);
    free(o.given);
    free(bin);
    return rc;
}
