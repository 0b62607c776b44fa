/* Quern's kernels against a peer (oneDNN), layer by layer, interleaved in one run on one thread.
 *
 *     bench_peers SOURCE_ROOT [options] FILE      a file of problems, one a line
 *       --isa LEVEL       avx512vnni, avxvnni or avx2 (which limits the peer to AVX2, too);
 *                         default: the best of this CPU
 *       --winners FILE    lines "problem variant", as --save writes them; a layer that is not in
 * it, and every layer without this option, is searched
 *       --save FILE       writes what the search found
 *       --default         the plain choice of each layer, no search
 *       --only WORD       layers whose name or problem has the word in it
 *       --rounds N        rounds of the comparison (default 15)
 *       --json            one JSON object instead of the table
 * Data is hot, outputs are not checked here (the prover does that), both sides compute the same
 * layer: the faster of s8 to s8 and u8 to u8 with ReLU counts for the peer. A ratio is the median
 * over the rounds of peer time / Quern time, so above 1 Quern is faster. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/sweep/layers.h"
#include "harness/sweep/stats.h"
#include "tests/peers/peer.h"
#include "tests/t_clock.h"

enum { SPACE_MAX = 4000, FINALISTS = 6, ROUNDS_MAX = 101 };

struct options {
    const char *source_root, *file, *winners, *save, *only;
    int isa, rounds, plain, json;
};

struct layer {
    const struct krn_problem *problem;
    struct peer_data data;
    struct peer *peer[PEER_TYPE_COUNT];
    struct var_variant winner;
    char winner_name[VAR_NAME_MAX];
    enum peer_type type; /* the peer's faster one */
    double mmac, peer_us, quern_us, ratio, percent;
};

/* ---- Memory and time */

static void *bytes_of(size_t size)
{
    void *at = aligned_alloc(64, (size + 127) / 64 * 64);
    if (!at) {
        fprintf(stderr, "bench_peers: out of memory\n");
        exit(1);
    }
    memset(at, 0, size);
    return at;
}

typedef void call_fn(void *subject);

static double time_calls(call_fn *call, void *subject, int calls)
{
    double begin = t_now_s();
    for (int i = 0; i < calls; i++)
        call(subject);
    return (t_now_s() - begin) / calls;
}

/* Calls that last about `wanted` seconds. */
static int calls_for(call_fn *call, void *subject, double wanted)
{
    call(subject);
    double one = time_calls(call, subject, 2);
    return one > wanted ? 1 : (int)(wanted / (one + 1e-9)) + 1;
}

static double median(double *values, int count)
{
    static double scratch[ROUNDS_MAX];
    struct hrn_summary s;
    hrn_summarise(values, (size_t)count, scratch, &s);
    return s.median;
}

/* ---- Quern's side */

struct contestant {
    struct krn_conv conv;
    void *packed, *work, *scratch;
    const struct layer *layer;
};

static int contestant_open(struct contestant *c, const struct layer *layer,
                           const struct var_variant *v, const struct krn_kernel *kernel)
{
    const struct krn_quant quant = { .zp_in = -128, .zp_out = -128, .lo = -128, .hi = 127 };
    char err[200];
    *c = (struct contestant) { .layer = layer };
    if (krn_conv_plan(&c->conv, layer->problem, &quant, kernel, var_driver(v), err, sizeof err))
        return 0;
    c->packed = bytes_of(c->conv.packed_bytes);
    c->work = bytes_of(c->conv.workspace_bytes);
    c->scratch = bytes_of(c->conv.scratch_bytes);
    krn_conv_pack(&c->conv, layer->data.weights, layer->data.bias, layer->data.scale, c->packed);
    krn_conv_setup(&c->conv, layer->data.in, c->work);
    return 1;
}

static void contestant_close(struct contestant *c)
{
    free(c->packed);
    free(c->work);
    free(c->scratch);
}

static void call_quern(void *subject)
{
    struct contestant *c = subject;
    krn_conv_run(&c->conv, c->packed, c->layer->data.in, c->layer->data.out, c->work, c->scratch, 0,
                 c->conv.tiles);
}

static void call_peer(void *subject)
{
    peer_run(subject);
}

enum { PEAK_ITERATIONS = 20000 };

