/* Operands in, masks, results out: what all instructions have in common. And the mask registers'
 * own instructions. */
#if defined(__x86_64__)

#include "harness/runner/trap_int.h"

#include <string.h>

static void *memory_at(const struct trap_insn *insn)
{
    return (void *)(uintptr_t)insn->address;
}

static unsigned memory_bytes(const struct trap_insn *insn)
{
    const int memory = insn->row->memory;
    return memory > 0 ? (unsigned)memory : insn->length >> -memory;
}

static int mask_bit(uint64_t mask, unsigned i)
{
    return mask >> i & 1;
}

/* Elements that the mask leaves out are not touched: they may lie on a page that is not there. */
static void read_memory(const struct trap_insn *insn, uint64_t mask, union trap_vector *out)
{
    const uint8_t *from = memory_at(insn);
    const unsigned count = insn->length / insn->row->element;
    if (insn->is_broadcast) {
        const unsigned step = insn->row->broadcast;
        for (unsigned i = 0; i < insn->length && mask; i += step)
            memcpy(&out->u8[i], from, step);
    } else if (insn->mask == 0 || insn->row->flags & TRAP_WHOLE) {
        if (mask)
            memcpy(out, from, memory_bytes(insn));
    } else {
        const unsigned step = memory_bytes(insn) / count;
        for (unsigned i = 0; i < count; i++)
            if (mask_bit(mask, i))
                memcpy(&out->u8[i * step], from + (size_t)i * step, step);
    }
}

static void compute(const struct trap_insn *insn, const union trap_vector *a,
                    const union trap_vector *b, union trap_vector *out)
{
    const struct trap_row *row = insn->row;
    if (row->vector) {
        row->vector(insn, a, b, out);
        return;
    }
    for (unsigned i = 0; i < insn->length; i += row->element) {
        uint64_t x = 0, y = 0, old = 0;
        memcpy(&x, &a->u8[i], row->element);
        memcpy(&y, &b->u8[i], row->element);
        memcpy(&old, &out->u8[i], row->element);
        x = row->lane(x, y, old);
        memcpy(&out->u8[i], &x, row->element);
    }
}

/* The result where the mask says so, else the old value or zero; zero above the vector's length. */
static void write_register(const struct trap_insn *insn, uint64_t mask, unsigned bytes,
                           const union trap_vector *result, union trap_vector *reg)
{
    const unsigned step = insn->row->element;
    for (unsigned i = 0; i < bytes / step; i++) {
        if (mask_bit(mask, i))
            memcpy(&reg->u8[i * step], &result->u8[i * step], step);
        else if (insn->is_zeroing)
            memset(&reg->u8[i * step], 0, step);
    }
    memset(&reg->u8[bytes], 0, sizeof *reg - bytes);
}

static void write_memory(const struct trap_insn *insn, uint64_t mask,
                         const union trap_vector *result)
{
    const unsigned step = insn->row->element;
    uint8_t *to = memory_at(insn);
    for (unsigned i = 0; i < memory_bytes(insn) / step; i++)
        if (mask_bit(mask, i))
            memcpy(to + (size_t)i * step, &result->u8[i * step], step);
}

static uint64_t element_mask(const struct trap_cpu *cpu, const struct trap_insn *insn,
                             unsigned bytes)
{
    const unsigned count = bytes / insn->row->element;
    const uint64_t all = count >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
    return insn->mask ? cpu->k[insn->mask] & all : all;
}

/* Shapes whose destination is modrm.rm. */
static void execute_store(struct trap_cpu *cpu, const struct trap_insn *insn)
{
    const unsigned bytes = memory_bytes(insn);
    const uint64_t mask = element_mask(cpu, insn, bytes);
    union trap_vector result = { { 0 } };
    compute(insn, &result, &cpu->zmm[insn->reg], &result);
    if (insn->is_memory)
        write_memory(insn, mask, &result);
    else if (insn->row->shape == TRAP_GR)
        memcpy(&cpu->gpr[insn->rm], (uint64_t[]) { bytes == 8 ? result.u64[0] : result.u32[0] }, 8);
    else
        write_register(insn, mask, bytes, &result, &cpu->zmm[insn->rm]);
}

/* Shapes whose destination is a vector or mask register named by modrm.reg or vvvv. */
static void execute_load(struct trap_cpu *cpu, const struct trap_insn *insn)
{
    const enum trap_shape shape = (enum trap_shape)insn->row->shape;
    const unsigned target = shape == TRAP_VM ? insn->vvvv : insn->reg;
    const uint64_t mask = element_mask(cpu, insn, insn->length);
    union trap_vector b = { { 0 } }, result = cpu->zmm[target];
    if (insn->is_memory)
        read_memory(insn, mask, &b);
    else if (shape == TRAP_RG)
        b.u64[0] = cpu->gpr[insn->rm];
    else
        b = cpu->zmm[insn->rm];
    compute(insn, &cpu->zmm[insn->vvvv], &b, &result);
    if (shape == TRAP_KVM)
        cpu->k[insn->reg] = result.u64[0] & mask;
    else
        write_register(insn, mask, insn->length, &result, &cpu->zmm[target]);
}

void trap_execute(struct trap_cpu *cpu, const struct trap_insn *insn)
{
    if (insn->row->shape == TRAP_MR || insn->row->shape == TRAP_GR)
        execute_store(cpu, insn);
    else
        execute_load(cpu, insn);
    cpu->rip += insn->bytes;
}

/* ---- mask registers */

static uint64_t mask_and(uint64_t a, uint64_t b)
{
    return a & b;
}

static uint64_t mask_andn(uint64_t a, uint64_t b)
{
    return ~a & b;
}

