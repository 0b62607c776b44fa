/* The page in parts. html.c puts them together; each part writes to page->out and fails through the
 * stream. */
#ifndef QUERN_REPORTS_HTML_INT_H
#define QUERN_REPORTS_HTML_INT_H

#include "reports/plot_int.h"

struct rpt_page {
    FILE *out;
    const struct rpt_run *run;
    const struct rpt_digest *digest;
    const struct rpt_plots *plots;
    const char *plots_dir;
};

/* html_summary.c: what was measured, on what, how; the figures that matter; how to read them. */
void rpt_page_summary(const struct rpt_page *page);
void rpt_page_notes(const struct rpt_page *page);
/* html_tables.c: winners, sums of networks, outcomes per ISA, failures. */
void rpt_page_winners(const struct rpt_page *page);
void rpt_page_networks(const struct rpt_page *page);
void rpt_page_outcomes(const struct rpt_page *page);
void rpt_page_failures(const struct rpt_page *page);
/* html_layer.c: every layer's ranking and plots; the plots over all layers. */
void rpt_page_overview_plots(const struct rpt_page *page);
void rpt_page_layers(const struct rpt_page *page);

/* html_counters.c: what was counted or predicted where there is no time; */
void rpt_page_figures(const struct rpt_page *page);
/* one packing for the cores of the sweep; */
void rpt_page_pair(const struct rpt_page *page);
/* why the winner of a layer wins. */
void rpt_page_counters(const struct rpt_page *page, const struct rpt_layer *layer);

/* ---- html_cells.c: what the parts share. */
void rpt_html_text(FILE *out, const char *text); /* escaped */
void rpt_html_element(FILE *out, const char *tag, const char *class_name,
                      const char *text); /* class may be NULL */
void rpt_html_number_cell(FILE *out, double value,
                          int digits);             /* a dash for what is not positive */
void rpt_html_share_cell(FILE *out, double share); /* bar and per cent of a peak */
void rpt_html_speedup_cell(FILE *out, struct rpt_speedup speedup, enum hrn_verdict verdict);
/* "12.3 ms", "45.6 us": a time for a sentence. `out_text` holds RPT_NUMBER_MAX bytes. */
const char *rpt_time_words(double time_ns, char *out_text);

#endif
