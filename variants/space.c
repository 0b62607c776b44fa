/* The space of variants: which points there are, which are worth trying, and the plain choice. */
#include "variants/filters.h"
#include "variants/variant_int.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void var_space_init(struct var_space *space, uint32_t isas, const struct krn_problem *problem)
{
    *space = (struct var_space) { .isas = isas, .problem = problem };
}

/* Points of one family of a domain. */
static uint64_t domain_points(const struct var_domain *domain)
{
    uint64_t points = 1;
    for (int i = 0; i < VAR_KNOB_COUNT; i++)
        points *= domain->axis[i].count ? domain->axis[i].count : 1;
    return points;
}

/* The point at `index` of one family of a domain; the last knob runs fastest. */
static void domain_point(const struct var_domain *domain, enum krn_family family, uint64_t index,
                         struct var_variant *out)
{
    *out = (struct var_variant) { .isa = domain->isa, .family = family };
    for (int i = VAR_KNOB_COUNT - 1; i >= 0; i--) {
        const struct var_axis *axis = &domain->axis[i];
        if (axis->count == 0) {
            out->knob[i] = var_knobs[i].is_driver ? var_knobs[i].default_value : 0;
            continue;
        }
        out->knob[i] = axis->value[index % axis->count];
        index /= axis->count;
    }
}

/* Where a point is: that of `index` of one family of a domain. */
struct place {
    const struct var_domain *domain;
    uint64_t index;
};

/* The point at `position` of the whole space (PEAK left out), or 0 behind its end. */
static int space_point(uint64_t position, struct place *at, struct var_variant *out)
{
    for (size_t d = 0; d < var_domain_count; d++) {
        uint64_t points = domain_points(&var_domains[d]);
        for (int family = 0; family < KRN_FAMILY_PEAK; family++) {
            if (!(var_domains[d].families & 1u << family))
                continue;
            if (position < points) {
                *at = (struct place) { &var_domains[d], position };
                domain_point(&var_domains[d], (enum krn_family)family, position, out);
                return 1;
            }
            position -= points;
        }
    }
    return 0;
}

/* Whether the generator can make the point at `position`. Another order of the driver asks for the
 * same kernel, and such points are near: what is known of the last few kernels is kept. */
static int is_made(struct var_space *space, uint64_t position, const struct place *at,
                   const struct var_variant *v)
{
    const struct var_axis *axis = at->domain->axis;
    uint64_t orders = axis[VAR_KNOB_ORDER].count ? axis[VAR_KNOB_ORDER].count : 1, kernels = 1;
    for (int k = VAR_KNOB_ORDER + 1; k < VAR_KNOB_COUNT; k++)
        kernels *= axis[k].count ? axis[k].count : 1;
    uint64_t first = position - at->index % (orders * kernels);
    uint64_t bit = (uint64_t)1 << at->index % kernels;
    assert(kernels <= 64); /* bits of a set */
    if (space->asked_at != first) {
        space->asked_at = first;
        space->asked = space->refused = space->spilled = 0;
    }
    if (!(space->asked & bit)) {
        int rc = var_feasible(v, NULL, 0);
        space->asked |= bit;
        space->refused |= rc ? bit : 0;
        space->spilled |= rc == -ENOSPC ? bit : 0;
    }
    space->removed[VAR_FILTER_REGISTERS] += (space->spilled & bit) != 0;
    return !(space->refused & bit);
}

int var_default_variant(const struct var_default_row *row, enum krn_epilogue epilogue,
                        struct var_variant *out)
{
    *out = (struct var_variant) { .isa = row->isa, .family = row->family };
    memcpy(out->knob, row->knob, sizeof(out->knob));
    out->knob[VAR_KNOB_EPILOGUE] = (int)epilogue;
    return var_domain_find(out, NULL, 0) ? 0 : -ENOTSUP;
}

/* ---- What a problem asks for */

static int takes_winograd(const struct krn_problem *p)
{
    return p->kh == 3 && p->kw == 3 && p->sh == 1 && p->sw == 1 && p->dh == 1 && p->dw == 1;
}

struct demand {
    const struct krn_problem *problem;
    uint32_t families, tuned; /* bit sets: computable at all; whose whole space is worth it */
    int64_t rows;             /* of one GEMM, or pixels of an output row */
    int64_t run;              /* neighbouring pixels that one call may have */
    int columns;              /* output channels of a group; DW: channels */
};

