/* Reports of a run: reads the database, computes verdicts, writes. It never measures.
 *
 *     rpt_run_load() -> rpt_text() | rpt_json() | rpt_csv() | rpt_markdown() | rpt_html() ->
 * rpt_run_clear() Renderers only read the struct, so a run may also be made by hand. They return 0
 * or a negative errno
 * (-ENOSPC full disk, -EIO a stream that failed). Nothing of an emulated run is ever shown as a
 * time. */
#ifndef QUERN_REPORTS_REPORT_H
#define QUERN_REPORTS_REPORT_H

#include <stdio.h>

#include "harness/sweep/verdict.h"
#include "perfdb/perfdb.h"
#include "variants/variant.h"

#define RPT_NO_KNOB (-1) /* the variant has no such knob */

struct rpt_error {
    char text[400];
};

/* What the counters of a variant say, by the formulas of the metric groups. */
struct rpt_metric {
    char name[64];
    double value;
};

/* Everything that a page or a table needs of one run, gathered once. */
struct rpt_candidate {
    char *variant, *kernel_name, *isa, *family, *algorithm, *detail;
    enum hrn_outcome outcome;
    enum hrn_stage stage;
    int signal;
    int checks;               /* convolutions and tiles compared with the reference */
    size_t voids;             /* samples thrown away, with a reason, while measuring */
    int knob[VAR_KNOB_COUNT]; /* as stored with the variant, or RPT_NO_KNOB */
    struct hrn_candidate
        rank;     /* valid where outcome is HRN_OK and it has samples: rank.summary.count > 0 */
    double gmacs; /* GMAC/s at the median; 0 without a time */
    double peak_share; /* of the measured peak of its ISA, 0..1, by the multiplications that its
                          algorithm must make: none in the padding; 0 unknown */
    long long measurement_id;
    struct rpt_metric *metrics; /* owned; none where nothing was counted */
    size_t metric_count;
    double energy_j;       /* of a call: what the whole device drew from its battery; 0 unknown */
    double battery_s;      /* of its samples that a current is known of */
    int counters_disagree; /* passes differ in cycles or instructions: nothing is said */
};

/* What a winner is compared with. */
enum rpt_baseline {
    RPT_DEFAULT,  /* var_default() of the strongest ISA of the run: what a user without a sweep gets
                   */
    RPT_PORTABLE, /* var_default() of portable C */
    RPT_BASELINE_COUNT
};
struct rpt_against {
    long index; /* of the baseline among the layer's candidates; -1: not in this run */
    struct hrn_comparison of; /* winner against it; pairs == 0 where either has no time */
};
/* A thing measured once per round, as multiples of a median: whether the machine stood still. */
struct rpt_watch {
    double *ratio; /* [rounds], owned; NAN where the round has none */
    size_t rounds;
};
struct rpt_layer {
    char *problem, *title, *network;
    int place, times;
    long long macs;
    struct rpt_candidate *candidates; /* ranked: winner first, failures last */
    size_t count, tied;               /* `tied` of the first candidates are a tie with the winner */
    size_t timed;                     /* the first `timed` have a time */
    double band; /* relative: two times closer than this are not told apart. From the A/A samples of
                    the layer, HRN_BAND_MIN without any */
    size_t band_pairs;       /* rounds with an A/A pair */
    struct rpt_watch twin;   /* the second time of the baseline in a round / its first */
    struct rpt_watch canary; /* the same loop in every round / its median */
    struct rpt_against against[RPT_BASELINE_COUNT];
};
struct rpt_peak {
    char *isa;
    double gmacs; /* measured peak of the core in this run, GMAC/s */
};
struct var_core;
struct rpt_pair;

struct rpt_run {
    struct pdb *db; /* borrowed */
    long long id;
    /* of the run: as struct pdb_run_row, owned */
    char *device_key, *arch, *cpu, *midr, *kernel, *os, *compiler, *compiler_flags, *tool_version,
        *command, *outcome;
    enum hrn_evidence evidence;
    long long begin_unix_s, min_sample_ns, samples;
    unsigned long long seed; /* of the sweep, and of the bootstrap here: verdicts repeat */
    int rounds;
    int counted;                          /* some variant has metrics */
    double slots;                         /* of the PMU, 0 = unknown */
    double battery_uv;                    /* mean voltage of the battery, 0 = unknown */
    char pmu[64];                         /* "" = no counters */
    char no_counters[200], left_out[600]; /* why not; which events not, and why; may be empty */
    const struct var_core *core;          /* whose plain choices the defaults are; may be NULL */
    char filtered[200];                   /* points that filters removed, by filter; may be empty */
    const struct rpt_pair *pair; /* one packing for it and the sweep's other cores (pair.h), or
                                    NULL: the caller's to set; shown if it is */
    char *best_isa;              /* the ISA of the default baseline; "" without one */
    struct rpt_layer *layers;
    size_t layer_count;
    struct rpt_peak *peaks; /* one per ISA that has one */
    size_t peak_count;
};
/* run_id 0 = the newest. */
int rpt_run_load(struct pdb *db, long long run_id, struct rpt_run *out, struct rpt_error *error);
void rpt_run_clear(struct rpt_run *run);

/* Winner per layer, a failure count, the geometric mean against the baseline. `colour`: ANSI. */
int rpt_text(const struct rpt_run *run, int colour, FILE *out);
int rpt_json(const struct rpt_run *run, FILE *out); /* Google-Benchmark shape */
int rpt_csv(const struct rpt_run *run, FILE *out);
int rpt_markdown(const struct rpt_run *run, FILE *out);
/* One self-contained page with its plots inside as SVG, made by gnuplot; the .gp and .dat files
 * that redraw them are left in `plots_dir`. Without gnuplot the page is complete but for the plots,
 * and says so. */
int rpt_html(const struct rpt_run *run, const char *html_path, const char *plots_dir,
             struct rpt_error *error);

#endif
