/* The block that abi_*.S and abi.c share. Offsets in bytes, asserted in abi.c. */
#ifndef QUERN_HARNESS_ABI_INT_H
#define QUERN_HARNESS_ABI_INT_H

#define HRN_ABI_WORDS 32 /* registers watched, and the stack above the call */
#define HRN_ABI_STACK 8  /* words of the caller's frame that are watched */

#define HRN_ABI_TARGET 0
#define HRN_ABI_CALLER 8                                 /* [32] what to restore */
#define HRN_ABI_WANT (HRN_ABI_CALLER + 8 * HRN_ABI_WORDS) /* [32] loaded before the call */
#define HRN_ABI_SEEN (HRN_ABI_WANT + 8 * HRN_ABI_WORDS)   /* [32] found after it */

#endif
