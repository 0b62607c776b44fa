/* Sets of images: packed in idx files, or one picture in a file each. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "quant/model/files.h"
#include "quant/model/picture.h"
#include "quant/model/shelf.h"

#define FASHION_FOLDER "/usr/share/datasets/fashion-mnist"
#define FASHION_REMEDY                                                                             \
    "; install Debian's package dataset-fashion-mnist, or name a folder that holds its files: "    \
    "fashion-mnist:test:FOLDER"
#define IDX_BYTES_MAX ((uint64_t)1 << 31)
#define IDX_RANK_MAX 4

struct idx { /* a file of unsigned bytes */
    int rank;
    uint32_t dims[IDX_RANK_MAX];
    uint8_t *data; /* owned */
};

struct qnt_dataset {
    struct idx images, labels; /* [n][h][w] or [n][h][w][c]; [n], or without data */
    struct qnt_files files;    /* or these; images has no data */
    struct qnt_shelf *shelf;   /* pixels of files that have been read, or NULL */
    struct qnt_input input;    /* what comes out */
    int label_offset;
};

/* ---- idx files: 0, 0, type, rank, sizes as big-endian 32 bits, data; gzip or not. */

static int read_exactly(gzFile file, void *out, size_t bytes)
{
    uint8_t *at = out;
    while (bytes > 0) {
        int got = gzread(file, at, bytes > INT_MAX / 2 ? INT_MAX / 2 : (unsigned)bytes);
        if (got <= 0)
            return -EINVAL;
        at += got;
        bytes -= (size_t)got;
    }
    return 0;
}

static int read_header(gzFile file, struct idx *out, uint64_t *bytes)
{
    uint8_t head[4], size[4];

    if (read_exactly(file, head, sizeof(head)))
        return -EINVAL;
    if (head[0] || head[1] || head[2] != 8 || head[3] < 1 || head[3] > IDX_RANK_MAX)
        return -EINVAL;
    out->rank = head[3];
    *bytes = 1;
    for (int i = 0; i < out->rank; i++) {
        if (read_exactly(file, size, sizeof(size)))
            return -EINVAL;
        out->dims[i] =
            (uint32_t)size[0] << 24 | (uint32_t)size[1] << 16 | (uint32_t)size[2] << 8 | size[3];
        if (out->dims[i] == 0 || *bytes > IDX_BYTES_MAX / out->dims[i])
            return -EINVAL;
        *bytes *= out->dims[i];
    }
    return 0;
}

static int idx_load(const char *path, const char *remedy, struct idx *out, struct qnt_error *error)
{
    uint64_t bytes;
    uint8_t more;
    int rc = -EINVAL;
    gzFile file = gzopen(path, "rb");

    if (!file) {
        rc = errno ? -errno : -ENOMEM;
        return qnt_error_set(error, rc, "%s: %s%s", path, strerror(-rc), remedy);
    }
    if (read_header(file, out, &bytes)) {
        qnt_error_set(error, rc, "%s: is not an idx file of bytes, or is cut short", path);
        goto fail;
    }
    out->data = malloc(bytes);
    if (!out->data) {
        rc = qnt_error_set(error, -ENOMEM, "%s: not enough memory for %llu bytes", path,
                           (unsigned long long)bytes);
        goto fail;
    }
    if (read_exactly(file, out->data, bytes) || gzread(file, &more, 1) != 0) {
        qnt_error_set(error, rc,
                      "%s: does not hold the %llu bytes that its header announces; is it damaged"
                      " or cut short?",
                      path, (unsigned long long)bytes);
        goto fail;
    }
    rc = 0;
fail:
    gzclose_r(file);
    return rc;
}

/* ---- Kinds of sets: where the two files are */

struct paths {
    char images[PATH_MAX], labels[PATH_MAX]; /* labels may be empty */
    const char *remedy;                      /* the rest of the sentence for a missing file */
};

static int fashion_paths(const char *rest, struct paths *out)
{
    static const struct {
        const char *name, *file;
    } parts[] = { { "train", "train" }, { "test", "t10k" } };
    const char *folder = strchr(rest, ':');
    const size_t length = folder ? (size_t)(folder - rest) : strlen(rest);

    folder = folder ? folder + 1 : FASHION_FOLDER;
    out->remedy = FASHION_REMEDY;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strlen(parts[i].name) != length || memcmp(parts[i].name, rest, length) != 0)
            continue;
        int a =
            snprintf(out->images, PATH_MAX, "%s/%s-images-idx3-ubyte.gz", folder, parts[i].file);
        int b =
            snprintf(out->labels, PATH_MAX, "%s/%s-labels-idx1-ubyte.gz", folder, parts[i].file);
        return a >= PATH_MAX || b >= PATH_MAX ? -ENAMETOOLONG : 0;
    }
    return -EINVAL;
}

