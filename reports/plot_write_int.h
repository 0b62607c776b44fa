/* What the files of the plots share: how a .gp file begins, axes, text. One writer per kind of
 * plot: plot_map.c, plot_prefetch.c, plot_spread.c, plot_drift.c; plot_write.c has the table. */
#ifndef QUERN_REPORTS_PLOT_WRITE_INT_H
#define QUERN_REPORTS_PLOT_WRITE_INT_H

#include "reports/plot_int.h"

#define RPT_AXIS_MAX 32 /* distinct values of a knob in a plot */

/* What gnuplot may read between single quotes and in a data file: a copy of `text` with nothing in
 * it that gnuplot would interpret. Returns out. */
const char *rpt_plot_text(const char *text, char *out, size_t out_bytes);
/* Terminal, output and looks; `what` is a comment. Sizes in pixels. */
void rpt_plot_head(FILE *gp, const struct rpt_plot *plot, const char *what, int width, int height);
void rpt_plot_axis_label(FILE *gp, char axis, const char *text);
void rpt_plot_grid(FILE *gp, const char *axes);

/* A sorted set of integers: the categories of an axis. */
struct rpt_axis {
    int value[RPT_AXIS_MAX];
    int count;
};
void rpt_axis_add(struct rpt_axis *axis, int value);
int rpt_axis_find(const struct rpt_axis *axis, int value); /* its place, or -1 */
void rpt_axis_tics(FILE *gp, char name, const struct rpt_axis *axis);

/* Writers: 1 if there is something to see, 0 if not, -ENOMEM. */
int rpt_write_map(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp);
int rpt_write_prefetch(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp);
int rpt_write_spread(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp);
int rpt_write_drift(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp);

#endif
