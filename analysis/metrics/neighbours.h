/* analysis/metrics/neighbours.h: exact squared Euclidean distances, and the nearest rows.
 *
 * Distances that decide are sums of explicit differences in double: the Gram formula
 * |x|^2 + |y|^2 - 2 x.y in floating point flips ties and gives negative squares. d(x, y) and
 * d(y, x) have the same bits. Which of them to compute, images in whole numbers say (screen.h).
 */
#ifndef MAD_ANALYSIS_METRICS_NEIGHBOURS_H
#define MAD_ANALYSIS_METRICS_NEIGHBOURS_H

#include "analysis/metrics/screen.h"

/** |x - y|^2 of two rows of dim numbers. */
double mad_distance_sq(size_t dim, const double *x, const double *y);

/**
 * Squared distance from each row to its k-th nearest OTHER row of the same set.
 *
 * shape   radius_sq: [n_rows]; needs k < n_rows
 * threads parallel over blocks of rows, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_knn_radius_sq(mad_ctx *ctx, const mad_cloud *cloud, size_t k,
                                            double *radius_sq);

/**
 * The same for the first to the k-th nearest other row, in this order.
 *
 * shape   square: [n_rows][k]; needs k < n_rows
 */
MAD_MUST_CHECK mad_status mad_knn_squares(mad_ctx *ctx, const mad_cloud *cloud, size_t k,
                                          double *square);

typedef struct mad_nearest {
    size_t row;           /* the nearest, the first of those that are; SIZE_MAX: all overflow */
    double first, second; /* squared distances to the two nearest; INFINITY: no such row */
} mad_nearest;

/**
 * The nearest rows of `to` for each row of `from`. Faster without wants_second: `second` then says
 * nothing.
 *
 * shape   out: [from->n_rows]; to has a row at least
 * errors  MAD_E_MEMORY
 * threads parallel over blocks of rows, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_nearest_rows(mad_ctx *ctx, const mad_set *from, const mad_set *to,
                                           int wants_second, mad_nearest *out);

/** The first squared distances of mad_nearest_rows alone.
 *  shape   square: [from->n_rows] */
MAD_MUST_CHECK mad_status mad_nearest_sq(mad_ctx *ctx, const mad_set *from, const mad_set *to,
                                         double *square);

#endif
