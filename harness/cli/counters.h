/* -e and -g: which events a verb counts, as they are typed. */
#ifndef QUERN_HARNESS_CLI_COUNTERS_H
#define QUERN_HARNESS_CLI_COUNTERS_H

#include "harness/cli/cli.h"
#include "harness/sweep/counters.h"

struct cli_counters { /* zero-initialise */
    struct cli_list typed_events, typed_groups;
    int none;
    /* filled by cli_counters_check(): one word each */
    struct cli_list events, groups;
    char *words; /* that those point into */
};

/* The rows of an option table, for `counters`. */
/* clang-format off */
#define CLI_COUNTER_OPTIONS(counters) \
    { 'e', "event", CLI_LIST, "EVENT[,EVENT]", \
      "Events to count beside the time: a name (CPU_CYCLES), a number (r1b, 0x1b) or one of the " \
      "kernel's (page-faults); 'quern probe --list' names those of a core.", \
      &(counters).typed_events }, \
    { 'g', "group", CLI_LIST, "GROUP[,GROUP]", \
      "Metric groups to count the events of: work, stall, topdown, inorder, l1, l2, ll, tlb, " \
      "branch, memory, mix, queues, kernel, or a file. Default: work, where there is a PMU.", \
      &(counters).typed_groups }, \
    { 0, "no-counters", CLI_FLAG, NULL, "Count nothing.", &(counters).none }
/* clang-format on */

/* Parts the words and looks each up for this core, so that a name that is none is found before
 * anything is built. An exit code, the failure explained. */
int cli_counters_check(struct cli_counters *counters, const char *arch, const char *midr);
void cli_counters_clear(struct cli_counters *counters);
/* Borrows from *counters. */
struct hrn_counter_request cli_counters_request(const struct cli_counters *counters);

#endif
