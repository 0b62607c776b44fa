#include "harness/runner/trap_x86.h"

#include <errno.h>

static uint32_t installed;

uint32_t hrn_trap_isas(void)
{
    return installed;
}

#if defined(__x86_64__)

#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "harness/runner/trap_int.h"
#include "kernels/cpu.h"

/* The saved registers of the interrupted code: the FXSAVE image, then the header and the
 * components of XSAVE in the standard format (Intel SDM, volume 1, chapter 13.4). */
enum {
    XMM_OFFSET = 160,
    MAGIC_OFFSET = 464, /* struct _fpx_sw_bytes of the kernel */
    STATE_BITS_OFFSET = 512,
    YMM_HIGH_OFFSET = 576,
};
#define MAGIC 0x46505853u
#define STATE_SSE 2u
#define STATE_AVX 4u

static const int greg_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                 REG_R12, REG_R13, REG_R14, REG_R15 };

static struct trap_cpu cpu; /* beside the real registers, for the life of the process */
static uint64_t executed;
static unsigned encodings; /* 1u << enum trap_encoding */
static int has_masks;
static struct sigaction previous;

/* A register whose low 256 bits are not as they were left was written by a VEX instruction,
 * which zeroes the rest. */
static void registers_in(uint8_t *frame)
{
    uint64_t bits;
    memcpy(&bits, frame + STATE_BITS_OFFSET, sizeof bits);
    for (size_t i = 0; i < 16; i++) {
        uint8_t low[32] = { 0 };
        if (bits & STATE_SSE)
            memcpy(low, frame + XMM_OFFSET + 16 * i, 16);
        if (bits & STATE_AVX)
            memcpy(low + 16, frame + YMM_HIGH_OFFSET + 16 * i, 16);
        if (memcmp(&cpu.zmm[i], low, sizeof low) != 0) {
            memset(&cpu.zmm[i], 0, sizeof cpu.zmm[i]);
            memcpy(&cpu.zmm[i], low, sizeof low);
        }
    }
}

static void registers_out(uint8_t *frame)
{
    uint64_t bits;
    memcpy(&bits, frame + STATE_BITS_OFFSET, sizeof bits);
    if (!(bits & STATE_SSE)) /* the image may be stale where it stands for the initial state */
        memset(frame + XMM_OFFSET, 0, 256);
    bits |= STATE_SSE | STATE_AVX;
    memcpy(frame + STATE_BITS_OFFSET, &bits, sizeof bits);
    for (size_t i = 0; i < 16; i++) {
        memcpy(frame + XMM_OFFSET + 16 * i, &cpu.zmm[i].u8[0], 16);
        memcpy(frame + YMM_HIGH_OFFSET + 16 * i, &cpu.zmm[i].u8[16], 16);
    }
}

static int step(void)
{
    struct trap_insn insn;
    if (trap_decode(&cpu, encodings, &insn)) {
        trap_execute(&cpu, &insn);
        return 1;
    }
    return has_masks && trap_mask_step(&cpu);
}

/* Hands the signal on as if this handler were not there: the instruction is met once more. */
static void give_up(void)
{
    sigaction(SIGILL, &previous, NULL);
}

/* Executes as many instructions in a row as it can: a trap costs more than ten of them. */
static void on_sigill(int signal_number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    greg_t *gregs = user->uc_mcontext.gregs;
    uint8_t *frame = (uint8_t *)user->uc_mcontext.fpregs;
    uint32_t magic;
    uint64_t before = executed;
    (void)signal_number, (void)info;

    memcpy(&magic, frame + MAGIC_OFFSET, sizeof magic);
    if (magic != MAGIC) {
        give_up();
        return;
    }
    registers_in(frame);
    for (size_t i = 0; i < 16; i++)
        cpu.gpr[i] = (uint64_t)gregs[greg_of[i]];
    cpu.rip = (uint64_t)gregs[REG_RIP];
    while (step())
        executed++;
    if (executed == before) {
        give_up();
        return;
    }
    registers_out(frame);
    for (size_t i = 0; i < 16; i++)
        gregs[greg_of[i]] = (greg_t)cpu.gpr[i];
    gregs[REG_RIP] = (greg_t)cpu.rip;
}

void hrn_trap_replace(uint8_t byte)
{
    trap_evex_byte = byte;
}

int hrn_trap_install(uint32_t isas)
{
    struct sigaction action = { .sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return -ENOTSUP;
    has_masks = !!(isas & 1u << KRN_ISA_AVX512VNNI);
    int is_replaced = trap_evex_byte != 0x62;
    if (has_masks && !is_replaced &&
        __builtin_cpu_supports("avx512f")) /* half of it would run on real registers */
        return -ENOTSUP;
    encodings =
        (has_masks ? 1u << TRAP_EVEX : 0) | (isas & 1u << KRN_ISA_AVXVNNI ? 1u << TRAP_VEX : 0);
    trap_index();
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGILL, &action, &previous) != 0)
        return -errno;
    installed = isas;
    return 0;
}

uint64_t hrn_trap_count(void)
{
    return executed;
}

#else

void hrn_trap_replace(uint8_t byte)
{
    (void)byte;
}

int hrn_trap_install(uint32_t isas)
{
    (void)isas;
    return -ENOTSUP;
}

uint64_t hrn_trap_count(void)
{
    return 0;
}

#endif
