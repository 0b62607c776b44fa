#include "harness/runner/works.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/runner/runner_int.h"
#include "harness/sweep/stats.h"

#define LINE_BYTES 64
#define L1_DEFAULT (64u << 10)
#define LAST_DEFAULT (4u << 20)
#define CHASE_BYTES_MAX (256u << 20)
#define PAGES 2048 /* more than any first-level TLB holds, fewer than cost a second */

static void *volatile sink;

/* ---- Counted instructions. Every loop iteration is the unit; the asm is all that runs. */

#if defined __aarch64__
#define LOOP_TAIL "subs %[n], %[n], #1\n\tb.ne 1b"
#define ALU "1: add %[a], %[a], #1\n\tadd %[b], %[b], #3\n\t" LOOP_TAIL
#define LOAD "1: ldr %[a], [%[p]]\n\t" LOOP_TAIL
#define STORE "1: str %[n], [%[p]]\n\t" LOOP_TAIL
#define VECTOR                                                                                     \
    "1: add v0.4s, v0.4s, v8.4s\n\tadd v1.4s, v1.4s, v8.4s\n\tadd v2.4s, v2.4s, v8.4s\n\t"         \
    "add v3.4s, v3.4s, v8.4s\n\tadd v4.4s, v4.4s, v8.4s\n\tadd v5.4s, v5.4s, v8.4s\n\t"            \
    "add v6.4s, v6.4s, v8.4s\n\tadd v7.4s, v7.4s, v8.4s\n\t" LOOP_TAIL
#define VECTOR_CLOBBERS "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"
#define NOP "nop"
#elif defined __x86_64__
#define LOOP_TAIL "dec %[n]\n\tjnz 1b"
#define ALU "1: lea 1(%[a]), %[a]\n\tlea 3(%[b]), %[b]\n\t" LOOP_TAIL
#define LOAD "1: mov (%[p]), %[a]\n\t" LOOP_TAIL
#define STORE "1: mov %[n], (%[p])\n\t" LOOP_TAIL
#define VECTOR                                                                                     \
    "1: paddd %%xmm8, %%xmm0\n\tpaddd %%xmm8, %%xmm1\n\tpaddd %%xmm8, %%xmm2\n\t"                  \
    "paddd %%xmm8, %%xmm3\n\tpaddd %%xmm8, %%xmm4\n\tpaddd %%xmm8, %%xmm5\n\t"                     \
    "paddd %%xmm8, %%xmm6\n\tpaddd %%xmm8, %%xmm7\n\t" LOOP_TAIL
#define VECTOR_CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"
#define NOP "nop"
#endif

#ifdef LOOP_TAIL
static void run_alu(int64_t units)
{
    uint64_t a = 0, b = 0;
    __asm__ volatile(ALU : [n] "+r"(units), [a] "+r"(a), [b] "+r"(b) : : "cc");
}

static void run_load(int64_t units)
{
    static uint64_t cell;
    uint64_t a = 0;
    __asm__ volatile(LOAD : [n] "+r"(units), [a] "+r"(a) : [p] "r"(&cell) : "cc", "memory");
}

static void run_store(int64_t units)
{
    static uint64_t cell;
    __asm__ volatile(STORE : [n] "+r"(units) : [p] "r"(&cell) : "cc", "memory");
}

static void run_vector(int64_t units)
{
    __asm__ volatile(VECTOR : [n] "+r"(units) : : "cc", VECTOR_CLOBBERS);
}

/* A branch that nobody can foresee: the bits of a xorshift generator (Marsaglia 2003). */
static void run_guess(int64_t units)
{
    uint64_t x = 88172645463325252u;
    for (; units > 0; units--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        if (x >> 33 & 1)
            __asm__ volatile(NOP);
    }
}
#endif

/* ---- Misses: a walk along a random cycle, so that no prefetcher can run ahead */

static void **chase; /* where the walk stands */

