#include "quern_kernels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/packing.h"
#include "src/dispatch.h"

enum kind { KIND_DEPTHWISE, KIND_POINTWISE, KIND_OTHER };

static enum kind kind_of(const struct krn_problem *p)
{
    if (krn_problem_multiplier(p))
        return KIND_DEPTHWISE;
    return krn_problem_is_pointwise(p) ? KIND_POINTWISE : KIND_OTHER;
}

/* Equal but for the number of images and the title. */
static int is_same(const struct krn_problem *a, const struct krn_problem *b)
{
    return a->groups == b->groups && a->ic == b->ic && a->ih == b->ih && a->iw == b->iw &&
           a->oc == b->oc && a->oh == b->oh && a->ow == b->ow && a->kh == b->kh && a->kw == b->kw &&
           a->sh == b->sh && a->sw == b->sw && a->ph == b->ph && a->pw == b->pw && a->dh == b->dh &&
           a->dw == b->dw;
}

static int log2_floor(int64_t n)
{
    int bits = 0;
    while (n > 1) {
        n /= 2;
        bits++;
    }
    return bits;
}

static int apart(int64_t a, int64_t b)
{
    return abs(log2_floor(a) - log2_floor(b));
}

/* Octaves between two problems in what decides between micro-kernels: depth, columns, rows, taps.
 */
static int distance(const struct krn_problem *a, const struct krn_problem *b)
{
    return apart(a->ic / a->groups, b->ic / b->groups) +
           apart(a->oc / a->groups, b->oc / b->groups) +
           apart((int64_t)a->oh * a->ow, (int64_t)b->oh * b->ow) +
           apart((int64_t)a->kh * a->kw, (int64_t)b->kh * b->kw) * 2 +
           (a->sh != b->sh || a->sw != b->sw);
}

static int plans(const struct krn_problem *problem, const struct krn_kernel *kernel,
                 struct krn_driver driver)
{
    static const struct krn_quant any = { 0, 0, -128, 127 };
    struct krn_conv conv;
    return krn_conv_plan(&conv, problem, &any, kernel, driver, NULL, 0) == 0;
}

/* What is asked for besides a problem. */
struct wanted {
    uint32_t isas;
    enum krn_epilogue epilogue;
    size_t core;
};

static int is_wanted(const struct quern_row *row, const struct wanted *wanted)
{
    const struct krn_kernel *kernel = &quern_table[row->kernel];
    return kernel->fn && (wanted->isas & 1u << kernel->isa) &&
           kernel->epilogue == wanted->epilogue &&
           (row->core < 0 || (size_t)row->core == wanted->core);
}

/* Rows of one problem stand in the order of preference: the first that runs here. */
static const struct quern_row *find_exact(const struct krn_problem *problem,
                                          const struct wanted *wanted)
{
    for (const struct quern_row *row = quern_rows; row < quern_rows + quern_row_count; row++)
        if (is_wanted(row, wanted) && is_same(problem, &row->problem))
            return row;
    return NULL;
}

/* Of the same kind, at the smallest distance; the earlier row where two are as near. */
static const struct quern_row *find_nearest(const struct krn_problem *problem,
                                            const struct wanted *wanted)
{
    const struct quern_row *best = NULL;
    int best_distance = 0;
    for (const struct quern_row *row = quern_rows; row < quern_rows + quern_row_count; row++) {
        int here = distance(problem, &row->problem);
        if (!is_wanted(row, wanted) || kind_of(problem) != kind_of(&row->problem) ||
            (best && here >= best_distance) ||
            !plans(problem, &quern_table[row->kernel], row->driver))
            continue;
        best = row;
        best_distance = here;
    }
    return best;
}

static int is_natural(const struct krn_kernel *kernel, enum kind kind)
{
    switch (kernel->family) {
    case KRN_FAMILY_DW:
    case KRN_FAMILY_DWC:
        return kind == KIND_DEPTHWISE;
    case KRN_FAMILY_GEMM:
        return kind == KIND_POINTWISE;
    default:
        return 1;
    }
}

