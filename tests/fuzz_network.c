/* libFuzzer: any bytes as an int8 network of Quern's. Its checksum is made to fit, so that what
 * lies behind is reached; what is accepted is run if it is small. */
#include <math.h>
#include <string.h>

#include "quant/pipeline/pipeline_int.h"
#include "tests/fuzz_file.h"

enum { WORK_MAX = 1 << 20 };

static int is_small(const struct qnt_network *network)
{
    double work = 0; /* of a hostile file: more than fits 64 bits */
    for (int32_t i = 0; i < network->count; i++) {
        const struct qnt_layer *l = &network->layers[i];
        int layer = l->op == QNT_OP_CONV || l->op == QNT_OP_LINEAR;
        double elements = (double)qnt_layer_elements(l);
        work += elements + (layer ? (double)krn_problem_macs(&l->problem) : 0);
        work += elements * fabs((double)l->window.kh * l->window.kw);
        if (work > WORK_MAX)
            return 0;
    }
    return 1;
}

static void run(const struct qnt_network *network)
{
    const struct qnt_input in = qnt_network_input(network);
    float *image = calloc((size_t)in.h * (size_t)in.w * (size_t)in.c, sizeof *image);
    float *scores = calloc(qnt_network_classes(network), sizeof *scores);
    struct qnt_exec *exec = NULL;
    struct qnt_error error;
    if (image && scores && qnt_exec_open(network, NULL, NULL, &exec, &error) == 0)
        qnt_exec_run(exec, image, scores);
    qnt_exec_close(exec);
    free(image);
    free(scores);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qnt_network *network = NULL;
    struct qnt_error error;
    char path[32];
    uint8_t *copy = malloc(size + 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    if (size >= sizeof(struct qnt_file_header)) {
        struct qnt_file_header header;
        memcpy(&header, copy, sizeof header);
        header.bytes = size;
        memcpy(copy, &header, sizeof header);
        header.checksum = qnt_file_checksum(copy, size);
        memcpy(copy, &header, sizeof header);
    }
    int fd = fuzz_file(copy, size, path);
    if (qnt_network_load(path, &network, &error) == 0 && is_small(network))
        run(network);
    qnt_network_free(network);
    close(fd);
    free(copy);
    return 0;
}
