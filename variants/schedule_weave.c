/* Loop bodies for cores that issue in order, by modulo scheduling around a spine: the MACs keep
 * their order, one a cycle, and behind each is a slot for what can issue beside it; where MACs are
 * two a cycle, behind every other one.
 *
 * From the last use back, everything else takes the latest slot that is early enough for its
 * result, so that values live as briefly as they can; what is made of an address that the body
 * loads takes the earliest, so that the address does. A slot before the first MAC is one of the
 * iteration before: such an instruction is `early`, is done once ahead of the loop, and works for
 * the next iteration inside it. Where pointers advance is chosen last; offsets follow. */
#include "variants/weave.h"

#include <errno.h>
#include <stdlib.h>

enum { UNPLACED = -100000, MOST_IN_SLOT = 8 };

/* What shares a slot. Kinds of a lower number are placed first. */
enum kind { INSERT, HALF_LOAD, WIDE_LOAD, ADVANCE, FREE, KIND_COUNT };

/* How many of a kind a slot takes; kinds with the same pool count together. */
struct core_rules {
    uint8_t pool[KIND_COUNT];
    int joins;    /* half loads look for a slot that has an insert: they issue in one cycle */
    int together; /* MACs of a cycle */
};
static const struct core_rules rules[] = {
    [WEAVE_A55] = { .pool = { 0, 0, 0, 0, 0 }, .together = 1 },
    [WEAVE_A510] = { .pool = { 0, 0, 0, 0, 0 }, .together = 2 },
    [WEAVE_A53] = { .pool = { 1, 2, 2, 0, 0 }, .joins = 1, .together = 1 },
};

struct other {
    struct ir_insn insn;
    enum kind kind;
    int at;          /* in the body as it was given */
    int slot;        /* negative: of the iteration before */
    int waits;       /* readers of its result that are not placed yet */
    int latest;      /* slot that is early enough for the others */
    int last_reader; /* slot of the last one */
};

struct work {
    const struct ir *ir;
    const struct core_rules *rules;
    const struct ir_insn *body;
    int count, macs, others, wraps;
    int *mac_at;                 /* [MAC]: its index in the body */
    struct other *other;         /* in the order of the body */
    uint8_t (*used)[KIND_COUNT]; /* [slot][pool] */
};

static int writes(char role)
{
    return role == 'w' || role == 'W' || role == '+';
}

static int reads(char role)
{
    return role == 'r' || role == '+';
}

static int cyclic(const struct work *w, int slot)
{
    return (slot % w->macs + w->macs) % w->macs;
}

static int reads_result(const struct work *w, const struct ir_insn *from, const struct ir_insn *to)
{
    const char *rf = w->ir->target->ops[from->op].roles, *rt = w->ir->target->ops[to->op].roles;
    for (int i = 0; rf[i]; i++)
        for (int k = 0; rt[k]; k++)
            if (writes(rf[i]) && reads(rt[k]) && from->arg[i] == to->arg[k])
                return 1;
    return 0;
}

/* An address made of another one. */
static int is_sum(const struct work *w, const struct other *o)
{
    return o->kind == FREE && w->ir->target->ops[o->insn.op].class == IR_ALU;
}

/* One made of an address that the body loads. */
static int frees_load(const struct work *w, const struct other *o)
{
    int found = 0;
    for (int i = 0; i < w->others && is_sum(w, o); i++) {
        const struct other *from = &w->other[i];
        found |= from->kind == FREE && !is_sum(w, from) && reads_result(w, &from->insn, &o->insn);
    }
    return found;
}

/* In slots. */
static int latency(const struct work *w, enum kind kind)
{
    static const int cycles[KIND_COUNT] = {
        [INSERT] = 2, [HALF_LOAD] = 3, [WIDE_LOAD] = 4, [FREE] = 3, [ADVANCE] = 1
    };
    return cycles[kind] * w->rules->together;
}

/* What the reader, in `slot`, asks of its source. */
static void limit(const struct work *w, struct other *o, int slot)
{
    int latest = slot - latency(w, o->kind);
    o->latest = latest < o->latest ? latest : o->latest;
    o->last_reader = slot > o->last_reader ? slot : o->last_reader;
}

static void find_readers(struct work *w, struct other *o)
{
    o->latest = w->macs - 1;
    o->last_reader = UNPLACED;
    for (int m = 0; m < w->macs && o->kind != ADVANCE; m++)
        if (w->mac_at[m] > o->at && reads_result(w, &o->insn, &w->body[w->mac_at[m]]))
            limit(w, o, m);
    for (int i = 0; i < w->others && o->kind != ADVANCE; i++)
        o->waits += w->other[i].at > o->at && reads_result(w, &o->insn, &w->other[i].insn);
}