static void call_peak(void *subject)
{
    const struct krn_kernel *kernel = subject;
    const struct krn_peak_args args = { .iterations = PEAK_ITERATIONS };
    kernel->fn(&args);
}

/* ---- Building */

static void refused(const struct var_variant *v, const char *why, void *user)
{
    (void)v, (void)user;
    fprintf(stderr, "bench_peers: %.200s\n", why);
}

/* Kernels of the variants, in an array that lives on. */
static size_t build(const struct options *o, const struct var_variant *variants, size_t count,
                    const struct krn_kernel **kernels)
{
    char cache[] = "bench-peers-cache", path[4096], err[2000];
    const struct hrn_build_paths paths = { o->source_root, cache };
    struct hrn_toolchain toolchain;
    size_t built = 0;
    int rc = hrn_toolchain_find("x86_64", NULL, &toolchain, err, sizeof err);
    if (rc == 0)
        rc = hrn_build(&toolchain, &paths, HRN_BUILD_SHARED, variants, count, refused, NULL, path,
                       sizeof path, err, sizeof err);
    if (rc == 0)
        rc = hrn_build_load(path, kernels, &built, err, sizeof err);
    if (rc) {
        fprintf(stderr, "bench_peers: %s\n", err);
        exit(1);
    }
    return built;
}

static const struct krn_kernel *kernel_of(const struct var_variant *v,
                                          const struct krn_kernel *kernels, size_t count)
{
    char name[VAR_NAME_MAX];
    var_kernel_name_format(v, name);
    for (size_t i = 0; i < count; i++)
        if (strcmp(kernels[i].name, name) == 0)
            return &kernels[i];
    return NULL;
}

static const struct krn_kernel *build_one(const struct options *o, const struct var_variant *v)
{
    const struct krn_kernel *kernels;
    size_t count = build(o, v, 1, &kernels);
    return kernel_of(v, kernels, count);
}

/* ---- Search: every variant once, the best few again */

static double time_variant(const struct layer *layer, const struct var_variant *v,
                           const struct krn_kernel *kernel, int samples)
{
    struct contestant c;
    if (!kernel || !contestant_open(&c, layer, v, kernel))
        return INFINITY;
    double best = INFINITY;
    int calls = calls_for(call_quern, &c, 3e-4);
    for (int i = 0; i < samples; i++) {
        double t = time_calls(call_quern, &c, calls);
        best = t < best ? t : best;
    }
    contestant_close(&c);
    return best;
}

static void search(const struct options *o, struct layer *layer)
{
    static struct var_variant space[SPACE_MAX];
    static double times[SPACE_MAX];
    const struct krn_kernel *kernels;
    struct var_space walk;
    size_t count = 0;
    var_space_init(&walk, 1u << o->isa, layer->problem);
    while (count < SPACE_MAX && var_space_next(&walk, &space[count]))
        count++;
    size_t built = build(o, space, count, &kernels);
    for (size_t i = 0; i < count; i++)
        times[i] = time_variant(layer, &space[i], kernel_of(&space[i], kernels, built), 3);
    double best = INFINITY;
    for (int pick = 0; pick < FINALISTS; pick++) {
        size_t at = 0;
        for (size_t i = 0; i < count; i++)
            at = times[i] < times[at] ? i : at;
        times[at] = INFINITY;
        double t = time_variant(layer, &space[at], kernel_of(&space[at], kernels, built), 20);
        if (t < best) {
            best = t;
            layer->winner = space[at];
        }
    }
}

/* 1 if the file names a variant for the layer. */
static int read_winner(const struct options *o, struct layer *layer)
{
    char key[KRN_PROBLEM_STR_MAX], line[1000], problem[500], name[200], err[300];
    FILE *f = o->winners ? fopen(o->winners, "r") : NULL;
    int found = 0;
    krn_problem_format(layer->problem, 0, key);
    while (f && !found && fgets(line, sizeof line, f))
        found = sscanf(line, "%499s %199s", problem, name) == 2 && strcmp(problem, key) == 0 &&
                var_name_parse(name, &layer->winner, err, sizeof err) == 0 &&
                layer->winner.isa == (enum krn_isa)o->isa;
    if (f)
        fclose(f);
    return found;
}

