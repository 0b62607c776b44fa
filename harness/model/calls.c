#include "harness/model/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/driver.h"

/* Tiles that a call keeps: what it does once is then little against them. */
enum { TILES_KEPT = 32 };

/* The arguments of a family: the counts in them that control flow hangs on, which are a run of
 * int64_t and maybe one more, and their size. The product of all is what a call works. */
struct layout {
    size_t from, to, bytes;
    size_t another; /* offset, 0 = none */
    size_t rows;    /* of the count that a kernel takes MR of at a time; 0 = none */
};
#define LAYOUT(type, first, after)                                                                 \
    .from = offsetof(struct type, first), .to = offsetof(struct type, after),                      \
    .bytes = sizeof(struct type)
static const struct layout layouts[KRN_FAMILY_COUNT] = {
    [KRN_FAMILY_GEMM] = { LAYOUT(krn_gemm_args, m, out),
                          .rows = offsetof(struct krn_gemm_args, m) },
    [KRN_FAMILY_IGEMM] = { LAYOUT(krn_gemm_args, m, out),
                           .rows = offsetof(struct krn_gemm_args, m) },
    [KRN_FAMILY_DW] = { LAYOUT(krn_dw_args, channels, out) },
    [KRN_FAMILY_DWC] = { LAYOUT(krn_dw_args, channels, out) },
    [KRN_FAMILY_DIRECT] = { LAYOUT(krn_direct_args, width, out),
                            .another = offsetof(struct krn_direct_args, tap_count),
                            .rows = offsetof(struct krn_direct_args, width) },
    [KRN_FAMILY_WINO] = { .from = offsetof(struct krn_wino_args, k),
                          .to = sizeof(struct krn_wino_args),
                          .bytes = sizeof(struct krn_wino_args) },
};

static struct hrn_calls *recording; /* a micro-kernel has no other way to know for whom it works */
static int overflown;

static int is_same(const struct layout *layout, const struct hrn_call *a, const void *args)
{
    const char *x = (const char *)&a->args, *y = args;
    return memcmp(x + layout->from, y + layout->from, layout->to - layout->from) == 0 &&
           (!layout->another || !memcmp(x + layout->another, y + layout->another, sizeof(int64_t)));
}

static int64_t count_at(const struct hrn_call *call, size_t offset)
{
    int64_t count;
    memcpy(&count, (const char *)&call->args + offset, sizeof count);
    return count;
}

double hrn_call_work(const struct hrn_calls *calls, size_t index)
{
    const struct layout *layout = &layouts[calls->family];
    const struct hrn_call *call = &calls->call[index];
    double work = (double)call->times * call->whole;
    for (size_t at = layout->from; at < layout->to; at += sizeof(int64_t))
        work *= (double)count_at(call, at);
    return layout->another ? work * (double)count_at(call, layout->another) : work;
}

/* A call of many tiles becomes one of fewer. */
static void shorten(struct hrn_call *call, const struct layout *layout, int64_t mr)
{
    call->whole = 1;
    if (!layout->rows)
        return;
    int64_t rows = count_at(call, layout->rows), tiles = (rows + mr - 1) / mr;
    if (tiles <= TILES_KEPT)
        return;
    int64_t kept = rows - (tiles - TILES_KEPT) * mr;
    call->whole = (double)rows / (double)kept;
    memcpy((char *)&call->args + layout->rows, &kept, sizeof kept);
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

static double calls_in_all(const struct hrn_calls *calls)
{
    double all = 0;
    for (size_t i = 0; i < calls->count; i++)
        all += (double)calls->call[i].times;
    return all;
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
    out->driver_insns = hrn_driver_insns(&conv, calls_in_all(out));
    for (size_t i = 0; !rc && i < out->count; i++)
        shorten(&out->call[i], &layouts[out->family], kernel->mr);
    return rc;
}

int hrn_call_is_alike(enum krn_family family, const struct hrn_call *a, const struct hrn_call *b)
{
    return is_same(&layouts[family], a, &b->args);
}
