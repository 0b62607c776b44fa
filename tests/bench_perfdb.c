/* How fast perfdb takes samples and answers a report's queries: not a test, it prints figures.
 *
 *     bench_perfdb [SAMPLES]      default 200000; with 10000000 the file takes about 1 GB
 * Samples come as sweeps give them: runs of rounds over all variants, some with counters. */
#include "perfdb/perfdb.h"
#include "tests/t_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VARIANTS = 500, PROBLEMS = 20, ROUNDS = 20, COUNTERS = 6 };

static void require(struct pdb *db, int result)
{
    if (result < 0) {
        fprintf(stderr, "bench_perfdb: %s\n", pdb_errmsg(db));
        exit(1);
    }
}

static void problem_name(int problem, char out[32])
{
    snprintf(out, 32, "ic%dih14oc64kh3ph1", 8 + problem);
}

static void add_measurements(struct pdb *db, int64_t run_id, int64_t ids[PROBLEMS][VARIANTS])
{
    const struct hrn_proof proof = { .outcome = HRN_OK, .stage = HRN_STAGE_PROVE };
    for (int p = 0; p < PROBLEMS; p++)
        for (int v = 0; v < VARIANTS; v++) {
            char problem[32], name[32];
            problem_name(p, problem);
            snprintf(name, sizeof name, "variant_%d", v);
            const struct pdb_variant variant = { .name = name, .isa = "dotprod" };
            require(db, pdb_run_problem(db, run_id, problem, problem, "net", p, 1, 1));
            require(db, pdb_measurement(db, run_id, problem, &variant, &ids[p][v]));
            require(db, pdb_proof(db, ids[p][v], &proof));
        }
    require(db, pdb_commit(db));
}

/* One run: ROUNDS samples of everything. Returns their count. */
static long add_samples(struct pdb *db, int64_t ids[PROBLEMS][VARIANTS], size_t counters)
{
    static const struct hrn_counter events[COUNTERS] = {
        { "CPU_CYCLES", 1000000, 9, 9 },    { "INST_RETIRED", 3000000, 9, 9 },
        { "L1D_CACHE_REFILL", 1000, 9, 9 }, { "L2D_CACHE_REFILL", 100, 9, 9 },
        { "STALL_BACKEND", 100000, 9, 9 },  { "BR_MIS_PRED", 10, 9, 9 },
    };
    struct hrn_sample sample = {
        .calls = 10, .time_ns = 1234567, .overhead_ns = 30, .freq_khz = 2400000, .temp_mc = 41500
    };
    for (int p = 0; p < PROBLEMS; p++)
        for (int r = 0; r < ROUNDS; r++) {
            for (int v = 0; v < VARIANTS; v++) {
                sample.round = r;
                sample.position = v;
                sample.time_ns += 7;
                require(db, pdb_sample(db, ids[p][v], &sample, events, counters));
            }
            require(db, pdb_commit(db));
        }
    return (long)PROBLEMS * ROUNDS * VARIANTS;
}

/* Whole runs until there are `samples`. Returns the last run. */
static int64_t add_runs(struct pdb *db, long samples, size_t counters)
{
    static int64_t ids[PROBLEMS][VARIANTS];
    const struct pdb_run run = { .device_key = "bench", .cpu = "none" };
    int64_t run_id = 0;
    double spent_s = 0, cpu_s = 0;
    long done = 0;
    while (done < samples) {
        require(db, pdb_run_begin(db, &run, &run_id));
        add_measurements(db, run_id, ids);
        double begin_s = t_now_s(), begin_cpu_s = t_clock_s(CLOCK_PROCESS_CPUTIME_ID);
        done += add_samples(db, ids, counters);
        spent_s += t_now_s() - begin_s;
        cpu_s += t_clock_s(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu_s;
    }
    printf("%ld samples with %zu counters each: %.0f samples/s, %.0f per second of CPU time\n",
           done, counters, (double)done / spent_s, (double)done / cpu_s);
    return run_id;
}

static int count_samples(const struct pdb_measurement_row *row, void *user)
{
    *(size_t *)user += row->sample_count;
    return 0;
}

static int ignore_run(const struct pdb_run_row *row, void *user)
{
    *(int64_t *)user += row->samples;
    return 0;
}

static int ignore_outcome(const struct pdb_outcome_row *row, void *user)
{
    *(int64_t *)user += row->variants;
    return 0;
}

static void time_queries(struct pdb *db, int64_t run_id)
{
    char problem[32];
    size_t seen = 0;
    int64_t total = 0;
    problem_name(PROBLEMS / 2, problem);
    double t0 = t_now_s();
    require(db, pdb_measurements(db, run_id, problem, count_samples, &seen));
    double t1 = t_now_s();
    require(db, pdb_runs(db, ignore_run, &total));
    double t2 = t_now_s();
    require(db, pdb_outcomes(db, ignore_outcome, &total));
    double t3 = t_now_s();
    printf("one problem, %d variants, %zu samples: %.0f ms\n", VARIANTS, seen, 1e3 * (t1 - t0));
    printf("list of runs: %.0f ms; outcomes: %.0f ms\n", 1e3 * (t2 - t1), 1e3 * (t3 - t2));
}

int main(int argc, char **argv)
{
    const long samples = argc > 1 ? strtol(argv[1], NULL, 10) : 200000;
    const char *base = getenv("TMPDIR");
    char folder[256], path[300];
    struct pdb *db = NULL;
    struct stat st = { 0 };

    snprintf(folder, sizeof folder, "%s/bench_perfdb.XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/bench.db", folder);
    require(db, pdb_open(path, PDB_WRITE, &db));
    int64_t run_id = add_runs(db, samples, 0);
    add_runs(db, samples / COUNTERS, COUNTERS);
    time_queries(db, run_id);
    pdb_close(db);
    stat(path, &st);
    printf("file: %" PRId64 " MB\n", (int64_t)st.st_size / 1000000);
    unlink(path);
    rmdir(folder);
    return 0;
}
