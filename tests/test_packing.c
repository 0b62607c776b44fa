/* Packings: variants of equal names have the same packed weights to the byte, variants of different
 * names never; over the whole space of every level, on layers of every kind. And what one kernel
 * packed, another runs on. */
#include "kernels/packing.h"

#include "kernels/hash.h"
#include "kernels/reference.h"
#include "tests/t.h"
#include "tests/t_guard.h"
#include "tests/t_kernels.h"
#include "variants/builtin.h"
#include "variants/packing.h"

/* Depths off and on every depth group, panels that end anywhere, every algorithm. */
static const char *const layers[] = {
    "ic19ih5oc37oh5kh1",       "ic64ih4oc64oh4kh1",       "ic19ih6oc37oh6kh3ph1",
    "ic32ih6oc48oh6kh3ph1",    "ic3ih11oc37oh5kh3sh2",    "g40ic40ih8oc40oh8kh3ph1",
    "g40ic40ih9oc40oh4kh3sh2", "g80ic80ih9oc80oh9kh5ph2", "g8ic32ih6oc32oh6kh3ph1",
};
enum { LAYERS = sizeof layers / sizeof *layers, NAMES_MAX = 400, QUANTS = 2 };

/* ReLU, for which one kind of head has offsets; and all of a byte, for the other. */
static const struct krn_quant quants[QUANTS] = { { 3, -128, -128, 127 }, { -7, 4, -128, 127 } };

struct data {
    int8_t *weights;
    int32_t *bias;
    float *scale;
};

/* Small scales: where a head has an offset it is used, too. */
static void make_data(const struct krn_problem *p, uint64_t *rng, struct data *d)
{
    size_t count = (size_t)p->oc * (size_t)(p->kh * p->kw * (p->ic / p->groups));
    d->weights = malloc(count);
    d->bias = malloc((size_t)p->oc * sizeof *d->bias);
    d->scale = malloc((size_t)p->oc * sizeof *d->scale);
    for (size_t i = 0; i < count; i++)
        d->weights[i] = (int8_t)t_between(rng, -127, 127);
    for (int32_t i = 0; i < p->oc; i++) {
        d->bias[i] = t_between(rng, -1000, 1000);
        d->scale[i] = (float)t_between(rng, 1, 1000) * 1e-6f;
    }
}

static void clear_data(struct data *d)
{
    free(d->weights);
    free(d->bias);
    free(d->scale);
}

static void *pack(const struct krn_conv *conv, const struct data *d)
{
    void *packed = aligned_alloc(64, conv->packed_bytes);
    memset(packed, 0xa5, conv->packed_bytes);
    krn_conv_pack(conv, d->weights, d->bias, d->scale, packed);
    return packed;
}

/* ---- names and bytes, over the space */

static struct seen {
    char name[VAR_PACKING_MAX], variant[VAR_NAME_MAX];
    uint64_t hash[QUANTS];
    size_t bytes, times;
} seen[NAMES_MAX];
static size_t seen_count;
static struct {
    size_t variants, packed, names, shared;
} total;

static struct seen *find(const char *name)
{
    for (size_t i = 0; i < seen_count; i++)
        if (!strcmp(seen[i].name, name))
            return &seen[i];
    return NULL;
}

static int hash_of(const struct krn_problem *problem, const struct krn_kernel *kernel,
                   const struct data *d, uint64_t hash[QUANTS], size_t *bytes)
{
    const struct krn_driver plain = { 0, 0 };
    struct krn_conv conv;
    for (int q = 0; q < QUANTS; q++) {
        if (krn_conv_plan(&conv, problem, &quants[q], kernel, plain, NULL, 0) != 0)
            return -1;
        void *packed = pack(&conv, d);
        hash[q] = krn_fnv1a(KRN_FNV1A_BEGIN, packed, conv.packed_bytes);
        *bytes = conv.packed_bytes;
        free(packed);
    }
    return 0;
}

