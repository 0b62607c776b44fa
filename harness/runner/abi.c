#include "harness/runner/runner_int.h"

#include <stdio.h>
#include <string.h>

#include "harness/runner/abi_int.h"
#include "harness/sweep/stats.h"

/* Laid out for the assembly. */
struct abi {
    krn_fn *target;
    uint64_t caller[HRN_ABI_WORDS], want[HRN_ABI_WORDS], seen[HRN_ABI_WORDS];
};
static_assert(offsetof(struct abi, target) == HRN_ABI_TARGET, "abi_*.S");
static_assert(offsetof(struct abi, caller) == HRN_ABI_CALLER, "abi_*.S");
static_assert(offsetof(struct abi, want) == HRN_ABI_WANT, "abi_*.S");
static_assert(offsetof(struct abi, seen) == HRN_ABI_SEEN, "abi_*.S");

extern struct abi hrn_abi;
__attribute__((visibility("hidden"))) struct abi hrn_abi;
void hrn_abi_call(const void *args);

/* One row per word. FREE words get a pattern; FIXED ones are the assembly's to fill in. */
static const struct {
    const char *name;
    int fixed;
} words[HRN_ABI_WORDS] = {
#if defined(__aarch64__)
    { "x19", 0 },
    { "x20", 0 },
    { "x21", 0 },
    { "x22", 0 },
    { "x23", 0 },
    { "x24", 0 },
    { "x25", 0 },
    { "x26", 0 },
    { "x27", 0 },
    { "x28", 0 },
    { "x29", 0 },
    { "x18 (the platform register)", 0 },
    { "d8", 0 },
    { "d9", 0 },
    { "d10", 0 },
    { "d11", 0 },
    { "d12", 0 },
    { "d13", 0 },
    { "d14", 0 },
    { "d15", 0 },
    { "sp", 1 },
    { "fpcr", 1 },
#elif defined(__x86_64__)
    { "rbx", 0 },
    { "rbp", 0 },
    { "r12", 0 },
    { "r13", 0 },
    { "r14", 0 },
    { "r15", 0 },
    { "rsp", 1 },
    { "mxcsr", 1 },
    { "x87 control word", 1 },
    { "the direction flag", 1 },
#else
#error "no checked call for this architecture: add abi_ARCH.S and its row of names"
#endif
    { "the caller's stack", 0 },
    { "the caller's stack", 0 },
    { "the caller's stack", 0 },
    { "the caller's stack", 0 },
    { "the caller's stack", 0 },
    { "the caller's stack", 0 },
    { "the caller's stack", 0 },
    { "the caller's stack", 0 },
};

static char violation[64];

static void checked_call(const void *args)
{
    hrn_abi_call(args);
    if (memcmp(hrn_abi.want, hrn_abi.seen, sizeof hrn_abi.want) == 0 || violation[0])
        return;
    size_t i = 0;
    while (hrn_abi.want[i] == hrn_abi.seen[i])
        i++;
    snprintf(violation, sizeof violation, "%s was not preserved", words[i].name);
}

krn_fn *hrn_abi_wrap(krn_fn *target)
{
    uint64_t state = 1;
    hrn_abi.target = target;
    memset(hrn_abi.want, 0, sizeof hrn_abi.want);
    memset(hrn_abi.seen, 0, sizeof hrn_abi.seen);
    for (size_t i = 0; i < HRN_ABI_WORDS && words[i].name; i++)
        if (!words[i].fixed)
            hrn_abi.want[i] = hrn_random(&state);
    violation[0] = '\0';
    return checked_call;
}

const char *hrn_abi_violation(void)
{
    return violation[0] ? violation : NULL;
}
