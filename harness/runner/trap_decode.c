#if defined(__x86_64__)

#include "harness/runner/trap_int.h"

#include <string.h>

#define NONE 0xffff

static uint16_t first_row[4][256], next_row[1024]; /* by map and opcode; chains through the table */

void trap_index(void)
{
    memset(first_row, 0xff, sizeof first_row);
    for (size_t i = trap_row_count; i-- > 0;) {
        uint16_t *head = &first_row[trap_rows[i].map][trap_rows[i].opcode];
        next_row[i] = *head;
        *head = (uint16_t)i;
    }
}

uint8_t trap_evex_byte = 0x62;

/* 62, then R X B R' 0 m m m, W v v v v 1 p p, z L' L b V' a a a; register bits are inverted. */
static int evex_read(const uint8_t *c, struct trap_prefixes *p)
{
    if ((c[1] & 0x08) || !(c[2] & 0x04))
        return 0;
    *p = (struct trap_prefixes) {
        .encoding = TRAP_EVEX,
        .map = c[1] & 7,
        .prefix = c[2] & 3,
        .w = c[2] >> 7,
        .length_code = c[3] >> 5 & 3,
        .reg_high = (c[1] & 0x80 ? 0 : 8) + (c[1] & 0x10 ? 0 : 16),
        .x_high = c[1] & 0x40 ? 0 : 8,
        .b_high = c[1] & 0x20 ? 0 : 8,
        .vvvv = (~c[2] >> 3 & 15) + (c[3] & 0x08 ? 0 : 16),
        .mask = c[3] & 7,
        .broadcast = c[3] >> 4 & 1,
        .zeroing = c[3] >> 7,
        .bytes = 4,
    };
    return p->map >= TRAP_0F && p->map <= TRAP_0F3A;
}

/* C4, then R X B m m m m m, W v v v v L p p; or C5, then R v v v v L p p. */
static int vex_read(const uint8_t *c, struct trap_prefixes *p)
{
    const int is_long = c[0] == 0xc4;
    const uint8_t last = is_long ? c[2] : c[1];
    *p = (struct trap_prefixes) {
        .encoding = TRAP_VEX,
        .map = is_long ? c[1] & 31u : TRAP_0F,
        .prefix = last & 3,
        .w = is_long ? c[2] >> 7 : 0,
        .length_code = last >> 2 & 1,
        .reg_high = c[1] & 0x80 ? 0 : 8,
        .x_high = !is_long || c[1] & 0x40 ? 0 : 8,
        .b_high = !is_long || c[1] & 0x20 ? 0 : 8,
        .vvvv = ~last >> 3 & 15,
        .bytes = is_long ? 3 : 2,
    };
    return p->map >= TRAP_0F && p->map <= TRAP_0F3A;
}

int trap_prefixes_read(const uint8_t *code, struct trap_prefixes *out)
{
    if (code[0] == trap_evex_byte)
        return evex_read(code, out);
    if (code[0] == 0xc4 || code[0] == 0xc5)
        return vex_read(code, out);
    return 0;
}

static int64_t displacement(const uint8_t *at, unsigned bytes, unsigned scale)
{
    int32_t wide;
    if (bytes == 0)
        return 0;
    if (bytes == 1)
        return (int64_t)(int8_t)*at * scale;
    memcpy(&wide, at, sizeof wide);
    return wide;
}

uint64_t trap_address(const struct trap_cpu *cpu, const struct trap_prefixes *p,
                      const uint8_t *modrm, unsigned scale, uint64_t modrm_rip, unsigned tail,
                      unsigned *bytes)
{
    const unsigned mod = *modrm >> 6, rm = *modrm & 7, has_sib = rm == 4;
    const unsigned base = (has_sib ? modrm[1] & 7u : rm);
    const int has_no_base = mod == 0 && base == 5;
    const unsigned disp_bytes = has_no_base || mod == 2 ? 4 : mod;
    uint64_t address = (uint64_t)displacement(modrm + 1 + has_sib, disp_bytes, scale);

    *bytes = 1 + has_sib + disp_bytes;
    if (has_sib) {
        const unsigned index = (modrm[1] >> 3 & 7) + p->x_high;
        if (index != 4)
            address += cpu->gpr[index] << (modrm[1] >> 6);
    } else if (has_no_base) {
        return address + modrm_rip + *bytes + tail;
    }
    return has_no_base ? address : address + cpu->gpr[base + p->b_high];
}

