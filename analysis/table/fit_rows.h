/* analysis/table/fit_rows.h: the fits of runs' metrics, as tables and as JSON. */
#ifndef MAD_TABLE_FIT_ROWS_H
#define MAD_TABLE_FIT_ROWS_H

#include "analysis/fit/fits.h"
#include "analysis/table/cells.h"
#include "analysis/table/runs.h"
#include "sim/store/json.h"

/* One metric of one run; everything borrowed but the fits. */
typedef struct mad_fit_row {
    const mad_run_entry *run;
    const char *name;
    const mad_run_series *series;
    mad_fits fits;
} mad_fit_row;

/**
 * Fill `fits` of rows whose run, name and series are set.
 * errors  MAD_E_MEMORY
 * memory  from mem
 * threads parallel over rows, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_fit_rows_take(mad_ctx *ctx, mad_arena *mem,
                                            const mad_fractions *fractions, size_t n_rows,
                                            mad_fit_row *rows);

/** To be read: three tables, of laws, of times and of crossings; CSV: one of all, with all digits.
 *  MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_fit_rows_print(mad_ctx *ctx, mad_arena *mem, mad_grid_format format,
                                             size_t n_rows, const mad_fit_row *rows);

/** One line per step of every survival curve; of curves without one the start. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_fit_survival_print(mad_ctx *ctx, mad_arena *mem,
                                                 mad_grid_format format, size_t n_rows,
                                                 const mad_fit_row *rows);

/** All of one row; NULL when memory is short. */
json_t *mad_fit_row_json(const mad_fit_row *row);

#endif
