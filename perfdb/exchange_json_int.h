/* What the two JSON formats share: entries written one by one, documents read as a whole with
 * json-c. */
#ifndef QUERN_PERFDB_EXCHANGE_JSON_INT_H
#define QUERN_PERFDB_EXCHANGE_JSON_INT_H

#include <json-c/json.h>

#include "perfdb/exchange_int.h"

/* ---- writing */

struct pdb_json_writer {
    struct pdb *db;
    FILE *out;
    size_t entries;
};
int pdb_json_put(FILE *out, struct json_object *object);           /* and frees it; 0 or -EIO */
struct json_object *pdb_json_cell(sqlite3_stmt *stmt, int column); /* NULL for NULL */
/* Adds "counters": { EVENT: [value, enabled_ns, running_ns] } where the sample has any. */
void pdb_json_counters(struct pdb_json_writer *w, int64_t measurement_id, int64_t sequence,
                       int has_sample, struct json_object *into);

/* ---- reading */

enum { PDB_JSON_EVENTS = 64 };

struct pdb_json_reader {
    struct pdb *db;
    const struct pdb_import_options *options;
    struct pdb_flat_writer writer;
    size_t index;                 /* of the entry, for messages */
    char *values[PDB_FLAT_COUNT]; /* owned; of the row that is being put together */
    struct pdb_flat_event events[PDB_JSON_EVENTS];
    size_t event_count;
    struct json_object *sequences; /* name -> how many samples so far */
    int failed;                    /* -ENOMEM once a value was lost */
};
int pdb_json_parse(struct pdb *db, FILE *in, struct json_object **root);
/* Members by name, of the kind asked for; NULL or `absent` where there is none such. */
struct json_object *pdb_json_object(struct json_object *from, const char *name);
struct json_object *pdb_json_array(struct json_object *from, const char *name);
const char *pdb_json_text(struct json_object *from, const char *name, const char *absent);
int64_t pdb_json_integer(struct json_object *from, const char *name, int64_t absent);
double pdb_json_real(struct json_object *from, const char *name, double absent);

/* Seconds since 1970 as ns; `absent` for a date that 64 bits of ns do not reach. */
int64_t pdb_json_ns(int64_t seconds, int64_t absent);

void pdb_json_clear(struct pdb_json_reader *r);
void pdb_json_set(struct pdb_json_reader *r, const char *column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void pdb_json_take_columns(struct pdb_json_reader *r, struct json_object *from);
void pdb_json_take_counters(struct pdb_json_reader *r, struct json_object *from); /* NULL = none */
int64_t pdb_json_next_sequence(struct pdb_json_reader *r, const char *name); /* -1 without memory */
int pdb_json_add(struct pdb_json_reader *r);
void pdb_json_end(struct pdb_json_reader *r);

#endif
