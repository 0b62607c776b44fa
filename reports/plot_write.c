/* The .dat and .gp files of the plots. A .gp file draws by itself: `cd PLOTS && gnuplot STEM.gp`.
 * Text from outside goes into them through rpt_plot_text() alone. */
#include "reports/plot_write_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- files */

static FILE *open_in(const char *dir, const char *stem, const char *suffix)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s%s", dir, stem, suffix) < 0)
        return NULL;
    FILE *out = fopen(path, "w");
    free(path);
    return out;
}

static int close_out(FILE *out)
{
    int result = rpt_stream_end(out);
    return fclose(out) == 0 || result != 0 ? result : -errno;
}

/* What gnuplot may read between single quotes and in a data file: nothing that it would interpret.
 */
const char *rpt_plot_text(const char *text, char *out, size_t out_bytes)
{
    size_t n = 0;
    for (; *text && n + 1 < out_bytes; text++)
        out[n++] = isalnum((unsigned char)*text) || strchr("_-*.,:/+ ", *text) ? *text : '?';
    out[n] = '\0';
    return out;
}

void rpt_plot_head(FILE *gp, const struct rpt_plot *plot, const char *what, int width, int height)
{
    fprintf(gp, "# %s. Made by quern report; to redraw: gnuplot %s.gp\n", what, plot->stem);
    fprintf(gp, "reset\nset encoding utf8\n");
    fprintf(gp, "set terminal svg noenhanced size %d,%d font 'sans-serif,12'\n", width, height);
    fprintf(gp, "set output '%s.svg'\n", plot->stem);
    fprintf(gp, "set tics textcolor rgb '#%06x' nomirror scale 0.4\n", rpt_inks[RPT_INK_MUTED].rgb);
    fprintf(gp, "set border 3 linecolor rgb '#%06x'\n", rpt_inks[RPT_INK_GRID].rgb);
    fprintf(gp, "set key textcolor rgb '#%06x'\n", rpt_inks[RPT_INK_MUTED].rgb);
}

void rpt_plot_axis_label(FILE *gp, char axis, const char *text)
{
    fprintf(gp, "set %clabel '%s' textcolor rgb '#%06x'\n", axis, text,
            rpt_inks[RPT_INK_MUTED].rgb);
}

void rpt_plot_grid(FILE *gp, const char *axes)
{
    fprintf(gp, "set grid %s linetype 1 linewidth 1 linecolor rgb '#%06x'\n", axes,
            rpt_inks[RPT_INK_GRID].rgb);
}

/* ---- a set of integers, for categories on an axis */

void rpt_axis_add(struct rpt_axis *a, int value)
{
    int i = 0;
    while (i < a->count && a->value[i] < value)
        i++;
    if ((i < a->count && a->value[i] == value) || a->count == RPT_AXIS_MAX)
        return;
    memmove(&a->value[i + 1], &a->value[i], (size_t)(a->count - i) * sizeof a->value[0]);
    a->value[i] = value;
    a->count++;
}

int rpt_axis_find(const struct rpt_axis *a, int value)
{
    for (int i = 0; i < a->count; i++)
        if (a->value[i] == value)
            return i;
    return -1;
}

void rpt_axis_tics(FILE *gp, char axis, const struct rpt_axis *a)
{
    fprintf(gp, "set %ctics (", axis);
    for (int i = 0; i < a->count; i++)
        fprintf(gp, "%s'%d' %d", i ? ", " : "", a->value[i], i);
    fputs(")\n", gp);
}

/* ---- by kind */

static int (*const writers[RPT_PLOT_KIND_COUNT])(const struct rpt_run *, const struct rpt_plot *,
                                                 FILE *, FILE *) = {
    [RPT_PLOT_TILES] = rpt_write_map,           [RPT_PLOT_HEAT] = rpt_write_map,
    [RPT_PLOT_PREFETCH_A] = rpt_write_prefetch, [RPT_PLOT_PREFETCH_B] = rpt_write_prefetch,
    [RPT_PLOT_SPREAD] = rpt_write_spread,       [RPT_PLOT_DRIFT] = rpt_write_drift,
};

static void drop(const char *dir, const char *stem, const char *suffix)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s%s", dir, stem, suffix) >= 0)
        remove(path);
    free(path);
}

int rpt_plot_write(const struct rpt_run *run, const struct rpt_plot *plot, const char *dir)
{
    FILE *dat = open_in(dir, plot->stem, ".dat"),
         *gp = dat ? open_in(dir, plot->stem, ".gp") : NULL;
    int result = dat && gp ? 0 : -errno;
    drop(dir, plot->stem, ".svg"); /* of an earlier report: never to be taken for this one's */
    if (result == 0)
        result = writers[plot->kind](run, plot, dat, gp);
    int lost_dat = dat ? close_out(dat) : 0, lost_gp = gp ? close_out(gp) : 0;
    if (result >= 0 && (lost_dat || lost_gp))
        result = lost_dat ? lost_dat : lost_gp;
    if (result <= 0) {
        drop(dir, plot->stem, ".dat");
        drop(dir, plot->stem, ".gp");
    }
    return result;
}
