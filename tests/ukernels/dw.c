/* Depthwise rows against plain loops: widths around the step, channels around the block, tap counts
 * odd and even, shared pointers, guard pages around every input vector, the table, the weights and
 * C. */
#include "tests/ukernels/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 128,
    ROWS_MAX = 8,
    CHANNELS_MAX = 192,
    TAPS_MAX = 25,
    CANARY = 0x5a,
    TABLE_MAX = 400
};

struct row {
    const struct krn_kernel *kernel;
    int width, channels, taps, step, at_end, extreme;
    int rows, column; /* output rows; DWC: pointers of a column */
    int is_quick;     /* offsets are written, see KRN_QUICK_BIAS */
    const int8_t *input[TABLE_MAX];
    int8_t weights[CHANNELS_MAX][TAPS_MAX];
    int32_t bias[CHANNELS_MAX];
    float scale[CHANNELS_MAX];
    struct krn_dw_args args;
};

static struct arena inputs, outputs, records, tables;

static void set_inputs(struct row *r)
{
    int window = r->column ? r->kernel->filter * r->column : r->taps;
    int count = (r->width - 1) * r->step + window;
    const int8_t **table = (const int8_t **)(void *)arena_row(&tables, 0, 8 * count, r->at_end);
    for (int i = 0; i < SLOTS; i++) {
        unsigned char *p = arena_row(&inputs, i, r->channels, r->at_end);
        for (int c = 0; c < r->channels; c++)
            p[c] = (unsigned char)random_activation(r->extreme);
    }
    for (int i = 0; i < count; i++)
        table[i] = r->input[i] =
            (const int8_t *)arena_row(&inputs, random_below(SLOTS), r->channels, r->at_end);
    r->args.a = table;
    r->args.a_step = r->step;
}

/* Where in the body of a record tap `t` (columns first) of output row `row` is. */
static int64_t weight_index(const struct row *r, int j, int t, int row)
{
    int nr = r->kernel->nr, kr = r->kernel->kr, filter = r->kernel->filter;
    if (!r->column || kr == 1)
        return ((int64_t)(t / kr) * nr + j) * kr + t % kr;
    int groups = (r->column + 3) / 4, y = t % filter + row * r->kernel->stride;
    return ((((int64_t)(t / filter) * groups + y / 4) * r->rows + row) * nr + j) * 4 + y % 4;
}

static int64_t quad_index(const struct krn_kernel *k, int j, int t, int shift)
{
    int y = t % k->filter + shift, group = t / k->filter * krn_quads_groups(k) + y / 4;
    return ((int64_t)(group * krn_quads_shifts(k) + shift) * k->places + j) * 4 + y % 4;
}

/* Values of a block, parts of the head, and how often a weight is there. */
static int places_of(const struct krn_kernel *k)
{
    return k->places ? k->places : k->nr;
}

static int copies_of(const struct row *r)
{
    return r->kernel->places ? krn_quads_shifts(r->kernel) : r->rows;
}

static int head_of(const struct krn_kernel *k)
{
    return places_of(k) * 4 * (2 + k->quick);
}

static void pack_head(const struct row *r, int c, uint32_t sum, unsigned char *record, int j)
{
    int places = places_of(r->kernel);
    float offset = -0x1p23f * r->scale[c];
    uint32_t bias = (uint32_t)r->bias[c] - r->kernel->a_bias * sum;
    if (r->is_quick) {
        bias += KRN_QUICK_BIAS;
        memcpy(record + 8 * places + 4 * j, &offset, 4);
    }
    memcpy(record + 4 * j, &bias, 4);
    memcpy(record + 4 * places + 4 * j, &r->scale[c], 4);
}

static void pack_block(const struct row *r, int first, unsigned char *record)
{
    const struct krn_kernel *k = r->kernel;
    int wb = k->w_bytes;
    for (int j = 0; j < places_of(k); j++) {
        uint32_t sum = 0;
        int c = first + (k->places ? krn_quads_channel(k, j) : j);
        for (int t = 0; t < r->taps; t++) {
            int8_t w = r->weights[c][t];
            int16_t wide = w;
            sum += (uint32_t)w;
            for (int i = 0; i < copies_of(r); i++) {
                int64_t at = k->places ? quad_index(k, j, t, i) : weight_index(r, j, t, i);
                memcpy(record + head_of(k) + at * wb, wb == 2 ? (void *)&wide : (void *)&w,
                       (size_t)wb);
            }
        }
        pack_head(r, c, sum, record, j);
    }
}

