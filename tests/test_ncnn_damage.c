/* A small ncnn model with one of each kind of layer, cut short and with flipped bits and words put
 * elsewhere: an error or a graph that holds together, never a crash. */
#include "tests/t_damage.h"
#include "tests/t_ncnn.h"

static void add_layer(struct t_ncnn *m, uint64_t *rng, const char *line, int weights, int floats)
{
    static const uint32_t tags[] = { 0, 0x01306B47, 0x0002C056 };
    float values[400];
    uint32_t tag = tags[t_random(rng) % 3];

    for (int i = 0; i < 400; i++)
        values[i] = (float)t_between(rng, 1, 100) / 64;
    t_ncnn_line(m, line);
    if (weights && tag == 0x01306B47) {
        uint16_t halves[800];
        for (int i = 0; i < weights; i++)
            halves[i] = (uint16_t)(0x3000 + t_between(rng, 0, 1023));
        t_put(&m->bin, &tag, 4);
        t_put(&m->bin, halves, (size_t)(weights + 1) / 2 * 4);
    } else if (weights) {
        t_ncnn_tagged(m, tag, values, (size_t)weights);
    }
    t_ncnn_floats(m, values, (size_t)floats);
}

static void make(struct t_ncnn *m, uint64_t *rng)
{
    add_layer(m, rng, "Input data 0 1 x 0=9 1=8 2=3", 0, 0);
    add_layer(m, rng, "Convolution c1 1 1 x a 0=6 1=3 3=2 4=1 5=1 6=162 9=1", 162, 6);
    add_layer(m, rng, "BatchNorm b1 1 1 a b 0=6 1=0.001", 0, 24);
    add_layer(m, rng, "Split s1 1 3 b b0 b1 b2", 0, 0);
    add_layer(m, rng, "ConvolutionDepthWise d1 1 1 b0 c 0=6 1=3 4=1 5=1 6=54 7=6", 54, 6);
    add_layer(m, rng, "HardSwish h1 1 1 c d 0=0.1667 1=0.5", 0, 0);
    add_layer(m, rng, "BinaryOp a1 2 1 d b1 e 0=0", 0, 0);
    add_layer(m, rng, "Pooling p1 1 1 b2 f 0=0 1=3 2=1 3=1 5=1", 0, 0);
    add_layer(m, rng, "Concat k1 2 1 e f g 0=0", 0, 0);
    add_layer(m, rng, "Slice l1 1 2 g i j -23300=2,5,-233 1=0", 0, 0);
    add_layer(m, rng, "LRN n1 1 1 i i2 1=3 2=0.5 3=0.5", 0, 0);
    add_layer(m, rng, "Interp u1 1 1 i2 n 0=2 1=2.0 2=2.0", 0, 0);
    add_layer(m, rng, "Padding q1 1 1 j o 0=2 1=2 2=2 3=3 7=1 8=2", 0, 0);
    add_layer(m, rng, "Permute r1 1 1 o o1 0=1", 0, 0);
    add_layer(m, rng, "Permute r2 1 1 o1 o2 0=1", 0, 0);
    add_layer(m, rng, "Reshape v1 1 1 o2 o3 0=10 1=8 2=-1", 0, 0);
    add_layer(m, rng, "Concat k2 2 1 n o3 t 0=0", 0, 0);
    add_layer(m, rng, "Split s3 1 3 t t0 t1 t2", 0, 0);
    add_layer(m, rng, "Pooling p3 1 1 t0 t3 0=1 4=1", 0, 0);
    add_layer(m, rng, "Scale w1 2 1 t1 t3 t4 0=-233", 0, 0);
    add_layer(m, rng, "Crop w2 2 1 t4 t2 t5", 0, 0);
    add_layer(m, rng, "Pooling p2 1 1 t5 y 0=1 4=1", 0, 0);
    add_layer(m, rng, "InnerProduct f1 1 1 y z 0=4 1=1 2=60", 60, 4);
    add_layer(m, rng, "Split s2 1 2 z z0 z1", 0, 0);
    add_layer(m, rng, "Eltwise e1 2 1 z0 z1 z2 0=1 -23301=2,0.2,1.0", 0, 0);
    add_layer(m, rng, "Softmax z3 1 1 z2 out 0=0", 0, 0);
}

/* Both are copied, each to a block of its own length. */
static int read_damaged(struct qnt_bytes param, struct qnt_bytes bin)
{
    uint8_t *text = t_copy_of(param.data, param.bytes), *weights = t_copy_of(bin.data, bin.bytes);
    struct qnt_graph graph;
    struct qnt_error error = { "" };

    int rc = qnt_ncnn_read((struct qnt_bytes) { text, param.bytes },
                           (struct qnt_bytes) { weights, bin.bytes }, "damaged.param", NULL, &graph,
                           &error);
    if (rc == 0) {
        t_check_valid(&graph);
        qnt_graph_free(&graph);
    } else {
        T_CHECK(strncmp(error.text, "damaged.param: ", 15) == 0 && error.text[15]);
    }
    free(text);
    free(weights);
    return rc;
}

static void test_cuts(struct qnt_bytes param, struct qnt_bytes bin)
{
    for (size_t cut = 0; cut < param.bytes - 1; cut++) /* without its last newline it is whole */
        read_damaged((struct qnt_bytes) { param.data, cut }, bin);
    for (size_t cut = 0; cut < bin.bytes; cut++)
        T_CHECK(read_damaged(param, (struct qnt_bytes) { bin.data, cut }) < 0);
}

static void test_flips(struct qnt_bytes param, struct qnt_bytes bin, uint64_t *rng)
{
    int accepted = 0;

    for (int round = 0; round < 6000; round++) {
        uint8_t *text = t_copy_of(param.data, param.bytes);
        uint8_t *weights = t_copy_of(bin.data, bin.bytes);
        for (int flips = t_between(rng, 1, 3); flips > 0; flips--)
            if (round % 4)
                text[t_random(rng) % param.bytes] ^= (uint8_t)(1 << t_between(rng, 0, 7));
            else
                weights[t_random(rng) % bin.bytes] ^= (uint8_t)(1 << t_between(rng, 0, 7));
        accepted += read_damaged((struct qnt_bytes) { text, param.bytes },
                                 (struct qnt_bytes) { weights, bin.bytes }) == 0;
        free(text);
        free(weights);
    }
    T_CHECK(accepted > 0);
}

/* Words from elsewhere in the text: numbers of other layers, names of other blobs. */
static void test_words(struct qnt_bytes param, struct qnt_bytes bin, uint64_t *rng)
{
    for (int round = 0; round < 4000; round++) {
        uint8_t text[4000];
        size_t from = t_random(rng) % (param.bytes - 12), to = t_random(rng) % (param.bytes - 12);
        assert(param.bytes < sizeof(text));
        memcpy(text, param.data, param.bytes);
        memmove(text + to, text + from, (size_t)t_between(rng, 1, 12));
        read_damaged((struct qnt_bytes) { text, param.bytes }, bin);
    }
}

int main(int argc, char **argv)
{
    struct t_ncnn m = { 0 };

    t_begin(argc, argv);
    uint64_t rng = t_seed;
    make(&m, &rng);
    struct t_bytes text = t_ncnn_text(&m);
    struct qnt_bytes param = { text.data, text.size }, bin = { m.bin.data, m.bin.size };
    if (T_CHECK(read_damaged(param, bin) == 0)) {
        test_cuts(param, bin);
        test_flips(param, bin, &rng);
        test_words(param, bin, &rng);
    }
    free(text.data);
    t_ncnn_clear(&m);
    return t_end();
}
