/* Plots of a run: what is drawn, the files that draw it, and the SVG text ready to stand in a page.
 *
 *     rpt_plots_make() -> rpt_plots_find() -> rpt_plots_clear()
 * plot.c decides what to draw; plot_write.c writes the .dat and .gp files; gnuplot.c runs the
 * program; svg.c makes its output fit into a page. */
#ifndef QUERN_REPORTS_PLOT_INT_H
#define QUERN_REPORTS_PLOT_INT_H

#include "reports/report_int.h"

enum rpt_plot_kind {
    RPT_PLOT_TILES,      /* MR x NR over all layers */
    RPT_PLOT_HEAT,       /* MR x NR of one layer */
    RPT_PLOT_PREFETCH_A, /* time against prefetch distance */
    RPT_PLOT_PREFETCH_B,
    RPT_PLOT_SPREAD, /* all variants of a layer, sorted */
    RPT_PLOT_DRIFT,  /* the canary and the A/A pair, round by round */
    RPT_PLOT_KIND_COUNT
};

#define RPT_STEM_MAX 64
struct rpt_plot {
    enum rpt_plot_kind kind;
    long layer;              /* index, -1: all of them */
    const char *isa;         /* borrowed; NULL: all of them */
    char stem[RPT_STEM_MAX]; /* of its files: STEM.gp, STEM.dat, STEM.svg */
    char *svg;               /* owned; NULL: not drawn */
};
struct rpt_plots {
    struct rpt_plot *items;
    size_t count;
    char why[300]; /* why some have no SVG, and what to do; "" if all have */
};
/* Writes all files into `dir` (made if missing) and draws them. A missing or failing gnuplot is no
 * failure; `why` has it. Negative errno and *error for files that cannot be written. */
int rpt_plots_make(const struct rpt_run *run, const char *dir, struct rpt_plots *out,
                   struct rpt_error *error);
void rpt_plots_clear(struct rpt_plots *plots);
/* The next plot after `after` (NULL: the first) of a kind and a layer (-1: of all layers), or NULL.
 */
const struct rpt_plot *rpt_plots_find(const struct rpt_plots *plots, enum rpt_plot_kind kind,
                                      long layer, const struct rpt_plot *after);

/* ---- plot_write.c: 1 if there is something to see and both files are written, 0 if there is not;
 * negative errno. `dir` exists. */
int rpt_plot_write(const struct rpt_run *run, const struct rpt_plot *plot, const char *dir);

/* ---- gnuplot.c: runs `gnuplot -d FILES` in `dir`, its messages in dir/gnuplot.log. 0; -ENOENT: no
 * such program; -ETIMEDOUT; -EIO: it failed. `why` gets a sentence. */
int rpt_gnuplot(const char *dir, const char *const *files, size_t count, int timeout_ms, char *why,
                size_t why_bytes);

/* ---- svg.c: colours of the plots: what stands in a .gp file, and the CSS property that replaces
 * it in a page. */
enum rpt_ink {
    RPT_INK,
    RPT_INK_MUTED,
    RPT_INK_GRID,
    RPT_INK_PLAIN, /* portable C */
    RPT_INK_1,
    RPT_INK_2,
    RPT_INK_3,
    RPT_INK_4, /* series */
    RPT_INK_ON_LOW,
    RPT_INK_ON_HIGH, /* text on the lower and on the upper half of the heat ramp */
    RPT_INK_HEAT,    /* the first of RPT_HEAT_LEVELS */
    RPT_INK_COUNT = RPT_INK_HEAT + 8
};
#define RPT_HEAT_LEVELS (RPT_INK_COUNT - RPT_INK_HEAT)
struct rpt_ink_info {
    unsigned rgb;         /* in light surroundings */
    const char *property; /* "--ink" */
};
extern const struct rpt_ink_info rpt_inks[RPT_INK_COUNT];
/* The ink of an ISA's points; also its CSS property. */
enum rpt_ink rpt_isa_ink(const char *isa);

/* Reads an SVG file of gnuplot and makes it fit to stand in a page: no XML header, no scripts, no
 * unused definitions, ids unique by `prefix`, colours as CSS properties, described by `label` for
 * those who cannot see it. *out is owned by the caller. -EILSEQ: not a whole SVG. */
int rpt_svg_read(const char *path, const char *prefix, const char *label, char **out);

#endif
