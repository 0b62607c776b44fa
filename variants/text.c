/* Growing text. */
#include "variants/variant.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int reserve(struct var_text *t, size_t bytes)
{
    size_t capacity = t->capacity ? t->capacity : 4096;
    while (capacity < bytes)
        capacity *= 2;
    if (capacity == t->capacity)
        return 0;
    char *data = realloc(t->data, capacity);
    if (!data)
        return -ENOMEM;
    t->data = data;
    t->capacity = capacity;
    return 0;
}

int var_text_printf(struct var_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length =
        vsnprintf(t->data ? t->data + t->length : NULL, t->capacity - t->length, format, args);
    va_end(args);
    if (length >= 0 && t->length + (size_t)length >= t->capacity) {
        if (reserve(t, t->length + (size_t)length + 1) == 0)
            length = vsnprintf(t->data + t->length, t->capacity - t->length, format, again);
        else
            length = -1;
    }
    va_end(again);
    if (length < 0) {
        t->failed = -ENOMEM;
        return t->failed;
    }
    t->length += (size_t)length;
    return 0;
}

void var_text_clear(struct var_text *t)
{
    free(t->data);
    *t = (struct var_text) { 0 };
}
