/* The one place that knows the grammar of a problem string. */
#include "kernels/problem.h"

#include <errno.h>
#include <string.h>

#include "kernels/text_int.h"

enum field { MB, G, IC, IH, IW, OC, OH, OW, KH, KW, SH, SW, PH, PW, DH, DW, FIELD_COUNT };

/* In the order of the canonical string. `bias` is what the struct has more than the string. */
static const struct {
    const char *key;
    size_t offset;
    int32_t min, bias;
} fields[FIELD_COUNT] = {
    [MB] = { "mb", offsetof(struct krn_problem, n), 1, 0 },
    [G] = { "g", offsetof(struct krn_problem, groups), 1, 0 },
    [IC] = { "ic", offsetof(struct krn_problem, ic), 1, 0 },
    [IH] = { "ih", offsetof(struct krn_problem, ih), 1, 0 },
    [IW] = { "iw", offsetof(struct krn_problem, iw), 1, 0 },
    [OC] = { "oc", offsetof(struct krn_problem, oc), 1, 0 },
    [OH] = { "oh", offsetof(struct krn_problem, oh), 1, 0 },
    [OW] = { "ow", offsetof(struct krn_problem, ow), 1, 0 },
    [KH] = { "kh", offsetof(struct krn_problem, kh), 1, 0 },
    [KW] = { "kw", offsetof(struct krn_problem, kw), 1, 0 },
    [SH] = { "sh", offsetof(struct krn_problem, sh), 1, 0 },
    [SW] = { "sw", offsetof(struct krn_problem, sw), 1, 0 },
    [PH] = { "ph", offsetof(struct krn_problem, ph), 0, 0 },
    [PW] = { "pw", offsetof(struct krn_problem, pw), 0, 0 },
    [DH] = { "dh", offsetof(struct krn_problem, dh), 0, 1 },
    [DW] = { "dw", offsetof(struct krn_problem, dw), 0, 1 },
};

/* A height and its width, one standing in for the other; 0 = required. oh and ow have rules of
 * their own. `fallback` as in the struct. */
static const struct {
    enum field h, w;
    int32_t fallback, required;
} pairs[] = {
    { IH, IW, 0, 1 }, { KH, KW, 0, 1 }, { SH, SW, 1, 0 }, { PH, PW, 0, 0 }, { DH, DW, 1, 0 },
};
enum { PAIR_COUNT = sizeof pairs / sizeof pairs[0] };

struct parse {
    const char *text, *at;
    char *err;
    size_t err_bytes;
    uint32_t seen; /* bit set of 1u << enum field */
};

static int32_t *field_at(struct krn_problem *p, enum field f)
{
    return (int32_t *)((char *)p + fields[f].offset);
}

static int32_t field_of(const struct krn_problem *p, enum field f)
{
    return *(const int32_t *)((const char *)p + fields[f].offset);
}

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

static int find_field(const char *at)
{
    for (int f = 0; f < FIELD_COUNT; f++)
        if (strncmp(at, fields[f].key, strlen(fields[f].key)) == 0)
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
    s->at += strlen(fields[f].key);
    int32_t value;
    int rc = parse_number(s, &value);
    if (rc != 0)
        return rc;
    if (value < fields[f].min)
        return fail_at(s, begin, "must be at least 1");
    if (value > INT32_MAX - fields[f].bias)
        return fail_at(s, begin, "the number is larger than 2147483646");
    *field_at(p, (enum field)f) = value + fields[f].bias;
    return 0;
}

static int parse_keys(struct parse *s, struct krn_problem *p)
{
    while (*s->at != '\0') {
        int rc = s->at[0] == 'n' && s->at[1] == '"' ? parse_title(s, p->name) : parse_field(s, p);
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
    static const enum field order[] = { IH, IW, IC, OC };
    for (int i = 0; i < 4; i++) {
        const char *begin = s->at;
        int32_t *value = field_at(p, order[i]);
        int rc = parse_number(s, value);
        if (rc != 0)
            return rc;
        if (*value < 1)
            return fail_at(s, begin, "must be at least 1");
        if (*s->at != (i < 3 ? ':' : '\0'))
            return fail_at(s, s->at,
                           i < 3 ? "a colon should stand here: H:W:Cin:Cout"
                                 : "nothing may follow H:W:Cin:Cout");
        s->at++;
        s->seen |= 1u << order[i];
    }
    p->kh = p->kw = 3;
    p->ph = p->pw = 1;
    s->seen |= 1u << KH | 1u << KW | 1u << PH | 1u << PW;
    return 0;
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
        if (field_of(p, pairs[i].h) != field_of(p, pairs[i].w))
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
            return missing(s, fields[pairs[i].h].key);
        int32_t *h = field_at(p, pairs[i].h), *w = field_at(p, pairs[i].w);
        if (!has_h)
            *h = has_w ? *w : pairs[i].fallback;
        if (!has_w)
            *w = *h;
    }
    fill_output(s, p);
    return 0;
}

int krn_problem_parse(const char *text, struct krn_problem *out, char *err, size_t err_bytes)
{
    struct parse s = { text, text, err, err_bytes, 0 };
    struct krn_problem p;
    memset(&p, 0, sizeof p);
    memset(out, 0, sizeof *out);
    p.n = p.groups = 1;
    if (*text == '\0')
        return fail_at(&s, text, "an empty problem; try ic64ih56oc64oh56kh3ph1 or 56:56:64:64");
    int rc = *text >= '0' && *text <= '9' ? parse_colons(&s, &p) : parse_keys(&s, &p);
    if (rc == 0)
        rc = fill_defaults(&s, &p);
    if (rc == 0)
        rc = krn_problem_check(&p, err, err_bytes);
    if (rc == 0)
        *out = p;
    return rc;
}