static int idx_paths(const char *rest, struct paths *out)
{
    const char *labels = strchr(rest, ':');
    const size_t length = labels ? (size_t)(labels - rest) : strlen(rest);

    if (length == 0)
        return -EINVAL;
    if (length >= PATH_MAX || (labels && strlen(labels) >= PATH_MAX))
        return -ENAMETOOLONG;
    memcpy(out->images, rest, length);
    if (labels)
        memcpy(out->labels, labels + 1, strlen(labels));
    return 0;
}

/* "PATH" or "PATH:LABELS". */
typedef int list_files(const char *path, struct qnt_files *out, struct qnt_error *error);

static const struct kind {
    const char *prefix;
    int (*paths)(const char *rest, struct paths *out);
    list_files *list; /* of kinds that are files; NULL: idx */
} kinds[] = {
    { "fashion-mnist:", fashion_paths, NULL },
    { "idx:", idx_paths, NULL },
    { "dir:", idx_paths, qnt_files_in_folder },
    { "list:", idx_paths, qnt_files_in_list },
    { "", idx_paths, NULL }, /* a folder or a list by its path alone */
};

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* The kind of `spec`, its paths, and how its files are listed; NULL for idx. */
static int find_paths(const char *spec, struct paths *out, list_files **list)
{
    const struct kind *kind = kinds;

    while (strncmp(spec, kind->prefix, strlen(kind->prefix)) != 0)
        kind++;
    int rc = kind->paths(spec + strlen(kind->prefix), out);
    *list = kind->list;
    if (rc || *kind->prefix)
        return rc;
    *list = is_folder(out->images) ? qnt_files_in_folder : qnt_files_in_list;
    return exists(out->images) ? 0 : -EINVAL;
}

/* ---- The set */

static int check_shapes(struct qnt_dataset *set, const struct paths *p, struct qnt_error *error)
{
    const struct idx *x = &set->images;

    if (x->rank < 3 || x->dims[0] > INT32_MAX || x->dims[1] > INT32_MAX || x->dims[2] > INT32_MAX)
        return qnt_error_set(error, -EINVAL, "%s: holds no images [n][h][w]", p->images);
    set->input.h = (int32_t)x->dims[1];
    set->input.w = (int32_t)x->dims[2];
    set->input.c = x->rank == 4 ? (int32_t)x->dims[3] : 1;
    if (set->labels.data && (set->labels.rank != 1 || set->labels.dims[0] != x->dims[0]))
        return qnt_error_set(error, -EINVAL, "%s: holds no label for each of the %u images of %s",
                             p->labels, x->dims[0], p->images);
    return 0;
}

static int open_idx(const struct paths *p, struct qnt_dataset *set, struct qnt_error *error)
{
    int rc = idx_load(p->images, p->remedy, &set->images, error);

    if (rc == 0 && p->labels[0])
        rc = idx_load(p->labels, p->remedy, &set->labels, error);
    return rc ? rc : check_shapes(set, p, error);
}

static int open_files(const struct paths *p, list_files *list, struct qnt_dataset *set,
                      struct qnt_error *error)
{
    const struct qnt_input *in = &set->input;

    if (in->h < 1 || in->w < 1 || (in->c != 1 && in->c != 3))
        return qnt_error_set(error, -ENOTSUP,
                             "%s: pictures have 1 or 3 channels; the model takes %dx%dx%d",
                             p->images, in->w, in->h, in->c);
    int rc = list(p->images, &set->files, error);
    if (rc == 0 && p->labels[0])
        rc = qnt_files_label(&set->files, p->labels, error);
    if (rc == 0)
        set->shelf =
            qnt_shelf_open(set->files.count, (size_t)in->h * (size_t)in->w * (size_t)in->c);
    return rc;
}

static int open_set(const char *spec, struct qnt_dataset *set, struct qnt_error *error)
{
    struct paths p = { "", "", "" };
    list_files *list = NULL;
    int rc = find_paths(spec, &p, &list);

    if (rc == -ENAMETOOLONG)
        return qnt_error_set(error, rc, "the path in the data set '%.60s...' is too long", spec);
    if (rc)
        return qnt_error_set(error, rc,
                             "'%s' names no data set: no folder, no list of files, nor"
                             " fashion-mnist:train, fashion-mnist:test (each with :FOLDER),"
                             " dir:FOLDER[:LABELS], list:FILE[:LABELS] or idx:IMAGES[:LABELS]",
                             spec);
    return list ? open_files(&p, list, set, error) : open_idx(&p, set, error);
}

