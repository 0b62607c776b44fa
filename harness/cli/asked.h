/* The layers that --problem names, in their canonical strings.
 *
 *     cli_asked_read() -> .layers, .list -> cli_asked_clear() */
#ifndef QUERN_HARNESS_CLI_ASKED_H
#define QUERN_HARNESS_CLI_ASKED_H

#include <stddef.h>

#include "harness/cli/cli_int.h"
#include "kernels/layer.h"

struct cli_asked {                       /* zero-initialise; owned */
    char (*layers)[KRN_PROBLEM_STR_MAX]; /* [count], as krn_layer_format() */
    const char **list;                   /* the same, as pointers */
    size_t count;
};

/* 0, CLI_USAGE or CLI_FAILED, explained. Clear in every case. */
int cli_asked_read(const struct cli_list *words, struct cli_asked *out);
void cli_asked_clear(struct cli_asked *asked);

#endif
