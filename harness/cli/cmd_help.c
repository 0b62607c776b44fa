/* quern help: overview, help and manual pages. */
#include "harness/cli/cli.h"

#include "harness/cli/cli_int.h"

int cmd_help(int argc, char **argv)
{
    int man = 0;
    const struct cli_option options[] = {
        { 0, "man", CLI_FLAG, NULL, "Writes a manual page for man(1), in roff.", &man },
    };
    const struct cli_command command = {
        .name = "help",
        .synopsis = "quern help [--man] [VERB]",
        .description = "Explains a verb: what it does, its options, examples and exit status. "
                       "Without a verb, lists them all.",
        .options = options,
        .option_count = 1,
        .examples = "quern help sweep\nquern help --man sweep | man -l -",
    };
    const char *name;
    int code = cli_parse_one(&command, argc, argv, "verb", &name);
    if (code)
        return code - 1;
    if (!name) {
        cli_help_overview(stdout);
        return CLI_OK;
    }
    const struct cli_verb *verb = cli_verb_find(name);
    if (!verb)
        return cli_verb_unknown(name);
    char verb_name[32], option[] = "--help=man", plain[] = "--help";
    snprintf(verb_name, sizeof(verb_name), "%s", verb->name);
    char *arguments[] = { verb_name, man ? option : plain, NULL };
    return verb->run(2, arguments);
}