static void choose(const struct options *o, struct layer *layer)
{
    if (o->plain) {
        if (var_default((enum krn_isa)o->isa, layer->problem, &layer->winner)) {
            fprintf(stderr, "bench_peers: the level has no plain choice\n");
            exit(1);
        }
    } else if (!read_winner(o, layer)) {
        search(o, layer);
    }
    var_name_format(&layer->winner, layer->winner_name);
    FILE *f = o->save ? fopen(o->save, "a") : NULL;
    char key[KRN_PROBLEM_STR_MAX];
    krn_problem_format(layer->problem, 0, key);
    if (f) {
        fprintf(f, "%s %s\n", key, layer->winner_name);
        fclose(f);
    }
}

/* ---- One layer */

static void fill(struct layer *l)
{
    const struct krn_problem *p = l->problem;
    size_t in_count = krn_problem_input_count(p), weight_count = krn_problem_weight_count(p);
    int8_t *in = bytes_of(in_count), *weights = bytes_of(weight_count);
    int32_t *bias = bytes_of((size_t)p->oc * sizeof *bias);
    float *scale = bytes_of((size_t)p->oc * sizeof *scale);
    double depth = (double)weight_count / p->oc;
    uint64_t state = 1;
    for (size_t i = 0; i < in_count; i++)
        in[i] = (int8_t)hrn_random(&state);
    for (size_t i = 0; i < weight_count; i++)
        weights[i] = (int8_t)((int)(hrn_random(&state) % 127) - 63);
    for (int i = 0; i < p->oc; i++) {
        bias[i] = (int32_t)(hrn_random(&state) % 4001) - 2000;
        scale[i] = (float)(1.0 / (sqrt(depth) * 64.0));
    }
    l->mmac = (double)krn_problem_macs(p) * 1e-6;
    l->data =
        (struct peer_data) { in, weights, bias, scale, bytes_of(krn_problem_output_count(p)) };
}

static void open_peers(struct layer *l)
{
    char err[200];
    int opened = 0;
    for (int t = 0; t < PEER_TYPE_COUNT; t++)
        opened +=
            peer_open(l->problem, (enum peer_type)t, &l->data, &l->peer[t], err, sizeof err) == 0;
    if (!opened) {
        fprintf(stderr, "bench_peers: %s\n", err);
        exit(1);
    }
}

static void compare(const struct options *o, struct layer *l, const struct krn_kernel *peak)
{
    static double peer[PEER_TYPE_COUNT][ROUNDS_MAX], quern[ROUNDS_MAX], rate[ROUNDS_MAX];
    struct contestant c;
    int calls[PEER_TYPE_COUNT] = { 0 };
    if (!contestant_open(&c, l, &l->winner, build_one(o, &l->winner))) {
        fprintf(stderr, "bench_peers: %s does not take the layer\n", l->winner_name);
        exit(1);
    }
    void *peak_subject = (void *)(uintptr_t)peak;
    int quern_calls = calls_for(call_quern, &c, 2e-3);
    int peak_calls = calls_for(call_peak, peak_subject, 2e-3);
    for (int t = 0; t < PEER_TYPE_COUNT; t++)
        calls[t] = l->peer[t] ? calls_for(call_peer, l->peer[t], 2e-3) : 0;
    for (int r = 0; r < o->rounds; r++) {
        for (int t = 0; t < PEER_TYPE_COUNT; t++)
            peer[t][r] = l->peer[t] ? time_calls(call_peer, l->peer[t], calls[t]) : INFINITY;
        quern[r] = time_calls(call_quern, &c, quern_calls);
        rate[r] =
            (double)PEAK_ITERATIONS * peak->macs / time_calls(call_peak, peak_subject, peak_calls);
    }
    contestant_close(&c);
    l->type = !l->peer[PEER_U8] || (l->peer[PEER_S8] && median(peer[PEER_S8], o->rounds) <
                                                            median(peer[PEER_U8], o->rounds))
                  ? PEER_S8
                  : PEER_U8;
    double ratio[ROUNDS_MAX], percent[ROUNDS_MAX];
    for (int r = 0; r < o->rounds; r++) {
        ratio[r] = peer[l->type][r] / quern[r];
        percent[r] = 100 * l->mmac * 1e6 / quern[r] / rate[r];
    }
    l->peer_us = 1e6 * median(peer[l->type], o->rounds);
    l->quern_us = 1e6 * median(quern, o->rounds);
    l->ratio = median(ratio, o->rounds);
    l->percent = median(percent, o->rounds);
}

