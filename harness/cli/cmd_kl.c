/* quern kl: what KL divergence is, and what the methods see when they choose a threshold. */
#include "harness/cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/model.h"
#include "reports/curves.h"

struct kl_options {
    struct cli_model_options model;
    struct cli_calibration_options images;
    const char *layer, *plot;
    long long seed, outcomes;
    int json;
};

#define BITS (1 / M_LN2) /* of a nat */

/* ---- The principle: two random distributions */

enum { OUTCOMES_MAX = 64 };

static double next_random(uint64_t *state) /* splitmix64; in (0, 1] */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return ((double)((z ^ z >> 31) >> 11) + 1) / 9007199254740992.0;
}

/* Exponential draws, normalised: every distribution is as likely as any other. */
static void draw(uint64_t *state, double *p, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += p[i] = -log(next_random(state));
    for (size_t i = 0; i < count; i++)
        p[i] /= sum;
}

static void print_sums(const double *p, const double *q, size_t n)
{
    static const char *const headings[] = { "", "nats", "bits", "is" };
    const struct {
        const char *name;
        double nats;
        const char *meaning;
    } rows[] = {
        { "entropy H(P)", qnt_entropy(p, n), "the cost of an outcome of P, coded for P" },
        { "cross entropy H(P, Q)", qnt_cross_entropy(p, q, n), "... coded for Q" },
        { "KL(P || Q)", qnt_divergence(p, q, n), "what the wrong code costs: H(P, Q) - H(P)" },
        { "KL(Q || P)", qnt_divergence(q, p, n), "not the same: it is no distance" },
        { "KL(P || P)", qnt_divergence(p, p, n), "0 for equals alone, never below" },
    };
    struct cli_table *t = cli_table_new(headings, 4);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cli_table_cell(t, "%s", rows[i].name);
        cli_table_cell(t, "%.6f", rows[i].nats);
        cli_table_cell(t, "%.6f", rows[i].nats * BITS);
        cli_table_cell(t, "%s", rows[i].meaning);
    }
    cli_table_print(t, stdout);
}

static void print_outcomes(const double *p, const double *q, size_t n)
{
    static const char *const headings[] = { "outcome", "P",       "Q",
                                            "-log2 P", "-log2 Q", "P log2(P / Q)" };
    struct cli_table *t = cli_table_new(headings, 6);

    for (size_t i = 0; i < n; i++) {
        cli_table_cell(t, "%zu", i + 1);
        cli_table_cell(t, "%.4f", p[i]);
        cli_table_cell(t, "%.4f", q[i]);
        cli_table_cell(t, "%.3f", -log2(p[i]));
        cli_table_cell(t, "%.3f", -log2(q[i]));
        cli_table_cell(t, "%+.4f", p[i] * log2(p[i] / q[i]));
    }
    cli_table_print(t, stdout);
}

static int draw_curves(const struct rpt_curves *curves, const char *path)
{
    char err[400] = "";

    if (rpt_curves_draw(curves, path, err, sizeof(err)) != 0)
        return cli_fail(CLI_FAILED, "%s", err);
    fprintf(stderr, "quern: wrote %s\n", path);
    return CLI_OK;
}

static int plot_principle(const char *path, const double *p, const double *q, size_t n)
{
    double x[OUTCOMES_MAX + 1], ends[3][OUTCOMES_MAX + 1];

    for (size_t i = 0; i <= n; i++) { /* steps: the last one needs an end */
        const size_t k = i < n ? i : n - 1;
        x[i] = (double)i + 0.5;
        ends[0][i] = p[k];
        ends[1][i] = q[k];
        ends[2][i] = p[k] * log2(p[k] / q[k]);
    }
    const struct rpt_curve both[] = { { "P", x, ends[0], n + 1 }, { "Q", x, ends[1], n + 1 } };
    const struct rpt_curve term = { "P log2 P/Q", x, ends[2], n + 1 };
    const struct rpt_panel panels[] = { { "two random distributions", both, 2 },
                                        { "what each outcome adds", &term, 1 } };
    const struct rpt_curves curves = { "outcome", "probability, bits", panels, 2, 0, 1 };
    return draw_curves(&curves, path);
}

