/* models/flow/flow.h: the normalising flow's state. Private to this folder and its tests.
 *
 * The flow lives in standardised coordinates (x - centre) / scale.
 */
#ifndef MAD_MODELS_FLOW_FLOW_H
#define MAD_MODELS_FLOW_FLOW_H

#include "models/flow/couplings.h"
#include "models/optimiser.h"
#include "sim/iface/model.h"

typedef struct mad_flow {
    mad_model base;
    size_t dim;
    mad_optimiser_settings settings;
    mad_tilt tilt; /* of the noise */
    mad_net *net;

    /* what a generation hands on: fields() */
    float *theta;           /* [net->n_params] parameters */
    float *average;         /* [net->n_params] their average, which samples */
    int64_t *built;         /* [1] fingerprint of the architecture */
    double *centre, *scale; /* [dim] world units; frozen; scale 0 = never fitted */

    int64_t fingerprint; /* what `built` must be */

    /* working memory */
    mad_train train;
    float *packed; /* [net->n_packed] of theta in a fit, of the average in sampling */
    float *rows;   /* [max_train_rows][dim] standardised training rows */
} mad_flow;

/** Optimiser steps of a fit. warm_steps: 0 = from scratch */
size_t mad_flow_steps(const mad_flow *self, size_t warm_steps, size_t n_rows);

/** Floating point operations of one step, and of one row to noise or back. */
double mad_flow_step_flops(const mad_flow *self);
double mad_flow_row_flops(const mad_flow *self);

/** sum_j ln scale_j: what the standardised log density exceeds that of world units by. */
double mad_flow_log_scale(const mad_flow *self);

mad_status mad_flow_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                        const mad_fit_args *args);
mad_status mad_flow_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                           mad_set *out);
mad_status mad_flow_sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                  size_t generation, mad_set *out);
mad_status mad_flow_density(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                            double *out);

#endif
