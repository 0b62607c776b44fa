#include "harness/cli/layers.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/pipeline.h"

static int add_model(struct hrn_layers *layers, const char *path,
                     const struct cli_model_options *open)
{
    struct qnt_graph graph = { 0 };
    struct qnt_task *tasks = NULL;
    size_t count = 0;
    int rc = cli_model_open(path, open, &graph);
    if (rc)
        return rc;
    rc = qnt_graph_tasks(&graph, &tasks, &count);
    char *copy = strdup(path);
    for (size_t i = 0; !rc && copy && i < count; i++)
        rc = hrn_layers_add(layers, &tasks[i].problem, tasks[i].epilogue, basename(copy));
    free(copy);
    free(tasks);
    qnt_graph_free(&graph);
    if (rc || !count)
        return cli_fail(CLI_FAILED, rc ? "out of memory" : "%s holds no convolution", path);
    return CLI_OK;
}

static int read_epilogue(const char *word, enum krn_epilogue *out)
{
    for (int i = 0; word && i < KRN_EPILOGUE_COUNT; i++)
        if (!strcmp(krn_epilogue_names[i], word)) {
            *out = (enum krn_epilogue)i;
            return CLI_OK;
        }
    return word ? cli_fail(CLI_USAGE, "--epilogue is float, fixed, sums or add, not '%s'", word)
                : CLI_OK;
}

int cli_layers_gather(const struct cli_layers *named, struct hrn_layers *out)
{
    char err[600];
    int rc = read_epilogue(named->epilogue, &out->epilogue);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < named->problems.count; i++)
        rc = hrn_layers_add_text(out, named->problems.items[i], "", err, sizeof err);
    for (size_t i = 0; !rc && i < named->batches.count; i++)
        rc = hrn_layers_add_file(out, named->batches.items[i], "", err, sizeof err);
    for (size_t i = 0; !rc && i < named->networks.count; i++)
        rc = hrn_layers_add_network(out, cli_source_root(), named->networks.items[i], err,
                                    sizeof err);
    if (rc)
        return cli_fail(CLI_USAGE, "%s", err);
    for (size_t i = 0; i < named->models.count; i++)
        if ((rc = add_model(out, named->models.items[i], &named->open)))
            return rc;
    if (!out->count)
        return cli_fail(CLI_USAGE, "no layers: name them by --problem, --batch, --network or "
                                   "--model");
    return CLI_OK;
}

void cli_layers_clear(struct cli_layers *named)
{
    struct cli_list *const lists[] = { &named->problems, &named->batches, &named->networks,
                                       &named->models, &named->open.outputs };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        cli_list_clear(lists[i]);
}
