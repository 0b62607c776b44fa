/* GEMM and IGEMM tiles against plain loops: every m, k around each tail, guard pages on both sides
 * of every row of A, of the panel, of the table and of every row of C, odd and negative strides. */
#include "tests/ukernels/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 160, K_MAX = 300, NR_MAX = 64, CANARY = 0x5a };

struct tile {
    const struct krn_kernel *kernel;
    int m, k, taps, at_end, extreme, spread; /* spread: every row in a page of its own */
    int is_quick;                            /* offsets are written, see enum krn_quick */
    const int8_t *row[ROWS];                 /* [tile][taps][mr] */
    int8_t weights[NR_MAX][3][K_MAX];
    int32_t bias[NR_MAX];
    float scale[NR_MAX];
    struct krn_gemm_args args;
};

static struct arena a_rows, c_rows, panels, tables, packed_rows;

static void put_element(unsigned char *to, int bytes, int64_t index, int8_t value)
{
    int16_t wide = value;
    memcpy(to + index * bytes, bytes == 2 ? (void *)&wide : (void *)&value, (size_t)bytes);
}

/* What bounded sums leave: as near to the ends of the range as the products allow. */
static int32_t quick_bias(const struct tile *t)
{
    int32_t edge = (1 << 23) - 1 - t->k * t->taps * 127 * 128;
    if (!t->extreme)
        return random_below(20001) - 10000;
    return random_below(2) ? edge : -edge;
}

/* Powers of two make ties. Outputs must fit 16 bits. */
static float quick_scale(void)
{
    return random_below(3) ? (float)(1 + random_below(1 << 20)) * 0x1p-29f : 0x1p-9f;
}

/* Elements of depth of which A and the panel have whole groups. */
static int depth_group(const struct krn_kernel *kernel)
{
    return kernel->packs_a == KRN_FEED_WORDS ? 8 : kernel->kr;
}

static int rounded_up(int n, int step)
{
    return (n + step - 1) / step * step;
}

/* Packs as kernel.h states it, at the very end (or beginning) of readable memory. */
static void pack(struct tile *t, int nr, int kr)
{
    int groups = rounded_up(t->k, depth_group(t->kernel)) / kr, wb = t->kernel->w_bytes;
    int head = 4 * nr * (2 + (t->kernel->quick != 0));
    int64_t bytes = head + (int64_t)t->taps * groups * nr * kr * wb;
    unsigned char *panel = arena_row(&panels, 0, bytes, t->at_end);
    memset(panel, 0, (size_t)bytes);
    for (int j = 0; j < nr; j++) {
        uint32_t sum = 0;
        t->bias[j] = t->is_quick ? quick_bias(t) : random_bias(t->extreme);
        t->scale[j] = t->is_quick ? quick_scale() : random_scale();
        for (int tap = 0; tap < t->taps; tap++)
            for (int i = 0; i < t->k; i++) {
                int8_t w = t->weights[j][tap][i] = random_weight(t->extreme);
                sum += (uint32_t)w;
                put_element(panel + head, wb,
                            (((int64_t)tap * groups + i / kr) * nr + j) * kr + i % kr, w);
            }
        uint32_t bias = (uint32_t)t->bias[j] - t->kernel->a_bias * sum;
        float offset = 0x1p126f * t->scale[j];
        if (t->is_quick) {
            bias += KRN_QUICK_SIGNED_BIAS;
            memcpy(panel + 8 * nr + 4 * j, &offset, 4);
        }
        memcpy(panel + 4 * j, &bias, 4);
        memcpy(panel + 4 * nr + 4 * j, &t->scale[j], 4);
    }
    t->args.w = panel;
}

/* Rows in pages of their own, upwards or downwards, or close together. */
static void place_rows(struct tile *t, int count)
{
    int64_t stride = t->k + random_below(5);
    unsigned char *close = arena_row(&a_rows, 0, stride * (count - 1) + t->k, t->at_end);
    for (int i = 0; i < count; i++) {
        unsigned char *row =
            t->spread ? arena_row(&a_rows, t->extreme ? count - 1 - i : i, t->k, t->at_end)
                      : close + i * stride;
        for (int q = 0; q < t->k; q++)
            row[q] = (unsigned char)random_activation(t->extreme);
        t->row[i] = (const int8_t *)row;
    }
}

