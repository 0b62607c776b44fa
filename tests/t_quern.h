/* The real program in a folder of the test's own: set `quern` and `base` first. */
#ifndef QUERN_TESTS_T_QUERN_H
#define QUERN_TESTS_T_QUERN_H

#include "tests/t.h"
#include "tests/t_run.h"

static char *quern;
static char base[256], output[65536];

#define QUERN(...) T_RUN(base, output, quern, __VA_ARGS__)

/* The exit code of a run, and words that its output must have. */
static int expect(int got, int want, const char *words, int line)
{
    int ok = got == want && strstr(output, words);
    if (!t_check(ok, __FILE__, line, words))
        printf("  exit %d, not %d:\n%s\n", got, want, output);
    return ok;
}
#define EXPECT(run, code, words) expect(run, code, words, __LINE__)

#endif
