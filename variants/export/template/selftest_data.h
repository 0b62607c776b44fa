/* The data of a self-test vector follows from its problem and its seed; only the hash of the answer
 * is stored. The exporter, which computes it, and the self-test, which compares it, share this
 * file. */
#ifndef QUERN_SELFTEST_DATA_H
#define QUERN_SELFTEST_DATA_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/reference.h"

/* Owned buffers of one vector. */
struct vector_data {
    struct krn_problem problem;
    struct krn_quant quant;
    int8_t *in, *weights, *out; /* out: room for any answer, 4-byte aligned */
    int8_t *tensor;             /* ADD: a second one, of the shape of the output */
    int32_t *bias;
    float *scale;
    size_t out_count;
};

static inline uint64_t vector_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline void vector_bytes(uint64_t *state, int low, int8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (int8_t)(low + (int)(vector_random(state) % (uint64_t)(128 - low)));
}

static inline void vector_clear(struct vector_data *v)
{
    free(v->in);
    free(v->weights);
    free(v->out);
    free(v->tensor);
    free(v->bias);
    free(v->scale);
    memset(v, 0, sizeof *v);
}

static inline void vector_fill(struct vector_data *v, uint64_t seed)
{
    const struct krn_problem *p = &v->problem;
    uint64_t state = seed;
    size_t taps = (size_t)p->kh * (size_t)p->kw * (size_t)(p->ic / p->groups);
    vector_bytes(&state, -128, v->in, krn_problem_input_count(p));
    vector_bytes(&state, -127, v->weights, krn_problem_weight_count(p));
    for (int32_t i = 0; i < p->oc; i++) {
        v->bias[i] = (int32_t)(vector_random(&state) % 8001) - 4000;
        /* spreads sums of `taps` products over the range of a byte; a few saturate */
        v->scale[i] = (float)(1 + vector_random(&state) % 256) / (float)(1024 * (8 + taps / 8));
    }
    static const int32_t zero_points[] = { 0, -128, 127, 3, -5 };
    v->quant.zp_in = zero_points[vector_random(&state) % 5];
    v->quant.zp_out = zero_points[vector_random(&state) % 5];
    v->quant.lo = vector_random(&state) % 4 == 0 && v->quant.zp_out < 100 ? v->quant.zp_out : -128;
    v->quant.hi = vector_random(&state) % 4 == 0 ? 120 : 127;
    vector_bytes(&state, -128, v->tensor, v->out_count);
}

/* 0, or -1 without memory. */
static inline int vector_make(const struct krn_problem *problem, uint64_t seed,
                              struct vector_data *v)
{
    memset(v, 0, sizeof *v);
    v->problem = *problem;
    v->out_count = krn_problem_output_count(problem);
    v->in = (int8_t *)malloc(krn_problem_input_count(problem));
    v->weights = (int8_t *)malloc(krn_problem_weight_count(problem));
    v->out = (int8_t *)malloc(4 * v->out_count); /* SUMS are words */
    v->tensor = (int8_t *)malloc(v->out_count);
    v->bias = (int32_t *)malloc((size_t)problem->oc * sizeof *v->bias);
    v->scale = (float *)malloc((size_t)problem->oc * sizeof *v->scale);
    if (!v->in || !v->weights || !v->out || !v->tensor || !v->bias || !v->scale) {
        vector_clear(v);
        return -1;
    }
    vector_fill(v, seed);
    return 0;
}

static inline struct krn_add vector_add(const struct vector_data *v)
{
    const struct krn_add add = { v->tensor, -3, 0.75f };
    return add;
}

/* The answer, in v->out; its bytes. */
static inline size_t vector_reference(struct vector_data *v, enum krn_epilogue epilogue)
{
    const struct krn_add add = vector_add(v);
    krn_reference_epilogue(&v->problem, &v->quant, epilogue, v->in, v->weights, v->bias, v->scale,
                           &add, v->out);
    return epilogue == KRN_EPILOGUE_SUMS ? 4 * v->out_count : v->out_count;
}

static inline uint64_t vector_hash(const int8_t *bytes, size_t count) /* FNV-1a, 64 bit */
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * 0x100000001b3u;
    return hash;
}

#endif
