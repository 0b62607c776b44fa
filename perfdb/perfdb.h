/* The database: one SQLite file that keeps every device, core, variant, problem, run, proof,
 * sample and counter, with everything needed to measure again. Append-only: nothing is updated
 * or deleted but the end of a run. Winners and ratios are queries over samples, never stored.
 *
 *     pdb_open() -> pdb_run_begin() -> pdb_measurement() -> pdb_proof() / pdb_sample() ... ->
 *     pdb_commit()
 * Calls return 0 or a negative errno (-ENOSPC full disk, -EROFS read-only, -EPROTO a newer
 * schema, -ENOTSUP not a Quern database, -EBUSY another process wrote for 10 s, -EBADMSG damaged
 * file); pdb_errmsg() has the sentence. A handle is for one thread. The only folder that sees
 * sqlite3.h. */
#ifndef QUERN_PERFDB_PERFDB_H
#define QUERN_PERFDB_PERFDB_H

#include <stddef.h>
#include <stdint.h>

#include "harness/record.h"

struct pdb;

enum pdb_mode { PDB_READ, PDB_WRITE }; /* PDB_WRITE creates and migrates */

/* *out is NULL only without memory; otherwise it carries the message of a failure: close it always.
 * PDB_READ works on a read-only disk too. */
int pdb_open(const char *path, enum pdb_mode mode, struct pdb **out);
/* Commits what is pending, but cannot report a failure: call pdb_commit() first. Accepts NULL. */
void pdb_close(struct pdb *db);
const char *pdb_errmsg(const struct pdb *db); /* borrowed until the next call */

/* Rows are written in transactions that pdb_commit() ends (the next write begins another one). A
 * killed process loses what it has not committed. An open transaction keeps other writers
 * waiting, 10 s at most: commit before anything that takes long. After -ENOSPC the transaction
 * stays open where it can: free some space and commit again. */
int pdb_commit(struct pdb *db);

/* One sweep of one device's core. Strings are copied; NULL counts as "". */
struct pdb_run {
    const char *device_key, *arch, *cpu, *midr, *kernel, *os; /* as struct hrn_device_info */
    int32_t cpu_index;
    enum hrn_evidence evidence;
    const char *compiler, *compiler_flags;
    const char *tool_version;
    const char *command; /* what was typed */
    uint64_t seed;
    int64_t min_sample_ns;
    int32_t rounds;
};
int pdb_run_begin(struct pdb *db, const struct pdb_run *run, int64_t *run_id);
/* `outcome` is "complete", "interrupted" or "failed". */
int pdb_run_end(struct pdb *db, int64_t run_id, const char *outcome);

/* A problem as a network has it: how often the layer occurs and its place (0 = first).
 * Idempotent. */
int pdb_run_problem(struct pdb *db, int64_t run_id, const char *problem, const char *title,
                    const char *network, int32_t place, int32_t times, int64_t macs);

/* One variant on one problem in one run: the row that proofs and samples hang on. Idempotent. */
struct pdb_variant {
    const char *name, *kernel_name, *isa, *family, *algorithm;
    uint64_t source_hash;
    /* the knobs, for queries: parallel arrays */
    const char *const *knob_names;
    const int *knob_values;
    size_t knob_count;
    /* of the code as it was built; code_bytes 0 = the other two are unknown, too */
    int64_t code_bytes, workspace_bytes;
    int32_t callee_saved; /* registers that it saves and restores; -1 = unknown */
};
int pdb_measurement(struct pdb *db, int64_t run_id, const char *problem,
                    const struct pdb_variant *variant, int64_t *measurement_id);
int pdb_proof(struct pdb *db, int64_t measurement_id, const struct hrn_proof *proof);
int pdb_sample(struct pdb *db, int64_t measurement_id, const struct hrn_sample *sample,
               const struct hrn_counter *counters, size_t counter_count);
/* A measured peak of the core in this run. */
int pdb_peak(struct pdb *db, int64_t run_id, const char *isa, const char *kernel_name,
             double macs_per_s);
/* Anything else that was true of the device in this run: "governor" = "performance". The first
 * value of a name stays. */
int pdb_run_fact(struct pdb *db, int64_t run_id, const char *name, const char *value);
/* What a known-answer kernel says of an event. */
struct pdb_event_probe {
    const char *event, *verdict, *detail; /* verdict: a word of the caller's table */
    int64_t expected, seen;               /* -1: none */
};
int pdb_event_probe(struct pdb *db, int64_t run_id, const struct pdb_event_probe *probe);
/* Measured read bandwidth; bytes_per_cycle 0 = unknown. A second one of the same level and size is
 * ignored. */
