#include "harness/cli/filtered.h"

#include <inttypes.h>

#include "variants/filters.h"

void cli_filtered_format(const uint64_t *removed, char *out)
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < VAR_FILTER_COUNT && at < CLI_FILTERED_MAX; i++)
        if (removed[i])
            at += (size_t)snprintf(out + at, CLI_FILTERED_MAX - at, "%s%s %" PRIu64, at ? ", " : "",
                                   var_filters[i].name, removed[i]);
}

void cli_filtered_say(const char *verb, const uint64_t *removed)
{
    char text[CLI_FILTERED_MAX];
    cli_filtered_format(removed, text);
    if (text[0])
        fprintf(stderr, "%s: points that filters removed: %s\n", verb, text);
}

void cli_filtered_json(const uint64_t *removed, FILE *out)
{
    fputc('{', out);
    for (int i = 0; i < VAR_FILTER_COUNT; i++)
        fprintf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", var_filters[i].name, removed[i]);
    fputc('}', out);
}
