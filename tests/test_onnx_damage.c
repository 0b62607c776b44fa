/* The embedded model, cut short and with flipped bits: an error or a graph that holds together,
 * never a crash. test_onnx_damage FASHION.ONNX */
#include <assert.h>

#include "quant/model/graph.h"
#include "tests/t.h"

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(1 << 20);
    *size = f && data ? fread(data, 1, 1 << 20, f) : 0;
    if (f)
        fclose(f);
    return data;
}

/* What a graph that was accepted must hold to be run, folded and freed. */
static void check_valid(struct qnt_graph *graph)
{
    struct qnt_error error;
    int ok = graph->count > 0 && graph->output >= 0 && graph->output < graph->count;

    for (int32_t i = 0; ok && i < graph->count; i++) {
        const struct qnt_node *n = &graph->nodes[i];
        ok = n->name && n->h > 0 && n->w > 0 && n->c > 0 && n->lo <= n->hi;
        for (int32_t k = 0; k < n->input_count; k++)
            ok = ok && n->inputs[k] >= 0 && n->inputs[k] < i;
        if (n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR)
            ok = ok && n->weight_count == krn_problem_weight_count(&n->problem) &&
                 n->bias_count == (size_t)n->c && n->weight && n->bias;
    }
    T_CHECK(ok);
    T_CHECK(qnt_fold(graph, &error) == 0);
}

/* Both outcomes are fine: a sentence, or a graph that holds together. `mutant` is freed. */
static void check_damaged(uint8_t *mutant, size_t size)
{
    struct qnt_graph graph;
    struct qnt_error error = { "" };

    if (qnt_onnx_read(mutant, size, "damaged.onnx", &graph, &error) == 0) {
        check_valid(&graph);
        qnt_graph_free(&graph);
    } else {
        T_CHECK(strncmp(error.text, "damaged.onnx: ", 14) == 0 && error.text[14]);
    }
    free(mutant);
}

/* A copy of its own length, so that a read past the end is seen by the sanitizer. */
static uint8_t *copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert(copy);
    memcpy(copy, data, size);
    return copy;
}

static void test_truncated(const uint8_t *data, size_t size)
{
    for (size_t cut = 0; cut < size; cut += cut < 2000 || cut > size - 2000 ? 1 : 97) {
        uint8_t *mutant = copy_of(data, cut);
        struct qnt_graph graph;
        struct qnt_error error = { "" };
        /* the file ends with small fields after the graph: without them it may still be a model */
        if (cut < size - 200 &&
            !T_CHECK(qnt_onnx_read(mutant, cut, "cut.onnx", &graph, &error) < 0))
            qnt_graph_free(&graph);
        check_damaged(mutant, cut);
    }
}

/* The weights are most of the file, and any bits are weights: most flips go to where the structure
 * is, which is wherever a byte is followed by text. */
static void test_flipped(const uint8_t *data, size_t size)
{
    uint64_t rng = t_seed;

    for (int round = 0; round < 3000; round++) {
        uint8_t *mutant = copy_of(data, size);
        for (int flips = t_between(&rng, 1, 4); flips > 0; flips--) {
            size_t i = t_random(&rng) % size;
            for (int tries = 0; tries < 200 && round % 4; tries++) {
                if (i + 4 < size && data[i + 2] >= 'a' && data[i + 2] <= 'z' &&
                    data[i + 3] >= 'a' && data[i + 3] <= 'z')
                    break;
                i = t_random(&rng) % size;
            }
            mutant[i] ^= (uint8_t)(1 << t_between(&rng, 0, 7));
        }
        check_damaged(mutant, size);
    }
}

int main(int argc, char **argv)
{
    size_t size;

    t_begin(argc, argv);
    if (argc < 2)
        return 1;
    uint8_t *data = read_file(argv[1], &size);
    if (T_CHECK(size > 100000)) {
        test_truncated(data, size);
        test_flipped(data, size);
    }
    free(data);
    return t_end();
}
