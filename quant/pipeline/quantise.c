/* A float graph and its thresholds -> the int8 network, laid out as its file. */
#include "quant/pipeline/pipeline_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/sampling.h"

#define FUNCTION_VALUES 256

struct job {
    const struct qnt_graph *graph;
    const struct qnt_calibration *calibration;
    struct qnt_quantise_options options;
    struct qnt_error *error;
    uint8_t *live; /* by node, as all that follow */
    struct qnt_meaning *meanings;
    struct qnt_adds adds;
    int32_t *layer_of;
    int32_t output; /* node */
    struct qnt_file_header *header;
    struct qnt_layer *layers;
    char *text;
    uint8_t *data;
    uint64_t text_used, data_used;
};

static uint64_t padded(uint64_t bytes)
{
    return (bytes + QNT_FILE_ALIGN - 1) / QNT_FILE_ALIGN * QNT_FILE_ALIGN;
}

/* 1 for a convolution that runs at the place of an add, whose layer it is. */
static int runs_in_add(const struct job *job, int32_t node)
{
    return qnt_is_convolution(&job->graph->nodes[node]) && job->adds.partner[node];
}

/* The convolution that a node is, or runs; the node itself if it is none. */
static int32_t computed_by(const struct job *job, int32_t node)
{
    const int32_t partner = job->adds.partner[node];
    return partner ? partner : node;
}

/* ---- What can be quantised at all */

static int check_node(const struct job *job, const struct qnt_node *n)
{
    const char *op = qnt_op_names[n->op];

    if (n->op != QNT_OP_INPUT && !qnt_is_convolution(n) && !qnt_op_runs[n->op])
        return qnt_error_set(
            job->error, -ENOTSUP,
            "node %s: %s cannot be quantised where it stands (fold the graph first)", n->name, op);
    if ((n->op == QNT_OP_INPUT || qnt_keeps_scale(n->op)) && !(isinf(n->lo) && isinf(n->hi)))
        return qnt_error_set(job->error, -ENOTSUP, "node %s: %s cannot clamp its output", n->name,
                             op);
    if (!qnt_is_convolution(n))
        return 0;
    if (!n->weight || n->weight_count != krn_problem_weight_count(&n->problem) ||
        (n->bias && n->bias_count != (size_t)n->problem.oc))
        return qnt_error_set(job->error, -EINVAL, "node %s: %s has %zu weights, should have %zu",
                             n->name, op, n->weight_count, krn_problem_weight_count(&n->problem));
    for (size_t i = 0; i < n->weight_count; i++)
        if (!isfinite(n->weight[i]))
            return qnt_error_set(job->error, -EINVAL, "node %s: weight %zu is not finite", n->name,
                                 i);
    for (size_t i = 0; n->bias && i < n->bias_count; i++)
        if (!isfinite(n->bias[i]))
            return qnt_error_set(job->error, -EINVAL, "node %s: bias %zu is not finite", n->name,
                                 i);
    return 0;
}

static int check_graph(struct job *job)
{
    if (job->calibration->count != job->graph->count)
        return qnt_error_set(job->error, -EINVAL,
                             "the calibration has %d tensors, the graph %d: it is of another model",
                             job->calibration->count, job->graph->count);
    for (int32_t i = 0; i < job->graph->count; i++) {
        float t = job->calibration->tensors[i].threshold;
        int result = job->live[i] ? check_node(job, &job->graph->nodes[i]) : 0;
        if (result != 0)
            return result;
        if (job->live[i] && !(t > 0 && isfinite(t)))
            return qnt_error_set(job->error, -EINVAL,
                                 "node %s: its threshold is %g, must be above 0",
                                 job->graph->nodes[i].name, t);
    }
    return 0;
}

/* ---- Layout */

/* Bytes of the tables that some operators have. */
static uint64_t table_bytes(const struct qnt_node *n)
{
    switch (n->op) {
    case QNT_OP_FUNCTION:
        return FUNCTION_VALUES * sizeof(float);
    case QNT_OP_RESIZE:
        return ((uint64_t)n->h + (uint64_t)n->w) * sizeof(struct qnt_share);
    case QNT_OP_LRN:
        return QNT_LRN_PARAMETERS * sizeof(float);
    default:
        return 0;
    }
}