static int row_fits(const struct trap_row *row, const struct trap_prefixes *p, uint8_t modrm)
{
    const int is_memory = modrm >> 6 != 3;
    return row->encoding == p->encoding && row->prefix == p->prefix &&
           (row->w == TRAP_WIG || row->w == p->w) &&
           (row->shape != TRAP_VM || row->extension == (modrm >> 3 & 7)) &&
           (is_memory || !(row->flags & TRAP_MEM_ONLY));
}

static const struct trap_row *find_row(const struct trap_prefixes *p, const uint8_t *opcode)
{
    for (unsigned i = first_row[p->map][opcode[0]]; i != NONE; i = next_row[i])
        if (row_fits(&trap_rows[i], p, opcode[1]))
            return &trap_rows[i];
    return NULL;
}

/* EVEX.b: a repeated element for memory, a rounding mode (and then 512 bit) for registers. */
static int read_length(const struct trap_prefixes *p, struct trap_insn *insn)
{
    unsigned code = p->length_code;
    insn->is_broadcast = p->broadcast && insn->is_memory;
    if (insn->is_broadcast && insn->row->broadcast == 0)
        return 0;
    if (p->broadcast && !insn->is_memory) {
        if (!(insn->row->flags & TRAP_FLOAT) || code != 0) /* 0: to nearest */
            return 0;
        code = 2;
    }
    insn->length = 16u << code;
    return code <= 2;
}

static unsigned memory_bytes(const struct trap_insn *insn)
{
    const int memory = insn->row->memory;
    if (insn->is_broadcast)
        return insn->row->broadcast;
    return memory > 0 ? (unsigned)memory : insn->length >> -memory;
}

static unsigned memory_scale(const struct trap_prefixes *p, const struct trap_insn *insn)
{
    return p->encoding == TRAP_EVEX ? memory_bytes(insn) : 1;
}

int trap_decode(const struct trap_cpu *cpu, unsigned encodings, struct trap_insn *out)
{
    const uint8_t *code = (const uint8_t *)(uintptr_t)cpu->rip;
    struct trap_prefixes p;
    if (!trap_prefixes_read(code, &p) || !(encodings & 1u << p.encoding))
        return 0;
    const uint8_t *modrm = code + p.bytes + 1;
    unsigned operand_bytes = 1;
    memset(out, 0, sizeof *out);
    out->row = find_row(&p, code + p.bytes);
    if (!out->row)
        return 0;
    const unsigned tail = out->row->flags & TRAP_IMM ? 1 : 0;
    out->is_memory = *modrm >> 6 != 3;
    if (!read_length(&p, out))
        return 0;
    out->reg = (*modrm >> 3 & 7) + p.reg_high;
    out->vvvv = p.vvvv;
    out->rm = (*modrm & 7) + p.b_high;
    if (p.encoding == TRAP_EVEX && out->row->shape != TRAP_RG && out->row->shape != TRAP_GR)
        out->rm += 2 * p.x_high;
    out->mask = p.mask;
    out->is_zeroing = p.zeroing;
    if (out->is_memory)
        out->address = trap_address(cpu, &p, modrm, memory_scale(&p, out), cpu->rip + p.bytes + 1,
                                    tail, &operand_bytes);
    if (out->row->flags & TRAP_ALIGNED && out->address & (out->length - 1))
        return 0;
    out->bytes = p.bytes + 1 + operand_bytes + tail;
    if (tail)
        out->immediate = code[out->bytes - 1];
    return 1;
}

#endif
