/* Executes the scalar half of a kernel to find the path of a call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/model/code_int.h"

#define STEPS_MAX (4u << 20)
#define STACK_BYTES 65536
/* Where the machine has its memory; whatever else is loaded is a pointer of this value. */
#define ARGS_AT INT64_C(0x10000000)
#define STACK_AT INT64_C(0x20000000)
#define ELSEWHERE INT64_C(0x30000000)

struct machine {
    const struct hrn_code *code;
    int64_t reg[33]; /* sp and zero at their numbers */
    int n, z, c, v;
    const char *args;
    size_t args_bytes;
    char stack[STACK_BYTES];
    size_t next;
    int ended;
};

static int64_t narrow(const struct hrn_operand *dest, int64_t value)
{
    return dest->is_32 ? (int64_t)(uint32_t)value : value;
}

static void put(struct machine *m, const struct hrn_operand *dest, int64_t value)
{
    if (dest->type == HRN_OPERAND_SCALAR && dest->reg != HRN_REG_ZERO)
        m->reg[dest->reg] = narrow(dest, value);
}

/* The value of operand `i`, with the shift that may stand behind it. */
static int64_t get(const struct machine *m, const struct hrn_op *op, int i)
{
    if (i >= op->operands)
        return 0;
    const struct hrn_operand *o = &op->operand[i];
    int64_t value = o->type == HRN_OPERAND_SCALAR ? m->reg[o->reg] : o->number;
    if (i + 1 >= op->operands || op->operand[i + 1].type != HRN_OPERAND_SHIFT)
        return value;
    const struct hrn_operand *shift = &op->operand[i + 1];
    switch (shift->name[0]) {
    case 's': /* sxtw */
        value = (int32_t)value;
        break;
    case 'u': /* uxtw */
        value = (uint32_t)value;
        break;
    case 'a':
        return value >> (shift->number & 63);
    default:
        if (shift->name[2] == 'r')
            return (int64_t)((uint64_t)value >> (shift->number & 63));
        break;
    }
    return (int64_t)((uint64_t)value << (shift->number & 63));
}

/* ---- flags */

static void set_flags(struct machine *m, int64_t result, int carry, int overflow, int is_32)
{
    int64_t value = is_32 ? (int32_t)result : result;
    m->n = value < 0;
    m->z = value == 0;
    m->c = carry;
    m->v = overflow;
}

static void compare(struct machine *m, int64_t a, int64_t b, int is_32)
{
    int64_t wide;
    int overflow = __builtin_sub_overflow(a, b, &wide);
    if (is_32) {
        int32_t result;
        overflow = __builtin_sub_overflow((int32_t)a, (int32_t)b, &result);
        set_flags(m, result, (uint32_t)a >= (uint32_t)b, overflow, 1);
        return;
    }
    set_flags(m, wide, (uint64_t)a >= (uint64_t)b, overflow, 0);
}

/* Conditions in pairs, the second the opposite of the first. */
static int holds(const struct machine *m, const char *condition)
{
    static const char *const names[] = { "eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi",
                                         "ls", "ge", "lt", "gt", "le", "hs", "lo", "al" };
    const int values[] = {
        m->z, m->c, m->n, m->v, m->c && !m->z, m->n == m->v, m->n == m->v && !m->z, m->c
    };
    for (size_t i = 0; i + 1 < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], condition))
            return values[i / 2] ^ (int)(i & 1);
    return 1;
}

/* ---- memory */

static int64_t address(const struct machine *m, const struct hrn_operand *o)
{
    uint64_t at = (uint64_t)m->reg[o->reg];
    if (o->back != HRN_BACK_POST)
        at += (uint64_t)o->number + (o->index >= 0 ? (uint64_t)m->reg[o->index] : 0);
    return (int64_t)at;
}

