#include "harness/build/cache_int.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void hrn_fingerprint_begin(struct hrn_fingerprint *f)
{
    f->a = 14695981039346656037u;
    f->b = 0x9ae16a3b2f90404fu;
}

void hrn_fingerprint_add(struct hrn_fingerprint *f, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i++) {
        f->a = (f->a ^ p[i]) * 1099511628211u;
        f->b = (f->b ^ p[i]) * 1099511628211u;
    }
}

void hrn_fingerprint_text(struct hrn_fingerprint *f, const char *text)
{
    hrn_fingerprint_add(f, text, strlen(text) + 1);
}

int hrn_fingerprint_file(struct hrn_fingerprint *f, const char *path)
{
    char block[4096];
    size_t got;
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    while ((got = fread(block, 1, sizeof block, file)))
        hrn_fingerprint_add(f, block, got);
    int rc = ferror(file) ? -EIO : 0;
    fclose(file);
    return rc;
}

void hrn_cache_path(const char *dir, const char *prefix, const struct hrn_fingerprint *f,
                    const char *suffix, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%s/%s-%016" PRIx64 "%016" PRIx64 "%s", dir, prefix, f->a, f->b,
             suffix);
}

int hrn_cache_has(const char *path)
{
    return access(path, R_OK) == 0;
}

int hrn_cache_make(const char *dir)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s", dir);
    if (length < 0 || length >= (int)sizeof path)
        return -ENAMETOOLONG;
    for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdir(path, 0777) && errno != EEXIST && errno != EROFS && errno != EACCES)
            return -errno; /* one that is there and not ours is found by the last access() */
    }
    if (mkdir(path, 0777) && errno != EEXIST && access(path, F_OK))
        return -errno;
    return access(path, R_OK | X_OK) ? -errno : 0;
}

int hrn_cache_write(const char *path, const char *data, size_t bytes)
{
    char temporary[PATH_MAX];
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    FILE *file = fopen(temporary, "we");
    if (!file)
        return -errno;
    int rc = fwrite(data, 1, bytes, file) == bytes ? 0 : -EIO;
    if (fclose(file))
        rc = -errno;
    if (!rc && rename(temporary, path))
        rc = -errno;
    if (rc)
        unlink(temporary);
    return rc;
}
