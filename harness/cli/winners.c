#include "harness/cli/winners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/cli/cli.h"
#include "harness/cli/stored.h"
#include "kernels/cpu.h"
#include "perfdb/perfdb.h"
#include "reports/report.h"

struct context {
    struct pdb *db;
    const struct rpt_run *run;
    const struct cli_target *target;
    struct cli_winners *out;
};

/* ---- Which variants */

static const char *const epilogue_words[KRN_EPILOGUE_COUNT] = {
    [KRN_EPILOGUE_FLOAT] = "",
    [KRN_EPILOGUE_FIXED] = " in fixed point",
    [KRN_EPILOGUE_SUMS] = " that gives sums",
    [KRN_EPILOGUE_ADD] = " with an add",
};

static int is_timed(const struct rpt_candidate *candidate)
{
    return candidate->outcome == HRN_OK && candidate->rank.summary.count > 0;
}

/* The best candidate of this epilogue that the target can run. */
static void take_layer(const struct context *c, const struct rpt_layer *layer, struct cli_winner *w)
{
    char why[CLI_REASON_MAX];

    snprintf(w->reason, sizeof(w->reason), "run %lld timed nothing for it%s", c->run->id,
             epilogue_words[w->epilogue]);
    for (size_t i = 0; i < layer->count; i++) {
        const char *name = layer->candidates[i].variant;
        if (!is_timed(&layer->candidates[i]))
            continue;
        if (var_name_parse(name, &w->variant, why, sizeof(why)) != 0) {
            snprintf(w->reason, sizeof(w->reason), "%.90s of run %lld cannot be made any more",
                     name, c->run->id);
            return;
        }
        if (!(c->target->isas & 1u << w->variant.isa) ||
            w->variant.knob[VAR_KNOB_EPILOGUE] != (int)w->epilogue)
            continue;
        w->found = /* an error of the database is no winner */
            cli_stored_is_same(c->db, c->run->id, layer->problem, &w->variant, name) == 1;
        if (w->found)
            snprintf(w->reason, sizeof(w->reason), "%s of run %lld", i ? "best here" : "winner",
                     c->run->id);
        else
            snprintf(w->reason, sizeof(w->reason),
                     "the winner's code has changed since run %lld: sweep again", c->run->id);
        return;
    }
}

/* One entry per epilogue of a problem: a layer has one, but the variants of a run that was stored
 * before layers had any may have another. An entry that another layer has found stays. */
static void take_forms(const struct context *c, const struct rpt_layer *layer)
{
    struct krn_problem problem;
    enum krn_epilogue own;
    char why[CLI_REASON_MAX];

    if (krn_layer_parse(layer->problem, &problem, &own, why, sizeof(why)) != 0)
        return; /* of another version's making */
    for (int e = 0; e < KRN_EPILOGUE_COUNT; e++) {
        struct cli_winner *w;
        if (own != KRN_EPILOGUE_FLOAT && own != (enum krn_epilogue)e)
            continue;
        w = cli_winners_entry(c->out, &problem, (enum krn_epilogue)e);
        if (!w->found)
            take_layer(c, layer, w);
    }
}

/* The loop that won runs an add or gives sums, too, where nothing that does was timed and its
 * scheme has the form. */
static void derive(const struct cli_winner *plain, struct cli_winner *w)
{
    struct var_variant v = plain->variant;
    char reason[CLI_REASON_MAX];

    snprintf(reason, sizeof(reason), "%.150s, with %s", plain->reason,
             w->epilogue == KRN_EPILOGUE_ADD ? "the add" : "sums");
    v.knob[VAR_KNOB_EPILOGUE] = (int)w->epilogue;
    if (w->found || var_feasible(&v, NULL, 0) != 0)
        return;
    w->variant = v;
    w->found = 1;
    memcpy(w->reason, reason, sizeof(reason));
}

void cli_winners_derive(struct cli_winners *winners)
{
    for (size_t i = 0; i < winners->count; i++)
        for (size_t k = 0; k < winners->count && winners->layers[i].found; k++)
            if (winners->layers[i].epilogue == KRN_EPILOGUE_FLOAT &&
                (winners->layers[k].epilogue == KRN_EPILOGUE_ADD ||
                 winners->layers[k].epilogue == KRN_EPILOGUE_SUMS) &&
                strcmp(winners->layers[i].problem, winners->layers[k].problem) == 0)
                derive(&winners->layers[i], &winners->layers[k]);
}

/* ---- Building them */

static void refused(const struct var_variant *v, const char *why, void *user)
{
    struct cli_winners *out = user;

    (void)why;
    for (size_t i = 0; i < out->count; i++)
        if (out->layers[i].found && memcmp(&out->layers[i].variant, v, sizeof(*v)) == 0)
            snprintf(out->layers[i].reason, CLI_REASON_MAX,
                     "the compiler does not take the winner of run %lld", out->run);
}

static void attach(struct cli_winners *out, const struct krn_kernel *kernels, size_t count)
{
    for (size_t i = 0; i < out->count; i++) {
        char name[VAR_NAME_MAX];
        if (!out->layers[i].found)
            continue;
        var_kernel_name_format(&out->layers[i].variant, name);
        for (size_t k = 0; k < count; k++)
            if (strcmp(kernels[k].name, name) == 0)
                out->layers[i].kernel = &kernels[k];
    }
}

static int build(struct cli_winners *out, const char *arch, const struct var_variant *variants,
                 size_t count, char *err, size_t err_bytes)
{
    const struct hrn_build_paths paths = { cli_source_root(), cli_cache_dir() };
    const struct krn_kernel *kernels;
    struct hrn_toolchain toolchain;
    char path[4096];
    size_t built;

    int rc = hrn_toolchain_find(arch, NULL, &toolchain, err, err_bytes);
    if (rc == 0)
        rc = hrn_build(&toolchain, &paths, HRN_BUILD_SHARED, variants, count, refused, out, path,
                       sizeof(path), err, err_bytes);
    if (rc == 0)
        rc = hrn_build_load(path, &kernels, &built, err, err_bytes);
    if (rc == 0)
        attach(out, kernels, built);
    return rc;
}

