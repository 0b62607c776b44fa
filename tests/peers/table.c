#include "tests/peers/table.h"

#include <math.h>
#include <stdio.h>

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

/* Geometric mean, least, and least percent of the peak. */
struct means {
    int count;
    double ratio, worst, percent;
};

static double best_ratio(const struct peers_layer *l)
{
    return l->best ? l->best->ratio : NAN;
}

/* Against rival `r`, or against the best of each layer (-1). */
static struct means means_of(const struct peers_layer *layers, size_t count, int class, int r)
{
    struct means m = { .worst = INFINITY, .percent = INFINITY };
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct peers_layer *l = &layers[i];
        double ratio = r < 0 ? best_ratio(l) : l->rivals[r].is_timed ? l->rivals[r].ratio : NAN;
        if (!classes[class].holds(l->problem) || isnan(ratio))
            continue;
        m.count++;
        sum += log(ratio);
        m.worst = fmin(m.worst, ratio);
        m.percent = fmin(m.percent, l->percent);
    }
    m.ratio = m.count ? exp(sum / m.count) : 0;
    return m;
}

/* ---- Layers */

static const char *title_of(const struct krn_problem *p, char *buffer)
{
    krn_problem_format(p, 0, buffer);
    return p->name[0] ? p->name : buffer;
}

void peers_print_head(const struct peers_options *o, const struct peers_layer *first)
{
    const char *isa = krn_isas[o->isa].name;
    if (o->json) {
        printf("{\"isa\": \"%s\", \"peers\": [", isa);
        for (size_t r = 0; r < first->rival_count; r++)
            printf("%s\"%s\"", r ? ", " : "", first->rivals[r].library->version());
        printf("], \"layers\": [");
        return;
    }
    for (size_t r = 0; r < first->rival_count; r++)
        printf("%s%s", r ? ", " : "", first->rivals[r].library->version());
    printf(" against Quern's %s kernels, one thread; ratio = peer time / Quern time\n", isa);
    printf("%-24s %7s", "layer", "MMAC");
    for (size_t r = 0; r < first->rival_count; r++)
        printf(" %8s us %2s %6s", first->rivals[r].library->name, "of", "ratio");
    printf(" %9s %6s %6s  %s\n", "Quern us", "best", "%peak", "variant");
}

static void print_rival(const struct peers_rival *rival)
{
    if (rival->is_timed)
        printf(" %11.1f %2s %6.2f", rival->us, peer_type_names[rival->type], rival->ratio);
    else
        printf(" %11s %2s %6s", "-", "-", "-");
}

static void print_rival_json(const struct peers_rival *rival, int is_first)
{
    printf("%s{\"peer\": \"%s\"", is_first ? "" : ", ", rival->library->name);
    if (rival->is_timed)
        printf(", \"us\": %.3f, \"type\": \"%s\", \"implementation\": \"%s\", \"ratio\": %.4f}",
               rival->us, peer_type_names[rival->type], rival->implementation, rival->ratio);
    else
        printf(", \"refusal\": \"%s\"}", rival->refusal);
}

static void print_layer_json(const struct peers_layer *l, int is_first)
{
    char text[KRN_PROBLEM_STR_MAX];
    krn_problem_format(l->problem, 0, text);
    printf("%s\n  {\"problem\": \"%s\", \"name\": \"%s\", \"mmac\": %.3f, \"rivals\": [",
           is_first ? "" : ",", text, l->problem->name, l->mmac);
    for (size_t r = 0; r < l->rival_count; r++)
        print_rival_json(&l->rivals[r], r == 0);
    printf("], \"quern_us\": %.3f, ", l->us);
    if (l->best)
        printf("\"ratio\": %.4f, ", l->best->ratio);
    printf("\"percent_of_peak\": %.2f, \"variant\": \"%s\"}", l->percent, l->winner_name);
}

void peers_print_layer(const struct peers_options *o, const struct peers_layer *l, int is_first)
{
    char text[KRN_PROBLEM_STR_MAX];
    if (o->json) {
        print_layer_json(l, is_first);
        fflush(stdout);
        return;
    }
    printf("%-24s %7.1f", title_of(l->problem, text), l->mmac);
    for (size_t r = 0; r < l->rival_count; r++)
        print_rival(&l->rivals[r]);
    printf(" %9.1f %6.2f %6.1f  %s\n", l->us, best_ratio(l), l->percent, l->winner_name);
    fflush(stdout);
}

/* ---- Means */

static void print_class_json(const char *peer, const char *class, const struct means *m,
                             int is_first)
{
    printf("%s\n  {\"peer\": \"%s\", \"class\": \"%s\", \"layers\": %d, \"geometric_mean\": %.4f, "
           "\"worst\": %.4f, \"least_percent_of_peak\": %.2f}",
           is_first ? "" : ",", peer, class, m->count, m->ratio, m->worst, m->percent);
}

void peers_print_means(const struct peers_options *o, const struct peers_layer *layers,
                       size_t count)
{
    const int rivals = count ? (int)layers[0].rival_count : 0;
    int first = 1;
    if (o->json)
        printf("], \"classes\": [");
    else
        printf("\n%-10s %-24s %7s %9s %9s %15s\n", "against", "class", "layers", "geomean", "worst",
               "least % peak");
    for (int r = rivals > 1 ? -1 : 0; r < rivals; r++)
        for (int i = 0; i < CLASSES; i++) {
            const char *peer = r < 0 ? "the best" : layers[0].rivals[r].library->name;
            struct means m = means_of(layers, count, i, r);
            if (m.count == 0)
                continue;
            if (o->json)
                print_class_json(peer, classes[i].name, &m, first);
            else
                printf("%-10s %-24s %7d %9.3f %9.3f %15.1f\n", peer, classes[i].name, m.count,
                       m.ratio, m.worst, m.percent);
            first = 0;
        }
    if (o->json)
        printf("]}\n");
}
