/* quern show: the generated text of one variant, and what its knobs mean. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "variants/variant.h"

enum { NEAR = 3 };

struct near {
    char name[NEAR][VAR_NAME_MAX];
    size_t distance[NEAR], count;
};

/* Keeps the NEAR closest names, closest first. */
static void near_add(struct near *near, const char *name, size_t distance)
{
    size_t at = near->count < NEAR ? near->count++ : NEAR - 1;
    if (at == NEAR - 1 && near->name[at][0] && near->distance[at] <= distance)
        return;
    for (; at > 0 && near->distance[at - 1] > distance; at--) {
        memcpy(near->name[at], near->name[at - 1], VAR_NAME_MAX);
        near->distance[at] = near->distance[at - 1];
    }
    snprintf(near->name[at], VAR_NAME_MAX, "%s", name);
    near->distance[at] = distance;
}

/* Whether a name of this length may be among the closest. */
static int may_be_near(const struct near *near, size_t length, size_t candidate)
{
    size_t apart = length > candidate ? length - candidate : candidate - length;
    return near->count < NEAR || apart < near->distance[NEAR - 1];
}

/* The level and family that the name begins with; bit sets, everything where it names none. */
static void narrow_down(const char *name, uint32_t *isas, uint32_t *families)
{
    *isas = *families = ~0u;
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        size_t length = strlen(krn_isas[isa].name);
        if (strncmp(name, krn_isas[isa].name, length) || name[length] != '_')
            continue;
        *isas = 1u << isa;
        for (int family = 0; family < KRN_FAMILY_COUNT; family++) {
            const char *at = name + length + 1, *word = krn_family_names[family];
            if (strncmp(at, word, strlen(word)) == 0 && at[strlen(word)] == '_')
                *families = 1u << family;
        }
    }
}

/* The closest names of what is like it; only they are worth asking whether they can be made. */
static void find_near(const char *name, struct near *near)
{
    uint32_t isas, families;
    struct var_space space;
    struct var_variant v;
    narrow_down(name, &isas, &families);
    var_space_init(&space, isas, NULL);
    space.with_refused = 1;
    while (var_space_next(&space, &v)) {
        char candidate[VAR_NAME_MAX];
        if (!(families & 1u << v.family))
            continue;
        var_name_format(&v, candidate);
        if (!may_be_near(near, strlen(name), strlen(candidate)))
            continue;
        size_t distance = cli_distance(name, candidate);
        if ((near->count < NEAR || distance < near->distance[NEAR - 1]) &&
            var_feasible(&v, NULL, 0) == 0)
            near_add(near, candidate, distance);
    }
}

/* Explains that there is no such variant, with the closest names. */
static int unknown_name(const char *name, const char *why)
{
    struct near near = { .count = 0 };
    find_near(name, &near);
    cli_fail(CLI_USAGE, near.count ? "%s; the closest ones:" : "%s; 'quern list' has the names",
             why);
    for (size_t i = 0; i < near.count; i++)
        fprintf(stderr, "    %s\n", near.name[i]);
    return CLI_USAGE;
}

static void knob_cells(struct cli_table *table, const struct var_knob_info *info)
{
    cli_table_cell(table, "%s", info->name);
    cli_table_cell(table, "%s", info->unit);
    cli_table_cell(table, "%s", info->is_driver ? "run time" : "code");
    cli_table_cell(table, "%s", info->meaning);
}

/* All knobs, or with their values those of `v`. */
static int print_knobs(const struct var_variant *v)
{
    static const char *const headings[] = {
        "knob", "value", "name", "unit", "chosen in", "meaning"
    };
    static const char *const bare[] = { "knob", "name", "unit", "chosen in", "meaning" };
    struct cli_table *table = v ? cli_table_new(headings, 6) : cli_table_new(bare, 5);
    for (int i = 0; i < VAR_KNOB_COUNT; i++) {
        cli_table_cell(table, "%c", var_knobs[i].letter);
        if (v)
            cli_table_cell(table, "%d", v->knob[i]);
        knob_cells(table, &var_knobs[i]);
    }
    cli_table_print(table, stdout);
    return CLI_OK;
}

