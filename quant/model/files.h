/* A list of picture files with labels: from a folder, or from a list. */
#ifndef QUERN_QUANT_FILES_H
#define QUERN_QUANT_FILES_H

#include "quant/model/graph.h"

struct qnt_file {
    char *path; /* owned */
    int label;  /* -1 = unknown */
};
struct qnt_files {
    struct qnt_file *items; /* owned */
    size_t count, capacity;
};

/* The .jpg, .jpeg, .png, .ppm and .pgm files of a folder, by name; not those of its folders. */
int qnt_files_in_folder(const char *folder, struct qnt_files *out, struct qnt_error *error);
/* Lines PATH or PATH<TAB>LABEL; a path that is not absolute begins at the list's folder. */
int qnt_files_in_list(const char *list, struct qnt_files *out, struct qnt_error *error);
/* Labels from lines PATH<TAB>LABEL: a line belongs to the file whose path ends with it. A file
 * without a line is an error. */
int qnt_files_label(struct qnt_files *files, const char *tsv, struct qnt_error *error);
void qnt_files_clear(struct qnt_files *files);

#endif
