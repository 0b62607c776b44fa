#include "quant/model/graph_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/fuse.h"

/* While nodes are folded away, `same` says which node holds the tensor of each node now; the rest
 * is removed at the end. */
struct fold {
    struct qnt_graph *graph;
    int32_t *same; /* [count], always the final holder */
    int32_t
        *readers; /* [count], how many inputs name it; the output of the graph counts as one more */
};

static void count_readers(struct fold *f)
{
    const struct qnt_graph *g = f->graph;

    memset(f->readers, 0, (size_t)g->count * sizeof(*f->readers));
    for (int32_t i = 0; i < g->count; i++) {
        f->same[i] = i;
        for (int32_t k = 0; k < g->nodes[i].input_count; k++)
            f->readers[g->nodes[i].inputs[k]]++;
    }
    f->readers[g->output]++;
}

/* x -> weight * x + bias after conv -> one conv. */
static void scale_rows(struct qnt_node *conv, const struct qnt_node *norm)
{
    const size_t row = conv->weight_count / (size_t)conv->c;

    for (size_t k = 0; k < (size_t)conv->c; k++) {
        for (size_t i = 0; i < row; i++)
            conv->weight[k * row + i] *= norm->weight[k];
        conv->bias[k] = conv->bias[k] * norm->weight[k] + norm->bias[k];
    }
}

static int is_layer(const struct qnt_node *node)
{
    return node->op == QNT_OP_CONV || node->op == QNT_OP_LINEAR;
}

static int has_clamp(const struct qnt_node *node)
{
    return !isinf(node->lo) || !isinf(node->hi);
}

/* clamp(clamp(x, a, b), lo, hi) is one clamp. */
static void tighten(struct qnt_node *node, float lo, float hi)
{
    node->lo = fminf(fmaxf(node->lo, lo), hi);
    node->hi = fmaxf(fminf(node->hi, hi), lo);
}

/* Zeros around the image become the convolution's own padding. */
static void fold_pad(struct fold *f, int32_t i)
{
    struct qnt_node *conv = &f->graph->nodes[i];
    struct krn_problem p = conv->problem;
    char why[200];

    if (conv->op != QNT_OP_CONV)
        return;
    const int32_t from = conv->inputs[0];
    const struct qnt_node *pad = &f->graph->nodes[from];
    if (pad->op != QNT_OP_PAD || f->readers[from] != 1 || pad->fill != 0 || has_clamp(pad))
        return;
    const struct qnt_node *in = &f->graph->nodes[pad->inputs[0]];
    if (pad->c != in->c)
        return;
    p.ph += pad->place.begin[0];
    p.pw += pad->place.begin[1];
    p.ih = in->h;
    p.iw = in->w;
    if (krn_problem_check(&p, why, sizeof(why)) != 0)
        return;
    conv->problem = p;
    conv->inputs[0] = pad->inputs[0];
    conv->fused |= 1u << QNT_FUSION_PAD;
}

static void mark_residuals(struct qnt_graph *g)
{
    for (int32_t i = 0; i < g->count; i++) {
        const int32_t conv = qnt_add_conv(g, i);
        if (conv >= 0)
            g->nodes[conv].fused |= 1u << QNT_FUSION_RESIDUAL;
    }
}

/* ---- What lies between a convolution and what can join it */

static int moves_pixels(const struct fold *f, int32_t i)
{
    const struct qnt_node *n = &f->graph->nodes[i], *in = &f->graph->nodes[n->inputs[0]];
    const int whole = n->op == QNT_OP_SLICE && n->c == in->c;

    return f->readers[i] == 1 && !has_clamp(n) &&
           (whole || n->op == QNT_OP_DEPTH_TO_SPACE || n->op == QNT_OP_SHUFFLE);
}

static int works_on_channels(const struct qnt_node *n)
{
    return n->op == QNT_OP_BATCHNORM || n->op == QNT_OP_CLIP;
}

/* The numbers of channels after a move, for the channels before it. */
static int spread_channels(const struct qnt_node *move, int32_t channels, float **values)
{
    const int32_t groups = move->op == QNT_OP_SHUFFLE ? move->place.begin[2] : 1;
    const int32_t part = channels / groups;
    float *out = malloc((size_t)channels * sizeof(*out));

    for (int32_t c = 0; out && c < channels; c++)
        out[c] = (*values)[(c % part * groups + c / part) % move->c];
    if (!out)
        return -ENOMEM;
    free(*values);
    *values = out;
    return 0;
}

