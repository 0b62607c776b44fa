/* Networks on the kernels that are built in, layer by layer: time, share of the peak measured in
 * the same run, and how far several threads are faster than one.
 *
 *     bench_networks SOURCE_ROOT [--threads N] [--rounds N] NETWORK...
 *       NETWORK       one that is built in (resnet50, mobilenet_v2 ...), or a file: problems, one a
 *                     line, or an int8 network of 'quern quantize' (.qrn), which runs as a whole
 *       --threads N   also with so many threads, interleaved with one (default 1)
 *       --rounds N    of which medians are taken (default 15)
 * Inputs are random bytes, data is hot; padding counts as work, so that a layer that skips it may
 * pass 100 %. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sweep/layers.h"
#include "harness/sweep/stats.h"
#include "quant/pipeline/pipeline.h"
#include "quant/pipeline/team.h"
#include "variants/builtin.h"
#include "tests/t_clock.h"

enum { ROUNDS_MAX = 101, BIG_MMAC = 50 };

static struct {
    const char *source_root;
    int threads, rounds;
    double peak; /* multiply-accumulates per second of one thread */
} options = { .threads = 1, .rounds = 15 };

static void die(const char *what)
{
    fprintf(stderr, "bench_networks: %s\n", what);
    exit(1);
}

static void *bytes_of(size_t size)
{
    int8_t *at = aligned_alloc(64, (size + 127) / 64 * 64);
    if (!at)
        die("out of memory");
    for (size_t i = 0; i < size; i++)
        at[i] = (int8_t)(i * 37 % 251);
    return at;
}

typedef void call_fn(void *subject);

/* After a call that is not timed, so that data is in the caches of those who use it. */
static double time_calls(call_fn *call, void *subject, int calls)
{
    call(subject);
    double begin = t_now_s();
    for (int i = 0; i < calls; i++)
        call(subject);
    return (t_now_s() - begin) / calls;
}

/* Calls that last so long: with threads long enough that what a thread loses by having slept while
 * the other side was timed does not count. */
static int calls_for(call_fn *call, void *subject)
{
    double one = time_calls(call, subject, 2), wanted = options.threads > 1 ? 1e-2 : 1e-3;
    return one > wanted ? 1 : (int)(wanted / (one + 1e-9)) + 1;
}

static double median(const double *values)
{
    static double scratch[ROUNDS_MAX];
    struct hrn_summary s;
    hrn_summarise(values, (size_t)options.rounds, scratch, &s);
    return s.median;
}

/* One thread and all of them, interleaved: medians of both, and of the ratios. */
struct times {
    double one, all, ratio;
};

static struct times measure(call_fn *one, call_fn *all, void *subject)
{
    static double times[2][ROUNDS_MAX], ratios[ROUNDS_MAX];
    int calls = calls_for(one, subject);
    for (int r = 0; r < options.rounds; r++) {
        times[0][r] = time_calls(one, subject, calls);
        times[1][r] = options.threads > 1 ? time_calls(all, subject, calls) : times[0][r];
        ratios[r] = times[0][r] / times[1][r];
    }
    return (struct times) { median(times[0]), median(times[1]), median(ratios) };
}

static void call_peak(void *subject)
{
    const struct krn_kernel *kernel = subject;
    const struct krn_peak_args args = { .iterations = 20000 };
    kernel->fn(&args);
}

static void peak_of_worker(int worker, void *user)
{
    (void)worker;
    call_peak(user);
}

/* What the machine itself gives several threads that share nothing; a median, as layers have. */
static void print_peak_of_all(const struct krn_kernel *kernel)
{
    static double times[ROUNDS_MAX];
    struct qnt_team *team;
    if (qnt_team_open(options.threads, &team))
        die("no threads");
    for (int i = 0; i < options.rounds; i++) {
        double begin = t_now_s();
        qnt_team_run(team, peak_of_worker, (void *)(uintptr_t)kernel);
        times[i] = t_now_s() - begin;
    }
    qnt_team_close(team);
    double rate = options.threads * 20000.0 * kernel->macs / median(times);
    printf("%d threads %.1f GMAC/s, %.2fx\n", options.threads, rate * 1e-9, rate / options.peak);
}

static void find_peak(void)
{
    const struct krn_kernel *best = NULL;
    for (size_t i = 0; i < quern_builtin_kernels_count; i++) {
        const struct krn_kernel *k = &quern_builtin_kernels[i];
        if (k->family == KRN_FAMILY_PEAK && krn_cpu_isas() & 1u << k->isa &&
            (!best || k->isa > best->isa))
            best = k;
    }
    if (!best)
        die("this CPU has no level with a peak");
    double least = INFINITY;
    for (int i = 0; i < 50; i++)
        least = fmin(least, time_calls(call_peak, (void *)(uintptr_t)best, 1));
    options.peak = 20000.0 * best->macs / least;
    printf("%s: peak of one thread %.1f GMAC/s\n", krn_isas[best->isa].name, options.peak * 1e-9);
    if (options.threads > 1)
        print_peak_of_all(best);
}

