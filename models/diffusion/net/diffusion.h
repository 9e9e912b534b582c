/* models/diffusion/net/diffusion.h: the trained model's state. Private to this folder and its tests.
 *
 * The model lives in standardised coordinates (x - centre) / scale.
 */
#ifndef MAD_MODELS_DIFFUSION_NET_DIFFUSION_H
#define MAD_MODELS_DIFFUSION_NET_DIFFUSION_H

#include "models/diffusion/net/settings.h"
#include "models/diffusion/standard.h"

typedef struct mad_diffusion {
    mad_model base;
    size_t dim, n_classes;
    mad_fit_settings settings;
    mad_objective objective;
    mad_sampling *sampling;
    mad_guide_needs needs;
    mad_extrapolation extrapolation; /* of scores: the auxiliary is tuned on the own rows that
                                        extrapolate() is given, and until then the model itself */
    size_t n_generations;
    mad_net *net;

    /* what a generation hands on: fields() */
    float *theta;       /* [net->n_params] parameters */
    float *average;     /* [net->n_params] their average, which samples */
    float *auxiliary;   /* [net->n_params] guidance's other model; NULL where it asks for none */
    int64_t *built;     /* [1] fingerprint of what the parameters mean, see net_fingerprint */
    double *sigma_data; /* [1] of the last training set; 1 where it is fixed; 0 = never fitted */
    mad_standard standard;

    int64_t fingerprint; /* what `built` must be */

    /* working memory */
    mad_train train;
    float *packed;           /* [net->n_packed] of theta in a fit, of the average in sampling */
    float *packed_auxiliary; /* the same of the auxiliary model, in sampling */
    float *rows;             /* [max_train_rows or own samples][dim] standardised training rows */
    float *tuned;            /* [net->n_params] parameters of the copy tuned on own samples, and */
    float *tuned_average;    /* their average: the auxiliary where guidance needs.own */
    mad_set own;             /* own samples; only for negative guidance */
    double own_variance;     /* of them within classes, standardised; 0 = none */
} mad_diffusion;

/** All optimiser steps a fit from scratch takes, without tuning on own samples. */
size_t mad_diffusion_steps(const mad_diffusion *self, size_t n_rows);

/** Rows it is tuned on after a fit on n_train rows, and steps of that, where guidance needs.own or the
 *  model is extrapolated. */
size_t mad_diffusion_own_rows(const mad_diffusion *self, size_t generation, size_t n_train);
size_t mad_diffusion_tune_steps(const mad_diffusion *self, size_t generation);

/** Floating point operations of one step, and of evaluating one row. */
double mad_diffusion_step_flops(const mad_diffusion *self);
double mad_diffusion_eval_flops(const mad_diffusion *self);

/* A run of the optimiser over the rows in self->rows. */
typedef struct mad_training {
    size_t n_rows;
    const int32_t *label; /* [n_rows] or NULL */
    const double *weight; /* [n_rows] or NULL = 1 each */
    mad_key key;
    uint64_t first_item; /* step k, shard s draws from item first_item + k MAD_TRAIN_SHARDS + s */
    size_t n_steps, n_done; /* n_done: end there, unfinished, see mad_fit_args.trial_steps */
    float *theta, *mean;
    size_t n_loss;
    double *loss_curve; /* [n_loss] */
    size_t keep_after;  /* copy the mean to `kept` after this step; 0 = never */
    float *kept;
    double last_loss; /* out: average over about the last MAD_WATCH_WINDOW steps */
} mad_training;

/** errors  MAD_E_NONFINITE: diverged; MAD_E_INTERRUPTED; MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_diffusion_train(mad_ctx *ctx, mad_diffusion *self, mad_training *run);

mad_status mad_diffusion_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                             const mad_fit_args *args);

mad_status mad_diffusion_extrapolate(mad_ctx *ctx, mad_model *model, const mad_set *own,
                                     const mad_fit_args *args);

mad_status mad_diffusion_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                mad_set *out);
mad_status mad_diffusion_sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key,
                                       uint64_t first_item, size_t generation, mad_set *out);

/* The trained denoiser as samplers see it, for one thread. */
typedef struct mad_trained_denoiser {
    const mad_diffusion *model;
    const float *theta, *packed;
    mad_net_work *work;
    double sigma; /* level the workspace is set to; 0 = none yet */
    mad_coefficients c;
} mad_trained_denoiser;

/** A denoiser with these parameters, on `scratch`. packed: see mad_net_pack_all. */
MAD_MUST_CHECK mad_status mad_trained_denoiser_open(mad_ctx *ctx, const mad_diffusion *model,
                                                    const float *theta, const float *packed,
                                                    mad_arena *scratch, mad_denoiser *out);

/** Pack what sampling reads, and hand out what samplers see of the fitted model. */
mad_source mad_diffusion_source(mad_diffusion *self);

/* Values of mad_fit_args.report, in the order of mad_diffusion_reports. */
extern const mad_report mad_diffusion_reports[];
MAD_MUST_CHECK mad_status mad_diffusion_report(mad_ctx *ctx, const mad_diffusion *self,
                                               size_t generation, double last_loss, double *report);

#endif
