/* models/diffusion/net/diffusion.h: the trained model's state. Private to this folder and its tests.
 *
 * The model lives in standardised coordinates (x - centre) / scale.
 */
#ifndef MAD_MODELS_DIFFUSION_NET_DIFFUSION_H
#define MAD_MODELS_DIFFUSION_NET_DIFFUSION_H

#include "models/diffusion/net/objective.h"
#include "models/diffusion/standard.h"
#include "sim/nn/train.h"

typedef struct mad_diffusion {
    mad_model base;
    size_t dim, n_classes;
    int balanced; /* labels are drawn uniformly, not by the training set's frequencies */
    size_t n_steps, n_batch;
    mad_train_options options;
    mad_objective objective;
    mad_sampling *sampling;
    mad_net *net;

    /* what a generation hands on: fields() */
    float *theta;   /* [net->n_params] parameters */
    float *average; /* [net->n_params] their average, which samples */
    mad_standard standard;

    /* working memory */
    mad_train train;
    float *packed; /* [net->n_packed] of theta in a fit, of the average in sampling */
    float *rows;   /* [max_train_rows][dim] standardised training rows */
} mad_diffusion;

mad_status mad_diffusion_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                             const mad_fit_args *args);

mad_status mad_diffusion_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                mad_set *out);

/** The trained denoiser as samplers see it, for one thread; lives on `scratch`. */
typedef struct mad_trained_denoiser {
    const mad_diffusion *model;
    mad_net_work *work;
} mad_trained_denoiser;

MAD_MUST_CHECK mad_status mad_trained_denoiser_take(mad_ctx *ctx, const mad_diffusion *model,
                                                    mad_arena *scratch, mad_trained_denoiser *out);

/** denoise of a mad_denoiser; self is a mad_trained_denoiser; model->packed holds the average. */
void mad_trained_denoise(void *self, double sigma, size_t n_rows, const int32_t *label,
                         const double *x, double *d);

/** What samplers see of the fitted model. */
mad_source mad_diffusion_source(mad_diffusion *self);

#endif
