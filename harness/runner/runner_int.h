/* Inside the runner: what its files share. Nothing of it leaves this folder.
 *
 *     main.c     arguments, greeting, loop over jobs
 *     job.c      lines -> struct hrn_job -> one of the verbs
 *     prove.c    verb `prove`: a child for some;      check.c   what the child does
 *     time.c     verb `time`: a child per block;      measure.c what the child does
 *     counters.c counters of a block
 *     peak.c     verb `peak`
 *     count.c    verb `count`
 *     try.c      verbs `pmu`, `try`, `stream`, with the work of works.c
 *     child.c    fork, messages, deadlines, what a signal means
 *     canary.c   a fixed piece of work, to see the machine's own drift
 *     cases.c    problems and data with their reference results;   kept.c   those that stay
 *     guard.c    buffers between guard pages
 *     abi.c      the checked call of a micro-kernel, with abi_*.S
 *     env.c      core, clock; frequency, temperature and battery are in pmu/env.c */
#ifndef QUERN_HARNESS_RUNNER_INT_H
#define QUERN_HARNESS_RUNNER_INT_H

#include <sys/types.h>

#include "harness/count/count.h"
#include "harness/pmu/env.h"
#include "harness/pmu/group.h"
#include "harness/pmu/pmu.h"
#include "harness/record.h"
#include "harness/runner/line_int.h"
#include "kernels/conv.h"

/* The micro-kernels that were linked in (generated, or broken.c). */
extern const struct krn_kernel quern_kernels[];
extern const size_t quern_kernels_count;

/* ---- Jobs */
struct hrn_job_variant {
    size_t index;                    /* the host's number for it */
    const struct krn_kernel *kernel; /* NULL: not in this runner */
    struct krn_driver driver;
    int from_round;                  /* rounds before it are done already */
    int dead;                        /* failed during this job */
};

struct hrn_job {
    int64_t id;
    struct krn_problem problem;
    struct hrn_job_variant *variants; /* owned by job.c */
    size_t count;
    uint64_t seed;
    int timeout_ms;
    /* prove */
    int tails;
    int64_t max_macs; /* a larger problem is cropped */
    /* time */
    int first_round, rounds;
    int64_t min_sample_ns, warmup_ns;
    int64_t process_warmup_ns; /* before the first visit */
    int untimed; /* emulation: one call a sample, counted and not timed */
    /* Events; round r is counted under pass r % pass_count. Owned by job.c, NULL = none. */
    struct hrn_pass *passes;
    size_t pass_count;
};

struct hrn_runner {
    struct hrn_reader input;
    int cpu;                 /* to pin timed children to, -1 = none */
    int64_t records_sent;    /* of the job in hand */
    int stopping;            /* the host asked to end the job in hand */
    const char *journal;     /* its path, NULL = none */
    int journal_fd;
    struct hrn_kept *kept;   /* cases of the prove jobs */
};

/* Reads and does jobs until `quit` or the end of the input. 0, or -errno if the host is gone or
 * talks nonsense. */
int hrn_jobs_run(struct hrn_runner *runner);
/* Looks, without waiting, for `stop` on the input, and sets stopping. -EPIPE when the host is gone.
 */
int hrn_job_poll_stop(struct hrn_runner *runner);

int hrn_job_prove(struct hrn_runner *runner, struct hrn_job *job);
int hrn_job_time(struct hrn_runner *runner, struct hrn_job *job);
int hrn_job_count(struct hrn_runner *runner, struct hrn_job *job);
int hrn_job_pmu(struct hrn_runner *runner, struct hrn_job *job);
int hrn_job_try(struct hrn_runner *runner, struct hrn_job *job, const char *work, int64_t units);
int hrn_job_stream(struct hrn_runner *runner, struct hrn_job *job, int64_t bytes);
/* Best of several batches, in multiply-accumulates per second; 0 with the proof filled when it
 * failed. Per 1e6 cycles, too, where those count. */
int64_t hrn_peak(const struct krn_kernel *kernel, int cpu, int64_t *macs_per_megacycle,
                 struct hrn_proof *failure);
/* The two that every pass has, as this architecture numbers them. */
extern const struct hrn_event hrn_cycles_event, hrn_instructions_event;

/* ---- Records. The one place that writes them: into the journal, then into the pipe. */
void hrn_record_begin(struct hrn_line *line, const char *word, const struct hrn_job *job);
int hrn_record_send(struct hrn_runner *runner, struct hrn_line *line);
int hrn_record_proof(struct hrn_runner *runner, const struct hrn_job *job, size_t index,
                     const struct hrn_proof *proof);