static void print_principle_json(const double *p, const double *q, size_t n)
{
    printf("{\n  \"outcomes\": [");
    for (size_t i = 0; i < n; i++)
        printf("%s{\"p\": %.9g, \"q\": %.9g}", i ? ", " : "", p[i], q[i]);
    printf("],\n  \"entropy\": %.9g,\n  \"cross_entropy\": %.9g,\n  \"kl\": %.9g,\n"
           "  \"kl_reverse\": %.9g,\n  \"unit\": \"nat\"\n}\n",
           qnt_entropy(p, n), qnt_cross_entropy(p, q, n), qnt_divergence(p, q, n),
           qnt_divergence(q, p, n));
}

static int run_principle(const struct kl_options *o)
{
    double p[OUTCOMES_MAX], q[OUTCOMES_MAX];
    uint64_t state = (uint64_t)o->seed;
    size_t n = (size_t)o->outcomes;

    draw(&state, p, n);
    draw(&state, q, n);
    if (o->json) {
        print_principle_json(p, q, n);
    } else {
        print_outcomes(p, q, n);
        putchar('\n');
        print_sums(p, q, n);
        printf("\nA threshold is chosen so: P is the histogram with all beyond the threshold added "
               "to its\nlast bin, Q the same after rounding to 128 levels; the threshold of least "
               "KL(P || Q) wins.\n'quern kl MODEL --layer=NAME' shows it at work. Seed %lld.\n",
               o->seed);
    }
    return o->plot ? plot_principle(o->plot, p, q, n) : CLI_OK;
}

/* ---- A layer */

struct layer {
    const struct qnt_node *node;
    const struct qnt_histogram *h;
    struct qnt_candidates candidates;
    struct qnt_threshold chosen[QNT_METHOD_COUNT];
};

enum { BARS = 32, ROWS = 16 };

static void print_histogram(const struct layer *l)
{
    double most = 0, counted = 0, bar[BARS] = { 0 };

    for (int i = 0; i < QNT_BINS; i++) {
        bar[i * BARS / QNT_BINS] += (double)l->h->bin[i];
        counted += (double)l->h->bin[i];
    }
    for (int i = 0; i < BARS; i++)
        most = fmax(most, bar[i]);
    printf("%s: |x| of %.0f values that are not 0, up to %.4g; a bar is logarithmic\n",
           l->node->name, counted, (double)l->h->absmax);
    for (int i = 0; i < BARS; i++) {
        int length = bar[i] > 0 ? (int)(50 * log1p(bar[i]) / log1p(most)) : 0;
        printf("%9.4g  %8.4f %%  %.*s\n", (double)l->h->absmax * i / BARS,
               counted > 0 ? 100 * bar[i] / counted : 0, length,
               "##################################################");
    }
}

static void cell_or_dash(struct cli_table *t, const char *format, double value)
{
    if (isfinite(value))
        cli_table_cell(t, format, value);
    else
        cli_table_cell(t, "%s", "-");
}

static void print_candidates(const struct layer *l)
{
    static const char *const headings[] = { "bins",       "threshold", "KL",
                                            "KL of ncnn", "MSE",       "clipped %" };
    struct cli_table *t = cli_table_new(headings, 6);

    for (int k = 1; k <= ROWS; k++) {
        int bins = k * QNT_BINS / ROWS;
        cli_table_cell(t, "%d", bins);
        cli_table_cell(t, "%.4g", (double)l->h->absmax * bins / QNT_BINS);
        cell_or_dash(t, "%.5f", l->candidates.kl[bins]);
        cell_or_dash(t, "%.5f", l->candidates.kl_ncnn[bins]);
        cell_or_dash(t, "%.3e", l->candidates.mse[bins]);
        cell_or_dash(t, "%.4f", 100 * l->candidates.clipped[bins]);
    }
    cli_table_print(t, stdout);
}

