/* Greedy colouring of live ranges that may have holes. Liveness is a data-flow analysis over the
 * instructions; each virtual register then occupies a set of half positions: reads of instruction i
 * happen at 2 * i, writes at 2 * i + 1, early writes at both. Two may share a register where those
 * sets are disjoint, so what is loaded at the end of one iteration for the next leaves its register
 * free in between. Nothing is spilled: a kernel that would spill is refused. */
#include "variants/ir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 64 };

struct rows {
    uint64_t *bit;
    int words; /* of one row */
};

struct span {
    int begin, vreg;
};

struct work {
    struct ir *ir;
    struct rows live;     /* [instruction][virtual register]: live before it */
    struct rows occupied; /* [virtual register][half position] */
    struct rows taken;    /* [file * 32 + register][half position] */
    int *label_at;        /* [label]: its instruction, or -1 */
    struct span *order;   /* virtual registers by the begin of their ranges */
};

static int words_of(int bits)
{
    return (bits + WORD - 1) / WORD;
}

static int rows_open(struct rows *rows, int count, int bits)
{
    rows->words = words_of(bits);
    rows->bit = calloc((size_t)count * (size_t)rows->words + 1, sizeof(*rows->bit));
    return rows->bit ? 0 : -ENOMEM;
}

static uint64_t *row_of(const struct rows *rows, int index)
{
    return rows->bit + (size_t)index * (size_t)rows->words;
}

static void set(uint64_t *row, int bit)
{
    row[bit / WORD] |= (uint64_t)1 << bit % WORD;
}

static int has(const uint64_t *row, int bit)
{
    return (int)(row[bit / WORD] >> bit % WORD & 1);
}

static int is_register(char role)
{
    return role != 'i' && role != 'l';
}

static int is_read(char role)
{
    return role == 'r' || role == '+';
}

/* ---- Liveness */

/* Live behind instruction i: before the next one, and before the target of a branch. */
static void live_behind(const struct work *w, int i, uint64_t *out)
{
    const struct ir_insn *insn = &w->ir->insn[i];
    const char *roles = w->ir->target->ops[insn->op].roles;
    memset(out, 0, (size_t)w->live.words * sizeof(*out));
    if (insn->op != IR_JUMP && i + 1 < w->ir->insn_count)
        memcpy(out, row_of(&w->live, i + 1), (size_t)w->live.words * sizeof(*out));
    if (w->ir->target->ops[insn->op].class != IR_BRANCH)
        return;
    for (int k = 0; roles[k]; k++) {
        int at = roles[k] == 'l' ? w->label_at[insn->arg[k]] : -1;
        for (int word = 0; at >= 0 && word < w->live.words; word++)
            out[word] |= row_of(&w->live, at)[word];
    }
}

/* One pass from the end to the beginning; 1 if anything changed. */
static int flow(const struct work *w, uint64_t *row)
{
    int changed = 0;
    for (int i = w->ir->insn_count - 1; i >= 0; i--) {
        const struct ir_insn *insn = &w->ir->insn[i];
        const char *roles = w->ir->target->ops[insn->op].roles;
        live_behind(w, i, row);
        for (int k = 0; roles[k]; k++)
            if (is_register(roles[k]) && !is_read(roles[k]))
                row[insn->arg[k] / WORD] &= ~((uint64_t)1 << insn->arg[k] % WORD);
        for (int k = 0; roles[k]; k++)
            if (is_register(roles[k]) && is_read(roles[k]))
                set(row, insn->arg[k]);
        size_t bytes = (size_t)w->live.words * sizeof(*row);
        if (memcmp(row, row_of(&w->live, i), bytes)) {
            memcpy(row_of(&w->live, i), row, bytes);
            changed = 1;
        }
    }
    return changed;
}

static void occupy_live(const struct work *w, const uint64_t *row, int half)
{
    for (int word = 0; word < w->live.words; word++)
        for (uint64_t bits = row[word]; bits; bits &= bits - 1)
            set(row_of(&w->occupied, word * WORD + __builtin_ctzll(bits)), half);
}

static void occupy(const struct work *w, uint64_t *row)
{
    for (int i = 0; i < w->ir->insn_count; i++) {
        const struct ir_insn *insn = &w->ir->insn[i];
        const char *roles = w->ir->target->ops[insn->op].roles;
        occupy_live(w, row_of(&w->live, i), 2 * i);
        live_behind(w, i, row);
        occupy_live(w, row, 2 * i + 1);
        for (int k = 0; roles[k]; k++) {
            if (!is_register(roles[k]))
                continue;
            set(row_of(&w->occupied, insn->arg[k]), 2 * i + (roles[k] != 'r'));
            if (roles[k] == 'W')
                set(row_of(&w->occupied, insn->arg[k]), 2 * i);
        }
    }
}

static int find_ranges(struct work *w)
{
    struct ir *ir = w->ir;
    uint64_t *row = calloc((size_t)w->live.words + 1, sizeof(*row));
    if (!row)
        return -ENOMEM;
    for (int i = 0; i < ir->label_count; i++)
        w->label_at[i] = -1;
    for (int i = 0; i < ir->insn_count; i++)
        if (ir->insn[i].op == IR_LABEL)
            w->label_at[ir->insn[i].arg[0]] = i;
    while (flow(w, row))
        ;
    occupy(w, row);
    free(row);
    return 0;
}

