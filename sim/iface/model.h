/* sim/iface/model.h: a family of generative models. */
#ifndef MAD_IFACE_MODEL_H
#define MAD_IFACE_MODEL_H

#include "sim/base/rng.h"
#include "sim/iface/param.h"
#include "sim/iface/set.h"
#include "sim/iface/tilt.h"
#include "sim/iface/world.h"

typedef struct mad_model_type mad_model_type;

/* A model's own struct starts with this one. */
typedef struct mad_model {
    const mad_model_type *type;
} mad_model;

typedef enum mad_field_kind { MAD_FIELD_F64, MAD_FIELD_F32, MAD_FIELD_I64 } mad_field_kind;

/* A named array inside the model: the whole state a generation hands on. Sizes are fixed at
 * create. Saving copies the bytes out, loading copies them back: the store sees nothing else. */
typedef struct mad_field {
    const char *name;
    mad_field_kind kind;
    size_t count;
    void *data;
} mad_field;

#define MAD_MAX_FIELDS 24

typedef struct mad_fields {
    size_t n_fields;
    mad_field field[MAD_MAX_FIELDS];
} mad_fields;

/* Negative extrapolation: away from what a model becomes on its own samples. */
typedef enum mad_extrapolation_kind {
    MAD_EXTRAPOLATE_NONE,
    MAD_EXTRAPOLATE_SCORES, /* (1 + w) score - w score of the model tuned on its samples */
    MAD_EXTRAPOLATE_WEIGHTS /* (1 + w) parameters - w parameters of that model */
} mad_extrapolation_kind;

typedef struct mad_extrapolation {
    mad_extrapolation_kind kind;
    mad_schedule w, n_rows, n_steps; /* by the generation of the model: strength, own samples, and
                                        steps of tuning for models that take steps */
} mad_extrapolation;

typedef struct mad_model_args {
    const mad_values *values;
    const mad_world_info *world; /* borrowed, must outlive the model */
    size_t max_first_rows;       /* largest training set of generation 1 */
    size_t max_train_rows;       /* largest training set of the whole run */
    size_t max_sample_rows;      /* largest set asked of sample() at once */
    size_t n_generations;        /* of the whole run: where schedules end */
    mad_tilt tilt;               /* that sample_tilted is asked for */
    mad_extrapolation extrapolation;
    int without_density; /* 1: nobody will ask for log densities */
} mad_model_args;

/* A number a model says of each of its fits, stored as /model/NAME [R][G]. */
typedef struct mad_report {
    const char *name, *units, *long_name; /* name NULL ends a list */
} mad_report;

/* A fit whose cost is asked for. */
typedef struct mad_fit_size {
    size_t generation, n_train;
    size_t warm_steps; /* as in mad_fit_args */
} mad_fit_size;

/* What one model costs, for estimates before a run. Zero = unknown. */
typedef struct mad_model_cost {
    double fit_steps;          /* optimiser steps on the training rows */
    double own_steps;          /* and after them on rows that the fit draws itself: */
    double own_rows;           /* so many, */
    double own_evaluations;    /* each with so many evaluations */
    double fit_flops;          /* floating point operations of all this */
    double row_flops;          /* of drawing one row from the fitted model */
    double row_evaluations;    /* network or denoiser evaluations of drawing one row, */
    double tilted_evaluations; /* and of one under the tilt; 0 = the same */
    double parameters;         /* trained numbers */
} mad_model_cost;

typedef struct mad_fit_args {
    mad_key key;        /* purpose MAD_RNG_FIT, generation = the one being fitted */
    size_t warm_steps;  /* 0 = from scratch; else continue from the loaded state for so many steps
                           (for models without steps: so many iterations) */
    size_t n_loss;      /* length of loss_curve */
    double *loss_curve; /* [n_loss] mean training loss over equal parts of the fit, pre-filled with
                           NaN; a model without a loss leaves it alone */
    double *samples_seen; /* preset to the number of training rows; set it where rows are seen
                             more often or less */
    double *flops;        /* add the floating point operations done, if they are counted */
    double *report;       /* [number of type->reports] preset to NaN; NULL = not wanted */
    size_t trial_steps;   /* 0 = the whole fit; else end after so many optimiser steps on the
                             training rows, unfinished: a timing probe of models with
                             MAD_MODEL_STEPS */
} mad_fit_args;

enum {
    MAD_MODEL_THREADED = 1, /* splits one fit over threads: replicates run one after the other */
    MAD_MODEL_LABELS = 2,   /* learns and returns labels where the world has them */
    MAD_MODEL_WARM = 4,     /* offers warm start */
    MAD_MODEL_LOSS = 8,     /* fills the loss curve */
    MAD_MODEL_STEPS = 16,   /* a fit is a number of like steps and honours trial_steps */
    MAD_MODEL_GIVEN = 32    /* sample() honours is_label_given */
};

