/* What is known of a run beside its times: facts of the device, counters, probed events,
 * bandwidths. */
#include "perfdb/perfdb.h"

#include <string.h>

#include "perfdb/perfdb_int.h"

/* ---- writing */

static int add_row(struct pdb *db, enum pdb_stmt which, const struct pdb_value *values,
                   size_t count)
{
    int result = pdb_call_begin(db);
    return result < 0 ? result : pdb_call_end(db, pdb_execute(db, which, values, count, NULL));
}

int pdb_run_fact(struct pdb *db, int64_t run_id, const char *name, const char *value)
{
    const struct pdb_value row[] = { pdb_int(run_id), pdb_text(name), pdb_text(value) };
    return add_row(db, PDB_STMT_FACT_ADD, row, PDB_COUNT(row));
}

int pdb_bandwidth(struct pdb *db, int64_t run_id, const struct pdb_bandwidth *b)
{
    const struct pdb_value row[] = {
        pdb_int(run_id),
        pdb_text(b->level),
        pdb_int(b->working_set_bytes),
        pdb_real(b->bytes_per_s),
        b->bytes_per_cycle > 0 ? pdb_real(b->bytes_per_cycle) : pdb_null(),
    };
    return add_row(db, PDB_STMT_BANDWIDTH_ADD, row, PDB_COUNT(row));
}

int pdb_event_probe(struct pdb *db, int64_t run_id, const struct pdb_event_probe *p)
{
    char name[sizeof((struct hrn_counter *)0)->event] = "";
    int64_t event_id;
    int result = pdb_call_begin(db);
    if (result < 0)
        return result;
    memccpy(name, p->event, '\0', sizeof name);
    result = pdb_event_intern(db, name, &event_id);
    if (result < 0)
        return pdb_call_end(db, result);
    const struct pdb_value row[] = {
        pdb_int(run_id),
        pdb_int(event_id),
        pdb_text(p->verdict),
        pdb_int_unless(p->expected, -1),
        pdb_int_unless(p->seen, -1),
        pdb_text(p->detail),
    };
    return pdb_call_end(db, pdb_execute(db, PDB_STMT_PROBE_ADD, row, PDB_COUNT(row), NULL));
}

/* ---- reading: a public callback and its argument on their way through pdb_query() */

struct counter_walk {
    int (*row)(const struct pdb_counter_row *, void *);
    void *user;
};

static int give_counter(sqlite3_stmt *s, void *user)
{
    const struct counter_walk *walk = user;
    const struct pdb_counter_row row = {
        .event = pdb_column_text(s, 0),
        .value = sqlite3_column_int64(s, 1),
        .calls = sqlite3_column_int64(s, 2),
        .time_ns = sqlite3_column_int64(s, 3),
        .enabled_ns = sqlite3_column_int64(s, 4),
        .running_ns = sqlite3_column_int64(s, 5),
        .round = sqlite3_column_int(s, 6),
        .pass = sqlite3_column_int(s, 7),
    };
    return walk->row(&row, walk->user);
}

int pdb_counters(struct pdb *db, int64_t measurement_id,
                 int (*row)(const struct pdb_counter_row *, void *), void *user)
{
    struct counter_walk walk = { row, user };
    const struct pdb_value key = pdb_int(measurement_id);
    return pdb_query(db,
                     "SELECT event.name, c.value, s.calls, s.time_ns, c.enabled_ns, c.running_ns,"
                     " s.round, s.pass FROM counter c JOIN event ON event.id = c.event_id"
                     " JOIN sample s ON s.measurement_id = c.measurement_id"
                     " AND s.sequence = c.sequence"
                     " WHERE c.measurement_id = ?1 AND s.outcome = 0 AND s.role = 0"
                     " ORDER BY event.name, s.sequence",
                     &key, 1, give_counter, &walk);
}

static int give_draw(sqlite3_stmt *s, void *user)
{
    struct pdb_draw *out = user;
    *out = (struct pdb_draw) { sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                               sqlite3_column_int64(s, 2), sqlite3_column_double(s, 3) };
    return 0;
}

