/* Writes ONNX files in memory, without protobuf and without the importer's own code, so that the
 * tests can say anything, also what no exporter would.
 *
 *     struct t_model m;
 *     t_model_begin(&m, 13);
 *     t_model_io(&m, T_INPUT, "x", (int64_t[]){ 1, 3, 8, 8 }, 4);
 *     t_model_floats(&m, "w", (int64_t[]){ 4, 3, 1, 1 }, 4, values);
 *     struct t_bytes node = t_node("Conv", "x w", "y");
 *     t_attr_int(&node, "group", 1);
 *     t_model_node(&m, &node);
 *     t_model_io(&m, T_OUTPUT, "y", NULL, 0);
 *     t_model_end(&m); -> m.file.data, m.file.size
 *     t_model_clear(&m); */
#ifndef QUERN_TESTS_T_ONNX_H
#define QUERN_TESTS_T_ONNX_H

#include <assert.h>

#include "tests/t.h"

struct t_bytes {
    uint8_t *data;
    size_t size, capacity;
};

static inline void t_put(struct t_bytes *b, const void *data, size_t size)
{
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size) + 64;
        b->data = realloc(b->data, b->capacity);
        assert(b->data);
    }
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void t_put_varint(struct t_bytes *b, uint64_t v)
{
    for (; v > 127; v >>= 7)
        t_put(b, &(uint8_t) { (uint8_t)(v | 128) }, 1);
    t_put(b, &(uint8_t) { (uint8_t)v }, 1);
}

static inline void t_put_int(struct t_bytes *b, int field, int64_t v)
{
    t_put_varint(b, (uint64_t)field << 3);
    t_put_varint(b, (uint64_t)v);
}

static inline void t_put_float(struct t_bytes *b, int field, float v)
{
    t_put_varint(b, (uint64_t)field << 3 | 5);
    t_put(b, &v, sizeof(v));
}

static inline void t_put_bytes(struct t_bytes *b, int field, const void *data, size_t size)
{
    t_put_varint(b, (uint64_t)field << 3 | 2);
    t_put_varint(b, size);
    t_put(b, data, size);
}

static inline void t_put_text(struct t_bytes *b, int field, const char *text)
{
    t_put_bytes(b, field, text, strlen(text));
}

/* Frees the part. */
static inline void t_put_part(struct t_bytes *b, int field, struct t_bytes *part)
{
    t_put_bytes(b, field, part->data, part->size);
    free(part->data);
    *part = (struct t_bytes) { NULL, 0, 0 };
}

struct t_model {
    struct t_bytes graph, file;
};

enum { T_INPUT = 11, T_OUTPUT = 12, T_FLOAT = 1, T_INT64 = 7 };

static inline void t_model_begin(struct t_model *m, int64_t opset)
{
    struct t_bytes set = { NULL, 0, 0 };

    memset(m, 0, sizeof(*m));
    t_put_int(&m->file, 1, 7);
    t_put_int(&set, 2, opset);
    t_put_part(&m->file, 8, &set);
}

static inline void t_model_end(struct t_model *m)
{
    t_put_part(&m->file, 7, &m->graph);
}

static inline void t_model_clear(struct t_model *m)
{
    free(m->graph.data);
    free(m->file.data);
}

/* A dimension of 0 stays open. */
static inline void t_model_io(struct t_model *m, int field, const char *name, const int64_t *dims,
                              size_t rank)
{
    struct t_bytes shape = { NULL, 0, 0 }, tensor = { NULL, 0, 0 }, type = { NULL, 0, 0 };
    struct t_bytes info = { NULL, 0, 0 };

    for (size_t i = 0; i < rank; i++) {
        struct t_bytes dim = { NULL, 0, 0 };
        if (dims[i])
            t_put_int(&dim, 1, dims[i]);
        else
            t_put_text(&dim, 2, "N");
        t_put_part(&shape, 1, &dim);
    }
    t_put_int(&tensor, 1, T_FLOAT);
    t_put_part(&tensor, 2, &shape);
    t_put_part(&type, 1, &tensor);
    t_put_text(&info, 1, name);
    t_put_part(&info, 2, &type);
    t_put_part(&m->graph, field, &info);
}

