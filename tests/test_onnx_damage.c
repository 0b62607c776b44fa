/* The embedded model, cut short and with flipped bits: an error or a graph that holds together,
 * never a crash. test_onnx_damage FASHION.ONNX */
#include "tests/t_damage.h"

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(1 << 20);
    *size = f && data ? fread(data, 1, 1 << 20, f) : 0;
    if (f)
        fclose(f);
    return data;
}

/* Both outcomes are fine: a sentence, or a graph that holds together. `mutant` is freed. */
static void check_damaged(uint8_t *mutant, size_t size)
{
    struct qnt_graph graph;
    struct qnt_error error = { "" };

    if (qnt_onnx_read(mutant, size, "damaged.onnx", NULL, &graph, &error) == 0) {
        t_check_valid(&graph);
        qnt_graph_free(&graph);
    } else {
        T_CHECK(strncmp(error.text, "damaged.onnx: ", 14) == 0 && error.text[14]);
    }
    free(mutant);
}

static void test_truncated(const uint8_t *data, size_t size)
{
    for (size_t cut = 0; cut < size; cut += cut < 2000 || cut > size - 2000 ? 1 : 97) {
        uint8_t *mutant = t_copy_of(data, cut);
        struct qnt_graph graph;
        struct qnt_error error = { "" };
        /* the file ends with small fields after the graph: without them it may still be a model */
        if (cut < size - 200 &&
            !T_CHECK(qnt_onnx_read(mutant, cut, "cut.onnx", NULL, &graph, &error) < 0))
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
        uint8_t *mutant = t_copy_of(data, size);
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
