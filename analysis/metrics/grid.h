/* analysis/metrics/grid.h: a row in whole steps. */
#ifndef MAD_ANALYSIS_METRICS_GRID_H
#define MAD_ANALYSIS_METRICS_GRID_H

#include <stddef.h>
#include <stdint.h>

typedef struct mad_on_grid {
    int32_t square; /* |q|^2 */
    double miss;    /* |(x - centre) / step - q|, rounded up */
} mad_on_grid;

/**
 * The whole numbers nearest to (x - centre) / step, cut off at +-largest.
 *
 * shape   x, centre, q: [dim]
 */
mad_on_grid mad_put_on_grid(size_t dim, const double *x, const double *centre, double step,
                            double largest, int16_t *q);

#endif
