/* x86-64 depthwise by rows: bytes of four neighbouring pixels (words of two) are interleaved, so
 * that one MAC sums them for a lane; the interleaved vectors serve all output pixels of a step and
 * all output rows whose filters reach that row of the input, and so do weights. */
#include "variants/x86_int.h"

#include <errno.h>
#include <stddef.h>

#define ARG(field) ((int)offsetof(struct krn_dwrows_args, field))

enum { ROWS_MAX = 16, GROUPS_MAX = 3, VECTORS_MAX = 4, ACC_MAX = 8 * 4 * VECTORS_MAX };

struct dwrows {
    struct ir *ir;
    const struct var_variant *v;
    struct krn_kernel kernel;
    int nr, kr, side, stride, groups, step;
    int bands, rows, vectors; /* rows: of a band; vectors: accumulators of one pixel */
    int places;
    int args, record, begin, left, c, pixel, pixel3; /* virtual registers, as all below */
    int row[ROWS_MAX];
    int acc[ACC_MAX]; /* [row][pixel][vector] */
};

static int gpr(struct dwrows *d, const char *group)
{
    return ir_vreg(d->ir, IR_GPR, group);
}

static int vec(struct dwrows *d, const char *group)
{
    return ir_vreg(d->ir, IR_VEC, group);
}

static int load_arg(struct dwrows *d, const char *group, int offset)
{
    int reg = gpr(d, group);
    IR(d->ir, IR_LOAD64, reg, d->args, offset);
    return reg;
}

static int rows_in(const struct dwrows *d)
{
    return (d->bands * d->rows - 1) * d->stride + d->side;
}

/* Whether a pixel of the group has a weight for some output pixel of the step. */
static int is_used(const struct dwrows *d, int pixel)
{
    for (int x = 0; x < d->step; x++)
        if (pixel - x * d->stride >= 0 && pixel - x * d->stride < d->side)
            return 1;
    return 0;
}

/* Whether output pixel x has any weight in the group. */
static int has_weights(const struct dwrows *d, int group, int x)
{
    for (int t = 0; t < d->kr; t++) {
        int column = group * d->kr + t - x * d->stride;
        if (column >= 0 && column < d->side)
            return 1;
    }
    return 0;
}

/* ---- Interleaved input */

/* Where a group of pixels of a row begins. */
static int group_base(struct dwrows *d, int row, int group)
{
    int base = d->row[row];
    for (int at = 0; at < group * d->kr; at += 4) {
        int next = gpr(d, "temporaries");
        IR(d->ir, X86_LEA, next, base, d->pixel, group * d->kr - at >= 4 ? 4 : 2);
        base = next;
    }
    return base;
}

/* Pixel t of a group: of the first band, and of the second one into the high half. */
static int load_pixel(struct dwrows *d, const int *base, int t, int offset)
{
    static const int load[2][2] = { { X86_LOAD, X86_LOAD_INDEX }, { X86_LOADY, X86_LOADY_INDEX } };
    static const int add[2] = { X86_INSERTY, X86_INSERTY_INDEX };
    int pixel = vec(d, "A"), two = d->bands == 2;
    int index = t == 3 ? d->pixel3 : d->pixel, scale = t == 2 ? 2 : 1;
    if (t == 0)
        IR(d->ir, load[two][0], pixel, base[0], offset);
    else
        IR(d->ir, load[two][1], pixel, base[0], index, scale, offset);
    if (two && t == 0)
        IR(d->ir, add[0], pixel, base[1], offset);
    else if (two)
        IR(d->ir, add[1], pixel, base[1], index, scale, offset);
    return pixel;
}

/* The pixels of a group of one row: chunk `chunk` of its channels. An unused one is any other. */
static void load_pixels(struct dwrows *d, int row, int group, int chunk, int *pixel)
{
    int base[2] = { group_base(d, row, group) };
    if (d->bands == 2)
        base[1] = group_base(d, row + d->rows * d->stride, group);
    for (int t = 0; t < d->kr; t++) {
        if (t && !is_used(d, group * d->kr + t))
            pixel[t] = pixel[t - 1];
        else
            pixel[t] = load_pixel(d, base, t, 32 * chunk);
    }
}

static void pair(struct dwrows *d, int lo_op, int hi_op, int a, int b, int *lo, int *hi)
{
    *lo = vec(d, "A");
    *hi = vec(d, "A");
    IR(d->ir, lo_op, *lo, a, b);
    IR(d->ir, hi_op, *hi, a, b);
}

