/* analysis/metrics/shared.c: entropies of discrete laws, ranks, and the two common row counts. */
#include "analysis/metrics/shared.h"

#include <math.h>

#include "sim/num/stats.h"

size_t mad_rows_one(const mad_values *values, size_t dim, size_t i_output)
{
    (void)values;
    (void)dim;
    (void)i_output;
    return 1;
}

size_t mad_rows_two(const mad_values *values, size_t dim, size_t i_output)
{
    (void)values;
    (void)dim;
    (void)i_output;
    return 2;
}

double mad_entropy(size_t n, const double *p)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0.0) {
            sum -= p[i] * log(p[i]);
        }
    }
    return sum < 0.0 ? 0.0 : sum; /* no -1e-17 from p = 1 + rounding; NaN stays */
}

double mad_kl(size_t n, const double *p, const double *q)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0.0) {
            sum += q[i] > 0.0 ? p[i] * log(p[i] / q[i]) : (double)INFINITY;
        }
    }
    return sum < 0.0 ? 0.0 : sum; /* Gibbs: >= 0 but for rounding; NaN stays */
}

double mad_rank_u(size_t n, double *x, size_t m, double *y)
{
    uint64_t twice = 0;
    size_t n_below = 0, n_up_to = 0; /* x < y[j] and x <= y[j] */
    mad_sort(n, x);
    mad_sort(m, y);
    for (size_t j = 0; j < m; j++) {
        while (n_below < n && x[n_below] < y[j]) {
            n_below++;
        }
        while (n_up_to < n && x[n_up_to] <= y[j]) {
            n_up_to++;
        }
        twice += n_below + n_up_to;
    }
    return 0.5 * (double)twice;
}
