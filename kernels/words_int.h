/* Eight bytes as words, by the machine's own instruction: compilers make of their own conversion,
 * as GCC 12 does on AArch64, one of each element. */
#ifndef QUERN_KERNELS_WORDS_INT_H
#define QUERN_KERNELS_WORDS_INT_H

#include <stdint.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef int16_t krn_words8 __attribute__((vector_size(16)));

static inline krn_words8 krn_load_words(const int8_t *at)
{
#if defined(__aarch64__)
    return (krn_words8)vmovl_s8(vld1_s8(at));
#elif defined(__SSE2__)
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)at);
    return (krn_words8)_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
#else
    return (krn_words8) { at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7] };
#endif
}

#endif
