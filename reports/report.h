/* Reports of a run: reads the database, computes verdicts, writes. It never measures. */
#ifndef QUERN_REPORTS_REPORT_H
#define QUERN_REPORTS_REPORT_H

#include <stdio.h>

#include "harness/sweep/verdict.h"
#include "perfdb/perfdb.h"

struct rpt_error {
    char text[400];
};

/* Everything that a page or a table needs of one run, gathered once. */
struct rpt_candidate {
    char *variant, *kernel_name, *isa, *family, *algorithm, *detail;
    enum hrn_outcome outcome;
    enum hrn_stage stage;
    int signal;
    struct hrn_candidate rank; /* valid where outcome is HRN_OK and it has samples */
    double gmacs;              /* GMAC/s at the median; 0 without a time */
    double peak_share;         /* of the measured peak of its ISA, 0..1; 0 unknown */
};
struct rpt_layer {
    char *problem, *title, *network;
    int place, times;
    long long macs;
    struct rpt_candidate *candidates; /* ranked: winner first, failures last */
    size_t count, tied;               /* `tied` of the first candidates are a tie with the winner */
};
struct rpt_run {
    struct pdb *db;        /* borrowed */
    long long id;
    /* of the run: as struct pdb_run_row, owned */
    char *device_key, *arch, *cpu, *midr, *kernel, *os, *compiler, *compiler_flags, *tool_version, *command, *outcome;
    enum hrn_evidence evidence;
    long long begin_unix_s;
    struct rpt_layer *layers;
    size_t layer_count;
};
/* run_id 0 = the newest. */
int rpt_run_load(struct pdb *db, long long run_id, struct rpt_run *out, struct rpt_error *error);
void rpt_run_clear(struct rpt_run *run);

/* Winner per layer, a failure count, the geometric mean against the baseline. `colour`: ANSI. */
int rpt_text(const struct rpt_run *run, int colour, FILE *out);
int rpt_json(const struct rpt_run *run, FILE *out);     /* Google-Benchmark shape */
int rpt_csv(const struct rpt_run *run, FILE *out);
int rpt_markdown(const struct rpt_run *run, FILE *out);
/* One self-contained page with its plots inside as SVG, made by gnuplot; the .gp and .dat files that redraw them
 * are left in `plots_dir`. Without gnuplot the page is complete but for the plots, and says so. */
int rpt_html(const struct rpt_run *run, const char *html_path, const char *plots_dir, struct rpt_error *error);

#endif