/* Exchanges node i, which works on each channel, with the move before it. */
static int hoist(struct fold *f, int32_t i)
{
    struct qnt_node *nodes = f->graph->nodes, *n = &nodes[i];
    const int32_t from = n->inputs[0], x = nodes[from].inputs[0];
    const struct qnt_node move = nodes[from], *in = &nodes[x];
    int rc = 0;

    if (n->op == QNT_OP_BATCHNORM) {
        rc = spread_channels(&move, in->c, &n->weight);
        if (rc == 0)
            rc = spread_channels(&move, in->c, &n->bias);
        if (rc)
            return rc;
        n->weight_count = n->bias_count = (size_t)in->c;
    }
    char *tensor = n->tensor;
    nodes[from] = *n;
    nodes[from].inputs[0] = x;
    nodes[from].h = in->h;
    nodes[from].w = in->w;
    nodes[from].c = in->c;
    nodes[from].tensor = move.tensor;
    nodes[i] = move;
    nodes[i].inputs[0] = from;
    nodes[i].tensor = tensor;
    return 0;
}

/* A normalisation or a clip behind moves behind a layer, as a transposed convolution has them, goes
 * to the layer. */
static int hoist_all(struct fold *f)
{
    const struct qnt_node *nodes = f->graph->nodes;
    int rc = 0;

    for (int32_t i = 0; rc == 0 && i < f->graph->count; i++) {
        int32_t at = i, from = nodes[i].inputs[0], moves = 0;
        if (!works_on_channels(&nodes[i]))
            continue;
        for (; moves_pixels(f, from); from = nodes[from].inputs[0])
            moves++;
        while (works_on_channels(&nodes[from]) && f->readers[from] == 1)
            from = nodes[from].inputs[0]; /* what went there before */
        if (f->readers[from] != 1 || !is_layer(&nodes[from]))
            continue;
        for (; rc == 0 && moves > 0; moves--) {
            rc = hoist(f, at);
            at = nodes[at].inputs[0];
        }
    }
    return rc;
}

/* ---- Normalisations: where they go */

/* What a line, x * gain + shift, gives the norm, the norm takes itself. */
static void absorb_line(struct fold *f, struct qnt_node *norm)
{
    const int32_t from = norm->inputs[0];
    const struct qnt_node *line = &f->graph->nodes[from];

    if (line->op != QNT_OP_FUNCTION || line->function != QNT_FN_LINE || has_clamp(line))
        return;
    for (size_t c = 0; c < norm->weight_count; c++) {
        norm->bias[c] += norm->weight[c] * line->shift;
        norm->weight[c] *= line->gain;
    }
    norm->inputs[0] = line->inputs[0];
    f->readers[line->inputs[0]]++;
    if (--f->readers[from] == 0)
        f->readers[line->inputs[0]]--;
}

/* Without a producer that takes it: a depthwise layer of one tap, or, with one factor for all
 * channels, a function. */
static void stand_alone(struct qnt_node *norm)
{
    struct krn_problem p = qnt_problem_1x1(norm->h, norm->w, norm->c, norm->c, norm->c);
    float gain, shift;

    if (qnt_is_uniform(norm, &gain, &shift)) {
        free(norm->weight);
        free(norm->bias);
        norm->weight = norm->bias = NULL;
        norm->weight_count = norm->bias_count = 0;
        norm->op = QNT_OP_FUNCTION;
        norm->function = QNT_FN_LINE;
        norm->gain = gain;
        norm->shift = shift;
        return;
    }
    memcpy(p.name, norm->problem.name, sizeof(p.name));
    norm->problem = p;
    norm->op = QNT_OP_CONV;
}

/* The limits of a clamp before a line, behind it. */
static void move_clamp(struct qnt_node *node, float gain, float shift)
{
    const float a = node->lo * gain + shift, b = node->hi * gain + shift;

    node->lo = fminf(a, b);
    node->hi = fmaxf(a, b);
}

/* Makes a norm part of what it works on. 0 where that is impossible: clamps stay in their order. */
static int join_producer(struct qnt_node *producer, const struct qnt_node *norm)
{
    float gain = 0, shift = 0;
    const int uniform = qnt_is_uniform(norm, &gain, &shift) && gain != 0;

    if (has_clamp(producer) && !uniform)
        return 0;
    if (is_layer(producer)) {
        scale_rows(producer, norm);
    } else if (producer->op == QNT_OP_FUNCTION && uniform) {
        producer->gain *= gain;
        producer->shift = producer->shift * gain + shift;
    } else {
        return 0;
    }
    if (has_clamp(producer))
        move_clamp(producer, gain, shift);
    return 1;
}

static int takes_clamp(const struct qnt_node *node)
{
    return is_layer(node) || node->op == QNT_OP_ADD || node->op == QNT_OP_FUNCTION;
}

