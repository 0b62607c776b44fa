/* The quantised network in memory: what can be asked of it, and the check of all that execution
 * relies on. */
#include "quant/pipeline/pipeline_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void qnt_network_point(struct qnt_network *network, void *block)
{
    const struct qnt_file_header *h = block;
    const uint8_t *bytes = block;

    network->block = block;
    network->mapped_bytes = 0;
    network->header = h;
    network->count = h->layer_count;
    network->layers = (const void *)(bytes + h->section[QNT_SECTION_LAYERS].offset);
    network->text = (const char *)(bytes + h->section[QNT_SECTION_TEXT].offset);
    network->data = bytes + h->section[QNT_SECTION_DATA].offset;
}

void qnt_network_free(struct qnt_network *network)
{
    if (!network)
        return;
    if (network->mapped_bytes)
        munmap(network->block, network->mapped_bytes);
    else
        free(network->block);
    free(network);
}

const char *qnt_short_name(const struct qnt_graph *graph)
{
    const char *slash = graph->name ? strrchr(graph->name, '/') : NULL;
    return slash ? slash + 1 : graph->name ? graph->name : "";
}

const char *qnt_network_name(const struct qnt_network *network)
{
    return network->text + network->header->name;
}

const char *qnt_network_dataset(const struct qnt_network *network)
{
    return network->text + network->header->dataset;
}

size_t qnt_network_classes(const struct qnt_network *network)
{
    return qnt_layer_elements(&network->layers[network->count - 1]);
}

size_t qnt_network_bytes(const struct qnt_network *network)
{
    return (size_t)network->header->bytes;
}

struct qnt_input qnt_network_input(const struct qnt_network *network)
{
    const struct qnt_layer *in = &network->layers[0];

    return (struct qnt_input) { in->h, in->w, in->c, network->header->pixels };
}

size_t qnt_network_tasks(const struct qnt_network *network, struct qnt_task *out, size_t capacity)
{
    size_t count = 0;

    for (int32_t i = 0; i < network->count; i++) {
        if (!qnt_layer_is_conv(&network->layers[i]))
            continue;
        if (count < capacity)
            out[count] =
                (struct qnt_task) { network->layers[i].problem, qnt_layer_epilogue(network, i) };
        count++;
    }
    return count;
}

/* ---- The check. Each returns NULL or what is wrong. */

#define SCALE_MAX 1e30f /* a byte times it stays finite, so that no sum is a NaN */

struct check {
    const struct qnt_network *network;
    const struct qnt_layer *layer, *input; /* input: of the first one; NULL if it has none */
    char why[200];                         /* room for a reason */
};

static int is_last(const struct check *c)
{
    return c->layer == &c->network->layers[c->network->count - 1];
}

static int in_data(const struct qnt_network *network, uint64_t offset, uint64_t bytes)
{
    uint64_t size = network->header->section[QNT_SECTION_DATA].bytes;
    return offset % QNT_FILE_ALIGN == 0 && offset <= size && bytes <= size - offset;
}

static const char *check_arrays(struct check *c)
{
    const struct qnt_layer *l = c->layer;
    uint64_t weight_count = krn_problem_weight_count(&l->problem), oc = (uint64_t)l->c;

    if (!in_data(c->network, l->weights, weight_count) || !in_data(c->network, l->bias, oc * 4) ||
        !in_data(c->network, l->multiplier, oc * 4))
        return "weights outside the file";
    const int8_t *weights = qnt_layer_data(c->network, l->weights);
    for (uint64_t i = 0; i < weight_count; i++)
        if (weights[i] < -QNT_LEVELS)
            return "a weight of -128";
    const float *multiplier = qnt_layer_data(c->network, l->multiplier);
    for (uint64_t i = 0; i < oc; i++)
        if (!(multiplier[i] >= 0 && multiplier[i] <= SCALE_MAX))
            return "a scale that is negative or not finite";
    return NULL;
}

