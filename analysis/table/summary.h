/* analysis/table/summary.h: replicates aggregated: changes, half-lives, verdicts. */
#ifndef MAD_TABLE_SUMMARY_H
#define MAD_TABLE_SUMMARY_H

#include "analysis/fit/estimate.h"
#include "sim/store/runfile.h"

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
