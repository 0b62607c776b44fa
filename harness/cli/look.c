#include "harness/cli/look.h"

#include <string.h>

static int is_wanted(const struct var_variant *v, void *user)
{
    const struct cli_look *look = user;
    char name[VAR_NAME_MAX];
    if (!look->names.count)
        return cli_select_takes(&look->select, v);
    var_name_format(v, name);
    for (size_t i = 0; i < look->names.count; i++)
        if (!strcmp(name, look->names.items[i]))
            return 1;
    return 0;
}

/* A plan keeps the defaults whatever the filter says; here they are not asked for. */
static void drop_unwanted(struct cli_look *look)
{
    for (size_t i = 0; i < look->plan.count; i++) {
        struct hrn_plan_layer *layer = &look->plan.layers[i];
        size_t kept = 0;
        for (size_t j = 0; j < layer->count; j++)
            if (is_wanted(&layer->variants[j], look))
                layer->variants[kept++] = layer->variants[j];
        look->plan.variants -= layer->count - kept;
        layer->count = kept;
    }
}

static int check_names(const struct cli_look *look)
{
    struct var_variant v;
    char why[200];
    for (size_t i = 0; i < look->names.count; i++)
        if (var_name_parse(look->names.items[i], &v, why, sizeof why))
            return cli_fail(CLI_USAGE, "%s; 'quern list' has the names", why);
    return CLI_OK;
}

static int make_plan(struct cli_look *look, const char *key, uint32_t isas)
{
    char err[600];
    if (!look->names.count)
        isas &= look->select.isas;
    if (!isas)
        return cli_fail(CLI_USAGE, "%s has none of these ISA levels", key);
    if (hrn_plan_make(&look->layers, isas, is_wanted, look, (size_t)look->max_variants, 1,
                      &look->plan, err, sizeof err))
        return cli_fail(CLI_FAILED, "%s", err);
    drop_unwanted(look);
    return look->plan.variants ? CLI_OK : cli_fail(CLI_USAGE, "no such variant fits these layers");
}

int cli_look_plan(struct cli_look *look, const char *key, uint32_t isas,
                  const struct var_core *core)
{
    const struct cli_list all = { 0 };
    int rc = check_names(look);
    if (!rc && look->max_variants < 0)
        rc = cli_fail(CLI_USAGE, "--max-variants goes from 0");
    if (!rc)
        rc = cli_select_open(&look->select, &look->isas, isas & ~(1u << KRN_ISA_C), &all,
                             look->filter);
    if (!rc)
        rc = cli_layers_gather(&look->named, &look->layers);
    look->layers.core = core;
    look->layers.unfiltered = 1;
    return rc ? rc : make_plan(look, key, isas);
}

void cli_look_clear(struct cli_look *look)
{
    cli_select_clear(&look->select);
    hrn_plan_clear(&look->plan);
    hrn_layers_clear(&look->layers);
    cli_layers_clear(&look->named);
    cli_list_clear(&look->isas);
    cli_list_clear(&look->names);
}