static void print_chosen(const struct layer *l)
{
    static const char *const headings[] = { "method", "threshold", "bins",      "KL",
                                            "MSE",    "of least",  "clipped %", "" };
    struct cli_table *t = cli_table_new(headings, 8);

    for (int m = 0; m < QNT_METHOD_COUNT; m++) {
        const struct qnt_threshold *c = &l->chosen[m];
        cli_table_cell(t, "%s", qnt_methods[m].name);
        cli_table_cell(t, "%.4g", (double)c->threshold);
        cli_table_cell(t, "%.1f", (double)(c->threshold / l->h->absmax) * QNT_BINS);
        if (c->divergence > 0)
            cli_table_cell(t, "%.5f", c->divergence);
        else
            cli_table_cell(t, "%s", "-");
        cli_table_cell(t, "%.3e", c->mse);
        cli_table_cell(t, "%.2f", c->best_mse > 0 ? c->mse / c->best_mse : 1);
        cli_table_cell(t, "%.4f", 100 * c->clipped);
        cli_table_cell(t, "%s%s",
                       m == QNT_METHOD_AUTO ? qnt_methods[c->used].name
                       : c->suspicious      ? (qnt_is_sound(c) ? "overruled" : "SUSPICIOUS")
                                            : "",
                       "");
    }
    cli_table_print(t, stdout);
}

static int plot_layer(const struct layer *l, const char *path)
{
    static double x[QNT_BINS + 1], share[QNT_BINS + 1], mse[QNT_BINS + 1];
    const double width = (double)l->h->absmax / QNT_BINS, least = -8;
    const double choice = (double)l->chosen[QNT_METHOD_AUTO].threshold;
    const double ncnn = (double)l->chosen[QNT_METHOD_KL_NCNN].threshold;
    const double of_auto[2] = { choice, choice }, of_ncnn[2] = { ncnn, ncnn };
    double counted = 0;

    for (int i = 0; i < QNT_BINS; i++)
        counted += (double)l->h->bin[i];
    for (int i = 0; i <= QNT_BINS; i++) {
        x[i] = i * width;
        share[i] = i < QNT_BINS && l->h->bin[i] ? log10((double)l->h->bin[i] / counted) : least;
        mse[i] = log10(l->candidates.mse[i]);
    }
    const double heights[] = { least, 0 };
    const struct rpt_curve seen[] = { { "log10 of the share", x, share, QNT_BINS },
                                      { "threshold of auto", of_auto, heights, 2 },
                                      { "threshold of kl-ncnn", of_ncnn, heights, 2 } };
    const struct rpt_curve kl[] = { { "KL as NVIDIA describes it", x, l->candidates.kl, QNT_BINS },
                                    { "KL of ncnn", x, l->candidates.kl_ncnn, QNT_BINS } };
    const struct rpt_curve error = { "squared error, log10", x, mse, QNT_BINS };
    const struct rpt_panel panels[] = { { "histogram", seen, 3 },
                                        { "KL of a threshold, nats", kl, 2 },
                                        { "squared error of a threshold", &error, 1 } };
    const struct rpt_curves curves = { "magnitude, or threshold", "", panels, 3, 0, 1 };
    return draw_curves(&curves, path);
}

static void print_layer_json(const struct layer *l)
{
    printf("{\n  \"layer\": ");
    cli_json_string(stdout, l->node->name);
    printf(",\n  \"absmax\": %.9g,\n  \"bins\": [", (double)l->h->absmax);
    for (int i = 0; i < QNT_BINS; i++)
        printf("%s%llu", i ? "," : "", (unsigned long long)l->h->bin[i]);
    printf("],\n  \"methods\": [");
    for (int m = 0; m < QNT_METHOD_COUNT; m++)
        printf("%s\n    {\"method\": \"%s\", \"used\": \"%s\", \"threshold\": %.9g, "
               "\"divergence\": %.9g, \"mse\": %.9g, \"clipped\": %.9g, \"suspicious\": %s}",
               m ? "," : "", qnt_methods[m].name, qnt_methods[l->chosen[m].used].name,
               (double)l->chosen[m].threshold, l->chosen[m].divergence, l->chosen[m].mse,
               l->chosen[m].clipped, l->chosen[m].suspicious ? "true" : "false");
    printf("\n  ]\n}\n");
}

static int show(const struct kl_options *o, const struct qnt_graph *graph,
                const struct qnt_calibration *c, int32_t node)
{
    struct layer *l = calloc(1, sizeof(*l));

    if (!l)
        return cli_fail(CLI_FAILED, "out of memory");
    l->node = &graph->nodes[node];
    l->h = &c->histograms[node];
    qnt_candidates(l->h, &l->candidates);
    for (int m = 0; m < QNT_METHOD_COUNT; m++)
        qnt_threshold(l->h, c->held[node].calls ? &c->held[node] : NULL, (enum qnt_method)m,
                      &l->chosen[m]);
    if (o->json) {
        print_layer_json(l);
    } else {
        print_histogram(l);
        putchar('\n');
        print_candidates(l);
        putchar('\n');
        print_chosen(l);
    }
    int code = o->plot ? plot_layer(l, o->plot) : CLI_OK;
    free(l);
    return code;
}

