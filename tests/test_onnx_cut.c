/* Where an ONNX network that ends in operators which are not supported can be cut, as the error
 * says it; and that it can be cut there. */
#include "tests/t_onnx_lines.h"
#include "tests/t_onnx_run.h"

enum { NAMES_MAX = 3 };

static const struct {
    const char *lines;
    const char *names[NAMES_MAX];
} cases[] = {
    { "Relu x > a; GridSample a > y", { "a" } },
    { "Relu x > a; Sigmoid a > b; GlobalMaxPool a > g; NonMaxSuppression b g > n; Gather a n > y",
      { "b", "g" } },
    { "Relu x > a; Shape a > s; NonZero s > n; Sigmoid a > b; TopK b n > y", { "b" } },
    { "Relu x > a; Neg a > n; CONST k=[1]; TopK n k > v; Sigmoid a > b; Concat v b > y axis=1",
      { "n", "b" } },
    { "Sigmoid x > s; Div s s > d; Relu d > y", { "s" } }, /* by two tensors */
};

static int load(const char *lines, const struct qnt_load *how, struct qnt_graph *graph,
                struct qnt_error *error)
{
    static struct t_tensor_chw in;
    struct t_model m;

    t_random_tensor(&in, 6, 4, 5);
    t_begin_model(&m, &in);
    t_lines(&m, lines);
    t_model_end(&m);
    int rc = qnt_onnx_read(m.file.data, m.file.size, "m.onnx", how, graph, error);
    t_model_clear(&m);
    return rc;
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    t_rng = t_seed;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct qnt_load how = { .outputs = cases[i].names };
        struct qnt_error error = { "" };
        struct qnt_graph graph;
        char want[200] = "; the network can be cut before it:";
        while (how.output_count < NAMES_MAX && cases[i].names[how.output_count]) {
            const size_t used = strlen(want);
            snprintf(want + used, sizeof(want) - used, " --output-blob=%s",
                     cases[i].names[how.output_count++]);
        }
        T_CHECK(load(cases[i].lines, NULL, &graph, &error) < 0);
        const char *hint = strstr(error.text, "; the network");
        if (!T_CHECK(hint && strcmp(hint, want) == 0))
            printf("  got  \"%s\"\n  want \"%s\"\n", error.text, want);
        if (T_CHECK(load(cases[i].lines, &how, &graph, &error) == 0)) {
            T_CHECK(how.output_count == 1 ||
                    graph.nodes[graph.output].input_count == (int32_t)how.output_count);
            qnt_graph_free(&graph);
        }
    }
    return t_end();
}