struct mad_model_type {
    const char *name, *doc, *ref;
    const mad_param *params;
    unsigned flags;
    unsigned worlds; /* bit set of 1u << mad_world_kind it can fit */
    MAD_MUST_CHECK mad_status (*create)(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem,
                                        mad_model **out);
    size_t (*least_rows)(const mad_model *model); /* that a fit takes; NULL: one */
    /**
     * Fit to `train` (weights honoured when train->weight). In generation 1 the state is blank and
     * train is real: data scalings are frozen here. Later the state of the previous generation is
     * loaded; from scratch keeps only what is frozen.
     * errors  MAD_E_RANGE (too few rows), MAD_E_NONFINITE (diverged), MAD_E_INTERRUPTED
     */
    MAD_MUST_CHECK mad_status (*fit)(mad_ctx *ctx, mad_model *model, const mad_set *train,
                                     const mad_fit_args *args);
    /**
     * Draw rows out->n_rows of the model's law (labels too when out->label; with is_label_given, of
     * the classes given there, MAD_MODEL_GIVEN alone is asked that). Row chunk i of
     * MAD_CHUNK rows takes stream item `first_item + i`, so the result does not depend on threads.
     */
    MAD_MUST_CHECK mad_status (*sample)(mad_ctx *ctx, mad_model *model, mad_key key,
                                        uint64_t first_item, mad_set *out);
    unsigned tilts; /* bit set of 1u << mad_tilt_kind that sample_tilted offers, else 0 */
    /**
     * Optional: sample() under args->tilt as it is for the rows that `generation` trains on, from the
     * same streams: what the tilt leaves alone stays.
     */
    MAD_MUST_CHECK mad_status (*sample_tilted)(mad_ctx *ctx, mad_model *model, mad_key key,
                                               uint64_t first_item, size_t generation,
                                               mad_set *out);
    unsigned extrapolations; /* bit set of 1u << mad_extrapolation_kind that extrapolate offers */
    /**
     * Optional: after fit(), given as many rows as extrapolation.n_rows says, that the model drew as the loop
     * draws them (with its bias): the model becomes the extrapolated one.
     */
    MAD_MUST_CHECK mad_status (*extrapolate)(mad_ctx *ctx, mad_model *model, const mad_set *own,
                                             const mad_fit_args *args);
    /** Where the state lies. The same answer before and after every fit. */
    void (*fields)(mad_model *model, mad_fields *out);
    /** Optional: recompute what is derived from the fields after they were loaded. */
    MAD_MUST_CHECK mad_status (*loaded)(mad_ctx *ctx, mad_model *model);
    /** Optional: exact mean and covariance of the law sample() draws from, into the caller's arrays
     *  (regression: with new features from the world's law). */
    MAD_MUST_CHECK mad_status (*moments)(mad_ctx *ctx, mad_model *model, mad_moments *out);
    /** Optional, beside moments: 0 when these values, extrapolated so, give a law without known
     *  moments. */
    int (*knows_moments)(const mad_values *values, mad_extrapolation_kind kind);
    /** Optional: 1 when with these values, extrapolated so, sample() and sample_tilted() draw every row
     *  about one training row, and say which in out->parent. */
    int (*has_parents)(const mad_values *values, mad_extrapolation_kind kind);
    /** Optional (categorical): exact probabilities p[n_categories]. */
    MAD_MUST_CHECK mad_status (*probabilities)(mad_ctx *ctx, mad_model *model, double *p);
    /** Optional, beside probabilities: those that sample_tilted() draws from. */
    MAD_MUST_CHECK mad_status (*tilted_probabilities)(mad_ctx *ctx, mad_model *model,
                                                      size_t generation, double *p);
    /** Optional: weights p[n_classes] of the classes of sampled rows, of any sum; 0: the model lost the
     *  class. */
    void (*class_p)(const mad_model *model, double *p);
    /**
     * Optional (regression): the response expected at the features of every row, and the sd of
     * responses about it.
     * shape   rows->x: [n_rows][dim], the last column is not read; response: [n_rows]
     */
    MAD_MUST_CHECK mad_status (*predict)(mad_ctx *ctx, mad_model *model, const mad_set *rows,
                                         double *response, double *sd);
    /** Optional: what the reports of fit() are; ends at name == NULL. */
    const mad_report *reports;
    /** Optional: cost of one fit and of a row sampled from its model; nothing has to be fitted. */
    void (*cost)(const mad_model *model, mad_fit_size fit, mad_model_cost *out);
    /**
     * Optional: the sampler's own bias. gain[i] = lam_eff(variance[i]) = output variance / data
     * variance of the sampler used in `generation` with the exact denoiser of N(0, variance[i]).
     * units   variance in units of the standardised data (1 = the mean variance of the first real
     *         training set)
     * What depends on the data (clipping to their range, calibration to their variance) is part of
     * it once the model has been fitted or has observed a training set.
     */
    MAD_MUST_CHECK mad_status (*gain)(mad_ctx *ctx, const mad_model *model, size_t generation,
                                      size_t n, const double *variance, double *gain);
    /** Optional, beside gain: 1 when these settings' gain depends on the data. */
    int (*gain_needs_rows)(const mad_model *model);
    /** Optional, beside gain: read what gain depends on from a first training set, without learning it. */
    MAD_MUST_CHECK mad_status (*observe)(mad_ctx *ctx, mad_model *model, const mad_set *train);
    /**
     * Optional: the change of fewest keys after which |log lam_eff(variance)| <= limit in every
     * generation, as overrides a user can type ("model.sampler.steps=200"), and the gain it gives.
     * Empty text when the setting is already within the limit or none was found.
     */
    MAD_MUST_CHECK mad_status (*advise)(mad_ctx *ctx, const mad_model *model, double variance,
                                        double limit, size_t n_bytes, char *text, double *gain);
    /**
     * Optional: natural log density of rows under the model, by whatever route the model offers.
     * shape   rows->x: [n_rows][dim]; log_density: [n_rows], in world units
     */
    MAD_MUST_CHECK mad_status (*log_density)(mad_ctx *ctx, mad_model *model, mad_key key,
                                             const mad_set *rows, double *log_density);
    /**
     * Optional: denoising loss of rows: how badly the model restores each once noise is added.
     * shape   rows->x: [n_rows][dim]; loss: [n_rows] >= 0, 1 = no better than not denoising
     */
    MAD_MUST_CHECK mad_status (*loss)(mad_ctx *ctx, mad_model *model, mad_key key,
                                      const mad_set *rows, double *loss);
};

#endif
