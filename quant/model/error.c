#include "quant/model/graph.h"

#include <stdarg.h>
#include <stdio.h>

int qnt_error_set(struct qnt_error *error, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (error)
        vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return code;
}
