/* DIRECT runs against plain loops: widths around the step, depths around the unrolled body, taps
 * that the first or the last pixel skips, guard pages around what every tap reads, the panel, the
 * bias and C. */
#include "tests/ukernels/check.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH_MAX = 48, NR_MAX = 112, GROUPS_MAX = 20, KR_MAX = 8, TAPS_MAX = 4, CANARY = 0x5a };

struct run {
    const struct krn_kernel *kernel;
    int width, groups, taps, a_step, at_end, extreme; /* a_step: bytes */
    enum krn_quick quick;                             /* the way that the panel asks for */
    struct krn_tap tap[TAPS_MAX];
    int8_t weights[NR_MAX][TAPS_MAX][GROUPS_MAX * KR_MAX];
    int32_t bias[NR_MAX], sums[NR_MAX][TAPS_MAX];
    float scale[NR_MAX];
    struct krn_direct_args args;
};

static struct arena inputs, outputs, panels, biases, tables;

/* AArch64 kernels skip nothing: there, a tap beside the image costs less than asking. */
static int skips(const struct krn_kernel *k)
{
    return k->copies && k->isa >= KRN_ISA_AVX2;
}

/* Elements of a pixel that a tap reads. */
static int reach(const struct run *r)
{
    return r->kernel->diagonal ? r->kernel->nr : r->groups * r->kernel->kr;
}

/* The first one that column j is multiplied with. */
static int first_of(const struct krn_kernel *k, int j)
{
    return k->diagonal ? j / k->diagonal * k->diagonal : 0;
}

/* Where in a panel column j stands, and where the weights of its group of depth. */
static int place_of(const struct krn_kernel *k, int j)
{
    int place = 0;
    while (k->diagonal && krn_diagonal_column(k, place) != j)
        place++;
    return k->diagonal ? place : j;
}

static int step_of(const struct krn_kernel *k, int place, int group)
{
    int step = 0;
    while (k->diagonal && krn_diagonal_group(k, place, step) != group)
        step++;
    return k->diagonal ? step : group;
}

/* Element i of what a pixel reads, as the MAC sees it. */
static int element(const struct krn_kernel *k, const void *a, int i)
{
    int16_t word;
    if (k->w_bytes == 1)
        return k->copies && k->a_bias ? ((const uint8_t *)a)[i]
                                      : ((const int8_t *)a)[i] + k->a_bias;
    memcpy(&word, (const char *)a + 2 * i, sizeof(word));
    return word;
}

static void set_inputs(struct run *r)
{
    const struct krn_kernel *k = r->kernel;
    int bytes = (r->width - 1) * r->a_step + reach(r) * k->w_bytes;
    for (int t = 0; t < r->taps; t++) {
        unsigned char *p = arena_row(&inputs, t, bytes, r->at_end);
        for (int i = 0; i < bytes; i++)
            p[i] = (unsigned char)random_activation(r->extreme);
        if (k->w_bytes == 2) /* words between -128 and 127, wherever a pixel begins */
            for (int i = bytes - 2; i >= 0; i--) {
                int8_t low = random_activation(r->extreme);
                int16_t word = low;
                if (i % r->a_step % 2 == 0)
                    memcpy(p + i, &word, sizeof(word));
            }
        r->tap[t].a = p;
    }
    struct krn_tap *table = (void *)arena_row(&tables, 0, (int64_t)sizeof(*table) * r->taps, 1);
    memcpy(table, r->tap, sizeof(*table) * (size_t)r->taps);
    r->args.taps = table;
}

static int head_of(const struct krn_kernel *k)
{
    return (k->quick ? 12 : 8) * k->nr;
}

