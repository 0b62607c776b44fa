/* Layers of weights in float, however they run (patches, Winograd, as they are, depthwise), against
 * sums in double written as the definition has them. */
#include <math.h>

#include "tests/t_graph.h"

struct row {
    const char *problem;
    double lo, hi;
};

static const struct row rows[] = {
    /* Winograd, F(4,3) and F(2,3): whole tiles, parts of tiles, lanes left over, wide padding */
    { "ic16ih56oc24kh3ph1", 0, INFINITY },
    { "ic8ih32iw40oc40oh32ow40kh3ph1", -INFINITY, INFINITY },
    { "ic35ih29oc33kh3ph1", 0, 6 },
    { "ic48ih14oc64kh3ph1", 0, INFINITY },
    { "ic9ih13iw5oc8oh13ow5kh3ph1", -1, 1 },
    { "ic16ih9oc16oh7kh3ph0", -INFINITY, INFINITY },
    { "ic16ih9oc16oh11kh3ph2", 0, INFINITY },
    { "ic12ih1oc12oh1kh3ph1", -INFINITY, 1 },
    { "ic64ih40oc300kh3ph1", 0, INFINITY },
    /* patches: strides, dilation, few channels, groups, windows of all sizes */
    { "ic3ih65oc16oh32kh3sh2ph0", 0, INFINITY },
    { "ic3ih120oc10oh120kh5ph2", -INFINITY, INFINITY },
    { "ic16ih20oc8oh20kh3ph2dh1", 0, INFINITY },
    { "ic16ih20oc8oh10kh3sh2ph1", 0, 6 },
    { "ic7ih11iw8oc5oh11ow8kh1kw3ph0pw1", -INFINITY, INFINITY },
    { "g4ic16ih12oc24oh12kh3ph1", 0, INFINITY },
    { "g2ic8ih10oc12oh10kh1", -INFINITY, INFINITY },
    { "g6ic6ih10oc12oh10kh3ph1", -INFINITY, INFINITY },
    /* pixels as they are; outputs that see only padding */
    { "ic40ih30oc50kh1", 0, INFINITY },
    { "ic400ih1oc30kh1", -INFINITY, INFINITY },
    { "ic20ih14oc30oh16kh1ph1", 0, INFINITY },
    { "ic20ih14oc30oh9kh1sh2ph2", -INFINITY, INFINITY },
    { "ic9ih6oc8oh14kh3ph5", -INFINITY, INFINITY },
    /* depthwise */
    { "g40ic40ih15oc40oh15kh3ph1", 0, 6 },
    { "g17ic17ih15oc17oh7kh5sh2ph1", -INFINITY, INFINITY },
};

/* The sum of one output, and how large its terms are. */
static double sum_of(const struct qnt_node *n, const float *x, int y, int z, int oc, double *size)
{
    const struct krn_problem *p = &n->problem;
    const int ic = p->ic / p->groups, group = oc / (p->oc / p->groups);
    const float *w = n->weight + (size_t)oc * (size_t)(p->kh * p->kw * ic);
    double sum = (double)n->bias[oc];

    *size = fabs(sum);
    for (int ky = 0; ky < p->kh; ky++)
        for (int kx = 0; kx < p->kw; kx++)
            for (int i = 0; i < ic; i++) {
                const int iy = y * p->sh - p->ph + ky * p->dh, ix = z * p->sw - p->pw + kx * p->dw;
                if (iy < 0 || iy >= p->ih || ix < 0 || ix >= p->iw)
                    continue;
                double term = (double)x[(iy * p->iw + ix) * p->ic + group * ic + i] *
                              (double)w[(ky * p->kw + kx) * ic + i];
                sum += term;
                *size += fabs(term);
            }
    return sum;
}

static void check_outputs(const struct row *row, const struct qnt_node *n, const float *x,
                          const float *got)
{
    double worst = 0, size;

    for (int y = 0; y < n->h; y++)
        for (int z = 0; z < n->w; z++)
            for (int c = 0; c < n->c; c++, got++) {
                double want = sum_of(n, x, y, z, c, &size);
                want = fmin(row->hi, fmax(row->lo, want));
                double off = fabs((double)*got - want) / (size > 0 ? size : 1);
                worst = off <= worst ? worst : off; /* a NaN is the worst */
            }
    if (!T_CHECK(worst < 5e-6))
        printf("  %s: off by %.1e of the sum of its terms\n", row->problem, worst);
}

static void test_row(const struct row *row)
{
    struct t_graph g;
    struct krn_problem p;
    struct qnt_float *exec;
    struct qnt_error error = { "" };
    char err[200];

    if (!T_CHECK(krn_problem_parse(row->problem, &p, err, sizeof(err)) == 0)) {
        printf("  %s: %s\n", row->problem, err);
        return;
    }
    t_graph_open(&g, t_seed, p.ih, p.iw, p.ic);
    struct qnt_node *n = &g.graph.nodes[t_node(&g, QNT_OP_CONV, 0)];
    n->problem = p;
    n->h = p.oh;
    n->w = p.ow;
    n->c = p.oc;
    n->lo = (float)row->lo;
    n->hi = (float)row->hi;
    t_weights(&g, n);
    float *x = t_alloc(krn_problem_input_count(&p), sizeof(*x));
    for (size_t i = 0; i < krn_problem_input_count(&p); i++)
        x[i] = (float)t_normal(&g.state);
    if (T_CHECK(qnt_float_open(&g.graph, &exec, &error) == 0)) {
        for (int round = 0; round < 2; round++) /* what is left of the first harms nothing */
            qnt_float_run(exec, x);
        check_outputs(row, n, x, qnt_float_tensor(exec, 1));
        qnt_float_close(exec);
    }
    free(x);
    qnt_graph_free(&g.graph);
}

/* A value that is none is not lost on the way, so that it is found. */
static void test_nan(void)
{
    struct t_graph g;
    struct qnt_float *exec;
    struct qnt_error error = { "" };
    float x[12 * 12 * 16] = { 0 };

    t_graph_open(&g, t_seed, 12, 12, 16);
    t_clamp(&g, t_conv(&g, 0, 16, 3, 1, 1, 1), 0, 6);
    x[5 * 12 * 16] = NAN;
    if (T_CHECK(qnt_float_open(&g.graph, &exec, &error) == 0)) {
        qnt_float_run(exec, x);
        T_CHECK(isnan(qnt_float_tensor(exec, 1)[5 * 12 * 16]));
        qnt_float_close(exec);
    }
    qnt_graph_free(&g.graph);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        test_row(&rows[i]);
    test_nan();
    return t_end();
}
