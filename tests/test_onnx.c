/* The importer on files that are wrong: each ends in a sentence that names file, node and operator,
 * and never in a crash. test_onnx FASHION.ONNX */
#include "quant/model/graph.h"
#include "tests/t_onnx.h"

#include <errno.h>
#include <math.h>

static const float ones[256] = { 1, 1, 1, 1 };

static void begin(struct t_model *m)
{
    t_model_begin(m, 13);
    t_model_io(m, T_INPUT, "x", (int64_t[]) { 1, 2, 4, 4 }, 4);
    t_model_io(m, T_OUTPUT, "y", NULL, 0);
}

static void conv_weight(struct t_model *m)
{
    t_model_floats(m, "w", (int64_t[]) { 2, 2, 1, 1 }, 4, ones);
}

/* ---- One wrong thing each, on a graph that is right otherwise. */

static void unknown_operator(struct t_model *m)
{
    t_model_op(m, "Relu", "x", "a");
    t_model_op(m, "GridSample", "a", "y");
}

static void unknown_domain(struct t_model *m)
{
    struct t_bytes node = t_node("Relu", "x", "y");
    t_put_text(&node, 7, "com.example");
    t_model_node(m, &node);
}

static void unknown_attribute(struct t_model *m)
{
    struct t_bytes node = t_node("Relu", "x", "y");
    t_attr_int(&node, "slope", 1);
    t_model_node(m, &node);
}

static void attribute_type(struct t_model *m)
{
    struct t_bytes node = t_node("Conv", "x w", "y");
    conv_weight(m);
    t_attr_float(&node, "group", 1);
    t_model_node(m, &node);
}

static void missing_weight(struct t_model *m)
{
    t_model_op(m, "Conv", "x nowhere", "y");
}

static void computed_weight(struct t_model *m)
{
    t_model_op(m, "Relu", "x", "w");
    t_model_op(m, "Conv", "x w", "y");
}

static void cycle(struct t_model *m)
{
    t_model_op(m, "Add", "x b", "a");
    t_model_op(m, "Relu", "a", "b");
    t_model_op(m, "Relu", "b", "y");
}

static void own_input(struct t_model *m)
{
    t_model_op(m, "Relu", "y", "y");
}

static void defined_twice(struct t_model *m)
{
    t_model_op(m, "Relu", "x", "a");
    t_model_op(m, "Relu", "a", "a");
    t_model_op(m, "Relu", "a", "y");
}

static void initializer_twice(struct t_model *m)
{
    conv_weight(m);
    conv_weight(m);
}

static void no_output(struct t_model *m)
{
    t_model_op(m, "Relu", "x", "other");
}

static void constant_output(struct t_model *m)
{
    t_model_floats(m, "y", (int64_t[]) { 1 }, 1, ones);
}

static void many_outputs(struct t_model *m)
{
    t_model_op(m, "Relu", "x", "y");
    for (int i = 0; i < 16; i++)
        t_model_io(m, T_OUTPUT, "x", NULL, 0);
}

static void two_inputs(struct t_model *m)
{
    t_model_io(m, T_INPUT, "second", (int64_t[]) { 1, 2, 4, 4 }, 4);
}

static void too_few_inputs(struct t_model *m)
{
    t_model_op(m, "Conv", "x", "y");
}

static void left_out_input(struct t_model *m)
{
    conv_weight(m);
    t_model_op(m, "Conv", "- w", "y");
}

static void channels_differ(struct t_model *m)
{
    t_model_floats(m, "w", (int64_t[]) { 2, 3, 1, 1 }, 4, ones);
    t_model_op(m, "Conv", "x w", "y");
}

static void groups_do_not_divide(struct t_model *m)
{
    struct t_bytes node = t_node("Conv", "x w", "y");
    t_model_floats(m, "w", (int64_t[]) { 3, 1, 1, 1 }, 4, ones);
    t_attr_int(&node, "group", 2);
    t_model_node(m, &node);
}

static void no_groups(struct t_model *m)
{
    struct t_bytes node = t_node("Conv", "x w", "y");
    conv_weight(m);
    t_attr_int(&node, "group", 0);
    t_model_node(m, &node);
}

