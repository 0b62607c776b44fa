/* Winograd is exact: against the reference where the sums are as large as they can be, at and
 * beyond the channels that 32 bits suffice for, on outputs that tiles do not divide, with both
 * forms. */
#include "kernels/conv.h"

#include "kernels/reference.h"
#include "tests/t.h"
#include "tests/t_kernels.h"

/* How inputs and weights are drawn. */
enum data { DATA_LARGEST, DATA_SIGNS, DATA_ANY, DATA_COUNT };

static const char *const shapes[] = {
    "ic1ih1oc1oh1kh3ph1",          "ic7ih5oc3oh5kh3ph1",        "ic8ih6oc4oh4kh3",
    "ic224ih4oc5oh4kh3ph1",        "ic229ih3oc2oh3kh3ph1",      "ic232ih5oc1oh4kh3ph1",
    "ic448ih6oc2oh4kh3",           "ic449ih4oc3oh4kh3ph1",      "ic3664ih4oc1oh2kh3",
    "ic3672ih4oc1oh4kh3ph1",       "ic7400ih3oc1oh3kh3ph1",     "g2ic466ih4oc6oh4kh3ph1",
    "mb3ic9ih7iw5oc6oh7ow6kh3ph1", "g3ic27ih9iw2oc15oh9kh3ph1",
};

static int8_t draw(uint64_t *rng, enum data data, int sign, int low)
{
    if (data == DATA_ANY)
        return (int8_t)t_between(rng, low, 127);
    if (data == DATA_SIGNS)
        sign = (int)(t_random(rng) & 1);
    return (int8_t)(sign ? low : 127);
}

struct layer {
    struct krn_problem problem;
    struct krn_quant quant;
    int8_t *in, *weights, *want, *got;
    int32_t *bias;
    float *scale;
};

/* DATA_LARGEST: every product of a tap is 128 * 127, with one sign per output channel, in the
 * padding too. The zero point of the input takes all of it back, so a sum that went wrong on the
 * way shows. */
static void fill(struct layer *l, enum data data, uint64_t *rng)
{
    const struct krn_problem *p = &l->problem;
    int32_t depth = p->ic / p->groups;
    size_t in = krn_problem_input_count(p), weights = krn_problem_weight_count(p);
    for (size_t i = 0; i < in; i++)
        l->in[i] = draw(rng, data, 1, -128);
    for (size_t i = 0; i < weights; i++)
        l->weights[i] = draw(rng, data, (int)(i / ((size_t)depth * 9) % 2), -127);
    for (int32_t c = 0; c < p->oc; c++) {
        l->scale[c] = data == DATA_LARGEST ? 1.0f : 0.02f;
        l->bias[c] = 17 - c;
    }
    l->quant = (struct krn_quant) { data == DATA_LARGEST ? -128 : -5, 3, -128, 127 };
}

static int computes(const struct layer *l, const struct krn_kernel *kernel, int order)
{
    struct krn_conv conv;
    char err[200];
    if (krn_conv_plan(&conv, &l->problem, &l->quant, kernel, (struct krn_driver) { order, order },
                      err, sizeof err) != 0) {
        printf("  %s\n", err);
        return 0;
    }
    void *packed = aligned_alloc(64, conv.packed_bytes);
    void *workspace = aligned_alloc(64, conv.workspace_bytes);
    void *scratch = aligned_alloc(64, conv.scratch_bytes);
    size_t count = krn_problem_output_count(&l->problem);
    for (size_t i = 0; i < count; i++)
        l->got[i] = (int8_t)~l->want[i];
    krn_conv_pack(&conv, l->weights, l->bias, l->scale, packed);
    krn_conv_setup(&conv, l->in, workspace);
    krn_conv_run(&conv, packed, l->in, l->got, workspace, scratch, 0, conv.tiles);
    free(packed);
    free(workspace);
    free(scratch);
    return memcmp(l->got, l->want, count) == 0;
}

static void check_layer(struct layer *l, enum data data, uint64_t *rng)
{
    char text[KRN_PROBLEM_STR_MAX];
    krn_problem_format(&l->problem, 0, text);
    fill(l, data, rng);
    krn_reference(&l->problem, &l->quant, l->in, l->weights, l->bias, l->scale, l->want);
    for (int i = 0; i < T_KERNEL_COUNT; i++) {
        const struct krn_kernel *kernel = &t_kernels[i];
        if (kernel->family != KRN_FAMILY_WINO)
            continue;
        for (int order = 0; order < 2; order++)
            if (!T_CHECK(computes(l, kernel, order)))
                printf("  %s, %s, data %d, order %d\n", text, kernel->name, data, order);
    }
}

static void check_shape(const char *text, uint64_t *rng)
{
    struct layer l = { 0 };
    char err[200] = "";
    if (!T_CHECK(krn_problem_parse(text, &l.problem, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    size_t oc = (size_t)l.problem.oc, count = krn_problem_output_count(&l.problem);
    l.in = malloc(krn_problem_input_count(&l.problem));
    l.weights = malloc(krn_problem_weight_count(&l.problem));
    l.want = malloc(count);
    l.got = malloc(count);
    l.bias = malloc(oc * sizeof *l.bias);
    l.scale = malloc(oc * sizeof *l.scale);
    for (int data = 0; data < DATA_COUNT; data++)
        check_layer(&l, (enum data)data, rng);
    free(l.in);
    free(l.weights);
    free(l.want);
    free(l.got);
    free(l.bias);
    free(l.scale);
}

/* What it does not take is refused, with a reason. */
static void test_refusals(void)
{
    static const char *const others[] = { "ic8ih8oc8oh8kh1", "ic8ih8oc8oh4kh3sh2ph1",
                                          "ic8ih8oc8oh8kh5ph2", "ic8ih9oc8oh9kh3ph2dh1" };
    const struct krn_quant quant = { 0, 0, -128, 127 };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct krn_problem p;
        struct krn_conv conv;
        char err[200] = "";
        T_CHECK(krn_problem_parse(others[i], &p, err, sizeof err) == 0);
        for (int k = 0; k < T_KERNEL_COUNT; k++)
            if (t_kernels[k].family == KRN_FAMILY_WINO)
                T_CHECK(krn_conv_plan(&conv, &p, &quant, &t_kernels[k],
                                      (struct krn_driver) { 0, 0 }, err, sizeof err) != 0 &&
                        strstr(err, "Winograd"));
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    uint64_t rng = t_seed;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_shape(shapes[i], &rng);
    test_refusals();
    return t_end();
}
