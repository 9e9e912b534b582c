/* tests/stat/curated.h: exact laws of curated rows: points with probabilities, discrete ones or a
 * fine grid in place of a density. */
#ifndef MAD_TESTS_STAT_CURATED_H
#define MAD_TESTS_STAT_CURATED_H

#include <stddef.h>

enum { CURATED_MAX = 512 };

typedef struct curated {
    size_t n;
    double x[CURATED_MAX], p[CURATED_MAX];
} curated;

/** N(0, 1) on 401 points between -10 and 10 (trapezoidal rule: exact to 1e-12). */
curated curated_normal(void);

/** Categories 0..n-1. */
curated curated_categories(size_t n, const double *p);

/**
 * One of K by Bradley-Terry: p(x) K E[e^r / (e^r + sum of the K - 1 others)], by
 * 1 / (a + s) = integral of e^-(a + s) t dt and Simpson's rule.
 * shape  r: [law->n] rewards over the temperature
 */
curated curated_bradley_terry(const curated *law, const double *r, size_t k);

/** p e^r / Z: K without bound, and reward weights. */
curated curated_tilt(const curated *law, const double *r);

/** (1 - w) a + w b. */
curated curated_mix(const curated *a, const curated *b, double w);

double curated_mean(const curated *law);
double curated_variance(const curated *law);

/** E e^r. */
double curated_exp(const curated *law, const double *r);

#endif
