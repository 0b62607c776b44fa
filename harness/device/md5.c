#include "harness/device/md5_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Rotations, a row per round. */
static const uint8_t rotations[4][4] = {
    { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 }
};
/* Which word of the block step i of a round takes: (factor * i + offset) mod 16. */
static const struct {
    uint8_t factor, offset;
} orders[4] = { { 1, 0 }, { 5, 1 }, { 3, 5 }, { 7, 0 } };

void hrn_md5_begin(struct hrn_md5 *m)
{
    *m = (struct hrn_md5) { .state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 } };
    for (int i = 0; i < 64; i++)
        m->k[i] = (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
}

static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round) {
    case 0:
        return (b & c) | (~b & d);
    case 1:
        return (b & d) | (c & ~d);
    case 2:
        return b ^ c ^ d;
    default:
        return c ^ (b | ~d);
    }
}

static uint32_t word_of(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void take_block(struct hrn_md5 *m, const uint8_t *block)
{
    uint32_t a = m->state[0], b = m->state[1], c = m->state[2], d = m->state[3];
    for (int i = 0; i < 64; i++) {
        int round = i / 16, word = (orders[round].factor * i + orders[round].offset) % 16;
        int r = rotations[round][i % 4];
        uint32_t x = a + mix(round, b, c, d) + m->k[i] + word_of(block + 4 * word);
        a = d;
        d = c;
        c = b;
        b += x << r | x >> (32 - r);
    }
    m->state[0] += a;
    m->state[1] += b;
    m->state[2] += c;
    m->state[3] += d;
}

void hrn_md5_add(struct hrn_md5 *m, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    while (bytes > 0) {
        size_t at = m->bytes % 64, n = bytes < 64 - at ? bytes : 64 - at;
        if (n == 64) {
            take_block(m, p);
        } else {
            memcpy(m->block + at, p, n);
            if (at + n == 64)
                take_block(m, m->block);
        }
        m->bytes += n;
        p += n;
        bytes -= n;
    }
}

void hrn_md5_end(struct hrn_md5 *m, char digest[HRN_MD5_TEXT])
{
    static const uint8_t pad[64] = { 0x80 };
    uint64_t bits = m->bytes * 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> 8 * i);
    hrn_md5_add(m, pad, 1 + (119 - m->bytes % 64) % 64);
    hrn_md5_add(m, length, sizeof length);
    for (int i = 0; i < 16; i++)
        snprintf(digest + 2 * i, 3, "%02x", (unsigned)(m->state[i / 4] >> i % 4 * 8 & 0xff));
}
