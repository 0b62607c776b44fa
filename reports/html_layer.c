/* Layer by layer: the ranking with its intervals, and the plots. */
#include "reports/html_int.h"

#include <math.h>

#define RANKED_MIN 10 /* rows of a ranking, more where more are tied */
#define RANKED_MAX 24
#define LAYERS_OPEN 3 /* as many layers or fewer: all unfolded */

/* ---- interval bars: time against the fastest, on one axis per layer */

#define BAR_WIDTH 190.0
#define BAR_MARGIN 6.0
#define SCALE_LOW 0.98
#define SCALE_HIGH_MIN 1.06
#define SCALE_HIGH_MAX 1.5

struct scale {
    double low, high; /* ratios at the ends of the axis */
};

static double place(const struct scale *s, double ratio)
{
    double inside = fmin(fmax(ratio, s->low), s->high);
    return BAR_MARGIN + (inside - s->low) / (s->high - s->low) * (BAR_WIDTH - 2 * BAR_MARGIN);
}

static struct scale scale_of(const struct rpt_layer *layer, size_t rows)
{
    struct scale s = { SCALE_LOW, SCALE_HIGH_MIN };
    for (size_t i = 0; i < rows; i++) {
        const struct hrn_comparison *c = &layer->candidates[i].rank.against_best;
        double high = isfinite(c->high) ? c->high : c->ratio;
        if (isfinite(high))
            s.high = fmax(s.high, fmin(high + 0.01, SCALE_HIGH_MAX));
        if (isfinite(c->low))
            s.low = fmax(0.9, fmin(s.low, c->low - 0.005));
    }
    return s;
}

static void put_axis(FILE *out, const struct scale *s)
{
    fprintf(out, "<svg class=\"interval\" width=\"%.0f\" height=\"14\" aria-hidden=\"true\">",
            BAR_WIDTH);
    fprintf(out,
            "<text x=\"%.1f\" y=\"11\" font-size=\"11\" text-anchor=\"middle\" "
            "fill=\"var(--muted)\">1&times;"
            "</text><text x=\"%.1f\" y=\"11\" font-size=\"11\" text-anchor=\"end\" "
            "fill=\"var(--muted)\">%.2f&times;"
            "</text></svg>",
            place(s, 1), BAR_WIDTH - BAR_MARGIN, s->high);
}

static void put_bar(FILE *out, const struct hrn_comparison *c, double band, const struct scale *s,
                    int is_tied)
{
    const char *ink = is_tied ? "--series-1" : "--plain";
    fprintf(out,
            "<svg class=\"interval\" width=\"%.0f\" height=\"16\" role=\"img\" aria-label=\"%.3f "
            "of the fastest\">",
            BAR_WIDTH, isfinite(c->ratio) ? c->ratio : 0);
    fprintf(out, "<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"16\" fill=\"var(--track)\"/>",
            place(s, 1 - band), place(s, 1 + band) - place(s, 1 - band));
    fprintf(out, "<path d=\"M%.1f 0V16\" stroke=\"var(--muted)\"/>", place(s, 1));
    if (isfinite(c->low) && isfinite(c->high) && c->low < s->high)
        fprintf(out,
                "<path d=\"M%.1f 8H%.1fM%.1f 4V12M%.1f 4V12\" stroke=\"var(%s)\" "
                "stroke-width=\"2\" fill=\"none\"/>",
                place(s, c->low), place(s, c->high), place(s, c->low), place(s, c->high), ink);
    if (isfinite(c->ratio) && c->ratio <= s->high)
        fprintf(out, "<circle cx=\"%.1f\" cy=\"8\" r=\"3.5\" fill=\"var(%s)\"/>",
                place(s, c->ratio), ink);
    else if (isfinite(c->ratio)) /* off the axis: a head of an arrow */
        fprintf(out,
                "<path d=\"M%.1f 4L%.1f 8L%.1f 12\" stroke=\"var(%s)\" stroke-width=\"2\" "
                "fill=\"none\"/>",
                BAR_WIDTH - 9, BAR_WIDTH - 4, BAR_WIDTH - 9, ink);
    fputs("</svg>", out);
}

/* ---- ranking */

static void put_tags(FILE *out, const struct rpt_layer *layer, size_t i)
{
    if (i == 0)
        fputs("<span class=\"tag win\">winner</span>", out);
    else if (i < layer->tied)
        fprintf(out, "<span class=\"tag\">%s</span>",
                layer->candidates[i].rank.against_best.verdict == HRN_TIE ? "tie" : "undecided");
    for (int b = 0; b < RPT_BASELINE_COUNT; b++)
        if (layer->against[b].index == (long)i)
            fprintf(out, " <span class=\"tag\">%s</span>",
                    b == RPT_DEFAULT ? "default" : "portable C");
}

