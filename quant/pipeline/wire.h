/* Writing the protobuf wire format, in memory: what an ONNX file needs of it. Running out of memory
 * is remembered, and everything after it does nothing.
 *
 *     struct qnt_wire node = { 0 };
 *     qnt_wire_text(&node, 4, "Conv");
 *     qnt_wire_part(&graph, 1, &node);      frees the part */
#ifndef QUERN_QUANT_WIRE_H
#define QUERN_QUANT_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct qnt_wire {
    uint8_t *data; /* owned */
    size_t size, capacity;
    int failed;
};

void qnt_wire_put(struct qnt_wire *w, const void *data, size_t bytes);
void qnt_wire_int(struct qnt_wire *w, int field, int64_t value);
void qnt_wire_float(struct qnt_wire *w, int field, float value);
void qnt_wire_bytes(struct qnt_wire *w, int field, const void *data, size_t bytes);
void qnt_wire_text(struct qnt_wire *w, int field, const char *text);
/* Another message as a field of this one; the part is freed and empty afterwards. */
void qnt_wire_part(struct qnt_wire *w, int field, struct qnt_wire *part);
void qnt_wire_clear(struct qnt_wire *w);

#endif
