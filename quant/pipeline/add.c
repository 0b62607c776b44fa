/* Sums of two tensors of bytes, where no convolution computes them. */
#include "quant/pipeline/pipeline_int.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

QNT_WIDE static size_t add_any(const struct qnt_sum *k, const int8_t *a, const int8_t *b,
                               size_t count, int8_t *out)
{
    const int32_t fa = k->factor_a, fb = k->factor_b, start = k->start, shift = k->shift;
    const int32_t zero = k->zero, lo = k->lo, hi = k->hi;

    for (size_t i = 0; i < count; i++) {
        int32_t y = ((a[i] * fa + b[i] * fb + start) >> shift) + zero;
        y = y < lo ? lo : y;
        out[i] = (int8_t)(y > hi ? hi : y);
    }
    return count;
}

static int is_everywhere(void)
{
    return 1;
}

#if defined(__x86_64__)

/* Factors in two parts that fit 16 bits, so that one instruction multiplies and adds a pair:
 *     sum >> shift = (((low parts + start) >> LOW_BITS) + high parts) >> (shift - LOW_BITS)
 * exactly, for a floor of a floor is that of both. What follows saturates, as the clamp does. */
enum { LOW_BITS = 11 };

static int32_t low_parts(const struct qnt_sum *k)
{
    const int32_t mask = (1 << LOW_BITS) - 1;
    return (k->factor_a & mask) | (k->factor_b & mask) << 16;
}

static int32_t high_parts(const struct qnt_sum *k)
{
    return k->factor_a >> LOW_BITS | k->factor_b >> LOW_BITS << 16;
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static size_t
add_vnni(const struct qnt_sum *k, const int8_t *a, const int8_t *b, size_t count, int8_t *out)
{
    const __m512i low = _mm512_set1_epi32(low_parts(k)), high = _mm512_set1_epi32(high_parts(k));
    const __m512i start = _mm512_set1_epi32(k->start), zero = _mm512_set1_epi16((short)k->zero);
    const __m512i lo = _mm512_set1_epi8((char)k->lo), hi = _mm512_set1_epi8((char)k->hi);
    const __m512i none = _mm512_setzero_si512();
    const __m128i shift = _mm_cvtsi32_si128(k->shift - LOW_BITS);
    size_t i = 0;

    for (; k->shift >= LOW_BITS && i + 64 <= count; i += 64) {
        const __m512i x = _mm512_loadu_si512(a + i), y = _mm512_loadu_si512(b + i);
        const __m512i pairs[2] = { _mm512_unpacklo_epi8(x, y), _mm512_unpackhi_epi8(x, y) };
        __m512i words[2];
        for (int h = 0; h < 2; h++) {
            __m512i p = _mm512_srai_epi16(_mm512_unpacklo_epi8(none, pairs[h]), 8);
            __m512i q = _mm512_srai_epi16(_mm512_unpackhi_epi8(none, pairs[h]), 8);
            __m512i s = _mm512_srai_epi32(_mm512_dpwssd_epi32(start, p, low), LOW_BITS);
            __m512i t = _mm512_srai_epi32(_mm512_dpwssd_epi32(start, q, low), LOW_BITS);
            s = _mm512_sra_epi32(_mm512_dpwssd_epi32(s, p, high), shift);
            t = _mm512_sra_epi32(_mm512_dpwssd_epi32(t, q, high), shift);
            words[h] = _mm512_adds_epi16(_mm512_packs_epi32(s, t), zero);
        }
        const __m512i bytes = _mm512_packs_epi16(words[0], words[1]);
        _mm512_storeu_si512(out + i, _mm512_min_epi8(_mm512_max_epi8(bytes, lo), hi));
    }
    return i;
}

__attribute__((target("avx2"))) static __m256i add_pairs(__m256i pairs, __m256i low, __m256i high,
                                                         __m256i start, __m128i shift)
{
    __m256i s = _mm256_add_epi32(_mm256_madd_epi16(pairs, low), start);
    s = _mm256_add_epi32(_mm256_srai_epi32(s, LOW_BITS), _mm256_madd_epi16(pairs, high));
    return _mm256_sra_epi32(s, shift);
}

__attribute__((target("avx2"))) static size_t add_avx2(const struct qnt_sum *k, const int8_t *a,
                                                       const int8_t *b, size_t count, int8_t *out)
{
    const __m256i low = _mm256_set1_epi32(low_parts(k)), high = _mm256_set1_epi32(high_parts(k));
    const __m256i start = _mm256_set1_epi32(k->start), zero = _mm256_set1_epi16((short)k->zero);
    const __m256i lo = _mm256_set1_epi8((char)k->lo), hi = _mm256_set1_epi8((char)k->hi);
    const __m256i none = _mm256_setzero_si256();
    const __m128i shift = _mm_cvtsi32_si128(k->shift - LOW_BITS);
    size_t i = 0;

    for (; k->shift >= LOW_BITS && i + 32 <= count; i += 32) {
        const __m256i x = _mm256_loadu_si256((const __m256i_u *)(a + i));
        const __m256i y = _mm256_loadu_si256((const __m256i_u *)(b + i));
        const __m256i pairs[2] = { _mm256_unpacklo_epi8(x, y), _mm256_unpackhi_epi8(x, y) };
        __m256i words[2];
        for (int h = 0; h < 2; h++) {
            __m256i p = _mm256_srai_epi16(_mm256_unpacklo_epi8(none, pairs[h]), 8);
            __m256i q = _mm256_srai_epi16(_mm256_unpackhi_epi8(none, pairs[h]), 8);
            p = add_pairs(p, low, high, start, shift);
            q = add_pairs(q, low, high, start, shift);
            words[h] = _mm256_adds_epi16(_mm256_packs_epi32(p, q), zero);
        }
        const __m256i bytes = _mm256_packs_epi16(words[0], words[1]);
        _mm256_storeu_si256((__m256i_u *)(out + i),
                            _mm256_min_epi8(_mm256_max_epi8(bytes, lo), hi));
    }
    return i;
}

static int has_vnni(void)
{
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw");
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

#endif

const struct qnt_sum_way qnt_sum_ways[] = {
#if defined(__x86_64__)
    { "AVX-512 VNNI", has_vnni, add_vnni },
    { "AVX2", has_avx2, add_avx2 },
#endif
    { "C", is_everywhere, add_any },
};
const size_t qnt_sum_way_count = sizeof(qnt_sum_ways) / sizeof(qnt_sum_ways[0]);

static void add_bytes(const struct qnt_sum *k, const int8_t *a, const int8_t *b, size_t count,
                      int8_t *out)
{
    const struct qnt_sum_way *way = qnt_sum_ways;

    while (!way->is_there())
        way++;
    const size_t done = way->run(k, a, b, count, out);
    add_any(k, a + done, b + done, count - done, out + done);
}

void qnt_run_add(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer, *layers = args->network->layers;
    const struct qnt_sum k = {
        .factor_a = l->factor[0],
        .factor_b = l->factor[1],
        .start = (1 << (l->shift - 1)) - layers[l->inputs[0]].zero * l->factor[0] -
                 layers[l->inputs[1]].zero * l->factor[1],
        .shift = l->shift,
        .zero = l->zero,
        .lo = l->lo,
        .hi = l->hi,
    };

    if (qnt_adds_wide(args->network, l))
        qnt_run_add_wide(args);
    else
        add_bytes(&k, args->in[0] + args->begin, args->in[1] + args->begin, args->end - args->begin,
                  args->out + args->begin);
}