static int build_all(struct cli_winners *out, const char *arch, char *err, size_t err_bytes)
{
    struct var_variant *variants = calloc(out->count + 1, sizeof(*variants));
    size_t count = 0;

    if (!variants) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < out->count; i++)
        if (out->layers[i].found)
            variants[count++] = out->layers[i].variant;
    int rc = count > 0 ? build(out, arch, variants, count, err, err_bytes) : 0;
    free(variants);
    return rc;
}

/* ---- The run */

static int take_run(const struct context *c)
{
    struct cli_winners *out = c->out;

    out->run = c->run->id;
    snprintf(out->reason, sizeof(out->reason), "not in run %lld", out->run);
    if (strcmp(c->target->arch, c->run->arch) != 0) {
        snprintf(out->reason, sizeof(out->reason), "run %lld is of %.30s, this is %.30s", out->run,
                 c->run->arch, c->target->arch);
        return 0;
    }
    if (c->run->evidence != HRN_MEASURED) {
        snprintf(out->reason, sizeof(out->reason), "run %lld is %s: it has no times", out->run,
                 hrn_evidence_names[c->run->evidence]);
        return 0;
    }
    out->layers = calloc(c->run->layer_count * KRN_EPILOGUE_COUNT + 1, sizeof(*out->layers));
    if (!out->layers)
        return -ENOMEM;
    for (size_t i = 0; i < c->run->layer_count; i++)
        take_forms(c, &c->run->layers[i]);
    cli_winners_derive(out);
    return 0;
}

int cli_winners_find(const char *path, long long run_id, const struct cli_target *target,
                     struct cli_winners *out, char *err, size_t err_bytes)
{
    struct rpt_run run;
    struct rpt_error error = { "" };
    struct context c = { .run = &run, .target = target, .out = out };

    *out = (struct cli_winners) { 0 };
    if (access(path, F_OK) != 0) {
        snprintf(out->reason, sizeof(out->reason), "there is no database %.140s", path);
        return 0;
    }
    int rc = pdb_open(path, PDB_READ, &c.db);
    if (rc != 0) {
        snprintf(err, err_bytes, "%s", c.db ? pdb_errmsg(c.db) : "out of memory");
        pdb_close(c.db);
        return rc;
    }
    rc = rpt_run_load(c.db, run_id, &run, &error);
    if (rc == 0) {
        rc = take_run(&c);
        if (rc == -ENOMEM)
            snprintf(err, err_bytes, "out of memory");
        rpt_run_clear(&run);
    } else {
        snprintf(err, err_bytes, "%s: %s", path, error.text);
    }
    pdb_close(c.db);
    return rc;
}

struct cli_target cli_target_here(void)
{
    static struct utsname machine;

    if (!machine.machine[0] && uname(&machine) != 0)
        machine.machine[0] = '\0';
    return (struct cli_target) { machine.machine, krn_cpu_isas() };
}

int cli_winners_load(struct cli_winners *winners, char *err, size_t err_bytes)
{
    return build_all(winners, cli_target_here().arch, err, err_bytes);
}

int cli_winners_open(const char *path, long long run_id, struct cli_winners *out, char *err,
                     size_t err_bytes)
{
    const struct cli_target here = cli_target_here();
    int rc = cli_winners_find(path, run_id, &here, out, err, err_bytes);

    return rc ? rc : cli_winners_load(out, err, err_bytes);
}

void cli_winners_close(struct cli_winners *winners)
{
    free(winners->layers);
    *winners = (struct cli_winners) { 0 };
}

static struct cli_winner *find(const struct cli_winners *winners, const char *problem,
                               enum krn_epilogue epilogue)
{
    for (size_t i = 0; i < winners->count; i++)
        if (winners->layers[i].epilogue == epilogue &&
            strcmp(winners->layers[i].problem, problem) == 0)
            return &winners->layers[i];
    return NULL;
}

const struct cli_winner *cli_winners_of(const struct cli_winners *winners,
                                        const struct krn_problem *problem,
                                        enum krn_epilogue epilogue)
{
    char text[KRN_PROBLEM_STR_MAX];

    krn_problem_format(problem, 0, text);
    return find(winners, text, epilogue);
}

struct cli_winner *cli_winners_entry(struct cli_winners *winners, const struct krn_problem *problem,
                                     enum krn_epilogue epilogue)
{
    char text[KRN_PROBLEM_STR_MAX];
    struct cli_winner *w;

    krn_problem_format(problem, 0, text);
    w = find(winners, text, epilogue);
    if (w)
        return w;
    w = &winners->layers[winners->count++];
    *w = (struct cli_winner) { .epilogue = epilogue };
    memcpy(w->problem, text, sizeof(text));
    return w;
}

struct qnt_choice cli_winners_choose(const struct krn_problem *problem, enum krn_epilogue epilogue,
                                     void *user)
{
    const struct cli_winner *w = cli_winners_of(user, problem, epilogue);

    if (!w || !w->kernel)
        return (struct qnt_choice) { NULL, { 0 } };
    return (struct qnt_choice) { w->kernel, var_driver(&w->variant) };
}

const char *cli_winners_reason(const struct cli_winners *winners, const struct krn_problem *problem,
                               enum krn_epilogue epilogue)
{
    const struct cli_winner *w = cli_winners_of(winners, problem, epilogue);

    return w ? w->reason : winners->reason;
}