static void put_ratio_cell(FILE *out, const struct hrn_comparison *c)
{
    char ratio[RPT_NUMBER_MAX];
    fprintf(out, "<td class=\"num\">%s&times;", rpt_number(c->ratio, 4, ratio));
    if (isfinite(c->low) && isfinite(c->high))
        fprintf(out, " <span class=\"range\">%.3f&ndash;%.3f</span>", c->low, c->high);
    fputs("</td>", out);
}

static void put_ranked(const struct rpt_page *page, const struct rpt_layer *layer, size_t i,
                       const struct scale *scale)
{
    FILE *out = page->out;
    const struct rpt_candidate *c = &layer->candidates[i];
    const struct hrn_summary *s = &c->rank.summary;
    char number[RPT_NUMBER_MAX], spread[RPT_NUMBER_MAX];
    fprintf(out, "<tr%s><td class=\"num muted\">%zu</td><td class=\"name\">",
            i < layer->tied ? " class=\"tied\"" : "", i + 1);
    rpt_html_element(out, "code", NULL, c->variant);
    fputs("</td><td class=\"name\">", out);
    put_tags(out, layer, i);
    fprintf(out,
            "</td><td class=\"num\">%s <span class=\"range\">&plusmn;%s</span></td><td "
            "class=\"num\">%zu</td>",
            rpt_number(s->median / 1e3, 4, number), rpt_number(s->mad / 1e3, 2, spread), s->count);
    rpt_html_number_cell(out, c->gmacs, 3);
    if (c->peak_share > 0)
        fprintf(out, "<td class=\"num\">%.0f %%</td>", 100 * c->peak_share);
    else
        fputs("<td class=\"num\">&ndash;</td>", out);
    put_ratio_cell(out, &c->rank.against_best);
    fputs("<td>", out);
    put_bar(out, &c->rank.against_best, layer->band, scale, i < layer->tied);
    fputs("</td></tr>\n", out);
}

static void put_ranking(const struct rpt_page *page, const struct rpt_layer *layer)
{
    FILE *out = page->out;
    size_t rows = layer->tied > RANKED_MIN ? layer->tied : RANKED_MIN;
    rows = rows < RANKED_MAX ? rows : RANKED_MAX;
    rows = rows < layer->timed ? rows : layer->timed;
    const struct scale scale = scale_of(layer, rows);
    fputs(
        "<div class=\"scroll\"><table><thead><tr><th class=\"num\">#</th><th>Variant</th><th></th>"
        "<th class=\"num\">Median, &micro;s</th><th class=\"num\">Rounds</th><th "
        "class=\"num\">GMAC/s</th>"
        "<th class=\"num\">% of peak</th><th class=\"num\">Time / fastest</th><th>",
        out);
    put_axis(out, &scale);
    fputs("</th></tr></thead><tbody>\n", out);
    for (size_t i = 0; i < rows; i++)
        put_ranked(page, layer, i, &scale);
    for (int b = 0; b < RPT_BASELINE_COUNT; b++) {
        long index = layer->against[b].index;
        if (index >= (long)rows && (size_t)index < layer->timed)
            put_ranked(page, layer, (size_t)index, &scale);
    }
    fputs("</tbody></table></div>\n", out);
}

/* ---- plots */

static void put_figure(FILE *out, const struct rpt_plot *plot, const char *title, const char *words)
{
    if (!plot->svg)
        return;
    fputs("<figure><figcaption><b>", out);
    fputs(title, out);
    fputs("</b>", out);
    if (plot->isa) {
        fputs(", ", out);
        rpt_html_text(out, plot->isa);
    }
    fprintf(out, "%s%s</figcaption>\n", words[0] ? ". " : "", words);
    fputs(plot->svg, out);
    fputs("</figure>\n", out);
}

static void put_figures(const struct rpt_page *page, enum rpt_plot_kind kind, long layer)
{
    static const struct {
        const char *title, *words;
    } captions[RPT_PLOT_KIND_COUNT] = {
        [RPT_PLOT_TILES] = { "Tiles", "" },
        [RPT_PLOT_HEAT] = { "Tiles", "Best GMAC/s of each MR &times; NR, over all other knobs." },
        [RPT_PLOT_PREFETCH_A] = { "Prefetch of A", "Change of the median time against the shortest "
                                                   "distance, &plusmn; MAD. Down is faster." },
        [RPT_PLOT_PREFETCH_B] = { "Prefetch of B", "Change of the median time against the shortest "
                                                   "distance, &plusmn; MAD. Down is faster." },
        [RPT_PLOT_SPREAD] = { "All variants", "Sorted by median time; logarithmic." },
        [RPT_PLOT_DRIFT] = { "Did the machine stand still?",
                             "By round: the canary, a loop that is always the same, against its "
                             "median, and the baseline against itself. The grey band is the noise "
                             "band." },
    };
    for (const struct rpt_plot *p = rpt_plots_find(page->plots, kind, layer, NULL); p;
         p = rpt_plots_find(page->plots, kind, layer, p))
        put_figure(page->out, p, captions[kind].title, captions[kind].words);
}

