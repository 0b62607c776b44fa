/* A sweep: layers x variants on one core, from text to samples.
 *
 *     hrn_plan_make() -> hrn_sweep_run() with a sink that stores -> hrn_plan_clear()
 * Per layer a search (search.h): what its strategy asks for is proved, what is right is timed, and
 * the best are timed again in fresh processes. Rounds are interleaved and numbered through, so any
 * two variants of a round pair. Stores nothing itself: everything that is learnt goes to the sink
 * at once, so an interrupted sweep loses nothing, and `known` lets a later one go on where it
 * ended: the search runs again from the start, but is answered from what is known as far as that
 * goes. */
#ifndef QUERN_HARNESS_SWEEP_H
#define QUERN_HARNESS_SWEEP_H

#include <signal.h>

#include "harness/build/build.h"
#include "harness/device/device.h"
#include "harness/sweep/spent.h"
#include "harness/sweep/counters.h"
#include "harness/sweep/layers.h"
#include "harness/sweep/search.h"
#include "variants/variant.h"

/* What to try on each layer. */
struct hrn_plan_layer {
    const struct hrn_layer *layer; /* borrowed */
    /* owned; the defaults first, and [0], of the strongest ISA, is the baseline */
    struct var_variant *variants;
    size_t defaults; /* the first so many: var_default() of each level */
    size_t count;
    int *prior;        /* owned; NULL, or per variant its place among the winners of similar
                          problems, from 1; 0 = none of them (transfer.h) */
    double *predicted; /* owned; NULL, or per variant what a static model says; NAN = nothing */
};
struct hrn_plan {
    struct hrn_plan_layer *layers;      /* owned */
    size_t count, variants;             /* `variants`: of all layers together */
    uint64_t removed[VAR_FILTER_COUNT]; /* that each filter removed, of all layers */
    const struct var_core *core; /* that it was made for; NULL = none in particular */
};

/* Non-zero if the variant is wanted. */
typedef int hrn_wanted(const struct var_variant *v, void *user);

/* Enumerates the space of `isas` for each layer. max_variants > 0 keeps the defaults and a seeded
 * choice, that many in all. The filter does not apply to the defaults, without which nothing can be
 * compared. 0, -ENOENT (a layer has no variant at all; err names it), -ENOMEM. */
int hrn_plan_make(const struct hrn_layers *layers, uint32_t isas, hrn_wanted *wanted, void *user,
                  size_t max_variants, uint64_t seed, struct hrn_plan *out, char *err,
                  size_t err_bytes);
/* Keeps part `index` of `count` (from 0), for sweeps that share the work: whole layers, dealt in
 * turn; or, where there are fewer layers than parts, of each layer the defaults and its other
 * variants, dealt in turn. Depends on nothing else: parts of one plan are disjoint but for such
 * defaults, and together they are the plan. */
void hrn_plan_shard(struct hrn_plan *plan, size_t index, size_t count);
void hrn_plan_clear(struct hrn_plan *plan);

struct hrn_sweep_options {
    const struct hrn_toolchain *toolchain;
    const struct hrn_build_paths *paths;
    struct hrn_device *device;
    int cpu; /* -1 = the device's choice */
    uint64_t seed;
    struct hrn_search_options
        search; /* but for seed, stop and final_sample_s, which are set here */
    int64_t screen_sample_ns, final_sample_ns, warmup_ns;
    int timeout_ms;                             /* of one proof or one sample */
    int tails;                                  /* prove also the small problems around the tails */
    const struct hrn_counter_request *counters; /* NULL = none */
    const volatile sig_atomic_t *stop;          /* Ctrl-C: finish the sample, return -EINTR */
    /* Which layer is next, where several devices share the plan: 0; -ENOENT after the last; another
     * negative errno ends the sweep. NULL = all, in order. */
    int (*next_layer)(size_t *layer, void *user);
    void *next_user;
    struct hrn_spent *spent; /* filled; NULL = nobody asks */
};

/* What an earlier run has of a variant. The arrays are borrowed until the layer ends. */
struct hrn_known {
    int proved; /* has a proof; `outcome` is valid */
    enum hrn_outcome outcome;
    struct hrn_known_samples {
        const int32_t *round; /* ascending */
        const double *ns;     /* per call */
        size_t count;
    } samples, twin; /* good ones; the twin's, of the baseline */
};

/* Where everything goes. Calls return 0, or a negative errno that ends the sweep with it. */
struct hrn_sweep_sink {
    void *user;
    /* The program that was built, with every variant in it that could be; may be NULL. */
    int (*built)(const char *path, void *user);
    int (*layer)(size_t layer, void *user); /* a layer begins; also the moment to commit */
    int (*known)(size_t layer, const struct var_variant *v, struct hrn_known *out,
                 void *user); /* may be NULL */
    int (*proof)(size_t layer, const struct var_variant *v, const struct hrn_proof *proof,
                 void *user);
    int (*sample)(size_t layer, const struct var_variant *v, const struct hrn_sample *sample,
                  const struct hrn_counter *counters, size_t counter_count, void *user);
    /* Something that is true of the device during this run. May be NULL. */
    int (*fact)(const char *name, const char *value, void *user);
    int (*peak)(enum krn_isa isa, const char *kernel_name, double macs_per_s, void *user);
    /* Proofs and visits, of all layers; `total` is an estimate. */
    void (*progress)(size_t done, size_t total, const char *note, void *user);
};

/* 0; -EINTR after `stop`; else a negative errno with the sentence in err. */
int hrn_sweep_run(const struct hrn_plan *plan, const struct hrn_sweep_options *options,
                  const struct hrn_sweep_sink *sink, char *err, size_t err_bytes);

#endif
