/* The canary: a fixed piece of work that depends on no variant. What it takes is the machine's
 * speed of this moment, so a change of it is the machine's, not a variant's.
 *
 * Two parts, as two things drift: a chain of dependent multiplications (the clock), and a chain of
 * dependent loads that fits the second-level cache (what neighbours leave of caches and memory). */
#include "harness/runner/runner_int.h"

enum {
    ALU_STEPS = 6000, /* about 20 us */
    LOADS = 1500,     /* about 10 us from the second level */
    LINES = 1024,     /* of 64 bytes: beyond a first-level cache, within a second */
    STRIDE = 421,     /* odd, so that the chain passes through every line */
    TRIES = 3         /* the least counts: an interrupt is no drift */
};

static struct line {
    _Alignas(64) struct line *next;
} lines[LINES];

void hrn_canary_open(struct hrn_canary *c)
{
    *c = (struct hrn_canary) { .best_ns = INT64_MAX };
    for (size_t i = 0; i < LINES; i++)
        lines[i].next = &lines[(i + STRIDE) % LINES];
    for (int i = 0; i < 3 * TRIES; i++)
        hrn_canary_look(c);
}

static int64_t once(void)
{
    const struct line *line = lines;
    uint64_t x = 1;
    for (int i = 0; i < LINES; i++) /* what a variant left of it in the caches is no drift */
        line = line->next;
    int64_t begin = hrn_now_ns();
    for (int i = 0; i < ALU_STEPS; i++)
        x = x * 0x5851f42d4c957f2du + 1;
    for (int i = 0; i < LOADS; i++)
        line = line->next;
    int64_t end = hrn_now_ns();
    __asm__ volatile("" : : "r"(x), "r"(line)); /* both results are wanted */
    return end - begin;
}

double hrn_canary_look(struct hrn_canary *c)
{
    double ratio = 0;
    for (int i = 0; i < TRIES && (i == 0 || ratio > HRN_CANARY_MARK); i++) {
        int64_t time = once();
        c->last_ns = i == 0 || time < c->last_ns ? time : c->last_ns;
        c->best_ns = c->last_ns < c->best_ns ? c->last_ns : c->best_ns;
        ratio = (double)c->last_ns / (double)c->best_ns;
    }
    return ratio;
}

void hrn_canary_accept(struct hrn_canary *c)
{
    c->best_ns = c->last_ns;
}
