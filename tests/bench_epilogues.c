/* What an epilogue costs: whole layers on plain choices of the strongest level, one thread, all
 * forms of a layer interleaved round by round; medians, as multiples of a rectified output's.
 *
 *     bench_epilogues [PROBLEM...] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/conv.h"
#include "tests/t_clock.h"
#include "variants/builtin.h"
#include "variants/variant.h"

enum { ROUNDS = 401, WARM = 20, CALLS = 2 };

static const struct form {
    const char *name;
    struct krn_quant quant;
    enum krn_epilogue epilogue;
} forms[] = {
    { "rectified", { 0, -128, -128, 127 }, KRN_EPILOGUE_FLOAT },
    { "linear", { 0, 0, -128, 127 }, KRN_EPILOGUE_FLOAT },
    { "add", { 0, 0, -128, 127 }, KRN_EPILOGUE_ADD },
    { "sums", { 0, 0, -128, 127 }, KRN_EPILOGUE_SUMS },
};
enum { FORMS = sizeof forms / sizeof *forms };

static const char *const layers[] = {
    "ic576ih14oc96kh1", "ic960ih7oc160kh1", "ic192ih28oc32kh1",   "ic144ih56oc24kh1",
    "ic32ih112oc16kh1", "ic64ih56oc256kh1", "ic64ih56oc64kh3ph1",
};

struct layer {
    struct krn_problem problem;
    int8_t *in, *weights, *out, *add;
    int32_t *bias;
    float *scale;
};

struct run {
    struct krn_conv conv;
    void *packed, *work, *scratch;
    double time_us[ROUNDS];
};

static void *allocate(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!p) {
        fprintf(stderr, "bench_epilogues: out of memory\n");
        exit(1);
    }
    return memset(p, 0, bytes);
}

static void fill(int8_t *to, size_t count)
{
    static uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        to[i] = (int8_t)((int)(state >> 24) % 127);
    }
}

static void make_layer(struct layer *l)
{
    const struct krn_problem *p = &l->problem;
    size_t outputs = krn_problem_output_count(p), oc = (size_t)p->oc;
    l->in = allocate(krn_problem_input_count(p));
    l->weights = allocate(krn_problem_weight_count(p));
    l->out = allocate(4 * outputs);
    l->add = allocate(outputs);
    l->bias = allocate(oc * sizeof *l->bias);
    l->scale = allocate(oc * sizeof *l->scale);
    fill(l->in, krn_problem_input_count(p));
    fill(l->weights, krn_problem_weight_count(p));
    fill(l->add, outputs);
    for (size_t i = 0; i < oc; i++)
        l->scale[i] = 1e-4f;
}

static const struct krn_kernel *choose(const struct krn_problem *p, enum krn_epilogue e,
                                       struct krn_driver *driver)
{
    for (int isa = KRN_ISA_COUNT - 1; isa >= 0; isa--) {
        struct var_variant v;
        char name[VAR_NAME_MAX];
        if (!(krn_cpu_isas() >> isa & 1) || var_default_of((enum krn_isa)isa, p, e, &v))
            continue;
        var_kernel_name_format(&v, name);
        *driver = var_driver(&v);
        for (size_t i = 0; i < quern_builtin_kernels_count; i++)
            if (!strcmp(quern_builtin_kernels[i].name, name))
                return &quern_builtin_kernels[i];
    }
    return NULL;
}

static int prepare(const struct layer *l, const struct form *form, struct run *r)
{
    struct krn_driver driver;
    char err[200] = "no kernel";
    const struct krn_kernel *kernel = choose(&l->problem, form->epilogue, &driver);
    if (!kernel ||
        krn_conv_plan(&r->conv, &l->problem, &form->quant, kernel, driver, err, sizeof err)) {
        fprintf(stderr, "bench_epilogues: %s: %s\n", form->name, err);
        return 1;
    }
    r->conv.add = (struct krn_add) { l->add, 0, 0.5f };
    r->packed = allocate(r->conv.packed_bytes);
    r->work = allocate(r->conv.workspace_bytes);
    r->scratch = allocate(r->conv.scratch_bytes);
    krn_conv_pack(&r->conv, l->weights, l->bias, l->scale, r->packed);
    krn_conv_setup(&r->conv, l->in, r->work);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int measure(const char *text)
{
    static struct run runs[FORMS];
    struct layer l;
    char err[200];
    if (krn_problem_parse(text, &l.problem, err, sizeof err)) {
        fprintf(stderr, "bench_epilogues: %s\n", err);
        return 1;
    }
    make_layer(&l);
    for (int i = 0; i < FORMS; i++)
        if (prepare(&l, &forms[i], &runs[i]))
            return 1;
    for (int round = -WARM; round < ROUNDS; round++)
        for (int i = 0; i < FORMS; i++) {
            struct run *r = &runs[i];
            double begin = t_now_s();
            for (int call = 0; call < CALLS; call++)
                krn_conv_run(&r->conv, r->packed, l.in, l.out, r->work, r->scratch, 0,
                             r->conv.tiles);
            if (round >= 0)
                r->time_us[round] = (t_now_s() - begin) * 1e6 / CALLS;
        }
    printf("%s  %s\n", text, runs[0].conv.kernel->name);
    for (int i = 0; i < FORMS; i++) {
        qsort(runs[i].time_us, ROUNDS, sizeof(double), by_value);
        printf("  %-9s  %9.2f us  %6.3f\n", forms[i].name, runs[i].time_us[ROUNDS / 2],
               runs[i].time_us[ROUNDS / 2] / runs[0].time_us[ROUNDS / 2]);
        free(runs[i].packed);
        free(runs[i].work);
        free(runs[i].scratch);
    }
    free(l.in), free(l.weights), free(l.out), free(l.add), free(l.bias), free(l.scale);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= measure(argv[i]);
    for (size_t i = 0; argc < 2 && i < sizeof layers / sizeof *layers; i++)
        failed |= measure(layers[i]);
    return failed;
}