/* What a convolution adds to its output. */
static const char *check_residual(struct check *c)
{
    const struct qnt_layer *l = c->layer, *other = &c->network->layers[l->inputs[1]];

    if (is_last(c))
        return "an add in the convolution that gives the scores";
    if (other->h != l->h || other->w != l->w || other->c != l->c)
        return "an add of another size than the convolution";
    if (!(qnt_layer_add(c->network, l).factor <= SCALE_MAX))
        return "an add whose scale is too far from the convolution's";
    return NULL;
}

static const char *check_convolution(struct check *c)
{
    const struct qnt_layer *l = c->layer, *in = c->input;
    const struct krn_problem *p = &l->problem;

    if (!memchr(p->name, 0, sizeof(p->name)))
        return "a convolution without a name";
    if (krn_problem_check(p, c->why, sizeof(c->why)) != 0)
        return c->why;
    if (p->n != 1 || p->ih != in->h || p->iw != in->w || p->ic != in->c || p->oh != l->h ||
        p->ow != l->w || p->oc != l->c)
        return "a convolution of other sizes than its tensors";
    if ((int64_t)p->kh * p->kw * (p->ic / p->groups) > QNT_DEPTH_MAX)
        return "more products per output than 32 bits can sum";
    const char *wrong = l->input_count == 2 ? check_residual(c) : NULL;
    return wrong ? wrong : check_arrays(c);
}

static int window_fits(int32_t out, int32_t size, int32_t stride, int32_t pad, int32_t in)
{
    return size >= 1 && stride >= 1 && pad >= 0 && size <= INT16_MAX && stride <= INT16_MAX &&
           pad < size && (int64_t)(out - 1) * stride - pad < in;
}

/* Elements that one average sums. */
static int sum_fits(int32_t h, int32_t w)
{
    return (int64_t)h * w <= QNT_WINDOW_MAX;
}

static const char *check_pool(struct check *c)
{
    const struct qnt_layer *l = c->layer, *in = c->input;
    const struct qnt_window *k = &l->window;

    if (l->c != in->c)
        return "a pool that changes the channels";
    if (!window_fits(l->h, k->kh, k->sh, k->ph, in->h) ||
        !window_fits(l->w, k->kw, k->sw, k->pw, in->w))
        return "a window that lies outside its input";
    return sum_fits(k->kh, k->kw) ? NULL : "a window that 32 bits cannot sum";
}

static const char *check_global(struct check *c)
{
    const struct qnt_layer *l = c->layer;
    if (l->h != 1 || l->w != 1 || l->c != c->input->c)
        return "a global average of other sizes";
    return sum_fits(c->input->h, c->input->w) ? NULL : "a window that 32 bits cannot sum";
}

static const char *check_same(struct check *c)
{
    const struct qnt_layer *l = c->layer;

    for (int32_t i = 0; i < l->input_count; i++) {
        const struct qnt_layer *in = &c->network->layers[l->inputs[i]];
        if (in->h != l->h || in->w != l->w || in->c != l->c)
            return "inputs of other sizes than the output";
    }
    return NULL;
}

static const char *check_add(struct check *c)
{
    const struct qnt_layer *l = c->layer;

    for (int32_t i = 0; i < 2; i++)
        if (c->network->layers[l->inputs[i]].wide && l->factor[i] > QNT_WIDE_FACTOR_MAX)
            return "a factor out of range";
    return check_same(c);
}

static const char *check_concat(struct check *c)
{
    const struct qnt_layer *l = c->layer;
    int64_t channels = 0;

    for (int32_t i = 0; i < l->input_count; i++) {
        const struct qnt_layer *in = &c->network->layers[l->inputs[i]];
        channels += in->c;
        if (in->h != l->h || in->w != l->w)
            return "inputs of other sizes than the output";
    }
    return channels == l->c ? NULL : "channels that do not add up";
}

static const char *check_mul(struct check *c)
{
    const struct qnt_layer *l = c->layer, *b = &c->network->layers[l->inputs[1]];

    if (c->input->h != l->h || c->input->w != l->w || c->input->c != l->c || b->c != l->c ||
        ((b->h != 1 || b->w != 1) && (b->h != l->h || b->w != l->w)))
        return "factors of other sizes than the output";
    return NULL;
}

