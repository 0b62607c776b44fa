/* libFuzzer: any text as what people and devices write: layers, variants, metric groups,
 * formulas, journals of a runner. All of them see it. */
#include <string.h>

#include "harness/pmu/formula.h"
#include "harness/pmu/metrics.h"
#include "harness/runner/journal.h"
#include "kernels/layer.h"
#include "tests/fuzz_file.h"
#include "variants/variant.h"

static int value_of(const char *name, double *value, void *user)
{
    (void)user;
    *value = (double)strlen(name);
    return name[0] == 'x' ? -1 : 0;
}

static int ignore_record(const struct hrn_fields *record, void *user)
{
    (void)record;
    (void)user;
    return 0;
}

static void read_layer(const char *text)
{
    struct krn_problem problem, again;
    enum krn_epilogue epilogue, epilogue_again;
    char err[200], canonical[KRN_PROBLEM_STR_MAX];
    if (krn_layer_parse(text, &problem, &epilogue, err, sizeof err) != 0)
        return;
    krn_layer_format(&problem, epilogue, 1, canonical);
    if (krn_layer_parse(canonical, &again, &epilogue_again, err, sizeof err) != 0 ||
        epilogue_again != epilogue)
        abort();
}

static void read_variant(const char *text)
{
    struct var_variant variant;
    char err[200], name[VAR_NAME_MAX];
    if (var_name_parse(text, &variant, err, sizeof err) != 0)
        return;
    var_name_format(&variant, name);
    if (strcmp(name, text) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hrn_metric_group group;
    struct hrn_journal_state state;
    char err[200], path[32];
    double value;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_layer(text);
    read_variant(text);
    hrn_formula_evaluate(text, value_of, NULL, &value, err, sizeof err);
    if (hrn_metric_group_parse("fuzz", text, &group, err, sizeof err) == 0)
        hrn_metric_group_clear(&group);
    int fd = fuzz_file(data, size, path);
    hrn_journal_read(path, ignore_record, NULL, &state);
    close(fd);
    free(text);
    return 0;
}
