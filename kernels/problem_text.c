/* The one place that knows the grammar of a problem string. */
#include "kernels/problem_int.h"

#include <errno.h>
#include <string.h>

#include "kernels/layer.h"
#include "kernels/text_int.h"

/* A height and its width, one standing in for the other; 0 = required. oh and ow have rules of
 * their own. `fallback` as in the struct. */
static const struct {
    enum krn_field h, w;
    int32_t fallback, required;
} pairs[] = {
    { IH, IW, 0, 1 }, { KH, KW, 0, 1 }, { SH, SW, 1, 0 }, { PH, PW, 0, 0 }, { DH, DW, 1, 0 },
};
enum { PAIR_COUNT = sizeof pairs / sizeof pairs[0] };

struct parse {
    const char *text, *at;
    char *err;
    size_t err_bytes;
    uint32_t seen;               /* bit set of 1u << enum krn_field */
    enum krn_epilogue *epilogue; /* of a layer; NULL of a problem, which has none */
};

static int fail_at(const struct parse *s, const char *at, const char *what)
{
    krn_text_print(s->err, s->err_bytes, "\"%s\": at character %d: %s", s->text,
                   (int)(at - s->text) + 1, what);
    return -EINVAL;
}

/* Decimal digits only, up to INT32_MAX. */
static int parse_number(struct parse *s, int32_t *value)
{
    const char *begin = s->at;
    int64_t n = 0;
    for (; *s->at >= '0' && *s->at <= '9'; s->at++) {
        n = n * 10 + (*s->at - '0');
        if (n > INT32_MAX)
            return fail_at(s, begin, "the number is larger than 2147483647");
    }
    if (s->at == begin)
        return fail_at(s, begin, "a number should stand here");
    *value = (int32_t)n;
    return 0;
}

static int parse_title(struct parse *s, char *name)
{
    const char *begin = s->at += 2; /* after n" */
    for (; *s->at != '"'; s->at++) {
        unsigned char ch = (unsigned char)*s->at;
        if (ch == '\0')
            return fail_at(s, begin, "the title has no closing quote");
        if (ch < ' ' || ch == 0x7f || ch == '\\')
            return fail_at(s, s->at, "a title holds no control characters and no backslash");
        if (s->at - begin >= KRN_PROBLEM_NAME_MAX - 1)
            return fail_at(s, begin, "the title is longer than 63 bytes");
        name[s->at - begin] = *s->at;
    }
    name[s->at - begin] = '\0';
    if (*++s->at != '\0')
        return fail_at(s, s->at, "nothing may follow the title");
    return 0;
}

/* After the keys: the word behind "+", which only the title may follow. */
static int parse_epilogue(struct parse *s)
{
    const char *begin = s->at;
    if (!s->epilogue)
        return fail_at(s, begin, "what becomes of the sums has no place here");
    for (int e = 0; e < KRN_EPILOGUE_COUNT; e++) {
        size_t length = strlen(krn_epilogue_names[e]);
        const char *end = begin + 1 + length;
        if (strncmp(begin + 1, krn_epilogue_names[e], length) != 0 ||
            (*end != '\0' && strncmp(end, "n\"", 2) != 0))
            continue;
        *s->epilogue = (enum krn_epilogue)e;
        s->at = end;
        return 0;
    }
    return fail_at(s, begin, "+float, +fixed, +sums or +add should stand here, then the title");
}

static int find_field(const char *at)
{
    for (int f = 0; f < KRN_FIELD_COUNT; f++)
        if (strncmp(at, krn_fields[f].key, strlen(krn_fields[f].key)) == 0)
            return f;
    return -1;
}

