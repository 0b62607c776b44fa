/* Bytes, 8 x 8 at a time in eight words: pairs of bytes are exchanged across the diagonal, then
 * pairs of two, then of four. */
#include <string.h>

#include "quant/model/moves.h"
#include "quant/wide.h"

enum { SIDE = 8 };

static inline void exchange(uint64_t *a, uint64_t *b, int bits, uint64_t mask)
{
    const uint64_t differ = ((*a >> bits) ^ *b) & mask;

    *b ^= differ;
    *a ^= differ << bits;
}

static inline void turn(uint64_t w[SIDE])
{
    for (int i = 0; i < SIDE; i += 2)
        exchange(&w[i], &w[i + 1], 8, 0x00ff00ff00ff00ff);
    for (int i = 0; i < SIDE; i += 4)
        for (int k = 0; k < 2; k++)
            exchange(&w[i + k], &w[i + k + 2], 16, 0x0000ffff0000ffff);
    for (int i = 0; i < 4; i++)
        exchange(&w[i], &w[i + 4], 32, 0x00000000ffffffff);
}

static void transpose_plain(const uint8_t *in, size_t in_stride, size_t rows, size_t columns,
                            uint8_t *out, size_t out_stride)
{
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            out[c * out_stride + r] = in[r * in_stride + c];
}

QNT_WIDE static void transpose_blocks(const uint8_t *in, size_t in_stride, size_t rows,
                                      size_t columns, uint8_t *out, size_t out_stride)
{
    for (size_t c = 0; c < columns; c += SIDE)
        for (size_t r = 0; r < rows; r += SIDE) {
            uint64_t w[SIDE];
            for (size_t i = 0; i < SIDE; i++)
                memcpy(&w[i], in + (r + i) * in_stride + c, SIDE);
            turn(w);
            for (size_t i = 0; i < SIDE; i++)
                memcpy(out + (c + i) * out_stride + r, &w[i], SIDE);
        }
}

void qnt_transpose_bytes(const uint8_t *in, size_t in_stride, size_t rows, size_t columns,
                         uint8_t *out, size_t out_stride)
{
    const size_t whole_rows = rows / SIDE * SIDE, whole_columns = columns / SIDE * SIDE;

    transpose_blocks(in, in_stride, whole_rows, whole_columns, out, out_stride);
    transpose_plain(in + whole_columns, in_stride, whole_rows, columns - whole_columns,
                    out + whole_columns * out_stride, out_stride);
    transpose_plain(in + whole_rows * in_stride, in_stride, rows - whole_rows, columns,
                    out + whole_rows, out_stride);
}
