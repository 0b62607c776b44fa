#include "harness/sweep/layers.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETWORKS "harness/sweep/networks"

void hrn_layers_clear(struct hrn_layers *layers)
{
    free(layers->items);
    *layers = (struct hrn_layers) { 0 };
}

static struct hrn_layer *find(struct hrn_layers *layers, const char *key, const char *network)
{
    for (size_t i = 0; i < layers->count; i++)
        if (!strcmp(layers->items[i].key, key) && !strcmp(layers->items[i].network, network))
            return &layers->items[i];
    return NULL;
}

static int grow(struct hrn_layers *layers)
{
    if (layers->count < layers->capacity)
        return 0;
    size_t capacity = layers->capacity ? 2 * layers->capacity : 32;
    struct hrn_layer *items = realloc(layers->items, capacity * sizeof *items);
    if (!items)
        return -ENOMEM;
    layers->items = items;
    layers->capacity = capacity;
    return 0;
}

static int next_place(const struct hrn_layers *layers, const char *network)
{
    int place = 0;
    for (size_t i = 0; i < layers->count; i++)
        if (!strcmp(layers->items[i].network, network))
            place += layers->items[i].times;
    return place;
}

int hrn_layers_add(struct hrn_layers *layers, const struct krn_problem *problem,
                   enum krn_epilogue epilogue, const char *network)
{
    char key[KRN_PROBLEM_STR_MAX];
    if (epilogue == KRN_EPILOGUE_FLOAT)
        epilogue = layers->epilogue;
    krn_layer_format(problem, epilogue, 0, key);
    struct hrn_layer *known = find(layers, key, network);
    if (known) {
        known->times++;
        return 0;
    }
    int err = grow(layers);
    if (err)
        return err;
    struct hrn_layer layer = {
        .problem = *problem, .epilogue = epilogue, .place = next_place(layers, network), .times = 1
    };
    snprintf(layer.key, sizeof layer.key, "%s", key);
    snprintf(layer.network, sizeof layer.network, "%s", network);
    layers->items[layers->count++] = layer;
    return 0;
}

int hrn_layers_add_text(struct hrn_layers *layers, const char *text, const char *network, char *err,
                        size_t err_bytes)
{
    struct krn_problem problem;
    enum krn_epilogue epilogue;
    int rc = krn_layer_parse(text, &problem, &epilogue, err, err_bytes);
    if (rc)
        return rc;
    rc = hrn_layers_add(layers, &problem, epilogue, network);
    if (rc)
        snprintf(err, err_bytes, "out of memory");
    return rc;
}

/* Cuts comment and white space; returns the text, which may be empty. */
static char *trim(char *line)
{
    line[strcspn(line, "#\r\n")] = '\0';
    line += strspn(line, " \t");
    size_t length = strlen(line);
    while (length && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        line[--length] = '\0';
    return line;
}

static int add_lines(struct hrn_layers *layers, FILE *file, const char *path, const char *network,
                     char *err, size_t err_bytes)
{
    char *line = NULL, why[256];
    size_t size = 0;
    int rc = 0, problems = 0;
    for (int number = 1; !rc && getline(&line, &size, file) >= 0; number++) {
        char *text = trim(line);
        if (!*text)
            continue;
        problems++;
        rc = hrn_layers_add_text(layers, text, network, why, sizeof why);
        if (rc)
            snprintf(err, err_bytes, "%s, line %d: %s", path, number, why);
    }
    free(line);
    if (!rc && ferror(file)) {
        rc = -EIO;
        snprintf(err, err_bytes, "cannot read %s", path);
    }
    if (!rc && !problems) {
        rc = -EINVAL;
        snprintf(err, err_bytes,
                 "%s holds no problem; write one per line, such as "
                 "ic64ih56oc64kh3ph1",
                 path);
    }
    return rc;
}

int hrn_layers_add_file(struct hrn_layers *layers, const char *path, const char *network, char *err,
                        size_t err_bytes)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        int rc = -errno;
        snprintf(err, err_bytes, "cannot open the problem file %s: %s", path, strerror(-rc));
        return rc;
    }
    int rc = add_lines(layers, file, path, network, err, err_bytes);
    fclose(file);
    return rc;
}

static int is_text_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && !strcmp(entry->d_name + length - 4, ".txt");
}

static void list_networks(const char *folder, char *err, size_t err_bytes)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_text_file, alphasort);
    for (int i = 0; i < count; i++) {
        size_t used = strlen(err);
        snprintf(err + used, err_bytes - used, "%s%.*s", i ? ", " : " ",
                 (int)strlen(entries[i]->d_name) - 4, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

int hrn_layers_add_network(struct hrn_layers *layers, const char *source_root, const char *name,
                           char *err, size_t err_bytes)
{
    char folder[PATH_MAX], path[PATH_MAX];
    int length = snprintf(folder, sizeof folder, "%s/" NETWORKS, source_root);
    int whole = snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    int fits = length < (int)sizeof folder && whole < (int)sizeof path;
    FILE *file = fits && !strchr(name, '/') ? fopen(path, "re") : NULL;
    if (!file) {
        snprintf(err, err_bytes, "no built-in network is called '%s'; there are:", name);
        if (fits)
            list_networks(folder, err, err_bytes);
        return -ENOENT;
    }
    int rc = add_lines(layers, file, path, name, err, err_bytes);
    fclose(file);
    return rc;
}