int pdb_draw(struct pdb *db, int64_t measurement_id, struct pdb_draw *out)
{
    const struct pdb_value key = pdb_int(measurement_id);
    *out = (struct pdb_draw) { 0 };
    return pdb_query(db,
                     "SELECT total(calls), total(time_ns),"
                     " total(time_ns) FILTER (WHERE current_ua > 0),"
                     " total(1.0 * current_ua * time_ns) / nullif(total(time_ns)"
                     " FILTER (WHERE current_ua > 0), 0)"
                     " FROM sample WHERE measurement_id = ?1 AND outcome = 0 AND role = 0",
                     &key, 1, give_draw, out);
}

struct fact_walk {
    int (*row)(const char *name, const char *value, void *);
    void *user;
};

static int give_fact(sqlite3_stmt *s, void *user)
{
    const struct fact_walk *walk = user;
    return walk->row(pdb_column_text(s, 0), pdb_column_text(s, 1), walk->user);
}

int pdb_run_facts(struct pdb *db, int64_t run_id,
                  int (*row)(const char *name, const char *value, void *), void *user)
{
    struct fact_walk walk = { row, user };
    const struct pdb_value key = pdb_int(run_id);
    return pdb_query(db, "SELECT name, value FROM run_fact WHERE run_id = ?1 ORDER BY name", &key,
                     1, give_fact, &walk);
}

struct probe_walk {
    int (*row)(const struct pdb_event_probe *, void *);
    void *user;
};

static int give_probe(sqlite3_stmt *s, void *user)
{
    const struct probe_walk *walk = user;
    const struct pdb_event_probe row = {
        .event = pdb_column_text(s, 0),
        .verdict = pdb_column_text(s, 1),
        .detail = pdb_column_text(s, 2),
        .expected = sqlite3_column_int64(s, 3),
        .seen = sqlite3_column_int64(s, 4),
    };
    return walk->row(&row, walk->user);
}

int pdb_event_probes(struct pdb *db, int64_t run_id,
                     int (*row)(const struct pdb_event_probe *, void *), void *user)
{
    struct probe_walk walk = { row, user };
    const struct pdb_value key = pdb_int(run_id);
    return pdb_query(
        db,
        "SELECT name, verdict, detail, coalesce(expected, -1), coalesce(seen, -1) FROM ("
        " SELECT event.name, p.verdict, p.detail, p.expected, p.seen, row_number() OVER ("
        "  PARTITION BY event.id ORDER BY run.begin_unix_ns DESC, p.sequence DESC) AS age"
        " FROM event_probe p JOIN event ON event.id = p.event_id JOIN run ON run.id = p.run_id"
        " WHERE run.core_id = (SELECT core_id FROM run WHERE id = ?1))"
        " WHERE age = 1 ORDER BY name",
        &key, 1, give_probe, &walk);
}

struct bandwidth_walk {
    int (*row)(const struct pdb_bandwidth *, void *);
    void *user;
};

static int give_bandwidth(sqlite3_stmt *s, void *user)
{
    const struct bandwidth_walk *walk = user;
    const struct pdb_bandwidth row = {
        .level = pdb_column_text(s, 0),
        .working_set_bytes = sqlite3_column_int64(s, 1),
        .bytes_per_s = sqlite3_column_double(s, 2),
        .bytes_per_cycle = sqlite3_column_double(s, 3),
    };
    return walk->row(&row, walk->user);
}

int pdb_bandwidths(struct pdb *db, int64_t run_id, int (*row)(const struct pdb_bandwidth *, void *),
                   void *user)
{
    struct bandwidth_walk walk = { row, user };
    const struct pdb_value key = pdb_int(run_id);
    return pdb_query(db,
                     "SELECT level, working_set_bytes, bytes_per_s, coalesce(bytes_per_cycle, 0)"
                     " FROM bandwidth WHERE run_id = (SELECT run.id FROM run JOIN bandwidth"
                     "  ON run_id = run.id WHERE core_id = (SELECT core_id FROM run WHERE id = ?1)"
                     "  ORDER BY begin_unix_ns DESC LIMIT 1) ORDER BY working_set_bytes, level",
                     &key, 1, give_bandwidth, &walk);
}
