/* The tables over all layers. */
#include "reports/html_int.h"

#define FAILURES_MAX 400 /* rows of the failures table; CSV has all */

/* ---- winners */

static void put_layer_cell(FILE *out, const struct rpt_layer *layer, size_t l)
{
    fprintf(out, "<td class=\"name\"><a href=\"#layer-%zu\">", l + 1);
    rpt_html_text(out, rpt_layer_name(layer));
    fputs("</a>", out);
    if (layer->title[0])
        rpt_html_element(out, "small", NULL, layer->problem);
    fputs("</td>", out);
}

static void put_winner_row(const struct rpt_page *page, size_t l)
{
    FILE *out = page->out;
    const struct rpt_layer *layer = &page->run->layers[l];
    const struct rpt_candidate *winner = rpt_winner(page->run, layer);
    fprintf(out, "<tr><td class=\"num muted\">%zu</td>", l + 1);
    put_layer_cell(out, layer, l);
    fprintf(out, "<td class=\"num\">%d</td>", layer->times);
    if (!winner) {
        fprintf(out,
                "<td colspan=\"7\" class=\"warn\">no variant has a time (%zu tried)</td></tr>\n",
                layer->count);
        return;
    }
    fputs("<td class=\"name\">", out);
    rpt_html_element(out, "code", NULL, winner->variant);
    fputs("</td>", out);
    rpt_html_number_cell(out, winner->rank.summary.median / 1e3, 4);
    rpt_html_number_cell(out, winner->gmacs, 3);
    rpt_html_share_cell(out, winner->peak_share);
    for (int b = 0; b < RPT_BASELINE_COUNT; b++)
        rpt_html_speedup_cell(out, rpt_speedup(layer, (enum rpt_baseline)b),
                              layer->against[b].of.verdict);
    fprintf(out, "<td class=\"num\">%zu <span class=\"range\">of %zu</span></td></tr>\n",
            layer->tied, layer->timed);
}