/* The node of --layer, or of the first tensor that has a histogram. */
static int find_layer(const struct kl_options *o, const struct qnt_graph *graph,
                      const struct qnt_calibration *c, int32_t *node)
{
    *node = o->layer ? qnt_graph_find(graph, o->layer) : 0;
    if (*node < 0)
        return cli_fail(CLI_USAGE,
                        "--layer=%s: the model has no such node; 'quern graph' lists them",
                        o->layer);
    if (!c->histograms[*node].seen)
        return cli_fail(CLI_USAGE,
                        "--layer=%s: it has no threshold: it gives the scores, or has the scale of "
                        "what reads it",
                        graph->nodes[*node].name);
    return CLI_OK;
}

static int run_layer(const struct kl_options *o, const char *model)
{
    const struct qnt_calibrate_options options = { .count = (size_t)o->images.count,
                                                   .method = QNT_METHOD_MAX };
    struct qnt_graph graph = { 0 };
    struct qnt_calibration calibration = { 0 };
    int32_t node;

    cli_catch_interrupt();
    int code = cli_model_open(model, &o->model, &graph);
    if (code == CLI_OK && o->layer && qnt_graph_find(&graph, o->layer) < 0)
        code = find_layer(o, &graph, &calibration, &node); /* before images are run */
    if (code == CLI_OK)
        code = cli_model_calibrate(&graph, o->images.images, options, &calibration);
    if (code == CLI_OK)
        code = find_layer(o, &graph, &calibration, &node);
    if (code == CLI_OK)
        code = show(o, &graph, &calibration, node);
    qnt_calibration_clear(&calibration);
    qnt_graph_free(&graph);
    return code;
}

static const char description[] =
    "Without a model or a layer: two random distributions, their entropy, their cross entropy and "
    "the Kullback-Leibler divergence between them, in nats and in bits, outcome by outcome.\n\n"
    "With one: the histogram of a tensor, what thresholds along it would cost - in divergence, as "
    "NVIDIA describes it and as ncnn computes it, and in squared error - and what each method "
    "chooses. auto stands here for the tensor by itself; 'quern calibrate' also weighs what it is "
    "worth in the scores.";

int cmd_kl(int argc, char **argv)
{
    struct kl_options o = { .seed = 1, .outcomes = 8 };
    const struct cli_option options[] = {
        { 'l', "layer", CLI_STRING, "NAME",
          "The node whose tensor is shown; the default is the input. 'quern graph' lists them.",
          &o.layer },
        CLI_CALIBRATION_OPTIONS(o.images, 'i', 'n', "", "Images, as in 'quern calibrate'."),
        { 0, "seed", CLI_INT, "N", "Of the random distributions. The default is 1.", &o.seed },
        { 0, "outcomes", CLI_INT, "N", "Of the random distributions. The default is 8.",
          &o.outcomes },
        { 'p', "plot", CLI_STRING, "FILE", "Draws it too, by gnuplot, to FILE.svg or FILE.png.",
          &o.plot },
        CLI_MODEL_OPTIONS(o.model),
        CLI_JSON_OPTION(o.json),
    };
    const struct cli_command command = {
        .name = "kl",
        .synopsis = "quern kl [MODEL] [--layer=NAME] [--images=SPEC] [OPTION]...",
        .description = description,
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern kl --plot=principle.svg\n"
                    "quern kl quant/model/fashion.onnx --layer=image --plot=image.svg",
    };
    const char *model;
    int code = cli_parse_one(&command, argc, argv, "model", &model);
    if (code)
        return code - 1;
    code = cli_calibration_check(&o.images);
    if (code == CLI_OK && (o.outcomes < 2 || o.outcomes > OUTCOMES_MAX))
        code = cli_fail(CLI_USAGE, "--outcomes=%lld: goes from 2 to %d", o.outcomes, OUTCOMES_MAX);
    if (code == CLI_OK)
        code = model || o.layer || o.images.images ? run_layer(&o, model) : run_principle(&o);
    cli_list_clear(&o.model.outputs);
    return code;
}
