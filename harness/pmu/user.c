#include "harness/pmu/user.h"

#include <linux/perf_event.h>
#include <stdio.h>

#include "harness/pmu/pmu.h"

#define TRIES 1000 /* at a page that changes under our eyes */

/* The compiler keeps the order; the kernel writes the page on the CPU that this thread runs on, so
 * the CPU need not be told. */
static void keep_order(void)
{
    __asm__ volatile("" : : : "memory");
}

/* The register has `width` bits, counts from a start that `offset` makes up for, and may have
 * wrapped. */
static int64_t extend(uint64_t bits, unsigned width)
{
    unsigned unused = width > 0 && width < 64 ? 64 - width : 0;
    return (int64_t)(bits << unused) >> unused;
}

int hrn_user_read(const volatile struct perf_event_mmap_page *page, hrn_user_register *read,
                  void *user, int64_t *value)
{
    for (int looks = 1; looks <= TRIES; looks++) {
        uint32_t lock = page->lock;
        keep_order();
        uint32_t index = page->index;
        int64_t count = page->offset;
        int is_readable = page->cap_user_rdpmc && index != 0;
        if (is_readable)
            count += extend(read(index - 1, user), page->pmc_width);
        keep_order();
        if (page->lock != lock || lock & 1)
            continue;
        *value = count;
        return is_readable ? looks : 0;
    }
    return 0;
}

#if defined __aarch64__

const uint64_t hrn_user_request = 2; /* config1:1, "rdpmc" in the PMU's format folder */

enum { CYCLE_COUNTER = 31 }; /* its index; the others are pmevcntr<n>_el0 */

#define EACH_COUNTER(X)                                                                            \
    X(0)                                                                                           \
    X(1)                                                                                           \
    X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18)  \
        X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30)
#define READ_COUNTER(n)                                                                            \
    case n:                                                                                        \
        __asm__ volatile("mrs %0, pmevcntr" #n "_el0" : "=r"(bits));                               \
        break;

uint64_t hrn_user_register_here(uint32_t index, void *user)
{
    uint64_t bits = 0;
    (void)user;
    switch (index) {
        EACH_COUNTER(READ_COUNTER)
    case CYCLE_COUNTER:
        __asm__ volatile("mrs %0, pmccntr_el0" : "=r"(bits));
        break;
    default:
        break;
    }
    return bits;
}

void hrn_user_fence(void)
{
    __asm__ volatile("isb" : : : "memory");
}

void hrn_user_why_not(const char *root, const char *pmu_name, char *out, size_t out_bytes)
{
    int64_t access = hrn_sysfs_number(root, "/proc/sys/kernel/perf_user_access", -1);
    (void)pmu_name;
    out[0] = '\0';
    if (access < 0)
        snprintf(out, out_bytes, "the kernel has no kernel.perf_user_access (it is of 5.17)");
    else if (access == 0)
        snprintf(out, out_bytes, "kernel.perf_user_access is 0");
}

#else

const uint64_t hrn_user_request = 0;

uint64_t hrn_user_register_here(uint32_t index, void *user)
{
    (void)user;
#if defined __x86_64__
    return __builtin_ia32_rdpmc((int)index);
#else
    (void)index;
    return 0;
#endif
}

void hrn_user_fence(void)
{
#if defined __x86_64__
    __asm__ volatile("lfence" : : : "memory");
#endif
}

void hrn_user_why_not(const char *root, const char *pmu_name, char *out, size_t out_bytes)
{
    char path[160];
    snprintf(path, sizeof path, "/sys/bus/event_source/devices/%s/rdpmc", pmu_name);
    out[0] = '\0';
    if (hrn_sysfs_number(root, path, -1) == 0)
        snprintf(out, out_bytes, "%s is 0", path);
}

#endif
