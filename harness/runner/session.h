/* The host's end of a runner: sends jobs, receives records.
 *
 *     hrn_session_open(device, runner_path) -> prove -> time -> close
 * The runner forks children, so a variant that crashes, hangs or is illegal costs itself only. If
 * the runner goes, it is started again; if it keeps going, calls return -EPIPE. If the device goes,
 * it is waited for as long as its patience has it, and the work goes on where the records end; if
 * it does not come back, calls return -ENOTCONN. What was received stays received. */
#ifndef QUERN_HARNESS_SESSION_H
#define QUERN_HARNESS_SESSION_H

#include <signal.h>
#include <stddef.h>

#include "harness/device/device.h"
#include "harness/pmu/event.h"
#include "harness/record.h"
#include "kernels/problem.h"

struct hrn_session;

/* Pushes and starts the runner built by hrn_build(). `cpu` is the CPU to pin to, -1 = the device's
 * choice. */
int hrn_session_open(struct hrn_device *device, const char *runner_path, int cpu,
                     struct hrn_session **out, char *err, size_t err_bytes);
void hrn_session_close(struct hrn_session *session); /* accepts NULL */
/* Ends the runner's process and starts another: fresh memory, fresh addresses. 0 or -errno. */
int hrn_session_restart(struct hrn_session *session);
const char *hrn_session_error(const struct hrn_session *session);
const char *hrn_session_device(const struct hrn_session *session); /* its key */

struct hrn_prove_options {
    uint64_t seed;
    int timeout_ms; /* per variant */
    int tails;      /* also small problems around every tail of the tile */
    /* NULL, or: when it becomes non-zero, end what is in hand and return -EINTR. */
    const volatile sig_atomic_t *stop;
};
/* Proves each of `names[0..count)` on the problem; `done` is called once per variant, in any order.
 */
typedef void hrn_prove_done(size_t index, const struct hrn_proof *proof, void *user);
int hrn_session_prove(struct hrn_session *session, const struct krn_problem *problem,
                      const char *const *names, size_t count,
                      const struct hrn_prove_options *options, hrn_prove_done *done, void *user);

struct hrn_time_options {
    uint64_t seed;   /* shuffles the rounds */
    int first_round; /* number of the first round, so that a second call can go on */
    int rounds;
    const int *from_round;     /* NULL, or per name the first round that it still lacks */
    int64_t min_sample_ns;     /* what calls of a sample last at least; >= 1 ms for a verdict */
    int64_t warmup_ns;         /* once per variant and process */
    int64_t process_warmup_ns; /* before the first sample, of a core that has been idle */
    int timeout_ms;            /* per sample */
    /* NULL, or: when it becomes non-zero, finish the sample and return -EINTR. */
    const volatile sig_atomic_t *stop;
};
/* Times `names` interleaved: each round visits every variant once in a seeded random order, so that
 * samples of one round are pairs. Now and then comes a sample with the role HRN_CANARY, which says
 * how fast the machine was, under index 0. Counters come with their sample (counter_count may be
 * 0). A variant that fails here is reported through `failed` and left out of later rounds. On a
 * device without times: -ENOTSUP, but where passes were chosen: then a sample is one call, counted,
 * and its time is 0. */
typedef void hrn_time_sample(size_t index, const struct hrn_sample *sample,
                             const struct hrn_counter *counters, size_t counter_count, void *user);
typedef void hrn_time_failed(size_t index, const struct hrn_proof *proof, void *user);
int hrn_session_time(struct hrn_session *session, const struct krn_problem *problem,
                     const char *const *names, size_t count, const struct hrn_time_options *options,
                     hrn_time_sample *sample, hrn_time_failed *failed, void *user);

/* Counts what one convolution of each of `names` executes, on a device whose info says `counts`
 * (others: -ENOTSUP): a sample of one call without a time, and counters named as in
 * hrn_count_names[] and hrn_count_kernel_names[] (count/count.h). `failed` as above. -EPIPE leaves
 * out those that were not reported. */
int hrn_session_count(struct hrn_session *session, const struct krn_problem *problem,
                      const char *const *names, size_t count, int timeout_ms,
                      hrn_time_sample *sample, hrn_time_failed *failed, void *user);

/* Measures the peak of a PEAK kernel: multiply-accumulates per second, the best of several batches.
 */
int hrn_session_peak(struct hrn_session *session, const char *name, double *macs_per_s);
/* The same, and per cycle of CPU_CYCLES; 0 where that does not count. */
int hrn_session_peaks(struct hrn_session *session, const char *name, double *macs_per_s,
                      double *macs_per_cycle);

/* From now on samples are counted, too: round r under passes[r % count]. 0 = nothing. Copied; at
 * most HRN_PASSES_MAX. */
void hrn_session_count_passes(struct hrn_session *session, const struct hrn_pass *passes,
                              size_t count);

/* The PMU of the CPU that the session is pinned to. */
struct hrn_pmu_info {
    char name[64];     /* of its folder in sysfs; "" = none */
    uint32_t type;
    int slots;         /* operations per cycle, 0 = unknown */
    int free_counters; /* beside CPU_CYCLES, as a group of that size was scheduled */
    int counts;        /* CPU_CYCLES opens and counts; else `why_not` */
    int paranoid;      /* kernel.perf_event_paranoid, INT32_MIN = unknown */
    int uid;           /* that the runner is */
    int64_t cache_bytes[3]; /* of level 1 to 3, 0 = unknown or none */
    char why_not[HRN_DETAIL_MAX];
    int user_read; /* counts are read without a system call; else `user_read_why` */
    char user_read_why[HRN_DETAIL_MAX];
};
int hrn_session_pmu(struct hrn_session *session, struct hrn_pmu_info *out);

/* Tries each event over the work called `work` (works.h), `units` of it, 0 = as many as the work
 * asks for. trials[i] belongs to events[i]. -EINVAL: the device knows no such work. */
int hrn_session_try(struct hrn_session *session, const struct hrn_event *events, size_t count,
                    const char *work, int64_t units, struct hrn_trial *trials);

/* Bytes per second of reading a buffer of so many bytes. */
int hrn_session_stream(struct hrn_session *session, int64_t bytes, double *bytes_per_s);

#endif