/* One cycle through `count` cells `stride` bytes apart (Sattolo's algorithm), seeded. */
static int make_cycle(size_t count, size_t stride)
{
    uint8_t *map =
        mmap(NULL, count * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t *order = malloc(count * sizeof *order);
    uint64_t state = 1;
    if (map == MAP_FAILED || !order) {
        free(order);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = (size_t)(hrn_random(&state) % i);
        uint32_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (size_t i = 0; i < count; i++)
        *(void **)(void *)(map + order[i] * stride) = map + order[(i + 1) % count] * stride;
    free(order);
    chase = (void **)(void *)map;
    return 0;
}

static size_t bounded(size_t bytes)
{
    return bytes < CHASE_BYTES_MAX ? bytes : CHASE_BYTES_MAX;
}

/* Eight times the first level: every step misses it, none should miss the last. */
static int prepare_line(size_t l1_bytes, size_t last_bytes)
{
    (void)last_bytes;
    return make_cycle(bounded(8 * (l1_bytes ? l1_bytes : L1_DEFAULT)) / LINE_BYTES, LINE_BYTES);
}

/* Eight times the last level. */
static int prepare_far(size_t l1_bytes, size_t last_bytes)
{
    (void)l1_bytes;
    return make_cycle(bounded(8 * (last_bytes ? last_bytes : LAST_DEFAULT)) / LINE_BYTES,
                      LINE_BYTES);
}

/* A page and a line on: another page each step, and another set of the cache. */
static int prepare_page(size_t l1_bytes, size_t last_bytes)
{
    (void)l1_bytes, (void)last_bytes;
    return make_cycle(PAGES, (size_t)sysconf(_SC_PAGESIZE) + LINE_BYTES);
}

static void run_chase(int64_t units)
{
    void **at = chase;
    for (; units > 0; units--)
        at = *at;
    sink = at;
}

/* Fresh pages, touched once each. */
static void run_fault(int64_t units)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *map = mmap(NULL, (size_t)units * page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return;
    madvise(map, (size_t)units * page, MADV_NOHUGEPAGE);
    for (int64_t i = 0; i < units; i++)
        ((volatile uint8_t *)map)[(size_t)i * page] = 1;
    munmap(map, (size_t)units * page);
}

const struct hrn_work hrn_works[] = {
#ifdef LOOP_TAIL
    { "alu", "4 integer instructions, 1 of them a taken branch", 1000000, NULL, run_alu },
    { "load", "1 load, in 3 instructions", 1000000, NULL, run_load },
    { "store", "1 store, in 3 instructions", 1000000, NULL, run_store },
    { "vector", "8 vector instructions, in 10", 1000000, NULL, run_vector },
    { "guess", "1 branch that cannot be foreseen", 1000000, NULL, run_guess },
#endif
    { "line", "1 line that the first level has not", 300000, prepare_line, run_chase },
    { "far", "1 line that no cache has", 200000, prepare_far, run_chase },
    { "page", "1 page that the first TLB has not", 300000, prepare_page, run_chase },
    { "fault", "1 page fault", 1000, NULL, run_fault },
};
const size_t hrn_work_count = sizeof hrn_works / sizeof *hrn_works;

const struct hrn_work *hrn_work_find(const char *name)
{
    for (size_t i = 0; i < hrn_work_count; i++)
        if (strcmp(hrn_works[i].name, name) == 0)
            return &hrn_works[i];
    return NULL;
}

/* ---- Bandwidth */

#define BLOCK_BYTES 256

/* Loads alone, as wide as the core has them: every byte of `blocks` blocks once. */
#if defined __aarch64__
static void read_all(const uint8_t *at, size_t blocks)
{
    __asm__ volatile("1: ldp q0, q1, [%[p]]\n\tldp q2, q3, [%[p], #32]\n\t"
                     "ldp q4, q5, [%[p], #64]\n\tldp q6, q7, [%[p], #96]\n\t"
                     "ldp q0, q1, [%[p], #128]\n\tldp q2, q3, [%[p], #160]\n\t"
                     "ldp q4, q5, [%[p], #192]\n\tldp q6, q7, [%[p], #224]\n\t"
                     "add %[p], %[p], #256\n\tsubs %[n], %[n], #1\n\tb.ne 1b"
                     : [p] "+r"(at), [n] "+r"(blocks)
                     :
                     : "cc", "memory", VECTOR_CLOBBERS);
}
#elif defined __x86_64__
#define READ_SSE "1: .set o, 0\n\t.rept 16\n\tmovups o(%[p]), %%xmm0\n\t.set o, o + 16\n\t.endr\n\t"
#define READ_AVX "1: .set o, 0\n\t.rept 8\n\tvmovups o(%[p]), %%ymm0\n\t.set o, o + 32\n\t.endr\n\t"
#define READ_AVX512                                                                                \
    "1: .set o, 0\n\t.rept 4\n\tvmovups o(%[p]), %%zmm0\n\t.set o, o + 64\n\t.endr\n\t"
#define READ_TAIL "add $256, %[p]\n\t" LOOP_TAIL
#define READ(body)                                                                                 \
    __asm__ volatile(body READ_TAIL : [p] "+r"(at), [n] "+r"(blocks) : : "cc", "memory", "xmm0")

static void read_all(const uint8_t *at, size_t blocks)
{
    if (__builtin_cpu_supports("avx512f"))
        READ(READ_AVX512);
    else if (__builtin_cpu_supports("avx"))
        READ(READ_AVX);
    else
        READ(READ_SSE);
}
#else
static void read_all(const uint8_t *at, size_t blocks)
{
    const volatile uint64_t *v = (const volatile uint64_t *)(const void *)at;
    for (size_t i = 0; i < blocks * BLOCK_BYTES / sizeof *v; i++)
        (void)v[i];
}
#endif

int64_t hrn_work_bandwidth(size_t bytes, int64_t min_ns)
{
    enum { TRIES = 5 };
    int64_t best = 0, turns = 1, time = 0;
    uint8_t *v = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (v == MAP_FAILED)
        return 0;
    memset(v, 1, bytes); /* else all of it may be the one page of zeros */
    for (int attempt = 0; attempt < TRIES;) {
        int64_t begin = hrn_now_ns();
        for (int64_t i = 0; i < turns; i++)
            read_all(v, bytes / BLOCK_BYTES);
        time = hrn_now_ns() - begin;
        if (time < min_ns && turns < INT64_MAX / 8) {
            turns *= time < min_ns / 8 ? 8 : 2;
            continue;
        }
        int64_t rate = (int64_t)((double)bytes * (double)turns * 1e9 / (double)time);
        best = rate > best ? rate : best;
        attempt++;
    }
    munmap(v, bytes);
    return best;
}
