/* x86-64 depthwise by columns: bytes of four rows of a column are interleaved once, so that one MAC
 * sums them for a lane, and serve every window that the column is in: two output rows at stride 1
 * share them by weights that are shifted. Columns of the window stay in registers; sums are
 * finished a vector at a time, so that few of them live at once. The pixels of a block are written
 * twice, with the quick way to bytes and with the one that is always right. */
#include "variants/x86_int.h"

#include <stddef.h>

#define ARG(field) ((int)offsetof(struct krn_dw_args, field))

enum { COLUMNS_MAX = 4, QUADS_MAX = 2, VECTORS = 4, ROWS_MAX = 2, BANDS_MAX = 2, STEP_MAX = 2 };

/* Interleaved rows of a column: [quad of rows][vector]. */
struct column {
    int reg[QUADS_MAX][VECTORS];
};

struct dwc {
    struct ir *ir;
    const struct var_variant *v;
    struct krn_kernel kernel;
    int filter, stride, step, shifts;
    int bands, rows, depth; /* rows: of a band; depth: input rows that a band reads of a column */
    int quads, window;      /* quads of a column, columns of a step */
    int is_quick;
    int args, record, first, table, c_stride, left, flip; /* virtual registers, as all below */
    int c[BANDS_MAX * ROWS_MAX];
    struct column kept[COLUMNS_MAX], columns[COLUMNS_MAX];
    struct x86_narrow out;
    int words[ROWS_MAX * STEP_MAX][2];
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

/* ---- Columns */

static int load_pointer(struct dwc *d, int column, int row)
{
    int pointers = d->filter + (d->bands * d->rows - 1) * d->stride, reg = gpr(d, "pointers");
    IR(d->ir, IR_LOAD64, reg, d->table, 8 * (column * pointers + row));
    return reg;
}

/* One row of a column, made unsigned; of the second band in the high half. */
static int load_row(struct dwc *d, int column, int row)
{
    int in = vec(d, "A"), pointer = load_pointer(d, column, row);
    if (d->bands == 1) {
        IR(d->ir, X86_XOR_LOAD, in, d->flip, pointer, d->first);
        return in;
    }
    int second = load_pointer(d, column, row + d->rows * d->stride);
    IR(d->ir, X86_LOADY_INDEX, in, pointer, d->first, 1, 0);
    IR(d->ir, X86_INSERTY_INDEX, in, second, d->first, 1, 0);
    IR(d->ir, X86_XOR, in, d->flip);
    return in;
}

static void unpack(struct dwc *d, const int *op, int a, int b, int *out)
{
    for (int i = 0; i < 2; i++)
        IR(d->ir, op[i], out[i], a, b);
}

/* Pairs of rows first, which neighbouring quads share. */
static void load_column(struct dwc *d, int column, struct column *to)
{
    static const int bytes[] = { X86_UNPACK_LO_B, X86_UNPACK_HI_B };
    static const int words[] = { X86_UNPACK_LO_W, X86_UNPACK_HI_W };
    int pair[QUADS_MAX + 1][2], pairs = (d->depth + 1) / 2;
    for (int i = 0; i < pairs; i++) {
        int upper = load_row(d, column, 2 * i), lower = upper;
        if (2 * i + 1 < d->depth)
            lower = load_row(d, column, 2 * i + 1);
        for (int half = 0; half < 2; half++)
            pair[i][half] = vec(d, "A");
        unpack(d, bytes, upper, lower, pair[i]);
    }
    for (int q = 0; q < d->quads; q++)
        for (int half = 0; half < 2; half++)
            unpack(d, words, pair[q][half], pair[q + 1 < pairs ? q + 1 : q][half],
                   to->reg[q] + 2 * half);
}

static void new_column(struct dwc *d, struct column *c)
{
    for (int q = 0; q < d->quads; q++)
        for (int j = 0; j < VECTORS; j++)
            c->reg[q][j] = vec(d, "columns");
}

/* ---- Sums: vector j of every output pixel of the step */

static int head_offset(int part, int j)
{
    return 64 * (VECTORS * part + j);
}

static int weights_offset(const struct dwc *d, int kx, int shift, int j)
{
    return head_offset(3, 0) + 64 * (VECTORS * (kx * d->shifts + shift) + j);
}

static void begin_sums(struct dwc *d, int j, int *acc)
{
    for (int i = 0; i < d->rows * d->step; i++) {
        acc[i] = vec(d, "accumulators");
        if (i == 0)
            IR(d->ir, X86_LOAD, acc[0], d->record, head_offset(0, j));
        else
            IR(d->ir, X86_MOV_V, acc[i], acc[0]);
    }
}

static void multiply(struct dwc *d, int j, const int *acc)
{
    for (int kx = 0; kx < d->filter; kx++)
        for (int shift = 0; shift < d->shifts; shift++) {
            int w = vec(d, "B");
            IR(d->ir, X86_LOAD, w, d->record, weights_offset(d, kx, shift, j));
            for (int i = 0; i < d->rows * d->step; i++) {
                int row = i / d->step, x = i % d->step;
                if (row % d->shifts == shift)
                    IR(d->ir, X86_DPBUSD, acc[i],
                       d->columns[x * d->stride + kx].reg[row / d->shifts][j], w);
            }
        }
}

static void round_sums(struct dwc *d, int j, const int *acc)
{
    int scale = vec(d, "scales"), offset = vec(d, "scales");
    IR(d->ir, X86_LOAD, scale, d->record, head_offset(1, j));
    if (d->is_quick)
        IR(d->ir, X86_LOAD, offset, d->record, head_offset(2, j));
    for (int i = 0; i < d->rows * d->step; i++) {
        if (d->is_quick)
            x86_quick_round(d->ir, acc[i], scale, offset);
        else
            x86_narrow_round(d->ir, &d->out, acc[i], scale, -1, 0);
    }
}

/* Vectors two by two, so that words of the first pair wait for the second. */
static void all_sums(struct dwc *d)
{
    int acc[2][ROWS_MAX * STEP_MAX];
    for (int j = 0; j < VECTORS; j++) {
        begin_sums(d, j, acc[j % 2]);
        multiply(d, j, acc[j % 2]);
        round_sums(d, j, acc[j % 2]);
        for (int i = 0; i < d->rows * d->step && j % 2; i++) {
            d->words[i][j / 2] = vec(d, "temporaries");
            IR(d->ir, X86_PACKSSDW, d->words[i][j / 2], acc[0][i], acc[1][i]);
        }
    }
}

static void store(struct dwc *d)
{
    for (int i = 0; i < d->rows * d->step; i++) {
        int row = i / d->step, x = i % d->step, to[BANDS_MAX] = { 0 };
        int bytes = x86_narrow_bytes(d->ir, &d->out, d->words[i]);
        for (int band = 0; band < d->bands; band++) {
            to[band] = d->c[band * d->rows + row];
            if (x == 0)
                continue;
            int next = gpr(d, "temporaries");
            IR(d->ir, IR_SUM, next, to[band], d->c_stride);
            to[band] = next;
        }
        IR(d->ir, d->bands == 1 ? X86_STORE : X86_STOREY, bytes, to[0], 0);
        if (d->bands == 2)
            IR(d->ir, X86_STOREY_HIGH, bytes, to[1], 0);
    }
}

/* ---- Loops */

static void begin_rows(struct dwc *d)
{
    IR(d->ir, IR_LOAD64, d->table, d->args, ARG(a));
    IR(d->ir, IR_LOAD64, d->left, d->args, ARG(width));
    IR(d->ir, IR_LOAD64, d->c[0], d->args, ARG(c));
    IR(d->ir, IR_ADD, d->c[0], d->first);
    for (int r = 1; r < d->bands * d->rows; r++) {
        int step = load_arg(d, "temporaries", ARG(c_row));
        IR(d->ir, IR_SUM, d->c[r], d->c[r - 1], step);
    }
}

static void advance(struct dwc *d, int pixels)
{
    int pointers = d->filter + (d->bands * d->rows - 1) * d->stride;
    IR(d->ir, IR_ADD_IMM, d->table, 8 * pointers * d->stride * pixels);
    for (int r = 0; r < d->bands * d->rows; r++)
        for (int i = 0; i < pixels; i++)
            IR(d->ir, IR_ADD, d->c[r], d->c_stride);
}

/* A step; where one pixel is left, the last step goes back by one and loads its window anew. */
static void pixels(struct dwc *d, const char *name)
{
    struct ir *ir = d->ir;
    int fresh = ir_label(ir, "%s", name), loop = ir_label(ir, "%s_step", name);
    int back = ir_label(ir, "%s_back", name), done = ir_label(ir, "%s_end", name);
    int old = d->filter - d->stride;
    IR(ir, IR_LABEL, fresh);
    ir_comment(ir, "columns that the first window shares with none before it");
    for (int i = 0; i < old; i++) {
        d->columns[i] = d->kept[i];
        load_column(d, i, &d->kept[i]);
    }
    IR(ir, IR_LABEL, loop);
    ir_comment(ir, "columns that enter the window");
    for (int i = old; i < d->window; i++) {
        new_column(d, &d->columns[i]);
        load_column(d, i, &d->columns[i]);
    }
    ir_comment(ir, "sums, vector by vector");
    (d->is_quick ? x86_quick_begin : x86_narrow_begin)(ir, d->args, ARG(out), 0, &d->out);
    all_sums(d);
    ir_comment(ir, "bytes");
    store(d);
    IR(ir, IR_ADD_IMM, d->left, -d->step);
    IR(ir, IR_JUMP_LE, d->left, 0, done);
    if (d->step == 2)
        IR(ir, IR_JUMP_LE, d->left, 1, back);
    advance(d, d->step);
    for (int i = 0; i < old; i++)
        for (int q = 0; q < d->quads; q++)
            for (int j = 0; j < VECTORS; j++)
                IR(ir, X86_MOV_V, d->kept[i].reg[q][j],
                   d->columns[d->step * d->stride + i].reg[q][j]);
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
    return weights_offset(d, d->filter, 0, 0);
}

static void init(struct dwc *d, struct ir *ir, const struct var_variant *v)
{
    char name[VAR_NAME_MAX];
    *d = (struct dwc) { .ir = ir, .v = v };
    var_kernel_describe(v, &d->kernel, name);
    d->kernel.name = NULL;
    d->filter = d->kernel.filter;
    d->stride = d->kernel.stride;
    d->step = krn_quads_step(&d->kernel);
    d->shifts = krn_quads_shifts(&d->kernel);
    d->bands = d->kernel.places / d->kernel.nr;
    d->rows = d->kernel.rows / d->bands;
    d->depth = d->filter + (d->rows - 1) * d->stride;
    d->quads = (d->rows + d->shifts - 1) / d->shifts;
    d->window = (d->step - 1) * d->stride + d->filter;
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
    for (int r = 0; r < d->bands * d->rows; r++)
        d->c[r] = gpr(d, "rows of C");
    for (int i = 0; i < d->filter - d->stride; i++)
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
    begin_rows(&d);
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