static int tiles_of(const struct tile *t, int mr)
{
    return (t->m + mr - 1) / mr;
}

/* As kernel.h states it; what no result depends on is noise. */
static void pack_rows(struct tile *t, int mr)
{
    int group = depth_group(t->kernel), depth = rounded_up(t->k, group);
    int width = t->kernel->packs_a == KRN_FEED_WORDS ? 2 : 1;
    int bytes = tiles_of(t, mr) * mr * depth * width;
    unsigned char *to = arena_row(&packed_rows, 0, bytes, 1);
    to -= (uintptr_t)to % 16;
    t->args.a = to;
    t->args.a_stride = 12345;
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)random_below(256);
    for (int i = 0; i < tiles_of(t, mr) * mr; i++)
        for (int q = 0; q < t->k; q++) {
            int64_t at = (int64_t)(i / mr * depth + q / group * group) * mr + i % mr * group;
            put_element(to, width, at + q % group, t->row[i < t->m ? i : t->m - 1][q]);
        }
}

static void set_rows(struct tile *t, int mr)
{
    if (t->kernel->family == KRN_FAMILY_GEMM) {
        place_rows(t, t->m);
        t->args.a = t->row[0];
        t->args.a_stride = t->m > 1 ? t->row[1] - t->row[0] : 12345;
        if (t->kernel->packs_a)
            pack_rows(t, mr);
        return;
    }
    int tiles = tiles_of(t, mr), last = t->m - 1;
    place_rows(t, tiles * mr * t->taps);
    const int8_t **table =
        (const int8_t **)(void *)arena_row(&tables, 0, 8 * tiles * mr * t->taps, t->at_end);
    t->args.a_stride = random_below(2) ? 0 : random_below(100000) - 50000;
    for (int line = 0; line < tiles * t->taps; line++)
        for (int i = 0; i < mr; i++) {
            int valid = line / t->taps * mr + i < t->m ? i : last % mr, at = line * mr + i;
            t->row[at] = t->row[line * mr + valid];
            table[at] = (const int8_t *)((uintptr_t)t->row[at] - (uintptr_t)t->args.a_stride);
        }
    t->args.a = table;
}

static int8_t expected(const struct tile *t, int mr, int i, int j)
{
    uint32_t acc = (uint32_t)t->bias[j];
    int indirect = t->kernel->family == KRN_FAMILY_IGEMM;
    for (int tap = 0; tap < t->taps; tap++) {
        int at = indirect ? (i / mr * t->taps + tap) * mr + i % mr : i;
        for (int q = 0; q < t->k; q++)
            acc += (uint32_t)(t->row[at][q] * t->weights[j][tap][q]);
    }
    return expected_byte((int32_t)acc, t->scale[j], &t->args.out);
}

static int untouched(const unsigned char *p, int bytes)
{
    for (int i = 0; i < bytes; i++)
        if (p[i] != CANARY)
            return 0;
    return 1;
}

/* C in pages of its own: every byte of the page but the row must keep its value. */
static void check_output(struct tile *t, int mr, int nr)
{
    for (int i = 0; i < tiles_of(t, mr) * mr; i++) {
        unsigned char *page = arena_row(&c_rows, i, ARENA_PAGE, 1);
        unsigned char *row = arena_row(&c_rows, i, nr, t->at_end);
        int before = (int)(row - page), used = i < t->m ? nr : 0;
        for (int j = 0; j < used; j++) {
            int8_t want = expected(t, mr, i, j), got = (int8_t)row[j];
            if (want != got) {
                failed(t->kernel, "row %d column %d: %d instead of %d", i, j, got, want);
                break;
            }
        }
        if (!untouched(page, before) || !untouched(row + used, ARENA_PAGE - before - used))
            failed(t->kernel, "wrote beside row %d", i);
        memset(row, CANARY, (size_t)nr);
    }
}

