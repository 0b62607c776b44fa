#include "quant/model/shelf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct qnt_shelf {
    FILE *file; /* slot after slot; those that are empty are holes */
    size_t slots, bytes;
    atomic_size_t taken; /* bytes */
    atomic_uchar *there; /* [slots] */
};

struct qnt_shelf *qnt_shelf_open(size_t slots, size_t bytes)
{
    struct qnt_shelf *shelf = calloc(1, sizeof(*shelf));

    if (!shelf)
        return NULL;
    shelf->slots = slots;
    shelf->bytes = bytes;
    shelf->there = slots > 0 && bytes > 0 && slots < SIZE_MAX / 2 / bytes
                       ? calloc(slots, sizeof(*shelf->there))
                       : NULL;
    shelf->file = shelf->there ? tmpfile() : NULL;
    if (shelf->file)
        return shelf;
    qnt_shelf_close(shelf);
    return NULL;
}

void qnt_shelf_close(struct qnt_shelf *shelf)
{
    if (!shelf)
        return;
    if (shelf->file)
        fclose(shelf->file);
    free(shelf->there);
    free(shelf);
}

void qnt_shelf_put(struct qnt_shelf *shelf, size_t slot, const uint8_t *pixels)
{
    const size_t bytes = shelf ? shelf->bytes : 0;

    if (!shelf || slot >= shelf->slots || bytes > QNT_SHELF_BYTES ||
        atomic_fetch_add(&shelf->taken, bytes) > QNT_SHELF_BYTES - bytes)
        return;
    if (pwrite(fileno(shelf->file), pixels, bytes, (off_t)(slot * bytes)) == (ssize_t)bytes)
        atomic_store(&shelf->there[slot], 1);
}

int qnt_shelf_get(const struct qnt_shelf *shelf, size_t slot, uint8_t *pixels)
{
    if (!shelf || slot >= shelf->slots || !atomic_load(&shelf->there[slot]))
        return 0;
    return pread(fileno(shelf->file), pixels, shelf->bytes, (off_t)(slot * shelf->bytes)) ==
           (ssize_t)shelf->bytes;
}
