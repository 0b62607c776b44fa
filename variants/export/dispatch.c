/* The micro-kernels, one file each, and the generated tables that lead to them. */
#include "variants/export/export_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Architectures: the condition under which their assembly is for this compiler. */
static const struct arch {
    const char *name;      /* krn_isa_info.arch */
    const char *macro;     /* wraps a function in the table */
    const char *condition; /* NULL: always */
} arches[] = {
    { "any", "ANY", NULL },
    { "aarch64", "AARCH64", "defined(__aarch64__) && defined(__ELF__)" },
    { "x86_64", "X86_64", "defined(__x86_64__) && defined(__ELF__)" },
};
enum { ARCH_COUNT = sizeof arches / sizeof arches[0] };

static const struct arch *arch_of(enum krn_isa isa)
{
    for (int i = 0; i < ARCH_COUNT; i++)
        if (strcmp(arches[i].name, krn_isas[isa].arch) == 0)
            return &arches[i];
    return NULL;
}

static int write_kernel(const struct exp_kernel *kernel, struct var_export *e, char *err,
                        size_t err_bytes)
{
    enum krn_isa isa = kernel->variant.isa;
    const struct arch *arch = arch_of(isa);
    int is_asm = var_language(isa) == VAR_LANGUAGE_ASM;
    char path[VAR_NAME_MAX + 8];
    if (!arch) {
        snprintf(err, err_bytes, "%s: the exporter does not know the architecture %s", kernel->name,
                 krn_isas[isa].arch);
        return -ENOTSUP;
    }
    snprintf(path, sizeof path, "src/%s.%c", kernel->name, is_asm ? 'S' : 'c');
    struct var_text *t = exp_add(e, path);
    if (!t)
        return -ENOMEM;
    var_text_printf(t, "/* %s */\n", EXP_SPDX);
    if (arch->condition)
        var_text_printf(t, "#if %s\n", arch->condition);
    int rc = var_generate(&kernel->variant, t, err, err_bytes);
    if (arch->condition)
        var_text_printf(t, "#endif\n");
    /* outside of the condition: an empty object must not ask for an executable stack either */
    if (is_asm)
        var_text_printf(t, "#if defined(__linux__) && defined(__ELF__)\n"
                           ".section .note.GNU-stack,\"\",%%progbits\n#endif\n");
    return rc;
}

int exp_write_kernels(const struct exp_plan *plan, struct var_export *e, char *err,
                      size_t err_bytes)
{
    int rc = 0;
    for (size_t i = 0; i < plan->count && rc == 0; i++)
        rc = write_kernel(&plan->kernels[i], e, err, err_bytes);
    return rc;
}

/* An enumerator from the name in its table: "dotprod" to KRN_ISA_DOTPROD. */
static void write_enumerator(struct var_text *t, const char *prefix, const char *name)
{
    var_text_printf(t, "%s", prefix);
    for (; *name; name++)
        var_text_printf(t, "%c", toupper((unsigned char)*name));
}

static void write_table_row(struct var_text *t, const struct exp_kernel *kernel)
{
    const struct krn_kernel *row = &kernel->row;
    var_text_printf(t, "    { .name = \"%s\", .fn = %s(%s),\n", kernel->name,
                    arch_of(row->isa)->macro, kernel->name);
    write_enumerator(t, "      .isa = KRN_ISA_", krn_isas[row->isa].name);
    write_enumerator(t, ", .family = KRN_FAMILY_", krn_family_names[row->family]);
    var_text_printf(t, ",\n      ");
    var_kernel_row(row, t);
    var_text_printf(t, " },\n");
}

static void write_table(struct var_text *t, const struct exp_plan *plan)
{
    for (int i = 0; i < ARCH_COUNT; i++) {
        if (arches[i].condition)
            var_text_printf(t, "#if %s\n", arches[i].condition);
        var_text_printf(t, "#define %s(fn) fn\n", arches[i].macro);
        if (arches[i].condition)
            var_text_printf(t, "#else\n#define %s(fn) NULL\n#endif\n", arches[i].macro);
    }
    var_text_printf(t, "\n");
    for (size_t i = 0; i < plan->count; i++)
        var_text_printf(t, "krn_fn %s;\n", plan->kernels[i].name);
    var_text_printf(t, "\nconst struct krn_kernel quern_table[] = {\n");
    for (size_t i = 0; i < plan->count; i++)
        write_table_row(t, &plan->kernels[i]);
    var_text_printf(t, "};\nconst size_t quern_table_count = %zu;\n\n", plan->count);
}

