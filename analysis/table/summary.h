/* analysis/table/summary.h: replicates aggregated: means, intervals, half-lives, verdicts. */
#ifndef MAD_TABLE_SUMMARY_H
#define MAD_TABLE_SUMMARY_H

#include "sim/store/runfile.h"

/* Mean over the replicates that were measured (NaN = not measured), with the half-width of its
 * 95 % Student-t interval. */
typedef struct mad_estimate {
    size_t n;    /* replicates that count */
    double mean; /* NaN when n == 0; infinite when a replicate is */
    double half; /* NaN when n < 2 or the mean is infinite */
} mad_estimate;

/** Estimate from x[0], x[stride], ... x[(n-1) stride]; `work` is scratch [n]. */
mad_estimate mad_estimate_mean(size_t n, size_t stride, const double *x, double *work);

/**
 * Means per generation of a series [R][G] (or one column of [R][G][S]: give value + s, stride S).
 * shape   value: [n_replicates][n_generations * width]; out: [n_generations]
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_estimate_curve(mad_ctx *ctx, size_t n_replicates,
                                             size_t n_generations, size_t width,
                                             const double *value, mad_estimate *out);

typedef enum mad_trend {
    MAD_TREND_UNKNOWN, /* fewer than two replicates or generations */
    MAD_TREND_FALLS,
    MAD_TREND_RISES,
    MAD_TREND_HOLDS /* the interval of the paired difference covers 0 */
} mad_trend;

const char *mad_trend_text(mad_trend trend); /* "-", "falls", "rises", "holds" */

/* One metric of one run, or one number the model says of its fits. */
typedef struct mad_summary {
    const char *name, *long_name, *units, *direction; /* never NULL; "" when not stored */
    size_t last;                                      /* generations done */
    mad_estimate first, final;                        /* generation 1, generation `last` */
    mad_estimate change;                              /* paired: final - first */
    mad_estimate floor;                               /* real against real */
    double theory;                                    /* at `last`; NaN = none */
    double half_life;                                 /* mad_half_life of the mean curve */
    mad_trend trend;                                  /* by the interval of `change` */
} mad_summary;

/** errors  MAD_E_MEMORY; the series must be of the group "metrics" or "model", [R][G] */
MAD_MUST_CHECK mad_status mad_summarise(mad_ctx *ctx, const mad_run *run,
                                        const mad_run_series *metric, mad_summary *out);

/**
 * The first generation at which the curve is below half of its first value, linear between
 * generations, on the scale where generation 1 reads 1; NaN when it never is, or when the first
 * value is not positive and finite. NaN entries are skipped.
 * shape   mean: [n_generations]
 */
double mad_half_life(size_t n_generations, const mad_estimate *mean);

#endif
