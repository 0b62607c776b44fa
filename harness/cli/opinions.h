/* What 'quern count' prints of the models' opinions: who has won on which core, and what executes
 * the least but is slower there. */
#ifndef QUERN_HARNESS_CLI_OPINIONS_H
#define QUERN_HARNESS_CLI_OPINIONS_H

#include "harness/cli/cli.h"
#include "harness/model/opinion.h"

enum { CLI_OPINIONS_MAX = 8 };

struct cli_opinions {      /* zero-initialise, but for `named` */
    struct cli_list named; /* cores; "none"; empty: those typical of the plan's highest level */
    const struct hrn_plan *plan;
    struct hrn_counted *const *counted;
    size_t count;
    struct {
        const char *name; /* as it was asked for */
        struct hrn_opinion opinion;
    } of[CLI_OPINIONS_MAX];
};

/* Finds the cores that are named; before anything is counted. 0, or an exit code, explained. */
int cli_opinions_check(const struct cli_opinions *opinions);

/* Asks the models about what was counted; plan and counts are borrowed. A model that is not there
 * (llvm-mca) is left out, and a message says so. 0, or an exit code, explained. */
int cli_opinions_gather(struct cli_opinions *opinions, const struct hrn_plan *plan,
                        struct hrn_counted *const *counted,
                        void (*progress)(size_t done, size_t total, const char *note));
void cli_opinions_clear(struct cli_opinions *opinions);

int cli_opinions_has_winner(const struct cli_opinions *opinions, size_t layer, size_t variant);

/* One cell for each core: by how much the variant is slower than the fastest that was counted, with
 * a star if it has won. */
void cli_opinions_row(const struct cli_opinions *opinions, size_t layer, size_t variant,
                      struct cli_table *table);
void cli_opinions_print(const struct cli_opinions *opinions); /* warnings, geometric means */

/* JSON, as struct cli_ranking has it. */
void cli_opinions_members(const struct cli_opinions *opinions, size_t layer, size_t variant);
void cli_opinions_layer_members(const struct cli_opinions *opinions, size_t layer);
void cli_opinions_json_means(const struct cli_opinions *opinions); /* a member and its comma */

#endif
