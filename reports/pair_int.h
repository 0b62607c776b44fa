/* Between the files that make a pair. */
#ifndef QUERN_REPORTS_PAIR_INT_H
#define QUERN_REPORTS_PAIR_INT_H

#include "reports/pair.h"

/* Scores and orders the packings of every layer, and sums up: the cells are there. -ENOMEM. */
int rpt_pair_score(struct rpt_pair *pair);

/* The network of a layer among the totals, which exist. */
struct rpt_pair_total *rpt_pair_total_of(struct rpt_pair *pair, const char *network);

#endif
