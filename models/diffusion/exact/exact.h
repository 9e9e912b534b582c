/* models/diffusion/exact/exact.h: the exact diffusion model's state. Private to this folder and its
 * tests.
 *
 * The denoiser is a formula of the training rows instead of a network: what is left of a loop is
 * the sampler, the guidance and the noise of the fit.
 */
#ifndef MAD_MODELS_DIFFUSION_EXACT_EXACT_H
#define MAD_MODELS_DIFFUSION_EXACT_EXACT_H

#include "models/diffusion/exact/law.h"
#include "models/diffusion/standard.h"
#include "models/em.h"

typedef enum mad_exact_kind {
    MAD_EXACT_GAUSS,      /* one normal law per class */
    MAD_EXACT_MIXTURE,    /* a fitted mixture */
    MAD_EXACT_EMPIRICAL,  /* the training rows themselves, each with a kernel of sd width */
    MAD_EXACT_CATEGORICAL /* categories as random unit vectors */
} mad_exact_kind;

typedef struct mad_exact {
    mad_model base;
    mad_exact_kind kind;
    size_t dim;                /* of the rows the denoiser sees: embedded categories */
    int ddof;                  /* 1 unbiased, 0 maximum likelihood */
    int balanced;              /* labels are drawn uniformly */
    double width;              /* empirical: in standardised units */
    mad_em_options em;         /* mixture */
    const double *mode_centre; /* mixture of the world's modes: [n_max][dim], else NULL */
    double *embedding;         /* categorical: [n_categories][dim] unit vectors */
    size_t n_categories;
    double worse; /* autoguidance: share of the rows behind the worse model */
    mad_sampling *sampling;
    int is_extrapolated; /* 1: the auxiliary is that of own rows that extrapolate() is given, and
                            until then the law itself, which guides nowhere */

    /* what a generation hands on: fields() */
    mad_standard standard;
    mad_law law;
    mad_law auxiliary;          /* autoguidance and negative guidance; else n_max 0 */
    double *auxiliary_variance; /* [1] of its rows within their classes */
    int64_t *generation;        /* [1] of the last fit: the early stop may depend on it */
} mad_exact;

/** Fit both laws: to the training rows, and the auxiliary to what guidance asks for. The scaling is
 *  fixed on the way. */
MAD_MUST_CHECK mad_status mad_exact_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                                        const mad_fit_args *args);

mad_status mad_exact_extrapolate(mad_ctx *ctx, mad_model *model, const mad_set *own,
                                 const mad_fit_args *args);

/** Fit `law` to standardised rows (labels and weights where they have them). */
MAD_MUST_CHECK mad_status mad_exact_fit_law(mad_ctx *ctx, const mad_exact *self,
                                            const mad_set *rows, mad_key key, mad_law *law);

/** Random unit vectors of the categories: the same in every run. */
MAD_MUST_CHECK mad_status mad_exact_embed(mad_ctx *ctx, size_t n, size_t dim, mad_arena *mem,
                                          double **out);

/** Categories that occur, embedded, each with the weight of its rows; on ctx->scratch. */
MAD_MUST_CHECK mad_status mad_exact_categories(mad_ctx *ctx, const mad_exact *self,
                                               const mad_set *train, mad_set *out);

/** The nearest category of every embedded row (world units): x[n_rows] of `out`. */
void mad_exact_decode(const mad_exact *self, const mad_set *embedded, mad_set *out);

#endif