static struct demand demand_of(const struct krn_problem *p)
{
    struct demand d = { .problem = p };
    if (krn_problem_multiplier(p)) {
        d.families = d.tuned = 1u << KRN_FAMILY_DW | 1u << KRN_FAMILY_DWC | 1u << KRN_FAMILY_DWROWS;
        d.rows = d.run = p->ow;
        d.columns = p->oc;
        return d;
    }
    d.families = 1u << KRN_FAMILY_GEMM | 1u << KRN_FAMILY_IGEMM | 1u << KRN_FAMILY_DIRECT;
    d.tuned = 1u << (krn_problem_is_pointwise(p) ? KRN_FAMILY_GEMM : KRN_FAMILY_IGEMM);
    d.tuned |= 1u << KRN_FAMILY_DIRECT;
    if (takes_winograd(p)) {
        d.families |= 1u << KRN_FAMILY_WINO;
        d.tuned |= 1u << KRN_FAMILY_WINO;
    }
    d.rows = (int64_t)p->n * p->oh * p->ow;
    d.run = krn_problem_is_pointwise(p) ? d.rows : p->ow;
    d.columns = p->oc / p->groups;
    return d;
}

/* The smallest value of the axis that holds `wanted`, or its largest. */
static int axis_ceiling(const struct var_axis *axis, int64_t wanted)
{
    for (int i = 0; i < axis->count; i++)
        if (axis->value[i] >= wanted)
            return axis->value[i];
    return axis->value[axis->count - 1];
}

/* Whether the driver of the family takes the problem; then with *groups = MAC groups of a tap. */
static int is_planned(const struct var_variant *v, const struct krn_problem *problem,
                      int64_t *groups)
{
    const struct krn_quant quant = { 0, 0, -128, 127 };
    struct krn_conv conv;
    struct krn_kernel kernel;
    var_kernel_describe(v, &kernel, NULL);
    if (krn_conv_plan(&conv, problem, &quant, &kernel, var_driver(v), NULL, 0))
        return 0;
    if (groups)
        *groups = (conv.depth + kernel.kr - 1) / kernel.kr;
    return 1;
}

static int tile_fits(const struct var_variant *v, const struct demand *demand)
{
    const struct var_domain *domain = var_domain_find(v, NULL, 0);
    int nr = v->knob[VAR_KNOB_NR];
    const struct var_axis *rows = domain ? &domain->axis[VAR_KNOB_MR] : NULL;
    if (!domain || !is_planned(v, demand->problem, NULL))
        return 0;
    if (rows->count && v->knob[VAR_KNOB_MR] > axis_ceiling(rows, demand->rows))
        return 0;
    if (krn_family_is_depthwise(v->family))
        return nr <= axis_ceiling(&domain->axis[VAR_KNOB_NR], demand->columns);
    if (v->family == KRN_FAMILY_DIRECT && v->knob[VAR_KNOB_MR] > demand->run)
        return 0;
    return nr <= axis_ceiling(&domain->axis[VAR_KNOB_NR], demand->columns);
}

/* Whether the point differs from a plain choice only in the knobs of the bit set `free_knobs`, and
 * in its epilogue. */
static int near_default(const struct var_variant *v, uint32_t free_knobs)
{
    free_knobs |= 1u << VAR_KNOB_EPILOGUE;
    for (size_t i = 0; i < var_default_count; i++) {
        const struct var_default_row *row = &var_defaults[i];
        if (row->isa != v->isa || row->family != v->family)
            continue;
        int same = 1;
        for (int k = 0; k < VAR_KNOB_COUNT; k++)
            same &= v->knob[k] == row->knob[k] || (free_knobs & 1u << k);
        if (same)
            return 1;
    }
    return 0;
}

/* Whether it is the plain choice of its level, which is asked for once a level. */
static int is_default(struct var_space *space, const struct var_variant *v)
{
    if (space->plain_of != 1 + (int)v->isa) {
        space->plain_of = 1 + (int)v->isa;
        if (var_default_on(space->core, v->isa, space->problem, space->epilogue, &space->plain))
            space->plain.family = KRN_FAMILY_COUNT;
    }
    return v->family == space->plain.family &&
           memcmp(v->knob, space->plain.knob, sizeof(v->knob)) == 0;
}

