#include "quant/model/files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int add(struct qnt_files *files, char *path, int label)
{
    if (files->count == files->capacity) {
        size_t capacity = files->capacity ? 2 * files->capacity : 256;
        struct qnt_file *grown = realloc(files->items, capacity * sizeof(*grown));
        if (!grown)
            path = (free(path), NULL);
        else {
            files->items = grown;
            files->capacity = capacity;
        }
    }
    if (!path)
        return -ENOMEM;
    files->items[files->count++] = (struct qnt_file) { path, label };
    return 0;
}

void qnt_files_clear(struct qnt_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (struct qnt_files) { 0 };
}

static char *join(const char *folder, size_t folder_length, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%.*s/%s", (int)folder_length, folder, name) < 0 ? NULL : path;
}

/* ---- Folders */

enum kind { NO_PICTURE, READ, NOT_READ };

/* What a file is by its ending. One that is left out must not be a picture: the images would be
 * others than those that the caller named. */
static enum kind kind_of(const char *name)
{
    static const struct {
        const char *ending;
        enum kind kind;
    } kinds[] = {
        { ".jpg", READ },      { ".jpeg", READ },     { ".png", READ },      { ".ppm", READ },
        { ".pgm", READ },      { ".bmp", NOT_READ },  { ".gif", NOT_READ },  { ".webp", NOT_READ },
        { ".tif", NOT_READ },  { ".tiff", NOT_READ }, { ".heic", NOT_READ }, { ".avif", NOT_READ },
        { ".jfif", NOT_READ }, { ".jp2", NOT_READ },  { ".pbm", NOT_READ },  { ".pnm", NOT_READ },
    };
    const char *ending = strrchr(name, '.');

    for (size_t i = 0; ending && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcasecmp(ending, kinds[i].ending) == 0)
            return kinds[i].kind;
    return NO_PICTURE;
}

static int take_entry(const char *folder, const char *name, struct qnt_files *out,
                      struct qnt_error *error)
{
    switch (kind_of(name)) {
    case READ:
        return add(out, join(folder, strlen(folder), name), -1) == 0
                   ? 0
                   : qnt_error_set(error, -ENOMEM, "%s: not enough memory", folder);
    case NOT_READ:
        return qnt_error_set(error, -ENOTSUP,
                             "%s/%s: not a JPEG, PNG, PPM or PGM file: convert it, move it away, "
                             "or name the images in a list",
                             folder, name);
    default:
        return 0;
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct qnt_file *)a)->path, ((const struct qnt_file *)b)->path);
}

int qnt_files_in_folder(const char *folder, struct qnt_files *out, struct qnt_error *error)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int rc = 0;

    *out = (struct qnt_files) { 0 };
    if (!dir)
        return qnt_error_set(error, -errno, "%s: %s", folder, strerror(errno));
    while (rc == 0 && (errno = 0, entry = readdir(dir)))
        rc = take_entry(folder, entry->d_name, out, error);
    if (rc == 0 && errno)
        rc = qnt_error_set(error, -errno, "%s: cannot be read: %s", folder, strerror(errno));
    closedir(dir);
    if (rc == 0 && out->count == 0)
        rc = qnt_error_set(error, -EINVAL,
                           "%s: holds no JPEG, PNG, PPM or PGM files (folders in it are not "
                           "looked into: name one of them, or the files in a list)",
                           folder);
    if (rc)
        qnt_files_clear(out);
    else
        qsort(out->items, out->count, sizeof(*out->items), by_path);
    return rc;
}

/* ---- Lines PATH [TAB LABEL] */

typedef int take_line(void *user, const char *path, int label);

struct lines {
    const char *file;
    take_line *take;
    void *user;
    int label_needed;
    struct qnt_error *error;
};

