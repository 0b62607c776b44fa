#include "harness/cli/asked.h"

#include <stdlib.h>

int cli_asked_read(const struct cli_list *words, struct cli_asked *out)
{
    out->layers = calloc(words->count + 1, sizeof *out->layers);
    out->list = calloc(words->count + 1, sizeof *out->list);
    if (!out->layers || !out->list)
        return cli_fail(CLI_FAILED, "out of memory");
    for (size_t i = 0; i < words->count; i++) {
        struct krn_problem problem;
        enum krn_epilogue epilogue;
        char why[400];
        if (krn_layer_parse(words->items[i], &problem, &epilogue, why, sizeof why))
            return cli_fail(CLI_USAGE, "--problem: %s", why);
        krn_layer_format(&problem, epilogue, 0, out->layers[i]);
        out->list[i] = out->layers[i];
    }
    out->count = words->count;
    return CLI_OK;
}

void cli_asked_clear(struct cli_asked *asked)
{
    free(asked->layers);
    free(asked->list);
    *asked = (struct cli_asked) { 0 };
}
