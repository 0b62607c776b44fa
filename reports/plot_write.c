/* The .dat and .gp files of the plots. A .gp file draws by itself: `cd PLOTS && gnuplot STEM.gp`.
 * Text from outside goes into them through plain_text() alone. */
#include "reports/plot_int.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AXIS_MAX 32  /* distinct values of a knob in a plot */
#define CURVES_MAX 4 /* as many as there are inks */
#define TILES_MIN 3  /* fewer make no map */
#define SPREAD_MIN 5 /* fewer make no curve */

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
static const char *plain_text(const char *text, char *out, size_t out_bytes)
{
    size_t n = 0;
    for (; *text && n + 1 < out_bytes; text++)
        out[n++] = isalnum((unsigned char)*text) || strchr("_-*.,:/+ ", *text) ? *text : '?';
    out[n] = '\0';
    return out;
}

static void put_head(FILE *gp, const struct rpt_plot *plot, const char *what, int width, int height)
{
    fprintf(gp, "# %s. Made by quern report; to redraw: gnuplot %s.gp\n", what, plot->stem);
    fprintf(gp, "reset\nset encoding utf8\n");
    fprintf(gp, "set terminal svg noenhanced size %d,%d font 'sans-serif,12'\n", width, height);
    fprintf(gp, "set output '%s.svg'\n", plot->stem);
    fprintf(gp, "set tics textcolor rgb '#%06x' nomirror scale 0.4\n", rpt_inks[RPT_INK_MUTED].rgb);
    fprintf(gp, "set border 3 linecolor rgb '#%06x'\n", rpt_inks[RPT_INK_GRID].rgb);
    fprintf(gp, "set key textcolor rgb '#%06x'\n", rpt_inks[RPT_INK_MUTED].rgb);
}

static void put_axis_label(FILE *gp, char axis, const char *text)
{
    fprintf(gp, "set %clabel '%s' textcolor rgb '#%06x'\n", axis, text,
            rpt_inks[RPT_INK_MUTED].rgb);
}

static void put_grid(FILE *gp, const char *axes)
{
    fprintf(gp, "set grid %s linetype 1 linewidth 1 linecolor rgb '#%06x'\n", axes,
            rpt_inks[RPT_INK_GRID].rgb);
}

/* ---- a set of integers, for categories on an axis */

struct axis {
    int value[AXIS_MAX];
    int count;
};

static void axis_add(struct axis *a, int value)
{
    int i = 0;
    while (i < a->count && a->value[i] < value)
        i++;
    if ((i < a->count && a->value[i] == value) || a->count == AXIS_MAX)
        return;
    memmove(&a->value[i + 1], &a->value[i], (size_t)(a->count - i) * sizeof a->value[0]);
    a->value[i] = value;
    a->count++;
}

static int axis_find(const struct axis *a, int value)
{
    for (int i = 0; i < a->count; i++)
        if (a->value[i] == value)
            return i;
    return -1;
}

static void put_axis_tics(FILE *gp, char axis, const struct axis *a)
{
    fprintf(gp, "set %ctics (", axis);
    for (int i = 0; i < a->count; i++)
        fprintf(gp, "%s'%d' %d", i ? ", " : "", a->value[i], i);
    fputs(")\n", gp);
}

/* ---- MR x NR */

struct map {
    struct axis mr, nr;
    double best[AXIS_MAX][AXIS_MAX];  /* of the layer at hand, GMAC/s; 0: none */
    double value[AXIS_MAX][AXIS_MAX]; /* what is drawn; 0: nothing */
};

static int has_tile(const struct rpt_run *run, const struct rpt_plot *plot,
                    const struct rpt_candidate *c)
{
    return rpt_timed(run, c) && strcmp(c->isa, plot->isa) == 0 && c->knob[VAR_KNOB_MR] > 0 &&
           c->knob[VAR_KNOB_NR] > 0;
}

static int is_dense(const struct rpt_candidate *c)
{
    return strcmp(c->family, krn_family_names[KRN_FAMILY_DW]) != 0;
}