/* ---- Problems */

struct subject {
    struct krn_conv conv;
    struct qnt_team *team;
    int8_t *in, *out, *tensor; /* tensor: the second one of an add */
    void *packed, *work, *scratch[QNT_TEAM_MAX];
};

static void call_one(void *user)
{
    struct subject *s = user;
    krn_conv_run(&s->conv, s->packed, s->in, s->out, s->work, s->scratch[0], 0, s->conv.tiles);
}

static void run_part(int worker, int64_t begin, int64_t end, void *user)
{
    struct subject *s = user;
    krn_conv_run(&s->conv, s->packed, s->in, s->out, s->work, s->scratch[worker], begin, end);
}

static void call_all(void *user)
{
    struct subject *s = user;
    qnt_team_share(s->team, s->conv.tiles, run_part, s);
}

static void subject_open(struct subject *s, const struct krn_problem *p, enum krn_epilogue epilogue,
                         struct qnt_team *team)
{
    const struct krn_quant quant = { .zp_in = -128, .zp_out = -128, .lo = -128, .hi = 127 };
    struct qnt_choice choice = qnt_choose_builtin(p, epilogue, NULL);
    char err[200] = "no kernel for a layer";
    *s = (struct subject) { .team = team };
    if (!choice.kernel ||
        krn_conv_plan(&s->conv, p, &quant, choice.kernel, choice.driver, err, sizeof err))
        die(err);
    int8_t *weights = bytes_of(krn_problem_weight_count(p));
    float *scale = bytes_of((size_t)p->oc * sizeof *scale);
    for (int i = 0; i < p->oc; i++)
        scale[i] = 1e-3f;
    s->in = bytes_of(krn_problem_input_count(p));
    s->out = bytes_of(krn_problem_output_count(p) * (size_t)krn_output_bytes(s->conv.kernel));
    s->tensor = bytes_of(krn_problem_output_count(p));
    s->conv.add = (struct krn_add) { .tensor = s->tensor, .factor = 0.5f };
    s->packed = bytes_of(s->conv.packed_bytes);
    s->work = bytes_of(s->conv.workspace_bytes);
    for (int i = 0; i < options.threads; i++)
        s->scratch[i] = bytes_of(s->conv.scratch_bytes);
    krn_conv_pack(&s->conv, weights, NULL, scale, s->packed);
    krn_conv_setup(&s->conv, s->in, s->work);
    free(weights);
    free(scale);
}

static void subject_close(struct subject *s)
{
    free(s->in);
    free(s->out);
    free(s->tensor);
    free(s->packed);
    free(s->work);
    for (int i = 0; i < options.threads; i++)
        free(s->scratch[i]);
}

struct sums {
    double one, all, macs;      /* of all layers */
    double big_least, big_logs; /* scaling of those above BIG_MMAC */
    int big;
};

static void print_threads(const struct times *t)
{
    if (options.threads > 1)
        printf("  %10.1f  %6.2fx", t->all * 1e6, t->ratio);
    putchar('\n');
}

static void print_heading(const char *first)
{
    printf("%-34s %8s %10s %8s %6s", first, "MMAC", "us", "GMAC/s", "peak %");
    if (options.threads > 1)
        printf("  %7d th.  scaling", options.threads);
    putchar('\n');
}

static void run_layer(const struct hrn_layer *layer, struct qnt_team *team, struct sums *sums)
{
    struct subject s;
    double macs = (double)krn_problem_macs(&layer->problem);
    subject_open(&s, &layer->problem, layer->epilogue, team);
    struct times t = measure(call_one, call_all, &s);
    printf("%-34s %8.1f %10.1f %8.1f %6.1f", layer->key, macs * 1e-6, t.one * 1e6,
           macs / t.one * 1e-9, 100 * macs / t.one / options.peak);
    print_threads(&t);
    sums->one += t.one * layer->times;
    sums->all += t.all * layer->times;
    sums->macs += macs * layer->times;
    if (macs > BIG_MMAC * 1e6) {
        sums->big_least = fmin(sums->big_least, t.ratio);
        sums->big_logs += log(t.ratio);
        sums->big++;
    }
    subject_close(&s);
}

