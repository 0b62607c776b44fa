/* The versions of the schema. A new version is one more row of pdb_migrations[] and one more
 * .sql file; rows that have shipped never change. pdb_open() brings an older file up to date, in
 * one transaction. */
#ifndef QUERN_PERFDB_MIGRATE_H
#define QUERN_PERFDB_MIGRATE_H

#include "perfdb/perfdb.h"

#define PDB_APPLICATION_ID 0x5175726e /* "Qurn", at byte 68 of the file */

struct pdb_migration {
    int version; /* user_version afterwards; rows ascend from 1 without gaps */
    const char
        *sql; /* any number of statements; foreign keys are checked after the last migration */
};
extern const struct pdb_migration pdb_migrations[];
extern const size_t pdb_migration_count;

/* pdb_open() with another list of versions: for tests of migrations, and for tools that must
 * read as an older program did. `list` is borrowed during the call. */
int pdb_open_with(const char *path, enum pdb_mode mode, const struct pdb_migration *list,
                  size_t count, struct pdb **out);

#endif