int qnt_dataset_open(const char *spec, const struct qnt_input *input, struct qnt_dataset **out,
                     struct qnt_error *error)
{
    struct qnt_dataset *set = calloc(1, sizeof(*set));
    int rc;

    *out = NULL;
    if (!set)
        return qnt_error_set(error, -ENOMEM, "%s: not enough memory", spec);
    if (input)
        set->input = *input;
    else
        set->input.pixels = qnt_pixels_plain();
    rc = open_set(spec, set, error);
    if (rc == 0)
        *out = set;
    else
        qnt_dataset_close(set);
    return rc;
}

void qnt_dataset_close(struct qnt_dataset *set)
{
    if (!set)
        return;
    free(set->images.data);
    free(set->labels.data);
    qnt_files_clear(&set->files);
    qnt_shelf_close(set->shelf);
    free(set);
}

size_t qnt_dataset_count(const struct qnt_dataset *set)
{
    return set->images.data ? set->images.dims[0] : set->files.count;
}

void qnt_dataset_shape(const struct qnt_dataset *set, int32_t *h, int32_t *w, int32_t *c)
{
    *h = set->input.h;
    *w = set->input.w;
    *c = set->input.c;
}

int qnt_dataset_label(const struct qnt_dataset *set, size_t index)
{
    int label = -1;

    if (!set->images.data)
        label = index < set->files.count ? set->files.items[index].label : -1;
    else if (set->labels.data && index < set->labels.dims[0])
        label = set->labels.data[index];
    return label < 0 ? -1 : label + set->label_offset;
}

void qnt_dataset_shift_labels(struct qnt_dataset *set, int offset)
{
    set->label_offset = offset;
}

/* ---- Images */

/* Pixels [h][w][c] to values. `reversed`: the channels come as RGB, and BGR is wanted. */
static void normalise(const struct qnt_input *in, const uint8_t *pixels, int reversed, float *out)
{
    const size_t c = (size_t)in->c, count = (size_t)in->h * (size_t)in->w * c;

    for (size_t first = 0; first < count; first += c)
        for (size_t k = 0; k < c; k++) {
            size_t m = k % QNT_CHANNELS_MAX;
            uint8_t pixel = pixels[first + (reversed ? c - 1 - k : k)];
            out[first + k] = ((float)pixel - in->pixels.mean[m]) * in->pixels.norm[m];
        }
}

/* Pixels of a picture, stretched, from its file. */
static int decode_picture(const struct qnt_input *in, const char *path, uint8_t *pixels,
                          struct qnt_error *error)
{
    struct qnt_picture picture = { 0 };
    int rc = qnt_picture_read(path, in->c, &picture, error);

    if (rc == 0 && qnt_picture_stretch(&picture, in->w, in->h, pixels) != 0)
        rc = qnt_error_set(error, -ENOMEM, "%s: not enough memory", path);
    qnt_picture_clear(&picture);
    return rc;
}

static int picture_image(const struct qnt_dataset *set, size_t index, float *out,
                         struct qnt_error *error)
{
    const struct qnt_input *in = &set->input;
    const char *path = set->files.items[index].path;
    uint8_t *pixels = malloc((size_t)in->h * (size_t)in->w * (size_t)in->c);
    int rc = pixels ? 0 : qnt_error_set(error, -ENOMEM, "%s: not enough memory", path);

    if (rc == 0 && !qnt_shelf_get(set->shelf, index, pixels)) {
        rc = decode_picture(in, path, pixels, error);
        if (rc == 0)
            qnt_shelf_put(set->shelf, index, pixels);
    }
    if (rc == 0)
        normalise(in, pixels, in->c == 3 && in->pixels.order == QNT_ORDER_BGR, out);
    free(pixels);
    return rc;
}

int qnt_dataset_image(const struct qnt_dataset *set, size_t index, float *out,
                      struct qnt_error *error)
{
    const struct qnt_input *in = &set->input;
    const size_t count = qnt_dataset_count(set);

    if (index >= count)
        return qnt_error_set(error, -ERANGE, "image %zu of %zu does not exist", index, count);
    if (!set->images.data)
        return picture_image(set, index, out, error);
    normalise(in, set->images.data + index * (size_t)in->h * (size_t)in->w * (size_t)in->c, 0, out);
    return 0;
}