struct pdb_bandwidth {
    const char *level; /* "L1d", "L2", "L3", "memory" */
    int64_t working_set_bytes;
    double bytes_per_s, bytes_per_cycle;
};
int pdb_bandwidth(struct pdb *db, int64_t run_id, const struct pdb_bandwidth *bandwidth);

/* ---- queries (query.c, facts.c). Callbacks get borrowed strings, valid during the call; a
 * non-zero return of a callback stops the query and is returned. */

struct pdb_run_row {
    int64_t id, begin_unix_s;
    const char *device_key, *arch, *cpu, *midr, *kernel, *os, *compiler, *compiler_flags,
        *tool_version, *command, *outcome;
    enum hrn_evidence evidence;
    uint64_t seed;
    int32_t rounds;
    int64_t min_sample_ns;
    int64_t problems, measurements, proofs_ok, samples;
};
int pdb_runs(struct pdb *db, int (*row)(const struct pdb_run_row *, void *),
             void *user);                            /* oldest first */
/* The newest that has a problem: a probe of counters is not what a report is asked for. Without
 * one, the newest of all; -ENOENT when there is none. */
int pdb_latest_run(struct pdb *db, int64_t *run_id);

struct pdb_problem_row {
    const char *problem, *title, *network;
    int32_t place, times;
    int64_t macs;
};
int pdb_run_problems(struct pdb *db, int64_t run_id,
                     int (*row)(const struct pdb_problem_row *, void *), void *user); /* by place */

/* Every variant of a problem in a run, with its samples in order of round; by name. */
struct pdb_measurement_row {
    int64_t id;
    const char *variant, *kernel_name, *isa, *family, *algorithm;
    uint64_t source_hash;
    enum hrn_outcome outcome; /* of its proof and timing: the worst that happened. Never proved:
                                 HRN_VOID; proved, but every sample void: HRN_VOID, stage time */
    enum hrn_stage stage;
    int32_t signal, checks;
    const char *detail;
    size_t sample_count; /* samples that are HRN_OK, one or more per round */
    const int32_t *sample_round;
    const double *sample_ns; /* per call: time_ns / calls */
    size_t void_count;
    /* The same of samples that are twins and canaries; only a baseline has such. */
    struct pdb_series {
        const int32_t *round;
        const double *ns;
        size_t count;
    } twin, canary;
    int64_t code_bytes, workspace_bytes; /* code_bytes 0 = unknown, all three */
    int32_t callee_saved;                /* -1 = unknown */
};
int pdb_measurements(struct pdb *db, int64_t run_id, const char *problem,
                     int (*row)(const struct pdb_measurement_row *, void *), void *user);
/* The value of a knob of a variant: -ENOENT if it has none of that name. */
int pdb_variant_knob(struct pdb *db, const char *variant, const char *knob, int *value);

struct pdb_peak_row {
    const char *isa, *kernel_name;
    double macs_per_s;
};
int pdb_peaks(struct pdb *db, int64_t run_id, int (*row)(const struct pdb_peak_row *, void *),
              void *user);

/* Every counter of the good samples of a measurement, by event, then in order of sample. */
struct pdb_counter_row {
    const char *event;
    int64_t value, calls, time_ns; /* of the batch, as struct hrn_counter and hrn_sample */
    int64_t enabled_ns, running_ns;
    int32_t round, pass;
};
int pdb_counters(struct pdb *db, int64_t measurement_id,
                 int (*row)(const struct pdb_counter_row *, void *), void *user);

/* What the good samples of a measurement drew from the battery. */
struct pdb_draw {
    int64_t calls, time_ns; /* of all of them */
    int64_t known_ns;       /* of those with a current */
    double mean_ua;         /* of those, weighted by time; 0 without any */
};
int pdb_draw(struct pdb *db, int64_t measurement_id, struct pdb_draw *out);

/* By name. */
int pdb_run_facts(struct pdb *db, int64_t run_id,
                  int (*row)(const char *name, const char *value, void *), void *user);
/* The newest probe of each event on the core of this run, by name; probes of any run of that core
 * count. */
int pdb_event_probes(struct pdb *db, int64_t run_id,
                     int (*row)(const struct pdb_event_probe *, void *), void *user);
/* Of the newest run of that core that measured it, from the smallest size up. */
int pdb_bandwidths(struct pdb *db, int64_t run_id, int (*row)(const struct pdb_bandwidth *, void *),
                   void *user);

/* Counts per ISA over all runs of the file: how many distinct variants were proved, or failed
 * how. */
struct pdb_outcome_row {
    const char *isa, *device_key;
    enum hrn_outcome outcome;
    int64_t variants, measurements;
};
int pdb_outcomes(struct pdb *db, int (*row)(const struct pdb_outcome_row *, void *), void *user);

#endif
