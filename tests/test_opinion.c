/* Counts guide and models warn: who has won among variants that were counted, on opinions that are
 * made up and on the model of a core in order; what a prediction takes the driver's work for; and
 * that it is the same whatever else is predicted with it. */
#include <math.h>
#include <string.h>

#include "harness/model/mca.h"
#include "harness/model/opinion.h"
#include "harness/sweep/layers.h"
#include "tests/t.h"

enum { FEW = 4 };

/* 0 cycles: no prediction. Instructions below 0: not counted. */
static const struct {
    const char *what;
    int64_t insns[FEW];
    double cycles[FEW];
    long fastest, winner;
} cases[] = {
    { "the least is the fastest", { 10, 20, 30, 40 }, { 5, 6, 7, 8 }, 0, 0 },
    { "the least is too slow", { 10, 20, 30, 40 }, { 104, 110, 100, 101 }, 2, 2 },
    { "within the margin counts decide", { 30, 20, 10, 5 }, { 100, 101, 102.9, 103.1 }, 0, 2 },
    { "equal counts: the fastest", { 10, 10, 10, 10 }, { 101, 100, 101, 101 }, 1, 1 },
    { "without a prediction none wins", { 10, 20, 30, 40 }, { 0, 0, 9, 8 }, 3, 3 },
    { "nothing is known", { 10, 20, 30, 40 }, { 0, 0, 0, 0 }, -1, -1 },
};

static void picks_winners(void)
{
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct hrn_counted counted[FEW];
        double cycles[FEW], *layers[] = { cycles };
        const struct hrn_opinion opinion = { .cycles = layers, .layers = 1 };
        memset(counted, 0, sizeof counted);
        memcpy(cycles, cases[c].cycles, sizeof cycles);
        for (int i = 0; i < FEW; i++)
            counted[i].whole[HRN_COUNT_INSN] = cases[c].insns[i];
        long winner = hrn_opinion_winner(&opinion, counted, 0, FEW);
        if (!T_CHECK(hrn_opinion_fastest(&opinion, 0, FEW) == cases[c].fastest) ||
            !T_CHECK(winner == cases[c].winner))
            printf("  %s: %ld\n", cases[c].what, winner);
        for (int i = 0; i < FEW; i++) {
            double loss = hrn_opinion_loss(&opinion, 0, (size_t)i, FEW);
            T_CHECK(cycles[i] > 0 ? loss >= 0 : isnan(loss));
            T_CHECK(i != cases[c].fastest || !(loss > 0));
        }
    }
}

struct wanted {
    const char *names[2];
    long at[2];
};

static int is_wanted(const struct var_variant *v, void *user)
{
    const struct wanted *w = user;
    char name[VAR_NAME_MAX];
    var_name_format(v, name);
    return !strcmp(name, w->names[0]) || !strcmp(name, w->names[1]);
}

static void make_plan(const char *problem, uint32_t isas, struct wanted *w,
                      struct hrn_layers *layers, struct hrn_plan *plan)
{
    char err[300] = "";
    T_CHECK(!hrn_layers_add_text(layers, problem, "", err, sizeof err));
    if (!T_CHECK(!hrn_plan_make(layers, isas, is_wanted, w, 0, 1, plan, err, sizeof err)))
        printf("  %s\n", err);
    for (int n = 0; n < 2; n++) {
        w->at[n] = -1;
        for (size_t i = 0; plan->count && i < plan->layers[0].count; i++) {
            char name[VAR_NAME_MAX];
            var_name_format(&plan->layers[0].variants[i], name);
            if (!strcmp(name, w->names[n]))
                w->at[n] = (long)i;
        }
        if (!T_CHECK(w->at[n] >= 0))
            printf("  %s is not in the space\n", w->names[n]);
    }
}

/* The loop that executes less stalls a core in order; the woven one, with three instructions for
 * each vector that it loads, does not. */
