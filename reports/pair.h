/* One packing of the weights for several cores: which one costs them least, and how much.
 *
 *     rpt_run_load() each -> rpt_pair_make() -> read the layers and totals -> rpt_pair_clear()
 *
 * Two cores of a phone share a layer's packed weights where their kernels agree in the packing
 * (variants/packing.h). Each core has a winner of its own; with a packing that all cores have
 * figures of, each has a best, too. What that loses against the core's own winner, paired by round
 * in the core's own run, is what is scored. Runs of one kind of evidence only: measured, or
 * predicted, which is exact and has no intervals. */
#ifndef QUERN_REPORTS_PAIR_H
#define QUERN_REPORTS_PAIR_H

#include "reports/figures.h"
#include "reports/report.h"
#include "variants/packing.h"

#define RPT_PAIR_MAX 4 /* cores */

/* What is made least. A loss is time with the packing / time of the core's own winner, - 1. */
enum rpt_criterion {
    RPT_CRITERION_MEAN,  /* geometric mean over the cores, by weight: what a layer is by itself */
    RPT_CRITERION_WORST, /* the largest loss of a core whose weight is not 0 */
    RPT_CRITERION_TOTAL, /* mean over the cores, by weight, of what the layer adds to the core's
                            time of the network */
    RPT_CRITERION_COUNT
};
extern const char *const rpt_criterion_names[RPT_CRITERION_COUNT];

struct rpt_pair_options {
    enum rpt_criterion criterion;
    double weights[RPT_PAIR_MAX]; /* of cores, not negative, not all 0 */
    const char *const *problems;  /* canonical; none = all */
    size_t problem_count;
};

/* A core with a packing, or with its own. */
struct rpt_pair_cell {
    const struct rpt_candidate *candidate; /* borrowed */
    double cost;                           /* of a call: ns, or cycles where predicted */
    struct hrn_comparison of; /* against its own winner; predicted: low and high are the ratio */
};

struct rpt_pair_packing {
    char name[VAR_PACKING_MAX];
    size_t bytes; /* of the layer's packed weights */
    struct rpt_pair_cell cells[RPT_PAIR_MAX];
    double score, low, high; /* the criterion, a loss: 0.02 = 2 %; low and high: 95 %, of its
                                difference to the best score; NAN where unknown */
    int is_known; /* enough rounds on every core to be chosen before those that have not */
    int is_tied;  /* cannot be told from the best */
};

struct rpt_pair_layer {
    const struct rpt_layer *layer;          /* of the first core */
    struct rpt_pair_cell own[RPT_PAIR_MAX]; /* each core's own winner */
    char own_packing[RPT_PAIR_MAX][VAR_PACKING_MAX];
    size_t own_bytes[RPT_PAIR_MAX];
    size_t free_bytes; /* packed weights if each core has its own winner; shared where they agree */
    double band[RPT_PAIR_MAX];
    struct rpt_pair_packing *packings; /* owned: those of all cores, the chosen one first */
    size_t count, tied;
};

/* Over the layers of a network, each as often as it occurs. A layer without a packing of all cores
 * keeps its free choice on both sides. */
struct rpt_pair_total {
    const char *network;   /* borrowed; "" = layers of none */
    size_t layers, shared; /* with figures on all cores; of them with one packing */
    double free_cost[RPT_PAIR_MAX], one_cost[RPT_PAIR_MAX];           /* ns or cycles */
    double loss[RPT_PAIR_MAX], low[RPT_PAIR_MAX], high[RPT_PAIR_MAX]; /* NAN where unknown */
    size_t free_bytes, one_bytes;
};

struct rpt_pair {
    const struct rpt_run *runs[RPT_PAIR_MAX]; /* borrowed */
    size_t cores;
    struct rpt_pair_options options;
    struct rpt_pair_layer *layers; /* owned */
    size_t count;
    size_t left_out;               /* layers of the first core that another one has no figures of */
    size_t apart;                  /* layers without a packing that all cores have figures of */
    size_t few;                    /* layers where a packing lacks rounds on some core */
    struct rpt_pair_total *totals; /* owned */
    size_t total_count;
};

/* 0; -EINVAL where the runs cannot be scored together, -ENODATA where they have no layer in common,
 * the sentence in error; -ENOMEM. Clear in every case. The seed of the first run is that of the
 * bootstrap. */
int rpt_pair_make(const struct rpt_run *const *runs, size_t cores,
                  const struct rpt_pair_options *options, struct rpt_pair *out,
                  struct rpt_error *error);
void rpt_pair_clear(struct rpt_pair *pair);

/* What a core is called beside the others: its device, with the run where two are of one device. */
#define RPT_CORE_NAME_MAX 96
const char *rpt_pair_core(const struct rpt_pair *pair, size_t core, char *out);

/* The cores of the layers, as a table with totals as its notes; and with `top`, that many packings
 * of each layer (0 = all) with their scores. As rpt_sheet_init(). */
int rpt_pair_sheet(const struct rpt_pair *pair, struct rpt_sheet *out);
int rpt_pair_ranking(const struct rpt_pair *pair, size_t top, struct rpt_sheet *out);

/* The other cores' newest runs of what run `id` is of: the same command, as one sweep of several
 * devices has it, or another kind of core of the same device; all of the same evidence. Fills
 * `ids`, at most RPT_PAIR_MAX, itself the first, in order of run; returns how many, or a negative
 * errno. */
int rpt_pair_partners(struct pdb *db, long long id, long long ids[RPT_PAIR_MAX]);

#endif