static void write_rows(struct var_text *t, const struct exp_plan *plan)
{
    char text[KRN_PROBLEM_STR_MAX], name[VAR_NAME_MAX];
    var_text_printf(t, "const struct quern_row quern_rows[] = {\n");
    for (size_t i = 0; i < plan->input->count; i++) {
        const struct var_export_choice *choice = &plan->input->choices[i];
        const struct krn_problem *p = &choice->problem;
        struct krn_driver driver = var_driver(&choice->variant);
        var_export_layer(choice, text);
        var_name_format(&choice->variant, name);
        var_text_printf(t, "    /* %s */\n", text);
        var_text_printf(
            t, "    { { %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, \"\" },\n",
            p->n, p->groups, p->ic, p->ih, p->iw, p->oc, p->oh, p->ow, p->kh, p->kw, p->sh, p->sw,
            p->ph, p->pw, p->dh, p->dw);
        var_text_printf(t, "      %zu, { %d, %d }, \"%s\", %d },\n", plan->of_choice[i],
                        driver.loop_order, driver.mc_tiles, name, plan->core_of_choice[i]);
    }
    var_text_printf(t, "};\nconst size_t quern_row_count = %zu;\n\n", plan->input->count);
}

/* C has no empty arrays: a package for any core has one row, of none. Names come from a database.
 */
static void write_cores(struct var_text *t, const struct exp_plan *plan)
{
    var_text_printf(t, "const struct quern_core quern_cores[] = {\n");
    for (size_t i = 0; i < plan->core_count; i++) {
        var_text_printf(t, "    { \"");
        for (const char *s = plan->cores[i].name; *s; s++)
            if (isalnum((unsigned char)*s) || strchr(" -_.()+", *s))
                var_text_printf(t, "%c", *s);
        var_text_printf(t, "\", 0x%08xu },\n", (unsigned)plan->cores[i].midr);
    }
    if (plan->core_count == 0)
        var_text_printf(t, "    { \"any\", 0 },\n");
    var_text_printf(t, "};\nconst size_t quern_core_count = %zu;\n\n",
                    plan->core_count ? plan->core_count : 1);
}

/* Depthwise first, for what it takes; blocks of many columns before single ones; last what takes
 * all. */
static void write_portable(struct var_text *t, const struct exp_plan *plan)
{
    static const enum krn_family order[] = { KRN_FAMILY_DW, KRN_FAMILY_GEMM, KRN_FAMILY_IGEMM };
    size_t count = 0;
    var_text_printf(t, "const size_t quern_portable[] = {\n");
    for (size_t f = 0; f < sizeof order / sizeof order[0]; f++)
        for (int nr = UINT16_MAX; nr > 0; nr--)
            for (size_t i = 0; i < plan->count; i++) {
                const struct exp_kernel *kernel = &plan->kernels[i];
                if (!kernel->portable || kernel->row.family != order[f] || kernel->row.nr != nr)
                    continue;
                var_text_printf(t, "    %zu, /* %s */\n", i, kernel->name);
                count++;
            }
    var_text_printf(t, "};\nconst size_t quern_portable_count = %zu;\n", count);
}

int exp_write_dispatch(const struct exp_plan *plan, struct var_export *e, char *err,
                       size_t err_bytes)
{
    struct var_text *t = exp_add(e, "src/dispatch.c");
    (void)err;
    (void)err_bytes;
    if (!t)
        return -ENOMEM;
    var_text_printf(t, "/* %s */\n/* Generated by quern export: do not edit. */\n", EXP_SPDX);
    var_text_printf(t, "#include \"src/dispatch.h\"\n\n");
    write_table(t, plan);
    write_cores(t, plan);
    write_rows(t, plan);
    write_portable(t, plan);
    return 0;
}
