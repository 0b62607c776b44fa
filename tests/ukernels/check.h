/* The program that proves micro-kernels tile by tile: generated kernels in, one line per failure
 * out. test_ukernels.c generates, compiles and starts it, natively or under an emulator. */
#ifndef QUERN_TESTS_UKERNELS_CHECK_H
#define QUERN_TESTS_UKERNELS_CHECK_H

#include <stdint.h>

#include "kernels/kernel.h"

/* Rows that end, or begin, at a page that nobody may touch. */
struct arena {
    unsigned char *map;
    int slots;
};
enum { ARENA_PAGE = 4096 };
struct arena arena_open(int slots, unsigned char fill);
/* `bytes` in slot `slot`, flush with the upper (at_end) or the lower guard page. */
unsigned char *arena_row(const struct arena *a, int slot, int64_t bytes, int at_end);

/* Calls with patterns in every register that a callee must preserve. NULL, or the name of one that
 * came back changed. */
const char *abi_call(krn_fn *fn, const void *args);

uint64_t random_next(void);
int random_below(int n);

/* The definition: requantise as reference.h states it. */
int8_t expected_byte(int32_t acc, float scale, const struct krn_out *out);
struct krn_out random_out(void);
/* Makes lo == zp, as KRN_QUICK_BIAS wants it, with sums that are just small enough for it. */
void rectify(struct krn_out *out);
/* Every byte is an output, and the zero point even. */
void make_full(struct krn_out *out);
int32_t random_quick_bias(int extreme);

/* What every case is drawn from: values that stress sums, or any. */
int8_t random_activation(int extreme);
int8_t random_weight(int extreme);
int32_t random_bias(int extreme);
float random_scale(void);

/* Reports a failed case. */
void failed(const struct krn_kernel *kernel, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void check_gemm(const struct krn_kernel *kernel); /* and IGEMM */
void check_dw(const struct krn_kernel *kernel);   /* and DWC */
void check_wino(const struct krn_kernel *kernel);
void check_direct(const struct krn_kernel *kernel);
void check_dwrows(const struct krn_kernel *kernel);

extern int cases_run;

/* Where the program is, for the report of a crash. */
extern char current_case[160];

#endif
