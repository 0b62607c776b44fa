#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "perfdb/exchange_json_int.h"

/* ---- writing */

int pdb_json_put(FILE *out, struct json_object *object)
{
    const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE);
    int failed = !text || fputs(text, out) < 0;
    json_object_put(object);
    return failed ? -EIO : 0;
}

struct json_object *pdb_json_cell(sqlite3_stmt *stmt, int column)
{
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_NULL:
        return NULL;
    case SQLITE_INTEGER:
        return json_object_new_int64(sqlite3_column_int64(stmt, column));
    case SQLITE_FLOAT:
        return json_object_new_double(sqlite3_column_double(stmt, column));
    default:
        return json_object_new_string(pdb_column_text(stmt, column));
    }
}

static int put_counter(sqlite3_stmt *stmt, void *user)
{
    struct json_object *counters = user, *parts = json_object_new_array();
    for (int i = 1; i <= 3; i++)
        json_object_array_add(parts, pdb_json_cell(stmt, i));
    json_object_object_add(counters, pdb_column_text(stmt, 0), parts);
    return 0;
}

void pdb_json_counters(struct pdb_json_writer *w, int64_t measurement_id, int64_t sequence,
                       int has_sample, struct json_object *into)
{
    const struct pdb_value key[] = { pdb_int(measurement_id), pdb_int(sequence) };
    struct json_object *counters = json_object_new_object();
    if (has_sample)
        pdb_query(w->db,
                  "SELECT event.name, value, enabled_ns, running_ns FROM counter JOIN event"
                  " ON event.id = event_id WHERE measurement_id = ?1 AND sequence = ?2 ORDER BY 1",
                  key, 2, put_counter, counters);
    if (json_object_object_length(counters))
        json_object_object_add(into, "counters", counters);
    else
        json_object_put(counters);
}

/* ---- reading */

enum { DOCUMENT_MAX = 1 << 30 };

static char *read_all(FILE *in, size_t *bytes)
{
    size_t capacity = 1 << 16;
    char *text = malloc(capacity);
    *bytes = 0;
    while (text) {
        size_t got = fread(text + *bytes, 1, capacity - *bytes, in);
        *bytes += got;
        if (got == 0)
            return text;
        if (*bytes == capacity) {
            char *grown = capacity < DOCUMENT_MAX ? realloc(text, 2 * capacity) : NULL;
            if (!grown)
                break;
            text = grown;
            capacity *= 2;
        }
    }
    free(text);
    return NULL;
}

int pdb_json_parse(struct pdb *db, FILE *in, struct json_object **root)
{
    size_t bytes;
    char *text = read_all(in, &bytes);
    struct json_tokener *tokener = json_tokener_new();
    int result = 0;
    *root = NULL;
    if (!text || !tokener) {
        result = pdb_fail(db, -ENOMEM, "it is larger than memory");
    } else if (ferror(in)) {
        result = pdb_fail(db, -EIO, "it cannot be read: %s", strerror(errno));
    } else {
        *root = json_tokener_parse_ex(tokener, text, (int)bytes);
        if (!*root || json_object_get_type(*root) != json_type_object)
            result = pdb_fail(db, -EINVAL, "it is no JSON document: %s, at byte %zu",
                              json_tokener_error_desc(json_tokener_get_error(tokener)),
                              json_tokener_get_parse_end(tokener));
    }
    if (tokener)
        json_tokener_free(tokener);
    free(text);
    return result;
}

static struct json_object *member(struct json_object *from, const char *name)
{
    struct json_object *found = NULL;
    if (!json_object_is_type(from, json_type_object))
        return NULL;
    json_object_object_get_ex(from, name, &found);
    return found;
}

struct json_object *pdb_json_object(struct json_object *from, const char *name)
{
    struct json_object *found = member(from, name);
    return json_object_is_type(found, json_type_object) ? found : NULL;
}

struct json_object *pdb_json_array(struct json_object *from, const char *name)
{
    struct json_object *found = member(from, name);
    return json_object_is_type(found, json_type_array) ? found : NULL;
}

