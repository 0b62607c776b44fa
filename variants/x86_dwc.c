/* x86-64 depthwise by columns: bytes of four rows of a column are interleaved once, so that one MAC
 * sums them for a lane; two output rows at stride 1 share them by weights that are shifted.
 *
 * Filters of three: columns stay in registers for every window that they are in, and sums are
 * finished a vector at a time, so that few of them live at once. Filters of five have too many
 * columns for that: they are made anew for each step, one after the other, and all sums live. The
 * pixels of a block are written twice, with the quick way to bytes and the one that is always
 * right.
 */
#include "variants/x86_int.h"

#include <stddef.h>

#define ARG(field) ((int)offsetof(struct krn_dw_args, field))

enum { COLUMNS_MAX = 4, PAIRS_MAX = 6, VECTORS = 4, BANDS_MAX = 4, OUTPUTS_MAX = 4 };

/* Interleaved rows of a column: [quad: by its first pair of rows][vector]. */
struct column {
    int reg[PAIRS_MAX][VECTORS];
};

struct dwc {
    struct ir *ir;
    struct krn_kernel kernel;
    int filter, stride, step, shifts, groups;
    int bands, rows, depth; /* rows: of a band; depth: input rows that a band reads of a column */
    int window, kept_count; /* columns of a step, and those that the next one begins with */
    int is_quick;
    int args, record, first, table, c_stride, left, flip, c; /* virtual registers, as all below */
    struct column kept[COLUMNS_MAX], columns[COLUMNS_MAX];
    struct x86_narrow out;
    int acc[VECTORS][OUTPUTS_MAX];
    int words[OUTPUTS_MAX][2];
};

static int gpr(struct dwc *d, const char *group)
{
    return ir_vreg(d->ir, IR_GPR, group);
}

static int vec(struct dwc *d, const char *group)
{
    return ir_vreg(d->ir, IR_VEC, group);
}

static int load_arg(struct dwc *d, const char *group, int offset)
{
    int reg = gpr(d, group);
    IR(d->ir, IR_LOAD64, reg, d->args, offset);
    return reg;
}

/* Output pixels of a band and step, row by row. */
static int outputs(const struct dwc *d)
{
    return d->rows * d->step;
}

/* The pair of rows with which group g of an output row begins. */
static int quad_of(const struct dwc *d, int row, int g)
{
    return row / d->shifts + 2 * g;
}

static int is_quad(const struct dwc *d, int pair)
{
    for (int row = 0; row < d->rows; row++)
        for (int g = 0; g < d->groups; g++)
            if (quad_of(d, row, g) == pair)
                return 1;
    return 0;
}

/* ---- Columns */

static int pointers_of(const struct dwc *d)
{
    return d->filter + (d->kernel.rows - 1) * d->stride;
}

static int load_pointer(struct dwc *d, int column, int row)
{
    int reg = gpr(d, "pointers");
    IR(d->ir, IR_LOAD64, reg, d->table, 8 * (column * pointers_of(d) + row));
    return reg;
}

/* One row of a column, made unsigned; those of further bands in the parts above. */
static int load_row(struct dwc *d, int column, int row)
{
    int in = vec(d, "A"), pointer = load_pointer(d, column, row);
    if (d->bands == 1) {
        IR(d->ir, X86_XOR_LOAD, in, d->flip, pointer, d->first);
        return in;
    }
    IR(d->ir, d->bands == 2 ? X86_LOADY_INDEX : X86_LOADX_INDEX, in, pointer, d->first,
       d->bands == 2, 0);
    for (int band = 1; band < d->bands; band++) {
        pointer = load_pointer(d, column, row + band * d->rows * d->stride);
        if (d->bands == 2)
            IR(d->ir, X86_INSERTY_INDEX, in, pointer, d->first, 1, 0);
        else
            IR(d->ir, X86_INSERTX_INDEX, in, pointer, d->first, band);
    }
    IR(d->ir, X86_XOR, in, d->flip);
    return in;
}

static int pairs_of(const struct dwc *d)
{
    return (d->depth + 1) / 2;
}

/* Low and high halves of the bytes of rows 2 * i and 2 * i + 1. */
static void load_pairs(struct dwc *d, int column, int (*pair)[2])
{
    for (int i = 0; i < pairs_of(d); i++) {
        int upper = load_row(d, column, 2 * i), lower = upper;
        if (2 * i + 1 < d->depth)
            lower = load_row(d, column, 2 * i + 1);
        for (int half = 0; half < 2; half++) {
            pair[i][half] = vec(d, "A");
            IR(d->ir, half ? X86_UNPACK_HI_B : X86_UNPACK_LO_B, pair[i][half], upper, lower);
        }
    }
}

