/* The grammar of variant names: <isa>_<family>_<code knobs>[__<driver knobs>]. */
#include "variants/variant_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Whether the family has the knob at all, in any scheme of the ISA. */
static int has_knob(enum krn_isa isa, enum krn_family family, int knob)
{
    for (size_t i = 0; i < var_domain_count; i++)
        if (var_domains[i].isa == isa && var_domains[i].families & 1u << family &&
            var_domains[i].axis[knob].count)
            return 1;
    return 0;
}

static int append(char *out, int at, char letter, int value)
{
    return at + snprintf(out + at, (size_t)(VAR_NAME_MAX - at), "%c%d", letter, value);
}

void var_kernel_name_format(const struct var_variant *v, char *out)
{
    int at =
        snprintf(out, VAR_NAME_MAX, "%s_%s_", krn_isas[v->isa].name, krn_family_names[v->family]);
    for (int i = 0; i < VAR_KNOB_COUNT; i++)
        if (!var_knobs[i].is_driver && has_knob(v->isa, v->family, i) &&
            !(var_knobs[i].is_optional && v->knob[i] == var_knobs[i].default_value))
            at = append(out, at, var_knobs[i].letter, v->knob[i]);
}

void var_name_format(const struct var_variant *v, char *out)
{
    var_kernel_name_format(v, out);
    int at = (int)strlen(out), first = 1;
    for (int i = 0; i < VAR_KNOB_COUNT; i++) {
        if (!var_knobs[i].is_driver || v->knob[i] == var_knobs[i].default_value)
            continue;
        if (first)
            at += snprintf(out + at, (size_t)(VAR_NAME_MAX - at), "__");
        at = append(out, at, var_knobs[i].letter, v->knob[i]);
        first = 0;
    }
}

/* Reads one of `count` names followed by '_'; -1 if there is none. */
static int read_word(const char **at, const char *(*name_of)(int), int count)
{
    for (int i = 0; i < count; i++) {
        const char *name = name_of(i);
        size_t length = strlen(name);
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '_') {
            *at += length + 1;
            return i;
        }
    }
    return -1;
}

static const char *isa_name(int i)
{
    return krn_isas[i].name;
}

static const char *family_name(int i)
{
    return krn_family_names[i];
}

/* Reads a knob: its letter, then digits without leading zeros. -1 if it is not there. */
static int read_knob(const char **at, char letter)
{
    const char *p = *at;
    if (*p++ != letter || *p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return -1;
    int value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (*p - '0');
        if (value > UINT16_MAX)
            return -1;
    }
    *at = p;
    return value;
}

static int read_code_knobs(const char **at, struct var_variant *v)
{
    for (int i = 0; i < VAR_KNOB_COUNT; i++) {
        if (var_knobs[i].is_driver || !has_knob(v->isa, v->family, i))
            continue;
        if (var_knobs[i].is_optional && **at != var_knobs[i].letter) {
            v->knob[i] = var_knobs[i].default_value;
            continue;
        }
        v->knob[i] = read_knob(at, var_knobs[i].letter);
        if (v->knob[i] < 0)
            return i;
    }
    return VAR_KNOB_COUNT;
}

static void read_driver_knobs(const char **at, struct var_variant *v)
{
    for (int i = 0; i < VAR_KNOB_COUNT; i++) {
        if (!var_knobs[i].is_driver || **at != var_knobs[i].letter)
            continue;
        int value = read_knob(at, var_knobs[i].letter);
        if (value >= 0)
            v->knob[i] = value;
    }
}

int var_name_read(const char *name, struct var_variant *out, char *err, size_t err_bytes)
{
    struct var_variant v = { 0 };
    const char *at = name;

    int isa = read_word(&at, isa_name, KRN_ISA_COUNT);
    if (isa < 0) {
        snprintf(err, err_bytes, "variant \"%s\": starts with no known ISA level", name);
        return -EINVAL;
    }
    int family = read_word(&at, family_name, KRN_FAMILY_COUNT);
    if (family < 0) {
        int length =
            snprintf(err, err_bytes, "variant \"%s\": at \"%s\" a family is expected:", name, at);
        for (int i = 0; i < KRN_FAMILY_COUNT && length >= 0 && (size_t)length < err_bytes; i++)
            length += snprintf(err + length, err_bytes - (size_t)length, "%s %s", i ? "," : "",
                               krn_family_names[i]);
        return -EINVAL;
    }
    v.isa = (enum krn_isa)isa;
    v.family = (enum krn_family)family;
    for (int i = 0; i < VAR_KNOB_COUNT; i++)
        v.knob[i] = var_knobs[i].is_driver ? var_knobs[i].default_value : 0;
    int missing = read_code_knobs(&at, &v);
    if (missing < VAR_KNOB_COUNT) {
        snprintf(err, err_bytes, "variant \"%s\": knob %c (%s) and its number expected at \"%s\"",
                 name, var_knobs[missing].letter, var_knobs[missing].name, at);
        return -EINVAL;
    }
    if (strncmp(at, "__", 2) == 0) {
        at += 2;
        read_driver_knobs(&at, &v);
    }
    if (*at) {
        snprintf(err, err_bytes, "variant \"%s\": cannot read \"%s\"", name, at);
        return -EINVAL;
    }
    *out = v;
    return 0;
}

int var_name_parse(const char *name, struct var_variant *out, char *err, size_t err_bytes)
{
    struct var_variant v;
    char reason[200], again[VAR_NAME_MAX];
    int rc = var_name_read(name, &v, err, err_bytes);
    if (rc)
        return rc;
    if (var_feasible(&v, reason, sizeof(reason))) {
        snprintf(err, err_bytes, "variant \"%s\": %s", name, reason);
        return -EINVAL;
    }
    var_name_format(&v, again);
    if (strcmp(again, name)) {
        snprintf(err, err_bytes, "variant \"%s\": it is written \"%s\"", name, again);
        return -EINVAL;
    }
    *out = v;
    return 0;
}
