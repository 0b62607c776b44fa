/* Depthwise rows against plain loops: widths around the step, channels around the block, tap counts
 * odd and even, shared pointers, guard pages around every input vector, the table, the weights and
 * C. */
#include "tests/ukernels/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 64, CHANNELS_MAX = 128, TAPS_MAX = 25, CANARY = 0x5a, TABLE_MAX = 400 };

struct row {
    const struct krn_kernel *kernel;
    int width, channels, taps, step, at_end, extreme;
    const int8_t *input[TABLE_MAX];
    int8_t weights[CHANNELS_MAX][TAPS_MAX];
    int32_t bias[CHANNELS_MAX];
    float scale[CHANNELS_MAX];
    struct krn_dw_args args;
};

static struct arena inputs, outputs, records, tables;

static void set_inputs(struct row *r)
{
    int count = (r->width - 1) * r->step + r->taps;
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

static void pack_block(const struct row *r, int first, unsigned char *record)
{
    int nr = r->kernel->nr, kr = r->kernel->kr, wb = r->kernel->w_bytes;
    for (int j = 0; j < nr; j++) {
        uint32_t sum = 0;
        for (int t = 0; t < r->taps; t++) {
            int8_t w = r->weights[first + j][t];
            int16_t wide = w;
            int64_t index = ((int64_t)(t / kr) * nr + j) * kr + t % kr;
            sum += (uint32_t)w;
            memcpy(record + 8 * nr + index * wb, wb == 2 ? (void *)&wide : (void *)&w, (size_t)wb);
        }
        int32_t bias = (int32_t)((uint32_t)r->bias[first + j] - r->kernel->a_bias * sum);
        memcpy(record + 4 * j, &bias, 4);
        memcpy(record + 4 * nr + 4 * j, &r->scale[first + j], 4);
    }
}

static void pack(struct row *r)
{
    int nr = r->kernel->nr, kr = r->kernel->kr, blocks = (r->channels + nr - 1) / nr;
    int bytes = (8 * nr + (r->taps + kr - 1) / kr * kr * nr * r->kernel->w_bytes + 63) / 64 * 64;
    unsigned char *record = arena_row(&records, 0, (int64_t)bytes * blocks, r->at_end);
    for (int c = 0; c < r->channels; c++) {
        r->bias[c] = random_bias(r->extreme);
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

static int8_t expected(const struct row *r, int x, int c)
{
    uint32_t acc = (uint32_t)r->bias[c];
    for (int t = 0; t < r->taps; t++)
        acc += (uint32_t)(r->input[x * r->step + t][c] * r->weights[c][t]);
    return expected_byte((int32_t)acc, r->scale[c], &r->args.out);
}

static void check_output(struct row *r)
{
    for (int x = 0; x < r->width + 2; x++) {
        unsigned char *page = arena_row(&outputs, x, ARENA_PAGE, 1);
        unsigned char *row = arena_row(&outputs, x, r->channels, r->at_end);
        int used = x < r->width ? r->channels : 0;
        for (int c = 0; c < used; c++)
            if ((int8_t)row[c] != expected(r, x, c)) {
                failed(r->kernel, "pixel %d channel %d: %d instead of %d", x, c, (int8_t)row[c],
                       expected(r, x, c));
                break;
            }
        memset(row, CANARY, (size_t)used);
        for (int i = 0; i < ARENA_PAGE; i++)
            if (page[i] != CANARY) {
                failed(r->kernel, "wrote beside pixel %d", x);
                break;
            }
    }
}

static void run(struct row *r)
{
    r->args = (struct krn_dw_args) { .channels = r->channels, .width = r->width, .taps = r->taps };
    r->args.out = random_out();
    snprintf(current_case, sizeof(current_case), "width %d channels %d taps %d step %d %s%s",
             r->width, r->channels, r->taps, r->step, r->at_end ? "at end" : "at start",
             r->extreme ? " extreme" : "");
    pack(r);
    set_inputs(r);
    r->args.c = (int8_t *)arena_row(&outputs, 0, r->channels, r->at_end);
    r->args.c_stride = 2 * ARENA_PAGE;
    const char *changed = abi_call(r->kernel->fn, &r->args);
    if (changed)
        failed(r->kernel, "%s not preserved", changed);
    check_output(r);
    cases_run++;
}

void check_dw(const struct krn_kernel *kernel)
{
    static const int taps[] = { 1, 2, 3, 4, 5, 6, 8, 9, 10, 15, 16, 17, 18, 19, 25 };
    static struct row r;
    if (!inputs.map) {
        inputs = arena_open(SLOTS, 0x7f);
        outputs = arena_open(SLOTS, CANARY);
        records = arena_open(4, 0x7f); /* one run of pages: see arena_row() */
        tables = arena_open(1, 0x7f);
    }
    r.kernel = kernel;
    int nr = kernel->nr, channels[] = { nr, nr + 1, 2 * nr - 1, 2 * nr, 2 * nr + 3, 3 * nr };
    for (size_t t = 0; t < sizeof(taps) / sizeof(taps[0]); t++)
        for (size_t c = 0; c < sizeof(channels) / sizeof(channels[0]); c++) {
            if (kernel->taps && kernel->taps != taps[t])
                continue;
            r.taps = taps[t];
            r.channels = channels[c];
            r.width = 1 + random_below(kernel->mr * 2 + 2);
            r.step = 1 + random_below(taps[t]);
            r.at_end = random_below(2);
            r.extreme = random_below(3) == 0;
            run(&r);
        }
}