/* Vector j of the quad that begins with pair q; rows beyond the column meet weights of zero. */
static void make_quad(struct dwc *d, int (*pair)[2], int q, int j, int out)
{
    int lower = q + 1 < pairs_of(d) ? q + 1 : q;
    IR(d->ir, j % 2 ? X86_UNPACK_HI_W : X86_UNPACK_LO_W, out, pair[q][j / 2], pair[lower][j / 2]);
}

static void load_column(struct dwc *d, int column, struct column *to)
{
    int pair[PAIRS_MAX][2];
    load_pairs(d, column, pair);
    for (int q = 0; q < pairs_of(d); q++)
        for (int j = 0; j < VECTORS && is_quad(d, q); j++)
            make_quad(d, pair, q, j, to->reg[q][j]);
}

static void new_column(struct dwc *d, struct column *c)
{
    for (int q = 0; q < pairs_of(d); q++)
        for (int j = 0; j < VECTORS && is_quad(d, q); j++)
            c->reg[q][j] = vec(d, "columns");
}

/* ---- Sums: acc[vector][output] */

static int head_offset(int part, int j)
{
    return 64 * (VECTORS * part + j);
}

static int weights_offset(const struct dwc *d, int kx, int g, int shift, int j)
{
    return head_offset(3, 0) + 64 * (VECTORS * ((kx * d->groups + g) * d->shifts + shift) + j);
}

static void begin_sums(struct dwc *d, int j)
{
    for (int i = 0; i < outputs(d); i++) {
        d->acc[j][i] = vec(d, "accumulators");
        if (i == 0)
            IR(d->ir, X86_LOAD, d->acc[j][0], d->record, head_offset(0, j));
        else
            IR(d->ir, X86_MOV_V, d->acc[j][i], d->acc[j][0]);
    }
}

static void load_bounds(struct dwc *d)
{
    (d->is_quick ? x86_quick_begin : x86_narrow_begin)(d->ir, d->args, ARG(out), X86_NATURAL,
                                                       &d->out);
}

static void round_sums(struct dwc *d, int j)
{
    int scale = vec(d, "scales"), offset = vec(d, "scales");
    IR(d->ir, X86_LOAD, scale, d->record, head_offset(1, j));
    if (d->is_quick)
        IR(d->ir, X86_LOAD, offset, d->record, head_offset(2, j));
    for (int i = 0; i < outputs(d); i++) {
        if (d->is_quick)
            x86_quick_round(d->ir, d->acc[j][i], scale, offset);
        else
            x86_narrow_round(d->ir, &d->out, d->acc[j][i], scale, -1, 0);
    }
}

/* Rounded vectors j - 1 and j. */
static void pack_sums(struct dwc *d, int j)
{
    for (int i = 0; i < outputs(d); i++) {
        d->words[i][j / 2] = vec(d, "temporaries");
        IR(d->ir, X86_PACKSSDW, d->words[i][j / 2], d->acc[j - 1][i], d->acc[j][i]);
    }
}

/* Vector j, from columns that are at hand. */
static void multiply(struct dwc *d, int j)
{
    for (int kx = 0; kx < d->filter; kx++)
        for (int shift = 0; shift < d->shifts; shift++) {
            int w = vec(d, "B");
            IR(d->ir, X86_LOAD, w, d->record, weights_offset(d, kx, 0, shift, j));
            for (int i = 0; i < outputs(d); i++) {
                int row = i / d->step, x = i % d->step;
                const struct column *c = &d->columns[x * d->stride + kx];
                if (row % d->shifts == shift)
                    IR(d->ir, X86_DPBUSD, d->acc[j][i], c->reg[quad_of(d, row, 0)][j], w);
            }
        }
}

static void sums_by_vector(struct dwc *d)
{
    load_bounds(d);
    for (int j = 0; j < VECTORS; j++) {
        begin_sums(d, j);
        multiply(d, j);
        round_sums(d, j);
        if (j % 2)
            pack_sums(d, j);
    }
}

/* What group g of a column adds to vector j: `quad` has that vector of each quad. Rows that have
 * the same weights share them. */
