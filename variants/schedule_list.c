/* List scheduling for cores that issue in order: of the instructions whose operands are ready, the
 * one that most of the rest waits for goes next. Only the first `window` that are left, in the
 * order given, are candidates, so that no more results are alive at once than registers allow.
 *
 * Latencies are those of Cortex-A53 and A55 for the classes that matter (vector arithmetic 4,
 * loads 3 to 4, a MAC to the accumulator of the next MAC of its kind 1); one instruction issues in
 * a cycle. What pairs is left to the core: see cores.h for a model of it. */
#include "variants/ir.h"

#include <errno.h>
#include <stdlib.h>

static int writes(char role)
{
    return role == 'w' || role == 'W' || role == '+';
}

static int reads(char role)
{
    return role == 'r' || role == '+';
}

static int latency_of(const struct ir *ir, const struct ir_insn *insn, int result)
{
    enum ir_class class = ir->target->ops[insn->op].class;
    if (ir->vreg[result].file == IR_GPR)
        return class == IR_LOAD ? 3 : 1;
    return 4;
}

/* Cycles that `b` must stay behind `a`, which comes before it; -1 if it need not. */
static int distance(const struct ir *ir, const struct ir_insn *a, const struct ir_insn *b)
{
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
                             : latency_of(ir, a, a->arg[i]);
            else if (writes(ra[i]) && writes(rb[k]))
                cycles = 1;
            else if (reads(ra[i]) && writes(rb[k]))
                cycles = 0;
            far = cycles > far ? cycles : far;
        }
    return far;
}

struct node {
    int path;  /* cycles from its issue to the end of the longest chain behind it */
    int ready; /* first cycle in which its operands are there, as far as is known */
    int waits; /* instructions before it that are not placed yet */
    int placed;
};

static void find_paths(const struct ir *ir, int begin, int count, struct node *node, int8_t *far)
{
    for (int i = count - 1; i >= 0; i--)
        for (int k = i + 1; k < count; k++) {
            int cycles = distance(ir, &ir->insn[begin + i], &ir->insn[begin + k]);
            far[i * count + k] = (int8_t)cycles;
            if (cycles < 0)
                continue;
            node[k].waits++;
            if (cycles + node[k].path > node[i].path)
                node[i].path = cycles + node[k].path;
        }
}

/* The best candidate for cycle `now`: ready ones first, longest path first, given order first. */
static int choose(const struct node *node, int count, int first, int window, int now)
{
    int best = -1;
    for (int i = first, seen = 0; i < count && seen < window; i++) {
        if (node[i].placed)
            continue;
        seen++;
        if (node[i].waits)
            continue;
        if (best < 0) {
            best = i;
            continue;
        }
        int late = node[best].ready > now, later = node[i].ready > now;
        if (late != later
                ? late
                : (late && node[i].ready != node[best].ready ? node[i].ready < node[best].ready
                                                             : node[i].path > node[best].path))
            best = i;
    }
    return best;
}

static void place_all(struct ir *ir, int begin, int count, int window, struct node *node,
                      const int8_t *far, struct ir_insn *out)
{
    for (int placed = 0, now = 0, first = 0; placed < count; placed++, now++) {
        int i = choose(node, count, first, window, now);
        now = node[i].ready > now ? node[i].ready : now;
        node[i].placed = 1;
        out[placed] = ir->insn[begin + i];
        for (int k = i + 1; k < count; k++) {
            if (far[i * count + k] < 0)
                continue;
            node[k].waits--;
            if (now + far[i * count + k] > node[k].ready)
                node[k].ready = now + far[i * count + k];
        }
        while (first < count && node[first].placed)
            first++;
    }
    for (int i = 0; i < count; i++)
        ir->insn[begin + i] = out[i];
}

void ir_list(struct ir *ir, int begin, int end, int window)
{
    int count = end - begin;
    if (ir->failed || count < 2)
        return;
    struct node *node = calloc((size_t)count, sizeof(*node));
    int8_t *far = malloc((size_t)count * (size_t)count);
    struct ir_insn *out = malloc((size_t)count * sizeof(*out));
    if (node && far && out) {
        find_paths(ir, begin, count, node, far);
        place_all(ir, begin, count, window, node, far, out);
    } else {
        ir->failed = -ENOMEM;
    }
    free(node);
    free(far);
    free(out);
}
