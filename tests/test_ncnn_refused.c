/* What the ncnn importer refuses, and with which words. */
#include <errno.h>

#include "tests/t_ncnn.h"

static const struct {
    const char *line, *sentence;
} refused[] = {
    { "Foo r 1 1 x y", "layer 'r' (Foo): the operator is not supported" },
    { "ReLU r 1 1 x y 7=1", "layer 'r' (ReLU): parameter 7 is not supported" },
    { "ReLU r 1 1 z y", "reads blob 'z', which no layer before it makes" },
    { "ReLU r 1 1 x x", "makes blob 'x' a second time" },
    { "ReLU data 1 1 x y", "there is another layer of its name" },
    { "ReLU r 2 1 x x y", "has 2 inputs; 1 to 1 are supported" },
    { "ReLU r 1 2 x y z", "has 2 outputs; 1 to 1 are supported" },
    { "ReLU r 1 1 x", "its line is cut short" },
    { "ReLU r 1 9999 x y", "its line is cut short" },
    { "ReLU r 1 1 x y 0=a", "'a' is no number" },
    { "ReLU r 1 1 x y 0=nan", "'nan' is no number" },
    { "ReLU r 1 1 x y 0", "'0' is no parameter" },
    { "ReLU r 1 1 x y 0=1 0=2", "has parameter 0 twice" },
    { "ReLU r 1 1 x y -23300=1,2", "parameter 0 is a list" },
    { "Slice r 1 1 x y -23300=3,1", "fewer than its 3 values" },
    { "Slice r 1 1 x y 0=2", "parameter 0 is a number" },
    { "Slice r 1 2 x y z -23300=2,4,1", "part 1" },
    { "Slice r 1 1 x y -23300=1,5", "part 0" },
    { "Input i 0 1 y 0=2 1=2 2=2", "is a second input" },
    { "Convolution c 1 1 x y 0=2 1=1 6=5", "has 5 weights, should have 8" },
    { "Convolution c 1 1 x y 0=2 1=1 6=8", "behind the end of the .bin file" },
    { "Convolution c 1 1 x y 0=2000000000 1=60000 6=8", "" },
    { "Convolution c 1 1 x y 0=2 1=9 6=648", "does not fit an input of 5" },
    { "Convolution c 1 1 x y 0=2 1=1 6=8 18=1", "pads with 1" },
    { "ConvolutionDepthWise c 1 1 x y 0=2 1=1 6=8 7=3", "in 3 groups" },
    { "InnerProduct c 1 1 x y 0=7 2=8", "do not fit 120 inputs and 7 outputs" },
    { "Pooling p 1 1 x y 1=2 2=9", "does not fit" },
    { "Pooling p 1 1 x y 1=0", "supported are the integers 1 to" },
    { "Interp r 1 1 x y 0=3", "bicubic (0=3) is not supported" },
    { "Interp r 1 1 x y 0=2 1=0.01", "an axis of 6 would become 0.06" },
    { "Interp r 1 1 x y 0=1 6=1", "parameter 6 = 1" },
    { "Interp r 1 1 x y 0=2 3=70000", "parameter 3 = 70000" },
    { "LRN r 1 1 x y 3=0.8", "beta may be 0.5, 0.75 or 1" },
    { "LRN r 1 1 x y 1=4", "an odd number of channels" },
    { "LRN r 1 1 x y 1=129", "an odd number of channels" },
    { "LRN r 1 1 x y 0=1", "parameter 0 = 1" },
    { "LRN r 1 1 x y 4=0", "the bias above 0" },
    { "LRN r 1 1 x y 2=-1", "alpha must be 0 or more" },
    { "PixelShuffle r 1 1 x y 0=3", "4 channels do not make blocks of 3x3" },
    { "PixelShuffle r 1 1 x y 0=0", "parameter 0 = 0" },
    { "Reduction r 1 1 x y 0=0 1=0 -23303=2,1,2 5=1", "parameter 0 = 0" },
    { "Reduction r 1 1 x y 0=3 5=1", "reduces channels" },
    { "Reduction r 1 1 x y 0=3 1=0 -23303=1,0 5=1", "reduces axis 0" },
    { "Reduction r 1 1 x y 0=3 1=0 -23303=1,2 5=1", "drops one of two axes" },
    { "Reduction r 1 1 x y 0=3 1=0 2=2.0 -23303=2,1,2 5=1", "only the factor 1" },
    { "Interp r 1 1 x y 0=1 1=60000 2=60000", "out of range" },
    { "Padding r 1 1 x y 4=1", "parameter 4 = 1" },
    { "Padding r 1 1 x y 0=-1", "parameter 0 = -1" },
    { "Reshape r 1 1 x y 0=7", "do not make" },
    { "Reshape r 1 1 x y 0=-1 1=-1", "two sizes open" },
    { "Concat r 2 1 x x y 0=3", "parameter 0 = 3" },
    { "Softmax r 1 1 x y 0=-4", "parameter 0 = -4" },
    { "Crop r 1 1 x y -23309=1,3 -23310=1,2 -23311=1,0", "takes 3 to 2 of 4" },
    { "Crop r 1 1 x y 0=3 3=9", "takes 3 to 12 of 5" },
    { "Crop r 2 1 x x y 0=1", "takes 1 to 6 of 5" },
    { "Crop r 2 1 x x y 3=2", "parameter 3 = 2" },
    { "Eltwise r 2 1 x x y 0=1 -23301=3,1.0,1.0,1.0", "has 3 factors for 2 inputs" },
    { "Eltwise r 2 1 x x y 0=2", "parameter 0 = 2" },
    { "Scale r 2 1 x x y 0=-233", "supported is one per channel (4)" },
    { "Scale r 2 1 x x y 0=4", "parameter 0 = 4" },
    { "Scale r 2 1 x x y 0=-233 1=1", "parameter 1 = 1" },
    { "ShuffleChannel r 1 1 x y 0=3", "4 channels in 3 groups" },
    { "PReLU r 1 1 x y 0=3", "has 3 slopes, its input 4 channels" },
    { "Deconvolution d 1 1 x y 0=2 1=1 6=7", "has 7 weights, should have 4 for each of 2" },
    { "Deconvolution d 1 1 x y 0=2 1=1 6=8 20=9", "parameter 20 = 9" },
    { "Deconvolution d 1 1 x y 0=2 1=1 4=-233 6=8", "padding by the size of the output" },
    { "Deconvolution d 1 1 x y 0=2 1=1 4=9 6=8", "an output of -" },
    { "Deconvolution d 1 1 x y 0=2 1=1 6=8 28=1", "parameter 28 = 1" },
    { "DeconvolutionDepthWise d 1 1 x y 0=2 1=1 6=8 7=3", "in 3 groups" },
    { "Yolov3DetectionOutput d 1 1 x y", "the operator is not supported" },
    { "MemoryData m 0 1 y 0=2", "behind the end of the .bin file" },
    { "BinaryOp r 2 1 x x y 0=3", "operation 3 of two tensors" },
    { "BinaryOp r 1 1 x y 0=3 1=1 2=0", "divides by zero" },
    { "BinaryOp r 1 1 x y 0=4 1=1 2=1", "parameter 0 = 4" },
    { "Clip r 1 1 x y 0=2 1=1", "which is empty" },
    { "Split s 1 2 x a b\nReLU r 1 1 a c\nReLU q 1 1 b d", "ends after" },
};

