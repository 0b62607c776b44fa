/* Small ncnn models, run as imported and folded, against an expected output. */
#ifndef QUERN_TESTS_T_NCNN_CHECK_H
#define QUERN_TESTS_T_NCNN_CHECK_H

#include "tests/t_ncnn.h"
#include "tests/t_onnx_run.h"

/* The layers of `lines` (up to `count`, or a NULL), from blob x to y; `weights` fills the .bin. */
static inline void t_ncnn_check(const char *const *lines, size_t count,
                                void (*weights)(struct t_ncnn *m), const struct t_tensor_chw *in,
                                const struct t_tensor_chw *want)
{
    struct t_ncnn m = { 0 };
    struct qnt_graph graph;
    struct qnt_error error = { "" };
    char input[80];

    snprintf(input, sizeof(input), "Input data 0 1 x 0=%d 1=%d 2=%d", (int)in->w, (int)in->h,
             (int)in->c);
    t_ncnn_line(&m, input);
    for (size_t i = 0; i < count && lines[i]; i++)
        t_ncnn_line(&m, lines[i]);
    if (weights)
        weights(&m);
    int ok = T_CHECK(t_ncnn_read(&m, &graph, &error) == 0);
    if (ok) {
        ok &= t_check_run(&graph, in, want);
        ok &= T_CHECK(qnt_fold(&graph, &error) == 0) && t_check_run(&graph, in, want);
        qnt_graph_free(&graph);
    }
    if (!ok)
        printf("  %s: %s\n", lines[0], error.text);
    t_ncnn_clear(&m);
}

#endif
