/* models/diffusion/exact/law.h: a mixture of normal laws with its exact denoiser.
 *
 * p(x | class) = sum_j w_j N(x; m_j, C_j). With r_j proportional to w_j N(x; m_j, C_j + sigma^2 I),
 *   D(x; sigma, class) = sum_j r_j [m_j + C_j (C_j + sigma^2 I)^-1 (x - m_j)].
 * One normal law, mixtures, sets of points (C = 0) and kernel densities are all of this form.
 */
#ifndef MAD_MODELS_DIFFUSION_EXACT_LAW_H
#define MAD_MODELS_DIFFUSION_EXACT_LAW_H

#include "models/diffusion/denoiser.h"
#include "sim/iface/model.h"

typedef enum mad_shape {
    MAD_SHAPE_FULL,     /* C_j = basis^T diag(variance) basis */
    MAD_SHAPE_DIAGONAL, /* C_j = diag(variance) */
    MAD_SHAPE_SPHERICAL /* C_j = variance I */
} mad_shape;

typedef struct mad_law {
    mad_shape shape;
    size_t n_max, dim, n_classes;

    /* state */
    int64_t *n;     /* [1] components in use, at most n_max */
    double *weight; /* [n_classes + 1][n_max] by class, then of all rows; each row's sum is 1, or 0
                       for a class without rows */
    double *mean;   /* [n_max][dim] */
    double *cov;    /* full: [n_max][dim][dim], diagonal: [n_max][dim], spherical: [n_max] */

    /* derived */
    double *log_weight; /* as weight */
    int64_t *only;      /* [n_classes + 1] the one component of the class; -1: none or several */
    double *variance;   /* full, diagonal: [n_max][dim]; spherical: [n_max] */
    double *basis;      /* full: [n_max][dim][dim], eigenvectors in rows; else NULL */
    double *across;     /* spherical: means as [dim][n_max], for loops over components; else NULL */
} mad_law;

MAD_MUST_CHECK mad_status mad_law_take(mad_ctx *ctx, mad_shape shape, size_t n_max, size_t dim,
                                       size_t n_classes, mad_arena *mem, mad_law *out);

/** What is derived, from the state. MAD_E_MEMORY, MAD_E_NONFINITE; MAD_E_DATA: a state that was loaded
 *  has none or too many components. */
MAD_MUST_CHECK mad_status mad_law_derive(mad_ctx *ctx, mad_law *law);

/** Append the state to a model's fields. */
void mad_law_fields(const mad_law *law, int is_auxiliary, mad_fields *out);

/** A thread's denoiser, on scratch. */
MAD_MUST_CHECK mad_status mad_law_open(mad_ctx *ctx, const mad_law *law, mad_arena *scratch,
                                       mad_denoiser *out);

/** The posterior r[n] of the components at x[dim] and sigma > 0; `denoiser` is one of mad_law_open.
 *  Returns ln p(x; sigma, class). */
double mad_law_posterior(const mad_denoiser *denoiser, double sigma, int32_t label, const double *x,
                         double *r);

#endif
