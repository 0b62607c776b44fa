/* Building and printing of the micro-kernel IR. */
#include "variants/ir.h"
#include "variants/variant_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int empty_args[IR_OPERANDS];

void ir_init(struct ir *ir, const struct ir_target *target)
{
    *ir = (struct ir) { .target = target };
}

void ir_clear(struct ir *ir)
{
    free(ir->insn);
    free(ir->vreg);
    free(ir->label);
    *ir = (struct ir) { 0 };
}

/* Room for one more element; the index of it, or -1 and ir->failed. */
static int grow(struct ir *ir, void **data, int *count, int *capacity, size_t bytes)
{
    if (*count == *capacity) {
        int wanted = *capacity ? *capacity * 2 : 256;
        void *larger = realloc(*data, (size_t)wanted * bytes);
        if (!larger) {
            ir->failed = -ENOMEM;
            return -1;
        }
        *data = larger;
        *capacity = wanted;
    }
    return (*count)++;
}

int ir_vreg(struct ir *ir, enum ir_file file, const char *group)
{
    int i = grow(ir, (void **)&ir->vreg, &ir->vreg_count, &ir->vreg_capacity, sizeof(*ir->vreg));
    if (i < 0)
        return 0;
    ir->vreg[i] = (struct ir_vreg) { .file = file, .group = group, .fixed = -1, .phys = -1 };
    return i;
}

void ir_tuple(struct ir *ir, int first, int count)
{
    if (ir->failed)
        return;
    ir->vreg[first].tuple = count;
    for (int i = 1; i < count; i++)
        ir->vreg[first + i].tuple = -1;
}

static int add_label(struct ir *ir, const char *format, va_list args)
{
    int i =
        grow(ir, (void **)&ir->label, &ir->label_count, &ir->label_capacity, sizeof(*ir->label));
    if (i < 0)
        return 0;
    vsnprintf(ir->label[i], sizeof(ir->label[i]), format, args);
    return i;
}

void ir_rename(struct ir *ir, int begin, int from, int to)
{
    for (int i = begin; i < ir->insn_count; i++) {
        const char *roles = ir->target->ops[ir->insn[i].op].roles;
        for (int k = 0; roles[k]; k++)
            if (roles[k] != 'i' && roles[k] != 'l' && ir->insn[i].arg[k] == from)
                ir->insn[i].arg[k] = to;
    }
}

int ir_label(struct ir *ir, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int label = add_label(ir, format, args);
    va_end(args);
    return label;
}

void ir_add(struct ir *ir, int op, const int *args)
{
    int i = grow(ir, (void **)&ir->insn, &ir->insn_count, &ir->insn_capacity, sizeof(*ir->insn));
    if (i < 0)
        return;
    ir->insn[i].op = op;
    memcpy(ir->insn[i].arg, args ? args : empty_args, sizeof(ir->insn[i].arg));
}

void ir_comment(struct ir *ir, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int text = add_label(ir, format, args);
    va_end(args);
    IR(ir, IR_COMMENT, text);
}

/* ---- Printing */

static void print_operand(const struct ir *ir, const char *name, const struct ir_insn *insn,
                          const char *at, struct var_text *out)
{
    int arg = insn->arg[at[0] - '0'];
    char reg[16];
    if (at[1] == 'o') {
        if (arg)
            var_text_printf(out, "%s%d", arg < 0 ? ir->target->minus : ir->target->plus, abs(arg));
    } else if (at[1] == 'i') {
        var_text_printf(out, "%d", arg);
    } else if (at[1] == 'l') {
        var_text_printf(out, ".L%s_%s", name, ir->label[arg]);
    } else {
        ir->target->reg_name(ir->vreg[arg].phys, at[1], reg);
        var_text_printf(out, "%s", reg);
    }
}

static void print_insn(const struct ir *ir, const char *name, const struct ir_insn *insn,
                       struct var_text *out)
{
    const char *text = ir->target->ops[insn->op].text;
    if (insn->op == IR_COMMENT) {
        var_text_printf(out, "    /* %s */\n", ir->label[insn->arg[0]]);
        return;
    }
    if (insn->op != IR_LABEL)
        var_text_printf(out, "    ");
    while (*text) {
        size_t plain = strcspn(text, "%\n");
        var_text_printf(out, "%.*s", (int)plain, text);
        text += plain;
        if (*text == '%') {
            print_operand(ir, name, insn, text + 1, out);
            text += 3;
        } else if (*text) {
            var_text_printf(out, "\n    ");
            text++;
        }
    }
    var_text_printf(out, "\n");
}

