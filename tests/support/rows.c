/* tests/support/rows.c */
#include "tests/support/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

double mad_test_worst_z(const mad_set *set, const double *mean, const double *cov)
{
    const size_t dim = set->dim;
    double worst = 0;
    for (size_t a = 0; a < dim; a++) {
        for (size_t b = 0; b <= dim; b++) { /* b == dim: the mean itself */
            double sum = 0, sum_sq = 0;
            for (size_t i = 0; i < set->n_rows; i++) {
                const double *x = set->x + i * dim;
                const double e = b == dim ? x[a] - mean[a]
                                          : (x[a] - mean[a]) * (x[b] - mean[b]) - cov[a * dim + b];
                sum += e;
                sum_sq += e * e;
            }
            worst = fmax(worst, fabs(sum) / sqrt(sum_sq));
        }
    }
    return worst;
}

void mad_test_same_rows(const mad_set *a, const mad_set *b)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_memory_equal(a->x, b->x, a->n_rows * a->dim * sizeof *a->x);
    if (a->label != NULL) {
        assert_memory_equal(a->label, b->label, a->n_rows * sizeof *a->label);
    }
}
