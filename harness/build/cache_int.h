/* Files of the build cache: named after a fingerprint of all that goes into them, written under a
 * temporary name and renamed, so a file that is there is whole. */
#ifndef QUERN_HARNESS_CACHE_INT_H
#define QUERN_HARNESS_CACHE_INT_H

#include <stddef.h>
#include <stdint.h>

/* Two FNV-1a of 64 bits from different starts. */
struct hrn_fingerprint {
    uint64_t a, b;
};
void hrn_fingerprint_begin(struct hrn_fingerprint *f);
void hrn_fingerprint_add(struct hrn_fingerprint *f, const void *data, size_t bytes);
void hrn_fingerprint_text(struct hrn_fingerprint *f, const char *text); /* with its NUL */
int hrn_fingerprint_file(struct hrn_fingerprint *f, const char *path);  /* 0 or -errno */

/* "DIR/PREFIX-<fingerprint>SUFFIX" */
void hrn_cache_path(const char *dir, const char *prefix, const struct hrn_fingerprint *f,
                    const char *suffix, char *out, size_t out_bytes);
int hrn_cache_has(const char *path);
/* Makes DIR and its parents. 0 or -errno. */
int hrn_cache_make(const char *dir);
/* Writes all of it, atomically. 0 or -errno. */
int hrn_cache_write(const char *path, const char *data, size_t bytes);

#endif
