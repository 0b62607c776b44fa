/* Median time against a prefetch distance, as its change against none: variants that are the same
 * but for it make a curve. */
#include "reports/plot_write_int.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CURVES_MAX 4 /* as many as there are inks */

/* Variants that are the same but for one knob. */
struct curve {
    char name[VAR_NAME_MAX + 1]; /* of the variants, with '*' for the knob */
    const struct rpt_candidate *points[RPT_AXIS_MAX];
    int count;
    double best_ns;
};

/* Writes the name with '*' for the value of the knob. 0 if the name does not show the knob. */
static int mask_knob(const struct rpt_candidate *c, enum var_knob knob, char *out, size_t out_bytes)
{
    char shown[16];
    int length = snprintf(shown, sizeof shown, "%c%d", var_knobs[knob].letter, c->knob[knob]);
    for (const char *at = strstr(c->variant, shown); at; at = strstr(at + 1, shown)) {
        if (at == c->variant || !isdigit((unsigned char)at[-1]) ||
            isdigit((unsigned char)at[length]))
            continue;
        snprintf(out, out_bytes, "%.*s%c*%s", (int)(at - c->variant), c->variant, shown[0],
                 at + length);
        return 1;
    }
    return 0;
}

static int by_best(const void *a, const void *b)
{
    const struct curve *x = a, *y = b;
    int short_x = x->count < 2, short_y = y->count < 2; /* one point is no curve */
    if (short_x != short_y)
        return short_x - short_y;
    if (x->best_ns != y->best_ns)
        return x->best_ns < y->best_ns ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The curves of a layer, the fastest first, those of one point left out. *out is owned; returns
 * their count. */
static long find_curves(const struct rpt_run *run, const struct rpt_layer *layer,
                        enum var_knob knob, struct curve **out)
{
    long count = 0;
    struct curve *curves = calloc(layer->count + 1, sizeof *curves);
    *out = curves;
    if (!curves)
        return -ENOMEM;
    for (size_t i = 0; i < layer->count; i++) {
        const struct rpt_candidate *c = &layer->candidates[i];
        char name[VAR_NAME_MAX + 1];
        long k = 0;
        if (!rpt_timed(run, c) || c->knob[knob] == RPT_NO_KNOB ||
            !mask_knob(c, knob, name, sizeof name))
            continue;
        while (k < count && strcmp(curves[k].name, name) != 0)
            k++;
        if (k == count) {
            snprintf(curves[k].name, sizeof curves[k].name, "%s", name);
            curves[k].best_ns = INFINITY;
            count++;
        }
        if (curves[k].count < RPT_AXIS_MAX)
            curves[k].points[curves[k].count++] = c;
        curves[k].best_ns = fmin(curves[k].best_ns, c->rank.summary.median);
    }
    qsort(curves, (size_t)count, sizeof *curves, by_best);
    while (count > 0 && curves[count - 1].count < 2)
        count--;
    return count;
}

/* What the others of the curve are compared with: the shortest distance, in most cases none. */
static const struct rpt_candidate *base_point(const struct curve *curve, enum var_knob knob)
{
    const struct rpt_candidate *base = curve->points[0];
    for (int i = 1; i < curve->count; i++)
        if (curve->points[i]->knob[knob] < base->knob[knob])
            base = curve->points[i];
    return base;
}

/* One block per curve, by distance:
 * "index distance_bytes median_us mad_us change_percent mad_percent variant". */
static void put_curve(FILE *dat, const struct curve *curve, const struct rpt_axis *axis,
                      enum var_knob knob)
{
    char name[VAR_NAME_MAX + 1];
    const double base_ns = base_point(curve, knob)->rank.summary.median;
    fprintf(dat, "# %s\n", rpt_plot_text(curve->name, name, sizeof name));
    for (int x = 0; x < axis->count; x++)
        for (int i = 0; i < curve->count; i++) {
            const struct rpt_candidate *c = curve->points[i];
            const struct hrn_summary *time = &c->rank.summary;
            if (c->knob[knob] == axis->value[x])
                fprintf(dat, "%d %d %.6g %.6g %.4g %.4g %s\n", x, axis->value[x],
                        time->median / 1e3, time->mad / 1e3, 100 * (time->median / base_ns - 1),
                        100 * time->mad / base_ns, rpt_plot_text(c->variant, name, sizeof name));
        }
    fputs("\n\n", dat);
}

static void put_curves_script(FILE *gp, const struct rpt_plot *plot, const struct curve *curves,
                              int count, const struct rpt_axis *axis, enum var_knob knob)
{
    char name[VAR_NAME_MAX + 1], time[RPT_NUMBER_MAX];
    rpt_plot_head(gp, plot, "change of the median time with the prefetch distance", 520,
                  250 + 18 * count);
    rpt_plot_grid(gp, "ytics");
    rpt_axis_tics(gp, 'x', axis);
    rpt_plot_axis_label(gp, 'x',
                        plot->kind == RPT_PLOT_PREFETCH_A
                            ? "prefetch distance of A, bytes (0 = none)"
                            : "prefetch distance of B, bytes (0 = none)");
    rpt_plot_axis_label(gp, 'y', "change of the median time, %");
    fprintf(gp, "set xrange [-0.3:%g]\nset offsets 0, 0, graph 0.08, graph 0.08\n",
            axis->count - 0.7);
    fputs("set key above left reverse Left maxcols 1\n", gp);
    for (int i = 0; i < count; i++) {
        const struct rpt_candidate *base = base_point(&curves[i], knob);
        fprintf(gp,
                "%s'%s.dat' index %d using 1:5:6 with yerrorlines linewidth 2 pointtype 7 "
                "pointsize 0.6 linecolor rgb '#%06x' title '%s: %s us at %d'",
                i ? ", \\\n  " : "plot ", plot->stem, i, rpt_inks[RPT_INK_1 + i].rgb,
                rpt_plot_text(curves[i].name, name, sizeof name),
                rpt_number(base->rank.summary.median / 1e3, 4, time), base->knob[knob]);
    }
    fputc('\n', gp);
}

int rpt_write_prefetch(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp)
{
    const enum var_knob knob =
        plot->kind == RPT_PLOT_PREFETCH_A ? VAR_KNOB_PREFETCH_A : VAR_KNOB_PREFETCH_B;
    struct curve *curves;
    struct rpt_axis axis = { { 0 }, 0 };
    long count = find_curves(run, &run->layers[plot->layer], knob, &curves);
    int shown = count < CURVES_MAX ? (int)count : CURVES_MAX;
    for (int k = 0; k < shown; k++)
        for (int i = 0; i < curves[k].count; i++)
            rpt_axis_add(&axis, curves[k].points[i]->knob[knob]);
    for (int k = 0; k < shown; k++)
        put_curve(dat, &curves[k], &axis, knob);
    if (shown > 0)
        put_curves_script(gp, plot, curves, shown, &axis, knob);
    free(curves);
    return count < 0 ? (int)count : shown > 0;
}
