/* From choices to the list of files. */
#include "variants/export/export_int.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_isa_and_name(const void *a, const void *b)
{
    const struct exp_kernel *x = a, *y = b;
    if (x->variant.isa != y->variant.isa)
        return x->variant.isa < y->variant.isa ? -1 : 1;
    return strcmp(x->name, y->name);
}

static struct exp_kernel *find_kernel(struct exp_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->kernels[i].name, name) == 0)
            return &plan->kernels[i];
    return NULL;
}

static int add_kernel(struct exp_plan *plan, const struct var_variant *v, int portable)
{
    char name[VAR_NAME_MAX];
    var_kernel_name_format(v, name);
    struct exp_kernel *known = find_kernel(plan, name);
    if (known) {
        known->portable |= portable;
        return 0;
    }
    struct exp_kernel *grown = realloc(plan->kernels, (plan->count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    plan->kernels = grown;
    struct exp_kernel *kernel = &grown[plan->count++];
    *kernel = (struct exp_kernel) { .variant = *v, .portable = portable };
    var_kernel_describe(v, &kernel->row, kernel->name);
    return 0;
}

/* What portable C does by default for one problem of each kind: together they take any problem. */
static int add_portable(struct exp_plan *plan, enum krn_epilogue epilogue, char *err,
                        size_t err_bytes)
{
    static const char *const kinds[] = {
        "g32ic32ih8oc32kh3ph1", /* depthwise */
        "g2ic2ih8oc2kh3ph1",    /* depthwise, fewer channels than a block */
        "ic32ih8oc32kh1",       /* pointwise */
        "ic32ih8oc32kh3ph1",    /* the rest */
        "ic3ih8oc1kh3ph1",      /* the rest, a single column */
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct krn_problem problem;
        struct var_variant v;
        int rc = krn_problem_parse(kinds[i], &problem, err, err_bytes);
        if (rc == 0)
            rc = var_default_of(KRN_ISA_C, &problem, epilogue, &v);
        if (rc == 0)
            rc = add_kernel(plan, &v, 1);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The float form is what a problem outside of the choices gets. */
static int is_chosen(const struct var_export_input *input, enum krn_epilogue epilogue)
{
    for (size_t i = 0; i < input->count; i++)
        if (input->choices[i].variant.knob[VAR_KNOB_EPILOGUE] == (int)epilogue)
            return 1;
    return epilogue == KRN_EPILOGUE_FLOAT;
}

int exp_plans(const struct var_variant *variant, const struct krn_problem *problem,
              struct krn_conv *conv, char *err, size_t err_bytes)
{
    static const struct krn_quant any = { 0, 0, -128, 127 };
    char name[VAR_NAME_MAX];
    struct krn_kernel kernel;
    var_kernel_describe(variant, &kernel, name);
    return krn_conv_plan(conv, problem, &any, &kernel, var_driver(variant), err, err_bytes);
}

static int check_choice(const struct var_export_choice *choice, char *err, size_t err_bytes)
{
    char why[240], problem[KRN_PROBLEM_STR_MAX];
    struct krn_conv conv;
    int rc = var_feasible(&choice->variant, why, sizeof why);
    if (rc == 0)
        rc = exp_plans(&choice->variant, &choice->problem, &conv, why, sizeof why);
    if (rc == 0)
        return 0;
    var_export_layer(choice, problem);
    snprintf(err, err_bytes, "cannot export a choice for %s: %s", problem, why);
    return -EINVAL;
}

static void plan_clear(struct exp_plan *plan)
{
    free(plan->kernels);
    free(plan->of_choice);
    free(plan->core_of_choice);
}

/* Index of a core, added where it is new; -1 = any. */
static int core_of(struct exp_plan *plan, const struct var_export_core *core)
{
    if (!core->name)
        return -1;
    for (size_t i = 0; i < plan->core_count; i++)
        if (strcmp(plan->cores[i].name, core->name) == 0 && plan->cores[i].midr == core->midr)
            return (int)i;
    if (plan->core_count == EXP_CORES_MAX)
        return -EINVAL;
    plan->cores[plan->core_count] = *core;
    return (int)plan->core_count++;
}

static int plan_cores(struct exp_plan *plan, char *err, size_t err_bytes)
{
    plan->core_of_choice = calloc(plan->input->count, sizeof *plan->core_of_choice);
    if (!plan->core_of_choice)
        return -ENOMEM;
    for (size_t i = 0; i < plan->input->count; i++) {
        int core = core_of(plan, &plan->input->choices[i].core);
        if (core < -1) {
            snprintf(err, err_bytes, "choices of more than %d kinds of core", EXP_CORES_MAX);
            return core;
        }
        plan->core_of_choice[i] = core;
    }
    return 0;
}

static int plan_make(struct exp_plan *plan, char *err, size_t err_bytes)
{
    const struct var_export_input *input = plan->input;
    int rc = 0;
    if (input->count == 0) {
        snprintf(err, err_bytes, "nothing to export: no variant was chosen");
        return -EINVAL;
    }
    for (size_t i = 0; i < input->count && rc == 0; i++) {
        rc = check_choice(&input->choices[i], err, err_bytes);
        if (rc == 0)
            rc = add_kernel(plan, &input->choices[i].variant, 0);
    }
    for (int e = 0; e < KRN_EPILOGUE_COUNT && rc == 0; e++)
        if (is_chosen(input, (enum krn_epilogue)e))
            rc = add_portable(plan, (enum krn_epilogue)e, err, err_bytes);
    if (rc == 0)
        rc = plan_cores(plan, err, err_bytes);
    if (rc != 0)
        return rc;
    qsort(plan->kernels, plan->count, sizeof *plan->kernels, by_isa_and_name);
    for (size_t i = 0; i < plan->count; i++)
        plan->kernels[i].row.name = plan->kernels[i].name; /* it has moved */
    plan->of_choice = calloc(input->count, sizeof *plan->of_choice);
    if (!plan->of_choice)
        return -ENOMEM;
    for (size_t i = 0; i < input->count; i++) {
        char name[VAR_NAME_MAX];
        var_kernel_name_format(&input->choices[i].variant, name);
        plan->of_choice[i] = (size_t)(find_kernel(plan, name) - plan->kernels);
    }
    return 0;
}

static int is_c_file(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && entry->d_name[0] != '.' && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0);
}

/* kernels/ as it is: the folder is made to be taken whole. */
static int copy_kernels(const char *root, struct var_export *e, char *err, size_t err_bytes)
{
    struct dirent **entries = NULL;
    char path[4096];
    snprintf(path, sizeof path, "%s/kernels", root);
    int count = scandir(path, &entries, is_c_file, NULL), rc = 0;
    if (count <= 0) {
        snprintf(err, err_bytes, "no sources in %s: the source root must hold kernels/", path);
        free(entries);
        return -ENOENT;
    }
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "kernels/%s", entries[i]->d_name);
        if (rc == 0)
            rc = exp_copy(e, root, path, path, err, err_bytes);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int copy_templates(const char *root, struct var_export *e, char *err, size_t err_bytes)
{
    static const char *const rows[][2] = {
        { "LICENSE", "LICENSE" },
        { "variants/export/template/quern_kernels.h", "include/quern_kernels.h" },
        { "variants/export/template/quern_kernels.c", "src/quern_kernels.c" },
        { "variants/export/template/dispatch.h", "src/dispatch.h" },
        { "variants/export/template/selftest.c", "selftest.c" },
        { "variants/export/template/selftest_data.h", "selftest_data.h" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int rc = exp_copy(e, root, rows[i][0], rows[i][1], err, err_bytes);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Build files list the sources by name, no globbing, so that a build tool sees a change. Each lists
 * the files sorted so far; those that it leads to are no sources. */
static int expand_builds(const char *root, struct var_export *e, char *err, size_t err_bytes)
{
    static const char *const names[] = { "CMakeLists.txt", "meson.build", "Android.mk",
                                         "Makefile" };
    int rc = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && rc == 0; i++) {
        char from[100];
        snprintf(from, sizeof from, "variants/export/template/%s.in", names[i]);
        rc = exp_expand(e, root, from, names[i], err, err_bytes);
    }
    return rc;
}

static int by_path(const void *a, const void *b)
{
    const struct var_export_file *x = a, *y = b;
    return strcmp(x->path, y->path);
}

int var_export_make(const struct var_export_input *input, struct var_export *out, char *err,
                    size_t err_bytes)
{
    static exp_writer *const writers[] = { exp_write_kernels, exp_write_dispatch, exp_write_vectors,
                                           exp_write_passport, exp_write_readme };
    struct exp_plan plan = { .input = input };
    if (err_bytes > 0)
        err[0] = '\0';
    *out = (struct var_export) { 0 };
    int rc = plan_make(&plan, err, err_bytes);
    if (rc == 0)
        rc = copy_kernels(input->source_root, out, err, err_bytes);
    if (rc == 0)
        rc = copy_templates(input->source_root, out, err, err_bytes);
    for (size_t i = 0; i < sizeof writers / sizeof writers[0] && rc == 0; i++)
        rc = writers[i](&plan, out, err, err_bytes);
    if (rc == 0) /* the order in which build files list their sources */
        qsort(out->files, out->count, sizeof *out->files, by_path);
    if (rc == 0)
        rc = expand_builds(input->source_root, out, err, err_bytes);
    for (size_t i = 0; i < out->count && rc == 0; i++)
        rc = out->files[i].text.failed;
    if (rc == 0)
        qsort(out->files, out->count, sizeof *out->files, by_path);
    else
        var_export_clear(out);
    if (rc != 0 && err_bytes > 0 && err[0] == '\0')
        snprintf(err, err_bytes, "%s", strerror(-rc));
    plan_clear(&plan);
    return rc;
}