struct writer {
    char *out;
    size_t length;
};

static void write_field(struct writer *w, const struct krn_problem *p, enum field f)
{
    w->length += krn_text_print(w->out + w->length, KRN_PROBLEM_STR_MAX - w->length, "%s%d",
                                fields[f].key, field_of(p, f) - fields[f].bias);
}

/* A height unless it is the default, and the width unless it is the height: a lone width would
 * stand for both. */
static void write_pair(struct writer *w, const struct krn_problem *p, enum field f)
{
    int32_t fallback = 0;
    for (int i = 0; i < PAIR_COUNT; i++)
        if (pairs[i].h == f)
            fallback = pairs[i].fallback;
    enum field width = (enum field)(f + 1);
    int differs = field_of(p, f) != field_of(p, width) || (f == OH && !is_square(p));
    if (field_of(p, f) != fallback || differs)
        write_field(w, p, f);
    if (differs)
        write_field(w, p, width);
}

void krn_problem_format(const struct krn_problem *p, int with_name, char *out)
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
    if (with_name && p->name[0])
        krn_text_print(out + w.length, KRN_PROBLEM_STR_MAX - w.length, "n\"%s\"", p->name);
}

/* One axis: the filter reaches real input at the first and at the last output, and no row of input
 * is left over that a whole further output would fit on. */
static int check_axis(char axis, int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t pad,
                      int64_t distance, char *err, size_t err_bytes)
{
    int64_t extent = (taps - 1) * distance + 1; /* of the filter with its gaps */
    if (pad >= extent) {
        krn_text_print(err, err_bytes, "p%c%lld is not less than the filter's extent of %lld", axis,
                       (long long)pad, (long long)extent);
        return -EINVAL;
    }
    int64_t room = in + pad - extent;
    int64_t least = room < 0 ? 1 : room / stride + 1;
    int64_t most = (in - 1 + pad) / stride + 1;
    if (out < least || out > most) {
        krn_text_print(err, err_bytes,
                       "o%c%lld does not follow from i%c%lld k%c%lld s%c%lld p%c%lld d%c%lld: "
                       "%lld (no padding at the end) to %lld would",
                       axis, (long long)out, axis, (long long)in, axis, (long long)taps, axis,
                       (long long)stride, axis, (long long)pad, axis, (long long)(distance - 1),
                       (long long)least, (long long)most);
        return -EINVAL;
    }
    return 0;
}

/* a * b * c * d of counts <= INT32_MAX fits INT32_MAX too. */
static int product_fits(int64_t a, int64_t b, int64_t c, int64_t d)
{
    int64_t product = a * b;
    if (product > INT32_MAX || (product *= c) > INT32_MAX)
        return 0;
    return product * d <= INT32_MAX;
}

static int check_size(const char *tensor, int fits, char *err, size_t err_bytes)
{
    if (!fits)
        krn_text_print(err, err_bytes, "the %s tensor has more than 2147483647 elements", tensor);
    return fits ? 0 : -EINVAL;
}

int krn_problem_check(const struct krn_problem *p, char *err, size_t err_bytes)
{
    for (int f = 0; f < FIELD_COUNT; f++)
        if (field_of(p, (enum field)f) < fields[f].min + fields[f].bias) {
            krn_text_print(err, err_bytes, "%s%d: must be at least %d", fields[f].key,
                           field_of(p, (enum field)f) - fields[f].bias, fields[f].min);
            return -EINVAL;
        }
    if (p->ic % p->groups != 0 || p->oc % p->groups != 0) {
        krn_text_print(err, err_bytes, "ic%d and oc%d must be multiples of g%d", p->ic, p->oc,
                       p->groups);
        return -EINVAL;
    }
    int rc = check_axis('h', p->ih, p->oh, p->kh, p->sh, p->ph, p->dh, err, err_bytes);
    if (rc == 0)
        rc = check_axis('w', p->iw, p->ow, p->kw, p->sw, p->pw, p->dw, err, err_bytes);
    if (rc == 0)
        rc = check_size("input", product_fits(p->n, p->ih, p->iw, p->ic), err, err_bytes);
    if (rc == 0)
        rc = check_size("output", product_fits(p->n, p->oh, p->ow, p->oc), err, err_bytes);
    if (rc == 0)
        rc = check_size("weight", product_fits(p->oc, p->kh, p->kw, p->ic / p->groups), err,
                        err_bytes);
    return rc;
}

int64_t krn_problem_macs(const struct krn_problem *p)
{
    return (int64_t)krn_problem_output_count(p) * p->kh * p->kw * (p->ic / p->groups);
}

size_t krn_problem_input_count(const struct krn_problem *p)
{
    return (size_t)p->n * (size_t)p->ih * (size_t)p->iw * (size_t)p->ic;
}

size_t krn_problem_output_count(const struct krn_problem *p)
{
    return (size_t)p->n * (size_t)p->oh * (size_t)p->ow * (size_t)p->oc;
}

size_t krn_problem_weight_count(const struct krn_problem *p)
{
    return (size_t)p->oc * (size_t)p->kh * (size_t)p->kw * (size_t)(p->ic / p->groups);
}

int krn_problem_is_depthwise(const struct krn_problem *p)
{
    return p->groups > 1 && p->groups == p->ic && p->groups == p->oc;
}

int krn_problem_is_pointwise(const struct krn_problem *p)
{
    return p->kh == 1 && p->kw == 1 && p->sh == 1 && p->sw == 1 && p->ph == 0 && p->pw == 0 &&
           p->oh == p->ih && p->ow == p->iw && p->groups == 1;
}
