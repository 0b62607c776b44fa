/* What feasibility filters removed, in words. */
#ifndef QUERN_HARNESS_CLI_FILTERED_H
#define QUERN_HARNESS_CLI_FILTERED_H

#include <stdio.h>

#include "harness/cli/cli.h"
#include "variants/variant.h"

enum { CLI_FILTERED_MAX = 200 };

/* The row of an option table, for a flag. */
/* clang-format off */
#define CLI_NO_FILTERS(flag) \
    { 0, "no-filters", CLI_FLAG, NULL, \
      "Also what feasibility filters remove: fewer accumulators than the core has " \
      "multiply-accumulates in flight, and, on a core that issues in order, an eighth more " \
      "other instructions than multiply-accumulates in the loop.", &(flag) }
/* clang-format on */

/* "accumulators 38, registers 320" to `out`, of CLI_FILTERED_MAX bytes; "" if nothing was removed.
 */
void cli_filtered_format(const uint64_t *removed, char *out);
/* The same as a sentence on stderr, of a verb; nothing where nothing was removed. */
void cli_filtered_say(const char *verb, const uint64_t *removed);
/* As the value of a member of a JSON object. */
void cli_filtered_json(const uint64_t *removed, FILE *out);

#endif
