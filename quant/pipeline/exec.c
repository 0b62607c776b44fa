/* Runs a quantised network: kernels chosen and weights packed once, every tensor at a planned
 * place. */
#include "quant/pipeline/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "quant/pipeline/arena.h"
#include "quant/pipeline/exec_int.h"

/* More than this is a damaged network or a mistake. */
#define EXEC_BYTES_MAX ((size_t)1 << 30)

static size_t padded(size_t bytes)
{
    return (bytes + QNT_ARENA_ALIGN - 1) / QNT_ARENA_ALIGN * QNT_ARENA_ALIGN;
}

/* ---- Choosing: what the caller wants, then what is built in. */

static int plan_with(const struct qnt_network *network, int32_t index, struct qnt_choice choice,
                     struct qnt_step *step, char *err, size_t err_bytes)
{
    const struct qnt_layer *l = &network->layers[index];
    const struct krn_quant quant = {
        .zp_in = network->layers[l->inputs[0]].zero, .zp_out = l->zero, .lo = l->lo, .hi = l->hi
    };

    const enum krn_epilogue epilogue = qnt_layer_epilogue(network, index);
    if (!choice.kernel) {
        snprintf(err, err_bytes, "no kernel for it");
        return -ENOTSUP;
    }
    if (choice.kernel->epilogue != epilogue) {
        snprintf(err, err_bytes, "%s has another epilogue than %s", choice.kernel->name,
                 krn_epilogue_names[epilogue]);
        return -ENOTSUP;
    }
    int result = krn_conv_plan(&step->conv, &l->problem, &quant, choice.kernel, choice.driver, err,
                               err_bytes);
    step->on_kernel = result == 0;
    return result;
}

/* A layer that no kernel takes stays with the reference; its bytes are the same. */
static void plan_step(const struct qnt_network *network, int32_t index, qnt_choose *choose,
                      void *user, struct qnt_step *step)
{
    const struct krn_problem *problem = &network->layers[index].problem;
    const enum krn_epilogue epilogue = qnt_layer_epilogue(network, index);
    if (choose && choose != qnt_choose_builtin) {
        struct qnt_choice choice = choose(problem, epilogue, user);
        if (choice.kernel &&
            plan_with(network, index, choice, step, step->note, sizeof(step->note)) == 0)
            return;
    }
    char why[160];
    const struct qnt_choice choice = qnt_choose_builtin(problem, epilogue, NULL);
    if (plan_with(network, index, choice, step, why, sizeof(why)) != 0)
        snprintf(step->note, sizeof(step->note), "the reference runs: %.120s", why);
}

static int plan_steps(struct qnt_exec *exec, qnt_choose *choose, void *user)
{
    for (int32_t i = 0; i < exec->network->count; i++) {
        struct qnt_step *step = &exec->steps[i];
        if (!qnt_layer_is_conv(&exec->network->layers[i]))
            continue;
        plan_step(exec->network, i, choose, user, step);
        if (!step->on_kernel)
            continue;
        const struct krn_conv *conv = &step->conv;
        if (conv->packed_bytes > EXEC_BYTES_MAX || conv->workspace_bytes > EXEC_BYTES_MAX ||
            conv->scratch_bytes > EXEC_BYTES_MAX)
            return -ENOMEM;
        step->packed = exec->pool_bytes;
        step->workspace = step->packed + padded(conv->packed_bytes);
        exec->pool_bytes = step->workspace + padded(conv->workspace_bytes);
        if (padded(conv->scratch_bytes) > exec->scratch_bytes)
            exec->scratch_bytes = padded(conv->scratch_bytes);
        if (exec->pool_bytes > EXEC_BYTES_MAX)
            return -ENOMEM;
    }
    return 0;
}

/* ---- Places */

static int count_readers(const struct qnt_network *network, int32_t index)
{
    int count = 0;

    for (int32_t i = index + 1; i < network->count; i++)
        for (int32_t k = 0; k < network->layers[i].input_count; k++)
            count += network->layers[i].inputs[k] == index;
    return count;
}

/* Convolutions that only a concatenation reads, whose bytes it would copy as they are, write them
 * into it. */
static void plan_slices(struct qnt_exec *exec, int32_t index)
{
    const struct qnt_network *network = exec->network;
    const struct qnt_layer *l = &network->layers[index];
    int32_t first = 0;

    for (int32_t k = 0; k < l->input_count; k++) {
        const int32_t from = l->inputs[k];
        struct qnt_step *step = &exec->steps[from];
        if (step->on_kernel && step->conv.algorithm != KRN_ALG_DEPTHWISE &&
            qnt_joins_as_is(l, &network->layers[from], k) && count_readers(network, from) == 1) {
            step->whole = index;
            step->first = first;
            step->conv.out_pixel = l->c;
        }
        first += network->layers[from].c;
    }
}

