/* analysis/plot/curves.h: figures of series against generation. */
#ifndef MAD_PLOT_CURVES_H
#define MAD_PLOT_CURVES_H

#include "analysis/plot/figure.h"
#include "analysis/table/runs.h"
#include "analysis/table/summary.h"

/* One series of one run. */
typedef struct mad_curve {
    size_t n_gens;            /* generations done; 0 = the run has no such series */
    const mad_estimate *mean; /* [n_gens] */
    const double *theory;     /* [n_gens], or NULL */
    mad_estimate floor;       /* n == 0: none */
} mad_curve;

/* The same series of all runs: what one panel shows. */
typedef struct mad_curve_set {
    const char *name, *long_name, *units, *direction;
    size_t n_runs;
    mad_curve *curves; /* [n_runs], in the order of the runs */
    mad_range x, y;
} mad_curve_set;

/** errors  MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_curve_set_read(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs,
                                             const char *group, const char *name,
                                             mad_curve_set *out);

/** Generations as an axis: whole numbers with a little room at both ends. */
mad_range mad_generation_range(size_t n_generations);

/** Write the figure NAME: one panel a set, in n_columns columns, one legend below all.
 *  errors  MAD_E_IO */
MAD_MUST_CHECK mad_status mad_curves_figure(mad_ctx *ctx, const char *dir, const char *name,
                                            const char *what, const mad_runs *runs, size_t n_sets,
                                            const mad_curve_set *sets, size_t n_columns);

#endif
