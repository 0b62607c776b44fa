/* libFuzzer: any bytes as the thresholds of a small graph. */
#include "quant/pipeline/pipeline.h"
#include "tests/fuzz_file.h"
#include "tests/t_graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qnt_calibration calibration = { 0 };
    struct qnt_error error;
    struct t_graph g;
    char path[32];
    int fd = fuzz_file(data, size, path);
    t_make_shared(&g);
    if (qnt_calibration_load(&g.graph, path, &calibration, &error) == 0) {
        struct qnt_network *network = NULL;
        if (qnt_quantise(&g.graph, &calibration, NULL, &network, &error) == 0)
            qnt_network_free(network);
    }
    qnt_calibration_clear(&calibration);
    qnt_graph_free(&g.graph);
    close(fd);
    return 0;
}