void rpt_page_overview_plots(const struct rpt_page *page)
{
    FILE *out = page->out;
    fputs(
        "<h2 id=\"tiles\">Which tile, over all layers</h2>\n<p class=\"note\">Per cent of the best "
        "tile of a layer, over all other knobs: the geometric mean over the layers that are not "
        "depthwise. The frame marks the best.</p>\n",
        out);
    if (page->plots->why[0]) {
        fputs("<div class=\"banner\"><p><b>Plots are missing.</b> ", out);
        rpt_html_text(out, page->plots->why);
        fputs(". Then make the report again, or draw them in <code>", out);
        rpt_html_text(out, page->plots_dir);
        fputs("</code> with <code>gnuplot *.gp</code>.</p></div>\n", out);
    }
    if (rpt_plots_find(page->plots, RPT_PLOT_TILES, -1, NULL)) {
        fputs("<div class=\"figures\">\n", out);
        put_figures(page, RPT_PLOT_TILES, -1);
        fputs("</div>\n", out);
    } else {
        fputs("<p class=\"note\">No tile was tried on every layer, or too few were: there is no "
              "map to draw.</p>\n",
              out);
    }
}

/* ---- layers */

static void put_layer_summary(const struct rpt_page *page, const struct rpt_layer *layer, size_t l)
{
    FILE *out = page->out;
    const struct rpt_candidate *winner = rpt_winner(page->run, layer);
    char words[RPT_NUMBER_MAX], rate[RPT_NUMBER_MAX];
    fprintf(out, "<summary><b>%zu. ", l + 1);
    rpt_html_text(out, rpt_layer_name(layer));
    fputs("</b>", out);
    if (winner) {
        rpt_html_element(out, "code", NULL, winner->variant);
        fprintf(out, "<span class=\"figure\">%s &middot; %s GMAC/s</span>",
                rpt_time_words(winner->rank.summary.median, words),
                rpt_number(winner->gmacs, 3, rate));
    } else {
        fputs("<span class=\"warn\">no variant has a time</span>", out);
    }
    fputs("</summary>\n", out);
}

static void put_layer_facts(FILE *out, const struct rpt_layer *layer)
{
    char number[RPT_NUMBER_MAX];
    fputs("<p class=\"note\"><code>", out);
    rpt_html_text(out, layer->problem);
    fprintf(out, "</code> &middot; %s MMAC", rpt_number((double)layer->macs / 1e6, 4, number));
    if (layer->network[0]) {
        fprintf(out, " &middot; %d&times; in ", layer->times);
        rpt_html_text(out, layer->network);
    }
    fprintf(out,
            " &middot; %zu variants timed, %zu not &middot; %zu tied with the fastest &middot; "
            "noise band %s %% (%s)</p>\n",
            layer->timed, layer->count - layer->timed, layer->tied,
            rpt_number(100 * layer->band, 2, number),
            layer->band_pairs >= HRN_PAIRS_MIN ? "the baseline against itself" : "assumed");
}

static void put_layer(const struct rpt_page *page, size_t l)
{
    static const enum rpt_plot_kind shown[] = { RPT_PLOT_HEAT, RPT_PLOT_SPREAD, RPT_PLOT_PREFETCH_A,
                                                RPT_PLOT_PREFETCH_B, RPT_PLOT_DRIFT };
    FILE *out = page->out;
    const struct rpt_layer *layer = &page->run->layers[l];
    fprintf(out, "<details class=\"layer\"%s>",
            page->run->layer_count <= LAYERS_OPEN || l == 0 ? " open" : "");
    put_layer_summary(page, layer, l);
    fprintf(out, "<div class=\"body\" id=\"layer-%zu\">\n", l + 1);
    put_layer_facts(out, layer);
    if (layer->timed > 0)
        put_ranking(page, layer);
    rpt_page_counters(page, layer);
    fputs("<div class=\"figures\">\n", out);
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
        put_figures(page, shown[k], (long)l);
    fputs("</div></div></details>\n", out);
}

void rpt_page_layers(const struct rpt_page *page)
{
    fputs("<h2 id=\"layers\">Layer by layer</h2>\n"
          "<p class=\"note\">Blue rows are the tie set. Bars: time of the variant / time of the "
          "fastest, paired by round,"
          " with the 95 % interval; the grey band is the noise band; a point without an interval "
          "was dropped early"
          " and compared by medians only.</p>\n",
          page->out);
    for (size_t l = 0; l < page->run->layer_count; l++)
        put_layer(page, l);
}
