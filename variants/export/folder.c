/* An export on disk: written whole or not at all, and compared. */
#include "variants/export/export_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static int fail(int rc, char *err, size_t err_bytes, const char *what, const char *path)
{
    snprintf(err, err_bytes, "cannot %s %s: %s", what, path, strerror(-rc));
    return rc;
}

static int not_an_export(const char *folder, char *err, size_t err_bytes)
{
    snprintf(err, err_bytes, "%s is not an export of quern: no passport.json of one in it", folder);
    return -ENOENT;
}

/* a + b, or -ENAMETOOLONG. */
static int join(char *out, const char *a, const char *b)
{
    int length = snprintf(out, PATH_BYTES, "%s%s", a, b);
    return length < 0 || length >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

static int write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, data, length);
        if (wrote < 0 && errno != EINTR)
            return -errno;
        if (wrote > 0) {
            data += wrote;
            length -= (size_t)wrote;
        }
    }
    return 0;
}

static int write_file(const char *path, const struct var_text *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, text->data, text->length);
    if (rc == 0 && fsync(fd) != 0) /* a full disk may show only here */
        rc = -errno;
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

/* The folders of `path` below `root`. */
static int make_parents(const char *root, const char *path)
{
    char full[PATH_BYTES];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        int length = snprintf(full, sizeof full, "%s/%.*s", root, (int)(slash - path), path);
        if (length >= PATH_BYTES)
            return -ENAMETOOLONG;
        if (mkdir(full, 0777) != 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static int write_files(const struct var_export *e, const char *root, char *err, size_t err_bytes)
{
    char path[PATH_BYTES] = "";
    for (size_t i = 0; i < e->count; i++) {
        int length = snprintf(path, sizeof path, "%s/%s", root, e->files[i].path);
        int rc = length >= PATH_BYTES ? -ENAMETOOLONG : make_parents(root, e->files[i].path);
        if (rc == 0)
            rc = write_file(path, &e->files[i].text);
        if (rc != 0)
            return fail(rc, err, err_bytes, "write", path);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) == 0 ? 0 : -1;
}

/* Symbolic links are removed, never followed. */
static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

enum standing { STANDS_NOTHING, STANDS_EMPTY, STANDS_EXPORT, STANDS_OTHER };

static int has_mark(const char *folder)
{
    char path[PATH_BYTES], line[200] = "";
    if (join(path, folder, "/passport.json") != 0)
        return 0;
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    int found = fgets(line, sizeof line, f) && fgets(line, sizeof line, f);
    fclose(f);
    line[strcspn(line, "\n")] = '\0';
    return found && strcmp(line, EXP_MARK) == 0;
}

static int is_empty(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return dir && count <= 2; /* . and .. */
}

static enum standing standing_at(const char *folder)
{
    struct stat st;
    if (lstat(folder, &st) != 0)
        return STANDS_NOTHING;
    if (!S_ISDIR(st.st_mode))
        return STANDS_OTHER;
    if (is_empty(folder))
        return STANDS_EMPTY;
    return has_mark(folder) ? STANDS_EXPORT : STANDS_OTHER;
}

/* Puts `fresh` where `folder` is; what stood there is at `aside` afterwards, or again in its place.
 */
static int swap_in(const char *fresh, const char *folder, const char *aside, enum standing standing,
                   char *err, size_t err_bytes)
{
    int has_old = standing == STANDS_EXPORT || standing == STANDS_OTHER;
    if (has_old && rename(folder, aside) != 0)
        return fail(-errno, err, err_bytes, "move aside", folder);
    if (rename(fresh, folder) == 0)
        return 0;
    int rc = fail(-errno, err, err_bytes, "put the new folder at", folder);
    if (has_old)
        rename(aside, folder);
    return rc;
}

/* Where a folder that is not ours goes: to a name that the user sees, if they allow it. */
static int choose_aside(const char *folder, int force, char *aside, char *err, size_t err_bytes)
{
    struct stat st;
    int rc = join(aside, folder, ".before-export");
    if (rc != 0)
        return fail(rc, err, err_bytes, "use", folder);
    if (!force) {
        snprintf(err, err_bytes,
                 "%s exists and is not an export of quern: choose another folder, or force it "
                 "(what is there will be kept as %s)",
                 folder, aside);
        return -EEXIST;
    }
    if (lstat(aside, &st) == 0) {
        snprintf(err, err_bytes, "%s exists already: move it away first", aside);
        return -EEXIST;
    }
    return 0;
}

/* `folder` without the slashes at its end. */
static int trim(const char *folder, char *out, char *err, size_t err_bytes)
{
    int rc = folder[0] ? join(out, folder, "") : -ENOENT;
    for (size_t n = rc == 0 ? strlen(out) : 0; n > 1 && out[n - 1] == '/'; n--)
        out[n - 1] = '\0';
    return rc == 0 ? 0 : fail(rc, err, err_bytes, "use as a folder:", folder);
}

/* Fills a new folder of our own. `fresh` holds a template of mkdtemp(). */
static int write_fresh(const struct var_export *e, char *fresh, char *err, size_t err_bytes)
{
    if (!mkdtemp(fresh))
        return fail(-errno, err, err_bytes, "make the folder", fresh);
    int rc = 0;
    if (chmod(fresh, 0755) != 0) /* mkdtemp's 0700 is for secrets */
        rc = fail(-errno, err, err_bytes, "set the mode of", fresh);
    if (rc == 0)
        rc = write_files(e, fresh, err, err_bytes);
    if (rc != 0)
        remove_tree(fresh);
    return rc;
}

int var_export_write(const struct var_export *e, const char *folder, int force, char *err,
                     size_t err_bytes)
{
    char target[PATH_BYTES], fresh[PATH_BYTES], aside[PATH_BYTES];
    int rc = trim(folder, target, err, err_bytes);
    if (rc != 0)
        return rc;
    enum standing standing = standing_at(target);
    if (standing == STANDS_OTHER)
        rc = choose_aside(target, force, aside, err, err_bytes);
    else if (join(aside, target, ".old-export") != 0)
        rc = fail(-ENAMETOOLONG, err, err_bytes, "use", folder);
    if (rc == 0 && join(fresh, target, ".tmp-XXXXXX") != 0)
        rc = fail(-ENAMETOOLONG, err, err_bytes, "use", folder);
    if (rc == 0)
        rc = write_fresh(e, fresh, err, err_bytes);
    if (rc != 0)
        return rc;
    if (standing == STANDS_EXPORT)
        remove_tree(aside); /* what an interrupted export may have left */
    rc = swap_in(fresh, target, aside, standing, err, err_bytes);
    if (rc != 0)
        remove_tree(fresh);
    else if (standing == STANDS_EXPORT)
        remove_tree(aside);
    return rc;
}

int var_export_selection(const char *folder, char *out, size_t bytes, char *err, size_t err_bytes)
{
    char target[PATH_BYTES], path[PATH_BYTES], line[4096];
    const size_t prefix = sizeof EXP_SELECTION - 1;
    int rc = trim(folder, target, err, err_bytes);
    if (rc == 0 && !has_mark(target))
        rc = not_an_export(target, err, err_bytes);
    if (rc != 0)
        return rc;
    FILE *f = join(path, target, "/passport.json") == 0 ? fopen(path, "r") : NULL;
    rc = -ENOENT;
    while (f && rc != 0 && fgets(line, sizeof line, f))
        if (strncmp(line, EXP_SELECTION "\"", prefix + 1) == 0) {
            const char *begin = line + prefix + 1;
            snprintf(out, bytes, "%.*s", (int)strcspn(begin, "\""), begin);
            rc = 0;
        }
    if (f)
        fclose(f);
    if (rc != 0)
        snprintf(err, err_bytes, "%s says nothing of its selection", path);
    return rc;
}

/* 0 the same, 1 differs, 2 missing. */
static int compare_file(const char *path, const struct var_text *text)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return 2;
    size_t at = 0, got;
    char buffer[4096];
    int differs = 0;
    while (!differs && (got = fread(buffer, 1, sizeof buffer, f)) > 0) {
        differs = got > text->length - at || memcmp(buffer, text->data + at, got) != 0;
        at += got;
    }
    differs |= ferror(f) || at != text->length;
    fclose(f);
    return differs;
}

struct stray {
    const struct var_export *e;
    const char *root;
    var_export_differs *differs;
    void *user;
    int count;
};

static int is_part(const struct var_export *e, const char *path)
{
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->files[i].path, path) == 0)
            return 1;
    return 0;
}

