/* Searches, against a stored sweep whose truth is known: every strategy, with budgets, the dead,
 * the winners of similar problems and a static model. And the forest that the surrogate learns
 * with. */
#include "harness/sweep/replay.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "harness/sweep/forest.h"
#include "harness/sweep/transfer.h"
#include "tests/t_noise.h"

enum { ROUNDS = 15, POINTS_MAX = 500 };

static struct hrn_point points[POINTS_MAX];
static char names[POINTS_MAX][VAR_NAME_MAX];
static const char *name_list[POINTS_MAX];
static struct hrn_cost costs[POINTS_MAX];
static double ns[POINTS_MAX * ROUNDS], twin[ROUNDS], truth_ns[POINTS_MAX], truth[POINTS_MAX];
static struct hrn_stored stored = {
    .points = points, .names = name_list, .cost = costs, .rounds = ROUNDS, .ns = ns, .twin = twin
};
static size_t fastest;

/* What a variant takes: registers that spill, loads per multiply, tails of the tile on 14 x 14
 * pixels, and a little luck that no knob explains. */
static double model_ns(const struct var_variant *v, uint64_t *state)
{
    double mr = v->knob[VAR_KNOB_MR], nr = v->knob[VAR_KNOB_NR];
    double loads = 1 / mr + 8 / nr, tails = ceil(196 / mr) * mr / 196;
    double spill = mr * nr > 100 ? 1 + (mr * nr - 100) / 40 : 1;
    double unroll = v->knob[VAR_KNOB_UNROLL] == 2 ? 0.97 : 1;
    double late = v->knob[VAR_KNOB_SCHEDULE] ? 1.02 : 1;
    double scheme = v->knob[VAR_KNOB_KR] == 2 ? 1.15 : 1;
    return 2e5 * (0.6 + loads) * tails * spill * unroll * late * scheme *
           exp(0.01 * t_gaussian(state));
}

static void make_stored(uint64_t seed)
{
    struct krn_problem problem;
    struct var_variant plain;
    struct var_space space;
    double drift[ROUNDS];
    char err[200];
    uint64_t state = seed;
    size_t n = 0;
    T_CHECK(!krn_problem_parse("ic64ih14oc64kh3ph1", &problem, err, sizeof err));
    T_CHECK(!var_name_parse("avx2_igemm_m4n16k4u2a0b0l32s0", &plain, err, sizeof err));
    points[n++] = (struct hrn_point) { .variant = plain, .predicted = NAN, .is_default = 1 };
    var_space_init(&space, 1u << KRN_ISA_AVX2, &problem);
    for (struct var_variant v; n < POINTS_MAX && var_space_next(&space, &v);)
        if (v.family == KRN_FAMILY_IGEMM && memcmp(&v, &plain, sizeof v))
            points[n++] = (struct hrn_point) { .variant = v, .predicted = NAN };
    stored.count = n;
    t_drift(drift, ROUNDS, &state);
    fastest = 0;
    for (size_t i = 0; i < n; i++) {
        var_name_format(&points[i].variant, names[i]);
        name_list[i] = names[i];
        costs[i] = (struct hrn_cost) { 500, 4, 0 };
        truth_ns[i] = model_ns(&points[i].variant, &state);
        t_times(&ns[i * ROUNDS], ROUNDS, truth_ns[i], t_mad(&state), drift, &state);
        fastest = truth_ns[i] < truth_ns[fastest] ? i : fastest;
    }
    t_times(twin, ROUNDS, truth_ns[0], 0.001, drift, &state);
    T_CHECK(!hrn_replay_truth(&stored, truth));
}

static struct hrn_replay_options options_of(const char *strategy, uint64_t seed)
{
    return (struct hrn_replay_options) {
        .search = { .strategy = hrn_strategy_find(strategy),
                    .seed = seed,
                    .screen_rounds = 3,
                    .final_rounds = 12,
                    .processes = 3,
                    .finalists = 10,
                    .final_sample_s = 0.002 },
        .screen_sample_s = 0.001,
        .final_sample_s = 0.002,
        .warmup_s = 0.001,
    };
}