static int parse_field(struct parse *s, struct krn_problem *p)
{
    const char *begin = s->at;
    int f = find_field(begin);
    if (f < 0)
        return fail_at(
            s, begin,
            "unknown key; known are mb g ic ih iw oc oh ow kh kw sh sw ph pw dh dw n\"title\"");
    if (s->seen & 1u << f)
        return fail_at(s, begin, "this key stands here for the second time");
    s->seen |= 1u << f;
    s->at += strlen(krn_fields[f].key);
    int32_t value;
    int rc = parse_number(s, &value);
    if (rc != 0)
        return rc;
    if (value < krn_fields[f].min)
        return fail_at(s, begin, "must be at least 1");
    if (value > INT32_MAX - krn_fields[f].bias)
        return fail_at(s, begin, "the number is larger than 2147483646");
    *krn_field_at(p, (enum krn_field)f) = value + krn_fields[f].bias;
    return 0;
}

static int parse_keys(struct parse *s, struct krn_problem *p)
{
    while (*s->at != '\0') {
        int is_title = s->at[0] == 'n' && s->at[1] == '"';
        int rc = is_title        ? parse_title(s, p->name)
                 : *s->at == '+' ? parse_epilogue(s)
                                 : parse_field(s, p);
        if (rc != 0)
            return rc;
        if (*s->at == '_' && s->at[1] != '\0') /* benchdnn allows it between keys */
            s->at++;
    }
    return 0;
}

/* H:W:Cin:Cout */
static int parse_colons(struct parse *s, struct krn_problem *p)
{
    static const enum krn_field order[] = { IH, IW, IC, OC };
    for (int i = 0; i < 4; i++) {
        const char *begin = s->at;
        int32_t *value = krn_field_at(p, order[i]);
        int rc = parse_number(s, value);
        if (rc != 0)
            return rc;
        if (*value < 1)
            return fail_at(s, begin, "must be at least 1");
        if (*s->at != (i < 3 ? ':' : '\0') && (i < 3 || *s->at != '+'))
            return fail_at(s, s->at,
                           i < 3 ? "a colon should stand here: H:W:Cin:Cout"
                                 : "nothing may follow H:W:Cin:Cout");
        s->at += i < 3;
        s->seen |= 1u << order[i];
    }
    p->kh = p->kw = 3;
    p->ph = p->pw = 1;
    s->seen |= 1u << KH | 1u << KW | 1u << PH | 1u << PW;
    return parse_keys(s, p); /* the epilogue, and a title behind it */
}

static int missing(const struct parse *s, const char *key)
{
    krn_text_print(s->err, s->err_bytes, "\"%s\": %s is missing", s->text, key);
    return -EINVAL;
}

/* Output size with the same padding on both sides; 0 or less if the filter does not fit. */
static int64_t default_size(int64_t in, int64_t pad, int64_t taps, int64_t stride, int64_t distance)
{
    int64_t room = in + 2 * pad - ((taps - 1) * distance + 1);
    return room < 0 ? 0 : room / stride + 1;
}

static int is_square(const struct krn_problem *p)
{
    for (int i = 0; i < PAIR_COUNT; i++)
        if (krn_field_of(p, pairs[i].h) != krn_field_of(p, pairs[i].w))
            return 0;
    return 1;
}

