/* Which runs belong together, so that nobody need name them. */
#include "reports/pair.h"

#include <stdlib.h>
#include <string.h>

struct known {
    long long id;
    char key[96], outcome[24];
    char *command;
    enum hrn_evidence evidence;
};
struct search {
    struct known *runs; /* owned */
    size_t count;
};

static int take(const struct pdb_run_row *row, void *user)
{
    struct search *s = user;
    struct known *grown = reallocarray(s->runs, s->count + 1, sizeof *grown);
    if (!grown)
        return -1;
    s->runs = grown;
    grown += s->count;
    *grown = (struct known) { .id = row->id, .evidence = row->evidence };
    snprintf(grown->key, sizeof grown->key, "%s", row->device_key);
    snprintf(grown->outcome, sizeof grown->outcome, "%s", row->outcome);
    grown->command = strdup(row->command);
    s->count++;
    return grown->command && row->problems >= 0 ? 0 : -1;
}

/* Two kinds of core of one device: keys that differ only behind their last "/cpu". */
static int is_sibling(const char *a, const char *b)
{
    const char *x = strstr(a, "/cpu"), *y = strstr(b, "/cpu");
    return x && y && x - a == y - b && strncmp(a, b, (size_t)(x - a)) == 0;
}

static int belongs(const struct known *to, const struct known *run)
{
    return strcmp(run->key, to->key) != 0 && run->evidence == to->evidence &&
           strcmp(run->outcome, "complete") == 0 &&
           (strcmp(run->command, to->command) == 0 || is_sibling(run->key, to->key));
}

/* Whether the device has a newer run that belongs, too. */
static int is_outdated(const struct search *s, const struct known *to, size_t i)
{
    for (size_t k = i + 1; k < s->count; k++)
        if (strcmp(s->runs[k].key, s->runs[i].key) == 0 && belongs(to, &s->runs[k]))
            return 1;
    return 0;
}

int rpt_pair_partners(struct pdb *db, long long id, long long ids[RPT_PAIR_MAX])
{
    struct search s = { 0 };
    const struct known *to = NULL;
    int count = 0, rc = pdb_runs(db, take, &s);
    for (size_t i = 0; i < s.count; i++)
        if (s.runs[i].id == id)
            to = &s.runs[i];
    for (size_t i = 0; to && i < s.count && count < RPT_PAIR_MAX; i++)
        if (&s.runs[i] == to || (belongs(to, &s.runs[i]) && !is_outdated(&s, to, i)))
            ids[count++] = s.runs[i].id;
    for (size_t i = 0; i < s.count; i++)
        free(s.runs[i].command);
    free(s.runs);
    return rc < 0 ? rc : count;
}