static int allocate(struct job *job)
{
    const char *dataset = job->graph->dataset ? job->graph->dataset : "";
    uint64_t text = strlen(qnt_short_name(job->graph)) + strlen(dataset) + 2;
    uint64_t layers = 0, data = 0, offset;

    for (int32_t i = 0; i < job->graph->count; i++) {
        const struct qnt_node *n = &job->graph->nodes[i];
        if (!job->live[i])
            continue;
        if (qnt_is_convolution(n))
            data += padded(n->weight_count) + 2 * padded((uint64_t)n->problem.oc * 4);
        data += padded(table_bytes(n));
        if (runs_in_add(job, i))
            continue;
        job->layer_of[i] = (int32_t)layers++;
        text += strlen(job->graph->nodes[computed_by(job, i)].name) + 1;
    }
    const uint64_t sizes[QNT_SECTION_COUNT] = { layers * sizeof(struct qnt_layer), text, data };
    offset = padded(sizeof(struct qnt_file_header));
    struct qnt_file_header h = { 0 };
    memcpy(h.magic, QNT_FILE_MAGIC, sizeof(h.magic));
    for (int s = 0; s < QNT_SECTION_COUNT; s++) {
        h.section[s].offset = offset;
        h.section[s].bytes = sizes[s];
        offset += padded(sizes[s]);
    }
    h.endian = QNT_FILE_ENDIAN;
    h.version = QNT_FILE_VERSION;
    h.bytes = offset;
    h.layer_count = (int32_t)layers;
    h.layer_bytes = sizeof(struct qnt_layer);
    uint8_t *block = layers <= QNT_LAYERS_MAX ? aligned_alloc(QNT_FILE_ALIGN, offset) : NULL;
    if (!block)
        return qnt_error_set(job->error, -ENOMEM, "%s: %llu layers, %llu bytes: too much memory",
                             job->graph->name, (unsigned long long)layers,
                             (unsigned long long)offset);
    memset(block, 0, offset);
    memcpy(block, &h, sizeof(h));
    job->header = (void *)block;
    job->layers = (void *)(block + h.section[QNT_SECTION_LAYERS].offset);
    job->text = (char *)block + h.section[QNT_SECTION_TEXT].offset;
    job->data = block + h.section[QNT_SECTION_DATA].offset;
    return 0;
}

static uint32_t put_text(struct job *job, const char *text)
{
    uint64_t at = job->text_used, bytes = strlen(text) + 1;

    memcpy(job->text + at, text, bytes);
    job->text_used += bytes;
    return (uint32_t)at;
}

static uint64_t put_data(struct job *job, uint64_t bytes)
{
    uint64_t at = job->data_used;

    job->data_used += padded(bytes);
    return at;
}

/* ---- Scales and bounds */

static float scale_of(const struct job *job, int32_t node)
{
    return job->meanings[node].scale;
}

static int32_t to_byte(double real, struct qnt_meaning m)
{
    double q = nearbyint(real / (double)m.scale) + m.zero;
    return (int32_t)fmin(QNT_LEVELS, fmax(m.least, q));
}

/* Ratios of the inputs' scales to the output's. */
static void set_factors(const struct job *job, int32_t node, struct qnt_layer *l)
{
    const struct qnt_node *n = &job->graph->nodes[node];
    int32_t count = n->op == QNT_OP_MUL ? 1 : n->input_count;
    double ratio[QNT_INPUTS_MAX];

    for (int32_t i = 0; i < count; i++)
        ratio[i] = (double)scale_of(job, n->inputs[i]) / (double)l->scale;
    if (n->op == QNT_OP_MUL)
        ratio[0] *= (double)scale_of(job, n->inputs[1]);
    qnt_fixed_point(ratio, NULL, count, l->factor, &l->shift);
}

/* ---- Residual chains in 16 bits */

/* A convolution whose sums an ADD reads. */
static int gives_sums(const struct job *job, int32_t node)
{
    return qnt_is_convolution(&job->graph->nodes[node]) && job->adds.wide[node];
}

/* The step of what reads such sums: that of the ADD, 1/128 of its bytes'. */
static double wide_step(const struct job *job, int32_t conv)
{
    int32_t i = conv + 1;

    while (!(job->live[i] && job->graph->nodes[i].op == QNT_OP_ADD &&
             (job->graph->nodes[i].inputs[0] == conv || job->graph->nodes[i].inputs[1] == conv)))
        i++;
    return (double)scale_of(job, i) / QNT_WIDE_STEPS;
}

/* Ratios of steps, where those of a wide tensor are finer; the sum is always wide. */
static void set_wide_factors(const struct job *job, int32_t node, struct qnt_layer *l)
{
    const struct qnt_node *n = &job->graph->nodes[node];
    double ratio[2];
    int32_t most[2];

    for (int32_t k = 0; k < 2; k++) {
        const int wide = job->adds.wide[n->inputs[k]];
        ratio[k] = (double)scale_of(job, n->inputs[k]) / (double)l->scale;
        ratio[k] *= wide ? 1 : QNT_WIDE_STEPS;
        most[k] = wide ? QNT_WIDE_FACTOR_MAX : QNT_FACTOR_MAX;
        if (gives_sums(job, n->inputs[k]))
            ratio[k] = 0; /* its multipliers have it */
    }
    qnt_fixed_point(ratio, most, 2, l->factor, &l->shift);
}

