/* The actions of `quern db`. argv[0] is the action; each returns an exit code. */
#ifndef QUERN_HARNESS_CLI_DB_H
#define QUERN_HARNESS_CLI_DB_H

#include <stdlib.h>

#include "perfdb/manage.h"

int db_info(int argc, char **argv);
int db_check(int argc, char **argv);
int db_merge(int argc, char **argv);
int db_export(int argc, char **argv);
int db_import(int argc, char **argv);
int db_prune(int argc, char **argv);
int db_query(int argc, char **argv);
int db_upgrade(int argc, char **argv);

/* What the actions share. */

/* Opens `path`, or the default database where it is NULL. 0 with *db to close, or the exit code of
 * a failure that is already explained. */
int db_open(const char *path, enum pdb_mode mode, struct pdb **db);
int db_failed(const struct pdb *db); /* explains; CLI_FAILED */
/* A date as 2026-11-27, UTC: seconds since 1970, or -1. */
long long db_date(const char *text);
void db_print_merged(const char *what, const struct pdb_merged *merged);

/* The row that --db=FILE is in every action's table. */
#define DB_OPTION(where)                                                                           \
    {                                                                                              \
        0, "db", CLI_STRING, "FILE", "The database. Default: $QUERN_DB, or quern-out/quern.db.",   \
            where                                                                                  \
    }

#endif
