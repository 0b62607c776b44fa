/* Heat maps over MR x NR: of a layer, and over all layers. */
#include "reports/plot_write_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TILES_MIN 3 /* fewer make no map */

struct map {
    struct rpt_axis mr, nr;
    double best[RPT_AXIS_MAX][RPT_AXIS_MAX];  /* of the layer at hand, GMAC/s; 0: none */
    double value[RPT_AXIS_MAX][RPT_AXIS_MAX]; /* what is drawn; 0: nothing */
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
        r = rpt_axis_find(&map->mr, c->knob[VAR_KNOB_MR]);
        n = rpt_axis_find(&map->nr, c->knob[VAR_KNOB_NR]);
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
            rpt_axis_add(&map->mr, c->knob[VAR_KNOB_MR]);
            rpt_axis_add(&map->nr, c->knob[VAR_KNOB_NR]);
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
    double log_sum[RPT_AXIS_MAX][RPT_AXIS_MAX] = { { 0 } };
    int layers[RPT_AXIS_MAX][RPT_AXIS_MAX] = { { 0 } }, all = 0;
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
    rpt_plot_head(gp, plot,
                  plot->layer < 0
                      ? "MR x NR, per cent of the best tile, geometric mean over the layers"
                      : "MR x NR, best GMAC/s of each tile",
                  96 + 58 * map->nr.count, 62 + 34 * map->mr.count);
    fputs("unset key\nset border 0\nset tics scale 0\n", gp);
    rpt_axis_tics(gp, 'x', &map->nr);
    rpt_axis_tics(gp, 'y', &map->mr);
    rpt_plot_axis_label(gp, 'x', "NR (columns)");
    rpt_plot_axis_label(gp, 'y', "MR (rows)");
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

int rpt_write_map(const struct rpt_run *run, const struct rpt_plot *plot, FILE *dat, FILE *gp)
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