/* ---- Classes of layers */

static int64_t depth_of(const struct krn_problem *p)
{
    return (int64_t)p->ic / p->groups * p->kh * p->kw;
}

static int is_any(const struct krn_problem *p)
{
    return p->n > 0;
}

static int is_depthwise_1(const struct krn_problem *p)
{
    return krn_problem_is_depthwise(p) && p->sh == 1;
}

static int is_depthwise_2(const struct krn_problem *p)
{
    return krn_problem_is_depthwise(p) && p->sh > 1;
}

static int is_shallow(const struct krn_problem *p)
{
    return krn_problem_is_pointwise(p) && p->ic <= 64;
}

static int is_stem(const struct krn_problem *p)
{
    return p->groups == 1 && p->ic < 8 && p->kh > 1;
}

static int is_deep(const struct krn_problem *p)
{
    return p->groups == 1 && depth_of(p) >= 512;
}

static const struct {
    const char *name;
    int (*holds)(const struct krn_problem *p);
} classes[] = {
    { "all", is_any },
    { "depthwise, stride 1", is_depthwise_1 },
    { "depthwise, stride 2", is_depthwise_2 },
    { "1x1, K <= 64", is_shallow },
    { "few channels in", is_stem },
    { "K >= 512", is_deep },
};
enum { CLASSES = sizeof classes / sizeof *classes };

struct means {
    int count;
    double ratio, worst, percent; /* geometric mean, least, least */
};

static struct means means_of(const struct layer *layers, size_t count, int class)
{
    struct means m = { .worst = INFINITY, .percent = INFINITY };
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!classes[class].holds(layers[i].problem))
            continue;
        m.count++;
        sum += log(layers[i].ratio);
        m.worst = fmin(m.worst, layers[i].ratio);
        m.percent = fmin(m.percent, layers[i].percent);
    }
    m.ratio = m.count ? exp(sum / m.count) : 0;
    return m;
}

/* ---- Output */

static const char *title_of(const struct krn_problem *p, char *buffer)
{
    krn_problem_format(p, 0, buffer);
    return p->name[0] ? p->name : buffer;
}

static void print_head(const struct options *o)
{
    if (o->json)
        return;
    printf("%s against Quern's %s kernels, one thread; ratio = peer time / Quern time\n",
           peer_library(), krn_isas[o->isa].name);
    printf("%-24s %7s %9s %3s %9s %6s %6s  %s\n", "layer", "MMAC", "peer us", "of", "Quern us",
           "ratio", "%peak", "variant");
}

static void print_layer(const struct options *o, const struct layer *l, int first)
{
    char text[KRN_PROBLEM_STR_MAX];
    if (!o->json) {
        printf("%-24s %7.1f %9.1f %3s %9.1f %6.2f %6.1f  %s\n", title_of(l->problem, text), l->mmac,
               l->peer_us, peer_type_names[l->type], l->quern_us, l->ratio, l->percent,
               l->winner_name);
    } else {
        krn_problem_format(l->problem, 0, text);
        printf("%s\n  {\"problem\": \"%s\", \"name\": \"%s\", \"mmac\": %.3f, \"peer_us\": %.3f, "
               "\"peer_type\": \"%s\", \"peer_implementation\": \"%s\", \"quern_us\": %.3f, "
               "\"ratio\": %.4f, \"percent_of_peak\": %.2f, \"variant\": \"%s\"}",
               first ? "" : ",", text, l->problem->name, l->mmac, l->peer_us,
               peer_type_names[l->type], peer_implementation(l->peer[l->type]), l->quern_us,
               l->ratio, l->percent, l->winner_name);
    }
    fflush(stdout);
}

static void print_means(const struct options *o, const struct layer *layers, size_t count)
{
    if (!o->json)
        printf("\n%-24s %7s %9s %9s %15s\n", "class", "layers", "geomean", "worst", "least % peak");
    for (int i = 0, first = 1; i < CLASSES; i++) {
        struct means m = means_of(layers, count, i);
        if (m.count == 0)
            continue;
        if (o->json)
            printf("%s\n  {\"class\": \"%s\", \"layers\": %d, \"geometric_mean\": %.4f, "
                   "\"worst\": %.4f, \"least_percent_of_peak\": %.2f}",
                   first ? "" : ",", classes[i].name, m.count, m.ratio, m.worst, m.percent);
        else
            printf("%-24s %7d %9.3f %9.3f %15.1f\n", classes[i].name, m.count, m.ratio, m.worst,
                   m.percent);
        first = 0;
    }
}

