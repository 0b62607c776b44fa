#include "reports/curves.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plot_write_int.h"

#define WIDTH 820
#define PANEL_HEIGHT 300
#define TIMEOUT_MS 60000

static const struct {
    const char *suffix, *terminal;
} formats[] = {
    { ".svg", "svg noenhanced size %d,%d font 'sans-serif,12' background rgb 'white'" },
    { ".png", "pngcairo noenhanced size %d,%d font 'sans-serif,10'" },
};
#define FORMAT_COUNT (sizeof formats / sizeof *formats)

/* Series beyond the house's four inks take others of the same weight. */
static unsigned ink(size_t i)
{
    static const unsigned more[] = { 0x7c3aed, 0x4d7c0f, 0x8a94a0, 0xb91c1c };
    const size_t few = RPT_INK_4 - RPT_INK_1 + 1;
    return i < few ? rpt_inks[RPT_INK_1 + i].rgb : more[(i - few) % (sizeof more / sizeof *more)];
}

static void put_data(FILE *dat, const struct rpt_curves *c)
{
    for (size_t p = 0; p < c->count; p++)
        for (size_t k = 0; k < c->panels[p].count; k++) {
            const struct rpt_curve *curve = &c->panels[p].curves[k];
            char title[80];
            fprintf(dat, "# %s\n", rpt_plot_text(curve->title, title, sizeof title));
            for (size_t i = 0; i < curve->count; i++)
                if (isfinite(curve->x[i]) && isfinite(curve->y[i]))
                    fprintf(dat, "%.6g %.6g\n", curve->x[i], curve->y[i]);
            fputs("\n\n", dat);
        }
}

static void put_panel(FILE *gp, const struct rpt_curves *c, size_t p, size_t first,
                      const char *stem)
{
    const struct rpt_panel *panel = &c->panels[p];
    char text[120];
    fprintf(gp, "set title '%s' textcolor rgb '#%06x'\n",
            rpt_plot_text(panel->title, text, sizeof text), rpt_inks[RPT_INK].rgb);
    if (c->mark > 0)
        fprintf(
            gp,
            "unset arrow\nset arrow from graph 0,first %g to graph 1,first %g nohead dashtype 2 "
            "linecolor rgb '#%06x'\n",
            c->mark, c->mark, rpt_inks[RPT_INK_MUTED].rgb);
    for (size_t k = 0; k < panel->count; k++)
        fprintf(gp,
                "%s'%s.dat' index %zu using 1:2 with steps linewidth 2 linecolor rgb '#%06x' title "
                "'%s'",
                k ? ", \\\n  " : "plot ", stem, first + k, ink(k),
                rpt_plot_text(panel->curves[k].title, text, sizeof text));
    fputc('\n', gp);
}

static void put_script(FILE *gp, const struct rpt_curves *c, size_t format, const char *stem)
{
    char terminal[160], text[120];
    size_t first = 0;
    snprintf(terminal, sizeof terminal, formats[format].terminal, WIDTH,
             PANEL_HEIGHT * (int)c->count);
    fprintf(gp, "# To redraw: gnuplot %s.gp\nreset\nset encoding utf8\nset terminal %s\n", stem,
            terminal);
    fprintf(gp, "set output '%s%s'\nset multiplot layout %zu,1\n", stem, formats[format].suffix,
            c->count);
    fprintf(gp,
            "%sset key outside right top samplen 2 textcolor rgb "
            "'#%06x'\nset border 3\nset tics nomirror\n",
            c->plain ? "" : "set logscale x\nset yrange [0.995:*]\n", rpt_inks[RPT_INK_MUTED].rgb);
    rpt_plot_grid(gp, "xtics ytics");
    rpt_plot_axis_label(gp, 'x', rpt_plot_text(c->x_label, text, sizeof text));
    rpt_plot_axis_label(gp, 'y', rpt_plot_text(c->y_label, text, sizeof text));
    for (size_t p = 0; p < c->count; p++) {
        put_panel(gp, c, p, first, stem);
        first += c->panels[p].count;
    }
    fputs("unset multiplot\n", gp);
}

static FILE *open_beside(const char *folder, const char *stem, const char *suffix)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s%s", folder, stem, suffix) < 0)
        return NULL;
    FILE *out = fopen(path, "w");
    free(path);
    return out;
}

static int close_file(FILE *out)
{
    int rc = out ? rpt_stream_end(out) : -errno;
    if (out && fclose(out) && !rc)
        rc = -errno;
    return rc;
}

static int write_files(const struct rpt_curves *c, const char *folder, const char *stem,
                       size_t format)
{
    FILE *dat = open_beside(folder, stem, ".dat");
    if (dat)
        put_data(dat, c);
    int rc = close_file(dat);
    FILE *gp = rc ? NULL : open_beside(folder, stem, ".gp");
    if (gp)
        put_script(gp, c, format, stem);
    return rc ? rc : close_file(gp);
}

/* A stem is a file name of ours in a script of ours: nothing in it that gnuplot would interpret. */
static int is_plain(const char *stem)
{
    char copy[RPT_STEM_MAX];
    return *stem && strlen(stem) < sizeof copy && !strchr(stem, ' ') &&
           !strcmp(stem, rpt_plot_text(stem, copy, sizeof copy));
}

int rpt_curves_draw(const struct rpt_curves *c, const char *path, char *err, size_t err_bytes)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *suffix = strrchr(name, '.');
    size_t format = 0;
    while (suffix && format < FORMAT_COUNT && strcmp(suffix, formats[format].suffix))
        format++;
    if (!suffix || format == FORMAT_COUNT) {
        snprintf(err, err_bytes, "%s: a plot ends in .svg or .png", path);
        return -EINVAL;
    }
    char stem[RPT_STEM_MAX + 1], why[240] = "";
    snprintf(stem, sizeof stem, "%.*s", (int)(suffix - name), name);
    if (!is_plain(stem)) {
        snprintf(err, err_bytes, "%s: the name of a plot is of letters, digits, '-' and '_'", path);
        return -EINVAL;
    }
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return -ENOMEM;
    int rc = write_files(c, folder, stem, format);
    if (rc)
        snprintf(err, err_bytes, "%s cannot be written: %s", path, strerror(-rc));
    char script[RPT_STEM_MAX + 4];
    const char *const files[] = { script };
    snprintf(script, sizeof script, "%s.gp", stem);
    if (!rc && (rc = rpt_gnuplot(folder, files, 1, TIMEOUT_MS, why, sizeof why)))
        snprintf(err, err_bytes, "%s: %s%s", path, why,
                 rc == -ENOENT ? ": is it installed? (Debian: apt install gnuplot-nox)" : "");
    free(folder);
    return rc;
}
