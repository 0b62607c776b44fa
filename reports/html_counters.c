#include "reports/html_int.h"

#include <math.h>

#include "reports/pair.h"
#include "reports/report_int.h"

static void put_row(FILE *out, const struct rpt_metric *m, const struct rpt_candidate *rival)
{
    char number[RPT_NUMBER_MAX];
    double other;
    fputs("<tr>", out);
    rpt_html_element(out, "td", NULL, m->name);
    fprintf(out, "<td class=\"num\">%s</td>",
            m->value == 0 ? "0" : rpt_number(m->value, 4, number));
    if (rival && rpt_metric_of(rival, m->name, &other) == 0) {
        fprintf(out, "<td class=\"num\">%s</td>", other == 0 ? "0" : rpt_number(other, 4, number));
        if (other > 0 && m->value > 0)
            fprintf(out, "<td class=\"num\">%+.1f&nbsp;%%</td>", 100 * (m->value / other - 1));
        else
            fputs("<td class=\"num\">-</td>", out);
    } else if (rival) {
        fputs("<td class=\"num\">-</td><td class=\"num\">-</td>", out);
    }
    fputs("</tr>\n", out);
}

void rpt_page_counters(const struct rpt_page *page, const struct rpt_layer *layer)
{
    FILE *out = page->out;
    const struct rpt_candidate *winner = rpt_winner(page->run, layer), *rival;
    if (winner && winner->counters_disagree)
        fputs("<p class=\"note\">The passes of the counters differ in cycles or instructions, so "
              "nothing is said of them.</p>\n",
              out);
    if (!winner || winner->metric_count == 0)
        return;
    rival = rpt_rival(layer);
    fputs("<h4>Why: what the counters say</h4>\n<table><thead><tr><th>Per call of the layer</th>"
          "<th>winner</th>",
          out);
    if (rival) {
        fputs("<th><code>", out);
        rpt_html_text(out, rival->variant);
        fputs("</code></th><th>change</th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < winner->metric_count; i++)
        put_row(out, &winner->metrics[i], rival);
    fputs("</tbody></table>\n", out);
}

static void put_sheet(FILE *out, const char *id, const struct rpt_sheet *sheet)
{
    fprintf(out, "<h2 id=\"%s\">", id);
    rpt_html_text(out, sheet->title);
    fputs("</h2>\n<div class=\"scroll\"><table><thead><tr>", out);
    for (size_t c = 0; c < sheet->columns; c++)
        rpt_html_element(out, "th", c < sheet->text_columns ? NULL : "num", sheet->headings[c]);
    fputs("</tr></thead><tbody>\n", out);
    for (size_t r = 0; r < sheet->rows; r++) {
        fputs("<tr>", out);
        for (size_t c = 0; c < sheet->columns; c++)
            rpt_html_element(out, "td", c < sheet->text_columns ? NULL : "num",
                             rpt_sheet_cell(sheet, r, c));
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    for (size_t i = 0; i < sheet->note_count; i++)
        rpt_html_element(out, "p", "note", sheet->notes[i]);
}

void rpt_page_figures(const struct rpt_page *page)
{
    struct rpt_sheet sheet;
    if (rpt_sheet_init(page->run, &sheet) > 0)
        put_sheet(page->out, "figures", &sheet);
    rpt_sheet_clear(&sheet);
}

void rpt_page_pair(const struct rpt_page *page)
{
    struct rpt_sheet sheet;
    if (!page->run->pair)
        return;
    if (rpt_pair_sheet(page->run->pair, &sheet) > 0)
        put_sheet(page->out, "pair", &sheet);
    rpt_sheet_clear(&sheet);
}
