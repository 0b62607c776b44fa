/* Where loads sit between MACs. The MACs keep their order and so do the others among themselves;
 * only how the two interleave changes, within what the registers allow.
 *
 * For each instruction that is no MAC: `least` MACs must come before it (they write what it reads
 * or read what it overwrites), at most `most` may (the next one reads its result). The wanted place
 * is its share of the MACs, or `lead` MACs before the first use if that is earlier. */
#include "variants/ir.h"

#include <errno.h>
#include <stdlib.h>

struct slot {
    int least, most, place;
};

static int writes(char role)
{
    return role == 'w' || role == 'W' || role == '+';
}

static int reads(char role)
{
    return role == 'r' || role == '+';
}

/* Whether `b`, which comes after `a`, must stay after it because of registers. */
static int depends(const struct ir *ir, const struct ir_insn *a, const struct ir_insn *b)
{
    const char *ra = ir->target->ops[a->op].roles, *rb = ir->target->ops[b->op].roles;
    for (int i = 0; ra[i]; i++) {
        for (int k = 0; rb[k]; k++) {
            if (a->arg[i] != b->arg[k])
                continue;
            if (writes(ra[i]) && (reads(rb[k]) || writes(rb[k])))
                return 1;
            if (reads(ra[i]) && writes(rb[k]))
                return 1;
        }
    }
    return 0;
}

static int is_mac(const struct ir *ir, int i)
{
    return ir->target->ops[ir->insn[i].op].class == IR_MAC;
}

static struct slot bounds(const struct ir *ir, int begin, int end, int at, int macs)
{
    struct slot slot = { 0, macs, 0 };
    for (int i = begin, m = 0; i < end; i++) {
        if (!is_mac(ir, i))
            continue;
        if (i < at && depends(ir, &ir->insn[i], &ir->insn[at]))
            slot.least = m + 1;
        if (i > at && slot.most == macs && depends(ir, &ir->insn[at], &ir->insn[i]))
            slot.most = m;
        if (slot.most < macs)
            break;
        m++;
    }
    return slot;
}

static int clamp(int value, int lo, int hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

/* 0 if the bounds contradict the order of the instructions that are no MACs. */
static int find_places(const struct ir *ir, int begin, int end, int lead, struct slot *slots,
                       int others, int macs)
{
    for (int i = begin, n = 0; i < end; i++) {
        if (is_mac(ir, i))
            continue;
        slots[n] = bounds(ir, begin, end, i, macs);
        int share = n * macs / others, early = slots[n].most - lead;
        slots[n].place = clamp(share < early ? share : early, slots[n].least, slots[n].most);
        n++;
    }
    for (int n = others - 2; n >= 0; n--) {
        if (slots[n].place > slots[n + 1].place)
            slots[n].place = slots[n + 1].place;
        if (slots[n].place < slots[n].least)
            return 0;
    }
    return 1;
}

void ir_spread(struct ir *ir, int begin, int end, int lead)
{
    int macs = 0;
    for (int i = begin; i < end; i++)
        macs += is_mac(ir, i);
    int others = end - begin - macs;
    if (ir->failed || macs == 0 || others == 0)
        return;
    struct slot *slots = malloc(sizeof(*slots) * (size_t)others);
    struct ir_insn *sorted = malloc(sizeof(*sorted) * (size_t)(end - begin));
    if (!slots || !sorted) {
        ir->failed = -ENOMEM;
        goto done;
    }
    if (!find_places(ir, begin, end, lead, slots, others, macs))
        goto done;
    int next_mac = begin, next_other = begin, m = 0, n = 0;
    for (int i = 0; i < end - begin; i++) {
        while (next_mac < end && !is_mac(ir, next_mac))
            next_mac++;
        while (next_other < end && is_mac(ir, next_other))
            next_other++;
        if (n < others && (slots[n].place <= m || m == macs)) {
            sorted[i] = ir->insn[next_other++];
            n++;
        } else {
            sorted[i] = ir->insn[next_mac++];
            m++;
        }
    }
    for (int i = 0; i < end - begin; i++)
        ir->insn[begin + i] = sorted[i];
done:
    free(slots);
    free(sorted);
}
