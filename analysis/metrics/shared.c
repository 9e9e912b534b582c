/* analysis/metrics/shared.c: see the header. */
#include "analysis/metrics/shared.h"

#include <math.h>

#include "sim/num/stats.h"

size_t mad_rows_one(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)values;
    (void)dim;
    (void)i_output;
    (void)side;
    return 1;
}

size_t mad_rows_two(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)values;
    (void)dim;
    (void)i_output;
    (void)side;
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

void mad_cdf_distances(size_t n, const double *x, size_t m, const double *y, double *above,
                       double *below)
{
    size_t i = 0, j = 0;
    *above = *below = 0.0;
    while (i < n && j < m) {
        const double at = x[i] < y[j] ? x[i] : y[j];
        while (i < n && x[i] <= at) {
            i++;
        }
        while (j < m && y[j] <= at) {
            j++;
        }
        const double d = (double)i / (double)n - (double)j / (double)m;
        *above = fmax(*above, d);
        *below = fmax(*below, -d);
    }
}

double mad_jsd(size_t n, const double *p, const double *q)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double middle = 0.5 * (p[i] + q[i]);
        sum += p[i] != 0.0 ? p[i] * log(p[i] / middle) : 0.0;
        sum += q[i] != 0.0 ? q[i] * log(q[i] / middle) : 0.0;
    }
    return sum < 0.0 ? 0.0 : 0.5 * sum; /* >= 0 but for rounding; NaN stays */
}

double mad_total_variation(size_t n, const double *p, const double *q)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += fabs(p[i] - q[i]);
    }
    return 0.5 * sum;
}

double mad_miller_madow(size_t n, const double *share, size_t n_rows)
{
    size_t n_occupied = 0;
    for (size_t i = 0; i < n; i++) {
        n_occupied += share[i] > 0.0;
    }
    return ((double)n_occupied - 1.0) / (2.0 * (double)n_rows);
}

int mad_is_point(const mad_moments *law)
{
    const double resolution = 0x1p-44; /* of a mean, added up naively over chunks of 256 rows */
    for (size_t j = 0; j < law->dim; j++) {
        const double variance = law->cov[j * law->dim + j];
        if (variance > 0.0 && sqrt(variance) > resolution * fabs(law->mean[j])) {
            return 0;
        }
    }
    return 1;
}

mad_status mad_set_to_unit(mad_ctx *ctx, const mad_set *set, mad_set *out, int *exponent)
{
    mad_status st = MAD_OK;
    double largest = 0.0;
    for (size_t i = 0; i < set->n_rows * set->dim; i++) {
        const double size = fabs(set->x[i]);
        largest = size > largest ? size : largest;
    }
    if (largest >= 0x1p-64 && largest <= 0x1p64) {
        *out = *set;
        *exponent = 0;
        goto out;
    }
    MAD_TRY(mad_set_take(ctx, ctx->scratch, set->n_rows, set->dim, 0, out));
    (void)frexp(largest, exponent);
    for (size_t i = 0; i < set->n_rows * set->dim; i++) {
        out->x[i] = ldexp(set->x[i], -*exponent);
    }
out:
    return st;
}