/* Whether the unroll is the largest of the domain that makes whole bodies of a tap, if one does.
 * Where a body may be a single group every unroll is good: what it leaves costs little. */
static int is_good_unroll(const struct var_variant *v, const struct krn_problem *p)
{
    const struct var_axis *axis = &var_domain_find(v, NULL, 0)->axis[VAR_KNOB_UNROLL];
    int largest = 0;
    int64_t groups;
    if (axis->value[0] == 1 || !is_planned(v, p, &groups))
        return 1;
    for (int i = 0; i < axis->count; i++)
        if (groups % axis->value[i] == 0)
            largest = axis->value[i];
    return largest == 0 || v->knob[VAR_KNOB_UNROLL] == largest;
}

/* Steps of a run that waste little at its end, enough accumulators to hide the latency of a MAC,
 * and no copies where the kernel can read the input itself. */
static int is_good_step(const struct var_variant *v, const struct krn_problem *problem,
                        const struct demand *demand)
{
    int enough = v->isa == KRN_ISA_DOTPROD ? 16 : 8; /* four sdot a cycle, four cycles each */
    int64_t mr = v->knob[VAR_KNOB_MR], done = (demand->run + mr - 1) / mr * mr;
    int lanes = v->knob[VAR_KNOB_LOAD] / 32;
    struct var_variant in_place = *v;
    in_place.knob[VAR_KNOB_COPY] = 0;
    if (v->knob[VAR_KNOB_COPY] && var_domain_find(&in_place, NULL, 0) &&
        is_planned(&in_place, problem, NULL))
        return 0;
    return 20 * done <= 23 * demand->run && is_good_unroll(v, problem) &&
           (mr * v->knob[VAR_KNOB_NR] >= enough * lanes || 2 * mr > demand->run);
}

/* Loads in fours advance their pointer, so the two knobs go together. */
static int advances_in_fours(const struct var_variant *v)
{
    return v->knob[VAR_KNOB_FORM] == 2 && v->knob[VAR_KNOB_ADDRESS] == 2;
}

/* The first plain choice of the level and family that is not woven: of the same KR, which tells
 * schemes of a level apart, if there is one. */
static const struct var_default_row *first_default(const struct var_variant *v)
{
    const struct var_default_row *first = NULL;
    for (size_t i = 0; i < var_default_count; i++) {
        const struct var_default_row *row = &var_defaults[i];
        struct var_variant plain;
        if (row->isa != v->isa || row->family != v->family ||
            var_default_variant(row, KRN_EPILOGUE_FLOAT, &plain) || var_is_woven(&plain))
            continue;
        if (row->knob[VAR_KNOB_KR] == v->knob[VAR_KNOB_KR])
            return row;
        first = first ? first : row;
    }
    return first;
}

/* Whether the knobs of the bit set `fixed`, where there is a choice, have the values that the first
 * plain choice gives them. */
static int is_settled(const struct var_variant *v, uint32_t fixed)
{
    const struct var_domain *domain = var_domain_find(v, NULL, 0);
    const struct var_default_row *row = first_default(v);
    for (int k = 0; row && k < VAR_KNOB_COUNT; k++)
        if (fixed & 1u << k && domain->axis[k].count > 1 && v->knob[k] != row->knob[k])
            return 0;
    return 1;
}

/* Such cores want halves, or whole vectors, loaded by the iteration before, and outputs finished
 * several at a time: what differs is weaker in their models. */
static int is_well_woven(const struct var_variant *v)
{
    int halves = v->knob[VAR_KNOB_SCHEDULE] != 4; /* A510 loads whole ones beside MACs */
    return (v->knob[VAR_KNOB_FORM] == 3) == halves && v->knob[VAR_KNOB_PIPELINE] &&
           (v->knob[VAR_KNOB_DRAIN] || v->family == KRN_FAMILY_WINO) &&
           v->knob[VAR_KNOB_ORDER] == var_knobs[VAR_KNOB_ORDER].default_value;
}

/* Tile, unroll, load width, feed and schedule are tried in every combination; prefetch distances,
 * the order of the driver and the finer points of the loop around the plain choices only, one group
 * at a time. */
