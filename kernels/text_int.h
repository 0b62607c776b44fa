/* printf into a buffer, for messages and problem strings, without stdio. Private to kernels/. */
#ifndef QUERN_KERNELS_TEXT_INT_H
#define QUERN_KERNELS_TEXT_INT_H

#include <stddef.h>

/* Knows %s, %c, %d and %lld, nothing between the % and the letter. Writes at most `bytes` with the
 * NUL, cuts what is longer, and returns the length written. `out` may be NULL if bytes is 0. */
size_t krn_text_print(char *out, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
