/* What a quick look at kernels looks at (quern count, quern predict): variants, by name or by
 * choice, on layers. */
#ifndef QUERN_HARNESS_CLI_LOOK_H
#define QUERN_HARNESS_CLI_LOOK_H

#include "harness/cli/layers.h"
#include "harness/cli/select.h"
#include "harness/sweep/sweep.h"

struct cli_look { /* zero-initialise */
    const char *filter;
    struct cli_list isas, names; /* names: the operands */
    struct cli_layers named;
    long long max_variants;
    struct hrn_layers layers; /* after cli_look_plan(): what they came to */
    struct hrn_plan plan;
    struct cli_select select;
};

/* The rows of an option table, for `look`. */
/* clang-format off */
#define CLI_LOOK_OPTIONS(look) \
    { 'i', "isa", CLI_LIST, "LEVEL[,LEVEL]", \
      "ISA levels. Default: all that the CPU has, but portable C.", &(look).isas }, \
    CLI_LAYER_OPTIONS((look).named), \
    { 'f', "filter", CLI_STRING, "REGEX", \
      "Only variants whose name matches this extended regular expression.", &(look).filter }, \
    { 0, "max-variants", CLI_INT, "N", \
      "At most N variants per layer, a seeded choice of the space. Default: all.", \
      &(look).max_variants }
/* clang-format on */

/* Fills layers and plan, of a device that is called `key`, has `isas` and, if not NULL, this core,
 * whose plain choices are taken; filters remove nothing. 0, or an exit code,
 * explained. Clear in every case. */
int cli_look_plan(struct cli_look *look, const char *key, uint32_t isas,
                  const struct var_core *core);
void cli_look_clear(struct cli_look *look);

#endif