static void bias_differs(struct t_model *m)
{
    conv_weight(m);
    t_model_floats(m, "b", (int64_t[]) { 3 }, 1, ones);
    t_model_op(m, "Conv", "x w b", "y");
}

static void filter_too_large(struct t_model *m)
{
    t_model_floats(m, "w", (int64_t[]) { 2, 2, 5, 5 }, 4, ones);
    t_model_op(m, "Conv", "x w", "y");
}

static void window_of(struct t_model *m, const char *op, const char *name, int64_t value,
                      size_t count)
{
    const int64_t values[] = { value, value, value, value };
    struct t_bytes node = t_node(op, *op == 'C' ? "x w" : "x", "y");
    conv_weight(m);
    if (*op != 'C' && strcmp(name, "kernel_shape") != 0)
        t_attr_ints(&node, "kernel_shape", (int64_t[]) { 2, 2 }, 2);
    t_attr_ints(&node, name, values, count);
    t_model_node(m, &node);
}

static void stride_zero(struct t_model *m)
{
    window_of(m, "Conv", "strides", 0, 2);
}

static void stride_huge(struct t_model *m)
{
    window_of(m, "MaxPool", "strides", INT64_MAX, 2);
}

static void strides_three(struct t_model *m)
{
    window_of(m, "Conv", "strides", 1, 3);
}

static void pads_negative(struct t_model *m)
{
    window_of(m, "Conv", "pads", -1, 4);
}

static void pads_beyond_filter(struct t_model *m)
{
    window_of(m, "MaxPool", "pads", 2, 4);
}

static void pads_of_end(struct t_model *m)
{
    struct t_bytes node = t_node("MaxPool", "x", "y");
    t_attr_ints(&node, "kernel_shape", (int64_t[]) { 2, 2 }, 2);
    t_attr_ints(&node, "pads", (int64_t[]) { 0, 0, 2, 2 }, 4);
    t_model_node(m, &node);
}

static void pad_mode(struct t_model *m)
{
    struct t_bytes node = t_node("Pad", "x p", "y");
    t_model_ints(m, "p", (int64_t[]) { 0, 0, 1, 1, 0, 0, 1, 1 }, 8);
    t_attr_text(&node, "mode", "reflect");
    t_model_node(m, &node);
}

static void pad_away(struct t_model *m)
{
    t_model_ints(m, "p", (int64_t[]) { 0, 0, -2, 1, 0, 0, -2, 1 }, 8);
    t_model_op(m, "Pad", "x p", "y");
}

static void dilation_too_large(struct t_model *m)
{
    window_of(m, "MaxPool", "dilations", 60000, 2);
}

static void kernel_shape_differs(struct t_model *m)
{
    window_of(m, "Conv", "kernel_shape", 3, 2);
}

static void pool_without_window(struct t_model *m)
{
    t_model_op(m, "MaxPool", "x", "y");
}

static void gemm_of_image(struct t_model *m)
{
    t_model_floats(m, "w", (int64_t[]) { 4, 2 }, 2, ones);
    t_model_op(m, "Gemm", "x w", "y");
}

static void gemm_size_differs(struct t_model *m)
{
    t_model_floats(m, "w", (int64_t[]) { 31, 2 }, 2, ones);
    t_model_op(m, "Flatten", "x", "f");
    t_model_op(m, "Gemm", "f w", "y");
}

static void add_shapes_differ(struct t_model *m)
{
    struct t_bytes node = t_node("MaxPool", "x", "g");
    t_attr_ints(&node, "kernel_shape", (int64_t[]) { 2, 2 }, 2);
    t_model_node(m, &node);
    t_model_op(m, "Add", "x g", "y");
}

static void add_full_constant(struct t_model *m)
{
    t_model_floats(m, "w", (int64_t[]) { 4, 4 }, 2, ones);
    t_model_op(m, "Add", "x w", "y");
}

static void concat_axis(struct t_model *m)
{
    struct t_bytes node = t_node("Concat", "x x", "y");
    t_attr_int(&node, "axis", 4);
    t_model_node(m, &node);
}

