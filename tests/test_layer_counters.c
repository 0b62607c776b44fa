/* Counters of the layers of an int8 network, on a PMU of the tests' own and on a machine without
 * one. */
#include "harness/cli/layer_counters.h"
#include "tests/t_graph.h"
#include "tests/t_perf.h"

enum { RUNS = 4, WORK = 3 };

static void run(struct qnt_exec *exec)
{
    static float image[17 * 17 * 3];
    float scores[16];

    for (int i = 0; i < RUNS; i++)
        qnt_exec_run(exec, image, scores);
}

/* Every layer has the counts of the fake PMU, the mean of its runs; a reading that is none is left
 * out of them. */
static void check_counts(struct qnt_exec *exec, int mux_at)
{
    struct t_perf fake = {
        .counters = 4, .type = PERF_TYPE_HARDWARE, .cpu = -1, .work = WORK, .mux_at = mux_at
    };
    const struct hrn_perf perf = t_perf_calls(&fake);
    struct cli_layer_counters counters;
    struct cli_layer_counts c;
    struct qnt_exec_layer layer;
    int64_t voids = 0;

    cli_layer_counters_open(&perf, exec, &counters);
    T_CHECK(counters.layer && !counters.why[0] && counters.layers > 10);
    run(exec);
    for (size_t i = 0; qnt_exec_layer(exec, i, &layer) == 0; i++) {
        T_CHECK(cli_layer_counts(&counters, i, &c) == 0);
        T_CHECK(c.readings + c.voids == RUNS);
        T_CHECK(c.value[CLI_LAYER_CYCLES] == 100 * WORK);
        T_CHECK(c.value[CLI_LAYER_INSTRUCTIONS] == 250 * WORK);
        T_CHECK(c.value[CLI_LAYER_MISSES] == 7 * WORK);
        voids += c.voids;
    }
    T_CHECK(voids == (mux_at > 0));
    T_CHECK(cli_layer_counts(&counters, counters.layers, &c) == -ENODATA);
    qnt_exec_meter(exec, NULL);
    cli_layer_counters_close(&counters);
    T_CHECK(fake.opened == CLI_LAYER_EVENTS && fake.closed == fake.opened);
}

/* No PMU: a sentence, no counts, and the network runs all the same. */
static void check_none(struct qnt_exec *exec)
{
    struct t_perf fake = { .counters = 4, .type = 99, .cpu = -1 };
    const struct hrn_perf perf = t_perf_calls(&fake);
    struct cli_layer_counters counters;
    struct cli_layer_counts c;

    cli_layer_counters_open(&perf, exec, &counters);
    T_CHECK(!counters.layer && counters.why[0]);
    run(exec);
    T_CHECK(cli_layer_counts(&counters, 1, &c) == -ENODATA && c.readings == 0);
    cli_layer_counters_close(&counters);
}

int main(int argc, char **argv)
{
    struct t_graph g;
    struct qnt_exec *exec = NULL;
    struct qnt_error error;

    t_begin(argc, argv);
    t_make_everything(&g);
    struct qnt_network *network = t_network(&g);
    if (T_CHECK(qnt_exec_open(network, NULL, NULL, &exec, &error) == 0)) {
        check_counts(exec, 0);
        check_counts(exec, 5);
        check_none(exec);
    }
    qnt_exec_close(exec);
    qnt_network_free(network);
    qnt_graph_free(&g.graph);
    return t_end();
}
