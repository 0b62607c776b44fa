/* DWROWS bands against plain loops: widths around the step, channels around the block, guard pages
 * around every row of the input, the table of rows, the weights and C. */
#include "tests/ukernels/check.h"

#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 16, SIDE_MAX = 5, CHANNELS_MAX = 128, CANARY = 0x5a };

struct band {
    const struct krn_kernel *kernel;
    int width, channels, at_end, extreme;
    const unsigned char *row[ROWS_MAX];
    int8_t weights[CHANNELS_MAX][SIDE_MAX][SIDE_MAX];
    int32_t bias[CHANNELS_MAX];
    float scale[CHANNELS_MAX];
    struct krn_dwrows_args args;
};

static struct arena inputs, outputs, records, tables;

static int rows_in(const struct krn_kernel *k)
{
    return (k->mr - 1) * k->stride + krn_dwrows_side(k);
}

static void set_inputs(struct band *b)
{
    const struct krn_kernel *k = b->kernel;
    int count = (int)krn_dwrows_reach(k, b->width) * b->channels;
    const void **table = (const void **)(void *)arena_row(&tables, 0, 8 * rows_in(k), b->at_end);
    for (int i = 0; i < rows_in(k); i++) {
        unsigned char *p = arena_row(&inputs, i, count * k->w_bytes, b->at_end);
        for (int e = 0; e < count; e++) {
            int16_t word = random_activation(b->extreme);
            if (k->w_bytes == 2)
                memcpy(p + 2 * e, &word, sizeof(word));
            else
                p[e] = (unsigned char)word;
        }
        table[i] = b->row[i] = p;
    }
    b->args.rows = table;
}

static void draw_channel(struct band *b, int c)
{
    int side = krn_dwrows_side(b->kernel);
    b->bias[c] = random_bias(b->extreme);
    b->scale[c] = random_scale();
    for (int t = 0; t < side * side; t++)
        b->weights[c][t / side][t % side] = random_weight(b->extreme);
}

static void pack_place(const struct band *b, int c, unsigned char *record, int j)
{
    const struct krn_kernel *k = b->kernel;
    int side = krn_dwrows_side(k), groups = krn_dwrows_groups(k);
    int places = krn_dwrows_places(k);
    memcpy(record + 4 * j, &b->bias[c], 4);
    memcpy(record + 4 * places + 4 * j, &b->scale[c], 4);
    for (int t = 0; t < side * side; t++) {
        int8_t w = b->weights[c][t / side][t % side];
        int16_t wide = w;
        for (int x = 0; x < krn_dwrows_step(k); x++) {
            int at = t % side + x * k->stride;
            int group = (x * side + t / side) * groups + at / k->kr;
            memcpy(record + 8 * places + ((group * places + j) * k->kr + at % k->kr) * k->w_bytes,
                   k->w_bytes == 2 ? (void *)&wide : (void *)&w, k->w_bytes);
        }
    }
}

static void pack(struct band *b)
{
    const struct krn_kernel *k = b->kernel;
    int nr = k->nr, blocks = (b->channels + nr - 1) / nr;
    int places = krn_dwrows_places(k);
    int rounds = krn_dwrows_step(k) * krn_dwrows_side(k) * krn_dwrows_groups(k);
    int bytes = (8 * places + rounds * places * 4 + 63) / 64 * 64;
    unsigned char *record = arena_row(&records, 0, (int64_t)bytes * blocks, b->at_end);
    memset(record, 0, (size_t)bytes * (size_t)blocks);
    for (int c = 0; c < b->channels; c++)
        draw_channel(b, c);
    for (int i = 0; i < blocks; i++) {
        int first = i * nr < b->channels - nr ? i * nr : b->channels - nr;
        for (int j = 0; j < places; j++)
            pack_place(b, first + krn_dwrows_channel(k, j), record + i * bytes, j);
    }
    b->args.w = record;
}

