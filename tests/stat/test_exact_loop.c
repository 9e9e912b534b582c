/* tests/stat/test_exact_loop.c: loops of perfect denoisers against science B-D: what the sampler
 * alone does to a variance (D3), early stops (D2), memorisation (D7). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/stat/exact_loop.h"
#include "tests/support/fixture.h"

static double log_miss(size_t n_rows, size_t n_pairs, const char *const *pairs, double published)
{
    const double v = mad_exact_loop_ring(ctx, 5, n_rows, 10, n_pairs, pairs);
    print_message("%zu rows: %.4f, published %.4f\n", n_rows, v, published);
    return fabs(log(v / published));
}

/* D3: v_0 = 1 after 10 generations on `ring`, T = 500 without rescaling. One generation of n rows in
 * two columns multiplies by a mean of 2 n squares: sd sqrt(1/n), after ten sqrt(10/n) = 0.0022: 1 %
 * is a false alarm of 8e-6. The twin takes a few steps less (DDIM) or more (Heun). */
static void test_sampler_loops(void **state)
{
    (void)state;
    enum { N = 2000000, N_TWIN = 200000 };
    static const char *const ddim[] = {"covariance=spherical", "schedule.steps=500",
                                       "schedule.rescale=no",  "sampler.kind=ddim",
                                       "sampler.steps=50",     "sampler.spacing=linspace"};
    static const char *const few[] = {"covariance=spherical", "schedule.steps=500",
                                      "schedule.rescale=no",  "sampler.kind=ddim",
                                      "sampler.steps=40",     "sampler.spacing=linspace"};
    static const char *const heun[] = {"covariance=spherical", "sampler.kind=heun"};
    static const char *const more[] = {"covariance=spherical", "sampler.kind=heun",
                                       "sampler.steps=20"};
    assert_true(log_miss(N, 6, ddim, 0.5804) < 0.01);
    assert_true(log_miss(N_TWIN, 6, few, 0.5804) > 0.01);
    assert_true(log_miss(N, 2, heun, 2.2863) < 0.01);
    assert_true(log_miss(N_TWIN, 3, more, 2.2863) > 0.01);
}

/* ---- early stops on the line ---- */

static const mad_world_info line = {.kind = MAD_WORLD_CONTINUOUS, .dim = 1};

enum { N_LINE = 200, N_SAMPLE = 20000 };

/* Skewed, with a mean: no Hermite moment is 0. */
static mad_set skewed(uint64_t item, double factor)
{
    mad_set set;
    mad_rng rng = mad_rng_open((mad_key){.seed = 8, .purpose = MAD_RNG_TEST}, item);
    assert_int_equal(mad_set_take(ctx, mem, N_LINE, 1, 0, &set), MAD_OK);
    mad_rng_normals(&rng, N_LINE, set.x);
    for (size_t r = 0; r < N_LINE; r++) {
        set.x[r] = factor * (0.3 * set.x[r] + (r % 4 == 0 ? 2.5 : -0.5));
    }
    return set;
}

/* He_1..He_4 at x: eigenfunctions of the OU semigroup. */
static double hermite(int k, double x)
{
    return k == 1   ? x
           : k == 2 ? x * x - 1.0
           : k == 3 ? x * (x * x - 3.0)
                    : x * x * (x * x - 6.0) + 3.0;
}

/* Mean and its standard error of He_k over rows, in the model's standardised units. */
static double moment(const mad_exact *self, const mad_set *rows, int k, double *se)
{
    const double centre = self->standard.centre[0], scale = self->standard.scale[0];
    double sum = 0.0, sum_sq = 0.0;
    const double n = (double)rows->n_rows;
    for (size_t r = 0; r < rows->n_rows; r++) {
        const double h = hermite(k, (rows->x[r] - centre) / scale);
        sum += h / n;
        sum_sq += h * h / n;
    }
    *se = sqrt((sum_sq - sum * sum) / n);
    return sum;
}

/* D2: each generation mixes fresh rows (a share alpha) with samples stopped at t0 = 0.1. Given the
 * training rows, h_k of the samples is exp(-k t0) h_k of the rows: 4 moments of 4 generations,
 * |z| < 5.4 is a false alarm of 1e-6; a denoiser stopped at t0 = 0.13 is seen. The closed form of
 * the mean over loops follows, h_k = h_k^data alpha a / (1 - (1 - alpha) a), a = exp(-k t0). */
static void test_early_stop(void **state)
{
    (void)state;
    static const char *const pairs[] = {"law=empirical", "sampler.kind=abm3", "sampler.steps=60",
                                        "sampler.stop_time=0.1"};
    const double t0 = 0.1, twin_t0 = 0.13;
    mad_model *model = mad_exact_loop_create(ctx, mem, &line, N_LINE, 4, pairs);
    const mad_exact *self = (const mad_exact *)model;
    mad_set train = skewed(1, 0.6), samples; /* a narrow first set fixes the units: h_2 != 0 */
    double worst_twin = 0.0;
    assert_int_equal(mad_set_take(ctx, mem, N_SAMPLE, 1, 0, &samples), MAD_OK);
    mad_exact_loop_fit(ctx, model, 3, 1, &train);
    train = skewed(2, 1.0);
    for (uint32_t g = 2; g < 6; g++) {
        mad_exact_loop_fit(ctx, model, 3, g, &train);
        mad_exact_loop_sample(ctx, model, 3, g, &samples);
        for (int k = 1; k <= 4; k++) {
            double se, unused;
            const double h = moment(self, &train, k, &unused);
            const double sampled = moment(self, &samples, k, &se);
            const double z = (sampled - exp(-(double)k * t0) * h) / se;
            if (!(fabs(z) < 5.4)) {
                fail_msg("generation %u, h_%d: %.4f from %.4f, z %.2f", g, k, sampled, h, z);
            }
            worst_twin = fmax(worst_twin, fabs(sampled - exp(-(double)k * twin_t0) * h) / se);
        }
        const mad_set fresh = skewed(g + 10, 1.0);
        for (size_t r = 0; r < N_LINE; r++) { /* alpha = 0.3 */
            train.x[r] = r % 10 < 3 ? fresh.x[r] : samples.x[r];
        }
    }
    assert_true(worst_twin > 5.4);
}

