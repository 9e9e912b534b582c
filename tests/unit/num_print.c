/* Prints arguments and values of sim/num as JSON lines, for check_num.py to recompute. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/base/rng.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

static void print_array(const char *name, size_t n, const double *x)
{
    printf(", \"%s\": [", name);
    for (size_t i = 0; i < n; i++) {
        printf(i > 0 ? ", %.17g" : "%.17g", x[i]);
    }
    printf("]");
}

static void print_scalar(const char *what, double a, double b, double value)
{
    printf("{\"what\": \"%s\"", what);
    print_array("args", 2, (double[]){a, b});
    print_array("value", 1, &value);
    printf("}\n");
}

static void print_special(void)
{
    static const double df[] = {1, 1.5, 2, 3, 7, 29, 99.5, 1e3, 1e5, 1e8};
    static const double alpha[] = {0.9, 0.5, 0.05, 0.01, 1e-6, 1e-12};
    for (double x = 1e-3; x < 1e8; x *= 1.9) {
        print_scalar("digamma", x, 0, mad_digamma(x));
        print_scalar("trigamma", x, 0, mad_trigamma(x));
    }
    for (double z = -37.0; z < 9.0; z += 0.37) {
        print_scalar("normal_cdf", z, 0, mad_normal_cdf(z));
        print_scalar("normal_quantile", mad_normal_cdf(z), 0,
                     mad_normal_cdf(z) < 1.0 ? mad_normal_quantile(mad_normal_cdf(z))
                                             : (double)INFINITY);
    }
    for (size_t i = 0; i < sizeof df / sizeof *df; i++) {
        for (size_t j = 0; j < sizeof alpha / sizeof *alpha; j++) {
            print_scalar("student_t", df[i], alpha[j], mad_student_t_critical(df[i], alpha[j]));
        }
    }
    for (double d = 0.5; d < 5e3; d *= 1.7) {
        for (double p = 1e-3; p < 1.0; p += 0.0997) {
            print_scalar("chi_square_quantile", d, p, mad_chi_square_quantile(d, p));
        }
    }
    for (double n = 1.01; n < 2e5; n *= 1.23) {
        print_scalar("log_c4", n, 0, mad_log_c4(n));
    }
}

/* Two laws from n rows each; rows fewer than dim + 1 give rank-deficient covariances. Column j is
 * scaled by spread^j. */
static int print_laws(mad_ctx *ctx, size_t n, size_t dim, double spread, uint64_t item)
{
    const mad_key key = {.seed = 99, .purpose = MAD_RNG_TEST};
    mad_rng rng = mad_rng_open(key, item);
    double *x = malloc(2 * n * dim * sizeof *x), *y = malloc(n * sizeof *y);
    double *mean = malloc(2 * dim * sizeof *mean), *cov = malloc(2 * dim * dim * sizeof *cov);
    double *w = malloc(dim * sizeof *w), bures = 0.0, log_det = 0.0;
    mad_rng_normals(&rng, 2 * n * dim, x);
    mad_rng_normals(&rng, n, y);
    for (size_t i = 0; i < 2 * n * dim; i++) {
        x[i] *= pow(spread, (double)(i % dim));
    }
    const int failed =
        mad_mean_cov(ctx, n, dim, x, NULL, 1, mean, cov) != MAD_OK ||
        mad_mean_cov(ctx, n, dim, x + n * dim, NULL, 1, mean + dim, cov + dim * dim) != MAD_OK ||
        mad_bures_sq(ctx, dim, mean, cov, mean + dim, cov + dim * dim, &bures) != MAD_OK ||
        mad_log_det_sym(ctx, dim, cov, &log_det) != MAD_OK ||
        mad_least_squares(ctx, n, dim, x, y, w) != MAD_OK;
    printf("{\"what\": \"laws\", \"n\": %zu, \"dim\": %zu", n, dim);
    print_array("x", 2 * n * dim, x);
    print_array("y", n, y);
    print_array("mean", 2 * dim, mean);
    print_array("cov", 2 * dim * dim, cov);
    print_array("bures_sq", 1, &bures);
    print_array("least_squares", dim, w);
    printf(", \"log_det\": \"%.17g\"}\n", log_det);
    free(x), free(y), free(mean), free(cov), free(w);
    return failed;
}

int main(void)
{
    static const struct {
        size_t n, dim;
        double spread;
    } cases[] = {{10, 1, 1}, {50, 2, 1}, {50, 2, 30},    {400, 5, 0.3}, {30, 12, 2},
                 {8, 12, 1}, {2, 4, 1},  {500, 40, 0.9}, {60, 64, 1},   {300, 64, 1}};
    mad_ctx *ctx = mad_ctx_create(2);
    int failed = ctx == NULL;
    print_special();
    for (size_t i = 0; i < sizeof cases / sizeof *cases && !failed; i++) {
        failed = print_laws(ctx, cases[i].n, cases[i].dim, cases[i].spread, i);
    }
    mad_ctx_destroy(ctx);
    return failed;
}
