/* quern list: the variant space, by name, counted or as JSON. */
#include "harness/cli/cli.h"

#include "harness/cli/cli_int.h"
#include "harness/cli/filtered.h"
#include "harness/cli/select.h"
#include "variants/cores.h"
#include "variants/variant.h"

struct list_options {
    struct cli_list isas, families;
    const char *problem, *filter, *core;
    int count, no_filters, json;
};

/* How many variants there are of each ISA and family, with the micro-kernels behind them. */
struct tally {
    size_t variants[KRN_ISA_COUNT][KRN_FAMILY_COUNT];
    size_t kernels[KRN_ISA_COUNT][KRN_FAMILY_COUNT];
    size_t total, total_kernels;
};

static void tally_add(struct tally *t, const struct var_variant *v)
{
    /* Driver knobs at their default stand for the micro-kernel itself. */
    int plain = 1;
    for (int i = 0; i < VAR_KNOB_COUNT; i++)
        plain &= !var_knobs[i].is_driver || v->knob[i] == var_knobs[i].default_value;
    t->variants[v->isa][v->family]++;
    t->kernels[v->isa][v->family] += (size_t)plain;
    t->total++;
    t->total_kernels += (size_t)plain;
}

static void print_variant_json(const struct var_variant *v, int first)
{
    char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX];
    var_name_format(v, name);
    var_kernel_name_format(v, kernel);
    printf("%s\n    {\"name\": \"%s\", \"kernel\": \"%s\", \"isa\": \"%s\", \"family\": \"%s\"",
           first ? "" : ",", name, kernel, krn_isas[v->isa].name, krn_family_names[v->family]);
    fputs(", \"knobs\": {", stdout);
    for (int i = 0; i < VAR_KNOB_COUNT; i++)
        printf("%s\"%c\": %d", i ? ", " : "", var_knobs[i].letter, v->knob[i]);
    fputs("}}", stdout);
}

static void print_tally_json(const struct tally *t, const uint64_t *removed)
{
    int first = 1;
    fputs("  \"counts\": [", stdout);
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        for (int family = 0; family < KRN_FAMILY_COUNT; family++) {
            if (!t->variants[isa][family])
                continue;
            printf("%s\n    {\"isa\": \"%s\", \"family\": \"%s\", \"kernels\": %zu, \"variants\": "
                   "%zu}",
                   first ? "" : ",", krn_isas[isa].name, krn_family_names[family],
                   t->kernels[isa][family], t->variants[isa][family]);
            first = 0;
        }
    fputs("\n  ],\n  \"filtered\": ", stdout);
    cli_filtered_json(removed, stdout);
    printf(",\n  \"kernels\": %zu,\n  \"variants_total\": %zu\n}\n", t->total_kernels, t->total);
}

static void print_tally(const struct tally *t)
{
    static const char *const headings[] = { "ISA", "family", "micro-kernels", "variants" };
    struct cli_table *table = cli_table_new(headings, 4);
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        for (int family = 0; family < KRN_FAMILY_COUNT; family++) {
            if (!t->variants[isa][family])
                continue;
            cli_table_cell(table, "%s", krn_isas[isa].name);
            cli_table_cell(table, "%s", krn_family_names[family]);
            cli_table_cell(table, "%zu", t->kernels[isa][family]);
            cli_table_cell(table, "%zu", t->variants[isa][family]);
        }
    cli_table_cell(table, "all");
    cli_table_cell(table, "%s", "");
    cli_table_cell(table, "%zu", t->total_kernels);
    cli_table_cell(table, "%zu", t->total);
    cli_table_print(table, stdout);
}

