#include "harness/cli/select.h"

#include <string.h>

#include "harness/cli/cli_int.h"

#define ALL_ISAS ((1u << KRN_ISA_COUNT) - 1)

/* A set of words and the bits that they stand for. */
struct vocabulary {
    const char *what, *option;
    const char *names[KRN_ISA_COUNT + KRN_FAMILY_COUNT + 2];
    uint32_t bits[KRN_ISA_COUNT + KRN_FAMILY_COUNT + 2];
    size_t count;
};

static void learn(struct vocabulary *v, const char *name, uint32_t bits)
{
    v->names[v->count] = name;
    v->bits[v->count++] = bits;
}

static int unknown(const struct vocabulary *v, const char *word)
{
    char known[256] = "";
    size_t at = 0;
    for (size_t i = 0; i < v->count && at < sizeof(known); i++)
        at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", v->names[i]);
    const char *near = cli_nearest(word, v->names, v->count);
    return cli_fail(CLI_USAGE, "--%s: there is no %s '%s'%s%s%s; there are: %s", v->option, v->what,
                    word, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "",
                    known);
}

/* Adds the bits of the words in `text`, parted by commas. */
static int read_words(const struct vocabulary *v, const char *text, uint32_t *bits)
{
    for (;;) {
        size_t length = strcspn(text, ","), i = 0;
        char word[64];
        snprintf(word, sizeof(word), "%.*s", (int)length, text);
        while (i < v->count && strcmp(v->names[i], word) != 0)
            i++;
        if (i == v->count)
            return unknown(v, word);
        *bits |= v->bits[i];
        if (!text[length])
            return 0;
        text += length + 1;
    }
}

static int read_list(const struct vocabulary *v, const struct cli_list *words, uint32_t none_given,
                     uint32_t *bits)
{
    *bits = words->count ? 0 : none_given;
    for (size_t i = 0; i < words->count; i++) {
        int code = read_words(v, words->items[i], bits);
        if (code)
            return code;
    }
    return 0;
}

int cli_isas_parse(const struct cli_list *words, uint32_t none_given, uint32_t *isas)
{
    struct vocabulary v = { .what = "ISA level", .option = "isa" };
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        learn(&v, krn_isas[isa].name, 1u << isa);
    learn(&v, "host", krn_cpu_isas());
    learn(&v, "all", ALL_ISAS);
    return read_list(&v, words, none_given, isas);
}

static int families_parse(const struct cli_list *words, uint32_t *families)
{
    struct vocabulary v = { .what = "family", .option = "family" };
    for (int family = 0; family < KRN_FAMILY_PEAK; family++)
        learn(&v, krn_family_names[family], 1u << family);
    return read_list(&v, words, ~0u, families);
}

int cli_select_open(struct cli_select *select, const struct cli_list *isas, uint32_t none_given,
                    const struct cli_list *families, const char *pattern)
{
    *select = (struct cli_select) { .has_pattern = 0 };
    int code = cli_isas_parse(isas, none_given, &select->isas);
    if (!code)
        code = families_parse(families, &select->families);
    if (code || !pattern)
        return code;
    int wrong = regcomp(&select->pattern, pattern, REG_EXTENDED | REG_NOSUB);
    if (wrong) {
        char why[128];
        regerror(wrong, &select->pattern, why, sizeof(why));
        return cli_fail(CLI_USAGE, "--filter: '%s' is not an extended regular expression: %s",
                        pattern, why);
    }
    select->has_pattern = 1;
    return 0;
}

void cli_select_clear(struct cli_select *select)
{
    if (select->has_pattern)
        regfree(&select->pattern);
    select->has_pattern = 0;
}

int cli_select_takes(const struct cli_select *select, const struct var_variant *v)
{
    if (!(select->isas & 1u << v->isa) || !(select->families & 1u << v->family))
        return 0;
    if (!select->has_pattern)
        return 1;
    char name[VAR_NAME_MAX];
    var_name_format(v, name);
    return regexec(&select->pattern, name, 0, NULL, 0) == 0;
}
