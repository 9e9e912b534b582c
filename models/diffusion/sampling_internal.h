/* models/diffusion/sampling_internal.h: settings as the files of sampling share them. */
#ifndef MAD_MODELS_DIFFUSION_SAMPLING_INTERNAL_H
#define MAD_MODELS_DIFFUSION_SAMPLING_INTERNAL_H

#include "models/diffusion/guidance.h"
#include "models/diffusion/likelihood.h"
#include "models/diffusion/sampler.h"
#include "models/diffusion/sampling.h"

/* w, 1 + w, 1 / (1 + w) */
typedef enum mad_strength_form {
    MAD_STRENGTH_W,
    MAD_STRENGTH_SCALE,
    MAD_STRENGTH_MAD
} mad_strength_form;

/* Keys that have an effect on some samplers only. */
enum { MAD_N_SAMPLING_KEYS = 28 };

struct mad_sampling {
    size_t dim, n_generations;
    mad_noise_options noise;
    mad_noise_schedule schedule;
    size_t n_steps_asked; /* sampler.steps; 0 = auto */
    int grid_asked;       /* mad_grid_kind; -1 = auto */
    mad_sampler_options options;
    mad_schedule stop_sigma, stop_time;
    int tweedie, clips, calibrates;
    mad_likelihood likelihood;
    mad_guidance guide; /* w of no generation, centre and scale of no model yet */
    mad_schedule strength;
    mad_strength_form form;    /* how `strength` is written */
    mad_tilt tilt;             /* kind NONE: no tilt */
    mad_noise_tilt noise_tilt; /* of settings that are tilted themselves */
    int trains_on_schedule, trains_to_horizon;
    int is_changed[MAD_N_SAMPLING_KEYS];       /* set by the user, not to the default */
    const char *fallback[MAD_N_SAMPLING_KEYS]; /* the defaults, as text */
    size_t n_counts; /* generations that differ in evaluations: 1 or n_generations */
    double *n_evaluations, *n_unguided; /* [n_counts] of a row, with and without guidance */
    size_t n_tilted_counts;
    double *n_tilted; /* [n_tilted_counts] of a row, under the tilt */
};

/** The tilt agrees with the other settings in every generation; count its evaluations. */
MAD_MUST_CHECK mad_status mad_sampling_check_tilt(mad_ctx *ctx, const mad_sampling_args *args,
                                                  mad_arena *mem, mad_sampling *sampling);

/** Grid and steps where they are left to the sampler. */
void mad_sampling_resolve(mad_sampling *sampling);

/** Which keys these settings look at. */
void mad_sampling_use(const mad_sampling *sampling, mad_key_use use[MAD_N_SAMPLING_KEYS]);

/** Fill is_changed and fallback. MAD_E_CONFIG: a key is changed but not used. */
MAD_MUST_CHECK mad_status mad_sampling_check_keys(mad_ctx *ctx, const mad_values *values,
                                                  mad_sampling *sampling);

/** Generations 1..n whose ladders differ: 1 when no early stop changes. */
size_t mad_sampling_n_ladders(const mad_sampling *sampling);

/** The ladder of one generation. */
MAD_MUST_CHECK mad_status mad_sampling_ladder(mad_ctx *ctx, const mad_sampling *sampling,
                                              size_t generation, mad_arena *mem, mad_ladder *out);

/** Denoiser evaluations of a row under this guidance: counted on a walk. */
double mad_sampling_count(const mad_ladder *ladder, mad_guidance guidance);

MAD_MUST_CHECK mad_status mad_sampling_read_guide(mad_ctx *ctx, const mad_sampling_args *args,
                                                  mad_arena *mem, mad_sampling *sampling);

/** Scores that are extrapolated are negative guidance. MAD_E_CONFIG: guide.kind asks for another. */
MAD_MUST_CHECK mad_status mad_sampling_take_scores(mad_ctx *ctx,
                                                   const mad_extrapolation *extrapolation,
                                                   mad_sampling *sampling);

/** Guidance of one generation, for a fitted model. */
mad_guidance mad_sampling_guidance(const mad_sampling *sampling, const mad_source *source,
                                   size_t generation);

/** Factor of rows about their class mean: 1, or with sampler.calibrate 1 / sqrt(lam_eff). */
double mad_sampling_stretch(const mad_sampling *sampling, const mad_ladder *ladder,
                            const mad_source *source);

#endif