const char *pdb_json_text(struct json_object *from, const char *name, const char *absent)
{
    struct json_object *found = member(from, name);
    return json_object_is_type(found, json_type_string) ? json_object_get_string(found) : absent;
}

static int is_number(struct json_object *object)
{
    return json_object_is_type(object, json_type_int) ||
           json_object_is_type(object, json_type_double) ||
           json_object_is_type(object, json_type_boolean);
}

int64_t pdb_json_integer(struct json_object *from, const char *name, int64_t absent)
{
    struct json_object *found = member(from, name);
    return is_number(found) ? json_object_get_int64(found) : absent;
}

double pdb_json_real(struct json_object *from, const char *name, double absent)
{
    struct json_object *found = member(from, name);
    return is_number(found) ? json_object_get_double(found) : absent;
}

int64_t pdb_json_ns(int64_t seconds, int64_t absent)
{
    const int64_t per_second = 1000000000;
    return seconds < 0 || seconds > INT64_MAX / per_second ? absent : seconds * per_second;
}

/* ---- rows */

void pdb_json_clear(struct pdb_json_reader *r)
{
    for (int i = 0; i < PDB_FLAT_COUNT; i++) {
        free(r->values[i]);
        r->values[i] = NULL;
    }
    r->event_count = 0;
}

void pdb_json_set(struct pdb_json_reader *r, const char *column, const char *format, ...)
{
    va_list args;
    int at = pdb_flat_find(column);
    char *text = NULL;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        text = NULL;
        r->failed = -ENOMEM;
    }
    va_end(args);
    free(r->values[at]);
    r->values[at] = text;
}

void pdb_json_take_columns(struct pdb_json_reader *r, struct json_object *from)
{
    for (int i = 0; i < PDB_FLAT_COUNT; i++) {
        struct json_object *value = member(from, pdb_flat_columns[i].name);
        if (value)
            pdb_json_set(r, pdb_flat_columns[i].name, "%s", json_object_get_string(value));
    }
}

void pdb_json_take_counters(struct pdb_json_reader *r, struct json_object *from)
{
    if (!from)
        return;
    struct json_object_iterator at = json_object_iter_begin(from), end = json_object_iter_end(from);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        const char *name = json_object_iter_peek_name(&at);
        struct json_object *parts = json_object_iter_peek_value(&at);
        if (!json_object_is_type(parts, json_type_array) || json_object_array_length(parts) != 3 ||
            r->event_count == PDB_JSON_EVENTS)
            continue;
        r->events[r->event_count++] = (struct pdb_flat_event) {
            .name = name,
            .value = json_object_get_int64(json_object_array_get_idx(parts, 0)),
            .enabled_ns = json_object_get_int64(json_object_array_get_idx(parts, 1)),
            .running_ns = json_object_get_int64(json_object_array_get_idx(parts, 2)),
        };
    }
}

int64_t pdb_json_next_sequence(struct pdb_json_reader *r, const char *name)
{
    if (!r->sequences && !(r->sequences = json_object_new_object()))
        return -1;
    int64_t next = pdb_json_integer(r->sequences, name, 0);
    struct json_object *count = json_object_new_int64(next + 1);
    return json_object_object_add(r->sequences, name, count) == 0 ? next : -1;
}

int pdb_json_add(struct pdb_json_reader *r)
{
    const char *values[PDB_FLAT_COUNT];
    memcpy(values, r->values, sizeof values);
    int result =
        r->failed ? r->failed : pdb_flat_add(&r->writer, values, r->events, r->event_count);
    if (result < 0) {
        char why[600];
        snprintf(why, sizeof why, "%s", r->failed ? "out of memory" : pdb_errmsg(r->db));
        return pdb_fail(r->db, result, "entry %zu: %s", r->index, why);
    }
    return 0;
}

void pdb_json_end(struct pdb_json_reader *r)
{
    pdb_json_clear(r);
    pdb_flat_end(&r->writer);
    json_object_put(r->sequences);
}