/* Best GMAC/s of each tile of a layer, into map->best; the axes grow. Returns the best of all. */
static double best_tiles(const struct rpt_run *run, const struct rpt_plot *plot,
                         const struct rpt_layer *layer, struct map *map)
{
    double best = 0;
    memset(map->best, 0, sizeof map->best);
    for (size_t i = 0; i < layer->count; i++) {
        const struct rpt_candidate *c = &layer->candidates[i];
        int r, n;
        if (!has_tile(run, plot, c) || (plot->layer < 0 && !is_dense(c)))
            continue;
        r = axis_find(&map->mr, c->knob[VAR_KNOB_MR]);
        n = axis_find(&map->nr, c->knob[VAR_KNOB_NR]);
        if (r < 0 || n < 0)
            continue;
        map->best[r][n] = fmax(map->best[r][n], c->gmacs);
        best = fmax(best, c->gmacs);
    }
    return best;
}

static void find_axes(const struct rpt_run *run, const struct rpt_plot *plot, struct map *map)
{
    for (size_t l = 0; l < run->layer_count; l++)
        for (size_t i = 0; i < run->layers[l].count; i++) {
            const struct rpt_candidate *c = &run->layers[l].candidates[i];
            if ((plot->layer >= 0 && (size_t)plot->layer != l) || !has_tile(run, plot, c) ||
                (plot->layer < 0 && !is_dense(c)))
                continue;
            axis_add(&map->mr, c->knob[VAR_KNOB_MR]);
            axis_add(&map->nr, c->knob[VAR_KNOB_NR]);
        }
}

/* Of a layer: GMAC/s. */
static void fill_layer(const struct rpt_run *run, const struct rpt_plot *plot, struct map *map)
{
    best_tiles(run, plot, &run->layers[plot->layer], map);
    memcpy(map->value, map->best, sizeof map->value);
}

/* Of all layers: geometric mean of the tile's share of the layer's best, in per cent, for the tiles
 * that every dense layer with a time has tried. */
static void fill_network(const struct rpt_run *run, const struct rpt_plot *plot, struct map *map)
{
    double log_sum[AXIS_MAX][AXIS_MAX] = { { 0 } };
    int layers[AXIS_MAX][AXIS_MAX] = { { 0 } }, all = 0;
    for (size_t l = 0; l < run->layer_count; l++) {
        double best = best_tiles(run, plot, &run->layers[l], map);
        if (best <= 0)
            continue;
        all++;
        for (int r = 0; r < map->mr.count; r++)
            for (int n = 0; n < map->nr.count; n++)
                if (map->best[r][n] > 0) {
                    log_sum[r][n] += log(map->best[r][n] / best);
                    layers[r][n]++;
                }
    }
    for (int r = 0; r < map->mr.count; r++)
        for (int n = 0; n < map->nr.count; n++)
            if (all > 0 && layers[r][n] == all)
                map->value[r][n] = 100 * exp(log_sum[r][n] / all);
}

static int heat_level(double value, double low, double high)
{
    int level =
        high > low ? (int)((value - low) / (high - low) * RPT_HEAT_LEVELS) : RPT_HEAT_LEVELS - 1;
    return level < RPT_HEAT_LEVELS ? level : RPT_HEAT_LEVELS - 1;
}

/* Rows "nr_index mr_index value level colour text is_best". Returns the number of tiles. */
static int put_tiles(FILE *dat, const struct map *map)
{
    double low = INFINITY, high = 0;
    int tiles = 0;
    char number[RPT_NUMBER_MAX];
    for (int r = 0; r < map->mr.count; r++)
        for (int n = 0; n < map->nr.count; n++)
            if (map->value[r][n] > 0) {
                low = fmin(low, map->value[r][n]);
                high = fmax(high, map->value[r][n]);
                tiles++;
            }
    fputs("# nr_index mr_index value level rgb text is_best\n", dat);
    for (int r = 0; r < map->mr.count; r++)
        for (int n = 0; n < map->nr.count; n++) {
            double value = map->value[r][n];
            int level = heat_level(value, low, high);
            if (value > 0)
                fprintf(dat, "%d %d %.6g %d %u %s %d\n", n, r, value, level,
                        rpt_inks[RPT_INK_HEAT + level].rgb,
                        rpt_number(value, value < 10 ? 2 : 3, number), value == high);
        }
    return tiles;
}

