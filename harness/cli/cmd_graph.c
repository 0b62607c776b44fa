/* quern graph: the nodes of a model as they run, and what was fused into them. */
#include "harness/cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/model.h"

struct graph_options {
    struct cli_model_options model;
    int json;
};

/* One text per node, with room for all of a node's; of an add the convolution that computes it. */
static void describe_fusions(const struct qnt_graph *g, int32_t index, char *out, size_t bytes)
{
    const struct qnt_node *n = &g->nodes[index];
    const int32_t conv = qnt_add_conv(g, index);
    size_t used = 0;

    out[0] = 0;
    if (conv >= 0)
        used += (size_t)snprintf(out, bytes, "runs in %d", conv);
    for (int f = 0; f < QNT_FUSION_COUNT; f++)
        if (n->fused & 1u << f && used < bytes)
            used += (size_t)snprintf(out + used, bytes - used, "%s%s", used ? ", " : "",
                                     qnt_fusion_names[f]);
}

static const char *op_name(const struct qnt_node *n)
{
    return n->op == QNT_OP_FUNCTION ? qnt_functions[n->function].name : qnt_op_names[n->op];
}

static void describe_clamp(const struct qnt_node *n, char *out, size_t bytes)
{
    if (isinf(n->lo) && isinf(n->hi))
        out[0] = 0;
    else if (n->lo == 0 && isinf(n->hi))
        snprintf(out, bytes, "relu");
    else
        snprintf(out, bytes, "%.4g..%.4g", (double)n->lo, (double)n->hi);
}

static int is_layer(const struct qnt_node *n)
{
    return n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR;
}

static void print_table(const struct qnt_graph *g)
{
    static const char *const headings[] = { "#",     "node",  "operator", "inputs", "h x w x c",
                                            "clamp", "fused", "MAC",      "problem" };
    struct cli_table *t = cli_table_new(headings, 9);
    int64_t macs = 0;
    size_t weights = 0;

    for (int32_t i = 0; i < g->count; i++) {
        const struct qnt_node *n = &g->nodes[i];
        char text[KRN_PROBLEM_STR_MAX] = "", inputs[120] = "";
        for (int32_t k = 0; k < n->input_count && strlen(inputs) < 100; k++)
            snprintf(inputs + strlen(inputs), 12, "%s%d", k ? " " : "", n->inputs[k]);
        cli_table_cell(t, "%d", i);
        cli_table_cell(t, "%s", n->name);
        cli_table_cell(t, "%s", op_name(n));
        cli_table_cell(t, "%s", inputs);
        cli_table_cell(t, "%dx%dx%d", n->h, n->w, n->c);
        describe_clamp(n, text, sizeof(text));
        cli_table_cell(t, "%s", text);
        describe_fusions(g, i, text, sizeof(text));
        cli_table_cell(t, "%s", text);
        text[0] = 0;
        if (is_layer(n)) {
            macs += krn_problem_macs(&n->problem);
            weights += n->weight_count;
            krn_problem_format(&n->problem, 0, text);
            cli_table_cell(t, "%lld", (long long)krn_problem_macs(&n->problem));
        } else {
            cli_table_cell(t, "%s", "");
        }
        cli_table_cell(t, "%s", text);
    }
    cli_table_print(t, stdout);
    printf("\n%d nodes as imported, %d as they run; %lld MAC and %zu weights; the output is node"
           " %d\n",
           g->imported, g->count, (long long)macs, weights, g->output);
}

static void print_json(const struct qnt_graph *g)
{
    printf("{\n  \"imported\": %d,\n  \"output\": %d,\n  \"nodes\": [", g->imported, g->output);
    for (int32_t i = 0; i < g->count; i++) {
        const struct qnt_node *n = &g->nodes[i];
        char text[KRN_PROBLEM_STR_MAX] = "";
        printf("%s\n    {\"name\": ", i ? "," : "");
        cli_json_string(stdout, n->name);
        printf(", \"operator\": \"%s\", \"inputs\": [", op_name(n));
        for (int32_t k = 0; k < n->input_count; k++)
            printf("%s%d", k ? ", " : "", n->inputs[k]);
        describe_clamp(n, text, sizeof(text));
        printf("], \"h\": %d, \"w\": %d, \"c\": %d, \"clamp\": \"%s\", \"fused\": [", n->h, n->w,
               n->c, text);
        for (int f = 0, any = 0; f < QNT_FUSION_COUNT; f++)
            if (n->fused & 1u << f)
                printf("%s\"%s\"", any++ ? ", " : "", qnt_fusion_names[f]);
        text[0] = 0;
        if (qnt_add_conv(g, i) >= 0)
            snprintf(text, sizeof(text), ", \"runs_in\": %d", qnt_add_conv(g, i));
        printf("]%s", text);
        text[0] = 0;
        if (is_layer(n))
            krn_problem_format(&n->problem, 0, text);
        printf(", \"macs\": %lld, \"problem\": \"%s\"}",
               is_layer(n) ? (long long)krn_problem_macs(&n->problem) : 0LL, text);
    }
    printf("\n  ]\n}\n");
}

static const char description[] =
    "Imports a model and prints its nodes as they run: operators, shapes, multiply-accumulates, "
    "problems of convolutions, and what was fused into each: batch normalisations, activations and "
    "padding. A residual add is a part of the convolution that computes one of its operands, where "
    "nobody else reads that: int8 networks round the sum of both once, in the epilogue of its "
    "kernel. Both nodes say so.\n\n"
    "Takes ONNX and ncnn (.param with its .bin beside it). Without MODEL, the model that comes "
    "with Quern.";

int cmd_graph(int argc, char **argv)
{
    struct graph_options o = { .json = 0 };
    const struct cli_option options[] = {
        CLI_MODEL_OPTIONS(o.model),
        { 0, "json", CLI_FLAG, NULL, "Prints JSON instead of a table.", &o.json },
    };
    const struct cli_command command = {
        .name = "graph",
        .synopsis = "quern graph [MODEL] [OPTION]...",
        .description = description,
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern graph\nquern graph net.param --shape=224x224x3 --json",
    };
    struct qnt_graph graph = { 0 };
    const char *model;
    int code = cli_parse_one(&command, argc, argv, "model", &model);
    if (code)
        return code - 1;
    code = cli_model_open(model, &o.model, &graph);
    if (code == CLI_OK)
        (o.json ? print_json : print_table)(&graph);
    qnt_graph_free(&graph);
    cli_list_clear(&o.model.outputs);
    return code;
}
