#include "harness/model/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The arguments of a family: the counts in them that control flow hangs on, and their size. */
struct layout {
    size_t from, to, bytes;
    size_t also; /* another count, 64 bits; 0: none */
};
#define LAYOUT(type, first, after)                                                                 \
    {                                                                                              \
        offsetof(struct type, first), offsetof(struct type, after), sizeof(struct type), 0         \
    }
static const struct layout layouts[KRN_FAMILY_COUNT] = {
    [KRN_FAMILY_GEMM] = LAYOUT(krn_gemm_args, m, out),
    [KRN_FAMILY_IGEMM] = LAYOUT(krn_gemm_args, m, out),
    [KRN_FAMILY_DW] = LAYOUT(krn_dw_args, channels, out),
    [KRN_FAMILY_DWC] = LAYOUT(krn_dw_args, channels, out),
    [KRN_FAMILY_WINO] = { offsetof(struct krn_wino_args, k), sizeof(struct krn_wino_args),
                          sizeof(struct krn_wino_args), 0 },
    [KRN_FAMILY_DIRECT] = { offsetof(struct krn_direct_args, width),
                            offsetof(struct krn_direct_args, out), sizeof(struct krn_direct_args),
                            offsetof(struct krn_direct_args, tap_count) },
};

static struct hrn_calls *recording; /* a micro-kernel has no other way to know for whom it works */
static int overflown;

static int is_same(const struct layout *layout, const struct hrn_call *a, const void *args)
{
    const char *x = (const char *)&a->args, *y = args;
    return memcmp(x + layout->from, y + layout->from, layout->to - layout->from) == 0 &&
           (!layout->also || memcmp(x + layout->also, y + layout->also, sizeof(int64_t)) == 0);
}

static void record(const void *args)
{
    struct hrn_calls *c = recording;
    const struct layout *layout = &layouts[c->family];
    size_t i = 0;
    while (i < c->count && !is_same(layout, &c->call[i], args))
        i++;
    if (i == HRN_CALLS_MAX) {
        overflown = 1;
        return;
    }
    if (i == c->count) {
        memcpy(&c->call[i].args, args, layout->bytes);
        c->count++;
    }
    c->call[i].times++;
}

static void *take(size_t bytes)
{
    void *at = NULL;
    if (bytes > SIZE_MAX / 2 || posix_memalign(&at, 64, bytes + 64))
        return NULL;
    return at;
}

static int run(struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    size_t outputs = krn_problem_output_count(p);
    int8_t *in = take(krn_problem_input_count(p)), *out = take(outputs * 4), *add = take(outputs);
    void *packed = take(conv->packed_bytes), *workspace = take(conv->workspace_bytes);
    void *scratch = take(conv->scratch_bytes);
    int rc = in && out && add && packed && workspace && scratch ? 0 : -ENOMEM;
    if (!rc) {
        memset(in, 0, krn_problem_input_count(p));
        memset(scratch, 0, conv->scratch_bytes); /* tails are copied out of it */
        memset(add, 0, outputs);
        conv->add = (struct krn_add) { add, 0, 0.5f };
        krn_conv_setup(conv, in, workspace);
        krn_conv_run(conv, packed, in, out, workspace, scratch, 0, conv->tiles);
    }
    free(in);
    free(out);
    free(add);
    free(packed);
    free(workspace);
    free(scratch);
    return rc;
}

int hrn_calls_of(const struct krn_problem *problem, const struct krn_kernel *kernel,
                 struct krn_driver driver, struct hrn_calls *out, char *err, size_t err_bytes)
{
    static const struct krn_quant quant = { .lo = -128, .hi = 127 };
    struct krn_kernel stand_in = *kernel;
    struct krn_conv conv;
    memset(out, 0, sizeof *out);
    stand_in.fn = record;
    if (!layouts[kernel->family].bytes) {
        snprintf(err, err_bytes, "the model does not know how %s kernels are called",
                 krn_family_names[kernel->family]);
        return -ENOTSUP;
    }
    if (krn_conv_plan(&conv, problem, &quant, &stand_in, driver, err, err_bytes) < 0)
        return -ENOTSUP;
    out->family = kernel->family;
    recording = out;
    overflown = 0;
    int rc = run(&conv);
    if (rc)
        snprintf(err, err_bytes, "out of memory");
    if (!rc && overflown) {
        snprintf(err, err_bytes, "it makes more than %d kinds of calls", HRN_CALLS_MAX);
        rc = -ENOTSUP;
    }
    return rc;
}

int hrn_calls_equal(const struct hrn_calls *a, const struct hrn_calls *b)
{
    size_t found = 0;
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < b->count; k++)
            found += a->call[i].times == b->call[k].times &&
                     is_same(&layouts[a->family], &a->call[i], &b->call[k].args);
    return a->family == b->family && a->count == b->count && found == a->count;
}