static int worth_trying(const struct var_variant *v, const struct krn_problem *problem,
                        const struct demand *demand)
{
    const uint32_t prefetch = 1u << VAR_KNOB_PREFETCH_A | 1u << VAR_KNOB_PREFETCH_B;
    const uint32_t order = 1u << VAR_KNOB_ORDER, schedule = 1u << VAR_KNOB_SCHEDULE;
    const uint32_t finer = 1u << VAR_KNOB_FORM | 1u << VAR_KNOB_ADDRESS | 1u << VAR_KNOB_HOLD |
                           1u << VAR_KNOB_FLIGHT | 1u << VAR_KNOB_PIPELINE;
    if (!(demand->families & 1u << v->family) || !tile_fits(v, demand))
        return 0;
    if (v->family == KRN_FAMILY_DIRECT && !is_good_step(v, problem, demand))
        return 0;
    if (!(demand->tuned & 1u << v->family) && v->knob[VAR_KNOB_FEED] == 0)
        return near_default(v, 0);
    if (var_is_woven(v))
        return is_well_woven(v);
    if (v->knob[VAR_KNOB_PREFETCH_A] || v->knob[VAR_KNOB_PREFETCH_B])
        return near_default(v, prefetch | 1u << VAR_KNOB_ADDRESS);
    if (v->family == KRN_FAMILY_DIRECT)
        return 1; /* which order is faster depends on the step */
    if (v->knob[VAR_KNOB_ORDER] != var_knobs[VAR_KNOB_ORDER].default_value)
        return near_default(v, order | 1u << VAR_KNOB_UNROLL);
    uint32_t loads = 1u << VAR_KNOB_FORM | 1u << VAR_KNOB_ADDRESS;
    if (!is_settled(v, advances_in_fours(v) ? finer & ~loads : finer))
        return near_default(v, finer | schedule | 1u << VAR_KNOB_LOAD);
    return 1;
}

/* Whether a filter removes it; then it is counted. */
static int is_filtered(struct var_space *space, const struct var_variant *v,
                       const struct demand *demand)
{
    int64_t rows = v->family == KRN_FAMILY_DIRECT ? demand->run : demand->rows;
    enum var_filter filter =
        space->unfiltered ? VAR_FILTER_COUNT : var_filter_of(v, space->core, rows);
    if (filter != VAR_FILTER_COUNT)
        space->removed[filter]++;
    return filter != VAR_FILTER_COUNT;
}

/* Whether a problem wants it: the plain choice always. */
static int is_wanted(struct var_space *space, const struct var_variant *v,
                     const struct demand *demand)
{
    if (v->knob[VAR_KNOB_EPILOGUE] != (int)space->epilogue)
        return 0;
    if (is_default(space, v))
        return 1;
    return worth_trying(v, space->problem, demand) && !is_filtered(space, v, demand);
}

int var_space_next(struct var_space *space, struct var_variant *out)
{
    struct demand demand = { 0 };
    struct place at;
    if (space->problem)
        demand = demand_of(space->problem);
    while (space_point(space->next, &at, out)) {
        uint64_t position = space->next++;
        if (!(space->isas & 1u << out->isa)) {
            space->next += domain_points(at.domain) - at.index - 1; /* to the end of the family */
            continue;
        }
        if (space->problem && !is_wanted(space, out, &demand))
            continue;
        if (space->with_refused || is_made(space, position, &at, out))
            return 1;
    }
    return 0;
}

/* Of an output smaller than a tile, Winograd throws most of the tile away. */
static int repays_winograd(const struct krn_problem *p)
{
    return p->oh >= 4 && p->ow >= 4;
}

/* Few input channels; for DIRECT a first layer, whose filter lines are whole bodies of the kernel,
 * or one group more than bodies of four and more. */
static int is_shallow(const struct krn_problem *p, const struct var_default_row *row,
                      int64_t groups)
{
    int unroll = row->knob[VAR_KNOB_UNROLL];
    int lines = p->kw > 1 && groups >= unroll && groups % unroll <= (unroll >= 4);
    return p->ic <= row->max_depth && (row->family != KRN_FAMILY_DIRECT || lines);
}

