/* Which results an ncnn network gives: all blobs that nobody reads, or those that the caller names,
 * with nothing imported but what leads to them; and what the error says where a network ends in
 * what is not supported. */
#include <errno.h>

#include "tests/t_ncnn.h"

enum { NAMES_MAX = 3, NODES_MAX = 8 };

/* A stem, a head with weights that some do not want, and heads of other sorts. Each convolution has
 * as its only weight a number of its own. */
static const struct {
    const char *line;
    float weight; /* 0: it has none */
} network[] = {
    { "Input data 0 1 x 0=3 1=2 2=1", 0 },
    { "Convolution stem 1 1 x a 0=1 1=1 6=1", 1 },
    { "Split s 1 3 a a0 a1 a2", 0 },
    { "Convolution head1 1 1 a0 b 0=1 1=1 6=1", 2 },
    { "PReLU slope 1 1 b b1 0=1", 3 },
    { "PriorBox boxes 2 1 a1 x c -23300=1,4.0", 0 },
    { "Convolution head2 1 1 a2 d 0=1 1=1 6=1", 4 },
    { "Softmax soft 1 1 d e 0=0", 0 },
    { "DetectionOutput out 3 1 b1 e c y 0=2", 0 },
};

static const struct {
    const char *names[NAMES_MAX]; /* wanted; none: all */
    const char *nodes[NODES_MAX]; /* what is imported, the output last; none: refused */
    float weight;                 /* of the last convolution */
    const char *sentence;
} cases[] = {
    { .names = { NULL },
      .sentence = "layer 'boxes' (PriorBox): the operator is not supported; the network can be cut"
                  " before it: --output-blob=b1 --output-blob=e" },
    { .names = { "y" }, .sentence = "--output-blob=b1 --output-blob=e" },
    { .names = { "z" }, .sentence = "no layer computes the blob 'z'" },
    { .names = { "b" }, .nodes = { "data", "stem", "head1" }, .weight = 2 },
    { .names = { "d" }, .nodes = { "data", "stem", "head2" }, .weight = 4 },
    { .names = { "e", "b1" },
      .nodes = { "data", "stem", "head1", "slope", "head2", "soft", "output.flat0",
                 "output.joined" },
      .weight = 4 },
};

static void build(struct t_ncnn *m)
{
    *m = (struct t_ncnn) { 0 };
    for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++) {
        t_ncnn_line(m, network[i].line);
        if (strncmp(network[i].line, "PReLU", 5) == 0)
            t_ncnn_floats(m, &network[i].weight, 1);
        else if (network[i].weight != 0)
            t_ncnn_tagged(m, 0, &network[i].weight, 1);
    }
}

static int load(const struct t_ncnn *m, const struct qnt_load *how, struct qnt_graph *graph,
                struct qnt_error *error)
{
    struct t_bytes text = t_ncnn_text(m);
    int rc =
        qnt_ncnn_read((struct qnt_bytes) { text.data, text.size },
                      (struct qnt_bytes) { m->bin.data ? m->bin.data : text.data, m->bin.size },
                      "m.param", how, graph, error);

    free(text.data);
    return rc;
}

static void check(size_t i)
{
    struct qnt_load how = { .outputs = cases[i].names };
    struct qnt_error error = { "" };
    struct qnt_graph graph;
    struct t_ncnn m;
    int32_t count = 0;

    while (how.output_count < NAMES_MAX && cases[i].names[how.output_count])
        how.output_count++;
    while (count < NODES_MAX && cases[i].nodes[count])
        count++;
    build(&m);
    const int rc = load(&m, &how, &graph, &error);
    if (cases[i].sentence) {
        T_CHECK(rc < 0 && graph.count == 0);
        if (!T_CHECK(strstr(error.text, cases[i].sentence)))
            printf("  got  \"%s\"\n  want \"%s\"\n", error.text, cases[i].sentence);
    } else if (!T_CHECK(rc == 0)) {
        printf("  case %zu: %s\n", i, error.text);
    } else {
        float weight = 0;
        T_CHECK(graph.count >= count);
        for (int32_t k = 0; k < count; k++)
            T_CHECK(qnt_graph_find(&graph, cases[i].nodes[k]) >= 0);
        T_CHECK_STR(graph.nodes[graph.output].name, cases[i].nodes[count - 1]);
        for (int32_t k = 0; k < graph.count; k++)
            weight = graph.nodes[k].op == QNT_OP_CONV ? graph.nodes[k].weight[0] : weight;
        T_CHECK(weight == cases[i].weight);
        T_CHECK((qnt_graph_find(&graph, "head1") >= 0) == (cases[i].names[0][0] != 'd'));
        qnt_graph_free(&graph);
    }
    t_ncnn_clear(&m);
}

