/* A counter read without a system call: from the page that the kernel keeps beside an open event
 * (struct perf_event_mmap_page of perf_event_open(2)) and from the counter's own register. On the
 * device's side.
 *
 * The page is a seqlock: `lock` changes while the kernel writes, and whoever read meanwhile reads
 * again. Where the kernel allows no such reading (arm64: kernel.perf_user_access, since 5.17; x86:
 * rdpmc in the PMU's folder) the page says so, and read() it is. */
#ifndef QUERN_HARNESS_PMU_USER_H
#define QUERN_HARNESS_PMU_USER_H

#include <stddef.h>
#include <stdint.h>

struct perf_event_mmap_page;

/* Reads the register of a counter, as the page numbers them less one. */
typedef uint64_t hrn_user_register(uint32_t index, void *user);

/* What the event has counted since it was opened. How often it had to look: 1, or more where the
 * page changed under it, which costs instructions that somebody counts. 0: it does not count now,
 * or may not be read this way, or the page changed all the time. */
int hrn_user_read(const volatile struct perf_event_mmap_page *page, hrn_user_register *read,
                  void *user, int64_t *value);

/* This CPU's own: mrs pmccntr_el0, pmevcntr<n>_el0; rdpmc. Elsewhere 0. */
uint64_t hrn_user_register_here(uint32_t index, void *user);
/* Before a reading: what came before in the program is done. */
void hrn_user_fence(void);
/* In config1 of an event that is to be read this way: 0 where the kernel wants none. */
extern const uint64_t hrn_user_request;
/* Why a page that allows no reading does not, below `root` as in pmu.h; "" where it could. */
void hrn_user_why_not(const char *root, const char *pmu_name, char *out, size_t out_bytes);

#endif
