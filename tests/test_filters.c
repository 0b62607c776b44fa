/* Feasibility filters and plain choices core by core: what the formulas say against the text of the
 * loops, what is removed against the static models, and that nothing is left without a variant. */
#include <errno.h>
#include <math.h>

#include "harness/model/predict.h"
#include "tests/t.h"
#include "variants/filters.h"
#include "variants/variant_int.h"

#define BIT(n) (1u << (n))
static const uint32_t a64 = BIT(KRN_ISA_NEON) | BIT(KRN_ISA_DOTPROD) | BIT(KRN_ISA_I8MM);

/* ---- the formula of a loop's instructions */

static int is_mac(const char *line)
{
    static const char *const words[] = { "sdot ", "smmla ", "smull", "smlal", "sadalp " };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncmp(line, words[i], strlen(words[i])))
            return 1;
    return 0;
}

/* Instructions between a label and the first branch behind it; 0 if there is no such loop. */
static int count_loop(const char *text, const char *label, int *macs, int *others)
{
    const char *at = strstr(text, label);
    *macs = *others = 0;
    if (!at || !(at = strchr(at, '\n')))
        return 0;
    for (const char *line = at + 1; *line; line = strchr(line, '\n') + 1) {
        line += strspn(line, " ");
        if (*line == '/' || strncmp(line, "prfm", 4) == 0)
            continue;
        *(is_mac(line) ? macs : others) += 1;
        if (!strncmp(line, "b.", 2))
            return 1;
    }
    return 0;
}

static void check_mix(const struct var_variant *v)
{
    struct var_text text = { 0 };
    char name[VAR_NAME_MAX], label[VAR_NAME_MAX + 20], err[200];
    int macs, others, has_main = v->knob[VAR_KNOB_UNROLL] > 1 || v->knob[VAR_KNOB_PIPELINE];
    const char *loop = has_main ? "main" : v->knob[VAR_KNOB_FEED] ? "group" : "block";
    if (!T_CHECK(var_generate(v, &text, err, sizeof err) == 0))
        return;
    var_kernel_name_format(v, name);
    snprintf(label, sizeof label, ".L%s_%s:", name, loop);
    struct var_loop_mix mix = var_loop_mix(v);
    T_CHECK(count_loop(text.data, label, &macs, &others));
    double says = mix.others / mix.macs * macs; /* of an odd vector the last load is one more */
    if (!T_CHECK(fabs(says - others) <= 2))
        printf("  %s: %d and %d in the loop; the formula has %.1f\n", name, macs, others, says);
    var_text_clear(&text);
}

static void counts_loops(void)
{
    enum { EACH = 97 };
    struct var_space space;
    struct var_variant v;
    var_space_init(&space, a64, NULL);
    for (size_t n = t_seed; var_space_next(&space, &v); n++)
        if (n % EACH == 0 && (v.family == KRN_FAMILY_GEMM || v.family == KRN_FAMILY_IGEMM))
            check_mix(&v);
}

/* ---- nothing is left without a variant */

static const char *const problems[] = {
    "ic64ih56oc64oh56kh1",  "ic64ih56oc64oh56kh3ph1", "ic3ih224oc64oh112kh7sh2ph3",
    "ic512ih1oc10kh1",      "ic16ih4oc4kh1",          "g64ic64ih14oc64kh3ph1",
    "g4ic64ih14oc64kh3ph1",
};

static void keeps_something(const struct krn_problem *problem, enum krn_isa isa,
                            const struct var_core *core)
{
    struct var_space space, whole;
    struct var_variant v, plain;
    size_t kept = 0, all = 0, seen = 0;
    int has_plain = !var_default_on(core, isa, problem, KRN_EPILOGUE_FLOAT, &plain);
    var_space_init(&space, BIT(isa), problem);
    var_space_init(&whole, BIT(isa), problem);
    space.core = whole.core = core;
    space.with_refused = whole.with_refused = 1; /* what can be made at all is another test's */
    whole.unfiltered = 1;
    while (var_space_next(&space, &v)) {
        kept++;
        seen += has_plain && !memcmp(&v, &plain, sizeof v);
    }
    while (var_space_next(&whole, &v))
        all++;
    T_CHECK(seen == (size_t)has_plain);
    T_CHECK(kept > 0 || all == 0);
    T_CHECK(kept + space.removed[VAR_FILTER_ACCUMULATORS] + space.removed[VAR_FILTER_MIX] == all);
    T_CHECK(whole.removed[VAR_FILTER_ACCUMULATORS] + whole.removed[VAR_FILTER_MIX] == 0);
}

