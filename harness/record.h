/* What a device says of a variant: plain data, shared by the runner, the host, the database and the
 * reports. A leaf: includes nothing of the project. */
#ifndef QUERN_HARNESS_RECORD_H
#define QUERN_HARNESS_RECORD_H

#include <stdint.h>

/* What became of a variant. Only HRN_OK has a time. A measured outcome is data, not an error. */
enum hrn_outcome {
    HRN_OK,
    HRN_WRONG,   /* differed from the reference, or wrote outside its output, or broke the ABI */
    HRN_CRASHED, /* a signal; `signal` has it */
    HRN_TIMEOUT,
    HRN_NO_ISA,   /* the CPU has not the level, or SIGILL */
    HRN_REFUSED,  /* the driver cannot compute this problem with this kernel */
    HRN_NO_BUILD, /* the assembler or the compiler refused it */
    HRN_VOID, /* measured, but under conditions that make it worthless; `detail` has the reason */
    HRN_OUTCOME_COUNT
};

/* How a figure came to be. They never mix in one verdict. */
enum hrn_evidence {
    HRN_MEASURED,  /* on silicon */
    HRN_EMULATED,  /* counts of an emulator; never a time */
    HRN_PREDICTED, /* a static model */
    HRN_EVIDENCE_COUNT
};

/* Where a variant was when it failed. */
enum hrn_stage { HRN_STAGE_BUILD, HRN_STAGE_PROVE, HRN_STAGE_TIME, HRN_STAGE_COUNT };

/* What a sample is for. */
enum hrn_role {
    HRN_CANDIDATE, /* its variant competes */
    HRN_TWIN,   /* the baseline again, as if it were another variant: the noise of equal things */
    HRN_CANARY, /* a fixed piece of work, now and then: the machine's own drift */
    HRN_ROLE_COUNT
};

#define HRN_DETAIL_MAX 200

/* The proof of one variant on one problem (and its tails). */
struct hrn_proof {
    enum hrn_outcome outcome;
    enum hrn_stage stage;
    int32_t signal;              /* 0 or the signal that ended the child */
    uint64_t seed;               /* repeats the proof */
    int32_t checks;              /* convolutions and tiles compared */
    char detail[HRN_DETAIL_MAX]; /* where it first differed, or the reason; may be empty */
};

/* One timed batch of calls of one variant. */
struct hrn_sample {
    int32_t round;                        /* visit of all live variants, from 0 */
    int32_t position;                     /* place within the round's shuffled order */
    int64_t calls;                        /* whole convolutions in the batch */
    int64_t time_ns;                      /* of the batch less empty calls; 0 unless measured */
    int64_t overhead_ns;                  /* what was subtracted */
    int32_t freq_khz;                     /* of the core, 0 = unknown */
    int32_t temp_mc;                      /* millidegrees, INT32_MIN = unknown */
    int32_t migrations, context_switches; /* during the batch, -1 = unknown */
    enum hrn_outcome outcome;             /* HRN_OK or HRN_VOID */
    char detail[HRN_DETAIL_MAX];          /* reason of a void */
    enum hrn_role role;
    int32_t pass;       /* which set of counters was open, from 0 */
    int32_t current_ua; /* drawn from the battery, microampere, 0 = unknown */
    int32_t voltage_uv; /* of the battery then, microvolt, 0 = unknown; its mean is a fact of the
                           run, not stored with the sample */
    int64_t warmup_ns;  /* spent before it on warming up; not stored */
};

/* One counter read with a sample; never scaled: enabled != running voids it. */
struct hrn_counter {
    char event[48];
    int64_t value; /* per batch */
    int64_t enabled_ns, running_ns;
};

extern const char *const hrn_outcome_names[HRN_OUTCOME_COUNT]; /* "ok", "wrong", "crashed", ... */
/* "measured", "emulated", "predicted" */
extern const char *const hrn_evidence_names[HRN_EVIDENCE_COUNT];
extern const char *const hrn_stage_names[HRN_STAGE_COUNT]; /* "build", "prove", "time" */
extern const char *const hrn_role_names[HRN_ROLE_COUNT];   /* "candidate", "twin", "canary" */

#endif
