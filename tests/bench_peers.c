/* Quern's kernels against other libraries, layer by layer, interleaved in one run on one thread.
 *
 *     bench_peers SOURCE_ROOT [options] FILE      a file of problems, one a line
 *       --isa LEVEL       avx512vnni, avxvnni or avx2 (which limits the peers to AVX2, too);
 *                         default: the best of this CPU
 *       --as-built NAME   the peer of that name is not limited, because its build has no AVX-512
 *       --winners FILE    lines "problem variant", as --save writes them; a layer that is not in
 *                         it, and every layer without this option, is searched
 *       --save FILE       writes what the search found
 *       --default         the plain choice of each layer, no search
 *       --only WORD       layers whose name or problem has the word in it
 *       --rounds N        rounds of the comparison (default 15)
 *       --json            one JSON object instead of the table
 * Data is hot. All sides compute the same layer: a peer counts where each byte of its output is at
 * most one from Quern's (they round differently), and the faster of s8 to s8 and u8 to u8 with ReLU
 * counts for it. A ratio is the median over the rounds of peer time / Quern time, so above 1 Quern
 * is faster. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sweep/layers.h"
#include "harness/sweep/stats.h"
#include "tests/peers/own.h"
#include "tests/peers/table.h"

enum { ROUNDS_MAX = 101, PEAK_ITERATIONS = 20000 };

static double median(const double *values, int count)
{
    static double scratch[ROUNDS_MAX];
    struct hrn_summary s;
    hrn_summarise(values, (size_t)count, scratch, &s);
    return s.median;
}

/* ---- A layer's tensors, and the peers on them */

static void fill(struct peers_layer *l)
{
    const struct krn_problem *p = l->problem;
    size_t in_count = krn_problem_input_count(p), weight_count = krn_problem_weight_count(p);
    int8_t *in = peers_bytes(in_count), *weights = peers_bytes(weight_count);
    uint8_t *in_u = peers_bytes(in_count);
    int32_t *bias = peers_bytes((size_t)p->oc * sizeof *bias);
    float *scale = peers_bytes((size_t)p->oc * sizeof *scale);
    double depth = (double)weight_count / p->oc;
    uint64_t state = 1;
    for (size_t i = 0; i < in_count; i++) {
        in_u[i] = (uint8_t)hrn_random(&state);
        in[i] = (int8_t)(in_u[i] - 128);
    }
    for (size_t i = 0; i < weight_count; i++)
        weights[i] = (int8_t)((int)(hrn_random(&state) % 127) - 63);
    for (int i = 0; i < p->oc; i++) {
        bias[i] = (int32_t)(hrn_random(&state) % 4001) - 2000;
        scale[i] = (float)(1.0 / (sqrt(depth) * 64.0));
    }
    l->mmac = (double)krn_problem_macs(p) * 1e-6;
    l->data = (struct peer_data) {
        in, in_u, weights, bias, scale, peers_bytes(krn_problem_output_count(p)),
    };
}

static void forget(struct peers_layer *l)
{
    for (size_t r = 0; r < l->rival_count; r++)
        for (int t = 0; t < PEER_TYPE_COUNT; t++)
            peer_close(l->rivals[r].library, l->rivals[r].peer[t]);
    union {
        const void *in;
        void *out;
    } all[] = { { .in = l->data.in },   { .in = l->data.in_u },  { .in = l->data.weights },
                { .in = l->data.bias }, { .in = l->data.scale }, { .in = l->data.out } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i].out);
}

/* How far the peer's output is from the expected one at most. */
static int distance(const struct peers_layer *l, const struct peers_rival *rival,
                    enum peer_type type, const int8_t *expected)
{
    const size_t count = krn_problem_output_count(l->problem);
    const int8_t *out = l->data.out;
    const int shift = rival->library->out_is_unsigned && type == PEER_U8 ? 128 : 0;
    int most = 0;
    memset(l->data.out, 99, count);
    rival->library->run(rival->peer[type]);
    for (size_t i = 0; i < count; i++) {
        int value = shift ? (uint8_t)out[i] - shift : out[i];
        int apart = abs(value - expected[i]);
        most = apart > most ? apart : most;
    }
    return most;
}

