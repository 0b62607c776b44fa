/* The few things that every test program shares.
 *
 *     int main(int argc, char **argv)
 *     {
 *         t_begin(argc, argv);
 *         T_CHECK(1 + 1 == 2);
 *         return t_end();
 *     }
 * A failed check is printed and counted; the program goes on and exits with 1. Exit 77: skipped. */
#ifndef QUERN_TESTS_T_H
#define QUERN_TESTS_T_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t t_seed = 1; /* --seed N; random tests derive everything from it */
static long t_checks, t_failures;
enum { T_SHOWN = 30 }; /* failures printed */

/* Reads --seed N, wherever it stands, and prints the seed. Other arguments are the test's own. */
static inline void t_begin(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--seed") == 0)
            t_seed = strtoull(argv[i + 1], NULL, 0);
    printf("%s: --seed %" PRIu64 "\n", argv[0], t_seed);
    fflush(stdout);
}

static inline int t_end(void)
{
    printf("%ld checks, %ld failed\n", t_checks, t_failures);
    return t_failures != 0;
}

static inline int t_check(int ok, const char *file, int line, const char *what)
{
    t_checks++;
    if (!ok) {
        if (++t_failures <= T_SHOWN)
            printf("%s:%d: failed: %s\n", file, line, what);
        else if (t_failures == T_SHOWN + 1)
            printf("further failures are counted only\n");
        fflush(stdout);
    }
    return ok;
}

/* 1 if it holds. */
#define T_CHECK(condition) t_check(!!(condition), __FILE__, __LINE__, #condition)

/* T_CHECK on two strings; shows both. */
static inline int t_check_str(const char *got, const char *want, const char *file, int line)
{
    int ok = t_check(strcmp(got, want) == 0, file, line, "strings differ");
    if (!ok)
        printf("  got  \"%s\"\n  want \"%s\"\n", got, want);
    return ok;
}
#define T_CHECK_STR(got, want) t_check_str(got, want, __FILE__, __LINE__)

/* Ends the program as skipped. */
_Noreturn static inline void t_skip(const char *reason)
{
    printf("skipped: %s\n", reason);
    exit(77);
}

/* splitmix64 */
static inline uint64_t t_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Uniform enough for tests, in [low, high]. */
static inline int t_between(uint64_t *state, int low, int high)
{
    return low + (int)(t_random(state) % (uint64_t)(high - low + 1));
}

#endif
