#include "harness/model/inorder.h"

#define REGISTERS 65 /* general, vector, flags */
#define FLAGS 64

struct pipeline {
    const struct var_core *core;
    int64_t ready[REGISTERS]; /* cycle in which a register can be used */
    int64_t forwarded[REGISTERS];
    int mac_kind[REGISTERS]; /* of what wrote it: then `forwarded` holds for its own kind */
    int64_t cycle;           /* that is being filled */
    int issued, vectors, memory, closed;
    uint32_t classes; /* issued in this cycle */
    uint64_t written; /* in this cycle */
    int flags_written;
};

static int is_vector(enum var_timing t)
{
    return t == VAR_T_VECTOR || t == VAR_T_VECTOR_HALF || t == VAR_T_INSERT;
}

static int is_memory(enum var_timing t)
{
    return t >= VAR_T_LOAD_VECTOR && t <= VAR_T_PREFETCH;
}

static int64_t operands_ready(const struct pipeline *p, const struct hrn_op *op)
{
    int64_t latest = op->reads_flags ? p->ready[FLAGS] : 0;
    for (uint64_t left = op->reads; left; left &= left - 1) {
        int r = __builtin_ctzll(left);
        int is_accumulator = op->mac_kind && (op->writes >> r & 1);
        int64_t at =
            is_accumulator && p->mac_kind[r] == op->mac_kind ? p->forwarded[r] : p->ready[r];
        latest = at > latest ? at : latest;
    }
    return latest;
}

/* Whether it can join what was issued in this cycle. */
static int fits(const struct pipeline *p, const struct hrn_op *op)
{
    const struct var_core *core = p->core;
    const struct var_issue *issue = &core->issue[op->timing];
    if (!p->issued)
        return 1;
    if (p->closed || issue->busy > 1 || p->issued == core->width)
        return 0;
    if (issue->excludes & p->classes || (is_vector(op->timing) && p->vectors == core->vectors) ||
        (is_memory(op->timing) && p->memory == core->memory))
        return 0;
    return !((op->reads | op->writes) & p->written) &&
           !((op->reads_flags || op->writes_flags) && p->flags_written);
}

static void next_cycle(struct pipeline *p, int64_t cycle)
{
    p->cycle = cycle;
    p->issued = p->vectors = p->memory = p->closed = p->flags_written = 0;
    p->classes = 0;
    p->written = 0;
}

static void write_results(struct pipeline *p, const struct hrn_op *op)
{
    const struct var_issue *issue = &p->core->issue[op->timing];
    for (uint64_t left = op->writes; left; left &= left - 1) {
        int r = __builtin_ctzll(left);
        int is_back = (int)(op->writes_back >> r & 1);
        p->ready[r] = p->cycle + (is_back ? 1 : issue->latency);
        p->forwarded[r] = p->cycle + p->core->forward;
        p->mac_kind[r] = op->mac_kind;
    }
    if (op->writes_flags)
        p->ready[FLAGS] = p->cycle + 1;
}

static void issue_one(struct pipeline *p, const struct hrn_op *op)
{
    const struct var_issue *issue = &p->core->issue[op->timing];
    int64_t ready = operands_ready(p, op);
    if (ready > p->cycle)
        next_cycle(p, ready);
    else if (!fits(p, op))
        next_cycle(p, p->cycle + 1);
    write_results(p, op);
    p->issued++;
    p->classes |= 1u << op->timing;
    p->vectors += is_vector(op->timing);
    p->memory += is_memory(op->timing);
    p->written |= op->writes;
    p->flags_written |= op->writes_flags;
    p->closed |= op->timing == VAR_T_BRANCH;
    if (issue->busy > 1)
        next_cycle(p, p->cycle + issue->busy);
}

/* Symmetric: a row may name a class whose own row does not name it back. */
static struct var_core complete(const struct var_core *core)
{
    struct var_core full = *core;
    for (int a = 0; a < VAR_T_COUNT; a++)
        for (int b = 0; b < VAR_T_COUNT; b++)
            if (core->issue[a].excludes >> b & 1)
                full.issue[b].excludes |= 1u << a;
    return full;
}

double hrn_inorder_cycles(const struct hrn_code *code, const struct hrn_trace *trace, size_t begin,
                          size_t end, const struct var_core *core, int repeats)
{
    struct var_core full = complete(core);
    struct pipeline p = { .core = &full };
    int64_t middle = 0;
    for (int r = 0; r < repeats; r++) {
        for (size_t i = begin; i < end; i++)
            issue_one(&p, &code->ops[trace->step[i]]);
        if (r == repeats / 2 - 1)
            middle = p.cycle;
    }
    return (double)(p.cycle - middle) / (repeats - repeats / 2);
}
