/* sum := product (('+' | '-') product)*;  product := atom (('*' | '/') atom)*;
 * atom := number | name | '(' sum ')' | '-' atom */
#include "harness/pmu/formula.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

struct parser {
    const char *begin, *at;
    hrn_formula_value *value;
    void *user;
    int depth, error;
    char *err;
    size_t err_bytes;
};

static double sum(struct parser *p);

static double fail(struct parser *p, int error, const char *what)
{
    if (!p->error)
        snprintf(p->err, p->err_bytes, "%s at column %td of '%.100s'", what, p->at - p->begin + 1,
                 p->begin);
    if (!p->error)
        p->error = error;
    return NAN;
}

static char next(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
    return *p->at;
}

static int is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == ':' || c == '.';
}

/* A name of the kernel's has hyphens ("page-faults"): one between two letters belongs to it. */
static size_t name_length(const char *at)
{
    size_t length = 0;
    while (is_name(at[length]) ||
           (length > 0 && at[length] == '-' && islower((unsigned char)at[length - 1]) &&
            islower((unsigned char)at[length + 1])))
        length++;
    return length;
}

static double name(struct parser *p)
{
    char text[HRN_FORMULA_NAME_MAX];
    double value = NAN;
    size_t length = name_length(p->at);
    if (length >= sizeof text)
        return fail(p, -EINVAL, "a name that is too long");
    memcpy(text, p->at, length);
    text[length] = '\0';
    int error = p->value(text, &value, p->user);
    if (error < 0 && !p->error) {
        snprintf(p->err, p->err_bytes, "%s", text);
        p->error = error;
    }
    p->at += length;
    return value;
}

/* By hand: strtod() would take hexadecimal, infinities and the locale's comma. */
static double number(struct parser *p)
{
    double value = 0, place = 1;
    int exponent = 0;
    for (; isdigit((unsigned char)*p->at); p->at++)
        value = 10 * value + (*p->at - '0');
    if (*p->at == '.')
        for (p->at++; isdigit((unsigned char)*p->at); p->at++)
            value += (*p->at - '0') * (place /= 10);
    if (*p->at == 'e' &&
        (isdigit((unsigned char)p->at[1]) ||
         ((p->at[1] == '+' || p->at[1] == '-') && isdigit((unsigned char)p->at[2])))) {
        int negative = p->at[1] == '-';
        for (p->at += 1 + !isdigit((unsigned char)p->at[1]); isdigit((unsigned char)*p->at);
             p->at++)
            exponent = exponent < 400 ? 10 * exponent + (*p->at - '0') : exponent;
        value *= pow(10, negative ? -exponent : exponent);
    }
    return value;
}

static double atom(struct parser *p)
{
    double value;
    char c = next(p);
    if (p->error || ++p->depth > DEPTH_MAX)
        return fail(p, -EINVAL, "nested too deeply");
    if (c == '(') {
        p->at++;
        value = sum(p);
        if (next(p) != ')')
            value = fail(p, -EINVAL, "a ')' is missing");
        else
            p->at++;
    } else if (c == '-') {
        p->at++;
        value = -atom(p);
    } else if (isdigit((unsigned char)c)) {
        value = number(p);
    } else if (isalpha((unsigned char)c) || c == '_') {
        value = name(p);
    } else {
        value = fail(p, -EINVAL, "a number, a name or '(' is missing");
    }
    p->depth--;
    return value;
}

static double product(struct parser *p)
{
    double value = atom(p);
    for (char c; !p->error && ((c = next(p)) == '*' || c == '/');) {
        p->at++;
        double other = atom(p);
        if (c == '*')
            value *= other;
        else
            value = other != 0 ? value / other : (double)NAN;
    }
    return value;
}

static double sum(struct parser *p)
{
    double value = product(p);
    for (char c; !p->error && ((c = next(p)) == '+' || c == '-');) {
        p->at++;
        double other = product(p);
        value = c == '+' ? value + other : value - other;
    }
    return value;
}

int hrn_formula_evaluate(const char *formula, hrn_formula_value *value, void *user, double *out,
                         char *err, size_t err_bytes)
{
    struct parser p = { .begin = formula,
                        .at = formula,
                        .value = value,
                        .user = user,
                        .err = err,
                        .err_bytes = err_bytes };
    *out = sum(&p);
    if (!p.error && next(&p) != '\0')
        fail(&p, -EINVAL, "something that is no operator");
    if (p.error)
        *out = NAN;
    return p.error;
}
