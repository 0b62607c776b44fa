/* List scheduling for cores that issue in order: of the instructions whose operands are ready, the
 * one that most of the rest waits for goes next. Only the first `window` that are left, in the
 * order given, are candidates, so that no more results are alive at once than registers allow;
 * fillers are candidates always, but the last ones.
 *
 * What issues together is the core's row of var_cores[]. Without one, an instruction issues in a
 * cycle, and latencies are those of Cortex-A53 and A55 for the classes that matter: vector
 * arithmetic 4, loads 3 to 4, a MAC to the accumulator of the next MAC of its kind 1. */
#include "variants/ir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct list {
    const struct ir *ir;
    const struct var_core *core; /* NULL: one instruction a cycle */
    int begin, count, fillers;   /* where those begin; as indices from `begin` on */
    int window;
    struct node *node;
    int8_t *far; /* [count][count]: cycles that the second must stay behind the first; -1: none */
    int now, issued, vectors, memory; /* the cycle, and what it has so far */
    uint32_t classes;
};

struct node {
    enum var_timing timing;
    int path;  /* cycles from its issue to the end of the longest chain behind it */
    int ready; /* first cycle in which its operands are there, as far as is known */
    int waits; /* instructions before it that are not placed yet */
    int placed;
};

static int writes(char role)
{
    return role == 'w' || role == 'W' || role == '+';
}

static int reads(char role)
{
    return role == 'r' || role == '+';
}

static int is_load(enum ir_class class)
{
    return class == IR_LOAD || class == IR_LOAD_HALF;
}

static enum var_timing timing_of_load(const struct ir *ir, const struct ir_insn *insn)
{
    static const enum var_timing general[] = { VAR_T_LOAD, VAR_T_LOAD_PAIR };
    static const enum var_timing whole[] = { VAR_T_LOAD_VECTOR, VAR_T_LOAD_PAIR_VECTOR };
    const struct ir_op *op = &ir->target->ops[insn->op];
    int results = 0;
    while (op->roles[results] == 'w' || op->roles[results] == 'W')
        results++;
    if (results > 2)
        return VAR_T_LOAD_MANY;
    if (ir->vreg[insn->arg[0]].file == IR_GPR)
        return general[results - 1];
    return strstr(op->text, "%0q") ? whole[results - 1] : VAR_T_LOAD_HALF;
}

static enum var_timing timing_of(const struct ir *ir, const struct ir_insn *insn)
{
    const struct ir_op *op = &ir->target->ops[insn->op];
    if (is_load(op->class))
        return timing_of_load(ir, insn);
    if (op->class == IR_STORE)
        return VAR_T_STORE;
    if (op->class == IR_PREFETCH)
        return VAR_T_PREFETCH;
    if (ir->vreg[insn->arg[0]].file == IR_GPR)
        return VAR_T_ALU;
    return op->roles[1] == 'r' && ir->vreg[insn->arg[1]].file == IR_GPR ? VAR_T_INSERT
                                                                        : VAR_T_VECTOR;
}

static int latency_of(const struct list *list, const struct ir_insn *insn, int result)
{
    const struct ir *ir = list->ir;
    enum ir_class class = ir->target->ops[insn->op].class;
    if (list->core) /* what is written back, by loads and stores, is there in the next cycle */
        return is_load(class) || class == IR_STORE
                   ? (result == insn->arg[0] ? list->core->issue[timing_of(ir, insn)].latency : 1)
                   : list->core->issue[timing_of(ir, insn)].latency;
    if (ir->vreg[result].file == IR_GPR)
        return class == IR_LOAD ? 3 : 1;
    return 4;
}

/* Cycles that `b` must stay behind `a`, which comes before it; -1 if it need not. */
static int distance(const struct list *list, const struct ir_insn *a, const struct ir_insn *b)
{
    const struct ir *ir = list->ir;
    const char *ra = ir->target->ops[a->op].roles, *rb = ir->target->ops[b->op].roles;
    int far = -1;
    for (int i = 0; ra[i]; i++)
        for (int k = 0; rb[k]; k++) {
            int cycles = -1;
            if (a->arg[i] != b->arg[k] || ra[i] == 'i' || ra[i] == 'l' || rb[k] == 'i' ||
                rb[k] == 'l')
                continue;
            if (writes(ra[i]) && reads(rb[k]))
                cycles = ra[i] == '+' && rb[k] == '+' && a->op == b->op
                             ? 1
                             : latency_of(list, a, a->arg[i]);
            else if (writes(ra[i]) && writes(rb[k]))
                cycles = 1;
            else if (reads(ra[i]) && writes(rb[k]))
                cycles = 0;
            far = cycles > far ? cycles : far;
        }
    return far;
}

static void find_paths(struct list *list)
{
    const struct ir_insn *insn = &list->ir->insn[list->begin];
    struct node *node = list->node;
    for (int i = list->count - 1; i >= 0; i--)
        for (int k = i + 1; k < list->count; k++) {
            int cycles = distance(list, &insn[i], &insn[k]);
            list->far[i * list->count + k] = (int8_t)cycles;
            if (cycles < 0)
                continue;
            node[k].waits++;
            if (cycles + node[k].path > node[i].path)
                node[i].path = cycles + node[k].path;
        }
}

