/* All variants of a layer, sorted by time. */
#include "reports/plot_write_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPREAD_MIN 5 /* fewer make no curve */

static int by_time(const void *a, const void *b)
{
    double x = (*(const struct rpt_candidate *const *)a)->rank.summary.median;
    double y = (*(const struct rpt_candidate *const *)b)->rank.summary.median;
    return (x > y) - (x < y);
}

/* One block per ISA: "place times_the_fastest median_us variant". Returns how many ISAs; their
 * names in isas. */
static int put_spread(FILE *dat, const struct rpt_candidate **sorted, size_t count,
                      const char **isas)
{
    int isa_count = 0;
    char name[VAR_NAME_MAX + 1];
    for (size_t i = 0; i < count; i++) {
        int known = 0;
        for (int k = 0; k < isa_count; k++)
            known |= strcmp(isas[k], sorted[i]->isa) == 0;
        if (!known && isa_count < KRN_ISA_COUNT)
            isas[isa_count++] = sorted[i]->isa;
    }
    for (int k = 0; k < isa_count; k++) {
        fprintf(dat, "# %s: place times_the_fastest median_us variant\n",
                rpt_plot_text(isas[k], name, sizeof name));
        for (size_t i = 0; i < count; i++)
            if (strcmp(sorted[i]->isa, isas[k]) == 0)
                fprintf(dat, "%zu %.6g %.6g %s\n", i + 1,
                        sorted[i]->rank.summary.median / sorted[0]->rank.summary.median,
                        sorted[i]->rank.summary.median / 1e3,
                        rpt_plot_text(sorted[i]->variant, name, sizeof name));
        fputs("\n\n", dat);
    }
    return isa_count;
}

static void put_spread_script(FILE *gp, const struct rpt_plot *plot, const char **isas,
                              int isa_count, size_t count, double slowest, double of_default)
{
    char name[VAR_NAME_MAX + 1];
    rpt_plot_head(gp, plot, "all variants of a layer, sorted by median time", 520, 290);
    rpt_plot_grid(gp, "ytics");
    rpt_plot_axis_label(gp, 'x', "variants, fastest first");
    rpt_plot_axis_label(gp, 'y', "time, multiples of the fastest");
    fprintf(gp, "set logscale y\nset ytics (%s)\nset xrange [0:%zu]\nset yrange [0.95:%.6g]\n",
            slowest > 8 ? "1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000"
                        : "1, 1.1, 1.2, 1.5, 2, 3, 4, 6, 8",
            count + 1, fmax(1.2, slowest * 1.1));
    fputs("set key top left reverse Left samplen 1\n", gp);
    if (of_default > 0)
        fprintf(gp,
                "set arrow from graph 0,first %.6g to graph 1,first %.6g nohead dashtype 2 "
                "linecolor rgb "
                "'#%06x'\nset label 'default' at graph 0.99,first %.6g right offset 0,0.5 "
                "textcolor rgb "
                "'#%06x'\n",
                of_default, of_default, rpt_inks[RPT_INK_MUTED].rgb, of_default,
                rpt_inks[RPT_INK_MUTED].rgb);
    for (int k = 0; k < isa_count; k++)
        fprintf(gp,
                "%s'%s.dat' index %d using 1:2 with points pointtype 7 pointsize 0.5 linecolor rgb "
                "'#%06x' "
                "title '%s'",
                k ? ", \\\n  " : "plot ", plot->stem, k, rpt_inks[rpt_isa_ink(isas[k])].rgb,
                rpt_plot_text(isas[k], name, sizeof name));
    fputc('\n', gp);
}

int rpt_write_spread(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp)
{
    const struct rpt_layer *layer = &run->layers[plot->layer];
    const struct rpt_candidate *plain = rpt_baseline_of(layer, RPT_DEFAULT);
    const struct rpt_candidate **sorted = calloc(layer->count + 1, sizeof *sorted);
    const char *isas[KRN_ISA_COUNT];
    size_t count = 0;
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < layer->count; i++)
        if (rpt_timed(run, &layer->candidates[i]))
            sorted[count++] = &layer->candidates[i];
    if (count >= SPREAD_MIN) {
        qsort(sorted, count, sizeof *sorted, by_time);
        double fastest = sorted[0]->rank.summary.median;
        int isa_count = put_spread(dat, sorted, count, isas);
        put_spread_script(
            gp, plot, isas, isa_count, count, sorted[count - 1]->rank.summary.median / fastest,
            plain && rpt_timed(run, plain) ? plain->rank.summary.median / fastest : 0);
    }
    free(sorted);
    return count >= SPREAD_MIN;
}
