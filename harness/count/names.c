#include "harness/count/count.h"

#define ROW(event, name) [event] = name
#define KERNEL_ROW(event, name) [event] = "kernel." name
#define ROWS(row)                                                                                  \
    row(HRN_COUNT_INSN, "insn"), row(HRN_COUNT_LOAD, "load"), row(HRN_COUNT_STORE, "store"),       \
        row(HRN_COUNT_PREFETCH, "prefetch"), row(HRN_COUNT_BRANCH, "branch"),                      \
        row(HRN_COUNT_MULTIPLY, "multiply"), row(HRN_COUNT_MAC, "mac"),                            \
        row(HRN_COUNT_VECTOR, "vector")

const char *const hrn_count_names[HRN_COUNT_COUNT] = { ROWS(ROW) };
const char *const hrn_count_kernel_names[HRN_COUNT_COUNT] = { ROWS(KERNEL_ROW) };