static void run_problems(const char *name)
{
    struct hrn_layers layers = { 0 };
    struct sums sums = { .big_least = INFINITY };
    struct qnt_team *team;
    char err[400];
    int is_file = access(name, R_OK) == 0;
    if (is_file ? hrn_layers_add_file(&layers, name, name, err, sizeof err)
                : hrn_layers_add_network(&layers, options.source_root, name, err, sizeof err))
        die(err);
    if (qnt_team_open(options.threads, &team))
        die("no threads");
    print_heading(name);
    for (size_t i = 0; i < layers.count; i++)
        run_layer(&layers.items[i], team, &sums);
    printf("all layers of %s: %.3f ms, %.1f %% of the peak", name, sums.one * 1e3,
           100 * sums.macs / sums.one / options.peak);
    if (options.threads > 1)
        printf("; %d threads %.3f ms, %.2fx", options.threads, sums.all * 1e3, sums.one / sums.all);
    putchar('\n');
    if (options.threads > 1 && sums.big)
        printf("%d layers above %d MMAC: %.2fx, the least %.2fx\n", sums.big, BIG_MMAC,
               exp(sums.big_logs / sums.big), sums.big_least);
    qnt_team_close(team);
    hrn_layers_clear(&layers);
}

/* ---- Int8 networks */

struct whole {
    struct qnt_exec *exec[2]; /* one thread, all */
    float *image, *scores;
};

static void call_exec_one(void *user)
{
    const struct whole *w = user;
    qnt_exec_run(w->exec[0], w->image, w->scores);
}

static void call_exec_all(void *user)
{
    const struct whole *w = user;
    qnt_exec_run(w->exec[1], w->image, w->scores);
}

static void print_layers(const struct whole *w)
{
    struct qnt_exec_layer l;
    for (size_t i = 0; qnt_exec_layer(w->exec[0], i, &l) == 0; i++) {
        double macs = l.problem ? (double)krn_problem_macs(l.problem) : 0, s = l.time_ns * 1e-9;
        printf("%-20.20s %-13s %8.1f %10.1f %8.1f %6.1f  %s\n", l.name, l.title, macs * 1e-6,
               s * 1e6, macs / s * 1e-9, 100 * macs / s / options.peak,
               l.conv ? l.conv->kernel->name : "");
    }
}

static void run_network(const char *path)
{
    struct qnt_network *network;
    struct qnt_error error = { "" };
    struct whole w = { 0 };
    if (qnt_network_load(path, &network, &error))
        die(error.text);
    struct qnt_input input = qnt_network_input(network);
    size_t values = (size_t)input.h * (size_t)input.w * (size_t)input.c;
    w.image = bytes_of(values * sizeof *w.image);
    w.scores = bytes_of(qnt_network_classes(network) * sizeof *w.scores);
    for (size_t i = 0; i < values; i++)
        w.image[i] = (float)(i * 37 % 251) / 125 - 1;
    for (int i = 0; i < 2; i++)
        if (qnt_exec_open(network, NULL, NULL, &w.exec[i], &error) ||
            qnt_exec_threads(w.exec[i], i ? options.threads : 1, &error))
            die(error.text);
    struct times t = measure(call_exec_one, call_exec_all, &w);
    qnt_exec_profile(w.exec[0], 1);
    time_calls(call_exec_one, &w, 100);
    print_heading(qnt_network_name(network));
    print_layers(&w);
    printf("%s as a whole: %.3f ms", qnt_network_name(network), t.one * 1e3);
    if (options.threads > 1)
        printf("; %d threads %.3f ms, %.2fx", options.threads, t.all * 1e3, t.ratio);
    putchar('\n');
    for (int i = 0; i < 2; i++)
        qnt_exec_close(w.exec[i]);
    qnt_network_free(network);
    free(w.image);
    free(w.scores);
}

static int number_of(const char *text, int limit)
{
    char *end;
    long value = strtol(text ? text : "", &end, 10);
    if (!text || end == text || *end || value < 1 || value > limit)
        die("--threads goes from 1 to 64, --rounds from 1 to 101");
    return (int)value;
}

int main(int argc, char **argv)
{
    int i = 2;
    if (argc < 3)
        die("usage: bench_networks SOURCE_ROOT [--threads N] [--rounds N] NETWORK...");
    options.source_root = argv[1];
    for (; i < argc && !strncmp(argv[i], "--", 2); i += 2) {
        if (!strcmp(argv[i], "--threads"))
            options.threads = number_of(argv[i + 1], QNT_TEAM_MAX);
        else if (!strcmp(argv[i], "--rounds"))
            options.rounds = number_of(argv[i + 1], ROUNDS_MAX);
        else
            die("there are --threads and --rounds");
    }
    find_peak();
    for (; i < argc; i++) {
        putchar('\n');
        (qnt_network_probe(argv[i]) ? run_network : run_problems)(argv[i]);
        fflush(stdout);
    }
    return 0;
}
