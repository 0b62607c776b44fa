/* A folder made from a text file with one file per line: path, blank, contents. */
#ifndef QUERN_TESTS_T_TREE_H
#define QUERN_TESTS_T_TREE_H

#include <sys/stat.h>

#include "tests/t_run.h"

static inline void t_tree_file(const char *folder, const char *path, const char *contents)
{
    char full[600];
    snprintf(full, sizeof full, "%s%s", folder, path);
    for (char *slash = full + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0777);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    if (!file) {
        perror(full);
        exit(1);
    }
    fprintf(file, "%s\n", contents);
    fclose(file);
}

/* Makes the tree in a new folder, whose name goes to `folder`; remove with t_remove(). */
static inline void t_tree(const char *text_path, char *folder, size_t bytes)
{
    char line[600];
    FILE *text = fopen(text_path, "r");
    t_folder(folder, bytes);
    if (!text) {
        perror(text_path);
        exit(1);
    }
    while (fgets(line, sizeof line, text)) {
        line[strcspn(line, "\n")] = '\0';
        char *blank = strchr(line, ' ');
        if (line[0] != '/' || !blank)
            continue;
        *blank = '\0';
        t_tree_file(folder, line, blank + 1);
    }
    fclose(text);
}

#endif