/* C rows close together: a write beyond a row lands in the gap or in the next row. */
static void check_close_output(struct tile *t, int mr, int nr, const unsigned char *area, int room)
{
    int stride = (int)t->args.c_stride;
    for (int i = 0; i < t->m; i++) {
        const unsigned char *row = area + i * stride;
        for (int j = 0; j < nr; j++)
            if ((int8_t)row[j] != expected(t, mr, i, j)) {
                failed(t->kernel, "close row %d column %d: %d", i, j, (int8_t)row[j]);
                break;
            }
        if (!untouched(row + nr, i == t->m - 1 ? room - i * stride - nr : stride - nr))
            failed(t->kernel, "wrote behind close row %d", i);
    }
}

/* Kernels of KRN_QUICK_SIGNED take any rounding and any treatment of subnormals, and leave it. */
static const char *call(struct tile *t)
{
#ifdef __aarch64__
    uint64_t flush = 1u << 24, upwards = 1u << 22, mode = 0, after;
    if (t->kernel->quick == KRN_QUICK_SIGNED && random_below(2))
        mode = random_below(2) ? flush : upwards;
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
    const char *changed = abi_call(t->kernel->fn, &t->args);
    __asm__ volatile("mrs %0, fpcr\nmsr fpcr, xzr" : "=r"(after));
    return after == mode ? changed : "fpcr";
#else
    return abi_call(t->kernel->fn, &t->args);
#endif
}

static void run(struct tile *t)
{
    static unsigned char area[ROWS * (NR_MAX + 8)];
    int mr = t->kernel->mr, nr = t->kernel->nr, room = tiles_of(t, mr) * mr * (nr + 8);
    t->args = (struct krn_gemm_args) { .m = t->m, .k = t->k, .taps = t->taps, .out = random_out() };
    snprintf(current_case, sizeof(current_case), "m %d k %d taps %d %s%s%s", t->m, t->k, t->taps,
             t->at_end ? "at end" : "at start", t->extreme ? " extreme" : "",
             t->spread ? " spread" : "");
    t->is_quick = t->kernel->quick == KRN_QUICK_SIGNED && t->k * t->taps < 512 && random_below(2);
    if (t->is_quick)
        make_full(&t->args.out);
    pack(t, nr, t->kernel->kr);
    set_rows(t, mr);
    memset(area, CANARY, sizeof(area));
    t->args.c = (int8_t *)(t->spread ? arena_row(&c_rows, 0, nr, t->at_end) : area);
    t->args.c_stride = t->spread ? 2 * ARENA_PAGE : nr + random_below(8);
    const char *changed = call(t);
    if (changed)
        failed(t->kernel, "%s not preserved", changed);
    if (t->spread)
        check_output(t, mr, nr);
    else
        check_close_output(t, mr, nr, area, room);
    cases_run++;
}

static int next_k(int k)
{
    static const int far[] = { 63, 64, 65, 79, 95, 96, 97, 127, 128, 129, 144, 191, 256, 271 };
    if (k < 35)
        return k + 1;
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
        if (far[i] > k)
            return far[i];
    return 0;
}

void check_gemm(const struct krn_kernel *kernel)
{
    static struct tile t;
    if (!a_rows.map) {
        a_rows = arena_open(ROWS, 0x7f);
        c_rows = arena_open(ROWS, CANARY);
        panels = arena_open(1, 0x7f);
        tables = arena_open(1, 0x7f);
        packed_rows = arena_open(4, 0x7f);
    }
    t.kernel = kernel;
    for (int m = 1; m <= (kernel->many ? 2 * kernel->mr + 1 : kernel->mr); m++) {
        int whole = m == kernel->mr || m == 1;
        for (int k = 1; k; k = next_k(k)) {
            if (!whole && random_below(6))
                continue;
            t.m = m;
            t.k = k;
            t.taps = kernel->family == KRN_FAMILY_GEMM ? 1 : 1 + random_below(3);
            t.at_end = random_below(2);
            t.spread = random_below(2);
            t.extreme = random_below(3) == 0;
            run(&t);
        }
    }
}
