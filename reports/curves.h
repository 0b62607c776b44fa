/* Step curves in panels, drawn by gnuplot: how a search comes down. Not of one run, and not part of
 * a page: a picture by itself, with the .gp and .dat files that draw it again beside it. */
#ifndef QUERN_REPORTS_CURVES_H
#define QUERN_REPORTS_CURVES_H

#include <stddef.h>

struct rpt_curve {
    const char *title;
    const double *x,
        *y; /* [count]; y holds from its x to the next; what is not finite is left out */
    size_t count;
};
struct rpt_panel {
    const char *title;
    const struct rpt_curve *curves;
    size_t count;
};
struct rpt_curves {
    const char *x_label, *y_label;
    const struct rpt_panel *panels; /* one below the other */
    size_t count;
    double mark; /* a dashed line at this y; 0 = none */
    int plain;   /* x is no time, y no ratio: both linear, y from its least value on */
};

/* Draws to `path`, which ends in .svg or .png; STEM.gp and STEM.dat go beside it. 0; -EINVAL
 * another ending; -ENOENT no gnuplot; else a negative errno; the sentence in err. */
int rpt_curves_draw(const struct rpt_curves *curves, const char *path, char *err, size_t err_bytes);

#endif
