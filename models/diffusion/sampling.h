/* models/diffusion/sampling.h: from a denoiser to rows: what every diffusion model, trained or
 * exact, shares: the keys schedule.*, sampler.*, guide.* (sampling_keys.h) and what they do.
 *
 * A model hands over a mad_source, says how a thread gets its denoisers, and keeps nothing of
 * samplers or guidance itself.
 */
#ifndef MAD_MODELS_DIFFUSION_SAMPLING_H
#define MAD_MODELS_DIFFUSION_SAMPLING_H

#include "models/diffusion/denoiser.h"
#include "models/diffusion/noise.h"
#include "sim/iface/model.h"

/* All settings of schedule.*, sampler.* and guide.*, and a tilt, checked against each other. */
typedef struct mad_sampling mad_sampling;

/* A fitted model in standardised coordinates (row - centre) / scale. */
typedef struct mad_source {
    size_t dim, n_classes;
    const double *centre;  /* [dim] */
    double scale;          /* > 0 */
    const double *class_p; /* [n_classes] law of the classes of sampled rows */
    double range_low,
        range_high; /* of the data in world units, where sampler.clip holds x0; the whole line
                       when not known */
    const double *class_mean;  /* [max(n_classes, 1)][dim] standardised: what sampler.calibrate
                                 scales about */
    double variance;           /* mean variance per coordinate of the training set about its class
                                 means: sampler.calibrate and lam_eff refer to it */
    double auxiliary_variance; /* the same of what the auxiliary is a model of; 0 = not known */
    int is_conditional_only;   /* 1: the denoiser has no answer to MAD_NO_CLASS */
    void *self;
    /** A thread's own denoisers, on `scratch`: the model, and its auxiliary (a worse or fine-tuned
     *  copy for guide.kind auto and negative; denoise = NULL where the model keeps none). */
    MAD_MUST_CHECK mad_status (*open)(mad_ctx *ctx, void *self, mad_arena *scratch,
                                      mad_denoiser *base, mad_denoiser *auxiliary);
} mad_source;

/* What guidance, of guide.* or of the tilt, asks of the model beyond its denoiser. */
typedef struct mad_guide_needs {
    int null_class; /* the unconditional denoiser: train with label dropout */
    int worse;      /* auxiliary = a worse model of the same data (autoguidance) */
    int own;        /* auxiliary = the model tuned on its own samples (negative guidance) */
} mad_guide_needs;

typedef struct mad_sampling_args {
    const mad_values *values;    /* of a table with MAD_SAMPLING_PARAMS in it */
    const mad_world_info *world; /* borrowed only during create */
    size_t n_generations;
    mad_tilt tilt;          /* of the model's sample_tilted */
    int trains_on_schedule; /* 1: the model's loss walks schedule.*, whatever the sampler does */
    int trains_to_horizon;  /* 1: it meets the times up to schedule.horizon */
    int without_density;    /* as in mad_model_args */
    const mad_extrapolation *extrapolation; /* of kind scores: negative guidance of strength w, in
                                               place of guide.*; NULL = none */
} mad_sampling_args;

/**
 * Read and check the keys.
 *
 * errors  MAD_E_CONFIG naming the key, also one that was set to what is not its default though the
 *         chosen sampler does not use it, or naming bias.kind and a key that it contradicts;
 *         MAD_E_UNSUPPORTED: guidance by class on a world without classes; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_sampling_create(mad_ctx *ctx, const mad_sampling_args *args,
                                              mad_arena *mem, mad_sampling **out);

const mad_noise_schedule *mad_sampling_schedule(const mad_sampling *sampling);
mad_guide_needs mad_sampling_needs(const mad_sampling *sampling);

/** Denoiser evaluations of one row that the model of `generation` draws, guidance included; and those
 *  without guidance, as mad_sampling_own_rows draws them. */
double mad_sampling_evaluations(const mad_sampling *sampling, size_t generation);
double mad_sampling_own_evaluations(const mad_sampling *sampling, size_t generation);

/** The same under the tilt. */
double mad_sampling_tilted_evaluations(const mad_sampling *sampling, size_t generation);

/** The tilts that mad_sampling_tilted knows: mad_model_type.tilts of a diffusion model. */
#define MAD_SAMPLING_TILTS                                                                         \
    (1u << MAD_TILT_GUIDANCE | 1u << MAD_TILT_AUTOGUIDANCE | 1u << MAD_TILT_TRUNCATION |           \
     1u << MAD_TILT_TEMPERATURE | 1u << MAD_TILT_STEPS)

/** The settings that draw rows of the model of `generation` under the tilt; of no other use. */
MAD_MUST_CHECK mad_status mad_sampling_tilted(mad_ctx *ctx, const mad_sampling *sampling,
                                              size_t generation, mad_arena *mem,
                                              const mad_sampling **out);