static int list(const struct list_options *o, const struct cli_select *select,
                const struct krn_problem *problem, enum krn_epilogue epilogue,
                const struct var_core *core)
{
    struct tally tally = { .total = 0 };
    struct var_space space;
    struct var_variant v;
    var_space_init(&space, select->isas, problem);
    space.core = core;
    space.epilogue = epilogue;
    space.unfiltered = o->no_filters;
    if (o->json)
        fputs(o->count ? "{\n" : "{\n  \"variants\": [", stdout);
    while (var_space_next(&space, &v)) {
        if (!cli_select_takes(select, &v))
            continue;
        char name[VAR_NAME_MAX];
        var_name_format(&v, name);
        if (!o->count && o->json)
            print_variant_json(&v, tally.total == 0);
        else if (!o->count)
            puts(name);
        tally_add(&tally, &v);
    }
    if (o->json && !o->count)
        fputs("\n  ],\n", stdout);
    if (o->json)
        print_tally_json(&tally, space.removed);
    else if (o->count)
        print_tally(&tally);
    if (!o->json)
        cli_filtered_say("list", space.removed);
    return tally.total ? CLI_OK : cli_fail(CLI_FAILED, "no variant fits");
}

static int run(const struct list_options *o)
{
    struct krn_problem problem;
    enum krn_epilogue epilogue = KRN_EPILOGUE_FLOAT;
    char err[256];
    if (o->problem && krn_layer_parse(o->problem, &problem, &epilogue, err, sizeof(err)))
        return cli_fail(CLI_USAGE, "--problem: %s", err);
    const struct var_core *core = o->core ? var_core_find(o->core, NULL) : NULL;
    if (o->core && !core)
        return cli_fail(CLI_USAGE,
                        "--core: there is no table of '%s'; 'quern devices' has the names, as "
                        "model:CORE",
                        o->core);
    struct cli_select select;
    int code =
        cli_select_open(&select, &o->isas, (1u << KRN_ISA_COUNT) - 1, &o->families, o->filter);
    if (code)
        return code;
    code = list(o, &select, o->problem ? &problem : NULL, epilogue, core);
    cli_select_clear(&select);
    return code;
}

int cmd_list(int argc, char **argv)
{
    struct list_options o = { .count = 0 };
    const struct cli_option options[] = {
        { 'i', "isa", CLI_LIST, "A,B",
          "Only these ISA levels; may be repeated. 'host' stands for what this CPU has, 'all' (the "
          "default) for every level.",
          &o.isas },
        { 'f', "family", CLI_LIST, "F",
          "Only this family: gemm (rows at a fixed stride), igemm (rows through pointers: indirect "
          "convolution) or dw (depthwise). May be repeated.",
          &o.families },
        { 'p', "problem", CLI_STRING, "P",
          "Only what is worth trying on this convolution, such as ic64ih56oc64kh3ph1 or "
          "56:56:64:64, with +add, +sums or +fixed behind it as in 'quern sweep --problem'.",
          &o.problem },
        { 0, "core", CLI_STRING, "CORE",
          "With --problem: for this core, such as cortex-a55, whose filters and plain choices "
          "count. "
          "Default: none in particular.",
          &o.core },
        CLI_NO_FILTERS(o.no_filters),
        { 0, "filter", CLI_STRING, "REGEX",
          "Only names that match this POSIX extended regular expression.", &o.filter },
        { 'c', "count", CLI_FLAG, NULL, "Counts per ISA and family instead of names.", &o.count },
        { 0, "json", CLI_FLAG, NULL, "Writes JSON.", &o.json },
    };
    const struct cli_command command = {
        .name = "list",
        .synopsis = "quern list [--isa=A,B] [--family=F] [--problem=P [--core=CORE]] [OPTION]...",
        .description =
            "Lists the variants that the generator can make, one name a line, in a fixed order.\n\n"
            "A name is <isa>_<family>_<knobs>[__<driver knobs>]; 'quern show --knobs' explains the "
            "knobs. The same name is the symbol of the micro-kernel, the key in the database and "
            "the "
            "title in a report.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern list --count\n"
                    "quern list --isa=dotprod --problem='ic64ih56oc64kh3ph1' --count\n"
                    "quern list --filter='^i8mm_igemm_m8n8.*a0b256'",
    };
    int code = cli_parse(&command, argc, argv, NULL);
    if (code)
        return code - 1;
    code = run(&o);
    cli_list_clear(&o.isas);
    cli_list_clear(&o.families);
    return code;
}
