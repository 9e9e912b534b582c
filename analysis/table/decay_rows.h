/* analysis/table/decay_rows.h: the decays of a run's metrics, as a grid and as JSON. */
#ifndef MAD_TABLE_DECAY_ROWS_H
#define MAD_TABLE_DECAY_ROWS_H

#include "analysis/fit/decay.h"
#include "analysis/table/cells.h"
#include "analysis/table/runs.h"
#include "sim/store/json.h"

/* Both laws of one metric. */
typedef struct mad_decay_row {
    const mad_run_entry *run;
    const mad_summary *summary;
    mad_decay fit[MAD_N_DECAY_LAWS];
    double interval[MAD_N_DECAY_LAWS][2]; /* of the half-life, over replicates */
} mad_decay_row;

/** Fits to the mean over the replicates of the series. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_decay_row_take(mad_ctx *ctx, const mad_run_entry *run,
                                             const mad_run_series *series,
                                             const mad_summary *summary, mad_decay_row *out);

/** One line per row and law; CSV with all digits. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_decay_rows_print(mad_ctx *ctx, mad_arena *mem, mad_grid_format format,
                                               size_t n_rows, const mad_decay_row *rows);

/** An array with an object for each law; NULL when memory is short. */
json_t *mad_decay_row_json(const mad_decay_row *row);

#endif