static void tell_sources(struct work *w, const struct other *reader)
{
    for (int i = 0; i < w->others; i++) {
        struct other *o = &w->other[i];
        if (o->kind == ADVANCE || o->at >= reader->at || !reads_result(w, &o->insn, &reader->insn))
            continue;
        o->waits--;
        limit(w, o, reader->slot);
        if (o->last_reader == reader->slot)
            o->last_reader++; /* of one slot, what is early comes first */
    }
}

/* Whether the slot takes one more of the kind; the last one is the branch's. */
static int has_room(const struct work *w, enum kind kind, int slot, int capacity)
{
    int at = cyclic(w, slot);
    if ((at == w->macs - 1 && w->wraps) || (at + 1) % w->rules->together)
        return 0;
    return w->used[at][w->rules->pool[kind]] < capacity;
}

/* UNPLACED if there is none. */
static int find_slot(const struct work *w, const struct other *o)
{
    int latest = o->latest, last_reader = o->last_reader;
    int earliest = w->wraps ? latest - w->macs + 1 : 0, is_early = w->wraps && frees_load(w, o);
    if (w->wraps && last_reader - w->macs > earliest)
        earliest = last_reader - w->macs;
    if (earliest < -w->macs)
        earliest = -w->macs; /* of one iteration before, not of two */
    if (w->rules->joins && o->kind == HALF_LOAD)
        for (int slot = latest; slot >= earliest; slot--)
            if (has_room(w, o->kind, slot, 1) && w->used[cyclic(w, slot)][w->rules->pool[INSERT]])
                return slot;
    for (int capacity = 1; capacity <= MOST_IN_SLOT; capacity++)
        for (int i = 0; i <= latest - earliest; i++) {
            int slot = is_early ? earliest + i : latest - i;
            if (has_room(w, o->kind, slot, capacity))
                return slot;
        }
    return w->wraps ? UNPLACED : -1;
}

/* Of what can be placed, the first kind, and of it what is needed last. */
static struct other *choose(const struct work *w)
{
    struct other *best = NULL;
    for (int i = w->others - 1; i >= 0; i--) {
        struct other *o = &w->other[i];
        if (o->slot != UNPLACED || o->waits)
            continue;
        if (!best || o->kind < best->kind || (o->kind == best->kind && o->latest > best->latest))
            best = o;
    }
    return best;
}

static int place_all(struct work *w)
{
    for (int i = 0; i < w->others; i++)
        find_readers(w, &w->other[i]);
    for (struct other *o; (o = choose(w));) {
        o->slot = find_slot(w, o);
        if (o->slot == UNPLACED)
            return 0;
        if (o->slot >= 0 || w->wraps)
            w->used[cyclic(w, o->slot)][w->rules->pool[o->kind]]++;
        tell_sources(w, o);
    }
    return 1;
}

/* ---- The order that follows */

