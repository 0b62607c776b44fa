/* The kernel that a layer gets when nothing better is known. */
#include "quant/pipeline/pipeline_int.h"

#include <string.h>

#include "variants/builtin.h"
#include "variants/variant.h"

static const struct krn_kernel *find(const char *name)
{
    for (size_t i = 0; i < quern_builtin_kernels_count; i++)
        if (strcmp(quern_builtin_kernels[i].name, name) == 0)
            return &quern_builtin_kernels[i];
    return NULL;
}

struct qnt_choice qnt_choose_builtin(const struct krn_problem *problem, enum krn_epilogue epilogue,
                                     void *user)
{
    uint32_t isas = krn_cpu_isas();

    (void)user;
    for (int isa = KRN_ISA_COUNT - 1; isa >= 0; isa--) {
        struct var_variant v;
        char name[VAR_NAME_MAX];
        if (!(isas & 1u << isa) || var_default_of((enum krn_isa)isa, problem, epilogue, &v) != 0)
            continue;
        var_kernel_name_format(&v, name);
        const struct krn_kernel *kernel = find(name);
        if (kernel)
            return (struct qnt_choice) { kernel, var_driver(&v) };
    }
    return (struct qnt_choice) { NULL, { 0 } };
}