static void keep_something(void)
{
    for (size_t i = 0; i < VAR_FILTER_COUNT; i++)
        T_CHECK(var_filters[i].name && var_filters[i].says && var_filters[i].source);
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        struct krn_problem problem;
        char err[200];
        T_CHECK(krn_problem_parse(problems[i], &problem, err, sizeof err) == 0);
        for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
            if (!(a64 >> isa & 1))
                continue;
            keeps_something(&problem, (enum krn_isa)isa, NULL);
            keeps_something(&problem, (enum krn_isa)isa, var_core_find("cortex-a510", NULL));
            keeps_something(&problem, (enum krn_isa)isa, var_core_find("neoverse-v1", NULL));
        }
    }
}

static void makes_plain_choices(void)
{
    for (size_t i = 0; i < var_core_default_count; i++) {
        const struct var_core_default *row = &var_core_defaults[i];
        struct var_variant v;
        char err[200] = "", name[VAR_NAME_MAX] = "";
        int owners = 0;
        for (size_t c = 0; c < var_core_count; c++)
            owners += var_cores[c].weave == row->weave;
        T_CHECK(row->weave && owners == 1);
        T_CHECK(var_default_variant(&row->row, KRN_EPILOGUE_FLOAT, &v) == 0);
        if (!T_CHECK(var_feasible(&v, err, sizeof err) == 0)) {
            var_name_format(&v, name);
            printf("  %s: %s\n", name, err);
        }
    }
}

/* ---- what the models say */

enum { REMOVED_MAX = 6 };

/* The best loops that are known, besides the plain choices. */
static const struct {
    const char *core;
    const char *variant;
} best[] = {
    { "cortex-a55", "dotprod_gemm_m4n16k4u4a0b0l128s2t1v3p1" },
    { "cortex-a510", "dotprod_gemm_m8n8k4u2a0b0l128s4t1v1p1" },
    { "cortex-a510", "i8mm_gemm_m8n8k8u2a0b0l128s4t1v1p1" },
    { "neoverse-n2", "i8mm_gemm_m8n8k8u2a0b0l128s0t1v1" },
    { "neoverse-v1", "i8mm_gemm_m4n16k8u2a0b0l128s0t1v2i2" },
};

/* Predictions of a layer's variants, by the caller to free; NULL: no model here, which is said. */
static struct hrn_prediction **predict(const struct var_core *core, struct hrn_plan_layer *layer)
{
    const struct hrn_predict_options options = { .core = core };
    struct hrn_plan plan = { .layers = layer, .count = 1, .variants = layer->count };
    struct hrn_prediction **got = NULL;
    char err[600] = "";
    int rc = hrn_predict_plan(&plan, &options, &got, err, sizeof err);
    T_CHECK(rc == 0 || rc == -ENOENT);
    if (rc)
        printf("  %s left out: %s\n", core->name, err);
    return got;
}

/* Some points that filters remove, spread over all of them. */
static size_t gather_removed(const struct krn_problem *problem, enum krn_isa isa,
                             const struct var_core *core, struct var_variant *out)
{
    struct var_space space;
    struct var_variant v;
    size_t count = 0, all = 0;
    for (int pass = 0; pass < 2; pass++) {
        size_t n = 0;
        var_space_init(&space, BIT(isa), problem);
        space.core = core;
        space.unfiltered = space.with_refused = 1;
        while (var_space_next(&space, &v)) {
            int64_t pixels = (int64_t)problem->oh * problem->ow;
            int64_t rows = v.family == KRN_FAMILY_DIRECT && problem->kh > 1 ? problem->ow : pixels;
            if (var_filter_of(&v, core, rows) == VAR_FILTER_COUNT)
                continue;
            if (pass && (n + 1) * REMOVED_MAX / all > n * REMOVED_MAX / all &&
                count < REMOVED_MAX && var_feasible(&v, NULL, 0) == 0)
                out[count++] = v;
            n++;
        }
        all = n;
    }
    return count;
}

