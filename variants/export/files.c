/* The list of files in memory. */
#include "variants/export/export_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct var_text *exp_add(struct var_export *e, const char *path)
{
    struct var_export_file *grown = realloc(e->files, (e->count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    e->files = grown;
    struct var_export_file file = { strdup(path), { 0 } };
    if (!file.path)
        return NULL;
    e->files[e->count] = file;
    return &e->files[e->count++].text;
}

void var_export_clear(struct var_export *e)
{
    for (size_t i = 0; i < e->count; i++) {
        free(e->files[i].path);
        var_text_clear(&e->files[i].text);
    }
    free(e->files);
    *e = (struct var_export) { 0 };
}

/* The whole file as a string; NULL and errno set if that fails. */
static char *read_file(const char *path)
{
    char *data = NULL;
    size_t length = 0, got;
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    do {
        char *grown = realloc(data, length + 65536);
        if (!grown)
            goto fail;
        data = grown;
        got = fread(data + length, 1, 65535, f);
        length += got;
    } while (got > 0);
    if (ferror(f))
        goto fail;
    fclose(f);
    data[length] = '\0';
    return data;
fail:
    free(data);
    fclose(f);
    return NULL;
}

static char *read_source(const char *source_root, const char *from, char *err, size_t err_bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", source_root, from);
    errno = ENOMEM;
    char *data = read_file(path);
    if (!data)
        snprintf(err, err_bytes,
                 "cannot read %s: %s; the source root must hold kernels/, "
                 "variants/export/template/ and LICENSE",
                 path, strerror(errno));
    return data;
}

int exp_copy(struct var_export *e, const char *source_root, const char *from, const char *path,
             char *err, size_t err_bytes)
{
    char *data = read_source(source_root, from, err, err_bytes);
    if (!data)
        return -ENOENT;
    struct var_text *text = exp_add(e, path);
    int is_code = strchr(path, '.') != NULL; /* LICENSE is its own */
    if (text && is_code && !strstr(data, "SPDX-License-Identifier"))
        var_text_printf(text, "/* %s */\n", EXP_SPDX);
    if (text)
        var_text_printf(text, "%s", data);
    free(data);
    return text && !text->failed ? 0 : -ENOMEM;
}

/* What a line of a template may hold, and which sources it is repeated for. */
static const struct placeholder {
    const char *mark, *ending; /* NULL: all */
} placeholders[] = {
    { "@SOURCE@", NULL },
    { "@SOURCE_C@", ".c" },
    { "@SOURCE_ASM@", ".S" },
};

static const struct placeholder *find_placeholder(const char *line, const char **at)
{
    for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++)
        if ((*at = strstr(line, placeholders[i].mark)))
            return &placeholders[i];
    return NULL;
}

/* One line, without its newline: as it is, or once per source. */
static void expand_line(struct var_export *e, size_t files, const char *line)
{
    const char *at;
    const struct placeholder *p = find_placeholder(line, &at);
    struct var_text *text = &e->files[files].text;
    if (!p)
        var_text_printf(text, "%s\n", line);
    for (size_t i = 0; p && i < files; i++) {
        const char *path = e->files[i].path;
        if (exp_is_source(path) && (!p->ending || strcmp(strrchr(path, '.'), p->ending) == 0))
            var_text_printf(text, "%.*s%s%s\n", (int)(at - line), line, path, at + strlen(p->mark));
    }
}

int exp_expand(struct var_export *e, const char *source_root, const char *from, const char *path,
               char *err, size_t err_bytes)
{
    char *data = read_source(source_root, from, err, err_bytes);
    if (!data)
        return -ENOENT;
    size_t files = e->count; /* those before this one are listed */
    int rc = exp_add(e, path) ? 0 : -ENOMEM;
    for (char *line = data, *next; rc == 0 && *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = '\0';
        expand_line(e, files, line);
    }
    free(data);
    return rc;
}

int exp_is_source(const char *path)
{
    size_t length = strlen(path);
    int in_library = strncmp(path, "src/", 4) == 0 || strncmp(path, "kernels/", 8) == 0;
    return in_library && length > 2 &&
           (strcmp(path + length - 2, ".c") == 0 || strcmp(path + length - 2, ".S") == 0);
}