/* Named in another order, results stand in that order. */
static void test_order(void)
{
    struct qnt_load how = { .outputs = cases[5].names, .output_count = 2 };
    struct qnt_error error;
    struct qnt_graph graph;
    struct t_ncnn m;

    build(&m);
    if (T_CHECK(load(&m, &how, &graph, &error) == 0)) {
        const struct qnt_node *out = &graph.nodes[graph.output];
        T_CHECK_STR(graph.nodes[graph.nodes[out->inputs[0]].inputs[0]].name, "head2");
        T_CHECK_STR(graph.nodes[graph.nodes[out->inputs[1]].inputs[0]].name, "slope");
        qnt_graph_free(&graph);
    }
    t_ncnn_clear(&m);
}

/* A layer with who knows how many weights: what stands before it can be had, nothing behind it. */
static void test_unknown(void)
{
    static const struct {
        const char *name, *sentence;
    } rows[] = { { "a", NULL },
                 { "c", "layer 'foo' (Foo): the operator is not supported: how many weights" } };

    for (size_t i = 0; i < 2; i++) {
        struct qnt_load how = { .outputs = &rows[i].name, .output_count = 1 };
        struct qnt_error error = { "" };
        struct qnt_graph graph;
        struct t_ncnn m = { 0 };
        t_ncnn_line(&m, "Input data 0 1 x 0=3 1=2 2=1");
        t_ncnn_line(&m, "Sigmoid r 1 1 x a");
        t_ncnn_line(&m, "Foo foo 1 1 a b 0=words");
        t_ncnn_line(&m, "TanH t 1 1 a c");
        const float weights[3] = { 1, 2, 3 };
        t_ncnn_floats(&m, weights, 3);
        /* a is read twice, without a Split: that is not forbidden */
        const int rc = load(&m, &how, &graph, &error);
        T_CHECK((rc == 0) == !rows[i].sentence);
        if (rc == 0)
            qnt_graph_free(&graph);
        else if (!T_CHECK(strstr(error.text, rows[i].sentence)))
            printf("  got  \"%s\"\n", error.text);
        t_ncnn_clear(&m);
    }
}

/* Blobs that nobody reads, or that only a Noop lists, are all results; a line more than the head of
 * the file counts is none. */
static void test_all(void)
{
    static const char *const lists[] = { NULL, "Noop n 2 1 a b y", "ReLU r2 1 1 a c" };

    for (size_t i = 0; i < 3; i++) {
        const struct qnt_load how = { .h = 3, .w = 2, .c = 1 };
        struct qnt_error error = { "" };
        struct qnt_graph graph;
        struct t_ncnn m = { 0 };
        t_ncnn_line(&m, "Input data 0 1 x");
        t_ncnn_line(&m, "ReLU r 1 1 x a");
        t_ncnn_line(&m, "Sigmoid s 1 1 x b");
        if (lists[i])
            t_ncnn_line(&m, lists[i]);
        m.layers = i == 2 ? 3 : m.layers;
        if (T_CHECK(load(&m, &how, &graph, &error) == 0)) {
            const struct qnt_node *out = &graph.nodes[graph.output];
            T_CHECK(graph.nodes[0].h == 3 && graph.nodes[0].w == 2 && graph.nodes[0].c == 1);
            T_CHECK(out->op == QNT_OP_CONCAT && out->input_count == 2);
            T_CHECK(out->c == 12 && out->h == 1);
            qnt_graph_free(&graph);
        } else {
            printf("  %s\n", error.text);
        }
        t_ncnn_clear(&m);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(i);
    test_order();
    test_unknown();
    test_all();
    return t_end();
}