static void put_column(struct run *r, unsigned char *panel, int j, int tap_bytes)
{
    const struct krn_kernel *k = r->kernel;
    int nr = k->nr, kr = k->kr, place = place_of(k, j);
    for (int t = 0; t < r->taps; t++) {
        for (int i = 0; i < r->groups * kr; i++) {
            int8_t w = r->weights[j][t][i] = random_weight(r->extreme);
            int16_t wide = w;
            int at = (step_of(k, place, i / kr) * nr + place) * kr + i % kr;
            memcpy(panel + head_of(k) + t * tap_bytes + at * k->w_bytes,
                   k->w_bytes == 2 ? (void *)&wide : (void *)&w, k->w_bytes);
        }
        r->sums[j][t] = random_bias(0);
        memcpy(panel + r->tap[t].skipped + 4 * place, &r->sums[j][t], 4);
    }
}

/* What the sums of a case can be apart from their bias. */
static int64_t most_of(const struct run *r)
{
    return (int64_t)r->taps * (r->groups * r->kernel->kr * 255 * 127 + 100000);
}

/* BOUNDED, extreme: as near to the ends of 30 bits as the products allow, at scales up to 1. */
static int32_t bias_of(const struct run *r)
{
    int32_t edge = (int32_t)((1 << 30) - 1 - most_of(r));
    if (r->quick != KRN_QUICK_BOUNDED || !r->extreme)
        return random_bias(r->extreme && r->quick == KRN_QUICK_NONE);
    return random_below(2) ? edge : -edge;
}

/* Which ways of the kernel a case of this size may take. */
static enum krn_quick choose_way(const struct run *r)
{
    int is_small = most_of(r) + 100000 < 1 << 23;
    switch (r->kernel->quick) {
    case KRN_QUICK_RECTIFIED:
        return is_small && random_below(2) ? KRN_QUICK_RECTIFIED : KRN_QUICK_NONE;
    case KRN_QUICK_BOUNDED:
        return is_small && random_below(2) ? KRN_QUICK_RECTIFIED
               : random_below(3)           ? KRN_QUICK_BOUNDED
                                           : KRN_QUICK_NONE;
    default:
        return KRN_QUICK_NONE;
    }
}

static void pack(struct run *r)
{
    int nr = r->kernel->nr, tap_bytes = r->groups * nr * r->kernel->kr * r->kernel->w_bytes;
    int head = head_of(r->kernel), bytes = head + r->taps * (tap_bytes + 4 * nr);
    unsigned char *panel = arena_row(&panels, 0, bytes, r->at_end);
    int32_t *bias = (void *)arena_row(&biases, 0, 4 * nr, r->at_end);
    memset(panel, 0x7e, (size_t)bytes);
    for (int t = 0; t < r->taps; t++)
        r->tap[t] = (struct krn_tap) { .w = t * tap_bytes,
                                       .skipped = head + r->taps * tap_bytes + t * 4 * nr,
                                       .skip = skips(r->kernel) ? random_below(3) : 0 };
    for (int j = 0; j < nr; j++) {
        r->bias[j] = bias_of(r);
        r->scale[j] = random_scale();
        int place = place_of(r->kernel, j), is_raised = r->quick == KRN_QUICK_RECTIFIED;
        float offset = is_raised ? -0x1p23f * r->scale[j] : r->quick != KRN_QUICK_NONE;
        bias[place] = (int32_t)((uint32_t)r->bias[j] + (is_raised ? KRN_QUICK_BIAS : 0));
        memcpy(panel + 4 * nr + 4 * place, &r->scale[j], 4);
        if (r->kernel->quick)
            memcpy(panel + 8 * nr + 4 * place, &offset, 4);
        put_column(r, panel, j, tap_bytes);
    }
    r->args.w = panel;
    r->args.bias = bias;
}

