/* Formulas of metrics: what they are worth, and what is none. */
#include "harness/pmu/formula.h"

#include <errno.h>
#include <math.h>

#include "tests/t.h"

static int value(const char *name, double *out, void *user)
{
    (void)user;
    *out = strcmp(name, "A") == 0 ? 6 : strcmp(name, "page-faults") == 0 ? 4 : 0;
    return strcmp(name, "NONE") == 0 ? -ENOENT : 0;
}

static void formulas(void)
{
    static const struct {
        const char *text;
        int error;
        double value;
    } rows[] = {
        { "1", 0, 1 },
        { "1 + 2 * 3", 0, 7 },
        { "(1 + 2) * 3", 0, 9 },
        { "8 / 2 / 2", 0, 2 },
        { "7 - 2 - 1", 0, 4 },
        { "-A + 10", 0, 4 },
        { "--A", 0, 6 },
        { "100*A/(A+A)", 0, 50 },
        { "64e-9 * A", 0, 64e-9 * 6 },
        { "1.5e2", 0, 150 },
        { ".5", -EINVAL, 0 },
        { "page-faults - A", 0, -2 },
        { "A-A", 0, 0 },
        { "A / 0", 0, (double)NAN },
        { "A / Z", 0, (double)NAN },
        { "NONE + 1", -ENOENT, 0 },
        { "", -EINVAL, 0 },
        { "1 +", -EINVAL, 0 },
        { "(1", -EINVAL, 0 },
        { "1)", -EINVAL, 0 },
        { "1 2", -EINVAL, 0 },
        { "A ^ 2", -EINVAL, 0 },
        { "1e", -EINVAL, 0 },
        { "A B", -EINVAL, 0 },
        { "((((((((((((((((((((((((((((((((((((((((1", -EINVAL, 0 },
        { "----------------------------------------1", -EINVAL, 0 },
    };
    char err[200];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double got;
        int error = hrn_formula_evaluate(rows[i].text, value, NULL, &got, err, sizeof err);
        if (!T_CHECK(error == rows[i].error))
            printf("  '%s': %d\n", rows[i].text, error);
        if (error == 0)
            T_CHECK(isnan(rows[i].value) ? isnan(got)
                                         : fabs(got - rows[i].value) <= 1e-12 * fabs(got));
    }
}

/* Random bytes and random tokens: never a crash, never a number without a formula. */
static void formula_garbage(void)
{
    static const char *const tokens[] = { "1", "A", "(", ")",           "+",   "-",    "*",   "/",
                                          "e", ".", " ", "page-faults", "9e9", "\xff", "NONE" };
    uint64_t state = t_seed;
    char text[200], err[64];
    double got;
    for (int i = 0; i < 20000; i++) {
        text[0] = '\0';
        for (int n = t_between(&state, 0, 24); n > 0; n--) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%s",
                     tokens[t_between(&state, 0, (int)(sizeof tokens / sizeof *tokens) - 1)]);
        }
        int error = hrn_formula_evaluate(text, value, NULL, &got, err, sizeof err);
        T_CHECK(error == 0 || isnan(got));
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    formulas();
    formula_garbage();
    return t_end();
}