/* Four vectors of bytes, or two of words, in the order of krn_dwrows_channel(). */
static void interleave(struct dwrows *d, const int *pixel, int *out)
{
    int lo[2], hi[2];
    if (d->kr == 2) {
        pair(d, X86_UNPACK_LO_W, X86_UNPACK_HI_W, pixel[0], pixel[1], &out[0], &out[1]);
        return;
    }
    for (int i = 0; i < 2; i++)
        pair(d, X86_UNPACK_LO_B, X86_UNPACK_HI_B, pixel[2 * i], pixel[2 * i + 1], &lo[i], &hi[i]);
    pair(d, X86_UNPACK_LO_W, X86_UNPACK_HI_W, lo[0], lo[1], &out[0], &out[1]);
    pair(d, X86_UNPACK_LO_W, X86_UNPACK_HI_W, hi[0], hi[1], &out[2], &out[3]);
}

/* Weights at `offset` of the record for the same accumulator of every output row: loaded once where
 * rows share them. */
static void mac(struct dwrows *d, const int *acc, const int *a, int offset)
{
    int is_avx2 = d->v->isa == KRN_ISA_AVX2, weights = -1;
    if (d->rows > 1) {
        weights = vec(d, "B");
        IR(d->ir, X86_LOAD, weights, d->record, offset);
    }
    for (int y = 0; y < d->rows; y++) {
        int product = is_avx2 ? vec(d, "products") : -1;
        if (is_avx2 && weights < 0)
            IR(d->ir, X86_MADDWD_LOAD, product, a[y], d->record, offset);
        else if (is_avx2)
            IR(d->ir, X86_MADDWD, product, a[y], weights);
        else if (weights < 0)
            IR(d->ir, X86_DPBUSD_LOAD, acc[y], a[y], d->record, offset);
        else
            IR(d->ir, X86_DPBUSD, acc[y], a[y], weights);
        if (is_avx2)
            IR(d->ir, X86_ADDD, acc[y], product);
    }
}

/* The interleaved vectors of input rows that are at hand: made when first asked for. */
struct data {
    int made[ROWS_MAX][GROUPS_MAX];
    int reg[ROWS_MAX][GROUPS_MAX][VECTORS_MAX];
};

static const int *row_data(struct dwrows *d, struct data *data, int in, int group)
{
    int chunks = d->kr == 2 ? d->nr / 16 : 1, count = d->kr == 2 ? 2 : 4, pixel[4];
    for (int chunk = 0; chunk < chunks && !data->made[in][group]; chunk++) {
        load_pixels(d, in, group, chunk, pixel);
        interleave(d, pixel, data->reg[in][group] + chunk * count);
    }
    data->made[in][group] = 1;
    return data->reg[in][group];
}

/* Line ky of the filter, for every output row. */
static void line(struct dwrows *d, struct data *data, int ky)
{
    int bytes = 4 * x86_lanes(d->v), place_bytes = 4 * d->places; /* of [nr][kr] */
    for (int group = 0; group < d->groups; group++) {
        const int *from[ROWS_MAX];
        for (int y = 0; y < d->rows; y++)
            from[y] = row_data(d, data, y * d->stride + ky, group);
        for (int x = 0; x < d->step; x++) {
            int offset = 8 * d->places + ((x * d->side + ky) * d->groups + group) * place_bytes;
            for (int j = 0; j < d->vectors && has_weights(d, group, x); j++) {
                int acc[ROWS_MAX], a[ROWS_MAX];
                for (int y = 0; y < d->rows; y++) {
                    acc[y] = d->acc[(y * d->step + x) * d->vectors + j];
                    a[y] = from[y][j];
                }
                mac(d, acc, a, offset + bytes * j);
            }
        }
    }
}

/* ---- Output */

static void store_words(struct dwrows *d, const struct x86_narrow *n, const int *acc, int pointer)
{
    struct ir *ir = d->ir;
    int words[2], bytes = vec(d, "temporaries"), ordered = vec(d, "temporaries");
    for (int i = 0; i < d->vectors / 2; i++) {
        words[i] = vec(d, "temporaries");
        IR(ir, X86_PACKSSDW, words[i], acc[2 * i], acc[2 * i + 1]);
        IR(ir, X86_ADDSW, words[i], n->zp);
    }
    IR(ir, X86_PACKSSWB, bytes, words[0], words[d->vectors / 2 - 1]);
    IR(ir, X86_MAXSB, bytes, n->lo);
    IR(ir, X86_PERMQ, ordered, bytes, 0xd8);
    IR(ir, d->vectors == 4 ? X86_STORE : X86_STOREX, ordered, pointer, 0);
}

