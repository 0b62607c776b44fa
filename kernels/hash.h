/* FNV-1a, 64 bit: http://www.isthe.com/chongo/tech/comp/fnv/
 *
 *     hash = krn_fnv1a(KRN_FNV1A_BEGIN, bytes, count), then on from there */
#ifndef QUERN_KERNELS_HASH_H
#define QUERN_KERNELS_HASH_H

#include <stddef.h>
#include <stdint.h>

#define KRN_FNV1A_BEGIN 0xcbf29ce484222325u

static inline uint64_t krn_fnv1a(uint64_t hash, const void *bytes, size_t count)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

#endif