static void pack(struct row *r)
{
    int nr = r->kernel->nr, kr = r->kernel->kr, blocks = (r->channels + nr - 1) / nr;
    int weights = (r->taps + kr - 1) / kr * kr;
    if (r->column && kr == 4)
        weights = r->kernel->filter * ((r->column + 3) / 4) * 4 * r->rows;
    if (r->kernel->places)
        weights = r->kernel->filter * krn_quads_groups(r->kernel) * 4 * copies_of(r);
    int bytes = head_of(r->kernel) + weights * places_of(r->kernel) * r->kernel->w_bytes;
    bytes = (bytes + 63) / 64 * 64;
    unsigned char *record = arena_row(&records, 0, (int64_t)bytes * blocks, r->at_end);
    for (int c = 0; c < r->channels; c++) {
        r->bias[c] = r->is_quick ? random_quick_bias(r->extreme) : random_bias(r->extreme);
        r->scale[c] = random_scale();
        for (int t = 0; t < r->taps; t++)
            r->weights[c][t] = random_weight(r->extreme);
    }
    memset(record, 0, (size_t)bytes * (size_t)blocks);
    for (int b = 0; b < blocks; b++) {
        int first = b * nr < r->channels - nr ? b * nr : r->channels - nr;
        pack_block(r, first, record + b * bytes);
    }
    r->args.w = record;
}

static int8_t expected(const struct row *r, int row, int x, int c)
{
    uint32_t acc = (uint32_t)r->bias[c];
    for (int t = 0; t < r->taps; t++) {
        int filter = r->kernel->filter, at = t;
        if (r->column)
            at = t / filter * r->column + t % filter + row * r->kernel->stride;
        acc += (uint32_t)(r->input[x * r->step + at][c] * r->weights[c][t]);
    }
    return expected_byte((int32_t)acc, r->scale[c], &r->args.out);
}

/* Output row `row`, which has its own part of the slots. */
static void check_output(struct row *r, int row)
{
    for (int x = 0; x < SLOTS / ROWS_MAX; x++) {
        unsigned char *page = arena_row(&outputs, x + row * (SLOTS / ROWS_MAX), ARENA_PAGE, 1);
        unsigned char *pixel =
            arena_row(&outputs, x + row * (SLOTS / ROWS_MAX), r->channels, r->at_end);
        int used = x < r->width && row < r->rows ? r->channels : 0;
        for (int c = 0; c < used; c++)
            if ((int8_t)pixel[c] != expected(r, row, x, c)) {
                failed(r->kernel, "row %d pixel %d channel %d: %d instead of %d", row, x, c,
                       (int8_t)pixel[c], expected(r, row, x, c));
                break;
            }
        memset(pixel, CANARY, (size_t)used);
        for (int i = 0; i < ARENA_PAGE; i++)
            if (page[i] != CANARY) {
                failed(r->kernel, "wrote beside row %d pixel %d", row, x);
                break;
            }
    }
}

static void run(struct row *r)
{
    r->args = (struct krn_dw_args) { .channels = r->channels, .width = r->width, .taps = r->taps };
    r->args.out = random_out();
    r->is_quick = r->kernel->quick && random_below(2);
    if (r->is_quick)
        rectify(&r->args.out);
    snprintf(current_case, sizeof(current_case), "width %d channels %d taps %d step %d %s%s",
             r->width, r->channels, r->taps, r->step, r->at_end ? "at end" : "at start",
             r->is_quick  ? r->extreme ? " extreme quick" : " quick"
             : r->extreme ? " extreme"
                          : "");
    pack(r);
    set_inputs(r);
    r->args.c = (int8_t *)arena_row(&outputs, 0, r->channels, r->at_end);
    r->args.c_stride = 2 * ARENA_PAGE;
    r->args.c_row = r->args.c_stride * (SLOTS / ROWS_MAX);
    const char *changed = abi_call(r->kernel->fn, &r->args);
    if (changed)
        failed(r->kernel, "%s not preserved", changed);
    for (int row = 0; row < ROWS_MAX; row++)
        check_output(r, row);
    cases_run++;
}

void check_dw(const struct krn_kernel *kernel)
{
    static const int taps[] = { 1, 2, 3, 4, 5, 6, 8, 9, 10, 15, 16, 17, 18, 19, 25 };
    static struct row r;
    if (!inputs.map) {
        inputs = arena_open(SLOTS, 0x7f);
        outputs = arena_open(SLOTS, CANARY);
        records = arena_open(8, 0x7f); /* one run of pages: see arena_row() */
        tables = arena_open(1, 0x7f);
    }
    int columns = kernel->family == KRN_FAMILY_DWC, filter = kernel->filter;
    r.kernel = kernel;
    r.rows = columns ? kernel->rows : 1;
    r.column = columns ? filter + (r.rows - 1) * kernel->stride : 0;
    int nr = kernel->nr, channels[] = { nr, nr + 1, 2 * nr - 1, 2 * nr, 2 * nr + 3, 3 * nr };
    for (size_t t = 0; t < sizeof(taps) / sizeof(taps[0]); t++)
        for (size_t c = 0; c < sizeof(channels) / sizeof(channels[0]); c++) {
            if ((kernel->taps && kernel->taps != taps[t]) || (columns && taps[t] > 2 * filter))
                continue;
            r.taps = columns ? filter * filter : taps[t];
            r.channels = channels[c];
            r.width = 1 + random_below(kernel->mr * 2 + 2 + 2 * filter);
            if (kernel->places)
                r.width = krn_quads_step(kernel) + random_below(7);
            r.step = columns ? kernel->stride * r.column : 1 + random_below(taps[t]);
            r.at_end = random_below(2);
            r.extreme = random_below(3) == 0;
            run(&r);
        }
}
