/* models/diffusion/net/settings.h: the keys of the trained model. Private to this folder. */
#ifndef MAD_MODELS_DIFFUSION_NET_SETTINGS_H
#define MAD_MODELS_DIFFUSION_NET_SETTINGS_H

#include "models/diffusion/net/objective.h"
#include "models/optimiser.h"
#include "sim/iface/model.h"

typedef struct mad_fit_settings {
    mad_optimiser_settings optimiser;
    int balanced; /* 1: classes of samples are uniform, not the training set's */
    double
        label_dropout; /* share of rows that train the unconditional denoiser; 0 without classes */
    int sigma_data_auto; /* 1: sigma_data is estimated anew in every fit */
    double worse;        /* autoguidance: share of the steps after which its model is kept */
    size_t n_tune_steps; /* negative guidance: steps on n_own own samples */
    size_t n_own;        /* 0 = as many as training rows */
} mad_fit_settings;

/* In this order in the key `net.kind`. */
enum { MAD_NET_MLP, MAD_NET_UNET };

extern const mad_param mad_diffusion_params[];

/** errors  MAD_E_CONFIG naming the key */
MAD_MUST_CHECK mad_status mad_fit_settings_read(mad_ctx *ctx, const mad_values *values,
                                                const mad_world_info *world, mad_fit_settings *out);

/** 1: training draws times up to schedule.horizon. */
int mad_objective_has_horizon(const mad_values *values);

/* The law of the noise lacks its schedule, and the objective its sigma_data: the caller's. */
MAD_MUST_CHECK mad_status mad_objective_read(mad_ctx *ctx, const mad_values *values,
                                             mad_objective *out);

/** errors  MAD_E_CONFIG naming the key, MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_net_read(mad_ctx *ctx, const mad_values *values,
                                       const mad_world_info *world, mad_arena *mem, mad_net **out);

#endif
