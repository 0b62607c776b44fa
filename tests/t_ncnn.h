/* Writes ncnn models in memory.
 *
 *     struct t_ncnn m = { 0 };
 *     t_ncnn_line(&m, "Input data 0 1 x 0=4 1=4 2=2");
 *     t_ncnn_line(&m, "Convolution c 1 1 x y 0=3 1=1 6=6 5=1");
 *     t_ncnn_tagged(&m, 0, values, 6);      weights
 *     t_ncnn_floats(&m, values, 3);         bias
 *     t_ncnn_read(&m, &graph, &error);
 *     t_ncnn_clear(&m); */
#ifndef QUERN_TESTS_T_NCNN_H
#define QUERN_TESTS_T_NCNN_H

#include "quant/model/graph.h"
#include "tests/t_onnx.h"

struct t_ncnn {
    struct t_bytes lines, bin;
    int layers;
};

static inline void t_ncnn_line(struct t_ncnn *m, const char *line)
{
    t_put(&m->lines, line, strlen(line));
    t_put(&m->lines, "\n", 1);
    m->layers++;
}

static inline void t_ncnn_floats(struct t_ncnn *m, const float *values, size_t count)
{
    t_put(&m->bin, values, count * sizeof(*values));
}

/* Weights behind a tag, as floats. */
static inline void t_ncnn_tagged(struct t_ncnn *m, uint32_t tag, const float *values, size_t count)
{
    t_put(&m->bin, &tag, 4);
    t_ncnn_floats(m, values, count);
}

/* The .param text, with its head. */
static inline struct t_bytes t_ncnn_text(const struct t_ncnn *m)
{
    char head[64];
    struct t_bytes text = { 0 };

    t_put(&text, head, (size_t)snprintf(head, sizeof(head), "7767517\n%d 1\n", m->layers));
    t_put(&text, m->lines.data, m->lines.size);
    return text;
}

static inline int t_ncnn_read(const struct t_ncnn *m, struct qnt_graph *graph,
                              struct qnt_error *error)
{
    struct t_bytes text = t_ncnn_text(m);
    int rc = qnt_ncnn_read((struct qnt_bytes) { text.data, text.size },
                           (struct qnt_bytes) { m->bin.data, m->bin.size }, "m.param", NULL, graph,
                           error);
    free(text.data);
    return rc;
}

static inline void t_ncnn_clear(struct t_ncnn *m)
{
    free(m->lines.data);
    free(m->bin.data);
    *m = (struct t_ncnn) { 0 };
}

#endif
