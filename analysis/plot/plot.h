/* analysis/plot/plot.h: the standard figures of runs, and the verb `plot`. */
#ifndef MAD_PLOT_PLOT_H
#define MAD_PLOT_PLOT_H

#include "analysis/table/runs.h"
#include "sim/iface/command.h"

#define MAD_MAX_FIGURES 320

/* Names of the figures written, without extension. */
typedef struct mad_figures {
    size_t n;
    const char *name[MAD_MAX_FIGURES];
} mad_figures;

/**
 * Write the scripts and data (NAME.gp, NAME.tsv) of every standard figure that the runs have data
 * for into an existing folder: metric-*, overview, precision-recall, samples, loss, lineage.
 * Without gnuplot: mad_gnuplot_draw makes pictures of them.
 *
 * errors  MAD_E_IO, MAD_E_MEMORY, those of the preview reader
 */
MAD_MUST_CHECK mad_status mad_figures_write(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs,
                                            const char *dir, mad_figures *out);

#endif