static void write_json(const struct var_variant *v, const struct var_text *text, FILE *out)
{
    static const char *const languages[] = {
        [VAR_LANGUAGE_ASM] = "assembly", [VAR_LANGUAGE_C] = "c"
    };
    char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX];
    uint64_t hash = 0;
    var_name_format(v, name);
    var_kernel_name_format(v, kernel);
    var_source_hash(v, &hash);
    fprintf(out, "{\n  \"name\": \"%s\",\n  \"kernel\": \"%s\",\n  \"isa\": \"%s\",\n", name,
            kernel, krn_isas[v->isa].name);
    fprintf(out, "  \"family\": \"%s\",\n  \"language\": \"%s\",\n", krn_family_names[v->family],
            languages[var_language(v->isa)]);
    fprintf(out, "  \"source_hash\": \"%016" PRIx64 "\",\n  \"knobs\": [", hash);
    for (int i = 0; i < VAR_KNOB_COUNT; i++) {
        fprintf(out, "%s\n    {\"knob\": \"%c\", \"value\": %d, \"name\": ", i ? "," : "",
                var_knobs[i].letter, v->knob[i]);
        cli_json_string(out, var_knobs[i].name);
        fputs(", \"unit\": ", out);
        cli_json_string(out, var_knobs[i].unit);
        fputs(", \"meaning\": ", out);
        cli_json_string(out, var_knobs[i].meaning);
        fputc('}', out);
    }
    fputs("\n  ],\n  \"text\": ", out);
    cli_json_string(out, text->data);
    fputs("\n}\n", out);
}

static int write_text(const struct var_variant *v, const struct var_text *text, int json, FILE *out)
{
    if (json)
        write_json(v, text, out);
    else
        fputs(text->data, out);
    return ferror(out) ? -EIO : 0;
}

static int write_file(const struct var_variant *v, const struct var_text *text, int json,
                      const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return cli_fail(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    int status = write_text(v, text, json, out);
    if (fclose(out) != 0 || status)
        return cli_fail(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    return CLI_OK;
}

static int show(const struct var_variant *v, int json, const char *path)
{
    struct var_text text = { .data = NULL };
    char err[256] = "out of memory";
    int code = var_generate(v, &text, err, sizeof(err));
    if (code || text.failed)
        code = cli_fail(CLI_FAILED, "cannot generate it: %s", err);
    else if (path)
        code = write_file(v, &text, json, path);
    else /* main() reports an output that cannot be written */
        code = write_text(v, &text, json, stdout) ? CLI_FAILED : CLI_OK;
    var_text_clear(&text);
    return code;
}

static int run(const char *name, int knobs, int json, const char *path)
{
    struct var_variant v;
    char err[256];
    if (!name && knobs)
        return print_knobs(NULL);
    if (!name)
        return cli_fail(CLI_USAGE, "which variant? 'quern list' has the names");
    if (var_name_parse(name, &v, err, sizeof(err)))
        return unknown_name(name, err);
    return knobs ? print_knobs(&v) : show(&v, json, path);
}

int cmd_show(int argc, char **argv)
{
    const char *path = NULL;
    int knobs = 0, json = 0;
    const struct cli_option options[] = {
        { 'o', "output", CLI_STRING, "FILE", "Writes to FILE instead of standard output.", &path },
        { 'k', "knobs", CLI_FLAG, NULL,
          "Prints what the knobs are and mean, with the values of NAME if one is given.", &knobs },
        { 0, "json", CLI_FLAG, NULL, "Writes JSON: name, knobs, fingerprint and text.", &json },
    };
    const struct cli_command command = {
        .name = "show",
        .synopsis = "quern show [--json] [-o FILE] NAME\nquern show --knobs [NAME]",
        .description =
            "Prints the code that the generator makes of one variant: assembly for the ordinary "
            "assembler, or C for the portable level. The same name gives the same bytes every "
            "time.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern show dotprod_igemm_m8n8k4u2a0b0l128s0v1i1\n"
                    "quern show --knobs",
    };
    const char *name;
    int code = cli_parse_one(&command, argc, argv, "variant", &name);
    return code ? code - 1 : run(name, knobs, json, path);
}
