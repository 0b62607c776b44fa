/* Between the handler (trap_x86.c), the decoder (trap_decode.c) and the instructions (trap_ops.c).
 * Encodings as in the Intel SDM, volume 2, chapters 2.6 and 2.7. */
#ifndef QUERN_HARNESS_TRAP_INT_H
#define QUERN_HARNESS_TRAP_INT_H

#include <stddef.h>
#include <stdint.h>

union trap_vector {
    uint8_t u8[64];
    uint16_t u16[32];
    uint32_t u32[16];
    uint64_t u64[8];
};

/* The registers that an instruction may touch. */
struct trap_cpu {
    union trap_vector zmm[32];
    uint64_t k[8];
    uint64_t
        gpr[16]; /* in the order of their encoding: rax rcx rdx rbx rsp rbp rsi rdi r8 .. r15 */
    uint64_t rip;
};

enum trap_encoding { TRAP_EVEX, TRAP_VEX };
enum trap_map { TRAP_0F = 1, TRAP_0F38, TRAP_0F3A };
enum trap_prefix { TRAP_NP, TRAP_66, TRAP_F3, TRAP_F2 };
enum trap_w { TRAP_W0, TRAP_W1, TRAP_WIG };

/* Which operand is where. */
enum trap_shape {
    TRAP_RM,  /* register <- register or memory */
    TRAP_RVM, /* register <- vvvv, register or memory */
    TRAP_MR,  /* register or memory <- register */
    TRAP_VM,  /* vvvv <- register or memory; modrm.reg is part of the opcode */
    TRAP_RG,  /* register <- general register (memory: as TRAP_RM) */
    TRAP_GR,  /* general register (memory: as TRAP_MR) <- register */
    TRAP_KVM, /* mask register <- vvvv, register or memory */
};

/* Size of the operand in memory: bytes, or a part of the vector length. */
enum { TRAP_ALL = 0, TRAP_HALF = -1, TRAP_QUARTER = -2, TRAP_EIGHTH = -3 };

enum trap_flag {
    TRAP_IMM = 1,      /* an immediate byte follows */
    TRAP_WHOLE = 2,    /* reads its memory operand whole, whatever the mask */
    TRAP_FLOAT = 4,    /* EVEX.b on registers: rounding to nearest, or no exceptions, 512 bit */
    TRAP_MEM_ONLY = 8, /* the form on registers is another instruction */
    TRAP_ALIGNED =
        16, /* its memory operand must be aligned: else it is not taken, and stays a SIGILL */
};

struct trap_insn;
/* One element: a of vvvv, b of the register or memory, old of the destination; zero-extended. */
typedef uint64_t trap_lane_fn(uint64_t a, uint64_t b, uint64_t old);
/* The whole vector; *out holds the destination's old value. */
typedef void trap_vector_fn(const struct trap_insn *insn, const union trap_vector *a,
                            const union trap_vector *b, union trap_vector *out);

struct trap_row {
    const char *name;
    uint8_t encoding, map, prefix, opcode, w;
    uint8_t shape;
    uint8_t element;    /* bytes of a destination element: what a mask bit stands for */
    int8_t memory;      /* bytes, or TRAP_ALL ... */
    uint8_t broadcast;  /* bytes of the element in memory that EVEX.b repeats, 0 = none */
    uint8_t flags;      /* enum trap_flag */
    uint8_t extension;  /* TRAP_VM: modrm.reg */
    trap_lane_fn *lane; /* one of the two */
    trap_vector_fn *vector;
};
extern const struct trap_row trap_rows[];
extern const size_t trap_row_count;

/* One decoded instruction. */
struct trap_insn {
    const struct trap_row *row;
    unsigned length; /* of the vector, bytes: 16, 32, 64 */
    unsigned reg, vvvv, rm;
    int is_memory, is_broadcast, is_zeroing;
    unsigned mask; /* k register, 0 = none */
    uint8_t immediate;
    uint64_t address; /* of the memory operand */
    unsigned bytes;   /* of the instruction */
};

/* What VEX and EVEX prefixes have in common. */
struct trap_prefixes {
    enum trap_encoding encoding;
    unsigned map, prefix, w, length_code; /* length_code: 0 = 128, 1 = 256, 2 = 512 bit */
    unsigned reg_high, x_high, b_high;    /* 0 or 8 (reg_high: also 16) */
    unsigned vvvv, mask;
    int broadcast, zeroing;
    unsigned bytes; /* up to the opcode */
};

/* What EVEX instructions begin with: 0x62, but for hrn_trap_replace(). */
extern uint8_t trap_evex_byte;

/* Reads the prefix at `code`; 0 if it is neither VEX nor EVEX, or not valid. */
int trap_prefixes_read(const uint8_t *code, struct trap_prefixes *out);
/* The address of the memory operand at code (its modrm byte); *bytes gets its length with modrm,
 * SIB and displacement. `scale` multiplies an 8-bit displacement; `tail` bytes of immediate
 * follow. */
uint64_t trap_address(const struct trap_cpu *cpu, const struct trap_prefixes *p,
                      const uint8_t *modrm, unsigned scale, uint64_t modrm_rip, unsigned tail,
                      unsigned *bytes);

/* Fills *out from the instruction at cpu->rip if a row of the encodings in `encodings` (1u << enum
 * trap_encoding) describes it. Reads no byte behind the instruction. 1 or 0. */
int trap_decode(const struct trap_cpu *cpu, unsigned encodings, struct trap_insn *out);
/* Builds the index of trap_rows[]; before the first trap_decode(). */
void trap_index(void);

/* Executes it and moves rip on. */
void trap_execute(struct trap_cpu *cpu, const struct trap_insn *insn);

/* Instructions on mask registers (VEX-encoded): executes the one at cpu->rip, 1, or 0 if it is
 * none. */
int trap_mask_step(struct trap_cpu *cpu);

#endif