static void store_bytes(struct dwrows *d, int bytes, int pointer)
{
    struct ir *ir = d->ir;
    if (d->bands == 1) {
        IR(ir, X86_STORE, bytes, pointer, 0);
        return;
    }
    int second = gpr(d, "row of C");
    IR(ir, IR_LOAD64, second, d->args, ARG(c_row));
    for (int i = 1; i < d->rows; i++)
        IR(ir, X86_ADD_LOAD, second, d->args, ARG(c_row));
    IR(ir, IR_ADD, second, pointer);
    IR(ir, X86_STOREY, bytes, pointer, 0);
    IR(ir, X86_STOREY_HIGH, bytes, second, 0);
}

/* Rounds all sums, vector by vector, so that its scales are loaded once. */
static void round_all(struct dwrows *d, const struct x86_narrow *n)
{
    int bytes = 4 * x86_lanes(d->v), outputs = d->rows * d->step;
    for (int j = 0; j < d->vectors; j++) {
        int scale = -1, offset = 4 * d->places + bytes * j;
        if (outputs > 1 && d->v->isa == KRN_ISA_AVX512VNNI) {
            scale = vec(d, "scales");
            IR(d->ir, X86_LOAD, scale, d->record, offset);
        }
        for (int i = 0; i < outputs; i++)
            x86_narrow_round(d->ir, n, d->acc[i * d->vectors + j], scale, d->record, offset);
    }
}

static void store(struct dwrows *d)
{
    struct ir *ir = d->ir;
    struct x86_narrow n;
    int row = gpr(d, "row of C");
    x86_narrow_begin(ir, d->args, ARG(out), X86_NATURAL, &n);
    round_all(d, &n);
    IR(ir, IR_MOV, row, d->c);
    for (int y = 0; y < d->rows; y++) {
        int pointer = gpr(d, "row of C");
        IR(ir, IR_MOV, pointer, row);
        for (int x = 0; x < d->step; x++) {
            const int *acc = d->acc + (y * d->step + x) * d->vectors;
            if (d->kr == 4)
                store_bytes(d, x86_narrow_pack(ir, &n, acc), pointer);
            else
                store_words(d, &n, acc, pointer);
            if (x + 1 < d->step)
                IR(ir, X86_ADD_LOAD, pointer, d->args, ARG(c_stride));
        }
        if (y + 1 < d->rows)
            IR(ir, X86_ADD_LOAD, row, d->args, ARG(c_row));
    }
}

/* ---- Loops */

static void begin_sums(struct dwrows *d)
{
    int bytes = 4 * x86_lanes(d->v);
    for (int j = 0; j < d->vectors; j++)
        for (int i = 0; i < d->rows * d->step; i++) {
            d->acc[i * d->vectors + j] = vec(d, "accumulators");
            if (i == 0)
                IR(d->ir, X86_LOAD, d->acc[j], d->record, bytes * j);
            else
                IR(d->ir, X86_MOV_V, d->acc[i * d->vectors + j], d->acc[j]);
        }
}

/* Line by line of the filter; at a stride those first whose rows of the input are the same. */
static void one_step(struct dwrows *d)
{
    struct data data = { 0 };
    if (d->kr == 4)
        IR(d->ir, X86_LEA, d->pixel3, d->pixel, d->pixel, 2);
    begin_sums(d);
    for (int first = 0; first < d->stride; first++)
        for (int ky = first; ky < d->side; ky += d->stride)
            line(d, &data, ky);
    store(d);
}

/* The next step begins where a whole one still fits. */
static void next_step(struct dwrows *d, int loop, int done)
{
    struct ir *ir = d->ir;
    int whole = gpr(d, "temporaries"), pixels = gpr(d, "temporaries"), way = gpr(d, "temporaries");
    IR(ir, IR_ADD_IMM, d->left, -d->step);
    IR(ir, IR_JUMP_LE, d->left, 0, done);
    IR(ir, IR_MOV_IMM, whole, d->step);
    IR(ir, IR_MIN, pixels, d->left, whole);
    IR(ir, IR_SELECT_GT, way, d->left, d->step, d->left, whole);
    IR(ir, IR_MOV, d->left, way);
    IR(ir, IR_LOAD64, way, d->args, ARG(c_stride));
    IR(ir, X86_MUL, way, pixels);
    IR(ir, IR_ADD, d->c, way);
    IR(ir, X86_MUL, pixels, d->pixel);
    for (int i = 0; i < rows_in(d); i++)
        if (d->stride == 1)
            IR(ir, IR_ADD, d->row[i], pixels);
        else
            IR(ir, X86_LEA, d->row[i], d->row[i], pixels, 2);
    IR(ir, IR_JUMP, loop);
}

