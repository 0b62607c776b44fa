#include "quant/model/graph_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL_BYTES_MAX ((off_t)1 << 30)

static int read_all(int fd, uint8_t *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = read(fd, data + done, bytes - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        done += (size_t)got;
    }
    return 0;
}

int qnt_read_file(const char *path, uint8_t **data, size_t *bytes, struct qnt_error *error)
{
    struct stat st;
    int rc = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *data = NULL;
    *bytes = 0;
    if (fd < 0)
        return qnt_error_set(error, -errno, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0)
        rc = qnt_error_set(error, -errno, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = qnt_error_set(error, -EINVAL, "%s: is not a regular file", path);
    else if (st.st_size == 0 || st.st_size > MODEL_BYTES_MAX)
        rc = qnt_error_set(error, -EINVAL, "%s: a model of %lld bytes cannot be", path,
                           (long long)st.st_size);
    if (rc)
        goto fail;
    *bytes = (size_t)st.st_size;
    *data = malloc(*bytes);
    rc = *data ? read_all(fd, *data, *bytes) : -ENOMEM;
    if (rc)
        qnt_error_set(error, rc, "%s: cannot be read: %s", path, strerror(-rc));
fail:
    close(fd);
    if (rc) {
        free(*data);
        *data = NULL;
    }
    return rc;
}

int qnt_onnx_load(const char *path, const struct qnt_load *how, struct qnt_graph *out,
                  struct qnt_error *error)
{
    uint8_t *data;
    size_t bytes;

    *out = (struct qnt_graph) { .pixels = qnt_pixels_plain() };
    int rc = qnt_read_file(path, &data, &bytes, error);
    if (rc)
        return rc;
    rc = qnt_onnx_read(data, bytes, path, how, out, error);
    free(data);
    return rc;
}

static const struct importer {
    const char *suffix;
    int (*load)(const char *path, const struct qnt_load *how, struct qnt_graph *out,
                struct qnt_error *error);
} importers[] = {
    { ".onnx", qnt_onnx_load },
    { ".param", qnt_ncnn_load },
};

int qnt_model_load(const char *path, const struct qnt_load *how, struct qnt_graph *out,
                   struct qnt_error *error)
{
    static const struct qnt_load as_it_says;
    const size_t length = strlen(path);

    *out = (struct qnt_graph) { .pixels = qnt_pixels_plain() };
    for (size_t i = 0; i < sizeof(importers) / sizeof(importers[0]); i++) {
        size_t suffix = strlen(importers[i].suffix);
        if (length > suffix && strcmp(path + length - suffix, importers[i].suffix) == 0)
            return importers[i].load(path, how ? how : &as_it_says, out, error);
    }
    return qnt_error_set(error, -ENOTSUP,
                         "%s: no importer for this kind of file; models end in .onnx or .param",
                         path);
}
