#include "harness/runner/runner_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/stats.h"
#include "kernels/reference.h"

/* ---- Data. One tensor holds several kinds, so that one answer covers them all. */

static int32_t between(uint64_t *state, int32_t low, int32_t high)
{
    return low + (int32_t)(hrn_random(state) % (uint64_t)(high - low + 1));
}

/* Runs of uniform bytes, of the extremes and of one constant: sums reach far and cancel. */
static void fill_bytes(int8_t *to, size_t count, int32_t low, int32_t high, uint64_t *state)
{
    size_t i = 0;
    while (i < count) {
        size_t run = 1 + (size_t)(hrn_random(state) % 96), end = i + run < count ? i + run : count;
        int kind = between(state, 0, 3);
        int8_t constant = (int8_t)(between(state, 0, 1) ? low : high);
        uint64_t bits = 0;
        for (size_t at = i; at < end; at++, bits >>= 8) {
            if ((at - i) % 8 == 0)
                bits = hrn_random(state);
            if (kind == 0)
                to[at] = constant;
            else if (kind == 1)
                to[at] = (int8_t)(bits & 1 ? low : high);
            else
                to[at] = (int8_t)(low + (int32_t)((bits & 255) * (uint64_t)(high - low + 1) >> 8));
        }
        i = end;
    }
}

static void fill_quant(struct krn_quant *q, uint64_t *state)
{
    static const int32_t zero_points[] = { 0, 0, -128, 127, 5, -77 };
    q->zp_in = zero_points[hrn_random(state) % 6];
    q->zp_out = zero_points[hrn_random(state) % 6];
    q->lo = -128;
    q->hi = 127;
    if (between(state, 0, 2) == 0)
        q->lo = q->zp_out; /* ReLU */
    if (between(state, 0, 2) == 0)
        q->hi = between(state, q->lo, 127); /* ReLU6 */
}

/* A channel whose sums are small integers, halved: every other output is an exact tie of the
 * rounding. */
static void make_ties(struct hrn_case *c, int32_t oc, size_t depth, uint64_t *state)
{
    int8_t *weights = c->weights + (size_t)oc * depth;
    memset(weights, 0, depth);
    for (int i = 0; i < 3; i++)
        weights[hrn_random(state) % depth] = (int8_t)(1 - 2 * between(state, 0, 1));
    c->scale[oc] = 0.5f;
    c->bias[oc] = between(state, -40, 40);
}

/* Biases and scales that bring the sums into the byte's range: typical ones, ties, and tiny scales
 * under biases that wrap around 2^32. `depth` is the weights of one channel. */
static void fill_channels(struct hrn_case *c, size_t depth, int is_typical, uint64_t *state)
{
    double typical = 0.01 / sqrt((double)depth);
    int with_bias = between(state, 0, 3) != 0, wraps = with_bias && between(state, 0, 2) == 0;
    for (int32_t oc = 0; oc < c->problem.oc; oc++) {
        int kind = between(state, 0, 3);
        double spread = 0.25 + 2.0 * (double)(hrn_random(state) >> 11) / 9007199254740992.0;
        c->bias[oc] = between(state, -20000, 20000);
        c->scale[oc] = (float)(typical * spread);
        if (kind == 1) {
            make_ties(c, oc, depth, state);
        } else if (kind == 2 && wraps && !is_typical) {
            c->bias[oc] = (int32_t)(uint32_t)hrn_random(state);
            c->scale[oc] = (float)(6e-8 * spread);
        }
    }
    if (!with_bias) {
        free(c->bias);
        c->bias = NULL;
    }
}

static int make_inputs(const struct krn_problem *problem, uint64_t seed, int is_typical,
                       struct hrn_case *out)
{
    uint64_t state = seed;
    size_t weights = krn_problem_weight_count(problem);
    memset(out, 0, sizeof *out);
    out->problem = *problem;
    out->in = malloc(krn_problem_input_count(problem));
    out->weights = malloc(weights);
    out->bias = malloc((size_t)problem->oc * sizeof *out->bias);
    out->scale = malloc((size_t)problem->oc * sizeof *out->scale);
    if (!out->in || !out->weights || !out->bias || !out->scale) {
        hrn_case_clear(out);
        return -ENOMEM;
    }
    fill_quant(&out->quant, &state);
    if (is_typical)
        out->quant =
            (struct krn_quant) { .zp_in = out->quant.zp_in, .zp_out = -128, .lo = -128, .hi = 127 };
    fill_bytes(out->in, krn_problem_input_count(problem), -128, 127, &state);
    fill_bytes(out->weights, weights, -127, 127, &state);
    fill_channels(out, weights / (size_t)problem->oc, is_typical, &state);
    return 0;
}

