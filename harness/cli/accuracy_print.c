#include "harness/cli/accuracy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli.h"
#include "harness/cli/cli_int.h"
#include "reports/curves.h"

enum { PLOTS_MAX = 6 };

static double percent(size_t part, size_t images)
{
    return images ? 100.0 * (double)part / (double)images : 0;
}

/* Of images without classes no answer is right or wrong. */
static void cell_top(const struct accuracy_result *r, struct cli_table *t, size_t right)
{
    if (!r->has_classes)
        cli_table_cell(t, "%s", "-");
    else
        cli_table_cell(t, "%.2f", percent(right, r->rows[0].accuracy.images));
}

static void print_methods(const struct accuracy_result *r)
{
    static const char *const headings[] = { "",        "top-1 %", "top-5 %", "agree %",
                                            "SQNR dB", "cosine",  "" };
    const struct qnt_accuracy *first = &r->rows[0].accuracy;
    struct cli_table *t = cli_table_new(headings, 7);

    cli_table_cell(t, "fp32");
    cell_top(r, t, first->float_top1);
    cell_top(r, t, first->float_top5);
    for (int i = 0; i < 4; i++)
        cli_table_cell(t, "%s", "");
    for (size_t i = 0; i < r->row_count; i++) {
        const struct qnt_accuracy *a = &r->rows[i].accuracy;
        cli_table_cell(t, "int8 %s", r->rows[i].label);
        cell_top(r, t, a->int8_top1);
        cell_top(r, t, a->int8_top5);
        cli_table_cell(t, "%.2f", percent(a->agree, a->images));
        cli_table_cell(t, "%.2f", a->sqnr_db);
        cli_table_cell(t, "%.5f", a->cosine);
        if (r->rows[i].warnings)
            cli_table_cell(t, "%zu threshold%s too much", r->rows[i].warnings,
                           r->rows[i].warnings == 1 ? " clips" : "s clip");
        else
            cli_table_cell(t, "%s", (int)i == r->method ? "<- the layers below" : "");
    }
    cli_table_print(t, stdout);
    printf("\n%zu images%s\n\n", first->images, !r->has_classes ? ", without classes" : "");
}

static void print_layers(const struct accuracy_result *r)
{
    static const char *const headings[] = { "layer",         "operator",      "threshold", "method",
                                            "alone int8 dB", "all but it dB", "gain dB" };
    struct cli_table *t = cli_table_new(headings, 7);

    for (size_t k = 0; k < r->loss_count; k++) {
        const struct qnt_loss *l = &r->losses[k];
        const struct qnt_threshold *c = &r->calibration.tensors[l->node];
        cli_table_cell(t, "%s", r->graph.nodes[l->node].name);
        cli_table_cell(t, "%s", qnt_op_names[r->graph.nodes[l->node].op]);
        if (l->node == r->graph.output) { /* its sums are never rounded to bytes */
            cli_table_cell(t, "%s", "-");
            cli_table_cell(t, "%s", "");
        } else {
            cli_table_cell(t, "%.4g", (double)c->threshold);
            cli_table_cell(t, "%s", qnt_methods[c->used].name);
        }
        cli_table_cell(t, "%.2f", l->alone_db);
        cli_table_cell(t, "%.2f", l->without_db);
        cli_table_cell(t, "%+.2f", l->without_db - r->all_db);
    }
    cli_table_print(t, stdout);
    printf("\nSQNR of the scores of %zu images, in a float network whose layers round as int8 ones "
           "do:\nalone: this layer is int8, the others float; all but it: the other way round. All "
           "int8: %.2f dB.\n\n",
           r->layer_images, r->all_db);
}

static void print_kept(const struct accuracy_result *r)
{
    static const char *const headings[] = { "kept in fp32", "SQNR dB", "agree %", "top-1 %" };
    struct cli_table *t = cli_table_new(headings, 4);

    for (size_t k = 0; k <= r->keep; k++) {
        const struct qnt_accuracy *a = &r->kept[k];
        if (k == 0)
            cli_table_cell(t, "%s", "nothing");
        else
            cli_table_cell(t, "+ %s", r->graph.nodes[r->losses[k - 1].node].name);
        cli_table_cell(t, "%.2f", a->sqnr_db);
        cli_table_cell(t, "%.2f", percent(a->agree, a->images));
        if (r->has_classes)
            cli_table_cell(t, "%.2f", percent(a->int8_top1, a->images));
        else
            cli_table_cell(t, "%s", "-");
    }
    cli_table_print(t, stdout);
    printf("\nThe layers that hurt most, kept one after the other (on a host; int8 engines have no "
           "float islands).\n");
}

