#!/usr/bin/env python3
"""Prints tests/golden/stats_reference.inc, what test_stats expects, without using the C code.

The median of a resample of n sorted values takes each order statistic (even n: each pair of them)
with a probability that can be written down, so the percentile interval is exact here, with no
resampling. Wilcoxon's p comes from all 2^n signs, Holm's from his definition.
The C code draws 10,000 resamples; its interval must be the same unless a probability lies within
sampling error of 2.5 %, and such rows are left out.
"""
import itertools
import math
import random
from fractions import Fraction
from statistics import median


def median_distribution(n):
    """{(i, j): probability} that the two middle ranks of a resample are order statistics i <= j."""
    low, high = (n - 1) // 2, n // 2
    out = {}

    def at_most(k, i):  # P(at least k + 1 of n draws are among the first i + 1 values)
        p = Fraction(i + 1, n)
        return sum(math.comb(n, m) * p**m * (1 - p) ** (n - m) for m in range(k + 1, n + 1))

    if low == high:
        for i in range(n):
            out[i, i] = at_most(low, i) - (at_most(low, i - 1) if i else 0)
        return out
    # Even n: exactly low + 1 draws <= i with one at i, the rest >= j with one at j.
    for i in range(n):
        for j in range(i, n):
            if i == j:
                total = Fraction(0)
                for below in range(low + 1):
                    for above in range(n - high):
                        equal = n - below - above
                        total += (math.factorial(n) // (math.factorial(below) *
                                                        math.factorial(above) *
                                                        math.factorial(equal))
                                  * Fraction(i, n)**below * Fraction(n - 1 - i, n)**above
                                  * Fraction(1, n)**equal)
                out[i, j] = total
            else:
                k = low + 1
                lower = Fraction(i + 1, n)**k - Fraction(i, n)**k
                upper = Fraction(n - j, n)**(n - k) - Fraction(n - 1 - j, n)**(n - k)
                out[i, j] = math.comb(n, k) * lower * upper
    assert sum(out.values()) == 1
    return out


def interval(log_ratios):
    """(low, high, margin): the 95 % percentile interval; how far the nearest step is from 2.5 %."""
    v = sorted(log_ratios)
    distribution = median_distribution(len(v))
    steps = sorted(((v[i] + v[j]) / 2, p) for (i, j), p in distribution.items())
    low = high = None
    seen, margin = 0.0, 1.0
    for value, p in steps:
        seen += float(p)
        if low is None and seen >= 0.025:
            low = value
        if high is None and seen >= 0.975:
            high = value
        margin = min(margin, abs(seen - 0.025), abs(seen - 0.975))
    return low, high, margin


def wilcoxon(log_ratios):
    """Two-sided p of the signed ranks, by going through every choice of signs."""
    d = [x for x in log_ratios if x != 0]
    size = sorted(abs(x) for x in d)
    ranks = [size.index(abs(x)) + (size.count(abs(x)) + 1) / 2 for x in d]
    seen = sum(r for r, x in zip(ranks, d) if x > 0)
    sums = [sum(r for r, s in zip(ranks, signs) if s)
            for signs in itertools.product((0, 1), repeat=len(d))]
    lower = sum(x <= seen for x in sums)
    upper = sum(x >= seen for x in sums)
    return min(1, 2 * min(lower, upper) / len(sums))


def holm(p):
    """The adjusted p: the largest of (m - k) p_(k) up to its own place, at most 1."""
    order = sorted(p)
    return [min(1, max((len(p) - k) * q for k, q in enumerate(order) if q <= x)) for x in p]


def spearman(a, b):
    def ranks(v):
        return [sum(y < x for y in v) + (sum(y == x for y in v) + 1) / 2 for x in v]
    x, y = ranks(a), ranks(b)
    mean = (len(x) + 1) / 2
    top = sum((p - mean) * (q - mean) for p, q in zip(x, y))
    return top / math.sqrt(sum((p - mean)**2 for p in x) * sum((q - mean)**2 for q in y))


def print_holm():
    print("#else")
    for _ in range(6):
        p = [round(random.random() ** 3, 4) for _ in range(6)]
        print("{{%s},\n {%s}}," % tuple(", ".join(map(repr, v)) for v in (p, holm(p))))


def main():
    random.seed(20)
    print("/* Printed by scripts/check_stats.py; do not edit.")
    print(" * count, a, b, median of a, MAD of a, ratio, low, high, Wilcoxon's p, Spearman's r;")
    print(" * then p, adjusted by Holm */")
    print("#ifndef STATS_REFERENCE_HOLM")
    rows = 0
    while rows < 8:
        n = random.randint(3, 12)
        a = [round(random.lognormvariate(7, 0.02), 3) for _ in range(n)]
        b = [round(random.lognormvariate(7, 0.02), 3) for _ in range(n)]
        logs = [math.log(x / y) for x, y in zip(a, b)]
        low, high, margin = interval(logs)
        if margin < 0.006:  # 4 standard errors of a share of 2.5 % in 10,000
            continue
        centre = median(a)
        mad = median(abs(x - centre) for x in a)
        numbers = [centre, mad, math.exp(median(logs)), math.exp(low), math.exp(high),
                   wilcoxon(logs), spearman(a, b)]
        print("{%d, {%s},\n {%s},\n %s}," %
              (n, *(", ".join(map(repr, v)) for v in (a, b, numbers))))
        rows += 1
    print_holm()
    print("#endif")


if __name__ == "__main__":
    main()