/* NULL: the package has no choice of that epilogue. */
static const struct krn_kernel *find_portable(const struct krn_problem *problem,
                                              enum krn_epilogue epilogue)
{
    struct krn_driver plain = { 0, 0 };
    const struct krn_kernel *last = NULL;
    for (size_t i = 0; i < quern_portable_count; i++) {
        const struct krn_kernel *kernel = &quern_table[quern_portable[i]];
        if (kernel->epilogue != epilogue)
            continue;
        if (is_natural(kernel, kind_of(problem)) && plans(problem, kernel, plain))
            return kernel;
        last = kernel;
    }
    return last;
}

static struct quern_choice select_row(const struct krn_problem *problem,
                                      const struct wanted *wanted)
{
    struct quern_choice choice = { NULL, { 0, 0 }, QUERN_MATCH_EXACT, NULL };
    const struct quern_row *row = find_exact(problem, wanted);
    if (!row) {
        row = find_nearest(problem, wanted);
        choice.match = QUERN_MATCH_NEAREST;
    }
    if (row) {
        choice.kernel = &quern_table[row->kernel];
        choice.driver = row->driver;
        choice.variant = row->variant;
        return choice;
    }
    choice.kernel = find_portable(problem, wanted->epilogue);
    choice.match = QUERN_MATCH_PORTABLE;
    choice.variant = choice.kernel ? choice.kernel->name : NULL;
    return choice;
}

/* Implementer and part: what a revision mends is no other kernel's business. */
static uint32_t kind_of_midr(uint32_t midr)
{
    return midr & 0xff00fff0u;
}

size_t quern_core_kinds(void)
{
    return quern_core_count;
}

const char *quern_core_name(size_t core)
{
    return quern_cores[core].name;
}

size_t quern_core_here(void)
{
    uint32_t midr = quern_core_count > 1 ? krn_cpu_midr() : 0;
    for (size_t i = 0; i < quern_core_count && midr; i++)
        if (kind_of_midr(quern_cores[i].midr) == kind_of_midr(midr))
            return i;
    return 0;
}

struct quern_choice quern_conv_select_epilogue(const struct krn_problem *problem,
                                               enum krn_epilogue epilogue)
{
    return quern_conv_select_core(problem, epilogue, quern_core_here());
}

struct quern_choice quern_conv_select_core(const struct krn_problem *problem,
                                           enum krn_epilogue epilogue, size_t core)
{
    const struct wanted wanted = { krn_cpu_isas(), epilogue, core };
    return select_row(problem, &wanted);
}

struct quern_choice quern_conv_select(const struct krn_problem *problem)
{
    return quern_conv_select_epilogue(problem, KRN_EPILOGUE_FLOAT);
}

/* What one kind of core runs. */
struct on_core {
    struct krn_conv plan;
    struct quern_choice choice;
    const int8_t *in;         /* that the pointer tables are for */
    char *packed, *workspace; /* in the memory of the object, 64-byte aligned */
};
struct quern_conv {
    void *memory;
    char *scratch;       /* in `memory`: one core at a time */
    size_t packed_bytes; /* of all copies of the weights */
    struct on_core on[]; /* [quern_core_count] */
};

static size_t padded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* The first kind of core whose weights are packed as those of `core`; `core` itself if none is. */
static size_t packs_first(const struct quern_conv *conv, size_t core)
{
    struct krn_packing own = krn_packing_of(&conv->on[core].plan);
    for (size_t i = 0; i < core; i++) {
        struct krn_packing other = krn_packing_of(&conv->on[i].plan);
        if (krn_packing_is_same(&own, &other))
            return i;
    }
    return core;
}