static double loss_of(const struct hrn_replay *r)
{
    return truth_ns[r->winner] / truth_ns[fastest] - 1;
}

/* The truth that a replay tells from the samples is the one that they were made of. */
static void test_truth(void)
{
    double room[4 * POINTS_MAX];
    size_t off = 0;
    for (size_t i = 0; i < stored.count; i++)
        off += fabs(truth[i] / truth_ns[i] / (truth[0] / truth_ns[0]) - 1) > 0.01;
    T_CHECK(off <= stored.count / 20);
    double r = hrn_spearman(truth, truth_ns, stored.count, room);
    printf("%zu variants; truth from samples against truth: Spearman %.4f\n", stored.count, r);
    T_CHECK(r >= 0.99);
}

/* What each must reach with three seeds: loss of the winner, share of the exhaustive time. */
static const struct {
    const char *name;
    double loss, share;
} bars[] = {
    { "exhaustive", 0.02, 1.01 }, { "racing", 0.02, 0.20 },    { "random", 0.25, 0.15 },
    { "descent", 0.10, 0.20 },    { "annealing", 0.10, 0.20 }, { "surrogate", 0.03, 0.15 },
    { "pruned", 0.02, 0.15 },
};

static void predict(int on)
{
    uint64_t state = t_seed;
    for (size_t i = 0; i < stored.count; i++)
        points[i].predicted = on ? truth_ns[i] * exp(0.1 * t_gaussian(&state)) : (double)NAN;
}

static void test_strategies(void)
{
    struct hrn_replay all = { 0 };
    struct hrn_replay_options o = options_of("exhaustive", t_seed);
    T_CHECK(!hrn_replay_run(&stored, &o, truth, &all));
    for (size_t b = 0; b < sizeof bars / sizeof *bars; b++) {
        predict(!strcmp(bars[b].name, "pruned"));
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct hrn_replay one = { 0 }, again = { 0 };
            o = options_of(bars[b].name, t_seed + seed);
            T_CHECK(!hrn_replay_run(&stored, &o, truth, &one));
            T_CHECK(!hrn_replay_run(&stored, &o, truth, &again));
            printf("%-10s %3zu timed, %.1f %% of the time, loss %.2f %%\n", bars[b].name, one.evals,
                   100 * one.device_s / all.device_s, 100 * loss_of(&one));
            T_CHECK(loss_of(&one) <= bars[b].loss);
            T_CHECK(one.device_s <= bars[b].share * all.device_s);
            T_CHECK(one.winner == again.winner && one.step_count == again.step_count &&
                    one.device_s == again.device_s);
            hrn_replay_clear(&one);
            hrn_replay_clear(&again);
        }
    }
    predict(0);
    hrn_replay_clear(&all);
}

static void test_budgets(void)
{
    for (size_t i = 0; i < hrn_strategy_count; i++) {
        const char *name = hrn_strategies[i]->name;
        struct hrn_replay_options o = options_of(name, t_seed);
        struct hrn_replay r = { 0 };
        T_CHECK(hrn_strategy_find(name) == hrn_strategies[i] && hrn_strategies[i]->meaning[0]);
        predict(hrn_strategies[i]->needs_model);
        o.search.max_evals = 7;
        T_CHECK(!hrn_replay_run(&stored, &o, truth, &r));
        T_CHECK(r.evals >= 7 && r.evals <= 8); /* the baseline is timed in any case */
        o.search.max_evals = 0;
        o.search.device_limit_s = 0.9;
        T_CHECK(!hrn_replay_run(&stored, &o, truth, &r));
        if (!hrn_strategies[i]->all_finalists && strcmp(name, "racing")) /* one question for all */
            T_CHECK(r.device_s <= 1.1 * o.search.device_limit_s);
        hrn_replay_clear(&r);
    }
    predict(0);
    struct hrn_replay_options o = options_of("random", t_seed);
    struct hrn_replay r = { 0 };
    o.search.patience = 20;
    o.search.max_evals = stored.count;
    T_CHECK(!hrn_replay_run(&stored, &o, truth, &r));
    T_CHECK(r.evals < stored.count);
    hrn_replay_clear(&r);
    T_CHECK(hrn_strategy_find("racin") == NULL);
}