static uint64_t mask_not(uint64_t a, uint64_t b)
{
    (void)a;
    return ~b;
}

static uint64_t mask_or(uint64_t a, uint64_t b)
{
    return a | b;
}

static uint64_t mask_xnor(uint64_t a, uint64_t b)
{
    return ~(a ^ b);
}

static uint64_t mask_xor(uint64_t a, uint64_t b)
{
    return a ^ b;
}

static uint64_t mask_add(uint64_t a, uint64_t b)
{
    return a + b;
}

/* Rows of VEX.0F; a of vvvv, b of rm. */
static const struct {
    uint8_t opcode;
    uint64_t (*lane)(uint64_t a, uint64_t b);
} mask_logic[] = {
    { 0x41, mask_and },  { 0x42, mask_andn }, { 0x44, mask_not }, { 0x45, mask_or },
    { 0x46, mask_xnor }, { 0x47, mask_xor },  { 0x4a, mask_add },
};

static uint64_t low_bytes(uint64_t value, unsigned bytes)
{
    return bytes == 8 ? value : value & ((UINT64_C(1) << 8 * bytes) - 1);
}

/* Bytes of the operand: by prefix and W for kmov k,k and logic; kmov with a general register has
 * its own rule. 0 where the prefix is none of them. */
static unsigned mask_bytes(const struct trap_prefixes *p)
{
    static const uint8_t bytes[4][2] = { [TRAP_NP] = { 2, 8 }, [TRAP_66] = { 1, 4 } };
    return bytes[p->prefix][p->w];
}

static unsigned mask_general_bytes(const struct trap_prefixes *p)
{
    static const uint8_t bytes[4][2] = {
        [TRAP_NP] = { 2, 0 }, [TRAP_66] = { 1, 0 }, [TRAP_F2] = { 4, 8 }
    };
    return bytes[p->prefix][p->w];
}

/* 0x90 to 0x93, modrm at `modrm`. Returns the length from modrm on, 0 if it is none. */
static unsigned mask_move(struct trap_cpu *cpu, const struct trap_prefixes *p, uint8_t opcode,
                          const uint8_t *modrm)
{
    const unsigned reg = *modrm >> 3 & 7, rm = *modrm & 7, is_memory = *modrm >> 6 != 3;
    const unsigned size = opcode >= 0x92 ? mask_general_bytes(p) : mask_bytes(p);
    unsigned length = 1;
    uint64_t wide = 0;
    if (size == 0 || (is_memory ? opcode >= 0x92 : opcode == 0x91))
        return 0;
    if (is_memory) {
        uint64_t rip = cpu->rip + p->bytes + 1;
        void *at = (void *)(uintptr_t)trap_address(cpu, p, modrm, 1, rip, 0, &length);
        if (opcode == 0x91) {
            memcpy(at, &cpu->k[reg], size);
            return length;
        }
        memcpy(&wide, at, size);
        cpu->k[reg] = wide;
    } else if (opcode == 0x93) {
        cpu->gpr[reg + p->reg_high] = low_bytes(cpu->k[rm], size);
    } else {
        cpu->k[reg] = low_bytes(opcode == 0x92 ? cpu->gpr[rm + p->b_high] : cpu->k[rm], size);
    }
    return length;
}

static unsigned mask_calculate(struct trap_cpu *cpu, const struct trap_prefixes *p, uint8_t opcode,
                               uint8_t modrm)
{
    const unsigned size = mask_bytes(p);
    for (size_t i = 0; i < sizeof mask_logic / sizeof *mask_logic; i++)
        if (mask_logic[i].opcode == opcode && size > 0 && modrm >> 6 == 3 && p->vvvv < 16) {
            uint64_t result = mask_logic[i].lane(cpu->k[p->vvvv & 7], cpu->k[modrm & 7]);
            cpu->k[modrm >> 3 & 7] = low_bytes(result, size);
            return 1;
        }
    return 0;
}

/* kshiftr (30, 31) and kshiftl (32, 33): 66.0F3A with an immediate. */
static unsigned mask_shift(struct trap_cpu *cpu, const struct trap_prefixes *p, uint8_t opcode,
                           const uint8_t *modrm)
{
    if (opcode < 0x30 || opcode > 0x33 || p->prefix != TRAP_66 || *modrm >> 6 != 3)
        return 0;
    const unsigned size = (opcode & 1 ? 4u : 1u) << p->w, count = modrm[1];
    const uint64_t value = low_bytes(cpu->k[*modrm & 7], size);
    uint64_t result = 0;
    if (count < 8 * size)
        result = opcode < 0x32 ? value >> count : value << count;
    cpu->k[*modrm >> 3 & 7] = low_bytes(result, size);
    return 2;
}

int trap_mask_step(struct trap_cpu *cpu)
{
    const uint8_t *code = (const uint8_t *)(uintptr_t)cpu->rip;
    struct trap_prefixes p;
    unsigned rest = 0;
    if ((code[0] != 0xc4 && code[0] != 0xc5) || !trap_prefixes_read(code, &p))
        return 0;
    const uint8_t opcode = code[p.bytes], *modrm = code + p.bytes + 1;
    if (p.map == TRAP_0F3A)
        rest = mask_shift(cpu, &p, opcode, modrm);
    else if (p.map == TRAP_0F && opcode >= 0x90 && opcode <= 0x93)
        rest = mask_move(cpu, &p, opcode, modrm);
    else if (p.map == TRAP_0F)
        rest = mask_calculate(cpu, &p, opcode, *modrm);
    if (rest == 0)
        return 0;
    cpu->rip += p.bytes + 1 + rest;
    return 1;
}

#endif