static void put_map_script(FILE *gp, const struct rpt_plot *plot, const struct map *map)
{
    put_head(gp, plot,
             plot->layer < 0 ? "MR x NR, per cent of the best tile, geometric mean over the layers"
                             : "MR x NR, best GMAC/s of each tile",
             96 + 58 * map->nr.count, 62 + 34 * map->mr.count);
    fputs("unset key\nset border 0\nset tics scale 0\n", gp);
    put_axis_tics(gp, 'x', &map->nr);
    put_axis_tics(gp, 'y', &map->mr);
    put_axis_label(gp, 'x', "NR (columns)");
    put_axis_label(gp, 'y', "MR (rows)");
    fprintf(gp, "set xrange [-0.55:%g]\nset yrange [-0.55:%g]\n", map->nr.count - 0.45,
            map->mr.count - 0.45);
    fprintf(gp, "dat = '%s.dat'\n", plot->stem);
    fputs("plot dat using 1:2:($1-0.48):($1+0.48):($2-0.46):($2+0.46):5 with boxxyerror "
          "fillstyle solid 1.0 noborder linecolor rgb variable, \\\n",
          gp);
    fprintf(gp,
            "  '' using ($7>0?$1:NaN):2:($1-0.46):($1+0.46):($2-0.43):($2+0.43) with boxxyerror "
            "fillstyle empty linewidth 2 linecolor rgb '#%06x', \\\n",
            rpt_inks[RPT_INK_2].rgb);
    fprintf(gp, "  '' using ($4<%d?$1:NaN):2:6 with labels textcolor rgb '#%06x', \\\n",
            RPT_HEAT_LEVELS / 2, rpt_inks[RPT_INK_ON_LOW].rgb);
    fprintf(gp, "  '' using ($4>=%d?$1:NaN):2:6 with labels textcolor rgb '#%06x'\n",
            RPT_HEAT_LEVELS / 2, rpt_inks[RPT_INK_ON_HIGH].rgb);
}

static int write_map(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp)
{
    struct map *map = calloc(1, sizeof *map);
    if (!map)
        return -ENOMEM;
    find_axes(run, plot, map);
    (plot->layer < 0 ? fill_network : fill_layer)(run, plot, map);
    int tiles = put_tiles(dat, map);
    put_map_script(gp, plot, map);
    free(map);
    return tiles >= TILES_MIN;
}

/* ---- time against prefetch distance */

/* Variants that are the same but for one knob. */
struct curve {
    char name[VAR_NAME_MAX + 1]; /* of the variants, with '*' for the knob */
    const struct rpt_candidate *points[AXIS_MAX];
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
        if (curves[k].count < AXIS_MAX)
            curves[k].points[curves[k].count++] = c;
        curves[k].best_ns = fmin(curves[k].best_ns, c->rank.summary.median);
    }
    qsort(curves, (size_t)count, sizeof *curves, by_best);
    while (count > 0 && curves[count - 1].count < 2)
        count--;
    return count;
}

/* One block per curve, "index distance_bytes median_us mad_us variant", by distance. */
static void put_curve(FILE *dat, const struct curve *curve, const struct axis *axis,
                      enum var_knob knob)
{
    char name[VAR_NAME_MAX + 1];
    fprintf(dat, "# %s\n", plain_text(curve->name, name, sizeof name));
    for (int x = 0; x < axis->count; x++)
        for (int i = 0; i < curve->count; i++) {
            const struct rpt_candidate *c = curve->points[i];
            if (c->knob[knob] == axis->value[x])
                fprintf(dat, "%d %d %.6g %.6g %s\n", x, axis->value[x],
                        c->rank.summary.median / 1e3, c->rank.summary.mad / 1e3,
                        plain_text(c->variant, name, sizeof name));
        }
    fputs("\n\n", dat);
}