static int8_t expected(const struct run *r, int x, int j)
{
    uint32_t acc = (uint32_t)r->bias[j];
    for (int t = 0; t < r->taps; t++) {
        const char *a = (const char *)r->tap[t].a + x * r->a_step;
        if ((r->tap[t].skip == KRN_SKIP_FIRST && x == 0) ||
            (r->tap[t].skip == KRN_SKIP_LAST && x == r->width - 1)) {
            acc += (uint32_t)r->sums[j][t];
            continue;
        }
        for (int i = 0; i < r->groups * r->kernel->kr; i++)
            acc +=
                (uint32_t)(element(r->kernel, a, first_of(r->kernel, j) + i) * r->weights[j][t][i]);
    }
    return expected_byte((int32_t)acc, r->scale[j], &r->args.out);
}

static void check_output(const struct run *r, unsigned char *c, int bytes)
{
    unsigned char *page = arena_row(&outputs, 0, ARENA_PAGE, 1), want[ARENA_PAGE];
    int nr = r->kernel->nr, stride = (int)r->args.c_stride;
    memset(want, CANARY, sizeof(want));
    for (int x = 0; x < r->width; x++)
        for (int j = 0; j < nr; j++)
            want[c - page + x * stride + j] = (unsigned char)expected(r, x, j);
    for (int i = 0; i < ARENA_PAGE; i++)
        if (page[i] != want[i]) {
            int at = (int)(page + i - c);
            failed(r->kernel, "byte %d of C (%d bytes, stride %d): %d instead of %d", at, bytes,
                   stride, (int8_t)page[i], (int8_t)want[i]);
            break;
        }
    memset(page, CANARY, ARENA_PAGE);
}

static void run(struct run *r)
{
    static const char *const ways[] = {
        [KRN_QUICK_NONE] = "",
        [KRN_QUICK_RECTIFIED] = " rectified",
        [KRN_QUICK_SIGNED] = " signed",
        [KRN_QUICK_BOUNDED] = " bounded",
    };
    int nr = r->kernel->nr, stride = nr + random_below(8);
    int bytes = (r->width - 1) * stride + nr;
    unsigned char *c = arena_row(&outputs, 0, bytes, r->at_end);
    r->args = (struct krn_direct_args) { .tap_count = r->taps,
                                         .a_step = r->a_step,
                                         .c = (int8_t *)c,
                                         .c_stride = stride,
                                         .width = r->width,
                                         .groups = r->groups,
                                         .out = random_out() };
    r->quick = choose_way(r);
    if (r->quick == KRN_QUICK_RECTIFIED)
        rectify(&r->args.out);
    snprintf(current_case, sizeof(current_case), "width %d groups %d taps %d step %d %s%s%s",
             r->width, r->groups, r->taps, r->a_step, r->at_end ? "at end" : "at start",
             r->extreme ? " extreme" : "", ways[r->quick]);
    pack(r);
    set_inputs(r);
    const char *changed = abi_call(r->kernel->fn, &r->args);
    if (changed)
        failed(r->kernel, "%s not preserved", changed);
    check_output(r, c, bytes);
    cases_run++;
}

void check_direct(const struct krn_kernel *kernel)
{
    static struct run r;
    if (!inputs.map) {
        inputs = arena_open(TAPS_MAX, 0x7f);
        outputs = arena_open(1, CANARY);
        panels = arena_open(1, 0x7f);
        biases = arena_open(1, 0x7f);
        tables = arena_open(1, 0x7f);
    }
    r.kernel = kernel;
    for (int width = kernel->mr; width <= 3 * kernel->mr + 1 && width <= WIDTH_MAX; width++)
        for (int round = 0; round < 5; round++) {
            r.width = width;
            r.groups = round == 0 ? 1 + random_below(4) : 1 + random_below(GROUPS_MAX);
            if (kernel->diagonal)
                r.groups = kernel->diagonal / kernel->kr;
            r.taps = round == 1 ? 0 : 1 + random_below(TAPS_MAX);
            r.a_step = kernel->w_bytes * (1 + random_below(24));
            r.at_end = random_below(2);
            r.extreme = random_below(3) == 0;
            run(&r);
        }
}
