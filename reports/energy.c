/* What is said of the energy of a call, in every format alike. */
#include "reports/report_int.h"

#include <stdio.h>

/* Where the winner of a layer has one. */
static int put_known(const struct rpt_layer *layer, rpt_sentence *say, void *user)
{
    char number[RPT_NUMBER_MAX], text[RPT_SENTENCE_MAX];
    const struct rpt_candidate *c = layer->candidates;
    if (!layer->timed || c->energy_j <= 0)
        return 0;
    snprintf(text, sizeof text,
             "Energy of a call of %.80s: %s mJ, drawn by the whole device over %.0f s",
             rpt_layer_name(layer), rpt_number(1e3 * c->energy_j, 3, number), c->battery_s);
    say(text, 1, user);
    return 1;
}

void rpt_energy(const struct rpt_run *run, rpt_sentence *say, void *user)
{
    char text[RPT_SENTENCE_MAX];
    double longest_s = 0;
    int known = 0;
    for (size_t l = 0; l < run->layer_count; l++) {
        const struct rpt_layer *layer = &run->layers[l];
        known += put_known(layer, say, user);
        if (layer->timed && layer->candidates->battery_s > longest_s)
            longest_s = layer->candidates->battery_s;
    }
    if (known)
        return;
    snprintf(text, sizeof text,
             "Energy of a call: unknown (at most %.0f s of a winner ran on a battery that tells "
             "current and voltage; it takes %d s)",
             longest_s, RPT_ENERGY_S);
    say(text, 0, user);
}
