/* CSV (RFC 4180): the columns of flat.c, then three for each event: its value, and as
 * EVENT:enabled_ns and EVENT:running_ns how long it was open. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perfdb/exchange_int.h"
#include "perfdb/tables_int.h"

/* ---- writing */

struct events {
    sqlite3_str *sql;
    FILE *out;
};

static void put_field(FILE *out, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* Adds an event's three columns to the query and to the head. */
static int add_event(sqlite3_stmt *stmt, void *user)
{
    static const struct {
        const char *column, *suffix;
    } parts[] = { { "value", "" },
                  { "enabled_ns", ":enabled_ns" },
                  { "running_ns", ":running_ns" } };
    struct events *e = user;
    for (size_t i = 0; i < PDB_COUNT(parts); i++) {
        sqlite3_str_appendf(e->sql,
                            ", (SELECT %s FROM counter WHERE measurement_id = m.id AND sequence ="
                            " s.sequence AND event_id = %lld)",
                            parts[i].column, sqlite3_column_int64(stmt, 0));
        fputc(',', e->out);
        char *name = sqlite3_mprintf("%s%s", pdb_column_text(stmt, 1), parts[i].suffix);
        put_field(e->out, name ? name : "");
        sqlite3_free(name);
    }
    return 0;
}

static int put_row(sqlite3_stmt *stmt, void *user)
{
    FILE *out = user;
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        if (i)
            fputc(',', out);
        put_field(out, pdb_column_text(stmt, i));
    }
    return fputc('\n', out) == EOF ? -EIO : 0;
}

int pdb_csv_write(struct pdb *db, int64_t run_id, FILE *out)
{
    struct events e = { sqlite3_str_new(NULL), out };
    int result = pdb_choose_runs(db, run_id);
    for (int i = 0; i < PDB_FLAT_COUNT; i++)
        fprintf(out, "%s%s", i ? "," : "", pdb_flat_columns[i].name);
    if (result == 0)
        result = pdb_query(db,
                           "SELECT id, name FROM event WHERE id IN (SELECT event_id FROM counter"
                           " WHERE measurement_id IN (SELECT id FROM measurement WHERE run_id IN"
                           " (SELECT id FROM temp.chosen))) ORDER BY name",
                           NULL, 0, add_event, &e);
    fputc('\n', out);
    char *more = sqlite3_str_finish(e.sql), *sql = pdb_flat_sql(more ? more : "");
    if (result == 0)
        result = sql ? pdb_query(db, sql, NULL, 0, put_row, out)
                     : pdb_fail(db, -ENOMEM, "out of memory");
    sqlite3_free(more);
    sqlite3_free(sql);
    return result == 0 && ferror(out) ? -EIO : result;
}

/* ---- reading */

enum { FIELDS_MAX = 512, PARTS = 3 };

/* One record, its fields in one buffer. */
struct record {
    char *text;
    size_t used, capacity;
    size_t begin[FIELDS_MAX];
    int count;
};

struct csv {
    struct pdb *db;
    FILE *in;
    long line;
    struct record record;
    int column[FIELDS_MAX]; /* of flat.c, -1 = none */
    int event[FIELDS_MAX], part[FIELDS_MAX];
    char *event_name[FIELDS_MAX];
    int fields, events;
};

static int put_char(struct csv *c, int character)
{
    struct record *r = &c->record;
    if (r->used == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 4096;
        char *grown = realloc(r->text, capacity);
        if (!grown)
            return pdb_fail(c->db, -ENOMEM, "line %ld: out of memory", c->line);
        r->text = grown;
        r->capacity = capacity;
    }
    r->text[r->used++] = (char)character;
    return 0;
}

/* The rest of a field after its opening quote; *next is the character behind the closing one. */
static int read_quoted(struct csv *c, int *next)
{
    for (;;) {
        int character = fgetc(c->in);
        if (character == EOF)
            return pdb_fail(c->db, -EINVAL, "line %ld: a quoted field does not end", c->line);
        if (character == '"' && (*next = fgetc(c->in)) != '"')
            return 0;
        c->line += character == '\n';
        int result = put_char(c, character);
        if (result != 0)
            return result;
    }
}

static int is_end(int character)
{
    return character == EOF || character == ',' || character == '\n';
}

/* One field; *end is what ended it: ',', '\n' or EOF. */
static int read_field(struct csv *c, int *end)
{
    struct record *r = &c->record;
    int character = fgetc(c->in), result = 0;
    if (r->count == FIELDS_MAX)
        return pdb_fail(c->db, -EINVAL, "line %ld: more than %d fields", c->line, FIELDS_MAX);
    r->begin[r->count++] = r->used;
    if (character == '"')
        result = read_quoted(c, &character);
    for (; result == 0 && !is_end(character); character = fgetc(c->in))
        if (character == 0)
            result = pdb_fail(c->db, -EINVAL, "line %ld: it has a byte 0 in it", c->line);
        else if (character != '\r')
            result = put_char(c, character);
    *end = character;
    return result ? result : put_char(c, '\0');
}