/* ---- Colouring */

static void find_ends(struct work *w)
{
    for (int i = 0; i < w->ir->vreg_count; i++) {
        struct ir_vreg *v = &w->ir->vreg[i];
        const uint64_t *row = row_of(&w->occupied, i);
        v->begin = v->end = -1;
        for (int word = 0; word < w->occupied.words; word++) {
            if (!row[word])
                continue;
            if (v->begin < 0)
                v->begin = word * WORD + __builtin_ctzll(row[word]);
            v->end = word * WORD + WORD - 1 - __builtin_clzll(row[word]);
        }
        if (v->fixed >= 0)
            v->begin = 0;
    }
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
    const uint64_t *mine = row_of(&w->occupied, vreg);
    const uint64_t *taken = row_of(&w->taken, v->file * 32 + reg);
    for (int word = v->begin / WORD; word <= v->end / WORD; word++)
        if (mine[word] & taken[word])
            return 0;
    return 1;
}

static int may_have(const struct work *w, int vreg, int reg)
{
    const struct ir_vreg *v = &w->ir->vreg[vreg];
    const struct ir_regs *regs = &w->ir->target->file[v->file];
    int offered = 0;
    for (int i = 0; i < regs->count; i++)
        offered |= regs->order[i] == reg;
    return offered && !(v->limit && reg >= v->limit) && is_free(w, vreg, reg);
}

/* The free register that has been free for longest, so that temporaries rotate; callee-saved ones
 * only when no other is left. Of a tuple, the first one. -1 if all are taken. */
static int pick(const struct work *w, int vreg, const int *free_since)
{
    const struct ir_vreg *v = &w->ir->vreg[vreg];
    const struct ir_regs *regs = &w->ir->target->file[v->file];
    int best = -1, best_saved = 1, members = v->tuple > 0 ? v->tuple : 1;
    for (int i = 0; i < regs->count; i++) {
        int reg = regs->order[i], saved = regs->callee_saved >> reg & 1, fits = 1;
        for (int k = 0; k < members && fits; k++)
            fits = may_have(w, vreg + k, (reg + k) % 32);
        if (!fits)
            continue;
        if (best < 0 || saved < best_saved ||
            (saved == best_saved && !saved && free_since[reg] < free_since[best])) {
            best = reg;
            best_saved = saved;
        }
    }
    return best;
}

static void take(struct work *w, int vreg, int reg, int *free_since)
{
    struct ir_vreg *v = &w->ir->vreg[vreg];
    uint64_t *taken = row_of(&w->taken, v->file * 32 + reg);
    v->phys = reg;
    for (int word = 0; word < w->taken.words; word++)
        taken[word] |= row_of(&w->occupied, vreg)[word];
    free_since[reg] = v->end;
}

/* Virtual registers of a file that are live at one place. */
static int pressure(const struct work *w, enum ir_file file, int half)
{
    int live = 0;
    for (int i = 0; i < w->ir->vreg_count; i++)
        live += w->ir->vreg[i].file == file && has(row_of(&w->occupied, i), half);
    return live;
}

static int refuse(const struct work *w, const struct ir_vreg *v, char *err, size_t err_bytes)
{
    const struct ir_regs *regs = &w->ir->target->file[v->file];
    int most = regs->count + 1;
    for (int half = v->begin; half <= v->end; half++) {
        int live = pressure(w, v->file, half);
        most = live > most ? live : most;
    }
    snprintf(err, err_bytes, "needs at least %d %s and has %d: it would spill", most, regs->what,
             regs->count);
    return -ENOTSUP;
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

static void work_close(struct work *w)
{
    free(w->live.bit);
    free(w->occupied.bit);
    free(w->taken.bit);
    free(w->label_at);
    free(w->order);
}

static int work_open(struct work *w, struct ir *ir)
{
    int halves = 2 * ir->insn_count;
    *w = (struct work) { .ir = ir };
    w->label_at = malloc(((size_t)ir->label_count + 1) * sizeof(*w->label_at));
    w->order = malloc(((size_t)ir->vreg_count + 1) * sizeof(*w->order));
    if (w->label_at && w->order && rows_open(&w->live, ir->insn_count, ir->vreg_count) == 0 &&
        rows_open(&w->occupied, ir->vreg_count, halves) == 0 &&
        rows_open(&w->taken, IR_FILE_COUNT * 32, halves) == 0)
        return 0;
    work_close(w);
    return -ENOMEM;
}

int ir_allocate(struct ir *ir, char *err, size_t err_bytes)
{
    struct work w;
    int rc = ir->failed ? ir->failed : work_open(&w, ir);
    if (rc) {
        snprintf(err, err_bytes, "%s", rc == -ENOMEM ? "out of memory" : ir->why);
        return rc;
    }
    rc = find_ranges(&w);
    if (rc == 0) {
        find_ends(&w);
        rc = colour(&w, err, err_bytes);
    } else {
        snprintf(err, err_bytes, "out of memory");
    }
    work_close(&w);
    return rc;
}