static void put_curves_script(FILE *gp, const struct rpt_plot *plot, const struct curve *curves,
                              int count, const struct axis *axis)
{
    char name[VAR_NAME_MAX + 1];
    put_head(gp, plot, "median time against prefetch distance", 520, 250 + 18 * count);
    put_grid(gp, "ytics");
    put_axis_tics(gp, 'x', axis);
    put_axis_label(gp, 'x',
                   plot->kind == RPT_PLOT_PREFETCH_A ? "prefetch distance of A, bytes (0 = none)"
                                                     : "prefetch distance of B, bytes (0 = none)");
    put_axis_label(gp, 'y', "median time, us");
    fprintf(gp, "set xrange [-0.3:%g]\nset offsets 0, 0, graph 0.08, graph 0.08\n",
            axis->count - 0.7);
    fputs("set key below left reverse Left maxcols 1\n", gp);
    for (int i = 0; i < count; i++)
        fprintf(gp,
                "%s'%s.dat' index %d using 1:3:4 with yerrorlines linewidth 2 pointtype 7 "
                "pointsize 0.6 "
                "linecolor rgb '#%06x' title '%s'",
                i ? ", \\\n  " : "plot ", plot->stem, i, rpt_inks[RPT_INK_1 + i].rgb,
                plain_text(curves[i].name, name, sizeof name));
    fputc('\n', gp);
}

static int write_prefetch(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat,
                          FILE *gp)
{
    const enum var_knob knob =
        plot->kind == RPT_PLOT_PREFETCH_A ? VAR_KNOB_PREFETCH_A : VAR_KNOB_PREFETCH_B;
    struct curve *curves;
    struct axis axis = { { 0 }, 0 };
    long count = find_curves(run, &run->layers[plot->layer], knob, &curves);
    int shown = count < CURVES_MAX ? (int)count : CURVES_MAX;
    for (int k = 0; k < shown; k++)
        for (int i = 0; i < curves[k].count; i++)
            axis_add(&axis, curves[k].points[i]->knob[knob]);
    for (int k = 0; k < shown; k++)
        put_curve(dat, &curves[k], &axis, knob);
    if (shown > 0)
        put_curves_script(gp, plot, curves, shown, &axis);
    free(curves);
    return count < 0 ? (int)count : shown > 0;
}

/* ---- all variants of a layer, sorted */

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
                plain_text(isas[k], name, sizeof name));
        for (size_t i = 0; i < count; i++)
            if (strcmp(sorted[i]->isa, isas[k]) == 0)
                fprintf(dat, "%zu %.6g %.6g %s\n", i + 1,
                        sorted[i]->rank.summary.median / sorted[0]->rank.summary.median,
                        sorted[i]->rank.summary.median / 1e3,
                        plain_text(sorted[i]->variant, name, sizeof name));
        fputs("\n\n", dat);
    }
    return isa_count;
}

static void put_spread_script(FILE *gp, const struct rpt_plot *plot, const char **isas,
                              int isa_count, size_t count, double slowest, double of_default)
{
    char name[VAR_NAME_MAX + 1];
    put_head(gp, plot, "all variants of a layer, sorted by median time", 520, 290);
    put_grid(gp, "ytics");
    put_axis_label(gp, 'x', "variants, fastest first");
    put_axis_label(gp, 'y', "time, multiples of the fastest");
    fprintf(gp,
            "set logscale y\nset ytics (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)\n"
            "set xrange [0:%zu]\nset yrange [0.95:%.6g]\n",
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
                plain_text(isas[k], name, sizeof name));
    fputc('\n', gp);
}

static int write_spread(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp)
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

/* ---- by kind */

static int (*const writers[RPT_PLOT_KIND_COUNT])(const struct rpt_run *, const struct rpt_plot *,
                                                 FILE *, FILE *) = {
    [RPT_PLOT_TILES] = write_map,           [RPT_PLOT_HEAT] = write_map,
    [RPT_PLOT_PREFETCH_A] = write_prefetch, [RPT_PLOT_PREFETCH_B] = write_prefetch,
    [RPT_PLOT_SPREAD] = write_spread,
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