/* Merges node i into the producer of its input where that is possible. */
static void fold_node(struct fold *f, int32_t i)
{
    struct qnt_node *node = &f->graph->nodes[i];
    const int is_norm = node->op == QNT_OP_BATCHNORM;

    if (!is_norm && node->op != QNT_OP_CLIP)
        return;
    if (is_norm)
        absorb_line(f, node);
    const int32_t from = node->inputs[0];
    struct qnt_node *producer = &f->graph->nodes[from];
    const int alone = f->readers[from] == 1;

    if (is_norm && !(alone && join_producer(producer, node))) {
        stand_alone(node);
        return;
    }
    if (!is_norm && !(alone && takes_clamp(producer)))
        return;
    producer->fused |= 1u << (is_norm ? QNT_FUSION_BATCHNORM : QNT_FUSION_ACTIVATION);
    tighten(producer, node->lo, node->hi);
    char *tensor = producer->tensor; /* it gives the tensor of the node now */
    producer->tensor = node->tensor;
    node->tensor = tensor;
    f->same[i] = from;
    f->readers[from] = f->readers[i]; /* its readers are the producer's now */
    f->readers[i] = 0;
}

/* Marks what the output needs in f->readers: inputs come first, so one walk backwards does. */
static void mark_live(struct fold *f)
{
    const struct qnt_graph *g = f->graph;

    memset(f->readers, 0, (size_t)g->count * sizeof(*f->readers));
    f->readers[g->output] = f->readers[0] = 1;
    for (int32_t i = g->count - 1; i > 0; i--)
        for (int32_t k = 0; f->readers[i] && k < g->nodes[i].input_count; k++)
            f->readers[g->nodes[i].inputs[k]] = 1;
}

/* Removes what does not lead to the output; f->same becomes the new index of the rest. */
static void compact(struct fold *f)
{
    struct qnt_graph *g = f->graph;
    int32_t kept = 0;

    mark_live(f);
    for (int32_t i = 0; i < g->count; i++) {
        struct qnt_node *node = &g->nodes[i];
        if (!f->readers[i]) {
            qnt_node_clear(node);
            continue;
        }
        for (int32_t k = 0; k < node->input_count; k++)
            node->inputs[k] = f->same[node->inputs[k]];
        f->same[i] = kept;
        g->nodes[kept++] = *node;
    }
    g->output = f->same[g->output];
    g->count = kept;
}

static int moves_whole(enum qnt_op op)
{
    return op == QNT_OP_RESHAPE || op == QNT_OP_PERMUTE || op == QNT_OP_SHUFFLE;
}

/* Softmaxes of which the result has only the values, moved and joined perhaps: what comes before
 * them is taken. ends[i] = 1 where a tensor goes nowhere else. */
static int drop_softmaxes(struct fold *f)
{
    struct qnt_node *nodes = f->graph->nodes;
    uint8_t *ends = calloc((size_t)f->graph->count, 1);

    if (!ends)
        return -ENOMEM;
    ends[f->graph->output] = f->readers[f->graph->output] == 1;
    for (int32_t i = f->graph->output; i > 0; i--) {
        const struct qnt_node *n = &nodes[i];
        const int passes = ends[i] && (moves_whole(n->op) || n->op == QNT_OP_CONCAT);
        for (int32_t k = 0; passes && k < n->input_count; k++) {
            const int32_t from = n->inputs[k];
            ends[from] = f->readers[from] == 1;
            if (ends[from] && nodes[from].op == QNT_OP_SOFTMAX)
                nodes[i].inputs[k] = nodes[from].inputs[0];
        }
    }
    if (ends[f->graph->output] && nodes[f->graph->output].op == QNT_OP_SOFTMAX)
        f->graph->output = nodes[f->graph->output].inputs[0];
    free(ends);
    return 0;
}

int qnt_fold(struct qnt_graph *graph, struct qnt_error *error)
{
    const size_t count = (size_t)graph->count;
    struct fold f = { graph, calloc(count, sizeof(*f.same)), calloc(count, sizeof(*f.readers)) };
    int rc = 0;

    if (!f.same || !f.readers) {
        rc = -ENOMEM;
        goto fail;
    }
    if (!graph->imported)
        graph->imported = graph->count;
    for (int32_t i = 0; i < graph->count; i++)
        f.same[i] = i;
    qnt_fuse_functions(graph);
    compact(&f); /* a reader that leads nowhere must not prevent folding */
    count_readers(&f);
    rc = drop_softmaxes(&f);
    if (rc)
        goto fail;
    for (int32_t i = 0; i < graph->count; i++)
        f.same[i] = i;
    compact(&f);
    count_readers(&f);
    rc = hoist_all(&f);
    if (rc)
        goto fail;
    for (int32_t i = 0; i < graph->count; i++) {
        for (int32_t k = 0; k < graph->nodes[i].input_count; k++)
            graph->nodes[i].inputs[k] = f.same[graph->nodes[i].inputs[k]];
        fold_pad(&f, i);
        fold_node(&f, i);
    }
    graph->output = f.same[graph->output];
    compact(&f);
    mark_residuals(graph);
fail:
    free(f.same);
    free(f.readers);
    if (rc)
        qnt_error_set(error, rc, "%s: not enough memory to fold %d nodes",
                      graph->name ? graph->name : "graph", graph->count);
    return rc;
}
