/* Products of bytes, and bytes looked up in a table: what gates and activations are made of. */
#include "quant/pipeline/pipeline_int.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- Products */

enum { BLOCK = 64 }; /* channels */

/* What is the same for a whole layer. A product of two bytes by the factor has at most 39 bits, so
 * that a double holds it exactly, shifted: halves go up because half of its last bit is added
 * before the sum is rounded. */
struct product {
    int32_t zero_a, zero_b, zero;
    double unit; /* of the exact product, in steps of the output */
    double lo, hi;
};

QNT_WIDE static void multiply(const struct product *k, const int8_t *a, const double *b,
                              size_t count, int8_t *out)
{
    const double half_bit = k->unit / 2, lo = k->lo, hi = k->hi;
    const int32_t zero_a = k->zero_a, zero = k->zero;

    for (size_t i = 0; i < count; i++) {
        out[i] = qnt_byte_of((a[i] - zero_a) * b[i] + half_bit, lo, hi, zero);
    }
}

QNT_WIDE static void scale_bytes(const int8_t *b, int32_t zero, double by, size_t count,
                                 double *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (b[i] - zero) * by;
}

void qnt_run_mul(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer, *layers = args->network->layers;
    const struct qnt_layer *la = &layers[l->inputs[0]], *lb = &layers[l->inputs[1]];
    const size_t channels = (size_t)l->c;
    const int is_gate = lb->h == 1 && lb->w == 1; /* one factor for all pixels of a channel */
    const double unit = 1.0 / (double)((int64_t)1 << l->shift);
    const struct product k = {
        la->zero, lb->zero, l->zero, unit, l->lo - l->zero, l->hi - l->zero
    };

    for (size_t c = 0; c < channels; c += BLOCK) {
        const size_t count = channels - c < BLOCK ? channels - c : BLOCK;
        double factors[BLOCK];
        for (size_t p = args->begin; p < args->end; p++) {
            if (!is_gate || p == args->begin)
                scale_bytes(args->in[1] + (is_gate ? 0 : p * channels) + c, k.zero_b,
                            l->factor[0] * unit, count, factors);
            multiply(&k, args->in[0] + p * channels + c, factors, count,
                     args->out + p * channels + c);
        }
    }
}

/* ---- Tables of 256 bytes, the first for -128 */

static void look_up(const int8_t *table, const int8_t *in, size_t count, int8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = table[in[i] + 128];
}

#if defined(__aarch64__)

/* 64 entries at a time: an index beyond them leaves what was found before. */
static size_t look_up_wide(const int8_t *table, const int8_t *in, size_t count, int8_t *out)
{
    int8x16x4_t part[4];
    size_t i = 0;

    for (int k = 0; k < 4; k++)
        part[k] = vld1q_s8_x4(table + 64 * k);
    for (; i + 16 <= count; i += 16) {
        uint8x16_t at = veorq_u8(vreinterpretq_u8_s8(vld1q_s8(in + i)), vdupq_n_u8(128));
        int8x16_t y = vqtbl4q_s8(part[0], at);
        for (int k = 1; k < 4; k++)
            y = vqtbx4q_s8(y, part[k], vsubq_u8(at, vdupq_n_u8((uint8_t)(64 * k))));
        vst1q_s8(out + i, y);
    }
    return i;
}

#elif defined(__x86_64__)

__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static size_t
look_up_vbmi(const int8_t *table, const int8_t *in, size_t count, int8_t *out)
{
    const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
    const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
    size_t i = 0;

    for (; i + 64 <= count; i += 64) { /* a negative byte is one of the first half */
        const __m512i x = _mm512_loadu_si512(in + i);
        const __m512i low = _mm512_permutex2var_epi8(t0, x, t1);
        const __m512i high = _mm512_permutex2var_epi8(t2, x, t3);
        _mm512_storeu_si512(out + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), high, low));
    }
    return i;
}

static size_t look_up_wide(const int8_t *table, const int8_t *in, size_t count, int8_t *out)
{
    return __builtin_cpu_supports("avx512vbmi") ? look_up_vbmi(table, in, count, out) : 0;
}

#else

static size_t look_up_wide(const int8_t *table, const int8_t *in, size_t count, int8_t *out)
{
    (void)table, (void)in, (void)count, (void)out;
    return 0;
}

#endif

void qnt_run_function(const struct qnt_op_args *args)
{
    const int8_t *table = qnt_layer_data(args->network, args->layer->weights);
    const int8_t *in = args->in[0] + args->begin;
    const size_t count = args->end - args->begin;
    int8_t *out = args->out + args->begin;
    const size_t done = look_up_wide(table, in, count, out);

    look_up(table, in + done, count - done, out + done);
}
