/* Executes AVX-512 (F, BW, DQ, VL, VNNI) and AVX-VNNI instructions in software, on x86-64 CPUs
 * that lack them: the CPU refuses the instruction, the kernel sends SIGILL, the handler decodes
 * and executes it on registers of its own and goes on behind it. So kernels for such CPUs can be
 * proved bit-exact anywhere. It says nothing about time.
 *
 * What it knows is one table (trap_ops.c); anything else is a SIGILL as ever. Limits: the upper
 * halves of zmm0-15 live beside the real ymm0-15, so after a VEX instruction has written a
 * register its upper half is found to be zero by the change of the lower one; a VEX write that
 * leaves the lower 256 bits as they were is missed. MXCSR is taken to be its default (round to
 * nearest even). An aligned move (vmovdqa64, vmovaps) of what is not aligned stays a SIGILL. One
 * thread only. */
#ifndef QUERN_HARNESS_TRAP_X86_H
#define QUERN_HARNESS_TRAP_X86_H

#include <stdint.h>

/* From now on instructions of the levels in `isas` (bit set of 1u << KRN_ISA_AVX512VNNI and 1u
 * << KRN_ISA_AVXVNNI, kernels/cpu.h) work in this process; forked children inherit it. A handler
 * of SIGILL that was there before gets what is not known here. 0; -ENOTSUP where this CPU is no
 * x86-64, has no AVX2, or has AVX-512 but not all of it; -errno of sigaction(). */
int hrn_trap_install(uint32_t isas);

/* Before hrn_trap_install(), for tests on a CPU that has AVX-512: the instructions that are
 * emulated are those whose first byte, 0x62, was replaced by `byte`, with which none begins in
 * 64-bit mode. Code must have no others. */
void hrn_trap_replace(uint8_t byte);

/* The levels that were installed. */
uint32_t hrn_trap_isas(void);

/* Instructions executed in software so far in this process. */
uint64_t hrn_trap_count(void);

#endif
