/* The tables over all layers. */
#include "reports/html_int.h"

#define ROWS_MAX 400 /* of a table of failures; CSV has all */

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

/* Whether some layer occurs more than once, so that a column for it says something. */
static int has_times(const struct rpt_run *run)
{
    for (size_t l = 0; l < run->layer_count; l++)
        if (run->layers[l].times > 1)
            return 1;
    return 0;
}

static void put_winner_row(const struct rpt_page *page, size_t l)
{
    FILE *out = page->out;
    const struct rpt_layer *layer = &page->run->layers[l];
    const struct rpt_candidate *winner = rpt_winner(page->run, layer);
    fprintf(out, "<tr><td class=\"num muted\">%zu</td>", l + 1);
    put_layer_cell(out, layer, l);
    if (has_times(page->run))
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
    fputs(
        "<h2 id=\"winners\">Winner of each layer</h2>\n"
        "<p class=\"note\">Speed-ups are time of the baseline / time of the winner, with the 95 % "
        "interval; green means faster beyond the noise band. Tied: variants that the samples "
        "cannot tell from the fastest.</p>\n<div class=\"scroll\"><table>\n<thead><tr>"
        "<th class=\"num\">#</th><th>Layer</th>",
        out);
    if (has_times(page->run))
        fputs("<th class=\"num\">Occurs</th>", out);
    fputs("<th>Winner</th><th class=\"num\">Median, &micro;s</th><th class=\"num\">GMAC/s</th>"
          "<th class=\"num\">% of peak</th><th class=\"num\">vs default</th>"
          "<th class=\"num\">vs portable C</th><th class=\"num\">Tied</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t l = 0; l < page->run->layer_count; l++)
        put_winner_row(page, l);
    fputs("</tbody></table></div>\n", out);
    for (int b = 0; b < RPT_BASELINE_COUNT; b++)
        if (page->digest->geomean_layers[b] < page->digest->timed_layers)
            fprintf(out,
                    "<p class=\"note\">%zu layer(s) are not compared with %s: the run has no time "
                    "of it.</p>\n",
                    page->digest->timed_layers - page->digest->geomean_layers[b],
                    rpt_baseline_titles[b]);
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

static int is_shown(const struct rpt_digest *d, int outcome)
{
    return outcome != HRN_OK && d->outcomes[outcome] > 0;
}

static void put_outcome_row(const struct rpt_page *page, const struct rpt_isa_digest *isa)
{
    FILE *out = page->out;
    fputs("<tr>", out);
    rpt_html_element(out, "td", NULL, isa->isa);
    fprintf(out, "<td class=\"num\">%zu</td>", isa->fates[RPT_PROVED] + isa->fates[RPT_VOID]);
    for (int o = 0; o < HRN_OUTCOME_COUNT; o++)
        if (is_shown(page->digest, o))
            fprintf(out, "<td class=\"num%s\">%zu</td>",
                    isa->outcomes[o] == 0 ? " muted"
                    : o == HRN_VOID       ? " warn"
                                          : " bad",
                    isa->outcomes[o]);
    if (rpt_run_timed(page->run))
        fprintf(out, "<td class=\"num\">%zu</td><td class=\"num\">%zu</td>", isa->timed,
                isa->winners);
    fputs("</tr>\n", out);
}

void rpt_page_outcomes(const struct rpt_page *page)
{
    FILE *out = page->out;
    fputs("<h2 id=\"outcomes\">Proved and failed, by ISA</h2>\n"
          "<p class=\"note\">Variants on layers: one variant on two layers counts twice.</p>\n"
          "<div class=\"scroll\"><table><thead><tr><th>ISA</th><th class=\"num\">proved</th>",
          out);
    for (int o = 0; o < HRN_OUTCOME_COUNT; o++)
        if (is_shown(page->digest, o)) {
            fputs("<th class=\"num\" title=\"", out);
            rpt_html_text(out, rpt_outcome_meanings[o]);
            fprintf(out, "\">%s</th>", hrn_outcome_names[o]);
        }
    if (rpt_run_timed(page->run))
        fputs("<th class=\"num\">timed</th><th class=\"num\">layers won</th>", out);
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < page->digest->isa_count; i++)
        put_outcome_row(page, &page->digest->isas[i]);
    fputs("</tbody></table></div>\n", out);
}

/* ---- failures, and what has no time */

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

/* The variants of some fates, `total` of them; the first ROWS_MAX in rows. */
static void put_fates(const struct rpt_page *page, unsigned fates, size_t total)
{
    FILE *out = page->out;
    size_t left = ROWS_MAX;
    fputs("<div class=\"scroll\"><table><thead><tr><th>Variant</th><th>Layer</th><th>Outcome</th>"
          "<th>Stage</th><th>Signal</th><th>Detail</th></tr></thead><tbody>\n",
          out);
    for (size_t l = 0; l < page->run->layer_count; l++)
        for (size_t i = 0; i < page->run->layers[l].count && left; i++) {
            const struct rpt_candidate *c = &page->run->layers[l].candidates[i];
            if (!(fates & 1u << rpt_fate(c)))
                continue;
            put_failure_row(page, l, c);
            left--;
        }
    fputs("</tbody></table></div>\n", out);
    if (total > ROWS_MAX)
        fprintf(out,
                "<p class=\"note\">%zu more are left out here; <code>quern report --format csv"
                "</code> has them all.</p>\n",
                total - ROWS_MAX);
}

void rpt_page_failures(const struct rpt_page *page)
{
    FILE *out = page->out;
    const size_t *fates = page->digest->fates, untimed = fates[RPT_VOID] + fates[RPT_UNREACHED];
    if (fates[RPT_FAILED]) {
        fputs("<h2 id=\"failures\">Failures</h2>\n<p class=\"note\">A failed variant has no time "
              "and takes no part in the ranking; the sweep went on after each.</p>\n",
              out);
        put_fates(page, 1u << RPT_FAILED, fates[RPT_FAILED]);
    }
    if (untimed && page->run->evidence != HRN_PREDICTED) {
        fprintf(out,
                "<h2>Without a time</h2>\n<p class=\"note\">Not wrong, but no figure can be given: "
                "%zu proved, with every sample void for the reason shown; %zu not reached.</p>\n"
                "<details class=\"layer\"><summary><b>%zu variants on layers</b></summary>"
                "<div class=\"body\">\n",
                fates[RPT_VOID], fates[RPT_UNREACHED], untimed);
        put_fates(page, 1u << RPT_VOID | 1u << RPT_UNREACHED, untimed);
        fputs("</div></details>\n", out);
    }
}
