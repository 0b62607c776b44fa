#include "harness/cli/counters.h"

#include <stdlib.h>
#include <string.h>

#define EXPLANATION_BYTES 400

static size_t bytes_of(const struct cli_list *list)
{
    size_t bytes = 0;
    for (size_t i = 0; i < list->count; i++)
        bytes += strlen(list->items[i]) + 1;
    return bytes;
}

/* Words between commas, copied to *at. 0 or -ENOMEM. */
static int part(const struct cli_list *typed, struct cli_list *words, char **at)
{
    for (size_t i = 0; i < typed->count; i++) {
        char *rest = NULL, *text = *at;
        size_t bytes = strlen(typed->items[i]) + 1;
        memcpy(text, typed->items[i], bytes);
        *at += bytes;
        for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
            if (cli_list_add(words, word))
                return -1;
    }
    return 0;
}

static int check_events(const struct cli_counters *c, const struct hrn_event_table *table, int core)
{
    char err[EXPLANATION_BYTES];
    struct hrn_event event;
    for (size_t i = 0; i < c->events.count; i++)
        if (hrn_event_resolve(table, core, c->events.items[i], &event, err, sizeof err))
            return cli_fail(CLI_USAGE, "--event: %s", err);
    return CLI_OK;
}

static int check_groups(const struct cli_counters *c, const struct hrn_event_table *table, int core)
{
    char err[EXPLANATION_BYTES];
    for (size_t i = 0; i < c->groups.count; i++) {
        struct hrn_wanted wanted = { 0 };
        struct hrn_metric_group group;
        int rc = hrn_metric_group_find(c->groups.items[i], &group, err, sizeof err);
        if (!rc)
            rc = hrn_wanted_add_group(&wanted, table, core, &group, err, sizeof err);
        hrn_metric_group_clear(&group);
        if (rc)
            return cli_fail(CLI_USAGE, "--group: %s", err);
    }
    return CLI_OK;
}

int cli_counters_check(struct cli_counters *c, const char *arch, const char *midr)
{
    struct hrn_event_table *table = NULL;
    char err[EXPLANATION_BYTES], *at;
    at = c->words = malloc(bytes_of(&c->typed_events) + bytes_of(&c->typed_groups) + 1);
    if (!at || part(&c->typed_events, &c->events, &at) || part(&c->typed_groups, &c->groups, &at))
        return cli_fail(CLI_FAILED, "out of memory");
    if (c->none && (c->events.count || c->groups.count))
        return cli_fail(CLI_USAGE, "--no-counters goes neither with --event nor with --group");
    if (hrn_event_table_open(&table, err, sizeof err))
        return cli_fail(CLI_FAILED, "%s", err);
    int core = hrn_event_core(table, arch, midr);
    int rc = check_events(c, table, core);
    if (!rc)
        rc = check_groups(c, table, core);
    hrn_event_table_close(table);
    return rc;
}

void cli_counters_clear(struct cli_counters *c)
{
    cli_list_clear(&c->typed_events);
    cli_list_clear(&c->typed_groups);
    cli_list_clear(&c->events);
    cli_list_clear(&c->groups);
    free(c->words);
    c->words = NULL;
}

struct hrn_counter_request cli_counters_request(const struct cli_counters *c)
{
    return (struct hrn_counter_request) {
        .events = c->events.items,
        .event_count = c->events.count,
        .groups = c->groups.items,
        .group_count = c->groups.count,
        .none = c->none,
    };
}