static int64_t load(const struct machine *m, int64_t at, size_t bytes)
{
    int64_t value = 0;
    if (at >= ARGS_AT && (size_t)(at - ARGS_AT) + bytes <= m->args_bytes)
        memcpy(&value, m->args + (at - ARGS_AT), bytes);
    else if (at >= STACK_AT && at + (int64_t)bytes <= STACK_AT + STACK_BYTES)
        memcpy(&value, m->stack + (at - STACK_AT), bytes);
    else if (bytes == 8)
        value = ELSEWHERE;
    return value;
}

static size_t access_bytes(const struct hrn_op *op, const struct hrn_operand *o)
{
    char last = strchr(op->row->name, '\0')[-1];
    if (last == 'b')
        return 1;
    if (last == 'h')
        return 2;
    return o->is_32 || !strcmp(op->row->name, "ldrsw") ? 4 : 8;
}

static int is_signed(const struct hrn_op *op)
{
    return !strncmp(op->row->name, "ldrs", 4) || !strncmp(op->row->name, "ldurs", 5);
}

static void access_memory(struct machine *m, const struct hrn_op *op)
{
    int before = 0;
    while (before < op->operands && op->operand[before].type != HRN_OPERAND_ADDRESS)
        before++;
    if (before == op->operands)
        return;
    const struct hrn_operand *o = &op->operand[before];
    int64_t at = address(m, o);
    for (int i = 0; i < before; i++) {
        const struct hrn_operand *r = &op->operand[i];
        size_t bytes = access_bytes(op, r);
        int64_t where = at + i * (int64_t)bytes;
        if (r->type != HRN_OPERAND_SCALAR)
            continue;
        if (op->row->form == HRN_FORM_LOAD) {
            int64_t value = load(m, where, bytes);
            int shift = 64 - 8 * (int)bytes;
            put(m, r, is_signed(op) ? (int64_t)((uint64_t)value << shift) >> shift : value);
        } else if (where >= STACK_AT && where + (int64_t)bytes <= STACK_AT + STACK_BYTES) {
            memcpy(m->stack + (where - STACK_AT), &m->reg[r->reg], bytes);
        }
    }
    if (o->back == HRN_BACK_PRE)
        m->reg[o->reg] = at;
    else if (o->back == HRN_BACK_POST)
        m->reg[o->reg] = (int64_t)((uint64_t)at + (uint64_t)get(m, op, before + 1));
}

/* ---- one instruction */

static int64_t field(const struct machine *m, const struct hrn_op *op)
{
    int lsb = (int)get(m, op, 2) & 63, width = (int)get(m, op, 3) & 63;
    uint64_t value = (uint64_t)get(m, op, 1) >> lsb;
    return (int64_t)(width ? value & (((uint64_t)1 << width) - 1) : value);
}

static int64_t select_value(const struct machine *m, const struct hrn_op *op)
{
    int64_t other = get(m, op, 2);
    if (holds(m, op->operand[op->operands - 1].name))
        return get(m, op, 1);
    if (op->row->action == HRN_DO_SELECT_INC)
        return other + 1;
    return op->row->action == HRN_DO_SELECT_NEG ? -other : other;
}

static int64_t divide(int64_t a, int64_t b, int with_sign)
{
    if (b == 0)
        return 0;
    if (with_sign)
        return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
    return (int64_t)((uint64_t)a / (uint64_t)b);
}

