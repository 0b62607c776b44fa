/* Micro-kernels whose counts are known: so many instructions, loads, misses, branches per unit of
 * work. Both ends know their names; the device does the work. */
#ifndef QUERN_HARNESS_WORKS_H
#define QUERN_HARNESS_WORKS_H

#include <stddef.h>
#include <stdint.h>

struct hrn_work {
    const char *name;
    const char *unit; /* what one unit is, for people: "4 integer instructions" */
    int64_t units;    /* that a known answer is taken over */
    /* Sizes its data for caches of so many bytes (0 = unknown). 0 or -errno. May be NULL. */
    int (*prepare)(size_t l1_bytes, size_t last_bytes);
    void (*run)(int64_t units);
};
extern const struct hrn_work hrn_works[];
extern const size_t hrn_work_count;

/* NULL if there is none of that name. */
const struct hrn_work *hrn_work_find(const char *name);

/* Reads a buffer of `bytes` again and again for at least min_ns; bytes per second of the best of
 * several. 0 without memory. */
int64_t hrn_work_bandwidth(size_t bytes, int64_t min_ns);

#endif