static void forget_slices(struct qnt_exec *exec)
{
    for (int32_t i = 0; i < exec->network->count; i++) {
        struct qnt_step *step = &exec->steps[i];
        step->whole = step->first = 0;
        if (step->on_kernel)
            step->conv.out_pixel = step->conv.problem.oc;
    }
}

/* Of what a layer writes. */
static size_t bytes_of(const struct qnt_step *step, const struct qnt_layer *l)
{
    if (step->whole)
        return 0;
    if (step->on_kernel)
        return qnt_layer_elements(l) * (size_t)krn_output_bytes(step->conv.kernel);
    return qnt_layer_bytes(l);
}

static int plan_arena(struct qnt_exec *exec, struct qnt_span *spans)
{
    const struct qnt_network *network = exec->network;

    for (int32_t i = 0; i < network->count; i++) {
        const struct qnt_layer *l = &network->layers[i];
        spans[i] = (struct qnt_span) { bytes_of(&exec->steps[i], l), i, i, 0 };
        for (int32_t k = 0; k < l->input_count; k++)
            spans[l->inputs[k]].last = i;
    }
    for (int32_t i = network->count - 1; i >= 0; i--)
        if (exec->steps[i].whole) /* it lives from its first part on */
            spans[exec->steps[i].whole].first = i;
    exec->arena_bytes = qnt_arena_plan(spans, (size_t)network->count);
    return exec->arena_bytes <= EXEC_BYTES_MAX ? 0 : -ENOMEM;
}

/* Tells a convolution where its inputs are. */
static void set_up(struct qnt_exec *exec, int32_t index)
{
    const struct qnt_layer *l = &exec->network->layers[index];
    struct qnt_step *step = &exec->steps[index];

    if (step->conv.kernel->epilogue == KRN_EPILOGUE_ADD) {
        step->conv.add = qnt_layer_add(exec->network, l);
        step->conv.add.tensor = exec->steps[l->inputs[1]].out;
    }
    krn_conv_setup(&step->conv, exec->steps[l->inputs[0]].out, exec->pool + step->workspace);
}

/* Places of all tensors, and what depends on them. */
static int place(struct qnt_exec *exec)
{
    const struct qnt_network *network = exec->network;
    struct qnt_span *spans = calloc((size_t)network->count, sizeof(*spans));
    int result;

    forget_slices(exec);
    for (int32_t i = 0; exec->sliced && i < network->count - 1; i++)
        if (network->layers[i].op == QNT_OP_CONCAT)
            plan_slices(exec, i);
    free(exec->arena);
    exec->arena = NULL;
    result = spans ? plan_arena(exec, spans) : -ENOMEM;
    if (result == 0) {
        exec->arena = aligned_alloc(QNT_ARENA_ALIGN, exec->arena_bytes);
        result = exec->arena ? 0 : -ENOMEM;
    }
    for (int32_t i = network->count - 1; i >= 0 && result == 0; i--) {
        struct qnt_step *step = &exec->steps[i];
        step->out = step->whole ? exec->steps[step->whole].out + step->first
                                : exec->arena + spans[i].offset;
    }
    for (int32_t i = 0; i < network->count && result == 0; i++)
        if (exec->steps[i].on_kernel)
            set_up(exec, i);
    free(spans);
    return result;
}

static int allocate(struct qnt_exec *exec)
{
    exec->pool = aligned_alloc(QNT_ARENA_ALIGN, padded(exec->pool_bytes + 1));
    exec->sliced = 1;
    return exec->pool ? place(exec) : -ENOMEM;
}

static void pack(struct qnt_exec *exec, int32_t index)
{
    const struct qnt_network *network = exec->network;
    const struct qnt_layer *l = &network->layers[index];
    struct qnt_step *step = &exec->steps[index];

    krn_conv_pack(&step->conv, qnt_layer_data(network, l->weights),
                  qnt_layer_data(network, l->bias), qnt_layer_data(network, l->multiplier),
                  exec->pool + step->packed);
}

int qnt_exec_open(const struct qnt_network *network, qnt_choose *choose, void *user,
                  struct qnt_exec **out, struct qnt_error *error)
{
    struct qnt_exec *exec = calloc(1, sizeof(*exec));
    int result = -ENOMEM;