static void begin_block(struct dwrows *d)
{
    struct ir *ir = d->ir;
    int last = load_arg(d, "temporaries", ARG(channels)), first = gpr(d, "temporaries");
    int table = gpr(d, "temporaries");
    IR(ir, IR_ADD_IMM, last, -d->nr);
    IR(ir, IR_MIN, first, d->begin, last);
    IR(ir, IR_LOAD64, table, d->args, ARG(rows));
    for (int i = 0; i < rows_in(d); i++) {
        IR(ir, IR_LOAD64, d->row[i], table, 8 * i);
        IR(ir, IR_ADD, d->row[i], first);
        if (d->kr == 2)
            IR(ir, IR_ADD, d->row[i], first);
    }
    IR(ir, IR_LOAD64, d->left, d->args, ARG(width));
    IR(ir, IR_LOAD64, d->c, d->args, ARG(c));
    IR(ir, IR_ADD, d->c, first);
}

static int record_bytes(const struct dwrows *d)
{
    int rounds = d->step * d->side * d->groups;
    return (8 * d->places + rounds * d->places * 4 + 63) / 64 * 64;
}

static void init(struct dwrows *d, struct ir *ir, const struct var_variant *v)
{
    char name[VAR_NAME_MAX];
    *d = (struct dwrows) { .ir = ir, .v = v };
    var_kernel_describe(v, &d->kernel, name);
    d->kernel.name = NULL;
    d->bands = v->knob[VAR_KNOB_ROWS];
    d->rows = v->knob[VAR_KNOB_MR] / d->bands;
    d->nr = v->knob[VAR_KNOB_NR];
    d->kr = v->knob[VAR_KNOB_KR];
    d->side = v->knob[VAR_KNOB_FILTER];
    d->stride = v->knob[VAR_KNOB_STRIDE];
    d->groups = krn_dwrows_groups(&d->kernel);
    d->step = krn_dwrows_step(&d->kernel);
    d->places = krn_dwrows_places(&d->kernel);
    d->vectors = d->places / x86_lanes(v);
}

static void make_registers(struct dwrows *d)
{
    d->args = gemm_argument(d->ir);
    d->record = load_arg(d, "record of weights", ARG(w));
    d->pixel = load_arg(d, "multiples of a pixel", ARG(a_step));
    d->begin = gpr(d, "block begin");
    d->left = gpr(d, "pixels left");
    d->c = gpr(d, "row of C");
    d->pixel3 = gpr(d, "multiples of a pixel");
    for (int i = 0; i < rows_in(d); i++)
        d->row[i] = gpr(d, "rows of A");
}

int x86_dwrows_build(struct ir *ir, const struct var_variant *v, char *err, size_t err_bytes)
{
    struct dwrows d;
    int block = ir_label(ir, "block"), loop = ir_label(ir, "pixels");
    int done = ir_label(ir, "pixels_end");
    init(&d, ir, v);
    if (x86_accumulators_fit(ir, d.rows * d.step * d.vectors, err, err_bytes))
        return -ENOSPC;
    make_registers(&d);
    IR(ir, IR_MOV_IMM, d.begin, 0);
    IR(ir, IR_LABEL, block);
    ir_comment(ir, "a block of channels: the last one overlaps");
    begin_block(&d);
    IR(ir, IR_LABEL, loop);
    ir_comment(ir, "a step of pixels: interleave, multiply, requantise, store");
    one_step(&d);
    next_step(&d, loop, done);
    IR(ir, IR_LABEL, done);
    IR(ir, IR_ADD_IMM, d.record, record_bytes(&d));
    IR(ir, IR_ADD_IMM, d.begin, d.nr);
    int channels = load_arg(&d, "temporaries", ARG(channels));
    IR(ir, IR_JUMP_LESS, d.begin, channels, block);
    return 0;
}