/* Unsigned, so that nothing overflows. */
static int64_t calculate(const struct machine *m, const struct hrn_op *op)
{
    uint64_t a = (uint64_t)get(m, op, 1), b = (uint64_t)get(m, op, 2), c = (uint64_t)get(m, op, 3);
    uint64_t d = (uint64_t)get(m, op, 0);
    int bits = op->operand[0].is_32 ? 31 : 63;
    switch (op->row->action) {
    case HRN_DO_MOV:
        return (int64_t)a;
    case HRN_DO_MOVK: {
        int shift = op->operands > 2 ? (int)op->operand[2].number & 63 : 0;
        return (int64_t)((d & ~((uint64_t)0xffff << shift)) | (uint64_t)op->operand[1].number
                                                                  << shift);
    }
    case HRN_DO_MVN:
        return (int64_t)~a;
    case HRN_DO_NEG:
        return (int64_t)(0 - a);
    case HRN_DO_ADD:
        return (int64_t)(a + b);
    case HRN_DO_SUB:
        return (int64_t)(a - b);
    case HRN_DO_AND:
        return (int64_t)(a & b);
    case HRN_DO_BIC:
        return (int64_t)(a & ~b);
    case HRN_DO_ORR:
        return (int64_t)(a | b);
    case HRN_DO_EOR:
        return (int64_t)(a ^ b);
    case HRN_DO_LSL:
        return (int64_t)(a << (b & (uint64_t)bits));
    case HRN_DO_LSR:
        return (int64_t)(a >> (b & (uint64_t)bits));
    case HRN_DO_ASR:
        return (bits == 31 ? (int32_t)a : (int64_t)a) >> (b & (uint64_t)bits);
    case HRN_DO_MUL:
        return (int64_t)(a * b);
    case HRN_DO_MADD:
        return (int64_t)(c + a * b);
    case HRN_DO_MSUB:
        return (int64_t)(c - a * b);
    case HRN_DO_UDIV:
    case HRN_DO_SDIV:
        return divide((int64_t)a, (int64_t)b, op->row->action == HRN_DO_SDIV);
    case HRN_DO_SXTW:
        return (int32_t)a;
    case HRN_DO_UBFX:
        return field(m, op);
    case HRN_DO_SELECT:
    case HRN_DO_SELECT_INC:
    case HRN_DO_SELECT_NEG:
        return select_value(m, op);
    case HRN_DO_SET:
        return holds(m, op->operand[1].name);
    default:
        return 0;
    }
}

/* "b.ne label" */
static int holds_of_jump(const struct machine *m, const struct hrn_op *op)
{
    char condition[3] = { op->text[2], op->text[3], '\0' };
    return holds(m, condition);
}

static int jumps(const struct machine *m, const struct hrn_op *op)
{
    int64_t value = get(m, op, 0);
    switch (op->row->action) {
    case HRN_DO_JUMP_IF:
        return holds_of_jump(m, op);
    case HRN_DO_JUMP_ZERO:
        return narrow(&op->operand[0], value) == 0;
    case HRN_DO_JUMP_NONZERO:
        return narrow(&op->operand[0], value) != 0;
    case HRN_DO_JUMP_BIT_CLEAR:
        return !(value >> (op->operand[1].number & 63) & 1);
    case HRN_DO_JUMP_BIT_SET:
        return (int)(value >> (op->operand[1].number & 63) & 1);
    default:
        return 1;
    }
}

static void set_result_flags(struct machine *m, const struct hrn_op *op)
{
    int is_32 = op->operand[0].is_32;
    switch (op->row->action) {
    case HRN_DO_COMPARE:
        compare(m, get(m, op, 0), get(m, op, 1), is_32);
        break;
    case HRN_DO_COMPARE_PLUS:
        compare(m, get(m, op, 0), -get(m, op, 1), is_32);
        break;
    case HRN_DO_TEST:
        set_flags(m, get(m, op, 0) & get(m, op, 1), 0, 0, is_32);
        break;
    case HRN_DO_SUB:
        compare(m, get(m, op, 1), get(m, op, 2), is_32);
        break;
    case HRN_DO_ADD:
        compare(m, get(m, op, 1), -get(m, op, 2), is_32);
        break;
    default: /* ands */
        set_flags(m, get(m, op, 1) & get(m, op, 2), 0, 0, is_32);
        break;
    }
}