/* Drops the peers that do not compute what Quern does. */
static void check(struct peers_layer *l, const struct krn_kernel *kernel, enum peer_type type)
{
    const size_t count = krn_problem_output_count(l->problem);
    int8_t *expected = peers_bytes(count);
    struct peers_own own;
    if (!peers_own_open(&own, l, &l->winner, kernel, type)) {
        fprintf(stderr, "bench_peers: %s does not take the layer\n", l->winner_name);
        exit(1);
    }
    peers_own_run(&own);
    peers_own_close(&own);
    memcpy(expected, l->data.out, count);
    for (size_t r = 0; r < l->rival_count; r++) {
        struct peers_rival *rival = &l->rivals[r];
        int apart = rival->peer[type] ? distance(l, rival, type, expected) : 0;
        if (apart <= 1)
            continue;
        snprintf(rival->refusal, sizeof rival->refusal, "%s to %s is off by %d",
                 peer_type_names[type], peer_type_names[type], apart);
        fprintf(stderr, "bench_peers: %s, %s: %s, so it is left out\n", rival->library->name,
                l->problem->name, rival->refusal);
        peer_close(rival->library, rival->peer[type]);
        rival->peer[type] = NULL;
    }
    free(expected);
}

static void open_peers(struct peers_layer *l, const struct peer_library *const *libraries,
                       size_t count)
{
    l->rival_count = count;
    for (size_t r = 0; r < count; r++) {
        struct peers_rival *rival = &l->rivals[r];
        rival->library = libraries[r];
        for (int t = 0; t < PEER_TYPE_COUNT; t++)
            peer_open(rival->library, l->problem, (enum peer_type)t, &l->data, &rival->peer[t],
                      rival->refusal, sizeof rival->refusal);
    }
}

/* ---- The comparison */

static void call_peak(void *subject)
{
    const struct krn_kernel *kernel = subject;
    const struct krn_peak_args args = { .iterations = PEAK_ITERATIONS };
    kernel->fn(&args);
}

/* Everything that is timed, a row each: Quern, the peak, the peers. */
struct timed {
    peers_call_fn *call;
    void *subject;
    int calls;
    double s[ROUNDS_MAX];
};
enum { OWN, PEAK, PEERS, TIMED_MAX = PEERS + PEER_LIBRARIES_MAX * PEER_TYPE_COUNT };

static struct timed *row_of(struct timed *timed, size_t rival, int type)
{
    return &timed[PEERS + (int)rival * PEER_TYPE_COUNT + type];
}

static void judge_rival(struct peers_layer *l, size_t r, struct timed *timed, int rounds)
{
    struct peers_rival *rival = &l->rivals[r];
    const struct timed *best = NULL;
    double ratio[ROUNDS_MAX];
    for (int t = 0; t < PEER_TYPE_COUNT; t++) {
        const struct timed *row = row_of(timed, r, t);
        if (row->call && (!best || median(row->s, rounds) < median(best->s, rounds))) {
            best = row;
            rival->type = (enum peer_type)t;
        }
    }
    if (!best)
        return;
    for (int i = 0; i < rounds; i++)
        ratio[i] = best->s[i] / timed[OWN].s[i];
    rival->is_timed = 1;
    snprintf(rival->implementation, sizeof rival->implementation, "%s",
             rival->library->implementation(rival->peer[rival->type]));
    rival->us = 1e6 * median(best->s, rounds);
    rival->ratio = median(ratio, rounds);
    if (!l->best || rival->ratio < l->best->ratio)
        l->best = rival;
}

static void compare(const struct peers_options *o, struct peers_layer *l,
                    const struct krn_kernel *kernel, const struct krn_kernel *peak)
{
    static struct timed timed[TIMED_MAX];
    struct peers_own own;
    double percent[ROUNDS_MAX];
    memset(timed, 0, sizeof timed);
    peers_own_open(&own, l, &l->winner, kernel, PEER_U8);
    timed[OWN] = (struct timed) { .call = peers_own_run, .subject = &own };
    timed[PEAK] = (struct timed) { .call = call_peak, .subject = (void *)(uintptr_t)peak };
    for (size_t r = 0; r < l->rival_count; r++)
        for (int t = 0; t < PEER_TYPE_COUNT; t++)
            if (l->rivals[r].peer[t])
                *row_of(timed, r, t) = (struct timed) { .call = l->rivals[r].library->run,
                                                        .subject = l->rivals[r].peer[t] };
    for (int i = 0; i < TIMED_MAX; i++)
        if (timed[i].call)
            timed[i].calls = peers_calls_for(timed[i].call, timed[i].subject, 2e-3);
    for (int round = 0; round < o->rounds; round++)
        for (int i = 0; i < TIMED_MAX; i++)
            if (timed[i].call)
                timed[i].s[round] = peers_time(timed[i].call, timed[i].subject, timed[i].calls);
    peers_own_close(&own);
    for (size_t r = 0; r < l->rival_count; r++)
        judge_rival(l, r, timed, o->rounds);
    for (int i = 0; i < o->rounds; i++)
        percent[i] = 100 * l->mmac * 1e6 / timed[OWN].s[i] * timed[PEAK].s[i] /
                     ((double)PEAK_ITERATIONS * peak->macs);
    l->us = 1e6 * median(timed[OWN].s, o->rounds);
    l->percent = median(percent, o->rounds);
}