int hrn_case_make_inputs(const struct krn_problem *problem, uint64_t seed, struct hrn_case *out)
{
    return make_inputs(problem, seed, 1, out);
}

int hrn_case_make(const struct krn_problem *problem, uint64_t seed, struct hrn_case *out)
{
    int error = make_inputs(problem, seed, 0, out);
    if (error < 0)
        return error;
    out->expected = malloc(krn_problem_output_count(problem));
    if (!out->expected) {
        hrn_case_clear(out);
        return -ENOMEM;
    }
    krn_reference(problem, &out->quant, out->in, out->weights, out->bias, out->scale,
                  out->expected);
    return 0;
}

void hrn_case_clear(struct hrn_case *c)
{
    free(c->in);
    free(c->weights);
    free(c->bias);
    free(c->scale);
    free(c->expected);
    memset(c, 0, sizeof *c);
}

void hrn_cases_clear(struct hrn_case_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        hrn_case_clear(&list->item[i]);
    free(list->item);
    memset(list, 0, sizeof *list);
}

/* ---- Problems */

/* Input size that exactly `out` output positions need, nothing below or to the right in the
 * padding. */
static int32_t input_for(int32_t out, int32_t taps, int32_t stride, int32_t pad, int32_t dilation)
{
    int32_t size = (out - 1) * stride + (taps - 1) * dilation + 1 - pad;
    return size > 0 ? size : 1;
}

static void set_output(struct krn_problem *p, int32_t oh, int32_t ow)
{
    p->oh = oh;
    p->ow = ow;
    p->ih = input_for(oh, p->kh, p->sh, p->ph, p->dh);
    p->iw = input_for(ow, p->kw, p->sw, p->pw, p->dw);
}

/* Keeps the first rows (then columns) of the output: the largest factor that fits. */
static int32_t shrink(int32_t size, int64_t macs, int64_t max_macs)
{
    int64_t fits = size * max_macs / macs;
    return fits < 1 ? 1 : (int32_t)fits;
}

int hrn_problem_crop(struct krn_problem *p, int64_t max_macs)
{
    struct krn_problem whole = *p;
    if (krn_problem_macs(p) <= max_macs)
        return 0;
    p->n = 1;
    if (krn_problem_macs(p) > max_macs)
        p->oh = shrink(p->oh, krn_problem_macs(p), max_macs);
    if (krn_problem_macs(p) > max_macs)
        p->ow = shrink(p->ow, krn_problem_macs(p), max_macs);
    if (krn_problem_macs(p) > max_macs && p->groups == 1)
        p->oc = shrink(p->oc, krn_problem_macs(p), max_macs);
    int32_t ih = input_for(p->oh, p->kh, p->sh, p->ph, p->dh);
    int32_t iw = input_for(p->ow, p->kw, p->sw, p->pw, p->dw);
    if (p->oh < whole.oh && ih < p->ih)
        p->ih = ih;
    if (p->ow < whole.ow && iw < p->iw)
        p->iw = iw;
    if (krn_problem_check(p, NULL, 0) < 0) {
        *p = whole;
        return 0;
    }
    return 1;
}

/* ---- Tails. Each dimension has a deck of interesting sizes, dealt in a seeded order and
 * reshuffled when it is empty: every size comes up, in many combinations. */

#define DECK_MAX 96
struct deck {
    int32_t card[DECK_MAX];
    int32_t low, high; /* cards outside are not taken in */
    size_t count, dealt;
};

static void deck_add(struct deck *d, int32_t size)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->card[i] == size)
            return;
    if (size >= d->low && size <= d->high && d->count < DECK_MAX)
        d->card[d->count++] = size;
}

static int32_t deck_deal(struct deck *d, uint64_t *state)
{
    size_t left = d->count - d->dealt, pick = d->dealt + (size_t)(hrn_random(state) % left);
    int32_t card = d->card[pick];
    d->card[pick] = d->card[d->dealt];
    d->card[d->dealt] = card;
    d->dealt = (d->dealt + 1) % d->count;
    return card;
}

/* Around each multiple in `around`, of `unit`. */
static void deck_add_around(struct deck *d, int32_t unit)
{
    static const int32_t around[] = { 1, 2, 3, 4, 8 };
    for (size_t i = 0; i < sizeof around / sizeof *around; i++)
        for (int32_t off = -1; off <= 1; off++)
            deck_add(d, unit * around[i] + off);
}

struct tails {
    const struct krn_problem *like;
    const struct krn_kernel *kernel;
    int depthwise;
    struct deck rows, depth, columns;
    uint64_t state;
};