static int by_slot(const void *a, const void *b)
{
    const struct other *x = a, *y = b;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Adds to the offset of a load from the pointer, if it is one. 0 if no instruction can have it. */
static int shift(const struct work *w, struct ir_insn *insn, int pointer, int bytes)
{
    const struct ir_op *op = &w->ir->target->ops[insn->op];
    int least = op->class == IR_PREFETCH ? 0 : -256, most = op->roles[1] == 'w' ? 1008 : 4080;
    for (int k = 0; op->roles[k]; k++)
        if (op->roles[k] == 'r' && insn->arg[k] == pointer && op->roles[k + 1] == 'i') {
            insn->arg[k + 1] += bytes;
            return insn->arg[k + 1] >= least && insn->arg[k + 1] <= most;
        }
    return 1;
}

static void add(struct ir_woven *out, const struct ir_insn *insn, int part)
{
    out->insn[out->count] = *insn;
    out->part[out->count++] = part;
}

/* In the order that write_out() gives them: of one slot, what is early comes first. */
static int is_before(const struct work *w, const struct other *a, const struct other *b)
{
    if (w->wraps && cyclic(w, a->slot) != cyclic(w, b->slot))
        return cyclic(w, a->slot) < cyclic(w, b->slot);
    return by_slot(a, b) < 0;
}

/* An early load before its pointer advances is a body ahead; a late one behind it, a body back. */
static int correct_offsets(const struct work *w, struct other *o)
{
    int fits = 1;
    for (int i = 0; i < w->others; i++) {
        const struct other *advance = &w->other[i];
        if (advance->kind != ADVANCE || advance == o)
            continue;
        int before = is_before(w, o, advance), early = o->slot < 0 && w->wraps;
        if (early == before)
            fits &= shift(w, &o->insn, advance->insn.arg[0],
                          early ? advance->insn.arg[1] : -advance->insn.arg[1]);
    }
    return fits;
}

/* 0 if an offset is out of reach. */
static int write_out(struct work *w, struct ir_woven *out)
{
    int fits = 1;
    qsort(w->other, (size_t)w->others, sizeof(*w->other), by_slot);
    for (int i = 0; i < w->others && w->other[i].slot < 0; i++)
        add(out, &w->other[i].insn, WEAVE_FIRST);
    for (int i = 0; i < w->others; i++)
        fits &= correct_offsets(w, &w->other[i]);
    for (int m = 0; m < w->macs; m++) {
        add(out, &w->body[w->mac_at[m]], WEAVE_LOOP | WEAVE_LAST);
        for (int i = 0; i < w->others; i++) {
            const struct other *o = &w->other[i];
            if (cyclic(w, o->slot) != m || (o->slot < 0 && !w->wraps))
                continue;
            int again = o->slot >= 0 && o->insn.op != IR_SUB_FLAGS;
            add(out, &o->insn, WEAVE_LOOP | (again ? WEAVE_LAST : 0));
        }
    }
    return fits;
}

/* ---- Entry */

static enum kind kind_of(const struct ir *ir, const struct ir_insn *insn)
{
    const struct ir_op *op = &ir->target->ops[insn->op];
    if (insn->op == IR_ADD_IMM || insn->op == IR_SUB_FLAGS)
        return ADVANCE;
    if (op->class == IR_PREFETCH || ir->vreg[insn->arg[0]].file == IR_GPR)
        return FREE;
    return op->class == IR_LOAD ? WIDE_LOAD : op->class == IR_LOAD_HALF ? HALF_LOAD : INSERT;
}

static void sort_out(struct work *w)
{
    for (int i = 0; i < w->count; i++) {
        const struct ir_insn *insn = &w->body[i];
        if (w->ir->target->ops[insn->op].class == IR_MAC)
            w->mac_at[w->macs++] = i;
        else
            w->other[w->others++] = (struct other) {
                .insn = *insn, .kind = kind_of(w->ir, insn), .at = i, .slot = UNPLACED
            };
    }
}

static void weave(struct ir *ir, struct work *w, struct ir_woven *out)
{
    sort_out(w);
    if (w->macs == 0 || !place_all(w) || !write_out(w, out)) {
        ir->failed = -ENOTSUP;
        ir->why = "a value lives for longer than the body: pipelining needs more bodies (u)";
    }
}

void ir_weave(struct ir *ir, int begin, enum weave_core core, int wraps, struct ir_woven *out)
{
    size_t count = (size_t)(ir->insn_count - begin);
    *out = (struct ir_woven) { 0 };
    if (ir->failed || count == 0)
        return;
    struct work w = { .ir = ir, .rules = &rules[core], .wraps = wraps, .count = (int)count };
    struct ir_insn *body = malloc(count * sizeof(*body));
    w.body = body;
    w.mac_at = malloc(count * sizeof(*w.mac_at));
    w.other = malloc(count * sizeof(*w.other));
    w.used = calloc(count, sizeof(*w.used));
    out->insn = malloc(2 * count * sizeof(*out->insn));
    out->part = malloc(2 * count * sizeof(*out->part));
    if (body && w.mac_at && w.other && w.used && out->insn && out->part) {
        for (size_t i = 0; i < count; i++)
            body[i] = ir->insn[begin + (int)i];
        ir->insn_count = begin;
        weave(ir, &w, out);
    } else {
        ir->failed = -ENOMEM;
    }
    free(body);
    free(w.mac_at);
    free(w.other);
    free(w.used);
}

void ir_woven_add(struct ir *ir, const struct ir_woven *woven, enum weave_part part)
{
    for (int i = 0; i < woven->count; i++)
        if (woven->part[i] & (int)part)
            ir_add(ir, woven->insn[i].op, woven->insn[i].arg);
}

void ir_woven_loop(struct ir *ir, struct ir_woven *woven, int left, int step, int loop, int last)
{
    ir_woven_add(ir, woven, WEAVE_FIRST);
    IR(ir, IR_SUB_JUMP_NEG, left, step, last);
    IR(ir, IR_LABEL, loop);
    ir_woven_add(ir, woven, WEAVE_LOOP);
    IR(ir, IR_JUMP_POS, loop);
    IR(ir, IR_LABEL, last);
    ir_woven_add(ir, woven, WEAVE_LAST);
    ir_woven_clear(woven);
}

void ir_woven_clear(struct ir_woven *woven)
{
    free(woven->insn);
    free(woven->part);
    *woven = (struct ir_woven) { 0 };
}