static size_t gather_best(enum krn_isa isa, const struct var_core *core, struct var_variant *out)
{
    size_t count = 0;
    char err[200];
    for (size_t i = 0; i < sizeof best / sizeof *best; i++)
        if (!strcmp(best[i].core, core->name) &&
            T_CHECK(var_name_parse(best[i].variant, &out[count], err, sizeof err) == 0))
            count += out[count].isa == isa;
    return count;
}

/* All that is removed is slower than the best of these: by more than a tie. */
static void removes_slow(const char *text, enum krn_isa isa, const struct var_core *core)
{
    struct hrn_layer item = { .times = 1 };
    struct var_variant v[1 + sizeof best / sizeof *best + REMOVED_MAX];
    struct hrn_plan_layer layer = { .layer = &item, .variants = v, .defaults = 1 };
    char err[200], name[VAR_NAME_MAX];
    double least = INFINITY;
    T_CHECK(krn_problem_parse(text, &item.problem, err, sizeof err) == 0);
    if (!T_CHECK(var_default_on(core, isa, &item.problem, KRN_EPILOGUE_FLOAT, &v[0]) == 0))
        return;
    size_t first = 1 + gather_best(isa, core, v + 1);
    layer.count = first + gather_removed(&item.problem, isa, core, v + first);
    struct hrn_prediction **got = predict(core, &layer);
    for (size_t i = 0; got && i < first; i++)
        if (T_CHECK(got[0][i].outcome == HRN_OK))
            least = fmin(least, got[0][i].cycles);
    for (size_t i = first; got && i < layer.count; i++) {
        var_name_format(&v[i], name);
        if (got[0][i].outcome == HRN_OK && !T_CHECK(got[0][i].cycles > 1.02 * least))
            printf("  %s on %s, %s: %.3f of the best\n", name, core->name, text,
                   got[0][i].cycles / least);
    }
    printf("%-14s %-8s %-20s %2zu of what is removed\n", core->name, krn_isas[isa].name, text,
           layer.count - first);
    hrn_predictions_free(got, 1);
}

static void remove_slow(void)
{
    static const char *const cores[] = { "cortex-a53",  "cortex-a55",  "cortex-a510",
                                         "neoverse-n1", "neoverse-n2", "neoverse-v1" };
    static const char *const layers[] = { "ic64ih8oc64kh1", "ic32ih7oc48kh3ph1" };
    for (size_t c = 0; c < sizeof cores / sizeof *cores; c++) {
        const struct var_core *core = var_core_find(cores[c], NULL);
        for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
            for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
                if (core->isas >> isa & 1)
                    removes_slow(layers[i], (enum krn_isa)isa, core);
    }
}

/* A core's own plain choice is not behind that for everybody. */
static void chooses(const char *text, enum krn_isa isa, const struct var_core *core)
{
    struct hrn_layer item = { .times = 1 };
    struct var_variant v[2];
    struct hrn_plan_layer layer = { .layer = &item, .variants = v, .count = 2 };
    char err[200];
    T_CHECK(krn_problem_parse(text, &item.problem, err, sizeof err) == 0);
    if (var_default(isa, &item.problem, &v[1]) ||
        var_default_on(core, isa, &item.problem, KRN_EPILOGUE_FLOAT, &v[0]) ||
        !memcmp(&v[0], &v[1], sizeof v[0]))
        return;
    struct hrn_prediction **got = predict(core, &layer);
    if (got && !T_CHECK(got[0][0].outcome == HRN_OK && got[0][0].cycles <= 1.01 * got[0][1].cycles))
        printf("  %s, %s, %s: %.3f of the choice for everybody\n", core->name, krn_isas[isa].name,
               text, got[0][0].cycles / got[0][1].cycles);
    hrn_predictions_free(got, 1);
}

static void choose_no_worse(void)
{
    static const char *const layers[] = {
        "ic64ih8oc64kh1",       "ic1024ih4oc64kh1",     "ic64ih7oc64kh3ph1",
        "ic3ih32oc32kh3ph1sh2", "g32ic32ih8oc32kh3ph1", "g32ic32ih8oc32kh3ph1sh2",
        "ic256ih1oc64kh1",
    };
    for (size_t c = 0; c < var_core_count; c++)
        for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
            for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
                if (var_cores[c].weave && var_cores[c].isas >> isa & 1)
                    chooses(layers[i], (enum krn_isa)isa, &var_cores[c]);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    counts_loops();
    keep_something();
    makes_plain_choices();
    remove_slow();
    choose_no_worse();
    return t_end();
}
