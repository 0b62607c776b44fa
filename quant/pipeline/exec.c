/* Runs a quantised network: kernels chosen and weights packed once, every tensor at a planned
 * place. */
#include "quant/pipeline/pipeline_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/reference.h"
#include "quant/pipeline/arena.h"

/* More than this is a damaged network or a mistake. */
#define EXEC_BYTES_MAX ((size_t)4 << 30)

struct step {
    int8_t *out; /* in the arena */
    struct krn_conv conv;
    int on_kernel;            /* conv is planned */
    size_t packed, workspace; /* offsets in the pool */
    char note[160];
};

struct qnt_exec {
    const struct qnt_network *network; /* borrowed */
    struct step *steps;
    int8_t *arena;
    uint8_t *pool; /* packed weights and pointer tables of all layers, then one scratch */
    size_t arena_bytes, pool_bytes, scratch;
    qnt_watch *watch;
    void *watch_user;
};

static size_t padded(size_t bytes)
{
    return (bytes + QNT_ARENA_ALIGN - 1) / QNT_ARENA_ALIGN * QNT_ARENA_ALIGN;
}

/* ---- Choosing: what the caller wants, then what is built in. */

static int plan_with(const struct qnt_layer *l, int32_t zero_in, struct qnt_choice choice,
                     struct step *step, char *err, size_t err_bytes)
{
    const struct krn_quant quant = {
        .zp_in = zero_in, .zp_out = l->zero, .lo = l->lo, .hi = l->hi
    };

    if (!choice.kernel) {
        snprintf(err, err_bytes, "no kernel for it");
        return -ENOTSUP;
    }
    int result = krn_conv_plan(&step->conv, &l->problem, &quant, choice.kernel, choice.driver, err,
                               err_bytes);
    step->on_kernel = result == 0;
    return result;
}

/* A layer that no kernel takes stays with the reference; its bytes are the same. */
static void plan_step(const struct qnt_layer *l, int32_t zero_in, qnt_choose *choose, void *user,
                      struct step *step)
{
    if (choose && choose != qnt_choose_builtin) {
        struct qnt_choice choice = choose(&l->problem, user);
        if (choice.kernel &&
            plan_with(l, zero_in, choice, step, step->note, sizeof(step->note)) == 0)
            return;
    }
    char why[160];
    if (plan_with(l, zero_in, qnt_choose_builtin(&l->problem, NULL), step, why, sizeof(why)) != 0)
        snprintf(step->note, sizeof(step->note), "the reference runs: %.120s", why);
}

static int plan_steps(struct qnt_exec *exec, qnt_choose *choose, void *user)
{
    size_t scratch = 0;

    for (int32_t i = 0; i < exec->network->count; i++) {
        struct step *step = &exec->steps[i];
        if (!qnt_layer_on_kernel(exec->network, i))
            continue;
        const struct qnt_layer *l = &exec->network->layers[i];
        plan_step(l, exec->network->layers[l->inputs[0]].zero, choose, user, step);
        if (!step->on_kernel)
            continue;
        const struct krn_conv *conv = &step->conv;
        if (conv->packed_bytes > EXEC_BYTES_MAX || conv->workspace_bytes > EXEC_BYTES_MAX ||
            conv->scratch_bytes > EXEC_BYTES_MAX)
            return -ENOMEM;
        step->packed = exec->pool_bytes;
        step->workspace = step->packed + padded(conv->packed_bytes);
        exec->pool_bytes = step->workspace + padded(conv->workspace_bytes);
        scratch = conv->scratch_bytes > scratch ? conv->scratch_bytes : scratch;
        if (exec->pool_bytes > EXEC_BYTES_MAX)
            return -ENOMEM;
    }
    exec->scratch = exec->pool_bytes;
    exec->pool_bytes += padded(scratch);
    return 0;
}

/* ---- Places */

static int plan_arena(struct qnt_exec *exec, struct qnt_span *spans)
{
    const struct qnt_network *network = exec->network;

    for (int32_t i = 0; i < network->count; i++) {
        const struct qnt_layer *l = &network->layers[i];
        spans[i] = (struct qnt_span) { qnt_layer_elements(l), i, i, 0 };
        for (int32_t k = 0; k < l->input_count; k++)
            spans[l->inputs[k]].last = i;
    }
    exec->arena_bytes = qnt_arena_plan(spans, (size_t)network->count);
    return exec->arena_bytes <= EXEC_BYTES_MAX ? 0 : -ENOMEM;
}