static int32_t clip(int64_t n)
{
    return n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

/* oh and ow: as given; else, of a square problem, the other one; else by equal padding. */
static void fill_output(const struct parse *s, struct krn_problem *p)
{
    int has_h = !!(s->seen & 1u << OH), has_w = !!(s->seen & 1u << OW);
    int square = is_square(p);
    if (!has_h)
        p->oh = has_w && square ? p->ow : clip(default_size(p->ih, p->ph, p->kh, p->sh, p->dh));
    if (!has_w)
        p->ow = square ? p->oh : clip(default_size(p->iw, p->pw, p->kw, p->sw, p->dw));
}

static int fill_defaults(const struct parse *s, struct krn_problem *p)
{
    if (!(s->seen & 1u << IC))
        return missing(s, "ic");
    if (!(s->seen & 1u << OC))
        return missing(s, "oc");
    for (int i = 0; i < PAIR_COUNT; i++) {
        int has_h = !!(s->seen & 1u << pairs[i].h), has_w = !!(s->seen & 1u << pairs[i].w);
        if (!has_h && !has_w && pairs[i].required)
            return missing(s, krn_fields[pairs[i].h].key);
        int32_t *h = krn_field_at(p, pairs[i].h), *w = krn_field_at(p, pairs[i].w);
        if (!has_h)
            *h = has_w ? *w : pairs[i].fallback;
        if (!has_w)
            *w = *h;
    }
    fill_output(s, p);
    return 0;
}

static int parse(struct parse *s, struct krn_problem *out)
{
    const char *text = s->text;
    struct krn_problem p;
    memset(&p, 0, sizeof p);
    memset(out, 0, sizeof *out);
    p.n = p.groups = 1;
    if (*text == '\0')
        return fail_at(s, text, "an empty problem; try ic64ih56oc64oh56kh3ph1 or 56:56:64:64");
    int rc = *text >= '0' && *text <= '9' ? parse_colons(s, &p) : parse_keys(s, &p);
    if (rc == 0)
        rc = fill_defaults(s, &p);
    if (rc == 0)
        rc = krn_problem_check(&p, s->err, s->err_bytes);
    if (rc == 0)
        *out = p;
    return rc;
}

int krn_problem_parse(const char *text, struct krn_problem *out, char *err, size_t err_bytes)
{
    struct parse s = { .text = text, .at = text, .err = err, .err_bytes = err_bytes };
    return parse(&s, out);
}

int krn_layer_parse(const char *text, struct krn_problem *problem, enum krn_epilogue *epilogue,
                    char *err, size_t err_bytes)
{
    struct parse s = {
        .text = text, .at = text, .err = err, .err_bytes = err_bytes, .epilogue = epilogue
    };
    *epilogue = KRN_EPILOGUE_FLOAT;
    return parse(&s, problem);
}

struct writer {
    char *out;
    size_t length;
};

static void write_field(struct writer *w, const struct krn_problem *p, enum krn_field f)
{
    w->length += krn_text_print(w->out + w->length, KRN_PROBLEM_STR_MAX - w->length, "%s%d",
                                krn_fields[f].key, krn_field_of(p, f) - krn_fields[f].bias);
}

/* A height unless it is the default, and the width unless it is the height: a lone width would
 * stand for both. */
static void write_pair(struct writer *w, const struct krn_problem *p, enum krn_field f)
{
    int32_t fallback = 0;
    for (int i = 0; i < PAIR_COUNT; i++)
        if (pairs[i].h == f)
            fallback = pairs[i].fallback;
    enum krn_field width = (enum krn_field)(f + 1);
    int differs = krn_field_of(p, f) != krn_field_of(p, width) || (f == OH && !is_square(p));
    if (krn_field_of(p, f) != fallback || differs)
        write_field(w, p, f);
    if (differs)
        write_field(w, p, width);
}

void krn_layer_format(const struct krn_problem *p, enum krn_epilogue epilogue, int with_name,
                      char *out)
{
    struct writer w = { out, 0 };
    if (p->n != 1)
        write_field(&w, p, MB);
    if (p->groups != 1)
        write_field(&w, p, G);
    write_field(&w, p, IC);
    write_pair(&w, p, IH);
    write_field(&w, p, OC);
    write_pair(&w, p, OH);
    write_pair(&w, p, KH);
    write_pair(&w, p, SH);
    write_pair(&w, p, PH);
    write_pair(&w, p, DH);
    if (epilogue != KRN_EPILOGUE_FLOAT)
        w.length += krn_text_print(out + w.length, KRN_PROBLEM_STR_MAX - w.length, "+%s",
                                   krn_epilogue_names[epilogue]);
    if (with_name && p->name[0])
        krn_text_print(out + w.length, KRN_PROBLEM_STR_MAX - w.length, "n\"%s\"", p->name);
}

void krn_problem_format(const struct krn_problem *p, int with_name, char *out)
{
    krn_layer_format(p, KRN_EPILOGUE_FLOAT, with_name, out);
}