static int allocate(struct quern_conv *conv)
{
    size_t bytes = 63, scratch = 0;
    for (size_t i = 0; i < quern_core_count; i++) {
        const struct krn_conv *plan = &conv->on[i].plan;
        if (packs_first(conv, i) == i)
            conv->packed_bytes += padded(plan->packed_bytes);
        bytes += padded(plan->workspace_bytes);
        scratch = plan->scratch_bytes > scratch ? plan->scratch_bytes : scratch;
    }
    conv->memory = malloc(bytes + conv->packed_bytes + padded(scratch));
    if (!conv->memory)
        return -ENOMEM;
    char *at = (char *)conv->memory + (-(uintptr_t)conv->memory & 63);
    for (size_t i = 0; i < quern_core_count; i++) {
        struct on_core *on = &conv->on[i];
        size_t first = packs_first(conv, i);
        on->packed = first == i ? at : conv->on[first].packed;
        at += first == i ? padded(on->plan.packed_bytes) : 0;
        on->workspace = at;
        at += padded(on->plan.workspace_bytes);
    }
    conv->scratch = at;
    return 0;
}

static int without(enum krn_epilogue epilogue, char *err, size_t err_bytes)
{
    snprintf(err, err_bytes, "this package was exported without a +%s layer",
             krn_epilogue_names[epilogue]);
    return -ENOENT;
}

int quern_conv_create_epilogue(const struct krn_problem *problem, enum krn_epilogue epilogue,
                               const struct krn_quant *quant, const int8_t *weights,
                               const int32_t *bias, const float *scale, struct quern_conv **out,
                               char *err, size_t err_bytes)
{
    *out = NULL;
    int rc = krn_problem_check(problem, err, err_bytes);
    if (rc != 0)
        return rc;
    struct quern_conv *conv = calloc(1, sizeof *conv + quern_core_count * sizeof *conv->on);
    if (!conv)
        return -ENOMEM;
    for (size_t i = 0; i < quern_core_count && rc == 0; i++) {
        struct on_core *on = &conv->on[i];
        on->choice = quern_conv_select_core(problem, epilogue, i);
        rc = on->choice.kernel ? krn_conv_plan(&on->plan, problem, quant, on->choice.kernel,
                                               on->choice.driver, err, err_bytes)
                               : without(epilogue, err, err_bytes);
    }
    if (rc == 0)
        rc = allocate(conv);
    if (rc != 0) {
        quern_conv_destroy(conv);
        return rc;
    }
    for (size_t i = 0; i < quern_core_count; i++)
        if (packs_first(conv, i) == i)
            krn_conv_pack(&conv->on[i].plan, weights, bias, scale, conv->on[i].packed);
    *out = conv;
    return 0;
}

int quern_conv_create(const struct krn_problem *problem, const struct krn_quant *quant,
                      const int8_t *weights, const int32_t *bias, const float *scale,
                      struct quern_conv **out, char *err, size_t err_bytes)
{
    return quern_conv_create_epilogue(problem, KRN_EPILOGUE_FLOAT, quant, weights, bias, scale, out,
                                      err, err_bytes);
}

void quern_conv_run_core(struct quern_conv *conv, size_t core, const int8_t *in,
                         const struct krn_add *add, void *out)
{
    struct on_core *on = &conv->on[core];
    if (add)
        on->plan.add = *add;
    if (on->in != in) {
        krn_conv_setup(&on->plan, in, on->workspace);
        on->in = in;
    }
    krn_conv_run(&on->plan, on->packed, in, out, on->workspace, conv->scratch, 0, on->plan.tiles);
}

void quern_conv_run_add(struct quern_conv *conv, const int8_t *in, const struct krn_add *add,
                        void *out)
{
    quern_conv_run_core(conv, quern_core_here(), in, add, out);
}

void quern_conv_run(struct quern_conv *conv, const int8_t *in, void *out)
{
    quern_conv_run_core(conv, quern_core_here(), in, NULL, out);
}

struct quern_choice quern_conv_choice_core(const struct quern_conv *conv, size_t core)
{
    return conv->on[core].choice;
}

struct quern_choice quern_conv_choice(const struct quern_conv *conv)
{
    return quern_conv_choice_core(conv, quern_core_here());
}

size_t quern_conv_packed_bytes(const struct quern_conv *conv)
{
    return conv->packed_bytes;
}

void quern_conv_destroy(struct quern_conv *conv)
{
    if (conv)
        free(conv->memory);
    free(conv);
}