static void execute(struct machine *m, const struct hrn_op *op)
{
    m->next++;
    if (op->is_inert)
        return;
    switch (op->row->form) {
    case HRN_FORM_LOAD:
    case HRN_FORM_STORE:
        access_memory(m, op);
        return;
    case HRN_FORM_PREFETCH:
        return;
    case HRN_FORM_BRANCH:
        m->ended = op->row->action == HRN_DO_RETURN;
        if (!m->ended && jumps(m, op))
            m->next = (size_t)op->target;
        return;
    default:
        break;
    }
    int64_t value = op->operands ? calculate(m, op) : 0;
    if (op->writes_flags)
        set_result_flags(m, op);
    if (op->operands && op->row->form != HRN_FORM_READ)
        put(m, &op->operand[0], value);
}

/* ---- */

static int append(struct hrn_trace *t, size_t *capacity, size_t step)
{
    if (t->count == *capacity) {
        size_t wider = *capacity ? 2 * *capacity : 1024;
        uint32_t *steps = realloc(t->step, wider * sizeof *steps);
        if (!steps)
            return -ENOMEM;
        t->step = steps;
        *capacity = wider;
    }
    t->step[t->count++] = (uint32_t)step;
    return 0;
}

int hrn_code_trace(const struct hrn_code *code, const void *args, size_t args_bytes,
                   struct hrn_trace *out, char *err, size_t err_bytes)
{
    struct machine *m = calloc(1, sizeof *m);
    size_t capacity = 0;
    int rc = m ? 0 : -ENOMEM;
    *out = (struct hrn_trace) { 0 };
    snprintf(err, err_bytes, "out of memory");
    if (m) {
        *m = (struct machine) { .code = code, .args = args, .args_bytes = args_bytes };
        m->reg[0] = ARGS_AT;
        m->reg[HRN_REG_SP] = STACK_AT + STACK_BYTES - 1024;
    }
    while (!rc && !m->ended && m->next < code->count) {
        rc = append(out, &capacity, m->next);
        if (!rc)
            execute(m, &code->ops[m->next]);
        if (!rc && out->count == STEPS_MAX) {
            snprintf(err, err_bytes, "the call does not end within %u instructions", STEPS_MAX);
            rc = -ELOOP;
        }
    }
    free(m);
    if (rc)
        hrn_trace_clear(out);
    return rc;
}

void hrn_trace_clear(struct hrn_trace *trace)
{
    free(trace->step);
    *trace = (struct hrn_trace) { 0 };
}

uint64_t hrn_trace_macs(const struct hrn_code *code, const struct hrn_trace *trace, size_t begin,
                        size_t end)
{
    uint64_t sum = 0;
    for (size_t i = begin; i < end; i++)
        sum += code->ops[trace->step[i]].macs;
    return sum;
}

/* Whether step `i` jumps back. */
static int is_back(const struct hrn_trace *t, size_t i)
{
    return i + 1 < t->count && t->step[i + 1] <= t->step[i];
}

struct hrn_loop hrn_trace_loop(const struct hrn_code *code, const struct hrn_trace *t)
{
    struct hrn_loop best = { 0 };
    uint64_t most = 0;
    for (size_t i = 0; i < t->count; i++) {
        size_t length = 0, iterations = 0;
        if (!is_back(t, i))
            continue;
        /* The next jump back is the same one, a whole iteration later: an innermost loop. */
        for (size_t k = i + 1; k < t->count; k++)
            if (is_back(t, k) || (t->step[k] == t->step[i])) {
                length = t->step[k] == t->step[i] ? k - i : 0;
                break;
            }
        if (!length)
            continue;
        for (size_t k = i; k + length < t->count && t->step[k + length] == t->step[i]; k += length)
            iterations++;
        uint64_t macs = hrn_trace_macs(code, t, i + 1, i + 1 + length);
        if (macs * iterations > most) {
            most = macs * iterations;
            best = (struct hrn_loop) { i + 1, i + 1 + length, iterations };
        }
        i += length * iterations - 1;
    }
    return best;
}