/* The winners of similar problems are timed first. */
static void test_priors(void)
{
    struct hrn_replay_options o = options_of("racing", t_seed);
    struct hrn_replay r = { 0 };
    points[fastest].prior = 1;
    o.search.max_evals = 3;
    T_CHECK(!hrn_replay_run(&stored, &o, truth, &r));
    T_CHECK(r.winner == fastest || loss_of(&r) < 0.015);
    points[fastest].prior = 0;
    hrn_replay_clear(&r);
}

/* Similar is near; the same is 0; other kinds are out of reach. */
static void test_distance(void)
{
    static const struct {
        const char *a, *b;
        double distance;
    } pairs[] = {
        { "ic64ih14oc64kh3ph1", "ic64ih14oc64kh3ph1", 0 },
        { "ic64ih14oc64kh3ph1", "ic128ih14oc64kh3ph1", 1 },
        { "ic64ih14oc64kh3ph1", "ic32ih28oc64kh3ph1", 3 },
        { "ic64ih28oc64kh3ph1", "ic64ih56oc64kh3ph1sh2", 0.5 },
        { "ic64ih14oc64kh1", "ic64ih14oc64kh3ph1", INFINITY },
        { "g64ic64ih14oc64kh3ph1", "ic64ih14oc64kh3ph1", INFINITY },
        { "g64ic64ih14oc64kh3ph1", "g128ic128ih14oc128kh3ph1", 0 },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct krn_problem a, b;
        char err[200];
        T_CHECK(!krn_problem_parse(pairs[i].a, &a, err, sizeof err) &&
                !krn_problem_parse(pairs[i].b, &b, err, sizeof err));
        double there = hrn_problem_distance(&a, &b), back = hrn_problem_distance(&b, &a);
        if (!T_CHECK(there == back &&
                     (there == pairs[i].distance || fabs(there - pairs[i].distance) < 1e-9)))
            printf("  %s to %s: %g\n", pairs[i].a, pairs[i].b, there);
    }
}

/* The nearest first, each once, no more than there is room for; what is not in the list is passed
 * over. */
static void test_marks(void)
{
    static struct hrn_elsewhere list[40];
    static struct var_variant variants[POINTS_MAX];
    static int prior[POINTS_MAX];
    for (size_t i = 0; i < stored.count; i++)
        variants[i] = points[i].variant;
    list[0] = (struct hrn_elsewhere) { variants[9], 2, 1 };
    list[1] = (struct hrn_elsewhere) { variants[5], 1, 2 };
    list[2] = (struct hrn_elsewhere) { variants[7], 1, 1 };
    list[3] = (struct hrn_elsewhere) { variants[7], 3, 1 };
    list[4] = (struct hrn_elsewhere) { variants[7], 0, 1 };
    list[4].variant.knob[VAR_KNOB_MR] = 99;
    T_CHECK(hrn_transfer_mark(list, 5, variants, stored.count, prior) == 3);
    T_CHECK(prior[7] == 1 && prior[5] == 2 && prior[9] == 3 && prior[0] == 0);
    for (size_t i = 0; i < 40; i++)
        list[i] = (struct hrn_elsewhere) { variants[i], 0, (int)i };
    T_CHECK(hrn_transfer_mark(list, 40, variants, stored.count, prior) == HRN_PRIORS_MAX);
    T_CHECK(hrn_transfer_mark(list, 0, variants, stored.count, prior) == 0 && prior[1] == 0);
}