/* ---- Children */
enum hrn_message_kind {
    HRN_MESSAGE_BEGIN,
    HRN_MESSAGE_PROOF,
    HRN_MESSAGE_SAMPLE,
    HRN_MESSAGE_CANARY,
    HRN_MESSAGE_PEAK,
    HRN_MESSAGE_COUNTS,
    HRN_MESSAGE_TRIAL
};

/* What a child tells the runner; smaller than PIPE_BUF, so a write is whole or not at all. */
struct hrn_message {
    enum hrn_message_kind kind;
    size_t variant; /* BEGIN, SAMPLE: position in job->variants */
    int last;       /* SAMPLE: the visit is over */
    int pass;       /* SAMPLE: whose counters `reading` has, -1 = none */
    struct hrn_reading reading;
    union {
        struct hrn_proof proof;
        struct hrn_sample sample;
        struct {
            int64_t macs_per_s, macs_per_megacycle;
        } peak;
        struct hrn_count_reply counts;
        struct hrn_trial trial;
    } of;
};

struct hrn_child {
    pid_t pid; /* 0 = none */
    int fd;    /* messages */
    int64_t deadline_ms;
    size_t variant; /* what it is working on */
};

typedef void hrn_child_body(void *context, int message_fd);
/* Forks; the child runs `body` and exits. Its input and output are /dev/null. 0 or -errno. */
int hrn_child_start(struct hrn_child *child, hrn_child_body *body, void *context);
/* After poll() said that fd is readable: 1 = *message is filled, 0 = the child closed its end. */
int hrn_child_receive(struct hrn_child *child, struct hrn_message *message);
/* Kills if `kill_it`, waits and returns the wait status. */
int hrn_child_end(struct hrn_child *child, int kill_it);
void hrn_message_send(int fd, const struct hrn_message *message);
/* What a child's end means for the variant that it was working on. */
void hrn_proof_of_status(struct hrn_proof *proof, int status, const struct krn_kernel *kernel);
void hrn_proof_timeout(struct hrn_proof *proof, int timeout_ms);
/* 0 if the variant may run at all, else the proof is filled: not in the runner, or no such ISA. */
int hrn_proof_gate(struct hrn_proof *proof, const struct krn_kernel *kernel);

/* ---- Cases: a problem, its data and the reference's answer */
struct hrn_case {
    struct krn_problem problem;
    struct krn_quant quant;
    int8_t *in, *weights, *expected; /* owned */
    int32_t *bias;                   /* owned, may be NULL = no bias */
    float *scale;                    /* owned */
};
struct hrn_case_list {
    struct hrn_case *item;
    size_t count, capacity;
};
/* Data of `seed` (mixed: uniform and extreme bytes, biases that wrap, scales that tie) and the
 * answer. */
int hrn_case_make(const struct krn_problem *problem, uint64_t seed, struct hrn_case *out);
/* For timing and counting: without the answer (expected = NULL), and as a network has it: an output
 * that uses all of its byte from the zero point on, and no bias that wraps. */
int hrn_case_make_inputs(const struct krn_problem *problem, uint64_t seed, struct hrn_case *out);
void hrn_case_clear(struct hrn_case *c);
void hrn_cases_clear(struct hrn_case_list *list);
/* Small problems around every tail of the tile of `kernel`, in the geometry of `problem`. */
int hrn_cases_tails(const struct krn_problem *problem, const struct krn_kernel *kernel,
                    uint64_t seed, struct hrn_case_list *out);
/* Fewer output rows, columns and channels until it has at most max_macs. 1 if anything was cut. */
int hrn_problem_crop(struct krn_problem *problem, int64_t max_macs);

/* Those that stay for the next prove job. Zero-initialise; hrn_kept_clear() frees. */
#define HRN_KEPT_TILES 32
struct hrn_kept {
    struct krn_problem problem; /* of the job that they were made for */
    uint64_t seed;
    int64_t max_macs;
    struct hrn_case main_case;
    int cropped; /* the main case is a part of the problem */
    struct hrn_kept_tile {
        const struct krn_kernel *kernel;
        struct hrn_case_list tails;
    } tile[HRN_KEPT_TILES];
    size_t tiles; /* made so far; the place of the next is tiles % HRN_KEPT_TILES */
};
/* Whether the tails of two kernels are the same cases. */
int hrn_kept_alike(const struct krn_kernel *a, const struct krn_kernel *b);
/* Makes the main case of this job, unless it is there. -ENOMEM. */
int hrn_kept_open(struct hrn_kept *kept, const struct hrn_job *job);
/* The tails for a kernel, made at need; valid until HRN_KEPT_TILES others were asked for. */
const struct hrn_case_list *hrn_kept_tails(struct hrn_kept *kept, const struct krn_kernel *kernel);
void hrn_kept_clear(struct hrn_kept *kept);

