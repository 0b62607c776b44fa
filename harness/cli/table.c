#include "harness/cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"

struct cli_table {
    const char *const *headings;
    size_t columns, count, capacity;
    char **cells; /* owned, row by row; NULL = out of memory, printed as nothing */
};

struct cli_table *cli_table_new(const char *const *headings, size_t columns)
{
    struct cli_table *t = calloc(1, sizeof(*t));
    if (t) {
        t->headings = headings;
        t->columns = columns;
    }
    return t;
}

void cli_table_cell(struct cli_table *t, const char *format, ...)
{
    if (!t)
        return;
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 64;
        char **cells = realloc(t->cells, capacity * sizeof(*cells));
        if (!cells)
            return;
        t->cells = cells;
        t->capacity = capacity;
    }
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&t->cells[t->count], format, arguments) < 0)
        t->cells[t->count] = NULL;
    va_end(arguments);
    t->count++;
}

/* Columns on a screen: escape sequences and the later bytes of a UTF-8 character take none. */
static size_t shown(const char *text)
{
    size_t width = 0;
    for (; *text; text++) {
        if (*text == '\033') {
            text += strcspn(text, "m");
            if (!*text)
                break;
        } else {
            width += ((unsigned char)*text & 0xc0) != 0x80;
        }
    }
    return width;
}

/* A number, perhaps with % or x or a unit after a blank, or nothing at all. */
static int numeric(const char *text)
{
    if (!*text || strcmp(text, "-") == 0)
        return 1;
    if (!strchr("+-.0123456789", *text))
        return 0;
    char *end;
    strtod(text, &end);
    return end != text && (!*end || *end == ' ' || strcmp(end, "%") == 0 || strcmp(end, "x") == 0);
}

static const char *cell(const struct cli_table *t, size_t row, size_t column)
{
    size_t i = row * t->columns + column;
    return i < t->count && t->cells[i] ? t->cells[i] : "";
}

struct column {
    size_t width;
    int right;
};

static struct column measure(const struct cli_table *t, size_t rows, size_t column)
{
    struct column c = { .width = shown(t->headings[column]), .right = rows > 0 };
    for (size_t row = 0; row < rows; row++) {
        size_t width = shown(cell(t, row, column));
        c.width = width > c.width ? width : c.width;
        c.right = c.right && numeric(cell(t, row, column));
    }
    return c;
}

/* Blanks are owed until something follows them, so that no line ends in blanks. */
static void print_cell(FILE *out, const char *text, struct column c, int *owed)
{
    int width = (int)shown(text), pad = (int)c.width - width;
    if (width == 0) {
        *owed += (int)c.width + 2;
        return;
    }
    fprintf(out, "%*s%s", *owed + (c.right ? pad : 0), "", text);
    *owed = 2 + (c.right ? 0 : pad);
}

static void print_rows(const struct cli_table *t, const struct column *columns, size_t rows,
                       FILE *out)
{
    const char *on = cli_colour(out) ? "\033[1m" : "", *off = *on ? "\033[0m" : "";
    fputs(on, out);
    int owed = 0;
    for (size_t i = 0; i < t->columns; i++)
        print_cell(out, t->headings[i], columns[i], &owed);
    fprintf(out, "%s\n", off);
    for (size_t row = 0; row < rows; row++) {
        owed = 0;
        for (size_t i = 0; i < t->columns; i++)
            print_cell(out, cell(t, row, i), columns[i], &owed);
        fputc('\n', out);
    }
}

void cli_table_print(struct cli_table *t, FILE *out)
{
    if (!t)
        return;
    size_t rows = (t->count + t->columns - 1) / t->columns;
    struct column *columns = calloc(t->columns, sizeof(*columns));
    for (size_t i = 0; columns && i < t->columns; i++)
        columns[i] = measure(t, rows, i);
    if (columns)
        print_rows(t, columns, rows, out);
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i]);
    free(t->cells);
    free(columns);
    free(t);
}
