/* quern db: looking after a database. A table of actions, each with its own options. */
#include "harness/cli/cli.h"

#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/db.h"

static const struct action {
    const char *name, *meaning;
    int (*run)(int argc, char **argv);
} actions[] = {
    { "info", "what is in it", db_info },
    { "check", "whether it is sound", db_check },
    { "merge", "take in what other files have", db_merge },
    { "export", "as CSV, JSON lines, Google Benchmark's JSON or T4", db_export },
    { "import", "from the same formats", db_import },
    { "prune", "give up old or unfinished runs", db_prune },
    { "query", "ask it in SQL; it only reads", db_query },
    { "upgrade", "bring a file of an older quern up to date", db_upgrade },
};
#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static const struct action *find(const char *name)
{
    for (size_t i = 0; i < ACTION_COUNT; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[ACTION_COUNT];
    for (size_t i = 0; i < ACTION_COUNT; i++)
        names[i] = actions[i].name;
    const char *near = cli_nearest(name, names, ACTION_COUNT);
    return cli_fail(CLI_USAGE, "unknown action '%s'%s%s%s; 'quern help db' lists them", name,
                    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/* The overview, made of the table. */
static int overview(int argc, char **argv)
{
    char *description = NULL;
    size_t bytes = 0;
    FILE *text = open_memstream(&description, &bytes);
    if (!text)
        return cli_fail(CLI_FAILED, "out of memory");
    fputs("Looks after a database: the file in which sweeps keep every proof, sample and counter. "
          "Sweeps only ever add to it.\n\nActions, each with a --help of its own:",
          text);
    for (size_t i = 0; i < ACTION_COUNT; i++)
        fprintf(text, "\n\n%s: %s.", actions[i].name, actions[i].meaning);
    fclose(text);
    const struct cli_command command = {
        .name = "db",
        .synopsis = "quern db ACTION [--db=FILE] ...",
        .description = description,
        .examples = "quern db info\n"
                    "quern db merge phone-a.db phone-b.db\n"
                    "quern db export --format=csv -o samples.csv\n"
                    "quern db query 'SELECT name FROM variant LIMIT 3'",
    };
    struct cli_list operands;
    int code = cli_parse(&command, argc, argv, &operands);
    if (code == 0) {
        cli_list_clear(&operands);
        cli_verb_name = "db";
        code = cli_fail(CLI_USAGE, "say what to do; 'quern help db' lists the actions") + 1;
    }
    free(description);
    return code - 1;
}

int cmd_db(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-')
        return overview(argc, argv);
    const struct action *action = find(argv[1]);
    cli_verb_name = "db";
    return action ? action->run(argc - 1, argv + 1) : unknown(argv[1]);
}
