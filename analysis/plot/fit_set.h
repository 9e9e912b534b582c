/* analysis/plot/fit_set.h: the fits of one measure over all runs, and the figures of them. */
#ifndef MAD_PLOT_FIT_SET_H
#define MAD_PLOT_FIT_SET_H

#include "analysis/table/fit_rows.h"

/* One measure; row[r].series is NULL where run r does not have it. */
typedef struct mad_fit_set {
    const char *name, *long_name;
    size_t n_runs;
    const mad_fit_row *row; /* [n_runs] */
} mad_fit_set;

/** Fit the measures. errors MAD_E_MEMORY; memory from mem; out: [n_names] */
MAD_MUST_CHECK mad_status mad_fit_sets_read(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs,
                                            size_t n_names, const char *const *names,
                                            mad_fit_set *out);

/* How a figure of some measures is made. */
typedef struct mad_fit_figure {
    int (*shows)(const mad_fit_set *set); /* 1: there is something to show of this measure */
    mad_status (*draw)(mad_ctx *ctx, const mad_runs *runs, const char *dir, size_t n_shown,
                       const mad_fit_set *const *shown);
} mad_fit_figure;

/** Draw the measures that the figure shows; none: nothing, and *done = 0. errors  MAD_E_MEMORY, those
 *  of draw() */
MAD_MUST_CHECK mad_status mad_fit_sets_draw(mad_ctx *ctx, const mad_fit_figure *figure,
                                            const mad_runs *runs, const char *dir, size_t n_sets,
                                            const mad_fit_set *sets, int *done);

/* Each writes its figure when there is something to show: *done says whether. MAD_E_IO. */

/** Half-lives as bars with their intervals, a row a measure. */
MAD_MUST_CHECK mad_status mad_half_lives_figure(mad_ctx *ctx, const mad_runs *runs, const char *dir,
                                                size_t n_sets, const mad_fit_set *sets, int *done);

/** Share of replicates not yet below half of their first value, a panel a measure. */
MAD_MUST_CHECK mad_status mad_survival_figure(mad_ctx *ctx, const mad_runs *runs, const char *dir,
                                              size_t n_sets, const mad_fit_set *sets, int *done);

#endif