/* Reports files below `below` (relative, "" or ending in a slash) that the export has not. */
static void find_strays(struct stray *s, const char *below, int depth)
{
    char path[PATH_BYTES], full[PATH_BYTES];
    struct dirent **entries = NULL;
    struct stat st;
    if (snprintf(full, sizeof full, "%s/%s", s->root, below) >= PATH_BYTES)
        return;
    int count = scandir(full, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        int dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (!dots && join(path, below, name) == 0 &&
            snprintf(full, sizeof full, "%s/%s", s->root, path) < PATH_BYTES &&
            lstat(full, &st) == 0) {
            if (S_ISDIR(st.st_mode) && depth < 8 && join(full, path, "/") == 0) {
                find_strays(s, full, depth + 1);
            } else if (!is_part(s->e, path)) {
                s->differs(path, "is not part of the export", s->user);
                s->count++;
            }
        }
        free(entries[i]);
    }
    free(entries);
}

int var_export_compare(const struct var_export *e, const char *folder, var_export_differs *differs,
                       void *user, char *err, size_t err_bytes)
{
    static const char *const how[] = { "", "has changed", "is missing" };
    char target[PATH_BYTES], path[PATH_BYTES];
    struct stray stray = { e, target, differs, user, 0 };
    int rc = trim(folder, target, err, err_bytes);
    if (rc != 0)
        return rc;
    if (standing_at(target) != STANDS_EXPORT)
        return not_an_export(target, err, err_bytes);
    for (size_t i = 0; i < e->count; i++) {
        if (snprintf(path, sizeof path, "%s/%s", target, e->files[i].path) >= PATH_BYTES)
            return fail(-ENAMETOOLONG, err, err_bytes, "read", path);
        int found = compare_file(path, &e->files[i].text);
        if (found != 0) {
            differs(e->files[i].path, how[found], user);
            stray.count++;
        }
    }
    find_strays(&stray, "", 0);
    return stray.count;
}
