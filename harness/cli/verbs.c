/* The table of verbs: a verb is its cmd_VERB.c and a row here. */
#include "harness/cli/cli.h"

#include <string.h>

#include "harness/cli/cli_int.h"

/* In the order in which they are used. */
const struct cli_verb cli_verbs[] = {
    { "doctor", "this machine, and what can be measured on it", cmd_doctor },
    { "devices", "what variants can run on", cmd_devices },
    { "vm", "virtual ARM machines, to try everything but time without a device", cmd_vm },
    { "list", "the variants that there are", cmd_list },
    { "show", "the generated code of one variant", cmd_show },
    { "count", "what variants execute on layers, in emulation", cmd_count },
    { "predict", "what variants would take on a core, by a static model", cmd_predict },
    { "probe", "what the counters of a core are worth, its peaks and bandwidths", cmd_probe },
    { "sweep", "prove and time variants on layers", cmd_sweep },
    { "compare", "whether one variant, or one run, is slower than another", cmd_compare },
    { "pair", "one packing of the weights for several cores, and what it costs them", cmd_pair },
    { "replay", "search strategies tried on a stored sweep", cmd_replay },
    { "report", "who won each layer, by how much, and what failed", cmd_report },
    { "export", "the winners as a folder for other projects", cmd_export },
    { "db", "look after a database: merge, export, import, check, query", cmd_db },
    { "graph", "the nodes of a model, and what was fused into them", cmd_graph },
    { "calibrate", "thresholds of a float model, from images", cmd_calibrate },
    { "quantize", "a float model and its thresholds to an int8 network", cmd_quantize },
    { "run", "int8 inference through the winners, beside the float model", cmd_run },
    { "accuracy", "which layers lose most in int8, and what would help", cmd_accuracy },
    { "kl", "what KL divergence is, and what thresholds it chooses", cmd_kl },
    { "help", "explain a verb", cmd_help },
};
const size_t cli_verb_count = sizeof(cli_verbs) / sizeof(cli_verbs[0]);

const struct cli_verb *cli_verb_find(const char *name)
{
    for (size_t i = 0; i < cli_verb_count; i++)
        if (strcmp(cli_verbs[i].name, name) == 0)
            return &cli_verbs[i];
    return NULL;
}

int cli_verb_unknown(const char *name)
{
    const char *names[64];
    size_t count = 0;
    for (; count < cli_verb_count && count < 64; count++)
        names[count] = cli_verbs[count].name;
    const char *near = cli_nearest(name, names, count);
    return cli_fail(CLI_USAGE, "unknown verb '%s'%s%s%s; 'quern --help' lists them", name,
                    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}