/* Packing makes a GEMM of any convolution, so such a row stands for IGEMM too. */
static int row_fits(const struct var_default_row *row, const struct demand *demand,
                    enum krn_epilogue epilogue)
{
    struct var_variant v;
    uint32_t families = demand->tuned;
    int64_t groups;
    if (row->knob[VAR_KNOB_FEED] == 1)
        families |= demand->families & 1u << KRN_FAMILY_GEMM;
    if (!(families & 1u << row->family) || demand->columns < row->min_columns ||
        (row->max_rows != 0 && demand->rows > row->max_rows))
        return 0;
    if (demand->problem->ic / demand->problem->groups < row->min_depth ||
        (row->family == KRN_FAMILY_WINO && !repays_winograd(demand->problem)))
        return 0;
    if (var_default_variant(row, epilogue, &v) || !is_planned(&v, demand->problem, &groups))
        return 0;
    return !row->max_depth || is_shallow(demand->problem, row, groups);
}

/* Tiles of the output, side by side. */
static int64_t winograd_tiles(const struct krn_problem *p, int64_t size)
{
    return p->n * ((p->oh + size - 1) / size) * ((p->ow + size - 1) / size);
}

/* Percent of the layer's work that whole tiles of the row's kernel do besides it. */
static int64_t waste_of(const struct var_default_row *row, const struct demand *demand)
{
    int64_t mr = row->knob[VAR_KNOB_MR], nr = row->knob[VAR_KNOB_NR], columns = demand->columns;
    int64_t rows = row->family == KRN_FAMILY_DIRECT ? demand->run : demand->rows;
    int64_t zeros = 1; /* products of a block of the diagonal, over those of the groups in it */
    if (row->knob[VAR_KNOB_DIAGONAL]) {
        zeros = row->knob[VAR_KNOB_DIAGONAL] / columns;
        columns = demand->problem->oc;
    }
    if (row->family == KRN_FAMILY_DWC) {
        mr = row->knob[VAR_KNOB_ROWS];
        rows = demand->problem->oh;
    }
    if (row->family == KRN_FAMILY_WINO)
        rows = winograd_tiles(demand->problem, row->knob[VAR_KNOB_FILTER]);
    int64_t done = (rows + mr - 1) / mr * mr * ((columns + nr - 1) / nr * nr) * zeros;
    return 100 * (done - rows * columns) / (rows * columns);
}

/* What has been found until now: the best suited row, and what it wastes. */
struct choice {
    const struct var_default_row *best;
    int64_t least;
};

static void consider(const struct var_default_row *row, const struct demand *demand,
                     enum krn_isa isa, enum krn_epilogue epilogue, struct choice *choice)
{
    if (choice->least == 0 || row->isa != isa || !row_fits(row, demand, epilogue))
        return;
    int64_t waste = row->max_waste ? waste_of(row, demand) : 0;
    waste = waste > row->max_waste ? waste : 0;
    if (waste < choice->least)
        *choice = (struct choice) { row, waste };
}

int var_default_on(const struct var_core *core, enum krn_isa isa, const struct krn_problem *problem,
                   enum krn_epilogue epilogue, struct var_variant *out)
{
    struct demand demand = demand_of(problem);
    struct choice choice = { NULL, INT64_MAX };
    for (size_t i = 0; i < var_core_default_count; i++) {
        const struct var_core_default *own = &var_core_defaults[i];
        if (core && core->weave == own->weave && demand.rows >= own->min_rows)
            consider(&own->row, &demand, isa, epilogue, &choice);
    }
    for (size_t i = 0; i < var_default_count; i++)
        consider(&var_defaults[i], &demand, isa, epilogue, &choice);
    return choice.best ? var_default_variant(choice.best, epilogue, out) : -ENOTSUP;
}

int var_default_of(enum krn_isa isa, const struct krn_problem *problem, enum krn_epilogue epilogue,
                   struct var_variant *out)
{
    return var_default_on(NULL, isa, problem, epilogue, out);
}

int var_default(enum krn_isa isa, const struct krn_problem *problem, struct var_variant *out)
{
    return var_default_of(isa, problem, KRN_EPILOGUE_FLOAT, out);
}

int var_peak(enum krn_isa isa, struct var_variant *out)
{
    for (size_t i = 0; i < var_default_count; i++)
        if (var_defaults[i].isa == isa && var_defaults[i].family == KRN_FAMILY_PEAK)
            return var_default_variant(&var_defaults[i], KRN_EPILOGUE_FLOAT, out);
    return -ENOTSUP;
}
