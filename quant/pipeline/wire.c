#include "quant/pipeline/wire.h"

#include <stdlib.h>
#include <string.h>

enum { VARINT = 0, BYTES = 2, FIXED32 = 5 };

void qnt_wire_put(struct qnt_wire *w, const void *data, size_t bytes)
{
    if (w->failed || bytes == 0)
        return;
    if (bytes > w->capacity - w->size) {
        const size_t capacity = 2 * (w->size + bytes) + 64;
        uint8_t *grown = realloc(w->data, capacity);
        if (!grown) {
            w->failed = 1;
            return;
        }
        w->data = grown;
        w->capacity = capacity;
    }
    memcpy(w->data + w->size, data, bytes);
    w->size += bytes;
}

static void put_varint(struct qnt_wire *w, uint64_t value)
{
    uint8_t bytes[10];
    size_t count = 0;

    for (; value > 127; value >>= 7)
        bytes[count++] = (uint8_t)(value | 128);
    bytes[count++] = (uint8_t)value;
    qnt_wire_put(w, bytes, count);
}

static void put_key(struct qnt_wire *w, int field, int kind)
{
    put_varint(w, (uint64_t)field << 3 | (unsigned)kind);
}

void qnt_wire_int(struct qnt_wire *w, int field, int64_t value)
{
    put_key(w, field, VARINT);
    put_varint(w, (uint64_t)value);
}

void qnt_wire_float(struct qnt_wire *w, int field, float value)
{
    put_key(w, field, FIXED32);
    qnt_wire_put(w, &value, sizeof(value));
}

void qnt_wire_bytes(struct qnt_wire *w, int field, const void *data, size_t bytes)
{
    put_key(w, field, BYTES);
    put_varint(w, bytes);
    qnt_wire_put(w, data, bytes);
}

void qnt_wire_text(struct qnt_wire *w, int field, const char *text)
{
    qnt_wire_bytes(w, field, text, strlen(text));
}

void qnt_wire_part(struct qnt_wire *w, int field, struct qnt_wire *part)
{
    w->failed |= part->failed;
    qnt_wire_bytes(w, field, part->data, part->size);
    qnt_wire_clear(part);
}

void qnt_wire_clear(struct qnt_wire *w)
{
    free(w->data);
    *w = (struct qnt_wire) { 0 };
}
