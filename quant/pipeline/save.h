/* Writing a file so that no reader meets half of it: beside its place, then renamed. What is no
 * regular file (a device, a pipe, a link) is written where it is, and never replaced.
 *
 *     qnt_save_open() -> write to s.file -> qnt_save_close() */
#ifndef QUERN_QUANT_SAVE_H
#define QUERN_QUANT_SAVE_H

#include <stdio.h>

struct qnt_save {
    const char *path; /* borrowed */
    char *beside;     /* owned; NULL: written in place */
    FILE *file;
};

/* 0 or a negative errno. Close in every case. */
int qnt_save_open(struct qnt_save *s, const char *path);
/* `result` is what became of the writing: if it is 0 and everything reached the disk, the file is
 * put in its place, else it is removed. Returns result, or the first error of its own. */
int qnt_save_close(struct qnt_save *s, int result);

#endif
