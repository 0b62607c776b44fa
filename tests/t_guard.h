/* Buffers between two pages that nobody may touch: an access beyond either end is a SIGSEGV at
 * once. The slack that page granularity leaves on the other side holds a pattern, which is checked.
 */
#ifndef QUERN_TESTS_T_GUARD_H
#define QUERN_TESTS_T_GUARD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct t_guard {
    unsigned char *map;  /* guard page, room, guard page */
    size_t room, page;   /* bytes between the guards */
    unsigned char *data; /* the buffer, flush with one of the guards */
    size_t bytes;
};

enum { T_GUARD_PATTERN = 0xa5 };

/* `at_end`: the buffer ends at the upper guard; otherwise it begins at the lower one. Filled with
 * the pattern. Alignment follows: a page at the beginning, `bytes` modulo a page at the end. */
static inline struct t_guard t_guard_open(size_t bytes, int at_end)
{
    struct t_guard g = { 0 };
    g.page = (size_t)sysconf(_SC_PAGESIZE);
    g.room = (bytes + g.page) / g.page * g.page;
    g.bytes = bytes;
    void *map = mmap(NULL, g.room + 2 * g.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect((char *)map + g.page, g.room, PROT_READ | PROT_WRITE) != 0) {
        perror("t_guard_open");
        exit(1);
    }
    g.map = map;
    memset(g.map + g.page, T_GUARD_PATTERN, g.room);
    g.data = g.map + g.page + (at_end ? g.room - bytes : 0);
    return g;
}

/* From now on the buffer cannot be written. */
static inline void t_guard_freeze(const struct t_guard *g)
{
    if (mprotect(g->map + g->page, g->room, PROT_READ) != 0)
        abort();
}

/* 1 if nothing wrote into the slack. */
static inline int t_guard_intact(const struct t_guard *g)
{
    for (const unsigned char *p = g->map + g->page; p < g->map + g->page + g->room; p++) {
        if (p == g->data)
            p += g->bytes;
        if (p < g->map + g->page + g->room && *p != T_GUARD_PATTERN)
            return 0;
    }
    return 1;
}

static inline void t_guard_close(struct t_guard *g)
{
    if (g->map)
        munmap(g->map, g->room + 2 * g->page);
    memset(g, 0, sizeof *g);
}

#endif
