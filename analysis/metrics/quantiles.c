/* analysis/metrics/quantiles.c: optimal transport on a line. */
#include "analysis/metrics/quantiles.h"

#include "sim/num/stats.h"

double mad_w2_sq_sorted(size_t n, const double *x, size_t m, const double *y, double *work)
{
    if (n == m) {
        for (size_t i = 0; i < n; i++) {
            work[i] = (x[i] - y[i]) * (x[i] - y[i]);
        }
        return mad_mean(n, work);
    }
    const double whole = (double)n * (double)m;
    size_t n_pieces = 0;
    for (size_t i = 0, j = 0, at = 0; i < n;) { /* at, ends: quantiles in units of 1/(n m) */
        const size_t x_end = (i + 1) * m, y_end = (j + 1) * n;
        const size_t end = x_end < y_end ? x_end : y_end;
        const double d = x[i] - y[j];
        work[n_pieces++] = (double)(end - at) / whole * (d * d);
        i += end == x_end;
        j += end == y_end;
        at = end;
    }
    return mad_sum(n_pieces, work);
}