/**
 * model->sample of a diffusion model: chunk i of MAD_CHUNK rows takes stream item first_item + i;
 * classes are drawn from source->class_p (out->label gets them when it is not NULL) or, with
 * is_label_given, those in out->label are taken: the model has MAD_MODEL_GIVEN. An early stop
 * is that of key.generation.
 *
 * errors   MAD_E_NONFINITE; those of source->open
 * threads  parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_sampling_rows(mad_ctx *ctx, const mad_sampling *sampling,
                                            const mad_source *source, mad_key key,
                                            uint64_t first_item, mad_set *out);

/** The same without guidance: what the auxiliary of guide.kind negative is tuned on. */
MAD_MUST_CHECK mad_status mad_sampling_own_rows(mad_ctx *ctx, const mad_sampling *sampling,
                                                const mad_source *source, mad_key key,
                                                uint64_t first_item, mad_set *out);

/**
 * model->gain: the sampler's, without guidance; exact, also of multistep samplers. source = NULL
 * (neither fitted nor observed): sampler.clip is left out, and sampler.calibrate takes each variance
 * to be that of the training set. With sampler.clip: the exact gain without it plus the difference
 * that clipping makes to 16384 Monte Carlo rows, from a fixed stream.
 */
MAD_MUST_CHECK mad_status mad_sampling_gain(mad_ctx *ctx, const mad_sampling *sampling,
                                            const mad_source *source, size_t generation, size_t n,
                                            const double *variance, double *gain);

/**
 * model->advise: the change of fewest keys, and among those of least cost, after which
 * |ln lam_eff(variance)| <= limit in every generation: more steps, sigma2 = beta, the ancestral
 * sampler. sampler.calibrate is the last resort: it mends one variance only, that of the source,
 * which may be NULL as for mad_sampling_gain. Where the sampler clips, no clipping is all it tries.
 */
MAD_MUST_CHECK mad_status mad_sampling_advise(mad_ctx *ctx, const mad_sampling *sampling,
                                              const mad_source *source, double variance,
                                              double limit, size_t n_bytes, char *text,
                                              double *gain);

/** model->gain_needs_rows: 1 when the gain depends on the source. */
int mad_sampling_gain_needs_rows(const mad_sampling *sampling);

/**
 * model->log_density: of the flow of the denoiser, without guidance, clip or any sampler's error
 * (likelihood.h); in world units, the Jacobian of the standardisation included. Of rows with labels
 * the density given the class; of rows without, the unconditional one, or where the denoiser has
 * none the sum over classes by class_p. Probes of chunk i come from stream item i of key.
 *
 * errors   MAD_E_RANGE: a class out of range or died out; MAD_E_NONFINITE; those of source->open
 * threads  parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_sampling_log_density(mad_ctx *ctx, const mad_sampling *sampling,
                                                   const mad_source *source, mad_key key,
                                                   const mad_set *rows, double *log_density);

/**
 * model->loss: mean over 16 noise levels, uniform in ln sigma from 0.05 to 5 in standardised units,
 * over a noise n of mean square 1 and its opposite, and over columns, of |D(x + sigma n; sigma) - x|^2 / sigma^2: the
 * squared error of the predicted noise. n is the same for every row (stream item 0 of key). Rows
 * with labels are denoised as rows of their class.
 *
 * ref      Ho et al. 2020, Eq. 14; Li et al. 2023 (arXiv:2303.16203): one noise for all that is compared
 * errors   MAD_E_RANGE: a class out of range or died out; MAD_E_UNSUPPORTED: rows without labels, of a
 *          denoiser that knows classes only; those of source->open
 * threads  parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_sampling_loss(mad_ctx *ctx, const mad_source *source, mad_key key,
                                            const mad_set *rows, double *loss);

/* Numbers that every diffusion model reports of a fit. */
#define MAD_SAMPLING_REPORTS                                                                       \
    {"lam_eff", "1",                                                                               \
     "output variance over data variance of the sampler alone, with the exact "                    \
     "denoiser of Gaussian data of the training set's variance"},                                  \
        {"variance", "variance of generation 1's real data",                                       \
         "mean variance per coordinate of the training set, within classes"},                      \
    {                                                                                              \
        "guide_lam", "1",                                                                          \
            "factor of guidance alone on the variance, were all laws Gaussian; not its label"      \
    }
#define MAD_N_SAMPLING_REPORTS ((size_t)3)

/** report[MAD_N_SAMPLING_REPORTS] of the model fitted in `generation`. */
MAD_MUST_CHECK mad_status mad_sampling_report(mad_ctx *ctx, const mad_sampling *sampling,
                                              const mad_source *source, size_t generation,
                                              double *report);

/**
 * The law that is sampled when the denoiser is exact for n independent normal coordinates of one
 * class: exact where mad_sampling_is_linear.
 *
 * shape  mean, variance: [n], standardised; out_mean, out_variance: [n]
 */
MAD_MUST_CHECK mad_status mad_sampling_line(mad_ctx *ctx, const mad_sampling *sampling,
                                            const mad_source *source, size_t generation, size_t n,
                                            const double *mean, const double *variance,
                                            double *out_mean, double *out_variance);

/** 1 when normal data stay normal through the sampler these keys choose: no clip, no guidance, no
 *  step size that depends on the rows (pc). */
int mad_sampling_is_linear(const mad_values *values);

#endif