/* ---- The checked call */
/* Proves one variant in this process; fills all but the seed. Every call in one process must have
 * the same cases: buffers and packed weights stay for the next. */
void hrn_check(const struct hrn_job_variant *variant, const struct hrn_case *main_case,
               const struct hrn_case_list *tails, int message_fd, struct hrn_proof *proof);

struct hrn_guarded {
    const char *name;
    uint8_t *map;         /* guard, data, guard */
    size_t map_bytes, data_bytes;
    uint8_t *at;          /* where the buffer is now */
    size_t bytes;         /* of the buffer now */
};
enum hrn_side { HRN_SIDE_UPPER, HRN_SIDE_LOWER, HRN_SIDE_COUNT };
extern const char *const hrn_side_names[HRN_SIDE_COUNT];
/* Puts a buffer of `bytes` against the guard at `side`, aligned downwards to `align`; the rest is
 * filled with a canary. 0 or -errno. */
int hrn_guard_place(struct hrn_guarded *g, size_t bytes, size_t align, enum hrn_side side);
/* Bytes beside the buffer that are no longer the canary: offset from its start, or 0 if all is
 * well. */
ptrdiff_t hrn_guard_damage(const struct hrn_guarded *g);
/* From now on a fault within a guard of `all[0..count)` fills `proof`, lets `describe` add to it,
 * sends it and ends the process; other faults end it by their signal. */
void hrn_guard_watch(const struct hrn_guarded *all, size_t count, struct hrn_proof *proof,
                     void (*describe)(void), int message_fd);

/* A function to put in the place of kernel->fn: calls it and checks what the calling convention
 * protects. */
krn_fn *hrn_abi_wrap(krn_fn *target);
/* The first violation since hrn_abi_wrap(), "x21 was not restored", or NULL. */
const char *hrn_abi_violation(void);

/* ---- Environment */
void hrn_env_pin(int cpu);  /* -1: any CPU of the process */
/* What kernels may use: krn_cpu_isas(), and what is emulated (trap_x86.h). */
uint32_t hrn_env_isas(void);
int64_t hrn_now_ns(void);   /* CLOCK_MONOTONIC_RAW */
int64_t hrn_cpu_time_ns(void); /* of this thread */

/* ---- The canary. Ratios are to the best that this process has seen. */
#define HRN_CANARY_MARK 1.03 /* from here on a sample says so */
#define HRN_CANARY_VOID 1.10 /* from here on it is void */
struct hrn_canary {
    int64_t best_ns, last_ns;
};
void hrn_canary_open(struct hrn_canary *canary);
/* What it takes now, as a ratio. Some 30 us; three times that if it is slow. */
double hrn_canary_look(struct hrn_canary *canary);
/* Slow for good (a hot phone): from now on this is the machine's speed. */
void hrn_canary_accept(struct hrn_canary *canary);
/* ---- Counters of a block: one group per pass, all open, one of them counting at a time. */
struct hrn_counts {
    struct hrn_group group[HRN_PASSES_MAX];
    char why_not[HRN_PASSES_MAX][HRN_DETAIL_MAX]; /* "" = it is open */
    size_t count;
};
/* For this process on `cpu` (-1: any). What does not open says so in why_not. */
void hrn_counts_open(struct hrn_counts *counts, const struct hrn_job *job, int cpu);
/* The group of a pass, or NULL when it did not open. */
struct hrn_group *hrn_counts_pass(struct hrn_counts *counts, int pass);
/* What a reading means for its sample: NULL if it is good, else why the sample is void. */
const char *hrn_reading_fault(enum hrn_reading_state state);

/* Runs the timed half of `job` in this process: rounds, visits, samples as messages. */
struct hrn_block {
    const struct hrn_job *job;
    int cpu;
    const volatile int *stop; /* shared with the runner */
};
void hrn_measure(struct hrn_block *block, int message_fd);

#endif
