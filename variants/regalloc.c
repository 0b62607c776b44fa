/* Greedy colouring of live ranges that may have holes. Two virtual registers may share a register
 * where what they occupy is disjoint, so what is loaded at the end of one iteration for the next
 * leaves its register free in between. Nothing is spilled: a kernel that would spill is refused. */
#include "variants/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span {
    int begin, vreg;
};

struct work {
    struct ir *ir;
    struct ir_ranges ranges;
    uint64_t *taken;                 /* [file][register][half position] */
    int words;                       /* of a register in `taken` */
    struct span *order;              /* virtual registers by the begin of their ranges */
    uint32_t offered[IR_FILE_COUNT]; /* bit sets of register numbers */
};

static uint64_t *taken_of(const struct work *w, int file, int reg)
{
    return w->taken + ((size_t)file * 32 + (size_t)reg) * (size_t)w->words;
}

static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->vreg < y->vreg ? -1 : x->vreg > y->vreg;
}

static int is_free(const struct work *w, int vreg, int reg)
{
    const struct ir_vreg *v = &w->ir->vreg[vreg];
    const uint64_t *taken = taken_of(w, v->file, reg);
    for (int word = v->begin / IR_WORD; word <= v->end / IR_WORD; word++)
        if (ir_ranges_word(&w->ranges, vreg, word) & taken[word])
            return 0;
    return 1;
}

static int may_have(const struct work *w, int vreg, int reg)
{
    const struct ir_vreg *v = &w->ir->vreg[vreg];
    return w->offered[v->file] >> reg & 1 && !(v->limit && reg >= v->limit) &&
           is_free(w, vreg, reg);
}

/* The free register that has been free for longest, so that temporaries rotate; callee-saved ones
 * only when no other is left, and those below `above` only then. Of a tuple, the first one. -1 if
 * all are taken. */
static int pick(const struct work *w, int vreg, const int *free_since)
{
    const struct ir_vreg *v = &w->ir->vreg[vreg];
    const struct ir_regs *regs = &w->ir->target->file[v->file];
    int best = -1, best_cost = 0, members = v->tuple > 0 ? v->tuple : 1;
    for (int i = 0; i < regs->count; i++) {
        int reg = regs->order[i], saved = regs->callee_saved >> reg & 1, fits = 1;
        int cost = saved + 2 * (reg < v->above);
        int is_better = best < 0 || cost < best_cost ||
                        (cost == best_cost && !saved && free_since[reg] < free_since[best]);
        for (int k = 0; k < members && is_better && fits; k++)
            fits = may_have(w, vreg + k, (reg + k) % 32);
        if (is_better && fits) {
            best = reg;
            best_cost = cost;
        }
    }
    return best;
}

static void take(struct work *w, int vreg, int reg, int *free_since)
{
    struct ir_vreg *v = &w->ir->vreg[vreg];
    uint64_t *taken = taken_of(w, v->file, reg);
    v->phys = reg;
    for (int word = v->begin / IR_WORD; word <= v->end / IR_WORD; word++)
        taken[word] |= ir_ranges_word(&w->ranges, vreg, word);
    free_since[reg] = v->end;
}

/* Virtual registers of a file that are live at one place. */
static int pressure(const struct work *w, enum ir_file file, int half)
{
    int live = 0;
    for (int i = 0; i < w->ir->vreg_count; i++) {
        const struct ir_vreg *v = &w->ir->vreg[i];
        live += v->file == file && v->begin <= half && half <= v->end &&
                ir_ranges_word(&w->ranges, i, half / IR_WORD) >> half % IR_WORD & 1;
    }
    return live;
}

static int refuse(const struct work *w, const struct ir_vreg *v, char *err, size_t err_bytes)
{
    const struct ir_regs *regs = &w->ir->target->file[v->file];
    int most = regs->count + 1;
    for (int half = v->begin; half <= v->end && err_bytes; half++) {
        int live = pressure(w, v->file, half);
        most = live > most ? live : most;
    }
    snprintf(err, err_bytes, "needs at least %d %s and has %d: it would spill", most, regs->what,
             regs->count);
    return -ENOSPC;
}

static int colour(struct work *w, char *err, size_t err_bytes)
{
    int free_since[IR_FILE_COUNT][32];
    memset(free_since, -1, sizeof(free_since));
    for (int i = 0; i < w->ir->vreg_count; i++)
        w->order[i] = (struct span) { w->ir->vreg[i].begin, i };
    qsort(w->order, (size_t)w->ir->vreg_count, sizeof(*w->order), by_begin);
    for (int i = 0; i < w->ir->vreg_count; i++) {
        int vreg = w->order[i].vreg;
        const struct ir_vreg *v = &w->ir->vreg[vreg];
        if (v->end < 0 || v->tuple < 0)
            continue;
        int reg = v->fixed >= 0 ? v->fixed : pick(w, vreg, free_since[v->file]);
        if (reg < 0)
            return refuse(w, v, err, err_bytes);
        for (int k = 0; k < (v->tuple > 0 ? v->tuple : 1); k++)
            take(w, vreg + k, (reg + k) % 32, free_since[v->file]);
    }
    return 0;
}

static int work_open(struct work *w, struct ir *ir)
{
    *w = (struct work) { .ir = ir, .words = (2 * ir->insn_count + IR_WORD - 1) / IR_WORD };
    for (int file = 0; file < IR_FILE_COUNT; file++)
        for (int i = 0; i < ir->target->file[file].count; i++)
            w->offered[file] |= 1u << ir->target->file[file].order[i];
    w->order = malloc(((size_t)ir->vreg_count + 1) * sizeof(*w->order));
    w->taken = calloc((size_t)IR_FILE_COUNT * 32 * (size_t)w->words + 1, sizeof(*w->taken));
    return w->order && w->taken ? ir_ranges_find(ir, &w->ranges) : -ENOMEM;
}

static void work_close(struct work *w)
{
    free(w->taken);
    free(w->order);
    ir_ranges_clear(&w->ranges);
}

int ir_allocate(struct ir *ir, char *err, size_t err_bytes)
{
    struct work w;
    if (ir->failed) {
        snprintf(err, err_bytes, "%s", ir->failed == -ENOMEM ? "out of memory" : ir->why);
        return ir->failed;
    }
    int rc = work_open(&w, ir);
    if (rc)
        snprintf(err, err_bytes, "out of memory");
    else
        rc = colour(&w, err, err_bytes);
    work_close(&w);
    return rc;
}
