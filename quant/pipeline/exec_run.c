/* Running a network: layer after layer, each shared by the workers of the team. Who takes which
 * units does not matter to a byte of the result. */
#include <time.h>

#include "kernels/reference.h"
#include "quant/pipeline/exec_int.h"

/* Work that is not worth a second worker, in elements of a plain layer; so many
 * multiply-accumulates of a convolution count as one. */
enum { ALONE_MAX = 4096, MACS_PER_ELEMENT = 128 };

/* One layer, taken piece by piece. */
struct layer_job {
    struct qnt_exec *exec;
    const struct qnt_step *step;
    struct qnt_op_args args;
    qnt_op_run *run; /* NULL: the convolution of the step */
    int64_t units;
};

static void run_piece(int worker, int64_t begin, int64_t end, void *user)
{
    const struct layer_job *job = user;
    const struct qnt_exec *exec = job->exec;
    const struct qnt_step *step = job->step;
    if (job->run) {
        struct qnt_op_args args = job->args;
        args.begin = (size_t)begin;
        args.end = (size_t)end;
        job->run(&args);
        return;
    }
    krn_conv_run(&step->conv, exec->pool + step->packed, job->args.in[0], step->out,
                 exec->pool + step->workspace, exec->scratch + (size_t)worker * exec->scratch_bytes,
                 begin, end);
}

static int64_t effort_of(const struct layer_job *job)
{
    const struct qnt_layer *l = job->args.layer;
    if (qnt_layer_is_conv(l) && job->run != qnt_scores_of_sums)
        return krn_problem_macs(&l->problem) / MACS_PER_ELEMENT;
    return (int64_t)qnt_layer_elements(l);
}

static void share(struct layer_job *job)
{
    int workers = qnt_team_size(job->exec->team);
    if (workers == 1 || job->units == 1 || effort_of(job) <= ALONE_MAX) {
        run_piece(0, 0, job->units, job);
        return;
    }
    qnt_team_share(job->exec->team, job->units, run_piece, job);
}

/* A convolution that no kernel takes. */
static void run_reference(const struct qnt_op_args *args)
{
    const struct qnt_network *network = args->network;
    const struct qnt_layer *l = args->layer;
    const struct krn_quant quant = {
        .zp_in = network->layers[l->inputs[0]].zero, .zp_out = l->zero, .lo = l->lo, .hi = l->hi
    };
    const enum krn_epilogue epilogue = qnt_layer_epilogue(network, (int32_t)(l - network->layers));
    struct krn_add add = { .tensor = NULL };
    if (epilogue == KRN_EPILOGUE_ADD) {
        add = qnt_layer_add(network, l);
        add.tensor = args->in[1];
    }
    krn_reference_epilogue(&l->problem, &quant, epilogue, args->in[0],
                           qnt_layer_data(network, l->weights), qnt_layer_data(network, l->bias),
                           qnt_layer_data(network, l->multiplier), &add, args->out);
}

static void run_layer(struct qnt_exec *exec, int32_t index, float *scores)
{
    const struct qnt_network *network = exec->network;
    const struct qnt_layer *l = &network->layers[index];
    const struct qnt_step *step = &exec->steps[index];
    struct layer_job job = {
        .exec = exec,
        .step = step,
        .args = { .network = network, .layer = l, .out = step->out, .scores = scores },
        .units = 1,
    };
    for (int32_t k = 0; k < l->input_count; k++)
        job.args.in[k] = exec->steps[l->inputs[k]].out;
    if (step->on_kernel) {
        job.units = step->conv.tiles;
    } else if (scores) {
        job.run = qnt_scores_run;
        job.units = (int64_t)qnt_scores_units(l);
    } else if (qnt_layer_is_conv(l)) {
        job.run = run_reference;
    } else {
        job.run = qnt_op_runs[l->op];
        job.units = (int64_t)qnt_op_units(l);
    }
    share(&job);
    if (scores && step->on_kernel) {
        job.run = qnt_scores_of_sums;
        job.args.in[0] = step->out;
        job.units = (int64_t)qnt_layer_elements(l);
        share(&job);
    }
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void qnt_exec_run(struct qnt_exec *exec, const float *image, float *scores)
{
    const struct qnt_network *network = exec->network;
    const int32_t last = network->count - 1;
    int64_t begin = exec->profiling ? now_ns() : 0;

    for (int32_t i = 0; i <= last; i++) {
        const struct qnt_layer *l = &network->layers[i];
        if (exec->meter.begin)
            exec->meter.begin(exec->meter.user);
        if (i == 0 && i != last)
            qnt_quantise_image(l, image, exec->steps[i].out);
        else
            run_layer(exec, i, i == last ? scores : NULL);
        if (exec->meter.begin)
            exec->meter.end((size_t)i, exec->meter.user);
        if (exec->watch && i != last && !qnt_layer_gives_sums(l))
            exec->watch((size_t)i, exec->steps[i].out, qnt_layer_elements(l), l->scale, l->zero,
                        exec->watch_user);
        if (exec->profiling) {
            int64_t end = now_ns();
            exec->steps[i].time_ns += end - begin;
            begin = end;
        }
    }
    exec->runs += exec->profiling;
}

void qnt_exec_profile(struct qnt_exec *exec, int on)
{
    exec->profiling = on;
    exec->runs = 0;
    for (int32_t i = 0; i < exec->network->count; i++)
        exec->steps[i].time_ns = 0;
}