/* ---- Command line */

static int usage(void)
{
    fprintf(stderr, "usage: bench_peers SOURCE_ROOT [--isa LEVEL] [--winners FILE] [--save FILE] "
                    "[--default] [--only WORD] [--rounds N] [--json] FILE\n");
    return 2;
}

static int best_isa(void)
{
    static const int levels[] = { KRN_ISA_AVX512VNNI, KRN_ISA_AVXVNNI, KRN_ISA_AVX2 };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (krn_cpu_isas() & 1u << levels[i])
            return levels[i];
    return -1;
}

static int parse(int argc, char **argv, struct options *o)
{
    *o = (struct options) { .isa = best_isa(), .rounds = 15 };
    for (int i = 1; i < argc; i++) {
        const struct {
            const char *name, **value;
        } texts[] = { { "--winners", &o->winners },
                      { "--save", &o->save },
                      { "--only", &o->only } };
        int known = 0;
        for (size_t k = 0; k < sizeof texts / sizeof *texts && i + 1 < argc && !known; k++)
            if ((known = strcmp(argv[i], texts[k].name) == 0))
                *texts[k].value = argv[++i];
        if (known)
            continue;
        if (strcmp(argv[i], "--json") == 0)
            o->json = 1;
        else if (strcmp(argv[i], "--default") == 0)
            o->plain = 1;
        else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc)
            o->isa = krn_isa_find(argv[++i]);
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            o->rounds = (int)strtol(argv[++i], NULL, 10);
        else if (argv[i][0] != '-' && !o->source_root)
            o->source_root = argv[i];
        else if (argv[i][0] != '-' && !o->file)
            o->file = argv[i];
        else
            return 0;
    }
    return o->file && o->rounds >= 1 && o->rounds <= ROUNDS_MAX && o->isa >= KRN_ISA_AVX2;
}

/* The peer's threads are counted when its library is loaded, so before main(). */
static void be_single_threaded(char **argv)
{
    if (getenv("OMP_NUM_THREADS"))
        return;
    setenv("OMP_NUM_THREADS", "1", 1);
    execv("/proc/self/exe", argv);
}

static int run(const struct options *o, const struct hrn_layers *list)
{
    struct layer *layers = bytes_of((list->count + 1) * sizeof *layers);
    struct var_variant peak_variant;
    size_t count = 0;
    if (var_peak((enum krn_isa)o->isa, &peak_variant))
        return 1;
    const struct krn_kernel *peak = build_one(o, &peak_variant);
    print_head(o);
    if (o->json)
        printf("{\"peer\": \"%s\", \"isa\": \"%s\", \"layers\": [", peer_library(),
               krn_isas[o->isa].name);
    for (size_t i = 0; i < list->count; i++) {
        struct layer *l = &layers[count];
        l->problem = &list->items[i].problem;
        if (o->only && !strstr(l->problem->name, o->only) && !strstr(list->items[i].key, o->only))
            continue;
        fill(l);
        open_peers(l);
        choose(o, l);
        compare(o, l, peak);
        print_layer(o, l, count++ == 0);
    }
    if (o->json)
        printf("], \"classes\": [");
    print_means(o, layers, count);
    if (o->json)
        printf("]}\n");
    return count == 0;
}

int main(int argc, char **argv)
{
    struct options o;
    struct hrn_layers list = { 0 };
    char err[300];
    if (!parse(argc, argv, &o))
        return usage();
    if (!(krn_cpu_isas() & 1u << o.isa)) {
        printf("skipped: this CPU has not the level\n");
        return 77;
    }
    be_single_threaded(argv);
    if (o.isa != KRN_ISA_AVX512VNNI && peer_limit_to_avx2()) {
        fprintf(stderr, "bench_peers: the peer cannot be limited to AVX2\n");
        return 1;
    }
    if (hrn_layers_add_file(&list, o.file, "", err, sizeof err)) {
        fprintf(stderr, "bench_peers: %s\n", err);
        return 1;
    }
    int rc = run(&o, &list);
    hrn_layers_clear(&list);
    return rc;
}