static const char *check_function(struct check *c)
{
    const struct qnt_layer *l = c->layer;

    if (!is_last(c) && !in_data(c->network, l->weights, 256))
        return "a table outside the file";
    if (is_last(c) && !in_data(c->network, l->multiplier, 256 * sizeof(float)))
        return "a table outside the file";
    return check_same(c);
}

static const char *check_resize(struct check *c)
{
    const struct qnt_layer *l = c->layer;
    const uint64_t bytes = ((uint64_t)l->h + (uint64_t)l->w) * sizeof(struct qnt_share);

    if (l->c != c->input->c)
        return "a resize that changes the channels";
    if (!in_data(c->network, l->weights, bytes))
        return "a table outside the file";
    const struct qnt_share *table = qnt_layer_data(c->network, l->weights);
    for (int32_t i = 0; i < l->h + l->w; i++) {
        const int32_t in = i < l->h ? c->input->h : c->input->w;
        if (table[i].share < 0 || table[i].share >= QNT_SHARES || table[i].first < 0 ||
            table[i].first >= in - (table[i].share > 0))
            return "pixels outside the input";
    }
    return NULL;
}

static const char *check_lrn(struct check *c)
{
    const struct qnt_layer *l = c->layer;

    if (l->factor[0] < 1 || l->factor[0] > QNT_LRN_SIZE_MAX || l->factor[0] % 2 != 1 ||
        l->factor[1] < 2 || l->factor[1] > 4)
        return "a sum or a power out of range";
    if (!in_data(c->network, l->multiplier, QNT_LRN_PARAMETERS * sizeof(float)))
        return "parameters outside the file";
    const float *parameter = qnt_layer_data(c->network, l->multiplier);
    for (int i = 0; i < QNT_LRN_PARAMETERS; i++)
        if (!(parameter[i] >= 0 && parameter[i] <= 1e30f))
            return "a parameter that is negative or not finite";
    return parameter[QNT_LRN_BIAS] > 0 ? check_same(c) : "a division by zero";
}

static const char *check_move(struct check *c)
{
    const struct qnt_move move = qnt_layer_move(c->network, c->layer);

    return qnt_move_fits(&move) ? NULL : "elements outside its input or its output";
}

/* Operators of an int8 network: how many inputs, and what must hold. */
static const struct {
    int32_t least, most;
    const char *(*check)(struct check *c);
} rules[QNT_OP_COUNT] = {
    [QNT_OP_CONV] = { 1, 2, check_convolution },
    [QNT_OP_LINEAR] = { 1, 2, check_convolution },
    [QNT_OP_CLIP] = { 1, 1, check_same },
    [QNT_OP_ADD] = { 2, 2, check_add },
    [QNT_OP_MAXPOOL] = { 1, 1, check_pool },
    [QNT_OP_AVGPOOL] = { 1, 1, check_pool },
    [QNT_OP_GLOBAL_AVGPOOL] = { 1, 1, check_global },
    [QNT_OP_CONCAT] = { 1, QNT_INPUTS_MAX, check_concat },
    [QNT_OP_RESHAPE] = { 1, 1, check_move },
    [QNT_OP_MUL] = { 2, 2, check_mul },
    [QNT_OP_FUNCTION] = { 1, 1, check_function },
    [QNT_OP_SLICE] = { 1, 1, check_move },
    [QNT_OP_PAD] = { 1, 1, check_move },
    [QNT_OP_PERMUTE] = { 1, 1, check_move },
    [QNT_OP_UPSAMPLE] = { 1, 1, check_move },
    [QNT_OP_SHUFFLE] = { 1, 1, check_move },
    [QNT_OP_RESIZE] = { 1, 1, check_resize },
    [QNT_OP_LRN] = { 1, 1, check_lrn },
    [QNT_OP_DEPTH_TO_SPACE] = { 1, 1, check_move },
};

