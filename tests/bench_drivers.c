/* What the drivers cost around a micro-kernel: time per tile with one that does nothing. The least
 * of many runs, so that other load does not count. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/conv.h"

static void nothing(const void *args)
{
    (void)args;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int measure(const char *text, enum krn_family family, int loop_order)
{
    const struct krn_kernel kernel = { .name = "nothing",
                                       .fn = nothing,
                                       .isa = KRN_ISA_C,
                                       .family = family,
                                       .mr = 4,
                                       .nr = 16,
                                       .kr = 4,
                                       .w_bytes = 1,
                                       .copies = family == KRN_FAMILY_DIRECT };
    const struct krn_quant quant = { 0, 0, -128, 127 };
    struct krn_problem p;
    struct krn_conv conv;
    char err[200];
    if (krn_problem_parse(text, &p, err, sizeof err) != 0 ||
        krn_conv_plan(&conv, &p, &quant, &kernel, (struct krn_driver) { loop_order, 0 }, err,
                      sizeof err) != 0) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    void *packed = aligned_alloc(64, conv.packed_bytes);
    void *work = aligned_alloc(64, conv.workspace_bytes + 64);
    void *scratch = aligned_alloc(64, conv.scratch_bytes + 64);
    int8_t *in = calloc(1, krn_problem_input_count(&p));
    int8_t *out = calloc(1, krn_problem_output_count(&p));
    double best = 1e30;
    krn_conv_setup(&conv, in, work);
    for (int run = 0; run < 200; run++) {
        double begin = now_ns();
        krn_conv_run(&conv, packed, in, out, work, scratch, 0, conv.tiles);
        double time_ns = now_ns() - begin;
        best = time_ns < best ? time_ns : best;
    }
    printf("%-10s order %d  %6.2f ns per tile  %s\n", krn_algorithm_names[conv.algorithm],
           loop_order, best / (double)conv.tiles, text);
    free(packed);
    free(work);
    free(scratch);
    free(in);
    free(out);
    return 0;
}

int main(void)
{
    int failed = 0;
    for (int order = 0; order <= 1; order++) {
        failed |= measure("ic64ih56oc256oh56kh1", KRN_FAMILY_GEMM, order);
        failed |= measure("ic64ih56oc250oh56kh1", KRN_FAMILY_GEMM, order); /* a column tail */
        failed |= measure("ic64ih56oc64oh56kh3ph1", KRN_FAMILY_IGEMM, order);
        failed |= measure("ic64ih56oc64oh56kh3ph1", KRN_FAMILY_GEMM, order); /* gathers */
        failed |= measure("ic64ih56oc64oh56kh3ph1", KRN_FAMILY_DIRECT, order); /* copies rows */
    }
    return failed;
}
