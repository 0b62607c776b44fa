#include "tests/peers/own.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/build/build.h"
#include "tests/t_clock.h"

enum { SPACE_MAX = 4000, FINALISTS = 6 };

/* ---- Memory and time */

void *peers_bytes(size_t size)
{
    void *at = aligned_alloc(64, (size + 127) / 64 * 64);
    if (!at) {
        fprintf(stderr, "bench_peers: out of memory\n");
        exit(1);
    }
    memset(at, 0, (size + 127) / 64 * 64);
    return at;
}

/* One call goes before, so that what is timed finds its data where its own calls leave it. */
double peers_time(peers_call_fn *call, void *subject, int calls)
{
    call(subject);
    double begin = t_now_s();
    for (int i = 0; i < calls; i++)
        call(subject);
    return (t_now_s() - begin) / calls;
}

int peers_calls_for(peers_call_fn *call, void *subject, double wanted)
{
    double one = peers_time(call, subject, 2);
    return one > wanted ? 1 : (int)(wanted / (one + 1e-9)) + 1;
}

/* ---- A convolution */

const struct krn_quant peers_quants[PEER_TYPE_COUNT] = {
    [PEER_S8] = { .lo = -128, .hi = 127 },
    [PEER_U8] = { .zp_in = -128, .zp_out = -128, .lo = -128, .hi = 127 },
};

int peers_own_open(struct peers_own *own, const struct peers_layer *layer,
                   const struct var_variant *v, const struct krn_kernel *kernel,
                   enum peer_type type)
{
    char err[200];
    *own = (struct peers_own) { .layer = layer };
    if (krn_conv_plan(&own->conv, layer->problem, &peers_quants[type], kernel, var_driver(v), err,
                      sizeof err))
        return 0;
    own->packed = peers_bytes(own->conv.packed_bytes);
    own->work = peers_bytes(own->conv.workspace_bytes);
    own->scratch = peers_bytes(own->conv.scratch_bytes);
    krn_conv_pack(&own->conv, layer->data.weights, layer->data.bias, layer->data.scale,
                  own->packed);
    krn_conv_setup(&own->conv, layer->data.in, own->work);
    return 1;
}

void peers_own_close(struct peers_own *own)
{
    free(own->packed);
    free(own->work);
    free(own->scratch);
}

void peers_own_run(void *subject)
{
    struct peers_own *own = subject;
    krn_conv_run(&own->conv, own->packed, own->layer->data.in, own->layer->data.out, own->work,
                 own->scratch, 0, own->conv.tiles);
}

/* ---- Building */

static void refused(const struct var_variant *v, const char *why, void *user)
{
    (void)v, (void)user;
    fprintf(stderr, "bench_peers: %.200s\n", why);
}

/* Kernels of the variants, in an array that lives on. */
static size_t build(const struct peers_options *o, const struct var_variant *variants, size_t count,
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

const struct krn_kernel *peers_build(const struct peers_options *o, const struct var_variant *v)
{
    const struct krn_kernel *kernels;
    size_t count = build(o, v, 1, &kernels);
    return kernel_of(v, kernels, count);
}

/* ---- Search: every variant once, the best few again */

static double time_variant(const struct peers_layer *layer, const struct var_variant *v,
                           const struct krn_kernel *kernel, int samples)
{
    struct peers_own own;
    if (!kernel || !peers_own_open(&own, layer, v, kernel, PEER_U8))
        return INFINITY;
    double best = INFINITY;
    int calls = peers_calls_for(peers_own_run, &own, 3e-4);
    for (int i = 0; i < samples; i++)
        best = fmin(best, peers_time(peers_own_run, &own, calls));
    peers_own_close(&own);
    return best;
}

static void search(const struct peers_options *o, struct peers_layer *layer)
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
static int read_winner(const struct peers_options *o, struct peers_layer *layer)
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

void peers_choose(const struct peers_options *o, struct peers_layer *layer)
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