void accuracy_print_text(const struct accuracy_result *r)
{
    print_methods(r);
    print_layers(r);
    print_kept(r);
}

/* ---- JSON */

static void print_json_tops(const struct accuracy_result *r, size_t top1, size_t top5)
{
    const size_t images = r->rows[0].accuracy.images;

    if (!r->has_classes)
        printf(", \"top1\": null, \"top5\": null");
    else
        printf(", \"top1\": %.6g, \"top5\": %.6g", percent(top1, images), percent(top5, images));
}

void accuracy_print_json(const struct accuracy_result *r)
{
    const struct qnt_accuracy *first = &r->rows[0].accuracy;

    printf("{\n  \"images\": %zu,\n  \"methods\": [\n    {\"name\": \"fp32\"", first->images);
    print_json_tops(r, first->float_top1, first->float_top5);
    putchar('}');
    for (size_t i = 0; i < r->row_count; i++) {
        const struct qnt_accuracy *a = &r->rows[i].accuracy;
        printf(",\n    {\"name\": ");
        cli_json_string(stdout, r->rows[i].label);
        print_json_tops(r, a->int8_top1, a->int8_top5);
        printf(", \"agree\": %.6g, \"sqnr_db\": %.6g, \"cosine\": %.8g, "
               "\"unsound_thresholds\": %zu}",
               percent(a->agree, a->images), a->sqnr_db, a->cosine, r->rows[i].warnings);
    }
    printf("\n  ],\n  \"method\": \"%s\",\n  \"layer_images\": %zu,\n  \"all_int8_db\": %.6g,\n"
           "  \"layers\": [",
           qnt_methods[r->method].name, r->layer_images, r->all_db);
    for (size_t k = 0; k < r->loss_count; k++) {
        printf("%s\n    {\"name\": ", k ? "," : "");
        cli_json_string(stdout, r->graph.nodes[r->losses[k].node].name);
        printf(", \"alone_db\": %.6g, \"without_db\": %.6g, \"threshold\": %.9g}",
               r->losses[k].alone_db, r->losses[k].without_db,
               (double)r->calibration.tensors[r->losses[k].node].threshold);
    }
    printf("\n  ],\n  \"kept\": [");
    for (size_t k = 0; k <= r->keep; k++)
        printf("%s\n    {\"layers\": %zu, \"sqnr_db\": %.6g, \"agree\": %.6g}", k ? "," : "", k,
               r->kept[k].sqnr_db, percent(r->kept[k].agree, r->kept[k].images));
    printf("\n  ]\n}\n");
}

/* ---- Histograms of the layers that hurt most, with their thresholds */

struct panel_data {
    double x[QNT_BINS], share[QNT_BINS], threshold[2];
    struct rpt_curve curves[2];
};

static void fill_panel(const struct qnt_histogram *h, double threshold, struct panel_data *out)
{
    static const double heights[2] = { -8, 0 };
    double counted = 0;

    for (int i = 0; i < QNT_BINS; i++)
        counted += (double)h->bin[i];
    for (int i = 0; i < QNT_BINS; i++) {
        out->x[i] = (double)h->absmax * i / QNT_BINS;
        out->share[i] = h->bin[i] ? log10((double)h->bin[i] / counted) : heights[0];
    }
    out->threshold[0] = out->threshold[1] = threshold;
    out->curves[0] = (struct rpt_curve) { "values", out->x, out->share, QNT_BINS };
    out->curves[1] = (struct rpt_curve) { "threshold", out->threshold, heights, 2 };
}

int accuracy_plot(const struct accuracy_result *r, const char *path)
{
    struct rpt_panel panels[PLOTS_MAX];
    struct panel_data *data = calloc(PLOTS_MAX, sizeof(*data));
    char err[400] = "";
    size_t count = 0;

    for (size_t k = 0; data && k < r->loss_count && count < PLOTS_MAX; k++) {
        const int32_t node = r->losses[k].node;
        if (!r->calibration.histograms[node].seen)
            continue;
        fill_panel(&r->calibration.histograms[node], (double)r->calibration.tensors[node].threshold,
                   &data[count]);
        panels[count] = (struct rpt_panel) { r->graph.nodes[node].name, data[count].curves, 2 };
        count++;
    }
    const struct rpt_curves all = { "magnitude", "log10 of the share", panels, count, 0, 1 };
    int result = data ? rpt_curves_draw(&all, path, err, sizeof(err)) : -1;
    free(data);
    if (result != 0)
        return cli_fail(CLI_FAILED, "%s", *err ? err : "out of memory");
    fprintf(stderr, "quern: wrote %s\n", path);
    return CLI_OK;
}