static void reshape_more(struct t_model *m)
{
    t_model_ints(m, "s", (int64_t[]) { 1, 4, 4, 3 }, 4);
    t_model_op(m, "Reshape", "x s", "y");
}

static void reshape_by_floats(struct t_model *m)
{
    t_model_floats(m, "s", (int64_t[]) { 2 }, 1, ones);
    t_model_op(m, "Reshape", "x s", "y");
}

static void clip_empty(struct t_model *m)
{
    struct t_bytes node = t_node("Clip", "x", "y");
    t_attr_float(&node, "min", 2);
    t_attr_float(&node, "max", 1);
    t_model_node(m, &node);
}

static void norm_variance(struct t_model *m)
{
    const float minus[2] = { -1, 1 };
    t_model_floats(m, "w", (int64_t[]) { 2 }, 1, ones);
    t_model_floats(m, "v", (int64_t[]) { 2 }, 1, minus);
    t_model_op(m, "BatchNormalization", "x w w w v", "y");
}

static void weight_nan(struct t_model *m)
{
    const float bad[4] = { 1, NAN, 1, 1 };
    t_model_floats(m, "w", (int64_t[]) { 2, 2, 1, 1 }, 4, bad);
    t_model_op(m, "Conv", "x w", "y");
}

/* A tensor with a shape and `bytes` of raw data. */
static void raw_weight(struct t_model *m, int type, const int64_t *dims, size_t rank, size_t bytes)
{
    struct t_bytes t = t_tensor("w", type, dims, rank);
    t_put_bytes(&t, 9, ones, bytes);
    t_put_part(&m->graph, 5, &t);
    t_model_op(m, "Conv", "x w", "y");
}

static void data_short(struct t_model *m)
{
    raw_weight(m, T_FLOAT, (int64_t[]) { 2, 2, 1, 1 }, 4, 15);
}

static void data_overflows(struct t_model *m)
{
    raw_weight(m, T_FLOAT, (int64_t[]) { 65536, 65536, 65536, 65536 }, 4, 16);
}

static void data_negative(struct t_model *m)
{
    raw_weight(m, T_FLOAT, (int64_t[]) { -2, -2, 1, 1 }, 4, 16);
}

static void data_complex(struct t_model *m)
{
    raw_weight(m, 14, (int64_t[]) { 2, 2, 1, 1 }, 4, 32);
}

static void data_empty(struct t_model *m)
{
    raw_weight(m, T_FLOAT, (int64_t[]) { 2, 2, 0, 0 }, 4, 0);
}

