/* analysis/fit/fits.h: all that is fitted to one series of a run. */
#ifndef MAD_FIT_FITS_H
#define MAD_FIT_FITS_H

#include "analysis/fit/interval.h"
#include "analysis/fit/survival.h"
#include "analysis/fit/turn.h"

#define MAD_MAX_FRACTIONS 8

/* Thresholds, as fractions of the first value. */
typedef struct mad_fractions {
    size_t n;
    double at[MAD_MAX_FRACTIONS]; /* positive, finite, not 1 */
} mad_fractions;

extern const mad_fractions mad_default_fractions; /* 0.9 0.75 0.5 0.25 0.1 */

typedef struct mad_fits {
    size_t n_replicates, n_points; /* n_points: generations whose mean is finite */
    mad_law_fit fit[MAD_N_LAWS];   /* to the mean over the replicates */
    mad_law_intervals interval[MAD_N_LAWS];
    mad_law best; /* MAD_N_LAWS: none */
    mad_turn turn;
    mad_fractions fractions;
    mad_crossing *crossing;                   /* [fractions.n][n_replicates] */
    mad_survival survival[MAD_MAX_FRACTIONS]; /* [fractions.n] */
} mad_fits;

/** Room for the fits of a series with so many replicates, from mem. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_fits_reserve(mad_ctx *ctx, mad_arena *mem, size_t n_replicates,
                                           const mad_fractions *fractions, mad_fits *out);

/**
 * Fit all laws, choose one, look for a turn and for crossings.
 * shape   value: [out->n_replicates][stride], of which n_generations count; NaN = not measured
 * errors  MAD_E_MEMORY
 * threads same bits for any number, also as an item of mad_par_for
 */
MAD_MUST_CHECK mad_status mad_fits_take(mad_ctx *ctx, size_t stride, size_t n_generations,
                                        const double *value, mad_fits *out);

#endif