static void check_variant(const struct var_variant *v, const struct krn_kernel *kernel,
                          const struct krn_problem *problem, const struct data *d)
{
    struct seen fresh = { .times = 1 };
    size_t bytes;
    var_name_format(v, fresh.variant);
    int rc = hash_of(problem, kernel, d, fresh.hash, &fresh.bytes);
    T_CHECK((var_packing_name(v, problem, fresh.name, &bytes) == 0) == (rc == 0));
    if (rc != 0)
        return;
    T_CHECK(bytes == fresh.bytes && strlen(fresh.name) < VAR_PACKING_MAX - 8);
    struct seen *s = find(fresh.name);
    total.packed++;
    if (s) {
        s->times++;
        if (!T_CHECK(memcmp(s->hash, fresh.hash, sizeof s->hash) == 0 && s->bytes == bytes))
            printf("  %s: %s and %s differ\n", fresh.name, s->variant, fresh.variant);
    } else if (T_CHECK(seen_count < NAMES_MAX)) {
        seen[seen_count++] = fresh;
    }
}

/* Knobs of loops and drivers: what differs in nothing else is the same kernel here. */
static void check_space(const struct krn_problem *problem, enum krn_epilogue epilogue,
                        const struct data *d)
{
    struct krn_kernel kernel, last = { .name = "" };
    struct var_space space;
    struct var_variant v;
    var_space_init(&space, (1u << KRN_ISA_COUNT) - 1, problem);
    space.epilogue = epilogue;
    space.unfiltered = space.with_refused = 1;
    for (; var_space_next(&space, &v); last = kernel) {
        var_kernel_describe(&v, &kernel, NULL);
        total.variants++;
        if (memcmp(&kernel, &last, sizeof kernel) != 0)
            check_variant(&v, &kernel, problem, d);
    }
}

static void check_layer(const char *text, uint64_t *rng)
{
    struct krn_problem problem;
    struct data d;
    char err[200];
    T_CHECK(krn_problem_parse(text, &problem, err, sizeof err) == 0);
    make_data(&problem, rng, &d);
    seen_count = 0;
    for (int e = 0; e < KRN_EPILOGUE_COUNT; e++)
        check_space(&problem, (enum krn_epilogue)e, &d);
    for (size_t i = 0; i < seen_count; i++) {
        total.names++;
        total.shared += seen[i].times > 1;
        for (size_t j = 0; j < i; j++)
            if (!T_CHECK(memcmp(seen[i].hash, seen[j].hash, sizeof seen[i].hash) != 0))
                printf("  %s: %s (%s) and %s (%s) are the same\n", text, seen[i].name,
                       seen[i].variant, seen[j].name, seen[j].variant);
    }
    clear_data(&d);
}

/* ---- packed by one kernel, run by another */

struct runs {
    int8_t *in, *want, *out;
    size_t out_count;
    uint32_t isas; /* of this CPU: asking it takes long in a virtual machine */
    size_t pairs[KRN_FAMILY_COUNT][KRN_FAMILY_COUNT];
};

static void run_on(const struct krn_conv *conv, const void *packed, struct runs *r)
{
    void *workspace = aligned_alloc(64, conv->workspace_bytes + 64);
    void *scratch = aligned_alloc(64, conv->scratch_bytes + 64);
    memset(r->out, 0x55, r->out_count);
    krn_conv_setup(conv, r->in, workspace);
    krn_conv_run(conv, packed, r->in, r->out, workspace, scratch, 0, conv->tiles);
    if (!T_CHECK(memcmp(r->out, r->want, r->out_count) == 0))
        printf("  %s, on weights that another packed\n", conv->kernel->name);
    free(workspace);
    free(scratch);
}

static const struct krn_kernel *kernel_at(size_t i)
{
    return i < T_KERNEL_COUNT ? &t_kernels[i] : &quern_builtin_kernels[i - T_KERNEL_COUNT];
}

static void run_pairs(const struct krn_problem *p, const struct data *d, struct runs *r)
{
    const struct krn_quant quant = { 3, -5, -128, 127 };
    const size_t count = T_KERNEL_COUNT + quern_builtin_kernels_count;
    const struct krn_driver plain = { 0, 0 };
    krn_reference(p, &quant, r->in, d->weights, d->bias, d->scale, r->want);
    for (size_t a = 0; a < count; a++) {
        struct krn_conv from;
        if (krn_conv_plan(&from, p, &quant, kernel_at(a), plain, NULL, 0) != 0 ||
            kernel_at(a)->epilogue != KRN_EPILOGUE_FLOAT)
            continue;
        struct krn_packing of = krn_packing_of(&from);
        void *packed = pack(&from, d);
        for (size_t b = 0; b < count; b++) {
            const struct krn_kernel *kernel = kernel_at(b);
            struct krn_conv to;
            if (a == b || !(r->isas & 1u << kernel->isa) ||
                kernel->epilogue != KRN_EPILOGUE_FLOAT ||
                krn_conv_plan(&to, p, &quant, kernel, plain, NULL, 0) != 0)
                continue;
            struct krn_packing its = krn_packing_of(&to);
            if (!krn_packing_is_same(&of, &its))
                continue;
            r->pairs[kernel_at(a)->family][kernel->family]++;
            run_on(&to, packed, r);
        }
        free(packed);
    }
}