    *out = NULL;
    if (!exec)
        goto fail;
    exec->network = network;
    exec->steps = calloc((size_t)network->count, sizeof(*exec->steps));
    if (!exec->steps)
        goto fail;
    result = plan_steps(exec, choose, user);
    if (result == 0)
        result = allocate(exec);
    if (result == 0)
        result = qnt_exec_threads(exec, 1, error);
    if (result != 0)
        goto fail;
    for (int32_t i = 0; i < network->count; i++)
        if (exec->steps[i].on_kernel)
            pack(exec, i);
    if (network->mapped_bytes) /* packed: the file's own weights need not stay in memory */
        madvise(network->block, network->mapped_bytes, MADV_DONTNEED);
    *out = exec;
    return 0;
fail:
    qnt_error_set(error, result, "%s: not enough memory to run it", qnt_network_name(network));
    qnt_exec_close(exec);
    return result;
}

int qnt_exec_threads(struct qnt_exec *exec, int threads, struct qnt_error *error)
{
    struct qnt_team *team = NULL;
    uint8_t *scratch = NULL;
    int result = threads < 1 || threads > QNT_TEAM_MAX ? -EINVAL : 0;

    if (result != 0)
        return qnt_error_set(error, result, "%d threads asked for; there can be 1 to %d", threads,
                             QNT_TEAM_MAX);
    result = qnt_team_open(threads, &team);
    if (result == 0)
        scratch =
            aligned_alloc(QNT_ARENA_ALIGN, (size_t)threads * exec->scratch_bytes + QNT_ARENA_ALIGN);
    if (!scratch) {
        qnt_team_close(team);
        return qnt_error_set(error, result ? result : -ENOMEM, "%d threads cannot be started: %s",
                             threads,
                             result == -EAGAIN ? "the system gives no more" : "out of memory");
    }
    qnt_team_close(exec->team);
    free(exec->scratch);
    exec->team = team;
    exec->scratch = scratch;
    return 0;
}

void qnt_exec_close(struct qnt_exec *exec)
{
    if (!exec)
        return;
    qnt_team_close(exec->team);
    free(exec->steps);
    free(exec->arena);
    free(exec->pool);
    free(exec->scratch);
    free(exec);
}

const struct qnt_network *qnt_exec_network(const struct qnt_exec *exec)
{
    return exec->network;
}

struct qnt_exec_memory qnt_exec_memory(const struct qnt_exec *exec)
{
    struct qnt_exec_memory m = { .arena = exec->arena_bytes,
                                 .scratch =
                                     exec->scratch_bytes * (size_t)qnt_team_size(exec->team) };

    for (int32_t i = 0; i < exec->network->count; i++)
        if (exec->steps[i].on_kernel) {
            m.packed += exec->steps[i].conv.packed_bytes;
            m.tables += exec->steps[i].conv.workspace_bytes;
        }
    return m;
}

static const char *title_of(const struct qnt_layer *l)
{
    if (l->op == QNT_OP_CONV && l->input_count == 2)
        return "conv + add";
    if (l->op == QNT_OP_LINEAR && l->input_count == 2)
        return "linear + add";
    return qnt_op_names[l->op];
}

int qnt_exec_layer(const struct qnt_exec *exec, size_t index, struct qnt_exec_layer *out)
{
    const struct qnt_network *network = exec->network;

    if (index >= (size_t)network->count)
        return -ERANGE;
    const struct qnt_layer *l = &network->layers[index];
    const struct qnt_step *step = &exec->steps[index];
    int has_problem = qnt_layer_is_conv(l);
    *out = (struct qnt_exec_layer) {
        .name = network->text + l->name,
        .op = (enum qnt_op)l->op,
        .title = title_of(l),
        .h = l->h,
        .w = l->w,
        .c = l->c,
        .problem = has_problem ? &l->problem : NULL,
        .epilogue = has_problem ? qnt_layer_epilogue(network, (int32_t)index) : KRN_EPILOGUE_FLOAT,
        .conv = step->on_kernel ? &step->conv : NULL,
        .note = step->note,
        .time_ns = exec->runs ? (double)step->time_ns / (double)exec->runs : 0,
    };
    return 0;
}

int qnt_exec_watch(struct qnt_exec *exec, qnt_watch *watch, void *user)
{
    const int was_sliced = exec->sliced;

    exec->watch = watch;
    exec->watch_user = user;
    exec->sliced = !watch; /* who watches sees every tensor whole */
    return exec->sliced == was_sliced ? 0 : place(exec);
}

void qnt_exec_meter(struct qnt_exec *exec, const struct qnt_meter *meter)
{
    exec->meter = meter ? *meter : (struct qnt_meter) { NULL, NULL, NULL };
}