static int is_dimension(int32_t x)
{
    return x >= 1 && x <= 1 << 24;
}

static const char *check_numbers(const struct qnt_layer *l)
{
    if (!is_dimension(l->h) || !is_dimension(l->w) || !is_dimension(l->c) ||
        (int64_t)l->h * l->w > QNT_TENSOR_MAX || (int64_t)l->h * l->w * l->c > QNT_TENSOR_MAX)
        return "a size out of range";
    if (!(l->scale > 1e-35f && l->scale < 1e35f))
        return "a scale out of range";
    if (l->lo < -128 || l->lo > l->hi || l->hi > 127 || !(l->lo_real <= l->hi_real))
        return "bounds out of order";
    if (l->zero < -128 || l->zero > 127 || l->fill < -128 || l->fill > 127)
        return "a zero point out of range";
    if (l->wide != 0 && (l->wide != 1 || (l->op != QNT_OP_ADD && !qnt_layer_is_conv(l))))
        return "16 bits where none can be";
    if (l->shift < 1 || l->shift > QNT_SHIFT_MAX)
        return "a shift out of range";
    for (int i = 0; i < QNT_INPUTS_MAX; i++)
        if (l->factor[i] < 0 || l->factor[i] > QNT_FACTOR_MAX)
            return "a factor out of range";
    return NULL;
}

static const char *check_layer(struct check *c, int32_t index)
{
    const struct qnt_network *network = c->network;
    const struct qnt_layer *l = &network->layers[index];
    const char *wrong = check_numbers(l);

    if (wrong)
        return wrong;
    if (l->name >= network->header->section[QNT_SECTION_TEXT].bytes)
        return "a name outside the file";
    if (index == 0)
        return l->op == QNT_OP_INPUT && l->input_count == 0 ? NULL : "no input to begin with";
    if (l->op >= QNT_OP_COUNT || !rules[l->op].check)
        return "an operator that an int8 network does not have";
    if (l->input_count < rules[l->op].least || l->input_count > rules[l->op].most)
        return "too few or too many inputs";
    for (int32_t i = 0; i < l->input_count; i++)
        if (l->inputs[i] < 0 || l->inputs[i] >= index)
            return "an input that does not come before it";
    c->layer = l;
    c->input = &network->layers[l->inputs[0]];
    if (qnt_layer_gives_sums(l) && (is_last(c) || l->input_count != 1))
        return "sums for an add, where there is none behind it";
    for (int32_t i = 0; i < l->input_count; i++)
        if (qnt_layer_gives_sums(&network->layers[l->inputs[i]]) &&
            (l->op != QNT_OP_ADD || is_last(c)))
            return "sums of 32 bits where bytes are read";
    return rules[l->op].check(c);
}

int qnt_network_check(const struct qnt_network *network, struct qnt_error *error)
{
    const struct qnt_file_header *h = network->header;
    uint64_t text_bytes = h->section[QNT_SECTION_TEXT].bytes;

    if (text_bytes == 0 || network->text[text_bytes - 1] != 0 || h->name >= text_bytes ||
        h->dataset >= text_bytes)
        return qnt_error_set(error, -EINVAL, "the names of the layers are damaged");
    if (h->pixels.order < 0 || h->pixels.order >= QNT_ORDER_COUNT)
        return qnt_error_set(error, -EINVAL, "its order of colours is none");
    for (int i = 0; i < QNT_CHANNELS_MAX; i++)
        if (!isfinite(h->pixels.mean[i]) || !isfinite(h->pixels.norm[i]))
            return qnt_error_set(error, -EINVAL, "its normalisation of pixels is not finite");
    if (network->count < 2)
        return qnt_error_set(error, -EINVAL, "a network needs at least one layer behind its input");
    for (int32_t i = 0; i < network->count; i++) {
        struct check c = { .network = network };
        const char *wrong = check_layer(&c, i);
        if (wrong)
            return qnt_error_set(error, -EINVAL, "layer %d: %s", i, wrong);
    }
    return 0;
}
