#include "harness/cli/transfer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/stats.h"

#define NEAREST 4        /* layers that are looked into */
#define FASTEST 3        /* variants taken of each */
#define OTHER_CORE 2.0   /* as far as a problem of four times the size */
#define DISTANCE_MAX 8.0 /* beyond it nothing is similar */

/* ---- what there is */

static int take_run(const struct pdb_run_row *row, void *user)
{
    struct cli_transfer *t = user;
    int is_wanted = row->evidence == HRN_MEASURED && !strcmp(row->arch, t->arch) &&
                    (!t->before || row->id < t->before) && row->id != t->except && row->samples > 0;
    if (!is_wanted)
        return 0;
    struct run_list *grown = realloc(t->runs, (t->run_count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    t->runs = grown;
    t->runs[t->run_count++] =
        (struct run_list) { row->id, strcmp(row->midr, t->midr) ? OTHER_CORE : 0 };
    return 0;
}

static int take_layer(const struct pdb_problem_row *row, void *user)
{
    struct cli_transfer *t = user;
    struct cli_seen *grown = realloc(t->seen, (t->count + 1) * sizeof *grown);
    enum krn_epilogue epilogue;
    char why[200];
    if (!grown)
        return -ENOMEM;
    t->seen = grown;
    struct cli_seen *seen = &t->seen[t->count];
    *seen = (struct cli_seen) { .run_id = t->runs[t->run_count].id,
                                .core_distance = t->runs[t->run_count].core_distance };
    if (krn_layer_parse(row->problem, &seen->problem, &epilogue, why, sizeof why))
        return 0; /* of another version's making */
    seen->text = strdup(row->problem);
    t->count += seen->text != NULL;
    return seen->text ? 0 : -ENOMEM;
}

int cli_transfer_open(struct pdb *db, const char *arch, const char *midr, int64_t before,
                      int64_t except, struct cli_transfer *out)
{
    *out = (struct cli_transfer) {
        .db = db, .arch = arch, .midr = midr, .before = before, .except = except
    };
    int rc = pdb_runs(db, take_run, out);
    size_t runs = out->run_count;
    for (size_t i = 0; i < runs && !rc; i++) {
        out->run_count = i; /* whose layers come now */
        rc = pdb_run_problems(db, out->runs[i].id, take_layer, out);
    }
    out->run_count = runs;
    return rc;
}

void cli_transfer_close(struct cli_transfer *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->seen[i].text);
    free(t->seen);
    free(t->runs);
    *t = (struct cli_transfer) { .db = NULL };
}

/* ---- one layer */

struct fastest {
    struct {
        struct var_variant variant;
        double median_ns;
    } best[FASTEST];
    size_t count;
};

/* Keeps the few of the lowest medians, of those with as many rounds as a comparison needs. */
static int take_fast(const struct pdb_measurement_row *row, void *user)
{
    struct fastest *f = user;
    struct var_variant variant;
    struct hrn_summary summary;
    char why[200];
    if (row->outcome != HRN_OK || row->sample_count < HRN_PAIRS_MIN ||
        var_name_parse(row->variant, &variant, why, sizeof why))
        return 0;
    double *scratch = malloc(row->sample_count * sizeof *scratch);
    if (!scratch)
        return -ENOMEM;
    hrn_summarise(row->sample_ns, row->sample_count, scratch, &summary);
    free(scratch);
    size_t at = f->count < FASTEST ? f->count : FASTEST;
    while (at > 0 && f->best[at - 1].median_ns > summary.median) {
        if (at < FASTEST)
            f->best[at] = f->best[at - 1];
        at--;
    }
    if (at < FASTEST) {
        f->best[at].variant = variant;
        f->best[at].median_ns = summary.median;
        f->count += f->count < FASTEST;
    }
    return 0;
}

struct near {
    const struct cli_seen *seen;
    double distance;
};

static int by_distance(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->seen->run_id > y->seen->run_id ? -1 : x->seen->run_id < y->seen->run_id; /* newest */
}

static size_t find_near(const struct cli_transfer *t, const struct krn_problem *problem,
                        struct near *list)
{
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        double d = hrn_problem_distance(&t->seen[i].problem, problem) + t->seen[i].core_distance;
        if (d <= DISTANCE_MAX)
            list[n++] = (struct near) { &t->seen[i], d };
    }
    if (n)
        qsort(list, n, sizeof *list, by_distance);
    return n < NEAREST ? n : NEAREST;
}

int cli_transfer_mark(struct cli_transfer *t, const struct krn_problem *problem,
                      const struct var_variant *variants, size_t count, int *prior, size_t *marked)
{
    const int epilogue = count ? variants[0].knob[VAR_KNOB_EPILOGUE] : KRN_EPILOGUE_FLOAT;
    struct hrn_elsewhere list[NEAREST * FASTEST];
    struct near *near = malloc((t->count + 1) * sizeof *near);
    size_t n = 0, used = near ? find_near(t, problem, near) : 0;
    int rc = near ? 0 : -ENOMEM;
    for (size_t i = 0; i < used && !rc; i++) {
        struct fastest f = { .count = 0 };
        rc = pdb_measurements(t->db, near[i].seen->run_id, near[i].seen->text, take_fast, &f);
        for (size_t k = 0; k < f.count && !rc; k++) {
            struct var_variant v = f.best[k].variant;
            v.knob[VAR_KNOB_EPILOGUE] = epilogue; /* the loop is what is taken over */
            list[n++] = (struct hrn_elsewhere) { v, near[i].distance, (int)k + 1 };
        }
    }
    *marked = rc ? 0 : hrn_transfer_mark(list, n, variants, count, prior);
    free(near);
    return rc;
}
