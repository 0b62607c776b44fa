/* Which plots a run has, and how they come to be SVG text. */
#include "reports/plot_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BATCH 48               /* plots per process */
#define BATCH_TIMEOUT_MS 60000 /* a batch takes a second or two */

/* One row per kind: what its files and its drawing are called; whether it is drawn for every ISA
 * apart, and for every layer. */
static const struct {
    const char *stem, *label;
    int per_isa, per_layer;
} kinds[RPT_PLOT_KIND_COUNT] = {
    [RPT_PLOT_TILES] = { "tiles", "Heat map over MR and NR, all layers", 1, 0 },
    [RPT_PLOT_HEAT] = { "heat", "Heat map over MR and NR: best GMAC/s of each tile", 1, 1 },
    [RPT_PLOT_PREFETCH_A] = { "prefetch-a", "Median time against the prefetch distance of A", 0,
                              1 },
    [RPT_PLOT_PREFETCH_B] = { "prefetch-b", "Median time against the prefetch distance of B", 0,
                              1 },
    [RPT_PLOT_SPREAD] = { "spread", "All variants, sorted by median time", 0, 1 },
    [RPT_PLOT_DRIFT] = { "drift", "The canary and the baseline against itself, by round", 0, 1 },
};

static void name_plot(struct rpt_plot *plot)
{
    size_t n = 0;
    if (plot->layer >= 0)
        n += (size_t)snprintf(plot->stem, sizeof plot->stem, "layer%02ld-", plot->layer + 1);
    n += (size_t)snprintf(plot->stem + n, sizeof plot->stem - n, "%s", kinds[plot->kind].stem);
    if (plot->isa)
        snprintf(plot->stem + n, sizeof plot->stem - n, "-%s", plot->isa);
    for (char *c = plot->stem; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '-';
}

/* Writes the plot's files and keeps it if there is something to see. */
static int add_plot(const struct rpt_run *run, const char *dir, struct rpt_plot plot,
                    struct rpt_plots *plots)
{
    name_plot(&plot);
    int drawn = rpt_plot_write(run, &plot, dir);
    if (drawn <= 0)
        return drawn;
    struct rpt_plot *grown = reallocarray(plots->items, plots->count + 1, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    plots->items = grown;
    plots->items[plots->count++] = plot;
    return 0;
}

static int add_kind(const struct rpt_run *run, const struct rpt_digest *digest, const char *dir,
                    enum rpt_plot_kind kind, struct rpt_plots *plots)
{
    long begin = kinds[kind].per_layer ? 0 : -1;
    long end = kinds[kind].per_layer ? (long)run->layer_count : 0;
    int result = 0;
    for (long l = begin; l < end; l++) {
        struct rpt_plot plot = { .kind = kind, .layer = l };
        if (!kinds[kind].per_isa)
            result = add_plot(run, dir, plot, plots);
        for (size_t i = digest->isa_count; kinds[kind].per_isa && i-- > 0 && result == 0;) {
            plot.isa = digest->isas[i].isa; /* the strongest first */
            result = add_plot(run, dir, plot, plots);
        }
        if (result != 0)
            return result;
    }
    return 0;
}

static int add_all(const struct rpt_run *run, const char *dir, struct rpt_plots *plots)
{
    struct rpt_digest digest;
    int result = rpt_digest_init(run, &digest);
    for (int kind = 0; kind < RPT_PLOT_KIND_COUNT && result == 0; kind++)
        result = add_kind(run, &digest, dir, (enum rpt_plot_kind)kind, plots);
    rpt_digest_clear(&digest);
    return result;
}

/* Draws plots[begin..end). A failure is told in plots->why and the next batch is not tried. */
static int draw(struct rpt_plots *plots, size_t begin, size_t end, const char *dir)
{
    char names[BATCH][RPT_STEM_MAX + 4], why[240];
    const char *files[BATCH];
    for (size_t i = begin; i < end; i++) {
        snprintf(names[i - begin], sizeof names[0], "%s.gp", plots->items[i].stem);
        files[i - begin] = names[i - begin];
    }
    int result = rpt_gnuplot(dir, files, end - begin, BATCH_TIMEOUT_MS, why, sizeof why);
    if (result == -ENOENT)
        snprintf(plots->why, sizeof plots->why,
                 "%s: is it installed? (Debian: apt install gnuplot-nox)", why);
    else if (result != 0)
        snprintf(plots->why, sizeof plots->why, "%s", why);
    return result;
}

/* Takes what gnuplot wrote; what it did not write stays without. */
static int take_svg(struct rpt_plots *plots, const char *dir)
{
    for (size_t i = 0; i < plots->count; i++) {
        struct rpt_plot *plot = &plots->items[i];
        char *path = NULL, label[160];
        if (asprintf(&path, "%s/%s.svg", dir, plot->stem) < 0)
            return -ENOMEM;
        snprintf(label, sizeof label, "%s%s%s", kinds[plot->kind].label, plot->isa ? ", " : "",
                 plot->isa ? plot->isa : "");
        int result = rpt_svg_read(path, plot->stem, label, &plot->svg);
        free(path);
        if (result == -ENOMEM)
            return result;
        if (result != 0 && !plots->why[0])
            snprintf(plots->why, sizeof plots->why, "gnuplot left no whole %s.svg: %s", plot->stem,
                     strerror(-result));
    }
    return 0;
}

int rpt_plots_make(const struct rpt_run *run, const char *dir, struct rpt_plots *out,
                   struct rpt_error *error)
{
    memset(out, 0, sizeof *out);
    int result = mkdir(dir, 0777) != 0 && errno != EEXIST ? -errno : 0;
    if (result == 0)
        result = add_all(run, dir, out);
    for (size_t i = 0; result == 0 && i < out->count; i += BATCH)
        if (draw(out, i, i + BATCH < out->count ? i + BATCH : out->count, dir) != 0)
            break;
    if (result == 0)
        result = take_svg(out, dir);
    if (result != 0) {
        rpt_plots_clear(out);
        snprintf(error->text, sizeof error->text, "the plots cannot be written into %s: %s", dir,
                 strerror(-result));
    }
    return result;
}

void rpt_plots_clear(struct rpt_plots *plots)
{
    for (size_t i = 0; i < plots->count; i++)
        free(plots->items[i].svg);
    free(plots->items);
    memset(plots, 0, sizeof *plots);
}

const struct rpt_plot *rpt_plots_find(const struct rpt_plots *plots, enum rpt_plot_kind kind,
                                      long layer, const struct rpt_plot *after)
{
    for (size_t i = after ? (size_t)(after - plots->items) + 1 : 0; i < plots->count; i++)
        if (plots->items[i].kind == kind && plots->items[i].layer == layer)
            return &plots->items[i];
    return NULL;
}