void rpt_page_winners(const struct rpt_page *page)
{
    FILE *out = page->out;
    fputs("<h2 id=\"winners\">Winner of each layer</h2>\n"
          "<p class=\"note\">Speed-ups are time of the baseline / time of the winner, with the 95 "
          "% interval; green"
          " means faster beyond the noise band. Tied: variants that the samples cannot tell from "
          "the fastest.</p>\n"
          "<div class=\"scroll\"><table>\n<thead><tr><th class=\"num\">#</th><th>Layer</th><th "
          "class=\"num\">Times</th>"
          "<th>Winner</th><th class=\"num\">Median, &micro;s</th><th class=\"num\">GMAC/s</th>"
          "<th class=\"num\">% of peak</th><th class=\"num\">vs default</th><th class=\"num\">vs "
          "portable C</th>"
          "<th class=\"num\">Tied</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t l = 0; l < page->run->layer_count; l++)
        put_winner_row(page, l);
    fputs("</tbody></table></div>\n", out);
}

/* ---- networks */

static void put_sum_cells(FILE *out, const struct rpt_network_digest *n, enum rpt_baseline b)
{
    char words[RPT_NUMBER_MAX], factor[RPT_NUMBER_MAX];
    if (n->compared[b] == 0) {
        fputs("<td class=\"num\">&ndash;</td>", out);
        return;
    }
    fprintf(out, "<td class=\"num\">%s <span class=\"range\">%s&times;",
            rpt_time_words(n->baseline_ns[b], words),
            rpt_number(n->baseline_ns[b] / n->compared_ns[b], 3, factor));
    if (n->compared[b] < n->timed)
        fprintf(out, " on %zu layers", n->compared[b]);
    fputs("</span></td>", out);
}

void rpt_page_networks(const struct rpt_page *page)
{
    FILE *out = page->out;
    char words[RPT_NUMBER_MAX];
    if (page->digest->network_count == 0)
        return;
    fputs("<h2 id=\"networks\">All layers together</h2>\n"
          "<p class=\"note\">The sum over the layers, each as often as the network has it. Each "
          "layer was measured alone"
          " with warm caches, so this is less than a whole network takes.</p>\n"
          "<div class=\"scroll\"><table><thead><tr><th>Network</th><th class=\"num\">Layers "
          "timed</th>"
          "<th class=\"num\">Winners</th><th class=\"num\">The default</th><th "
          "class=\"num\">Portable C</th></tr></thead>"
          "\n<tbody>\n",
          out);
    for (size_t i = 0; i < page->digest->network_count; i++) {
        const struct rpt_network_digest *n = &page->digest->networks[i];
        fputs("<tr>", out);
        rpt_html_element(out, "td", NULL, n->network);
        fprintf(out, "<td class=\"num\">%zu of %zu</td><td class=\"num\"><b>%s</b></td>", n->timed,
                n->layers, n->timed ? rpt_time_words(n->winners_ns, words) : "&ndash;");
        put_sum_cells(out, n, RPT_DEFAULT);
        put_sum_cells(out, n, RPT_PORTABLE);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

/* ---- outcomes */

void rpt_page_outcomes(const struct rpt_page *page)
{
    FILE *out = page->out;
    const struct rpt_digest *d = page->digest;
    fputs("<h2 id=\"outcomes\">Proved and failed, by ISA</h2>\n"
          "<p class=\"note\">One measurement is one variant on one layer.</p>\n"
          "<div class=\"scroll\"><table><thead><tr><th>ISA</th>",
          out);
    for (int o = 0; o < HRN_OUTCOME_COUNT; o++)
        if (o == HRN_OK || d->outcomes[o]) {
            fputs("<th class=\"num\" title=\"", out);
            rpt_html_text(out, rpt_outcome_meanings[o]);
            fprintf(out, "\">%s</th>", o == HRN_OK ? "proved" : hrn_outcome_names[o]);
        }
    if (rpt_run_timed(page->run))
        fputs("<th class=\"num\">layers won</th>", out);
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < d->isa_count; i++) {
        fputs("<tr>", out);
        rpt_html_element(out, "td", NULL, d->isas[i].isa);
        for (int o = 0; o < HRN_OUTCOME_COUNT; o++)
            if (o == HRN_OK || d->outcomes[o])
                fprintf(out, "<td class=\"num%s\">%zu</td>",
                        o != HRN_OK && d->isas[i].outcomes[o] ? " bad" : "",
                        d->isas[i].outcomes[o]);
        if (rpt_run_timed(page->run))
            fprintf(out, "<td class=\"num\">%zu</td>", d->isas[i].winners);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

/* ---- failures */

static void put_failure_row(const struct rpt_page *page, size_t l, const struct rpt_candidate *c)
{
    FILE *out = page->out;
    char signal[RPT_NUMBER_MAX];
    fputs("<tr><td class=\"name\">", out);
    rpt_html_element(out, "code", NULL, c->variant);
    fputs("</td><td class=\"name\">", out);
    rpt_html_text(out, rpt_layer_name(&page->run->layers[l]));
    fprintf(out, "</td><td><span class=\"tag\">%s</span></td><td>%s</td><td class=\"mono\">%s</td>",
            hrn_outcome_names[c->outcome], hrn_stage_names[c->stage],
            rpt_signal(c->signal, signal));
    rpt_html_element(out, "td", "text", c->detail);
    fputs("</tr>\n", out);
}

void rpt_page_failures(const struct rpt_page *page)
{
    FILE *out = page->out;
    size_t left = FAILURES_MAX;
    if (page->digest->failures == 0)
        return;
    fputs("<h2 id=\"failures\">Failures</h2>\n<p class=\"note\">A failed variant has no time and "
          "takes no part in the"
          " ranking; the sweep went on after each.</p>\n"
          "<div "
          "class=\"scroll\"><table><thead><tr><th>Variant</th><th>Layer</th><th>Outcome</"
          "th><th>Stage</th>"
          "<th>Signal</th><th>Detail</th></tr></thead><tbody>\n",
          out);
    for (size_t l = 0; l < page->run->layer_count; l++)
        for (size_t i = 0; i < page->run->layers[l].count; i++) {
            const struct rpt_candidate *c = &page->run->layers[l].candidates[i];
            if (c->outcome == HRN_OK || left == 0)
                continue;
            put_failure_row(page, l, c);
            left--;
        }
    fputs("</tbody></table></div>\n", out);
    if (page->digest->failures > FAILURES_MAX)
        fprintf(out,
                "<p class=\"note\">%zu more are left out here; <code>quern report --format "
                "csv</code> has them all."
                "</p>\n",
                page->digest->failures - FAILURES_MAX);
}
