/* Cases that stay from one prove job to the next: making them, the reference's answers above all,
 * takes longer than most proofs. Of the last problem only; of tiles the last ones. */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <string.h>

int hrn_kept_alike(const struct krn_kernel *a, const struct krn_kernel *b)
{
    return a->mr == b->mr && a->nr == b->nr && a->kr == b->kr &&
           krn_family_is_depthwise(a->family) == krn_family_is_depthwise(b->family) &&
           (a->family == KRN_FAMILY_WINO) == (b->family == KRN_FAMILY_WINO);
}

void hrn_kept_clear(struct hrn_kept *kept)
{
    for (size_t i = 0; i < HRN_KEPT_TILES; i++)
        hrn_cases_clear(&kept->tile[i].tails);
    hrn_case_clear(&kept->main_case);
    memset(kept, 0, sizeof *kept);
}

static int is_of(const struct hrn_kept *kept, const struct hrn_job *job)
{
    return kept->main_case.expected && kept->seed == job->seed && kept->max_macs == job->max_macs &&
           memcmp(&kept->problem, &job->problem, sizeof job->problem) == 0;
}

int hrn_kept_open(struct hrn_kept *kept, const struct hrn_job *job)
{
    struct krn_problem problem = job->problem;
    if (is_of(kept, job))
        return 0;
    hrn_kept_clear(kept);
    kept->problem = job->problem;
    kept->seed = job->seed;
    kept->max_macs = job->max_macs;
    kept->cropped = hrn_problem_crop(&problem, job->max_macs);
    return hrn_case_make(&problem, job->seed, &kept->main_case);
}

const struct hrn_case_list *hrn_kept_tails(struct hrn_kept *kept, const struct krn_kernel *kernel)
{
    size_t count = kept->tiles < HRN_KEPT_TILES ? kept->tiles : HRN_KEPT_TILES;
    for (size_t i = 0; i < count; i++)
        if (hrn_kept_alike(kept->tile[i].kernel, kernel))
            return &kept->tile[i].tails;
    struct hrn_kept_tile *tile = &kept->tile[kept->tiles++ % HRN_KEPT_TILES];
    hrn_cases_clear(&tile->tails);
    tile->kernel = kernel;
    hrn_cases_tails(&kept->problem, kernel, kept->seed, &tile->tails);
    return &tile->tails;
}