/* A VE stop at width h leaves v + h^2: with kernels of that width instead it is the same law. */
static void test_width(void **state)
{
    (void)state;
    static const char *const stop[] = {"law=empirical", "sampler.kind=abm3", "sampler.steps=60",
                                       "sampler.stop_sigma=0.4"};
    static const char *const width[] = {"law=empirical", "sampler.kind=abm3", "sampler.steps=60",
                                        "width=0.4"};
    for (int i = 0; i < 2; i++) {
        mad_model *model = mad_exact_loop_create(ctx, mem, &line, N_LINE, 4, i ? width : stop);
        const mad_exact *self = (const mad_exact *)model;
        const mad_set train = skewed(1, 1.0);
        mad_set samples;
        double se, unused;
        assert_int_equal(mad_set_take(ctx, mem, N_SAMPLE, 1, 0, &samples), MAD_OK);
        mad_exact_loop_fit(ctx, model, 3, 1, &train);
        mad_exact_loop_sample(ctx, model, 3, 1, &samples);
        const double v = moment(self, &train, 2, &unused) + 1.0;
        const double z = (moment(self, &samples, 2, &se) + 1.0 - v - 0.16) / se;
        assert_true(fabs(z) < 4.89);
        assert_true(fabs(z + 0.16 / se) > 4.89); /* the twin: no smoothing at all */
    }
}

/* ---- memorisation ---- */

/* Expected number of originals alive in a Wright-Fisher chain of n from n after `gens`: n times the
 * probability that a chain Binomial(n, i/n) from 1 is not at 0. */
static double expected_alive(size_t n, size_t gens)
{
    double p[64] = {0.0, 1.0}, next[64];
    for (size_t g = 0; g < gens; g++) {
        memset(next, 0, sizeof next);
        for (size_t i = 0; i <= n; i++) {
            const double q = (double)i / (double)n;
            double b = pow(1.0 - q, (double)n); /* P(0), then by ratio */
            for (size_t j = 0; j <= n && p[i] > 0.0; j++) {
                next[j] += p[i] * (i == n ? (j == n) : b);
                b *= i == n ? 0.0 : (double)(n - j) / (double)(j + 1) * q / (1.0 - q);
            }
        }
        memcpy(p, next, sizeof p);
    }
    return (double)n * (1.0 - p[0]);
}

/* D7: the exact empirical denoiser gives back training points, each with probability 1/n: the
 * number of originals alive follows the chain; 60 loops of 30 points, |z| < 4.89. A loop that
 * forgot one generation is seen. */
static void test_memorisation(void **state)
{
    (void)state;
    enum { N = 30, N_LOOPS = 60, N_GENS = 8 };
    static const char *const pairs[] = {"law=empirical", "sampler.kind=abm3", "sampler.steps=60"};
    double sum[N_GENS] = {0}, sum_sq[N_GENS] = {0};
    for (uint64_t loop = 0; loop < N_LOOPS; loop++) {
        const mad_arena_mark mark = mad_arena_get_mark(mem);
        mad_model *model = mad_exact_loop_create(ctx, mem, &line, N, 3, pairs);
        double original[N];
        mad_set rows;
        assert_int_equal(mad_set_take(ctx, mem, N, 1, 0, &rows), MAD_OK);
        for (size_t r = 0; r < N; r++) {
            original[r] = rows.x[r] = (double)r;
        }
        for (uint32_t g = 1; g <= N_GENS; g++) {
            int alive[N] = {0};
            double n_alive = 0.0;
            mad_exact_loop_fit(ctx, model, 100 + loop, g, &rows);
            mad_exact_loop_sample(ctx, model, 100 + loop, g, &rows);
            for (size_t r = 0; r < N; r++) { /* each row is an original, but for 0.002 sd */
                const size_t k = (size_t)fmin(fmax(round(rows.x[r]), 0.0), N - 1.0);
                assert_true(fabs(rows.x[r] - original[k]) < 0.25);
                rows.x[r] = original[k];
                n_alive += alive[k] == 0;
                alive[k] = 1;
            }
            sum[g - 1] += n_alive / N_LOOPS;
            sum_sq[g - 1] += n_alive * n_alive / N_LOOPS;
        }
        mad_arena_release(mem, mark);
    }
    for (size_t g = 0; g < N_GENS; g++) {
        const double se = sqrt((sum_sq[g] - sum[g] * sum[g]) / N_LOOPS);
        const double z = (sum[g] - expected_alive(N, g + 1)) / se;
        print_message("generation %zu: %.2f alive, expected %.2f\n", g + 1, sum[g],
                      expected_alive(N, g + 1));
        assert_true(fabs(z) < 4.89);
        if (g < 4) {
            assert_true(fabs(sum[g] - expected_alive(N, g + 2)) / se > 4.89);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampler_loops),
        cmocka_unit_test(test_early_stop),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_memorisation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
