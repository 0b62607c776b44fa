/* A softmax of which the result has only the values, moved and joined perhaps, is no part of a
 * folded network; one that somebody else reads is. */
#include "tests/t_onnx_lines.h"
#include "tests/t_onnx_run.h"

static const struct {
    const char *lines;
    int softmaxes;
} cases[] = {
    { "Softmax r > y axis=1", 0 },
    { "Softmax r > s axis=1; Concat s r > c axis=1; Transpose c > y perm=[0,2,3,1]", 0 },
    { "Softmax r > s axis=2; Concat s r > c axis=1; Concat c r > d axis=1; Flatten d > y", 0 },
    { "Softmax r > s axis=1; Softmax s > t axis=1; Concat t r > y axis=1", 1 },
    { "Softmax r > s axis=1; Relu s > t; Concat s t > y axis=1", 1 },
    { "Softmax r > s axis=1; Concat s r > c axis=1; Relu c > y", 1 },
};

int main(int argc, char **argv)
{
    static struct t_tensor_chw in;
    struct qnt_graph graph;
    struct qnt_error error;

    t_begin(argc, argv);
    t_rng = t_seed;
    t_random_tensor(&in, 6, 4, 5);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct t_model m;
        int found = 0;
        t_begin_model(&m, &in);
        t_lines(&m, "Relu x > r");
        t_lines(&m, cases[i].lines);
        if (t_load_model(&m, &graph) != 0)
            continue;
        T_CHECK(qnt_fold(&graph, &error) == 0);
        for (int32_t k = 0; k < graph.count; k++)
            found += graph.nodes[k].op == QNT_OP_SOFTMAX;
        if (!T_CHECK(found == cases[i].softmaxes))
            printf("  %d softmaxes are left of \"%s\"\n", found, cases[i].lines);
        qnt_graph_free(&graph);
    }
    return t_end();
}
