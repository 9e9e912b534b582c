/* sim/cli/pool_view.h: what is shown while a pool works, and what is left to say at its end. */
#ifndef MAD_CLI_POOL_VIEW_H
#define MAD_CLI_POOL_VIEW_H

#include "sim/cli/pool.h"

typedef struct mad_pool_view {
    mad_progress_style style; /* as resolved: never AUTO */
    double start_s, shown_s;  /* times of the clock of mad_cost_now_s */
    size_t n_columns;         /* of the line on screen; 0 = none */
} mad_pool_view;

mad_pool_view mad_pool_view_for(mad_progress_style style);

/** Something changed in run[i]: a generation of it, or its state. Failures are always shown. */
void mad_pool_view_update(mad_pool_view *view, size_t n, const mad_pool_run *run, size_t i);

/** Take the line off the screen: something else is to be printed. */
void mad_pool_view_clear(mad_pool_view *view);

/** Take the line off the screen; then how much work it was, and every failure. */
void mad_pool_view_end(mad_pool_view *view, size_t n, const mad_pool_run *run);

#endif