static int allocate(struct qnt_exec *exec)
{
    struct qnt_span *spans = calloc((size_t)exec->network->count, sizeof(*spans));
    int result = spans ? plan_arena(exec, spans) : -ENOMEM;

    if (result == 0) {
        exec->arena = aligned_alloc(QNT_ARENA_ALIGN, exec->arena_bytes);
        exec->pool = aligned_alloc(QNT_ARENA_ALIGN, padded(exec->pool_bytes + 1));
        result = exec->arena && exec->pool ? 0 : -ENOMEM;
    }
    for (int32_t i = 0; i < exec->network->count && result == 0; i++)
        exec->steps[i].out = exec->arena + spans[i].offset;
    free(spans);
    return result;
}

static void pack(struct qnt_exec *exec, int32_t index)
{
    const struct qnt_network *network = exec->network;
    const struct qnt_layer *l = &network->layers[index];
    struct step *step = &exec->steps[index];

    krn_conv_pack(&step->conv, qnt_layer_data(network, l->weights),
                  qnt_layer_data(network, l->bias), qnt_layer_data(network, l->multiplier),
                  exec->pool + step->packed);
    krn_conv_setup(&step->conv, exec->steps[l->inputs[0]].out, exec->pool + step->workspace);
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
    if (result != 0)
        goto fail;
    for (int32_t i = 0; i < network->count; i++)
        if (exec->steps[i].on_kernel)
            pack(exec, i);
    *out = exec;
    return 0;
fail:
    qnt_error_set(error, result, "%s: not enough memory to run it", qnt_network_name(network));
    qnt_exec_close(exec);
    return result;
}

void qnt_exec_close(struct qnt_exec *exec)
{
    if (!exec)
        return;
    free(exec->steps);
    free(exec->arena);
    free(exec->pool);
    free(exec);
}

/* ---- Running */

static void run_convolution(struct qnt_exec *exec, int32_t index, const int8_t *in)
{
    const struct qnt_network *network = exec->network;
    const struct qnt_layer *l = &network->layers[index];
    struct step *step = &exec->steps[index];

    if (step->on_kernel) {
        krn_conv_run(&step->conv, exec->pool + step->packed, in, step->out,
                     exec->pool + step->workspace, exec->pool + exec->scratch, 0, step->conv.tiles);
        return;
    }
    const struct krn_quant quant = {
        .zp_in = network->layers[l->inputs[0]].zero, .zp_out = l->zero, .lo = l->lo, .hi = l->hi
    };
    krn_reference(&l->problem, &quant, in, qnt_layer_data(network, l->weights),
                  qnt_layer_data(network, l->bias), qnt_layer_data(network, l->multiplier),
                  step->out);
}

void qnt_exec_run(struct qnt_exec *exec, const float *image, float *scores)
{
    const struct qnt_network *network = exec->network;
    const int32_t last = network->count - 1;

    for (int32_t i = 0; i <= last; i++) {
        const struct qnt_layer *l = &network->layers[i];
        struct qnt_op_args args = { .network = network, .layer = l, .out = exec->steps[i].out };
        for (int32_t k = 0; k < l->input_count; k++)
            args.in[k] = exec->steps[l->inputs[k]].out;
        if (i == last) {
            args.scores = scores;
            qnt_scores_run(&args);
        } else if (i == 0) {
            qnt_quantise_image(l, image, args.out);
        } else if (qnt_layer_on_kernel(network, i)) {
            run_convolution(exec, i, args.in[0]);
        } else {
            qnt_op_runs[l->op](&args);
        }
        if (exec->watch && i != last)
            exec->watch((size_t)i, args.out, qnt_layer_elements(l), l->scale, l->zero,
                        exec->watch_user);
    }
}

const struct qnt_network *qnt_exec_network(const struct qnt_exec *exec)
{
    return exec->network;
}

size_t qnt_exec_arena_bytes(const struct qnt_exec *exec)
{
    return exec->arena_bytes;
}

int qnt_exec_layer(const struct qnt_exec *exec, size_t index, struct qnt_exec_layer *out)
{
    const struct qnt_network *network = exec->network;

    if (index >= (size_t)network->count)
        return -ERANGE;
    const struct qnt_layer *l = &network->layers[index];
    const struct step *step = &exec->steps[index];
    int has_problem = l->op == QNT_OP_CONV || l->op == QNT_OP_LINEAR;
    *out = (struct qnt_exec_layer) {
        .name = network->text + l->name,
        .op = (enum qnt_op)l->op,
        .h = l->h,
        .w = l->w,
        .c = l->c,
        .problem = has_problem ? &l->problem : NULL,
        .conv = step->on_kernel ? &step->conv : NULL,
        .note = step->note,
    };
    return 0;
}

void qnt_exec_watch(struct qnt_exec *exec, qnt_watch *watch, void *user)
{
    exec->watch = watch;
    exec->watch_user = user;
}
