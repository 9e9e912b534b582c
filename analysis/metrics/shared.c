/* analysis/metrics/shared.c: entropies of discrete laws, and the two common row counts. */
#include "analysis/metrics/shared.h"

#include <math.h>

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