static void rank_nine(struct t_model *m)
{
    raw_weight(m, T_FLOAT, (int64_t[]) { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 9, 4);
}

static void external_data(struct t_model *m)
{
    struct t_bytes t = t_tensor("w", T_FLOAT, (int64_t[]) { 2, 2, 1, 1 }, 4);
    t_put_int(&t, 14, 1);
    t_put_part(&m->graph, 5, &t);
}

static void empty_constant(struct t_model *m)
{
    t_model_op(m, "Constant", "", "c");
    t_model_op(m, "Add", "x c", "y");
}

static void log_softmax_inside(struct t_model *m)
{
    t_model_op(m, "Flatten", "x", "f");
    t_model_op(m, "LogSoftmax", "f", "l");
    t_model_op(m, "Relu", "l", "y");
}

static const struct wrong {
    void (*make)(struct t_model *m);
    const char *sentence; /* a part of it */
} wrongs[] = {
    { unknown_operator, "node 'GridSample_y' (GridSample): the operator is not supported" },
    { unknown_domain,
      "node 'Relu_y' (Relu): the operator is not supported; its domain is com.example" },
    { unknown_attribute, "node 'Relu_y' (Relu): attribute 'slope' is not supported" },
    { attribute_type, "(Conv): attribute 'group' has the wrong type" },
    { missing_weight, "reads 'nowhere', which no earlier node" },
    { computed_weight, "input 'w' is computed, expected a constant" },
    { cycle, "node 'Add_a' (Add): reads 'b', which no earlier node" },
    { own_input, "reads 'y', which no earlier node" },
    { defined_twice, "node 'Relu_a' (Relu): defines tensor 'a' a second time" },
    { initializer_twice, "defines tensor 'w' a second time" },
    { no_output, "no node computes the output 'y'" },
    { constant_output, "no node computes the output 'y'" },
    { many_outputs, "has 17 outputs; at most 16 are supported" },
    { two_inputs, "has the inputs 'x' and 'second'" },
    { too_few_inputs, "has 1 inputs; 2 to 3 are supported" },
    { left_out_input, "input 0 is missing" },
    { channels_differ, "weight [2][3] does not fit 2 input channels" },
    { groups_do_not_divide, "does not fit 2 input channels in 2 groups" },
    { no_groups, "attribute 'group' = 0" },
    { bias_differs, "a constant holds 3 elements, expected 2" },
    { filter_too_large, "does not fit h = 4" },
    { stride_zero, "attribute 'strides': 0 is not between 1" },
    { stride_huge, "attribute 'strides': 9223372036854775807 is not between" },
    { strides_three, "attribute 'strides' has 3 values" },
    { pads_negative, "attribute 'pads': -1 is not between 0" },
    { pads_beyond_filter, "does not fit h = 4" },
    { pads_of_end, "does not fit h = 4" },
    { pad_mode, "node 'Pad_y' (Pad): attribute 'mode': 'reflect' is not supported" },
    { pad_away, "leaves nothing of dimension 2" },
    { dilation_too_large, "does not fit h = 4" },
    { kernel_shape_differs, "kernel_shape 3x3 differs from the weight's 1x1" },
    { pool_without_window, "attribute 'kernel_shape' is missing" },
    { gemm_of_image, "input 'x' has 4 dimensions, expected 2" },
    { gemm_size_differs, "does not fit an input of 32 elements" },
    { add_shapes_differ, "its inputs are [3][3][2] and [4][4][2]" },
    { add_full_constant, "not one value per channel" },
    { concat_axis, "axis 4 of a tensor of 4 dimensions" },
    { reshape_more, "reshapes 32 elements to a dimension 3 of 3" },
    { reshape_by_floats, "input 's' is stored as FLOAT, expected whole numbers" },
    { clip_empty, "clips to [2, 1], which is empty" },
    { norm_variance, "channel 0: variance -1" },
    { weight_nan, "element 1 of a constant is nan" },
    { data_short, "tensor 'w' has 4 elements by its shape" },
    { data_overflows, "tensor 'w': dimension 1 of 65536 is out of range" },
    { data_negative, "tensor 'w': dimension 0 of -2 is out of range" },
    { data_complex, "input 'w' is stored as COMPLEX64, which is not supported" },
    { data_empty, "the weight has 4 dimensions and 0 elements" },
    { rank_nine, "has 9 dimensions" },
    { external_data, "lies in another file" },
    { empty_constant, "has 0 values, expected 1" },
    { log_softmax_inside, "only supported as the last node" },
};

/* Must fail, with that part in the sentence, and leave the graph empty. */
static void check_fails(const uint8_t *data, size_t size, const char *part)
{
    struct qnt_graph graph;
    struct qnt_error error = { "" };

    if (!T_CHECK(qnt_onnx_read(data, size, "bad.onnx", NULL, &graph, &error) < 0))
        qnt_graph_free(&graph);
    else
        T_CHECK(graph.count == 0 && !graph.nodes);
    if (!T_CHECK(strncmp(error.text, "bad.onnx: ", 10) == 0 && strstr(error.text, part)))
        printf("  got  \"%s\"\n  want \"%s\"\n", error.text, part);
}

static void test_wrongs(void)
{
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        struct t_model m;
        begin(&m);
        wrongs[i].make(&m);
        t_model_end(&m);
        check_fails(m.file.data, m.file.size, wrongs[i].sentence);
        t_model_clear(&m);
    }
}

