/* analysis/metrics/bandwidth.h: the Gaussian kernel of measures and its width. */
#ifndef MAD_ANALYSIS_METRICS_BANDWIDTH_H
#define MAD_ANALYSIS_METRICS_BANDWIDTH_H

#include "analysis/metrics/pairs.h"
#include "sim/iface/metric.h"

/** The key kernel_sigma, for the params of every measure with this kernel. */
#define MAD_KERNEL_SIGMA_PARAM                                                                     \
    {                                                                                              \
        .name = "kernel_sigma", .kind = MAD_PARAM_REAL, .fallback = "0", .min = 0, .max = 1e150,   \
        .unit = "data units",                                                                      \
        .doc = "width s of the kernel exp(-|x - y|^2/(2 s^2)) of mmd2_rbf and vendi_rbf; 0: the "  \
               "median distance of the real rows"                                                  \
    }

/** The output of kernel.c that tells s, for `beside` of every measure with this kernel. */
#define MAD_KERNEL_WIDTH "kernel_sigma_used"

/** Why a measure with this kernel is not defined. */
#define MAD_NO_KERNEL                                                                              \
    "where the kernel has no width: kernel_sigma is 0, and so is the median distance of the real " \
    "rows (or there is one only); or where the square of its width leaves double precision"

/* k(x, y) = exp(-|x - y|^2/(2 s^2)). */
typedef struct mad_rbf {
    double sigma;
    int is_defined; /* 0: no 0 < s < inf is to be had; sigma is NaN with one real row */
    mad_kernel kernel;
} mad_rbf;

/**
 * s as kernel_sigma says: a number, or the median distance over the pairs i < j of the REAL rows.
 * Both are the same in every generation: a width that follows the model's rows shrinks with a
 * collapse and hides it.
 *
 * errors  those of mad_median_distance
 */
MAD_MUST_CHECK mad_status mad_rbf_take(mad_ctx *ctx, const mad_metric_in *in, mad_rbf *out);

/**
 * Median Euclidean distance over the pairs i < j of a set, the mean of the middle two of an even
 * number; exact. n_rows >= 2.
 *
 * errors  MAD_E_MEMORY, MAD_E_INTERRUPTED
 * threads parallel over blocks of rows, same bits for any number
 * memory  O(rows)
 */
MAD_MUST_CHECK mad_status mad_median_distance(mad_ctx *ctx, const mad_set *set, double *out);

#endif
