/* Winners from a folder of `quern export`: its passport says which variant each problem has. */
#include "harness/cli/winners.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(struct json_object *from, const char *key)
{
    struct json_object *found = NULL;
    json_object_object_get_ex(from, key, &found);
    return json_object_is_type(found, json_type_string) ? json_object_get_string(found) : "";
}

static struct cli_winner *of_problem(struct cli_winners *out, const struct krn_problem *problem,
                                     enum krn_epilogue epilogue)
{
    struct cli_winner *w = cli_winners_entry(out, problem, epilogue);
    if (!w->reason[0])
        snprintf(w->reason, sizeof w->reason, "the export has none for this CPU");
    return w;
}

/* Of the choices of a problem, strongest level first, the first that the target can run. */
static void take_choice(struct json_object *choice, const struct cli_target *target,
                        struct cli_winners *out)
{
    const char *name = text_of(choice, "variant");
    struct krn_problem problem;
    enum krn_epilogue epilogue;
    struct var_variant v;
    uint64_t hash;
    char why[160];
    if (krn_layer_parse(text_of(choice, "problem"), &problem, &epilogue, why, sizeof why) != 0)
        return;
    int known = var_name_parse(name, &v, why, sizeof why) == 0;
    struct cli_winner *w =
        of_problem(out, &problem, known ? (enum krn_epilogue)v.knob[VAR_KNOB_EPILOGUE] : epilogue);
    of_problem(out, &problem, KRN_EPILOGUE_ADD); /* derived, if there is none of its own */
    of_problem(out, &problem, KRN_EPILOGUE_SUMS);
    if (w->found)
        return;
    if (!known) {
        snprintf(w->reason, sizeof w->reason, "%.60s cannot be made any more", name);
        return;
    }
    if (!(target->isas & 1u << v.isa))
        return;
    w->found = var_source_hash(&v, &hash) == 0 &&
               hash == strtoull(text_of(choice, "source_fnv1a"), NULL, 16);
    snprintf(w->reason, sizeof w->reason, "%s",
             w->found ? "of the export" : "its code has changed since the export");
    w->variant = v;
}

int cli_winners_of_export(const char *folder, const struct cli_target *target,
                          struct cli_winners *out, char *err, size_t err_bytes)
{
    struct json_object *choices = NULL;
    char path[4096];
    *out = (struct cli_winners) { 0 };
    snprintf(out->reason, sizeof out->reason, "not in the export");
    snprintf(path, sizeof path, "%s/passport.json", folder);
    struct json_object *root = json_object_from_file(path);
    json_object_object_get_ex(root, "choices", &choices);
    if (strcmp(text_of(root, "format"), "quern-export") != 0 ||
        !json_object_is_type(choices, json_type_array)) {
        snprintf(err, err_bytes,
                 "%s is no folder of 'quern export': it has no readable passport.json", folder);
        json_object_put(root);
        return -EINVAL;
    }
    size_t count = json_object_array_length(choices);
    out->layers = calloc(3 * count + 1, sizeof *out->layers);
    for (size_t i = 0; out->layers && i < count; i++)
        take_choice(json_object_array_get_idx(choices, i), target, out);
    json_object_put(root);
    cli_winners_derive(out);
    if (!out->layers)
        snprintf(err, err_bytes, "out of memory");
    return out->layers ? 0 : -ENOMEM;
}