static int adds_wide(const struct job *job, int32_t node)
{
    const struct qnt_node *n = &job->graph->nodes[node];

    return n->op == QNT_OP_ADD && node != job->output &&
           qnt_add_is_wide(job->graph, &job->adds, node);
}

/* The table of a function: bytes, or real values where it gives the scores. */
static void set_function(struct job *job, const struct qnt_node *n, struct qnt_layer *l,
                         struct qnt_meaning out, int gives_scores)
{
    const struct qnt_meaning in = job->meanings[n->inputs[0]];
    const uint64_t at = put_data(job, table_bytes(n));
    int8_t *bytes = (int8_t *)job->data + at;
    float *scores = (void *)(job->data + at);

    l->weights = l->multiplier = at;
    for (int q = -128; q < 128; q++) {
        double x = (q - in.zero) * (double)in.scale;
        double y = qnt_function_at(n, x);
        if (gives_scores)
            scores[q + 128] = (float)y;
        else
            bytes[q + 128] = (int8_t)fmin(l->hi, fmax(l->lo, to_byte(y, out)));
    }
}

/* Shares of the pixels of an axis. */
static void put_shares(const struct qnt_sampling *s, int axis, int32_t in, int32_t out,
                       struct qnt_share *table)
{
    for (int32_t i = 0; i < out; i++) {
        const struct qnt_tap tap = qnt_sample(s, axis, i, in);
        table[i] = (struct qnt_share) { tap.first, (int32_t)nearbyint(tap.share * QNT_SHARES) };
        if (table[i].share == QNT_SHARES)
            table[i] = (struct qnt_share) { tap.first + 1, 0 };
    }
}

static void set_resize(struct job *job, const struct qnt_node *n, struct qnt_layer *l)
{
    const struct qnt_node *in = &job->graph->nodes[n->inputs[0]];
    struct qnt_share *table;

    l->weights = put_data(job, table_bytes(n));
    table = (void *)(job->data + l->weights);
    put_shares(&n->sampling, 0, in->h, n->h, table);
    put_shares(&n->sampling, 1, in->w, n->w, table + n->h);
}

static void set_lrn(struct job *job, const struct qnt_node *n, struct qnt_layer *l,
                    int gives_scores)
{
    const double in = (double)scale_of(job, n->inputs[0]);
    float *parameter;

    l->factor[0] = n->lrn.size;
    l->factor[1] = n->lrn.quarters;
    l->multiplier = put_data(job, table_bytes(n));
    parameter = (void *)(job->data + l->multiplier);
    parameter[QNT_LRN_SLOPE] = (float)((double)n->lrn.alpha / n->lrn.size * in * in);
    parameter[QNT_LRN_BIAS] = n->lrn.bias;
    parameter[QNT_LRN_RATIO] = (float)(gives_scores ? in : in / (double)l->scale);
}

/* ---- Convolutions */

QNT_WIDE static void quantise_weights(const float *weights, size_t count, double scale,
                                      int8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        double q = nearbyint((double)weights[i] / scale);
        q = q > -QNT_LEVELS ? q : -QNT_LEVELS; /* also of a NaN */
        out[i] = (int8_t)(q < QNT_LEVELS ? q : QNT_LEVELS);
    }
}

/* `step`: of what its sums become. */
static int set_convolution(struct job *job, const struct qnt_node *n, struct qnt_layer *l,
                           double step)
{
    const int32_t oc = n->problem.oc;
    const size_t depth = n->weight_count / (size_t)oc;
    const double scale_in = (double)scale_of(job, n->inputs[0]);

    if (depth > QNT_DEPTH_MAX)
        return qnt_error_set(job->error, -ENOTSUP,
                             "node %s: %zu products per output, 32 bits can sum %d", n->name, depth,
                             QNT_DEPTH_MAX);
    l->problem = n->problem;
    l->weights = put_data(job, n->weight_count);
    l->bias = put_data(job, (uint64_t)oc * 4);
    l->multiplier = put_data(job, (uint64_t)oc * 4);
    int32_t *bias = (void *)(job->data + l->bias);
    float *multiplier = (void *)(job->data + l->multiplier);
    for (int32_t c = 0; c < oc; c++) {
        const float *w = n->weight + (size_t)c * depth;
        double b = n->bias ? (double)n->bias[c] : 0;
        double scale = qnt_channel_scale(w, depth, b, scale_in);
        quantise_weights(w, depth, scale, (int8_t *)job->data + l->weights + (size_t)c * depth);
        double q = nearbyint(b / (scale_in * scale));
        bias[c] = (int32_t)fmin(QNT_BIAS_MAX, fmax(-QNT_BIAS_MAX, q));
        multiplier[c] = (float)(scale_in * scale / step);
    }
    return 0;
}

