/* The layers that are not convolutions, in plain C and in integers. */
#include "quant/pipeline/pipeline_int.h"

#include <math.h>
#include <string.h>

static int32_t clamp(int32_t x, int32_t lo, int32_t hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

/* Added to a float of a small magnitude and taken off again, it leaves an integer: halves went to
 * the even one. */
#define ROUNDER 12582912.0f /* 1.5 * 2^23 */

QNT_WIDE static void quantise(const struct qnt_layer *layer, const float *image, int8_t *out)
{
    const float inverse = 1 / layer->scale;
    const float lo = (float)(layer->lo - layer->zero), hi = (float)(layer->hi - layer->zero);
    const int32_t zero = layer->zero;
    const size_t count = qnt_layer_elements(layer);

    for (size_t i = 0; i < count; i++) {
        float x = image[i] * inverse;
        x = x > lo ? x : lo; /* a NaN becomes the lowest */
        x = x < hi ? x : hi;
        out[i] = (int8_t)((int32_t)(x + ROUNDER - ROUNDER) + zero);
    }
}

void qnt_quantise_image(const struct qnt_layer *layer, const float *image, int8_t *out)
{
    quantise(layer, image, out);
}

static const struct qnt_layer *input_of(const struct qnt_op_args *args, int32_t i)
{
    return &args->network->layers[args->layer->inputs[i]];
}

/* Whether rescale() would only copy. */
static int keeps_bytes(const struct qnt_layer *l, const struct qnt_layer *from, int32_t factor)
{
    return factor == 1 << l->shift && l->zero == from->zero && l->lo <= from->lo &&
           l->hi >= from->hi;
}

int qnt_joins_as_is(const struct qnt_layer *concat, const struct qnt_layer *input, int32_t k)
{
    return keeps_bytes(concat, input, concat->factor[k]);
}

/* Bytes that are rescaled as a whole vector. */
#define BLOCK 32

/* `count` bytes of one input at another scale and zero point. What is left behind whole blocks is
 * done first, as a block that ends where they do: a few bytes of each pixel are many together. */
QNT_WIDE static void rescale(const struct qnt_layer *l, const struct qnt_layer *from,
                             int32_t factor, const int8_t *in, size_t count, int8_t *out)
{
    const int32_t half = 1 << (l->shift - 1), shift = l->shift, lo = l->lo, hi = l->hi;
    const int32_t zero_in = from->zero, zero = l->zero;

    if (keeps_bytes(l, from, factor)) {
        memcpy(out, in, count);
        return;
    }
    if (count < BLOCK) {
        for (size_t i = 0; i < count; i++)
            out[i] = (int8_t)clamp((((in[i] - zero_in) * factor + half) >> shift) + zero, lo, hi);
        return;
    }
    const int8_t *last = in + count - BLOCK;
    int8_t end[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        end[i] = (int8_t)clamp((((last[i] - zero_in) * factor + half) >> shift) + zero, lo, hi);
    for (size_t b = 0; b + BLOCK <= count; b += BLOCK)
        for (size_t i = b; i < b + BLOCK; i++)
            out[i] = (int8_t)clamp((((in[i] - zero_in) * factor + half) >> shift) + zero, lo, hi);
    memcpy(out + count - BLOCK, end, BLOCK);
}

static void run_clip(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;

    rescale(l, input_of(args, 0), l->factor[0], args->in[0] + args->begin, args->end - args->begin,
            args->out + args->begin);
}

struct qnt_move qnt_layer_move(const struct qnt_network *network, const struct qnt_layer *l)
{
    const struct qnt_layer *in = &network->layers[l->inputs[0]];

    return (struct qnt_move) {
        (enum qnt_op)l->op, { in->h, in->w, in->c }, { l->h, l->w, l->c }, l->place
    };
}

static void run_move(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    const struct qnt_move move = qnt_layer_move(args->network, l);

    if (l->op == QNT_OP_PAD)
        memset(args->out, l->fill, qnt_layer_elements(l));
    qnt_move(&move, 1, args->in[0], args->out);
}

static void run_concat(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    size_t first = 0;

    for (int32_t i = 0; i < l->input_count; i++) {
        size_t channels = (size_t)input_of(args, i)->c;
        const int in_place = args->in[i] == args->out + first;
        for (size_t p = args->begin; p < args->end && !in_place; p++)
            rescale(l, input_of(args, i), l->factor[i], args->in[i] + p * channels, channels,
                    args->out + p * (size_t)l->c + first);
        first += channels;
    }
}

static size_t pixels_of(const struct qnt_layer *l)
{
    return (size_t)l->h * (size_t)l->w;
}

static size_t rows_of(const struct qnt_layer *l)
{
    return (size_t)l->h;
}

size_t qnt_op_units(const struct qnt_layer *l)
{
    static size_t (*const units[QNT_OP_COUNT])(const struct qnt_layer *) = {
        [QNT_OP_CLIP] = qnt_layer_elements,
        [QNT_OP_ADD] = qnt_layer_elements,
        [QNT_OP_FUNCTION] = qnt_layer_elements,
        [QNT_OP_CONCAT] = pixels_of,
        [QNT_OP_MUL] = pixels_of,
        [QNT_OP_MAXPOOL] = rows_of,
        [QNT_OP_AVGPOOL] = rows_of,
        [QNT_OP_RESIZE] = rows_of,
        [QNT_OP_LRN] = pixels_of,
    };
    return units[l->op] ? units[l->op](l) : 1;
}

qnt_op_run *const qnt_op_runs[QNT_OP_COUNT] = {
    [QNT_OP_CLIP] = run_clip,
    [QNT_OP_ADD] = qnt_run_add,
    [QNT_OP_MAXPOOL] = qnt_run_maxpool,
    [QNT_OP_AVGPOOL] = qnt_run_avgpool,
    [QNT_OP_GLOBAL_AVGPOOL] = qnt_run_global_avgpool,
    [QNT_OP_CONCAT] = run_concat,
    [QNT_OP_RESHAPE] = run_move,
    [QNT_OP_MUL] = qnt_run_mul,
    [QNT_OP_FUNCTION] = qnt_run_function,
    [QNT_OP_SLICE] = run_move,
    [QNT_OP_PAD] = run_move,
    [QNT_OP_PERMUTE] = run_move,
    [QNT_OP_UPSAMPLE] = run_move,
    [QNT_OP_SHUFFLE] = run_move,
    [QNT_OP_RESIZE] = qnt_run_resize,
    [QNT_OP_LRN] = qnt_run_lrn,
    [QNT_OP_DEPTH_TO_SPACE] = run_move,
};