static void check_refused(const char *line, const char *sentence)
{
    struct t_ncnn m = { 0 };
    struct qnt_graph graph;
    struct qnt_error error = { "" };

    t_ncnn_line(&m, "Input data 0 1 x 0=5 1=6 2=4");
    t_ncnn_line(&m, line);
    if (strchr(line, '\n'))
        m.layers += 5;
    T_CHECK(t_ncnn_read(&m, &graph, NULL) < 0 && graph.count == 0); /* nobody wants words */
    T_CHECK(t_ncnn_read(&m, &graph, &error) < 0 && graph.count == 0);
    if (!T_CHECK(strncmp(error.text, "m.param: ", 9) == 0 && strstr(error.text, sentence)))
        printf("  %s\n  got  \"%s\"\n  want \"%s\"\n", line, error.text, sentence);
    t_ncnn_clear(&m);
}

/* A constant has no node to add a number to. */
static void test_constant(void)
{
    struct t_ncnn m = { 0 };
    struct qnt_graph graph;
    struct qnt_error error = { "" };

    t_ncnn_line(&m, "Input data 0 1 x 0=5 1=6 2=4");
    t_ncnn_line(&m, "MemoryData m 0 1 k 0=1");
    t_ncnn_floats(&m, (float[]) { 2 }, 1);
    t_ncnn_line(&m, "BinaryOp r 1 1 k y 0=1 1=1 2=3");
    T_CHECK(t_ncnn_read(&m, &graph, &error) < 0 && graph.count == 0);
    if (!T_CHECK(strstr(error.text, "a constant and a number") != NULL))
        printf("  got  \"%s\"\n", error.text);
    t_ncnn_clear(&m);
}

static void test_heads(void)
{
    static const struct {
        const char *text, *sentence;
    } heads[] = {
        { "", "does not begin with the number 7767517" },
        { "7767516\n1 1\n", "does not begin" },
        { "7767517\n", "how many layers" },
        { "7767517\n0 0\n", "how many layers" },
        { "7767517\n2 2\nInput data 0 1 x 0=1 1=1 2=1\n", "ends after 1 of its 2 layers" },
        { "7767517\n1 1\nInput data 0 1 x\n", "say so with an option such as --shape=" },
        { "7767517\n1 1\nReLU r 1 1 x y\n", "no layer before it makes" },
    };
    struct qnt_graph graph;
    struct qnt_error error;

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct qnt_bytes text = { (const uint8_t *)heads[i].text, strlen(heads[i].text) };
        T_CHECK(qnt_ncnn_read(text, (struct qnt_bytes) { text.data, 0 }, "m.param", NULL, &graph,
                              &error) < 0);
        if (!T_CHECK(strstr(error.text, heads[i].sentence) != NULL))
            printf("  got  \"%s\"\n  want \"%s\"\n", error.text, heads[i].sentence);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        check_refused(refused[i].line, refused[i].sentence);
    test_constant();
    test_heads();
    return t_end();
}