/* ---- Command line */

static int usage(void)
{
    fprintf(stderr, "usage: bench_peers SOURCE_ROOT [--isa LEVEL] [--as-built NAME] "
                    "[--winners FILE] [--save FILE] [--default] [--only WORD] [--rounds N] "
                    "[--json] FILE\n");
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

static int parse(int argc, char **argv, struct peers_options *o)
{
    *o = (struct peers_options) { .isa = best_isa(), .rounds = 15 };
    for (int i = 1; i < argc; i++) {
        const struct {
            const char *name, **value;
        } texts[] = { { "--winners", &o->winners },
                      { "--save", &o->save },
                      { "--only", &o->only },
                      { "--as-built", &o->as_built } };
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

/* A peer's threads are counted when its library is loaded, so before main(). */
static void be_single_threaded(char **argv)
{
    if (getenv("OMP_NUM_THREADS"))
        return;
    setenv("OMP_NUM_THREADS", "1", 1);
    execv("/proc/self/exe", argv);
}

/* The libraries that can be held to the level. */
static size_t take_part(const struct peers_options *o, const struct peer_library **libraries)
{
    size_t count = 0;
    for (size_t i = 0; i < peer_library_count; i++) {
        const struct peer_library *library = peer_libraries[i];
        int is_free = o->isa == KRN_ISA_AVX512VNNI ||
                      (o->as_built && strcmp(o->as_built, library->name) == 0);
        if (is_free || library->limit_to_avx2() == 0)
            libraries[count++] = library;
        else
            fprintf(stderr,
                    "bench_peers: %s cannot be limited to AVX2 and is left out; --as-built %s "
                    "takes one that was built so\n",
                    library->name, library->name);
    }
    return count;
}

static int run(const struct peers_options *o, const struct hrn_layers *list)
{
    const struct peer_library *libraries[PEER_LIBRARIES_MAX];
    struct peers_layer *layers = peers_bytes((list->count + 1) * sizeof *layers);
    struct var_variant peak_variant;
    size_t count = 0, library_count = take_part(o, libraries);
    if (!library_count || var_peak((enum krn_isa)o->isa, &peak_variant))
        return 1;
    const struct krn_kernel *peak = peers_build(o, &peak_variant);
    for (size_t i = 0; i < list->count; i++) {
        struct peers_layer *l = &layers[count];
        l->problem = &list->items[i].problem;
        if (o->only && !strstr(l->problem->name, o->only) && !strstr(list->items[i].key, o->only))
            continue;
        fill(l);
        open_peers(l, libraries, library_count);
        peers_choose(o, l);
        const struct krn_kernel *kernel = peers_build(o, &l->winner);
        for (int t = 0; t < PEER_TYPE_COUNT; t++)
            check(l, kernel, (enum peer_type)t);
        compare(o, l, kernel, peak);
        if (count == 0)
            peers_print_head(o, l);
        peers_print_layer(o, l, count++ == 0);
        forget(l);
    }
    peers_print_means(o, layers, count);
    return count == 0;
}

int main(int argc, char **argv)
{
    struct peers_options o;
    struct hrn_layers list = { 0 };
    char err[300];
    if (!parse(argc, argv, &o))
        return usage();
    if (!(krn_cpu_isas() & 1u << o.isa)) {
        printf("skipped: this CPU has not the level\n");
        return 77;
    }
    be_single_threaded(argv);
    if (hrn_layers_add_file(&list, o.file, "", err, sizeof err)) {
        fprintf(stderr, "bench_peers: %s\n", err);
        return 1;
    }
    int rc = run(&o, &list);
    hrn_layers_clear(&list);
    return rc;
}