static void print_reg_ranges(const struct ir *ir, enum ir_file file, uint32_t set,
                             struct var_text *out)
{
    char reg[16];
    for (int i = 0, first = 1; i < 32; i++) {
        if (!(set >> i & 1))
            continue;
        int last = i;
        while (last < 31 && set >> (last + 1) & 1)
            last++;
        ir->target->reg_name(i, file == IR_VEC ? 'V' : 'x', reg);
        var_text_printf(out, "%s%s", first ? "" : " ", reg);
        if (last > i) {
            ir->target->reg_name(last, file == IR_VEC ? 'V' : 'x', reg);
            var_text_printf(out, "-%s", reg);
        }
        first = 0;
        i = last;
    }
}

struct map_line {
    const char *group;
    enum ir_file file;
    uint32_t set;
};

/* One line per group of virtual registers: where it lives. */
static void print_register_map(const struct ir *ir, struct var_text *out)
{
    struct map_line lines[24];
    int count = 0;
    for (int i = 0; i < ir->vreg_count; i++) {
        const struct ir_vreg *v = &ir->vreg[i];
        int at = 0;
        while (at < count && (lines[at].file != v->file || strcmp(lines[at].group, v->group)))
            at++;
        if (v->phys < 0 || at == (int)(sizeof(lines) / sizeof(lines[0])))
            continue;
        if (at == count)
            lines[count++] = (struct map_line) { v->group, v->file, 0 };
        lines[at].set |= 1u << v->phys;
    }
    for (int i = 0; i < count; i++) {
        var_text_printf(out, " *   %-20s ", lines[i].group);
        print_reg_ranges(ir, lines[i].file, lines[i].set, out);
        var_text_printf(out, "\n");
    }
}

static const char *const outlines[KRN_FAMILY_COUNT] = {
    [KRN_FAMILY_GEMM] =
        "One tile: bias; depth in unrolled bodies, blocks and a tail; requantise; store.",
    [KRN_FAMILY_IGEMM] =
        "One tile: bias; for each tap: rows from the table, depth in unrolled bodies,\n"
        " * blocks and a tail; requantise; store.",
    [KRN_FAMILY_DW] =
        "For each block of channels: for each step of pixels: bias; taps in unrolled\n"
        " * bodies, groups and an odd one; requantise; store.",
    [KRN_FAMILY_DWC] =
        "For each block of channels: for each step of pixels: the columns that enter the\n"
        " * window, into registers; bias; MACs; requantise; store.",
    [KRN_FAMILY_WINO] =
        "For each element of the transform: eight of depth that begin the sums; eight at a\n"
        " * time that add to them; store.",
    [KRN_FAMILY_DIRECT] =
        "For each step of pixels: bias; for each tap: depth in unrolled bodies and groups;\n"
        " * requantise; store.",
    [KRN_FAMILY_DWROWS] =
        "For each block of channels: for each step of pixels: bias; for each row of the\n"
        " * input: interleave pixels, multiply for every output row that it reaches;\n"
        " * requantise; store.",
    [KRN_FAMILY_PEAK] = "Independent chains of multiply-accumulates, nothing else.",
};

void ir_print(const struct ir *ir, const struct var_variant *v, struct var_text *out)
{
    uint32_t used[IR_FILE_COUNT] = { 0 };
    char name[VAR_NAME_MAX];
    for (int i = 0; i < ir->vreg_count; i++)
        if (ir->vreg[i].phys >= 0)
            used[ir->vreg[i].file] |= 1u << ir->vreg[i].phys;
    var_kernel_name_format(v, name);
    var_text_banner(out, "/* ", v, " */");
    var_text_printf(out, "/* %s\n * Registers\n", outlines[v->family]);
    print_register_map(ir, out);
    var_text_printf(out, " */\n");
    ir->target->open(ir, name, used, out);
    for (int i = 0; i < ir->insn_count; i++)
        print_insn(ir, name, &ir->insn[i], out);
    ir->target->close(ir, name, used, out);
}

int ir_finish(struct ir *ir, const struct var_variant *v, struct var_text *out, char *err,
              size_t err_bytes)
{
    int rc = ir_allocate(ir, err, err_bytes);
    if (rc == 0 && out)
        ir_print(ir, v, out);
    ir_clear(ir);
    return rc;
}
