/* Whether the machine stood still while a layer was measured: what ran in every round, by round. */
#include "reports/plot_write_int.h"

#include <math.h>

#define DRIFT_MIN 3 /* rounds; fewer show nothing */

static const struct {
    const char *title;
    enum rpt_ink ink;
    size_t offset; /* of a struct rpt_watch in struct rpt_layer */
} series[] = {
    { "canary / its median", RPT_INK_2, offsetof(struct rpt_layer, canary) },
    { "baseline / itself", RPT_INK_1, offsetof(struct rpt_layer, twin) },
};
enum { SERIES = sizeof series / sizeof *series };

static const struct rpt_watch *watch(const struct rpt_layer *layer, int s)
{
    return (const struct rpt_watch *)(const void *)((const char *)layer + series[s].offset);
}

/* One block per series: "round percent". Returns how many points; widens *low and *high. */
static size_t put_series(FILE *dat, const struct rpt_watch *w, double *low, double *high)
{
    size_t count = 0;
    for (size_t r = 0; r < w->rounds; r++)
        if (isfinite(w->ratio[r])) {
            double percent = 100 * (w->ratio[r] - 1);
            fprintf(dat, "%zu %.5g\n", r + 1, percent);
            *low = fmin(*low, percent);
            *high = fmax(*high, percent);
            count++;
        }
    if (count == 0)
        fputs("0 NaN\n", dat); /* gnuplot counts no empty block */
    fputs("\n\n", dat);
    return count;
}

static void put_script(FILE *gp, const struct rpt_plot *plot, const struct rpt_layer *layer,
                       const size_t *counts, double low, double high)
{
    const double band = 100 * layer->band, margin = 0.08 * (high - low);
    size_t rounds = 0;
    for (int s = 0; s < SERIES; s++)
        rounds = watch(layer, s)->rounds > rounds ? watch(layer, s)->rounds : rounds;
    rpt_plot_head(gp, plot, "the canary and the baseline against itself, by round", 520, 250);
    rpt_plot_grid(gp, "ytics");
    rpt_plot_axis_label(gp, 'x', "round");
    rpt_plot_axis_label(gp, 'y', "difference, %");
    fprintf(gp, "set xrange [0.5:%zu.5]\nset yrange [%.5g:%.5g]\n", rounds, low - margin,
            high + margin);
    fprintf(gp,
            "set object rectangle from graph 0,first %.5g to graph 1,first %.5g behind fillcolor "
            "rgb '#%06x' fillstyle solid noborder\n",
            -band, band, rpt_inks[RPT_INK_GRID].rgb);
    fputs("set key above left reverse Left samplen 1\n", gp);
    const char *lead = "plot ";
    for (int s = 0; s < SERIES; s++)
        if (counts[s]) {
            fprintf(gp,
                    "%s'%s.dat' index %d using 1:2 with linespoints pointtype 7 pointsize 0.5 "
                    "linecolor rgb '#%06x' title '%s'",
                    lead, plot->stem, s, rpt_inks[series[s].ink].rgb, series[s].title);
            lead = ", \\\n  ";
        }
    fputc('\n', gp);
}

int rpt_write_drift(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp)
{
    const struct rpt_layer *layer = &run->layers[plot->layer];
    double low = -100 * layer->band, high = 100 * layer->band;
    size_t counts[SERIES], most = 0;
    for (int s = 0; s < SERIES; s++) {
        fprintf(dat, "# %s: round percent\n", series[s].title);
        counts[s] = put_series(dat, watch(layer, s), &low, &high);
        most = counts[s] > most ? counts[s] : most;
    }
    if (most < DRIFT_MIN)
        return 0;
    put_script(gp, plot, layer, counts, low, high);
    return 1;
}
