#include "harness/cli/search.h"

#include <math.h>
#include <string.h>

#include "harness/cli/cli_int.h"

static int unknown_strategy(const char *name)
{
    const char *names[16], *near;
    char all[200] = "";
    size_t n = 0;
    for (; n < hrn_strategy_count && n < 16; n++) {
        names[n] = hrn_strategies[n]->name;
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", n ? ", " : "", names[n]);
    }
    near = cli_nearest(name, names, n);
    return cli_fail(CLI_USAGE, "--strategy: unknown strategy '%s'%s%s%s; there are %s", name,
                    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", all);
}

static int check(const struct cli_search *t)
{
    if (t->screen_rounds < 1 || t->screen_rounds > 10000 || t->rounds < 0 || t->rounds > 100000)
        return cli_fail(CLI_USAGE,
                        "--screen-rounds goes from 1 to 10000, --rounds from 0 to 100000");
    if (t->processes < 1 || t->processes > 1000)
        return cli_fail(CLI_USAGE, "--processes goes from 1 to 1000");
    if (t->finalists < 1 || t->max_evals < 0 || t->patience < 0)
        return cli_fail(CLI_USAGE,
                        "--finalists is at least 1; --max-evals and --patience are not negative");
    if (!(t->time_limit_s >= 0) || !(t->device_minutes >= 0))
        return cli_fail(CLI_USAGE, "--time-limit and --device-minutes are not negative");
    return CLI_OK;
}

int cli_search_read(const struct cli_search *t, struct hrn_search_options *out)
{
    const char *name = t->strategy ? t->strategy : HRN_STRATEGY_DEFAULT;
    const struct hrn_strategy *strategy = hrn_strategy_find(name);
    int rc = strategy ? check(t) : unknown_strategy(name);
    if (rc)
        return rc;
    *out = (struct hrn_search_options) {
        .strategy = strategy,
        .screen_rounds = (int)t->screen_rounds,
        .final_rounds = (int)t->rounds,
        .processes = (int)(t->rounds && t->rounds < t->processes ? t->rounds : t->processes),
        .finalists = (size_t)t->finalists,
        .max_evals = (size_t)t->max_evals,
        .patience = (size_t)t->patience,
        .time_limit_s = t->time_limit_s,
        .device_limit_s = 60 * t->device_minutes,
    };
    return CLI_OK;
}
