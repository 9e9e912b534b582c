/* analysis/plot/samples.h: stored samples of chosen generations. */
#ifndef MAD_PLOT_SAMPLES_H
#define MAD_PLOT_SAMPLES_H

#include "analysis/plot/figure.h"
#include "analysis/table/runs.h"

#define MAD_SHEET_GENERATIONS 6 /* shown at most, first and last among them */

typedef struct mad_sheet_run {
    const mad_run_entry *entry;
    size_t height, width; /* of a picture; 0 = rows are points */
    size_t n_gens;
    size_t generation[MAD_SHEET_GENERATIONS];
    mad_preview preview[MAD_SHEET_GENERATIONS];
} mad_sheet_run;

/** The figure "samples" for pictures: one sheet a run, a row of real ones above a row a generation;
 *  labelled samples stand in the column of their class.  errors  MAD_E_IO, MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_sheet_draw(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                         size_t n_runs, const mad_sheet_run *runs);

#endif