static void tails_init(struct tails *t)
{
    const struct krn_kernel *k = t->kernel;
    t->rows = t->depth = t->columns = (struct deck) { .low = 1, .high = 300 };
    if (t->depthwise)
        t->columns.low = k->family == KRN_FAMILY_DW ? 2 : k->nr; /* one channel is a dense layer */
    for (int32_t m = 1; m <= k->mr + 1; m++)
        deck_add(&t->rows, m);
    deck_add(&t->rows, 2 * k->mr);
    deck_add(&t->rows, 2 * k->mr + k->mr / 2 + 1);
    deck_add(&t->columns, t->columns.low);
    deck_add(&t->columns, k->nr / 2);
    deck_add_around(&t->columns, k->nr);
    for (int32_t size = 1; size <= 2 * k->kr + 1; size++)
        deck_add(&t->depth, size);
    deck_add_around(&t->depth, k->kr);
    for (int32_t vector = 8; vector <= 128; vector *= 2)
        deck_add_around(&t->depth, vector);
}

/* The geometry of the problem itself, with its stride and padding varied now and then. */
static void set_taps(struct tails *t, struct krn_problem *p)
{
    const struct krn_problem *like = t->like;
    p->kh = like->kh;
    p->kw = like->kw;
    p->dh = like->dh;
    p->dw = like->dw;
    p->sh = between(&t->state, 0, 2) ? like->sh : like->sh > 1 ? 1 : 2;
    p->sw = between(&t->state, 0, 2) ? like->sw : like->sw > 1 ? 1 : 2;
    p->ph = between(&t->state, 0, 2) ? like->ph : (like->kh - 1) / 2;
    p->pw = between(&t->state, 0, 2) ? like->pw : (like->kw - 1) / 2;
}

/* Channels: depth is per group, so is columns. A full filter gets a modest depth, to stay quick. */
static void set_channels(struct tails *t, struct krn_problem *p, int grouped)
{
    int32_t depth = deck_deal(&t->depth, &t->state), columns = deck_deal(&t->columns, &t->state);
    if (t->depthwise) {
        p->groups = p->ic = p->oc = columns;
        return;
    }
    if (t->kernel->diagonal) { /* blocks that groups fill, the last one perhaps in part */
        depth = t->kernel->diagonal >> between(&t->state, 0, 2);
        p->groups = columns < 2 * depth ? 2 : columns / depth;
        p->ic = p->oc = p->groups * depth;
        return;
    }
    while (p->kh * p->kw > 1 && depth > 2 * t->kernel->kr + 33)
        depth = deck_deal(&t->depth, &t->state);
    p->groups = grouped ? 2 : 1;
    p->ic = depth * p->groups;
    p->oc = columns * p->groups;
}

/* Output positions: `rows` in one line, or in a small plane with padding on every side. */
static void set_plane(struct tails *t, struct krn_problem *p)
{
    int32_t rows = deck_deal(&t->rows, &t->state);
    int plane = between(&t->state, 0, 3) == 0;
    set_output(p, plane ? 2 + rows % 2 : 1, rows);
    if (plane && p->ph > 0 && p->ih > p->ph)
        p->ih -= p->ph; /* so the last rows reach into the padding below */
    if (p->pw > 0 && p->iw > p->pw && between(&t->state, 0, 1))
        p->iw -= p->pw;
    p->n = between(&t->state, 0, 7) == 0 ? 2 : 1;
}

static int add_case(struct hrn_case_list *list, const struct krn_problem *p, uint64_t seed)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct hrn_case *grown = realloc(list->item, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        list->item = grown;
        list->capacity = capacity;
    }
    int error = hrn_case_make(p, seed, &list->item[list->count]);
    if (error == 0)
        list->count++;
    return error;
}

int hrn_cases_tails(const struct krn_problem *problem, const struct krn_kernel *kernel,
                    uint64_t seed, struct hrn_case_list *out)
{
    struct tails t = { .like = problem, .kernel = kernel, .state = seed };
    int error = 0;
    t.depthwise = krn_family_is_depthwise(kernel->family);
    tails_init(&t);
    size_t cases = t.depth.count > t.rows.count ? t.depth.count : t.rows.count;
    cases = (cases > t.columns.count ? cases : t.columns.count) * 3 / 2;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < cases && error == 0; i++) {
        struct krn_problem p = { .n = 1, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1 };
        if (t.depthwise || kernel->family == KRN_FAMILY_WINO || i % 3 == 0)
            set_taps(&t, &p);
        set_channels(&t, &p, problem->groups > 1 && i % 2);
        set_plane(&t, &p);
        if (krn_problem_check(&p, NULL, 0) == 0)
            error = add_case(out, &p, hrn_random(&t.state));
    }
    if (error < 0)
        hrn_cases_clear(out);
    return error;
}
