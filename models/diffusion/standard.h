/* models/diffusion/standard.h: the standardised coordinates a diffusion model lives in, and what it
 * keeps of its training rows beside the denoiser.
 *
 * centre, scale and range are frozen at the first fit: scaling anew in every generation would hide
 * the collapse that is to be measured. One scale for all columns keeps directions of small variance
 * small.
 */
#ifndef MAD_MODELS_DIFFUSION_STANDARD_H
#define MAD_MODELS_DIFFUSION_STANDARD_H

#include "models/diffusion/sampling.h"

typedef struct mad_standard {
    size_t dim, n_classes;
    int one_centre; /* of all columns: pixels, of which black shall be the same number everywhere */
    double *centre; /* [dim] world units; frozen */
    double *scale;  /* [1] world units; frozen; 0 = never fitted */
    double *range;  /* [2] smallest and largest value of any column, world units; frozen */
    double *class_p;    /* [n_classes] (weighted) class frequencies of the last training set */
    double *class_mean; /* [max(n_classes, 1)][dim] standardised; the mean without classes; a class
                           without rows has 0 */
    double *variance;   /* [1] mean variance of a column about its class mean, standardised */
} mad_standard;

MAD_MUST_CHECK mad_status mad_standard_take(mad_ctx *ctx, size_t dim, size_t n_classes,
                                            mad_arena *mem, mad_standard *out);

/**
 * Read a training set: freeze what is not frozen yet, renew the rest.
 *
 * errors  MAD_E_RANGE: no rows, a class out of range; MAD_E_NONFINITE; MAD_E_UNSUPPORTED: rows
 *         without labels though the world has classes
 */
MAD_MUST_CHECK mad_status mad_standard_fit(mad_ctx *ctx, mad_standard *standard,
                                           const mad_set *train);

/**
 * Mean variance of a column within its class, in the rows' own units.
 *
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_variance_within(mad_ctx *ctx, const mad_set *rows, size_t n_classes,
                                              double *out);

/** Append the arrays to a model's fields. */
void mad_standard_fields(const mad_standard *standard, mad_fields *out);

/** Weights p[n_classes] of the classes of sampled rows, of any sum: frequencies in the training set, or
 *  the same for all classes that it has. */
void mad_standard_class_p(const mad_standard *standard, int is_balanced, double *p);

/** MAD_E_DATA: what came back from a file is no state that a fit leaves (a scale or frequency below
 *  0, a variance below 0, a range upside down, ...). */
MAD_MUST_CHECK mad_status mad_standard_check(mad_ctx *ctx, const mad_standard *standard);

/** The part of a mad_source that stands here; self and open are the model's. */
mad_source mad_standard_source(const mad_standard *standard);

/** The source itself, or NULL before a training set was read. */
const mad_source *mad_source_if_known(const mad_source *source);

#endif
