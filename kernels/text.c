#include "kernels/text_int.h"

#include <stdarg.h>

struct cursor {
    char *out;
    size_t length, bytes;
};

static void put_char(struct cursor *c, char ch)
{
    if (c->length + 1 < c->bytes)
        c->out[c->length++] = ch;
}

static void put_string(struct cursor *c, const char *s)
{
    while (*s)
        put_char(c, *s++);
}

static void put_number(struct cursor *c, long long value)
{
    char digits[20]; /* of 2^63 there are 19 */
    int count = 0;
    unsigned long long rest =
        value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
    do
        digits[count++] = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0)
        put_char(c, '-');
    while (count > 0)
        put_char(c, digits[--count]);
}

size_t krn_text_print(char *out, size_t bytes, const char *format, ...)
{
    struct cursor c = { out, 0, bytes };
    va_list args;
    va_start(args, format);
    for (const char *f = format; *f; f++) {
        if (*f != '%')
            put_char(&c, *f);
        else if (*++f == 's')
            put_string(&c, va_arg(args, const char *));
        else if (*f == 'c')
            put_char(&c, (char)va_arg(args, int));
        else if (*f == 'd')
            put_number(&c, va_arg(args, int));
        else { /* lld */
            put_number(&c, va_arg(args, long long));
            f += 2;
        }
    }
    va_end(args);
    if (bytes > 0)
        out[c.length] = '\0';
    return c.length;
}