static int read_line(const struct lines *l, char *line, size_t number)
{
    char *tab = strchr(line, '\t'), *end;
    long label = -1;

    if (!tab && l->label_needed)
        return qnt_error_set(l->error, -EINVAL, "%s: line %zu: is not PATH, a tab and a number",
                             l->file, number);
    if (tab) {
        *tab++ = 0;
        label = strtol(tab, &end, 10);
        if (end == tab || *end || label < 0 || label > INT_MAX)
            return qnt_error_set(l->error, -EINVAL, "%s: line %zu: '%.40s' is no label", l->file,
                                 number, tab);
    }
    int rc = l->take(l->user, line, (int)label);
    return rc ? qnt_error_set(l->error, rc, "%s: not enough memory", l->file) : 0;
}

static int read_lines(const struct lines *l)
{
    FILE *file = fopen(l->file, "re");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int rc = 0;

    if (!file)
        return qnt_error_set(l->error, -errno, "%s: %s", l->file, strerror(errno));
    for (size_t number = 1; rc == 0 && (length = getline(&line, &capacity, file)) >= 0; number++) {
        while (length > 0 && strchr("\r\n", line[length - 1]))
            line[--length] = 0;
        if (strlen(line) != (size_t)length)
            rc = qnt_error_set(l->error, -EINVAL, "%s: line %zu: has a NUL in it", l->file, number);
        else if (length > 0)
            rc = read_line(l, line, number);
    }
    if (rc == 0 && ferror(file))
        rc = qnt_error_set(l->error, -EIO, "%s: cannot be read", l->file);
    free(line);
    fclose(file);
    return rc;
}

struct listing {
    struct qnt_files *files;
    const char *list;
};

static int take_listed(void *user, const char *path, int label)
{
    const struct listing *l = user;
    const char *slash = strrchr(l->list, '/');

    return add(l->files,
               path[0] == '/' || !slash ? strdup(path)
                                        : join(l->list, (size_t)(slash - l->list), path),
               label);
}

int qnt_files_in_list(const char *list, struct qnt_files *out, struct qnt_error *error)
{
    struct listing listing = { out, list };
    const struct lines lines = { list, take_listed, &listing, 0, error };

    *out = (struct qnt_files) { 0 };
    int rc = read_lines(&lines);
    if (rc == 0 && out->count == 0)
        rc = qnt_error_set(error, -EINVAL, "%s: lists no files", list);
    if (rc)
        qnt_files_clear(out);
    return rc;
}

/* ---- Labels */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int by_base(const void *a, const void *b)
{
    return strcmp(base_of(((const struct qnt_file *)a)->path),
                  base_of(((const struct qnt_file *)b)->path));
}

static int take_label(void *user, const char *path, int label)
{
    return add(user, strdup(path), label);
}

static int ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);

    return length >= tail && strcmp(path + length - tail, end) == 0 &&
           (length == tail || path[length - tail - 1] == '/' || end[0] == '/');
}

/* Of the lines with the file's own name the longest that fits. */
static int find_label(const struct qnt_files *labels, const struct qnt_file *file)
{
    const struct qnt_file *found =
        bsearch(file, labels->items, labels->count, sizeof(*labels->items), by_base);
    size_t longest = 0;
    int label = -1;

    if (!found)
        return -1;
    while (found > labels->items && by_base(found - 1, file) == 0)
        found--;
    for (; found < labels->items + labels->count && by_base(found, file) == 0; found++)
        if (ends_with(file->path, found->path) && strlen(found->path) > longest) {
            longest = strlen(found->path);
            label = found->label;
        }
    return label;
}

int qnt_files_label(struct qnt_files *files, const char *tsv, struct qnt_error *error)
{
    struct qnt_files labels = { 0 };
    const struct lines lines = { tsv, take_label, &labels, 1, error };
    int rc = read_lines(&lines);

    if (rc == 0 && labels.count)
        qsort(labels.items, labels.count, sizeof(*labels.items), by_base);
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        files->items[i].label = labels.count ? find_label(&labels, &files->items[i]) : -1;
        if (files->items[i].label < 0)
            rc = qnt_error_set(error, -EINVAL, "%s: has no line for %s", tsv, files->items[i].path);
    }
    qnt_files_clear(&labels);
    return rc;
}