static void warns_in_order(void)
{
    struct wanted w = { .names = { "dotprod_gemm_m6n8k4u2a0b0l128s0v2i2",
                                   "dotprod_gemm_m6n8k4u2a0b0l128s2v3p1q1" } };
    const struct hrn_predict_options options = { .core = var_core_find("cortex-a55", NULL) };
    struct hrn_layers layers = { 0 };
    struct hrn_plan plan = { 0 };
    struct hrn_opinion opinion;
    char err[300];
    make_plan("ic64ih14oc64kh1", 1u << KRN_ISA_DOTPROD, &w, &layers, &plan);
    struct hrn_counted *counted = calloc(plan.layers[0].count + 1, sizeof *counted);
    for (size_t i = 0; i < plan.layers[0].count; i++) {
        counted[i].outcome = (long)i == w.at[0] || (long)i == w.at[1] ? HRN_OK : HRN_VOID;
        counted[i].whole[HRN_COUNT_INSN] = (long)i == w.at[0] ? 80000 : 110000;
        counted[i].kernel[HRN_COUNT_INSN] = counted[i].whole[HRN_COUNT_INSN] - 1000;
    }
    T_CHECK(!hrn_opinion_make(&plan, &counted, &options, &opinion, err, sizeof err));
    T_CHECK(hrn_count_least(counted, plan.layers[0].count) == w.at[0]);
    T_CHECK(hrn_opinion_winner(&opinion, counted, 0, plan.layers[0].count) == w.at[1]);
    T_CHECK(hrn_opinion_loss(&opinion, 0, (size_t)w.at[0], plan.layers[0].count) > 0.2);

    /* A driver that executes enough turns it round. */
    hrn_opinion_clear(&opinion);
    counted[w.at[1]].kernel[HRN_COUNT_INSN] = 10000;
    T_CHECK(!hrn_opinion_make(&plan, &counted, &options, &opinion, err, sizeof err));
    T_CHECK(hrn_opinion_winner(&opinion, counted, 0, plan.layers[0].count) == w.at[0]);
    hrn_opinion_clear(&opinion);
    free(counted);
    hrn_plan_clear(&plan);
    hrn_layers_clear(&layers);
}

/* Packing is work, and copying rows is little of it. */
static void predicts_drivers(void)
{
    struct wanted w = { .names = { "i8mm_gemm_m8n8k8u2a0b0l128s0t1v2i2",
                                   "i8mm_direct_m4n16k8u3l128s0c1v2__o1" } };
    const struct hrn_predict_options options = { .core = var_core_find("cortex-a510", NULL) };
    struct hrn_layers layers = { 0 };
    struct hrn_plan plan = { 0 };
    struct hrn_prediction **predicted;
    char err[300];
    make_plan("ic3ih32oc64kh7sh2ph3", 1u << KRN_ISA_I8MM, &w, &layers, &plan);
    T_CHECK(!hrn_predict_plan(&plan, &options, &predicted, err, sizeof err));
    for (int n = 0; n < 2; n++) {
        const struct hrn_prediction *p = &predicted[0][w.at[n]];
        double share = p->driver_cycles / p->cycles;
        if (!T_CHECK(p->outcome == HRN_OK) || !T_CHECK(n ? share < 0.2 : share > 0.3))
            printf("  %s: %.3f\n", w.names[n], share);
    }
    hrn_predictions_free(predicted, plan.count);
    hrn_plan_clear(&plan);
    hrn_layers_clear(&layers);
}

/* Lines of a first layer's filter, loaded a line ahead: hardly a cycle of the loop is lost. */
static const struct {
    const char *core, *variant;
    enum krn_isa isa;
    double macs; /* a cycle, at least */
} lines[] = {
    { "cortex-a55", "dotprod_direct_m4n16k4u6l128s2c1v3p1__o1", KRN_ISA_DOTPROD, 15.5 },
    { "cortex-a55", "neon_direct_m4n16k2u11l16s2c1v3h1g4p1__o1", KRN_ISA_NEON, 5.1 },
    { "cortex-a510", "dotprod_direct_m2n32k4u6l128s4c1v1p1__o1", KRN_ISA_DOTPROD, 31.5 },
};

static void weaves_lines(void)
{
    for (size_t n = 0; n < sizeof lines / sizeof *lines; n++) {
        struct wanted w = { .names = { lines[n].variant, lines[n].variant } };
        const struct hrn_predict_options options = { .core = var_core_find(lines[n].core, NULL) };
        struct hrn_layers layers = { 0 };
        struct hrn_plan plan = { 0 };
        struct hrn_prediction **predicted;
        char err[300];
        make_plan("ic3ih32oc64kh7sh2ph3", 1u << lines[n].isa, &w, &layers, &plan);
        T_CHECK(!hrn_predict_plan(&plan, &options, &predicted, err, sizeof err));
        const struct hrn_prediction *p = &predicted[0][w.at[0]];
        if (!T_CHECK(p->outcome == HRN_OK && p->loop_macs >= lines[n].macs * p->loop_cycles))
            printf("  %s: %.0f in %.2f\n", lines[n].variant, p->loop_macs, p->loop_cycles);
        hrn_predictions_free(predicted, plan.count);
        hrn_plan_clear(&plan);
        hrn_layers_clear(&layers);
    }
}

