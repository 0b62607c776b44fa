/* MD5 (RFC 1321): what every device can compute of a file, `md5sum` being in coreutils, BusyBox and
 * Android's toybox alike. Here it guards against accidents, not against anybody. */
#ifndef QUERN_HARNESS_MD5_INT_H
#define QUERN_HARNESS_MD5_INT_H

#include <stddef.h>
#include <stdint.h>

#define HRN_MD5_TEXT 33 /* bytes of the hexadecimal digest, with its NUL */

struct hrn_md5 {
    uint32_t state[4], k[64];
    uint64_t bytes;
    uint8_t block[64];
};
void hrn_md5_begin(struct hrn_md5 *m);
void hrn_md5_add(struct hrn_md5 *m, const void *data, size_t bytes);
void hrn_md5_end(struct hrn_md5 *m, char digest[HRN_MD5_TEXT]);

#endif