static void check_runs(uint64_t *rng)
{
    struct runs r = { .isas = krn_cpu_isas() };
    for (size_t l = 0; l < LAYERS; l++) {
        struct krn_problem p;
        struct data d;
        char err[200];
        T_CHECK(krn_problem_parse(layers[l], &p, err, sizeof err) == 0);
        size_t in_count = krn_problem_input_count(&p);
        r.out_count = krn_problem_output_count(&p);
        r.in = malloc(in_count);
        r.want = malloc(r.out_count);
        r.out = malloc(r.out_count);
        for (size_t i = 0; i < in_count; i++)
            r.in[i] = (int8_t)t_between(rng, -128, 127);
        make_data(&p, rng, &d);
        run_pairs(&p, &d, &r);
        clear_data(&d);
        free(r.in);
        free(r.want);
        free(r.out);
    }
    /* in a family, and across: what is packed for rows runs with pointers */
    static const enum krn_family families[] = { KRN_FAMILY_GEMM, KRN_FAMILY_IGEMM, KRN_FAMILY_DW,
                                                KRN_FAMILY_WINO, KRN_FAMILY_DIRECT };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (!T_CHECK(r.pairs[families[i]][families[i]] > 0))
            printf("  no two kernels of family %s share a packing\n",
                   krn_family_names[families[i]]);
    T_CHECK(r.pairs[KRN_FAMILY_GEMM][KRN_FAMILY_IGEMM] > 0);
    T_CHECK(r.pairs[KRN_FAMILY_DW][KRN_FAMILY_DWC] > 0);
}

/* ---- names that people read */

static const struct {
    const char *variant, *problem, *name;
} names[] = {
    { "dotprod_gemm_m8n12k4u1a0b0l128s0t1", "ic64ih4oc64oh4kh1", "n12k4q2" },
    { "c_gemm_m4n8k1u1a0b0l8s0", "ic64ih4oc64oh4kh1", "n8k1" },
    { "dotprod_igemm_m4n16k4u2a0b0l128s0v1i1", "ic32ih6oc48oh6kh3ph1", "n16k4q2" },
    { "dotprod_igemm_m4n16k4u2a0b0l128s0v1i1", "ic19ih6oc37oh6kh3ph1", "n16k4q2t9" },
};

static void check_names(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct krn_problem p;
        struct var_variant v;
        char err[200] = "", name[VAR_PACKING_MAX];
        size_t bytes;
        T_CHECK(krn_problem_parse(names[i].problem, &p, err, sizeof err) == 0);
        if (!T_CHECK(var_name_read(names[i].variant, &v, err, sizeof err) == 0))
            printf("  %s\n", err);
        T_CHECK(var_packing_name(&v, &p, name, &bytes) == 0 && bytes > 0);
        T_CHECK_STR(name, names[i].name);
    }
    struct krn_problem depthwise;
    struct var_variant v;
    char err[200], name[VAR_PACKING_MAX] = "x";
    size_t bytes = 1;
    T_CHECK(krn_problem_parse("ic8ih4oc8oh4kh1", &depthwise, err, sizeof err) == 0);
    T_CHECK(var_name_read("c_dw_m1n4k1u1l8s0", &v, err, sizeof err) == 0);
    T_CHECK(var_packing_name(&v, &depthwise, name, &bytes) < 0 && !name[0] && !bytes);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    uint64_t rng = t_seed;
    check_names();
    for (size_t l = 0; l < LAYERS; l++)
        check_layer(layers[l], &rng);
    printf("%zu variants, %zu kernels packed for, %zu packings, %zu of them of several kernels\n",
           total.variants, total.packed, total.names, total.shared);
    T_CHECK(total.shared > 100);
    check_runs(&rng);
    return t_end();
}