/* Few, of which layers share kernels, and of those calls. */
static int is_sampled(const struct var_variant *v, void *user)
{
    (void)user;
    return v->knob[VAR_KNOB_MR] == 4 && v->knob[VAR_KNOB_NR] == 16 &&
           v->knob[VAR_KNOB_LOAD] == 128 && v->knob[VAR_KNOB_UNROLL] == 2 &&
           v->knob[VAR_KNOB_SCHEDULE] == 0 && v->knob[VAR_KNOB_FORM] == 1 &&
           !v->knob[VAR_KNOB_PREFETCH_A] && !v->knob[VAR_KNOB_PREFETCH_B];
}

static void predict(const char *const *problems, size_t count, const struct var_core *core,
                    struct hrn_layers *layers, struct hrn_plan *plan,
                    struct hrn_prediction ***predicted)
{
    const struct hrn_predict_options options = { .core = core };
    char err[300];
    for (size_t i = 0; i < count; i++)
        T_CHECK(!hrn_layers_add_text(layers, problems[i], "", err, sizeof err));
    T_CHECK(!hrn_plan_make(layers, 1u << KRN_ISA_DOTPROD, is_sampled, NULL, 0, 1, plan, err,
                           sizeof err));
    if (!T_CHECK(!hrn_predict_plan(plan, &options, predicted, err, sizeof err)))
        printf("  %s\n", err);
}

static void same_together(const char *core_name)
{
    static const char *const problems[] = { "ic64ih14oc64kh1", "ic512ih7oc40kh1",
                                            "ic64ih15oc70kh3ph1", "ic512ih7oc64kh1" };
    enum { COUNT = sizeof problems / sizeof *problems };
    const struct var_core *core = var_core_find(core_name, NULL);
    struct hrn_layers layers = { 0 };
    struct hrn_plan plan = { 0 };
    struct hrn_prediction **all;
    predict(problems, COUNT, core, &layers, &plan, &all);
    for (size_t l = 0; l < COUNT; l++) {
        struct hrn_layers one_layer = { 0 };
        struct hrn_plan one_plan = { 0 };
        struct hrn_prediction **one;
        predict(&problems[l], 1, core, &one_layer, &one_plan, &one);
        T_CHECK(one_plan.layers[0].count == plan.layers[l].count && one_plan.variants >= 2);
        for (size_t i = 0; i < one_plan.variants; i++)
            T_CHECK(one[0][i].outcome == HRN_OK && one[0][i].cycles == all[l][i].cycles &&
                    one[0][i].tile_cycles == all[l][i].tile_cycles &&
                    one[0][i].loop_cycles == all[l][i].loop_cycles &&
                    one[0][i].loop_macs == all[l][i].loop_macs);
        hrn_predictions_free(one, 1);
        hrn_plan_clear(&one_plan);
        hrn_layers_clear(&one_layer);
    }
    hrn_predictions_free(all, plan.count);
    hrn_plan_clear(&plan);
    hrn_layers_clear(&layers);
}

static void is_the_same_together(void)
{
    const char *program;
    char err[300];
    same_together("cortex-a55");
    if (hrn_mca_find(&program, err, sizeof err))
        printf("  left out: %s\n", err);
    else
        same_together("neoverse-n1");
}

/* Both kinds of core for each level that phones have. */
static void knows_typical_cores(void)
{
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        const struct var_core_pair *pair = &var_typical_cores[isa];
        if (!pair->in_order)
            continue;
        const struct var_core *a = var_core_find(pair->in_order, NULL);
        const struct var_core *b = var_core_find(pair->out_of_order, NULL);
        T_CHECK(a && !a->llvm_cpu && a->peak[isa] > 0);
        T_CHECK(b && b->llvm_cpu && b->peak[isa] > 0);
    }
    for (size_t i = 0; i < var_core_count; i++)
        T_CHECK(var_cores[i].compiled > 0);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    picks_winners();
    warns_in_order();
    predicts_drivers();
    weaves_lines();
    is_the_same_together();
    knows_typical_cores();
    return t_end();
}