/* The next record that is not blank: 1; 0 at the end; or a negative errno. */
static int read_record(struct csv *c)
{
    struct record *r = &c->record;
    for (int end = '\n'; end != EOF;) {
        r->used = 0;
        r->count = 0;
        c->line++;
        do {
            int result = read_field(c, &end);
            if (result != 0)
                return result;
        } while (end == ',');
        if (r->count > 1 || r->text[0])
            return 1;
    }
    return 0;
}

/* Which event and which of its three parts a column is of. */
static int take_event_column(struct csv *c, int field, const char *name)
{
    static const char *const suffixes[PARTS] = { "", ":enabled_ns", ":running_ns" };
    size_t length = strlen(name);
    int part = 0;
    for (int i = 1; i < PARTS; i++) {
        size_t tail = strlen(suffixes[i]);
        if (length > tail && strcmp(name + length - tail, suffixes[i]) == 0) {
            part = i;
            length -= tail;
        }
    }
    int event = 0;
    while (event < c->events && (strncmp(c->event_name[event], name, length) != 0 ||
                                 c->event_name[event][length] != '\0'))
        event++;
    if (event == c->events && !(c->event_name[c->events++] = strndup(name, length)))
        return pdb_fail(c->db, -ENOMEM, "out of memory");
    c->event[field] = event;
    c->part[field] = part;
    return 0;
}

static int take_head(struct csv *c)
{
    int result = 0, known = 0;
    c->fields = c->record.count;
    for (int i = 0; i < c->fields && result == 0; i++) {
        const char *name = c->record.text + c->record.begin[i];
        c->column[i] = pdb_flat_find(name);
        known += c->column[i] >= 0;
        if (!*name)
            result = pdb_fail(c->db, -EINVAL, "line 1: column %d has no name", i + 1);
        else if (c->column[i] < 0)
            result = take_event_column(c, i, name);
    }
    if (result == 0 && known == 0)
        return pdb_fail(c->db, -EINVAL,
                        "line 1: no column is one of Quern's; 'quern db export --format=csv' shows "
                        "them");
    return result;
}

static int take_number(struct csv *c, const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (errno || *end || end == text)
        return pdb_fail(c->db, -EINVAL, "line %ld: '%.40s' is not a whole number", c->line, text);
    return 0;
}

static int take_record(struct csv *c, struct pdb_flat_writer *writer)
{
    const char *values[PDB_FLAT_COUNT] = { NULL };
    struct pdb_flat_event events[FIELDS_MAX] = { { 0 } }, given[FIELDS_MAX];
    int seen[FIELDS_MAX] = { 0 }, result = 0;
    size_t count = 0;
    if (c->record.count != c->fields)
        return pdb_fail(c->db, -EINVAL, "line %ld: it has %d fields, the head has %d", c->line,
                        c->record.count, c->fields);
    for (int i = 0; i < c->fields && result == 0; i++) {
        const char *text = c->record.text + c->record.begin[i];
        if (c->column[i] >= 0) {
            values[c->column[i]] = text;
        } else if (*text) {
            struct pdb_flat_event *e = &events[c->event[i]];
            int64_t *parts[PARTS] = { &e->value, &e->enabled_ns, &e->running_ns };
            e->name = c->event_name[c->event[i]];
            seen[c->event[i]] = 1;
            result = take_number(c, text, parts[c->part[i]]);
        }
    }
    for (int i = 0; i < c->events; i++)
        if (seen[i])
            given[count++] = events[i];
    if (result == 0 && (result = pdb_flat_add(writer, values, given, count)) < 0) {
        char why[600];
        snprintf(why, sizeof why, "%s", pdb_errmsg(c->db));
        return pdb_fail(c->db, result, "line %ld: %s", c->line, why);
    }
    return result;
}

int pdb_csv_read(struct pdb *fresh, FILE *in, const struct pdb_import_options *options)
{
    struct csv *c = calloc(1, sizeof *c);
    struct pdb_flat_writer writer = { .db = fresh };
    (void)options;
    if (!c)
        return pdb_fail(fresh, -ENOMEM, "out of memory");
    c->db = fresh;
    c->in = in;
    int result = read_record(c);
    if (result == 0)
        result = pdb_fail(fresh, -EINVAL, "it is empty");
    if (result == 1)
        result = take_head(c);
    while (result == 0 && (result = read_record(c)) == 1)
        result = take_record(c, &writer);
    if (result == 0 && ferror(in))
        result = pdb_fail(fresh, -EIO, "it cannot be read: %s", strerror(errno));
    pdb_flat_end(&writer);
    for (int i = 0; i < c->events; i++)
        free(c->event_name[i]);
    free(c->record.text);
    free(c);
    return result;
}
