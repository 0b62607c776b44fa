/* Linear scan over live intervals. Loops are found from backward branches: what is live into a loop
 * and used in it lives to its end. Nothing is spilled: a kernel that would spill is refused. */
#include "variants/ir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static int is_register(char role)
{
    return role != 'i' && role != 'l';
}

/* Position of label `label`, or -1. */
static int label_position(const struct ir *ir, int label)
{
    for (int i = 0; i < ir->insn_count; i++)
        if (ir->insn[i].op == IR_LABEL && ir->insn[i].arg[0] == label)
            return i;
    return -1;
}

/* Reads happen at 2 * position, writes at 2 * position + 1, early writes with the reads. */
static void touch(struct ir_vreg *v, int position, char role)
{
    int first = 2 * position + (role == 'w'), last = 2 * position + (role != 'r');
    v->begin = first < v->begin ? first : v->begin;
    v->end = last > v->end ? last : v->end;
}

static void find_intervals(struct ir *ir)
{
    for (int i = 0; i < ir->vreg_count; i++) {
        ir->vreg[i].begin = ir->vreg[i].fixed >= 0 ? 0 : INT_MAX;
        ir->vreg[i].end = -1;
    }
    for (int i = 0; i < ir->insn_count; i++) {
        const char *roles = ir->target->ops[ir->insn[i].op].roles;
        for (int k = 0; roles[k]; k++)
            if (is_register(roles[k]))
                touch(&ir->vreg[ir->insn[i].arg[k]], i, roles[k]);
    }
}

/* Extends what is live into the loop [begin, end] and used in it. 1 if anything changed. */
static int extend_over_loop(struct ir *ir, int begin, int end)
{
    int changed = 0;
    for (int i = begin; i <= end; i++) {
        const char *roles = ir->target->ops[ir->insn[i].op].roles;
        for (int k = 0; roles[k]; k++) {
            if (!is_register(roles[k]))
                continue;
            struct ir_vreg *v = &ir->vreg[ir->insn[i].arg[k]];
            if (v->begin < 2 * begin && v->end < 2 * end + 1) {
                v->end = 2 * end + 1;
                changed = 1;
            }
        }
    }
    return changed;
}

static void extend_over_loops(struct ir *ir)
{
    for (int changed = 1; changed;) {
        changed = 0;
        for (int i = 0; i < ir->insn_count; i++) {
            const struct ir_op *op = &ir->target->ops[ir->insn[i].op];
            if (op->class != IR_BRANCH)
                continue;
            for (int k = 0; op->roles[k]; k++) {
                int target = op->roles[k] == 'l' ? label_position(ir, ir->insn[i].arg[k]) : -1;
                if (target >= 0 && target < i)
                    changed |= extend_over_loop(ir, target, i);
            }
        }
    }
}

static int by_begin(const void *a, const void *b)
{
    const struct ir_vreg *x = *(const struct ir_vreg *const *)a;
    const struct ir_vreg *y = *(const struct ir_vreg *const *)b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The free register that has been free for longest, so that temporaries rotate; callee-saved ones
 * only when no other is left. -1 if all are taken. */
static int pick(const struct ir_regs *regs, const int *free_since, int begin)
{
    int best = -1, best_saved = 1;
    for (int i = 0; i < regs->count; i++) {
        int reg = regs->order[i], saved = regs->callee_saved >> reg & 1;
        if (free_since[reg] >= begin)
            continue;
        if (best < 0 || saved < best_saved ||
            (saved == best_saved && !saved && free_since[reg] < free_since[best])) {
            best = reg;
            best_saved = saved;
        }
    }
    return best;
}

/* Intervals of a file that are live at one place. */
static int pressure(const struct ir *ir, enum ir_file file, int at)
{
    int live = 0;
    for (int i = 0; i < ir->vreg_count; i++)
        live += ir->vreg[i].file == file && ir->vreg[i].begin <= at && ir->vreg[i].end >= at;
    return live;
}

static int scan(struct ir *ir, struct ir_vreg **sorted, char *err, size_t err_bytes)
{
    int free_since[IR_FILE_COUNT][32]; /* end of the last interval in each register */
    for (int file = 0; file < IR_FILE_COUNT; file++)
        for (int i = 0; i < 32; i++)
            free_since[file][i] = -1;
    for (int i = 0; i < ir->vreg_count; i++) {
        struct ir_vreg *v = sorted[i];
        const struct ir_regs *regs = &ir->target->file[v->file];
        if (v->end < 0)
            continue;
        v->phys = v->fixed >= 0 ? v->fixed : pick(regs, free_since[v->file], v->begin);
        if (v->phys < 0) {
            snprintf(err, err_bytes, "needs at least %d %s and has %d: it would spill",
                     pressure(ir, v->file, v->begin), regs->what, regs->count);
            return -ENOTSUP;
        }
        free_since[v->file][v->phys] = v->end;
    }
    return 0;
}

int ir_allocate(struct ir *ir, char *err, size_t err_bytes)
{
    if (ir->failed) {
        snprintf(err, err_bytes, "out of memory");
        return ir->failed;
    }
    struct ir_vreg **sorted = malloc(sizeof(*sorted) * (size_t)(ir->vreg_count + 1));
    if (!sorted) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    find_intervals(ir);
    extend_over_loops(ir);
    for (int i = 0; i < ir->vreg_count; i++)
        sorted[i] = &ir->vreg[i];
    qsort(sorted, (size_t)ir->vreg_count, sizeof(*sorted), by_begin);
    int rc = scan(ir, sorted, err, err_bytes);
    free(sorted);
    return rc;
}
