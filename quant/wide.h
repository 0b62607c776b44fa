/* A loop that is worth a copy for wider vectors, chosen when the program starts. The copies differ
 * in speed alone: no product and sum is fused anywhere. By gcc alone: clang (14) chooses between
 * copies by symbols that two files cannot both have, and that other files do not find. */
#ifndef QUERN_QUANT_WIDE_H
#define QUERN_QUANT_WIDE_H

#if defined(__x86_64__) && defined(__has_attribute) && !defined(__clang__)
#if __has_attribute(target_clones)
#define QNT_WIDE __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef QNT_WIDE
#define QNT_WIDE
#endif

#endif
