/* sim/num/stats.h: order-fixed statistics in double, and the special functions they need. */
#ifndef MAD_NUM_STATS_H
#define MAD_NUM_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "sim/base/ctx.h"

/** Sum by pairwise halves: a fixed order that depends on n only. */
double mad_sum(size_t n, const double *x);

/** 1 when the n numbers x[0], x[stride], x[2 stride] ... are equal, or there is none. */
int mad_is_constant(size_t n, const double *x, size_t stride);

/** Of equal numbers exactly that number, so that their variance is 0. NaN when n is 0. */
double mad_mean(size_t n, const double *x);

/** Two-pass variance with the given delta degrees of freedom; NaN when n <= ddof. */
double mad_variance(size_t n, const double *x, double ddof);

/**
 * Mean and covariance of rows, optionally weighted, two passes over fixed chunks of MAD_CHUNK rows
 * whose partials are added in index order. A column of equal numbers has exactly that mean, and
 * covariances 0.
 *
 * ddof    0: maximum likelihood, divides by sum w.  1: unbiased: divides by n - 1, with weights by
 *         W - sum w^2 / W where W = sum w
 * shape   x: [n_rows][dim]; weight: [n_rows] or NULL; mean: [dim]; cov: [dim][dim]
 * errors  MAD_E_RANGE: n_rows <= ddof;  MAD_E_MEMORY
 * threads parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_mean_cov(mad_ctx *ctx, size_t n_rows, size_t dim, const double *x,
                                       const double *weight, int ddof, double *mean, double *cov);

/** Linear-interpolation quantile (Hyndman-Fan type 7) of sorted[n], 0 <= p <= 1. */
double mad_quantile_sorted(size_t n, const double *sorted, double p);

/** Sort ascending in place (NaN last). */
void mad_sort(size_t n, double *x);

/** Student's t of x[n] against c: (mean - c) / (sd / sqrt n). Infinite without spread (0 where the mean
 *  is c), NaN where a value is not finite or n < 2. */
double mad_student_t(size_t n, const double *x, double c);

double mad_digamma(double x);  /* x > 0, error < 1e-13 (1 + |value|) */
double mad_trigamma(double x); /* x > 0, rel error < 1e-12 */
double mad_normal_cdf(double z);
double mad_normal_quantile(double p); /* 0 < p < 1, abs error < 1e-9 */
/** P(|T_df| > t), t >= 0, df >= 1. */
double mad_student_t_two_sided(double df, double t);
/** Two-sided Student-t critical value: P(|T_df| > t) = alpha, rel error < 1e-8, df >= 1. */
double mad_student_t_critical(double df, double alpha);
/** x with P(chi^2_df <= x) = p, 0 < p < 1, df > 0, rel error < 1e-10. */
double mad_chi_square_quantile(double df, double p);
/** ln of c4(n) = sqrt(2/(n-1)) Gamma(n/2) / Gamma((n-1)/2); n > 1. */
double mad_log_c4(double n);

/** 64-bit FNV-1a of bytes: configuration and data hashes. */
uint64_t mad_fnv1a(const void *bytes, size_t n_bytes, uint64_t start);
#define MAD_FNV1A_START 0xcbf29ce484222325ull

#endif
