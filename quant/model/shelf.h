/* Pixels set aside for another reading of the same picture: in a file without a name, so that
 * memory does not depend on the number of pictures. Several threads may use one shelf. What cannot
 * be set aside, for want of room or of a place for files, is not there; that is no error. */
#ifndef QUERN_QUANT_SHELF_H
#define QUERN_QUANT_SHELF_H

#include <stddef.h>
#include <stdint.h>

#define QNT_SHELF_BYTES ((size_t)64 << 20) /* of all that is set aside */

struct qnt_shelf;
/* For `slots` pictures of `bytes` each. NULL where there is no place; the others take it. */
struct qnt_shelf *qnt_shelf_open(size_t slots, size_t bytes);
void qnt_shelf_close(struct qnt_shelf *shelf);
void qnt_shelf_put(struct qnt_shelf *shelf, size_t slot, const uint8_t *pixels);
/* 1 and the pixels, or 0. */
int qnt_shelf_get(const struct qnt_shelf *shelf, size_t slot, uint8_t *pixels);

#endif
