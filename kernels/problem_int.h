/* The fields of a problem as a table, for its grammar and its checks. */
#ifndef QUERN_KERNELS_PROBLEM_INT_H
#define QUERN_KERNELS_PROBLEM_INT_H

#include "kernels/problem.h"

/* In the order of the canonical string. */
enum krn_field { MB, G, IC, IH, IW, OC, OH, OW, KH, KW, SH, SW, PH, PW, DH, DW, KRN_FIELD_COUNT };

struct krn_field_info {
    const char *key;
    size_t offset; /* of its int32_t in struct krn_problem */
    int32_t min;   /* of the number in the string */
    int32_t bias;  /* what the struct has more than the string */
};
extern const struct krn_field_info krn_fields[KRN_FIELD_COUNT];

static inline int32_t *krn_field_at(struct krn_problem *p, enum krn_field f)
{
    return (int32_t *)((char *)p + krn_fields[f].offset);
}

static inline int32_t krn_field_of(const struct krn_problem *p, enum krn_field f)
{
    return *(const int32_t *)((const char *)p + krn_fields[f].offset);
}

#endif
