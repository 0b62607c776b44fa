/* Formulas of metrics: numbers, names, + - * / and parentheses.
 *
 * A formula may come from anybody's file: it is checked, bounded in depth, and evaluates to a
 * number or to a reason. What is divided by 0 is NAN, which means "unknown" and is shown as such.
 */
#ifndef QUERN_HARNESS_PMU_FORMULA_H
#define QUERN_HARNESS_PMU_FORMULA_H

#include <stddef.h>

#define HRN_FORMULA_NAME_MAX 48

/* The value of a name: 0, or a negative errno, which ends the evaluation with it. */
typedef int hrn_formula_value(const char *name, double *value, void *user);

/* 0; -EINVAL it is no formula (err has what is wrong, and where); -ENOENT or what `value` returned
 * (err has the name). */
int hrn_formula_evaluate(const char *formula, hrn_formula_value *value, void *user, double *out,
                         char *err, size_t err_bytes);

#endif
