/* What the renderers share: formats of numbers, totals of a run, names of files. */
#ifndef QUERN_REPORTS_REPORT_INT_H
#define QUERN_REPORTS_REPORT_INT_H

#include <stdio.h>

#include "reports/report.h"

/* ---- format.c */

#define RPT_NUMBER_MAX 32

/* `value` with `digits` significant digits, never an exponent; "-" for what is not a finite number.
 * Both write to `out` (RPT_NUMBER_MAX bytes) and return it. */
const char *rpt_number(double value, int digits, char *out);
/* A count with commas: 12,345. */
const char *rpt_count(long long value, char *out);
/* "2026-01-31 12:34 UTC"; "unknown" for 0. `out` holds RPT_NUMBER_MAX bytes. */
const char *rpt_date(long long unix_s, char *out);
/* "SIGSEGV", or "signal 63"; "" for 0. */
const char *rpt_signal(int signal, char *out);
/* A copy with every control character and every broken UTF-8 byte replaced: what comes from a
 * device may hold anything. NULL gives "". NULL only without memory. */
char *rpt_clean(const char *text);

/* Text as text in HTML and XML, between tags and in quoted attributes. */
void rpt_escape(FILE *out, const char *text);

/* 0, or the negative errno of a stream whose writes failed. */
int rpt_stream_end(FILE *out);

/* ---- digest.c */

/* Whether a run may show times at all: emulation and prediction never do. */
int rpt_run_timed(const struct rpt_run *run);
/* Whether a candidate has a time to show. */
int rpt_timed(const struct rpt_run *run, const struct rpt_candidate *candidate);
/* The winner of a layer, or NULL where nothing has a time. */
const struct rpt_candidate *rpt_winner(const struct rpt_run *run, const struct rpt_layer *layer);
/* The title of a layer, or its problem where it has none. */
const char *rpt_layer_name(const struct rpt_layer *layer);
/* How often faster: time of the baseline / time of the winner, and its interval. 0 where unknown.
 * (stats.h speaks of ratios of times; people speak of speed-ups: this is the one place that turns
 * it over.) */
struct rpt_speedup {
    double factor, low, high;
};
struct rpt_speedup rpt_speedup(const struct rpt_layer *layer, enum rpt_baseline baseline);
const struct rpt_candidate *rpt_baseline_of(const struct rpt_layer *layer,
                                            enum rpt_baseline baseline);
extern const char *const rpt_baseline_titles[RPT_BASELINE_COUNT]; /* "the default", "portable C" */

/* What became of a variant on a layer, as people count it. */
enum rpt_fate {
    RPT_PROVED,    /* bit-exact; timed unless the run is emulated or was cut short */
    RPT_VOID,      /* bit-exact, but no sample was worth keeping: not wrong, only without a time */
    RPT_UNREACHED, /* the run ended before it was proved */
    RPT_FAILED,    /* everything else: its outcome says how */
    RPT_FATE_COUNT
};
enum rpt_fate rpt_fate(const struct rpt_candidate *candidate);

struct rpt_isa_digest {
    const char *isa; /* borrowed */
    size_t fates[RPT_FATE_COUNT], outcomes[HRN_OUTCOME_COUNT];
    size_t timed, winners;
    double peak_gmacs; /* 0 unknown */
};
/* Sum over the layers of one network, each as often as the network has it. */
struct rpt_network_digest {
    const char *network;                    /* borrowed */
    size_t layers, timed;                   /* rows, and rows with a winner */
    double winners_ns;                      /* over those rows */
    size_t compared[RPT_BASELINE_COUNT];    /* rows where winner and baseline both have a time */
    double compared_ns[RPT_BASELINE_COUNT]; /* the winners of those rows */
    double baseline_ns[RPT_BASELINE_COUNT];
};
struct rpt_digest {
    size_t candidates, timed, fates[RPT_FATE_COUNT], outcomes[HRN_OUTCOME_COUNT];
    size_t proved; /* RPT_PROVED and RPT_VOID */
    size_t timed_layers;
    size_t void_samples;
    size_t verdicts[RPT_BASELINE_COUNT][HRN_VERDICT_COUNT]; /* winners against it, layers */
    double geomean[RPT_BASELINE_COUNT];                     /* of the speed-ups; 0 unknown */
    size_t geomean_layers[RPT_BASELINE_COUNT];
    const struct rpt_layer
        *least[RPT_BASELINE_COUNT];     /* the layer that gains least, NULL unknown */
    double peak_share;                  /* of the time-weighted MACs of the winners; 0 unknown */
    const struct rpt_layer *worst_peak; /* the layer farthest from its peak */
    double highest_share;        /* of any variant; well above 1 the peak itself was mismeasured */
    struct rpt_isa_digest *isas; /* owned, in order of krn_isas */
    size_t isa_count;
    struct rpt_network_digest
        *networks; /* owned, in order of appearance; only of layers with a network */
    size_t network_count;
};
int rpt_digest_init(const struct rpt_run *run, struct rpt_digest *out);
void rpt_digest_clear(struct rpt_digest *digest);

/* Whether the measured peaks contradict the samples, so that no share of them can be believed. */
int rpt_peaks_doubtful(const struct rpt_digest *digest);
/* "71 of 90 variants on layers proved bit-exact, 68 timed, 3 void, 2 failed"; out holds 200 bytes.
 */
#define RPT_PROOF_WORDS_MAX 200
const char *rpt_proof_words(const struct rpt_run *run, const struct rpt_digest *digest, char *out);
/* "1 %", or "1 to 2.3 %" where layers differ; then whether A/A samples say so. */
const char *rpt_band_words(const struct rpt_run *run, char *out);
/* "faster on 20 of 26 layers, tied on 4, undecided on 2". */
const char *rpt_verdict_words(const struct rpt_digest *digest, enum rpt_baseline baseline,
                              char *out);

/* ---- counters.c */
/* A sentence without its full stop; is_known: it tells a figure. */
#define RPT_SENTENCE_MAX 240
typedef void rpt_sentence(const char *sentence, int is_known, void *user);
/* The energy of a call of each layer's winner; one sentence where none is known. */
void rpt_energy(const struct rpt_run *run, rpt_sentence *say, void *user);
#define RPT_ENERGY_S 60 /* of samples on the battery, from where on an energy is told */

/* Fills metrics of every candidate that has a time. */
int rpt_counters_load(struct rpt_run *run);
/* The baseline that a winner's metrics are shown beside: the default, or portable C; NULL where the
 * winner is it, or neither was counted. */
const struct rpt_candidate *rpt_rival(const struct rpt_layer *layer);
/* 0 or -ENOENT. */
int rpt_metric_of(const struct rpt_candidate *candidate, const char *name, double *value);

/* ---- rank.c */

/* Ranks the candidates of every layer, finds the baselines among them and compares the winners with
 * them. */
int rpt_rank(struct rpt_run *run);

/* One row per failure kind and its meaning, for people. */
extern const char *const rpt_outcome_meanings[HRN_OUTCOME_COUNT];

#endif