static int8_t expected(const struct band *b, int y, int x, int c)
{
    const struct krn_kernel *k = b->kernel;
    uint32_t acc = (uint32_t)b->bias[c];
    for (int ky = 0; ky < krn_dwrows_side(k); ky++)
        for (int kx = 0; kx < krn_dwrows_side(k); kx++) {
            const unsigned char *row = b->row[y * k->stride + ky];
            int at = (x * k->stride + kx) * b->channels + c, a = row[at];
            int16_t word;
            if (k->w_bytes == 2) {
                memcpy(&word, row + 2 * at, sizeof(word));
                a = word;
            }
            acc += (uint32_t)(a * b->weights[c][ky][kx]);
        }
    return expected_byte((int32_t)acc, b->scale[c], &b->args.out);
}

static void check_output(const struct band *b, unsigned char *c, unsigned char *page, int room)
{
    static unsigned char want[64 * ARENA_PAGE];
    memset(want, CANARY, (size_t)room);
    for (int y = 0; y < b->kernel->mr; y++)
        for (int x = 0; x < b->width; x++)
            for (int i = 0; i < b->channels; i++)
                want[c - page + y * b->args.c_row + x * b->args.c_stride + i] =
                    (unsigned char)expected(b, y, x, i);
    for (int i = 0; i < room; i++)
        if (page[i] != want[i]) {
            failed(b->kernel, "byte %d of C: %d instead of %d", (int)(page + i - c),
                   (int8_t)page[i], (int8_t)want[i]);
            break;
        }
}

/* C in a page of its own, against its guard, or where a page is too small with a canary around. */
static void run(struct band *b)
{
    static unsigned char area[64 * ARENA_PAGE];
    int stride = b->channels + random_below(5), row = b->width * stride + random_below(9);
    int last = (b->kernel->mr - 1) * row + (b->width - 1) * stride + b->channels;
    int paged = last <= ARENA_PAGE, room = paged ? ARENA_PAGE : (int)sizeof(area);
    unsigned char *page = paged ? arena_row(&outputs, 0, ARENA_PAGE, 1) : area;
    unsigned char *c = paged ? arena_row(&outputs, 0, last, b->at_end) : area + random_below(row);
    b->args = (struct krn_dwrows_args) { .a_step = b->channels * b->kernel->w_bytes,
                                         .c = (int8_t *)c,
                                         .c_stride = stride,
                                         .c_row = row,
                                         .channels = b->channels,
                                         .width = b->width,
                                         .out = random_out() };
    snprintf(current_case, sizeof(current_case), "width %d channels %d %s%s", b->width, b->channels,
             b->at_end ? "at end" : "at start", b->extreme ? " extreme" : "");
    pack(b);
    set_inputs(b);
    memset(page, CANARY, (size_t)room);
    const char *changed = abi_call(b->kernel->fn, &b->args);
    if (changed)
        failed(b->kernel, "%s not preserved", changed);
    check_output(b, c, page, room);
    cases_run++;
}

void check_dwrows(const struct krn_kernel *kernel)
{
    static struct band b;
    if (!inputs.map) {
        inputs = arena_open(ROWS_MAX, 0x7f);
        outputs = arena_open(1, CANARY);
        records = arena_open(1, 0x7f); /* longer than a page: see arena_row() */
        tables = arena_open(1, 0x7f);
    }
    b.kernel = kernel;
    int nr = kernel->nr, step = krn_dwrows_step(kernel);
    const int channels[] = { nr, nr + 1, nr + 7 };
    for (int width = step; width <= 2 * step + 2; width++)
        for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
            b.width = width;
            b.channels = channels[i];
            while (krn_dwrows_reach(kernel, b.width) * b.channels * kernel->w_bytes > ARENA_PAGE)
                b.width--;
            b.at_end = random_below(2);
            b.extreme = random_below(3) == 0;
            run(&b);
        }
}
