/* models/diffusion/diffusion.h: the diffusion model's state. Private to this folder and its tests.
 *
 * The network reads [x (dim), one-hot class (n_classes), sin and cos of the noise level (n_embed)]
 * and the model lives in standardised coordinates (x - centre) / scale.
 */
#ifndef MAD_MODELS_DIFFUSION_DIFFUSION_H
#define MAD_MODELS_DIFFUSION_DIFFUSION_H

#include "models/diffusion/noise.h"
#include "models/diffusion/precondition.h"
#include "models/diffusion/sampler.h"
#include "sim/iface/model.h"
#include "sim/nn/train.h"

typedef struct mad_diffusion {
    mad_model base;
    size_t dim, n_classes, n_embed;
    int balanced; /* labels are drawn uniformly, not by the training set's frequencies */
    size_t n_steps, n_batch;
    mad_train_options options;
    mad_precondition precondition;
    mad_noise_schedule schedule;
    mad_ladder ladder;
    mad_mlp net;
    float *freq; /* [n_embed / 2] angular frequencies of the embedding of c_noise */
    float gain_x, gain_class, gain_noise; /* factors of the three groups of network inputs */

    /* what a generation hands on: fields() */
    float *theta;    /* [net.n_params] parameters */
    float *average;  /* [net.n_params] their average, which samples */
    double *centre;  /* [dim] frozen at the first fit */
    double *scale;   /* [1] frozen at the first fit; 0 = never fitted */
    double *class_p; /* [n_classes] class frequencies of the last training set */

    /* working memory */
    mad_train train;
    float *packed; /* [net.n_packed] of theta in a fit, of the average in sampling */
    float *rows;   /* [max_train_rows][dim] standardised training rows */
} mad_diffusion;

mad_status mad_diffusion_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                             const mad_fit_args *args);

mad_status mad_diffusion_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                mad_set *out);

/** The noise inputs of every row: gain_noise times [sin(c_noise freq), cos(c_noise freq)].
 *  shape  c_noise: [n_rows]; out: [n_rows][ld_out], n_embed columns written */
void mad_diffusion_embed(const mad_diffusion *self, size_t n_rows, const float *c_noise, float *out,
                         size_t ld_out);

/** The trained denoiser as samplers see it, for one thread; lives on `scratch`. */
typedef struct mad_trained_denoiser {
    const mad_diffusion *model;
    mad_mlp_work work;
} mad_trained_denoiser;

MAD_MUST_CHECK mad_status mad_trained_denoiser_take(mad_ctx *ctx, const mad_diffusion *model,
                                                    mad_arena *scratch, mad_trained_denoiser *out);

/** A mad_denoise_fn; self is a mad_trained_denoiser; model->packed holds the average. */
void mad_trained_denoise(void *self, double sigma, size_t n_rows, const int32_t *label,
                         const float *x, float *d);

#endif
