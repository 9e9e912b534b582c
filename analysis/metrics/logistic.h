/* analysis/metrics/logistic.h: logistic regression with a ridge, to the rounding of its optimum. */
#ifndef MAD_ANALYSIS_METRICS_LOGISTIC_H
#define MAD_ANALYSIS_METRICS_LOGISTIC_H

#include "sim/base/ctx.h"

/* Rows of two classes: the first n_zeros are of class 0, the others of class 1; some of each. */
typedef struct mad_examples {
    size_t n_rows, n_zeros, dim;
    const double *const *row; /* [n_rows] each [dim] */
} mad_examples;

typedef struct mad_logistic {
    size_t dim, n_columns; /* n_columns: dim, or with products dim + dim (dim + 1) / 2 */
    const double *mean;    /* [dim] of the examples */
    const double *scale;   /* [dim] 1 / sd (ddof = 0), 0 where all examples are equal */
    double *weight;        /* [n_columns + 1] the intercept last */
    double *column;        /* [n_columns + 1] scratch of mad_logistic_score */
} mad_logistic;

/** Without the intercept. */
size_t mad_logistic_columns(size_t dim, int has_products);

/**
 * The minimum over w and b of
 *   mean ln(1 + exp(-t (w.z + b))) + 0.0005 |w|^2,  t = -1 for class 0, 1 for class 1,
 * where z are the standardised columns of a row and, with products, z_i z_j for i <= j after them.
 * Strictly convex: Newton's method with a line search, until the step is lost in rounding.
 *
 * errors  MAD_E_MEMORY, MAD_E_NONFINITE
 * threads serial
 * memory  O(n_columns^2) of ctx->scratch; the result lies in mem
 */
MAD_MUST_CHECK mad_status mad_logistic_fit(mad_ctx *ctx, mad_arena *mem,
                                           const mad_examples *examples, int has_products,
                                           mad_logistic *out);

/** w.z + b of a row. Equal rows have equal bits. */
double mad_logistic_score(const mad_logistic *fit, const double *row);

#endif