/* What has no sample is dead; what is dead wins nothing, and does not end a search. */
static void test_dead(void)
{
    static double kept[ROUNDS];
    struct hrn_replay r = { 0 };
    memcpy(kept, &ns[fastest * ROUNDS], sizeof kept);
    for (size_t k = 0; k < ROUNDS; k++)
        ns[fastest * ROUNDS + k] = NAN;
    for (size_t i = 0; i < hrn_strategy_count; i++) {
        struct hrn_replay_options o = options_of(hrn_strategies[i]->name, t_seed);
        T_CHECK(!hrn_replay_run(&stored, &o, truth, &r));
        T_CHECK(r.winner != fastest && r.evals > 0);
    }
    memcpy(&ns[fastest * ROUNDS], kept, sizeof kept);
    hrn_replay_clear(&r);
    static double none[ROUNDS], no_twin[ROUNDS];
    struct hrn_stored nothing = { points, name_list, costs, 1, ROUNDS, none, no_twin };
    for (size_t k = 0; k < ROUNDS; k++)
        none[k] = no_twin[k] = NAN;
    struct hrn_replay_options o = options_of("racing", t_seed);
    T_CHECK(hrn_replay_run(&nothing, &o, truth, &r) == -ENODATA);
    hrn_replay_clear(&r);
}

/* Two sweeps of one space, each searched by racing: the same ranks, as far as both have them. */
static void test_stable(void)
{
    static double first[POINTS_MAX], room[4 * POINTS_MAX];
    memcpy(first, truth, sizeof first);
    uint64_t state = t_seed + 5;
    double drift[ROUNDS];
    t_drift(drift, ROUNDS, &state);
    for (size_t i = 0; i < stored.count; i++)
        t_times(&ns[i * ROUNDS], ROUNDS, truth_ns[i], t_mad(&state), drift, &state);
    T_CHECK(!hrn_replay_truth(&stored, truth));
    double r = hrn_spearman(first, truth, stored.count, room);
    printf("two sweeps of it: Spearman %.4f\n", r);
    T_CHECK(r >= 0.95);
}

static void test_forest(void)
{
    enum { ROWS = 200 };
    static double x[ROWS][2], y[ROWS];
    struct hrn_forest forest = { 0 };
    uint64_t state = t_seed;
    double mean, deviation, error = 0;
    for (size_t i = 0; i < ROWS; i++) {
        x[i][0] = floor(8 * t_uniform(&state));
        x[i][1] = floor(8 * t_uniform(&state));
        y[i] = x[i][0] > 3 ? x[i][1] : 10 - x[i][1];
    }
    T_CHECK(!hrn_forest_fit(&forest, &x[0][0], y, ROWS, 2, t_seed));
    for (size_t i = 0; i < ROWS; i++) {
        hrn_forest_predict(&forest, x[i], &mean, &deviation);
        error += fabs(mean - y[i]) / ROWS;
        T_CHECK(deviation >= 0);
    }
    T_CHECK(error < 0.2);
    hrn_forest_predict(&forest, (double[]) { 7, 7 }, &mean, &deviation);
    T_CHECK(fabs(mean - 7) < 1);
    for (size_t i = 0; i < ROWS; i++)
        y[i] = 5;
    T_CHECK(!hrn_forest_fit(&forest, &x[0][0], y, ROWS, 2, t_seed));
    hrn_forest_predict(&forest, x[3], &mean, &deviation);
    T_CHECK(mean == 5 && deviation == 0);
    T_CHECK(!hrn_forest_fit(&forest, &x[0][0], y, 1, 2, t_seed));
    hrn_forest_predict(&forest, x[3], &mean, &deviation);
    T_CHECK(mean == 5);
    hrn_forest_clear(&forest);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    make_stored(t_seed);
    test_truth();
    test_strategies();
    test_budgets();
    test_priors();
    test_distance();
    test_marks();
    test_dead();
    test_stable();
    test_forest();
    return t_end();
}