static inline struct t_bytes t_tensor(const char *name, int type, const int64_t *dims, size_t rank)
{
    struct t_bytes t = { NULL, 0, 0 };

    for (size_t i = 0; i < rank; i++)
        t_put_int(&t, 1, dims[i]);
    t_put_int(&t, 2, type);
    if (name)
        t_put_text(&t, 8, name);
    return t;
}

static inline size_t t_count(const int64_t *dims, size_t rank)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    return count;
}

/* Names of even length are stored as raw_data, the others as float_data: both are read. */
static inline void t_model_floats(struct t_model *m, const char *name, const int64_t *dims,
                                  size_t rank, const float *values)
{
    struct t_bytes t = t_tensor(name, T_FLOAT, dims, rank);
    t_put_bytes(&t, strlen(name) % 2 ? 4 : 9, values, t_count(dims, rank) * sizeof(*values));
    t_put_part(&m->graph, 5, &t);
}

static inline void t_model_ints(struct t_model *m, const char *name, const int64_t *values,
                                size_t count)
{
    struct t_bytes t = t_tensor(name, T_INT64, (int64_t[]) { (int64_t)count }, 1);
    struct t_bytes packed = { NULL, 0, 0 };
    if (strlen(name) % 2) {
        for (size_t i = 0; i < count; i++)
            t_put_varint(&packed, (uint64_t)values[i]);
        t_put_part(&t, 7, &packed);
    } else {
        t_put_bytes(&t, 9, values, count * sizeof(*values));
    }
    t_put_part(&m->graph, 5, &t);
}

/* `inputs`: names with one space between them; "-" is an input left out. The node is named
 * OP_OUTPUT. */
static inline struct t_bytes t_node(const char *op, const char *inputs, const char *output)
{
    struct t_bytes node = { NULL, 0, 0 };
    char name[100];

    while (*inputs) {
        size_t length = strcspn(inputs, " ");
        t_put_bytes(&node, 1, inputs, *inputs == '-' ? 0 : length);
        inputs += length;
        inputs += *inputs == ' ';
    }
    snprintf(name, sizeof(name), "%s_%s", op, output);
    t_put_text(&node, 2, output);
    t_put_text(&node, 3, name);
    t_put_text(&node, 4, op);
    return node;
}

static inline void t_model_node(struct t_model *m, struct t_bytes *node)
{
    t_put_part(&m->graph, 1, node);
}

/* A node without attributes. */
static inline void t_model_op(struct t_model *m, const char *op, const char *inputs,
                              const char *output)
{
    struct t_bytes node = t_node(op, inputs, output);
    t_model_node(m, &node);
}

static inline struct t_bytes t_attr(const char *name, int type)
{
    struct t_bytes a = { NULL, 0, 0 };
    t_put_text(&a, 1, name);
    t_put_int(&a, 20, type);
    return a;
}

static inline void t_attr_int(struct t_bytes *node, const char *name, int64_t value)
{
    struct t_bytes a = t_attr(name, 2);
    t_put_int(&a, 3, value);
    t_put_part(node, 5, &a);
}

static inline void t_attr_float(struct t_bytes *node, const char *name, float value)
{
    struct t_bytes a = t_attr(name, 1);
    t_put_float(&a, 2, value);
    t_put_part(node, 5, &a);
}

static inline void t_attr_text(struct t_bytes *node, const char *name, const char *value)
{
    struct t_bytes a = t_attr(name, 3);
    t_put_text(&a, 4, value);
    t_put_part(node, 5, &a);
}

static inline void t_attr_ints(struct t_bytes *node, const char *name, const int64_t *values,
                               size_t count)
{
    struct t_bytes a = t_attr(name, 7);
    for (size_t i = 0; i < count; i++)
        t_put_int(&a, 8, values[i]);
    t_put_part(node, 5, &a);
}

#endif