/* ---- What issues in a cycle, as harness/model/inorder.h has it */

static int is_vector(enum var_timing t)
{
    return t == VAR_T_VECTOR || t == VAR_T_VECTOR_HALF || t == VAR_T_INSERT;
}

static int is_memory(enum var_timing t)
{
    return t >= VAR_T_LOAD_VECTOR && t <= VAR_T_PREFETCH;
}

static int excludes(const struct list *list, enum var_timing t)
{
    if (list->core->issue[t].excludes & list->classes)
        return 1;
    for (int other = 0; other < VAR_T_COUNT; other++)
        if (list->classes >> other & 1 && list->core->issue[other].excludes >> t & 1)
            return 1;
    return 0;
}

static int fits(const struct list *list, enum var_timing t)
{
    const struct var_core *core = list->core;
    if (!list->issued)
        return 1;
    return core && core->issue[t].busy == 1 && list->issued < core->width && !excludes(list, t) &&
           !(is_vector(t) && list->vectors == core->vectors) &&
           !(is_memory(t) && list->memory == core->memory);
}

static void next_cycle(struct list *list, int cycle)
{
    list->now = cycle;
    list->issued = list->vectors = list->memory = 0;
    list->classes = 0;
}

static void issue(struct list *list, enum var_timing t)
{
    list->issued++;
    list->vectors += is_vector(t);
    list->memory += is_memory(t);
    list->classes |= 1u << t;
    int busy = list->core ? list->core->issue[t].busy : 1;
    if (busy > 1 || !list->core)
        next_cycle(list, list->now + busy);
}

/* ---- The order */

/* Whether a is to go before b: ready ones first, then those that are no fillers, then the longest
 * path; of equal ones, that which was given first. */
static int goes_before(const struct list *list, int a, int b)
{
    const struct node *x = &list->node[a], *y = &list->node[b];
    int late[2] = { x->ready > list->now || !fits(list, x->timing),
                    y->ready > list->now || !fits(list, y->timing) };
    int filler[2] = { a >= list->fillers, b >= list->fillers };
    if (late[0] != late[1])
        return late[1];
    if (late[0] && x->ready != y->ready)
        return x->ready < y->ready;
    if (filler[0] != filler[1])
        return filler[1];
    return x->path > y->path;
}

static int choose(const struct list *list, int first)
{
    enum { FILLERS = 8 };
    int best = -1;
    for (int i = first, seen = 0, fillers = 0; i < list->count; i++) {
        const struct node *node = &list->node[i];
        int *of_kind = i < list->fillers ? &seen : &fillers;
        if (node->placed || *of_kind == (i < list->fillers ? list->window : FILLERS))
            continue;
        ++*of_kind;
        if (!node->waits && (best < 0 || goes_before(list, i, best)))
            best = i;
    }
    return best;
}

static int goes_now(const struct list *list, int i)
{
    return list->node[i].ready <= list->now && fits(list, list->node[i].timing);
}

/* What goes next: of this cycle, if anything is left that does. */
static int next(struct list *list, int first)
{
    int i = choose(list, first);
    if (!goes_now(list, i) && list->issued) {
        next_cycle(list, list->now + 1);
        i = choose(list, first);
    }
    if (list->node[i].ready > list->now)
        next_cycle(list, list->node[i].ready);
    return i;
}

static void place(struct list *list, int i)
{
    struct node *node = list->node;
    node[i].placed = 1;
    for (int k = i + 1; k < list->count; k++) {
        int far = list->far[i * list->count + k];
        if (far < 0)
            continue;
        node[k].waits--;
        if (list->now + far > node[k].ready)
            node[k].ready = list->now + far;
    }
    issue(list, node[i].timing);
}

static void order(struct ir *ir, struct list *list, struct ir_insn *out)
{
    for (int placed = 0, first = 0; placed < list->count; placed++) {
        int i = next(list, first);
        out[placed] = ir->insn[list->begin + i];
        place(list, i);
        while (first < list->count && list->node[first].placed)
            first++;
    }
    memcpy(&ir->insn[list->begin], out, (size_t)list->count * sizeof *out);
}

void ir_list(struct ir *ir, int begin, int fillers, int end, int window,
             const struct var_core *core)
{
    struct list list = { .ir = ir,
                         .core = core,
                         .begin = begin,
                         .count = end - begin,
                         .fillers = fillers - begin,
                         .window = window };
    size_t count = (size_t)list.count;
    if (ir->failed || list.count < 2)
        return;
    list.node = calloc(count, sizeof *list.node);
    list.far = malloc(count * count);
    struct ir_insn *out = malloc(count * sizeof *out);
    if (list.node && list.far && out) {
        for (int i = 0; i < list.count; i++)
            list.node[i].timing = timing_of(ir, &ir->insn[begin + i]);
        find_paths(&list);
        order(ir, &list, out);
    } else {
        ir->failed = -ENOMEM;
    }
    free(list.node);
    free(list.far);
    free(out);
}
