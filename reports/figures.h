/* What a run without times has to show: instructions that an emulator counted, cycles that a model
 * predicted. One table, which the renderers print; it stands for itself and never beside a time. */
#ifndef QUERN_REPORTS_FIGURES_H
#define QUERN_REPORTS_FIGURES_H

#include "reports/report.h"

/* Fills the metrics of every candidate from its counters, named as the events, per call, and ranks
 * the candidates of each layer: the least first. For runs without times; nothing to do for others.
 */
int rpt_figures_load(struct rpt_run *run);

#define RPT_SHEET_COLUMNS 12
#define RPT_SHEET_CELL 128

/* Cells row by row; the first `text_columns` columns are text, the others numbers. */
struct rpt_sheet {
    const char *title; /* "EMULATED COUNTS: ..." */
    const char *const *headings;
    size_t columns, text_columns, rows;
    char (*cells)[RPT_SHEET_CELL]; /* owned */
    char notes[8][480];            /* sentences below it; "" = none */
    size_t note_count;
    size_t filled; /* cells; rows are counted at the end */
    int failed;    /* -ENOMEM */
};
/* 1 and the table; 0 where the run has nothing of the kind; -ENOMEM. Clear in every case. */
int rpt_sheet_init(const struct rpt_run *run, struct rpt_sheet *out);
void rpt_sheet_clear(struct rpt_sheet *sheet);
/* For whoever fills one: the next cell, the next sentence. */
void rpt_sheet_put(struct rpt_sheet *sheet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rpt_sheet_note(struct rpt_sheet *sheet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Behind the last cell. 1, or -ENOMEM. */
int rpt_sheet_end(struct rpt_sheet *sheet);
const char *rpt_sheet_cell(const struct rpt_sheet *sheet, size_t row, size_t column);

#endif
