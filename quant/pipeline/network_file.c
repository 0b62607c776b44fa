/* Quern's own file of a quantised network. */
#include "quant/pipeline/pipeline_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/hash.h"
#include "quant/pipeline/save.h"

/* A file beyond this is not a network that this version could hold. */
#define FILE_BYTES_MAX ((uint64_t)4 << 30)

uint64_t qnt_file_checksum(const void *block, size_t bytes)
{
    const size_t at = offsetof(struct qnt_file_header, checksum), after = at + sizeof(uint64_t);
    uint64_t hash = krn_fnv1a(KRN_FNV1A_BEGIN, block, at);

    return krn_fnv1a(hash, (const uint8_t *)block + after, bytes - after);
}

int qnt_network_save(const struct qnt_network *network, const char *path, struct qnt_error *error)
{
    const size_t bytes = (size_t)network->header->bytes;
    struct qnt_save save;
    int result = qnt_save_open(&save, path);

    if (result == 0 && fwrite(network->block, 1, bytes, save.file) != bytes)
        result = errno ? -errno : -EIO;
    result = qnt_save_close(&save, result);
    if (result != 0)
        qnt_error_set(error, result, "%s: cannot write it: %s", path, strerror(-result));
    return result;
}

/* ---- reading */

static int read_all(int fd, uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t n = read(fd, bytes, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EINVAL;
        bytes += n;
        count -= (size_t)n;
    }
    return 0;
}

/* The whole file, mapped: pages that are not read are never loaded, and several processes share
 * them. NULL and *result otherwise. */
static void *map_file(const char *path, size_t *bytes, int *result, struct qnt_error *error)
{
    struct stat st;
    void *block = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *result = fd < 0 || fstat(fd, &st) != 0 ? -errno : 0;
    if (*result != 0) {
        qnt_error_set(error, *result, "%s: %s", path, strerror(-*result));
    } else if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct qnt_file_header) ||
               (uint64_t)st.st_size > FILE_BYTES_MAX) {
        *result =
            qnt_error_set(error, -EINVAL, "%s: not a quantised network of Quern's (%lld bytes)",
                          path, (long long)st.st_size);
    } else {
        *bytes = (size_t)st.st_size;
        block = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (block == MAP_FAILED)
            *result = qnt_error_set(error, -errno, "%s: cannot map its %zu bytes: %s", path, *bytes,
                                    strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return block == MAP_FAILED ? NULL : block;
}

int qnt_network_probe(const char *path)
{
    char magic[sizeof(QNT_FILE_MAGIC) - 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int fits = fd >= 0 && read_all(fd, (uint8_t *)magic, sizeof(magic)) == 0 &&
               memcmp(magic, QNT_FILE_MAGIC, sizeof(magic)) == 0;

    if (fd >= 0)
        close(fd);
    return fits;
}

static int section_fits(const struct qnt_file_header *h, enum qnt_section s)
{
    uint64_t offset = h->section[s].offset;
    return offset % QNT_FILE_ALIGN == 0 && offset >= sizeof(*h) && offset <= h->bytes &&
           h->section[s].bytes <= h->bytes - offset;
}

static int check_header(const struct qnt_file_header *h, size_t bytes, const char *path,
                        struct qnt_error *error)
{
    if (memcmp(h->magic, QNT_FILE_MAGIC, sizeof(h->magic)) != 0)
        return qnt_error_set(error, -EINVAL, "%s: not a quantised network of Quern's", path);
    if (h->endian != QNT_FILE_ENDIAN)
        return qnt_error_set(error, -EINVAL,
                             "%s: written with another byte order, or damaged: quantise again here",
                             path);
    if (h->version < QNT_FILE_VERSION_OLDEST || h->version > QNT_FILE_VERSION)
        return qnt_error_set(error, -EPROTO,
                             "%s: file version %u, this program reads %d to %d: quantise again",
                             path, h->version, QNT_FILE_VERSION_OLDEST, QNT_FILE_VERSION);
    if (h->bytes != bytes)
        return qnt_error_set(error, -EINVAL, "%s: %zu bytes long, should be %llu: truncated", path,
                             bytes, (unsigned long long)h->bytes);
    if (h->checksum != qnt_file_checksum(h, bytes))
        return qnt_error_set(error, -EINVAL, "%s: its checksum is wrong: the file is damaged",
                             path);
    if (h->layer_count < 1 || h->layer_count > QNT_LAYERS_MAX ||
        h->layer_bytes != sizeof(struct qnt_layer) || !section_fits(h, QNT_SECTION_LAYERS) ||
        !section_fits(h, QNT_SECTION_TEXT) || !section_fits(h, QNT_SECTION_DATA) ||
        h->section[QNT_SECTION_LAYERS].bytes / sizeof(struct qnt_layer) < (uint64_t)h->layer_count)
        return qnt_error_set(error, -EINVAL, "%s: its sections do not fit together", path);
    return 0;
}

int qnt_network_load(const char *path, struct qnt_network **out, struct qnt_error *error)
{
    struct qnt_network *network = NULL;
    struct qnt_error inner;
    size_t bytes = 0;
    int result;
    void *block = map_file(path, &bytes, &result, error);

    *out = NULL;
    if (!block)
        return result;
    result = check_header(block, bytes, path, error);
    if (result != 0)
        goto fail;
    network = malloc(sizeof(*network));
    if (!network) {
        result = qnt_error_set(error, -ENOMEM, "%s: out of memory", path);
        goto fail;
    }
    qnt_network_point(network, block);
    network->mapped_bytes = bytes;
    result = qnt_network_check(network, &inner);
    if (result != 0) {
        qnt_error_set(error, result, "%s: %s", path, inner.text);
        goto fail;
    }
    *out = network;
    return 0;
fail:
    free(network);
    munmap(block, bytes);
    return result;
}