static void multiply_group(struct dwc *d, int column, int g, int j, const int *quad)
{
    for (int x = 0; x < d->step; x++)
        for (int shift = 0; shift < d->shifts; shift++) {
            int kx = column - x * d->stride, w = -1;
            if (kx < 0 || kx >= d->filter)
                continue;
            int offset = weights_offset(d, kx, g, shift, j), shared = d->rows > d->shifts;
            if (shared) {
                w = vec(d, "B");
                IR(d->ir, X86_LOAD, w, d->record, offset);
            }
            for (int row = shift; row < d->rows; row += d->shifts) {
                int acc = d->acc[j][row * d->step + x], in = quad[quad_of(d, row, g)];
                if (shared)
                    IR(d->ir, X86_DPBUSD, acc, in, w);
                else
                    IR(d->ir, X86_DPBUSD_LOAD, acc, in, d->record, offset);
            }
        }
}

static void sums_by_column(struct dwc *d)
{
    int pair[PAIRS_MAX][2], quad[PAIRS_MAX];
    for (int j = 0; j < VECTORS; j++)
        begin_sums(d, j);
    for (int column = 0; column < d->window; column++) {
        load_pairs(d, column, pair);
        for (int j = 0; j < VECTORS; j++) {
            for (int q = 0; q < pairs_of(d); q++) {
                quad[q] = vec(d, "A");
                if (is_quad(d, q))
                    make_quad(d, pair, q, j, quad[q]);
            }
            for (int g = 0; g < d->groups; g++)
                multiply_group(d, column, g, j, quad);
        }
    }
    load_bounds(d);
    for (int j = 0; j < VECTORS; j++) {
        round_sums(d, j);
        if (j % 2)
            pack_sums(d, j);
    }
}

/* Parts of `bytes`, one of each band, from output row `row` of the first one on. */
static void store_bands(struct dwc *d, int bytes, int pointer)
{
    static const int first[] = { X86_STORE, X86_STOREY, 0, X86_STOREX };
    IR(d->ir, first[d->bands - 1], bytes, pointer, 0);
    for (int band = 1; band < d->bands; band++) {
        for (int row = 0; row < d->rows; row++)
            IR(d->ir, X86_ADD_LOAD, pointer, d->args, ARG(c_row));
        if (d->bands == 2)
            IR(d->ir, X86_STOREY_HIGH, bytes, pointer, 0);
        else
            IR(d->ir, X86_STOREX_PART, bytes, pointer, 0, band);
    }
}

static void store(struct dwc *d)
{
    for (int i = 0; i < outputs(d); i++) {
        int bytes = x86_narrow_bytes(d->ir, &d->out, d->words[i]), pointer = gpr(d, "row of C");
        IR(d->ir, IR_MOV, pointer, d->c);
        if (i % d->step)
            IR(d->ir, IR_ADD, pointer, d->c_stride);
        for (int row = 0; row < i / d->step; row++)
            IR(d->ir, X86_ADD_LOAD, pointer, d->args, ARG(c_row));
        store_bands(d, bytes, pointer);
    }
}

/* ---- Loops */

static void begin_row(struct dwc *d)
{
    IR(d->ir, IR_LOAD64, d->table, d->args, ARG(a));
    IR(d->ir, IR_LOAD64, d->left, d->args, ARG(width));
    IR(d->ir, IR_LOAD64, d->c, d->args, ARG(c));
    IR(d->ir, IR_ADD, d->c, d->first);
}

static void advance(struct dwc *d, int pixels)
{
    IR(d->ir, IR_ADD_IMM, d->table, 8 * pointers_of(d) * d->stride * pixels);
    for (int i = 0; i < pixels; i++)
        IR(d->ir, IR_ADD, d->c, d->c_stride);
}

static void begin_window(struct dwc *d)
{
    for (int i = 0; i < d->kept_count; i++) {
        d->columns[i] = d->kept[i];
        load_column(d, i, &d->kept[i]);
    }
}

static void enter_columns(struct dwc *d)
{
    for (int i = d->kept_count; i < d->window; i++) {
        new_column(d, &d->columns[i]);
        load_column(d, i, &d->columns[i]);
    }
}

static void keep_columns(struct dwc *d)
{
    for (int i = 0; i < d->kept_count; i++)
        for (int q = 0; q < pairs_of(d); q++)
            for (int j = 0; j < VECTORS && is_quad(d, q); j++)
                IR(d->ir, X86_MOV_V, d->kept[i].reg[q][j],
                   d->columns[d->step * d->stride + i].reg[q][j]);
}

static void one_step(struct dwc *d)
{
    if (d->kept_count)
        enter_columns(d);
    ir_comment(d->ir, "sums and bytes");
    (d->kept_count ? sums_by_vector : sums_by_column)(d);
    store(d);
}

