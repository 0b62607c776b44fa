/* Databases as text: for other programs, and back.
 *
 *     pdb_format_find() -> pdb_format.write() | pdb_import()
 * Adding a format is adding a row to pdb_formats[] and a file exchange_NAME.c. */
#ifndef QUERN_PERFDB_EXCHANGE_H
#define QUERN_PERFDB_EXCHANGE_H

#include <stdio.h>

#include "perfdb/manage.h"

struct pdb_import_options {
    const char *problem; /* what a foreign benchmark computes, canonical; NULL: its names say so */
    const char *device;  /* key for results that name none; NULL: the file's host */
};

struct pdb_format {
    const char *name, *suffix, *meaning;
    int one_run; /* holds a single run */
    /* Writes one run, or all with run_id 0. 0 or a negative errno (-EIO: the stream failed). */
    int (*write)(struct pdb *db, int64_t run_id, FILE *out);
    /* Fills a fresh database. 0, or a negative errno with the line or the key in its message. */
    int (*read)(struct pdb *fresh, FILE *in, const struct pdb_import_options *options);
};
extern const struct pdb_format pdb_formats[];
extern const size_t pdb_format_count;
const struct pdb_format *pdb_format_find(const char *name); /* NULL if there is none */

/* Reads `in` as a whole into a temporary file beside nothing of `db`, then merges that: all or
 * nothing, and idempotent. */
int pdb_import(struct pdb *db, const struct pdb_format *format, FILE *in,
               const struct pdb_import_options *options, struct pdb_merged *out);

#endif
