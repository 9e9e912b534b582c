/* models/diffusion/exact/sample.h: drawing from an exact model, and what is known of the law it
 * leaves. */
#ifndef MAD_MODELS_DIFFUSION_EXACT_SAMPLE_H
#define MAD_MODELS_DIFFUSION_EXACT_SAMPLE_H

#include "models/diffusion/exact/exact.h"

/** What samplers see of the fitted model. */
mad_source mad_exact_source(mad_exact *self);

/** mad_exact_sample without guidance. */
MAD_MUST_CHECK mad_status mad_exact_own_rows(mad_ctx *ctx, mad_exact *self, mad_key key,
                                             uint64_t first_item, mad_set *out);

/* Methods of mad_model_exact. */
MAD_MUST_CHECK mad_status mad_exact_sample(mad_ctx *ctx, mad_model *model, mad_key key,
                                           uint64_t first_item, mad_set *out);
MAD_MUST_CHECK mad_status mad_exact_sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key,
                                                  uint64_t first_item, size_t generation,
                                                  mad_set *out);
MAD_MUST_CHECK mad_status mad_exact_moments(mad_ctx *ctx, mad_model *model, mad_moments *out);
MAD_MUST_CHECK mad_status mad_exact_gain(mad_ctx *ctx, const mad_model *model, size_t generation,
                                         size_t n, const double *variance, double *gain);
int mad_exact_gain_needs_rows(const mad_model *model);
MAD_MUST_CHECK mad_status mad_exact_observe(mad_ctx *ctx, mad_model *model, const mad_set *train);

/** 1 where every row is a training row, but for what the last noise level blurs. */
int mad_exact_has_parents(const mad_values *values, mad_extrapolation_kind kind);

/** rows->parent of rows drawn from the model: the nearest training row of the row's class. Threads: as
 *  rows are independent, same bits for any number. */
MAD_MUST_CHECK mad_status mad_exact_find_parents(mad_ctx *ctx, const mad_exact *self,
                                                 const mad_set *rows);

MAD_MUST_CHECK mad_status mad_exact_advise(mad_ctx *ctx, const mad_model *model, double variance,
                                           double limit, size_t n_bytes, char *text, double *gain);

MAD_MUST_CHECK mad_status mad_exact_log_density(mad_ctx *ctx, mad_model *model, mad_key key,
                                                const mad_set *rows, double *log_density);
MAD_MUST_CHECK mad_status mad_exact_loss(mad_ctx *ctx, mad_model *model, mad_key key,
                                         const mad_set *rows, double *loss);

#endif
