#include "harness/model/opinion.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double whole_cycles(const struct hrn_counted *counted,
                           const struct hrn_prediction *predicted, const struct var_core *core)
{
    if (counted->outcome != HRN_OK || predicted->outcome != HRN_OK)
        return 0;
    int64_t driver = counted->whole[HRN_COUNT_INSN] - counted->kernel[HRN_COUNT_INSN];
    return predicted->cycles - predicted->driver_cycles + (double)driver / core->compiled;
}

static int take(const struct hrn_plan *plan, struct hrn_counted *const *counted,
                struct hrn_prediction *const *predicted, struct hrn_opinion *out)
{
    out->cycles = calloc(plan->count + 1, sizeof *out->cycles);
    for (; out->cycles && out->layers < plan->count; out->layers++) {
        const size_t l = out->layers, count = plan->layers[l].count;
        out->cycles[l] = calloc(count + 1, sizeof **out->cycles);
        if (!out->cycles[l])
            return -ENOMEM;
        for (size_t i = 0; i < count; i++)
            out->cycles[l][i] = whole_cycles(&counted[l][i], &predicted[l][i], out->core);
    }
    return out->cycles ? 0 : -ENOMEM;
}

int hrn_opinion_make(const struct hrn_plan *plan, struct hrn_counted *const *counted,
                     const struct hrn_predict_options *options, struct hrn_opinion *out, char *err,
                     size_t err_bytes)
{
    struct hrn_prediction **predicted;
    *out = (struct hrn_opinion) { .core = options->core };
    int rc = hrn_predict_plan(plan, options, &predicted, err, err_bytes);
    if (rc)
        return rc;
    rc = take(plan, counted, predicted, out);
    if (rc)
        snprintf(err, err_bytes, "out of memory");
    hrn_predictions_free(predicted, plan->count);
    return rc;
}

void hrn_opinion_clear(struct hrn_opinion *opinion)
{
    for (size_t i = 0; opinion->cycles && i < opinion->layers; i++)
        free(opinion->cycles[i]);
    free(opinion->cycles);
    *opinion = (struct hrn_opinion) { 0 };
}

long hrn_opinion_fastest(const struct hrn_opinion *opinion, size_t layer, size_t variants)
{
    const double *cycles = opinion->cycles[layer];
    long best = -1;
    for (size_t i = 0; i < variants; i++)
        if (cycles[i] > 0 && (best < 0 || cycles[i] < cycles[best]))
            best = (long)i;
    return best;
}

double hrn_opinion_loss(const struct hrn_opinion *opinion, size_t layer, size_t variant,
                        size_t variants)
{
    const double *cycles = opinion->cycles[layer];
    long best = hrn_opinion_fastest(opinion, layer, variants);
    return cycles[variant] > 0 ? cycles[variant] / cycles[best] - 1 : NAN;
}

long hrn_opinion_winner(const struct hrn_opinion *opinion, const struct hrn_counted *counted,
                        size_t layer, size_t variants)
{
    const double *cycles = opinion->cycles[layer];
    long best = hrn_opinion_fastest(opinion, layer, variants), winner = best;
    for (size_t i = 0; best >= 0 && i < variants; i++)
        if (cycles[i] > 0 && cycles[i] <= cycles[best] * (1 + HRN_OPINION_MARGIN) &&
            counted[i].whole[HRN_COUNT_INSN] < counted[winner].whole[HRN_COUNT_INSN])
            winner = (long)i;
    return winner;
}