static void test_headers(void)
{
    static const struct {
        int64_t opset, dims[4];
        const char *sentence;
    } rows[] = {
        { 6, { 1, 2, 4, 4 }, "operator set 6" },
        { 99, { 1, 2, 4, 4 }, "operator set 99" },
        { 13, { 8, 2, 4, 4 }, "dimension 0 is a batch" },
        { 13, { 1, 2, 0, 4 }, "dimension 2 is open; say how large images are" },
        { 13, { 1, -2, 4, 4 }, "dimension 1 is out of range" },
        { 13, { 1, 1 << 20, 1 << 20, 1 << 20 }, "too many elements" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct t_model m;
        t_model_begin(&m, rows[i].opset);
        t_model_io(&m, T_INPUT, "x", rows[i].dims, 4);
        t_model_op(&m, "Relu", "x", "y");
        t_model_io(&m, T_OUTPUT, "y", NULL, 0);
        t_model_end(&m);
        check_fails(m.file.data, m.file.size, rows[i].sentence);
        t_model_clear(&m);
    }
    check_fails((const uint8_t *)"", 0, "has no graph");
    check_fails((const uint8_t *)"Not a model at all.", 19, "not an ONNX file");
}

/* Graph in attribute in node in graph ... : a stack overflow in a naive decoder. */
static void test_nesting(void)
{
    struct t_bytes inner = { NULL, 0, 0 };

    for (int i = 0; i < 3000; i++) {
        static const int fields[] = { 6, 5, 1 }; /* attribute.g, node.attribute, graph.node */
        struct t_bytes outer = { NULL, 0, 0 };
        t_put_part(&outer, fields[i % 3], &inner);
        inner = outer;
    }
    struct t_bytes file = { NULL, 0, 0 };
    t_put_part(&file, 7, &inner);
    check_fails(file.data, file.size, "nested too deeply");
    free(file.data);
}

static void test_metadata(void)
{
    static const struct {
        const char *key, *value, *sentence; /* NULL: it is fine */
    } rows[] = {
        { "quern.mean", "12.5", NULL },
        { "quern.norm", "0.25", NULL },
        { "other", "anything", NULL },
        { "quern.mean", "12.5x", "metadata quern.mean: '12.5x' is not a number" },
        { "quern.mean", "", "is not a number" },
        { "quern.norm", "inf", "is not a number" },
        { "quern.norm", "0", "metadata quern.norm: 0 is not positive" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct t_bytes entry = { NULL, 0, 0 };
        struct t_model m;
        struct qnt_graph graph;
        struct qnt_error error;
        begin(&m);
        t_model_op(&m, "Relu", "x", "y");
        t_put_text(&entry, 1, rows[i].key);
        t_put_text(&entry, 2, rows[i].value);
        t_put_part(&m.file, 14, &entry);
        t_model_end(&m);
        if (rows[i].sentence) {
            check_fails(m.file.data, m.file.size, rows[i].sentence);
        } else if (T_CHECK(qnt_onnx_read(m.file.data, m.file.size, "m", NULL, &graph, &error) ==
                           0)) {
            T_CHECK(graph.pixels.mean[0] == (i == 0 ? 12.5f : 0) &&
                    graph.pixels.norm[3] == (i == 1 ? 0.25f : 1));
            qnt_graph_free(&graph);
        }
        t_model_clear(&m);
    }
}

static void test_files(const char *path)
{
    struct qnt_graph graph;
    struct qnt_error error;

    T_CHECK(qnt_model_load(path, NULL, &graph, &error) == 0);
    qnt_graph_free(&graph);
    T_CHECK(qnt_model_load("/nowhere/model.onnx", NULL, &graph, &error) == -ENOENT);
    T_CHECK_STR(error.text, "/nowhere/model.onnx: No such file or directory");
    T_CHECK(qnt_model_load("model.tflite", NULL, &graph, &error) == -ENOTSUP);
    T_CHECK(strstr(error.text, "model.tflite: no importer"));
    T_CHECK(qnt_onnx_load("/", NULL, &graph, &error) == -EINVAL);
    T_CHECK(strstr(error.text, "not a regular file"));
    T_CHECK(qnt_onnx_load("/dev/null", NULL, &graph, &error) == -EINVAL);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 2)
        return 1;
    test_wrongs();
    test_headers();
    test_nesting();
    test_metadata();
    test_files(argv[1]);
    return t_end();
}