/* The convolution reads what it reads, then what is added to it. */
static void set_inputs(const struct job *job, int32_t node, struct qnt_layer *l)
{
    const struct qnt_node *n = &job->graph->nodes[node];
    const int32_t conv = job->adds.partner[node];

    l->input_count = n->input_count;
    for (int32_t i = 0; i < n->input_count; i++)
        l->inputs[i] = job->layer_of[n->inputs[i]];
    if (conv) {
        l->inputs[1] = l->inputs[n->inputs[0] == conv];
        l->inputs[0] = job->layer_of[job->graph->nodes[conv].inputs[0]];
    }
}

static int set_layer(struct job *job, int32_t node)
{
    const struct qnt_node *n = &job->graph->nodes[node];
    const struct qnt_node *by = &job->graph->nodes[computed_by(job, node)];
    struct qnt_layer *l = &job->layers[job->layer_of[node]];
    const struct qnt_meaning m = job->meanings[node];
    int gives_scores = node == job->output;

    l->name = put_text(job, by->name);
    l->op = by->op;
    set_inputs(job, node, l);
    l->h = n->h;
    l->w = n->w;
    l->c = n->c;
    l->window = n->window;
    l->place = n->place;
    l->scale = m.scale;
    l->zero = m.zero;
    l->fill = to_byte((double)n->fill, m);
    l->shift = 1;
    l->lo = to_byte((double)n->lo, m);
    l->hi = to_byte((double)n->hi, m);
    l->lo_real = n->lo;
    l->hi_real = n->hi;
    l->wide = job->adds.wide[node];
    if (qnt_is_convolution(by))
        return set_convolution(job, by, l,
                               gives_scores            ? 1
                               : gives_sums(job, node) ? wide_step(job, node)
                                                       : (double)l->scale);
    if (n->op == QNT_OP_FUNCTION)
        set_function(job, n, l, m, gives_scores);
    else if (n->op == QNT_OP_RESIZE)
        set_resize(job, n, l);
    else if (n->op == QNT_OP_LRN)
        set_lrn(job, n, l, gives_scores);
    else if (adds_wide(job, node))
        set_wide_factors(job, node, l);
    else if (n->input_count > 0)
        set_factors(job, node, l);
    return 0;
}

static int build(struct job *job)
{
    int result = allocate(job);

    for (int32_t i = 0; i < job->graph->count && result == 0; i++)
        if (job->live[i] && !runs_in_add(job, i))
            result = set_layer(job, i);
    if (result != 0)
        return result;
    job->header->name = put_text(job, qnt_short_name(job->graph));
    job->header->dataset = put_text(job, job->graph->dataset ? job->graph->dataset : "");
    job->header->pixels = job->graph->pixels;
    job->header->checksum = qnt_file_checksum(job->header, (size_t)job->header->bytes);
    return 0;
}

int qnt_quantise(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                 const struct qnt_quantise_options *options, struct qnt_network **out,
                 struct qnt_error *error)
{
    struct job job = { .graph = graph, .calibration = calibration, .error = error };
    struct qnt_network *network = calloc(1, sizeof(*network));
    size_t count = (size_t)graph->count;
    int result = -ENOMEM;

    *out = NULL;
    if (options)
        job.options = *options;
    job.live = calloc(count, 1);
    job.meanings = calloc(count, sizeof(*job.meanings));
    job.adds.wide = calloc(count, 1);
    job.adds.partner = calloc(count, sizeof(*job.adds.partner));
    job.layer_of = calloc(count, sizeof(*job.layer_of));
    if (!network || !job.live || !job.meanings || !job.adds.wide || !job.adds.partner ||
        !job.layer_of) {
        qnt_error_set(error, result, "out of memory");
        goto fail;
    }
    job.output = qnt_live_nodes(graph, job.live);
    qnt_plan_adds(graph, job.live, job.output, &job.options, &job.adds);
    result = qnt_meanings(graph, calibration, &job.options, job.meanings);
    if (result != 0)
        qnt_error_set(error, result, "out of memory");
    else
        result = check_graph(&job);
    if (result == 0)
        result = build(&job);
    if (result != 0)
        goto fail;
    qnt_network_point(network, job.header);
    result = qnt_network_check(network, error);
    if (result != 0)
        goto fail;
    *out = network;
    network = NULL;
    job.header = NULL;
fail:
    free(job.header);
    free(network);
    free(job.live);
    free(job.meanings);
    free(job.adds.wide);
    free(job.adds.partner);
    free(job.layer_of);
    return result;
}
