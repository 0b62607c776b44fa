/* A choice of variants as it is typed: ISA levels, families, a pattern on the name.
 *
 *     cli_select_open() -> cli_select_takes() for each point of the space -> cli_select_clear() */
#ifndef QUERN_HARNESS_CLI_SELECT_H
#define QUERN_HARNESS_CLI_SELECT_H

#include <regex.h>

#include "harness/cli/cli.h"
#include "variants/variant.h"

struct cli_select {
    uint32_t isas, families; /* bit sets */
    regex_t pattern;
    int has_pattern;
};

/* Levels from words like "dotprod,i8mm", "host" (what this CPU has) and "all"; no words at all:
 * `none_given`. 0, or CLI_USAGE, explained. */
int cli_isas_parse(const struct cli_list *words, uint32_t none_given, uint32_t *isas);
/* `pattern` (POSIX extended) may be NULL. 0, or CLI_USAGE, explained: nothing to clear then. */
int cli_select_open(struct cli_select *select, const struct cli_list *isas, uint32_t none_given,
                    const struct cli_list *families, const char *pattern);
void cli_select_clear(struct cli_select *select);
int cli_select_takes(const struct cli_select *select, const struct var_variant *v);

#endif