/* Where one pixel is left, the last step of two goes back by one and loads its window anew. */
static void pixels(struct dwc *d, const char *name)
{
    struct ir *ir = d->ir;
    int fresh = ir_label(ir, "%s", name), loop = ir_label(ir, "%s_step", name);
    int back = ir_label(ir, "%s_back", name), done = ir_label(ir, "%s_end", name);
    IR(ir, IR_LABEL, fresh);
    ir_comment(ir, "columns that the first window shares with none before it");
    begin_window(d);
    IR(ir, IR_LABEL, loop);
    one_step(d);
    IR(ir, IR_ADD_IMM, d->left, -d->step);
    IR(ir, IR_JUMP_LE, d->left, 0, done);
    if (d->step == 2)
        IR(ir, IR_JUMP_LE, d->left, 1, back);
    advance(d, d->step);
    keep_columns(d);
    IR(ir, IR_JUMP, loop);
    if (d->step == 2) {
        IR(ir, IR_LABEL, back);
        advance(d, 1);
        IR(ir, IR_ADD_IMM, d->left, 1);
        IR(ir, IR_JUMP, fresh);
    }
    IR(ir, IR_LABEL, done);
}

/* ---- Blocks of channels */

static int record_bytes(const struct dwc *d)
{
    return weights_offset(d, d->filter, 0, 0, 0);
}

static void init(struct dwc *d, struct ir *ir, const struct var_variant *v)
{
    char name[VAR_NAME_MAX];
    *d = (struct dwc) { .ir = ir };
    var_kernel_describe(v, &d->kernel, name);
    d->kernel.name = NULL;
    d->filter = d->kernel.filter;
    d->stride = d->kernel.stride;
    d->step = krn_quads_step(&d->kernel);
    d->shifts = krn_quads_shifts(&d->kernel);
    d->groups = krn_quads_groups(&d->kernel);
    d->bands = d->kernel.places / d->kernel.nr;
    d->rows = d->kernel.rows / d->bands;
    d->depth = d->filter + (d->rows - 1) * d->stride;
    d->window = (d->step - 1) * d->stride + d->filter;
    d->kept_count = d->filter == 3 ? d->filter - d->stride : 0;
}

static void make_registers(struct dwc *d)
{
    int mask = gpr(d, "temporaries");
    d->args = gemm_argument(d->ir);
    d->record = load_arg(d, "record of weights", ARG(w));
    d->c_stride = load_arg(d, "bytes between pixels", ARG(c_stride));
    d->first = gpr(d, "first channel");
    d->table = gpr(d, "table of columns");
    d->left = gpr(d, "pixels left");
    d->c = gpr(d, "row of C");
    for (int i = 0; i < d->kept_count; i++)
        new_column(d, &d->kept[i]);
    d->flip = vec(d, "0x80 in every byte");
    IR(d->ir, IR_MOV_IMM, mask, (int)0x80808080u);
    IR(d->ir, X86_BCASTD_GPR, d->flip, mask);
}

void x86_dwc_build(struct ir *ir, const struct var_variant *v)
{
    struct dwc d;
    int block = ir_label(ir, "block"), slow = ir_label(ir, "slow"), next = ir_label(ir, "next");
    init(&d, ir, v);
    make_registers(&d);
    int begin = gpr(&d, "block begin");
    IR(ir, IR_MOV_IMM, begin, 0);
    IR(ir, IR_LABEL, block);
    ir_comment(ir, "a block of channels: the last one overlaps");
    int last = load_arg(&d, "temporaries", ARG(channels)), offset = gpr(&d, "temporaries");
    IR(ir, IR_ADD_IMM, last, -d.kernel.nr);
    IR(ir, IR_MIN, d.first, begin, last);
    begin_row(&d);
    IR(ir, IR_LOAD32, offset, d.record, head_offset(2, 0));
    IR(ir, IR_JUMP_ZERO, offset, slow);
    d.is_quick = 1;
    pixels(&d, "quick");
    IR(ir, IR_JUMP, next);
    IR(ir, IR_LABEL, slow);
    d.is_quick = 0;
    pixels(&d, "any");
    IR(ir, IR_LABEL, next);
    IR(ir, IR_ADD_IMM, d.record, record_bytes(&d));
    IR(ir, IR_ADD_IMM, begin, d.kernel.nr);
    int channels = load_arg(&d, "temporaries", ARG(channels));
    IR(ir, IR_JUMP_LESS, begin, channels, block);
}
